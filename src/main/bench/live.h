/* bench/live: the live segments that benches define, shared by those that follow events over HTTP and within the process. */
#ifndef ONEFOLD_MAIN_BENCH_LIVE_H
#define ONEFOLD_MAIN_BENCH_LIVE_H

#include "main/bench/data.h"

#define BENCH_LIVE_TAG "looks a lot"
#define BENCH_LIVE_TAG_RULE "count(product_viewed) >= 6"
#define BENCH_LIVE_ORDER_EVERY 12 /* one event of so many is an order */

/* The expression of segment "live <i>": ten kinds in turn. Those of kind 8 read others before them, those of kind 7 the tag. `calm`: with
 * counts that few customers come to, so that an event seldom makes anybody enter or leave. */
void bench_live_expression(uint64_t i, bool calm, struct buffer *out);
static inline enum bench_call bench_live_call(uint64_t number) {
    return number % BENCH_LIVE_ORDER_EVERY ? BENCH_VIEW : BENCH_ORDER;
}

#endif
