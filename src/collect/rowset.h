/* rowset: how often each row hash came before. A table of hashes, and a small one of counts for those that came again. */
#ifndef ONEFOLD_COLLECT_ROWSET_H
#define ONEFOLD_COLLECT_ROWSET_H

#include <stddef.h>
#include <stdint.h>

struct rowset {
    uint64_t *seen; /* open addressing; 0 = free */
    size_t seen_size, seen_count;
    uint64_t *again; /* hashes that came more than once */
    uint32_t *times; /* how often each of them came */
    size_t again_size, again_count;
};

void rowset_release(struct rowset *set);
/* Counts `hash` (not 0) and returns how often it came before. Memory: 11 to 22 bytes a distinct hash; more for those
 * that repeat. */
uint32_t rowset_add(struct rowset *set, uint64_t hash);

#endif
