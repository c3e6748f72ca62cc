/* The oracle of the gridder: direct sums in double precision. Local; slow. All functions are local.
 */
#ifndef GRID_DIRECT_H
#define GRID_DIRECT_H

#include "contimg/grid.h"

/* image[i] = Re sum weight vis exp(-2 pi i (u l + v m + w (n - 1))) (over n where the
 * geometry asks) at n_pixel pixels pixel[i] = y n_x + x; 0 beyond the horizon. */
void ci_grid_direct_image(const ci_grid_geometry *geometry, const ci_vis_samples *samples,
                          const ci_c64 *vis, const size_t *pixel, size_t n_pixel, double *image);
/* The adjoint without weights at one sample: sum over the pixels of image [n_y][n_x]. */
ci_c64 ci_grid_direct_sample(const ci_grid_geometry *geometry, const double uvw_m[3],
                             double freq_hz, const double *image);

#endif
