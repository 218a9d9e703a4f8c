/* match_keep: what a run of matching leaves: its pairs for review, and what the next run needs to compare only what is new. In memory, and
 * in the file `matches` of the data folder (docs/formats/matches.md), so that both outlive a restart.
 *
 * It is no state of the fold: lost, it can be computed again. What people decided about pairs is in the log (match_run.h).
 *
 * Memory and disk: 12 bytes a customer, 24 a pair, and two a field of each pair that can be shown. */
#ifndef ONEFOLD_SERVE_MATCH_KEEP_H
#define ONEFOLD_SERVE_MATCH_KEEP_H

#include "identity/fuzzy_match.h"
#include "os/os.h"

#define MATCH_PERCENT_MIN 1 /* pairs below this probability are kept for the next run, and never shown */

struct match_keep {
    int64_t started_ms, ended_ms;
    uint64_t compared, merged;
    uint64_t fresh;            /* customers that were new, or said other things than in the run before */
    uint64_t learnt_records;   /* customers of the run that the weights were learnt in */
    bool learnt;               /* in this one */
    char *asked;               /* the rule file as it was given */
    char *rules;               /* complete, as fuzzy_rules_write has it */
    struct fuzzy_table schema; /* the columns the rules name, without records */
    struct fuzzy_rules parsed; /* `rules` over `schema` */
    struct fuzzy_weights weights;
    size_t record_count;
    uint32_t *customers;      /* [record], ascending */
    uint64_t *prints;         /* [record]: hash of what was compared of it */
    struct fuzzy_pair *pairs; /* of records, strongest first */
    size_t pair_count, shown_count;
    int16_t *field_bits; /* [shown_count][fields]: hundredths of a bit */
    struct buffer large[FUZZY_BLOCKS_MAX];
};

/* Takes over what there is to be kept of a run: `m`'s pairs and blocks, `customers`. */
struct match_keep *match_keep_take(struct fuzzy_match *m, const struct fuzzy_table *table, uint32_t *customers,
                                   struct slice asked);
void match_keep_free(struct match_keep *keep); /* NULL is fine */

/* What of `record` is compared by `rules`, as a hash. */
uint64_t match_print(const struct fuzzy_table *table, const struct fuzzy_rules *rules, size_t record);

/* What `keep` says of the records of another table, for fuzzy_options.before. */
struct match_since {
    struct fuzzy_before before;
    bool *unchanged;
    struct fuzzy_pair *pairs;
    uint64_t fresh;
};
/* `customers` [table->record_count], ascending; `rules` are the keep's, over `table`. */
void match_since_init(struct match_since *since, const struct match_keep *keep, const struct fuzzy_table *table,
                      const struct fuzzy_rules *rules, const uint32_t *customers);
void match_since_release(struct match_since *since);

/* Durable when it returns. */
enum status match_keep_write(const struct match_keep *keep, struct os *os, const char *path,
                             struct fault *fault) WARN_UNUSED;
/* Errors: NOT_FOUND, DAMAGED, IO. */
enum status match_keep_read(struct os *os, const char *path, struct match_keep **keep, struct fault *fault) WARN_UNUSED;

#endif
