/* Direct sums over terms whose flux depends on integration and frequency. */
#include "clean/terms.h"
#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    RUN = 512, /* samples that are worked on together, where their rows are no longer */
    BATCH = 16 /* terms whose sums are held by unit at a time */
};

double ci_clean_flux_lagrange(const ci_clean_flux_axis *axis, int i, double freq_hz)
{
    double w = 1;
    for (int j = 0; j < CI_CLEAN_FLUX_NODES; j++)
        if (j != i) w *= (freq_hz - axis->node_hz[j]) / (axis->node_hz[i] - axis->node_hz[j]);
    return w;
}

ci_status ci_clean_terms_new(ci_clean_terms *out, const ci_clean_flux_axis *axis, size_t n,
                             size_t n_frame)
{
    *out = (ci_clean_terms){.axis = axis, .n = n, .n_frame = n_frame};
    CI_TRY(ci_mem_alloc(&out->lmn, 3 * n, sizeof *out->lmn, "direct sums"));
    return ci_mem_alloc(&out->flux, n * n_frame * CI_CLEAN_FLUX_NODES, sizeof *out->flux,
                        "direct sums");
}

void ci_clean_terms_clear(ci_clean_terms *terms)
{
    ci_mem_free(terms->lmn);
    ci_mem_free(terms->flux);
    *terms = (ci_clean_terms){0};
}

void ci_clean_terms_place(ci_clean_terms *terms, size_t i, double l, double m)
{
    double rr = l * l + m * m, *lmn = terms->lmn + 3 * i;
    lmn[0] = l;
    lmn[1] = m;
    lmn[2] = -rr / (1 + sqrt(1 - rr));
}

/* ---- a run of samples ----------------------------------------------------------------------- */

/* Some rows of one unit, made ready for all terms. */
typedef struct scratch
{
    ci_clean_terms_kernel kernel;
    const ci_clean_flux_axis *axis;
    ci_clean_terms_run run;
    size_t n_max;
    size_t first, n_sample;         /* its samples, without padding */
    float *sum_re, *sum_im;         /* [n_max] of all terms */
    double *axis_x, *axis_lagrange; /* of the axis i_axis */
    int32_t i_axis;
    double *doubles; /* own the arrays */
    float *floats;
} scratch;

static void scratch_clear(scratch *r)
{
    ci_mem_free(r->doubles);
    ci_mem_free(r->floats);
    ci_mem_free(r->run.taps);
    ci_mem_free(r->run.row_end);
}

static ci_status scratch_alloc(scratch *r)
{
    ci_clean_terms_run *run = &r->run;
    double **const doubles[] = {&run->u,      &run->v,  &run->w,  &run->x,
                                &run->weight, &run->re, &run->im, &r->axis_x};
    float **const floats[] = {&run->flux, &run->turns, &run->p_re,
                              &run->p_im, &r->sum_re,  &r->sum_im};
    const size_t n = r->n_max, n_double = sizeof doubles / sizeof *doubles;
    const size_t n_float = sizeof floats / sizeof *floats;
    CI_TRY(ci_mem_alloc(&r->doubles, (n_double + 2 * CI_CLEAN_FLUX_NODES) * n, sizeof(double),
                        "direct sums"));
    CI_TRY(ci_mem_alloc(&r->floats, n_float * n, sizeof(float), "direct sums"));
    for (size_t i = 0; i < n_double; i++)
        *doubles[i] = r->doubles + i * n;
    for (size_t i = 0; i < n_float; i++)
        *floats[i] = r->floats + i * n;
    run->lagrange = r->doubles + n_double * n;
    r->axis_lagrange = run->lagrange + CI_CLEAN_FLUX_NODES * n;
    CI_TRY(ci_mem_alloc(&run->row_end, n, sizeof *run->row_end, "direct sums"));
    return ci_mem_alloc(&run->taps, n, sizeof *run->taps, "direct sums");
}

static ci_status scratch_new(scratch *r, const ci_clean_flux_axis *axis, const ci_vis_samples *s)
{
    size_t longest = RUN;
    for (size_t i = 0; i < s->n_axis; i++)
        if (s->axis[i].n_chan > longest) longest = s->axis[i].n_chan;
    size_t n = (longest + CI_CLEAN_TERMS_LANES - 1) / CI_CLEAN_TERMS_LANES * CI_CLEAN_TERMS_LANES;
    *r = (scratch){
        .kernel = ci_clean_terms_kernel_get(axis->isa), .axis = axis, .n_max = n, .i_axis = -1};
    return scratch_alloc(r);
}

