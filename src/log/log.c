/* log: appending, committing, retiring; see log.h for the contract. log_segment.c knows files, log_reader.c reads.
 *
 * Group commit: appenders copy into `pending` under the mutex; the committer swaps it for its empty buffer and, without
 * the mutex, seals the record headers, writes, syncs once and publishes. What arrives meanwhile is the next group, so
 * groups grow by themselves as the disk gets slower; waiting on purpose for more was measured and loses
 * (docs/why/2026-11-21-log.md).
 *
 * A group that does not fit into the segment is cut between records into parts, each written and synced on its own, in
 * order. A part that could not be written is zeroed again before it is reported, so "never will be durable" holds after
 * a crash too. */
#include "log/log_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SEGMENT_BYTES_DEFAULT (64ull << 20)
#define PENDING_BYTES_DEFAULT (32u << 20)
#define PENDING_BYTES_MAX (1u << 30)
#define RETENTION_DAYS_DEFAULT 30
#define RETRY_NS 1000000000ull
#define BLOCK_BYTES 4096
#define ZERO_AHEAD_BYTES (256u << 10)

/* Opening */

struct names {
    struct buffer firsts;    /* uint64_t each, ascending */
    struct buffer leftovers; /* zero-terminated names of segments that were being made */
};

static void name_seen(void *context, const char *name) {
    struct names *names = context;
    uint64_t first = segment_name_first(name);
    size_t size = strlen(name);
    if (first)
        buffer_add(&names->firsts, &first, sizeof first);
    else if (size > 8 && strcmp(name + size - 8, ".log.new") == 0)
        buffer_add(&names->leftovers, name, size + 1);
}

static enum status remove_leftovers(struct log *log, const struct names *names, struct fault *fault) {
    enum status status = STATUS_OK;
    struct buffer path = {0};
    for (size_t at = 0; at < names->leftovers.size && !status; at += strlen(names->leftovers.data + at) + 1) {
        buffer_clear(&path);
        buffer_print(&path, "%s/%s", log->folder, names->leftovers.data + at);
        status = os_remove(log->os, path.data, fault);
    }
    buffer_release(&path);
    return status;
}

/* Checks that `next` follows `segment` [L4], which tells where that one ends. */
static enum status chain(const struct log *log, struct segment *segment, const struct segment *next,
                         struct fault *fault) {
    if (next->header.previous_first != segment->header.first)
        return fault_set(fault, STATUS_DAMAGED, "%s: the segment %020llu.log before %020llu.log is missing",
                         log->folder, (unsigned long long)next->header.previous_first,
                         (unsigned long long)next->header.first);
    segment->end = next->header.previous_end;
    if (segment->end < SEGMENT_HEADER_BYTES || segment->end > segment->file_bytes)
        return fault_set(fault, STATUS_DAMAGED,
                         "%s/%020llu.log: it is %llu bytes long, its records ended at offset %llu", log->folder,
                         (unsigned long long)segment->header.first, (unsigned long long)segment->file_bytes,
                         (unsigned long long)segment->end);
    return STATUS_OK;
}

