/* Direct sums over terms whose flux depends on integration and frequency. */
#include "clean/terms.h"
#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    RUN = 512, /* samples that are worked on together, where their rows are no longer */
    BATCH = 64 /* terms whose sums are held by unit at a time */
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
    size_t first, n_sample; /* its samples, without padding */
    float *floats;          /* own the arrays */
} scratch;

static void scratch_clear(scratch *r)
{
    ci_mem_free(r->floats);
    ci_mem_free(r->run.row);
}

static ci_status scratch_alloc(scratch *r)
{
    ci_clean_terms_run *run = &r->run;
    float **const arrays[] = {
        &run->offset_hz, &run->lagrange[0], &run->lagrange[1], &run->lagrange[2], &run->lagrange[3],
        &run->u,         &run->v,           &run->w,           &run->x,           &run->weight,
        &run->re,        &run->im,          &run->flux,        &run->turns,       &run->p_re,
        &run->p_im,      &run->sum_re,      &run->sum_im};
    const size_t n = r->n_max + CI_CLEAN_TERMS_LANES, n_array = sizeof arrays / sizeof *arrays;
    CI_TRY(ci_mem_alloc(&r->floats, n_array * n, sizeof(float), "direct sums"));
    for (size_t i = 0; i < n_array; i++)
        *arrays[i] = r->floats + i * n;
    return ci_mem_alloc(&run->row, r->n_max, sizeof *run->row, "direct sums");
}

static ci_status scratch_new(scratch *r, const ci_clean_flux_axis *axis, const ci_vis_samples *s)
{
    size_t longest = RUN;
    for (size_t i = 0; i < s->n_axis; i++)
        if (s->axis[i].n_chan > longest) longest = s->axis[i].n_chan;
    size_t n = (longest + CI_CLEAN_TERMS_LANES - 1) / CI_CLEAN_TERMS_LANES * CI_CLEAN_TERMS_LANES;
    *r = (scratch){.kernel = ci_clean_terms_kernel_get(axis->isa), .axis = axis, .n_max = n};
    return scratch_alloc(r);
}

/* Frequencies of a row's samples, from place `at` of the run on. */
static void axis_prepare(scratch *r, const ci_clean_terms_row *row, const double *f, size_t n,
                         size_t at)
{
    for (size_t k = 0; k < n; k++) {
        r->run.offset_hz[at + k] = (float)(f[k] - row->freq_hz);
        r->run.x[at + k] = (float)log(f[k] / r->axis->ref_hz);
        for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
            r->run.lagrange[i][at + k] = (float)ci_clean_flux_lagrange(r->axis, i, f[k]);
    }
}

/* The same, of a row whose frequencies are those of the row before it. */
static void axis_repeat(scratch *r, size_t n, size_t at)
{
    float *const arrays[] = {r->run.offset_hz,   r->run.x,           r->run.lagrange[0],
                             r->run.lagrange[1], r->run.lagrange[2], r->run.lagrange[3]};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        memcpy(arrays[i] + at, arrays[i] + at - n, n * sizeof(float));
}

/* A row's samples, from place `at` of the run on. */
static void row_prepare(scratch *r, const ci_vis_samples *s, size_t i_row, size_t at)
{
    size_t n = ci_vis_row_n_chan(s, i_row);
    ci_clean_terms_row *row = &r->run.row[r->run.n_row++];
    const double *f = ci_vis_row_freq(s, i_row), *uvw = s->uvw_m + 3 * i_row;
    row->end = at + n;
    row->freq_hz = f[n / 2];
    for (int a = 0; a < 3; a++)
        row->uvw_s[a] = uvw[a] / CI_C_M_S;
    ci_vis_row_time_taps(s, i_row, &row->taps);
    if (at > 0 && s->i_axis[i_row] == s->i_axis[i_row - 1])
        axis_repeat(r, n, at);
    else
        axis_prepare(r, row, f, n, at);
    for (size_t k = 0; k < n; k++) {
        r->run.u[at + k] = (float)(row->uvw_s[0] * f[k]);
        r->run.v[at + k] = (float)(row->uvw_s[1] * f[k]);
        r->run.w[at + k] = (float)(row->uvw_s[2] * f[k]);
    }
}

static void values_prepare(scratch *r, const ci_vis_samples *s)
{
    const float *vis = (const float *)(s->computed + r->first);
    for (size_t k = 0; k < r->n_sample; k++) {
        r->run.re[k] = vis[2 * k];
        r->run.im[k] = vis[2 * k + 1];
    }
    memcpy(r->run.weight, s->weight + r->first, r->n_sample * sizeof(float));
}

