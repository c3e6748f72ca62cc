/* A sky of several bright sources as a sum of modes: products of a function of time and one of
 * channel. Over one sub-band each source turns by the same angle from channel to channel at all
 * times, so that so many sources are about so many modes, however fast their fringes beat; a
 * smooth surface would have to follow every beat. */
#include "flag/dynspec.h"
#include "flag/lags.h"

#include <math.h>
#include <string.h>

enum
{
    N_LANE = 8,
    N_TURN = 5 /* of the two functions in turn */
};

static const double most_noise = 1.3;    /* power of a mode over the greatest that noise has */
static const float least_spread = 0.15F; /* of a mode over times, and over channels: a sky is there
                                           everywhere, a line or burst is not */

/* The functions of one mode. */
typedef struct mode
{
    float *time[2], *chan[2]; /* real and imaginary */
} mode;

static mode mode_of(const ci_flag_dynspec *p)
{
    float *chan = p->fringe, *time = p->fringe + 2 * p->n_chan;
    return (mode){.time = {time, time + p->n_time}, .chan = {chan, chan + p->n_chan}};
}

/* The function of time, from that of channel: least squares in each row, by lanes. */
CI_ISA_INLINE void times_fit(const ci_flag_dynspec *p, const mode *m)
{
    size_t n = p->n_chan;
    const float *restrict a = m->chan[0], *restrict b = m->chan[1];
    for (size_t t = 0; t < p->n_time; t++) {
        const float *restrict re = p->left[0] + t * n, *restrict im = p->left[1] + t * n;
        const float *restrict w = p->weight + t * n;
        float x[N_LANE] = {0}, y[N_LANE] = {0}, z[N_LANE] = {0}, sum[3] = {0};
        size_t c = 0;
        for (; c + N_LANE <= n; c += N_LANE) {
            for (size_t k = 0; k < N_LANE; k++) {
                float u = w[c + k] * a[c + k], v = w[c + k] * b[c + k];
                x[k] += u * re[c + k] + v * im[c + k];
                y[k] += u * im[c + k] - v * re[c + k];
                z[k] += u * a[c + k] + v * b[c + k];
            }
        }
        for (size_t k = 0; c < n; c++, k++) {
            float u = w[c] * a[c], v = w[c] * b[c];
            x[k] += u * re[c] + v * im[c];
            y[k] += u * im[c] - v * re[c];
            z[k] += u * a[c] + v * b[c];
        }
        for (size_t k = 0; k < N_LANE; k++) {
            sum[0] += x[k];
            sum[1] += y[k];
            sum[2] += z[k];
        }
        float inverse = sum[2] > 0 ? 1 / sum[2] : 0;
        m->time[0][t] = sum[0] * inverse;
        m->time[1][t] = sum[1] * inverse;
    }
}

/* The function of channel, from that of time. */
CI_ISA_INLINE void chans_fit(const ci_flag_dynspec *p, const mode *m)
{
    size_t n = p->n_chan;
    float *restrict x = m->chan[0], *restrict y = m->chan[1], *restrict z = p->line;
    memset(x, 0, 2 * n * sizeof *x);
    memset(z, 0, n * sizeof *z);
    for (size_t t = 0; t < p->n_time; t++) {
        const float *restrict re = p->left[0] + t * n, *restrict im = p->left[1] + t * n;
        const float *restrict w = p->weight + t * n;
        float a = m->time[0][t], b = m->time[1][t], power = a * a + b * b;
        for (size_t c = 0; c < n; c++) {
            x[c] += w[c] * (a * re[c] + b * im[c]);
            y[c] += w[c] * (a * im[c] - b * re[c]);
            z[c] += w[c] * power;
        }
    }
    for (size_t c = 0; c < n; c++) {
        float inverse = z[c] > 0 ? 1 / z[c] : 0;
        x[c] *= inverse;
        y[c] *= inverse;
    }
}

/* Begins with the row of most power. */
static void mode_start(const ci_flag_dynspec *p, const mode *m)
{
    size_t n = p->n_chan, best = 0;
    double most = -1;
    for (size_t t = 0; t < p->n_time; t++) {
        double power = 0;
        for (size_t c = 0; c < n; c++) {
            size_t i = t * n + c;
            power += (double)(p->weight[i] *
                              (p->left[0][i] * p->left[0][i] + p->left[1][i] * p->left[1][i]));
        }
        if (power <= most) continue;
        most = power;
        best = t;
    }
    for (size_t c = 0; c < n; c++)
        for (int k = 0; k < 2; k++)
            m->chan[k][c] = p->weight[best * n + c] * p->left[k][best * n + c];
}

