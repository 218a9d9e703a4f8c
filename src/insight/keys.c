/* keys: see the header. A set whose rows all count is gone over as an array; of others the rows that count are put together, with starts of their
 * own. */
#include "insight/keys.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clones.h"

#define CODE_NEW 254 /* in a map: not looked up yet */

void keys_release(struct keys *k) {
    for (size_t i = 0; i < STREAM_SETS_MAX; i++) {
        free(k->sources[i].keys);
        free(k->sources[i].own);
    }
    free(k->codes);
    free(k->map);
    key_order_release(&k->order);
}

/* --- codes --- */

static uint8_t code_of(const struct keys *k, uint32_t text) {
    uint8_t code = k->code(k->context, text);
    assert(code < KEYS_CODES_MAX || code == KEYS_NO_CODE);
    return code;
}

static uint8_t *map_of(struct keys *k, size_t codes) {
    if (codes > k->map_room) {
        free(k->map);
        k->map_room = 2 * codes;
        k->map = memory_get(k->map_room, 1);
    }
    memset(k->map, CODE_NEW, codes);
    return k->map;
}

static uint8_t code_of_row(const struct keys *k, const struct scan_texts *texts, uint32_t row) {
    if (!texts->codes.column)
        return code_of(k, scan_text(texts, row));
    const uint32_t code = code_column_at(&texts->codes, row);
    if (code >= texts->codes.count)
        return code_of(k, 0);
    if (k->map[code] == CODE_NEW)
        k->map[code] = code_of(k, scan_text(texts, row));
    return k->map[code];
}

/* Of a byte a row, without missing ones: what most columns of few texts are. */
static bool codes_of_bytes(const struct keys *k, const struct scan_texts *texts, uint32_t count) {
    const uint8_t *data = (const uint8_t *)texts->codes.column->data + texts->codes.first;
    bool all = true;
    for (uint32_t e = 0; e < count; e++) {
        uint8_t code = k->map[data[e]];
        if (code == CODE_NEW)
            code = k->map[data[e]] = code_of_row(k, texts, e);
        k->codes[e] = code;
        all &= code != KEYS_NO_CODE;
    }
    return all;
}

/* Codes of all rows in k->codes; false where one has none. */
static bool codes_of_all(struct keys *k, const struct scan_texts *texts, uint32_t count) {
    const struct range_column *c = texts->codes.column;
    bool all = true;
    if (count > k->code_room) {
        k->code_room = 2 * (size_t)count;
        k->codes = memory_resize(k->codes, k->code_room, 1);
    }
    if (c && c->width == 1 && !c->absent)
        return codes_of_bytes(k, texts, count);
    for (uint32_t e = 0; e < count; e++) {
        k->codes[e] = code_of_row(k, texts, e);
        all &= k->codes[e] != KEYS_NO_CODE;
    }
    return all;
}

/* --- sets --- */

static uint64_t *key_room(struct key_source *s, size_t count) {
    if (count + KEY_PADDING > s->room) {
        free(s->keys);
        s->room = 2 * (count + KEY_PADDING);
        s->keys = memory_get(s->room, sizeof *s->keys);
    }
    return s->keys;
}

struct span_of_time {
    int64_t low, high;
};

CLONES static struct span_of_time span_of(const int64_t *times, uint32_t count) {
    struct span_of_time span = {INT64_MAX, INT64_MIN};
    for (uint32_t e = 0; e < count; e++) {
        span.low = times[e] < span.low ? times[e] : span.low;
        span.high = times[e] > span.high ? times[e] : span.high;
    }
    return span;
}

CLONES static void keys_of_codes(uint64_t *restrict keys, const int64_t *times, const uint8_t *codes, uint32_t count) {
    for (uint32_t e = 0; e < count; e++)
        keys[e] = (uint64_t)(times[e] + KEY_TIME_MAX + 1) << 8 | codes[e];
}

CLONES static void keys_of_one(uint64_t *restrict keys, const int64_t *times, uint8_t code, uint32_t count) {
    for (uint32_t e = 0; e < count; e++)
        keys[e] = (uint64_t)(times[e] + KEY_TIME_MAX + 1) << 8 | code;
}

