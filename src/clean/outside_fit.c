/* Fluxes and positions of sources outside the image by least squares on the residual visibilities,
 * in every major cycle some steps. A source's step is that of its columns, whose normal equations
 * follow from the weights by time and frequency alone, and of its position; the steps of all are
 * taken together by the length that leaves least, as those of bright sources are (source_fit.c).
 * Faint sources have the column of the known beam alone; the others' are constrained to 0 +- a part
 * of the flux, positions to 0 +- 0.2 beams where the noise says nothing. */
#include "clean/outside.h"

#include <math.h>
#include <string.h>

enum
{
    PASSES = 4,
    N_COLUMN = CI_CLEAN_OUTSIDE_COLUMNS
};
static const double shows_min = 0.1;    /* a change of flux in units of the rms */
static const double bright_min = 20;    /* flux over the rms: all columns */
static const double column_sigma = 0.5; /* of the flux */

typedef struct step
{
    double column_jy[N_COLUMN], l, m;
    bool shows;
} step;

typedef struct fit
{
    ci_clean_model *model;
    ci_vis_samples *samples; /* residual in samples->computed */
    size_t n_node;           /* of one column: [n_time][CI_CLEAN_FLUX_NODES] */
    double *weight;          /* [n_time][NODES][NODES]: sums of weights times both nodes' */
    double noise2;           /* of the sums: sum of weights x rms^2 */
    double beam_rad;
    size_t *which, n; /* the sources that are fitted, by their indices in the list, and ... */
    step *steps;      /* ... their steps, [n] */
} fit;

/* Faint sources have one. */
static int column_count(const fit *f, size_t i)
{
    const ci_clean_outside *s = &f->model->outside[f->which[i]];
    double flux = s->column_jy[CI_CLEAN_OUTSIDE_KNOWN] + s->column_jy[CI_CLEAN_OUTSIDE_FREE];
    return fabs(flux) >= bright_min * f->model->residual_rms ? N_COLUMN : 1;
}

/* ---- weights ------------------------------------------------------------------------------- */

/* The same on every rank: the weights by time are exact integers. */
static ci_status weight_set(ci_comm *comm, fit *f, double sum_weight)
{
    const ci_vis_samples *s = f->samples;
    int64_t *by_time = NULL;
    double sum = 0;
    CI_TRY(ci_vis_samples_weight_by_time(comm, s, &by_time));
    for (size_t i = 0; i < s->n_freq; i++) {
        double node[CI_CLEAN_FLUX_NODES];
        for (int k = 0; k < CI_CLEAN_FLUX_NODES; k++)
            node[k] = ci_clean_flux_lagrange(&f->model->axis, k, s->freq_hz[i]);
        for (size_t t = 0; t < s->n_time; t++) {
            double w = (double)by_time[t * s->n_freq + i], *to = f->weight + t * 16;
            sum += w;
            for (int j = 0; j < CI_CLEAN_FLUX_NODES; j++)
                for (int k = 0; k < CI_CLEAN_FLUX_NODES; k++)
                    to[4 * j + k] += w * node[j] * node[k];
        }
    }
    for (size_t i = 0; sum > 0 && i < 16 * s->n_time; i++)
        f->weight[i] *= sum_weight / sum;
    ci_mem_free(by_time);
    return CI_OK;
}

/* Sum of w a b over all samples; a, b [n_node]. */
static double product(const fit *f, const double *a, const double *b)
{
    double sum = 0;
    for (size_t t = 0; t < f->samples->n_time; t++)
        for (int j = 0; j < CI_CLEAN_FLUX_NODES; j++)
            for (int k = 0; k < CI_CLEAN_FLUX_NODES; k++)
                sum += a[4 * t + (size_t)j] * f->weight[16 * t + (size_t)(4 * j + k)] *
                       b[4 * t + (size_t)k];
    return sum;
}

/* ---- one source's step --------------------------------------------------------------------- */

/* Solves a x = b, n equations, a positive definite (Cholesky); both are overwritten, x is in b. */
static void solve(int n, double a[N_COLUMN][N_COLUMN], double b[N_COLUMN])
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++)
            a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = sqrt(a[i][i]);
        for (int j = i + 1; j < n; j++) {
            for (int k = 0; k < i; k++)
                a[j][i] -= a[j][k] * a[i][k];
            a[j][i] /= a[i][i];
        }
        for (int k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = n; i-- > 0;) {
        for (int k = i + 1; k < n; k++)
            b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
}

/* What the constraint of a column adds to its norm. */
static double column_damp(const fit *f, const ci_clean_outside *s, int i_column)
{
    double sigma = column_sigma * fmax(fabs(s->column_jy[0]), f->model->residual_rms);
    return i_column == 0 ? 1e-12 * f->noise2 / (sigma * sigma) : f->noise2 / (sigma * sigma);
}

