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
static const double most_scatter = 20;   /* of a baseline over those beside */
static const double least_scatter = 0.1; /* of its amplitude: a sky is that smooth along one axis */
static const double least_noisy = 0.02;  /* of it: less is the sky itself */
static const double much = 5;            /* of what the others have: worth a word */
static const double much_share = 3;      /* as part of the amplitude */
static const double least_told = 0.1;    /* of the baselines with loud lines */

typedef struct dynspec_levels
{
    const ci_vis_meta *meta;
    const ci_flag_level **level; /* [n] of one sub-band and polarisation, by length */
    size_t n;
    double *antenna;   /* [n_antenna] logarithm of the receptor's level; NaN where unknown */
    double *amplitude; /* [n] logarithms of amplitude or scatter */
    double *factor;    /* [n] over what is the most; above 1: bad */
    double *scratch;   /* [2 n] */
    uint32_t *key;     /* [2 n] */
    size_t *first;     /* [n_antenna + 1] */
    size_t *order;     /* [2 n] */
    uint8_t *bad;      /* [n_sub_band][n_pol][n_baseline] */
    size_t n_bad;      /* dynamic spectra */
    int64_t i_worst;   /* baseline */
    double most;       /* of what it should be */
    int64_t i_noisy, noisy_pol; /* receptor with much scatter that stays; -1: none */
    double noisiest;            /* over the others */
    double *band;               /* [n_pol][n_sub_band][2] medians of log scatter and amplitude */
} dynspec_levels;

static void levels_clear(dynspec_levels *k)
{
    void *all[] = {k->level, k->antenna, k->amplitude, k->factor, k->scratch,
                   k->key,   k->first,   k->order,     k->bad,    k->band};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ci_mem_free(all[i]);
}

