/* Clark's minor cycle on the list of active pixels. */
#include "clean/minor.h"

#include <math.h>
#include <string.h>

/* Active pixels that follow each other in a row, at most RUN_MAX of them: the PSF's values
 * for a run follow each other too, and only runs that a subtraction touched are searched
 * again. Values are compared as the integers of their bits (of |value|, which order alike):
 * such loops vectorise without loosening floating-point rules. */
enum
{
    RUN_MAX = 64,
    REPORT_EVERY = 5000 /* components */
};

typedef struct run
{
    int32_t x, y, scale;
    size_t first, n; /* into the arrays */
    uint32_t best;   /* bits of the greatest |value| above its threshold; 0: none */
} run;

typedef struct minor_work
{
    size_t n_run;
    run *run;
    float *value;
    uint32_t *threshold; /* bits */
    uint32_t *deny;      /* all ones: negative values do not count; else 0 */
} minor_work;

static uint32_t float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Bits of |value|, 0 where it does not count. */
static inline uint32_t value_bits(float value, uint32_t threshold, uint32_t deny)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t is_negative = 0u - (bits >> 31);
    bits = bits & 0x7fffffffu & ~(is_negative & deny);
    return bits > threshold ? bits : 0;
}

static void run_search(const minor_work *w, run *r)
{
    const float *restrict value = w->value + r->first;
    const uint32_t *restrict threshold = w->threshold + r->first;
    const uint32_t *restrict deny = w->deny + r->first;
    uint32_t best = 0;
    for (size_t i = 0; i < r->n; i++) {
        uint32_t bits = value_bits(value[i], threshold[i], deny[i]);
        best = bits > best ? bits : best;
    }
    r->best = best;
}

static size_t run_locate(const minor_work *w, const run *r)
{
    for (size_t i = r->first; i < r->first + r->n; i++)
        if (value_bits(w->value[i], w->threshold[i], w->deny[i]) == r->best) return i;
    return r->first;
}

static ci_status work_new(minor_work *w, size_t n, const ci_clean_active *active)
{
    CI_TRY(ci_mem_alloc(&w->value, n, sizeof *w->value, "active pixels"));
    CI_TRY(ci_mem_alloc(&w->threshold, n, sizeof *w->threshold, "active pixels"));
    CI_TRY(ci_mem_alloc(&w->deny, n, sizeof *w->deny, "active pixels"));
    for (int pass = 0; pass < 2; pass++) {
        w->n_run = 0;
        for (size_t i = 0; i < n;) {
            size_t k = 1;
            while (k < RUN_MAX && i + k < n && active[i + k].y == active[i].y &&
                   active[i + k].x == active[i].x + (int32_t)k &&
                   active[i + k].scale == active[i].scale)
                k++;
            if (pass == 1)
                w->run[w->n_run] = (run){.x = active[i].x,
                                         .y = active[i].y,
                                         .scale = active[i].scale,
                                         .first = i,
                                         .n = k};
            w->n_run++;
            i += k;
        }
        if (pass == 0) CI_TRY(ci_mem_alloc(&w->run, w->n_run, sizeof *w->run, "active runs"));
    }
    for (size_t i = 0; i < n; i++) {
        w->value[i] = active[i].value;
        w->threshold[i] = float_bits(active[i].threshold);
        w->deny[i] = active[i].no_negative ? 0xffffffffu : 0;
    }
    for (size_t i = 0; i < w->n_run; i++)
        run_search(w, &w->run[i]);
    return CI_OK;
}

static void run_subtract(const minor_work *w, run *r, const ci_clean_patch *psf, int32_t x,
                         int32_t y, float flux)
{
    int32_t half = (int32_t)psf->half, dy = r->y - y, from = x - half, to = x + half + 1;
    int32_t end = r->x + (int32_t)r->n;
    if (dy < -half || dy > half || r->x >= to || end <= from) return;
    if (from < r->x) from = r->x;
    if (to > end) to = end;
    float *restrict value = w->value + r->first + (from - r->x);
    const float *restrict p =
        psf->value + (size_t)(dy + half) * (2 * psf->half + 1) + (size_t)(from - x + half);
    for (int32_t i = 0; i < to - from; i++)
        value[i] -= flux * p[i];
    run_search(w, r);
}

/* A component of `flux` at a pixel leaves all values. */
static void component_subtract(const minor_work *w, const ci_clean_patch *psf,
                               const ci_clean_minor_limits *limits, const ci_clean_active *at,
                               float flux)
{
    size_t first = (size_t)at->scale * limits->n_scale;
    for (size_t r = 0; r < w->n_run; r++) {
        size_t k = first + (size_t)w->run[r].scale;
        float step = limits->ratio ? flux * limits->ratio[k] : flux;
        run_subtract(w, &w->run[r], &psf[k], at->x, at->y, step);
    }
}

/* Index of the first run with the greatest best. */
static size_t best_run(const minor_work *w)
{
    size_t at = 0;
    for (size_t i = 1; i < w->n_run; i++)
        if (w->run[i].best > w->run[at].best) at = i;
    return at;
}

static void minor_loop(minor_work *w, const ci_clean_patch *psf, const ci_clean_active *active,
                       double *flux, const ci_clean_minor_limits *limits,
                       ci_clean_minor_result *result)
{
    double start = 0;
    while (result->n_iteration < limits->max_iteration) {
        if (result->n_iteration % REPORT_EVERY == 0)
            ci_log_progress("clean: minor cycle, %lld components", (long long)result->n_iteration);
        size_t k = best_run(w);
        double peak = bits_float(w->run[k].best);
        if (w->run[k].best == 0 || peak <= limits->stop) break;
        if (result->n_iteration == 0) start = peak;
        if (peak > 2 * start) {
            result->diverged = true;
            break;
        }
        size_t i = run_locate(w, &w->run[k]);
        float step = (float)limits->gain * w->value[i];
        flux[i] += step;
        w->threshold[i] = float_bits(active[i].threshold_in);
        w->deny[i] = 0;
        component_subtract(w, psf, limits, &active[i], step);
        result->n_iteration++;
    }
}

ci_status ci_clean_minor_clark(const ci_clean_patch *psf, size_t n, ci_clean_active *active,
                               double *flux, const ci_clean_minor_limits *limits,
                               ci_clean_minor_result *result)
{
    *result = (ci_clean_minor_result){0, false};
    if (n == 0) return CI_OK;
    minor_work w = {0};
    ci_status status = work_new(&w, n, active);
    if (status == CI_OK) {
        minor_loop(&w, psf, active, flux, limits, result);
        for (size_t i = 0; i < n; i++)
            active[i].value = w.value[i];
    }
    ci_mem_free(w.run);
    ci_mem_free(w.value);
    ci_mem_free(w.threshold);
    ci_mem_free(w.deny);
    return status;
}
