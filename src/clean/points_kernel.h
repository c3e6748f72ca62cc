/* The inner loops of direct sums over points: nearly all of their time. All functions are local. */
#ifndef CLEAN_POINTS_KERNEL_H
#define CLEAN_POINTS_KERNEL_H

#include "clean/points_run.h"

/* Adds P = flux exp(2 pi i (u l + v m + w (n - 1))) of each point, to 1e-6 of its flux, to the
 * run's sums: the phase of a row in double precision, of its samples beside it in single. */
typedef void (*ci_clean_points_add_run)(const ci_clean_points_run *run,
                                        const ci_clean_points_batch *batch);
/* out [LANES][CI_FIT_SUMS] of the P and R, of lanes that have a point, to 1e-5 of the sum of what
 * is added. */
typedef void (*ci_clean_points_correlate_run)(const ci_clean_points_run *run,
                                              const ci_clean_points_batch *batch, double *out);
typedef struct ci_clean_points_kernel
{
    ci_clean_points_add_run add;
    ci_clean_points_correlate_run correlate;
} ci_clean_points_kernel;
/* For a level that this machine has, and batches of so many points. Lane by lane: the same bits
 * whatever the instruction set. */
ci_clean_points_kernel ci_clean_points_kernel_get(ci_isa isa, size_t n_point);

#endif
