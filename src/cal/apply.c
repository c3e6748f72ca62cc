/* What tables divide the data of a block by: 1 / (g1 conj(g2)). */
#include "cal/apply.h"
#include "cal/delay.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static size_t time_nearest(const ci_cal_table *table, double time_mjd_s)
{
    size_t best = 0;
    for (size_t t = 1; t < table->n_time; t++)
        if (fabs(table->time_mjd_s[t] - time_mjd_s) < fabs(table->time_mjd_s[best] - time_mjd_s))
            best = t;
    return best;
}

static ci_c64 inverse_of(ci_c64 gain)
{
    double size2 = creal(gain) * creal(gain) + cimag(gain) * cimag(gain);
    return size2 > 0 && isfinite(size2) ? conj(gain) / size2 : 0;
}

/* Gain of one receptor at a time, linear in amplitude's log and in phase (the shorter way
 * round) between the solutions on either side; 0 where the nearest is flagged. */
static ci_c64 gain_at(const ci_cal_table *table, size_t a, size_t h, double time_mjd_s)
{
    size_t near = time_nearest(table, time_mjd_s), other = near;
    if (table->flag[ci_cal_index(table, near, 0, a, h)]) return 0;
    ci_c64 g0 = table->gain[ci_cal_index(table, near, 0, a, h)];
    double t0 = table->time_mjd_s[near];
    if (time_mjd_s > t0 && near + 1 < table->n_time) other = near + 1;
    if (time_mjd_s < t0 && near > 0) other = near - 1;
    size_t i1 = ci_cal_index(table, other, 0, a, h);
    double span = table->time_mjd_s[other] - t0;
    if (other == near || table->flag[i1] || !(span != 0)) return g0;
    double f = (time_mjd_s - t0) / span;
    ci_c64 ratio = table->gain[i1] / g0;
    return g0 * exp(f * log(cabs(ratio))) * cexp(I * f * carg(ratio));
}

/* The good channel of a receptor that is nearest to the data's, or the first one. */
static ci_c64 gain_near(const ci_cal_table *table, size_t t, const ci_cal_chans *chans, size_t a,
                        size_t h)
{
    size_t i = ci_cal_index(table, t, chans->near, a, h);
    for (size_t k = chans->first; table->flag[i] && k < chans->first + chans->n; k++)
        i = ci_cal_index(table, t, k, a, h);
    return table->flag[i] ? 0 : table->gain[i];
}

/* Gain of one receptor in a channel of the data: amplitude and phase (the shorter way round) are
 * each a weighted mean over the table's channels; 0 where less than half of these is good. */
static ci_c64 gain_over(const ci_cal_table *table, size_t t, const ci_cal_chans *chans, size_t a,
                        size_t h)
{
    if (chans->n == 0) return 0;
    ci_c64 near = gain_near(table, t, chans, a, h);
    if (chans->n == 1 || near == 0) return near;
    double all = 0, good = 0, amplitude = 0, phase = 0;
    for (size_t k = chans->first; k < chans->first + chans->n; k++) {
        double weight = ci_cal_chans_weight(table, chans, k);
        size_t i = ci_cal_index(table, t, k, a, h);
        all += weight;
        if (table->flag[i]) continue;
        good += weight;
        amplitude += weight * cabs(table->gain[i]);
        phase += weight * carg(table->gain[i] / near);
    }
    if (!(good > 0) || good < 0.5 * all) return 0;
    return amplitude / good / cabs(near) * near * cexp(I * phase / good);
}

static void bandpass_invert(ci_cal_correction *k, const ci_cal_table *table, const int32_t *antenna,
                            const ci_cal_chans *chans, const size_t *time)
{
    for (size_t s = 0; s < k->n_slot; s++) {
        for (size_t a = 0; a < k->n_antenna; a++) {
            for (size_t h = 0; h < k->n_feed && antenna[a] >= 0; h++) {
                ci_c64 *out = k->inverse + ((s * k->n_antenna + a) * k->n_feed + h) * k->n_chan;
                for (size_t c = 0; c < k->n_chan; c++)
                    out[c] =
                        inverse_of(gain_over(table, time[s], &chans[c], (size_t)antenna[a], h));
            }
        }
    }
}

