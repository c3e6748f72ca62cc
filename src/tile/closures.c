/* The picture of a tile's closure phases, after calibration. */
#include "contimg/draw.h"
#include "contimg/num.h"
#include "tile/fill.h"

#include <math.h>
#include <stdlib.h>

/* No order at all: of a circle 68 % lie within +- 0.68 x 180 degrees. */
#define UNIFORM_DEG (0.6827 * 180)
#define LEAST_DEG 1.0

/* Degrees, of each place along an axis. */
typedef struct spreads
{
    size_t n;
    double *middle, *low, *high, *expected; /* [n], one allocation: middle */
} spreads;

static ci_status spreads_new(spreads *s, size_t n)
{
    s->n = n;
    CI_TRY(ci_mem_alloc(&s->middle, 4 * n, sizeof *s->middle, "closure phases"));
    s->low = s->middle + n;
    s->high = s->low + n;
    s->expected = s->high + n;
    return CI_OK;
}

static double wrapped_deg(double rad)
{
    return remainder(rad, CI_TWO_PI) * CI_RAD_TO_DEG;
}

/* The value below which a share of n ascending ones lies. */
static double quantile(const double *sorted, size_t n, double share)
{
    double at = share * (double)(n - 1);
    size_t i = (size_t)at < n - 1 ? (size_t)at : n - 1, next = i + 1 < n ? i + 1 : i;
    return sorted[i] + (at - (double)i) * (sorted[next] - sorted[i]);
}

/* Of n phases and their noise, `apart` from each other: about their mean direction, so that those
 * at 180 degrees are not torn. NaN where there is none. scratch [n]. */
static void place_set(spreads *s, size_t i, const double *phase, const double *sigma, size_t n,
                      size_t apart, double *scratch)
{
    double x = 0, y = 0;
    size_t n_good = 0, n_sigma = 0;
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(phase[k * apart])) continue;
        x += cos(phase[k * apart]);
        y += sin(phase[k * apart]);
    }
    double mean = atan2(y, x);
    for (size_t k = 0; k < n; k++)
        if (isfinite(phase[k * apart])) scratch[n_good++] = wrapped_deg(phase[k * apart] - mean);
    s->middle[i] = s->low[i] = s->high[i] = s->expected[i] = NAN;
    if (n_good == 0) return;
    qsort(scratch, n_good, sizeof *scratch, ci_num_compare_doubles);
    double middle = quantile(scratch, n_good, 0.5);
    s->middle[i] = wrapped_deg(mean + middle * CI_DEG_TO_RAD);
    s->low[i] = s->middle[i] + quantile(scratch, n_good, 0.5 - 0.34135) - middle;
    s->high[i] = s->middle[i] + quantile(scratch, n_good, 0.5 + 0.34135) - middle;
    for (size_t k = 0; k < n; k++)
        if (!isnan(sigma[k * apart]))
            scratch[n_sigma++] = fmin(sigma[k * apart] * CI_RAD_TO_DEG, UNIFORM_DEG);
    s->expected[i] = ci_num_median(scratch, n_sigma);
}

/* Half of the axis: what holds nearly all bars and what noise gives. */
static double most_of(const spreads *s)
{
    double most = LEAST_DEG;
    for (size_t i = 0; i < s->n; i++) {
        most = fmax(most, fmax(fabs(s->low[i]), fabs(s->high[i])));
        most = fmax(most, fabs(s->middle[i]) + s->expected[i]);
    }
    return fmin(1.05 * most, 180);
}

static ci_draw_spread drawn_of(const spreads *s)
{
    return (ci_draw_spread){.y_label = "deg",
                            .n = s->n,
                            .middle = s->middle,
                            .low = s->low,
                            .high = s->high,
                            .expected = s->expected,
                            .most = most_of(s)};
}

static ci_status both_draw(const ci_cal_closures *c, const char *antenna, const spreads *by_time,
                           const spreads *by_triangle, const char *path)
{
    char title[160];
    snprintf(title, sizeof title, "closure phases of %zu triangles with antenna %s, by time",
             c->n_triangle, antenna);
    ci_draw_spread drawn[] = {drawn_of(by_time), drawn_of(by_triangle)};
    drawn[0].title = title;
    drawn[0].x_label = "minutes";
    drawn[0].x_last = (c->time_mjd_s[c->n_time - 1] - c->time_mjd_s[0]) / 60;
    drawn[1].title = "by triangle, over time";
    drawn[1].x_label = "triangle, in the order of its second antenna";
    drawn[1].x_last = (double)c->n_triangle - 1;
    return ci_draw_spreads(path, drawn, sizeof drawn / sizeof *drawn);
}

static ci_status closures_draw(const ci_cal_closures *c, const char *antenna, const char *path)
{
    spreads by_time = {0}, by_triangle = {0};
    double *scratch = NULL;
    size_t most = c->n_time > c->n_triangle ? c->n_time : c->n_triangle;
    ci_status status = ci_mem_alloc(&scratch, most, sizeof *scratch, "closure phases");
    if (status == CI_OK) status = spreads_new(&by_time, c->n_time);
    if (status == CI_OK) status = spreads_new(&by_triangle, c->n_triangle);
    for (size_t k = 0; status == CI_OK && k < c->n_time; k++)
        place_set(&by_time, k, c->phase_rad + k, c->sigma_rad + k, c->n_triangle, c->n_time,
                  scratch);
    for (size_t i = 0; status == CI_OK && i < c->n_triangle; i++)
        place_set(&by_triangle, i, c->phase_rad + i * c->n_time, c->sigma_rad + i * c->n_time,
                  c->n_time, 1, scratch);
    if (status == CI_OK) status = both_draw(c, antenna, &by_time, &by_triangle, path);
    ci_mem_free(scratch);
    ci_mem_free(by_time.middle);
    ci_mem_free(by_triangle.middle);
    return status;
}

ci_status ci_tile_closures_draw(ci_comm *team, const ci_tile_data *data, const ci_cal_table *gain,
                                const char *folder)
{
    const ci_vis_meta *meta = data->set->meta;
    ci_cal_closures closures;
    char *path = NULL;
    int32_t i_ref =
        gain && gain->i_ref_antenna >= 0
            ? ci_vis_antenna_match(&meta->array, &gain->array, (size_t)gain->i_ref_antenna)
            : -1;
    CI_TRY(ci_cal_closures_find(team, data->set, i_ref, data->flags->antenna_fraction,
                                data->weights_known, &closures));
    if (closures.n_triangle == 0) return CI_OK;
    ci_status status = ci_path_join(&path, folder, "closures.png");
    if (status == CI_OK)
        status =
            closures_draw(&closures, ci_vis_text(meta->array.antenna[closures.i_ref].name), path);
    if (status != CI_OK) ci_log_warning("no picture of closure phases: %s", ci_error_text());
    ci_mem_free(path);
    ci_cal_closures_clear(&closures);
    return CI_OK;
}
