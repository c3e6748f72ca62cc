/* Direct sums over a position whose flux is another in every cell of time and frequency. A cell's
 * sum goes over all baselines: it is of integers, so that any order gives the same. Amplitudes
 * belong to the samples' own times and frequencies: where samples stand for several integrations or
 * channels, so do cells. */
#include "clean/variation.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* ---- one row ------------------------------------------------------------------------------- */

/* A row's samples seen from a position: [n] phasors. */
typedef struct row
{
    size_t n, n_max;
    float *re, *im, *turns;
    double u, v; /* d(path)/d(l, m), m */
} row;

static ci_status row_new(row *r, const ci_vis_samples *s)
{
    *r = (row){0};
    for (size_t i = 0; i < s->n_axis; i++)
        if (s->axis[i].n_chan > r->n_max) r->n_max = s->axis[i].n_chan;
    CI_TRY(ci_mem_alloc(&r->re, r->n_max, 3 * sizeof *r->re, "direct sums"));
    r->im = r->re + r->n_max;
    r->turns = r->im + r->n_max;
    return CI_OK;
}

/* The phase of the first channel in double precision, of the others beside it in single. */
static void row_fill(row *r, const ci_vis_samples *s, size_t i_row, double l, double m)
{
    const double *uvw = s->uvw_m + 3 * i_row, *f = ci_vis_row_freq(s, i_row);
    double square = l * l + m * m, n_1 = -square / (1 + sqrt(1 - square));
    double path_s = (uvw[0] * l + uvw[1] * m + uvw[2] * n_1) / CI_C_M_S;
    float first = (float)ci_num_turns_fraction(path_s * f[0]), per_hz = (float)path_s;
    float *restrict re = r->re, *restrict im = r->im, *restrict turns = r->turns;
    size_t n = r->n = ci_vis_row_n_chan(s, i_row);
    r->u = uvw[0] - uvw[2] * l / (1 + n_1);
    r->v = uvw[1] - uvw[2] * m / (1 + n_1);
    for (size_t k = 0; k < n; k++)
        turns[k] = ci_num_turns_fraction32(first + per_hz * (float)(f[k] - f[0]));
    for (size_t k = 0; k < n; k++) {
        float c, sine;
        ci_num_turns_cos_sin32(turns[k], &c, &sine);
        re[k] = c;
        im[k] = sine;
    }
}

/* ---- the beam -------------------------------------------------------------------------------- */

/* Of one integration into the cells [freq.n] of its time, times part. */
static void beam_add(const ci_clean_model *b, const double *profile, double part, double *out)
{
    const ci_clean_axis *freq = &b->cells.freq;
    for (size_t k = 0; k < freq->n; k++) {
        double hz = 0.5 * (freq->low[k] + freq->high[k]);
        for (int f = 0; f < CI_CLEAN_FLUX_NODES; f++)
            out[k] += part * ci_clean_flux_lagrange(&b->axis, f, hz) * profile[f];
    }
}

ci_status ci_clean_variation_beam(const ci_clean_model *b, double l, double m, double *out)
{
    const ci_clean_axis *time = &b->cells.time;
    size_t n_freq = b->cells.freq.n, *n = NULL; /* integrations in each cell of time */
    double *profile = NULL;
    CI_TRY(ci_mem_alloc(&profile, b->n_frame * CI_CLEAN_FLUX_NODES, sizeof *profile, "cells"));
    ci_status status = ci_mem_alloc(&n, time->n, sizeof *n, "cells");
    if (status == CI_OK) ci_clean_model_beam_profile(b, l, m, profile);
    memset(out, 0, time->n * n_freq * sizeof *out);
    for (size_t i = 0; status == CI_OK && b->n_frame == 1 && i < time->n; i++)
        beam_add(b, profile, 1, out + i * n_freq);
    for (size_t t = 0; status == CI_OK && b->n_frame > 1 && t < b->n_frame; t++)
        n[time->of[t]]++;
    for (size_t t = 0; status == CI_OK && b->n_frame > 1 && t < b->n_frame; t++)
        beam_add(b, profile + t * CI_CLEAN_FLUX_NODES, 1 / (double)n[time->of[t]],
                 out + time->of[t] * n_freq);
    ci_mem_free(profile);
    ci_mem_free(n);
    return status;
}

