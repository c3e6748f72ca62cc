/* Stokes samples from the correlations of a set. */
#ifndef IMAGE_STOKES_H
#define IMAGE_STOKES_H

#include "contimg/image.h"

/* A Stokes value as a sum over one or two correlations. */
typedef struct ci_image_recipe
{
    size_t n_pol;
    int i_pol[2]; /* into meta->pol */
    ci_c64 factor[2];
    bool is_pseudo_i;
} ci_image_recipe;

/* How `stokes` comes from the set's correlations; n_good [n_pol]: unflagged
 * cross-correlation samples of each over the array. CI_ERR_USAGE, where the file's
 * correlations can never give it, names what the file has. Local. */
CI_MUST_CHECK ci_status ci_image_recipe_find(ci_image_recipe *out, const ci_vis_meta *meta,
                                             int stokes, const int64_t *n_good);
/* Stokes values and natural weights; autocorrelations and what lies outside the uv range
 * have weight 0. CI_ERR_NO_DATA where nothing is left. Collective. */
CI_MUST_CHECK ci_status ci_image_samples_new(ci_comm *comm, ci_vis_samples **out,
                                             const ci_vis_set *set,
                                             const ci_image_options *options);
/* The same; the values of each block of the set are freed once they are read. Samples are
 * compressed to options->compression, where that and half_width are positive: of a source
 * whose |l| and |m| are at most half_width. Collective. */
CI_MUST_CHECK ci_status ci_image_samples_take(ci_comm *comm, ci_vis_samples **out, ci_vis_set *set,
                                              const ci_image_options *options, double half_width);
/* Whether the sky of this Stokes parameter is positive. Local. */
bool ci_image_stokes_is_positive(int stokes);

#endif
