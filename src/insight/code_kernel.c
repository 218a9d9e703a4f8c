/* code_kernel: see the header. Vectors are of 16 bytes, which every processor has; wider ones are taken apart lane by lane where they are not there, and
 * the compiler makes no vectors of sums of bytes by itself. */
#include "insight/code_kernel.h"

#include <assert.h>
#include <string.h>

#include "base/clones.h"

typedef uint8_t bytes __attribute__((vector_size(16)));

/* --- mapped --- */

/* Compared with each of `kinds`, a power of two of them, which are written out. Returns the
 * greatest datum. */
static inline __attribute__((always_inline)) uint8_t
map_kinds(uint8_t *restrict out, const uint8_t *data, uint32_t count, const uint8_t *map, const unsigned kinds) {
    bytes most = {0};
    uint32_t e = 0;
    uint8_t greatest = 0;
    for (; e + sizeof most <= count; e += sizeof most) {
        bytes code = {0}, each;
        memcpy(&each, data + e, sizeof each);
#pragma GCC unroll 16
        for (unsigned k = 0; k < kinds; k++)
            code |= (bytes)(each == (uint8_t)k) & map[k];
        const bytes more = (bytes)(each > most);
        most = (each & more) | (most & ~more);
        memcpy(out + e, &code, sizeof code);
    }
    for (; e < count; e++) {
        greatest = data[e] > greatest ? data[e] : greatest;
        out[e] = map[data[e] % kinds];
    }
    for (unsigned lane = 0; lane < sizeof most; lane++)
        greatest = most[lane] > greatest ? most[lane] : greatest;
    return greatest;
}

bool code_map(uint8_t *restrict out, const uint8_t *data, uint32_t count, const uint8_t *map, uint32_t kinds) {
    uint8_t all[CODE_KINDS_FEW] = {0};
    assert(kinds <= CODE_KINDS_FEW);
    memcpy(all, map, kinds);
    const uint8_t most = kinds <= 4 ? map_kinds(out, data, count, all, 4) : map_kinds(out, data, count, all, 16);
    return most < kinds;
}

/* --- counted --- */

enum {
    LANES = 4, /* so that the same code in a row need not wait for each other */
    FEW = 8    /* codes counted one after the other */
};

static void count_many(uint64_t counts[256], const uint8_t *codes, uint32_t count) {
    uint64_t lanes[LANES][256] = {{0}};
    uint32_t k = 0;
    for (; k + LANES <= count; k += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++)
            lanes[lane][codes[k + lane]]++;
    for (; k < count; k++)
        lanes[0][codes[k]]++;
    for (unsigned code = 0; code < 256; code++)
        counts[code] += lanes[0][code] + lanes[1][code] + lanes[2][code] + lanes[3][code];
}

typedef uint8_t bytes __attribute__((vector_size(16)));

/* Summed in bytes, which are emptied before they overflow. */
static uint64_t count_one(const uint8_t *codes, uint32_t count, uint8_t code) {
    uint64_t sum = 0;
    uint32_t k = 0;
    while (k + sizeof(bytes) <= count) {
        bytes sums = {0}, each;
        for (uint32_t round = 0; round < 255 && k + sizeof each <= count; round++, k += sizeof each) {
            memcpy(&each, codes + k, sizeof each);
            sums -= (bytes)(each == code);
        }
        for (uint32_t lane = 0; lane < sizeof sums; lane++)
            sum += sums[lane];
    }
    for (; k < count; k++)
        sum += codes[k] == code;
    return sum;
}

void code_count(uint64_t counts[256], const uint8_t *codes, uint32_t count, uint32_t kinds) {
    if (kinds > FEW || count < 256) {
        count_many(counts, codes, count);
        return;
    }
    for (uint32_t code = 0; code < kinds; code++)
        counts[code] += count_one(codes, count, (uint8_t)code);
}

/* --- who has rows --- */

CLONES static void flag_rows(uint8_t *restrict flags, const uint32_t *starts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        flags[i] = starts[i + 1] != starts[i];
}

uint64_t code_owners(const uint32_t *starts, uint32_t count) {
    uint8_t flags[64] = {0};
    uint64_t bits = 0, eight;
    assert(count <= 64);
    flag_rows(flags, starts, count);
    for (uint32_t i = 0; i < 8; i++) { /* the lowest bits of eight bytes come together in the highest byte */
        memcpy(&eight, flags + 8 * i, 8);
        bits |= eight * UINT64_C(0x0102040810204080) >> 56 << (8 * i);
    }
    return bits;
}
