/* The restored image. */
#ifndef IMAGE_RESTORE_H
#define IMAGE_RESTORE_H

#include "contimg/clean.h"

/* restored = (model + points) * beam + residual; beam in pixels. Components are added in scan
 * order, then the points [n_point], so that a pixel's sum is the same whoever holds it.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_restore(ci_comm *comm, const ci_grid_layout *layout,
                                         const double *model, const ci_clean_point *points,
                                         size_t n_point, const double *residual, ci_num_beam beam,
                                         double *restored);

#endif
