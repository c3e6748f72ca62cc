/* What imaging costs, for who plans it. */
#include "contimg/image.h"

enum
{
    PIXEL_BYTES = 33, /* dirty, PSF, residual, model, snapshot, two masks, over all ranks */
    CHANGE_BYTES = 8, /* of a sample: what a cycle changes */
    N_PASS = 2,       /* over the samples, besides CLEAN's: PSF and dirty image */
    N_FILE = 7,
    FILE_PIXEL_BYTES = 4
};

double ci_image_bytes(const ci_image_workload *workload)
{
    double pixels = workload->n_pixel * PIXEL_BYTES +
                    ci_grid_planes_bytes(workload->n_pixel, workload->is_double);
    return ci_vis_samples_bytes(workload->n_row, workload->n_sample, true) +
           CHANGE_BYTES * (double)workload->n_sample +
           ci_grid_samples_bytes(workload->n_row, workload->n_sample, workload->is_double,
                                 workload->n_rank) +
           pixels / workload->n_rank + ci_clean_psf_bytes(workload->n_pixel, workload->n_rank) +
           ci_clean_scales_bytes(workload->n_pixel, workload->n_rank, workload->n_scale);
}

double ci_image_seconds(double n_sample, double n_pixel, int n_scale)
{
    return N_PASS * ci_grid_seconds(n_sample) + ci_clean_seconds(n_sample, n_pixel) +
           ci_clean_scales_seconds(n_pixel, n_scale);
}

double ci_image_file_bytes(double n_pixel)
{
    return N_FILE * FILE_PIXEL_BYTES * n_pixel;
}
