/* Second moments of a source that amplitudes of baselines show beside gains of antennas, and by how
 * much these gains put fluxes off. */
#include "cal/structure.h"

#include "contimg/num.h"

#include <float.h>
#include <math.h>

enum
{
    MIN_FREE = 10, /* baselines, and cells of them, beside the numbers that are found */
    N_HUBER = 3,
    MOST_CUTS = 24
};

/* The log of a visibility is the square of its length, about, down to this. */
static const double most_fall = 0.6;
static const double shorter = 0.8; /* what is left of the lengths where it falls by more */
static const double huber_sigma = 3;
static const double least_left = 1e-6; /* of a moment's power, where gains have not taken all */
static const double briggs = 25;       /* f^2 = 25 sum w / sum W^2 of robustness 0 */
static const double most_taken = 3;
static const double more = 0.01; /* by which a shorter length is to show more to be believed */
static const double of_many = 5.0 / 3; /* errors of one length of many: 5 sigma for 3 */

/* Cholesky's, in place, of the lower half; antennas without data have 1. */
static void normal_decompose(ci_cal_fit *f)
{
    size_t n = f->n_antenna;
    double *m = f->normal;
    for (size_t i = 0; i < n * n; i++)
        m[i] = 0;
    for (size_t i = 0; i < f->n; i++) {
        const ci_cal_span *b = &f->each[i];
        double w = b->weight * b->huber;
        m[b->ant1 * n + b->ant1] += w;
        m[b->ant2 * n + b->ant2] += w;
        m[b->ant1 * n + b->ant2] += w;
        m[b->ant2 * n + b->ant1] += w;
    }
    for (size_t j = 0; j < n; j++) {
        double of = m[j * n + j];
        for (size_t k = 0; k < j; k++)
            of -= m[j * n + k] * m[j * n + k];
        /* nothing is known of it, or of its sum with another alone */
        bool is_known = of > 1e-9 * m[j * n + j];
        m[j * n + j] = is_known ? sqrt(of) : 1;
        for (size_t i = j + 1; i < n; i++) {
            double sum = m[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= m[i * n + k] * m[j * n + k];
            m[i * n + j] = is_known ? sum / m[j * n + j] : 0;
        }
    }
}

/* What gains of antennas leave of a column. */
void ci_cal_fit_project(ci_cal_fit *f, size_t column)
{
    size_t n = f->n_antenna;
    double *a = f->antenna + column * n;
    const double *m = f->normal;
    for (size_t j = 0; j < n; j++)
        a[j] = 0;
    for (size_t i = 0; i < f->n; i++) {
        const ci_cal_span *b = &f->each[i];
        a[b->ant1] += b->weight * b->huber * b->x[column];
        a[b->ant2] += b->weight * b->huber * b->x[column];
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++)
            a[j] -= m[j * n + k] * a[k];
        a[j] /= m[j * n + j];
    }
    for (size_t j = n; j-- > 0;) {
        for (size_t k = j + 1; k < n; k++)
            a[j] -= m[k * n + j] * a[k];
        a[j] /= m[j * n + j];
    }
    for (size_t i = 0; i < f->n; i++) {
        ci_cal_span *b = &f->each[i];
        b->left[column] = b->x[column] - a[b->ant1] - a[b->ant2];
    }
}

/* Adds w x x' to the information, w x y to the score. */
static void information_fill(const ci_cal_fit *f, ci_cal_structure *out)
{
    for (size_t i = 0; i < CI_CAL_MOMENTS; i++) {
        out->score[i] = 0;
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            out->information[i][j] = 0;
    }
    for (size_t k = 0; k < f->n; k++) {
        const ci_cal_span *b = &f->each[k];
        double w = b->weight * b->huber;
        for (size_t i = 0; i < CI_CAL_MOMENTS; i++) {
            out->score[i] += w * b->left[i] * b->left[CI_CAL_MOMENTS];
            for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
                out->information[i][j] += w * b->left[i] * b->left[j];
        }
    }
}

/* a x = b of the moments; raw: what the diagonal was before gains took their part. What is left of
 * a moment that they explain is 0. */
