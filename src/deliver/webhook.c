/* webhook: see the header.
 *
 * The sender's thread owns the deliveries; `lock` is for who asks for a status, and around every change of what a status shows or of the
 * list. The fold wakes the thread through the poster, once until it has looked (`awake`). */
#include "deliver/webhook.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "deliver/post.h"

#define READ_ENTRIES 256
#define LOOK_ENTRIES 65536 /* of the feed in one turn of a target that wants few of them */
#define REFRESH_MS 500
#define SAVE_MS 1000

struct delivery {
    struct delivery *next;
    char *name, *url;
    struct buffer secret;
    struct entry_filter filter; /* its arrays are ours */
    struct feed_place end;      /* behind the batch in `body` */
    size_t count;               /* entries in it */
    struct buffer body;
    char range[2 * ENTRY_ID_BYTES + 4];
    uint64_t retry_ns; /* not before */
    bool sending, seen;
    struct webhook_status status;
};

struct webhook {
    struct webhook_parts parts;
    struct webhook_options options;
    struct poster *poster;
    pthread_t thread;
    _Atomic bool stopping, awake;

    pthread_mutex_t lock;
    pthread_cond_t refreshed;
    struct delivery *first;
    uint64_t refreshes, asked; /* `asked`: the refresh somebody waits for */

    /* The sender's own. */
    struct buffer places; /* as they stood in the file: JSON, until the first refresh */
    uint64_t refresh_ns, save_ns;
    bool changed; /* places, since they were written */
};

/* --- signing --- */

void webhook_sign(struct slice secret, int64_t now_ms, struct slice body, char out[WEBHOOK_SIGNATURE_BYTES]) {
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char moment[32];
    int digits = snprintf(moment, sizeof moment, "%lld.", (long long)(now_ms / 1000));
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.data, secret.size);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)moment, (size_t)digits);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.data, body.size);
    crypto_auth_hmacsha256_final(&state, mac);
    int used = snprintf(out, WEBHOOK_SIGNATURE_BYTES, "t=%.*s,v1=", digits - 1, moment);
    sodium_bin2hex(out + used, WEBHOOK_SIGNATURE_BYTES - (size_t)used, mac, sizeof mac);
}

/* --- deliveries come and go --- */

static void delivery_free(struct delivery *d) {
    free(d->name);
    free(d->url);
    free((void *)(uintptr_t)d->filter.segments);
    free((void *)(uintptr_t)d->filter.types);
    buffer_release(&d->secret);
    buffer_release(&d->body);
    free(d);
}

static struct delivery *find(struct webhook *webhook, struct slice name) {
    for (struct delivery *d = webhook->first; d; d = d->next) {
        if (slice_is(name, d->name))
            return d;
    }
    return NULL;
}

static void *copy(const void *from, size_t count, size_t size) {
    void *to = memory_get(count + 1, size);
    if (count)
        memcpy(to, from, count * size);
    return to;
}

/* Under the lock. */
static void take_target(struct delivery *d, const struct webhook_target *target) {
    free(d->url);
    free((void *)(uintptr_t)d->filter.segments);
    free((void *)(uintptr_t)d->filter.types);
    d->url = memory_text(target->url);
    d->filter = target->filter;
    d->filter.segments = copy(target->filter.segments, target->filter.segment_count, sizeof *target->filter.segments);
    d->filter.types = copy(target->filter.types, target->filter.type_count, sizeof *target->filter.types);
    buffer_clear(&d->secret);
    buffer_add_slice(&d->secret, target->secret);
    d->seen = true;
}

/* Where the file had the target of this name; else the feed's end. */
static struct feed_place first_place(struct webhook *webhook, struct slice name) {
    struct feed_place place = {feed_published(webhook->parts.feed), UINT32_MAX}, found;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    if (webhook->places.size && json_parse(p, buffer_slice(&webhook->places), true, &root, NULL) == STATUS_OK) {
        for (const struct json *t = json_first(p, json_get(p, root, "places")); t; t = json_next(p, t)) {
            if (slice_equal(json_get_text(p, t, "name"), name) && feed_place_parse(json_get_text(p, t, "id"), &found))
                place = found;
        }
    }
    json_parser_free(p);
    return place;
}