/* ---- sums of cells --------------------------------------------------------------------------- */

/* Integers of all ranks as numbers. */
static ci_status cells_sum(ci_comm *comm, int64_t *fixed, size_t n, int exponent, double *out)
{
    CI_TRY(ci_par_sum_int(comm, fixed, n));
    for (size_t i = 0; i < n; i++)
        out[i] = ldexp((double)fixed[i], -exponent);
    return CI_OK;
}

/* Of one sample, what a cell sums. */
typedef double (*sample_value)(const ci_vis_samples *s, size_t i);

static double weight_of(const ci_vis_samples *s, size_t i)
{
    return s->weight[i];
}

static double variance_of(const ci_vis_samples *s, size_t i)
{
    double w = s->weight[i], natural = s->natural[i];
    return natural > 0 ? w * w / natural : 0;
}

static double power_of(const ci_vis_samples *s, size_t i)
{
    double re = crealf(s->computed[i]), im = cimagf(s->computed[i]);
    return s->weight[i] * (re * re + im * im);
}

static ci_status values_sum(ci_comm *comm, const ci_clean_cells *cells, const ci_vis_samples *s,
                            sample_value value, double *out)
{
    double most = 0;
    int64_t *fixed = NULL;
    size_t n = cells->time.n * cells->freq.n;
    for (size_t i = 0; i < s->n_sample; i++)
        most = fmax(most, value(s, i));
    CI_TRY(ci_par_max_double(comm, &most, 1));
    int exponent = ci_num_fixed_exponent(most, s->n_good);
    CI_TRY(ci_par_alloc(comm, &fixed, n, sizeof *fixed, "cells of time and frequency"));
    for (size_t i = 0; i < s->n_row; i++) {
        const uint32_t *freq;
        int64_t *to = fixed + ci_clean_cells_of_row(cells, s, i, &freq);
        for (size_t k = 0; k < ci_vis_row_n_chan(s, i); k++)
            to[freq[k]] += ci_num_fixed(value(s, s->first[i] + k), exponent);
    }
    ci_status status = cells_sum(comm, fixed, n, exponent, out);
    ci_mem_free(fixed);
    return status;
}

ci_status ci_clean_cells_weigh(ci_comm *comm, const ci_clean_model *b, const ci_vis_samples *s,
                               double *weight, double *variance)
{
    CI_TRY(values_sum(comm, &b->cells, s, weight_of, weight));
    if (!variance) return CI_OK;
    return values_sum(comm, &b->cells, s, variance_of, variance);
}

ci_status ci_clean_cells_power(ci_comm *comm, const ci_clean_model *b, const ci_vis_samples *s,
                               double *power)
{
    return values_sum(comm, &b->cells, s, power_of, power);
}

/* Several positions, and the sums of their cells, [cell][LANES]. */
enum
{
    LANES = CI_CLEAN_CELLS_AT_ONCE
};
typedef struct lookout
{
    double l[LANES], m[LANES], n_1[LANES];
    double scale;
    double *sum; /* whole numbers: sums of them are exact */
} lookout;

/* Bits that sums of whole numbers in double precision have, of those that they have as int64_t. */
static const int double_bits_less = 10;

/* All lanes at once: gcc and clang make of it what the target has. */
typedef float lanes32 __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef double lanes64 __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

