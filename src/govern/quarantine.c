/* quarantine: see the header. The index by position serves replays, which ask for one raw record's entries at a time.
 * */
#include "govern/quarantine.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "govern/govern_inside.h"
#include "os/image.h"

#define FIELD_BYTES_MAX 255
#define TEXT_BYTES_MAX 400

static const struct reason {
    const char *name, *english, *chinese;
} reasons[] = {
#define QUARANTINE(name, english, chinese) {#name, english, chinese},
#include "govern/quarantine.def"
#undef QUARANTINE
};

const char *quarantine_reason_name(enum quarantine_reason reason) { return reasons[reason].name; }

void quarantine_init(struct quarantine *q) {
    *q = (struct quarantine){0};
    int failed = pthread_mutex_init(&q->lock, NULL);
    assert(!failed);
    (void)failed;
}

void quarantine_release(struct quarantine *q) {
    pthread_mutex_destroy(&q->lock);
    free(q->entries);
    free(q->by_position);
    free(q->counts);
    buffer_release(&q->text);
}

/* --- index by position --- */

static uint32_t *position_slot(const struct quarantine *q, uint64_t position) {
    uint32_t at = (uint32_t)hash_mix(position) & q->position_mask;
    while (q->by_position[at] && q->entries[q->by_position[at] - 1].position != position)
        at = (at + 1) & q->position_mask;
    return &q->by_position[at];
}

static uint32_t last_of_position(const struct quarantine *q, uint64_t position) {
    return q->by_position ? *position_slot(q, position) : 0;
}

static void index_grow(struct quarantine *q) {
    uint32_t *old = q->by_position, old_slots = old ? q->position_mask + 1 : 0;
    q->position_mask = old_slots ? old_slots * 2 - 1 : 1023;
    q->by_position = memory_get((size_t)q->position_mask + 1, sizeof *q->by_position);
    for (uint32_t i = 0; i < old_slots; i++)
        if (old[i])
            *position_slot(q, q->entries[old[i] - 1].position) = old[i];
    free(old);
}

/* Links the last entry into its position's chain. */
static void index_last(struct quarantine *q) {
    if (!q->by_position || (q->position_count + 1) * 2 > q->position_mask)
        index_grow(q);
    struct quarantine_stored *last = &q->entries[q->count - 1];
    uint32_t *slot = position_slot(q, last->position);
    q->position_count += *slot == 0;
    last->previous = *slot;
    *slot = q->count;
}

/* --- adding and repairing --- */

static struct quarantine_count *count_of(struct quarantine *q, uint16_t source, uint8_t reason) {
    if (source >= q->source_count) {
        uint32_t grown = source + 1u > q->source_count * 2 ? source + 1u : q->source_count * 2;
        q->counts = memory_resize(q->counts, grown, sizeof *q->counts);
        memset(q->counts[q->source_count], 0, (grown - q->source_count) * sizeof *q->counts);
        q->source_count = grown;
    }
    return &q->counts[source][reason];
}

static void waiting_changes(struct quarantine *q, struct quarantine_count *count, int by) {
    assert(by > 0 || (count->waiting > 0 && q->waiting > 0));
    count->waiting += (uint64_t)(int64_t)by;
    __atomic_store_n(&q->waiting, q->waiting + (uint64_t)(int64_t)by, __ATOMIC_RELAXED);
}

static size_t cut(size_t size, size_t most) { return size < most ? size : most; }

void quarantine_add(struct quarantine *q, const struct quarantine_entry *entry) {
    assert(entry->reason < QUARANTINE_REASON_COUNT);
    pthread_mutex_lock(&q->lock);
    struct quarantine_count *count = count_of(q, entry->source, entry->reason);
    waiting_changes(q, count, 1);
    if (q->count >= QUARANTINE_ENTRIES_MAX || q->text.size >= QUARANTINE_TEXT_BYTES_MAX) {
        count->unlisted++;
        pthread_mutex_unlock(&q->lock);
        return;
    }
    if (q->count == q->capacity) {
        q->capacity = q->capacity ? q->capacity * 2 : 256;
        q->entries = memory_resize(q->entries, q->capacity, sizeof *q->entries);
    }
    struct quarantine_stored *stored = &q->entries[q->count++];
    *stored = (struct quarantine_stored){.position = entry->position,
                                         .received_ms = entry->received_ms,
                                         .text_offset = q->text.size,
                                         .source = entry->source,
                                         .reason = entry->reason,
                                         .flags = entry->whole ? QUARANTINE_WHOLE : 0,
                                         .field_bytes = (uint16_t)cut(entry->field.size, FIELD_BYTES_MAX),
                                         .text_bytes = (uint16_t)cut(entry->text.size, TEXT_BYTES_MAX)};
    buffer_add(&q->text, entry->field.data, stored->field_bytes);
    buffer_add(&q->text, entry->text.data, stored->text_bytes);
    index_last(q);
    pthread_mutex_unlock(&q->lock);
}

