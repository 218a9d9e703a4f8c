/* stream: rows are first put down set by set, then ordered. Few rows are ordered by counting for each how many come before it, two
 * comparisons an instruction and no branch to mispredict; merging the sets row by row mispredicts about once a row. */
#include "insight/stream.h"

#include <stdlib.h>

#define FEW 32                    /* rows ordered by counting: fewer */
#define TIME_MAX (INT64_MAX >> 8) /* with a byte below it */

enum status stream_add(struct stream *stream, const struct definition_rows *rows, struct slice value,
                       const char *value_path, unsigned *number, struct fault *fault) {
    struct stream_set set = {.name = rows->name, .valued = value.size > 0};
    if (stream->count == STREAM_SETS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "at %s: more than %d sets of rows", rows->path, STREAM_SETS_MAX);
    enum status status = scan_rows(stream->scan, rows, &set.rows, fault);
    if (!status && set.valued)
        status = scan_row_value(stream->scan, set.rows, value, value_path, TERM_NONE, &set.value, fault);
    if (number)
        *number = stream->count;
    if (!status)
        stream->sets[stream->count++] = set;
    return status;
}

struct stream_part *stream_part_create(const struct stream *stream) {
    struct stream_part *p = memory_get(1, sizeof *p);
    p->stream = stream;
    return p;
}

void stream_part_free(struct stream_part *p) {
    if (!p)
        return;
    for (size_t i = 0; i < STREAM_SETS_MAX; i++)
        free(p->sources[i].room);
    free(p->rows);
    free(p->raw);
    free(p->keys);
    free(p->order);
    free(p->order_room);
    free(p);
}

/* --- a part --- */

static uint64_t *room_of(struct stream_source *s, size_t words) {
    if (words > s->room_words) {
        free(s->room);
        s->room = memory_get(words, sizeof *s->room);
        s->room_words = words;
    }
    return s->room;
}

/* Takes the rows of `other` out of those of `s`. */
static void leave_out(struct stream_source *s, const struct stream_source *other) {
    const size_t words = (s->rows.count + 63) / 64;
    uint64_t *own = room_of(s, words + 1);
    for (size_t w = 0; w < words; w++) {
        uint64_t mine = s->own ? s->own[w] : UINT64_MAX;
        own[w] = other->rows.bits ? mine & ~other->rows.bits[w] : 0;
    }
    s->own = own;
}

void stream_part_begin(struct stream_part *p, struct scan_part *part) {
    const struct stream *stream = p->stream;
    p->part = part;
    for (unsigned i = 0; i < stream->count; i++) {
        const struct stream_set *set = &stream->sets[i];
        struct stream_source *s = &p->sources[i];
        scan_part_rows(part, set->rows, &s->rows);
        s->own = s->rows.bits;
        for (unsigned k = 0; k < i; k++)
            if (scan_same_table(stream->scan, set->rows, stream->sets[k].rows))
                leave_out(s, &p->sources[k]);
        if (set->valued && s->rows.count)
            scan_part_row_texts(part, set->rows, set->value, &s->texts);
        else
            s->text = scan_text_add(part->worker, set->name);
    }
}

/* --- order --- */

static void merge(const int64_t *times, const uint32_t *from, uint32_t *into, size_t low, size_t middle, size_t high) {
    size_t a = low, b = middle;
    for (size_t i = low; i < high; i++)
        into[i] = b == high || (a < middle && times[from[a]] <= times[from[b]]) ? from[a++] : from[b++];
}

void stream_order(const int64_t *times, size_t count, uint32_t *order, uint32_t *room) {
    uint32_t *from = order, *into = room;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count,
                   high = low + 2 * width < count ? low + 2 * width : count;
            merge(times, from, into, low, middle, high);
        }
        uint32_t *kept = from;
        from = into;
        into = kept;
    }
    if (from != order)
        memcpy(order, from, count * sizeof *order);
}

/* --- a customer --- */

static void grow(struct stream_part *p) {
    p->room = p->room ? p->room * 2 : 1024;
    p->rows = memory_resize(p->rows, p->room, sizeof *p->rows);
    p->raw = memory_resize(p->raw, p->room, sizeof *p->raw);
    p->keys = memory_resize(p->keys, p->room, sizeof *p->keys);
    p->order = memory_resize(p->order, p->room, sizeof *p->order);
    p->order_room = memory_resize(p->order_room, p->room, sizeof *p->order_room);
}

