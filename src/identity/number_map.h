/* number_map: a small map of numbers to numbers that is emptied at no cost, for the solver's scratch. One thread. */
#ifndef ONEFOLD_IDENTITY_NUMBER_MAP_H
#define ONEFOLD_IDENTITY_NUMBER_MAP_H

#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

struct number_map {
    struct number_slot {
        uint32_t key, value, stamp;
    } * slots;
    uint32_t mask, count, stamp; /* a slot is taken where it has the map's stamp */
};

static inline void number_map_release(struct number_map *map) {
    free(map->slots);
    *map = (struct number_map){0};
}

static inline void number_map_clear(struct number_map *map) {
    map->count = 0;
    if (++map->stamp == 0) { /* stamps came round: those of old must not be taken for new */
        for (uint32_t i = 0; map->slots && i <= map->mask; i++)
            map->slots[i].stamp = 0;
        map->stamp = 1;
    }
}

/* Where `key` is or would go. */
static inline struct number_slot *number_map_slot(const struct number_map *map, uint32_t key) {
    uint32_t at = (uint32_t)hash_mix(key);
    while (map->slots[at & map->mask].stamp == map->stamp && map->slots[at & map->mask].key != key)
        at++;
    return &map->slots[at & map->mask];
}

static inline void number_map_grow(struct number_map *map) {
    struct number_map old = *map;
    uint32_t size = old.slots ? (old.mask + 1) * 2 : 64;
    map->slots = memory_get(size, sizeof *map->slots);
    map->mask = size - 1;
    map->stamp = old.stamp ? old.stamp : 1;
    for (uint32_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].stamp == old.stamp)
            *number_map_slot(map, old.slots[i].key) = old.slots[i];
    free(old.slots);
}

/* The value of `key`, which becomes `fresh` where there was none. Valid until the next call. */
static inline uint32_t *number_map_put(struct number_map *map, uint32_t key, uint32_t fresh) {
    if (!map->slots || (map->count + 1) * 2 > map->mask)
        number_map_grow(map);
    struct number_slot *slot = number_map_slot(map, key);
    if (slot->stamp != map->stamp) {
        *slot = (struct number_slot){key, fresh, map->stamp};
        map->count++;
    }
    return &slot->value;
}

/* NULL where there is none. */
static inline uint32_t *number_map_find(const struct number_map *map, uint32_t key) {
    if (!map->slots)
        return NULL;
    struct number_slot *slot = number_map_slot(map, key);
    return slot->stamp == map->stamp ? &slot->value : NULL;
}

#endif
