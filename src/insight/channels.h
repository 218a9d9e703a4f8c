/* channels: a worker's texts as codes of a byte, in the order it meets them, and all workers' as one, in the order of their names. */
#ifndef ONEFOLD_INSIGHT_CHANNELS_H
#define ONEFOLD_INSIGHT_CHANNELS_H

#include "insight/scan.h"

#define CHANNELS_MAX 250
#define CHANNEL_NONE 255 /* a missing text; and of the 251st channel on, which sets `full` */

/* A worker's. {0} is empty. */
struct channels {
    uint8_t *codes; /* by text number: code + 1, 0: not met */
    size_t room;
    uint32_t texts[CHANNELS_MAX];
    uint32_t count;
    bool full;
};
uint8_t channels_new(struct channels *channels, uint32_t text);
static inline uint8_t channels_code(struct channels *channels, uint32_t text) {
    return text < channels->room && channels->codes[text] ? (uint8_t)(channels->codes[text] - 1)
                                                          : channels_new(channels, text);
}
void channels_release(struct channels *channels);

/* Everybody's, by name. */
struct channel_names {
    struct arena arena;
    struct slice names[CHANNELS_MAX];
    uint32_t count;
    bool full;
};
/* Names of a worker's channels, in its order; `names` [CHANNELS_MAX] are copied into `arena`. While merging. */
void channels_named(const struct channels *channels, struct scan *scan, const struct scan_worker *worker,
                    struct arena *arena, struct slice *names);
/* Adds those that are not there. */
void channel_names_add(struct channel_names *all, const struct slice *names, uint32_t count);
/* When all are added. */
void channel_names_sort(struct channel_names *all);
/* The code of a name, CHANNEL_NONE where there is none. */
uint8_t channel_names_code(const struct channel_names *all, struct slice name);
void channel_names_release(struct channel_names *all);

#endif
