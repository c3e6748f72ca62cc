/* Direct sums over points whose flux depends on integration and frequency. */
#include "clean/points.h"
#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    RUN = 512, /* samples that are worked on together, where their rows are no longer */
    LANES = CI_CLEAN_POINTS_LANES
};

double ci_clean_flux_lagrange(const ci_clean_flux_axis *axis, int i, double freq_hz)
{
    double w = 1;
    for (int j = 0; j < CI_CLEAN_FLUX_NODES; j++)
        if (j != i) w *= (freq_hz - axis->node_hz[j]) / (axis->node_hz[i] - axis->node_hz[j]);
    return w;
}

ci_status ci_clean_flux_axis_tabulate(ci_clean_flux_axis *axis, const ci_vis_samples *s)
{
    size_t n = axis->n = s->n_axis_freq;
    CI_TRY(ci_mem_alloc(&axis->weight, n, (CI_CLEAN_FLUX_NODES + 1) * sizeof *axis->weight,
                        "direct sums"));
    axis->x = axis->weight + CI_CLEAN_FLUX_NODES * n;
    for (size_t k = 0; k < n; k++) {
        axis->x[k] = (float)log(s->freq_hz[k] / axis->ref_hz);
        for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
            axis->weight[(size_t)i * n + k] = (float)ci_clean_flux_lagrange(axis, i, s->freq_hz[k]);
    }
    return CI_OK;
}

void ci_clean_flux_axis_clear(ci_clean_flux_axis *axis)
{
    ci_mem_free(axis->weight);
    axis->weight = axis->x = NULL;
    axis->n = 0;
}

ci_status ci_clean_points_new(ci_clean_points *out, const ci_clean_flux_axis *axis, size_t n,
                              size_t n_frame)
{
    *out = (ci_clean_points){.axis = axis, .n = n, .n_frame = n_frame};
    CI_TRY(ci_mem_alloc(&out->lmn, 3 * n, sizeof *out->lmn, "direct sums"));
    return ci_mem_alloc(&out->flux, n * n_frame * CI_CLEAN_FLUX_NODES, sizeof *out->flux,
                        "direct sums");
}

void ci_clean_points_clear(ci_clean_points *points)
{
    ci_mem_free(points->lmn);
    ci_mem_free(points->flux);
    *points = (ci_clean_points){0};
}

void ci_clean_points_place(ci_clean_points *points, size_t i, double l, double m)
{
    double rr = l * l + m * m, *lmn = points->lmn + 3 * i;
    lmn[0] = l;
    lmn[1] = m;
    lmn[2] = -rr / (1 + sqrt(1 - rr));
}

/* ---- points in lanes ------------------------------------------------------------------------- */

/* Points as the kernels take them. */
typedef struct batches
{
    size_t n;
    ci_clean_points_batch *batch; /* [n] */
    float *flux;                  /* [n][n_frame][CI_CLEAN_FLUX_NODES][LANES] */
    double most[3];               /* greatest |l|, |m|, |n - 1| */
} batches;

static void batches_clear(batches *g)
{
    ci_mem_free(g->batch);
    ci_mem_free(g->flux);
}

/* Term i into its lane; lanes without one have no flux. */
static void lane_set(batches *g, const ci_clean_points *p, size_t i)
{
    size_t n_flux = p->n_frame * CI_CLEAN_FLUX_NODES, lane = i % LANES;
    float *flux = g->flux + i / LANES * n_flux * LANES;
    ci_clean_points_batch *batch = &g->batch[i / LANES];
    const double *lmn = p->lmn + 3 * i;
    batch->n_point = lane + 1;
    batch->n_frame = p->n_frame;
    batch->flux = flux;
    batch->l[lane] = lmn[0];
    batch->m[lane] = lmn[1];
    batch->n[lane] = lmn[2];
    for (size_t k = 0; k < n_flux; k++)
        flux[k * LANES + lane] = (float)p->flux[i * n_flux + k];
    for (int a = 0; a < 3; a++)
        g->most[a] = fmax(g->most[a], fabs(lmn[a]));
}

