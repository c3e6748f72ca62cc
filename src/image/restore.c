/* Restored image: every model pixel as a Gaussian beam, added to the residual. */
#include "image/restore.h"
#include "contimg/fft.h"

#include <math.h>
#include <string.h>

/* exp(-(xx dx^2 + 2 xy dx dy + yy dy^2)), cut where it has fallen to 2e-8. */
typedef struct shape
{
    double xx, xy, yy, cut, reach_y;
} shape;

static shape shape_from(ci_num_beam beam)
{
    double along = 4 * log(2) / (beam.major * beam.major);
    double across = 4 * log(2) / (beam.minor * beam.minor);
    /* The major axis points to (-sin pa, cos pa): pa counts from +y towards -x. */
    double s = sin(beam.pa_rad), c = cos(beam.pa_rad);
    shape f = {.xx = along * s * s + across * c * c,
               .xy = (across - along) * s * c,
               .yy = along * c * c + across * s * s,
               .cut = 17.7};
    f.reach_y = sqrt(f.cut * f.xx / (f.xx * f.yy - f.xy * f.xy));
    return f;
}

static void point_add_row(const shape *f, const ci_clean_point *c, double dy, size_t n_x,
                          double *row)
{
    /* xx dx^2 + 2 xy dy dx + yy dy^2 <= cut */
    double mid = -f->xy * dy / f->xx;
    double square = mid * mid - (f->yy * dy * dy - f->cut) / f->xx;
    if (square < 0) return;
    double reach = sqrt(square), first = ceil(c->x + mid - reach);
    double last = floor(c->x + mid + reach);
    if (first < 0) first = 0;
    if (last > (double)n_x - 1) last = (double)n_x - 1;
    for (double x = first; x <= last; x++) {
        double dx = x - c->x;
        row[(size_t)x] += c->flux * exp(-(f->xx * dx * dx + 2 * f->xy * dx * dy + f->yy * dy * dy));
    }
}

static void points_add(const shape *f, const ci_grid_layout *l, const ci_clean_point *points,
                       size_t n, double *restored)
{
    for (size_t k = 0; k < n; k++) {
        double from = fmax(ceil(points[k].y - f->reach_y), (double)l->y_first);
        double to = fmin(floor(points[k].y + f->reach_y), (double)(l->y_first + l->n_here) - 1);
        for (double y = from; y <= to; y++)
            point_add_row(f, &points[k], y - points[k].y, l->n_x,
                          restored + ((size_t)y - l->y_first) * l->n_x);
    }
}

static void pixels_add(const shape *f, const ci_grid_layout *l, const ci_grid_pixel *pixels,
                       size_t n, double *restored)
{
    for (size_t k = 0; k < n; k++) {
        size_t at = (size_t)pixels[k].index;
        ci_clean_point point = {(double)(at % l->n_x), (double)(at / l->n_x), pixels[k].value};
        points_add(f, l, &point, 1, restored);
    }
}

/* ---- extended components --------------------------------------------------------------------- */

/* The transform of exp(-(xx dx^2 + 2 xy dx dy + yy dy^2)). */
static double shape_transfer(void *context, double u, double v)
{
    const shape *f = context;
    double square = f->xx * f->yy - f->xy * f->xy;
    double form = (f->yy * u * u - 2 * f->xy * u * v + f->xx * v * v) / square;
    return CI_PI / sqrt(square) * exp(-CI_PI * CI_PI * form);
}

static ci_status extended_add(ci_comm *comm, const ci_grid_layout *l, shape f,
                              const double *extended, double *restored)
{
    size_t n = l->n_here * l->n_x;
    float *slab = NULL;
    CI_AGREE(comm, ci_mem_alloc(&slab, n, sizeof *slab, "extended components"));
    for (size_t i = 0; i < n; i++)
        slab[i] = (float)extended[i];
    ci_status status = ci_fft_convolve(
        comm, &(ci_fft_slab){l->n_y, l->n_x, l->y_first, l->n_here, slab}, shape_transfer, &f);
    for (size_t i = 0; status == CI_OK && i < n; i++)
        restored[i] += slab[i];
    ci_mem_free(slab);
    return status;
}

ci_status ci_image_restore(ci_comm *comm, const ci_grid_layout *l, ci_image_sky sky,
                           const double *residual, ci_num_beam beam, double *restored)
{
    ci_grid_pixel *component = NULL;
    size_t n = 0;
    CI_TRY(ci_grid_slab_nonzero(comm, l, sky.model, &component, &n));
    shape f = shape_from(beam);
    if (restored != residual) memcpy(restored, residual, l->n_here * l->n_x * sizeof *restored);
    pixels_add(&f, l, component, n, restored);
    points_add(&f, l, sky.points, sky.n_point, restored);
    ci_mem_free(component);
    return sky.extended ? extended_add(comm, l, f, sky.extended, restored) : CI_OK;
}
