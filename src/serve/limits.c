/* limits: see limits.h. A bucket is kept as the instant at which it would be full again (the "theoretical arrival time"
 * of GCRA, ATM Forum TM 4.0): one number says it all, and a compare-and-swap moves it. */
#include "serve/limits.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"

#define SECOND_NS 1000000000ull
#define BURST_NS (2 * SECOND_NS)
#define BUCKETS 65536 /* every uint16_t is a source */

struct limits {
    uint64_t token_ns; /* time one token takes to come back */
    _Atomic uint64_t full_at_ns[BUCKETS];
};

struct limits *limits_create(unsigned rate) {
    assert(rate > 0);
    struct limits *limits = memory_get(1, sizeof *limits);
    limits->token_ns = SECOND_NS / rate ? SECOND_NS / rate : 1;
    return limits;
}

void limits_free(struct limits *limits) { free(limits); }

unsigned limits_take(struct limits *limits, uint16_t source, uint64_t now_ns) {
    _Atomic uint64_t *bucket = &limits->full_at_ns[source];
    uint64_t old = atomic_load_explicit(bucket, memory_order_relaxed), next;
    do {
        uint64_t from = old > now_ns ? old : now_ns;
        next = from + limits->token_ns;
        if (next > now_ns + BURST_NS && from > now_ns)
            return (unsigned)((next - now_ns - BURST_NS + SECOND_NS - 1) / SECOND_NS);
    } while (!atomic_compare_exchange_weak_explicit(bucket, &old, next, memory_order_relaxed, memory_order_relaxed));
    return 0;
}
