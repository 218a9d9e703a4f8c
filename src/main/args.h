/* args: options of the command line, from one table per command. "--name value" or "--name=value"; flags take no value. */
#ifndef ONEFOLD_MAIN_ARGS_H
#define ONEFOLD_MAIN_ARGS_H

#include "base/status.h"

enum arg_kind { ARG_TEXT, ARG_NUMBER, ARG_FLAG };

struct arg {
    const char *name; /* without the dashes; NULL ends the table */
    enum arg_kind kind;
    void *into; /* const char **, uint64_t *, bool * */
    const char *help;
};

/* Fills the table's targets; what is no option goes to `rest` (at most *rest_count, which becomes how many came). "--help"
 * prints `usage` and the table and exits with 0; a mistake prints what is wrong and exits with 2. */
void args_parse(int argc, char **argv, const char *usage, const struct arg *table, const char **rest, int *rest_count);

#endif
