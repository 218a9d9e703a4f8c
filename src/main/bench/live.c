/* bench/live: segments that follow every event, as a subscriber sees them: a server of its own process with customers in it, live segments
 * of mixed kinds, events over HTTP at a steady rate, and one reader of the stream of entries and exits. From just before a request is sent until
 * the entry it caused was read; the request, its sync, the fold and the way back are in it. Then the rate when events come as fast
 * as they can: with the segments, without, with them again, and with many.
 *
 * Nothing may be missing: of every segment the entries less the exits are what its size changed by, a customer enters only who is out
 * and leaves only who is in, and the sizes are what a query over everybody finds. */
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "collect/segment_auth.h"
#include "main/bench/feed.h"
#include "main/bench/live.h"
#include "main/follow.h"
#include "main/loader.h"

#define SETTLE_S_MAX 900
#define PAST_MS (60 * DAY_MS)
#define RECORD_BYTES 1400 /* on disk: log, history, checkpoints */
#define SEGMENTS_MAX 5000

struct live {
    struct bench *bench;
    uint64_t customers, rate, seconds, rounds, segments, many, flat_events, connections, batch, seed;
    struct bench_data data;
    struct bench_child child;
    char write_key[64];
    char authorization[200];
    uint64_t next; /* number of the next event */
    bool calm;
    double pace_begin; /* 0: as fast as they go */
    uint64_t pace_done;
    _Atomic uint64_t *sent_us; /* by customer: when its last event was sent */
};

/* --- the data --- */

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct built {
    struct live *live;
    uint64_t next;
    char admin_key[48];
};

/* Everybody known, with a view or two and half of them with an order, over the last two months. */
static enum status build(void *shared, struct fault *fault) {
    struct built *built = shared;
    struct live *t = built->live;
    struct server *server = NULL;
    struct bench_feed *f = memory_get(1, sizeof *f);
    int64_t now_ms = os_now_ms(t->bench->os);
    enum status status = bench_feed_start(t->bench, &t->data, &server, f, fault);
    for (uint64_t i = 0; i < t->customers && !status; i++) {
        int64_t at_ms = now_ms - PAST_MS + (int64_t)((double)i / (double)t->customers * (double)(PAST_MS - 60000));
        uint64_t other = bench_data_customer(&t->data, i);
        bench_feed_add(f, BENCH_IDENTIFY, built->next++, i, at_ms);
        bench_feed_add(f, BENCH_VIEW, built->next++, other, at_ms);
        if (i % 2)
            bench_feed_add(f, BENCH_ORDER, built->next++, other, at_ms);
    }
    if (!status)
        status = bench_feed_end(f, fault);
    if (server)
        memcpy(built->admin_key, server->admin_key, sizeof built->admin_key);
    server_stop(server);
    free(f);
    return status;
}

static enum status build_apart(struct live *t, struct fault *fault) {
    struct built *built = bench_shared(sizeof *built);
    built->live = t;
    double began = bench_now_s();
    enum status status = bench_apart(build, built, fault);
    t->next = built->next;
    snprintf(t->child.admin_key, sizeof t->child.admin_key, "%s", built->admin_key);
    bench_shared_free(built, sizeof *built);
    if (!status)
        bench_value(t->bench, "building took", "s", bench_now_s() - began);
    return status;
}

/* --- the segments --- */

