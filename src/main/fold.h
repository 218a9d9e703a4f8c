/* fold: applies log records to the state, one after another. Inside of main/ only; see engine.h. */
#ifndef ONEFOLD_MAIN_FOLD_H
#define ONEFOLD_MAIN_FOLD_H

#include "main/engine.h"

struct fold;
struct fold *fold_create(struct engine *engine);
void fold_free(struct fold *fold);
/* Where the state stands: the last applied position. */
uint64_t fold_position(const struct fold *fold);
/* Starts after `position` (that of the checkpoint). */
enum status fold_start_at(struct fold *fold, uint64_t position, struct fault *fault) WARN_UNUSED;
/* Starts a thread that governs ahead of fold_batch. It ends with the fold. */
enum status fold_help(struct fold *fold, struct fault *fault) WARN_UNUSED;
/* Applies up to `limit` durable records, then tells the readers. *applied is how many; 0 when there was nothing.
 * Errors: DAMAGED, IO of the log. */
enum status fold_batch(struct fold *fold, size_t limit, size_t *applied, struct fault *fault) WARN_UNUSED;
/* Applies what was governed ahead; until fold_resume nothing is worked ahead, and the state is that of fold_position: around taking a
 * checkpoint. Errors as fold_batch's. Fold thread. */
enum status fold_rest(struct fold *fold, struct fault *fault) WARN_UNUSED;
void fold_resume(struct fold *fold);
/* Retires the log up to `checkpointed`, where a checkpoint in force stands; unless a replay was folded behind it: after
 * a crash it is folded again, and must find what it found. Returns the count of segments removed. Thread: any. */
size_t fold_retire(struct fold *fold, uint64_t checkpointed);
/* Tells govern each source's priority and zone; after loading a checkpoint. */
enum status fold_tell_sources(struct fold *fold, struct fault *fault) WARN_UNUSED;
/* Appends the state the fold itself has to the checkpoint's image; reads it back. */
enum status fold_save(struct fold *fold, struct image_writer *image, struct fault *fault) WARN_UNUSED;
enum status fold_load(struct fold *fold, struct image *image, struct fault *fault) WARN_UNUSED;
void fold_counters_read(const struct fold *fold, struct fold_counters *out);

#endif