static void axis_prepare(scratch *r, const ci_vis_samples *s, int32_t i_axis)
{
    const double *f = s->freq_hz + s->axis[i_axis].first;
    r->i_axis = i_axis;
    for (size_t k = 0; k < s->axis[i_axis].n_chan; k++) {
        r->axis_x[k] = log(f[k] / r->axis->ref_hz);
        for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
            r->axis_lagrange[k * CI_CLEAN_FLUX_NODES + (size_t)i] =
                ci_clean_flux_lagrange(r->axis, i, f[k]);
    }
}

/* Coordinates of a row's samples, from place `at` of the run on. */
static void row_prepare(scratch *r, const ci_vis_samples *s, size_t i_row, size_t at)
{
    size_t n = ci_vis_row_n_chan(s, i_row);
    const double *f = ci_vis_row_freq(s, i_row), *uvw = s->uvw_m + 3 * i_row;
    if (s->i_axis[i_row] != r->i_axis) axis_prepare(r, s, s->i_axis[i_row]);
    for (size_t k = 0; k < n; k++) {
        double g = f[k] / CI_C_M_S;
        r->run.u[at + k] = uvw[0] * g;
        r->run.v[at + k] = uvw[1] * g;
        r->run.w[at + k] = uvw[2] * g;
    }
    memcpy(r->run.x + at, r->axis_x, n * sizeof(double));
    memcpy(r->run.lagrange + at * CI_CLEAN_FLUX_NODES, r->axis_lagrange,
           n * CI_CLEAN_FLUX_NODES * sizeof(double));
    ci_vis_row_time_taps(s, i_row, &r->run.taps[r->run.n_row]);
    r->run.row_end[r->run.n_row++] = at + n;
}

static void values_prepare(scratch *r, const ci_vis_samples *s)
{
    const float *vis = (const float *)(s->work + r->first), *weight = s->weight + r->first;
    for (size_t k = 0; k < r->n_sample; k++) {
        r->run.re[k] = vis[2 * k];
        r->run.im[k] = vis[2 * k + 1];
        r->run.weight[k] = weight[k];
    }
}

/* Fills up the last lanes: no weight, no place. */
static void pad(scratch *r)
{
    double *const arrays[] = {r->run.u,  r->run.v,  r->run.w,     r->run.x,
                              r->run.re, r->run.im, r->run.weight};
    r->run.n =
        (r->n_sample + CI_CLEAN_TERMS_LANES - 1) / CI_CLEAN_TERMS_LANES * CI_CLEAN_TERMS_LANES;
    for (size_t k = r->n_sample; k < r->run.n; k++) {
        for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
            arrays[i][k] = 0;
        r->run.flux[k] = 0;
    }
}

/* The run that begins at a row: the rows of its unit, as many as there is space for. */
static void run_prepare(scratch *r, const ci_vis_samples *s, size_t i_row)
{
    r->first = s->first[i_row];
    r->run.n_row = r->n_sample = 0;
    do {
        row_prepare(r, s, i_row, r->n_sample);
        r->n_sample += ci_vis_row_n_chan(s, i_row++);
    } while (i_row < s->n_row && !ci_vis_samples_unit_begins(s, i_row) &&
             r->n_sample + ci_vis_row_n_chan(s, i_row) <= r->n_max);
    values_prepare(r, s);
    pad(r);
}

/* One term's visibilities in the run. */
static void term_fill(scratch *r, const ci_clean_terms *p, size_t i)
{
    const ci_clean_terms_point point = {.lmn = p->lmn + 3 * i,
                                        .n_frame = p->n_frame,
                                        .flux = p->flux + i * p->n_frame * CI_CLEAN_FLUX_NODES};
    r->kernel.fill(&r->run, &point);
}

/* Sum over all terms into sum_re, sum_im. */
static void terms_sum(scratch *r, const ci_clean_terms *p)
{
    memset(r->sum_re, 0, r->run.n * sizeof *r->sum_re);
    memset(r->sum_im, 0, r->run.n * sizeof *r->sum_im);
    for (size_t i = 0; i < p->n; i++) {
        term_fill(r, p, i);
        for (size_t k = 0; k < r->run.n; k++) {
            r->sum_re[k] += r->run.p_re[k];
            r->sum_im[k] += r->run.p_im[k];
        }
    }
}