static size_t put_down(struct stream_part *p, unsigned set, uint32_t customer, size_t count) {
    const struct stream_source *s = &p->sources[set];
    const struct period period = p->stream->period;
    const bool valued = p->stream->sets[set].valued;
    const struct scan_rows own = {s->rows.starts, s->own, s->rows.times, s->rows.count};
    const uint32_t end = scan_end(&own, customer);
    uint32_t e = scan_begin(&own, customer);
    while (p->room < count + (end - e))
        grow(p);
    for (e = scan_row(&own, e, end); e < end; e = scan_row(&own, e + 1, end)) {
        int64_t time = own.times[e];
        if (time >= period.from_ms && time < period.to_ms)
            p->raw[count++] = (struct stream_row){time, valued ? scan_text(&s->texts, e) : s->text, e, (uint8_t)set};
    }
    return count;
}

size_t stream_gather(struct stream_part *p, uint32_t customer) {
    size_t count = 0;
    for (unsigned set = 0; set < p->stream->count; set++)
        if (p->sources[set].rows.count)
            count = put_down(p, set, customer, count);
    return count;
}

/* Which of two rows of the same time comes first. */
static bool comes_before(struct stream_part *p, const struct stream_row *a, const struct stream_row *b) {
    const struct stream_set *sets = p->stream->sets;
    int64_t at_a = scan_position(p->part, sets[a->set].rows, a->element),
            at_b = scan_position(p->part, sets[b->set].rows, b->element);
    return at_a < at_b || (at_a == at_b && a->set < b->set);
}

/* Rows of the same time from different sets, put into the order of their positions. */
static void settle_ties(struct stream_part *p, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0; k--) {
            struct stream_row *a = &p->rows[k - 1], *b = a + 1, kept = *a;
            if (a->time != b->time || a->set == b->set || comes_before(p, a, b))
                break;
            *a = *b;
            *b = kept;
        }
}

typedef int64_t two __attribute__((vector_size(16)));

/* Each key's place is how many keys are below it. No two are equal. */
static void place_keys(int64_t *key, size_t count, int64_t place[FEW]) {
    const size_t pairs = (count + 1) / 2;
    key[count | 1] = key[count] = INT64_MAX; /* of an odd count: the last of its pair */
    for (size_t v = 0; v < pairs; v++) {
        two mine, below = {0, 0};
        memcpy(&mine, key + 2 * v, sizeof mine);
        for (size_t i = 0; i < count; i++)
            below -= mine > (two){key[i], key[i]};
        memcpy(place + 2 * v, &below, sizeof below);
    }
}

/* Keys are times with the row's number below, so no two are equal. */
static void sort_few(struct stream_part *p, size_t count) {
    int64_t keys[FEW], place[FEW];
    for (size_t i = 0; i < count; i++)
        keys[i] = (int64_t)((uint64_t)p->raw[i].time << 8 | i);
    place_keys(keys, count, place);
    for (size_t i = 0; i < count; i++)
        p->rows[place[i]] = p->raw[i];
}

static void sort_many(struct stream_part *p, size_t count) {
    for (size_t i = 0; i < count; i++)
        p->keys[i] = p->raw[i].time;
    stream_order(p->keys, count, p->order, p->order_room);
    for (size_t i = 0; i < count; i++)
        p->rows[i] = p->raw[p->order[i]];
}

void stream_sort(struct stream_part *p, size_t count) {
    bool ties = false, wide = false;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        wide |= p->raw[i].time > TIME_MAX || p->raw[i].time < -TIME_MAX;
    if (count < FEW && !wide)
        sort_few(p, count);
    else
        sort_many(p, count);
    for (size_t i = 1; i < count; i++)
        ties |= p->rows[i - 1].time == p->rows[i].time;
    if (ties)
        settle_ties(p, count);
}

size_t stream_customer(struct stream_part *p, uint32_t customer) {
    size_t count = stream_gather(p, customer);
    stream_sort(p, count);
    return count;
}
