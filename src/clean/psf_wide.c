/* What the PSF does beyond its own image. Sources at opposite edges are a whole image apart, the
 * PSF of the image's size is known to half of one: a grating response beyond that would be
 * cleaned as if it were a source. */
#include "clean/psf_wide.h"
#include "contimg/clean.h"

#include <math.h>

static const double widest = 0.9; /* direction cosine of a corner */
static const double coarse_accuracy = 5e-2, wide_accuracy = 1e-3;

double ci_clean_psf_beyond(const ci_grid_layout *l, const double *psf, size_t half)
{
    size_t cx = l->n_x / 2, cy = l->n_y / 2;
    double best = 0;
    for (size_t i = 0; i < l->n_here; i++)
        for (size_t x = 0; x < l->n_x; x++) {
            size_t y = l->y_first + i;
            bool inside = x + half >= cx && x <= cx + half && y + half >= cy && y <= cy + half;
            if (!inside) best = fmax(best, fabs(psf[i * l->n_x + x]));
        }
    return best;
}

/* Greatest |value| of the wide image beyond the middle, which is the image itself. */
static double outer_max(const double *slab, const ci_grid_geometry *wide,
                        const ci_grid_geometry *image, size_t y_first, size_t n_here)
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

/* `factor` times the image, or what of that is above the horizon. */
static void widen(ci_grid_geometry *wide, size_t factor)
{
    wide->n_x *= factor;
    wide->n_y *= factor;
    double corner = hypot((double)wide->n_x, (double)wide->n_y) / 2 * wide->cell_rad;
    if (corner <= widest) return;
    wide->n_x = (size_t)((double)wide->n_x * widest / corner) / 2 * 2;
    wide->n_y = (size_t)((double)wide->n_y * widest / corner) / 2 * 2;
}

/* The PSF on a grid of its own, not normalised: gridder and this rank's slab. */
typedef struct wide_psf
{
    ci_grid_operator *gridder;
    double *slab;
    size_t y_first, n_here;
} wide_psf;

static void wide_psf_clear(wide_psf *w)
{
    ci_mem_free(w->slab);
    ci_grid_operator_free(w->gridder);
    *w = (wide_psf){0};
}

static ci_status wide_psf_make(ci_comm *comm, const ci_vis_samples *samples,
                               const ci_grid_geometry *wide, wide_psf *w)
{
    CI_TRY(ci_grid_operator_new(comm, &w->gridder, wide, samples));
    ci_grid_operator_slab(w->gridder, &w->y_first, &w->n_here);
    CI_TRY(ci_par_alloc(comm, &w->slab, w->n_here * wide->n_x, sizeof *w->slab, "wide PSF"));
    return ci_grid_psf(comm, w->gridder, w->slab);
}

/* Greatest |PSF| from half an image to a whole one from its centre, as far as that is above the
 * horizon; from pixels twice as large, so a narrow peak may be missed by a quarter. */
static ci_status far_find(ci_comm *comm, const ci_vis_samples *samples,
                          const ci_grid_geometry *image, double sum_weight, double *far)
{
    ci_grid_geometry wide = *image;
    wide_psf w = {0};
    *far = 0;
    wide.cell_rad *= 2;
    wide.accuracy = coarse_accuracy;
    widen(&wide, 1);
    if (wide.n_x <= image->n_x / 2) return CI_OK; /* no wider than the image */
    ci_status status = wide_psf_make(comm, samples, &wide, &w);
    if (status == CI_OK) {
        *far = outer_max(w.slab, &wide, image, w.y_first, w.n_here) / sum_weight;
        status = ci_par_max_double(comm, far, 1);
    }
    wide_psf_clear(&w);
    return status;
}

/* Rank 0's square patch of all of it, the centre 1. */
static ci_status patch_take(ci_comm *comm, const ci_grid_geometry *wide, const wide_psf *w,
                            ci_clean_patch *patch)
{
    ci_grid_layout *layout = NULL;
    size_t n = wide->n_x < wide->n_y ? wide->n_x : wide->n_y, half = n / 2 - 1, side = 2 * half + 1;
    float *value = NULL;
    CI_TRY(ci_grid_layout_new(comm, &layout, wide->n_x, wide->n_y, w->y_first, w->n_here));
    ci_status status = ci_grid_slab_cut(
        comm, layout, w->slab,
        (ci_grid_rectangle){wide->n_x / 2 - half, wide->n_y / 2 - half, side, side}, 0, &value);
    ci_grid_layout_free(layout);
    CI_TRY(status);
    if (value) {
        float centre = value[half * side + half];
        for (size_t i = 0; i < side * side; i++)
            value[i] /= centre;
    }
    *patch = (ci_clean_patch){half, value};
    return CI_OK;
}

ci_status ci_clean_psf_wide(ci_comm *comm, const ci_vis_samples *samples,
                            const ci_grid_geometry *geometry, double sum_weight, double enough,
                            ci_clean_patch *patch, double *far)
{
    ci_grid_geometry wide = *geometry;
    wide_psf w = {0};
    *patch = (ci_clean_patch){0, NULL};
    CI_PAR_EQUAL(comm, "wide PSF: geometry or weight", (double)geometry->n_x, (double)geometry->n_y,
                 geometry->cell_rad, geometry->accuracy, sum_weight, enough);
    CI_TRY(far_find(comm, samples, geometry, sum_weight, far));
    if (*far <= enough || geometry->n_x * geometry->n_y > CLEAN_PSF_WIDE_PIXELS) return CI_OK;
    wide.accuracy = wide_accuracy;
    widen(&wide, 2);
    ci_status status = wide_psf_make(comm, samples, &wide, &w);
    if (status == CI_OK) status = patch_take(comm, &wide, &w, patch);
    wide_psf_clear(&w);
    return status;
}
