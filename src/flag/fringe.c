/* Products of a dynamic spectrum's samples with their neighbours in time and in channel. They show
 * the slope of phase that its mean fringe has, and how much of a line (a channel, or a time) is no
 * fringe: a sky turns from one sample to the next by much the same angle and keeps its amplitude,
 * noise and interference do not. */
#include "flag/dynspec.h"
#include "flag/lags.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    MIN_PAIR = 3 /* of which a line's incoherent power is known */
};

CI_ISA_INLINE void lags_measure(ci_flag_dynspec *p)
{
    const ci_flag_lag_data data = {p->n_time, p->n_chan, p->re, p->im, p->weight};
    ci_flag_lags_over_times(&data, p->lag[0]);
    for (size_t t = 0; t < p->n_time; t++)
        ci_flag_lags_over_chans(&data, t, p->n_time, p->lag[1] + t);
}

CI_ISA_INSTANCES(lags_measure, (ci_flag_dynspec * p), (p))

void ci_flag_lags_measure(ci_flag_dynspec *p)
{
    CI_ISA_KERNEL(lags_measure, p->search.isa)(p);
}

void ci_flag_lags_scatter(const ci_flag_dynspec *p, bool of_chan, float *scatter)
{
    size_t n = of_chan ? p->n_chan : p->n_time;
    const float *x = p->lag[of_chan ? 0 : 1], *y = x + n, *z = y + n, *m = z + n;
    for (size_t i = 0; i < n; i++) {
        float power = z[i] - sqrtf(x[i] * x[i] + y[i] * y[i]);
        scatter[i] = m[i] >= MIN_PAIR ? sqrtf(fmaxf(power, 1e-12f * z[i]) / (2 * m[i])) : 0;
    }
}

double ci_flag_lags_median(const ci_flag_dynspec *p, bool of_chan, float *scratch)
{
    size_t n = of_chan ? p->n_chan : p->n_time, n_known = 0;
    ci_flag_lags_scatter(p, of_chan, scratch);
    for (size_t i = 0; i < n; i++)
        if (scratch[i] > 0) scratch[n_known++] = scratch[i];
    return (double)ci_num_median_by(scratch, n_known, p->search.isa);
}

/* Phasors exp(-i n angle) of the angle of a sum. */
static void phasors_fill(double a, double b, size_t n, float *re, float *im)
{
    double size = sqrt(a * a + b * b);
    double c = size > 0 ? a / size : 1, s = size > 0 ? -b / size : 0, x = 1, y = 0;
    for (size_t i = 0; i < n; i++) {
        re[i] = (float)x;
        im[i] = (float)y;
        double next = x * c - y * s;
        y = x * s + y * c;
        x = next;
    }
}

/* Turns row t by phasors over its channels times one of the row. */
CI_ISA_INLINE void row_turn(ci_flag_dynspec *p, size_t t, float re, float im)
{
    size_t n_chan = p->n_chan;
    float *restrict x = p->re + t * n_chan, *restrict y = p->im + t * n_chan;
    const float *restrict u = p->fringe, *restrict v = u + n_chan;
    for (size_t c = 0; c < n_chan; c++) {
        float a = u[c] * re - v[c] * im, b = u[c] * im + v[c] * re;
        float z = x[c] * a - y[c] * b;
        y[c] = x[c] * b + y[c] * a;
        x[c] = z;
    }
}

CI_ISA_INLINE void dynspec_turn(ci_flag_dynspec *p)
{
    const float *re = p->fringe + 2 * p->n_chan, *im = re + p->n_time;
    for (size_t t = 0; t < p->n_time; t++)
        row_turn(p, t, re[t], im[t]);
}

CI_ISA_INSTANCES(dynspec_turn, (ci_flag_dynspec * p), (p))

void ci_flag_fringe_stop(ci_flag_dynspec *p)
{
    double sum[2][2] = {{0}};
    for (size_t side = 0; side < 2; side++) {
        size_t n = side == 0 ? p->n_chan : p->n_time;
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < n; i++)
                sum[side][k] += (double)p->lag[side][k * n + i];
    }
    float *re = p->fringe + 2 * p->n_chan, *im = re + p->n_time;
    phasors_fill(sum[0][0], sum[0][1], p->n_time, re, im);
    phasors_fill(sum[1][0], sum[1][1], p->n_chan, p->fringe, p->fringe + p->n_chan);
    CI_ISA_KERNEL(dynspec_turn, p->search.isa)(p);
}

void ci_flag_fringe_stop_rows(ci_flag_dynspec *p)
{
    ci_flag_lags_measure(p);
    for (size_t t = 0; t < p->n_time; t++) {
        phasors_fill((double)p->lag[1][t], (double)p->lag[1][p->n_time + t], p->n_chan, p->fringe,
                     p->fringe + p->n_chan);
        row_turn(p, t, 1, 0);
    }
}
