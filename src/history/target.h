/* target: who stands at the other end of a relation now. A row of a relation names the identifier it was written with (head.document) and the
 * number that customer had then. As long as nobody was ever split, redirects lead from the number to who it is now; afterwards it is whoever
 * holds the identifier. A device that became shared since is nobody: then it is who had it when the row was written. */
#ifndef ONEFOLD_HISTORY_TARGET_H
#define ONEFOLD_HISTORY_TARGET_H

#include "identity/decision.h"

/* Whether identifiers have to be asked. */
bool targets_by_identifier(const struct identity *identity);
/* Number 0: nobody. */
struct customer_id target_now(const struct identity *identity, struct identifier_id identifier,
                              struct customer_id written);

#endif
