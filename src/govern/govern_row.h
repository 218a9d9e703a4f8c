/* govern_row: one row of a file (LOG_ROW) by its mapping (docs/mapping.md) into a main record, attributes, and claims.
 * */
#ifndef ONEFOLD_GOVERN_GOVERN_ROW_H
#define ONEFOLD_GOVERN_GOVERN_ROW_H

#include "govern/govern_inside.h"

void govern_row(struct govern *g);

#endif