void bench_live_expression(uint64_t i, bool calm, struct buffer *out) {
    static const char *const cities[] = {"上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安"},
                             *const categories[] = {"护肤", "彩妆", "奶粉", "尿裤", "零食",
                                                    "饮料", "洗护", "香水", "粮油", "玩具"},
                             *const levels[] = {"gold", "base", "plus"};
    unsigned k = (unsigned)(i / 10), more = calm ? 25 : 0;
    switch (i % 10) {
    case 0:
        buffer_print(out, "city = \"%s\" and gender = \"%s\" and count(product_viewed, last 30 days) >= %u",
                     cities[k % 8], k % 2 ? "female" : "male", more + 4 + k / 8 % 9);
        break;
    case 1:
        buffer_print(out, "count(product_viewed, last %u days) >= %u", 7 + k % 20, more + 5 + k % 9);
        break;
    case 2:
        buffer_print(out, "count(product_viewed where category = \"%s\" and price > %u, last 30 days) >= 3",
                     categories[k % 10], 100 + k % 700);
        break;
    case 3:
        buffer_print(out, "sum(order.total, last 365 days) > %u", 3000 + 200 * k);
        break;
    case 4:
        buffer_print(out,
                     "any(order.items where sku in (\"S%04u\", \"S%04u\", \"S%04u\") and price > 200, last 90 days)",
                     k * 3 % 5000, k * 7 % 5000, k * 11 % 5000);
        break;
    case 5:
        buffer_print(out, "sequence(product_viewed where price > %u -> not order within %u days)", 980 + k % 19,
                     1 + k % 5);
        break;
    case 6:
        buffer_print(out, "distinct(product_viewed.brand, last %u days) >= %u", 20 + k % 30, more + 6 + k % 9);
        break;
    case 7:
        buffer_print(out, "has tag \"looks a lot\" and level = \"%s\" and count(order) >= %u", levels[k % 3],
                     2 + k / 3 % 3);
        break;
    case 8:
        buffer_print(out, "in segment \"live %llu\" and not in segment \"live %llu\"", (unsigned long long)(i - 7),
                     (unsigned long long)(i - 5));
        break;
    default:
        buffer_print(out, "days since last(order) >= %u and count(product_viewed, last 1 day) >= %u", 1 + k % 50,
                     more + 6 + k % 6);
        break;
    }
}

static enum status define(struct live *t, const char *path, const char *name, const char *kind, struct slice expression,
                          struct fault *fault) {
    struct buffer body = {0}, answer = {0};
    struct json_writer w = {.out = &body};
    json_object(&w);
    json_member_cstring(&w, "name", name);
    json_member_cstring(&w, "kind", kind);
    if (strcmp(path, "/v1/tags") == 0)
        json_member_cstring(&w, "type", "bool");
    json_member_text(&w, "expression", expression);
    json_end_object(&w);
    enum status status = load_request(t->child.admin, "POST", path, buffer_slice(&body), &answer, fault);
    buffer_release(&body);
    buffer_release(&answer);
    return status;
}

static enum status define_segments(struct live *t, uint64_t from, uint64_t end, struct fault *fault) {
    struct buffer expression = {0};
    char name[40];
    enum status status = STATUS_OK;
    if (from == 0)
        status = define(t, "/v1/tags", BENCH_LIVE_TAG, "rule", SLICE(BENCH_LIVE_TAG_RULE), fault);
    for (uint64_t i = from; i < end && !status; i++) {
        snprintf(name, sizeof name, "live %llu", (unsigned long long)i);
        buffer_clear(&expression);
        bench_live_expression(i, t->calm, &expression);
        status = define(t, "/v1/segments", name, "live", buffer_slice(&expression), fault);
    }
    buffer_release(&expression);
    return status;
}

#define TOGETHER 100 /* definitions in a call */

/* The same segments, and the tag before the first, many in a call. */
static enum status define_together(struct live *t, uint64_t count, struct fault *fault) {
    struct buffer body = {0}, expression = {0}, answer = {0};
    enum status status = define(t, "/v1/tags", BENCH_LIVE_TAG, "rule", SLICE(BENCH_LIVE_TAG_RULE), fault);
    for (uint64_t from = 0; from < count && !status; from += TOGETHER) {
        struct json_writer w = {.out = &body};
        buffer_clear(&body);
        json_object(&w);
        json_key(&w, "definitions");
        json_array(&w);
        for (uint64_t i = from; i < count && i < from + TOGETHER; i++) {
            char name[40];
            snprintf(name, sizeof name, "live %llu", (unsigned long long)i);
            buffer_clear(&expression);
            bench_live_expression(i, t->calm, &expression);
            json_object(&w);
            json_member_cstring(&w, "define", "segment");
            json_member_cstring(&w, "name", name);
            json_member_text(&w, "expression", buffer_slice(&expression));
            json_end_object(&w);
        }
        json_end_array(&w);
        json_end_object(&w);
        buffer_clear(&answer);
        status = load_request(t->child.admin, "POST", "/v1/definitions", buffer_slice(&body), &answer, fault);
    }
    buffer_release(&expression);
    buffer_release(&answer);
    buffer_release(&body);
    return status;
}

static enum status end_definition(struct live *t, const char *path, struct fault *fault) {
    struct buffer answer = {0};
    enum status status = load_request(t->child.admin, "DELETE", path, SLICE_NONE, &answer, fault);
    buffer_release(&answer);
    return status;
}

