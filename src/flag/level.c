/* Baselines and receptors that are far above the others. A baseline's level is compared with what
 * its two receptors have on their other baselines, and with the baselines that are about as long,
 * as a resolved source is brighter on short ones. All ranks decide alike from the same levels. */
#include "flag/level.h"

#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>

enum
{
    N_BESIDE = 8, /* baselines of like length */
    MIN_ANTENNA = 5,
    N_ITERATION = 8
};

static const double most_amplitude = 20; /* of a baseline over those beside */
static const double most_noise = 5;      /* noise over their amplitude: a sky leaves less */
static const double most_receptor = 25;  /* over the other receptors: dishes differ by less */

typedef struct dynspec_levels
{
    const ci_vis_meta *meta;
    const ci_flag_level **level; /* [n] of one sub-band and polarisation, by length */
    size_t n;
    double *antenna;   /* [n_antenna] logarithm of the receptor's level; NaN where unknown */
    double *amplitude; /* [n] logarithms */
    double *scratch;   /* [2 n] */
    uint32_t *key;     /* [2 n] */
    size_t *first;     /* [n_antenna + 1] */
    size_t *order;     /* [2 n] */
    uint8_t *bad;      /* [n_sub_band][n_pol][n_baseline] */
    size_t n_bad;      /* dynamic spectra */
    int64_t i_worst;   /* baseline */
    double most;       /* of what it should be */
} dynspec_levels;

static void levels_clear(dynspec_levels *k)
{
    void *all[] = {k->level, k->antenna, k->amplitude, k->scratch,
                   k->key,   k->first,   k->order,     k->bad};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ci_mem_free(all[i]);
}

static ci_status levels_new(dynspec_levels *k, const ci_vis_meta *meta)
{
    static const char what[] = "flagging: levels of baselines";
    size_t n = meta->n_baseline, n_antenna = meta->array.n_antenna;
    *k = (dynspec_levels){.meta = meta, .i_worst = -1};
    CI_TRY(ci_mem_alloc(&k->level, n, sizeof *k->level, what));
    CI_TRY(ci_mem_alloc(&k->antenna, n_antenna, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->amplitude, n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->scratch, 2 * n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->key, 2 * n, sizeof *k->key, what));
    CI_TRY(ci_mem_alloc(&k->first, n_antenna + 1, sizeof *k->first, what));
    CI_TRY(ci_mem_alloc(&k->order, 2 * n, sizeof *k->order, what));
    return ci_mem_alloc(&k->bad, meta->n_sub_band * meta->n_pol * n, 1, what);
}

static const int32_t *ends_of(const dynspec_levels *k, size_t i, int side)
{
    const int32_t *ant = side == 0 ? k->meta->baseline_ant1 : k->meta->baseline_ant2;
    return ant + k->level[i]->i_baseline;
}

/* Receptors' levels x from log amplitude = x_1 + x_2, each the median over its baselines. */
static void antennas_fit(dynspec_levels *k)
{
    size_t n_antenna = k->meta->array.n_antenna;
    for (size_t i = 0; i < k->n; i++) {
        k->amplitude[i] = k->scratch[i] = log(k->level[i]->amplitude);
        for (int side = 0; side < 2; side++)
            k->key[2 * i + (size_t)side] = (uint32_t)*ends_of(k, i, side);
    }
    double start = 0.5 * ci_num_median(k->scratch, k->n);
    ci_num_sort_by_key(k->key, 2 * k->n, n_antenna, k->first, k->order);
    for (size_t a = 0; a < n_antenna; a++)
        k->antenna[a] = k->first[a + 1] > k->first[a] ? start : NAN;
    for (int i = 0; i < N_ITERATION; i++) {
        for (size_t a = 0; a < n_antenna; a++) {
            size_t n = 0;
            for (size_t j = k->first[a]; j < k->first[a + 1]; j++) {
                size_t at = k->order[j] / 2;
                int other = k->order[j] % 2 == 0;
                k->scratch[n++] = k->amplitude[at] - k->antenna[*ends_of(k, at, other)];
            }
            if (n > 0) k->antenna[a] = 0.5 * (k->antenna[a] + ci_num_median(k->scratch, n));
        }
    }
}

/* Median over the baselines beside i, of the logarithm as it is and relative to the receptors'. */
static void beside_measure(const dynspec_levels *k, size_t i, double *plain, double *relative)
{
    double level[2][N_BESIDE];
    size_t first = i > N_BESIDE / 2 ? i - N_BESIDE / 2 : 0, n = 0;
    if (first + N_BESIDE + 1 > k->n) first = k->n - N_BESIDE - 1;
    for (size_t j = first; n < N_BESIDE; j++) {
        if (j == i) continue;
        level[0][n] = k->amplitude[j];
        level[1][n++] =
            k->amplitude[j] - k->antenna[*ends_of(k, j, 0)] - k->antenna[*ends_of(k, j, 1)];
    }
    *plain = ci_num_median(level[0], n);
    *relative = ci_num_median(level[1], n);
}

