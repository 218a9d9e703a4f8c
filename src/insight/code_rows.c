/* code_rows: see the header. A set whose rows all count is taken as it lies, its codes mapped as an array; of others the rows that count are put
 * together, with times and starts of their own. */
#include "insight/code_rows.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clones.h"
#include "insight/code_kernel.h"

#define CODE_NEW 254 /* in a map: not looked up yet */

void code_rows_release(struct code_rows *c) {
    for (size_t i = 0; i < STREAM_SETS_MAX; i++) {
        free(c->rooms[i].codes);
        free(c->rooms[i].times);
        free(c->rooms[i].starts);
    }
    free(c->map);
}

uint8_t code_rows_code(const struct code_rows *c, uint32_t text) {
    uint8_t code = c->code(c->context, text);
    assert(code < CODES_MAX || code == CODE_NONE_ROW);
    return code;
}

/* --- codes --- */

static void make_map(struct code_rows *c, size_t codes) {
    if (codes > c->map_room) {
        free(c->map);
        c->map_room = 2 * codes;
        c->map = memory_get(c->map_room, 1);
    }
    memset(c->map, CODE_NEW, codes);
}

static uint8_t code_of_row(const struct code_rows *c, const struct scan_texts *texts, uint32_t row) {
    if (!texts->codes.column)
        return code_rows_code(c, scan_text(texts, row));
    const uint32_t code = code_column_at(&texts->codes, row);
    if (code >= texts->codes.count)
        return code_rows_code(c, 0);
    if (c->map[code] == CODE_NEW)
        c->map[code] = code_rows_code(c, scan_text(texts, row));
    return c->map[code];
}

/* Of a byte a row, of few texts, all of which have a code. */
static bool codes_of_few(const struct code_rows *c, const struct scan_texts *texts, uint32_t count, uint8_t *out) {
    const uint8_t *data = (const uint8_t *)texts->codes.column->data + texts->codes.first;
    uint8_t map[CODE_KINDS_FEW];
    for (uint32_t k = 0; k < texts->codes.count; k++) {
        map[k] = code_rows_code(c, texts->known[k] ? texts->known[k] - 1 : scan_text_new(texts, k));
        if (map[k] == CODE_NONE_ROW)
            return false;
    }
    return code_map(out, data, count, map, texts->codes.count);
}

/* Of a byte a row, without missing ones: what most columns of not too many texts are. */
static bool codes_of_bytes(const struct code_rows *c, const struct scan_texts *texts, uint32_t count, uint8_t *out) {
    const uint8_t *data = (const uint8_t *)texts->codes.column->data + texts->codes.first;
    bool all = true;
    for (uint32_t e = 0; e < count; e++) {
        uint8_t code = c->map[data[e]];
        if (code == CODE_NEW)
            code = code_of_row(c, texts, e);
        out[e] = code;
        all &= code != CODE_NONE_ROW;
    }
    return all;
}

/* Codes of all rows; false where one has none. */
static bool codes_of_all(const struct code_rows *c, const struct scan_texts *texts, uint32_t count, uint8_t *out) {
    const struct range_column *column = texts->codes.column;
    bool all = true;
    if (column)
        range_scans(column);
    if (column && column->width == 1 && !column->absent)
        return (texts->codes.count <= CODE_KINDS_FEW && count > 64 && codes_of_few(c, texts, count, out)) ||
               codes_of_bytes(c, texts, count, out);
    for (uint32_t e = 0; e < count; e++) {
        out[e] = code_of_row(c, texts, e);
        all &= out[e] != CODE_NONE_ROW;
    }
    return all;
}

/* --- sets --- */

struct bounds {
    int64_t low, high;
};

CLONES static struct bounds bounds_of(const int64_t *times, uint32_t count) {
    struct bounds b = {INT64_MAX, INT64_MIN};
    for (uint32_t e = 0; e < count; e++) {
        b.low = times[e] < b.low ? times[e] : b.low;
        b.high = times[e] > b.high ? times[e] : b.high;
    }
    return b;
}

static void widen(struct code_rows *c, int64_t low, int64_t high) {
    c->low = low < c->low ? low : c->low;
    c->high = high > c->high ? high : c->high;
}

