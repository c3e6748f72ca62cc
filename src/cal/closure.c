/* Closure phases of triangles with a reference antenna, and what noise gives them. */
#include "contimg/cal.h"

#include <complex.h>
#include <math.h>

enum
{
    MOST_TIME = 512,
    N_LEG = 3
};

/* The baselines of the triangles: with the reference antenna, and opposite it. */
typedef struct triangles
{
    int32_t i_ref;
    size_t n_other, n, apart;
    int32_t *other; /* [n_other] antennas with data besides it */
    int32_t *leg;   /* [n_baseline] p: of the reference antenna and other[p]; n_other + t: opposite
                     * it in triangle t; -1: in none */
} triangles;

/* Mean of a baseline over the channels of a sub-band, on its way to rank 0. */
typedef struct leg_mean
{
    int32_t i_leg, i_time, i_pol;
    int32_t is_backward; /* antenna 1 is the later one of the two in the triangle */
    double re, im, variance;
} leg_mean;

/* On rank 0. */
typedef struct bispectrum
{
    ci_c64 sum;
    double noise; /* expected |noise|^2 of the sum */
    size_t n;
} bispectrum;

void ci_cal_closures_clear(ci_cal_closures *closures)
{
    ci_mem_free(closures->antenna);
    ci_mem_free(closures->time_mjd_s);
    ci_mem_free(closures->phase_rad);
    ci_mem_free(closures->sigma_rad);
    *closures = (ci_cal_closures){.i_ref = -1};
}

/* ---- which triangles ------------------------------------------------------------------------ */

static bool has_data(double fraction)
{
    return fraction < 1; /* not of NaN */
}

static int32_t reference_choose(const double *fraction, size_t n_antenna, int32_t i_ref)
{
    if (i_ref >= 0 && (size_t)i_ref < n_antenna && has_data(fraction[i_ref])) return i_ref;
    int32_t best = -1;
    for (size_t a = 0; a < n_antenna; a++)
        if (has_data(fraction[a]) && (best < 0 || fraction[a] < fraction[best])) best = (int32_t)a;
    return best;
}

/* Antenna k of triangle t, as a position in the list of the others. */
static size_t third_of(const triangles *t, size_t i)
{
    return (i + t->apart) % t->n_other;
}

static void legs_number(triangles *t, const ci_vis_meta *meta, const int32_t *position)
{
    for (size_t b = 0; b < meta->n_baseline; b++) {
        int32_t a1 = meta->baseline_ant1[b], a2 = meta->baseline_ant2[b];
        int32_t p1 = position[a1], p2 = position[a2];
        t->leg[b] = -1;
        if (a1 == t->i_ref && p2 >= 0) t->leg[b] = p2;
        if (a2 == t->i_ref && p1 >= 0) t->leg[b] = p1;
        if (p1 < 0 || p2 < 0 || a1 == a2) continue;
        if ((size_t)p2 == third_of(t, (size_t)p1) && (size_t)p1 < t->n)
            t->leg[b] = (int32_t)t->n_other + p1;
        else if ((size_t)p1 == third_of(t, (size_t)p2) && (size_t)p2 < t->n)
            t->leg[b] = (int32_t)t->n_other + p2;
    }
}

/* Each of the others in two triangles, and no triangle twice. */
static ci_status triangles_choose(triangles *t, const ci_vis_meta *meta, const double *fraction,
                                  int32_t i_ref)
{
    size_t n = meta->array.n_antenna;
    int32_t *position = NULL;
    t->i_ref = reference_choose(fraction, n, i_ref);
    CI_TRY(ci_mem_alloc(&t->other, n, sizeof *t->other, "closure phases"));
    CI_TRY(ci_mem_alloc(&t->leg, meta->n_baseline, sizeof *t->leg, "closure phases"));
    CI_TRY(ci_mem_alloc(&position, n, sizeof *position, "closure phases"));
    for (size_t a = 0; a < n; a++) {
        bool is_other = has_data(fraction[a]) && (int32_t)a != t->i_ref;
        position[a] = is_other ? (int32_t)t->n_other : -1;
        if (is_other) t->other[t->n_other++] = (int32_t)a;
    }
    t->apart = t->n_other > 2 ? (t->n_other - 1) / 2 : 1;
    t->n = t->n_other > 2 ? t->n_other : t->n_other / 2;
    if (t->n > 0) legs_number(t, meta, position);
    ci_mem_free(position);
    return CI_OK;
}

static void triangles_clear(triangles *t)
{
    ci_mem_free(t->other);
    ci_mem_free(t->leg);
}

