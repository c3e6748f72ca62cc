/* Sums over samples in single precision; over channels by lanes whose number does not depend on the
 * instruction set. */
#include "cal/rows.h"

#include <math.h>

enum
{
    N_LANE = 16
};

static double lanes_total(const float *lane)
{
    double sum = 0;
    for (size_t j = 0; j < N_LANE; j++)
        sum += (double)lane[j];
    return sum;
}

/* ---- over times ----------------------------------------------------------------- */

CI_ISA_INLINE void add_strided(const ci_cal_row *row, size_t n_pol, const ci_cal_normal *out,
                               int32_t *restrict count, int64_t *n_good)
{
    const float *restrict data = (const float *)row->data, *restrict model =
                                                               (const float *)row->model;
    const float *restrict weight = row->weight;
    const uint8_t *restrict flags = row->flags;
    float *restrict a_re = out->a_re, *restrict a_im = out->a_im, *restrict b = out->b;
    float *restrict c = out->c;
    int32_t n = 0;
    for (size_t i = 0; i < row->n_chan; i++) {
        bool good = (flags[i * n_pol] == 0) & (weight[i * n_pol] > 0);
        float w = good ? weight[i * n_pol] : 0;
        float x = good ? data[2 * i * n_pol] : 0, y = good ? data[2 * i * n_pol + 1] : 0;
        float u = model[2 * i], v = model[2 * i + 1];
        a_re[i] += w * (x * u + y * v);
        a_im[i] += w * (y * u - x * v);
        b[i] += w * (u * u + v * v);
        c[i] += w * (x * x + y * y);
        count[i] += good;
        n += good;
    }
    *n_good = n;
}

CI_ISA_INLINE void add(const ci_cal_row *row, const ci_cal_normal *out, int32_t *count,
                       int64_t *n_good)
{
    if (row->n_pol == 2)
        add_strided(row, 2, out, count, n_good);
    else
        add_strided(row, row->n_pol, out, count, n_good);
}

CI_ISA_INSTANCES(add,
                 (const ci_cal_row *row, const ci_cal_normal *out, int32_t *count, int64_t *n_good),
                 (row, out, count, n_good))

int64_t ci_cal_row_add(ci_isa isa, const ci_cal_row *row, const ci_cal_normal *out, int32_t *count)
{
    int64_t n_good = 0;
    CI_ISA_KERNEL(add, isa)(row, out, count, &n_good);
    return n_good;
}

/* ---- over channels --------------------------------------------------------------- */

/* g = b1 conj(b2) of one channel. */
CI_ISA_INLINE void product(const float *b1, const float *b2, size_t stride, size_t i, float *x,
                           float *y)
{
    *x = b1[i] * b2[i] + b1[stride + i] * b2[stride + i];
    *y = b1[stride + i] * b2[i] - b1[i] * b2[stride + i];
}

/* Channels [c, c + n), n <= N_LANE, each to its own lane. */
CI_ISA_INLINE void sum_lanes(const ci_cal_row *row, size_t n_pol, const float *restrict b1,
                             const float *restrict b2, size_t stride, size_t c, size_t n,
                             float (*restrict lane)[N_LANE], int32_t *restrict count)
{
    const float *restrict data = (const float *)(row->data + c * n_pol);
    const float *restrict model = (const float *)(row->model + c);
    const float *restrict weight = row->weight + c * n_pol;
    const uint8_t *restrict flags = row->flags + c * n_pol;
    for (size_t i = 0; i < n; i++) {
        float g, h;
        product(b1, b2, stride, c + i, &g, &h);
        bool good = (flags[i * n_pol] == 0) & (weight[i * n_pol] > 0) & (g * g + h * h > 0);
        float w = good ? weight[i * n_pol] : 0;
        float x = good ? data[2 * i * n_pol] : 0, y = good ? data[2 * i * n_pol + 1] : 0;
        float u = g * model[2 * i] - h * model[2 * i + 1];
        float v = g * model[2 * i + 1] + h * model[2 * i];
        lane[0][i] += w * (x * u + y * v);
        lane[1][i] += w * (y * u - x * v);
        lane[2][i] += w * (u * u + v * v);
        lane[3][i] += w * (x * x + y * y);
        count[i] += good;
    }
}

CI_ISA_INLINE void sum_strided(const ci_cal_row *row, size_t n_pol, const float *b1,
                               const float *b2, size_t stride, float (*lane)[N_LANE],
                               int32_t *count)
{
    size_t c = 0;
    for (; c + N_LANE <= row->n_chan; c += N_LANE)
        sum_lanes(row, n_pol, b1, b2, stride, c, N_LANE, lane, count);
    if (c < row->n_chan) sum_lanes(row, n_pol, b1, b2, stride, c, row->n_chan - c, lane, count);
}

