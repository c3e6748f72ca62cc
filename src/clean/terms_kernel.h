/* The inner loops of direct sums over points: nearly all of their time. */
#ifndef CLEAN_TERMS_KERNEL_H
#define CLEAN_TERMS_KERNEL_H

#include "contimg/vis.h"

enum
{
    CI_CLEAN_TERMS_LANES = 8, /* runs of samples are padded to whole ones */
    CI_CLEAN_FLUX_NODES = 4   /* of a flux in frequency */
};

/* What the change of a point's visibilities P with flux, ln nu and place has to do with the
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

/* A row of a run: its samples end at `end`; their frequencies are freq_hz + the run's offset_hz. */
typedef struct ci_clean_terms_row
{
    size_t end;
    double freq_hz;
    double uvw_s[3]; /* u, v, w over the speed of light */
    ci_vis_time_taps taps;
} ci_clean_terms_row;

/* A run of samples, row by row. Those that only pad it, after the last row, have weight 0. All
 * arrays of samples have space for CI_CLEAN_TERMS_LANES more. */
typedef struct ci_clean_terms_run
{
    size_t n, n_row; /* n: a multiple of CI_CLEAN_TERMS_LANES */
    ci_clean_terms_row *row;
    float *offset_hz;
    float *lagrange[CI_CLEAN_FLUX_NODES]; /* of a flux's nodes in frequency */
    float *u, *v, *w;                     /* wavelengths */
    float *x;                             /* ln(nu / ref_hz) */
    float *weight;
    float *re, *im;         /* residual R */
    float *flux, *turns;    /* of the point in hand */
    float *p_re, *p_im;     /* its visibilities P */
    float *sum_re, *sum_im; /* of all points so far */
} ci_clean_terms_run;

/* A point: l, m, n - 1, and its flux at the nodes in frequency of one time or of all
 * integrations. */
typedef struct ci_clean_terms_point
{
    const double *lmn;
    size_t n_frame;
    const double *flux; /* [n_frame][CI_CLEAN_FLUX_NODES] */
} ci_clean_terms_point;

/* P = flux exp(2 pi i (u l + v m + w (n - 1))), to 1e-6 of the flux: the phase of a row in double
 * precision, of its samples beside it in single. `fill` stores P, `add` adds it to the sum. */
typedef void (*ci_clean_terms_fill)(const ci_clean_terms_run *run,
                                    const ci_clean_terms_point *point);
/* out [CI_FIT_SUMS] of P and R, to 1e-5 of the sum of what is added. */
typedef void (*ci_clean_terms_sums)(const ci_clean_terms_run *run, const double *lmn, double *out);
typedef struct ci_clean_terms_kernel
{
    ci_clean_terms_fill fill, add;
    ci_clean_terms_sums sums;
} ci_clean_terms_kernel;
/* For a level that this machine has. Lane by lane: the same bits whatever the instruction set. */
ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa);

#endif
