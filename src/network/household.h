/* household: which customers may live together, from what they share: address, telephone, device; with the evidence of each pair. Proposals
 * only: nobody is merged, nothing is written.
 *
 *     struct households *h = households_create(customers);
 *     households_share(h, &key) ...; households_surname(h, customer, name) ...; households_decided(h, a, b, together) ...
 *     households_solve(h, least);
 *     h->groups ...
 *     households_free(h);
 *
 * Score of a pair: -4 bits of doubt, plus the strongest evidence of each kind (household_evidence.def) less half of log2(those who share it - 1), plus the
 * surname: log2(.5 / its share) where it is one, at most 4, and -1 where it differs, as half of those who live together have one surname.
 * Probability = 1 / (1 + 2^-bits). A pair by surname alone is no pair.
 * Two who share a mobile number and another personal identifier (e-mail), or who have one whole name, are rather one person whom identity could not
 * put together: matching's business (identity/fuzzy_match.h), never proposed here.
 * Groups: strongest pairs first; two groups become one where at least half of the pairs across them are candidates themselves, nobody said of
 * any two of them that they are no household, and they stay within HOUSEHOLD_MAX. A group is as sure as its least sure member is by its best pair.
 * Whom people put together already is a group of its own, whatever the evidence; so is whom they put apart.
 *
 * The result does not depend on the order things are told in. Thread: one owner. Memory: 40 bytes a shared thing, 12 a customer. Cost: sorting. */
#ifndef ONEFOLD_NETWORK_HOUSEHOLD_H
#define ONEFOLD_NETWORK_HOUSEHOLD_H

#include "base/memory.h"
#include "identity/identity.h"

#define HOUSEHOLD_MAX 12
#define HOUSEHOLD_DOUBT_BITS 4.0

enum household_evidence {
#define EVIDENCE(name, ...) HOUSEHOLD_##name,
#include "network/household_evidence.def"
#undef EVIDENCE
    HOUSEHOLD_EVIDENCES
};
struct household_kind {
    const char *word, *en, *zh, *why_not;
    double bits;
    uint32_t crowd;
};
const struct household_kind *household_kind(enum household_evidence evidence);

/* Somebody has something. */
struct household_key {
    uint64_t hash; /* of what is shared, within its kind */
    int64_t since_ms;
    struct identifier_id identifier; /* that it is, or 0 */
    uint32_t text;                   /* household_text: to be shown where there is no identifier */
    uint32_t customer;
    uint8_t kind; /* enum household_evidence */
};

struct household_group {
    uint32_t first, count; /* of members */
    float probability;
    bool decided; /* put together or apart by people: not made of evidence */
};
struct household_crowd { /* shared by too many */
    struct household_key key;
    uint32_t count;
};

struct households {
    struct household_group *groups; /* surest first, then by first member; after solving */
    uint32_t *members;              /* customer numbers, ascending within a group */
    struct household_crowd *crowds; /* largest first */
    size_t group_count, member_count, crowd_count, pair_count;
    size_t one_person_count; /* pairs that are rather one person */
    uint64_t customer_count; /* who share anything */
    struct households_inside *inside;
};

/* `customers`: the greatest customer number. */
struct households *households_create(uint32_t customers);
void households_free(struct households *h); /* NULL is fine */
/* Keeps a text for `key.text`. */
uint32_t households_text(struct households *h, struct slice text);
struct slice households_text_of(const struct households *h, uint32_t text);
void households_share(struct households *h, const struct household_key *key);
/* The surname in one spelling; of several the last one told counts. */
void households_surname(struct households *h, uint32_t customer, struct slice surname);
/* The whole name, likewise. */
void households_name(struct households *h, uint32_t customer, struct slice name);
/* What people said of two: that they are a household, or that they are none. */
void households_decided(struct households *h, uint32_t a, uint32_t b, bool together);
/* Makes groups of what reaches the probability `least`. Once. */
void households_solve(struct households *h, double least);

/* Why two customers: calls `each` per kind of evidence, the strongest key of it. False where they are no pair. After solving. */
struct household_reason {
    enum household_evidence evidence;
    struct household_key key; /* since_ms: since both had it */
    uint32_t count;           /* of those who share it */
    double bits;
};
struct household_score {
    double bits, surname_bits, probability;
    bool same_surname, surnames_known;
    bool one_person; /* rather */
};
bool households_explain(const struct households *h, uint32_t a, uint32_t b, struct household_score *score,
                        void (*each)(void *context, const struct household_reason *reason), void *context);

#endif
