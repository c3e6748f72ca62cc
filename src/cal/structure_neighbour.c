/* A source beside the calibrator that its model does not have: over the baselines its amplitudes
 * are a wave, which no moments fit. */
#include "cal/structure.h"

#include <math.h>

enum
{
    MIN_FREE = 40, /* baselines beside antennas and moments: a wave is chosen of thousands */
    N_FINER = 5
};

static const double most_lambda = 2500; /* longer ones are smeared by band and time */
static const double most_arcsec = 700;
static const double per_turn = 4; /* steps of a turn on the longest baseline */
static const double least_ratio = 0.02;
static const double least_share = 0.4; /* amid 300 sources: 0.21 */
static const double most_left = 0.7;   /* of what moments leave; of doubles: 0.98 and more */

typedef struct wave
{
    double east, north; /* rad */
    double ratio, share;
} wave;

/* The logarithm of |1 + f exp(i phase)| is f cos(phase), about; a band dims it. */
static void wave_fit(ci_cal_fit *f, double whole, wave *out)
{
    double square = 0, product = 0;
    for (size_t i = 0; i < f->n; i++) {
        ci_cal_span *b = &f->each[i];
        b->x[0] = 0;
        if (!(b->huber > 0)) continue;
        double u = sqrt(b->uu), v = copysign(sqrt(b->vv), b->uv);
        double phase = 2 * CI_PI * (u * out->east + v * out->north), dim = phase * f->half_band;
        b->x[0] = cos(phase) * (fabs(dim) > 1e-6 ? sin(dim) / dim : 1);
    }
    ci_cal_fit_project(f, 0);
    for (size_t i = 0; i < f->n; i++) {
        const ci_cal_span *b = &f->each[i];
        double w = b->weight * b->huber;
        square += w * b->left[0] * b->left[0];
        product += w * b->left[0] * b->left[CI_CAL_MOMENTS];
    }
    out->ratio = square > 0 ? product / square : 0;
    out->share = out->ratio > 0 ? product * out->ratio / whole : 0;
}

/* The best of a grid about a place. */
static wave wave_best(ci_cal_fit *f, double whole, wave about, double step, int n_east, int n_north)
{
    wave best = about;
    for (int i = -n_east; i <= n_east; i++)
        for (int j = -n_north; j <= n_north; j++) {
            wave next = {.east = about.east + i * step, .north = about.north + j * step};
            wave_fit(f, whole, &next);
            if (next.share > best.share) best = next;
        }
    return best;
}

static double sum_of(const ci_cal_fit *f, const double moment[CI_CAL_MOMENTS])
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++) {
        const ci_cal_span *b = &f->each[i];
        double left = b->left[CI_CAL_MOMENTS];
        for (size_t j = 0; j < CI_CAL_MOMENTS; j++)
            left -= moment[j] * b->left[j];
        sum += b->weight * b->huber * left * left;
    }
    return sum;
}

void ci_cal_neighbour_fit(ci_cal_fit *f, ci_cal_structure *out)
{
    const double none[CI_CAL_MOMENTS] = {0};
    double raw[CI_CAL_MOMENTS];
    double longest = fmin(sqrt(f->length2), most_lambda);
    double step = 1 / (per_turn * longest);
    ci_cal_structure s = {0};
    if (!ci_cal_fit_use(f, longest * longest) || f->n_free < MIN_FREE) return;
    ci_cal_fit_moments(f, raw, &s);
    double whole = sum_of(f, none);
    if (!(whole > 0)) return;
    double moment_share = 1 - sum_of(f, s.moment) / whole;
    int n = (int)ceil(most_arcsec * CI_ARCSEC_TO_RAD / step);
    wave best = {.east = n * step / 2};
    best = wave_best(f, whole, best, step, n / 2, n);
    for (int i = 0; i < N_FINER; i++)
        best = wave_best(f, whole, best, step /= 2, 1, 1);
    out->neighbour = (struct ci_cal_neighbour){.ratio = best.ratio,
                                               .east_arcsec = best.east * CI_RAD_TO_ARCSEC,
                                               .north_arcsec = best.north * CI_RAD_TO_ARCSEC,
                                               .share = best.share,
                                               .moment_share = moment_share};
}

bool ci_cal_structure_has_neighbour(const ci_cal_structure *s)
{
    const struct ci_cal_neighbour *n = &s->neighbour;
    return n->ratio >= least_ratio && n->share >= least_share &&
           1 - n->share < most_left * (1 - n->moment_share);
}
