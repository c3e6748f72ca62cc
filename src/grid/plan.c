/* Sizes, kernels and planes of the w-gridder, by cost from the asked accuracy. Only maxima,
 * minima and counts over samples go in: the same at any rank count. */
#include "grid/operator.h"

#include <math.h>

/* Costs in ns on one core of the machine where this was written; their ratios matter: a
 * sample's visit to a plane, a vector of taps added, a vector of a polynomial's terms;
 * n log2 n of a transform, a pixel's screen, a value turned from grid rows to image rows. */
static const double COST_SAMPLE = 7.0, COST_TAPS = 0.48, COST_POLYNOMIAL = 0.3;
static const double COST_FFT = 0.22, COST_SCREEN = 2.2, COST_MOVE = 4.0;
/* Relative rms error by rounding, times what the correction amplifies. */
static const double ROUNDING32 = 1e-7, ROUNDING64 = 3e-16;

static ci_status samples_check(const ci_vis_samples *s)
{
    for (size_t j = 0; j < 3 * s->n_row; j++)
        if (!isfinite(s->uvw_m[j]))
            return ci_error(CI_ERR_INTERNAL, "gridding: uvw of row %zu is not finite", j / 3);
    /* What lies between two channels of a row lies between their places on the grid. */
    for (size_t i = 0; i < s->n_axis; i++) {
        const double *f = s->freq_hz + s->axis[i].first;
        for (size_t c = 1; c < s->axis[i].n_chan; c++)
            if (!(f[c] > f[c - 1]))
                return ci_error(CI_ERR_INTERNAL, "gridding: channel %zu at %.0f Hz out of order", c,
                                f[c]);
    }
    return CI_OK;
}

/* range: {max |u|, max w, -min w, max |w|} in wavelengths, w of samples turned to u >= 0. */
static void row_range(const ci_vis_samples *s, size_t i_row, double range[4], int64_t *n_sample)
{
    const double *uvw = s->uvw_m + 3 * i_row, *freq_hz = ci_vis_row_freq(s, i_row);
    const float *weight = s->weight + s->first[i_row];
    double low = INFINITY, high = 0.0;
    for (size_t c = 0; c < ci_vis_row_n_chan(s, i_row); c++) {
        if (!(weight[c] > 0.0f)) continue;
        double f = freq_hz[c] / CI_C_M_S;
        low = f < low ? f : low;
        high = f > high ? f : high;
        ++*n_sample;
    }
    if (high == 0.0) return;
    double w = uvw[0] < 0.0 ? -uvw[2] : uvw[2];
    double all[4] = {fabs(uvw[0]) * high, w > 0.0 ? w * high : w * low,
                     w > 0.0 ? -w * low : -w * high, fabs(w) * high};
    for (int i = 0; i < 4; i++)
        range[i] = all[i] > range[i] ? all[i] : range[i];
}

static ci_status range_find(ci_comm *comm, ci_grid_plan *plan, const ci_vis_samples *samples)
{
    double range[4] = {0.0, -1e300, -1e300, 0.0};
    CI_AGREE(comm, samples_check(samples));
    for (size_t i = 0; i < samples->n_row; i++)
        row_range(samples, i, range, &plan->n_sample);
    CI_TRY(ci_par_max_double(comm, range, 4));
    CI_TRY(ci_par_sum_int(comm, &plan->n_sample, 1));
    plan->max_abs_u = range[0];
    plan->max_w = range[1];
    plan->min_w = -range[2];
    /* Samples beyond half the period of u are taken back into it and may turn once more. */
    if (range[0] * plan->cell_rad > 0.499) {
        plan->max_w = range[3];
        plan->min_w = -range[3];
    }
    if (plan->n_sample == 0) plan->min_w = plan->max_w = 0.0;
    return CI_OK;
}

static void direction_range(ci_grid_plan *plan)
{
    double l = plan->cell_rad * (double)(plan->n_x / 2 + 1);
    double m = plan->cell_rad * (double)(plan->n_y / 2 + 1), r2 = l * l + m * m;
    double t = r2 < 1.0 ? -r2 / (1.0 + sqrt(1.0 - r2)) : -1.0;
    plan->t_mid = 0.5 * t;
    plan->t_half = -0.5 * t;
}

/* Squares of kernel errors (u, v and w) and of rounding added; too much to be asked for
 * where rounding alone would spoil <Gx, y> = <x, G*y>. */
static double error_of(const ci_grid_plan *plan, const ci_grid_kernel_entry *uv,
                       const ci_grid_kernel_entry *w)
{
    double error_w = w ? w->error : 0.0;
    double grown = uv->amplification * uv->amplification * (w ? w->amplification : 1.0);
    double rounding = (plan->is_double ? ROUNDING64 : ROUNDING32) * grown;
    if (grown > 3000.0) return INFINITY;
    return sqrt(2.0 * uv->error * uv->error + error_w * error_w + rounding * rounding);
}

static int planes_of(const ci_grid_plan *plan, const ci_grid_kernel_entry *w)
{
    double step = 0.5 / (w->sigma * plan->t_half);
    return (int)floor((plan->max_w - plan->min_w) / step) + w->support + 1;
}

