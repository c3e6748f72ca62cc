/* Sums over samples in single precision; over channels by lanes whose number does not depend on the
 * instruction set. */
#include "cal/rows.h"

#include <math.h>

enum
{
    N_LANE = 16,
    MAX_POL = 4
};

static double lanes_total(const float *lane)
{
    double sum = 0;
    for (size_t j = 0; j < N_LANE; j++)
        sum += (double)lane[j];
    return sum;
}

/* g = b1 conj(b2) of one channel. */
CI_ISA_INLINE void product(const float *b1, const float *b2, size_t stride, size_t i, float *x,
                           float *y)
{
    *x = b1[i] * b2[i] + b1[stride + i] * b2[stride + i];
    *y = b1[stride + i] * b2[i] - b1[i] * b2[stride + i];
}

/* ---- samples ----------------------------------------------------------------------- */

/* The model of n channels, once for each polarisation: real and imaginary parts [n][n_pol]. */
CI_ISA_INLINE void model_spread(const ci_c32 *model, size_t n, size_t n_pol, float *restrict re,
                                float *restrict im)
{
    const float *restrict in = (const float *)model;
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < n_pol; p++) {
            re[i * n_pol + p] = in[2 * i];
            im[i * n_pol + p] = in[2 * i + 1];
        }
    }
}

/* Weight, real and imaginary part of the samples of the row's channels [first, first + n),
 * n <= N_LANE; 0 where they are not good. */
CI_ISA_INLINE void samples_load(const ci_cal_row *row, size_t n_pol, size_t first, size_t n,
                                float (*out)[N_LANE * MAX_POL])
{
    size_t at = first * n_pol;
    const float *restrict data = (const float *)(row->data + at);
    const float *restrict weight = row->weight + at;
    const uint8_t *restrict flags = row->flags + at;
    float *restrict w = out[0], *restrict x = out[1], *restrict y = out[2];
    for (size_t i = 0; i < n * n_pol; i++) {
        float own = flags[i] == 0 ? weight[i] : 0;
        w[i] = own > 0 ? own : 0;
        x[i] = data[2 * i];
        y[i] = data[2 * i + 1];
    }
    for (size_t i = 0; i < n * n_pol; i++) {
        x[i] = w[i] > 0 ? x[i] : 0;
        y[i] = w[i] > 0 ? y[i] : 0;
    }
}

/* ---- over times ----------------------------------------------------------------- */

/* Channels [first, first + n), n <= N_LANE. */
CI_ISA_INLINE void add_lanes(const ci_cal_row *row, size_t n_pol, size_t first, size_t n,
                             const ci_cal_normal *out, int32_t *all_count)
{
    float re[N_LANE * MAX_POL], im[N_LANE * MAX_POL];
    float in[3][N_LANE * MAX_POL];
    size_t at = first * n_pol;
    float *restrict a_re = out->a_re + at, *restrict a_im = out->a_im + at;
    float *restrict b = out->b + at, *restrict c = out->c + at;
    int32_t *restrict count = all_count + at;
    model_spread(row->model + first, n, n_pol, re, im);
    samples_load(row, n_pol, first, n, in);
    for (size_t i = 0; i < n * n_pol; i++) {
        float u = re[i], v = im[i], w = in[0][i], x = in[1][i], y = in[2][i];
        a_re[i] += w * (x * u + y * v);
        a_im[i] += w * (y * u - x * v);
        b[i] += w * (u * u + v * v);
        c[i] += w * (x * x + y * y);
        count[i] += w > 0;
    }
}

CI_ISA_INLINE void add_pols(const ci_cal_row *row, size_t n_pol, const ci_cal_normal *out,
                            int32_t *count)
{
    size_t c = 0;
    for (; c + N_LANE <= row->n_chan; c += N_LANE)
        add_lanes(row, n_pol, c, N_LANE, out, count);
    if (c < row->n_chan) add_lanes(row, n_pol, c, row->n_chan - c, out, count);
}

CI_ISA_INLINE void add(const ci_cal_row *row, const ci_cal_normal *out, int32_t *count)
{
    if (row->n_pol == 2)
        add_pols(row, 2, out, count);
    else
        add_pols(row, row->n_pol, out, count);
}

CI_ISA_INSTANCES(add, (const ci_cal_row *row, const ci_cal_normal *out, int32_t *count),
                 (row, out, count))

void ci_cal_row_add(ci_isa isa, const ci_cal_row *row, const ci_cal_normal *out, int32_t *count)
{
    CI_ISA_KERNEL(add, isa)(row, out, count);
}

/* ---- over channels --------------------------------------------------------------- */

/* Sums of one row by channel of N_LANE and polarisation. */
typedef struct row_lanes
{
    float sum[CI_CAL_FINE][N_LANE * MAX_POL];
    int32_t count[N_LANE * MAX_POL];
} row_lanes;

