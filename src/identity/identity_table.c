/* identity_table: see the header for the contract and the reasons. */
#include "identity/identity_table.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/pages.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLOTS_FIRST 16 /* of a partition */

/* Slots, a power of two, that hold `count` entries at 3/4 or less. */
static uint32_t slots_for(size_t count) {
    uint64_t slots = SLOTS_FIRST;
    while (slots * 3 / 4 < count)
        slots *= 2;
    assert(slots <= 1u << 31);
    return (uint32_t)slots;
}

/* Entries one partition of TABLE_PARTS gets out of `count`, with room for the spread of a good hash (more than 6
 * sigma). */
static size_t part_share(size_t count) {
    size_t mean = count / TABLE_PARTS, spread = 1;
    while (spread * spread < mean)
        spread++;
    return mean + 6 * spread;
}

static void slots_put(struct table_slots *slots, uint64_t entry, memory_order order) {
    uint32_t at = (uint32_t)(entry >> 32);
    while (atomic_load_explicit(&slots->slot[at & slots->mask], memory_order_relaxed))
        at++;
    atomic_store_explicit(&slots->slot[at & slots->mask], entry, order);
}

static struct table_slots *part_grow(struct table *table, struct table_part *part, uint32_t slot_count) {
    struct table_slots *old = atomic_load_explicit(&part->slots, memory_order_relaxed);
    size_t bytes = sizeof(struct table_slots) + slot_count * sizeof(uint64_t);
    struct table_slots *grown = pages_get(bytes);
    assert((slot_count & (slot_count - 1)) == 0 && (!old || slot_count > old->mask + 1));
    grown->mask = slot_count - 1;
    grown->retired = old;
    for (uint32_t i = 0; old && i <= old->mask; i++) {
        uint64_t entry = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
        if (entry)
            slots_put(grown, entry, memory_order_relaxed);
    }
    atomic_store_explicit(&part->slots, grown, memory_order_release);
    table->memory_bytes += bytes;
    return grown;
}

void table_release(struct table *table) {
    for (size_t i = 0; i < TABLE_PARTS; i++)
        for (struct table_slots *slots = table->parts[i].slots, *older; slots; slots = older) {
            older = slots->retired;
            pages_free(slots, sizeof *slots + ((size_t)slots->mask + 1) * sizeof(uint64_t));
        }
    memset(table, 0, sizeof *table);
}

void table_reserve(struct table *table, size_t count) {
    uint32_t slot_count = slots_for(part_share(count));
    for (size_t i = 0; i < TABLE_PARTS; i++) {
        struct table_slots *slots = atomic_load_explicit(&table->parts[i].slots, memory_order_relaxed);
        if (!slots || slots->mask + 1 < slot_count)
            part_grow(table, &table->parts[i], slot_count);
    }
}

void table_add(struct table *table, uint64_t hash, uint32_t number) {
    struct table_part *part = &table->parts[hash >> 56];
    struct table_slots *slots = atomic_load_explicit(&part->slots, memory_order_relaxed);
    assert(number);
    if (!slots)
        slots = part_grow(table, part, SLOTS_FIRST);
    else if (((uint64_t)part->count + 1) * 4 > ((uint64_t)slots->mask + 1) * 3)
        slots = part_grow(table, part, (slots->mask + 1) * 2);
    slots_put(slots, hash << 32 | number, memory_order_release);
    part->count++;
    assert(part->count <= slots->mask);
}

static void pair_put(struct pair_part *part, uint64_t key, uint64_t hash) {
    uint32_t at = (uint32_t)hash;
    while (part->keys[at & part->mask])
        at++;
    part->keys[at & part->mask] = key;
}

static void pair_grow(struct pair_set *set, struct pair_part *part, uint32_t slot_count) {
    uint64_t *old = part->keys;
    size_t old_count = old ? (size_t)part->mask + 1 : 0;
    assert(slot_count > old_count);
    part->keys = memory_get(slot_count, sizeof *part->keys);
    part->mask = slot_count - 1;
    for (size_t i = 0; i < old_count; i++)
        if (old[i])
            pair_put(part, old[i], hash_mix(old[i]));
    free(old);
    set->memory_bytes += (slot_count - old_count) * sizeof *part->keys;
}

