/* suggest: the word somebody meant, out of those there are. */
#ifndef ONEFOLD_LANGUAGE_SUGGEST_H
#define ONEFOLD_LANGUAGE_SUGGEST_H

#include "base/slice.h"

#define SUGGEST_BYTES_MAX 64 /* longer words are neither looked for nor offered */

/* Collects candidates and keeps the nearest; of equally near ones the first. */
struct suggestion {
    struct slice wanted, best; /* `best` is empty where nothing is near enough */
    unsigned distance;
};
static inline struct suggestion suggestion_of(struct slice wanted) {
    return (struct suggestion){.wanted = wanted, .distance = UINT32_MAX};
}
/* Steps from one to the other: a byte more, less or other, two neighbours swapped; ASCII letters without case. More than `most` is told
 * as most + 1. */
unsigned suggest_distance(struct slice a, struct slice b, unsigned most);
/* Near enough is one step in a word of up to three bytes, two up to seven, else three. */
void suggestion_offer(struct suggestion *suggestion, struct slice candidate);

#endif
