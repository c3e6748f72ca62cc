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

#endif
