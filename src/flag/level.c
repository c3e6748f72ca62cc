/* Baselines and receptors that are far above the others. A baseline's level is compared with what
 * its two receptors have on their other baselines, and with the baselines that are about as long,
 * as a resolved source is brighter on short ones. All ranks decide alike from the same levels. */
#include "flag/level.h"

#include "contimg/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    N_BESIDE = 8, /* baselines of like length */
    MIN_ANTENNA = 5,
    N_ITERATION = 16
};

static const double most_amplitude = 20; /* of a baseline over those beside */
static const double most_noise = 5;      /* noise over their amplitude: a sky leaves less */
static const double most_receptor = 25;  /* over the other receptors: dishes differ by less */
static const double most_scatter = 20;   /* of a baseline over the quietest beside */
static const double least_scatter = 0.1; /* of its amplitude: a sky is that smooth along one axis */
static const double most_noisy = 5;      /* the same where it is noise for the most part: */
static const double least_filled = 0.3;  /* of its amplitude; fringes leave less */
static const double most_receivers = 3;  /* receivers' noise, over the quiet ones: more is no due */
static const double quiet_share = 0.2;  /* of a receptor's baselines, and of the receptors: quiet */
static const double most_flagged = 0.8; /* of all: then the quiet few are as likely the odd ones */
static const double least_noisy = 0.02; /* of it: less is the sky itself */
static const double much_noise = 4;     /* of the quietest tenth: worth a word */
static const double much = 5;           /* of what the others have: worth a word */
static const double much_share = 3;     /* as part of the amplitude */

typedef struct dynspec_levels
{
    const ci_vis_meta *meta;
    const ci_flag_level **level; /* [n] of one sub-band and polarisation, by length */
    size_t n;
    double *antenna;   /* [n_antenna] logarithm of the receptor's level; NaN where unknown */
    double *amplitude; /* [n] logarithms of amplitude or scatter */
    double *factor;    /* [n] over what is the most; above 1: bad */
    double *scratch;   /* [2 n + 2 n_antenna] */
    uint32_t *key;     /* [2 n] */
    size_t *first;     /* [n_antenna + 1] */
    size_t *order;     /* [2 n] */
    uint8_t *bad;      /* [n_sub_band][n_pol][n_baseline] */
    size_t n_bad;      /* dynamic spectra */
    int64_t i_worst;   /* baseline */
    double most;       /* of what it should be */
    int64_t i_noisy, noisy_pol; /* receptor with much scatter that stays; -1: none */
    double noisiest;            /* over the others */
    size_t n_noisy;             /* receptors of that polarisation and sub-band */
    size_t n_loud;              /* dynamic spectra that are loud beside the quietest, and stay */
    size_t n_undecided;         /* of those where nearly all are */
    size_t n_few;               /* dynamic spectra with too few others to compare with */
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
    CI_TRY(ci_mem_alloc(&k->scratch, 2 * (n + n_antenna), sizeof(double), what));
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

/* The value below which a share of n values lies; values are reordered. */
static double quantile(double *values, size_t n, double share)
{
    if (share == 0.5 || n == 0) return ci_num_median(values, n);
    return ci_num_nth(values, n, (size_t)(share * (double)(n - 1)));
}

/* Receptors' levels x from log level = x_1 + x_2, each the median over its baselines, or a lower
 * share: loud baselines may be most of all, where it is certain that bad is loud. */
static void antennas_fit(dynspec_levels *k, double share)
{
    size_t n_antenna = k->meta->array.n_antenna;
    for (size_t i = 0; i < k->n; i++) {
        k->scratch[i] = k->amplitude[i];
        for (int side = 0; side < 2; side++)
            k->key[2 * i + (size_t)side] = (uint32_t)*ends_of(k, i, side);
    }
    double start = 0.5 * quantile(k->scratch, k->n, share);
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
            if (n > 0) k->antenna[a] = 0.5 * (k->antenna[a] + quantile(k->scratch, n, share));
        }
    }
}

/* Median over the baselines beside i, or the least, of the logarithm as it is and relative to the
 * receptors'. */
static void beside_measure(const dynspec_levels *k, size_t i, bool least, double *plain,
                           double *relative)
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
    *plain = quantile(level[0], n, least ? 0 : 0.5);
    *relative = quantile(level[1], n, least ? 0 : 0.5);
}

/* What a baseline should have: beside the usual ones, or the quietest; its receptors are due at
 * most so much. */
