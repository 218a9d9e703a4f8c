/* channels: see the header. There are few, so names are looked for one by one. */
#include "insight/channels.h"

#include <stdlib.h>

uint8_t channels_new(struct channels *c, uint32_t text) {
    if (text == 0)
        return CHANNEL_NONE;
    if (text >= c->room) {
        size_t room = (size_t)text * 2 + 64;
        c->codes = memory_resize(c->codes, room, 1);
        memset(c->codes + c->room, 0, room - c->room);
        c->room = room;
    }
    if (c->codes[text])
        return (uint8_t)(c->codes[text] - 1);
    if (c->count == CHANNELS_MAX) {
        c->full = true;
        return CHANNEL_NONE;
    }
    c->texts[c->count] = text;
    c->codes[text] = (uint8_t)(c->count + 1);
    return (uint8_t)c->count++;
}

void channels_release(struct channels *c) {
    free(c->codes);
    *c = (struct channels){0};
}

void channels_named(const struct channels *c, struct scan *scan, const struct scan_worker *worker, struct arena *arena,
                    struct slice *names) {
    for (uint32_t i = 0; i < c->count; i++)
        names[i] = arena_copy(arena, scan_shared_text(scan, scan_shared(scan, worker, c->texts[i])));
}

void channel_names_add(struct channel_names *all, const struct slice *names, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (channel_names_code(all, names[i]) != CHANNEL_NONE)
            continue;
        if (all->count == CHANNELS_MAX) {
            all->full = true;
            return;
        }
        all->names[all->count++] = arena_copy(&all->arena, names[i]);
    }
}

static int by_name(const void *a, const void *b) {
    const struct slice *x = a, *y = b;
    return slice_compare(*x, *y);
}

void channel_names_sort(struct channel_names *all) {
    if (all->count)
        qsort(all->names, all->count, sizeof *all->names, by_name);
}

uint8_t channel_names_code(const struct channel_names *all, struct slice name) {
    for (uint32_t i = 0; i < all->count; i++)
        if (slice_equal(all->names[i], name))
            return (uint8_t)i;
    return CHANNEL_NONE;
}

void channel_names_release(struct channel_names *all) {
    arena_release(&all->arena);
    *all = (struct channel_names){0};
}
