/* texts: texts as numbers: each different one once, numbered from 1 in the order they came. Number 0 is a missing value. */
#ifndef ONEFOLD_INSIGHT_TEXTS_H
#define ONEFOLD_INSIGHT_TEXTS_H

#include "base/memory.h"

#define TEXTS_MAX 1000000u /* different ones; those past it are TEXTS_OTHER */
#define TEXTS_OTHER (TEXTS_MAX + 1)
#define TEXTS_OTHER_TEXT "(others)"
#define TEXTS_MISSING_TEXT "(missing)"

struct texts { /* {0} is empty */
    struct arena arena;
    struct slice *all; /* all[0] is unused */
    uint32_t *slots;   /* number, or 0 */
    uint64_t *hashes;
    uint32_t count, capacity, slot_count;
};
/* The number of `text`, which is copied where it is new. Cost: a hash, and about one look. */
uint32_t texts_number(struct texts *texts, struct slice text);
/* Of any number: those of missing and others too. */
struct slice texts_text(const struct texts *texts, uint32_t number);
void texts_release(struct texts *texts);

#endif
