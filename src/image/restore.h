/* The restored image. */
#ifndef IMAGE_RESTORE_H
#define IMAGE_RESTORE_H

#include "contimg/clean.h"

/* What is restored: pixels (a slab), points [n_point], extended components (a slab, or NULL). */
typedef struct ci_image_sky
{
    const double *model;
    const ci_clean_point *points;
    size_t n_point;
    const double *extended;
} ci_image_sky;
/* restored = (model + points + extended) * beam + residual; beam in pixels. Components are added in
 * scan order, then the points [n_point], so that a pixel's sum is the same whoever holds it;
 * extended components, which keep off the image's edges, by transforms.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_restore(ci_comm *comm, const ci_grid_layout *layout,
                                         ci_image_sky sky, const double *residual, ci_num_beam beam,
                                         double *restored);
/* out = image convolved from one restoring beam to another that it can be convolved to, in its
 * Jy/beam: slabs, beams in pixels. Cyclic at the edges. Collective. */
CI_MUST_CHECK ci_status ci_image_smooth(ci_comm *comm, const ci_grid_layout *layout,
                                        const double *image, ci_num_beam from, ci_num_beam to,
                                        float *out);

#endif
