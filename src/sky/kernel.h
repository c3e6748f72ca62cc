/* The inner sum of prediction: nearly all of its time. */
#ifndef CI_SKY_KERNEL_H
#define CI_SKY_KERNEL_H

#include "contimg/base.h"

enum
{
    CI_SKY_LANES = 16, /* channels in registers; tiles are padded to a multiple */
    CI_SKY_TILE = 64,  /* channels of one tile */
    CI_SKY_CHUNK = 32  /* sources of one chunk */
};

/* sum_k wave2[k][c] conj(wave1[k][c]) for the channels of a tile; waves are
 * [n_source][2][n_lane] (real, imaginary), sums [n_lane]. envelope [n_source][n_lane] of
 * extended sources, or NULL. Element by element, in source order: the same bits whatever
 * the instruction set. */
typedef void (*ci_sky_kernel)(const float *wave1, const float *wave2, const float *envelope,
                              size_t n_source, size_t n_lane, float *sum_re, float *sum_im);
/* For a level that this machine has. */
ci_sky_kernel ci_sky_kernel_get(ci_isa isa);

#endif
