/* relevance: which new events and documents can matter to an expression at all.
 *
 * A live segment reads an event type through aggregates and sequences, mostly with a `where`. An event that fulfils the `where` of none of
 * them leaves every one as it was, and with them the answer (what time changes is told apart, by due moments). So before a
 * customer's history is looked at, the event alone is held against the plain conditions in those `where`s: a property compared with
 * literals, joined by `and`. Whatever is not so plain is taken to be fulfilled. Records of documents are updates, of which nothing can be told;
 * but the first of a new document (RECORD_NEW_DOCUMENT) is all there is to it: what it, or every item of it, does not fulfil it adds
 * nothing to. */
#ifndef ONEFOLD_LANGUAGE_RELEVANCE_H
#define ONEFOLD_LANGUAGE_RELEVANCE_H

#include "govern/record.h"
#include "language/number.h"

struct relevance;
enum event_relevance {
    EVENT_NOTHING,    /* changes no aggregate and no sequence of the customer it belongs to */
    EVENT_MAY_MATTER, /* cannot be told from the event alone */
    EVENT_COUNTS      /* fulfils the whole `where` of every aggregate over its type: counts where its time does */
};
/* Of a checked tree, which it borrows; NULL where it reads no events and no documents of the customer's own. */
struct relevance *relevance_create(const struct node *root);
void relevance_free(struct relevance *relevance);
/* EVENT_MAY_MATTER for whatever is no event that adds a row; of new documents EVENT_NOTHING or that. Thread: any. Cost: a look-up and a comparison for each condition,
 * tens of nanoseconds. */
enum event_relevance relevance_of(const struct relevance *relevance, const struct record_head *record);
/* True where every event of `type` that adds a row is EVENT_COUNTS, so that none need be asked. */
bool relevance_always_counts(const struct relevance *relevance, uint16_t type);

/* What an event of `type` that adds a row, or a new document, must have, besides whatever else, to be anything but EVENT_NOTHING: one of these
 * texts as the value of the property, or a number from `least` on. What has no value of it has neither; where a value is of another kind
 * it must be asked. */
struct relevance_key {
    uint16_t property;
    uint16_t items;           /* it is some item of this property that must have it; 0: the record itself */
    const struct node *texts; /* literals, linked by `next`; NULL: a number */
    struct number least;
};
/* False where there is no condition so plain, or several aggregates and steps read the type. */
bool relevance_key_of(const struct relevance *relevance, uint16_t type, struct relevance_key *key);
struct number relevance_number(const struct record_value *value); /* of kind NUMBER or REAL */
const struct record_value *relevance_item_value(const struct record_head *record, const struct record_item *item,
                                                uint16_t property); /* or NULL */

#endif
