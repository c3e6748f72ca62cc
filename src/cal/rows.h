/* Sums over the samples of a row, or over the channels of a baseline's normal sums: where a solve
 * spends the time that it does not spend on the model. */
#ifndef CI_CAL_ROWS_H
#define CI_CAL_ROWS_H

#include "contimg/vis.h"

enum
{
    CI_CAL_RUN_CHAN = 48, /* channels that are summed over intervals at once */
    CI_CAL_FINE = 4,      /* sums of one integration */
    CI_CAL_N_NORMAL = 3   /* numbers of a baseline that a solve works on: re, im of a, and b */
};

/* A run of channels of one row: samples [n_chan][n_pol], at most 4 polarisations, and the model,
 * the same for all of them. */
typedef struct ci_cal_row
{
    size_t n_chan, n_pol;
    const ci_c32 *data, *model;
    const uint8_t *flags;
    const float *weight;
} ci_cal_row;

/* Arrays: a = sum w V conj(M), b = sum w |M|^2, c = sum w |V|^2. */
typedef struct ci_cal_normal
{
    float *a_re, *a_im, *b, *c;
} ci_cal_normal;

/* Adds a row, sample by sample, out and count [n_chan][n_pol]; count += 1 where the sample is good.
 * Local. */
void ci_cal_row_add(ci_isa isa, const ci_cal_row *row, const ci_cal_normal *out, int32_t *count);
/* out [n_pol] = sums over channels of w V conj(g M), real and imaginary, w |g M|^2 and w |V|^2;
 * count [n_pol] of samples that went in. gain [3][stride]: real and imaginary part of g, and 1, as
 * many channels and polarisations as the row, all 0 where there is none. Local. */
void ci_cal_row_sum(ci_isa isa, const ci_cal_row *row, const float *gain, size_t stride,
                    double (*out)[CI_CAL_FINE], int64_t *count);
/* Polarisation i_pol of such gains g = b1 conj(b2), out [3][n_chan][n_pol]; b1 and b2 [2][n_chan].
 * Local. */
void ci_cal_gain_spread(const float *b1, const float *b2, size_t n_chan, size_t n_pol, size_t i_pol,
                        float *out);
/* A run of at most CI_CAL_RUN_CHAN channels of one baseline's normal sums, `stride` from one
 * interval to the next, over intervals: out = sums of conj(g) a, real and imaginary, and |g|^2 b;
 * factor [n_interval] real and imaginary part of conj(g) and |g|^2, which is 0 where there is no
 * gain. Local. */
void ci_cal_run_sum(ci_isa isa, const ci_cal_normal *in, size_t stride,
                    const double (*factor)[CI_CAL_N_NORMAL], size_t n_interval, size_t n_chan,
                    double (*out)[CI_CAL_RUN_CHAN]);
/* out = sums over channels of conj(g) a, real and imaginary, and |g|^2 b. Local. */
void ci_cal_normal_sum(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                       size_t n_chan, double out[3]);
/* out += sums of |V - f g M|^2 w and of w |V|^2 where g is not 0; f real and imaginary. Local. */
void ci_cal_normal_power(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                         size_t n_chan, const float f[2], double out[2]);

#endif