/* ---- all runs -------------------------------------------------------------------------------- */

ci_status ci_clean_terms_add(const ci_clean_terms *p, ci_vis_samples *s, double scale)
{
    scratch r;
    if (p->n == 0) return CI_OK;
    ci_status status = scratch_new(&r, p->axis, s);
    for (size_t i = 0; status == CI_OK && i < s->n_row; i += r.run.n_row) {
        run_prepare(&r, s, i);
        float *value = (float *)(s->work + s->first[i]);
        terms_sum(&r, p);
        for (size_t k = 0; k < r.n_sample; k++) {
            value[2 * k] += (float)scale * r.sum_re[k];
            value[2 * k + 1] += (float)scale * r.sum_im[k];
        }
    }
    scratch_clear(&r);
    return status;
}

/* Terms [n] of a sum, and the values that it has for one unit. */
typedef struct part
{
    const ci_clean_terms *terms;
    size_t first, n, n_value;
    ci_c32 *all; /* [n_sample] takes the sum of all terms; or NULL */
} part;

/* One run's part of the sums of every term: unit [n][CI_FIT_SUMS]. */
static void run_correlate(scratch *r, const part *p, double *unit)
{
    double sum[CI_FIT_SUMS];
    for (size_t i = p->first; i < p->first + p->n; i++, unit += CI_FIT_SUMS) {
        term_fill(r, p->terms, i);
        r->kernel.sums(&r->run, p->terms->lmn + 3 * i, sum);
        for (int k = 0; k < CI_FIT_SUMS; k++)
            unit[k] += sum[k];
    }
}

/* unit [2]. */
static void run_project(scratch *r, const part *p, double *unit)
{
    const double nowhere[3] = {0};
    double sum[CI_FIT_SUMS];
    ci_clean_terms_run all = r->run;
    terms_sum(r, p->terms);
    all.p_re = r->sum_re;
    all.p_im = r->sum_im;
    r->kernel.sums(&all, nowhere, sum);
    unit[0] += sum[CI_FIT_DOT];
    unit[1] += sum[CI_FIT_NORM];
    float *keep = (float *)(p->all ? p->all + r->first : NULL);
    for (size_t k = 0; keep && k < r->n_sample; k++) {
        keep[2 * k] = r->sum_re[k];
        keep[2 * k + 1] = r->sum_im[k];
    }
}

typedef void (*run_function)(scratch *r, const part *p, double *unit);

/* Does `work` on all runs, with one sum [n_value] per fixed unit, and adds the units. */
static ci_status units_sum(ci_comm *comm, const ci_vis_samples *s, const part *p, run_function work,
                           double *sum)
{
    double *unit = NULL;
    size_t n_unit = ci_vis_samples_n_unit(s), i_unit = 0;
    scratch r = {0};
    ci_status status = ci_mem_alloc(&unit, n_unit * p->n_value, sizeof *unit, "direct sums");
    if (status == CI_OK) status = scratch_new(&r, p->terms->axis, s);
    for (size_t i = 0; status == CI_OK && i < s->n_row; i += r.run.n_row) {
        i_unit += ci_vis_samples_unit_begins(s, i);
        run_prepare(&r, s, i);
        work(&r, p, unit + (i_unit - 1) * p->n_value);
    }
    scratch_clear(&r);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_sum_units(comm, n_unit, p->n_value, unit, sum);
    ci_mem_free(unit);
    return status;
}

ci_status ci_clean_terms_correlate(ci_comm *comm, const ci_clean_terms *p, const ci_vis_samples *s,
                                   double *sums)
{
    for (size_t i = 0; i < p->n; i += BATCH) {
        part batch = {.terms = p, .first = i, .n = p->n - i < BATCH ? p->n - i : BATCH};
        batch.n_value = batch.n * CI_FIT_SUMS;
        CI_TRY(units_sum(comm, s, &batch, run_correlate, sums + i * CI_FIT_SUMS));
    }
    return CI_OK;
}

ci_status ci_clean_terms_project(ci_comm *comm, const ci_clean_terms *p, const ci_vis_samples *s,
                                 ci_c32 *all, double *dot, double *norm)
{
    double sum[2];
    const part whole = {.terms = p, .n = p->n, .n_value = 2, .all = all};
    CI_TRY(units_sum(comm, s, &whole, run_project, sum));
    *dot = sum[0];
    *norm = sum[1];
    return CI_OK;
}
