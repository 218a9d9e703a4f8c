/* identity_rules: what may not come together. Pure look-ups; inside of the folder.
 *
 * Several sides (customers, and new identifiers, each a side of its own) may be one customer when
 *  - of each unique namespace, only one side has values;
 *  - of each namespace with a limit, only one side has values, or all together have no more than the limit (within its
 *    window, where it has one);
 *  - together they have at most IDENTIFIERS_MAX person's and device's identifiers: growth past that is no person, and it bounds every
 *    walk here;
 *  - together they have at most IDENTIFIERS_HELD persons' identifiers: that is far above the usual, and waits for a
 *    person to look at it (JOURNAL_HELD; solving leaves such components as they are).
 * Document keys count for nothing.
 *
 * Rules come from the dictionary's namespaces; struct rules is a copy as of one moment, which a rehearsal may change. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_RULES_H
#define ONEFOLD_IDENTITY_IDENTITY_RULES_H

#include "identity/identity_store.h"

struct refusal {
    uint8_t kind; /* JOURNAL_CONFLICT, JOURNAL_LIMIT, JOURNAL_HELD, JOURNAL_APART (a decision), or 0 = allowed */
    uint16_t namespace_number; /* the rule's; 0 = of all together, or a decision's */
};

/* `customers` are different roots, `namespaces` those of new identifiers. Windows are not looked at: what a window would
 * allow is refused here as well. Unique namespaces decide before limits, lower namespace numbers before higher.
 * `anonymous_only`: an identifier of such a namespace is what brings them together. Cost: O(identifiers of all); nothing for new
 * values without rules. Thread: fold (scratch). */
struct refusal identity_may_join(struct identity *identity, const uint32_t *customers, size_t customer_count,
                                 const uint16_t *namespaces, size_t namespace_count, bool anonymous_only);

struct rule {
    uint64_t name_hash; /* of the namespace's name: the same whatever its number is */
    int64_t window_ms;
    const struct blocked_values *blocked;
    uint16_t limit;
    uint8_t kind, priority, shared; /* shared: enum shared_device, never SHARED_DEFAULT */
    bool unique, anonymous_only;
};
struct rules {
    size_t count;                                  /* 1 .. count */
    struct rule of[DICTIONARY_NAMESPACES_MAX + 1]; /* by namespace number */
};
void rules_read(const struct identity *identity, struct rules *rules);

/* True for values that say nothing: placeholders, zeros, empty ones, ones past IDENTIFIER_BYTES_MAX. */
bool identity_blocked(struct slice value);

/* Scratch of identity_may_join. */
struct tally;
struct tally *tally_create(void);
void tally_free(struct tally *tally);

#endif
