/* random: a seeded generator (xoshiro256**, Blackman and Vigna 2018) for simulation and tests. Same seed, same numbers,
 * on every machine. Not for secrets: those come from os.h. */
#ifndef ONEFOLD_BASE_RANDOM_H
#define ONEFOLD_BASE_RANDOM_H

#include "base/slice.h"

struct random {
    uint64_t state[4];
};

static inline uint64_t random_next(struct random *r) {
    uint64_t *s = r->state, t = s[1] << 17, x = s[1] * 5, result = ((x << 7) | (x >> 57)) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Fills the state from `seed` by splitmix64. */
static inline void random_init(struct random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        r->state[i] = z ^ (z >> 31);
    }
}

/* Uniform in [0, limit); limit > 0. */
static inline uint64_t random_below(struct random *r, uint64_t limit) {
    return (uint64_t)(((unsigned __int128)random_next(r) * limit) >> 64);
}
/* Uniform in [low, high]. */
static inline int64_t random_between(struct random *r, int64_t low, int64_t high) {
    return low + (int64_t)random_below(r, (uint64_t)(high - low) + 1);
}
/* Uniform in [0, 1). */
static inline double random_unit(struct random *r) { return (double)(random_next(r) >> 11) * 0x1p-53; }
static inline bool random_chance(struct random *r, double probability) { return random_unit(r) < probability; }

#endif
