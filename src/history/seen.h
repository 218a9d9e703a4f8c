/* seen: the set of message hashes ever folded, for deduplication for ever.
 *
 * A small open-addressing table takes new hashes; when it holds SEEN_FRESH_MAX it is sealed into a sorted run, and runs of like
 * size are merged in the background, so a look-up asks a handful of runs. A run is a mapped image file of ascending 64-bit hashes with
 * a fence index, found by interpolation on the top bits: about two cache lines a run. Eight bytes an event, on disk, not
 * in memory: the kernel keeps what is hot.
 *
 * Two different message ids share a hash once in 2^64 / n tries: at a billion events the chance that the next event is taken for a
 * repeat is 5e-11. State of the fold: one writer thread. */
#ifndef ONEFOLD_HISTORY_SEEN_H
#define ONEFOLD_HISTORY_SEEN_H

#include "os/os.h"

#define SEEN_FRESH_MAX (1u << 20)

struct seen;
/* `folder` is where run files go (made where missing). */
enum status seen_create(struct os *os, const char *folder, struct seen **seen, struct fault *fault) WARN_UNUSED;
void seen_free(struct seen *seen);

/* True when `hash` (never 0) was there; otherwise adds it. Fold thread. */
bool seen_add(struct seen *seen, uint64_t hash);
bool seen_has(const struct seen *seen, uint64_t hash); /* fold thread */
/* Starts loading the lines that seen_add of this hash will touch. */
void seen_prefetch(const struct seen *seen, uint64_t hash);
uint64_t seen_count(const struct seen *seen);
uint64_t seen_disk_bytes(const struct seen *seen);
uint64_t seen_memory_bytes(const struct seen *seen);

/* Background work, from another thread: seals and merges what is due. seen_add never waits for it (it keeps more tables meanwhile).
 * Returns END when nothing was to do. */
enum status seen_compact(struct seen *seen, struct fault *fault) WARN_UNUSED;

/* Saving: seen_freeze (fold thread, quick) fixes the set as it is now; seen_write puts what is not in run files yet into `path` together
 * with the names of the runs, from another thread; run files that the image names are not removed until seen_image_free of
 * a later, written image. seen_load opens from such a file. */
struct seen_image;
struct seen_image *seen_freeze(struct seen *seen);
enum status seen_write(struct seen_image *image, const char *path, struct fault *fault) WARN_UNUSED;
/* `durable`: the checkpoint that holds this image is in force; older files may go. */
void seen_image_free(struct seen_image *image, bool durable);
enum status seen_load(struct seen *seen, const char *path, struct fault *fault) WARN_UNUSED;

#endif
