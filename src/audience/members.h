/* members: sets of customers as bits: one set per segment number, 64 words for each span that ever had a member. Set 0 is
 * the population: everybody who may be in a segment at all.
 *
 * Threads: the fold thread changes; any thread reads. Words are atomic and are never moved or freed before members_free, so
 * a reader sees each customer in or out, and nothing torn. */
#ifndef ONEFOLD_AUDIENCE_MEMBERS_H
#define ONEFOLD_AUDIENCE_MEMBERS_H

#include "history/history.h"
#include "os/image.h"

#define MEMBERS_SETS_MAX 16384u
#define SPAN_WORDS (SPAN_CUSTOMERS / 64)
#define MEMBERS_POPULATION 0u

struct members;
struct members *members_create(void);
void members_free(struct members *members);

static inline uint32_t span_of(struct customer_id customer) { return customer.number / SPAN_CUSTOMERS; }
static inline uint32_t place_in_span(struct customer_id customer) { return customer.number % SPAN_CUSTOMERS; }

/* --- fold thread --- */
/* Puts the customer in or takes it out; true when that changed something. */
bool members_put(struct members *members, uint32_t set, struct customer_id customer, bool in);
/* Puts `bits` in the place of a span's words; `changed` gets the bits that are others now. False where none is. */
bool members_put_span(struct members *members, uint32_t set, uint32_t span, const uint64_t bits[SPAN_WORDS],
                      uint64_t changed[SPAN_WORDS]);
void members_clear(struct members *members, uint32_t set);

/* Brings the customer's word nearer: before asking for it in many sets. */
void members_prefetch(const struct members *members, uint32_t set, struct customer_id customer);

/* --- any thread --- */
bool members_has(const struct members *members, uint32_t set, struct customer_id customer);
void members_span(const struct members *members, uint32_t set, uint32_t span, uint64_t bits[SPAN_WORDS]);
uint64_t members_count(const struct members *members, uint32_t set);
uint32_t members_spans(const struct members *members); /* spans that any set has bits of: 0 .. count - 1 */
/* Members after `after`, ascending, at most `limit`. */
size_t members_page(const struct members *members, uint32_t set, struct customer_id after, struct customer_id *page,
                    size_t limit);
/* counts[mask]: customers in exactly the sets of mask's bits; counts[0] stays 0. 1 to 4 sets. Cost: bytes of the sets over
 * memory bandwidth. */
void members_overlap(const struct members *members, const uint32_t *sets, size_t count, uint64_t counts[16]);
uint64_t members_bytes(const struct members *members);

/* Section "audience.members": struct saved_members after one another, ascending by set and span (docs/formats/audience.md). */
struct saved_members {
    uint32_t set, span;
    uint64_t bits[SPAN_WORDS];
};
_Static_assert(sizeof(struct saved_members) == 520, "on disk");
/* Fold thread: every span with a member, into `out`. */
void members_save(const struct members *members, struct buffer *out);
enum status members_load(struct members *members, struct slice saved, struct fault *fault) WARN_UNUSED;

#endif
