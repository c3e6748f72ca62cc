/* The model as a list of point sources, for those who predict it elsewhere. */
#include "clean/outside.h"
#include "clean/sources.h"

#include <math.h>
#include <stdlib.h>

enum
{
    MOST_PATCHES = 1000
};
static const double least_beam = 1e-3; /* below it nothing is known of a flux without the beam */

/* Components, brightest first, and which of them are in a source already. */
typedef struct component_list
{
    ci_clean_component *item; /* [n] */
    bool *is_taken;
    size_t n, n_x;
} component_list;

static int brighter_first(const void *a, const void *b)
{
    const ci_clean_component *p = a, *q = b;
    double x = fabs(p->flux), y = fabs(q->flux);
    if (x != y) return x < y ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* flux_jy: as it shows. */
static ci_status source_append(const ci_clean_model *b, double l, double m, double flux_jy,
                               double slope, ci_sky_model *out)
{
    double beam = ci_clean_model_beam_mean(b, l, m);
    if (!(beam >= least_beam) || flux_jy == 0) return CI_OK;
    ci_sky_source source = {
        .flux_jy = flux_jy / beam, .ref_freq_hz = b->axis.ref_hz, .spectral_index = slope};
    ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, l, m, &source.ra_rad, &source.dec_rad);
    return ci_sky_model_append(out, &source);
}

/* Components about a bright one: what CLEAN takes for a source between pixels has both signs. */
typedef struct patch
{
    size_t *member; /* [n] */
    size_t n;
    double flux_jy, x, y; /* of all together, at their centre */
    double spread; /* |second moment| about it along the axis where it is greatest, Jy pixels^2 */
} patch;

static void place_of(const component_list *list, size_t i, double *x, double *y)
{
    *x = (double)((size_t)list->item[i].index % list->n_x);
    *y = (double)((size_t)list->item[i].index / list->n_x);
}

/* Moments about (x0, y0): 1, x, y, xx, xy, yy. */
static void patch_set(patch *p, double x0, double y0, const double sum[6])
{
    double x = sum[1] / sum[0], y = sum[2] / sum[0];
    double xx = sum[3] - sum[0] * x * x, xy = sum[4] - sum[0] * x * y;
    double yy = sum[5] - sum[0] * y * y;
    p->flux_jy = sum[0];
    p->x = x0 + x;
    p->y = y0 + y;
    p->spread = 0.5 * (fabs(xx + yy) + hypot(xx - yy, 2 * xy));
}

/* Of those that are in none yet, about component `first`. */
static void patch_find(component_list *list, size_t first, double radius, patch *out)
{
    double x0, y0, x, y, sum[6] = {0};
    place_of(list, first, &x0, &y0);
    out->n = 0;
    for (size_t i = first; i < list->n; i++) {
        double flux = list->item[i].flux;
        place_of(list, i, &x, &y);
        x -= x0;
        y -= y0;
        if (list->is_taken[i] || x * x + y * y > radius * radius) continue;
        list->is_taken[i] = true;
        out->member[out->n++] = i;
        const double moment[6] = {1, x, y, x * x, x * y, y * y};
        for (int k = 0; k < 6; k++)
            sum[k] += flux * moment[k];
    }
    patch_set(out, x0, y0, sum);
}

/* As one source, or, where that would show on the longest baselines, as it is. */
static ci_status patch_append(const ci_clean_model *b, const component_list *list, const patch *p,
                              double most_spread, ci_sky_model *out)
{
    double x = p->x, y = p->y, l, m;
    bool is_one = p->spread <= most_spread;
    for (size_t k = 0; k < (is_one ? 1 : p->n); k++) {
        if (!is_one) place_of(list, p->member[k], &x, &y);
        ci_clean_model_place(b, x, y, &l, &m);
        CI_TRY(source_append(b, l, m, is_one ? p->flux_jy : list->item[p->member[k]].flux, 0, out));
    }
    return CI_OK;
}

static ci_status points_append(const ci_clean_model *b, double least_jy, ci_sky_model *out)
{
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        if (s->is_point && s->point_jy > least_jy)
            CI_TRY(source_append(b, s->l, s->m, s->point_jy, s->slope, out));
    }
    return CI_OK;
}

/* At their mean fluxes: what the beam really does so far out stays with the image's model. */
static ci_status outside_append(const ci_clean_model *b, double least_jy, ci_sky_model *out)
{
    for (size_t i = 0; i < b->n_outside; i++) {
        const ci_clean_outside *s = &b->outside[i];
        ci_clean_slope seen;
        ci_clean_outside_describe(b, s, &seen);
        double slope = fmax(-CI_CLEAN_SLOPE_MAX, fmin(CI_CLEAN_SLOPE_MAX, seen.slope));
        if (fabs(seen.flux_jy) > least_jy)
            CI_TRY(source_append(b, s->l, s->m, seen.flux_jy, slope, out));
    }
    return CI_OK;
}

static ci_status pixels_append(const ci_clean_model *b, component_list *list, double beam,
                               double least_jy, ci_sky_model *out)
{
    patch p = {0};
    qsort(list->item, list->n, sizeof *list->item, brighter_first);
    CI_TRY(ci_mem_alloc(&list->is_taken, list->n, sizeof *list->is_taken, "model"));
    ci_status status = ci_mem_alloc(&p.member, list->n, sizeof *p.member, "model");
    size_t n_patch = 0;
    for (size_t i = 0; status == CI_OK && i < list->n && n_patch < MOST_PATCHES; i++) {
        if (list->is_taken[i]) continue;
        patch_find(list, i, beam, &p);
        if (!(p.flux_jy > least_jy)) continue;
        /* a baseline of 1 / beam loses 2 pi^2 spread / beam^2 */
        status = patch_append(b, list, &p, 0.5 * least_jy * beam * beam / (CI_PI * CI_PI), out);
        n_patch++;
    }
    ci_mem_free(p.member);
    return status;
}

ci_status ci_clean_model_catalogue(ci_comm *comm, const ci_clean_model *b, double beam,
                                   double least_jy, ci_sky_model **out)
{
    component_list list = {.n_x = b->layout->n_x};
    *out = NULL;
    CI_PAR_EQUAL(comm, "a model's sources: beam or flux", beam, least_jy);
    ci_status status = ci_clean_components_gather(comm, b, NULL, &list.item, &list.n);
    if (status == CI_OK) status = ci_sky_model_new(out);
    if (status == CI_OK) status = points_append(b, least_jy, *out);
    if (status == CI_OK) status = outside_append(b, least_jy, *out);
    if (status == CI_OK) status = pixels_append(b, &list, beam, least_jy, *out);
    status = ci_par_agree(comm, status);
    ci_mem_free(list.item);
    ci_mem_free(list.is_taken);
    if (status == CI_OK) return CI_OK;
    ci_sky_model_free(*out);
    *out = NULL;
    return status;
}
