/* Direct sums over points whose flux depends on integration and frequency. */
#include "clean/bright.h"
#include "contimg/num.h"

#include <math.h>

enum
{
    RESEED = 128, /* channels after which a phasor is computed anew */
    BATCH = 8     /* points whose sums are held by unit at a time */
};

ci_status ci_clean_points_new(ci_clean_points *out, size_t n, size_t n_frame)
{
    *out = (ci_clean_points){.n = n, .n_frame = n_frame};
    CI_TRY(ci_mem_alloc(&out->lmn, 3 * n, sizeof *out->lmn, "bright sources"));
    return ci_mem_alloc(&out->flux, n * n_frame * CI_BRIGHT_NODES, sizeof *out->flux,
                        "bright sources");
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

/* ---- one row ------------------------------------------------------------------------------- */

/* What a run of rows needs besides its points: [n_chan] each, lagrange [NODES][n_chan]. */
typedef struct room
{
    const ci_clean_points_kernel *kernel;
    size_t n_chan, n_even; /* channels that a phasor is carried over before it is made anew */
    double *lagrange, *re, *im, *sum_re, *sum_im;
    double *x, *g; /* ln(nu / ref_hz); 2 pi nu / c, 1/m */
    double *all;   /* owns them */
} room;

static ci_status room_new(room *r, const ci_clean_bright *b, const ci_vis_rows *rows)
{
    size_t n = rows->n_chan, at = CI_BRIGHT_NODES * n;
    *r = (room){.kernel = ci_clean_points_kernel_pick(), .n_chan = n, .n_even = RESEED};
    double **const part[] = {&r->re, &r->im, &r->sum_re, &r->sum_im, &r->x, &r->g};
    const size_t n_part = sizeof part / sizeof *part;
    CI_TRY(ci_mem_alloc(&r->all, (CI_BRIGHT_NODES + n_part) * n, sizeof(double), "bright sources"));
    r->lagrange = r->all;
    for (size_t i = 0; i < n_part; i++, at += n)
        *part[i] = r->all + at;
    const double *f = rows->freq_hz;
    for (size_t k = 2; k < n; k++)
        if (fabs((f[k] - f[k - 1]) - (f[1] - f[0])) > 1e-3) r->n_even = 1;
    for (size_t k = 0; k < n; k++) {
        r->x[k] = log(f[k] / b->ref_hz);
        r->g[k] = 2 * CI_PI * f[k] / CI_C_M_S;
    }
    for (int i = 0; i < CI_BRIGHT_NODES; i++)
        for (size_t k = 0; k < n; k++)
            r->lagrange[(size_t)i * n + k] = ci_clean_bright_lagrange(b, i, f[k]);
    return CI_OK;
}

/* One point's visibilities in one row, into re and im. */
static void point_fill(room *r, const ci_vis_rows *rows, size_t i_row, const double *lmn,
                       const double *node)
{
    const double *uvw = rows->uvw_m + 3 * i_row, *f = rows->freq_hz;
    double path_s = (uvw[0] * lmn[0] + uvw[1] * lmn[1] + uvw[2] * lmn[2]) / CI_C_M_S;
    double turn[2], start[2];
    ci_num_turns_cos_sin(r->n_chan > 1 ? path_s * (f[1] - f[0]) : 0, &turn[0], &turn[1]);
    for (size_t k = 0; k < r->n_chan; k += r->n_even) {
        size_t n = r->n_chan - k < r->n_even ? r->n_chan - k : r->n_even;
        ci_num_turns_cos_sin(path_s * f[k], &start[0], &start[1]);
        r->kernel->fill(n, start, turn, r->lagrange + k, r->n_chan, node, r->re + k, r->im + k);
    }
}

static const double *nodes_of(const ci_clean_points *p, size_t i, int32_t i_time)
{
    size_t t = p->n_frame == 1 ? 0 : (size_t)i_time;
    return p->flux + (i * p->n_frame + t) * CI_BRIGHT_NODES;
}

/* Sum over all points into sum_re, sum_im. */
static void row_sum(room *r, const ci_vis_rows *rows, size_t i_row, int32_t i_time,
                    const ci_clean_points *p)
{
    for (size_t k = 0; k < r->n_chan; k++)
        r->sum_re[k] = r->sum_im[k] = 0;
    for (size_t i = 0; i < p->n; i++) {
        point_fill(r, rows, i_row, p->lmn + 3 * i, nodes_of(p, i, i_time));
        for (size_t k = 0; k < r->n_chan; k++) {
            r->sum_re[k] += r->re[k];
            r->sum_im[k] += r->im[k];
        }
    }
}

/* ---- all rows -------------------------------------------------------------------------------- */

static ci_status rows_add(const ci_clean_bright *b, const ci_vis_samples *s, size_t i_rows,
                          const ci_clean_points *p, double scale)
{
    const ci_vis_rows *rows = &s->rows[i_rows];
    room r;
    CI_TRY(room_new(&r, b, rows));
    for (size_t i = 0; i < rows->n_row; i++) {
        float *value = (float *)(s->work[i_rows] + i * rows->n_chan);
        row_sum(&r, rows, i, s->set->block[i_rows]->i_time[i], p);
        for (size_t k = 0; k < rows->n_chan; k++) {
            value[2 * k] += (float)(scale * r.sum_re[k]);
            value[2 * k + 1] += (float)(scale * r.sum_im[k]);
        }
    }
    ci_mem_free(r.all);
    return CI_OK;
}

ci_status ci_clean_points_add(const ci_clean_bright *b, const ci_vis_samples *s,
                              const ci_clean_points *p, double scale)
{
    for (size_t i = 0; p->n > 0 && i < s->n_rows; i++)
        CI_TRY(rows_add(b, s, i, p, scale));
    return CI_OK;
}

/* Points [n] of a sum, and the values that it has for one unit. */
typedef struct part
{
    const ci_clean_points *points;
    size_t first, n, n_value;
} part;

/* One row's part of the sums of every point: unit [n][CI_FIT_SUMS]. */
static void row_correlate(room *r, const ci_vis_samples *s, size_t i_rows, size_t i_row,
                          const part *p, double *unit)
{
    const ci_vis_rows *rows = &s->rows[i_rows];
    const float *vis = (const float *)(s->work[i_rows] + i_row * rows->n_chan);
    const float *weight = rows->weight + i_row * rows->n_chan;
    const double *uvw = rows->uvw_m + 3 * i_row;
    int32_t i_time = s->set->block[i_rows]->i_time[i_row];
    double sum[CI_CLEAN_POINTS_SUMS];
    for (size_t i = p->first; i < p->first + p->n; i++, unit += CI_FIT_SUMS) {
        const double *lmn = p->points->lmn + 3 * i;
        point_fill(r, rows, i_row, lmn, nodes_of(p->points, i, i_time));
        r->kernel->sums(r->n_chan, weight, vis, r->re, r->im, r->x, r->g, sum);
        /* dn/dl = -l/n */
        double u = uvw[0] - uvw[2] * lmn[0] / (1 + lmn[2]);
        double v = uvw[1] - uvw[2] * lmn[1] / (1 + lmn[2]);
        unit[CI_FIT_DOT] += sum[CI_CLEAN_POINTS_A];
        unit[CI_FIT_DOT_X] += sum[CI_CLEAN_POINTS_A_X];
        unit[CI_FIT_DOT_L] += u * sum[CI_CLEAN_POINTS_B_G];
        unit[CI_FIT_DOT_M] += v * sum[CI_CLEAN_POINTS_B_G];
        unit[CI_FIT_NORM] += sum[CI_CLEAN_POINTS_N];
        unit[CI_FIT_NORM_X] += sum[CI_CLEAN_POINTS_N_X];
        unit[CI_FIT_NORM_XX] += sum[CI_CLEAN_POINTS_N_XX];
        unit[CI_FIT_NORM_LL] += u * u * sum[CI_CLEAN_POINTS_N_GG];
        unit[CI_FIT_NORM_LM] += u * v * sum[CI_CLEAN_POINTS_N_GG];
        unit[CI_FIT_NORM_MM] += v * v * sum[CI_CLEAN_POINTS_N_GG];
    }
}

/* unit [2]. */
static void row_project(room *r, const ci_vis_samples *s, size_t i_rows, size_t i_row,
                        const part *p, double *unit)
{
    const ci_vis_rows *rows = &s->rows[i_rows];
    const float *vis = (const float *)(s->work[i_rows] + i_row * rows->n_chan);
    const float *weight = rows->weight + i_row * rows->n_chan;
    double sum[CI_CLEAN_POINTS_SUMS];
    row_sum(r, rows, i_row, s->set->block[i_rows]->i_time[i_row], p->points);
    r->kernel->sums(r->n_chan, weight, vis, r->sum_re, r->sum_im, r->x, r->g, sum);
    unit[0] += sum[CI_CLEAN_POINTS_A];
    unit[1] += sum[CI_CLEAN_POINTS_N];
}

typedef void (*row_function)(room *r, const ci_vis_samples *s, size_t i_rows, size_t i_row,
                             const part *p, double *unit);

/* Runs `row` over all rows, with one sum [n_value] per fixed unit, and adds the units. */
static ci_status units_sum(ci_comm *comm, const ci_clean_bright *b, const ci_vis_samples *s,
                           const part *p, row_function row, double *sum)
{
    double *unit = NULL;
    size_t n_unit = ci_vis_samples_units(s), i_unit = 0;
    ci_status status = ci_mem_alloc(&unit, n_unit * p->n_value, sizeof *unit, "bright sources");
    for (size_t i = 0; status == CI_OK && i < s->n_rows; i++) {
        const ci_vis_block *block = s->set->block[i];
        room r;
        status = room_new(&r, b, &s->rows[i]);
        for (size_t k = 0; status == CI_OK && k < block->n_row; k++) {
            i_unit += ci_vis_unit_begins(block, k);
            row(&r, s, i, k, p, unit + (i_unit - 1) * p->n_value);
        }
        ci_mem_free(r.all);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_sum_units(comm, n_unit, p->n_value, unit, sum);
    ci_mem_free(unit);
    return status;
}

ci_status ci_clean_points_correlate(ci_comm *comm, const ci_clean_bright *b,
                                    const ci_vis_samples *s, const ci_clean_points *p, double *sums)
{
    for (size_t i = 0; i < p->n; i += BATCH) {
        part batch = {.points = p, .first = i, .n = p->n - i < BATCH ? p->n - i : BATCH};
        batch.n_value = batch.n * CI_FIT_SUMS;
        CI_TRY(units_sum(comm, b, s, &batch, row_correlate, sums + i * CI_FIT_SUMS));
    }
    return CI_OK;
}

ci_status ci_clean_points_project(ci_comm *comm, const ci_clean_bright *b, const ci_vis_samples *s,
                                  const ci_clean_points *p, double *dot, double *norm)
{
    double sum[2];
    const part all = {.points = p, .n = p->n, .n_value = 2};
    CI_TRY(units_sum(comm, b, s, &all, row_project, sum));
    *dot = sum[0];
    *norm = sum[1];
    return CI_OK;
}