/* Adds a row to cells from `first` on. A lane for each position; per lane as row_fill. */
CI_ISA_INLINE void row_correlate(const lookout *o, const ci_vis_samples *s, size_t i_row,
                                 const uint32_t *freq, size_t first)
{
    const double *uvw = s->uvw_m + 3 * i_row, *f = ci_vis_row_freq(s, i_row);
    const float *vis = (const float *)(s->computed + s->first[i_row]);
    const float *weight = s->weight + s->first[i_row];
    const double to_whole = 0x1.8p52; /* |x| < 2^51: the nearest whole number */
    float begin[LANES], per_hz[LANES];
    for (int j = 0; j < LANES; j++) {
        double path_s = (uvw[0] * o->l[j] + uvw[1] * o->m[j] + uvw[2] * o->n_1[j]) / CI_C_M_S;
        begin[j] = (float)ci_num_turns_fraction(path_s * f[0]);
        per_hz[j] = (float)path_s;
    }
    size_t n = ci_vis_row_n_chan(s, i_row);
    for (size_t k = 0; k < n; k++) {
        float away_hz = (float)(f[k] - f[0]), re = vis[2 * k], im = vis[2 * k + 1], w = weight[k];
        float value[LANES];
        for (int j = 0; j < LANES; j++) {
            float c, sine;
            ci_num_turns_cos_sin32(ci_num_turns_fraction32(begin[j] + per_hz[j] * away_hz), &c,
                                   &sine);
            value[j] = w * (re * c + im * sine);
        }
        lanes64 scaled = o->scale * __builtin_convertvector(*(const lanes32 *)value, lanes64);
        *(lanes64 *)(o->sum + (first + freq[k]) * LANES) += (scaled + to_whole) - to_whole;
    }
}

CI_ISA_INSTANCES(row_correlate,
                 (const lookout *o, const ci_vis_samples *s, size_t i_row, const uint32_t *freq,
                  size_t first),
                 (o, s, i_row, freq, first))

/* Lanes without a position repeat the first. */
static void lookout_place(lookout *o, const double (*at)[2], size_t n)
{
    for (size_t j = 0; j < LANES; j++) {
        const double *lm = at[j < n ? j : 0];
        double square = lm[0] * lm[0] + lm[1] * lm[1];
        o->l[j] = lm[0];
        o->m[j] = lm[1];
        o->n_1[j] = -square / (1 + sqrt(1 - square));
    }
}

/* The greatest summand of any rank. */
static ci_status summand_most(ci_comm *comm, const ci_vis_samples *s, double *most)
{
    *most = 0;
    for (size_t i = 0; i < s->n_sample; i++) {
        double size =
            s->weight[i] * (fabsf(crealf(s->computed[i])) + fabsf(cimagf(s->computed[i])));
        if (size > *most) *most = size;
    }
    return ci_par_max_double(comm, most, 1);
}

/* Sums of this rank's rows; fixed: the same as integers. */
static void rows_correlate(const ci_clean_model *b, const ci_vis_samples *s, lookout *o,
                           int64_t *fixed)
{
    size_t n_cell = b->cells.time.n * b->cells.freq.n;
    for (size_t i = 0; i < s->n_row; i++) {
        const uint32_t *freq;
        size_t first = ci_clean_cells_of_row(&b->cells, s, i, &freq);
        CI_ISA_KERNEL(row_correlate, b->axis.isa)(o, s, i, freq, first);
    }
    for (size_t i = 0; i < LANES * n_cell; i++)
        fixed[i] = (int64_t)o->sum[i];
}

ci_status ci_clean_cells_correlate(ci_comm *comm, const ci_clean_model *b, const double (*at)[2],
                                   size_t n, const ci_vis_samples *s, double *sums)
{
    static const char what[] = "cells of time and frequency";
    double most = 0;
    lookout o = {0};
    int64_t *fixed = NULL;
    size_t n_cell = b->cells.time.n * b->cells.freq.n;
    CI_TRY(summand_most(comm, s, &most));
    int exponent = ci_num_fixed_exponent(most, s->n_good) - double_bits_less;
    o.scale = ldexp(1, exponent);
    lookout_place(&o, at, n);
    ci_status status = ci_par_alloc(comm, &o.sum, LANES * n_cell, sizeof *o.sum, what);
    if (status == CI_OK) status = ci_par_alloc(comm, &fixed, LANES * n_cell, sizeof *fixed, what);
    if (status == CI_OK) {
        rows_correlate(b, s, &o, fixed);
        status = ci_par_sum_int(comm, fixed, LANES * n_cell);
    }
    for (size_t j = 0; status == CI_OK && j < n; j++)
        for (size_t i = 0; i < n_cell; i++)
            sums[j * n_cell + i] = ldexp((double)fixed[i * LANES + j], -exponent);
    ci_mem_free(o.sum);
    ci_mem_free(fixed);
    return status;
}

