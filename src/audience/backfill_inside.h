/* backfill_inside: the backfill as its own files see it. */
#ifndef ONEFOLD_AUDIENCE_BACKFILL_INSIDE_H
#define ONEFOLD_AUDIENCE_BACKFILL_INSIDE_H

#include "audience/backfill.h"

/* What one root says of a span. */
struct answer {
    uint64_t bits[SPAN_WORDS];
    uint8_t slack[SPAN_CUSTOMERS];
};
struct answers {
    uint64_t asked[SPAN_WORDS]; /* of whom something is known */
    int64_t *due;  /* [SPAN_CUSTOMERS]: until when the timed roots' answers hold; NULL where none is timed */
    int64_t *sure; /* [SPAN_CUSTOMERS]: see slack.h; NULL where nothing turns */
    uint16_t (*values)[SLACK_VALUES]; /* [SPAN_CUSTOMERS]: see slack.h; NULL where none were counted */
    struct answer roots[];
};

/* Roots of one plan, and whoever evaluates it: those from `first` on are the plan's from `index` on. */
struct part {
    const struct plan *plan;
    struct evaluator *evaluator;
    uint32_t first, count, index;
};

struct backfill {
    struct outside outside;
    struct audience_snapshot *snapshot; /* NULL where the parts are a planned's */
    uint32_t *numbers;                  /* with the snapshot */
    struct plan *own;
    struct part *parts; /* their evaluators: of the thread that owns it */
    uint32_t part_count, root_count;
    bool *timed, *by_values; /* [root_count] */
    bool any_timed;
    struct evaluator **helpers; /* [WORKERS_MAX][part_count]; of threads beside it */
    struct answers **spans;     /* [span_count]; NULL: not worked, or there is no such span */
    uint32_t span_count;
    struct buffer touched; /* uint64_t by number / 64 */
};

static inline struct answers *answers_of(const struct backfill *b, uint32_t span) {
    return span < b->span_count ? b->spans[span] : NULL;
}
static inline uint64_t count_of(const uint64_t *bits, size_t words) {
    uint64_t count = 0;
    for (size_t w = 0; w < words; w++)
        count += (uint64_t)__builtin_popcountll(bits[w]);
    return count;
}

struct answers *answers_create(const struct backfill *b);
void answers_free(struct answers *s);
void answers_forget(struct answers *s, uint32_t place); /* nothing is known of a customer but who it is */
/* There is a place for the answers of spans below `end`. */
void backfill_reserve(struct backfill *b, uint32_t end);
/* What the part's evaluator says of the span, or of the customer, that it has in hand; `holds` [SPAN_CUSTOMERS] is room to work in. */
void work_part(const struct backfill *b, struct answers *s, const struct part *part, struct hold *holds);
void work_customer_part(const struct backfill *b, struct answers *s, const struct part *part, uint32_t place);
/* Calls work(context, number) on so many threads, numbers 0 .. workers - 1; where one cannot be made the others do its share. */
void run_threads(unsigned workers, void (*work)(void *context, unsigned number), void *context);

#endif