/* By how much a baseline exceeds its limit, as a factor; at most 1 is well. */
static double baseline_excess(const dynspec_levels *k, size_t i)
{
    double plain, relative;
    double own = k->antenna[*ends_of(k, i, 0)] + k->antenna[*ends_of(k, i, 1)];
    beside_measure(k, i, &plain, &relative);
    double due = fmax(plain, relative + own);
    double noise = log(fmax(k->level[i]->noise, 1e-300));
    return exp(fmax(k->amplitude[i] - due - log(most_amplitude), noise - due - log(most_noise)));
}

static void bad_note(dynspec_levels *k, const ci_flag_level *l, double factor)
{
    const ci_vis_meta *m = k->meta;
    size_t dynspec = (size_t)l->i_sub_band * m->n_pol + (size_t)l->i_pol;
    k->bad[dynspec * m->n_baseline + (size_t)l->i_baseline] = 1;
    k->n_bad++;
    if (factor <= k->most) return;
    k->most = factor;
    k->i_worst = l->i_baseline;
}

/* One sub-band and polarisation. */
static void dynspec_judge(dynspec_levels *k)
{
    size_t n_antenna = k->meta->array.n_antenna, n_known = 0;
    if (k->n <= N_BESIDE + 1) return;
    antennas_fit(k);
    for (size_t a = 0; a < n_antenna; a++)
        if (isfinite(k->antenna[a])) k->scratch[n_known++] = k->antenna[a];
    if (n_known < MIN_ANTENNA) return;
    double usual = ci_num_median(k->scratch, n_known);
    for (size_t i = 0; i < k->n; i++) {
        double factor = 0;
        for (int side = 0; side < 2; side++)
            factor = fmax(factor, exp(k->antenna[*ends_of(k, i, side)] - usual) / most_receptor);
        factor = fmax(factor, baseline_excess(k, i));
        if (factor > 1) bad_note(k, k->level[i], factor);
    }
}

/* By sub-band, polarisation, length, baseline. */
static int level_order(const void *a, const void *b)
{
    const ci_flag_level *p = a, *q = b;
    double x[4] = {(double)p->i_sub_band, (double)p->i_pol, p->length_m, (double)p->i_baseline};
    double y[4] = {(double)q->i_sub_band, (double)q->i_pol, q->length_m, (double)q->i_baseline};
    for (int k = 0; k < 4; k++)
        if (x[k] != y[k]) return x[k] < y[k] ? -1 : 1;
    return 0;
}

static ci_status all_judge(dynspec_levels *k, ci_flag_level *level, size_t n)
{
    CI_TRY(levels_new(k, k->meta));
    qsort(level, n, sizeof *level, level_order);
    for (size_t first = 0, end; first < n; first = end) {
        k->n = 0;
        for (end = first; end < n && level[end].i_sub_band == level[first].i_sub_band &&
                          level[end].i_pol == level[first].i_pol;
             end++)
            k->level[k->n++] = &level[end];
        dynspec_judge(k);
    }
    return CI_OK;
}

static void bad_mark(const dynspec_levels *k, ci_vis_block *block)
{
    const ci_vis_meta *m = k->meta;
    for (size_t r = 0; r < block->n_row; r++) {
        for (size_t p = 0; p < block->n_pol; p++) {
            size_t dynspec = block->part.i_sub_band * m->n_pol + p;
            if (!k->bad[dynspec * m->n_baseline + (size_t)block->i_baseline[r]]) continue;
            for (size_t c = 0; c < block->n_chan; c++)
                block->flags[ci_vis_sample(block, r, c, p)] |= CI_VIS_FLAG_RFI;
        }
    }
}

static void bad_tell(const dynspec_levels *k, size_t n_level)
{
    const ci_vis_meta *m = k->meta;
    const ci_vis_antenna *antenna = m->array.antenna;
    ci_log_warning("flag: %zu of %zu baselines by sub-band and polarisation are flagged: far above "
                   "what the others say; most of all %s and %s",
                   k->n_bad, n_level, ci_vis_text(antenna[m->baseline_ant1[k->i_worst]].name),
                   ci_vis_text(antenna[m->baseline_ant2[k->i_worst]].name));
}

ci_status ci_flag_levels_judge(ci_comm *comm, ci_vis_set *set, const ci_flag_level *here,
                               size_t n_here)
{
    dynspec_levels k = {.meta = set->meta};
    void *all = NULL;
    size_t n_byte = 0;
    ci_status status = ci_par_gather(comm, here, n_here * sizeof *here, -1, &all, &n_byte);
    size_t n = n_byte / sizeof *here;
    if (status == CI_OK) status = ci_par_agree(comm, all_judge(&k, all, n));
    for (size_t i = 0; status == CI_OK && k.n_bad > 0 && i < set->n_block; i++)
        bad_mark(&k, set->block[i]);
    if (status == CI_OK && k.n_bad > 0 && ci_comm_rank(comm) == 0) bad_tell(&k, n);
    levels_clear(&k);
    ci_mem_free(all);
    return status;
}
