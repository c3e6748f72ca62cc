/* Direct sums of samples and of pixels: the oracle of the gridder. */
#include "grid/direct.h"

#include <complex.h>
#include <math.h>

/* l, m, n - 1 of a pixel; false beyond the horizon. Written from the definitions, without
 * anything of the gridder's. */
static bool direction(const ci_grid_geometry *geometry, size_t pixel, double lmn[3])
{
    lmn[0] = -((double)(pixel % geometry->n_x) - (double)(geometry->n_x / 2)) * geometry->cell_rad;
    lmn[1] = ((double)(pixel / geometry->n_x) - (double)(geometry->n_y / 2)) * geometry->cell_rad;
    double r2 = lmn[0] * lmn[0] + lmn[1] * lmn[1];
    if (r2 > 1.0) return false;
    lmn[2] = -r2 / (1.0 + sqrt(1.0 - r2));
    return true;
}

static double samples_sum(const ci_vis_samples *s, const ci_c64 *vis, const double lmn[3])
{
    double sum = 0.0;
    for (size_t i = 0; i < s->n_row; i++) {
        const double *uvw = s->uvw_m + 3 * i, *freq_hz = ci_vis_row_freq(s, i);
        double path = (uvw[0] * lmn[0] + uvw[1] * lmn[1] + uvw[2] * lmn[2]) / CI_C_M_S;
        for (size_t c = 0; c < ci_vis_row_n_chan(s, i); c++) {
            size_t k = s->first[i] + c;
            if (!(s->weight[k] > 0.0f)) continue;
            double turns = path * freq_hz[c];
            double phase = CI_TWO_PI * (turns - rint(turns));
            sum += s->weight[k] * (creal(vis[k]) * cos(phase) + cimag(vis[k]) * sin(phase));
        }
    }
    return sum;
}

void ci_grid_direct_image(const ci_grid_geometry *geometry, const ci_vis_samples *samples,
                          const ci_c64 *vis, const size_t *pixel, size_t n_pixel, double *image)
{
    for (size_t p = 0; p < n_pixel; p++) {
        double lmn[3];
        image[p] = 0.0;
        if (!direction(geometry, pixel[p], lmn)) continue;
        image[p] = samples_sum(samples, vis, lmn);
        if (geometry->divide_by_n) image[p] /= 1.0 + lmn[2];
    }
}

ci_c64 ci_grid_direct_sample(const ci_grid_geometry *geometry, const double uvw_m[3],
                             double freq_hz, const double *image)
{
    ci_c64 sum = 0.0;
    for (size_t p = 0; p < geometry->n_x * geometry->n_y; p++) {
        double lmn[3];
        if (image[p] == 0.0 || !direction(geometry, p, lmn)) continue;
        double turns =
            freq_hz / CI_C_M_S * (uvw_m[0] * lmn[0] + uvw_m[1] * lmn[1] + uvw_m[2] * lmn[2]);
        double phase = CI_TWO_PI * (turns - rint(turns));
        double value = geometry->divide_by_n ? image[p] / (1.0 + lmn[2]) : image[p];
        sum += value * (cos(phase) + I * sin(phase));
    }
    return sum;
}
