/* What CLEAN has found as a list of compact sources, to calibrate on. */
#include "clean/model.h"

#include <math.h>
#include <stdlib.h>

static const double least_beam = 0.05; /* components further out are artefacts, as a rule */

/* Brightest first; ties in the order of pixels. */
static int by_flux(const void *a, const void *b)
{
    const ci_clean_point *p = a, *q = b;
    if (p->flux != q->flux) return p->flux < q->flux ? 1 : -1;
    if (p->y != q->y) return p->y < q->y ? -1 : 1;
    return p->x < q->x ? -1 : p->x > q->x;
}

/* Pixel components of this rank. */
static ci_status pixels_here(ci_clean_model *model, ci_clean_point **out, size_t *n)
{
    const ci_grid_layout *layout = model->layout;
    const double *pixel = ci_clean_model_pixels(model);
    size_t n_all = layout->n_here * layout->n_x, n_set = 0;
    for (size_t i = 0; i < n_all; i++)
        n_set += pixel[i] != 0;
    CI_TRY(ci_mem_alloc(out, n_set, sizeof **out, "components"));
    *n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (pixel[i] != 0)
            (*out)[(*n)++] = (ci_clean_point){
                (double)(i % layout->n_x), (double)(layout->y_first + i / layout->n_x), pixel[i]};
    return CI_OK;
}

/* All components, brightest first, on every rank. */
static ci_status components_gather(ci_comm *comm, ci_clean_model *model, ci_clean_point **out,
                                   size_t *n)
{
    ci_clean_point *here = NULL, *point = NULL;
    void *whole = NULL;
    size_t n_here = 0, n_point = 0, n_byte = 0;
    ci_status status = ci_par_agree(comm, pixels_here(model, &here, &n_here));
    if (status == CI_OK)
        status = ci_par_gather(comm, here, n_here * sizeof *here, -1, &whole, &n_byte);
    ci_mem_free(here);
    if (status == CI_OK) status = ci_clean_model_points(model, &point, &n_point);
    *n = n_byte / sizeof *here;
    if (status == CI_OK) status = ci_mem_alloc(out, *n + n_point, sizeof **out, "components");
    for (size_t i = 0; status == CI_OK && i < *n; i++)
        (*out)[i] = ((const ci_clean_point *)whole)[i];
    for (size_t i = 0; status == CI_OK && i < n_point; i++)
        (*out)[(*n)++] = point[i];
    if (status == CI_OK) qsort(*out, *n, sizeof **out, by_flux);
    ci_mem_free(whole);
    ci_mem_free(point);
    return ci_par_agree(comm, status);
}

/* The components within a radius of the first, which are used up, as one at their centroid. */
static ci_clean_point source_take(ci_clean_point *part, size_t n, size_t first, double radius)
{
    ci_clean_point sum = {0, 0, 0};
    double x = part[first].x, y = part[first].y, weight = 0;
    for (size_t i = first; i < n; i++) {
        ci_clean_point *p = &part[i];
        if (p->flux == 0 || hypot(p->x - x, p->y - y) > radius) continue;
        sum.flux += p->flux;
        if (p->flux > 0) {
            sum.x += p->flux * p->x;
            sum.y += p->flux * p->y;
            weight += p->flux;
        }
        p->flux = 0;
    }
    sum.x /= weight;
    sum.y /= weight;
    return sum;
}

static ci_status source_append(const ci_clean_model *model, const ci_clean_point *point,
                               ci_sky_model *out)
{
    ci_sky_source source = {.ref_freq_hz = model->axis.ref_hz};
    double l, m;
    ci_clean_model_place(model, point->x, point->y, &l, &m);
    double beam = ci_clean_model_beam_mean(model, l, m);
    if (!(beam > least_beam)) return CI_OK;
    source.flux_jy = point->flux / beam;
    ci_sky_lm_inverse(model->field->ra_rad, model->field->dec_rad, l, m, &source.ra_rad,
                      &source.dec_rad);
    return ci_sky_model_append(out, &source);
}

ci_status ci_clean_model_sources(ci_comm *comm, ci_clean_model *model, double radius_pixel,
                                 double least_jy, size_t n_max, ci_sky_model **out, double *peak_jy)
{
    ci_clean_point *part = NULL;
    size_t n = 0;
    *out = NULL;
    *peak_jy = 0;
    ci_status status = components_gather(comm, model, &part, &n);
    if (status == CI_OK) status = ci_sky_model_new(out);
    for (size_t i = 0; status == CI_OK && i < n && (*out)->n_source < n_max; i++) {
        if (!(part[i].flux > 0)) continue;
        ci_clean_point source = source_take(part, n, i, radius_pixel);
        *peak_jy = fmax(*peak_jy, source.flux);
        if (source.flux > least_jy) status = source_append(model, &source, *out);
    }
    ci_mem_free(part);
    if (status != CI_OK) {
        ci_sky_model_free(*out);
        *out = NULL;
    }
    return ci_par_agree(comm, status);
}
