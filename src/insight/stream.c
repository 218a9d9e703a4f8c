/* stream: rows are first put down set by set, then ordered. Few rows are ordered by counting for each how many come before it, which costs
 * no mispredicted branch; merging the sets row by row costs several a row. */
#include "insight/stream.h"

#include <assert.h>
#include <stdlib.h>

#define FEW 40

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
    free(p->times);
    free(p->texts);
    free(p->sets);
    free(p->elements);
    free(p->raw_times);
    free(p->raw_texts);
    free(p->raw_sets);
    free(p->raw_elements);
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

static void order_few(const int64_t *times, size_t count, uint32_t *order) {
    uint32_t before[FEW] = {0};
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++) {
            uint32_t later_first = times[k] < times[i];
            before[i] += later_first;
            before[k] += !later_first;
        }
    for (size_t i = 0; i < count; i++)
        order[before[i]] = (uint32_t)i;
}

static void merge(const int64_t *times, const uint32_t *from, uint32_t *into, size_t low, size_t middle, size_t high) {
    size_t a = low, b = middle;
    for (size_t i = low; i < high; i++)
        into[i] = b == high || (a < middle && times[from[a]] <= times[from[b]]) ? from[a++] : from[b++];
}

void stream_order(const int64_t *times, size_t count, uint32_t *order, uint32_t *room) {
    if (count <= FEW) {
        order_few(times, count, order);
        return;
    }
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
    p->times = memory_resize(p->times, p->room, sizeof *p->times);
    p->texts = memory_resize(p->texts, p->room, sizeof *p->texts);
    p->sets = memory_resize(p->sets, p->room, sizeof *p->sets);
    p->elements = memory_resize(p->elements, p->room, sizeof *p->elements);
    p->raw_times = memory_resize(p->raw_times, p->room, sizeof *p->raw_times);
    p->raw_texts = memory_resize(p->raw_texts, p->room, sizeof *p->raw_texts);
    p->raw_sets = memory_resize(p->raw_sets, p->room, sizeof *p->raw_sets);
    p->raw_elements = memory_resize(p->raw_elements, p->room, sizeof *p->raw_elements);
    p->order = memory_resize(p->order, p->room, sizeof *p->order);
    p->order_room = memory_resize(p->order_room, p->room, sizeof *p->order_room);
}

static size_t put_down(struct stream_part *p, unsigned set, uint32_t customer, size_t count) {
    const struct stream_source *s = &p->sources[set];
    const struct period *period = &p->stream->period;
    const bool valued = p->stream->sets[set].valued;
    const struct scan_rows own = {s->rows.starts, s->own, s->rows.times, s->rows.count};
    uint32_t end = scan_end(&own, customer);
    for (uint32_t e = scan_row(&own, scan_begin(&own, customer), end); e < end; e = scan_row(&own, e + 1, end)) {
        int64_t time = own.times[e];
        if (time < period->from_ms || time >= period->to_ms)
            continue;
        if (count == p->room)
            grow(p);
        p->raw_times[count] = time;
        p->raw_texts[count] = valued ? scan_text(&s->texts, e) : s->text;
        p->raw_sets[count] = (uint8_t)set;
        p->raw_elements[count++] = e;
    }
    return count;
}

/* Which of two rows of the same time comes first. */
static bool comes_before(struct stream_part *p, uint32_t a, uint32_t b) {
    const struct stream_set *sets = p->stream->sets;
    int64_t at_a = scan_position(p->part, sets[p->raw_sets[a]].rows, p->raw_elements[a]),
            at_b = scan_position(p->part, sets[p->raw_sets[b]].rows, p->raw_elements[b]);
    return at_a < at_b || (at_a == at_b && a < b);
}

/* Rows of the same time from different sets, put into the order of their positions. */
static void settle_ties(struct stream_part *p, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0; k--) {
            uint32_t a = p->order[k - 1], b = p->order[k];
            if (p->raw_times[a] != p->raw_times[b] || p->raw_sets[a] == p->raw_sets[b] || comes_before(p, a, b))
                break;
            p->order[k - 1] = b;
            p->order[k] = a;
        }
}

size_t stream_customer(struct stream_part *p, uint32_t customer) {
    size_t count = 0;
    bool ties = false;
    for (unsigned set = 0; set < p->stream->count; set++)
        if (p->sources[set].rows.count)
            count = put_down(p, set, customer, count);
    if (count == 0)
        return 0;
    stream_order(p->raw_times, count, p->order, p->order_room);
    for (size_t i = 1; i < count; i++)
        ties |= p->raw_times[p->order[i - 1]] == p->raw_times[p->order[i]];
    if (ties)
        settle_ties(p, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t from = p->order[i];
        p->times[i] = p->raw_times[from];
        p->texts[i] = p->raw_texts[from];
        p->sets[i] = p->raw_sets[from];
        p->elements[i] = p->raw_elements[from];
    }
    return count;
}
