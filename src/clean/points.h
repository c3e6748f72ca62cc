/* Points of the sky whose visibilities are summed directly: their flux depends on integration and
 * frequency. */
#ifndef CLEAN_POINTS_H
#define CLEAN_POINTS_H

#include "clean/points_kernel.h"
#include "contimg/par.h"
#include "contimg/vis.h"

/* Fluxes are cubics in frequency, given at four nodes over the band. */
typedef struct ci_clean_flux_axis
{
    double node_hz[CI_CLEAN_FLUX_NODES];
    double ref_hz; /* where fluxes of the model are meant */
    ci_isa isa;    /* of the kernels that sum along it */
    size_t n;      /* frequencies of the samples' axes, and ... */
    float *weight; /* [CI_CLEAN_FLUX_NODES][n] Lagrange's weights of the nodes there; owns both */
    float *x;      /* [n] ln(nu / ref_hz) */
} ci_clean_flux_axis;
/* Fills the arrays, for those samples' axes; nodes and reference are set. Local. */
CI_MUST_CHECK ci_status ci_clean_flux_axis_tabulate(ci_clean_flux_axis *axis,
                                                    const ci_vis_samples *samples);
/* Frees what it owns. Local. */
void ci_clean_flux_axis_clear(ci_clean_flux_axis *axis);
/* Lagrange's weight of node i at a frequency. Local. */
double ci_clean_flux_lagrange(const ci_clean_flux_axis *axis, int i, double freq_hz);

typedef struct ci_clean_points
{
    const ci_clean_flux_axis *axis; /* borrowed */
    size_t n, n_frame;              /* n_frame: integrations, or 1 for all */
    double *lmn;                    /* [n][3]: l, m, n - 1 */
    double *flux;                   /* [n][n_frame][CI_CLEAN_FLUX_NODES], Jy */
} ci_clean_points;
/* Room for n points; to be cleared by the caller. Local. */
CI_MUST_CHECK ci_status ci_clean_points_new(ci_clean_points *out, const ci_clean_flux_axis *axis,
                                            size_t n, size_t n_frame);
/* Frees what it owns. Local. */
void ci_clean_points_clear(ci_clean_points *points);
/* Sets the direction cosines of point i. Local. */
void ci_clean_points_place(ci_clean_points *points, size_t i, double l, double m);
/* samples->computed += scale x the points' visibilities. Local. */
CI_MUST_CHECK ci_status ci_clean_points_add(const ci_clean_points *points, ci_vis_samples *samples,
                                            double scale);
/* CI_FIT_SUMS sums of each point with the residual in samples->computed: sums [n][CI_FIT_SUMS], the
 * same at any number of ranks. Collective. */
CI_MUST_CHECK ci_status ci_clean_points_correlate(ci_comm *comm, const ci_clean_points *points,
                                                  const ci_vis_samples *samples, double *sums);
/* Of all points' visibilities together: CI_FIT_DOT and CI_FIT_NORM. They stay in all [n_sample],
 * the caller's, NULL: not. Collective. */
CI_MUST_CHECK ci_status ci_clean_points_project(ci_comm *comm, const ci_clean_points *points,
                                                const ci_vis_samples *samples, ci_c32 *all,
                                                double *dot, double *norm);

#endif