static void make_codes_room(struct code_room *room, size_t count) {
    if (count + CODE_PADDING > room->codes_room) {
        free(room->codes);
        room->codes_room = 2 * (count + CODE_PADDING);
        room->codes = memory_get(room->codes_room, 1);
    }
}

static void make_times_room(struct code_room *room, size_t count) {
    if (count > room->times_room) {
        free(room->times);
        room->times_room = 2 * count;
        room->times = memory_get(room->times_room, sizeof *room->times);
    }
    if (!room->starts)
        room->starts = memory_get(SPAN_CUSTOMERS + 1, sizeof *room->starts);
}

static bool take_all(struct code_rows *c, const struct stream_set *set, const struct stream_source *s,
                     struct code_room *room) {
    const struct period period = c->part->stream->period;
    const uint32_t count = s->rows.count;
    if (s->own)
        return false;
    if (c->bounded || period.from_ms != INT64_MIN || period.to_ms != INT64_MAX) {
        const struct bounds b = bounds_of(s->rows.times, count);
        if (b.low < period.from_ms || b.high >= period.to_ms)
            return false;
        widen(c, b.low, b.high);
    }
    if (set->valued)
        return codes_of_all(c, &s->texts, count, room->codes);
    const uint8_t code = code_rows_code(c, s->text);
    memset(room->codes, code, count);
    return code != CODE_NONE_ROW;
}

static size_t take_row(struct code_rows *c, const struct stream_set *set, const struct stream_source *s, uint32_t e,
                       struct code_room *room, size_t kept) {
    const struct period period = c->part->stream->period;
    const int64_t time = s->rows.times[e];
    if (time < period.from_ms || time >= period.to_ms)
        return kept;
    const uint8_t code = set->valued ? code_of_row(c, &s->texts, e) : code_rows_code(c, s->text);
    if (code == CODE_NONE_ROW)
        return kept;
    widen(c, time, time);
    room->times[kept] = time;
    room->codes[kept] = code;
    return kept + 1;
}

static uint32_t take_some(struct code_rows *c, const struct stream_set *set, const struct stream_source *s,
                          const uint64_t *asked, struct code_room *room) {
    const uint32_t customers = c->part->part->count;
    const struct scan_rows own = {s->rows.starts, s->own, s->rows.times, s->rows.count};
    size_t kept = 0;
    make_times_room(room, s->rows.count);
    for (uint32_t i = 0; i < customers; i++) {
        room->starts[i] = (uint32_t)kept;
        if (!bit_of(asked, i))
            continue;
        const uint32_t end = scan_end(&own, i);
        for (uint32_t e = scan_row(&own, scan_begin(&own, i), end); e < end; e = scan_row(&own, e + 1, end))
            kept = take_row(c, set, s, e, room, kept);
    }
    room->starts[customers] = (uint32_t)kept;
    return (uint32_t)kept;
}

static void take_set(struct code_rows *c, unsigned number, const uint64_t *asked) {
    const struct stream_set *set = &c->part->stream->sets[number];
    const struct stream_source *s = &c->part->sources[number];
    struct code_room *room = &c->rooms[number];
    const int64_t low = c->low, high = c->high;
    if (s->rows.count == 0)
        return;
    make_codes_room(room, s->rows.count);
    if (set->valued && s->texts.codes.column)
        make_map(c, s->texts.codes.count > 256 ? s->texts.codes.count : 256);
    struct code_run run = {s->rows.times, room->codes, s->rows.starts, s->rows.count};
    if (!take_all(c, set, s, room)) {
        c->low = low;
        c->high = high;
        run.count = take_some(c, set, s, asked, room);
        run.codes = room->codes;
        run.times = room->times;
        run.starts = room->starts;
    }
    c->runs[c->run_count++] = run;
}

void code_rows_begin(struct code_rows *c, struct stream_part *part, const uint64_t *asked) {
    c->part = part;
    c->run_count = 0;
    c->low = INT64_MAX;
    c->high = INT64_MIN;
    for (unsigned set = 0; set < part->stream->count; set++)
        take_set(c, set, asked);
    if (c->low > c->high)
        c->low = c->high = 0;
}