static void moments_solve(const ci_cal_structure *s, const double raw[CI_CAL_MOMENTS],
                          const double b[CI_CAL_MOMENTS], double x[CI_CAL_MOMENTS])
{
    double m[CI_CAL_MOMENTS][CI_CAL_MOMENTS + 1];
    for (size_t i = 0; i < CI_CAL_MOMENTS; i++) {
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            m[i][j] = s->information[i][j] + (i == j ? least_left * raw[i] + DBL_MIN : 0);
        m[i][CI_CAL_MOMENTS] = b[i];
    }
    for (size_t k = 0; k < CI_CAL_MOMENTS; k++) /* positive definite: no pivots */
        for (size_t i = k + 1; i < CI_CAL_MOMENTS; i++)
            for (size_t j = CI_CAL_MOMENTS + 1; j-- > k;)
                m[i][j] -= m[i][k] / m[k][k] * m[k][j];
    for (size_t i = CI_CAL_MOMENTS; i-- > 0;) {
        x[i] = m[i][CI_CAL_MOMENTS];
        for (size_t j = i + 1; j < CI_CAL_MOMENTS; j++)
            x[i] -= m[i][j] * x[j];
        x[i] /= m[i][i];
    }
}

static double explained(const double x[CI_CAL_MOMENTS], const double moment[CI_CAL_MOMENTS])
{
    return x[0] * moment[0] + x[1] * moment[1] + x[2] * moment[2];
}

static double residual(const ci_cal_span *b, const ci_cal_structure *s)
{
    return b->left[CI_CAL_MOMENTS] - explained(b->left, s->moment);
}

/* Sums of w x x of the baselines that are used. */
static void raw_sum(const ci_cal_fit *f, double raw[CI_CAL_MOMENTS])
{
    for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
        raw[j] = 0;
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            raw[j] += f->each[i].weight * f->each[i].huber * f->each[i].x[j] * f->each[i].x[j];
}

/* Baselines that are far off count less. */
static void huber_set(ci_cal_fit *f, const ci_cal_structure *s)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->each[i].huber > 0) f->scratch[n++] = fabs(residual(&f->each[i], s));
    double most = huber_sigma * 1.4826 * ci_num_median(f->scratch, n);
    for (size_t i = 0; i < f->n; i++) {
        ci_cal_span *b = &f->each[i];
        double off = fabs(residual(b, s));
        if (b->huber > 0) b->huber = off > most && most > 0 ? most / off : 1;
    }
}

static bool same_cell(const ci_cal_span *a, const ci_cal_span *b)
{
    return a->cell[0] == b->cell[0] && a->cell[1] == b->cell[1];
}

/* What the residuals leave of the score, by cells: those of one see the rest of the sky alike. */
static void scatter_fill(const ci_cal_fit *f, ci_cal_structure *s)
{
    double free = (double)f->n_used / (double)f->n_free;
    for (size_t i = 0; i < CI_CAL_MOMENTS; i++)
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            s->scatter[i][j] = 0;
    for (size_t k = 0, end; k < f->n; k = end) {
        double sum[CI_CAL_MOMENTS] = {0};
        for (end = k; end < f->n && same_cell(&f->each[end], &f->each[k]); end++) {
            const ci_cal_span *b = &f->each[end];
            for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
                sum[j] += b->weight * b->huber * b->left[j] * residual(b, s);
        }
        for (size_t i = 0; i < CI_CAL_MOMENTS; i++)
            for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
                s->scatter[i][j] += free * sum[i] * sum[j];
    }
}

static double variance_of(const ci_cal_structure *s, const double of[CI_CAL_MOMENTS])
{
    double sum = 0;
    for (size_t i = 0; i < CI_CAL_MOMENTS; i++)
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            sum += of[i] * s->scatter[i][j] * of[j];
    return fmax(sum, 0);
}

/* Uses baselines up to a length; false where they are too few. */
bool ci_cal_fit_use(ci_cal_fit *f, double length2)
{
    const ci_cal_span *last = NULL;
    size_t n_antenna = 0;
    f->n_used = f->n_cell = 0;
    for (size_t a = 0; a < f->n_antenna; a++)
        f->is_used[a] = false;
    for (size_t i = 0; i < f->n; i++) {
        ci_cal_span *b = &f->each[i];
        b->huber = b->uu + b->vv <= length2 ? 1 : 0;
        if (!(b->huber > 0)) continue;
        f->is_used[b->ant1] = f->is_used[b->ant2] = true;
        f->n_used++;
        f->n_cell += !last || !same_cell(last, b);
        last = b;
    }
    for (size_t a = 0; a < f->n_antenna; a++)
        n_antenna += f->is_used[a];
    f->n_free = f->n_used > n_antenna + CI_CAL_MOMENTS ? f->n_used - n_antenna - CI_CAL_MOMENTS : 0;
    return f->n_free >= MIN_FREE && f->n_cell >= MIN_FREE;
}

/* What gains take of a moment on a baseline. */
static double taken(const ci_cal_fit *f, const ci_cal_span *b, size_t column)
{
    const double *a = f->antenna + column * f->n_antenna;
    return a[b->ant1] + a[b->ant2];
}

static double all_taken(const ci_cal_fit *f, const ci_cal_span *b,
                        const double moment[CI_CAL_MOMENTS])
{
    double sum = 0;
    for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
        sum += moment[j] * taken(f, b, j);
    return fmax(-most_taken, fmin(most_taken, sum));
}

