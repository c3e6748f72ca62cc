/* The inner loop of direct sums over points: nearly all of their time. */
#ifndef CLEAN_TERMS_KERNEL_H
#define CLEAN_TERMS_KERNEL_H

#include "contimg/base.h"

enum
{
    CI_CLEAN_TERMS_LANES = 8, /* phasors carried side by side */
    CI_CLEAN_FLUX_NODES = 4   /* of a flux in frequency */
};

/* Sums over channels that say how a point's visibilities P should change for a residual R:
 * A = Re(R conj P), B = Im(R conj P), N = |P|^2, each times the weight. x and g belong to the
 * channels: ln(nu / nu0) and 2 pi nu / c in points.c. */
typedef enum ci_clean_terms_sum
{
    CI_CLEAN_TERMS_A,
    CI_CLEAN_TERMS_A_X,
    CI_CLEAN_TERMS_B_G,
    CI_CLEAN_TERMS_N,
    CI_CLEAN_TERMS_N_X,
    CI_CLEAN_TERMS_N_XX,
    CI_CLEAN_TERMS_N_GG,
    CI_CLEAN_TERMS_SUMS
} ci_clean_terms_sum;

/* flux[c] times a phasor, for n evenly spaced channels: flux[c] = sum_k node[k] lagrange[k][c]
 * with rows of lagrange `stride` apart, the phasor begins at (start_re, start_im) and turns by
 * (turn_re, turn_im) from channel to channel. node [CI_CLEAN_FLUX_NODES]. */
typedef void (*ci_clean_terms_fill)(size_t n, const double *start, const double *turn,
                                    const double *lagrange, size_t stride, const double *node,
                                    double *re, double *im);
/* vis [n][2] is R; P in re and im; out [CI_CLEAN_TERMS_SUMS]. */
typedef void (*ci_clean_terms_sums)(size_t n, const float *weight, const float *vis,
                                    const double *re, const double *im, const double *x,
                                    const double *g, double *out);
typedef struct ci_clean_terms_kernel
{
    ci_clean_terms_fill fill;
    ci_clean_terms_sums sums;
} ci_clean_terms_kernel;
/* For a level that this machine has. Channel by channel, lane by lane: the same bits whatever the
 * instruction set. */
ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa);

#endif
