/* hash: XXH3 from libxxhash; CRC32C with the SSE4.2 instruction (about 8 GB/s) or a table. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t hash_bytes(struct slice s, uint64_t seed) { return XXH3_64bits_withSeed(s.data, s.size, seed); }

#define MIX_A 0xff51afd7ed558ccdULL
#define MIX_A_INVERSE 0x4f74430c22a54005ULL
#define MIX_B 0xc4ceb9fe1a85ec53ULL
#define MIX_B_INVERSE 0x9cb4b2f8129337dbULL

uint64_t hash_mix(uint64_t x) {
    x ^= x >> 33;
    x *= MIX_A;
    x ^= x >> 33;
    x *= MIX_B;
    return x ^ (x >> 33);
}

uint64_t hash_unmix(uint64_t x) {
    x ^= x >> 33;
    x *= MIX_B_INVERSE;
    x ^= x >> 33;
    x *= MIX_A_INVERSE;
    return x ^ (x >> 33);
}

/* table[0] advances one byte; tables 1..7 advance a byte standing 1..7 places earlier (slicing by 8). */
static uint32_t crc_table[8][256];
static bool crc_hardware;

__attribute__((constructor)) static void crc_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = (c >> 1) ^ (0x82f63b78u & (0u - (c & 1)));
        crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 255];
#if defined(__x86_64__)
    __builtin_cpu_init();
    crc_hardware = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t crc_by_table(uint32_t crc, const unsigned char *p, size_t size) {
    while (size >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= crc;
        crc = crc_table[7][w & 255] ^ crc_table[6][(w >> 8) & 255] ^ crc_table[5][(w >> 16) & 255] ^
              crc_table[4][(w >> 24) & 255] ^ crc_table[3][(w >> 32) & 255] ^ crc_table[2][(w >> 40) & 255] ^
              crc_table[1][(w >> 48) & 255] ^ crc_table[0][w >> 56];
        p += 8;
        size -= 8;
    }
    while (size--)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *p++) & 255];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_hardware(uint32_t crc, const unsigned char *p, size_t size) {
    uint64_t c = crc;
    while (size >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        c = __builtin_ia32_crc32di(c, w);
        p += 8;
        size -= 8;
    }
    uint32_t c32 = (uint32_t)c;
    while (size--)
        c32 = __builtin_ia32_crc32qi(c32, *p++);
    return c32;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size) {
    const unsigned char *p = data;
    crc = ~crc;
#if defined(__x86_64__)
    if (crc_hardware)
        return ~crc_by_hardware(crc, p, size);
#endif
    return ~crc_by_table(crc, p, size);
}