/* Data divided by gains that are low by exp(a) are high by exp(-a), and weigh exp(2 a): the mean of
 * what the antennas known give, with Briggs' weights of robustness 0, is the flux of a field's
 * point over the true one. change [3]: of that with the moments. */
static double flux_of(ci_cal_fit *f, const double moment[CI_CAL_MOMENTS],
                      double change[CI_CAL_MOMENTS])
{
    double weight = 0, square = 0, sum = 0, all = 0, sums[CI_CAL_MOMENTS] = {0};
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0, end; k < f->n; k = end) {
            double cell = 0;
            for (end = k; end < f->n && same_cell(&f->each[end], &f->each[k]); end++) {
                const ci_cal_span *b = &f->each[end];
                bool is_known = f->is_used[b->ant1] && f->is_used[b->ant2];
                f->scratch[end] = is_known ? all_taken(f, b, moment) : NAN;
                if (is_known) cell += b->weight * exp(2 * f->scratch[end]);
            }
            weight += pass == 0 ? cell : 0;
            square += pass == 0 ? cell * cell : 0;
            for (size_t i = k; pass == 1 && i < end; i++) {
                const ci_cal_span *b = &f->each[i];
                double a = f->scratch[i];
                if (isnan(a)) continue;
                double w = b->weight * exp(2 * a) / (1 + briggs * cell * weight / square);
                all += w;
                sum += w * exp(-a);
                for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
                    sums[j] -= w * exp(-a) * taken(f, b, j);
            }
        }
    for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
        change[j] = sums[j] / all;
    return sum / all - 1;
}

void ci_cal_fit_moments(ci_cal_fit *f, double raw[CI_CAL_MOMENTS], ci_cal_structure *out)
{
    normal_decompose(f);
    for (size_t j = 0; j < CI_CAL_COLUMNS; j++)
        ci_cal_fit_project(f, j);
    information_fill(f, out);
    raw_sum(f, raw);
    moments_solve(out, raw, out->score, out->moment);
}

/* Moments of the baselines up to a length, and what they do to fluxes. */
static bool length_fit(ci_cal_fit *f, double length2, ci_cal_structure *out)
{
    double raw[CI_CAL_MOMENTS], change[CI_CAL_MOMENTS], of[CI_CAL_MOMENTS];
    *out = (ci_cal_structure){.length_lambda = sqrt(length2)};
    if (!ci_cal_fit_use(f, length2)) return false;
    for (int round = 0; round <= N_HUBER; round++) {
        if (round > 0) huber_set(f, out);
        ci_cal_fit_moments(f, raw, out);
    }
    scatter_fill(f, out);
    out->flux = flux_of(f, out->moment, change);
    moments_solve(out, raw, change, of);
    out->n_baseline = f->n_used;
    out->flux_sigma = sqrt(variance_of(out, of));
    for (size_t i = 0; i < f->n; i++) {
        double fall = explained(f->each[i].x, out->moment);
        if (f->each[i].huber > 0 && fabs(fall) > fabs(out->fall)) out->fall = fall;
    }
    return true;
}

/* By how much fluxes are off for certain. */
static double certain(const ci_cal_structure *s)
{
    return fabs(s->flux) - CI_CAL_STRUCTURE_SIGMA * s->flux_sigma;
}

/* All lengths are tried: beyond its first null a double's amplitudes rise again. */
void ci_cal_structure_fit(ci_cal_fit *f, ci_cal_structure *out)
{
    double length2 = f->length2;
    bool is_found = false;
    *out = (ci_cal_structure){.flux = NAN, .flux_sigma = NAN};
    for (int i = 0; i < MOST_CUTS; i++, length2 *= shorter * shorter) {
        ci_cal_structure s;
        if (!length_fit(f, length2, &s)) break;
        bool is_valid = fabs(s.fall) <= most_fall;
        if (i > 0) s.flux_sigma *= of_many;
        if (!is_found || (is_valid && certain(&s) > fmax(certain(out), 0) + more)) *out = s;
        is_found = is_found || is_valid;
    }
}

double ci_cal_structure_share(const ci_cal_structure *s, const double moment[3], double *sigma)
{
    double information = 0, score = 0;
    *sigma = INFINITY;
    if (s->n_baseline == 0) return 0;
    for (size_t i = 0; i < CI_CAL_MOMENTS; i++) {
        score += moment[i] * s->score[i];
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            information += moment[i] * s->information[i][j] * moment[j];
    }
    if (!(information > 0)) return 0;
    *sigma = sqrt(variance_of(s, moment)) / information;
    return score / information;
}
