/* identity_rules: what may not come together. Pure look-ups; inside of the folder.
 *
 * Two sides may come together when no unique namespace has a value on both, and no namespace where both have values
 * would pass its limit. A customer never gets more than IDENTIFIERS_MAX person's and device's identifiers: growth past
 * that is no person, and it bounds every walk here. Document keys count for nothing. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_RULES_H
#define ONEFOLD_IDENTITY_IDENTITY_RULES_H

#include "identity/identity_store.h"

/* One side: the identifiers of `customer` (0 = none), and new ones of the given namespaces. */
struct side {
    uint32_t customer;
    const uint16_t *namespaces;
    size_t count;
};

struct refusal {
    uint8_t kind;              /* JOURNAL_CONFLICT, JOURNAL_LIMIT, or 0 = allowed */
    uint16_t namespace_number; /* the rule's; 0 = IDENTIFIERS_MAX */
};

/* Unique namespaces decide before limits, lower namespace numbers before higher. Cost: O(identifiers of both). */
struct refusal identity_may_join(const struct identity *identity, struct side a, struct side b);

/* True for values that say nothing: placeholders, zeros, empty ones, ones past IDENTIFIER_BYTES_MAX. */
bool identity_blocked(struct slice value);

/* Scratch of identity_may_join. */
struct tally;
struct tally *tally_create(void);
void tally_free(struct tally *tally);

#endif
