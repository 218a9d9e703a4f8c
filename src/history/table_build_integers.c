/* table_build_integers: numbers and bitmaps into a table, in the narrowest form. */
#include <stdlib.h>

#include "history/table_build.h"

uint64_t build_align(struct build *b) {
    static const char zeros[64];
    buffer_add(b->out, zeros, (0 - (b->out->size - b->start)) & 7);
    return b->out->size - b->start;
}

uint8_t build_width(uint64_t largest) {
    return largest == 0 ? 0 : largest <= UINT8_MAX ? 1 : largest <= UINT16_MAX ? 2 : largest <= UINT32_MAX ? 4 : 8;
}

uint64_t build_write_raw(struct build *b, const uint64_t *values, uint32_t count, unsigned width) {
    uint64_t offset = build_align(b);
    char *to = buffer_reserve(b->out, (size_t)count * width);
    for (uint32_t i = 0; i < count; i++) /* little endian: the low bytes come first */
        memcpy(to + (size_t)i * width, &values[i], width);
    b->out->size += (size_t)count * width;
    return offset;
}

uint64_t build_write_bitmap(struct build *b, const uint8_t *kinds, uint32_t count, bool nulls_only) {
    uint64_t offset = build_align(b);
    size_t bytes = (count + 7) / 8;
    uint8_t *to = (uint8_t *)buffer_reserve(b->out, bytes);
    memset(to, 0, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (kinds[i] == VALUE_MISSING || (!nulls_only && kinds[i] == KIND_ABSENT))
            to[i / 8] |= (uint8_t)(1 << (i % 8));
    b->out->size += bytes;
    return offset;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Frame of reference with the greatest common divisor taken out: whole seconds among milliseconds, whole yuan among fen. */
void build_write_integers(struct build *b, struct column_head *h, const int64_t *values, const uint8_t *kinds,
                          uint32_t count) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < count; i++)
        if (!kinds || kinds[i] < KIND_ABSENT) {
            low = values[i] < low ? values[i] : low;
            high = values[i] > high ? values[i] : high;
        }
    if (low > high)
        low = high = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < count && step != 1; i++)
        if (!kinds || kinds[i] < KIND_ABSENT)
            step = gcd((uint64_t)values[i] - (uint64_t)low, step);
    step = step && step <= INT64_MAX ? step : 1;
    uint64_t *raw = memory_get(count, sizeof *raw);
    for (uint32_t i = 0; i < count; i++)
        raw[i] = !kinds || kinds[i] < KIND_ABSENT ? ((uint64_t)values[i] - (uint64_t)low) / step : 0;
    h->encoding = COLUMN_INTEGER;
    h->base = low;
    h->multiple = (int64_t)step;
    h->width = build_width(((uint64_t)high - (uint64_t)low) / step);
    h->data = build_write_raw(b, raw, count, h->width);
    free(raw);
}

/* Codes into the sorted distinct values where that is smaller than the plain way; for system columns only. */
void build_write_codes(struct build *b, struct column_head *h, const int64_t *values, uint32_t count) {
    int64_t low = count ? values[0] : 0, high = low;
    for (uint32_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    uint64_t span = (uint64_t)high - (uint64_t)low;
    bool narrow = span <= UINT32_MAX;
    uint64_t plain = (uint64_t)count * build_width(span), entry_bytes = narrow ? 4 : 8;
    struct distinct d;
    bool few = distinct_find(&d, values, count, plain / entry_bytes);
    uint8_t code_width = build_width(d.count ? d.count - 1 : 0);
    if (!few || d.count * entry_bytes + (uint64_t)count * code_width >= plain) {
        build_write_integers(b, h, values, NULL, count);
        distinct_release(&d);
        return;
    }
    uint64_t *codes = memory_get(count, sizeof *codes);
    for (uint32_t i = 0; i < count; i++)
        codes[i] = d.code_of[d.number[i]];
    h->encoding = COLUMN_INTEGER_CODES;
    h->width = code_width;
    h->dictionary_count = d.count;
    h->data = build_write_raw(b, codes, count, code_width);
    h->multiple = (int64_t)entry_bytes;
    h->base = narrow ? low : 0;
    h->dictionary = build_align(b);
    for (uint32_t i = 0; i < d.count; i++) { /* little endian: the low bytes come first */
        uint64_t entry = (uint64_t)d.sorted[i] - (uint64_t)h->base;
        buffer_add(b->out, &entry, (size_t)h->multiple);
    }
    free(codes);
    distinct_release(&d);
}

/* Width that build_write_integers would take. */
unsigned build_integer_width(const int64_t *values, uint32_t count) {
    int64_t low = count ? values[0] : 0, high = low;
    uint64_t step = 0;
    for (uint32_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    for (uint32_t i = 0; i < count && step != 1; i++)
        step = gcd((uint64_t)values[i] - (uint64_t)low, step);
    return build_width(((uint64_t)high - (uint64_t)low) / (step ? step : 1));
}
