/* Sizes, kernels and planes or terms of the w-gridder, by cost from the asked accuracy. Only
 * maxima, minima and counts over samples go in: the same at any rank count. */
#include "grid/slant.h"

#include <math.h>
#include <string.h>

/* Grid rows of a strip, where the kernel reaches no further: the fewer, the evener the shares of
 * many ranks. */
enum
{
    LOW_STRIP = 8
};

/* Costs in ns on one core of the machine where this was written; their ratios matter: a
 * sample's visit to a plane, a vector of taps added, a vector of a polynomial's terms; a pixel's
 * screen, a value moved from grid rows to image rows, a pixel's tap of a slanted image. */
static const double COST_SAMPLE = 12.0, COST_TAPS = 0.48, COST_POLYNOMIAL = 0.5;
static const double COST_SCREEN = 2.2, COST_SCREEN_TERM = 0.15, COST_MOVE = 2.0, COST_SLANT = 0.5;
/* Relative rms error by rounding, times what the correction amplifies. */
static const double ROUNDING32 = 1e-7, ROUNDING64 = 3e-16;
/* Beyond this phase, 2 pi |w| t_half, no 8 pairs of terms reach 1e-2. */
static const double MAX_PHASE = 18.0;

static ci_status samples_check(const ci_vis_samples *s)
{
    for (size_t j = 0; j < 3 * s->n_row; j++)
        if (!isfinite(s->uvw_m[j]))
            return ci_error(CI_ERR_INTERNAL, "gridding: uvw of row %zu is not finite", j / 3);
    /* What lies between two channels of a row lies between their positions on the grid. */
    for (size_t i = 0; i < s->n_axis; i++) {
        const double *f = s->freq_hz + s->axis[i].first;
        for (size_t c = 1; c < s->axis[i].n_chan; c++)
            if (!(f[c] > f[c - 1]))
                return ci_error(CI_ERR_INTERNAL, "gridding: channel %zu at %.0f Hz out of order", c,
                                f[c]);
    }
    return CI_OK;
}

/* range: {max |u|, max w, -min w, max |w|, -min |w|, max |v|} in wavelengths, w of samples
 * conjugated to u >= 0. */
static void row_range(const ci_vis_samples *s, size_t i_row, double range[6], int64_t *n_sample)
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
    double all[6] = {fabs(uvw[0]) * high,
                     w > 0.0 ? w * high : w * low,
                     w > 0.0 ? -w * low : -w * high,
                     fabs(w) * high,
                     -fabs(w) * low,
                     fabs(uvw[1]) * high};
    for (int i = 0; i < 6; i++)
        range[i] = all[i] > range[i] ? all[i] : range[i];
}

