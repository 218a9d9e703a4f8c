/* identity_table: the hash tables of identity.
 *
 * struct table maps a 64-bit hash to numbers (of identifiers); the caller compares what a number stands for. One thread
 * adds, any number read beside it without a lock: 256 partitions by the hash's top byte, each an open-addressed array
 * of 8-byte slots (tag = low half of the hash, number), a slot published by one release store. A partition that grows
 * fills a new array and publishes its pointer; old arrays are kept until table_release, because a reader may still be
 * inside one (together they are never larger than the live ones). Growing by partition keeps the longest pause short:
 * 20 M entries, 80,000 a partition.
 *
 * The tag picks the slot and is compared first, so a look-up touches what the number stands for only where 32 bits
 * agree, and growing touches nothing but slots.
 *
 * struct pair_set is a set of non-zero 64-bit keys for one thread, partitioned likewise; struct pair_map has with each key
 * the number of an edge and when it was seen first, in the same line of memory. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_TABLE_H
#define ONEFOLD_IDENTITY_IDENTITY_TABLE_H

#include "base/hash.h"
#include "base/slice.h"

#define TABLE_PARTS 256

struct table_slots {
    struct table_slots *retired; /* the smaller array this one took the place of */
    uint32_t mask;
    _Atomic uint64_t slot[]; /* tag << 32 | number; 0 = empty */
};

struct table {
    struct table_part {
        struct table_slots *_Atomic slots; /* NULL while empty */
        uint32_t count;                    /* adding thread only */
    } parts[TABLE_PARTS];
    uint64_t memory_bytes; /* adding thread only; retired arrays included */
};

/* A zeroed table is an empty one. */
void table_release(struct table *table);
/* Makes room for `count` entries in all, spread evenly, so that adding them does not grow anything. Adding thread. */
void table_reserve(struct table *table, size_t count);
/* `number` is not 0 and not in the table. What it stands for must be complete: readers may see it at once. Adding
 * thread. */
void table_add(struct table *table, uint64_t hash, uint32_t number);

static inline void table_prefetch(const struct table *table, uint64_t hash) {
    const struct table_slots *slots =
        __atomic_load_n((struct table_slots *const *)&table->parts[hash >> 56].slots, __ATOMIC_ACQUIRE);
    if (slots)
        __builtin_prefetch((const void *)&slots->slot[(uint32_t)hash & slots->mask]);
}

/* Walks the numbers stored under hashes with the same partition and tag; a caller stops at the one that is equal.
 * Thread: any.
 *
 *     struct table_probe probe = table_probe_start(table, hash);
 *     for (uint32_t n; (n = table_probe_next(&probe));) if (it is the one) ...  */
struct table_probe {
    const struct table_slots *slots;
    uint32_t at, tag;
};
static inline struct table_probe table_probe_start(const struct table *table, uint64_t hash) {
    const struct table_slots *slots =
        __atomic_load_n((struct table_slots *const *)&table->parts[hash >> 56].slots, __ATOMIC_ACQUIRE);
    return (struct table_probe){slots, (uint32_t)hash, (uint32_t)hash};
}
static inline uint32_t table_probe_next(struct table_probe *probe) {
    const struct table_slots *slots = probe->slots;
    if (!slots)
        return 0;
    for (;;) {
        uint64_t slot = __atomic_load_n((const uint64_t *)&slots->slot[probe->at & slots->mask], __ATOMIC_ACQUIRE);
        if (!slot)
            return 0; /* never full: at most 3/4 */
        probe->at++;
        if ((uint32_t)(slot >> 32) == probe->tag)
            return (uint32_t)slot;
    }
}

struct pair_set {
    struct pair_part {
        uint64_t *keys;
        uint32_t mask, count;
    } parts[TABLE_PARTS];
    uint64_t memory_bytes;
};
void pair_set_release(struct pair_set *set);
void pair_set_reserve(struct pair_set *set, size_t count);
/* True when `key` (not 0) was not there before. */
bool pair_set_add(struct pair_set *set, uint64_t key);
static inline void pair_set_prefetch(const struct pair_set *set, uint64_t key) {
    uint64_t hash = hash_mix(key);
    const struct pair_part *part = &set->parts[hash >> 56];
    if (part->keys)
        __builtin_prefetch(&part->keys[(uint32_t)hash & part->mask]);
}

struct pair_slot {
    uint64_t key;     /* 0 = empty */
    uint32_t edge;    /* 0 = none */
    uint32_t seconds; /* the edge's first event time, since 1970; 0 before, UINT32_MAX past the end */
};
struct pair_map {
    struct pair_map_part {
        struct pair_slot *slots;
        uint32_t mask, count;
    } parts[TABLE_PARTS];
    uint64_t memory_bytes;
};
void pair_map_release(struct pair_map *map);
void pair_map_reserve(struct pair_map *map, size_t count);
/* The slot of `key` (not 0), made where there was none; *fresh says which. Valid until the next call that makes one. */
struct pair_slot *pair_map_put(struct pair_map *map, uint64_t key, bool *fresh);
/* NULL where it is not there. */
const struct pair_slot *pair_map_find(const struct pair_map *map, uint64_t key);
static inline void pair_map_prefetch(const struct pair_map *map, uint64_t key) {
    uint64_t hash = hash_mix(key);
    const struct pair_map_part *part = &map->parts[hash >> 56];
    if (part->slots)
        __builtin_prefetch(&part->slots[(uint32_t)hash & part->mask]);
}

#endif
