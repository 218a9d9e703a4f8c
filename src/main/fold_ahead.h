/* fold_ahead: log records, read and governed ahead of those that are applied.
 *
 * Governing a record (parsing, normalising, half of what the fold does with a plain event) needs nothing of those before it but what they
 * taught the dictionary, and changes nothing that applying looks at. So a helper thread does it a few records ahead, beside the fold; and
 * as their identifiers are known then, what applying them will touch is brought nearer before it is asked for. Where the helper is
 * not there or busy elsewhere the fold governs by itself: what comes out is the same, in the same order.
 *
 * Nothing is worked behind a definition or a command, nor behind a record of which something was refused or that names other customers
 * (of whom the fold may refuse some), until that one was applied: they
 * change what governing looks at. So the state never tells how far ahead somebody was; only a checkpoint must not be taken
 * while records wait, as the dictionary knows them already: ahead_rest, and apply what waits, first.
 *
 * Threads: ahead_next, _peek, _done, _begin, _rest, _resume are the fold's. Inside of main/ only. */
#ifndef ONEFOLD_MAIN_FOLD_AHEAD_H
#define ONEFOLD_MAIN_FOLD_AHEAD_H

#include "main/engine.h"

struct ahead_record {
    struct log_record raw;    /* the payload only of definitions and commands */
    struct governed governed; /* of items and rows */
    struct buffer bytes;      /* what that borrows */
};
static inline bool ahead_has_data(const struct ahead_record *record) {
    return record->raw.kind == LOG_SEGMENT_ITEM || record->raw.kind == LOG_ROW;
}

struct ahead;
struct ahead *ahead_create(struct engine *engine);
void ahead_free(struct ahead *ahead); /* with its reader, and its thread */
/* Goes on with the records behind `position`; nothing may wait. */
enum status ahead_start_at(struct ahead *ahead, uint64_t position, struct fault *fault) WARN_UNUSED;
/* Starts the helper thread. */
enum status ahead_help(struct ahead *ahead, struct fault *fault) WARN_UNUSED;

/* Looks again whether the log has more, where it had not. */
void ahead_begin(struct ahead *ahead);
/* The next record, until ahead_done; END where the log has no more, or, while resting, nothing waits. Errors: of the log. */
enum status ahead_next(struct ahead *ahead, struct ahead_record **record, struct fault *fault) WARN_UNUSED;
uint64_t ahead_number(const struct ahead *ahead); /* of that record: they are counted */
/* The record `distance` behind the one that ahead_next gave last; NULL where it is not there yet. */
struct ahead_record *ahead_peek(const struct ahead *ahead, unsigned distance);
void ahead_done(struct ahead *ahead);

/* From now on nothing new is worked, until ahead_resume. */
void ahead_rest(struct ahead *ahead);
void ahead_resume(struct ahead *ahead);

#endif