static ci_status batches_new(batches *g, const ci_clean_points *p)
{
    *g = (batches){.n = (p->n + LANES - 1) / LANES};
    CI_TRY(ci_mem_alloc(&g->batch, g->n, sizeof *g->batch, "direct sums"));
    CI_TRY(ci_mem_alloc(&g->flux, g->n * p->n_frame * CI_CLEAN_FLUX_NODES * LANES, sizeof *g->flux,
                        "direct sums"));
    for (size_t i = 0; i < p->n; i++)
        lane_set(g, p, i);
    return CI_OK;
}

/* ---- a run of samples ----------------------------------------------------------------------- */

/* Some rows of one summand, made ready for all points. */
typedef struct scratch
{
    ci_isa isa;
    const ci_clean_flux_axis *axis;
    batches batches;
    ci_clean_points_run run;
    bool is_moving;             /* fluxes hang on the time */
    bool takes_residual;        /* the residual and its weights are needed ... */
    bool is_fit;                /* ... with what positions and slopes ask for */
    size_t n_max, first;        /* samples of a run; the first of this one */
    float *floats;              /* own the arrays */
    float *total_re, *total_im; /* [n_max] sums of all points */
    double lane_sum[LANES * CI_FIT_SUMS];
} scratch;

static void scratch_clear(scratch *r)
{
    batches_clear(&r->batches);
    ci_mem_free(r->floats);
    ci_mem_free(r->run.row);
}

static ci_status scratch_alloc(scratch *r)
{
    ci_clean_points_run *run = &r->run;
    float **const arrays[] = {&run->offset_hz,   &run->lagrange[0], &run->lagrange[1],
                              &run->lagrange[2], &run->lagrange[3], &run->relative,
                              &run->x,           &run->weight,      &run->re,
                              &run->im,          &r->total_re,      &r->total_im};
    float **const in_lanes[] = {&run->base_re, &run->base_im, &run->sum_re, &run->sum_im};
    const size_t n = r->n_max, n_array = sizeof arrays / sizeof *arrays;
    const size_t n_in_lanes = sizeof in_lanes / sizeof *in_lanes;
    CI_TRY(
        ci_mem_alloc(&r->floats, (n_array + n_in_lanes * LANES) * n, sizeof(float), "direct sums"));
    for (size_t i = 0; i < n_in_lanes; i++)
        *in_lanes[i] = r->floats + i * LANES * n;
    for (size_t i = 0; i < n_array; i++)
        *arrays[i] = r->floats + (n_in_lanes * LANES + i) * n;
    return ci_mem_alloc(&run->row, n, sizeof *run->row, "direct sums");
}

static ci_status scratch_new(scratch *r, const ci_clean_points *p, const ci_vis_samples *s)
{
    size_t longest = RUN;
    for (size_t i = 0; i < s->n_axis; i++)
        if (s->axis[i].n_chan > longest) longest = s->axis[i].n_chan;
    *r = (scratch){
        .isa = p->axis->isa, .axis = p->axis, .is_moving = p->n_frame > 1, .n_max = longest};
    CI_TRY(batches_new(&r->batches, p));
    return scratch_alloc(r);
}

/* Where the channels of the last row are, and the greatest |offset| of them. */
typedef struct channels
{
    size_t first, n;
    float most_hz;
    size_t i_base; /* the last row that is a base */
} channels;

/* What hangs on the frequencies of a row's n samples, behind those that are there. */
static void channels_prepare(scratch *r, const ci_vis_samples *s, size_t i_row, size_t n,
                             channels *last)
{
    const ci_clean_flux_axis *axis = r->axis;
    size_t first = s->axis[s->i_axis[i_row]].first, at = last->first + last->n;
    const double *f = s->freq_hz + first;
    *last = (channels){.first = at, .n = n, .i_base = last->i_base};
    for (size_t k = 0; k < n; k++) {
        float hz = r->run.offset_hz[at + k] = (float)(f[k] - r->run.freq_hz);
        last->most_hz = fabsf(hz) > last->most_hz ? fabsf(hz) : last->most_hz;
    }
    for (size_t k = 0; r->is_fit && k < n; k++)
        r->run.relative[at + k] = (float)(f[k] / r->run.freq_hz);
    if (r->is_fit) memcpy(r->run.x + at, axis->x + first, n * sizeof(float));
    for (size_t i = 0; i < CI_CLEAN_FLUX_NODES; i++)
        memcpy(r->run.lagrange[i] + at, axis->weight + i * axis->n + first, n * sizeof(float));
}

