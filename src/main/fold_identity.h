/* fold_identity: what identity says of who is one customer, carried out: rows moved by merges and splits, audiences told; and the orders by
 * hand that have it say so. Inside of main/ only. */
#ifndef ONEFOLD_MAIN_FOLD_IDENTITY_H
#define ONEFOLD_MAIN_FOLD_IDENTITY_H

#include "main/engine.h"

/* Applies the merges and moves of a resolution to the history, then tells the audience; `position`: of the record in hand. Fold thread. */
void fold_unite(struct engine *engine, const struct resolution *resolution, uint64_t position);

/* Whether `word` is a command of fold_decide. */
bool fold_decides(struct slice word);
/* Applies {"command":"merge|split|undo",...} (audience/audience.h lists them). Fold thread. Errors: as identity_decide's, and INVALID or
 * NOT_FOUND for who is named; then nothing happened. */
enum status fold_decide(struct engine *engine, struct json_parser *parser, const struct json *command,
                        const struct log_record *raw, struct fault *fault) WARN_UNUSED;

/* Whether `word` is the command of fold_rules_apply. */
bool fold_rules(struct slice word);
/* Applies {"command":"rules","namespaces":[...]}: the definitions, then everything is solved anew by them, a part with each record that
 * follows (fold_sweep). Fold thread. Errors: INVALID; then nothing happened. */
enum status fold_rules_apply(struct engine *engine, struct json_parser *parser, const struct json *command,
                             const struct log_record *raw, struct fault *fault) WARN_UNUSED;
/* Goes on with that, after `raw` was applied. */
void fold_sweep(struct engine *engine, const struct log_record *raw);

#endif
