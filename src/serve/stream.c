/* stream: see the header.
 *
 * No entry is lost between "I read to the end and found nothing" (a server thread) and "here is one for you" (the hub): before a server
 * thread reads the feed it clears `behind`; the hub sets it when an entry concerns the stream; the stream counts as idle only where it
 * is still clear. Only for an idle stream the hub moves the place over what does not concern it, so that the many that want little
 * do not look at everything again.
 *
 * Locks: `lock` guards the list and all places; a connection's lock inside http is taken under it, nothing else. */
#include "serve/stream.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define READ_ENTRIES 256
#define HUB_ENTRIES 1024
#define OUT_BYTES (32u << 10) /* written ahead of the socket for one stream */
#define TURNS_MAX 64          /* reads in vain before others on this thread have their turn */
#define SILENCE_NS 10000000000ull

struct stream {
    struct streams *streams;
    struct stream *before, *after;
    struct http_request *request;
    struct entry_filter filter; /* its arrays are ours */
    /* Under the lock. */
    struct feed_place place; /* read and written out up to here */
    bool behind, idle, beat;
    uint64_t said_ns;
    /* The server thread's own. */
    struct entry_writer *writer;
    struct buffer out;
    size_t sent;
};

struct streams {
    struct os *os;
    struct entry_parts parts;
    struct feed *feed;
    pthread_t hub;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool moved, closing;
    struct feed_place place; /* the hub has shown everything up to here */
    struct stream *first;
    _Atomic uint64_t open, opened, entries;
};

static bool place_before(struct feed_place a, struct feed_place b) {
    return a.position < b.position || (a.position == b.position && a.order < b.order);
}

static struct feed_place place_of(const struct feed_entry *e) { return (struct feed_place){e->position, e->order}; }

/* --- writing: server threads --- */

static void write_event(struct stream *s, const struct audience_snapshot *snapshot, const struct feed_entry *entry) {
    struct json_writer w = {.out = &s->out};
    char id[ENTRY_ID_BYTES];
    buffer_add_slice(&s->out, SLICE("id: "));
    buffer_add_slice(&s->out, slice_text(entry_id(place_of(entry), id)));
    buffer_add_slice(&s->out, SLICE("\nevent: "));
    buffer_add_slice(&s->out, slice_text(feed_kind_name(entry->kind)));
    buffer_add_slice(&s->out, SLICE("\ndata: "));
    entry_write(s->writer, snapshot, entry, &w);
    buffer_add(&s->out, "\n\n", 2);
}

/* Reads and writes out what follows `place`; moves it; true where the end was reached. */
static bool write_entries(struct stream *s, struct feed_place *place) {
    struct feed_entry entries[READ_ENTRIES];
    struct audience_snapshot *snapshot = NULL;
    size_t count = feed_read(s->streams->feed, *place, entries, READ_ENTRIES), written = 0, i = 0;
    for (; i < count && s->out.size < OUT_BYTES; i++) {
        *place = place_of(&entries[i]);
        if (!entry_wanted(&s->filter, &entries[i]))
            continue;
        snapshot = snapshot ? snapshot : audience_snapshot(s->streams->parts.audience);
        write_event(s, snapshot, &entries[i]);
        written++;
    }
    if (snapshot)
        audience_snapshot_release(snapshot);
    atomic_fetch_add_explicit(&s->streams->entries, written, memory_order_relaxed);
    return i == count && count < READ_ENTRIES;
}

/* A comment with the place, for those who resume. */
static void write_beat(struct stream *s, struct feed_place place) {
    char id[ENTRY_ID_BYTES];
    buffer_print(&s->out, "id: %s\n: still here\n\n", entry_id(place, id));
}