static void columns_step(const fit *f, const ci_clean_outside *s, int n, const double *table,
                         const double *sums, step *out)
{
    double a[N_COLUMN][N_COLUMN];
    for (int i = 0; i < n; i++) {
        const double *row = table + (size_t)i * f->n_node;
        for (int k = 0; k <= i; k++)
            a[i][k] = a[k][i] = product(f, row, table + (size_t)k * f->n_node);
        double damp = column_damp(f, s, i);
        out->column_jy[i] = sums[i * CI_FIT_SUMS + CI_FIT_DOT] - damp * s->column_jy[i];
        a[i][i] = a[i][i] * (1 + 1e-9) + damp;
    }
    solve(n, a, out->column_jy);
}

static double place_damp(const fit *f)
{
    return f->noise2 / pow(CI_CLEAN_POSITION_SIGMA * f->beam_rad, 2);
}

/* No step is longer than a quarter of the beam. */
static void place_step(const fit *f, const double *sums, step *out)
{
    double damp = place_damp(f);
    double ll = sums[CI_FIT_NORM_LL] + damp, mm = sums[CI_FIT_NORM_MM] + damp;
    double lm = sums[CI_FIT_NORM_LM], det = ll * mm - lm * lm;
    if (!(det > 0)) return;
    out->l = (mm * sums[CI_FIT_DOT_L] - lm * sums[CI_FIT_DOT_M]) / det;
    out->m = (ll * sums[CI_FIT_DOT_M] - lm * sums[CI_FIT_DOT_L]) / det;
    double length = hypot(out->l, out->m), most = f->beam_rad / 4;
    if (length <= most) return;
    out->l *= most / length;
    out->m *= most / length;
}

/* Of source i; table: its columns; sums [its columns + 1][CI_FIT_SUMS]. */
static step source_step(const fit *f, size_t i, const double *table, const double *sums)
{
    const ci_clean_outside *s = &f->model->outside[f->which[i]];
    step out = {.shows = false};
    int n = column_count(f, i);
    double change = 0, flux = 0, least = shows_min * f->model->residual_rms;
    columns_step(f, s, n, table, sums, &out);
    place_step(f, sums + n * CI_FIT_SUMS, &out);
    for (size_t k = 0; k < f->n_node; k++) {
        double d = 0, v = 0;
        for (size_t c = 0; c < N_COLUMN; c++) {
            d += out.column_jy[c] * table[c * f->n_node + k];
            v += s->column_jy[c] * table[c * f->n_node + k];
        }
        change = fmax(change, fabs(d));
        flux = fmax(flux, fabs(v));
    }
    out.shows = change > least || flux * hypot(out.l, out.m) / f->beam_rad > least;
    return out;
}

/* ---- all together -------------------------------------------------------------------------- */

/* Where the points of source i begin: those of its columns, then all of it. */
static size_t point_first(const fit *f, size_t i)
{
    size_t first = 0;
    while (i > 0)
        first += (size_t)column_count(f, --i) + 1;
    return first;
}

/* The points of source i; its columns into table. */
static void points_fill(const fit *f, size_t i, double *table, ci_clean_points *points)
{
    const ci_clean_outside *s = &f->model->outside[f->which[i]];
    size_t first = point_first(f, i), n = (size_t)column_count(f, i);
    double *flux = points->flux + first * f->n_node, *all = flux + n * f->n_node;
    ci_clean_outside_columns(f->model, f->samples, s->l, s->m, table);
    memcpy(flux, table, n * f->n_node * sizeof *flux);
    for (size_t k = 0; k < f->n_node; k++) {
        all[k] = 0;
        for (size_t c = 0; c < N_COLUMN; c++)
            all[k] += s->column_jy[c] * table[c * f->n_node + k];
    }
    for (size_t k = 0; k <= n; k++)
        ci_clean_points_place(points, first + k, s->l, s->m);
}

/* Sums [points][CI_FIT_SUMS] of the sources that are fitted with the residual, and their columns,
 * tables [n][N_COLUMN][n_node]. */
static ci_status sums_find(ci_comm *comm, const fit *f, double *tables, double *sums)
{
    const ci_clean_model *b = f->model;
    ci_clean_points points = {0};
    ci_status status = ci_par_agree(
        comm, ci_clean_points_new(&points, &b->axis, point_first(f, f->n), f->samples->n_time));
    for (size_t i = 0; status == CI_OK && i < f->n; i++)
        points_fill(f, i, tables + i * N_COLUMN * f->n_node, &points);
    if (status == CI_OK) status = ci_clean_points_correlate(comm, &points, f->samples, sums);
    ci_clean_points_clear(&points);
    return status;
}

/* Only those whose step shows are fitted on. */
static void shown_select(fit *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->steps[i].shows) {
            f->which[n] = f->which[i];
            f->steps[n++] = f->steps[i];
        }
    f->n = n;
}

