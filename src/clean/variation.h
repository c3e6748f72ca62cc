/* Sources that are not constant: what is left of their flux in time and frequency. */
#ifndef CLEAN_VARIATION_H
#define CLEAN_VARIATION_H

#include "clean/sources.h"

/* ---- variation.c ---- */
/* samples->computed += scale x the visibilities of amplitude [n_time][n_freq] of the model's cells
 * at (l, m). Local. */
CI_MUST_CHECK ci_status ci_clean_variation_add(const ci_clean_model *model, double l, double m,
                                               const double *amplitude, double scale,
                                               ci_vis_samples *samples);
/* All variations of the model. Local. */
CI_MUST_CHECK ci_status ci_clean_variations_add(const ci_clean_model *model,
                                                ci_vis_samples *samples);
/* Of each cell: sums of the weights w, and of w^2 / natural weight (variance NULL: not wanted).
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_cells_weigh(ci_comm *comm, const ci_clean_model *model,
                                             const ci_vis_samples *samples, double *weight,
                                             double *variance);
/* Of each cell the sum of w |R|^2, R in samples->computed. Collective. */
CI_MUST_CHECK ci_status ci_clean_cells_power(ci_comm *comm, const ci_clean_model *model,
                                             const ci_vis_samples *samples, double *power);
enum
{
    CI_CLEAN_CELLS_AT_ONCE = 8
};
/* For each of n positions (l, m), 1 to AT_ONCE, of each cell the sum of w Re(R conj P), P =
 * exp(2 pi i ...), R in samples->computed: sums [n][cells]. Collective. */
CI_MUST_CHECK ci_status ci_clean_cells_correlate(ci_comm *comm, const ci_clean_model *model,
                                                 const double (*at)[2], size_t n,
                                                 const ci_vis_samples *samples, double *sums);
/* What a shift of a variation has to do with the residual. */
enum
{
    CI_SHIFT_DOT_L,
    CI_SHIFT_DOT_M,
    CI_SHIFT_NORM_LL,
    CI_SHIFT_NORM_LM,
    CI_SHIFT_NORM_MM,
    CI_SHIFT_SUMS
};
/* Those sums over all ranks' samples, the same on each. Collective. */
CI_MUST_CHECK ci_status ci_clean_variation_shift(ci_comm *comm, const ci_clean_model *model,
                                                 double l, double m, const double *amplitude,
                                                 const ci_vis_samples *samples,
                                                 double sums[CI_SHIFT_SUMS]);

/* Beam over mean beam at (l, m) in every cell: out [n_time][n_freq]. Local. */
CI_MUST_CHECK ci_status ci_clean_variation_beam(const ci_clean_model *model, double l, double m,
                                                double *out);

/* ---- variation_test.c ---- */
/* Of every cell: sums with the residual, of weights, and of w^2 / natural weight. */
typedef struct ci_clean_spectrum
{
    const ci_clean_cells *cells;
    const double *sum, *weight, *variance; /* [n_time][n_freq] */
    const double *beam; /* [n_time][n_freq] as the source is seen through it, over its mean */
    double total_weight, total_variance;
    double flux, brightest; /* Jy, of the source, of the brightest of all */
    double share_min;       /* least part of the source's flux in the image that is a variation */
    bool is_sure; /* what differs is known to do more in the image than it may: in small boxes or
                   * large ones */
    double rms;   /* Jy, of the residual */
    double slope_jy[2]; /* range of d(flux)/d(ln nu) that a slope may still come to, Jy */
} ci_clean_spectrum;
/* Whether flux is left that varies in time or frequency, beyond a power law, so much that the
 * mean PSF does not describe its sidelobes; *out: where most. Local. */
CI_MUST_CHECK ci_status ci_clean_spectrum_test(const ci_clean_spectrum *spectrum, bool *varies,
                                               ci_clean_variation *out);

/* ---- variation_find.c ---- */
enum
{
    CI_CLEAN_MAX_LOOKED = 256
};
/* A position that was looked at. */
typedef struct ci_clean_looked
{
    double l, m, rms;
} ci_clean_looked;
typedef struct ci_clean_variability
{
    double outside_jy; /* peak of what may be left outside the image, where sources are sought */
    double *weight, *variance; /* [cells]; NULL until needed */
    ci_clean_looked looked[CI_CLEAN_MAX_LOOKED];
    size_t n_looked;
} ci_clean_variability;

/* One step of least squares for amplitudes and positions of the model's variations whose sources
 * stand out of `level`, Jy/beam, to which the image is cleaned; takes what they change from the
 * residual in samples->computed. Collective. */
CI_MUST_CHECK ci_status ci_clean_variations_fit(ci_comm *comm, ci_clean_model *model,
                                                ci_clean_variability *state,
                                                const ci_clean_sources_setup *setup,
                                                ci_vis_samples *samples, double level);
/* Looks at the model's brightest sources, as far as what is left of others, the residual's peak,
 * lets it, or is_last, when more cleaning would not help: *n_new more variations. They are
 * not yet taken from samples->computed. Collective. */
CI_MUST_CHECK ci_status ci_clean_variations_find(ci_comm *comm, ci_clean_model *model,
                                                 ci_clean_variability *state,
                                                 const ci_clean_sources_setup *setup,
                                                 ci_vis_samples *samples, bool is_last, int *n_new);
/* Where an image with signs has a peak that the mean image has not. */
typedef struct ci_clean_hidden
{
    double l, m, effect_jy; /* Jy/beam, |peak| */
} ci_clean_hidden;
/* Describes the first position of list [n] that proves to vary: *n_new 1, else 0. It is not yet
 * taken from samples->computed. Collective. */
CI_MUST_CHECK ci_status ci_clean_variations_look(ci_comm *comm, ci_clean_model *model,
                                                 ci_clean_variability *state,
                                                 const ci_clean_sources_setup *setup,
                                                 ci_vis_samples *samples,
                                                 const ci_clean_hidden *list, size_t n, int *n_new);

#endif
