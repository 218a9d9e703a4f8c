/* bench/data: the made-up calls that benches send: number and seed give the same bytes on every machine.
 *
 * Every call of one kind has the same length, so that a request's head can be made once; what differs is put in place over a
 * template, which takes about a fifth of a microsecond and leaves the machine to what is measured. */
#ifndef ONEFOLD_MAIN_BENCH_DATA_H
#define ONEFOLD_MAIN_BENCH_DATA_H

#include "base/memory.h"
#include "log/log.h"

enum bench_call {
    BENCH_VIEW,     /* track, "Product Viewed": ten properties, page, ip, user agent, library; about 600 bytes */
    BENCH_IDENTIFY, /* ten traits, phone and e-mail among them */
    BENCH_ORDER,    /* track, "Order Completed" with two products */
    BENCH_CALL_COUNT
};

struct bench_data {
    uint64_t seed;
    uint64_t customers; /* numbered from 0 */
};

#define BENCH_PRODUCTS 5000

/* Whose event number `number` is: any of the customers, drawn anew for each. */
uint64_t bench_data_customer(const struct bench_data *data, uint64_t number);
/* Appends the call's JSON. `number` makes the message id and must differ between any two calls. */
void bench_data_call(const struct bench_data *data, enum bench_call call, uint64_t number, uint64_t customer,
                     int64_t time_ms, struct buffer *out);
size_t bench_data_bytes(enum bench_call call);
/* When the call was sent, and when it arrived: up to 3 s after it happened, for SDKs gather calls, and up to 0.5 s later. */
void bench_data_delays(const struct bench_data *data, uint64_t number, int64_t time_ms, int64_t *sent_ms,
                       int64_t *received_ms);
/* The same as the payload of a LOG_SEGMENT_ITEM. */
void bench_data_payload(const struct bench_data *data, enum bench_call call, uint64_t number, uint64_t customer,
                        int64_t time_ms, struct buffer *out);
/* "u-0000017": the user id of a customer; 9 characters and a zero. */
void bench_data_user(uint64_t customer, char out[16]);

/* How many different customers the events first .. first + count - 1 have. */
uint64_t bench_data_distinct(const struct bench_data *data, uint64_t first, uint64_t count);

#endif
