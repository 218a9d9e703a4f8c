/* track: see track.h.
 *
 * Lock: `lock` guards the queue. Order: link's lock, track's lock, then the log's own (inside log_append). The log calls
 * back without holding its lock. Resuming happens outside of the latter two. */
#include "serve/track.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "serve/answer.h"
#include "serve/limits.h"
#include "serve/query.h"

/* What the log calls. It may still be on its way into the callback when log_on_commit takes that away, so the context outlives the
 * track: one small piece per server ever started, never freed, reachable from `links`. */
struct link {
    pthread_mutex_t lock;
    struct track *track; /* NULL: gone */
    struct link *next;
};
static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;
static struct link *links;

#define GAPS_MAX 256

/* Positions that are not in the log. */
struct gap {
    uint64_t first, last;
    enum status status;
};

struct track {
    struct serve_parts parts;
    struct link *link;
    struct track_options options;
    struct segment_door *doors[HTTP_THREADS_MAX];
    struct limits *limits; /* NULL: none */
    pthread_mutex_t lock;
    bool closed;
    struct http_request *first, *last; /* waiting, in order of position */
    uint64_t waiting;
    struct gap gaps[GAPS_MAX]; /* a ring */
    uint64_t gap_count;        /* ever */

    _Atomic uint64_t requests, accepted, rejected, limited, lagging, full, disk_full, failed;
};

/* --- turning away --- */

static enum http_next turn_away(struct http_request *request, int code, const char *name, const char *message,
                                unsigned retry_after_s) {
    answer_error(&request->answer, code, name, message);
    request->answer.retry_after_s = retry_after_s;
    return HTTP_ANSWERED;
}

/* What becomes of a request whose records are not, and will not be, in the log. */
static void answer_not_stored(struct track *t, struct http_request *request, enum status status) {
    if (status == STATUS_FULL) {
        atomic_fetch_add(&t->full, 1);
        turn_away(request, 429, "FULL", "the log takes no more at this moment; send this again a little later", 1);
    } else if (status == STATUS_DISK_FULL) {
        atomic_fetch_add(&t->disk_full, 1);
        turn_away(request, 503, "DISK_FULL",
                  "no space is left on the log's disk; nothing of this was stored, send it again later", 30);
    } else if (status == STATUS_TOO_LARGE) {
        atomic_fetch_add(&t->failed, 1);
        answer_error(&request->answer, 413, "TOO_LARGE", "one of the records is larger than the log takes");
    } else {
        atomic_fetch_add(&t->failed, 1);
        turn_away(request, 503, status_name(status), "this could not be stored; send it again a little later", 5);
    }
}

/* --- out --- */

/* The lock is held. */
static void note_gap(struct track *t, uint64_t first, uint64_t last, enum status status) {
    struct gap *before = t->gap_count ? &t->gaps[(t->gap_count - 1) % GAPS_MAX] : NULL;
    assert(before == NULL || before->last < first);
    if (before && before->last + 1 == first && before->status == status)
        before->last = last;
    else
        t->gaps[t->gap_count++ % GAPS_MAX] = (struct gap){first, last, status};
}