/* Steps of the sources that are fitted, rank 0's on every rank. */
static ci_status steps_find(ci_comm *comm, fit *f)
{
    double *sums = NULL, *tables = NULL;
    ci_status status = ci_mem_alloc(&sums, point_first(f, f->n) * CI_FIT_SUMS, sizeof *sums,
                                    "sources outside the image");
    if (status == CI_OK)
        status = ci_mem_alloc(&tables, f->n * N_COLUMN * f->n_node, sizeof *tables,
                              "sources outside the image");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = sums_find(comm, f, tables, sums);
    for (size_t i = 0; status == CI_OK && i < f->n; i++)
        f->steps[i] = source_step(f, i, tables + i * N_COLUMN * f->n_node,
                                  sums + point_first(f, i) * CI_FIT_SUMS);
    if (status == CI_OK) status = ci_par_bcast(comm, f->steps, f->n * sizeof *f->steps, 0);
    if (status == CI_OK) shown_select(f);
    ci_mem_free(sums);
    ci_mem_free(tables);
    return status;
}

static ci_clean_outside source_stepped(const ci_clean_outside *s, const step *by, double part)
{
    ci_clean_outside out = *s;
    for (int i = 0; i < N_COLUMN; i++)
        out.column_jy[i] += part * by->column_jy[i];
    out.l += part * by->l;
    out.m += part * by->m;
    return out;
}

/* The change that `part` of the steps makes: the new points, less the old ones. */
static ci_status change_fill(const fit *f, double part, ci_clean_points *points)
{
    for (size_t i = 0; i < f->n; i++) {
        const ci_clean_outside *before = &f->model->outside[f->which[i]];
        ci_clean_outside now = source_stepped(before, &f->steps[i], part), less = *before;
        for (int k = 0; k < N_COLUMN; k++)
            less.column_jy[k] *= -1;
        CI_TRY(ci_clean_outside_points(f->model, f->samples, &now, 1, 2 * i, points));
        CI_TRY(ci_clean_outside_points(f->model, f->samples, &less, 1, 2 * i + 1, points));
    }
    return CI_OK;
}

/* The part of the steps, at most all, that leaves least of the residual. */
static ci_status part_find(ci_comm *comm, const fit *f, ci_clean_points *points, double *part)
{
    double along = 0, length = 0;
    CI_AGREE(comm, change_fill(f, 1, points));
    CI_TRY(ci_clean_points_project(comm, points, f->samples, NULL, &along, &length));
    for (size_t i = 0; i < f->n; i++) {
        const ci_clean_outside *s = &f->model->outside[f->which[i]];
        for (int k = 1; k < N_COLUMN; k++) {
            double damp = column_damp(f, s, k), by = f->steps[i].column_jy[k];
            along -= damp * s->column_jy[k] * by;
            length += damp * by * by;
        }
    }
    *part = length > 0 ? fmax(0, fmin(1, along / length)) : 0;
    return CI_OK;
}

static ci_status steps_take(ci_comm *comm, const fit *f)
{
    double part = 0;
    ci_clean_model *b = f->model;
    ci_clean_points points = {0};
    ci_status status =
        ci_par_agree(comm, ci_clean_points_new(&points, &b->axis, 2 * f->n, f->samples->n_time));
    if (status == CI_OK) status = part_find(comm, f, &points, &part);
    if (status == CI_OK) status = ci_par_agree(comm, change_fill(f, part, &points));
    if (status == CI_OK) status = ci_par_agree(comm, ci_clean_points_add(&points, f->samples, -1));
    for (size_t i = 0; status == CI_OK && i < f->n; i++) {
        ci_clean_outside *s = &b->outside[f->which[i]];
        *s = source_stepped(s, &f->steps[i], part);
    }
    ci_clean_points_clear(&points);
    return status;
}

static ci_status fit_new(fit *f, const ci_clean_outside_setup *setup)
{
    ci_clean_model *b = setup->model;
    *f = (fit){.model = b,
               .samples = setup->samples,
               .n_node = setup->samples->n_time * CI_CLEAN_FLUX_NODES,
               .noise2 = setup->sum_weight * b->residual_rms * b->residual_rms,
               .beam_rad = setup->beam.minor * b->cell_rad,
               .n = b->n_outside};
    CI_TRY(ci_mem_alloc(&f->weight, 16 * setup->samples->n_time, sizeof *f->weight,
                        "sources outside the image"));
    CI_TRY(ci_mem_alloc(&f->which, f->n, sizeof *f->which, "sources outside the image"));
    for (size_t i = 0; i < f->n; i++)
        f->which[i] = i;
    return ci_mem_alloc(&f->steps, f->n, sizeof *f->steps, "sources outside the image");
}

ci_status ci_clean_outside_fit(ci_comm *comm, const ci_clean_outside_setup *setup)
{
    fit f;
    if (setup->model->n_outside == 0) return CI_OK;
    ci_status status = ci_par_agree(comm, fit_new(&f, setup));
    if (status == CI_OK) status = weight_set(comm, &f, setup->sum_weight);
    for (int pass = 0; status == CI_OK && pass < PASSES && f.n > 0; pass++) {
        status = steps_find(comm, &f);
        if (status == CI_OK && f.n > 0) status = steps_take(comm, &f);
    }
    ci_mem_free(f.weight);
    ci_mem_free(f.which);
    ci_mem_free(f.steps);
    return status;
}
