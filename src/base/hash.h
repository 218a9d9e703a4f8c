/* hash: XXH3 for tables, CRC32C for bytes on disk. Both are fixed for ever: they stand in files. */
#ifndef ONEFOLD_BASE_HASH_H
#define ONEFOLD_BASE_HASH_H

#include "base/slice.h"

/* XXH3, 64 bits, of `s` with `seed`. Thread: any. */
uint64_t hash_bytes(struct slice s, uint64_t seed);
/* A bijective mix of 64 bits (and its inverse, so that numbers can be shown without their order). */
uint64_t hash_mix(uint64_t x);
uint64_t hash_unmix(uint64_t x);
/* CRC32C (Castagnoli) continuing from `crc` (0 to start), in hardware where there is SSE4.2. Thread: any. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
