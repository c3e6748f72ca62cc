/* Imaging weights, and sums over them. */
#ifndef IMAGE_WEIGHT_H
#define IMAGE_WEIGHT_H

#include "contimg/image.h"

/* Sums of weights on uv cells, exact integers: weights are rounded to multiples of
 * 2^-exponent with which no sum can overflow, so any order of adding gives the same. The
 * half plane v > 0 (or v = 0, u >= 0). */
typedef struct ci_image_density
{
    double cell_lambda;
    int exponent;
    size_t n_u, n_v; /* 2 half_u + 1, half_v + 1 */
    int64_t half_u, half_v;
    int64_t *sum; /* [n_v][n_u] */
} ci_image_density;
/* Natural (use_imaging false) or imaging weights of all ranks' samples; the same on every
 * rank. Collective. */
CI_MUST_CHECK ci_status ci_image_density_new(ci_comm *comm, ci_image_density **out,
                                             const ci_vis_samples *samples, double cell_lambda,
                                             bool use_imaging);
/* NULL-safe. Local. */
void ci_image_density_free(ci_image_density *density);
/* Sum of weights in the cell of (u, v), wavelengths. Local. */
double ci_image_density_at(const ci_image_density *density, double u, double v);

/* Imaging weights from the natural ones, by weighting, robust and taper_rad of the options.
 * extent_rad: image size x cell. CI_ERR_USAGE where the taper leaves next to nothing of any.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_weights_set(ci_comm *comm, ci_vis_samples *samples,
                                             const ci_image_options *options, double extent_rad);
/* Whether the imaging weights are the natural ones. Local. */
bool ci_image_weights_are_natural(const ci_image_options *options);

typedef struct ci_image_sums
{
    double weight, freq_hz, thermal_jy; /* freq: weight-mean; thermal valid for 1/sigma^2 */
    double freq_min_hz, freq_max_hz;    /* edges of the imaged channels */
} ci_image_sums;
/* Sums of imaging weights over all ranks' samples, the same on each. Collective. */
CI_MUST_CHECK ci_status ci_image_sums_get(ci_comm *comm, const ci_vis_samples *samples,
                                          ci_image_sums *out);

#endif
