/* Sidelobes that the PSF's own image does not show. Sources at opposite edges are a whole
 * image apart, the PSF is known to half of one: a grating response beyond that is cleaned as
 * if it were a source, unless the minor cycle stops above it. */
#include "image/product.h"

#include <math.h>

static const double widest = 0.9; /* direction cosine of a corner */
static const double coarse_accuracy = 1e-2;

/* Greatest |value| outside the middle half, which is the image itself. */
static double outer_max(const double *slab, const ci_image_geometry *g, size_t y_first,
                        size_t n_here)
{
    double best = 0;
    size_t x_in = g->n_x / 4, x_out = g->n_x - x_in, y_in = g->n_y / 4, y_out = g->n_y - y_in;
    for (size_t i = 0; i < n_here; i++) {
        size_t y = y_first + i;
        bool is_row_inside = y >= y_in && y <= y_out;
        for (size_t x = 0; x < g->n_x; x++)
            if (!is_row_inside || x < x_in || x > x_out)
                best = fmax(best, fabs(slab[i * g->n_x + x]));
    }
    return best;
}

ci_status ci_image_psf_far(ci_comm *comm, const ci_image_samples *samples,
                           const ci_image_geometry *geometry, double sum_weight, double *out)
{
    ci_image_geometry wide = *geometry;
    ci_image_gridder *gridder = NULL;
    double *slab = NULL;
    size_t y_first, n_here;
    *out = 0;
    wide.cell_rad *= 2;
    wide.accuracy = coarse_accuracy;
    if (hypot((double)wide.n_x, (double)wide.n_y) / 2 * wide.cell_rad > widest) return CI_OK;
    CI_TRY(ci_image_gridder_new(comm, &gridder, &wide, samples->rows, samples->n_rows));
    ci_image_gridder_slab(gridder, &y_first, &n_here);
    ci_status status = ci_par_agree(
        comm, ci_mem_alloc(&slab, n_here * wide.n_x, sizeof *slab, "PSF beyond the image"));
    if (status == CI_OK) status = ci_image_psf(comm, gridder, slab);
    if (status == CI_OK) {
        *out = outer_max(slab, &wide, y_first, n_here) / sum_weight;
        status = ci_par_max_double(comm, out, 1);
    }
    ci_mem_free(slab);
    ci_image_gridder_free(gridder);
    return status;
}