static enum status open_segments(struct log *log, const uint64_t *firsts, size_t count, struct fault *fault) {
    log->segments = memory_get(count, sizeof *log->segments);
    for (size_t i = 0; i < count; i++) {
        struct os_file *file;
        struct segment *segment = &log->segments[i];
        int flags = i + 1 == count ? OS_WRITE : OS_READ;
        enum status status = segment_open(log->os, log->folder, firsts[i], flags, &file, segment, fault);
        if (status)
            return status;
        log->segment_count = i + 1;
        if (i + 1 == count)
            log->tail.file = file;
        else
            os_close(log->os, file);
        status = i > 0 ? chain(log, segment - 1, segment, fault) : STATUS_OK;
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* Finds the end of what is there, and starts after it. */
static enum status recover(struct log *log, struct fault *fault) {
    struct segment *last = &log->segments[log->segment_count - 1];
    uint64_t position = 0;
    enum status status = segment_recover(log->os, log->folder, log->tail.file, last, &position, fault);
    if (status)
        return status;
    bool empty = position == 0;
    log->tail.header = last->header;
    log->tail.end = log->tail.zeroed = last->end;
    log->tail.file_bytes = last->file_bytes;
    log->tail.last = empty ? last->header.previous_last : position;
    log->next_position = empty ? last->header.first : position + 1;
    atomic_store(&log->durable, log->tail.last);
    assert(log->next_position > log->tail.last);
    return STATUS_OK;
}

/* Makes the segment whose first position is `first`; `bytes` is its length at least. The tail moves there. */
static enum status add_segment(struct log *log, uint64_t first, uint64_t bytes, struct fault *fault) {
    struct segment_header header = {.first = first, .segment_bytes = log->options.segment_bytes};
    if (bytes > header.segment_bytes)
        header.segment_bytes = (bytes + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
    header.created_ms = os_now_ms(log->os);
    os_random(log->os, &header.salt, sizeof header.salt);
    if (log->segment_count) {
        assert(log->tail.end > SEGMENT_HEADER_BYTES); /* an empty one grows instead */
        header.previous_first = log->tail.header.first;
        header.previous_end = log->tail.end;
        header.previous_last = log->tail.last;
    }
    struct os_file *file;
    struct segment segment;
    enum status status = segment_create(log->os, log->folder, &header, &file, &segment, fault);
    if (status)
        return status;
    os_close(log->os, log->tail.file);
    log->tail.file = file;
    log->tail.header = segment.header;
    log->tail.end = log->tail.zeroed = segment.end;
    log->tail.file_bytes = segment.file_bytes;
    pthread_mutex_lock(&log->mutex);
    log->segments = memory_resize(log->segments, log->segment_count + 1, sizeof *log->segments);
    log->segments[log->segment_count++] = segment;
    pthread_mutex_unlock(&log->mutex);
    return STATUS_OK;
}

static enum status open_folder(struct log *log, struct fault *fault) {
    struct names names = {0};
    enum status status = os_make_folder(log->os, log->folder, fault);
    if (!status)
        status = os_list(log->os, log->folder, name_seen, &names, fault);
    if (!status)
        status = remove_leftovers(log, &names, fault);
    if (!status && names.firsts.size == 0) {
        log->next_position = 1;
        status = add_segment(log, 1, 0, fault);
    } else if (!status) {
        status = open_segments(log, (const uint64_t *)names.firsts.data, names.firsts.size / 8, fault);
        if (!status)
            status = recover(log, fault);
        if (!status) /* names an ended process left unsynced */
            status = os_sync_folder(log->os, log->folder, fault);
    }
    buffer_release(&names.firsts);
    buffer_release(&names.leftovers);
    return status;
}

static struct log_options options_filled(const struct log_options *given) {
    struct log_options options = given ? *given : (struct log_options){.retention_days = RETENTION_DAYS_DEFAULT};
    if (!options.segment_bytes)
        options.segment_bytes = SEGMENT_BYTES_DEFAULT;
    if (!options.pending_bytes)
        options.pending_bytes = PENDING_BYTES_DEFAULT;
    if (options.pending_bytes > PENDING_BYTES_MAX)
        options.pending_bytes = PENDING_BYTES_MAX;
    if (options.segment_bytes < 2 * BLOCK_BYTES)
        options.segment_bytes = 2 * BLOCK_BYTES;
    if (options.segment_bytes > SEGMENT_BYTES_MAX)
        options.segment_bytes = SEGMENT_BYTES_MAX;
    options.segment_bytes = (options.segment_bytes + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
    return options;
}

static void release(struct log *log) {
    os_close(log->os, log->tail.file);
    for (size_t i = 0; i < log->segment_count; i++)
        segment_release(&log->segments[i]);
    free(log->segments);
    buffer_release(&log->pending);
    buffer_release(&log->writing);
    pthread_cond_destroy(&log->work);
    pthread_cond_destroy(&log->durable_moved);
    pthread_mutex_destroy(&log->mutex);
    free(log->folder);
    free(log);
}

enum status log_open(struct os *os, const char *folder, const struct log_options *options, struct log **out,
                     struct fault *fault) {
    struct log *log = memory_get(1, sizeof *log);
    log->os = os;
    log->folder = memory_text(slice_text(folder));
    log->options = options_filled(options);
    pthread_mutex_init(&log->mutex, NULL);
    pthread_cond_init(&log->work, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->durable_moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = NULL;
    enum status status = open_folder(log, fault);
    if (status)
        release(log);
    else
        *out = log;
    return status;
}

/* Committing */

static struct record_header header_read(const struct buffer *group, size_t at) {
    struct record_header header;
    assert(at + RECORD_HEADER_BYTES <= group->size);
    memcpy(&header, group->data + at, sizeof header);
    return header;
}

/* Some records of the group that go into one segment and under one sync. */
struct part {
    size_t from, to; /* offsets in the group */
    uint64_t first, last;
    uint64_t record_count;
};

/* As many records from `from` as end before `room` bytes are used; their headers become final. */
static struct part seal(struct buffer *group, size_t from, uint64_t room, uint32_t salt) {
    struct part part = {.from = from, .to = from, .first = header_read(group, from).position};
    while (part.to < group->size) {
        struct record_header header = header_read(group, part.to);
        uint64_t bytes = record_padded(header.length);
        if (part.to - from + bytes > room)
            break;
        header.group_offset = (uint32_t)(part.to - from);
        header.header_crc = record_header_crc(&header, salt);
        assert(header.position > part.last); /* [L6] */
        memcpy(group->data + part.to, &header, sizeof header);
        part.last = header.position;
        part.record_count++;
        part.to += bytes;
    }
    assert(part.to > from);
    return part;
}

static uint64_t retry_at(const struct log *log) { return os_monotonic_ns(log->os) + RETRY_NS; }

/* Makes room for a record of `bytes` at position `first`. The mutex is not held. */
static enum status grow(struct log *log, uint64_t first, uint64_t bytes, struct fault *fault) {
    pthread_mutex_lock(&log->mutex);
    enum status refuse = log->refuse && os_monotonic_ns(log->os) < log->refuse_until_ns ? log->refuse : STATUS_OK;
    pthread_mutex_unlock(&log->mutex);
    if (refuse)
        return fault_set(fault, refuse, "%s: the log cannot grow: %s", log->folder, status_text(refuse));
    enum status status;
    if (log->tail.end > SEGMENT_HEADER_BYTES) {
        status = add_segment(log, first, SEGMENT_HEADER_BYTES + bytes, fault);
    } else { /* an empty segment is too small for it */
        uint64_t need = (log->tail.end + bytes + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
        status = os_allocate(log->os, log->tail.file, need, fault);
        log->tail.file_bytes = status ? log->tail.file_bytes : need;
    }
    pthread_mutex_lock(&log->mutex);
    log->refuse = status;
    log->refuse_until_ns = retry_at(log);
    log->segments[log->segment_count - 1].file_bytes = log->tail.file_bytes;
    pthread_mutex_unlock(&log->mutex);
    return status;
}

/* Small groups find their blocks written with zeros already: their sync has no file metadata to commit, which takes a
 * third off it (docs/why/2026-11-21-log.md). */
static enum status zero_ahead(struct log *log, uint64_t end, uint64_t group_bytes, struct fault *fault) {
    struct log_tail *tail = &log->tail;
    if (end <= tail->zeroed)
        return STATUS_OK;
    uint64_t to = (end + ZERO_AHEAD_BYTES) & ~(uint64_t)(BLOCK_BYTES - 1);
    if (to > tail->file_bytes)
        to = tail->file_bytes;
    if (group_bytes > ZERO_AHEAD_BYTES / 8)
        to = end; /* the group's own bytes outweigh what it would save */
    enum status status = segment_zero(log->os, tail->file, end, to, fault);
    if (!status)
        tail->zeroed = to;
    return status;
}

static enum status write_part(struct log *log, const struct part *part, uint64_t *sync_ns, struct fault *fault) {
    struct log_tail *tail = &log->tail;
    uint64_t bytes = part->to - part->from;
    assert(tail->end % 8 == 0 && tail->end + bytes <= tail->file_bytes && part->first > tail->last);
    enum status status = os_write_at(log->os, tail->file, log->writing.data + part->from, bytes, tail->end, fault);
    if (!status)
        status = zero_ahead(log, tail->end + bytes, bytes, fault);
    if (status) { /* what did reach the file must not come back after a crash [L9] */
        struct fault wipe;
        if (segment_zero(log->os, tail->file, tail->end, tail->end + bytes, &wipe)) {
            os_stop(log->os, wipe.text);
            return fault_set(fault, STATUS_CLOSED, "%s", wipe.text);
        }
        return segment_sync(log->os, tail->file, NULL) ? STATUS_CLOSED : status;
    }
    uint64_t start = os_monotonic_ns(log->os);
    status = segment_sync(log->os, tail->file, fault);
    *sync_ns = os_monotonic_ns(log->os) - start;
    if (!status) {
        tail->end += bytes;
        tail->last = part->last;
    }
    return status;
}

static void publish(struct log *log, const struct part *part, uint64_t sync_ns) {
    uint64_t bytes = part->to - part->from;
    pthread_mutex_lock(&log->mutex);
    struct segment *segment = &log->segments[log->segment_count - 1];
    assert(segment->header.first == log->tail.header.first && segment->end + bytes == log->tail.end);
    assert(part->first > atomic_load(&log->durable));
    segment_mark_add(segment, part->first, segment->end);
    segment->end = log->tail.end;
    assert(log->writing_bytes >= bytes);
    log->writing_bytes -= bytes;
    log->counters.record_count += part->record_count;
    log->counters.byte_count += bytes;
    log->counters.group_count++;
    log->counters.sync_ns_total += sync_ns;
    atomic_store(&log->durable, part->last);
    pthread_cond_broadcast(&log->durable_moved);
    pthread_mutex_unlock(&log->mutex);
}

static void report(struct log *log, uint64_t first, uint64_t last, enum status status) {
    pthread_mutex_lock(&log->mutex);
    log_commit_callback callback = log->on_commit;
    void *context = log->on_commit_context;
    pthread_mutex_unlock(&log->mutex);
    if (callback)
        callback(context, first, last, status);
}

/* Makes room, seals, writes, syncs and publishes what of the group from `from` fits into one segment. */
static enum status commit_part(struct log *log, size_t from, struct part *part, struct fault *fault) {
    struct record_header header = header_read(&log->writing, from);
    uint64_t bytes = record_padded(header.length), sync_ns = 0;
    enum status status = STATUS_OK;
    if (bytes > log->tail.file_bytes - log->tail.end)
        status = grow(log, header.position, bytes, fault);
    if (status)
        return status;
    *part = seal(&log->writing, from, log->tail.file_bytes - log->tail.end, log->tail.header.salt);
    status = write_part(log, part, &sync_ns, fault);
    if (!status)
        publish(log, part, sync_ns);
    return status;
}

/* Commits the `writing` group, whose last position is `last`; returns the first failure. */
static enum status commit_group(struct log *log, uint64_t last, struct fault *fault) {
    enum status status = STATUS_OK;
    size_t at = 0;
    while (at < log->writing.size && !status) {
        struct part part;
        status = commit_part(log, at, &part, fault);
        if (!status) {
            at = part.to;
            report(log, part.first, part.last, STATUS_OK);
        }
    }
    pthread_mutex_lock(&log->mutex);
    log->writing_bytes = 0;
    log->dead = status == STATUS_CLOSED;
    if (log->dead)
        pthread_cond_broadcast(&log->durable_moved);
    pthread_mutex_unlock(&log->mutex);
    if (status && status != STATUS_CLOSED) /* a gap in the positions */
        report(log, header_read(&log->writing, at).position, last, status);
    buffer_clear(&log->writing);
    return status;
}

/* Moves pending to writing; returns the last position in it. The mutex is held. */
static uint64_t take_pending(struct log *log) {
    assert(log->writing.size == 0 && log->writing_bytes == 0);
    struct buffer empty = log->writing;
    log->writing = log->pending;
    log->pending = empty;
    log->writing_bytes = log->writing.size;
    return log->next_position - 1;
}

static void *writer_run(void *context) {
    struct log *log = context;
    pthread_setname_np(pthread_self(), "log-writer");
    pthread_mutex_lock(&log->mutex);
    while (!log->dead) {
        while (!log->pending.size && !log->closing) {
            log->writer_idle = true;
            pthread_cond_wait(&log->work, &log->mutex);
            log->writer_idle = false;
        }
        if (!log->pending.size)
            break;
        uint64_t last = take_pending(log);
        pthread_mutex_unlock(&log->mutex);
        struct fault fault;
        enum status status = commit_group(log, last, &fault);
        if (status == STATUS_IO) /* a full disk is seen in the counters; a failing one should be seen at once */
            fprintf(stderr, "onefold: log: %s\n", fault.text);
        pthread_mutex_lock(&log->mutex);
    }
    pthread_mutex_unlock(&log->mutex);
    return NULL;
}

enum status log_start(struct log *log, struct fault *fault) {
    assert(!log->writer_running && !log->closing);
    int error = pthread_create(&log->writer, NULL, writer_run, log);
    if (error)
        return fault_set(fault, STATUS_NO_MEMORY, "cannot start the log's writer thread (error %d)", error);
    log->writer_running = true;
    return STATUS_OK;
}

enum status log_commit(struct log *log, struct fault *fault) {
    assert(!log->writer_running);
    pthread_mutex_lock(&log->mutex);
    bool dead = log->dead, pending = log->pending.size != 0;
    uint64_t last = pending && !dead ? take_pending(log) : 0;
    pthread_mutex_unlock(&log->mutex);
    if (dead)
        return fault_set(fault, STATUS_CLOSED, "%s: the log has stopped", log->folder);
    return pending ? commit_group(log, last, fault) : STATUS_OK;
}

void log_on_commit(struct log *log, log_commit_callback callback, void *context) {
    pthread_mutex_lock(&log->mutex);
    log->on_commit = callback;
    log->on_commit_context = context;
    pthread_mutex_unlock(&log->mutex);
}

void log_close(struct log *log) {
    if (!log)
        return;
    pthread_mutex_lock(&log->mutex);
    assert(!log->closing && log->reader_count == 0);
    log->closing = true;
    pthread_cond_signal(&log->work);
    pthread_cond_broadcast(&log->durable_moved);
    pthread_mutex_unlock(&log->mutex);
    if (log->writer_running)
        pthread_join(log->writer, NULL);
    log->writer_running = false;
    if (log_commit(log, NULL)) {
        /* on_commit told */
    }
    pthread_mutex_lock(&log->mutex);
    while (log->waiter_count)
        pthread_cond_wait(&log->durable_moved, &log->mutex);
    pthread_mutex_unlock(&log->mutex);
    release(log);
}

/* Appending */

/* Whether `bytes` more may wait. The mutex is held. */
static enum status admit(struct log *log, uint64_t bytes, struct fault *fault) {
    uint64_t waiting = log->pending.size + log->writing_bytes;
    if (log->closing || log->dead)
        return fault_set(fault, STATUS_CLOSED, "the log is closing");
    if (log->refuse && os_monotonic_ns(log->os) < log->refuse_until_ns)
        return fault_set(fault, log->refuse, "%s: the log cannot grow: %s", log->folder, status_text(log->refuse));
    if (waiting && waiting + bytes > log->options.pending_bytes)
        return fault_set(fault, STATUS_FULL, "%llu bytes wait for the disk already, of %zu that may",
                         (unsigned long long)waiting, log->options.pending_bytes);
    return STATUS_OK;
}

/* Bytes the records will take, or TOO_LARGE. */
static enum status measure(const struct log_record *records, size_t count, uint64_t *bytes, struct fault *fault) {
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (records[i].payload.size > LOG_RECORD_BYTES_MAX)
            return fault_set(fault, STATUS_TOO_LARGE, "a record of %zu bytes is larger than the limit of %u",
                             records[i].payload.size, LOG_RECORD_BYTES_MAX);
        *bytes += record_padded(RECORD_HEADER_BYTES + records[i].payload.size);
    }
    return STATUS_OK;
}

/* Gives the record the next position and copies it, padded, to pending. The mutex is held and room reserved. */
static void add_pending(struct log *log, struct log_record *record, uint32_t payload_crc) {
    struct record_header header = {.length = (uint32_t)(RECORD_HEADER_BYTES + record->payload.size),
                                   .position = log->next_position++,
                                   .received_ms = record->received_ms,
                                   .kind = record->kind,
                                   .source = record->source,
                                   .flags = record->flags,
                                   .payload_crc = payload_crc};
    static const char padding[8];
    record->position = header.position;
    buffer_add(&log->pending, &header, sizeof header);
    buffer_add_slice(&log->pending, record->payload);
    buffer_add(&log->pending, padding, record_padded(header.length) - header.length);
    assert(log->pending.size % 8 == 0);
}

enum status log_append(struct log *log, struct log_record *records, size_t count, struct fault *fault) {
    uint64_t bytes;
    enum status status = measure(records, count, &bytes, fault);
    if (status || count == 0)
        return status;
    uint32_t few[256], *crcs = count <= 256 ? few : memory_get(count, sizeof *crcs); /* made without the mutex */
    for (size_t i = 0; i < count; i++)
        crcs[i] = crc32c(0, records[i].payload.data, records[i].payload.size);
    pthread_mutex_lock(&log->mutex);
    status = admit(log, bytes, fault);
    if (!status) {
        buffer_reserve(&log->pending, bytes);
        for (size_t i = 0; i < count; i++)
            add_pending(log, &records[i], crcs[i]);
        if (log->writer_idle)
            pthread_cond_signal(&log->work);
    }
    pthread_mutex_unlock(&log->mutex);
    if (crcs != few)
        free(crcs);
    return status;
}

uint64_t log_durable(const struct log *log) { return atomic_load(&log->durable); }

uint64_t log_wait(struct log *log, uint64_t position, unsigned timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* how long a thread really sleeps is not the simulation's to say */
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)timeout_ms * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&log->mutex);
    log->waiter_count++;
    int timed_out = 0;
    while (atomic_load(&log->durable) <= position && !log->closing && !log->dead && timed_out != ETIMEDOUT)
        timed_out = pthread_cond_timedwait(&log->durable_moved, &log->mutex, &until);
    uint64_t durable = atomic_load(&log->durable);
    if (--log->waiter_count == 0 && log->closing)
        pthread_cond_broadcast(&log->durable_moved);
    pthread_mutex_unlock(&log->mutex);
    return durable;
}

/* The log is const to callers; its mutex is not part of what they see. */
static pthread_mutex_t *mutex_of(const struct log *log) { return &((struct log *)(uintptr_t)log)->mutex; }

uint64_t log_first(const struct log *log) {
    pthread_mutex_lock(mutex_of(log));
    uint64_t first = log->segments[0].header.first, after = atomic_load(&log->durable) + 1;
    pthread_mutex_unlock(mutex_of(log));
    return first < after ? first : after;
}

void log_counters_read(const struct log *log, struct log_counters *out) {
    pthread_mutex_lock(mutex_of(log));
    *out = log->counters;
    out->segment_count = log->segment_count;
    out->disk_bytes = 0;
    for (size_t i = 0; i < log->segment_count; i++)
        out->disk_bytes += log->segments[i].file_bytes;
    out->pending_bytes = log->pending.size + log->writing_bytes;
    out->waiters = log->waiter_count;
    out->disk_full = log->refuse == STATUS_DISK_FULL;
    pthread_mutex_unlock(mutex_of(log));
}

/* Retiring */

/* The oldest segment's first position where it may go, or 0. */
static uint64_t retirable(struct log *log, uint64_t checkpointed, int64_t now_ms) {
    uint64_t first = 0;
    pthread_mutex_lock(&log->mutex);
    if (log->segment_count > 1) {
        const struct segment_header *next = &log->segments[1].header;
        if (next->previous_last <= checkpointed &&
            now_ms - next->created_ms > (int64_t)log->options.retention_days * 86400000)
            first = log->segments[0].header.first;
    }
    pthread_mutex_unlock(&log->mutex);
    return first;
}

/* Removes the oldest segment for good, before the next may go: the files are a chain without holes [L4]. */
static enum status retire_oldest(struct log *log, uint64_t first) {
    struct fault fault;
    struct buffer path = {0};
    segment_path(&path, log->folder, first);
    enum status status = os_remove(log->os, path.data, &fault);
    if (status == STATUS_NOT_FOUND) /* somebody removed it by hand */
        status = STATUS_OK;
    if (!status && os_sync_folder(log->os, log->folder, &fault)) {
        os_stop(log->os, fault.text);
        status = STATUS_CLOSED;
    }
    buffer_release(&path);
    if (status)
        return status;
    pthread_mutex_lock(&log->mutex);
    assert(log->segment_count > 1 && log->segments[0].header.first == first);
    segment_release(&log->segments[0]);
    log->segment_count--;
    memmove(log->segments, log->segments + 1, log->segment_count * sizeof *log->segments);
    pthread_mutex_unlock(&log->mutex);
    return STATUS_OK;
}

size_t log_retire(struct log *log, uint64_t checkpointed, int64_t now_ms) {
    size_t removed = 0;
    uint64_t first;
    assert(checkpointed <= log_durable(log));
    if (log->options.retention_days == 0)
        return 0;
    while ((first = retirable(log, checkpointed, now_ms)) != 0 && retire_oldest(log, first) == STATUS_OK)
        removed++;
    return removed;
}