/* Channels [first, first + n), n <= N_LANE. */
CI_ISA_INLINE void sum_lanes(const ci_cal_row *row, size_t n_pol, const float *gain, size_t stride,
                             size_t first, size_t n, row_lanes *lanes)
{
    float re[N_LANE * MAX_POL], im[N_LANE * MAX_POL];
    float in[3][N_LANE * MAX_POL];
    size_t at = first * n_pol;
    float *restrict a_re = lanes->sum[0], *restrict a_im = lanes->sum[1];
    float *restrict b = lanes->sum[2], *restrict c = lanes->sum[3];
    int32_t *restrict count = lanes->count;
    const float *restrict g_re = gain + at, *restrict g_im = gain + stride + at;
    const float *restrict use = gain + 2 * stride + at;
    model_spread(row->model + first, n, n_pol, re, im);
    samples_load(row, n_pol, first, n, in);
    for (size_t i = 0; i < n * n_pol; i++) {
        float g = g_re[i], h = g_im[i], w = in[0][i] * use[i], x = in[1][i], y = in[2][i];
        float u = g * re[i] - h * im[i], v = g * im[i] + h * re[i];
        a_re[i] += w * (x * u + y * v);
        a_im[i] += w * (y * u - x * v);
        b[i] += w * (u * u + v * v);
        c[i] += w * (x * x + y * y);
        count[i] += w > 0;
    }
}

CI_ISA_INLINE void sum_pols(const ci_cal_row *row, size_t n_pol, const float *gain, size_t stride,
                            row_lanes *lanes)
{
    size_t c = 0;
    for (; c + N_LANE <= row->n_chan; c += N_LANE)
        sum_lanes(row, n_pol, gain, stride, c, N_LANE, lanes);
    if (c < row->n_chan) sum_lanes(row, n_pol, gain, stride, c, row->n_chan - c, lanes);
}

CI_ISA_INLINE void sum(const ci_cal_row *row, const float *gain, size_t stride, row_lanes *lanes)
{
    if (row->n_pol == 2)
        sum_pols(row, 2, gain, stride, lanes);
    else
        sum_pols(row, row->n_pol, gain, stride, lanes);
}

CI_ISA_INSTANCES(sum, (const ci_cal_row *row, const float *gain, size_t stride, row_lanes *lanes),
                 (row, gain, stride, lanes))

void ci_cal_row_sum(ci_isa isa, const ci_cal_row *row, const float *gain, size_t stride,
                    double (*out)[CI_CAL_FINE], int64_t *count)
{
    row_lanes lanes = {{{0}}, {0}};
    CI_ISA_KERNEL(sum, isa)(row, gain, stride, &lanes);
    for (size_t p = 0; p < row->n_pol; p++) {
        count[p] = 0;
        for (size_t k = 0; k < CI_CAL_FINE; k++)
            out[p][k] = 0;
        for (size_t j = p; j < N_LANE * row->n_pol; j += row->n_pol) {
            for (size_t k = 0; k < CI_CAL_FINE; k++)
                out[p][k] += (double)lanes.sum[k][j];
            count[p] += lanes.count[j];
        }
    }
}

void ci_cal_gain_spread(const float *b1, const float *b2, size_t n_chan, size_t n_pol, size_t i_pol,
                        float *out)
{
    size_t n = n_chan * n_pol;
    for (size_t c = 0; c < n_chan; c++) {
        size_t i = c * n_pol + i_pol;
        product(b1, b2, n_chan, c, &out[i], &out[n + i]);
        out[2 * n + i] = out[i] * out[i] + out[n + i] * out[n + i] > 0 ? 1 : 0;
    }
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

/* ---- of a run of channels --------------------------------------------------------- */

/* Channels [first, first + n), n <= N_LANE. */
CI_ISA_INLINE void block_lanes(const ci_cal_normal *in, size_t stride,
                               const double (*factor)[CI_CAL_N_NORMAL], size_t n_interval,
                               size_t first, size_t n, double (*restrict out)[CI_CAL_RUN_CHAN])
{
    double re[N_LANE] = {0}, im[N_LANE] = {0}, b[N_LANE] = {0};
    for (size_t t = 0; t < n_interval; t++) {
        size_t at = t * stride + first;
        double x = factor[t][0], y = factor[t][1], r2 = factor[t][2];
        const float *restrict a_re = in->a_re + at, *restrict a_im = in->a_im + at;
        const float *restrict a_b = in->b + at;
        if (r2 == 0) continue;
        for (size_t c = 0; c < n; c++) {
            double u = (double)a_re[c], v = (double)a_im[c];
            re[c] += x * u - y * v;
            im[c] += x * v + y * u;
            b[c] += r2 * (double)a_b[c];
        }
    }
    for (size_t c = 0; c < n; c++) {
        out[0][first + c] = re[c];
        out[1][first + c] = im[c];
        out[2][first + c] = b[c];
    }
}

CI_ISA_INLINE void run(const ci_cal_normal *in, size_t stride,
                       const double (*factor)[CI_CAL_N_NORMAL], size_t n_interval, size_t n_chan,
                       double (*out)[CI_CAL_RUN_CHAN])
{
    size_t c = 0;
    for (; c + N_LANE <= n_chan; c += N_LANE)
        block_lanes(in, stride, factor, n_interval, c, N_LANE, out);
    if (c < n_chan) block_lanes(in, stride, factor, n_interval, c, n_chan - c, out);
}

CI_ISA_INSTANCES(run,
                 (const ci_cal_normal *in, size_t stride, const double (*factor)[CI_CAL_N_NORMAL],
                  size_t n_interval, size_t n_chan, double (*out)[CI_CAL_RUN_CHAN]),
                 (in, stride, factor, n_interval, n_chan, out))

void ci_cal_run_sum(ci_isa isa, const ci_cal_normal *in, size_t stride,
                    const double (*factor)[CI_CAL_N_NORMAL], size_t n_interval, size_t n_chan,
                    double (*out)[CI_CAL_RUN_CHAN])
{
    CI_ISA_KERNEL(run, isa)(in, stride, factor, n_interval, n_chan, out);
}

/* ---- power ------------------------------------------------------------------------ */

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