static ci_status range_find(ci_comm *comm, ci_grid_plan *plan, const ci_vis_samples *samples)
{
    double range[6] = {0.0, -1e300, -1e300, 0.0, -1e300, 0.0};
    CI_AGREE(comm, samples_check(samples));
    for (size_t i = 0; i < samples->n_row; i++)
        row_range(samples, i, range, &plan->n_sample);
    CI_TRY(ci_par_max_double(comm, range, 6));
    CI_TRY(ci_par_sum_int(comm, &plan->n_sample, 1));
    if (plan->n_sample == 0) return CI_OK;
    plan->max_abs_u = range[0];
    plan->max_w = range[1];
    plan->min_w = -range[2];
    plan->max_abs_w = range[3];
    plan->min_abs_w = -range[4];
    plan->max_abs_v = range[5];
    /* Samples beyond half the period of u are taken back into it and may be conjugated once more.
     */
    if (range[0] * plan->cell_rad > 0.499) {
        plan->max_w = range[3];
        plan->min_w = -range[3];
    }
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
static double error_of(const ci_grid_plan *plan, const ci_grid_kernel_entry *uv, double error_w,
                       double amplification_w)
{
    double grown = uv->amplification * uv->amplification * amplification_w;
    double rounding = (plan->is_double ? ROUNDING64 : ROUNDING32) * grown;
    if (grown > 3000.0) return INFINITY;
    return sqrt(2.0 * uv->error * uv->error + error_w * error_w + rounding * rounding);
}

static int planes_of(const ci_grid_plan *plan, const ci_grid_kernel_entry *w)
{
    double step = 0.5 / (w->sigma * plan->t_half);
    return (int)floor((plan->max_abs_w - plan->min_abs_w) / step) + w->support + 1;
}

/* How w is done: a kernel, a number of pairs of terms, or neither. */
typedef struct w_choice
{
    const ci_grid_kernel_entry *kernel;
    int n_pair;
} w_choice;

typedef struct choice
{
    ci_grid_kernel_entry uv;
    size_t n_u, n_v;
    w_choice w;
    double cost, error;
} choice;

static double cost_of(const ci_grid_plan *plan, const choice *c)
{
    const ci_grid_kernel_entry *uv = &c->uv;
    double n_u = (double)c->n_u, depth = c->w.n_pair ? 2.0 : 1.0;
    double n_row = fmin(plan->max_abs_u * plan->cell_rad, 0.5) * n_u + uv->support;
    if (c->w.kernel) n_row *= 2.0;
    double n_plane = c->w.kernel ? planes_of(plan, c->w.kernel) : c->w.n_pair ? c->w.n_pair : 1;
    double visits = c->w.kernel ? c->w.kernel->support : n_plane;
    int lanes = plan->is_double ? 4 : 8, n_tap = (uv->support + lanes - 1) / lanes;
    int n_vector = (2 * (int)depth * uv->support + lanes - 1) / lanes;
    double scale = plan->is_double ? 2.0 : 1.0;
    double sample = COST_SAMPLE + COST_TAPS * uv->support * n_vector +
                    COST_POLYNOMIAL * 2.0 * n_tap * uv->degree;
    double n_y = (double)plan->n_y, n_x = (double)plan->n_x;
    double screen = c->w.n_pair ? COST_SCREEN_TERM * (4.0 + 4.0 * c->w.n_pair) : COST_SCREEN;
    double slant = plan->slant.is_on ? COST_SLANT * plan->slant.kernel.support : 0.0;
    double plane = n_row * depth * ci_fft_row_ns(c->n_v) + n_y * ci_fft_row_ns(c->n_u) +
                   COST_MOVE * n_row * depth * n_y + screen * n_x * n_y;
    return (double)plan->n_sample * visits * sample + scale * (n_plane * plane + slant * n_x * n_y);
}

/* The better of two that are accurate enough, with a quarter to spare (a rms over the image says
 * no more of one set of samples). */
static void consider(const ci_grid_plan *plan, choice c, double error_w, double amplification_w,
                     double accuracy, choice *best)
{
    c.error = error_of(plan, &c.uv, error_w, amplification_w);
    if (c.error > 0.75 * accuracy) return;
    c.cost = cost_of(plan, &c);
    if (c.cost < best->cost) *best = c;
}

static choice choose(const ci_grid_plan *plan, const ci_grid_terms *terms, double accuracy)
{
    choice best = {.cost = INFINITY};
    size_t n = ci_grid_kernel_table_length;
    for (size_t i = 0; i < n; i++) {
        double sigma = ci_grid_kernel_table[i].sigma;
        choice c = {.n_u = ci_fft_fast_size((size_t)(sigma * (double)plan->n_x + 0.999)),
                    .n_v = ci_fft_fast_size((size_t)(sigma * (double)plan->n_y + 0.999))};
        if (sigma > 3.0) continue;
        double sigma_u = (double)c.n_u / (double)plan->n_x;
        double sigma_v = (double)c.n_v / (double)plan->n_y;
        c.uv = ci_grid_kernel_entry_at(i, sigma_u < sigma_v ? sigma_u : sigma_v);
        if (plan->is_flat) {
            consider(plan, c, 0.0, 1.0, accuracy, &best);
            continue;
        }
        double also = plan->slant.is_on ? plan->slant.error : 0.0;
        double grown = plan->slant.is_on ? plan->slant.amplification : 1.0;
        for (c.w.n_pair = 1; terms && c.w.n_pair <= CI_GRID_TERMS_MAX_PAIRS; c.w.n_pair++)
            consider(plan, c, hypot(terms->error[c.w.n_pair], also), grown, accuracy, &best);
        c.w.n_pair = 0;
        if (plan->slant.is_on) continue; /* terms alone are made for it */
        if (error_of(plan, &c.uv, 0.0, 1.0) > 0.75 * accuracy) continue;
        for (size_t j = 0; j < n; j++) {
            c.w.kernel = &ci_grid_kernel_table[j];
            consider(plan, c, c.w.kernel->error, c.w.kernel->amplification, accuracy, &best);
        }
    }
    return best;
}

static void plan_terms(ci_grid_plan *plan, const ci_grid_terms *terms, int n_pair, double accuracy)
{
    plan->has_terms = true;
    plan->depth = 2;
    plan->n_plane = plan->n_batch = n_pair;
    plan->n_bucket = (int)(plan->n_v + 2 * CI_GRID_POSITION_BASE) / CI_GRID_BLOCK_COLUMNS + 1;
    plan->w_first = 0.0;
    plan->w_step = plan->max_abs_w;
    plan->has_screen = true;
    for (int p = 0; p < n_pair; p++)
        ci_grid_terms_pair(terms, p, 0.01 * accuracy, plan->sample_series[p],
                           plan->pixel_series[p]);
}

static void plan_planes(ci_grid_plan *plan, const ci_grid_kernel_entry *w)
{
    double mid = 0.5 * (plan->max_w + plan->min_w);
    plan->depth = 1;
    plan->n_batch = 1;
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
    plan->w_first = plan->min_abs_w - plan->w_step * (0.5 * w->support - 0.5);
    plan->has_screen = true;
    plan->sigma_w = w->sigma;
    ci_grid_kernel_make(&plan->kernel_w, w->support, w->degree, w->beta);
    ci_grid_kernel_series_make(&plan->correction_w, &plan->kernel_w, plan->w_step * plan->t_half,
                               1e-15);
}

static void plan_grid(ci_grid_plan *plan, const choice *c)
{
    plan->sigma_uv = c->uv.sigma;
    plan->n_u = c->n_u;
    plan->n_v = c->n_v;
    plan->error = c->error;
    ci_grid_kernel_make(&plan->kernel_uv, c->uv.support, c->uv.degree, c->uv.beta);
    plan->by_w = c->w.kernel != NULL;
    size_t shift = plan->by_w ? plan->n_u / 2 : 0;
    plan->u_shift = (double)shift;
    plan->row_first = 1 - (c->uv.support + 1) / 2 - (int32_t)shift;
    /* One strip more than samples can start in: the last one's reach. */
    plan->strip_rows = c->uv.support <= LOW_STRIP ? LOW_STRIP : CI_GRID_KERNEL_MAX_SUPPORT;
    plan->n_strip = (plan->n_u / 2 + shift + (size_t)c->uv.support + 1) / plan->strip_rows + 2;
}

/* Samples by |w|; that of a row's middle stands for the row. */
static ci_status bins_count(ci_comm *comm, const ci_grid_plan *plan, const ci_vis_samples *s,
                            int64_t n_in_bin[CI_GRID_TERMS_BINS])
{
    double slope = plan->slant.is_on ? plan->slant.slope : 0.0;
    memset(n_in_bin, 0, CI_GRID_TERMS_BINS * sizeof *n_in_bin);
    for (size_t i = 0; i < s->n_row; i++) {
        size_t n = ci_vis_row_n_chan(s, i);
        if (n == 0) continue;
        double w_m = fabs(s->uvw_m[3 * i + 2] - slope * s->uvw_m[3 * i + 1]);
        double w = w_m * ci_vis_row_freq(s, i)[n / 2] / CI_C_M_S;
        double bin = w / plan->max_abs_w * CI_GRID_TERMS_BINS;
        int64_t *here = &n_in_bin[bin < CI_GRID_TERMS_BINS ? (int)bin : CI_GRID_TERMS_BINS - 1];
        for (size_t k = s->first[i]; k < s->first[i + 1]; k++)
            *here += s->weight[k] > 0.0f;
    }
    return ci_par_sum_int(comm, n_in_bin, CI_GRID_TERMS_BINS);
}

/* The expansion, NULL where a few terms cannot do. *out by ci_mem_free. */
static ci_status terms_new(ci_comm *comm, const ci_grid_plan *plan, const ci_vis_samples *samples,
                           ci_grid_terms **out)
{
    int64_t n_in_bin[CI_GRID_TERMS_BINS];
    double phi = CI_TWO_PI * plan->max_abs_w * plan->t_half;
    *out = NULL;
    if (plan->is_flat || phi > MAX_PHASE) return CI_OK;
    CI_TRY(bins_count(comm, plan, samples, n_in_bin));
    CI_TRY(ci_par_alloc(comm, out, 1, sizeof **out, "terms of w"));
    ci_grid_terms_make(*out, phi, n_in_bin);
    return CI_OK;
}

/* Terms with a slant in place of *plan and *best where they are cheaper. */
static ci_status slant_consider(ci_comm *comm, ci_grid_plan *plan, const ci_vis_samples *samples,
                                double accuracy, ci_grid_terms **terms, choice *best)
{
    ci_grid_plan *slanted = NULL;
    ci_grid_terms *fewer = NULL;
    CI_TRY(ci_par_alloc(comm, &slanted, 1, sizeof *slanted, "gridder"));
    ci_status status = ci_grid_slant_plan(comm, plan, samples, accuracy, slanted);
    if (status == CI_OK && slanted->slant.is_on) status = terms_new(comm, slanted, samples, &fewer);
    if (status == CI_OK && fewer) {
        choice other = choose(slanted, fewer, accuracy);
        if (other.cost < best->cost) {
            ci_grid_terms *swap = *terms;
            *terms = fewer;
            fewer = swap;
            *plan = *slanted;
            *best = other;
        }
    }
    ci_mem_free(fewer);
    ci_mem_free(slanted);
    return status;
}

ci_status ci_grid_plan_make(ci_comm *comm, ci_grid_plan *plan, const ci_grid_geometry *geometry,
                            const ci_vis_samples *samples)
{
    *plan = (ci_grid_plan){.n_x = geometry->n_x,
                           .n_y = geometry->n_y,
                           .n_y_out = geometry->n_y,
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
    /* Where w changes the phase by less than a tenth of the accuracy one plane will do. */
    double phase = CI_TWO_PI * 0.5 * (plan->max_w - plan->min_w) * plan->t_half;
    plan->is_flat = phase < 0.1 * geometry->accuracy;
    ci_grid_terms *terms = NULL;
    CI_TRY(terms_new(comm, plan, samples, &terms));
    choice best = choose(plan, terms, geometry->accuracy);
    status = slant_consider(comm, plan, samples, geometry->accuracy, &terms, &best);
    if (status == CI_OK && isfinite(best.cost)) {
        plan_grid(plan, &best);
        if (best.w.n_pair > 0)
            plan_terms(plan, terms, best.w.n_pair, geometry->accuracy);
        else
            plan_planes(plan, best.w.kernel);
    }
    ci_mem_free(terms);
    CI_TRY(status);
    if (!isfinite(best.cost))
        return ci_error(CI_ERR_USAGE, "accuracy %g: no kernel reaches it", geometry->accuracy);
    return CI_OK;
}
