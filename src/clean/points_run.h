/* Runs of samples and batches of points, as the kernels of direct sums take them. */
#ifndef CLEAN_POINTS_RUN_H
#define CLEAN_POINTS_RUN_H

#include "contimg/vis.h"

enum
{
    CI_CLEAN_POINTS_LANES = 16, /* points that are summed together */
    CI_CLEAN_FLUX_NODES = 4     /* of a flux in frequency */
};

/* What the change of a point's visibilities P with flux, ln nu and position has to do with the
 * residual R: sums of w Re(R conj dP) and w |dP|^2; u', v' = 2 pi (u - w l/n, v - w m/n). */
enum
{
    CI_FIT_DOT,   /* w Re(R conj P) */
    CI_FIT_DOT_X, /* w x Re(R conj P), x = ln(nu / ref_hz) */
    CI_FIT_DOT_L, /* w u' Im(R conj P) */
    CI_FIT_DOT_M,
    CI_FIT_NORM, /* w |P|^2 */
    CI_FIT_NORM_X,
    CI_FIT_NORM_XX,
    CI_FIT_NORM_LL, /* w u' u' |P|^2 */
    CI_FIT_NORM_LM,
    CI_FIT_NORM_MM,
    CI_FIT_SUMS
};

/* A row of a run: its samples end at `end`. Phasors along its channels are made anew where it is a
 * base; those of the rows up to the next base have its channels, and phases along them that differ
 * by at most CI_CLEAN_POINTS_PHASE. */
typedef struct ci_clean_points_row
{
    size_t end, channel; /* its channels begin at `channel` of those of the run */
    bool is_base;        /* the first row is */
    double uvw_s[3];     /* u, v, w over the speed of light */
    ci_vis_time_taps taps;
} ci_clean_points_row;

/* Radians: what the polynomials for the difference are good for. */
#define CI_CLEAN_POINTS_PHASE 0.25

/* A run of samples, row by row; their frequencies are freq_hz + offset_hz. Rows that follow each
 * other and have the same channels share them. */
typedef struct ci_clean_points_run
{
    size_t n, n_row;
    ci_clean_points_row *row; /* [n_row] */
    double freq_hz;
    float *offset_hz;                     /* [n] channels */
    float *lagrange[CI_CLEAN_FLUX_NODES]; /* [n] of a flux's nodes in frequency */
    float *relative;                      /* [n] frequency over freq_hz */
    float *x;                             /* [n] ln(nu / ref_hz) */
    float *weight;                        /* [n] samples */
    float *re, *im;                       /* [n] residual R */
    float *base_re, *base_im;             /* [greatest number of channels][LANES] scratch */
    float *sum_re, *sum_im;               /* [n][LANES] of all points so far, lane by lane */
} ci_clean_points_run;

/* Some points, one in each lane: l, m, n - 1, and their fluxes at the nodes in frequency of one
 * time or of all integrations. */
typedef struct ci_clean_points_batch
{
    double l[CI_CLEAN_POINTS_LANES], m[CI_CLEAN_POINTS_LANES], n[CI_CLEAN_POINTS_LANES];
    size_t n_point; /* the last lanes may be of none */
    size_t n_frame;
    const float *flux; /* [n_frame][CI_CLEAN_FLUX_NODES][LANES], Jy; borrowed */
} ci_clean_points_batch;

#endif
