/* Direct sums over terms whose flux depends on integration and frequency. */
#include "clean/terms.h"
#include "contimg/num.h"

#include <math.h>

enum
{
    RESEED = 128, /* channels after which a phasor is computed anew */
    BATCH = 8     /* terms whose sums are held by unit at a time */
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

/* ---- one row ------------------------------------------------------------------------------- */

/* What a run of rows needs besides its terms: [n_chan] each, lagrange [NODES][n_chan]. */
typedef struct scratch
{
    ci_clean_terms_kernel kernel;
    size_t n_chan, n_even; /* channels that a phasor is carried over before it is made anew */
    double *lagrange, *re, *im, *sum_re, *sum_im;
    double *x, *g; /* ln(nu / ref_hz); 2 pi nu / c, 1/m */
    double *all;   /* owns them */
} scratch;

static ci_status scratch_new(scratch *r, const ci_clean_flux_axis *axis, const ci_vis_samples *s,
                             size_t i_row)
{
    size_t n = ci_vis_row_n_chan(s, i_row), at = CI_CLEAN_FLUX_NODES * n;
    *r = (scratch){.kernel = ci_clean_terms_kernel_get(axis->isa), .n_chan = n, .n_even = RESEED};
    double **const part[] = {&r->re, &r->im, &r->sum_re, &r->sum_im, &r->x, &r->g};
    const size_t n_part = sizeof part / sizeof *part;
    CI_TRY(
        ci_mem_alloc(&r->all, (CI_CLEAN_FLUX_NODES + n_part) * n, sizeof(double), "direct sums"));
    r->lagrange = r->all;
    for (size_t i = 0; i < n_part; i++, at += n)
        *part[i] = r->all + at;
    const double *f = ci_vis_row_freq(s, i_row);
    for (size_t k = 2; k < n; k++)
        if (fabs((f[k] - f[k - 1]) - (f[1] - f[0])) > 1e-3) r->n_even = 1;
    for (size_t k = 0; k < n; k++) {
        r->x[k] = log(f[k] / axis->ref_hz);
        r->g[k] = 2 * CI_PI * f[k] / CI_C_M_S;
    }
    for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
        for (size_t k = 0; k < n; k++)
            r->lagrange[(size_t)i * n + k] = ci_clean_flux_lagrange(axis, i, f[k]);
    return CI_OK;
}

/* One term's visibilities in one row, into re and im. */
static void term_fill(scratch *r, const ci_vis_samples *s, size_t i_row, const double *lmn,
                      const double *node)
{
    const double *uvw = s->uvw_m + 3 * i_row, *f = ci_vis_row_freq(s, i_row);
    double path_s = (uvw[0] * lmn[0] + uvw[1] * lmn[1] + uvw[2] * lmn[2]) / CI_C_M_S;
    double turn[2], start[2];
    ci_num_turns_cos_sin(r->n_chan > 1 ? path_s * (f[1] - f[0]) : 0, &turn[0], &turn[1]);
    for (size_t k = 0; k < r->n_chan; k += r->n_even) {
        size_t n = r->n_chan - k < r->n_even ? r->n_chan - k : r->n_even;
        ci_num_turns_cos_sin(path_s * f[k], &start[0], &start[1]);
        r->kernel.fill(n, start, turn, r->lagrange + k, r->n_chan, node, r->re + k, r->im + k);
    }
}

static const double *nodes_of(const ci_clean_terms *p, size_t i, int32_t i_time)
{
    size_t t = p->n_frame == 1 ? 0 : (size_t)i_time;
    return p->flux + (i * p->n_frame + t) * CI_CLEAN_FLUX_NODES;
}

/* Sum over all terms into sum_re, sum_im. */
static void row_sum(scratch *r, const ci_vis_samples *s, size_t i_row, const ci_clean_terms *p)
{
    for (size_t k = 0; k < r->n_chan; k++)
        r->sum_re[k] = r->sum_im[k] = 0;
    for (size_t i = 0; i < p->n; i++) {
        term_fill(r, s, i_row, p->lmn + 3 * i, nodes_of(p, i, s->i_time[i_row]));
        for (size_t k = 0; k < r->n_chan; k++) {
            r->sum_re[k] += r->re[k];
            r->sum_im[k] += r->im[k];
        }
    }
}

/* ---- all rows -------------------------------------------------------------------------------- */

/* Scratch for a row: that of the row before where both have the same channels. */
static ci_status scratch_for(scratch *r, const ci_clean_flux_axis *axis, const ci_vis_samples *s,
                             size_t i_row)
{
    if (i_row > 0 && s->i_axis[i_row] == s->i_axis[i_row - 1]) return CI_OK;
    ci_mem_free(r->all);
    r->all = NULL;
    return scratch_new(r, axis, s, i_row);
}

ci_status ci_clean_terms_add(const ci_clean_terms *p, ci_vis_samples *s, double scale)
{
    scratch r = {0};
    ci_status status = CI_OK;
    for (size_t i = 0; p->n > 0 && i < s->n_row; i++) {
        status = scratch_for(&r, p->axis, s, i);
        if (status != CI_OK) break;
        float *value = (float *)(s->work + s->first[i]);
        row_sum(&r, s, i, p);
        for (size_t k = 0; k < r.n_chan; k++) {
            value[2 * k] += (float)(scale * r.sum_re[k]);
            value[2 * k + 1] += (float)(scale * r.sum_im[k]);
        }
    }
    ci_mem_free(r.all);
    return status;
}

/* Terms [n] of a sum, and the values that it has for one unit. */
typedef struct part
{
    const ci_clean_terms *terms;
    size_t first, n, n_value;
} part;

/* One row's part of the sums of every term: unit [n][CI_FIT_SUMS]. */
static void row_correlate(scratch *r, const ci_vis_samples *s, size_t i_row, const part *p,
                          double *unit)
{
    const float *vis = (const float *)(s->work + s->first[i_row]);
    const float *weight = s->weight + s->first[i_row];
    const double *uvw = s->uvw_m + 3 * i_row;
    double sum[CI_CLEAN_TERMS_SUMS];
    for (size_t i = p->first; i < p->first + p->n; i++, unit += CI_FIT_SUMS) {
        const double *lmn = p->terms->lmn + 3 * i;
        term_fill(r, s, i_row, lmn, nodes_of(p->terms, i, s->i_time[i_row]));
        r->kernel.sums(r->n_chan, weight, vis, r->re, r->im, r->x, r->g, sum);
        /* dn/dl = -l/n */
        double u = uvw[0] - uvw[2] * lmn[0] / (1 + lmn[2]);
        double v = uvw[1] - uvw[2] * lmn[1] / (1 + lmn[2]);
        unit[CI_FIT_DOT] += sum[CI_CLEAN_TERMS_A];
        unit[CI_FIT_DOT_X] += sum[CI_CLEAN_TERMS_A_X];
        unit[CI_FIT_DOT_L] += u * sum[CI_CLEAN_TERMS_B_G];
        unit[CI_FIT_DOT_M] += v * sum[CI_CLEAN_TERMS_B_G];
        unit[CI_FIT_NORM] += sum[CI_CLEAN_TERMS_N];
        unit[CI_FIT_NORM_X] += sum[CI_CLEAN_TERMS_N_X];
        unit[CI_FIT_NORM_XX] += sum[CI_CLEAN_TERMS_N_XX];
        unit[CI_FIT_NORM_LL] += u * u * sum[CI_CLEAN_TERMS_N_GG];
        unit[CI_FIT_NORM_LM] += u * v * sum[CI_CLEAN_TERMS_N_GG];
        unit[CI_FIT_NORM_MM] += v * v * sum[CI_CLEAN_TERMS_N_GG];
    }
}

/* unit [2]. */
static void row_project(scratch *r, const ci_vis_samples *s, size_t i_row, const part *p,
                        double *unit)
{
    const float *vis = (const float *)(s->work + s->first[i_row]);
    const float *weight = s->weight + s->first[i_row];
    double sum[CI_CLEAN_TERMS_SUMS];
    row_sum(r, s, i_row, p->terms);
    r->kernel.sums(r->n_chan, weight, vis, r->sum_re, r->sum_im, r->x, r->g, sum);
    unit[0] += sum[CI_CLEAN_TERMS_A];
    unit[1] += sum[CI_CLEAN_TERMS_N];
}

typedef void (*row_function)(scratch *r, const ci_vis_samples *s, size_t i_row, const part *p,
                             double *unit);

/* Runs `row` over all rows, with one sum [n_value] per fixed unit, and adds the units. */
static ci_status units_sum(ci_comm *comm, const ci_vis_samples *s, const part *p, row_function row,
                           double *sum)
{
    double *unit = NULL;
    size_t n_unit = ci_vis_samples_n_unit(s), i_unit = 0;
    scratch r = {0};
    ci_status status = ci_mem_alloc(&unit, n_unit * p->n_value, sizeof *unit, "direct sums");
    for (size_t i = 0; status == CI_OK && i < s->n_row; i++) {
        i_unit += ci_vis_samples_unit_begins(s, i);
        status = scratch_for(&r, p->terms->axis, s, i);
        if (status == CI_OK) row(&r, s, i, p, unit + (i_unit - 1) * p->n_value);
    }
    ci_mem_free(r.all);
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
        CI_TRY(units_sum(comm, s, &batch, row_correlate, sums + i * CI_FIT_SUMS));
    }
    return CI_OK;
}

ci_status ci_clean_terms_project(ci_comm *comm, const ci_clean_terms *p, const ci_vis_samples *s,
                                 double *dot, double *norm)
{
    double sum[2];
    const part all = {.terms = p, .n = p->n, .n_value = 2};
    CI_TRY(units_sum(comm, s, &all, row_project, sum));
    *dot = sum[0];
    *norm = sum[1];
    return CI_OK;
}
