/* pages: memory for what lasts and is asked for at random: tables, bits, rows that just came.
 *
 * A processor looks an address up for every 4 KiB it touches, and over some hundred MiB of them that is a trip to memory of its own. So such
 * memory is cut out of large pieces, for which the system is asked for pages of 2 MiB. What is given back is kept by size and given
 * out again; nothing goes back to the system, which spares its zeroing it again, too.
 *
 * Sizes are rounded up by a fifth at the most. Thread: any. Under ASan it is malloc, so that faults are found. */
#ifndef ONEFOLD_BASE_PAGES_H
#define ONEFOLD_BASE_PAGES_H

#include <stddef.h>

/* Zeroed memory, aligned to 16 bytes. Never NULL. */
void *pages_get(size_t bytes);
/* The same, not zeroed. */
void *pages_take(size_t bytes);
/* Gives back what was got with the same `bytes`. NULL is fine. */
void pages_free(void *memory, size_t bytes);

#endif
