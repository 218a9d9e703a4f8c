/* slack: how many more events each answer of each customer holds against (evaluate_hold), a byte each.
 *
 * A customer's bytes are neighbours, so that an event with thirty roots to ask looks at one cache line. 0 and 1: the next event is
 * evaluated; 255: any number of events changes nothing; else so many until one is evaluated. Known where an answer was evaluated
 * for the customer alone, until anything but an event comes. Nothing depends on it but the work: forgotten, answers are evaluated once more. */
#ifndef ONEFOLD_AUDIENCE_SLACK_H
#define ONEFOLD_AUDIENCE_SLACK_H

#include "base/memory.h"
#include "history/history.h"

#define SLACK_BYTES_MAX (UINT64_C(256) << 20) /* customers past it are evaluated with every event */
#define SLACK_BYTE_ANY 255

struct slack;
struct slack *slack_create(uint32_t roots);
void slack_free(struct slack *slack);
/* The customer's bytes, one a root; NULL where they have no place. */
uint8_t *slack_of(struct slack *slack, struct customer_id customer);
/* The roots in `which` [roots / 64 + 1] are unknown for everybody in the span. */
void slack_forget_span(struct slack *slack, uint32_t span, const uint64_t *which);
void slack_forget(struct slack *slack, struct customer_id customer);

/* One more event: true where the root holds against it. */
static inline bool slack_takes(uint8_t *byte) {
    if (*byte == SLACK_BYTE_ANY)
        return true;
    if (*byte <= 1)
        return false;
    --*byte;
    return true;
}
static inline uint8_t slack_byte(uint32_t events) {
    return (uint8_t)(events == UINT32_MAX ? SLACK_BYTE_ANY : events >= SLACK_BYTE_ANY ? SLACK_BYTE_ANY - 1 : events);
}

#endif