/* The last first: some read others before them, and the tag. */
static enum status end_segments(struct live *t, uint64_t count, struct fault *fault) {
    char path[60];
    enum status status = STATUS_OK;
    for (uint64_t i = count; i > 0 && !status; i--) {
        snprintf(path, sizeof path, "/v1/segments/live%%20%llu", (unsigned long long)(i - 1));
        status = end_definition(t, path, fault);
    }
    return status ? status : end_definition(t, "/v1/tags/looks%20a%20lot", fault);
}

/* Sizes by number of the segment. */
static enum status read_sizes(struct live *t, int64_t sizes[SEGMENTS_MAX], struct fault *fault) {
    struct buffer answer = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    memset(sizes, 0, SEGMENTS_MAX * sizeof *sizes);
    enum status status = load_request(t->child.admin, "GET", "/v1/segments", SLICE_NONE, &answer, fault);
    if (!status)
        status = json_parse(p, buffer_slice(&answer), true, &root, fault);
    for (const struct json *s = status ? NULL : json_first(p, json_get(p, root, "segments")); s; s = json_next(p, s)) {
        int64_t number = json_get_integer(p, s, "number", 0);
        assert(number > 0 && number < SEGMENTS_MAX);
        sizes[number] = json_get_integer(p, s, "size", 0);
    }
    json_parser_free(p);
    buffer_release(&answer);
    return status;
}

/* --- the load --- */

static void wait_turn(struct live *t) {
    double due = t->pace_begin + (double)t->pace_done / (double)t->rate, left = due - bench_now_s();
    if (left > 0)
        nanosleep(&(struct timespec){.tv_sec = (time_t)left, .tv_nsec = (long)((left - floor(left)) * 1e9)}, NULL);
}

static void make_request(void *context, uint64_t number, struct buffer *out) {
    struct live *t = context;
    char head[400];
    (void)number;
    if (t->pace_begin > 0)
        wait_turn(t);
    int64_t now_ms = os_now_ms(t->bench->os);
    size_t bytes = strlen("{\"batch\":[]}") + t->batch - 1;
    for (uint64_t i = 0; i < t->batch; i++)
        bytes += bench_data_bytes(bench_live_call(t->next + i));
    int size = snprintf(head, sizeof head,
                        "POST /v1/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: %s\r\nContent-Type: "
                        "application/json\r\nContent-Length: %zu\r\n\r\n",
                        t->authorization, bytes);
    buffer_add(out, head, (size_t)size);
    size_t start = out->size;
    buffer_add_slice(out, SLICE("{\"batch\":["));
    for (uint64_t i = 0; i < t->batch; i++, t->next++) {
        uint64_t customer = bench_data_customer(&t->data, t->next);
        if (i)
            buffer_add_char(out, ',');
        bench_data_call(&t->data, bench_live_call(t->next), t->next, customer, now_ms, out);
        atomic_store_explicit(&t->sent_us[customer], now_us(), memory_order_relaxed);
    }
    buffer_add_slice(out, SLICE("]}"));
    assert(out->size - start == bytes);
    t->pace_done += t->batch;
}

/* Sends `events`; *seconds until all are acknowledged, *folded_s until all are folded. */
static enum status send_events(struct live *t, uint64_t events, bool paced, double *seconds, double *folded_s,
                               struct fault *fault) {
    struct load_result load;
    struct load_options options = {.url = t->child.url,
                                   .connections = (unsigned)t->connections,
                                   .total = events / t->batch,
                                   .seconds_max = SETTLE_S_MAX,
                                   .make = make_request,
                                   .context = t};
    double began = bench_now_s();
    t->pace_begin = paced ? began : 0;
    t->pace_done = 0;
    enum status status = client_load(&options, &load, fault);
    *seconds = load.seconds;
    if (!status)
        status = bench_child_settle(&t->child, SETTLE_S_MAX, fault);
    *folded_s = bench_now_s() - began;
    if (!status && (load.failed || load.answers != options.total))
        status = fault_set(fault, STATUS_IO, "%llu of %llu requests failed, the first with: %s",
                           (unsigned long long)load.failed, (unsigned long long)options.total, load.first_failure);
    return status;
}

/* --- the subscriber --- */

