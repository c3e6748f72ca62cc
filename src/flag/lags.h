/* Products of a dynamic spectrum's samples with their neighbours, v' conj v, and their powers,
 * summed along times and along channels. All functions are local. */
#ifndef CI_FLAG_LAGS_H
#define CI_FLAG_LAGS_H

#include "contimg/base.h"

#include <string.h>

enum
{
    CI_FLAG_LAG_LANES = 8,
    CI_FLAG_N_LAG = 4 /* sums: w w' v' conj v (both parts), power, w w' */
};

/* A dynamic spectrum: [n_time][n_chan]. */
typedef struct ci_flag_lag_data
{
    size_t n_time, n_chan;
    const float *re, *im, *weight;
} ci_flag_lag_data;

/* Sums over times, by channel: [N_LAG][n_chan]. */
CI_ISA_INLINE void ci_flag_lags_over_times(const ci_flag_lag_data *p, float *restrict out)
{
    size_t n = p->n_chan;
    float *restrict x = out, *restrict y = x + n, *restrict z = y + n, *restrict m = z + n;
    memset(x, 0, CI_FLAG_N_LAG * n * sizeof *x);
    for (size_t t = 0; t + 1 < p->n_time; t++) {
        const float *restrict re = p->re + t * n, *restrict im = p->im + t * n;
        const float *restrict w = p->weight + t * n;
        for (size_t c = 0; c < n; c++) {
            float u = w[c] * w[c + n], a = re[c], b = im[c], d = re[c + n], e = im[c + n];
            x[c] += u * (a * d + b * e);
            y[c] += u * (a * e - b * d);
            z[c] += 0.5f * u * (a * a + b * b + d * d + e * e);
            m[c] += u;
        }
    }
}

/* The same over the channels of one row, by lanes; out[k stride] are its sums. */
CI_ISA_INLINE void ci_flag_lags_over_chans(const ci_flag_lag_data *p, size_t t, size_t stride,
                                           float *out)
{
    enum
    {
        N = CI_FLAG_LAG_LANES
    };
    size_t n = p->n_chan - 1, i = 0;
    const float *restrict re = p->re + t * p->n_chan, *restrict im = p->im + t * p->n_chan;
    const float *restrict w = p->weight + t * p->n_chan;
    float x[N] = {0}, y[N] = {0}, z[N] = {0}, m[N] = {0};
    for (; i + N <= n; i += N) {
        for (size_t k = 0; k < N; k++) {
            float u = w[i + k] * w[i + k + 1];
            float a = re[i + k], b = im[i + k], d = re[i + k + 1], e = im[i + k + 1];
            x[k] += u * (a * d + b * e);
            y[k] += u * (a * e - b * d);
            z[k] += 0.5f * u * (a * a + b * b + d * d + e * e);
            m[k] += u;
        }
    }
    for (size_t k = 0; i < n; i++, k++) {
        float u = w[i] * w[i + 1], a = re[i], b = im[i], d = re[i + 1], e = im[i + 1];
        x[k] += u * (a * d + b * e);
        y[k] += u * (a * e - b * d);
        z[k] += 0.5f * u * (a * a + b * b + d * d + e * e);
        m[k] += u;
    }
    float sum[CI_FLAG_N_LAG] = {0};
    for (size_t k = 0; k < N; k++) {
        sum[0] += x[k];
        sum[1] += y[k];
        sum[2] += z[k];
        sum[3] += m[k];
    }
    for (size_t k = 0; k < CI_FLAG_N_LAG; k++)
        out[k * stride] = sum[k];
}

#endif
