// Segment's own SDKs, unchanged but for the host, against a running Onefold: the server SDK from node and the browser SDK in
// Chromium, on a page of another origin. Every call must arrive once, under the right person; what the browser did before
// the visitor said who they are included. Then every request that was sent is sent again, byte for byte, and nothing may change.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

import { Analytics } from '@segment/analytics-node';
import { chromium } from 'playwright-core';

import { check, makeSource, short, skip, timelineOf, until, withOnefold } from './harness.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const order = {
  order_id: 'N-1001', total: 129.9, currency: 'CNY',
  products: [{ product_id: 'A1', name: '面霜', price: 99.9, quantity: 1 }, { product_id: 'B2', price: 15, quantity: 2 }],
};

/** The answer to every one of `requests`, sent again as it was; a browser's bodies are text/plain. */
async function sendAgain(requests) {
  const answers = [];
  for (const { url, method, headers, body } of requests) answers.push((await fetch(url, { method, headers, body })).status);
  return answers;
}

const oneidOf = async (onefold, id) => (await onefold.api('GET', `/v1/profiles/${encodeURIComponent(id)}`)).body.oneid;

/** One call more, of our own: once it shows, everything sent before it was folded too. */
async function marker(onefold, writeKey, userId) {
  const answer = await fetch(`${onefold.url}/v1/track`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${writeKey}:`)}` },
    body: JSON.stringify({ userId, event: 'Marker' }),
  });
  check('a call of our own is accepted', answer.status, 200);
}

async function serverSdk(onefold) {
  const writeKey = await makeSource(onefold, 'shop-server');
  const requests = [];
  const httpClient = async (url, options) => {
    requests.push({ url, ...options });
    return fetch(url, options);
  };
  const analytics = new Analytics({ writeKey, host: onefold.url, flushAt: 4, flushInterval: 50, httpClient });
  const errors = [];
  analytics.on('error', (error) => errors.push(error));

  analytics.track({ anonymousId: 'node-anonymous', event: 'App Opened', properties: { version: '1.2' } });
  analytics.identify({ userId: 'node-1', anonymousId: 'node-anonymous', traits: { email: 'Node@Shop.example', plan: 'gold' } });
  analytics.track({ userId: 'node-1', event: 'Order Completed', properties: order });
  analytics.page({ userId: 'node-1', category: 'docs', name: 'Manual', properties: { url: 'https://shop.example/manual' } });
  analytics.screen({ userId: 'node-1', name: 'Basket' });
  analytics.group({ userId: 'node-1', groupId: 'acme', traits: { name: 'Acme', employees: 20 } });
  analytics.track({ anonymousId: 'node-earlier', event: 'App Installed' });
  analytics.alias({ userId: 'node-1', previousId: 'node-earlier' });
  await analytics.closeAndFlush({ timeout: 120000 });

  check('server SDK: it reports no error', errors, []);
  check('server SDK: it sent batches', requests.every((request) => request.url.endsWith('/v1/batch')) && requests.length > 1);
  const want = ['attributes customer', 'document order', 'event App Installed', 'event App Opened', 'event Order Completed',
    'event alias', 'event group', 'event page', 'event screen'];
  const rows = await timelineOf(onefold, 'user_id:node-1', want.length);
  check('server SDK: every call arrived once, under one person', rows.map(short).sort(), want);
  await serverSdkDetails(onefold, rows);

  check('server SDK: the same requests again are accepted', await sendAgain(requests), requests.map(() => 200));
  await marker(onefold, writeKey, 'node-1');
  const again = await timelineOf(onefold, 'user_id:node-1', want.length + 1);
  check('server SDK: and change nothing', again.map(short).sort(), ['event Marker', ...want].sort(byteOrder));
}

const byteOrder = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

async function serverSdkDetails(onefold, rows) {
  const find = (what) => rows.find((row) => short(row) === what) ?? { properties: {} };
  const profile = (await onefold.api('GET', '/v1/profiles/user_id:node-1')).body;
  check('server SDK: a trait is an attribute', profile.attributes?.plan, 'gold');
  check('server SDK: an e-mail address leads to the person', await oneidOf(onefold, 'email:node@shop.example'), profile.oneid);
  check('server SDK: so does the id before alias', await oneidOf(onefold, 'anonymous_id:node-earlier'), profile.oneid);
  check('server SDK: an event keeps its numbers', find('event Order Completed').properties.total, 129.9);
  check('server SDK: a page keeps its name', find('event page').properties.name, 'Manual');
  check('server SDK: a group keeps its id', find('event group').properties.group_id, 'acme');
  check('server SDK: the order is a document', profile.documents?.map((document) => document.document.value), ['N-1001']);
}