/* Over what share of its samples a function is spread: (sum |f|^2)^2 / (n sum |f|^4), without those
 * where it is not known; *power: the sum. */
static float spread_of(float *const f[2], size_t n, double *power)
{
    double sum = 0, square = 0, n_known = 0;
    for (size_t i = 0; i < n; i++) {
        double here = (double)f[0][i] * (double)f[0][i] + (double)f[1][i] * (double)f[1][i];
        sum += here;
        square += here * here;
        n_known += here > 0;
    }
    *power = sum;
    return square > 0 ? (float)(sum * sum / (n_known * square)) : 0;
}

CI_ISA_INLINE void mode_subtract(const ci_flag_dynspec *p, const mode *m)
{
    size_t n = p->n_chan;
    const float *restrict x = m->chan[0], *restrict y = m->chan[1];
    for (size_t t = 0; t < p->n_time; t++) {
        float *restrict re = p->left[0] + t * n, *restrict im = p->left[1] + t * n;
        float a = m->time[0][t], b = m->time[1][t];
        for (size_t c = 0; c < n; c++) {
            re[c] -= a * x[c] - b * y[c];
            im[c] -= a * y[c] + b * x[c];
        }
    }
}

CI_ISA_INLINE void mode_take(ci_flag_dynspec *p, double *power, bool *is_sky)
{
    mode m = mode_of(p);
    double of_time, of_chan;
    mode_start(p, &m);
    for (int i = 0; i < N_TURN; i++) {
        times_fit(p, &m);
        chans_fit(p, &m);
    }
    times_fit(p, &m);
    *is_sky = spread_of(m.time, p->n_time, &of_time) >= least_spread;
    *is_sky &= spread_of(m.chan, p->n_chan, &of_chan) >= least_spread;
    *power = of_time * of_chan;
    if (*is_sky) mode_subtract(p, &m);
}

CI_ISA_INSTANCES(mode_take, (ci_flag_dynspec * p, double *power, bool *is_sky), (p, power, is_sky))

bool ci_flag_mode_subtract(ci_flag_dynspec *p, double *power)
{
    bool is_sky = false;
    CI_ISA_KERNEL(mode_take, p->search.isa)(p, power, &is_sky);
    return is_sky;
}

double ci_flag_mode_noise(const ci_flag_dynspec *p)
{
    double side = sqrt((double)p->n_time) + sqrt((double)p->n_chan);
    return most_noise * side * side * 2 * p->noise * p->noise;
}

/* Sum over neighbours in time, and over those in channel, of l' conj l: its size over the sum of
 * the powers, the greater of the two. */
CI_ISA_INLINE void left_coherence(ci_flag_dynspec *p, double usual, double *out)
{
    size_t n = p->n_time * p->n_chan;
    const float *restrict value = p->search.value, *restrict weight = p->weight;
    float *restrict w = p->search.scratch, most = (float)(usual * p->noise);
    const ci_flag_lag_data data = {p->n_time, p->n_chan, p->left[0], p->left[1], w};
    double sum[2][CI_FLAG_N_LAG] = {{0}};
    for (size_t i = 0; i < n; i++)
        w[i] = value[i] < most ? weight[i] : 0;
    ci_flag_lags_over_times(&data, p->line);
    for (size_t k = 0; k < CI_FLAG_N_LAG; k++)
        for (size_t c = 0; c < p->n_chan; c++)
            sum[0][k] += (double)p->line[k * p->n_chan + c];
    for (size_t t = 0; t < p->n_time; t++) {
        float row[CI_FLAG_N_LAG];
        ci_flag_lags_over_chans(&data, t, 1, row);
        for (size_t k = 0; k < CI_FLAG_N_LAG; k++)
            sum[1][k] += (double)row[k];
    }
    *out = 0;
    for (int i = 0; i < 2; i++) {
        double size = sqrt(sum[i][0] * sum[i][0] + sum[i][1] * sum[i][1]);
        *out = sum[i][2] > 0 ? fmax(*out, size / sum[i][2]) : *out;
    }
}

CI_ISA_INSTANCES(left_coherence, (ci_flag_dynspec * p, double usual, double *out), (p, usual, out))

double ci_flag_left_coherence(ci_flag_dynspec *p, double usual)
{
    double out = 0;
    CI_ISA_KERNEL(left_coherence, p->search.isa)(p, usual, &out);
    return out;
}
