/* The offset on the sky that antennas' rates of phase fit: least squares over the antennas that are
 * not far off, with one constant for all or, where two groups may drift apart, two. */
#include "cal/offset.h"

#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>

enum
{
    N_DIRECTION = 4, /* in which antennas are ordered: both predictors, their sum and difference */
    N_CLIP = 20,
    N_BLOCK = 12, /* of neighbours, whose rates may be alike */
    N_CUT = 128   /* of an order into two groups, about, at most */
};

static const double off_sigma = 4;  /* rates that do not count */
static const double sure_sigma = 5; /* of normal errors; more with few antennas */
/* The same where two groups may drift apart: the two are the worst of many. */
static const double groups_sigma = 3;
static const double least_spread = 1e-6; /* of one axis, of the other: less tells nothing */
static const double covered = 0.8;       /* part of the antennas that a fit is chosen by */

typedef struct turn_fit
{
    double mean[2][3];           /* of each group that counts: predictors, rate */
    double axis[2][2], along[2]; /* principal axes, and the offset along them */
    double spread[2], sigma[2];  /* sums of squares of the predictors; infinite: not known */
    double n_group[2];
    double off; /* that the covered part of rates has at most */
} turn_fit;

typedef struct turn_work
{
    const ci_cal_turn *turn;
    size_t n, *order; /* [N_DIRECTION][n] */
    uint8_t *group;   /* [n] 0 or 1 */
    uint8_t *is_in;   /* [n] counts */
    double *rest, *scratch;
} turn_work;

/* ---- one fit --------------------------------------------------------------------------------- */

/* Number k of an antenna about the mean of its group: predictors 0 and 1, 2 the rate. */
static double about_mean(const turn_work *w, const turn_fit *f, size_t i, int k)
{
    const ci_cal_turn *t = &w->turn[i];
    return (k == 2 ? t->rate : t->per_rad[k]) - f->mean[w->group[i]][k];
}

static double on_axis(const turn_work *w, const turn_fit *f, size_t i, int k)
{
    return f->axis[k][0] * about_mean(w, f, i, 0) + f->axis[k][1] * about_mean(w, f, i, 1);
}

static void means_find(const turn_work *w, turn_fit *f)
{
    *f = (turn_fit){0};
    for (size_t i = 0; i < w->n; i++) {
        if (!w->is_in[i]) continue;
        double *mean = f->mean[w->group[i]];
        mean[0] += w->turn[i].per_rad[0];
        mean[1] += w->turn[i].per_rad[1];
        mean[2] += w->turn[i].rate;
        f->n_group[w->group[i]]++;
    }
    for (int g = 0; g < 2; g++)
        for (int k = 0; k < 3 && f->n_group[g] > 0; k++)
            f->mean[g][k] /= f->n_group[g];
}

/* Least squares over the antennas that count; `rest` of all. */
static void offset_solve(const turn_work *w, turn_fit *f)
{
    double xx = 0, xy = 0, yy = 0, xr = 0, yr = 0;
    means_find(w, f);
    for (size_t i = 0; i < w->n; i++) {
        if (!w->is_in[i]) continue;
        double x = about_mean(w, f, i, 0), y = about_mean(w, f, i, 1);
        double rate = about_mean(w, f, i, 2);
        xx += x * x;
        xy += x * y;
        yy += y * y;
        xr += x * rate;
        yr += y * rate;
    }
    double middle = 0.5 * (xx + yy), half = 0.5 * (xx - yy), root = hypot(half, xy);
    double angle = 0.5 * atan2(xy, half);
    for (int k = 0; k < 2; k++, angle += 0.5 * CI_PI) {
        f->axis[k][0] = cos(angle);
        f->axis[k][1] = sin(angle);
        f->spread[k] = k == 0 ? middle + root : middle - root;
        bool is_known = f->spread[k] > least_spread * (middle + root);
        if (!is_known) f->spread[k] = 0;
        f->along[k] = is_known ? (f->axis[k][0] * xr + f->axis[k][1] * yr) / f->spread[k] : 0;
    }
    for (size_t i = 0; i < w->n; i++)
        w->rest[i] = about_mean(w, f, i, 2) - f->along[0] * on_axis(w, f, i, 0) -
                     f->along[1] * on_axis(w, f, i, 1);
}

/* Which antennas count, by what is left of their rates; false: no others than before, or too few.
 */
static bool outliers_leave(const turn_work *w)
{
    size_t n_in = 0, n_changed = 0;
    for (size_t i = 0; i < w->n; i++)
        w->scratch[i] = w->rest[i];
    double centre = ci_num_median(w->scratch, w->n);
    double most = off_sigma * ci_num_mad_sigma(w->scratch, w->n);
    for (size_t i = 0; i < w->n; i++)
        n_in += fabs(w->rest[i] - centre) <= most;
    if (2 * n_in < w->n || n_in < CI_CAL_OFFSET_ANTENNAS) return false;
    for (size_t i = 0; i < w->n; i++) {
        uint8_t is_in = fabs(w->rest[i] - centre) <= most;
        n_changed += is_in != w->is_in[i];
        w->is_in[i] = is_in;
    }
    return n_changed > 0;
}

