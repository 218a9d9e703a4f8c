/* live_keys: which of many roots an event or a new document can matter to, found by its values.
 *
 * A thousand segments ask for a category each; an event has one. Of the roots that must be asked whether a record of a type matters to them, those
 * whose `where` demands a text of a property, or of some item's, lie by that text, those that demand a number of so much and above by that
 * number. Whoever is not found by the record's values it does not matter to (relevance_key_of). Inside of audience/ only; a plan's, immutable. */
#ifndef ONEFOLD_AUDIENCE_LIVE_KEYS_H
#define ONEFOLD_AUDIENCE_LIVE_KEYS_H

#include "govern/record.h"
#include "language/relevance.h"

struct root_keys;
/* Takes root `number` in; false where its relevance has no key for the type: it is to be asked with every record. */
bool root_keys_add(struct root_keys **keys, uint16_t type, uint32_t number, const struct relevance *relevance);
void root_keys_sort(struct root_keys *keys); /* after the last; NULL is fine, here and below */
void root_keys_free(struct root_keys *keys);

/* each(context, roots, count) of those that the record may matter to; no root twice but by different items. Cost: a binary search a property, or
 * an item, and a step a root that is found. */
void root_keys_find(const struct root_keys *keys, const struct record_head *record,
                    void (*each)(void *context, const uint32_t *roots, uint32_t count), void *context);

#endif
