/* Points between pixels as pixels. */
#include "contimg/clean.h"

#include <math.h>

void ci_clean_points_pixelise(const ci_grid_layout *l, const ci_clean_point *points, size_t n_point,
                              double *model)
{
    double x_tap[CI_NUM_LANCZOS_TAPS], y_tap[CI_NUM_LANCZOS_TAPS];
    for (size_t k = 0; k < n_point; k++) {
        double x = floor(points[k].x), y = floor(points[k].y), before = CI_NUM_LANCZOS_TAPS / 2 - 1;
        ci_num_lanczos_taps(points[k].x - x, x_tap);
        ci_num_lanczos_taps(points[k].y - y, y_tap);
        for (int i = 0; i < CI_NUM_LANCZOS_TAPS; i++) {
            double at_y = y - before + i - (double)l->y_first;
            if (at_y < 0 || at_y >= (double)l->n_here) continue;
            double *row = model + (size_t)at_y * l->n_x;
            for (int j = 0; j < CI_NUM_LANCZOS_TAPS; j++) {
                double at_x = x - before + j;
                if (at_x >= 0 && at_x < (double)l->n_x)
                    row[(size_t)at_x] += points[k].flux * y_tap[i] * x_tap[j];
            }
        }
    }
}