/* Fills up the last lanes: no weight, no place. */
static void pad(scratch *r)
{
    float *const arrays[] = {r->run.u,  r->run.v,  r->run.w,     r->run.x,
                             r->run.re, r->run.im, r->run.weight};
    r->run.n =
        (r->n_sample + CI_CLEAN_TERMS_LANES - 1) / CI_CLEAN_TERMS_LANES * CI_CLEAN_TERMS_LANES;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        memset(arrays[i] + r->n_sample, 0, (r->run.n - r->n_sample) * sizeof(float));
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

static ci_clean_terms_point term_get(const ci_clean_terms *p, size_t i)
{
    return (ci_clean_terms_point){.lmn = p->lmn + 3 * i,
                                  .n_frame = p->n_frame,
                                  .flux = p->flux + i * p->n_frame * CI_CLEAN_FLUX_NODES};
}

/* Sum over all terms into sum_re, sum_im. */
static void terms_sum(scratch *r, const ci_clean_terms *p)
{
    memset(r->run.sum_re, 0, r->run.n * sizeof(float));
    memset(r->run.sum_im, 0, r->run.n * sizeof(float));
    for (size_t i = 0; i < p->n; i++) {
        const ci_clean_terms_point point = term_get(p, i);
        r->kernel.add(&r->run, &point);
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
        float *value = (float *)(s->computed + s->first[i]);
        terms_sum(&r, p);
        for (size_t k = 0; k < r.n_sample; k++) {
            value[2 * k] += (float)scale * r.run.sum_re[k];
            value[2 * k + 1] += (float)scale * r.run.sum_im[k];
        }
    }
    scratch_clear(&r);
    return status;
}

/* One run's part of the sums of every term: unit [n][CI_FIT_SUMS]. */
static void run_correlate(scratch *r, const ci_clean_terms *p, double *unit)
{
    double sum[CI_FIT_SUMS];
    for (size_t i = 0; i < p->n; i++, unit += CI_FIT_SUMS) {
        const ci_clean_terms_point point = term_get(p, i);
        r->kernel.fill(&r->run, &point);
        r->kernel.sums(&r->run, point.lmn, sum);
        for (int k = 0; k < CI_FIT_SUMS; k++)
            unit[k] += sum[k];
    }
}

/* Sums of all terms together: unit [2]. */
static void run_project(scratch *r, const ci_clean_terms *p, double *unit)
{
    const double nowhere[3] = {0};
    double sum[CI_FIT_SUMS];
    ci_clean_terms_run all = r->run;
    terms_sum(r, p);
    all.p_re = r->run.sum_re;
    all.p_im = r->run.sum_im;
    r->kernel.sums(&all, nowhere, sum);
    unit[0] += sum[CI_FIT_DOT];
    unit[1] += sum[CI_FIT_NORM];
}

/* The sum of all terms in one run. */
static void run_keep(const scratch *r, ci_c32 *all)
{
    float *keep = (float *)(all + r->first);
    for (size_t k = 0; k < r->n_sample; k++) {
        keep[2 * k] = r->run.sum_re[k];
        keep[2 * k + 1] = r->run.sum_im[k];
    }
}

/* A sum over all runs. */
typedef struct job
{
    const ci_clean_terms *terms;
    const ci_vis_samples *samples;
    size_t n_value; /* of a unit */
    void (*run_add)(scratch *r, const ci_clean_terms *p, double *unit);
    ci_c32 *all; /* [n_sample] takes the sum of all terms; or NULL */
} job;

static ci_status units_add(const job *j, ci_par_units *units)
{
    scratch r;
    double *unit = NULL;
    const ci_vis_samples *s = j->samples;
    ci_status status = scratch_new(&r, j->terms->axis, s);
    for (size_t i = 0; status == CI_OK && i < s->n_row; i += r.run.n_row) {
        if (ci_vis_samples_unit_begins(s, i)) unit = ci_par_units_next(units);
        run_prepare(&r, s, i);
        j->run_add(&r, j->terms, unit);
        if (j->all) run_keep(&r, j->all);
    }
    scratch_clear(&r);
    return status;
}

static ci_status units_sum(ci_comm *comm, const job *j, double *sum)
{
    ci_par_units *units = NULL;
    CI_TRY(ci_par_units_new(comm, &units, ci_vis_samples_n_unit(j->samples), j->n_value));
    ci_status status = ci_par_agree(comm, units_add(j, units));
    if (status == CI_OK) status = ci_par_units_finish(comm, units, sum);
    ci_par_units_free(units);
    return status;
}

ci_status ci_clean_terms_correlate(ci_comm *comm, const ci_clean_terms *p, const ci_vis_samples *s,
                                   double *sums)
{
    const job j = {p, s, p->n * CI_FIT_SUMS, run_correlate, NULL};
    return units_sum(comm, &j, sums);
}

ci_status ci_clean_terms_project(ci_comm *comm, const ci_clean_terms *p, const ci_vis_samples *s,
                                 ci_c32 *all, double *dot, double *norm)
{
    double sum[2];
    const job j = {p, s, 2, run_project, all};
    CI_TRY(units_sum(comm, &j, sum));
    *dot = sum[0];
    *norm = sum[1];
    return CI_OK;
}
