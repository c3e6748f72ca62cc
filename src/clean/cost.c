/* What CLEAN costs, for who plans it. */
#include "clean/psf_wide.h"
#include "contimg/clean.h"

#include <math.h>

enum
{
    PSF_BYTES = 16,       /* of a pixel: the PSF on rank 0, out to a whole image */
    WIDE_BYTES = 70,      /* while that is made, over all ranks */
    WIDE_ROOT_BYTES = 24, /* its part on rank 0 */
    SCALE_BYTES = 5,      /* of a pixel for each scale, over all ranks: its residual and mask */
    SCALES_BYTES = 48,    /* for all of them: the model, its copies, a convolution */
    PAIR_BYTES = 4 * 1025 * 1025, /* the patch of two scales, on rank 0 */
    N_SEE = 10,                   /* residuals seen by every scale */
    N_PASS = 21 /* over the samples: the wide PSF, ten major cycles there and back */
};
static const double n_point = 1000;    /* bright sources and components, summed in each cycle ... */
static const double n_product = 3e9;   /* ... fewer where points x samples are more */
static const double product_s = 1e-8;  /* one point in one sample, ten cycles */
static const double convolve_s = 6e-8; /* a pixel of an image by transforms, there and back */
static const double pixel_s = 6e-6;    /* transforms, local noise, minor cycles */

double ci_clean_psf_bytes(double n_pixel, int n_rank)
{
    bool is_wide = n_pixel <= CLEAN_PSF_WIDE_PIXELS;
    return n_pixel * (PSF_BYTES + is_wide * ((double)WIDE_BYTES / n_rank + WIDE_ROOT_BYTES));
}

double ci_clean_seconds(double n_sample, double n_pixel)
{
    double points = fmin(n_sample * n_point, n_product) * product_s;
    return N_PASS * ci_grid_seconds(n_sample) + points + n_pixel * pixel_s;
}

double ci_clean_scales_bytes(double n_pixel, int n_rank, int n_scale)
{
    if (n_scale == 0) return 0;
    double n_pair = n_scale * (n_scale + 3) / 2.0;
    return n_pixel * (SCALES_BYTES + SCALE_BYTES * n_scale) / n_rank +
           n_pair * fmin(PAIR_BYTES, 4 * n_pixel);
}

double ci_clean_scales_seconds(double n_pixel, int n_scale)
{
    return n_pixel * convolve_s * (N_SEE * n_scale + n_scale * (n_scale + 3) / 2.0);
}
