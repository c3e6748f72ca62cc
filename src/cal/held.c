/* What corrections by a field's own sources may not change, the mean phase and the mean amplitude
 * over receptors; and the slope of phase over the array, by which they shift the sky. */
#include "cal/field.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    N_STEP = 5,   /* towards the slope */
    N_SEARCH = 24 /* steps either way on each axis, a radian over the antennas' spread */
};

static const double off_sigma = 4; /* amplitudes that do not count in the mean */
/* Variance of antennas across their line, of that along it: less shows no slope. */
static const double least_spread = 1e-3;
static const double near_enough = 0.6; /* coherence of phases, squared, that no other slope has */

ci_status ci_cal_held_new(const ci_cal_problem *p, const double east[3], const double north[3],
                          ci_cal_held *out)
{
    static const char what[] = "corrections of a field";
    size_t n = p->n_feed * p->meta->n_time * p->n_antenna;
    *out = (ci_cal_held){0};
    CI_TRY(ci_mem_alloc(&out->place, 2 * p->n_antenna, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&out->phasor, n, sizeof(ci_c64), what));
    CI_TRY(ci_mem_alloc(&out->log_amplitude, n, sizeof(double), what));
    for (size_t a = 0; a < p->n_antenna; a++) {
        const double *at = p->meta->array.antenna[a].pos_ecef_m;
        out->place[2 * a] = at[0] * east[0] + at[1] * east[1] + at[2] * east[2];
        out->place[2 * a + 1] = at[0] * north[0] + at[1] * north[1] + at[2] * north[2];
    }
    return CI_OK;
}

void ci_cal_held_clear(ci_cal_held *held)
{
    ci_mem_free(held->place);
    ci_mem_free(held->phasor);
    ci_mem_free(held->log_amplitude);
    *held = (ci_cal_held){0};
}

static size_t index_of(const ci_cal_problem *p, size_t h, size_t t, size_t a)
{
    return (h * p->n_interval + t) * p->n_antenna + a;
}

static bool is_solved(const ci_cal_problem *p, size_t i)
{
    return p->gain_flag[i] == 0 && cabs(p->gain[i]) > 0;
}

/* The interval nearest to one in which the receptor has a solution; n_interval: none. */
static size_t solved_near(const ci_cal_problem *p, size_t h, size_t t, size_t a)
{
    for (size_t d = 0; d < p->n_interval; d++) {
        if (d <= t && is_solved(p, index_of(p, h, t - d, a))) return t - d;
        if (t + d < p->n_interval && is_solved(p, index_of(p, h, t + d, a))) return t + d;
    }
    return p->n_interval;
}

/* ---- phases --------------------------------------------------------------------------------- */

/* Direction of the sum of phasors of one feed and interval, over what has a solution. */
static ci_c64 mean_of(const ci_cal_problem *p, const ci_c64 *phasor, size_t first)
{
    ci_c64 sum = 0;
    for (size_t i = first; i < first + p->n_antenna; i++)
        if (is_solved(p, i)) sum += phasor[i];
    return cabs(sum) > 0 ? sum / cabs(sum) : 1;
}

static void phases_centre(const ci_cal_problem *p, ci_c64 *phasor)
{
    for (size_t first = 0; first < p->n_feed * p->n_interval * p->n_antenna;
         first += p->n_antenna) {
        for (size_t i = first; i < first + p->n_antenna; i++)
            phasor[i] = is_solved(p, i) ? p->gain[i] / cabs(p->gain[i]) : 1;
        ci_c64 back = conj(mean_of(p, phasor, first));
        for (size_t i = first; i < first + p->n_antenna; i++)
            if (is_solved(p, i)) phasor[i] *= back;
    }
}

static void phases_fill(const ci_cal_problem *p, ci_c64 *phasor)
{
    for (size_t h = 0; h < p->n_feed; h++)
        for (size_t t = 0; t < p->n_interval; t++)
            for (size_t a = 0; a < p->n_antenna; a++) {
                size_t near = solved_near(p, h, t, a);
                if (near < p->n_interval && near != t)
                    phasor[index_of(p, h, t, a)] = phasor[index_of(p, h, near, a)];
            }
}

/* What the slope leaves of an antenna's phasor. */
static ci_c64 rest_of(const ci_cal_held *held, size_t first, size_t a)
{
    const double *at = held->place + 2 * a;
    return held->phasor[first + a] * cexp(-I * (held->slope[0] * at[0] + held->slope[1] * at[1]));
}