/* Whether phases along a row's channels differ little from those of the last base, of any point. */
static bool is_near(const scratch *r, const ci_clean_points_row *row, const channels *last)
{
    const ci_clean_points_row *base = &r->run.row[last->i_base];
    double change_s = 0;
    for (int a = 0; a < 3; a++)
        change_s += fabs(row->uvw_s[a] - base->uvw_s[a]) * r->batches.most[a];
    return CI_TWO_PI * change_s * (double)last->most_hz <= CI_CLEAN_POINTS_PHASE;
}

/* A row's samples, from sample `at` of the run on. */
static void row_prepare(scratch *r, const ci_vis_samples *s, size_t i_row, size_t at,
                        channels *last)
{
    size_t n = ci_vis_row_n_chan(s, i_row), i = r->run.n_row++;
    ci_clean_points_row *row = &r->run.row[i];
    const double *uvw = s->uvw_m + 3 * i_row;
    bool is_repeat = i > 0 && s->i_axis[i_row] == s->i_axis[i_row - 1];
    row->end = at + n;
    if (i == 0) r->run.freq_hz = ci_vis_row_freq(s, i_row)[n / 2];
    for (int a = 0; a < 3; a++)
        row->uvw_s[a] = uvw[a] / CI_C_M_S;
    if (r->is_moving) ci_vis_row_time_taps(s, i_row, &row->taps);
    if (!is_repeat) channels_prepare(r, s, i_row, n, last);
    row->channel = last->first;
    row->is_base = !is_repeat || !is_near(r, row, last);
    if (row->is_base) last->i_base = i;
}

static void values_prepare(scratch *r, const ci_vis_samples *s)
{
    const float *vis = (const float *)(s->computed + r->first);
    if (!r->takes_residual) return;
    for (size_t k = 0; k < r->run.n; k++) {
        r->run.re[k] = vis[2 * k];
        r->run.im[k] = vis[2 * k + 1];
    }
    memcpy(r->run.weight, s->weight + r->first, r->run.n * sizeof(float));
}

/* The run that begins at a row: the rows of its summand, as many as there is space for. */
static void run_prepare(scratch *r, const ci_vis_samples *s, size_t i_row)
{
    channels last = {0};
    r->first = s->first[i_row];
    r->run.n_row = r->run.n = 0;
    do {
        row_prepare(r, s, i_row, r->run.n, &last);
        r->run.n += ci_vis_row_n_chan(s, i_row++);
    } while (i_row < s->n_row && !ci_vis_samples_summand_begins(s, i_row) &&
             r->run.n + ci_vis_row_n_chan(s, i_row) <= r->n_max);
    values_prepare(r, s);
}

/* Four lanes, as every machine has them. */
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

