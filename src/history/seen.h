/* seen: the set of message hashes ever folded, for deduplication for ever.
 *
 * A small open-addressing table takes new hashes; when it holds SEEN_FRESH_MAX it is sealed into a sorted run, and
 * runs of like size are merged in the background, so a look-up asks a handful of runs: at most three a size, each size
 * four times the one before. A run is a mapped image file (docs/formats/seen.md): a filter that answers "not here"
 * from one cache line, 99 times in 100, a fence index, and the ascending hashes in the fewest bytes that keep them
 * exact. About eight bytes an event, on disk, of which a look-up of a new hash touches one and a half; the kernel
 * keeps what is hot.
 *
 * Two different message ids share a hash once in 2^64 / n tries: at a billion events the chance that the next event is
 * taken for a repeat is 5e-11. State of the fold: one writer thread. */
#ifndef ONEFOLD_HISTORY_SEEN_H
#define ONEFOLD_HISTORY_SEEN_H

#include "os/os.h"

#define SEEN_FRESH_MAX (1u << 20)

struct seen;
/* `folder` is where run files go (made where missing); no other file may end in ".run" there. */
enum status seen_create(struct os *os, const char *folder, struct seen **seen, struct fault *fault) WARN_UNUSED;
/* The same, sealing at `fresh_max` (1..SEEN_FRESH_MAX) hashes: many runs of few hashes, for tests and simulation. */
enum status seen_create_small(struct os *os, const char *folder, uint32_t fresh_max, struct seen **seen,
                              struct fault *fault) WARN_UNUSED;
/* After the last seen_image_free, with no seen_compact under way. NULL is fine. Run files stay. */
void seen_free(struct seen *seen);

/* True when `hash` (never 0) was there; otherwise adds it. Fold thread. Cost: with seen_prefetch some 64 events ahead
 * about 0.1 us at 50 M hashes; never waits for the disk's writes or for the background. */
bool seen_add(struct seen *seen, uint64_t hash);
bool seen_has(const struct seen *seen, uint64_t hash); /* fold thread */
/* Starts loading the lines that seen_add of this hash will touch. Fold thread. */
void seen_prefetch(const struct seen *seen, uint64_t hash);

/* Thread any. */
uint64_t seen_count(const struct seen *seen);
uint64_t seen_disk_bytes(const struct seen *seen);   /* run files, with those that wait for their removal */
uint64_t seen_memory_bytes(const struct seen *seen); /* tables, not what is mapped */

/* Background work, from one other thread at a time: removes files nobody needs, seals, merges what is due, and reads
 * once through runs that were loaded. seen_add never waits for it (it keeps more tables meanwhile). One call does one
 * thing: call again until END, which says that nothing was to do.
 * Errors: DISK_FULL, IO (nothing is lost; may be called again), DAMAGED (a run file, named). */
enum status seen_compact(struct seen *seen, struct fault *fault) WARN_UNUSED;

/* Saving: seen_freeze (fold thread, quick) fixes the set as it is now; seen_write puts what is not in run files yet
 * into `path` together with the names of the runs, from another thread; run files that the image names are not removed
 * until seen_image_free of a later, written image. seen_load opens from such a file: before anything was added, once.
 * It removes the run files that `path` does not name (they came after it), so it must be the checkpoint to stay with.
 * After a failure only seen_free may follow.
 * Errors of seen_load: NOT_FOUND, DAMAGED, IO. */
struct seen_image;
struct seen_image *seen_freeze(struct seen *seen);
enum status seen_write(struct seen_image *image, const char *path, struct fault *fault) WARN_UNUSED;
/* `durable`: the checkpoint that holds this image is in force; older files may go. Thread any. */
void seen_image_free(struct seen_image *image, bool durable);
enum status seen_load(struct seen *seen, const char *path, struct fault *fault) WARN_UNUSED;

#endif