enum status track_lost(struct track *t, uint64_t first, uint64_t last) {
    enum status status = STATUS_OK;
    assert(first <= last);
    pthread_mutex_lock(&t->lock);
    for (uint64_t i = t->gap_count > GAPS_MAX ? t->gap_count - GAPS_MAX : 0; i < t->gap_count; i++) {
        const struct gap *gap = &t->gaps[i % GAPS_MAX];
        if (gap->first <= last && gap->last >= first)
            status = gap->status;
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

static void committed(struct track *t, uint64_t first, uint64_t last, enum status status) {
    assert(first <= last);
    pthread_mutex_lock(&t->lock);
    struct http_request *done = t->first, *end = done;
    uint64_t count = 0;
    for (; end && end->position <= last; end = end->next) {
        end->outcome = end->outcome ? end->outcome : status;
        count++;
    }
    /* A unit may be cut between two groups: what failed of it in this one counts when the rest comes. */
    if (end && end->position_first <= last && status != STATUS_OK)
        end->outcome = status;
    t->first = end;
    if (end == NULL)
        t->last = NULL;
    assert(t->waiting >= count);
    t->waiting -= count;
    if (status != STATUS_OK)
        note_gap(t, first, last, status);
    pthread_mutex_unlock(&t->lock);
    for (struct http_request *next; done != end; done = next) {
        next = done->next;
        if (done->outcome != STATUS_OK)
            answer_not_stored(t, done, done->outcome);
        http_resume(done);
    }
}

static void link_committed(void *context, uint64_t first, uint64_t last, enum status status) {
    struct link *link = context;
    pthread_mutex_lock(&link->lock);
    if (link->track)
        committed(link->track, first, last, status);
    pthread_mutex_unlock(&link->lock);
}

static struct link *link_create(struct track *t) {
    struct link *link = memory_get(1, sizeof *link);
    pthread_mutex_init(&link->lock, NULL);
    link->track = t;
    pthread_mutex_lock(&links_lock);
    link->next = links;
    links = link;
    pthread_mutex_unlock(&links_lock);
    return link;
}

/* --- life --- */

struct track *track_create(const struct serve_parts *parts, const struct track_options *options) {
    assert(options->threads >= 1 && options->threads <= HTTP_THREADS_MAX);
    struct track *t = memory_get(1, sizeof *t);
    t->parts = *parts;
    t->options = *options;
    pthread_mutex_init(&t->lock, NULL);
    for (unsigned i = 0; i < options->threads; i++)
        t->doors[i] = segment_door_create(parts->sources);
    if (options->requests_per_second)
        t->limits = limits_create(options->requests_per_second);
    t->link = link_create(t);
    log_on_commit(parts->log, link_committed, t->link);
    return t;
}

void track_free(struct track *t) {
    if (t == NULL)
        return;
    log_on_commit(t->parts.log, NULL, NULL);
    pthread_mutex_lock(&t->link->lock); /* the log's writer may be inside still */
    t->link->track = NULL;
    assert(t->first == NULL);
    pthread_mutex_unlock(&t->link->lock);
    for (unsigned i = 0; i < t->options.threads; i++)
        segment_door_free(t->doors[i]);
    limits_free(t->limits);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void track_close(struct track *t) {
    pthread_mutex_lock(&t->lock);
    t->closed = true;
    pthread_mutex_unlock(&t->lock);
}

/* True when the fold is too far behind to take more. */
static bool is_lagging(const struct track *t) {
    uint64_t durable = log_durable(t->parts.log), folded = history_position(t->parts.history);
    return durable > folded && durable - folded > t->options.lag_records_max;
}

/* --- in --- */

static void parse(struct track *t, struct http_request *request, struct segment_answer *answer) {
    struct segment_request in = {.path = request->path,
                                 .authorization = http_header(request, "Authorization"),
                                 .encoding = http_header(request, "Content-Encoding"),
                                 .body = request->body,
                                 .received_ms = os_now_ms(t->parts.os)};
    struct arena arena = {0};
    struct slice key;
    if (request->query.size && query_raw(request->query, "writeKey", &key) &&
        query_decode(key, true, &arena, &key) == STATUS_OK)
        in.write_key = key;
    else if (in.authorization.size == 0)
        in.write_key = http_header(request, "X-Write-Key");
    segment_accept(t->doors[request->thread], &in, answer);
    arena_release(&arena);
}

/* Appends and joins the queue as one step. */
static enum http_next append(struct track *t, struct http_request *request, const struct segment_answer *answer) {
    pthread_mutex_lock(&t->lock);
    enum status status =
        t->closed ? STATUS_CLOSED : log_append(t->parts.log, answer->records, answer->record_count, NULL);
    if (status != STATUS_OK) {
        pthread_mutex_unlock(&t->lock);
        answer_not_stored(t, request, status);
        return HTTP_ANSWERED;
    }
    request->position_first = answer->records[0].position;
    request->position = answer->records[answer->record_count - 1].position;
    request->next = NULL;
    assert(t->last == NULL || t->last->position < request->position);
    http_defer(request);
    if (t->last)
        t->last->next = request;
    else
        t->first = request;
    t->last = request;
    t->waiting++;
    pthread_mutex_unlock(&t->lock);
    return HTTP_DEFERRED;
}

enum http_next track_handle(struct track *t, struct http_request *request) {
    struct segment_answer answer = {0};
    request->answer.open_origin = true;
    atomic_fetch_add_explicit(&t->requests, 1, memory_order_relaxed);
    if (is_lagging(t)) {
        atomic_fetch_add(&t->lagging, 1);
        return turn_away(request, 429, "BUSY", "processing is too far behind; send this again a little later", 2);
    }
    parse(t, request, &answer);
    request->answer.code = answer.status == STATUS_OK ? 200 : status_http(answer.status);
    buffer_add_slice(&request->answer.body, answer.body);
    request->answer.authenticate = answer.status == STATUS_UNAUTHORIZED;
    atomic_fetch_add_explicit(&t->accepted, answer.record_count, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->rejected, answer.rejected_count, memory_order_relaxed);
    if (answer.status != STATUS_OK || answer.record_count == 0)
        return HTTP_ANSWERED;
    unsigned wait_s = t->limits ? limits_take(t->limits, answer.records[0].source, os_monotonic_ns(t->parts.os)) : 0;
    if (wait_s) {
        atomic_fetch_add(&t->limited, 1);
        request->answer.rate_limited = true;
        return turn_away(request, 429, "FULL", "this source sends more requests a second than it may", wait_s);
    }
    return append(t, request, &answer);
}

void track_settings(struct track *t, struct http_request *request, struct slice key) {
    struct fault fault = {0};
    struct http_answer *answer = &request->answer;
    answer->open_origin = true;
    enum status status =
        segment_settings(t->doors[request->thread], key, request->encrypted ? SLICE("https") : SLICE("http"),
                         http_header(request, "Host"), &answer->body, &fault);
    answer->code = 200;
    if (status != STATUS_OK)
        answer_fault(answer, status, &fault);
}

void track_counters_read(const struct track *t, struct track_counters *out) {
    pthread_mutex_lock(&((struct track *)(uintptr_t)t)->lock);
    *out = (struct track_counters){.waiting = t->waiting};
    pthread_mutex_unlock(&((struct track *)(uintptr_t)t)->lock);
    out->requests = t->requests;
    out->accepted = t->accepted;
    out->rejected = t->rejected;
    out->limited = t->limited;
    out->lagging = t->lagging;
    out->full = t->full;
    out->disk_full = t->disk_full;
    out->failed = t->failed;
}
