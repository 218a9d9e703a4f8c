/* identity_journal: writing the journal, and reading it by customer. Inside of the folder; others include identity.h.
 *
 * Every entry stands in the chains of the customers it names (one, when both are the same by now), oldest first; a
 * merge puts the loser's chain behind the winner's, so readers sort by entry number and drop what comes twice. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_JOURNAL_H
#define ONEFOLD_IDENTITY_IDENTITY_JOURNAL_H

#include "identity/identity_store.h"

#define IDENTITY_ATTEMPTS 100 /* a reader that met that many relinkings takes what it has */

/* Adds an entry and counts it by kind; nothing where it is of those written once and was. Fold thread. */
void identity_journal_add(struct identity *identity, const struct journal_entry *entry);
/* The key under which an entry says in `pairs` that it need not be written again; 0 for merges and moves, which always
 * are. */
uint64_t identity_journal_key(const struct journal_entry *entry);
/* Puts the chain of `from` behind that of `into`. Fold thread, inside a generation. */
void identity_journal_append_chain(struct identity *identity, struct customer *into, struct customer *from);
/* Puts the entries of `customers` into the chains of those they concern now. Fold thread, inside a generation. Cost: O(their
 * entries). */
void identity_journal_relink(struct identity *identity, const uint32_t *customers, size_t count);

/* For readers' loops over lists: true when nothing was relinked since the last call (never at attempt 0). */
bool identity_settled(const struct identity *identity, unsigned attempt, uint64_t *generation);
int identity_compare_numbers(const void *a, const void *b); /* for qsort of uint32_t */

#endif
