/* address: one key for one dwelling, from however it is written. Two customers with one key live behind one door, as far as they told.
 *
 *     "北京市海淀区中关村大街1号院3号楼2单元501室"   "海淀区中关村大街1号院 3栋二单元501"     -> "海淀区中关村大街 1 3 2 501"
 *     "Flat 3, 12 High Street"   "12 High St. #3"   "3/12 High St"                        -> "12 high st #3"
 *
 * What is kept is the street (or estate) and the numbers in their order; the words between Chinese numbers (号, 栋, 单元, 室) go, as one writes
 * 栋 and another 号楼; Chinese numerals before them become digits. A flat or unit of a Western address stands behind "#". Province and city
 * go from the front: they are compared as fields of their own where there are such. Thread: one per normaliser. */
#ifndef ONEFOLD_NETWORK_ADDRESS_H
#define ONEFOLD_NETWORK_ADDRESS_H

#include "identity/fuzzy_normalise.h"

/* Appends the key of `raw`: the parts of an address below the town, in the order they are written. Nothing, and false, where it names no house (no number):
 * a street is no dwelling. */
bool address_key(struct fuzzy_normaliser *n, struct slice raw, struct buffer *into);
/* The town a Chinese address begins with, as it stands there and without its "市"; empty where it names none. */
struct slice address_town(struct slice raw);

#endif