static bool take_all(struct keys *k, const struct stream_set *set, const struct stream_source *s,
                     struct key_source *out) {
    const struct period period = k->part->stream->period;
    const uint32_t count = s->rows.count;
    const uint8_t code = set->valued ? 0 : code_of(k, s->text);
    if (s->own || (set->valued && !codes_of_all(k, &s->texts, count)) || code == KEYS_NO_CODE)
        return false;
    struct span_of_time span = span_of(s->rows.times, count);
    if (span.low < period.from_ms || span.high >= period.to_ms || span.low < -KEY_TIME_MAX || span.high > KEY_TIME_MAX)
        return false;
    if (set->valued)
        keys_of_codes(out->keys, s->rows.times, k->codes, count);
    else
        keys_of_one(out->keys, s->rows.times, code, count);
    k->low = span.low < k->low ? span.low : k->low;
    k->high = span.high > k->high ? span.high : k->high;
    out->starts = s->rows.starts;
    return true;
}

static size_t take_row(struct keys *k, const struct stream_set *set, const struct stream_source *s, uint32_t e,
                       struct key_source *out, size_t kept) {
    const struct period period = k->part->stream->period;
    const int64_t time = s->rows.times[e], clamped = key_clamp(time);
    if (time < period.from_ms || time >= period.to_ms)
        return kept;
    const uint8_t code = !set->valued ? code_of(k, s->text) : s->own ? code_of_row(k, &s->texts, e) : k->codes[e];
    if (code == KEYS_NO_CODE)
        return kept;
    k->low = clamped < k->low ? clamped : k->low;
    k->high = clamped > k->high ? clamped : k->high;
    out->keys[kept] = key_of(clamped, code);
    return kept + 1;
}

static void take_some(struct keys *k, const struct stream_set *set, const struct stream_source *s,
                      const uint64_t *asked, struct key_source *out) {
    const uint32_t customers = k->part->part->count;
    const struct scan_rows own = {s->rows.starts, s->own, s->rows.times, s->rows.count};
    size_t kept = 0;
    if (!out->own)
        out->own = memory_get(SPAN_CUSTOMERS + 1, sizeof *out->own);
    for (uint32_t i = 0; i < customers; i++) {
        out->own[i] = (uint32_t)kept;
        if (!bit_of(asked, i))
            continue;
        const uint32_t end = scan_end(&own, i);
        for (uint32_t e = scan_row(&own, scan_begin(&own, i), end); e < end; e = scan_row(&own, e + 1, end))
            kept = take_row(k, set, s, e, out, kept);
    }
    out->own[customers] = (uint32_t)kept;
    out->starts = out->own;
}

static void take_set(struct keys *k, unsigned set, const uint64_t *asked) {
    const struct stream_set *of = &k->part->stream->sets[set];
    const struct stream_source *s = &k->part->sources[set];
    struct key_source *out = &k->sources[set];
    if (s->rows.count == 0)
        return;
    (void)key_room(out, s->rows.count);
    if (of->valued && s->texts.codes.column)
        (void)map_of(k, s->texts.codes.count > 256 ? s->texts.codes.count : 256);
    if (!take_all(k, of, s, out))
        take_some(k, of, s, asked, out);
    k->sets[k->run_count] = set;
    k->runs[k->run_count++] = (struct key_run){out->keys, out->starts};
}

void keys_begin(struct keys *k, struct stream_part *part, const uint64_t *asked) {
    k->part = part;
    k->run_count = 0;
    k->low = INT64_MAX;
    k->high = INT64_MIN;
    for (unsigned set = 0; set < part->stream->count; set++)
        take_set(k, set, asked);
    if (k->low > k->high)
        k->low = k->high = 0;
}

/* --- customers --- */

/* Rows of one moment are put into the order of their positions. */
static void settle(struct keys *k, uint32_t first, uint32_t i) {
    const uint32_t at = k->order.starts[i], end = k->order.starts[i + 1];
    const uint64_t customer = (uint64_t)i << (KEY_TIME_BITS + 8);
    size_t count = stream_customer(k->part, first + i), kept = at;
    for (size_t row = 0; row < count; row++) {
        const uint8_t code = code_of(k, k->part->rows[row].text);
        if (code == KEYS_NO_CODE)
            continue;
        assert(kept < end);
        k->order.all[kept++] = customer | key_of(key_clamp(k->part->rows[row].time), code);
    }
    assert(kept == end);
}

size_t keys_next(struct keys *k, uint32_t first, const uint64_t *asked) {
    const uint32_t left = k->part->part->count - first, count = left < KEY_CUSTOMERS ? left : KEY_CUSTOMERS;
    size_t keys = key_order_run(&k->order, k->runs, k->run_count, first, count, asked, k->low, k->high);
    for (uint32_t w = 0; w < KEY_CUSTOMERS / 64; w++)
        for (uint64_t tied = k->order.tied[w]; tied; tied &= tied - 1)
            settle(k, first, w * 64 + (uint32_t)__builtin_ctzll(tied));
    return keys;
}
