// What the client tests share: a Onefold of their own on a free port and a passing folder, its admin API, and counted checks.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, inspect } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');
const counts = { passed: 0, failed: 0, skipped: 0 };

/** One counted check; on failure says what was expected. */
export function check(what, got, want = true) {
  const good = isDeepStrictEqual(got, want);
  counts[good ? 'passed' : 'failed']++;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${what}`);
  if (!good) console.log(`     got  ${inspect(got, { depth: 6 })}\n     want ${inspect(want, { depth: 6 })}`);
}

export function skip(what, why) {
  counts.skipped++;
  console.log(`skipped: ${what}: ${why}`);
}

/** Runs `scenario(onefold)` against a server of its own, ends the server, prints the counts and sets the exit code. */
export async function withOnefold(scenario) {
  const folder = await mkdtemp(path.join(tmpdir(), 'onefold-clients-'));
  let onefold;
  try {
    onefold = await start(folder);
    await scenario(onefold);
  } catch (error) {
    check(`no error: ${error.stack ?? error}`, false);
  } finally {
    if (onefold) check('the server ends well on SIGTERM', await stop(onefold), 0);
    await rm(folder, { recursive: true, force: true });
  }
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exitCode = counts.failed ? 1 : 0;
}

async function start(folder) {
  const program = process.env.ONEFOLD ?? path.join(root, 'build/release/onefold');
  const child = spawn(program, ['serve', '--data', path.join(folder, 'data'), '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  child.stderr.on('data', (bytes) => (said += bytes));
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`the server ended with ${code} before it listened: ${said}`)));
    child.stdout.on('data', (bytes) => {
      said += bytes;
      if (/^listening on .*$/m.test(said)) resolve();
    });
  });
  const url = said.match(/^listening on (\S+)/m)[1];
  const adminKey = said.match(/^admin key: (\S+)/m)[1];
  return { child, ended, url, adminKey, api: (method, route, body) => api(url, adminKey, method, route, body) };
}

async function stop(onefold) {
  onefold.child.kill('SIGTERM');
  const limit = setTimeout(() => onefold.child.kill('SIGKILL'), 120000);
  const code = await onefold.ended;
  clearTimeout(limit);
  return code;
}

/** Waits until `holds` gives true, looking again and again; two minutes are more than any machine needs. False where it never did. */
export async function until(holds) {
  for (const end = Date.now() + 120000; Date.now() < end; await sleep(50)) if (await holds()) return true;
  return false;
}

/** One call of the admin API: {status, body}. */
async function api(url, adminKey, method, route, body) {
  const answer = await fetch(url + route, {
    method,
    headers: { Authorization: `Bearer ${adminKey}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

/** A source of Segment's tracking API and a write key for it. */
export async function makeSource(onefold, name) {
  const source = await onefold.api('POST', '/v1/sources', { name, kind: 'segment' });
  check(`source ${name} is made`, source.status, 200);
  const key = await onefold.api('POST', `/v1/sources/${name}/keys`, { name: 'test' });
  check(`a write key for ${name} is made`, key.status, 200);
  return key.body.key;
}

/** The customer's timeline once it has `count` rows, oldest first; what is there in the end where it has not. */
export async function timelineOf(onefold, id, count) {
  let rows = [];
  await until(async () => {
    const answer = await onefold.api('GET', `/v1/profiles/${encodeURIComponent(id)}/timeline?limit=500`);
    rows = answer.status === 200 ? answer.body.timeline.reverse() : [];
    return rows.length >= count;
  });
  return rows;
}

/** What a row says, short: "event Order Completed". */
export function short(row) {
  return `${row.kind} ${row.type}`;
}
