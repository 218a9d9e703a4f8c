/* timers: for each customer the earliest moment at which an answer about it may change by time alone, and which customers are
 * due first.
 *
 * A moment per customer, the smallest per block of 64, per span, and over all spans (a tree), each exact at all times: setting
 * a moment costs some nanoseconds, asking for the next one load. Fold thread, except timers_next. */
#ifndef ONEFOLD_AUDIENCE_TIMERS_H
#define ONEFOLD_AUDIENCE_TIMERS_H

#include "audience/members.h"

#define TIMER_NEVER INT64_MAX

struct timers;
struct timers *timers_create(void);
void timers_free(struct timers *timers);

int64_t timers_get(const struct timers *timers, struct customer_id customer);
void timers_prefetch(const struct timers *timers, struct customer_id customer); /* brings it nearer */
void timers_set(struct timers *timers, struct customer_id customer, int64_t moment_ms);
/* Sets those of a whole span at once. */
void timers_set_span(struct timers *timers, uint32_t span, const int64_t moments[SPAN_CUSTOMERS]);
void timers_clear(struct timers *timers);

int64_t timers_next(const struct timers *timers); /* the earliest moment of all. Thread: any */
/* The first span from `from` on in which somebody is due at exactly timers_next() == moment_ms; UINT32_MAX: none. */
uint32_t timers_span_due(const struct timers *timers, uint32_t from, int64_t moment_ms);
/* Its customers that are due then, ascending places in the span; returns how many. */
uint32_t timers_due(const struct timers *timers, uint32_t span, int64_t moment_ms, uint16_t places[SPAN_CUSTOMERS]);
uint64_t timers_bytes(const struct timers *timers);

/* Section "audience.timers": struct saved_timers after one another, ascending by span. */
struct saved_timers {
    uint64_t span;
    int64_t moments_ms[SPAN_CUSTOMERS];
};
_Static_assert(sizeof(struct saved_timers) == 8 + 8 * SPAN_CUSTOMERS, "on disk");
void timers_save(const struct timers *timers, struct buffer *out);
enum status timers_load(struct timers *timers, struct slice saved, struct fault *fault) WARN_UNUSED;

#endif
