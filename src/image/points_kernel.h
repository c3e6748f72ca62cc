/* The inner loop of direct sums over points: nearly all of their time. */
#ifndef CI_IMAGE_POINTS_KERNEL_H
#define CI_IMAGE_POINTS_KERNEL_H

#include "contimg/base.h"

enum
{
    CI_POINTS_LANES = 8, /* phasors carried side by side */
    CI_POINTS_NODES = 4  /* of a flux in frequency */
};

/* flux[c] times a phasor, for n evenly spaced channels: flux[c] = sum_k node[k] lagrange[k][c]
 * with rows of lagrange `stride` apart, the phasor begins at (start_re, start_im) and turns by
 * (turn_re, turn_im) from channel to channel. Channel by channel: the same bits whatever the
 * instruction set. */
typedef void (*ci_points_kernel)(size_t n, const double start[2], const double turn[2],
                                 const double *lagrange, size_t stride,
                                 const double node[CI_POINTS_NODES], double *re, double *im);
/* The widest that this machine has. */
ci_points_kernel ci_points_kernel_pick(void);
/* For tests: NULL where this machine has it not. */
ci_points_kernel ci_points_kernel_get(ci_isa isa);

#endif
