/* Cell and size of an image. */
#ifndef IMAGE_CHOOSE_H
#define IMAGE_CHOOSE_H

#include "contimg/image.h"

/* Cell (rad) and size where the options leave them open. Also sets the imaging weights
 * that belong to them. Collective. */
CI_MUST_CHECK ci_status ci_image_geometry_choose(ci_comm *comm, ci_vis_samples *samples,
                                                 const ci_sky_field *sky,
                                                 const ci_image_options *options,
                                                 ci_grid_geometry *out);

/* The greatest |l| and |m| for which compression must keep its bound, that of the image; of one
 * whose size follows the beam, with a margin for what weights do to its frequency, so that the
 * image may have to be kept to it. 0: not to be told before the samples are there. Collective. */
CI_MUST_CHECK ci_status ci_image_half_width_bound(ci_comm *comm, const ci_vis_set *set,
                                                  const ci_sky_field *sky,
                                                  const ci_image_options *options,
                                                  double *half_width);

#endif
