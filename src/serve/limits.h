/* limits: how many requests a source may send: a token bucket each, refilled at `rate` a second, holding two seconds' worth.
 * Thread: any; one atomic word per source, no lock. Time is an argument. */
#ifndef ONEFOLD_SERVE_LIMITS_H
#define ONEFOLD_SERVE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct limits;
struct limits *limits_create(unsigned rate);
void limits_free(struct limits *limits);
/* Takes one token of `source`; 0 when there was one, otherwise the seconds after which there will be (at least 1). */
unsigned limits_take(struct limits *limits, uint16_t source, uint64_t now_ns);

#endif
