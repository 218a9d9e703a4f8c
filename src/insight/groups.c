/* groups: see the header. */
#include "insight/groups.h"

#include <assert.h>
#include <stdlib.h>

#include "insight/texts.h"

void durations_grow(struct durations *d) {
    d->room = d->room ? d->room * 2 : 64;
    d->all = memory_resize(d->all, d->room, sizeof *d->all);
}

void durations_take(struct durations *into, struct durations *from) {
    if (into->count == 0) {
        free(into->all);
        *into = *from;
    } else if (from->count) {
        if (into->room < into->count + from->count) {
            into->room = into->count + from->count;
            into->all = memory_resize(into->all, into->room, sizeof *into->all);
        }
        memcpy(into->all + into->count, from->all, from->count * sizeof *into->all);
        into->count += from->count;
        into->sum += from->sum;
        free(from->all);
    } else {
        free(from->all);
    }
    *from = (struct durations){0};
}

void durations_release(struct durations *d) {
    free(d->all);
    *d = (struct durations){0};
}

void groups_init(struct groups *groups, size_t bytes, void (*merge)(void *into, void *from),
                 void (*release)(void *data)) {
    *groups = (struct groups){.bytes = bytes, .merge = merge, .release = release};
}

static void drop(struct groups *groups, uint32_t number) {
    if (groups->all[number] && groups->release)
        groups->release(groups->all[number]);
    free(groups->all[number]);
    groups->all[number] = NULL;
}

void groups_release(struct groups *groups) {
    for (uint32_t i = 0; i < groups->room; i++)
        drop(groups, i);
    free(groups->all);
    groups->all = NULL;
    groups->room = 0;
}

void *groups_make(struct groups *groups, uint32_t number) {
    if (number >= groups->room) {
        uint32_t room = groups->room ? groups->room * 2 : 16;
        room = room > number ? room : number + 1;
        groups->all = memory_resize(groups->all, room, sizeof *groups->all);
        memset(groups->all + groups->room, 0, (room - groups->room) * sizeof *groups->all);
        groups->room = room;
    }
    if (!groups->all[number])
        groups->all[number] = memory_get(1, groups->bytes);
    return groups->all[number];
}

uint32_t groups_next(const struct groups *groups, uint32_t number) {
    for (; number < groups->room; number++)
        if (groups->all[number])
            return number;
    return UINT32_MAX;
}

void groups_merge(struct groups *groups, uint32_t number, void *from) {
    groups->merge(groups_get(groups, number), from);
}

static int heavier(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    if (x->weight != y->weight)
        return (x->weight < y->weight) - (x->weight > y->weight);
    return slice_compare(x->name, y->name);
}

void groups_list(struct groups *groups, size_t most, uint64_t (*weight)(const void *data),
                 struct slice (*name)(void *context, uint32_t number), void *context, struct group_list *list) {
    size_t count = 0;
    for (uint32_t i = groups_next(groups, 0); i != UINT32_MAX; i = groups_next(groups, i + 1))
        count++;
    *list = (struct group_list){.all = memory_get(count + 1, sizeof *list->all)};
    for (uint32_t i = groups_next(groups, 0); i != UINT32_MAX; i = groups_next(groups, i + 1)) {
        void *data = groups_at(groups, i);
        list->all[list->count++] = (struct group){i, name(context, i), data, weight(data)};
    }
    qsort(list->all, list->count, sizeof *list->all, heavier);
    if (list->count <= most + 1)
        return;
    for (size_t i = most + 1; i < list->count; i++) {
        groups->merge(list->all[most].data, list->all[i].data);
        list->all[most].weight += list->all[i].weight;
    }
    list->all[most].number = UINT32_MAX;
    list->all[most].name = SLICE(TEXTS_OTHER_TEXT);
    list->count = most + 1;
}

void group_list_release(struct group_list *list) {
    free(list->all);
    *list = (struct group_list){0};
}