static double due_of(const dynspec_levels *k, size_t i, bool least, double most)
{
    double plain, relative;
    double own =
        fmin(k->antenna[*ends_of(k, i, 0)], most) + fmin(k->antenna[*ends_of(k, i, 1)], most);
    beside_measure(k, i, least, &plain, &relative);
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
static double receptors_usual(dynspec_levels *k, double share)
{
    size_t n_antenna = k->meta->array.n_antenna, n_known = 0;
    for (size_t a = 0; a < n_antenna; a++)
        if (isfinite(k->antenna[a])) k->scratch[n_known++] = k->antenna[a];
    return n_known >= MIN_ANTENNA ? quantile(k->scratch, n_known, share) : NAN;
}

static void amplitudes_judge(dynspec_levels *k)
{
    for (size_t i = 0; i < k->n; i++)
        k->amplitude[i] = log(k->level[i]->amplitude);
    antennas_fit(k, 0.5);
    double usual = receptors_usual(k, 0.5);
    for (size_t i = 0; i < k->n && isfinite(usual); i++) {
        double due = due_of(k, i, false, INFINITY), noise = log(fmax(k->level[i]->noise, 1e-300));
        double excess =
            fmax(k->amplitude[i] - due - log(most_amplitude), noise - due - log(most_noise));
        k->factor[i] = fmax(receptor_excess(k, i, usual) / most_receptor, exp(excess));
    }
}

/* Of the receptors of baselines that stay, the one that scatters most beside the others. */
static void noisy_note(dynspec_levels *k)
{
    antennas_fit(k, quiet_share);
    double worst = k->noisiest, usual = receptors_usual(k, quiet_share);
    for (size_t i = 0; i < k->n && isfinite(usual); i++) {
        const ci_flag_level *l = k->level[i];
        if (l->scatter < least_noisy * l->amplitude) continue;
        for (int side = 0; side < 2; side++) {
            double factor = exp(k->antenna[*ends_of(k, i, side)] - usual);
            if (!(factor > much) || factor <= k->noisiest) continue;
            k->noisiest = factor;
            k->i_noisy = *ends_of(k, i, side);
            k->noisy_pol = l->i_pol;
        }
    }
    if (!(k->noisiest > worst)) return;
    k->n_noisy = 0;
    for (size_t a = 0; a < k->meta->array.n_antenna; a++)
        k->n_noisy += exp(k->antenna[a] - usual) > much;
}

/* Noise, or interference: what neither a surface nor an even slope of phase explains. */
static double noise_of(const ci_flag_level *l)
{
    return fmax(fmin(l->scatter, l->noise), 1e-6 * l->amplitude);
}

static void noises_fill(dynspec_levels *k)
{
    for (size_t i = 0; i < k->n; i++)
        k->scratch[i] = k->amplitude[i] = log(noise_of(k->level[i]));
}

/* What stays though it is loud, above the limit. */
static void loud_note(dynspec_levels *k, double limit)
{
    noises_fill(k);
    for (size_t i = 0; i < k->n; i++) {
        bool is_filled = noise_of(k->level[i]) > least_filled * k->level[i]->amplitude;
        k->n_loud += is_filled && k->amplitude[i] > limit;
    }
    noisy_note(k);
}

/* All baselines of receptors that are loud and have most of them flagged. */
static void receptors_spread(dynspec_levels *k, double most)
{
    size_t n_antenna = k->meta->array.n_antenna;
    double *n_bad = k->scratch, *n_all = k->scratch + n_antenna;
    for (size_t a = 0; a < n_antenna; a++)
        n_bad[a] = n_all[a] = 0;
    for (size_t i = 0; i < k->n; i++) {
        for (int side = 0; side < 2; side++) {
            n_bad[*ends_of(k, i, side)] += k->factor[i] > 1;
            n_all[*ends_of(k, i, side)]++;
        }
    }
    for (size_t i = 0; i < k->n; i++) {
        for (int side = 0; side < 2; side++) {
            int32_t a = *ends_of(k, i, side);
            if (k->antenna[a] > most && 2 * n_bad[a] > n_all[a])
                k->factor[i] = fmax(k->factor[i], 1 + 1e-9);
        }
    }
}

/* Nothing is flagged where nearly all would be. */
static void undecided_note(dynspec_levels *k)
{
    size_t n_bad = 0;
    for (size_t i = 0; i < k->n; i++)
        n_bad += k->factor[i] > 1;
    if ((double)n_bad <= most_flagged * (double)k->n) return;
    k->n_undecided += n_bad;
    for (size_t i = 0; i < k->n; i++)
        k->factor[i] = 0;
}

/* A sky is smooth at least in one of time and channel: scatter in both is noise or interference,
 * whatever the amplitudes say. Noise depends on the receptors alone, and interference only adds: so
 * the quiet are the usual ones, also where they are the fewer. */
static void scatters_judge(dynspec_levels *k)
{
    antennas_fit(k, quiet_share);
    double usual = receptors_usual(k, quiet_share), due = usual + log(most_receivers);
    for (size_t i = 0; i < k->n && isfinite(usual); i++) {
        double part = noise_of(k->level[i]) / k->level[i]->amplitude;
        if (part < least_scatter) continue;
        double most = part < least_filled ? most_scatter : most_noisy;
        double baseline = exp(k->amplitude[i] - due_of(k, i, true, due)) / most;
        double receptor = receptor_excess(k, i, usual) / most_receptor;
        k->factor[i] = fmax(k->factor[i], fmax(baseline, receptor));
    }
    if (isfinite(usual)) receptors_spread(k, due);
    undecided_note(k);
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

/* Notes the bad ones and goes on with the others. */
static void bad_leave(dynspec_levels *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++) {
        if (k->factor[i] > 1)
            bad_note(k, k->level[i], k->factor[i]);
        else
            k->level[n++] = k->level[i];
    }
    k->n = n;
    for (size_t i = 0; i < k->n; i++)
        k->factor[i] = 0;
}

/* One sub-band and polarisation. */
static void dynspec_judge(dynspec_levels *k)
{
    if (k->n <= N_BESIDE + 1) {
        k->n_few += k->n;
        return;
    }
    for (size_t i = 0; i < k->n; i++)
        k->factor[i] = 0;
    noises_fill(k);
    double limit = quantile(k->scratch, k->n, 0.1) + log(much_noise);
    scatters_judge(k);
    band_note(k);
    bad_leave(k);
    if (k->n > N_BESIDE + 1) {
        amplitudes_judge(k);
        bad_leave(k);
    }
    if (k->n > N_BESIDE + 1) loud_note(k, limit);
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
                           ci_flag_band_mhz(m, s), m->pol[p], factor);
        }
    }
    ci_mem_free(sorted);
    return CI_OK;
}

