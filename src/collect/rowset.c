/* rowset: most rows come once, so the common case is one probe into eight-byte slots. */
#include "collect/rowset.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

void rowset_release(struct rowset *set) {
    free(set->seen);
    free(set->again);
    free(set->times);
    *set = (struct rowset){0};
}

/* The slot of `hash`, or the free one where it belongs. */
static size_t slot_of(const uint64_t *table, size_t size, uint64_t hash) {
    size_t i = hash_mix(hash) & (size - 1);
    while (table[i] && table[i] != hash)
        i = (i + 1) & (size - 1);
    return i;
}

/* Keeps a table at most three quarters full. */
static void grow_seen(struct rowset *set) {
    size_t size = set->seen_size ? set->seen_size * 2 : 1024;
    uint64_t *table = memory_get(size, sizeof *table);
    for (size_t i = 0; i < set->seen_size; i++)
        if (set->seen[i])
            table[slot_of(table, size, set->seen[i])] = set->seen[i];
    free(set->seen);
    set->seen = table;
    set->seen_size = size;
}

static void grow_again(struct rowset *set) {
    size_t size = set->again_size ? set->again_size * 2 : 64;
    uint64_t *table = memory_get(size, sizeof *table);
    uint32_t *times = memory_get(size, sizeof *times);
    for (size_t i = 0; i < set->again_size; i++)
        if (set->again[i]) {
            size_t slot = slot_of(table, size, set->again[i]);
            table[slot] = set->again[i];
            times[slot] = set->times[i];
        }
    free(set->again);
    free(set->times);
    set->again = table;
    set->times = times;
    set->again_size = size;
}

uint32_t rowset_add(struct rowset *set, uint64_t hash) {
    assert(hash != 0);
    if (set->seen_count * 4 >= set->seen_size * 3)
        grow_seen(set);
    size_t slot = slot_of(set->seen, set->seen_size, hash);
    if (!set->seen[slot]) {
        set->seen[slot] = hash;
        set->seen_count++;
        return 0;
    }
    if (set->again_count * 4 >= set->again_size * 3)
        grow_again(set);
    slot = slot_of(set->again, set->again_size, hash);
    if (!set->again[slot]) {
        set->again[slot] = hash;
        set->times[slot] = 1;
        set->again_count++;
    }
    assert(set->times[slot] >= 1 && set->times[slot] < UINT32_MAX);
    return set->times[slot]++;
}
