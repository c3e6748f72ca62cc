/* Stokes samples from the correlations of a set. */
#ifndef IMAGE_STOKES_H
#define IMAGE_STOKES_H

#include "contimg/image.h"

/* Stokes values and natural weights; autocorrelations and what lies outside the uv range
 * have weight 0. CI_ERR_NO_DATA where nothing is left. Collective. */
CI_MUST_CHECK ci_status ci_image_samples_new(ci_comm *comm, ci_vis_samples **out,
                                             const ci_vis_set *set,
                                             const ci_image_options *options);
/* The same, with the set's values as `reading` says. Samples are compressed to
 * options->compression, where that and half_width are positive: of a source whose |l| and |m| are
 * at most half_width. Collective. */
CI_MUST_CHECK ci_status ci_image_samples_take(ci_comm *comm, ci_vis_samples **out, ci_vis_set *set,
                                              const ci_image_options *options, double half_width,
                                              const ci_image_reading *reading);
/* Whether the sky of this Stokes parameter is positive. Local. */
bool ci_image_stokes_is_positive(int stokes);

#endif