/* From all antennas, or from those that no offset leaves, until the same ones count again. */
static void fit_from(const turn_work *w, bool from_none, turn_fit *f)
{
    for (size_t i = 0; i < w->n; i++) {
        w->is_in[i] = 1;
        w->rest[i] = w->turn[i].rate;
    }
    if (from_none) outliers_leave(w);
    offset_solve(w, f);
    for (int step = 0; step < N_CLIP && outliers_leave(w); step++)
        offset_solve(w, f);
    for (size_t i = 0; i < w->n; i++)
        w->scratch[i] = fabs(w->rest[i]);
    f->off = ci_num_nth(w->scratch, w->n, (size_t)(covered * (double)(w->n - 1)));
}

/* ---- its errors ------------------------------------------------------------------------------ */

/* An antenna's part in the offset along an axis, times the spread: what is left of its rate, as
 * it would be had it not been fitted (MacKinnon & White 1985, HC3). */
static double score(const turn_work *w, const turn_fit *f, size_t i, int axis)
{
    double lever = 1 / f->n_group[w->group[i]];
    for (int k = 0; k < 2; k++)
        if (f->spread[k] > 0) lever += pow(on_axis(w, f, i, k), 2) / f->spread[k];
    return on_axis(w, f, i, axis) * w->rest[i] / fmax(1 - lever, 0.1);
}

/* Sum of squared scores of blocks of neighbours in one order; those of a block are added first. */
static double blocks_sum(const turn_work *w, const turn_fit *f, const size_t *order, size_t n_block,
                         int axis)
{
    double sum = 0;
    for (size_t b = 0; b < n_block; b++) {
        double block = 0;
        for (size_t i = b * w->n / n_block; i < (b + 1) * w->n / n_block; i++)
            if (w->is_in[order[i]]) block += score(w, f, order[i], axis);
        sum += block * block;
    }
    return sum;
}

static double n_free_of(const turn_fit *f)
{
    return f->n_group[0] + f->n_group[1] - 3 - (f->n_group[0] > 0 && f->n_group[1] > 0);
}

/* The greatest of what the scatter of all rates gives, the antennas one by one, and blocks of
 * neighbours, whose drifts may be alike (Liang & Zeger 1986). */
static void sigma_find(const turn_work *w, turn_fit *f)
{
    double chi2 = 0;
    size_t n_block = w->n / 3 < N_BLOCK ? w->n / 3 : N_BLOCK;
    for (size_t i = 0; i < w->n; i++)
        if (w->is_in[i]) chi2 += w->rest[i] * w->rest[i];
    for (int k = 0; k < 2; k++) {
        double most = chi2 / n_free_of(f) * f->spread[k];
        most = fmax(most, blocks_sum(w, f, w->order, w->n, k));
        for (int d = 0; d < N_DIRECTION; d++)
            most = fmax(most, blocks_sum(w, f, w->order + (size_t)d * w->n, n_block, k));
        f->sigma[k] = f->spread[k] > 0 ? sqrt(most) / f->spread[k] : INFINITY;
    }
}

/* By how much the offset is beyond its error along the principal axes, or along itself. */
static double sure_of(const turn_fit *f, double sigma)
{
    double times = ci_num_student(sigma, n_free_of(f)), length = hypot(f->along[0], f->along[1]);
    double sure = 0, square = 0;
    for (int k = 0; k < 2; k++) {
        if (!isfinite(f->sigma[k])) continue;
        sure = fmax(sure, fabs(f->along[k]) - times * f->sigma[k]);
        square += pow(f->along[k] * f->sigma[k], 2);
    }
    return length > 0 ? fmax(sure, length - times * sqrt(square) / length) : 0;
}

/* The better of both starts: where most antennas lie across what an offset changes, those that it
 * does change would look like outliers. */
static void fit_best(const turn_work *w, turn_fit *out)
{
    turn_fit from_none;
    fit_from(w, true, &from_none);
    fit_from(w, false, out);
    if (from_none.off < out->off) fit_from(w, true, out);
    sigma_find(w, out);
}

/* ---- all of it ------------------------------------------------------------------------------- */

typedef struct placed_turn
{
    double place;
    size_t i;
} placed_turn;