void quarantine_waiting_at(struct quarantine *q, uint64_t position, unsigned *whole, unsigned *values) {
    *whole = *values = 0;
    pthread_mutex_lock(&q->lock);
    for (uint32_t n = last_of_position(q, position); n; n = q->entries[n - 1].previous)
        if (!(q->entries[n - 1].flags & QUARANTINE_REPAIRED))
            ++*(q->entries[n - 1].flags & QUARANTINE_WHOLE ? whole : values);
    pthread_mutex_unlock(&q->lock);
}

void quarantine_hold(struct quarantine *q, uint64_t position, uint32_t holder) {
    pthread_mutex_lock(&q->lock);
    for (uint32_t n = last_of_position(q, position); n; n = q->entries[n - 1].previous)
        if (!(q->entries[n - 1].flags & (QUARANTINE_WHOLE | QUARANTINE_REPAIRED)))
            q->entries[n - 1].holder = holder;
    pthread_mutex_unlock(&q->lock);
}

uint32_t quarantine_holder(struct quarantine *q, uint64_t position) {
    pthread_mutex_lock(&q->lock);
    uint32_t n = last_of_position(q, position);
    while (n && q->entries[n - 1].flags & QUARANTINE_WHOLE)
        n = q->entries[n - 1].previous;
    uint32_t holder = n ? q->entries[n - 1].holder : 0;
    pthread_mutex_unlock(&q->lock);
    return holder;
}

void quarantine_repair(struct quarantine *q, uint64_t position) {
    pthread_mutex_lock(&q->lock);
    for (uint32_t n = last_of_position(q, position); n; n = q->entries[n - 1].previous) {
        struct quarantine_stored *stored = &q->entries[n - 1];
        if (stored->flags & QUARANTINE_REPAIRED)
            continue;
        stored->flags |= QUARANTINE_REPAIRED;
        struct quarantine_count *count = count_of(q, stored->source, stored->reason);
        waiting_changes(q, count, -1);
        count->repaired++;
    }
    pthread_mutex_unlock(&q->lock);
}

/* --- reading, any thread --- */

static bool matches(const struct quarantine_stored *stored, uint16_t source, int reason, bool include_repaired) {
    return (source == 0 || stored->source == source) && (reason < 0 || stored->reason == reason) &&
           (include_repaired || !(stored->flags & QUARANTINE_REPAIRED));
}

void quarantine_list(struct govern *g, uint64_t after, unsigned limit, uint16_t source, int reason,
                     bool include_repaired, void (*each)(void *context, const struct quarantine_entry *entry),
                     void *context) {
    struct quarantine *q = &g->quarantine;
    pthread_mutex_lock(&q->lock);
    for (uint64_t i = after; i < q->count && limit; i++) {
        const struct quarantine_stored *stored = &q->entries[i];
        if (!matches(stored, source, reason, include_repaired))
            continue;
        const char *text = q->text.data + stored->text_offset;
        struct quarantine_entry entry = {.number = i + 1,
                                         .position = stored->position,
                                         .received_ms = stored->received_ms,
                                         .source = stored->source,
                                         .reason = stored->reason,
                                         .whole = stored->flags & QUARANTINE_WHOLE,
                                         .repaired = stored->flags & QUARANTINE_REPAIRED,
                                         .field = {text, stored->field_bytes},
                                         .text = {text + stored->field_bytes, stored->text_bytes}};
        each(context, &entry);
        limit--;
    }
    pthread_mutex_unlock(&q->lock);
}

static void write_count(struct json_writer *w, uint32_t source, int reason, const struct quarantine_count *count) {
    json_object(w);
    json_member_integer(w, "source", source);
    json_member_cstring(w, "reason", reasons[reason].name);
    json_member_cstring(w, "text", reasons[reason].english);
    json_member_cstring(w, "text_zh", reasons[reason].chinese);
    json_member_integer(w, "waiting", (int64_t)count->waiting);
    json_member_integer(w, "repaired", (int64_t)count->repaired);
    json_member_integer(w, "unlisted", (int64_t)count->unlisted);
    json_end_object(w);
}

void quarantine_counts_json(struct govern *g, struct json_writer *w) {
    struct quarantine *q = &g->quarantine;
    pthread_mutex_lock(&q->lock);
    json_object(w);
    json_member_integer(w, "waiting", (int64_t)q->waiting);
    json_key(w, "counts");
    json_array(w);
    for (uint32_t source = 0; source < q->source_count; source++)
        for (int reason = 0; reason < QUARANTINE_REASON_COUNT; reason++)
            if (q->counts[source][reason].waiting || q->counts[source][reason].repaired)
                write_count(w, source, reason, &q->counts[source][reason]);
    json_end_array(w);
    json_end_object(w);
    pthread_mutex_unlock(&q->lock);
}