struct reader {
    struct live *live;
    struct follow *follow;
    pthread_t thread;
    _Atomic bool stop;
    struct json_parser *p;
    int64_t net[SEGMENTS_MAX];
    uint8_t *state[SEGMENTS_MAX]; /* by customer: 0 not known, 1 in, 2 out */
    uint32_t *delays_us;
    size_t delay_count, delay_room;
    uint64_t entries, out_of_turn;
    enum status status;
};

static uint64_t customer_of(struct reader *r, const struct json *entry) {
    for (const struct json *i = json_first(r->p, json_get(r->p, entry, "identifiers")); i; i = json_next(r->p, i)) {
        struct slice value = json_get_text(r->p, i, "value");
        if (slice_is(json_get_text(r->p, i, "namespace"), "user_id") && value.size > 2)
            return strtoull(value.data + 2, NULL, 10);
    }
    return UINT64_MAX;
}

static void note_delay(struct reader *r, uint64_t us) {
    if (r->delay_count == r->delay_room) {
        r->delay_room = r->delay_room ? r->delay_room * 2 : 1 << 16;
        r->delays_us = memory_resize(r->delays_us, r->delay_room, sizeof *r->delays_us);
    }
    r->delays_us[r->delay_count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void note_entry(struct reader *r, const struct json *entry, bool entered) {
    int64_t number = json_get_integer(r->p, entry, "segment_number", 0);
    uint64_t customer = customer_of(r, entry), now = now_us();
    if (number <= 0 || number >= SEGMENTS_MAX || customer >= r->live->customers) {
        r->out_of_turn++;
        return;
    }
    uint64_t sent = atomic_load_explicit(&r->live->sent_us[customer], memory_order_relaxed);
    if (slice_is(json_get_text(r->p, entry, "cause"), "record") && sent)
        note_delay(r, now > sent ? now - sent : 0);
    if (r->state[number] == NULL)
        r->state[number] = memory_get(r->live->customers, 1);
    r->out_of_turn += r->state[number][customer] == (entered ? 1 : 2);
    r->state[number][customer] = entered ? 1 : 2;
    r->net[number] += entered ? 1 : -1;
    r->entries++;
}

static void *read_entries(void *context) {
    struct reader *r = context;
    struct follow_event event;
    const struct json *entry;
    while (!atomic_load(&r->stop)) {
        enum status status = follow_next(r->follow, 50, &event);
        if (status == STATUS_TIMEOUT)
            continue;
        bool entered = slice_is(event.kind, "entered");
        if (status || json_parse(r->p, event.data, false, &entry, NULL)) {
            r->status = status ? status : STATUS_INVALID;
            break;
        }
        if (entered || slice_is(event.kind, "left"))
            note_entry(r, entry, entered);
    }
    return NULL;
}

static enum status reader_start(struct reader *r, struct fault *fault) {
    r->p = json_parser_create();
    enum status status =
        follow_open(r->live->child.url, r->live->child.admin_key, "/v1/stream?segments=all", &r->follow, fault);
    if (!status && pthread_create(&r->thread, NULL, read_entries, r))
        abort();
    return status;
}

static void reader_stop(struct reader *r) {
    if (r->follow && !atomic_exchange(&r->stop, true))
        pthread_join(r->thread, NULL);
}

static void reader_free(struct reader *r) {
    reader_stop(r);
    follow_close(r->follow);
    json_parser_free(r->p);
    for (size_t i = 0; i < SEGMENTS_MAX; i++)
        free(r->state[i]);
    free(r->delays_us);
    free(r);
}

static int compare_delays(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* --- the checks --- */

/* Segments whose size did not change by what was told of them. */
static uint64_t count_wrong(const struct reader *r, const int64_t *before, const int64_t *after) {
    uint64_t wrong = 0;
    for (size_t i = 0; i < SEGMENTS_MAX; i++)
        wrong += before[i] + r->net[i] != after[i];
    return wrong;
}

/* The count of a query over everybody. */
static enum status query_count(struct live *t, struct slice expression, int64_t *count, struct fault *fault) {
    struct buffer body = {0}, answer = {0};
    struct json_writer w = {.out = &body};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    json_object(&w);
    json_member_text(&w, "expression", expression);
    json_member_integer(&w, "limit", 0);
    json_end_object(&w);
    enum status status = load_request(t->child.admin, "POST", "/v1/query", buffer_slice(&body), &answer, fault);
    if (!status && !(status = json_parse(p, buffer_slice(&answer), true, &root, fault)))
        *count = json_get_integer(p, root, "count", -1);
    json_parser_free(p);
    buffer_release(&body);
    buffer_release(&answer);
    return status;
}

/* Live against batch; as time goes on between the two, what it alone changes may be seen before or after. */
static enum status check_batch(struct live *t, struct fault *fault) {
    int64_t *before = memory_get(SEGMENTS_MAX, sizeof *before), *after = memory_get(SEGMENTS_MAX, sizeof *after), count;
    struct buffer expression = {0};
    uint64_t wrong = 0;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < t->segments && !status; i++) {
        bool same = false;
        buffer_clear(&expression);
        bench_live_expression(i, t->calm, &expression);
        for (unsigned turn = 0; turn < 5 && !same && !status; turn++) {
            size_t number = (size_t)i + 2; /* the tag was the first definition */
            status = read_sizes(t, before, fault);
            if (!status)
                status = query_count(t, buffer_slice(&expression), &count, fault);
            if (!status)
                status = read_sizes(t, after, fault);
            same = !status && (count == before[number] || count == after[number]);
        }
        wrong += !same;
    }
    if (!status)
        bench_check(t->bench, "segments whose members are not what a query finds", 0, wrong);
    buffer_release(&expression);
    free(before);
    free(after);
    return status;
}

/* What was told must come to the sizes; the stream may be a moment behind. */
static enum status check_told(struct live *t, struct reader *r, const int64_t *before, struct fault *fault) {
    int64_t *after = memory_get(SEGMENTS_MAX, sizeof *after);
    uint64_t wrong = 1;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < 50 && wrong && !status; i++) {
        usleep(100000);
        status = read_sizes(t, after, fault);
        wrong = count_wrong(r, before, after);
    }
    reader_stop(r);
    if (!status) {
        bench_check(t->bench, "segments whose entries and exits are not what their size changed by", 0, wrong);
        bench_check(t->bench, "entries of who was in, exits of who was out", 0, r->out_of_turn);
        bench_check(t->bench, "the stream went on to the end", 1, r->status == STATUS_OK);
    }
    free(after);
    return status;
}

/* --- measuring --- */

struct figures {
    double p50[BENCH_REPEATS_MAX], p99[BENCH_REPEATS_MAX], most[BENCH_REPEATS_MAX], rate[BENCH_REPEATS_MAX];
    double before[BENCH_REPEATS_MAX], with[BENCH_REPEATS_MAX], without[BENCH_REPEATS_MAX], again[BENCH_REPEATS_MAX];
    double entries_s[BENCH_REPEATS_MAX];
};

/* Delays since the last round. The reader goes on; what it adds meanwhile belongs to the next. */
static void take_delays(struct reader *r, size_t *from, struct figures *f, size_t i) {
    size_t count = r->delay_count - *from;
    uint32_t *sorted = memory_get(count + 1, sizeof *sorted);
    memcpy(sorted, r->delays_us + *from, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_delays);
    f->p50[i] = sorted[count / 2] / 1e3;
    f->p99[i] = sorted[count * 99 / 100] / 1e3;
    f->most[i] = count ? sorted[count - 1] / 1e3 : 0;
    *from += count;
    free(sorted);
}

static enum status paced_rounds(struct live *t, struct figures *f, struct fault *fault) {
    struct reader *r = memory_get(1, sizeof *r);
    int64_t *before = memory_get(SEGMENTS_MAX, sizeof *before);
    size_t from = 0;
    double seconds, folded_s;
    r->live = t;
    enum status status = read_sizes(t, before, fault);
    if (!status)
        status = reader_start(r, fault);
    for (size_t i = 0; i < t->rounds && !status; i++) {
        uint64_t told = r->entries, events = t->rate * t->seconds;
        status = send_events(t, events - events % t->batch, true, &seconds, &folded_s, fault);
        usleep(300000);
        f->rate[i] = (double)events / seconds;
        f->entries_s[i] = (double)(r->entries - told) / seconds;
        take_delays(r, &from, f, i);
    }
    if (!status)
        status = check_told(t, r, before, fault);
    reader_free(r);
    free(before);
    return status;
}

static enum status flat_rounds(struct live *t, double *rates, struct fault *fault) {
    double seconds, folded_s;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < t->rounds && !status; i++) {
        status = send_events(t, t->flat_events, false, &seconds, &folded_s, fault);
        rates[i] = (double)t->flat_events / folded_s;
    }
    return status;
}