static void see_target(void *to, const struct webhook_target *target) {
    struct webhook *webhook = to;
    if (target->url.size == 0)
        return;
    struct delivery *d = find(webhook, target->name);
    if (d == NULL) {
        d = memory_get(1, sizeof *d);
        d->name = memory_text(target->name);
        d->status.place = first_place(webhook, target->name);
        d->next = webhook->first;
        webhook->first = d;
        webhook->changed = true;
    }
    take_target(d, target);
}

/* Under the lock. One that is under way goes when it has ended. */
static void drop_unseen(struct webhook *webhook) {
    for (struct delivery **at = &webhook->first; *at;) {
        struct delivery *d = *at;
        if (d->seen || d->sending) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        delivery_free(d);
        webhook->changed = true;
    }
}

static void refresh(struct webhook *webhook) {
    pthread_mutex_lock(&webhook->lock);
    uint64_t asked = webhook->asked;
    for (struct delivery *d = webhook->first; d; d = d->next)
        d->seen = false;
    webhook->parts.targets(webhook->parts.context, see_target, webhook);
    drop_unseen(webhook);
    buffer_clear(&webhook->places); /* who comes later begins at the feed's end */
    webhook->refreshes = asked;
    pthread_cond_broadcast(&webhook->refreshed);
    pthread_mutex_unlock(&webhook->lock);
    webhook->refresh_ns = os_monotonic_ns(webhook->parts.os) + REFRESH_MS * 1000000ull;
}

/* --- places on disk --- */

static void save_places(struct webhook *webhook) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct fault fault = {0};
    char id[ENTRY_ID_BYTES];
    json_object(&w);
    json_key(&w, "places");
    json_array(&w);
    for (const struct delivery *d = webhook->first; d; d = d->next) {
        json_object(&w);
        json_member_cstring(&w, "name", d->name);
        json_member_cstring(&w, "id", entry_id(d->status.place, id));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (os_write_file(webhook->parts.os, webhook->parts.path, buffer_slice(&text), &fault) == STATUS_OK)
        webhook->changed = false;
    else
        fprintf(stderr, "onefold: webhooks: %s\n",
                fault.text); /* tried again in a second; entries may come twice until then */
    webhook->save_ns = os_monotonic_ns(webhook->parts.os) + SAVE_MS * 1000000ull;
    buffer_release(&text);
}

