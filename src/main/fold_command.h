/* fold_command: orders about single customers, applied: tags by hand, members of uploads, relations, measures of
 * networks, refreshes. They become
 * rows of the customers' histories, so they follow merges, and need no store of their own. Inside of main/ only. */
#ifndef ONEFOLD_MAIN_FOLD_COMMAND_H
#define ONEFOLD_MAIN_FOLD_COMMAND_H

#include "main/engine.h"

/* Applies {"command":"tag|members|relate|refresh",...} (audience/audience.h) and {"command":"network",...} (network/network.h). Fold thread. Errors: INVALID, NOT_FOUND, CONFLICT,
 * UNSUPPORTED; then nothing happened, except that of "members" those known were taken in. */
enum status fold_command(struct engine *engine, struct json_parser *parser, const struct json *command,
                         const struct log_record *raw, struct fault *fault) WARN_UNUSED;

#endif