/* Adds one feed and interval to the normal equations of the slope that is left: xx, xy, yy, xr, yr
 * about the means over the receptors. */
static void slope_add(const ci_cal_problem *p, const ci_cal_held *held, size_t first, double sum[5])
{
    ci_c64 mean = 0;
    double x = 0, y = 0, n = 0;
    for (size_t a = 0; a < p->n_antenna; a++) {
        if (!is_solved(p, first + a)) continue;
        mean += rest_of(held, first, a);
        x += held->place[2 * a];
        y += held->place[2 * a + 1];
        n++;
    }
    for (size_t a = 0; a < p->n_antenna; a++) {
        if (!is_solved(p, first + a)) continue;
        double rest = carg(rest_of(held, first, a) * conj(mean));
        double dx = held->place[2 * a] - x / n, dy = held->place[2 * a + 1] - y / n;
        sum[0] += dx * dx;
        sum[1] += dx * dy;
        sum[2] += dy * dy;
        sum[3] += dx * rest;
        sum[4] += dy * rest;
    }
}

/* Adds the solution of the normal equations along the axes that antennas are spread over. */
static void slope_step(const double sum[5], double slope[2])
{
    double middle = 0.5 * (sum[0] + sum[2]), half = 0.5 * (sum[0] - sum[2]);
    double root = hypot(half, sum[1]), angle = 0.5 * atan2(sum[1], half);
    for (int i = 0; i < 2; i++, angle += 0.5 * CI_PI) {
        double spread = i == 0 ? middle + root : middle - root, x = cos(angle), y = sin(angle);
        if (!(spread > least_spread * (middle + root))) continue;
        double along = (x * sum[3] + y * sum[4]) / spread;
        slope[0] += along * x;
        slope[1] += along * y;
    }
}

/* Of the phasors without the slope: |mean over antennas|^2 of feeds and intervals `step` apart. */
static double coherence_of(const ci_cal_problem *p, const ci_cal_held *held, size_t step)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < p->n_feed * p->n_interval; i += step) {
        ci_c64 mean = 0;
        double n = 0;
        for (size_t a = 0; a < p->n_antenna; a++) {
            if (!is_solved(p, i * p->n_antenna + a)) continue;
            mean += rest_of(held, i * p->n_antenna, a);
            n++;
        }
        sum += creal(mean * conj(mean));
        weight += n * n;
    }
    return weight > 0 ? sum / weight : 0;
}

static void slope_refine(const ci_cal_problem *p, ci_cal_held *held)
{
    for (int step = 0; step < N_STEP; step++) {
        double sum[5] = {0};
        for (size_t first = 0; first < p->n_feed * p->n_interval * p->n_antenna;
             first += p->n_antenna)
            slope_add(p, held, first, sum);
        slope_step(sum, held->slope);
    }
}

/* The slope of the greatest coherence, of the first interval of each feed. */
static void slope_search(const ci_cal_problem *p, ci_cal_held *held)
{
    double sum[5] = {0}, best = 0, at[2] = {0};
    slope_add(p, held, 0, sum);
    double n = 0;
    for (size_t a = 0; a < p->n_antenna; a++)
        n += is_solved(p, a);
    if (!(sum[0] > 0) || !(sum[2] > 0)) return;
    for (int i = -N_SEARCH; i <= N_SEARCH; i++)
        for (int k = -N_SEARCH; k <= N_SEARCH; k++) {
            held->slope[0] = i * sqrt(n / sum[0]);
            held->slope[1] = k * sqrt(n / sum[2]);
            double coherence = coherence_of(p, held, p->n_interval);
            if (coherence <= best) continue;
            best = coherence;
            at[0] = held->slope[0];
            at[1] = held->slope[1];
        }
    held->slope[0] = at[0];
    held->slope[1] = at[1];
}

/* One slope for the tile and both feeds. Where phases turn over between antennas, the nearest one
 * may be a wrong one; among so many of random phases one of 14/n is no wonder. */
static void slope_find(const ci_cal_problem *p, ci_cal_held *held)
{
    held->slope[0] = held->slope[1] = 0;
    slope_refine(p, held);
    double coherence = coherence_of(p, held, 1), near[2] = {held->slope[0], held->slope[1]};
    if (held->holds_position || coherence > near_enough) return;
    slope_search(p, held);
    slope_refine(p, held);
    if (coherence_of(p, held, 1) > fmax(1.5 * coherence, 14 / (double)p->n_antenna)) return;
    held->slope[0] = near[0];
    held->slope[1] = near[1];
}

