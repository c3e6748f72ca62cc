/* Images from one restoring beam to a larger one. */
#include "image/restore.h"
#include "contimg/fft.h"

#include <math.h>

/* Transform of a Gaussian of unit integral, times a factor: exp(-2 pi^2 k' C k), C the covariance
 * in pixels. */
typedef struct gauss
{
    double xx, xy, yy, factor;
} gauss;

static double gauss_transfer(void *context, double u, double v)
{
    const gauss *g = context;
    double form = g->xx * u * u + 2 * g->xy * u * v + g->yy * v * v;
    return g->factor * exp(-2 * CI_PI * CI_PI * form);
}

/* The position angle counts from +y towards -x. */
static gauss gauss_of(ci_num_beam k, double factor)
{
    double to_variance = 1 / (8 * log(2.0)), s = sin(k.pa_rad), c = cos(k.pa_rad);
    double a = k.major * k.major * to_variance, b = k.minor * k.minor * to_variance;
    return (gauss){a * s * s + b * c * c, (b - a) * s * c, a * c * c + b * s * s, factor};
}

ci_status ci_image_smooth(ci_comm *comm, const ci_grid_layout *l, const double *image,
                          ci_num_beam from, ci_num_beam to, float *out)
{
    ci_num_beam kernel = {0};
    for (size_t i = 0; i < l->n_here * l->n_x; i++)
        out[i] = (float)image[i];
    /* From the largest beam itself nothing is left to convolve with. */
    if (!ci_num_beam_deconvolve(to, from, &kernel)) kernel = (ci_num_beam){0};
    gauss g = gauss_of(kernel, to.major * to.minor / (from.major * from.minor));
    return ci_fft_convolve(comm, &(ci_fft_slab){l->n_y, l->n_x, l->y_first, l->n_here, out},
                           gauss_transfer, &g);
}