static ci_status levels_new(dynspec_levels *k, const ci_vis_meta *meta)
{
    static const char what[] = "flagging: levels of baselines";
    size_t n = meta->n_baseline, n_antenna = meta->array.n_antenna;
    *k = (dynspec_levels){.meta = meta, .i_worst = -1, .i_noisy = -1};
    CI_TRY(ci_mem_alloc(&k->level, n, sizeof *k->level, what));
    CI_TRY(ci_mem_alloc(&k->antenna, n_antenna, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->amplitude, n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->factor, n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->scratch, 2 * n, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->band, 2 * meta->n_pol * meta->n_sub_band, sizeof(double), what));
    for (size_t i = 0; i < 2 * meta->n_pol * meta->n_sub_band; i++)
        k->band[i] = NAN;
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

/* Receptors' levels x from log level = x_1 + x_2, each the median over its baselines. */
static void antennas_fit(dynspec_levels *k)
{
    size_t n_antenna = k->meta->array.n_antenna;
    for (size_t i = 0; i < k->n; i++) {
        k->scratch[i] = k->amplitude[i];
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

/* What a baseline should have. */
static double due_of(const dynspec_levels *k, size_t i)
{
    double plain, relative;
    double own = k->antenna[*ends_of(k, i, 0)] + k->antenna[*ends_of(k, i, 1)];
    beside_measure(k, i, &plain, &relative);
    return fmax(plain, relative + own);
}

/* By how much its worse receptor is above the others. */
static double receptor_excess(const dynspec_levels *k, size_t i, double usual)
{
    return exp(fmax(k->antenna[*ends_of(k, i, 0)], k->antenna[*ends_of(k, i, 1)]) - usual);
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

/* The usual level of a receptor; NaN: too few are known. */
static double receptors_median(dynspec_levels *k)
{
    size_t n_antenna = k->meta->array.n_antenna, n_known = 0;
    for (size_t a = 0; a < n_antenna; a++)
        if (isfinite(k->antenna[a])) k->scratch[n_known++] = k->antenna[a];
    return n_known >= MIN_ANTENNA ? ci_num_median(k->scratch, n_known) : NAN;
}

static void amplitudes_judge(dynspec_levels *k)
{
    for (size_t i = 0; i < k->n; i++)
        k->amplitude[i] = log(k->level[i]->amplitude);
    antennas_fit(k);
    double usual = receptors_median(k);
    for (size_t i = 0; i < k->n && isfinite(usual); i++) {
        double due = due_of(k, i), noise = log(fmax(k->level[i]->noise, 1e-300));
        double excess =
            fmax(k->amplitude[i] - due - log(most_amplitude), noise - due - log(most_noise));
        k->factor[i] = fmax(receptor_excess(k, i, usual) / most_receptor, exp(excess));
    }
}

/* Of the receptors of baselines that stay, the one that scatters most beside the others. */
static void noisy_note(dynspec_levels *k, double usual)
{
    for (size_t i = 0; i < k->n; i++) {
        const ci_flag_level *l = k->level[i];
        if (k->factor[i] > 1 || l->scatter < least_noisy * l->amplitude) continue;
        for (int side = 0; side < 2; side++) {
            double factor = exp(k->antenna[*ends_of(k, i, side)] - usual);
            if (!(factor > much) || factor <= k->noisiest) continue;
            k->noisiest = factor;
            k->i_noisy = *ends_of(k, i, side);
            k->noisy_pol = l->i_pol;
        }
    }
}

/* A sky is smooth at least in one of time and channel: scatter in both is noise or interference,
 * whatever the amplitudes say. */
static void scatters_judge(dynspec_levels *k)
{
    for (size_t i = 0; i < k->n; i++) {
        const ci_flag_level *l = k->level[i];
        k->amplitude[i] = log(fmax(l->scatter, 1e-6 * l->amplitude));
    }
    antennas_fit(k);
    double usual = receptors_median(k);
    for (size_t i = 0; i < k->n && isfinite(usual); i++) {
        if (k->level[i]->scatter < least_scatter * k->level[i]->amplitude) continue;
        double baseline = exp(k->amplitude[i] - due_of(k, i)) / most_scatter;
        double receptor = receptor_excess(k, i, usual) / most_receptor;
        k->factor[i] = fmax(k->factor[i], fmax(baseline, receptor));
    }
    if (isfinite(usual)) noisy_note(k, usual);
}

static void band_note(dynspec_levels *k)
{
    const ci_flag_level *l = k->level[0];
    double *to = k->band + 2 * ((size_t)l->i_pol * k->meta->n_sub_band + (size_t)l->i_sub_band);
    for (size_t i = 0; i < k->n; i++)
        k->scratch[i] = k->amplitude[i];
    to[0] = ci_num_median(k->scratch, k->n);
    for (size_t i = 0; i < k->n; i++)
        k->scratch[i] = log(k->level[i]->amplitude);
    to[1] = ci_num_median(k->scratch, k->n);
}

/* One sub-band and polarisation. */
static void dynspec_judge(dynspec_levels *k)
{
    if (k->n <= N_BESIDE + 1) return;
    for (size_t i = 0; i < k->n; i++)
        k->factor[i] = 0;
    amplitudes_judge(k);
    scatters_judge(k);
    band_note(k);
    for (size_t i = 0; i < k->n; i++)
        if (k->factor[i] > 1) bad_note(k, k->level[i], k->factor[i]);
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

static double band_mhz(const ci_vis_meta *m, size_t i_sub_band)
{
    const ci_vis_sub_band *band = &m->sub_band[i_sub_band];
    return 1e-6 * 0.5 * (band->freq_hz[0] + band->freq_hz[band->n_chan - 1]);
}

/* Sub-bands whose scatter is far above that of most: all baselines alike, so nothing is flagged. */
static ci_status bands_tell(const dynspec_levels *k)
{
    const ci_vis_meta *m = k->meta;
    double *sorted = NULL;
    CI_TRY(ci_mem_alloc(&sorted, 2 * m->n_sub_band, sizeof *sorted, "flagging: sub-bands"));
    for (size_t p = 0; p < m->n_pol; p++) {
        const double *of = k->band + 2 * p * m->n_sub_band;
        size_t n = 0;
        for (size_t s = 0; s < m->n_sub_band; s++) {
            if (!isfinite(of[2 * s])) continue;
            sorted[n] = of[2 * s];
            sorted[m->n_sub_band + n++] = of[2 * s] - of[2 * s + 1];
        }
        double usual = ci_num_median(sorted, n), share = ci_num_median(sorted + m->n_sub_band, n);
        for (size_t s = 0; s < m->n_sub_band; s++) {
            double factor = exp(of[2 * s] - usual);
            double part = exp(of[2 * s] - of[2 * s + 1] - share);
            if (!(factor > much && (part > much_share || factor > most_receptor))) continue;
            ci_log_warning("flag: sub-band at %.3f MHz, polarisation %d: visibilities scatter %.3g "
                           "times as much as in the other sub-bands, on all baselines alike: what "
                           "fills it cannot be told from noise, and stays",
                           band_mhz(m, s), m->pol[p], factor);
        }
    }
    ci_mem_free(sorted);
    return CI_OK;
}

/* Dynamic spectra most of which scatters far more than the quietest lines; level [n] in order. */
static void loud_tell(const ci_vis_meta *m, const ci_flag_level *level, size_t n)
{
    for (size_t first = 0, end; first < n; first = end) {
        int64_t most[2] = {0, 0};
        size_t n_loud = 0, i_sub_band = (size_t)level[first].i_sub_band;
        for (end = first; end < n && level[end].i_sub_band == level[first].i_sub_band; end++) {
            const int64_t *loud = level[end].n_loud;
            n_loud += loud[0] > 0 || loud[1] > 0;
            for (int k = 0; k < 2; k++)
                most[k] = loud[k] > most[k] ? loud[k] : most[k];
        }
        if ((double)n_loud < fmax(1, least_told * (double)(end - first))) continue;
        ci_log_warning("flag: sub-band at %.3f MHz: on %zu of %zu baselines by polarisation up to "
                       "%lld of %zu times and %lld of %zu channels scatter more than 3 times as "
                       "much as the quietest: interference in so many, or so weak beside the sky, "
                       "cannot be told from it, and stays",
                       band_mhz(m, i_sub_band), n_loud, end - first, (long long)most[0], m->n_time,
                       (long long)most[1], m->sub_band[i_sub_band].n_chan);
    }
}

static ci_status all_tell(const dynspec_levels *k, const ci_flag_level *level, size_t n)
{
    if (k->n_bad > 0) bad_tell(k, n);
    if (k->i_noisy >= 0)
        ci_log_warning("flag: visibilities of %s, polarisation %d, scatter %.3g times as much as "
                       "those of the other antennas: a noisy receiver, or interference that cannot "
                       "be told from it; they stay",
                       ci_vis_text(k->meta->array.antenna[k->i_noisy].name),
                       k->meta->pol[k->noisy_pol], k->noisiest);
    loud_tell(k->meta, level, n);
    return bands_tell(k);
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
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_comm_rank(comm) == 0 ? all_tell(&k, all, n) : CI_OK);
    levels_clear(&k);
    ci_mem_free(all);
    return status;
}
