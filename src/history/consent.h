/* consent: attributes of which a merge keeps the strictest value.
 *
 * Where one of two customers who become one has said no (consent.email = false, do_not_contact = true) and the other has said yes, the no holds
 * from then on, though the yes came later or from a stronger source; until it is set anew. So a merge adds a row to the survivor, with the
 * strict value, that outranks both settings and nothing that comes after them. The row names both: arrival is the identifier of the strict
 * setting, document that of the loose one (RECORD_DERIVED). It holds for as long as the two are one customer's: a split that parts them
 * drops it, so that each has what it would have had, and one that does not takes it along (history_move). A repair of the record that
 * caused the merge does not take its place. No value on one side says nothing. */
#ifndef ONEFOLD_HISTORY_CONSENT_H
#define ONEFOLD_HISTORY_CONSENT_H

#include "history/history.h"

/* Which value of an attribute is the strict one. */
enum consent_strict { CONSENT_NONE, CONSENT_NO_IS_STRICT, CONSENT_YES_IS_STRICT };
/* By the attribute's name (consent_name.def). */
enum consent_strict consent_of(struct slice name);

/* Merges as history_merge does, and keeps what is strictest; `position`: of the record that caused it. Cost: besides, the attributes' rows
 * of the loser, and of the winner where the loser has said anything. Fold thread. */
void consent_merge(struct history *history, const struct dictionary *dictionary, struct customer_id winner,
                   struct customer_id loser, uint64_t position);

#endif