/* Fills `out` with what there is; false where the server is closing. */
static bool refill(struct stream *s) {
    struct streams *streams = s->streams;
    bool end = false;
    s->sent = 0;
    buffer_clear(&s->out);
    for (unsigned turn = 0; !end && s->out.size == 0; turn++) {
        pthread_mutex_lock(&streams->lock);
        struct feed_place place = s->place;
        bool closing = streams->closing;
        s->behind = s->idle = false;
        pthread_mutex_unlock(&streams->lock);
        if (closing)
            return false;
        end = write_entries(s, &place);
        pthread_mutex_lock(&streams->lock);
        s->place = place;
        s->idle = end && !s->behind;
        if (s->out.size == 0 && (s->beat || turn == TURNS_MAX))
            write_beat(s, place);
        s->beat = false;
        if (s->out.size)
            s->said_ns = os_monotonic_ns(streams->os);
        pthread_mutex_unlock(&streams->lock);
    }
    return true;
}

static long fill(void *context, char *into, size_t room) {
    struct stream *s = context;
    if (s->sent == s->out.size && !refill(s))
        return HTTP_STREAM_END;
    size_t count = s->out.size - s->sent < room ? s->out.size - s->sent : room;
    if (count)
        memcpy(into, s->out.data + s->sent, count);
    s->sent += count;
    return (long)count;
}

static void stream_free(struct stream *s) {
    entry_writer_free(s->writer);
    free((void *)(uintptr_t)s->filter.segments);
    free((void *)(uintptr_t)s->filter.types);
    buffer_release(&s->out);
    free(s);
}

static void leave(void *context) {
    struct stream *s = context;
    struct streams *streams = s->streams;
    pthread_mutex_lock(&streams->lock);
    if (s->before)
        s->before->after = s->after;
    else
        streams->first = s->after;
    if (s->after)
        s->after->before = s->before;
    pthread_mutex_unlock(&streams->lock);
    atomic_fetch_sub(&streams->open, 1);
    stream_free(s);
}

/* --- the hub --- */

static bool concerns(const struct stream *s, const struct feed_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (entry_wanted(&s->filter, &entries[i]))
            return true;
    }
    return false;
}

/* Under the lock. `end`: the place of the last of these entries. */
static void show_to_all(struct streams *streams, const struct feed_entry *entries, size_t count,
                        struct feed_place end) {
    for (struct stream *s = streams->first; s; s = s->after) {
        if (concerns(s, entries, count)) {
            s->behind = true;
            s->idle = false;
            http_stream_wake(s->request);
        } else if (s->idle && place_before(s->place, end)) {
            s->place = end;
        }
    }
}

/* Under the lock, dropped while the feed is read. */
static void show_news(struct streams *streams) {
    struct feed_entry entries[HUB_ENTRIES];
    size_t count;
    do {
        struct feed_place place = streams->place;
        pthread_mutex_unlock(&streams->lock);
        count = feed_read(streams->feed, place, entries, HUB_ENTRIES);
        pthread_mutex_lock(&streams->lock);
        if (count == 0)
            break;
        place = place_of(&entries[count - 1]);
        show_to_all(streams, entries, count, place);
        if (place_before(streams->place, place))
            streams->place = place;
    } while (!streams->closing);
}

/* Under the lock. */
static void break_silence(struct streams *streams) {
    uint64_t now = os_monotonic_ns(streams->os);
    for (struct stream *s = streams->first; s; s = s->after) {
        if (now - s->said_ns < SILENCE_NS)
            continue;
        s->beat = true;
        s->said_ns = now;
        http_stream_wake(s->request);
    }
}

/* Under the lock: waits for news, at most a second. */
static void wait_for_news(struct streams *streams) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    while (!streams->moved && !streams->closing) {
        if (pthread_cond_timedwait(&streams->work, &streams->lock, &until) == ETIMEDOUT)
            break;
    }
}

static void *hub_run(void *context) {
    struct streams *streams = context;
    pthread_mutex_lock(&streams->lock);
    while (!streams->closing) {
        wait_for_news(streams);
        bool moved = streams->moved;
        streams->moved = false;
        if (moved)
            show_news(streams);
        break_silence(streams);
    }
    pthread_mutex_unlock(&streams->lock);
    return NULL;
}