static double cost_of(const ci_grid_plan *plan, const ci_grid_kernel_entry *uv,
                      const ci_grid_kernel_entry *w)
{
    double n_u = (double)ci_fft_good_size((size_t)(uv->sigma * (double)plan->n_x + 0.999));
    double n_v = (double)ci_fft_good_size((size_t)(uv->sigma * (double)plan->n_y + 0.999));
    double n_row = fmin(plan->max_abs_u * plan->cell_rad, 0.5) * n_u + uv->support;
    double n_plane = w ? planes_of(plan, w) : 1, visits = w ? w->support : 1;
    int lanes = plan->is_double ? 2 : 4, n_tap = (uv->support + lanes - 1) / lanes;
    int n_pair = (2 * uv->support + lanes - 1) / lanes;
    double scale = plan->is_double ? 2.0 : 1.0;
    double sample =
        COST_SAMPLE + COST_TAPS * uv->support * n_pair + COST_POLYNOMIAL * 2.0 * n_tap * uv->degree;
    double n_y = (double)plan->n_y, n_x = (double)plan->n_x;
    double plane = scale * (COST_FFT * (n_row * n_v * log2(n_v) + n_y * n_u * log2(n_u)) +
                            COST_MOVE * n_row * n_y + COST_SCREEN * n_x * n_y);
    return (double)plan->n_sample * visits * sample + n_plane * plane;
}

typedef struct choice
{
    const ci_grid_kernel_entry *uv, *w;
    double cost;
} choice;

/* Cheapest pair of kernels that stays below the asked accuracy with a quarter to spare (a
 * rms over the image says no more of one set of samples). */
static choice choose(const ci_grid_plan *plan, double accuracy)
{
    choice best = {NULL, NULL, INFINITY};
    size_t n = ci_grid_kernel_table_length;
    for (size_t i = 0; i < n; i++) {
        const ci_grid_kernel_entry *uv = &ci_grid_kernel_table[i];
        if (uv->sigma > 3.0 || error_of(plan, uv, NULL) > 0.75 * accuracy) continue;
        for (size_t j = 0; j < (plan->is_flat ? 1 : n); j++) {
            const ci_grid_kernel_entry *w = plan->is_flat ? NULL : &ci_grid_kernel_table[j];
            if (error_of(plan, uv, w) > 0.75 * accuracy) continue;
            double cost = cost_of(plan, uv, w);
            if (cost < best.cost) best = (choice){uv, w, cost};
        }
    }
    return best;
}

static void plan_planes(ci_grid_plan *plan, const ci_grid_kernel_entry *w)
{
    double mid = 0.5 * (plan->max_w + plan->min_w);
    if (!w) {
        plan->n_plane = plan->n_bucket = 1;
        plan->w_first = mid;
        plan->w_step = 1.0;
        plan->has_screen = fabs(mid) * 2.0 * plan->t_half > 0.0;
        return;
    }
    plan->n_plane = planes_of(plan, w);
    plan->n_bucket = plan->n_plane - w->support + 1;
    plan->w_step = 0.5 / (w->sigma * plan->t_half);
    /* The lowest sample's first plane is plane 0. */
    plan->w_first = plan->min_w - plan->w_step * (0.5 * w->support - 0.5);
    plan->has_screen = true;
    plan->sigma_w = w->sigma;
    ci_grid_kernel_make(&plan->kernel_w, w->support, w->degree, w->beta);
    ci_grid_kernel_series_make(&plan->correction_w, &plan->kernel_w, plan->w_step * plan->t_half);
}

static void plan_grid(ci_grid_plan *plan, const ci_grid_kernel_entry *uv)
{
    plan->sigma_uv = uv->sigma;
    plan->n_u = ci_fft_good_size((size_t)(uv->sigma * (double)plan->n_x + 0.999));
    plan->n_v = ci_fft_good_size((size_t)(uv->sigma * (double)plan->n_y + 0.999));
    ci_grid_kernel_make(&plan->kernel_uv, uv->support, uv->degree, uv->beta);
    plan->row_first = 1 - (uv->support + 1) / 2;
    /* One strip more than samples can start in: the last one's reach. */
    plan->n_strip = (plan->n_u / 2 + (size_t)uv->support + 1) / CI_GRID_STRIP_ROWS + 2;
}

ci_status ci_grid_plan_make(ci_comm *comm, ci_grid_plan *plan, const ci_grid_geometry *geometry,
                            const ci_vis_samples *samples)
{
    *plan = (ci_grid_plan){.n_x = geometry->n_x,
                           .n_y = geometry->n_y,
                           .cell_rad = geometry->cell_rad,
                           .is_double = ci_grid_is_double(geometry->accuracy)};
    ci_status status = CI_OK;
    if (geometry->n_x < 2 || geometry->n_y < 2 || geometry->n_x > 200000 ||
        geometry->n_y > 200000 || !(geometry->cell_rad > 0.0))
        status = ci_error(CI_ERR_USAGE, "image of %zu x %zu pixels of %g rad: cannot be gridded",
                          geometry->n_x, geometry->n_y, geometry->cell_rad);
    else if (!(geometry->accuracy >= 1e-12 && geometry->accuracy <= 0.1))
        status = ci_error(CI_ERR_USAGE, "accuracy %g: give 1e-12 to 1e-3", geometry->accuracy);
    CI_AGREE(comm, status);
    CI_TRY(range_find(comm, plan, samples));
    direction_range(plan);
    /* Where w turns the phase by less than a tenth of the accuracy one plane will do. */
    double turn = CI_TWO_PI * 0.5 * (plan->max_w - plan->min_w) * plan->t_half;
    plan->is_flat = turn < 0.1 * geometry->accuracy;
    choice best = choose(plan, geometry->accuracy);
    if (!best.uv)
        return ci_error(CI_ERR_USAGE, "accuracy %g: no kernel reaches it", geometry->accuracy);
    plan->error = error_of(plan, best.uv, best.w);
    plan_grid(plan, best.uv);
    plan_planes(plan, best.w);
    return CI_OK;
}