static double median(const double *values, size_t count) {
    double sorted[BENCH_REPEATS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && sorted[k] < sorted[k - 1]; k--) {
            double swap = sorted[k];
            sorted[k] = sorted[k - 1];
            sorted[k - 1] = swap;
        }
    return sorted[count / 2];
}

static enum status many_segments(struct live *t, struct fault *fault) {
    double seconds, folded_s, began = bench_now_s();
    enum status status = define_together(t, t->many, fault);
    if (status)
        return status;
    bench_value(t->bench, "defining the many segments, 100 a call, each", "ms",
                (bench_now_s() - began) * 1e3 / (double)t->many);
    status = send_events(t, t->flat_events, false, &seconds, &folded_s, fault);
    bench_value(t->bench, "folded with the many segments", "events/s", (double)t->flat_events / folded_s);
    return status;
}

/* What a row costs grows with the history, as bases are written anew with what came, and the first million cost least: no delta is full yet. So
 * the rate without segments stands between two with them. */
static double share_of(const struct figures *f, size_t rounds) {
    return 100 * (median(f->with, rounds) + median(f->again, rounds)) / 2 / median(f->without, rounds);
}

static void report(struct live *t, struct figures *f) {
    double share = share_of(f, t->rounds);
    size_t n = t->rounds;
    bench_figure(t->bench, &(struct bench_figure){"sent at", "events/s", BENCH_HIGHER, 0}, f->rate, n);
    bench_figure(t->bench, &(struct bench_figure){"entries and exits", "/s", BENCH_HIGHER, 0}, f->entries_s, n);
    bench_figure(t->bench, &(struct bench_figure){"sent to seen, p50", "ms", BENCH_LOWER, 0}, f->p50, n);
    bench_figure(t->bench, &(struct bench_figure){"sent to seen, p99", "ms", BENCH_LOWER, 20}, f->p99, n);
    bench_figure(t->bench, &(struct bench_figure){"sent to seen, longest", "ms", BENCH_LOWER, 0}, f->most, n);
    bench_figure(t->bench, &(struct bench_figure){"folded before anything else", "events/s", BENCH_HIGHER, 0},
                 f->before, n);
    bench_figure(t->bench, &(struct bench_figure){"folded with segments", "events/s", BENCH_HIGHER, 0}, f->with, n);
    bench_figure(t->bench, &(struct bench_figure){"folded without segments", "events/s", BENCH_HIGHER, 0}, f->without,
                 n);
    bench_figure(t->bench, &(struct bench_figure){"folded with them again", "events/s", BENCH_HIGHER, 0}, f->again, n);
    bench_figure(t->bench, &(struct bench_figure){"with segments, of the rate without", "%", BENCH_HIGHER, 80}, &share,
                 1);
}

