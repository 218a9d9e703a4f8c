/* texts: see the header. Open addressing; a slot holds the number. */
#include "insight/texts.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

static void grow(struct texts *t) {
    uint32_t count = t->slot_count ? t->slot_count * 2 : 64;
    free(t->slots);
    t->slots = memory_get(count, sizeof *t->slots);
    t->slot_count = count;
    for (uint32_t i = 1; i <= t->count; i++) {
        uint32_t at = (uint32_t)t->hashes[i] & (count - 1);
        while (t->slots[at])
            at = (at + 1) & (count - 1);
        t->slots[at] = i;
    }
}

uint32_t texts_number(struct texts *t, struct slice text) {
    uint64_t hash = hash_bytes(text, 0);
    if ((t->count + 1) * 2 > t->slot_count)
        grow(t);
    uint32_t at = (uint32_t)hash & (t->slot_count - 1);
    for (; t->slots[at]; at = (at + 1) & (t->slot_count - 1)) {
        uint32_t number = t->slots[at];
        if (t->hashes[number] == hash && slice_equal(t->all[number], text))
            return number;
    }
    if (t->count == TEXTS_MAX)
        return TEXTS_OTHER;
    if (t->count + 1 >= t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 64;
        t->all = memory_resize(t->all, t->capacity, sizeof *t->all);
        t->hashes = memory_resize(t->hashes, t->capacity, sizeof *t->hashes);
    }
    uint32_t number = ++t->count;
    t->all[number] = text.size ? arena_copy(&t->arena, text) : SLICE("");
    t->hashes[number] = hash;
    t->slots[at] = number;
    return number;
}

struct slice texts_text(const struct texts *texts, uint32_t number) {
    if (number == 0)
        return SLICE(TEXTS_MISSING_TEXT);
    if (number == TEXTS_OTHER)
        return SLICE(TEXTS_OTHER_TEXT);
    assert(number <= texts->count);
    return texts->all[number];
}

void texts_release(struct texts *texts) {
    free(texts->all);
    free(texts->hashes);
    free(texts->slots);
    arena_release(&texts->arena);
    *texts = (struct texts){0};
}