/* The fold's thread. */
static void on_publish(void *context) {
    struct streams *streams = context;
    if (atomic_load_explicit(&streams->open, memory_order_seq_cst) == 0)
        return;
    pthread_mutex_lock(&streams->lock);
    streams->moved = true;
    pthread_cond_signal(&streams->work);
    pthread_mutex_unlock(&streams->lock);
}

/* --- coming and going --- */

struct streams *streams_create(struct os *os, const struct entry_parts *parts) {
    struct streams *streams = memory_get(1, sizeof *streams);
    pthread_condattr_t monotonic;
    streams->os = os;
    streams->parts = *parts;
    streams->feed = audience_feed(parts->audience);
    pthread_mutex_init(&streams->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&streams->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&streams->hub, NULL, hub_run, streams) != 0)
        abort();
    feed_on_publish(streams->feed, on_publish, streams);
    return streams;
}

void streams_close(struct streams *streams) {
    if (streams == NULL)
        return;
    feed_on_publish(streams->feed, NULL, streams);
    pthread_mutex_lock(&streams->lock);
    streams->closing = true;
    for (struct stream *s = streams->first; s; s = s->after)
        http_stream_wake(s->request);
    pthread_cond_signal(&streams->work);
    pthread_mutex_unlock(&streams->lock);
    pthread_join(streams->hub, NULL);
}

void streams_free(struct streams *streams) {
    if (streams == NULL)
        return;
    assert(streams->first == NULL && streams->closing);
    pthread_mutex_destroy(&streams->lock);
    pthread_cond_destroy(&streams->work);
    free(streams);
}

static void *copy(const void *from, size_t count, size_t size) {
    void *to = memory_get(count + 1, size);
    if (count)
        memcpy(to, from, count * size);
    return to;
}

static struct stream *stream_create(struct streams *streams, struct http_request *request,
                                    const struct entry_filter *filter, struct feed_place after) {
    struct stream *s = memory_get(1, sizeof *s);
    s->streams = streams;
    s->request = request;
    s->filter = *filter;
    s->filter.segments = copy(filter->segments, filter->segment_count, sizeof *filter->segments);
    s->filter.types = copy(filter->types, filter->type_count, sizeof *filter->types);
    s->place = after;
    s->said_ns = os_monotonic_ns(streams->os);
    s->writer = entry_writer_create(&streams->parts);
    return s;
}

/* The first bytes: the client sees that it is connected, and how long to wait before it comes back. */
static void greet(struct stream *s, struct feed_place after) {
    struct feed_place first = feed_first(s->streams->feed);
    char a[ENTRY_ID_BYTES], b[ENTRY_ID_BYTES];
    buffer_print(&s->out, "retry: 1000\n\n");
    if (feed_dropped(s->streams->feed) && place_before(after, first))
        buffer_print(&s->out, "event: gap\ndata: {\"after\":\"%s\",\"first\":\"%s\"}\n\n", entry_id(after, a),
                     entry_id(first, b));
}

enum status streams_open(struct streams *streams, struct http_request *request, const struct entry_filter *filter,
                         struct feed_place after) {
    if (atomic_load(&streams->open) >= STREAMS_MAX)
        return STATUS_BUSY;
    struct stream *s = stream_create(streams, request, filter, after);
    greet(s, after);
    pthread_mutex_lock(&streams->lock);
    if (streams->closing) {
        pthread_mutex_unlock(&streams->lock);
        stream_free(s);
        return STATUS_CLOSED;
    }
    atomic_fetch_add(&streams->open, 1);
    atomic_fetch_add(&streams->opened, 1);
    s->after = streams->first;
    if (s->after)
        s->after->before = s;
    else /* nobody was there to be shown anything: what is published already, it reads itself */
        streams->place = (struct feed_place){feed_published(streams->feed), UINT32_MAX};
    streams->first = s;
    pthread_mutex_unlock(&streams->lock);
    request->answer.code = 200;
    request->answer.content_type = "text/event-stream";
    request->answer.source = (struct http_source){s, fill, leave};
    return STATUS_OK;
}

void stream_counters_read(struct streams *streams, struct stream_counters *out) {
    *out = (struct stream_counters){streams->open, streams->opened, streams->entries};
}