/* Rounds as fast as they go, and what the server's threads spend on an event of them. */
static enum status flat_phase(struct live *t, double *rates, const char *what, struct fault *fault) {
    struct bench_cpu before[BENCH_CPU_MAX];
    bench_child_cpu(&t->child, before);
    enum status status = flat_rounds(t, rates, fault);
    if (!status)
        bench_child_report_cpu(t->bench, &t->child, before, (double)(t->flat_events * t->rounds), what);
    return status;
}

static enum status define_them(struct live *t, const char *what, struct fault *fault) {
    double began = bench_now_s();
    enum status status = define_segments(t, 0, t->segments, fault);
    bench_value(t->bench, what, "ms", (bench_now_s() - began) * 1e3 / (double)t->segments);
    return status;
}

static enum status followed_phases(struct live *t, struct figures *f, struct fault *fault) {
    enum status status = define_them(t, "defining the segments, each", fault);
    if (!status)
        status = paced_rounds(t, f, fault);
    if (!status)
        status = check_batch(t, fault);
    if (!status)
        status = flat_phase(t, f->with, "event with segments", fault);
    if (!status)
        status = end_segments(t, t->segments, fault);
    if (!status)
        status = flat_phase(t, f->without, "event without segments", fault);
    if (!status)
        status = define_them(t, "defining the segments again, each", fault);
    if (!status)
        status = flat_phase(t, f->again, "event with them again", fault);
    return status ? status : end_segments(t, t->segments, fault);
}