static void noisy_tell(const dynspec_levels *k)
{
    char more[64] = "";
    if (k->n_noisy > 1)
        (void)snprintf(more, sizeof more, " (and %zu others more than 5 times)", k->n_noisy - 1);
    ci_log_warning("flag: visibilities of %s, polarisation %d, scatter %.3g times as much as "
                   "those of the other antennas%s: a noisy receiver, or interference that cannot "
                   "be told from it; they stay",
                   ci_vis_text(k->meta->array.antenna[k->i_noisy].name), k->meta->pol[k->noisy_pol],
                   k->noisiest, more);
}

static void few_tell(const dynspec_levels *k, size_t n)
{
    ci_log_warning("flag: %zu of %zu baselines by sub-band and polarisation are not compared with "
                   "the others, which takes %d or more in each: a baseline or antenna that is loud "
                   "in all its samples cannot be told there, and stays",
                   k->n_few, n, N_BESIDE + 2);
}

static ci_status all_tell(const dynspec_levels *k, const ci_flag_level *level, size_t n)
{
    if (k->n_bad > 0) bad_tell(k, n);
    if (k->n_few > 0) few_tell(k, n);
    if (k->n_undecided > 0)
        ci_log_warning("flag: %zu of %zu baselines by sub-band and polarisation scatter far more "
                       "than the quietest, in sub-bands where nearly all do: which are right "
                       "cannot be told, and they stay",
                       k->n_undecided, n);
    else if (k->n_loud > 0)
        ci_log_warning("flag: %zu of %zu baselines by sub-band and polarisation scatter more than "
                       "%g times as much as the quietest tenth: noisy receivers, or interference "
                       "that cannot be told from it; they stay",
                       k->n_loud, n, much_noise);
    if (k->i_noisy >= 0) noisy_tell(k);
    ci_flag_levels_tell(k->meta, level, n);
    return bands_tell(k);
}

ci_status ci_flag_levels_judge(ci_comm *comm, ci_vis_set *set, const ci_flag_level *here,
                               size_t n_here, size_t *n_bad)
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
    *n_bad = k.n_bad;
    levels_clear(&k);
    ci_mem_free(all);
    return status;
}