static void slope_take(const ci_cal_problem *p, ci_cal_held *held)
{
    for (size_t i = 0; i < p->n_feed * p->n_interval * p->n_antenna; i++) {
        size_t a = i % p->n_antenna;
        if (is_solved(p, i)) held->phasor[i] = rest_of(held, i - a, a);
    }
}

void ci_cal_held_phases(const ci_cal_problem *p, ci_cal_held *held)
{
    phases_centre(p, held->phasor);
    slope_find(p, held);
    if (held->holds_position) slope_take(p, held);
    phases_fill(p, held->phasor);
}

/* ---- what their scatter costs -----------------------------------------------------------------
 */

ci_cal_scatter ci_cal_held_scatter(const ci_cal_problem *p, const ci_cal_held *held)
{
    double pairs = 0, n_pair = 0, n_all = 0;
    ci_cal_scatter out = {.coherence = NAN};
    for (size_t first = 0; first < p->n_feed * p->n_interval * p->n_antenna;
         first += p->n_antenna) {
        const int64_t *good =
            p->good_antenna + first / (p->n_interval * p->n_antenna) * p->n_antenna;
        ci_c64 sum = 0;
        double n = 0;
        for (size_t a = 0; a < p->n_antenna; a++) {
            n_all += good[a] > 0;
            if (!is_solved(p, first + a) || !(p->gain_snr[first + a] > 0)) continue;
            sum += held->phasor[first + a];
            out.noise2 += pow((double)p->gain_snr[first + a], -2);
            n++;
        }
        pairs += creal(sum * conj(sum)) - n;
        n_pair += n * (n - 1);
        out.n += n;
    }
    if (!(n_pair > 0) || 2 * out.n < n_all) return out;
    out.coherence = pairs / n_pair;
    out.noise2 /= out.n;
    return out;
}

double ci_cal_scatter_loss(const ci_cal_scatter *scatter, double *sigma)
{
    /* Noise lowers the coherence of two receptors by exp(-variance of a phase). */
    double noise2 = scatter->noise2, loss = 1 - scatter->coherence * exp(noise2);
    double found2 = fmax(loss, 0);
    *sigma = hypot(sqrt((2 * noise2 * noise2 + 4 * found2 * noise2) / fmax(scatter->n, 1)),
                   0.1 * noise2);
    if (isnan(loss)) *sigma = NAN;
    return loss;
}

/* ---- amplitudes ------------------------------------------------------------------------------ */

/* Mean of n values without those far off; scratch [n]. */
static double mean_without_outliers(const double *values, double *scratch, size_t n)
{
    double sum = 0;
    size_t n_in = 0;
    for (size_t i = 0; i < n; i++)
        scratch[i] = values[i];
    double centre = ci_num_median(scratch, n), sigma = ci_num_mad_sigma(scratch, n);
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(values[i] - centre) <= off_sigma * sigma)) continue;
        sum += values[i];
        n_in++;
    }
    return n_in > 0 ? sum / (double)n_in : centre;
}

void ci_cal_held_amplitudes(const ci_cal_problem *p, double *scratch, ci_cal_held *held)
{
    for (size_t t = 0; t < p->n_interval; t++) {
        size_t n = 0;
        for (size_t h = 0; h < p->n_feed; h++)
            for (size_t a = 0; a < p->n_antenna; a++) {
                size_t near = solved_near(p, h, t, a), i = index_of(p, h, t, a);
                held->log_amplitude[i] = NAN;
                if (near == p->n_interval) continue;
                held->log_amplitude[i] = log(cabs(p->gain[index_of(p, h, near, a)]));
                scratch[n++] = held->log_amplitude[i];
            }
        double mean = n > 0 ? mean_without_outliers(scratch, scratch + n, n) : 0;
        for (size_t h = 0; h < p->n_feed; h++)
            for (size_t a = 0; a < p->n_antenna; a++) {
                double *log_amplitude = &held->log_amplitude[index_of(p, h, t, a)];
                *log_amplitude = isnan(*log_amplitude) ? 0 : *log_amplitude - mean;
            }
    }
}