/* Many segments come last, as the rate without any must not see what they leave behind. */
static enum status measure(struct live *t, struct fault *fault) {
    struct figures *f = memory_get(1, sizeof *f);
    struct buffer authorization = {0};
    enum status status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
    if (!status)
        status = bench_child_source(&t->child, "app", t->write_key, fault);
    segment_basic_header(slice_text(t->write_key), &authorization);
    snprintf(t->authorization, sizeof t->authorization, "%.*s", SLICE_ARG(buffer_slice(&authorization)));
    buffer_release(&authorization);
    if (!status)
        status = flat_phase(t, f->before, "event before anything else", fault);
    if (!status)
        status = followed_phases(t, f, fault);
    if (!status)
        report(t, f);
    if (!status && t->many)
        status = many_segments(t, fault);
    if (!status)
        status = bench_child_stop(&t->child, fault);
    bench_child_kill(&t->child);
    free(f);
    return status;
}

static enum status run(struct live *t, struct fault *fault) {
    struct bench *b = t->bench;
    t->flat_events -= t->flat_events % t->batch;
    t->data = (struct bench_data){t->seed, t->customers};
    uint64_t events = t->rate * t->seconds * t->rounds + t->flat_events * (4 * t->rounds + 1);
    enum status status = bench_folder(b, (events + 3 * t->customers) * RECORD_BYTES + (1u << 30), fault);
    if (status)
        return status;
    bench_begin(b, "live");
    bench_shape(
        b,
        "%llu customers with 2.5 million records a million of them, %llu live segments of ten kinds%s (%llu in the "
        "end), %llu events/s over HTTP in batches of %llu for %llu s, one event of %d an order, one subscriber; "
        "server, load and subscriber on the same machine",
        (unsigned long long)t->customers, (unsigned long long)t->segments, t->calm ? " that few events change" : "",
        (unsigned long long)t->many, (unsigned long long)t->rate, (unsigned long long)t->batch,
        (unsigned long long)t->seconds, BENCH_LIVE_ORDER_EVERY);
    t->sent_us = memory_get(t->customers, sizeof *t->sent_us);
    status = build_apart(t, fault);
    if (!status)
        status = measure(t, fault);
    free((void *)t->sent_us);
    bench_end(b);
    return status;
}

enum status bench_live(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct live t = {.bench = b,
                     .customers = 1000000,
                     .rate = 50000,
                     .seconds = 10,
                     .rounds = 3,
                     .segments = 50,
                     .many = 1000,
                     .flat_events = 1000000,
                     .connections = 16,
                     .batch = 50,
                     .seed = 1};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"customers", ARG_NUMBER, &t.customers, "known before it begins (1000000)"},
                                {"rate", ARG_NUMBER, &t.rate, "events a second (50000)"},
                                {"seconds", ARG_NUMBER, &t.seconds, "a round (10)"},
                                {"rounds", ARG_NUMBER, &t.rounds, "(3)"},
                                {"segments", ARG_NUMBER, &t.segments, "live ones (50)"},
                                {"many", ARG_NUMBER, &t.many, "at once, in the end; 0: no more (1000)"},
                                {"flat-events", ARG_NUMBER, &t.flat_events, "a round as fast as they go (1000000)"},
                                {"connections", ARG_NUMBER, &t.connections, "(16)"},
                                {"batch", ARG_NUMBER, &t.batch, "events a request (50)"},
                                {"calm", ARG_FLAG, &t.calm, "segments that few events change"},
                                {"seed", ARG_NUMBER, &t.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench live [--customers N] [--rate N] ...", table, NULL, NULL);
    if (!t.rounds || t.rounds > BENCH_REPEATS_MAX || !t.customers || t.customers > 10000000 || !t.rate || !t.seconds ||
        t.segments < 10 || t.segments > SEGMENTS_MAX - 10 || t.many > SEGMENTS_MAX - 10 || !t.batch || t.batch > 400 ||
        t.flat_events < t.batch || !t.connections)
        return fault_set(
            fault, STATUS_INVALID,
            "rounds are 1 to %d, customers at most 10000000, segments 10 to %d, a batch at most 400 events",
            BENCH_REPEATS_MAX, SEGMENTS_MAX - 10);
    return run(&t, fault);
}
