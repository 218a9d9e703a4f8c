/* distinct: see the header. */
#include "history/distinct.h"

#include <stdlib.h>

#include "base/hash.h"

/* --- texts --- */

struct interner_slot {
    uint32_t number; /* + 1; 0: free */
    uint32_t hash;   /* upper half: most other texts are told apart without being looked at */
};

void interner_release(struct interner *n) {
    free(n->texts);
    free(n->slots);
    *n = (struct interner){0};
}

static void interner_grow(struct interner *n) {
    uint32_t slots = n->slot_count ? n->slot_count * 2 : 64;
    free(n->slots);
    n->slots = memory_get(slots, sizeof *n->slots);
    n->slot_count = slots;
    for (uint32_t i = 0; i < n->count; i++) {
        uint64_t hash = hash_bytes(n->texts[i], 0);
        uint32_t at = (uint32_t)hash & (slots - 1);
        while (n->slots[at].number)
            at = (at + 1) & (slots - 1);
        n->slots[at] = (struct interner_slot){i + 1, (uint32_t)(hash >> 32)};
    }
}

uint32_t intern(struct interner *n, struct slice text) {
    if (n->count * 2 >= n->slot_count)
        interner_grow(n);
    uint64_t hash = hash_bytes(text, 0);
    uint32_t at = (uint32_t)hash & (n->slot_count - 1);
    for (; n->slots[at].number; at = (at + 1) & (n->slot_count - 1))
        if (n->slots[at].hash == (uint32_t)(hash >> 32) && slice_equal(n->texts[n->slots[at].number - 1], text))
            return n->slots[at].number - 1;
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? n->capacity * 2 : 64;
        n->texts = memory_resize(n->texts, n->capacity, sizeof *n->texts);
    }
    n->texts[n->count] = text;
    n->slots[at] = (struct interner_slot){++n->count, (uint32_t)(hash >> 32)};
    return n->count - 1;
}

/* --- integers --- */

struct numbers {
    int64_t *values; /* by number */
    uint32_t count, capacity;
    uint32_t *slots; /* number + 1 */
    uint32_t slot_count;
};

static void numbers_grow(struct numbers *s) {
    uint32_t slots = s->slot_count ? s->slot_count * 2 : 64;
    free(s->slots);
    s->slots = memory_get(slots, sizeof *s->slots);
    s->slot_count = slots;
    s->values = memory_resize(s->values, slots / 2, sizeof *s->values);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = (uint32_t)hash_mix((uint64_t)s->values[i]) & (slots - 1);
        while (s->slots[at])
            at = (at + 1) & (slots - 1);
        s->slots[at] = i + 1;
    }
}

static uint32_t number_of(struct numbers *s, int64_t value) {
    if (s->count * 2 >= s->slot_count)
        numbers_grow(s);
    uint32_t at = (uint32_t)hash_mix((uint64_t)value) & (s->slot_count - 1);
    for (; s->slots[at]; at = (at + 1) & (s->slot_count - 1))
        if (s->values[s->slots[at] - 1] == value)
            return s->slots[at] - 1;
    s->values[s->count] = value;
    s->slots[at] = ++s->count;
    return s->count - 1;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Where each number stands among the sorted. */
static void rank(struct distinct *d, const struct numbers *s) {
    d->sorted = memory_get(s->count ? s->count : 1, sizeof *d->sorted);
    d->code_of = memory_get(s->count ? s->count : 1, sizeof *d->code_of);
    if (s->count == 0)
        return;
    memcpy(d->sorted, s->values, s->count * sizeof *d->sorted);
    qsort(d->sorted, s->count, sizeof *d->sorted, by_value);
    for (uint32_t i = 0; i < s->count; i++) {
        const int64_t *at = bsearch(&s->values[i], d->sorted, s->count, sizeof *d->sorted, by_value);
        d->code_of[i] = (uint32_t)(at - d->sorted);
    }
}

bool distinct_find(struct distinct *out, const int64_t *values, uint32_t count, uint64_t most) {
    struct numbers s = {0};
    *out = (struct distinct){.number = memory_get(count ? count : 1, sizeof *out->number)};
    for (uint32_t i = 0; i < count && s.count <= most; i++)
        out->number[i] = i && values[i] == values[i - 1] ? out->number[i - 1] : number_of(&s, values[i]);
    out->count = s.count;
    if (s.count <= most)
        rank(out, &s);
    free(s.slots);
    free(s.values);
    return s.count <= most;
}

void distinct_release(struct distinct *d) {
    free(d->sorted);
    free(d->code_of);
    free(d->number);
    *d = (struct distinct){0};
}