uint64_t quarantine_waiting(const struct govern *g) {
    return __atomic_load_n(&g->quarantine.waiting, __ATOMIC_RELAXED);
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void quarantine_positions(struct govern *g, uint16_t source, int reason, struct buffer *positions) {
    struct quarantine *q = &g->quarantine;
    size_t start = positions->size;
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->count; i++)
        if (matches(&q->entries[i], source, reason, false))
            buffer_add(positions, &q->entries[i].position, sizeof q->entries[i].position);
    pthread_mutex_unlock(&q->lock);
    size_t count = (positions->size - start) / sizeof(uint64_t), kept = 0;
    if (count == 0)
        return;
    uint64_t *all = memory_get(count, sizeof *all);
    memcpy(all, positions->data + start, count * sizeof *all);
    qsort(all, count, sizeof *all, by_number);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || all[i] != all[i - 1])
            all[kept++] = all[i];
    memcpy(positions->data + start, all, kept * sizeof *all);
    positions->size = start + kept * sizeof *all;
    free(all);
}

/* --- saving --- */

/* What is not listed, per source and reason; the other counts follow from the entries. On disk. */
struct unlisted {
    uint32_t source, reason;
    uint64_t count;
};

static void gather_unlisted(const struct quarantine *q, struct buffer *into) {
    for (uint32_t source = 0; source < q->source_count; source++)
        for (uint32_t reason = 0; reason < QUARANTINE_REASON_COUNT; reason++) {
            struct unlisted row = {source, reason, q->counts[source][reason].unlisted};
            if (row.count)
                buffer_add(into, &row, sizeof row);
        }
}

enum status quarantine_save(struct quarantine *q, struct image_writer *image, struct fault *fault) {
    struct buffer unlisted = {0};
    pthread_mutex_lock(&q->lock);
    gather_unlisted(q, &unlisted);
    enum status status = image_add(image, "govern.quarantine", q->entries, q->count * sizeof *q->entries, fault);
    if (status == STATUS_OK)
        status = image_add(image, "govern.quarantine_text", q->text.data, q->text.size, fault);
    if (status == STATUS_OK)
        status = image_add(image, "govern.quarantine_unlisted", unlisted.data, unlisted.size, fault);
    pthread_mutex_unlock(&q->lock);
    buffer_release(&unlisted);
    return status;
}

static enum status damaged(struct fault *fault, const char *what) {
    return fault_set(fault, STATUS_DAMAGED, "the saved quarantine: %s", what);
}

static enum status load_entries(struct quarantine *q, struct slice bytes, struct slice text, struct fault *fault) {
    size_t count = bytes.size / sizeof *q->entries;
    if (bytes.size % sizeof *q->entries || count > QUARANTINE_ENTRIES_MAX)
        return damaged(fault, "its size makes no sense");
    q->entries = memory_get(count, sizeof *q->entries);
    q->capacity = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        struct quarantine_stored *stored = &q->entries[i];
        memcpy(stored, bytes.data + i * sizeof *stored, sizeof *stored);
        if (stored->reason >= QUARANTINE_REASON_COUNT || stored->text_offset > text.size ||
            (size_t)stored->field_bytes + stored->text_bytes > text.size - stored->text_offset)
            return damaged(fault, "an entry makes no sense");
        q->count++;
        index_last(q);
        struct quarantine_count *counted = count_of(q, stored->source, stored->reason);
        if (stored->flags & QUARANTINE_REPAIRED)
            counted->repaired++;
        else
            waiting_changes(q, counted, 1);
    }
    return STATUS_OK;
}

static enum status load_unlisted(struct quarantine *q, struct slice bytes, struct fault *fault) {
    struct unlisted row;
    if (bytes.size % sizeof row)
        return damaged(fault, "the size of its counts makes no sense");
    for (size_t at = 0; at < bytes.size; at += sizeof row) {
        memcpy(&row, bytes.data + at, sizeof row);
        if (row.source > UINT16_MAX || row.reason >= QUARANTINE_REASON_COUNT)
            return damaged(fault, "a count makes no sense");
        struct quarantine_count *counted = count_of(q, (uint16_t)row.source, (uint8_t)row.reason);
        counted->unlisted += row.count;
        counted->waiting += row.count;
        q->waiting += row.count;
    }
    return STATUS_OK;
}

enum status quarantine_load(struct quarantine *q, struct image *image, struct fault *fault) {
    struct slice entries, text, unlisted;
    enum status status = image_find(image, "govern.quarantine", true, &entries, fault);
    if (status == STATUS_OK)
        status = image_find(image, "govern.quarantine_text", true, &text, fault);
    if (status == STATUS_OK)
        status = image_find(image, "govern.quarantine_unlisted", true, &unlisted, fault);
    if (status != STATUS_OK)
        return status;
    assert(q->count == 0 && q->source_count == 0);
    pthread_mutex_lock(&q->lock);
    buffer_add_slice(&q->text, text);
    status = load_entries(q, entries, text, fault);
    if (status == STATUS_OK)
        status = load_unlisted(q, unlisted, fault);
    pthread_mutex_unlock(&q->lock);
    return status;
}