static void gain_invert(ci_cal_correction *k, const ci_cal_table *table, const ci_vis_meta *meta,
                        const int32_t *antenna)
{
    for (size_t t = 0; t < k->n_slot; t++)
        for (size_t a = 0; a < k->n_antenna; a++)
            for (size_t h = 0; h < k->n_feed && antenna[a] >= 0; h++)
                k->inverse[(t * k->n_antenna + a) * k->n_feed + h] =
                    inverse_of(gain_at(table, (size_t)antenna[a], h, meta->time_mjd_s[t]));
}

/* Delays of the data's antennas by the table. */
static ci_status delays_fill(ci_cal_correction *k, const ci_cal_table *table,
                             const int32_t *antenna)
{
    CI_TRY(ci_mem_alloc(&k->delay_s, k->n_antenna * k->n_feed, sizeof(double), "delays"));
    for (size_t h = 0; h < k->n_feed; h++) {
        double *delay_s = NULL;
        CI_TRY(ci_cal_table_delays(&delay_s, table, h));
        for (size_t a = 0; a < k->n_antenna; a++)
            if (antenna[a] >= 0 && isfinite(delay_s[antenna[a]]))
                k->delay_s[a * k->n_feed + h] = delay_s[antenna[a]];
        ci_mem_free(delay_s);
    }
    return CI_OK;
}

/* Matches, then inverts; scratch arrays are the caller's. time [n_time of the data]: table
 * times of the slots. */
static ci_status correction_fill(ci_cal_correction *k, const ci_cal_table *table,
                                 const ci_vis_block *block, int32_t *antenna, ci_cal_chans *chans,
                                 size_t *time)
{
    const ci_vis_meta *meta = block->meta;
    bool is_swapped = false;
    for (size_t c = 0; c < block->n_chan; c++) {
        chans[c] = ci_cal_chans_of(table, block->freq_hz[c], block->width_hz[c]);
        k->is_known[c] = chans[c].n > 0;
    }
    if (ci_cal_antennas_match(table, &meta->array, antenna) == 0 && table->array.n_antenna > 0)
        return ci_error(
            CI_ERR_INPUT,
            "%s: none of its %zu antennas (%lld \"%s\" ...) is one of the data's %zu (%lld "
            "\"%s\" ...): give a table of this array",
            ci_cal_table_title(table), table->array.n_antenna,
            (long long)table->array.antenna[0].number, ci_vis_text(table->array.antenna[0].name),
            meta->array.n_antenna, (long long)meta->array.antenna[0].number,
            ci_vis_text(meta->array.antenna[0].name));
    CI_TRY(ci_cal_band_check(table, meta));
    CI_TRY(ci_cal_feeds_match(table, meta, antenna, &is_swapped));
    ci_cal_pols_match(table, meta, is_swapped, k->feed);
    k->n_slot = 0;
    for (size_t t = 0; t < meta->n_time; t++) {
        size_t near = time_nearest(table, meta->time_mjd_s[t]);
        bool same = k->n_slot > 0 && time[k->n_slot - 1] == near;
        if (!same || table->kind == CI_CAL_GAIN) time[k->n_slot++] = near;
        k->slot[t] = k->n_slot - 1;
    }
    CI_TRY(ci_mem_alloc(&k->inverse, k->n_slot * k->n_antenna * k->n_feed * k->n_chan,
                        sizeof(ci_c64), "corrections"));
    if (table->kind == CI_CAL_BANDPASS)
        bandpass_invert(k, table, antenna, chans, time);
    else
        gain_invert(k, table, meta, antenna);
    return table->has_delay_loss ? delays_fill(k, table, antenna) : CI_OK;
}