/* ---- means of baselines -----------------------------------------------------------------------
 */

static bool row_mean(const ci_vis_block *block, size_t i_row, size_t i_pol, leg_mean *out)
{
    double re = 0, im = 0, weight = 0;
    for (size_t c = 0; c < block->n_chan; c++) {
        size_t k = ci_vis_sample(block, i_row, c, i_pol);
        double w = (double)ci_vis_weight(block, i_row, c, i_pol);
        if (block->flags[k] || !(w > 0)) continue;
        re += w * crealf(block->data[k]);
        im += w * cimagf(block->data[k]);
        weight += w;
    }
    if (!(weight > 0)) return false;
    out->re = re / weight;
    out->im = im / weight;
    out->variance = 1 / weight;
    return true;
}

/* Whether the antennas of a baseline follow each other in it as in their triangle: i, j or j, k. */
static bool is_backward(const triangles *t, const ci_vis_meta *meta, size_t i_baseline)
{
    int32_t leg = t->leg[i_baseline], a1 = meta->baseline_ant1[i_baseline];
    return a1 != ((size_t)leg < t->n_other ? t->i_ref : t->other[(size_t)leg - t->n_other]);
}

/* Those of a block, appended to means, which has space for them. */
static void block_means(const ci_vis_block *block, const triangles *t, size_t every,
                        leg_mean *means, size_t *n)
{
    const ci_vis_meta *meta = block->meta;
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = (size_t)block->i_baseline[r], i_time = (size_t)block->i_time[r];
        if (t->leg[b] < 0 || i_time % every != 0) continue;
        for (size_t p = 0; p < block->n_pol; p++) {
            leg_mean one = {.i_leg = t->leg[b],
                            .i_time = (int32_t)(i_time / every),
                            .i_pol = (int32_t)p,
                            .is_backward = is_backward(t, meta, b)};
            if (ci_vis_pol_is_parallel(meta->pol[p]) && row_mean(block, r, p, &one))
                means[(*n)++] = one;
        }
    }
}

/* Of one sub-band, from all ranks to rank 0, in the order of baselines and times. */
static ci_status sub_band_gather(ci_comm *comm, const ci_vis_set *set, size_t i_sub_band,
                                 const triangles *t, size_t every, leg_mean **all, size_t *n_all)
{
    leg_mean *here = NULL;
    void *bytes = NULL;
    size_t n = 0, n_byte = 0, most = 0;
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->part.i_sub_band == i_sub_band)
            for (size_t r = 0; r < set->block[i]->n_row; r++)
                most += t->leg[set->block[i]->i_baseline[r]] >= 0 ? set->block[i]->n_pol : 0;
    CI_TRY(ci_par_alloc(comm, &here, most, sizeof *here, "closure phases"));
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->part.i_sub_band == i_sub_band)
            block_means(set->block[i], t, every, here, &n);
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, 0, &bytes, &n_byte);
    ci_mem_free(here);
    *all = bytes;
    *n_all = n_byte / sizeof **all;
    return status;
}

/* ---- their products, on rank 0 ------------------------------------------------------------------
 */

/* Adds the product of three means. Its noise by their own: |V + n|^2 is |V|^2 + 2 sigma^2 in the
 * mean, so that E |product|^2 = prod (|V|^2 + 2 sigma^2), and what is not prod |V|^2 of it is
 * noise. */
static void product_add(const leg_mean *const leg[N_LEG], bispectrum *to)
{
    ci_c64 product = 1;
    double seen = 1, true_ = 1;
    for (int i = 0; i < N_LEG; i++) {
        double im = leg[i]->is_backward ? -leg[i]->im : leg[i]->im;
        double square = leg[i]->re * leg[i]->re + im * im;
        /* V_ki is the conjugate of V_ik */
        product *= leg[i]->re + I * (i == N_LEG - 1 ? -im : im);
        seen *= square;
        true_ *= fmax(square - 2 * leg[i]->variance, 0);
    }
    to->sum += product;
    to->noise += seen - true_;
    to->n++;
}

/* Products of one sub-band and polarisation. slot [n_leg][n_time] is scratch. */
static void products_add(const triangles *t, const leg_mean *means, size_t n_mean, size_t i_pol,
                         size_t n_time, const leg_mean **slot, bispectrum *to)
{
    for (size_t i = 0; i < 2 * t->n_other * n_time; i++)
        slot[i] = NULL;
    for (size_t i = 0; i < n_mean; i++)
        if ((size_t)means[i].i_pol == i_pol)
            slot[(size_t)means[i].i_leg * n_time + (size_t)means[i].i_time] = &means[i];
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < n_time; k++) {
            const leg_mean *const leg[N_LEG] = {slot[i * n_time + k],
                                                slot[(t->n_other + i) * n_time + k],
                                                slot[third_of(t, i) * n_time + k]};
            if (leg[0] && leg[1] && leg[2]) product_add(leg, &to[i * n_time + k]);
        }
}