/** A site of its own, on another origin than Onefold: one page, with the SDK's bundles. */
async function startSite() {
  const umd = path.join(path.dirname(createRequire(import.meta.url).resolve('@segment/analytics-next/package.json')), 'dist/umd');
  const server = createServer(async (request, response) => {
    const name = new URL(request.url, 'http://site').pathname;
    const file = path.join(umd, path.basename(name));
    if (name.startsWith('/sdk/') && existsSync(file)) {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(await readFile(file));
      return;
    }
    response.writeHead(name === '/' ? 200 : 404, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end('<!doctype html><title>Skin care</title><script src="/sdk/index.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Opens the site and loads the SDK in it; `delivery` is the SDK's own option for how calls are sent. */
async function openSite(context, site, onefold, writeKey, delivery) {
  const page = await context.newPage();
  await page.goto(`${site.url}/?utm_source=weibo&utm_campaign=spring`);
  await page.evaluate(([url, key, deliveryStrategy]) => {
    const integrations = { 'Segment.io': { apiHost: `${new URL(url).host}/v1`, protocol: 'http', deliveryStrategy } };
    window.analytics = window.AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: url }, { integrations });
  }, [onefold.url, writeKey, delivery]);
  return page;
}

/** Every tracking request of the browser, and how it was answered. */
function watch(context, onefold) {
  const requests = [], answers = [], troubles = [];
  context.on('request', (request) => {
    if (request.method() !== 'POST' || !request.url().startsWith(onefold.url)) return;
    const { authorization, 'content-type': type } = request.headers();
    requests.push({ url: request.url(), method: 'POST', body: request.postData(),
      headers: { ...(authorization && { Authorization: authorization }), 'Content-Type': type } });
  });
  context.on('response', (response) => response.request().method() === 'POST' && answers.push(response.status()));
  context.on('requestfailed', (request) => troubles.push(`${request.url()}: ${request.failure().errorText}`));
  context.on('weberror', (error) => troubles.push(String(error.error())));
  return { requests, answers, troubles };
}

async function browserSdk(onefold) {
  const writeKey = await makeSource(onefold, 'shop-web');
  const site = await startSite();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  try {
    const context = await browser.newContext();
    const seen = watch(context, onefold);
    await oneByOne(onefold, await openSite(context, site, onefold, writeKey), seen);
    await inBatches(onefold, await openSite(context, site, onefold, writeKey,
      { strategy: 'batching', config: { size: 3, timeout: 2000 } }), seen);
    check('browser SDK: nothing went wrong on the way', seen.troubles, []);
    check('browser SDK: every request was answered with 200', seen.answers.filter((code) => code !== 200), []);
    const before = await timelineOf(onefold, 'user_id:web-1', 1);
    check('browser SDK: the same requests again are accepted', await sendAgain(seen.requests), seen.requests.map(() => 200));
    await marker(onefold, writeKey, 'web-1');
    const after = await timelineOf(onefold, 'user_id:web-1', before.length + 1);
    check('browser SDK: and change nothing', after.map(short).sort(byteOrder),
      [...before.map(short), 'event Marker'].sort(byteOrder));
  } finally {
    await browser.close();
    site.close();
  }
}

/** Closes the page when all it asked has been answered: what is still under way then would be a trouble of ours. */
async function leave(page, seen) {
  await until(() => seen.answers.length + seen.troubles.length >= seen.requests.length);
  await page.close();
}

/** A visitor looks around, says who they are, and goes on: each call a request of its own. */
async function oneByOne(onefold, page, seen) {
  const anonymousId = await page.evaluate(async () => {
    const { analytics } = window;
    await analytics.page('Shop', 'Home');
    await analytics.track('Product Viewed', { product_id: 'A1', price: 99.9 });
    await analytics.identify('web-1', { email: 'web@shop.example', name: '王芳' });
    await analytics.track('Product Added', { product_id: 'A1', quantity: 2 });
    await analytics.group('acme', { name: 'Acme' });
    await analytics.alias('web-1', 'web-earlier');
    return (await analytics.user()).anonymousId();
  });
  const want = ['attributes customer', 'event Product Added', 'event Product Viewed', 'event alias', 'event group', 'event page'];
  const rows = await timelineOf(onefold, 'user_id:web-1', want.length);
  check('browser SDK: every call arrived once, the anonymous ones too', rows.map(short).sort(byteOrder), want);
  const routes = [...new Set(seen.requests.map((request) => new URL(request.url).pathname))].sort();
  check('browser SDK: by the short routes', routes, ['/v1/a', '/v1/g', '/v1/i', '/v1/p', '/v1/t']);
  const viewed = rows.find((row) => row.type === 'Product Viewed') ?? { through: {}, properties: {} };
  check('browser SDK: the anonymous visit came by its anonymous id', viewed.through,
    { namespace: 'anonymous_id', value: anonymousId });
  check('browser SDK: the context is there: campaign', viewed.properties['context.campaign.source'], 'weibo');
  const profile = (await onefold.api('GET', '/v1/profiles/user_id:web-1')).body;
  check('browser SDK: a trait is an attribute', profile.attributes?.name, '王芳');
  check('browser SDK: the anonymous id leads to the person', await oneidOf(onefold, `anonymous_id:${anonymousId}`), profile.oneid);
  check('browser SDK: so does the id before alias', await oneidOf(onefold, 'anonymous_id:web-earlier'), profile.oneid);
  await leave(page, seen);
}

/** The same visitor on a new page, the SDK now collecting calls and sending them together. */
async function inBatches(onefold, page, seen) {
  const first = seen.requests.length;
  await page.evaluate(async () => {
    for (let i = 1; i <= 7; i++) window.analytics.track('Article Read', { article: i });
  });
  let rows = [];
  await until(async () => {
    rows = (await timelineOf(onefold, 'user_id:web-1', 1)).filter((row) => row.type === 'Article Read');
    return rows.length >= 7;
  });
  check('browser SDK: batches arrive whole, once', rows.map((row) => row.properties.article).sort(), [1, 2, 3, 4, 5, 6, 7]);
  const routes = seen.requests.slice(first).map((request) => new URL(request.url).pathname);
  check('browser SDK: as batches', routes.length < 7 && routes.every((route) => route === '/v1/b'));
  await leave(page, seen);
}

await withOnefold(async (onefold) => {
  await serverSdk(onefold);
  if (existsSync(CHROMIUM)) await browserSdk(onefold);
  else skip("Segment's browser SDK", `${CHROMIUM} is not there (tools/setup installs it; CHROMIUM= names another)`);
});