ci_status ci_cal_correction_new(ci_cal_correction **out, const ci_cal_table *table,
                                const ci_vis_block *block)
{
    static const char what[] = "corrections";
    const ci_vis_meta *meta = block->meta;
    ci_cal_correction *k = NULL;
    int32_t *antenna = NULL;
    ci_cal_chans *chans = NULL;
    size_t *time = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&k, 1, sizeof *k, what));
    k->n_antenna = meta->array.n_antenna;
    k->n_feed = table->n_feed;
    k->n_chan = table->kind == CI_CAL_BANDPASS ? block->n_chan : 1;
    ci_status status = ci_mem_alloc(&antenna, meta->array.n_antenna, sizeof *antenna, what);
    if (status == CI_OK) status = ci_mem_alloc(&chans, block->n_chan, sizeof *chans, what);
    if (status == CI_OK) status = ci_mem_alloc(&time, meta->n_time, sizeof *time, what);
    if (status == CI_OK) status = ci_mem_alloc(&k->is_known, block->n_chan, sizeof(bool), what);
    if (status == CI_OK) status = ci_mem_alloc(&k->slot, meta->n_time, sizeof *k->slot, what);
    if (status == CI_OK) status = correction_fill(k, table, block, antenna, chans, time);
    ci_mem_free(antenna);
    ci_mem_free(chans);
    ci_mem_free(time);
    if (status != CI_OK) {
        ci_cal_correction_free(k);
        return status;
    }
    *out = k;
    return CI_OK;
}

void ci_cal_correction_free(ci_cal_correction *k)
{
    if (!k) return;
    ci_mem_free(k->slot);
    ci_mem_free(k->is_known);
    ci_mem_free(k->inverse);
    ci_mem_free(k->delay_s);
    ci_mem_free(k);
}

/* What channels have lost comes back; where next to nothing is left of them, nothing is known. */
static void losses_divide(const ci_cal_correction *k, const ci_vis_block *block,
                          const size_t ant[2], const int feed[2], ci_c64 *factor)
{
    const double least_left = 0.1;
    double delay_s = k->delay_s[ant[0] * k->n_feed + (size_t)feed[0]] -
                     k->delay_s[ant[1] * k->n_feed + (size_t)feed[1]];
    double width_hz = 0, left = 1;
    for (size_t c = 0; c < block->n_chan; c++) {
        if (block->width_hz[c] != width_hz) {
            width_hz = block->width_hz[c];
            left = ci_cal_delay_loss(width_hz, delay_s);
        }
        factor[c] = fabs(left) > least_left ? factor[c] / left : 0;
    }
}

/* A baseline's antennas, and 1/g of their receptors at a row's time, [n_chan]; false: the table has
 * not both. */
static bool sides_find(const ci_cal_correction *k, const ci_vis_block *block, size_t i_row,
                       size_t i_pol, size_t ant[2], const ci_c64 *side[2])
{
    size_t b = (size_t)block->i_baseline[i_row], s = k->slot[block->i_time[i_row]];
    ant[0] = (size_t)block->meta->baseline_ant1[b];
    ant[1] = (size_t)block->meta->baseline_ant2[b];
    for (int i = 0; i < 2; i++) {
        int feed = k->feed[i_pol][i];
        if (feed < 0) return false;
        side[i] = k->inverse + ((s * k->n_antenna + ant[i]) * k->n_feed + (size_t)feed) * k->n_chan;
    }
    return true;
}

static inline ci_c64 factor_of(ci_c64 first, ci_c64 second)
{
    double x1 = creal(first), y1 = cimag(first), x2 = creal(second), y2 = cimag(second);
    return (x1 * x2 + y1 * y2) + I * (y1 * x2 - x1 * y2);
}

ci_c64 ci_cal_correction_gain(const ci_cal_correction *k, const ci_vis_block *block, size_t i_row,
                              size_t i_pol)
{
    size_t ant[2];
    const ci_c64 *side[2];
    return sides_find(k, block, i_row, i_pol, ant, side) ? factor_of(side[0][0], side[1][0]) : 0;
}

void ci_cal_correction_row(const ci_cal_correction *k, const ci_vis_block *block, size_t i_row,
                           size_t i_pol, ci_c64 *factor)
{
    size_t ant[2], step = k->n_chan > 1 ? 1 : 0;
    const ci_c64 *side[2];
    bool has_both = sides_find(k, block, i_row, i_pol, ant, side);
    for (size_t c = 0; c < block->n_chan; c++)
        factor[c] =
            has_both && k->is_known[c] ? factor_of(side[0][c * step], side[1][c * step]) : 0;
    if (has_both && k->delay_s) losses_divide(k, block, ant, k->feed[i_pol], factor);
}
