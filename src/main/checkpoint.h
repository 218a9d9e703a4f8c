/* checkpoint: the whole state on disk at one log position. Inside of main/ only; see engine.h.
 *
 * state/<n>.flow (sources, govern and dictionary, master data, fold), .identity, .seen, .history, .audience; then `state/current` is
 * rewritten to name n. Until that rename the checkpoint before is in force; files of others are swept at the next open. */
#ifndef ONEFOLD_MAIN_CHECKPOINT_H
#define ONEFOLD_MAIN_CHECKPOINT_H

#include "main/engine.h"

struct checkpoint;
/* Fold thread, between batches: fixes the state. The small parts are written here, the large ones are only frozen. */
enum status checkpoint_begin(struct engine *engine, uint64_t number, struct checkpoint **checkpoint,
                             struct fault *fault) WARN_UNUSED;
/* Any thread: writes the rest and puts it in force. Frees the checkpoint either way. *position is where it stands. */
enum status checkpoint_finish(struct checkpoint *checkpoint, uint64_t *position, struct fault *fault) WARN_UNUSED;
/* Loads the one in force into the fresh parts of `engine`, with `apart` on two threads; NOT_FOUND where there is none. */
enum status checkpoint_load(struct engine *engine, bool apart, uint64_t *number, uint64_t *position,
                            struct fault *fault) WARN_UNUSED;

#endif
