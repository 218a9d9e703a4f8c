/* bench/memory: how fast this machine reads memory: the limit that scans are held against. */
#ifndef ONEFOLD_MAIN_BENCH_MEMORY_H
#define ONEFOLD_MAIN_BENCH_MEMORY_H

#include "main/bench/bench.h"

/* Bytes a second that `workers` (1 or 2) threads read together from about `bytes` of memory, by a plain loop; reported, with a check of what was
 * read. The best of five, for it is the limit that is wanted. */
double bench_memory(struct bench *b, uint64_t bytes, unsigned workers);

#endif
