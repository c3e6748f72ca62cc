/* rng: random numbers by counter. A number depends on the seed and on what it is for
 * (stream and up to four indices), never on what was drawn before: any rank that needs
 * it gets the same. Mixing function: SplitMix64 (Steele, Lea & Flood 2014). */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include "contimg/base.h"

#include <math.h>

enum sim_stream
{
    SIM_RNG_SKY = 1,
    SIM_RNG_GAIN,
    SIM_RNG_RIPPLE,
    SIM_RNG_DRIFT,
    SIM_RNG_DEAD,
    SIM_RNG_NOISE,
    SIM_RNG_NAN,
    SIM_RNG_RFI,
    SIM_RNG_COUPLING,
    SIM_RNG_JITTER,
    SIM_RNG_ORDER,
    SIM_RNG_SURVEY
};

typedef struct sim_rng
{
    uint64_t state;
} sim_rng;

static inline uint64_t sim_rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline sim_rng sim_rng_at(uint64_t seed, enum sim_stream stream, uint64_t a, uint64_t b,
                                 uint64_t c, uint64_t d)
{
    uint64_t h = sim_rng_mix(seed + 0x9e3779b97f4a7c15u);
    const uint64_t word[5] = {(uint64_t)stream, a, b, c, d};
    for (int i = 0; i < 5; i++)
        h = sim_rng_mix((h ^ word[i]) + 0x9e3779b97f4a7c15u * (uint64_t)(i + 2));
    return (sim_rng){h};
}

static inline uint64_t sim_rng_next(sim_rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15u;
    return sim_rng_mix(rng->state);
}

/* Uniform in (0, 1): never 0 nor 1. */
static inline double sim_rng_uniform(sim_rng *rng)
{
    return ((double)(sim_rng_next(rng) >> 11) + 0.5) * 0x1p-53;
}

/* Two independent normal numbers (Box & Muller 1958). */
static inline void sim_rng_normal2(sim_rng *rng, double out[2])
{
    double radius = sqrt(-2.0 * log(sim_rng_uniform(rng)));
    double angle = CI_TWO_PI * sim_rng_uniform(rng);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

static inline double sim_rng_normal(sim_rng *rng)
{
    double two[2];
    sim_rng_normal2(rng, two);
    return two[0];
}

#endif
