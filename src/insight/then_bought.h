/* then_bought: who bought this, later bought that. Over plain arrays.
 *
 * A customer's visits are in time order; a visit is a set of items. The pair (a, b) holds for a customer who bought a, and in a later visit (by time),
 * at most `within_ms` after some a, b; b must not have been in a visit of that customer before the first a where `first_only` is set ("came to buy b after a"),
 * and a = b is buying again. Counted are customers, each once a pair. For a to count in the denominators a customer must have had time:
 * where `until_ms` is given, only purchases of a with a whole window before it count.
 *
 *     support     customers of the pair / all customers
 *     confidence  customers of the pair / customers of a
 *     lift        confidence / (customers who have b in any visit but their first / customers with a later visit)
 *
 * Thread: any; one call is one thread's. Cost: for each customer the pairs of its items; memory 16 bytes a pair of frequent items that occurs. */
#ifndef ONEFOLD_INSIGHT_THEN_BOUGHT_H
#define ONEFOLD_INSIGHT_THEN_BOUGHT_H

#include "base/memory.h"
#include "base/status.h"

#define THEN_PAIRS_MAX 8000000u

struct visits {                      /* of all customers, one behind the other */
    const uint64_t *customer_starts; /* customer_count + 1, into visits */
    const int64_t *times;            /* of a visit, ms */
    const uint64_t *starts;          /* visit count + 1, into items */
    const uint32_t *items;           /* ascending and distinct within a visit */
    size_t customer_count;
    uint32_t item_count;
};

struct then_options {
    int64_t within_ms; /* 0: however much later */
    int64_t until_ms;  /* INT64_MAX: no check of time left */
    bool first_only;
    uint32_t customers_min;
};

struct then_pair {
    uint32_t first, then;
    uint32_t both, first_count; /* customers */
    uint32_t then_count;        /* customers with `then` in a later visit, whatever came before */
    int64_t days_sum;           /* from the last `first` before it to the first such `then`, whole days, over `both` */
};

struct then_result {
    struct then_pair *pairs; /* most customers first, equal ones by numbers; free() */
    size_t count;
    uint64_t customers, again; /* all; with a visit after their first */
};
/* Errors: TOO_LARGE past THEN_PAIRS_MAX pairs. */
enum status then_bought(const struct visits *visits, const struct then_options *options, struct then_result *out,
                        struct fault *fault) WARN_UNUSED;

#endif
