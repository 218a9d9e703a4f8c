/* keys: see the header. */
#include "insight/keys.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clones.h"

void keys_release(struct keys *k) {
    for (size_t i = 0; i < STREAM_SETS_MAX; i++)
        free(k->sources[i].keys);
    code_rows_release(&k->rows);
    key_order_release(&k->order);
}

static uint64_t *room_of(struct key_source *s, size_t count) {
    if (count + KEY_PADDING > s->room) {
        free(s->keys);
        s->room = 2 * (count + KEY_PADDING);
        s->keys = memory_get(s->room, sizeof *s->keys);
    }
    return s->keys;
}

CLONES static void make_keys(uint64_t *restrict keys, const struct code_run *run) {
    const int64_t *times = run->times;
    const uint8_t *codes = run->codes;
    for (uint32_t e = 0; e < run->count; e++)
        keys[e] = key_of(times[e], codes[e]);
}

static void make_keys_clamped(uint64_t *keys, const struct code_run *run) {
    for (uint32_t e = 0; e < run->count; e++)
        keys[e] = key_of(key_clamp(run->times[e]), run->codes[e]);
}

void keys_begin(struct keys *k, struct stream_part *part, const uint64_t *asked) {
    const struct code_rows *c = &k->rows;
    k->rows.bounded = true;
    code_rows_begin(&k->rows, part, asked);
    k->low = key_clamp(c->low);
    k->high = key_clamp(c->high);
    for (unsigned r = 0; r < c->run_count; r++) {
        uint64_t *keys = room_of(&k->sources[r], c->runs[r].count);
        if (k->low == c->low && k->high == c->high)
            make_keys(keys, &c->runs[r]);
        else
            make_keys_clamped(keys, &c->runs[r]);
        k->runs[r] = (struct key_run){keys, c->runs[r].starts};
    }
}

/* --- customers --- */

/* Rows of one moment are put into the order of their positions. */
static void settle(struct keys *k, uint32_t first, uint32_t i) {
    const uint32_t at = k->order.starts[i], end = k->order.starts[i + 1];
    const uint64_t customer = (uint64_t)i << (KEY_TIME_BITS + 8);
    struct stream_part *part = k->rows.part;
    size_t count = stream_customer(part, first + i), kept = at;
    for (size_t row = 0; row < count; row++) {
        const uint8_t code = code_rows_code(&k->rows, part->rows[row].text);
        if (code == CODE_NONE_ROW)
            continue;
        assert(kept < end);
        k->order.all[kept++] = customer | key_of(key_clamp(part->rows[row].time), code);
    }
    assert(kept == end);
}

size_t keys_next(struct keys *k, uint32_t first, const uint64_t *asked) {
    const uint32_t left = k->rows.part->part->count - first, count = left < KEY_CUSTOMERS ? left : KEY_CUSTOMERS;
    size_t keys = key_order_run(&k->order, k->runs, k->rows.run_count, first, count, asked, k->low, k->high);
    for (uint32_t w = 0; w < KEY_CUSTOMERS / 64; w++)
        for (uint64_t tied = k->order.tied[w]; tied; tied &= tied - 1)
            settle(k, first, w * 64 + (uint32_t)__builtin_ctzll(tied));
    return keys;
}
