/* groups: what an analysis counts, once for each group (a value of the split), and in which order groups are shown. */
#ifndef ONEFOLD_INSIGHT_GROUPS_H
#define ONEFOLD_INSIGHT_GROUPS_H

#include "base/memory.h"

/* Durations (or any whole numbers), for quantiles. {0} is empty. */
struct durations {
    int64_t *all;
    size_t count, room;
    __int128 sum;
};
void durations_grow(struct durations *d);
static inline void durations_add(struct durations *d, int64_t value) {
    if (d->count == d->room)
        durations_grow(d);
    d->all[d->count++] = value;
    d->sum += value;
}
void durations_take(struct durations *into, struct durations *from); /* `from` is empty afterwards */
void durations_release(struct durations *d);

/* Data by group number. */
struct groups {
    size_t bytes;
    void (*merge)(void *into, void *from);
    void (*release)(void *data); /* may be NULL */
    void **all;                  /* [room]; NULL: nothing of this group */
    uint32_t room;
};
void groups_init(struct groups *groups, size_t bytes, void (*merge)(void *into, void *from),
                 void (*release)(void *data));
void groups_release(struct groups *groups);
void *groups_make(struct groups *groups, uint32_t number);
/* Zeroed where it is new. */
static inline void *groups_get(struct groups *groups, uint32_t number) {
    return number < groups->room && groups->all[number] ? groups->all[number] : groups_make(groups, number);
}
static inline void *groups_at(const struct groups *groups, uint32_t number) {
    return number < groups->room ? groups->all[number] : NULL;
}
/* The first group from `number` on that has data, or UINT32_MAX. */
uint32_t groups_next(const struct groups *groups, uint32_t number);
void groups_merge(struct groups *groups, uint32_t number, void *from);

struct group {
    uint32_t number; /* UINT32_MAX: those that were not shown one by one, together */
    struct slice name;
    void *data;
    uint64_t weight;
};
struct group_list {
    struct group *all; /* heaviest first, equal ones by name; "(others)" last */
    size_t count;
};
/* The `most` heaviest; the rest are merged into one that is called "(others)". The groups' own data stay theirs; that of the others is
 * merged within them, so this is asked once. */
void groups_list(struct groups *groups, size_t most, uint64_t (*weight)(const void *data),
                 struct slice (*name)(void *context, uint32_t number), void *context, struct group_list *list);
void group_list_release(struct group_list *list);

#endif
