/* entry_filter: who wants which entries, and what their kinds, causes and ids are called (entry.h). */
#include <assert.h>

#include "deliver/entry.h"

static bool holds_number(const uint32_t *numbers, size_t count, uint32_t number) {
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static bool holds_type(const uint16_t *types, size_t count, uint32_t type) {
    for (size_t i = 0; i < count; i++) {
        if (types[i] == type)
            return true;
    }
    return false;
}

bool entry_wanted(const struct entry_filter *f, const struct feed_entry *e) {
    switch ((enum feed_kind)e->kind) {
    case FEED_ENTERED:
    case FEED_LEFT:
        return f->all_segments || holds_number(f->segments, f->segment_count, e->subject);
    case FEED_EVENT:
        return f->all_events || holds_type(f->types, f->type_count, e->subject);
    case FEED_MERGED:
    case FEED_PARTED:
        return f->merges;
    }
    return false;
}

const char *feed_kind_name(enum feed_kind kind) {
    static const char *const names[] = {[FEED_ENTERED] = "entered",
                                        [FEED_LEFT] = "left",
                                        [FEED_EVENT] = "event",
                                        [FEED_MERGED] = "merged",
                                        [FEED_PARTED] = "split"};
    assert(kind >= FEED_ENTERED && kind <= FEED_PARTED);
    return names[kind];
}

const char *feed_cause_name(enum feed_cause cause) {
    static const char *const names[] = {
        [FEED_RECORD] = "record",     [FEED_TIME] = "time",       [FEED_DEFINITION] = "definition",
        [FEED_MERGE] = "merge",       [FEED_RELATED] = "related", [FEED_MASTER] = "master",
        [FEED_SCHEDULE] = "schedule", [FEED_UPLOAD] = "upload",   [FEED_SPLIT] = "split"};
    assert(cause >= FEED_RECORD && cause <= FEED_SPLIT);
    return names[cause];
}

/* Once or twice an entry: a format string would cost more than all the rest of a short one. */
static char *put_number(char *out, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *out++ = digits[--count];
    return out;
}

const char *entry_id(struct feed_place place, char out[ENTRY_ID_BYTES]) {
    char *at = put_number(out, place.position);
    *at++ = '-';
    *put_number(at, place.order) = 0;
    return out;
}