static int by_place(const void *a, const void *b)
{
    const placed_turn *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* Antennas by what an offset in each direction does to them, which is by where they stand. */
static void orders_find(const turn_work *w, placed_turn *placed)
{
    static const double direction[N_DIRECTION][2] = {{1, 0}, {0, 1}, {1, 1}, {1, -1}};
    turn_fit f;
    means_find(w, &f);
    double size[2] = {0};
    for (size_t i = 0; i < w->n; i++)
        for (int k = 0; k < 2; k++)
            size[k] += pow(about_mean(w, &f, i, k), 2);
    for (int d = 0; d < N_DIRECTION; d++) {
        for (size_t i = 0; i < w->n; i++) {
            placed[i] = (placed_turn){0, i};
            for (int k = 0; k < 2; k++)
                if (size[k] > 0)
                    placed[i].place += direction[d][k] * about_mean(w, &f, i, k) / sqrt(size[k]);
        }
        qsort(placed, w->n, sizeof *placed, by_place);
        for (size_t i = 0; i < w->n; i++)
            w->order[(size_t)d * w->n + i] = placed[i].i;
    }
}

/* The least of what is sure, however two groups of neighbours drift apart. */
static double sure_of_groups(const turn_work *w, double sure)
{
    size_t least = w->n / 10 > 3 ? w->n / 10 : 3, step = (w->n + N_CUT - 1) / N_CUT;
    for (int d = 0; d < N_DIRECTION && sure > 0; d++) {
        const size_t *order = w->order + (size_t)d * w->n;
        for (size_t i = 0; i < w->n; i++)
            w->group[order[i]] = i < least;
        for (size_t cut = least; cut + least <= w->n && sure > 0; cut += step) {
            turn_fit f;
            fit_best(w, &f);
            sure = fmin(sure, sure_of(&f, groups_sigma));
            for (size_t i = cut; i < cut + step && i < w->n; i++)
                w->group[order[i]] = 1;
        }
    }
    return sure;
}

static double error_of(const turn_fit *f, int k)
{
    double sum = 0;
    for (int i = 0; i < 2; i++)
        if (fabs(f->axis[i][k]) > 1e-6) sum += pow(f->axis[i][k] * f->sigma[i], 2);
    return sqrt(sum);
}

static void offset_of(const turn_work *w, ci_cal_offset *out)
{
    turn_fit f;
    fit_best(w, &f);
    out->n_antenna = (size_t)f.n_group[0];
    out->east_rad = f.axis[0][0] * f.along[0] + f.axis[1][0] * f.along[1];
    out->north_rad = f.axis[0][1] * f.along[0] + f.axis[1][1] * f.along[1];
    for (int k = 0; k < 2; k++)
        out->sigma_rad[k] = error_of(&f, k);
    out->plain_rad = sure_of(&f, sure_sigma);
    out->sure_rad = sure_of_groups(w, out->plain_rad);
}

static void work_free(turn_work *w)
{
    ci_mem_free(w->order);
    ci_mem_free(w->group);
    ci_mem_free(w->is_in);
    ci_mem_free(w->rest);
    ci_mem_free(w->scratch);
}

/* All antennas count, in one group; work_free also after an error. */
static ci_status work_new(const ci_cal_turn *turn, size_t n, turn_work *w)
{
    static const char what[] = "offset of gains";
    placed_turn *placed = NULL;
    *w = (turn_work){.turn = turn, .n = n};
    ci_status status = ci_mem_alloc(&w->order, N_DIRECTION * n, sizeof *w->order, what);
    if (status == CI_OK) status = ci_mem_alloc(&w->group, n, 1, what);
    if (status == CI_OK) status = ci_mem_alloc(&w->is_in, n, 1, what);
    if (status == CI_OK) status = ci_mem_alloc(&w->rest, n, sizeof *w->rest, what);
    if (status == CI_OK) status = ci_mem_alloc(&w->scratch, n, sizeof *w->scratch, what);
    if (status == CI_OK) status = ci_mem_alloc(&placed, n, sizeof *placed, what);
    if (status == CI_OK) {
        for (size_t i = 0; i < n; i++)
            w->is_in[i] = 1;
        orders_find(w, placed);
    }
    ci_mem_free(placed);
    return status;
}

ci_status ci_cal_offset_sure(const ci_cal_turn *turn, size_t n, double sigma, double *out_rad)
{
    turn_work w;
    turn_fit f;
    *out_rad = 0;
    if (n < CI_CAL_OFFSET_ANTENNAS) return CI_OK;
    ci_status status = work_new(turn, n, &w);
    if (status == CI_OK) {
        fit_best(&w, &f);
        *out_rad = sure_of(&f, sigma);
    }
    work_free(&w);
    return status;
}

ci_status ci_cal_offset_fit(const ci_cal_turn *turn, size_t n, ci_cal_offset *out)
{
    turn_work w;
    out->n_antenna = n;
    if (n < CI_CAL_OFFSET_ANTENNAS) return CI_OK;
    ci_status status = work_new(turn, n, &w);
    if (status == CI_OK) offset_of(&w, out);
    work_free(&w);
    return status;
}
