/* Random numbers for tests: from a counter, the same on every rank, and one after the other. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdint.h>

/* splitmix64 (Steele, Lea & Flood 2014) of a counter. */
static inline uint64_t test_random_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* In (0, 1), of a counter. */
static inline double test_random_uniform(uint64_t x)
{
    return ((double)(test_random_mix(x) >> 11) + 0.5) * 0x1p-53;
}

/* The next in (0, 1) of a sequence: xorshift64 (Marsaglia 2003). The state begins as any but 0. */
static inline double test_random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

#endif
