/* Sources outside the image, as points of a direct sum. The flux of one, as it is seen through the
 * beam, is a sum of columns over time and frequency: the beam that is known and its slope, and
 * low-order polynomials for what the beam really does so far out, at its edge and in its sidelobes
 * (docs/science.md "CLEAN"). */
#include "clean/outside.h"

#include <math.h>
#include <string.h>

static const double faint_min = 2; /* in units of the rms: fainter ones are none */

/* Where a time lies among the integrations, -1 to 1. */
static double time_position(const ci_vis_samples *s, size_t t)
{
    double span = s->n_time > 1 ? s->time_mjd_s[s->n_time - 1] - s->time_mjd_s[0] : 0;
    return span > 0 ? 2 * (s->time_mjd_s[t] - s->time_mjd_s[0]) / span - 1 : 0;
}

void ci_clean_outside_columns(const ci_clean_model *b, const ci_vis_samples *s, double l, double m,
                              double *table)
{
    size_t n_node = s->n_time * CI_CLEAN_FLUX_NODES;
    double *known = table;
    double half = 0.5 * (b->axis.node_hz[CI_CLEAN_FLUX_NODES - 1] - b->axis.node_hz[0]);
    ci_clean_model_beam_profile(b, l, m, known); /* [n_frame]: 1 or n_time */
    for (size_t i = n_node; b->n_frame == 1 && i > CI_CLEAN_FLUX_NODES; i--)
        known[i - 1] = known[(i - 1) % CI_CLEAN_FLUX_NODES];
    for (size_t i = 0; i < n_node; i++) {
        double t = time_position(s, i / CI_CLEAN_FLUX_NODES);
        double x = (b->axis.node_hz[i % CI_CLEAN_FLUX_NODES] - b->axis.ref_hz) / half;
        table[CI_CLEAN_OUTSIDE_SLOPE * n_node + i] = x * known[i];
        double *free_part = table + CI_CLEAN_OUTSIDE_FREE * n_node + i;
        const double column[] = {
            1, t, (3 * t * t - 1) / 2, (5 * t * t - 3) * t / 2, x, x * t,
        };
        for (size_t k = 0; k < sizeof column / sizeof *column; k++)
            free_part[k * n_node] = column[k];
    }
}

ci_status ci_clean_outside_points(const ci_clean_model *b, const ci_vis_samples *s,
                                  const ci_clean_outside *from, size_t n, size_t i_first,
                                  ci_clean_points *points)
{
    size_t n_node = s->n_time * CI_CLEAN_FLUX_NODES;
    double *table = NULL;
    CI_TRY(ci_mem_alloc(&table, CI_CLEAN_OUTSIDE_COLUMNS * n_node, sizeof *table,
                        "sources outside the image"));
    for (size_t i = 0; i < n; i++) {
        double *flux = points->flux + (i_first + i) * n_node;
        ci_clean_points_place(points, i_first + i, from[i].l, from[i].m);
        ci_clean_outside_columns(b, s, from[i].l, from[i].m, table);
        for (size_t k = 0; k < n_node; k++) {
            flux[k] = 0;
            for (size_t c = 0; c < CI_CLEAN_OUTSIDE_COLUMNS; c++)
                flux[k] += from[i].column_jy[c] * table[c * n_node + k];
        }
    }
    ci_mem_free(table);
    return CI_OK;
}

/* Visibilities of `from` [n], times scale, into samples->computed. */
static ci_status add(const ci_clean_model *b, const ci_clean_outside *from, size_t n,
                     ci_vis_samples *s, double scale)
{
    if (n == 0) return CI_OK;
    ci_clean_points points = {0};
    ci_status status = ci_clean_points_new(&points, &b->axis, n, s->n_time);
    if (status == CI_OK) status = ci_clean_outside_points(b, s, from, n, 0, &points);
    if (status == CI_OK) status = ci_clean_points_add(&points, s, scale);
    ci_clean_points_clear(&points);
    return status;
}

ci_status ci_clean_outside_add(const ci_clean_model *b, ci_vis_samples *s, double scale)
{
    return add(b, b->outside, b->n_outside, s, scale);
}

ci_status ci_clean_outside_append(ci_clean_model *b, const ci_clean_outside *list, size_t n,
                                  ci_vis_samples *s)
{
    CI_TRY(ci_mem_resize(&b->outside, b->n_outside + n, sizeof *b->outside,
                         "sources outside the image"));
    memcpy(b->outside + b->n_outside, list, n * sizeof *list);
    b->n_outside += n;
    return add(b, list, n, s, -1);
}

bool ci_clean_outside_is_inside(const ci_clean_model *b, double l, double m)
{
    const ci_grid_layout *layout = b->layout;
    double x = (double)(layout->n_x / 2) - l / b->cell_rad;
    double y = (double)(layout->n_y / 2) + m / b->cell_rad;
    return x > -0.5 && x < (double)layout->n_x - 0.5 && y > -0.5 && y < (double)layout->n_y - 0.5;
}

ci_status ci_clean_outside_release(ci_clean_model *b, ci_vis_samples *s)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_outside; i++) {
        const ci_clean_outside *o = &b->outside[i];
        double flux =
            fabs(o->column_jy[CI_CLEAN_OUTSIDE_KNOWN] + o->column_jy[CI_CLEAN_OUTSIDE_FREE]);
        if (!ci_clean_outside_is_inside(b, o->l, o->m) && flux > faint_min * b->residual_rms)
            b->outside[n++] = *o;
        else
            CI_TRY(add(b, o, 1, s, 1));
    }
    b->n_outside = n;
    return CI_OK;
}

void ci_clean_outside_describe(const ci_clean_model *b, const ci_clean_outside *s,
                               ci_clean_slope *out)
{
    const double *column = s->column_jy, *free_part = column + CI_CLEAN_OUTSIDE_FREE;
    double half = 0.5 * (b->axis.node_hz[CI_CLEAN_FLUX_NODES - 1] - b->axis.node_hz[0]);
    double per_x = column[CI_CLEAN_OUTSIDE_SLOPE] + free_part[CI_CLEAN_OUTSIDE_FREE_SLOPE];
    *out = (ci_clean_slope){.flux_jy = column[CI_CLEAN_OUTSIDE_KNOWN] + free_part[0]};
    if (out->flux_jy != 0) out->slope = per_x / out->flux_jy * b->axis.ref_hz / half;
    ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, s->l, s->m, &out->ra_rad, &out->dec_rad);
    out->beam = ci_clean_model_beam_mean(b, s->l, s->m);
}
