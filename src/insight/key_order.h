/* key_order: the rows of customers out of several runs, each in the order of time, as one run a customer. A kernel over plain arrays.
 *
 * A row is a key: customer, time, code, from the highest bit down, so that rows in order are ascending numbers, two neighbours' difference is
 * their distance in time, and the next customer's first row is further off than any time. Times beyond KEY_TIME_MAX (the year 3084) and
 * before as much before 1970 count as that moment.
 *
 * Customers with two rows of one moment and different codes are left to the caller, who can ask for log positions: bits in `tied`. Their
 * keys stand there in some order. Cost: 3 ns a row, where customers have up to 31; twice that where they have more. */
#ifndef ONEFOLD_INSIGHT_KEY_ORDER_H
#define ONEFOLD_INSIGHT_KEY_ORDER_H

#include "base/slice.h"

#define KEY_CUSTOMERS 256 /* at a time: their keys, put down and in order, stay in the nearest cache */
#define KEY_TIME_BITS 47
#define KEY_TIME_MAX ((INT64_C(1) << 45) - 1)
#define KEY_APART (INT64_C(1) << 46) /* a distance in time that only different customers' rows exceed */
#define KEY_PADDING 8

static inline uint64_t key_of(int64_t time, uint8_t code) { return (uint64_t)(time + KEY_TIME_MAX + 1) << 8 | code; }
static inline int64_t key_clamp(int64_t time) {
    return time > KEY_TIME_MAX ? KEY_TIME_MAX : time < -KEY_TIME_MAX ? -KEY_TIME_MAX : time;
}
static inline uint32_t key_customer(uint64_t key) { return (uint32_t)(key >> (KEY_TIME_BITS + 8)); }
static inline uint8_t key_code(uint64_t key) { return (uint8_t)key; }
static inline int64_t key_time(uint64_t key) {
    return (int64_t)(key >> 8 & ((UINT64_C(1) << KEY_TIME_BITS) - 1)) - KEY_TIME_MAX - 1;
}

/* Keys of customer i: keys[starts[i] - starts[0] .. starts[i + 1] - starts[0]), by time, without the customer's bits; KEY_PADDING more can
 * be read behind the last. */
struct key_run {
    const uint64_t *keys;
    const uint32_t *starts;
};
struct key_order {    /* {0} is empty */
    uint64_t *all;    /* the keys in order; KEY_PADDING of room behind them */
    uint32_t *starts; /* [KEY_CUSTOMERS + 1]: customer `first + i` has all[starts[i] .. starts[i + 1]) */
    uint64_t tied[KEY_CUSTOMERS / 64];
    size_t room;
    uint64_t *gathered; /* run by run */
    struct key_lists *lists;
};
/* Customers first .. first + count - 1 of those in `asked`; count <= KEY_CUSTOMERS, `first` a multiple of 64. Times of all keys lie in [low, high].
 * Returns how many keys there are. */
size_t key_order_run(struct key_order *o, const struct key_run *runs, unsigned run_count, uint32_t first,
                     uint32_t count, const uint64_t *asked, int64_t low, int64_t high);
void key_order_release(struct key_order *o);

#endif
