/* Sidelobes that the PSF's own image does not show. Sources at opposite edges are a whole
 * image apart, the PSF is known to half of one: a grating response beyond that is cleaned as
 * if it were a source, unless the minor cycle stops above it. */
#include "image/product.h"

#include <math.h>

static const double widest = 0.9; /* direction cosine of a corner */
static const double coarse_accuracy = 1e-2;

/* Greatest |value| of the wide image beyond the middle, which is the image itself. */
static double outer_max(const double *slab, const ci_image_geometry *wide,
                        const ci_image_geometry *image, size_t y_first, size_t n_here)
{
    double best = 0, half_x = (double)image->n_x / 4, half_y = (double)image->n_y / 4;
    for (size_t i = 0; i < n_here; i++) {
        bool is_row_inside = fabs((double)(y_first + i) - (double)(wide->n_y / 2)) <= half_y;
        for (size_t x = 0; x < wide->n_x; x++)
            if (!is_row_inside || fabs((double)x - (double)(wide->n_x / 2)) > half_x)
                best = fmax(best, fabs(slab[i * wide->n_x + x]));
    }
    return best;
}

/* Twice the image in pixels of twice the size, or what of that is above the horizon. */
static void wide_set(ci_image_geometry *wide)
{
    wide->cell_rad *= 2;
    wide->accuracy = coarse_accuracy;
    double corner = hypot((double)wide->n_x, (double)wide->n_y) / 2 * wide->cell_rad;
    if (corner <= widest) return;
    wide->n_x = (size_t)((double)wide->n_x * widest / corner) / 2 * 2;
    wide->n_y = (size_t)((double)wide->n_y * widest / corner) / 2 * 2;
}

ci_status ci_image_psf_far(ci_comm *comm, const ci_image_samples *samples,
                           const ci_image_geometry *geometry, double sum_weight, double *out)
{
    ci_image_geometry wide = *geometry;
    ci_image_gridder *gridder = NULL;
    double *slab = NULL;
    size_t y_first, n_here;
    *out = 0;
    wide_set(&wide);
    if (wide.n_x <= geometry->n_x / 2) return CI_OK; /* no wider than the image */
    CI_TRY(ci_image_gridder_new(comm, &gridder, &wide, samples->rows, samples->n_rows));
    ci_image_gridder_slab(gridder, &y_first, &n_here);
    ci_status status = ci_par_agree(
        comm, ci_mem_alloc(&slab, n_here * wide.n_x, sizeof *slab, "PSF beyond the image"));
    if (status == CI_OK) status = ci_image_psf(comm, gridder, slab);
    if (status == CI_OK) {
        *out = outer_max(slab, &wide, geometry, y_first, n_here) / sum_weight;
        status = ci_par_max_double(comm, out, 1);
    }
    ci_mem_free(slab);
    ci_image_gridder_free(gridder);
    return status;
}
