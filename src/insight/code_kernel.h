/* code_kernel: what is done to a byte a row, over plain arrays: mapped, counted; and who has rows at all. No look-up and no branch a row where there are few
 * different ones; kernels without state, of any thread. */
#ifndef ONEFOLD_INSIGHT_CODE_KERNEL_H
#define ONEFOLD_INSIGHT_CODE_KERNEL_H

#include "base/slice.h"

#define CODE_KINDS_FEW 16

/* out[i] = map[data[i]] for `count` rows; `map` has `kinds` entries, at most CODE_KINDS_FEW. False where some datum is not below `kinds`: `out` then
 * means nothing. Cost: a tenth of a nanosecond a row. */
bool code_map(uint8_t *restrict out, const uint8_t *data, uint32_t count, const uint8_t *map, uint32_t kinds);
/* Adds to counts[code] how often it comes; all codes are below `kinds`. Cost: as code_map of few kinds, else 0.5 ns a row. */
void code_count(uint64_t counts[256], const uint8_t *codes, uint32_t count, uint32_t kinds);
/* Bit i of what is returned: starts[i + 1] is not starts[i]; of `count` customers, at most 64. */
uint64_t code_owners(const uint32_t *starts, uint32_t count);

#endif
