/* live_keys: which of many roots an event can matter to, found by the event's values.
 *
 * A thousand segments ask for a category each; an event has one. Of the roots that must be asked whether an event of a type matters to them, those
 * whose `where` demands a text of a property lie by that text, those that demand a number of so much and above by that number. Whoever
 * is not found by the event's value it does not matter to (relevance_key_of). Inside of audience/ only; a plan's, immutable. */
#ifndef ONEFOLD_AUDIENCE_LIVE_KEYS_H
#define ONEFOLD_AUDIENCE_LIVE_KEYS_H

#include "govern/record.h"
#include "language/relevance.h"

struct root_keys;
/* Takes root `number` in; false where its relevance has no key for the type: it is to be asked with every event. */
bool root_keys_add(struct root_keys **keys, uint16_t type, uint32_t number, const struct relevance *relevance);
void root_keys_sort(struct root_keys *keys); /* after the last; NULL is fine, here and below */
void root_keys_free(struct root_keys *keys);

/* each(context, roots, count) of those that the event may matter to; no root twice. Cost: a binary search a property, and a step a root
 * that is found. */
void root_keys_find(const struct root_keys *keys, const struct record_head *event,
                    void (*each)(void *context, const uint32_t *roots, uint32_t count), void *context);

#endif
