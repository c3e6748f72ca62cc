/* Sums over the samples of a row, or over the channels of a baseline's normal sums: where a solve
 * spends the time that it does not spend on the model. */
#ifndef CI_CAL_ROWS_H
#define CI_CAL_ROWS_H

#include "contimg/vis.h"

/* A run of channels of one row and polarisation; samples are n_pol apart, the model's are not. */
typedef struct ci_cal_row
{
    size_t n_chan, n_pol;
    const ci_c32 *data, *model;
    const uint8_t *flags;
    const float *weight;
} ci_cal_row;

/* Arrays over channels: a = sum w V conj(M), b = sum w |M|^2, c = sum w |V|^2. */
typedef struct ci_cal_normal
{
    float *a_re, *a_im, *b, *c;
} ci_cal_normal;

/* Adds a row, channel by channel; count [n_chan] += 1 where the sample is good. Returns how many
 * are. Local. */
int64_t ci_cal_row_add(ci_isa isa, const ci_cal_row *row, const ci_cal_normal *out, int32_t *count);
/* out += sums over channels of w V conj(g M), real and imaginary, w |g M|^2 and w |V|^2, with g =
 * b1 conj(b2); b1 and b2 [2][stride] real and imaginary, 0 where there is none. Returns how many
 * samples went in. Local. */
int64_t ci_cal_row_sum(ci_isa isa, const ci_cal_row *row, const float *b1, const float *b2,
                       size_t stride, double out[4]);
/* out = sums over channels of conj(g) a, real and imaginary, and |g|^2 b. Local. */
void ci_cal_normal_sum(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                       size_t n_chan, double out[3]);
/* out += sums of |V - f g M|^2 w and of w |V|^2 where g is not 0; f real and imaginary. Local. */
void ci_cal_normal_power(ci_isa isa, const ci_cal_normal *in, const float *b1, const float *b2,
                         size_t n_chan, const float f[2], double out[2]);

#endif
