/* household_read: what customers share, read from everything known of them: addresses, telephones and surnames among their attributes, and
 * identifiers (devices, telephones, cards, e-mail addresses) that came together with persons' identifiers of several customers, whoever
 * they belong to now. And what people said before: relations "household" and "not_household". */
#ifndef ONEFOLD_NETWORK_HOUSEHOLD_READ_H
#define ONEFOLD_NETWORK_HOUSEHOLD_READ_H

#include "network/edges.h"
#include "network/household.h"

#define HOUSEHOLD_RELATION "household"  /* the same from both ends */
#define HOUSEHOLD_APART "not_household" /* likewise */

/* Reads everybody and makes groups of what reaches `least`. The caller's: households_free. Errors: CLOSED. Thread: any. Cost: everybody's
 * attributes, and the evidence of each identifier. */
enum status household_read(const struct network_parts *parts, double least, struct households **out,
                           struct fault *fault) WARN_UNUSED;

#endif