/* ---- a variation --------------------------------------------------------------------------- */

ci_status ci_clean_variation_add(const ci_clean_model *b, double l, double m,
                                 const double *amplitude, double scale, ci_vis_samples *s)
{
    row r;
    CI_TRY(row_new(&r, s));
    for (size_t i = 0; i < s->n_row; i++) {
        const uint32_t *freq;
        const double *flux = amplitude + ci_clean_cells_of_row(&b->cells, s, i, &freq);
        float *value = (float *)(s->computed + s->first[i]);
        row_fill(&r, s, i, l, m);
        for (size_t k = 0; k < r.n; k++) {
            value[2 * k] += (float)(scale * flux[freq[k]] * r.re[k]);
            value[2 * k + 1] += (float)(scale * flux[freq[k]] * r.im[k]);
        }
    }
    ci_mem_free(r.re);
    return CI_OK;
}

ci_status ci_clean_variations_add(const ci_clean_model *b, ci_vis_samples *s)
{
    size_t n_cell = b->cells.time.n * b->cells.freq.n;
    for (size_t i = 0; i < b->n_variation; i++)
        CI_TRY(ci_clean_variation_add(b, b->variation[i].l, b->variation[i].m,
                                      b->amplitude + i * n_cell, 1, s));
    return CI_OK;
}

/* One row's part of a unit's sums. */
static void row_shift(const row *r, const ci_vis_samples *s, size_t i_row, const double *flux,
                      const uint32_t *freq, double *summand)
{
    const float *vis = (const float *)(s->computed + s->first[i_row]);
    const float *weight = s->weight + s->first[i_row];
    const double *f = ci_vis_row_freq(s, i_row);
    double dot = 0, norm = 0;
    for (size_t k = 0; k < r->n; k++) {
        double g = 2 * CI_PI * f[k] / CI_C_M_S * flux[freq[k]];
        double b = vis[2 * k + 1] * r->re[k] - vis[2 * k] * r->im[k];
        dot += (double)weight[k] * b * g;
        norm += (double)weight[k] * g * g;
    }
    summand[CI_SHIFT_DOT_L] += r->u * dot;
    summand[CI_SHIFT_DOT_M] += r->v * dot;
    summand[CI_SHIFT_NORM_LL] += r->u * r->u * norm;
    summand[CI_SHIFT_NORM_LM] += r->u * r->v * norm;
    summand[CI_SHIFT_NORM_MM] += r->v * r->v * norm;
}

ci_status ci_clean_variation_shift(ci_comm *comm, const ci_clean_model *b, double l, double m,
                                   const double *amplitude, const ci_vis_samples *s,
                                   double sums[CI_SHIFT_SUMS])
{
    double *summand = NULL;
    row r = {0};
    ci_par_pairwise *pairwise = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &pairwise, ci_vis_samples_n_summand(s), CI_SHIFT_SUMS));
    ci_status status = ci_par_agree(comm, row_new(&r, s));
    for (size_t i = 0; status == CI_OK && i < s->n_row; i++) {
        const uint32_t *freq;
        const double *flux = amplitude + ci_clean_cells_of_row(&b->cells, s, i, &freq);
        if (ci_vis_samples_summand_begins(s, i)) summand = ci_par_pairwise_next(pairwise);
        row_fill(&r, s, i, l, m);
        row_shift(&r, s, i, flux, freq, summand);
    }
    if (status == CI_OK) status = ci_par_pairwise_finish(comm, pairwise, sums);
    ci_mem_free(r.re);
    ci_par_pairwise_free(pairwise);
    return status;
}
