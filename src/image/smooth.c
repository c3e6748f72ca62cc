/* Images from one restoring beam to a larger one. */
#include "image/restore.h"
#include "contimg/fft.h"

#include <math.h>

ci_status ci_image_smooth(ci_comm *comm, const ci_grid_layout *l, const double *image,
                          ci_num_beam from, ci_num_beam to, float *out)
{
    ci_num_beam kernel = {0};
    for (size_t i = 0; i < l->n_here * l->n_x; i++)
        out[i] = (float)image[i];
    /* From the largest beam itself nothing is left to convolve with. */
    if (!ci_num_beam_deconvolve(to, from, &kernel)) kernel = (ci_num_beam){0};
    ci_num_beam_gauss g =
        ci_num_beam_gauss_of(kernel, to.major * to.minor / (from.major * from.minor));
    return ci_fft_convolve(comm, &(ci_fft_slab){l->n_y, l->n_x, l->y_first, l->n_here, out},
                           ci_num_beam_gauss_transfer, &g);
}
