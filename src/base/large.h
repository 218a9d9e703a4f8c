/* large: memory for large pieces that are gone over again and again, in pages of 2 MiB, and gives back to the system what is given back here.
 *
 * A processor looks an address up for every 4 KiB it touches; where what is read is some GiB, a few KiB here and there, that takes longer than
 * the reading. Pieces lie one behind the other in slabs for which the system is asked for large pages. The memory of a piece that is freed goes
 * back to the system at once (its addresses are used again when its whole slab is free), so that pieces of ever other sizes leave no holes:
 * where sizes come again and memory is to stay, see base/pages.h.
 *
 * Sizes are rounded up to 4 KiB. Thread: any. Cost: a call of the system for each large_free. Under ASan it is malloc, so that faults are found. */
#ifndef ONEFOLD_BASE_LARGE_H
#define ONEFOLD_BASE_LARGE_H

#include <stddef.h>

/* Memory aligned to 4 KiB (under ASan to 16 bytes), with anything in it. NULL where the system has none. */
void *large_take(size_t bytes);
/* Gives back what was taken with the same `bytes`. NULL is fine. */
void large_free(void *memory, size_t bytes);

#endif
