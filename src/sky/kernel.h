/* The inner sum of prediction: nearly all of its time. All functions are local. */
#ifndef CI_SKY_KERNEL_H
#define CI_SKY_KERNEL_H

#include "contimg/base.h"

enum
{
    CI_SKY_LANES = 16, /* channels in registers; tiles are padded to a multiple */
    CI_SKY_TILE = 64,  /* channels of one tile */
    CI_SKY_CHUNK = 32, /* sources of one chunk */
    CI_SKY_PAIR = 2    /* baselines that share the wave of one antenna */
};

/* One chunk of sources on one run of channels; waves are [n_source][2][LANES] (real, imaginary). */
typedef struct ci_sky_sum
{
    size_t n_baseline, n_source;             /* at most PAIR, at most CHUNK */
    const float *wave1[CI_SKY_PAIR], *wave2; /* antennas 1, and antenna 2 of all */
    const float *envelope; /* [n_source][LANES] of extended sources, with one baseline; or NULL */
    float sign;
    float *sum[CI_SKY_PAIR]; /* [2][LANES] added to */
} ci_sky_sum;

/* sum += sign sum_k wave2[k][c] conj(wave1[k][c]). Element by element, in source order: the same
 * bits whatever the instruction set, and whichever baselines share a call. */
typedef void (*ci_sky_kernel)(const ci_sky_sum *sum);
/* For a level that this machine has. */
ci_sky_kernel ci_sky_kernel_get(ci_isa isa);

#endif