void pair_set_release(struct pair_set *set) {
    for (size_t i = 0; i < TABLE_PARTS; i++)
        free(set->parts[i].keys);
    memset(set, 0, sizeof *set);
}

void pair_set_reserve(struct pair_set *set, size_t count) {
    uint32_t slot_count = slots_for(part_share(count));
    for (size_t i = 0; i < TABLE_PARTS; i++)
        if (!set->parts[i].keys || set->parts[i].mask + 1 < slot_count)
            pair_grow(set, &set->parts[i], slot_count);
}

bool pair_set_add(struct pair_set *set, uint64_t key) {
    uint64_t hash = hash_mix(key);
    struct pair_part *part = &set->parts[hash >> 56];
    assert(key);
    if (!part->keys)
        pair_grow(set, part, SLOTS_FIRST);
    uint32_t at = (uint32_t)hash;
    for (; part->keys[at & part->mask]; at++)
        if (part->keys[at & part->mask] == key)
            return false;
    if (((uint64_t)part->count + 1) * 4 > ((uint64_t)part->mask + 1) * 3) {
        pair_grow(set, part, (part->mask + 1) * 2);
        pair_put(part, key, hash);
    } else {
        part->keys[at & part->mask] = key;
    }
    part->count++;
    return true;
}

static struct pair_slot *map_slot(const struct pair_map_part *part, uint64_t key, uint64_t hash) {
    uint32_t at = (uint32_t)hash;
    while (part->slots[at & part->mask].key && part->slots[at & part->mask].key != key)
        at++;
    return &part->slots[at & part->mask];
}

static void map_grow(struct pair_map *map, struct pair_map_part *part, uint32_t slot_count) {
    struct pair_slot *old = part->slots;
    size_t old_count = old ? (size_t)part->mask + 1 : 0;
    assert(slot_count > old_count);
    part->slots = pages_get(slot_count * sizeof *part->slots);
    part->mask = slot_count - 1;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].key)
            *map_slot(part, old[i].key, hash_mix(old[i].key)) = old[i];
    pages_free(old, old_count * sizeof *old);
    map->memory_bytes += (slot_count - old_count) * sizeof *part->slots;
}

void pair_map_release(struct pair_map *map) {
    for (size_t i = 0; i < TABLE_PARTS; i++)
        if (map->parts[i].slots)
            pages_free(map->parts[i].slots, ((size_t)map->parts[i].mask + 1) * sizeof *map->parts[i].slots);
    memset(map, 0, sizeof *map);
}

void pair_map_reserve(struct pair_map *map, size_t count) {
    uint32_t slot_count = slots_for(part_share(count));
    for (size_t i = 0; i < TABLE_PARTS; i++)
        if (!map->parts[i].slots || map->parts[i].mask + 1 < slot_count)
            map_grow(map, &map->parts[i], slot_count);
}

struct pair_slot *pair_map_put(struct pair_map *map, uint64_t key, bool *fresh) {
    uint64_t hash = hash_mix(key);
    struct pair_map_part *part = &map->parts[hash >> 56];
    assert(key);
    if (!part->slots)
        map_grow(map, part, SLOTS_FIRST);
    struct pair_slot *slot = map_slot(part, key, hash);
    *fresh = !slot->key;
    if (slot->key)
        return slot;
    if (((uint64_t)part->count + 1) * 4 > ((uint64_t)part->mask + 1) * 3) {
        map_grow(map, part, (part->mask + 1) * 2);
        slot = map_slot(part, key, hash);
    }
    slot->key = key;
    part->count++;
    return slot;
}

const struct pair_slot *pair_map_find(const struct pair_map *map, uint64_t key) {
    uint64_t hash = hash_mix(key);
    const struct pair_map_part *part = &map->parts[hash >> 56];
    if (!part->slots)
        return NULL;
    const struct pair_slot *slot = map_slot(part, key, hash);
    return slot->key ? slot : NULL;
}
