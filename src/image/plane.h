/* What single and double precision planes share. */
#ifndef IMAGE_PLANE_H
#define IMAGE_PLANE_H

#include "image/transpose.h"

/* n - 1 less its middle, for the pixels at distances 0 .. n_x / 2 from the middle column of
 * row y of the image (0 distance first). Beyond the horizon n is 0. */
void ci_plane_row_t(const ci_image_gridder *g, size_t y, double *out);
/* What such a row is multiplied by after the transform: one over the kernels' transforms,
 * over n where asked for, 0 beyond the horizon. `t` [n_x / 2 + 1] is overwritten. */
void ci_plane_row_correction(const ci_image_gridder *g, size_t y, double *t, double *out);
/* All rows of this rank's slab; work [n_x + 2 or more]. */
void ci_plane_correct(const ci_image_gridder *g, double *work, double *slab);

#endif