/* One lane with the sum of all, in an order of its own. */
static inline float lanes_sum(const float *v)
{
    const quad *q = (const quad *)v;
    quad sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Sum over all points into total_re, total_im. */
static void terms_sum(scratch *r)
{
    memset(r->run.sum_re, 0, r->run.n * LANES * sizeof(float));
    memset(r->run.sum_im, 0, r->run.n * LANES * sizeof(float));
    for (size_t i = 0; i < r->batches.n; i++) {
        const ci_clean_points_batch *batch = &r->batches.batch[i];
        ci_clean_points_kernel_get(r->isa, batch->n_point).add(&r->run, batch);
    }
    for (size_t k = 0; k < r->run.n; k++) {
        r->total_re[k] = lanes_sum(r->run.sum_re + k * LANES);
        r->total_im[k] = lanes_sum(r->run.sum_im + k * LANES);
    }
}

/* ---- all runs -------------------------------------------------------------------------------- */

ci_status ci_clean_points_add(const ci_clean_points *p, ci_vis_samples *s, double scale)
{
    scratch r;
    if (p->n == 0) return CI_OK;
    ci_status status = scratch_new(&r, p, s);
    for (size_t i = 0; status == CI_OK && i < s->n_row; i += r.run.n_row) {
        run_prepare(&r, s, i);
        float *value = (float *)(s->computed + s->first[i]);
        terms_sum(&r);
        for (size_t k = 0; k < r.run.n; k++) {
            value[2 * k] += (float)scale * r.total_re[k];
            value[2 * k + 1] += (float)scale * r.total_im[k];
        }
    }
    scratch_clear(&r);
    return status;
}

/* One run's part of the sums of every point: summand [n][CI_FIT_SUMS]. */
static void run_correlate(scratch *r, double *summand)
{
    for (size_t i = 0; i < r->batches.n; i++) {
        size_t first = i * LANES;
        const ci_clean_points_batch *batch = &r->batches.batch[i];
        ci_clean_points_kernel_get(r->isa, batch->n_point).correlate(&r->run, batch, r->lane_sum);
        for (size_t k = 0; k < batch->n_point * CI_FIT_SUMS; k++)
            summand[first * CI_FIT_SUMS + k] += r->lane_sum[k];
    }
}

/* Sums of all points together: summand [2]. */
static void run_project(scratch *r, double *summand)
{
    const ci_clean_points_run *run = &r->run;
    terms_sum(r);
    for (size_t k = 0; k < run->n; k++) {
        double re = r->total_re[k], im = r->total_im[k], w = run->weight[k];
        summand[0] += w * (run->re[k] * re + run->im[k] * im);
        summand[1] += w * (re * re + im * im);
    }
}

/* The sum of all points in one run. */
static void run_keep(const scratch *r, ci_c32 *all)
{
    float *keep = (float *)(all + r->first);
    for (size_t k = 0; k < r->run.n; k++) {
        keep[2 * k] = r->total_re[k];
        keep[2 * k + 1] = r->total_im[k];
    }
}

/* A sum over all runs. */
typedef struct job
{
    const ci_clean_points *points;
    const ci_vis_samples *samples;
    size_t n_value; /* of a summand */
    void (*run_add)(scratch *r, double *summand);
    bool is_fit;
    ci_c32 *all; /* [n_sample] takes the sum of all points; or NULL */
} job;

static ci_status summands_add(const job *j, ci_par_pairwise *sums)
{
    scratch r;
    double *summand = NULL;
    const ci_vis_samples *s = j->samples;
    ci_status status = scratch_new(&r, j->points, s);
    r.takes_residual = true;
    r.is_fit = j->is_fit;
    for (size_t i = 0; status == CI_OK && i < s->n_row; i += r.run.n_row) {
        if (ci_vis_samples_summand_begins(s, i)) summand = ci_par_pairwise_next(sums);
        run_prepare(&r, s, i);
        j->run_add(&r, summand);
        if (j->all) run_keep(&r, j->all);
    }
    scratch_clear(&r);
    return status;
}

static ci_status summands_sum(ci_comm *comm, const job *j, double *sum)
{
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(j->samples), j->n_value));
    ci_status status = ci_par_agree(comm, summands_add(j, sums));
    if (status == CI_OK) status = ci_par_pairwise_finish(comm, sums, sum);
    ci_par_pairwise_free(sums);
    return status;
}

ci_status ci_clean_points_correlate(ci_comm *comm, const ci_clean_points *p,
                                    const ci_vis_samples *s, double *sums)
{
    const job j = {p, s, p->n * CI_FIT_SUMS, run_correlate, true, NULL};
    return summands_sum(comm, &j, sums);
}

ci_status ci_clean_points_project(ci_comm *comm, const ci_clean_points *p, const ci_vis_samples *s,
                                  ci_c32 *all, double *dot, double *norm)
{
    double sum[2];
    const job j = {p, s, 2, run_project, false, all};
    CI_TRY(summands_sum(comm, &j, sum));
    *dot = sum[0];
    *norm = sum[1];
    return CI_OK;
}
