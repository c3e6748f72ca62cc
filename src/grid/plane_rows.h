/* What the planes of all precisions share: rows of the image. All functions are local. */
#ifndef GRID_PLANE_ROWS_H
#define GRID_PLANE_ROWS_H

#include "grid/operator.h"

/* n - 1 less its middle, for the pixels at distances 0 .. n_x / 2 from the middle column of
 * row y of the image (0 distance first). Beyond the horizon n is 0. Borrowed. */
static inline const double *ci_grid_plane_row_t(const ci_grid_operator *g, size_t y)
{
    if (g->plan.slant.is_on) return g->t + (y - g->y_first) * (g->plan.n_x / 2 + 1);
    return g->t + (ci_grid_distance(y, g->plan.n_y) - g->t_first) * (g->plan.n_x / 2 + 1);
}
/* What such a row is multiplied by after the transform: one over the kernels' transforms,
 * over n where asked for, 0 beyond the horizon. */
void ci_grid_plane_row_correction(const ci_grid_operator *g, size_t y, double *out);

#endif