/* Noise across the sum, half of it, as an angle; the square of the sum holds all of it. A sum in
 * which the sky is not stronger than noise says nothing. */
static double sigma_of(const bispectrum *b)
{
    double square = creal(b->sum) * creal(b->sum) + cimag(b->sum) * cimag(b->sum) - b->noise;
    return square > b->noise ? sqrt(0.5 * b->noise / square) : INFINITY;
}

static void phases_set(const bispectrum *from, size_t n, bool weights_known, ci_cal_closures *out)
{
    for (size_t i = 0; i < n; i++) {
        out->phase_rad[i] = from[i].n ? carg(from[i].sum) : NAN;
        out->sigma_rad[i] = from[i].n && weights_known ? sigma_of(&from[i]) : NAN;
    }
}

static ci_status closures_new(const triangles *t, const ci_vis_meta *meta, size_t every,
                              ci_cal_closures *out)
{
    static const char what[] = "closure phases";
    out->n_triangle = t->n;
    out->n_time = (meta->n_time + every - 1) / every;
    out->i_ref = t->i_ref;
    CI_TRY(ci_mem_alloc(&out->antenna, t->n, sizeof *out->antenna, what));
    CI_TRY(ci_mem_alloc(&out->time_mjd_s, out->n_time, sizeof *out->time_mjd_s, what));
    CI_TRY(ci_mem_alloc(&out->phase_rad, t->n * out->n_time, sizeof *out->phase_rad, what));
    CI_TRY(ci_mem_alloc(&out->sigma_rad, t->n * out->n_time, sizeof *out->sigma_rad, what));
    for (size_t i = 0; i < t->n; i++)
        out->antenna[i] = t->other[i];
    for (size_t k = 0; k < out->n_time; k++)
        out->time_mjd_s[k] = meta->time_mjd_s[k * every];
    return CI_OK;
}

/* Rank 0's arrays, and nothing elsewhere. */
static ci_status room_make(const triangles *t, size_t n_time, bispectrum **sums,
                           const leg_mean ***slot)
{
    CI_TRY(ci_mem_alloc(sums, t->n * n_time, sizeof **sums, "closure phases"));
    return ci_mem_alloc(slot, 2 * t->n_other * n_time, sizeof **slot, "closure phases");
}

static ci_status closures_fill(ci_comm *comm, const ci_vis_set *set, const triangles *t,
                               size_t every, bool weights_known, ci_cal_closures *out)
{
    bool is_root = ci_comm_rank(comm) == 0;
    bispectrum *sums = NULL;
    const leg_mean **slot = NULL;
    ci_status status = is_root ? closures_new(t, set->meta, every, out) : CI_OK;
    if (status == CI_OK && is_root) status = room_make(t, out->n_time, &sums, &slot);
    status = ci_par_agree(comm, status);
    for (size_t s = 0; status == CI_OK && s < set->meta->n_sub_band; s++) {
        leg_mean *means = NULL;
        size_t n = 0;
        status = sub_band_gather(comm, set, s, t, every, &means, &n);
        for (size_t p = 0; status == CI_OK && is_root && p < set->meta->n_pol; p++)
            products_add(t, means, n, p, out->n_time, slot, sums);
        ci_mem_free(means);
    }
    if (status == CI_OK && is_root) phases_set(sums, t->n * out->n_time, weights_known, out);
    ci_mem_free(sums);
    ci_mem_free(slot);
    return status;
}

ci_status ci_cal_closures_find(ci_comm *comm, const ci_vis_set *set, int32_t i_ref,
                               const double *fraction, bool weights_known, ci_cal_closures *out)
{
    const ci_vis_meta *meta = set->meta;
    triangles t = {0};
    size_t every = (meta->n_time + MOST_TIME - 1) / MOST_TIME;
    *out = (ci_cal_closures){.i_ref = -1};
    CI_PAR_EQUAL(comm, "closure phases: reference antenna, or weights", i_ref, weights_known);
    ci_status status = ci_par_agree(comm, triangles_choose(&t, meta, fraction, i_ref));
    if (status == CI_OK && t.n > 0)
        status = closures_fill(comm, set, &t, every, weights_known, out);
    triangles_clear(&t);
    if (status != CI_OK) ci_cal_closures_clear(out);
    return status;
}