static enum status read_places(struct webhook *webhook, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    enum status status = os_read_file(webhook->parts.os, webhook->parts.path, &webhook->places, fault);
    if (!status && json_parse(p, buffer_slice(&webhook->places), true, &root, NULL) != STATUS_OK)
        status = fault_set(fault, STATUS_DAMAGED, "%s is no JSON any more", webhook->parts.path);
    json_parser_free(p);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- sending --- */

static void begin_batch(struct delivery *d, struct json_writer *w) {
    buffer_clear(&d->body);
    json_object(w);
    json_member_cstring(w, "subscription", d->name);
    json_key(w, "entries");
    json_array(w);
    d->count = 0;
}

static void add_entry(struct webhook *webhook, struct delivery *d, const struct feed_entry *entry,
                      struct json_writer *w) {
    char id[ENTRY_ID_BYTES];
    entry_id((struct feed_place){entry->position, entry->order}, id);
    webhook->parts.write(webhook->parts.context, entry, w);
    if (d->count++ == 0)
        snprintf(d->range, sizeof d->range, "%s..", id);
    char *last = strstr(d->range, "..") + 2;
    snprintf(last, sizeof d->range - (size_t)(last - d->range), "%s", id);
}

/* Gathers the next batch; false where nothing wanted is behind the place. What was looked at in vain is not looked at again. */
static bool gather(struct webhook *webhook, struct delivery *d) {
    struct feed_entry entries[READ_ENTRIES];
    struct json_writer w = {.out = &d->body};
    size_t looked = 0, count;
    d->end = d->status.place;
    begin_batch(d, &w);
    while (looked < LOOK_ENTRIES && d->count < webhook->options.batch_entries &&
           (count = feed_read(webhook->parts.feed, d->end, entries, READ_ENTRIES)) > 0) {
        for (size_t i = 0; i < count && d->count < webhook->options.batch_entries; i++) {
            if (entry_wanted(&d->filter, &entries[i]))
                add_entry(webhook, d, &entries[i], &w);
            d->end = (struct feed_place){entries[i].position, entries[i].order};
        }
        looked += count;
    }
    if (looked >= LOOK_ENTRIES && d->count == 0)
        atomic_store(&webhook->awake, true); /* there may be more: no pause */
    json_end_array(&w);
    json_end_object(&w);
    return d->count > 0;
}

static void move_place(struct webhook *webhook, struct delivery *d) {
    pthread_mutex_lock(&webhook->lock);
    webhook->changed |= d->status.place.position != d->end.position || d->status.place.order != d->end.order;
    d->status.place = d->end;
    pthread_mutex_unlock(&webhook->lock);
}

static void failed(struct webhook *webhook, struct delivery *d, const char *error) {
    uint64_t pause_ms = webhook->options.retry_first_ms;
    for (unsigned i = 0; i < d->status.failures && pause_ms < webhook->options.retry_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > webhook->options.retry_max_ms)
        pause_ms = webhook->options.retry_max_ms;
    d->retry_ns = os_monotonic_ns(webhook->parts.os) + pause_ms * 1000000;
    d->status.failures++;
    d->status.failed_at_ms = os_now_ms(webhook->parts.os);
    d->status.retry_at_ms = d->status.failed_at_ms + (int64_t)pause_ms;
    snprintf(d->status.error, sizeof d->status.error, "%s", error);
}

static void send_batch(struct webhook *webhook, struct delivery *d) {
    char signature[WEBHOOK_SIGNATURE_BYTES + 32] = "X-Onefold-Signature: ", range[sizeof d->range + 32];
    const char *headers[4] = {"Content-Type: application/json", range, NULL, NULL};
    snprintf(range, sizeof range, "X-Onefold-Delivery: %s", d->range);
    if (d->secret.size) {
        webhook_sign(buffer_slice(&d->secret), os_now_ms(webhook->parts.os), buffer_slice(&d->body),
                     signature + strlen(signature));
        headers[2] = signature;
    }
    d->sending = poster_send(webhook->poster, d, d->url, headers, buffer_slice(&d->body));
    pthread_mutex_lock(&webhook->lock);
    d->status.requests++;
    if (!d->sending)
        failed(webhook, d, "the URL is none that can be asked: http or https");
    pthread_mutex_unlock(&webhook->lock);
}

static void work(struct webhook *webhook, struct delivery *d) {
    if (d->sending || !d->seen || os_monotonic_ns(webhook->parts.os) < d->retry_ns)
        return;
    if (d->count == 0 && !gather(webhook, d))
        move_place(webhook, d);
    else
        send_batch(webhook, d);
}

static void ended(struct webhook *webhook, const struct post_result *result) {
    struct delivery *d = result->tag;
    bool good = result->code >= 200 && result->code < 300;
    char error[200];
    assert(d->sending);
    d->sending = false;
    if (good)
        move_place(webhook, d);
    pthread_mutex_lock(&webhook->lock);
    d->status.code = result->code;
    if (good) {
        d->status.delivered += d->count;
        d->status.delivered_at_ms = os_now_ms(webhook->parts.os);
        d->status.failures = 0;
        d->status.retry_at_ms = 0;
        d->count = 0;
    } else {
        snprintf(error, sizeof error, "%s", result->error);
        if (result->code)
            snprintf(error, sizeof error, "answered %d; 2xx was expected", result->code);
        failed(webhook, d, error);
    }
    pthread_mutex_unlock(&webhook->lock);
}

/* --- the thread --- */

/* How long nothing can be to do: until the next look at the targets, writing of places or retry. */
static unsigned pause_ms(struct webhook *webhook) {
    uint64_t now = os_monotonic_ns(webhook->parts.os), until = webhook->refresh_ns;
    if (webhook->changed && webhook->save_ns < until)
        until = webhook->save_ns;
    for (const struct delivery *d = webhook->first; d; d = d->next) {
        if (!d->sending && d->count && d->retry_ns < until)
            until = d->retry_ns;
    }
    return until > now ? (unsigned)((until - now) / 1000000 + 1) : 0;
}

static void turn(struct webhook *webhook) {
    struct post_result result;
    uint64_t now = os_monotonic_ns(webhook->parts.os);
    pthread_mutex_lock(&webhook->lock);
    bool asked = webhook->asked != webhook->refreshes;
    pthread_mutex_unlock(&webhook->lock);
    if (asked || now >= webhook->refresh_ns)
        refresh(webhook);
    for (struct delivery *d = webhook->first; d; d = d->next)
        work(webhook, d);
    if (webhook->changed && (now >= webhook->save_ns || asked))
        save_places(webhook);
    poster_wait(webhook->poster, atomic_exchange(&webhook->awake, false) ? 0 : pause_ms(webhook));
    while (poster_done(webhook->poster, &result))
        ended(webhook, &result);
}

static void *run(void *context) {
    struct webhook *webhook = context;
    while (!atomic_load(&webhook->stopping))
        turn(webhook);
    return NULL;
}

static void on_publish(void *context) {
    struct webhook *webhook = context;
    if (!atomic_exchange(&webhook->awake, true))
        poster_wake(webhook->poster);
}

static void fill_defaults(struct webhook_options *o) {
    o->batch_entries = o->batch_entries ? o->batch_entries : 200;
    o->retry_first_ms = o->retry_first_ms ? o->retry_first_ms : 1000;
    o->retry_max_ms = o->retry_max_ms ? o->retry_max_ms : 300000;
    o->connect_s = o->connect_s ? o->connect_s : 5;
    o->request_s = o->request_s ? o->request_s : 30;
}

static void release(struct webhook *webhook) {
    for (struct delivery *d = webhook->first, *next; d; d = next) {
        next = d->next;
        delivery_free(d);
    }
    poster_free(webhook->poster);
    pthread_mutex_destroy(&webhook->lock);
    pthread_cond_destroy(&webhook->refreshed);
    buffer_release(&webhook->places);
    free(webhook);
}

enum status webhook_start(const struct webhook_parts *parts, const struct webhook_options *options,
                          struct webhook **out, struct fault *fault) {
    struct webhook *webhook = memory_get(1, sizeof *webhook);
    webhook->parts = *parts;
    if (options)
        webhook->options = *options;
    fill_defaults(&webhook->options);
    pthread_mutex_init(&webhook->lock, NULL);
    pthread_cond_init(&webhook->refreshed, NULL);
    webhook->poster = poster_create(
        &(struct poster_options){.connect_s = webhook->options.connect_s, .request_s = webhook->options.request_s});
    enum status status = sodium_init() < 0 ? fault_set(fault, STATUS_IO, "libsodium does not start") : STATUS_OK;
    if (!status)
        status = read_places(webhook, fault);
    if (!status)
        refresh(webhook);
    if (!status && pthread_create(&webhook->thread, NULL, run, webhook) != 0)
        status = fault_set(fault, STATUS_IO, "no thread to be had for webhooks");
    if (status) {
        release(webhook);
        return status;
    }
    feed_on_publish(parts->feed, on_publish, webhook);
    *out = webhook;
    return STATUS_OK;
}

void webhook_stop(struct webhook *webhook) {
    if (webhook == NULL)
        return;
    feed_on_publish(webhook->parts.feed, NULL, webhook);
    atomic_store(&webhook->stopping, true);
    poster_wake(webhook->poster);
    pthread_join(webhook->thread, NULL);
    pthread_mutex_lock(&webhook->lock);
    pthread_cond_broadcast(&webhook->refreshed); /* nobody waits for a thread that has ended */
    pthread_mutex_unlock(&webhook->lock);
    if (webhook->changed)
        save_places(webhook);
    release(webhook);
}

void webhook_notice(struct webhook *webhook) {
    pthread_mutex_lock(&webhook->lock);
    uint64_t mine = ++webhook->asked;
    pthread_mutex_unlock(&webhook->lock);
    poster_wake(webhook->poster);
    pthread_mutex_lock(&webhook->lock);
    while (webhook->refreshes < mine && !atomic_load(&webhook->stopping))
        pthread_cond_wait(&webhook->refreshed, &webhook->lock);
    pthread_mutex_unlock(&webhook->lock);
}

bool webhook_status(struct webhook *webhook, struct slice name, struct webhook_status *status) {
    pthread_mutex_lock(&webhook->lock);
    const struct delivery *d = find(webhook, name);
    if (d)
        *status = d->status;
    pthread_mutex_unlock(&webhook->lock);
    return d != NULL;
}

void webhook_counters_read(struct webhook *webhook, struct webhook_counters *out) {
    *out = (struct webhook_counters){0};
    pthread_mutex_lock(&webhook->lock);
    for (const struct delivery *d = webhook->first; d; d = d->next) {
        out->targets++;
        out->failing += d->status.failures > 0;
        out->delivered += d->status.delivered;
        out->requests += d->status.requests;
    }
    pthread_mutex_unlock(&webhook->lock);
}