CI_ISA_INLINE void sum(const ci_cal_row *row, const float *b1, const float *b2, size_t stride,
                       float (*lane)[N_LANE], int32_t *count)
{
    if (row->n_pol == 2)
        sum_strided(row, 2, b1, b2, stride, lane, count);
    else
        sum_strided(row, row->n_pol, b1, b2, stride, lane, count);
}

CI_ISA_INSTANCES(sum,
                 (const ci_cal_row *row, const float *b1, const float *b2, size_t stride,
                  float (*lane)[N_LANE], int32_t *count),
                 (row, b1, b2, stride, lane, count))

int64_t ci_cal_row_sum(ci_isa isa, const ci_cal_row *row, const float *b1, const float *b2,
                       size_t stride, double out[4])
{
    float lane[4][N_LANE] = {{0}};
    int32_t count[N_LANE] = {0};
    int64_t n = 0;
    CI_ISA_KERNEL(sum, isa)(row, b1, b2, stride, lane, count);
    for (size_t k = 0; k < 4; k++)
        out[k] += lanes_total(lane[k]);
    for (size_t j = 0; j < N_LANE; j++)
        n += count[j];
    return n;
}

/* ---- of normal sums -------------------------------------------------------------- */

CI_ISA_INLINE void normal_lanes(const ci_cal_normal *in, const float *restrict b1,
                                const float *restrict b2, size_t n_chan, size_t c, size_t n,
                                float (*restrict lane)[N_LANE])
{
    const float *restrict re = in->a_re + c, *restrict im = in->a_im + c, *restrict b = in->b + c;
    for (size_t i = 0; i < n; i++) {
        float g, h;
        product(b1, b2, n_chan, c + i, &g, &h);
        lane[0][i] += g * re[i] + h * im[i];
        lane[1][i] += g * im[i] - h * re[i];
        lane[2][i] += (g * g + h * h) * b[i];
    }
}

CI_ISA_INLINE void normal(const ci_cal_normal *in, const float *b1, const float *b2, size_t n_chan,
                          float (*lane)[N_LANE])
{
    size_t c = 0;
    for (; c + N_LANE <= n_chan; c += N_LANE)
        normal_lanes(in, b1, b2, n_chan, c, N_LANE, lane);
    if (c < n_chan) normal_lanes(in, b1, b2, n_chan, c, n_chan - c, lane);
}

CI_ISA_INSTANCES(normal,
                 (const ci_cal_normal *in, const float *b1, const float *b2, size_t n_chan,
                  float (*lane)[N_LANE]),
                 (in, b1, b2, n_chan, lane))

void ci_cal_normal_sum(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                       size_t n_chan, double out[3])
{
    float lane[3][N_LANE] = {{0}};
    CI_ISA_KERNEL(normal, isa)(in, b1, b2, n_chan, lane);
    for (size_t k = 0; k < 3; k++)
        out[k] = lanes_total(lane[k]);
}

/* In double: chi^2 is the small difference of large sums. */
CI_ISA_INLINE void power(const ci_cal_normal *in, const float *restrict b1,
                         const float *restrict b2, size_t n_chan, const float *f, double *out)
{
    double lane[2][N_LANE] = {{0}};
    for (size_t c = 0; c < n_chan; c += N_LANE) {
        size_t n = n_chan - c < N_LANE ? n_chan - c : N_LANE;
        for (size_t i = 0; i < n; i++) {
            float g, h;
            product(b1, b2, n_chan, c + i, &g, &h);
            double x = (double)(g * f[0] - h * f[1]), y = (double)(g * f[1] + h * f[0]);
            double all = x * x + y * y > 0 ? (double)in->c[c + i] : 0;
            double cross = x * (double)in->a_re[c + i] + y * (double)in->a_im[c + i];
            lane[0][i] += all - 2 * cross + (x * x + y * y) * (double)in->b[c + i];
            lane[1][i] += all;
        }
    }
    for (size_t j = 0; j < N_LANE; j++) {
        out[0] += lane[0][j];
        out[1] += lane[1][j];
    }
}

CI_ISA_INSTANCES(power,
                 (const ci_cal_normal *in, const float *b1, const float *b2, size_t n_chan,
                  const float *f, double *out),
                 (in, b1, b2, n_chan, f, out))

void ci_cal_normal_power(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                         size_t n_chan, const float f[2], double out[2])
{
    CI_ISA_KERNEL(power, isa)(in, b1, b2, n_chan, f, out);
}
