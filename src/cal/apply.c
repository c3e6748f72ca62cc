/* Applies tables: V / (g1 conj(g2)). */
#include "cal/apply.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* Table antenna of each antenna of the data, by name; -1: none. */
static size_t antennas_match(const ci_cal_table *table, const ci_vis_array *array, int32_t *match)
{
    size_t n_match = 0;
    for (size_t a = 0; a < array->n_antenna; a++) {
        match[a] = -1;
        for (size_t k = 0; k < table->array.n_antenna && match[a] < 0; k++)
            if (strcmp(table->array.antenna[k].name, array->antenna[a].name) == 0)
                match[a] = (int32_t)k;
        n_match += match[a] >= 0;
    }
    return n_match;
}

/* Table channel nearest to a channel of the data, to half a channel of the wider; -1: none. */
static int32_t chan_match(const ci_cal_table *table, double freq_hz, double width_hz)
{
    double best = INFINITY;
    int32_t match = -1;
    for (size_t k = 0; k < table->n_chan; k++) {
        double off = fabs(table->freq_hz[k] - freq_hz);
        double width = fmax(table->width_hz[k], width_hz);
        if (off > 0.5 * width * (1 + 1e-9) || off >= best) continue;
        best = off;
        match = (int32_t)k;
    }
    return match;
}

/* Whether the table knows any channel of the whole data set. A sub-band that it does not know
 * (one missing when the calibrator was seen) is flagged; a table of another band is a mistake. */
static bool covers_any(const ci_cal_table *table, const ci_vis_meta *meta)
{
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        for (size_t c = 0; c < s->n_chan; c++)
            if (chan_match(table, s->freq_hz[c], s->width_hz[c]) >= 0) return true;
    }
    return false;
}

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

static void hands_match(const ci_cal_table *table, const ci_vis_meta *meta, int hand[4][2])
{
    for (size_t p = 0; p < meta->n_pol; p++) {
        int pair[2] = {0, 0};
        switch (meta->pol[p]) {
        case -1:
            pair[0] = pair[1] = -1;
            break;
        case -2:
            pair[0] = pair[1] = -2;
            break;
        case -3:
            pair[0] = -1, pair[1] = -2;
            break;
        case -4:
            pair[0] = -2, pair[1] = -1;
            break;
        case -5:
            pair[0] = pair[1] = -5;
            break;
        case -6:
            pair[0] = pair[1] = -6;
            break;
        case -7:
            pair[0] = -5, pair[1] = -6;
            break;
        case -8:
            pair[0] = -6, pair[1] = -5;
            break;
        default:
            break;
        }
        for (int side = 0; side < 2; side++) {
            hand[p][side] = -1;
            for (size_t h = 0; h < table->n_feed; h++)
                if (pair[side] && table->jones[h] == pair[side]) hand[p][side] = (int)h;
        }
    }
}

static void bandpass_invert(ci_cal_correction *k, const ci_cal_table *table, const int32_t *antenna,
                            const int32_t *chan, const size_t *time)
{
    for (size_t s = 0; s < k->n_slot; s++) {
        for (size_t a = 0; a < k->n_antenna; a++) {
            for (size_t h = 0; h < k->n_feed && antenna[a] >= 0; h++) {
                ci_c64 *out = k->inverse + ((s * k->n_antenna + a) * k->n_feed + h) * k->n_chan;
                for (size_t c = 0; c < k->n_chan; c++) {
                    if (chan[c] < 0) continue;
                    size_t i = ci_cal_index(table, time[s], (size_t)chan[c], (size_t)antenna[a], h);
                    if (!table->flag[i]) out[c] = inverse_of(table->gain[i]);
                }
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

/* Matches, then inverts; scratch arrays are the caller's. time [n_time of the data]: table
 * times of the slots. */
static ci_status correction_fill(ci_cal_correction *k, const ci_cal_table *table,
                                 const ci_vis_block *block, int32_t *antenna, int32_t *chan,
                                 size_t *time)
{
    const ci_vis_meta *meta = block->meta;
    size_t n_chan_matched = 0;
    for (size_t c = 0; c < block->n_chan; c++) {
        chan[c] = chan_match(table, block->freq_hz[c], block->width_hz[c]);
        n_chan_matched += chan[c] >= 0;
    }
    if (antennas_match(table, &meta->array, antenna) == 0)
        return ci_error(
            CI_ERR_INPUT,
            "calibration table: none of its %zu antennas (\"%s\" ...) is one of the "
            "data's %zu (\"%s\" ...)",
            table->array.n_antenna, table->array.n_antenna ? table->array.antenna[0].name : "",
            meta->array.n_antenna, meta->array.n_antenna ? meta->array.antenna[0].name : "");
    if (table->kind == CI_CAL_BANDPASS && n_chan_matched == 0 && !covers_any(table, meta))
        return ci_error(CI_ERR_INPUT,
                        "calibration table: bandpass of %.3f-%.3f MHz does not cover the data's "
                        "%.3f-%.3f MHz",
                        table->freq_hz[0] / 1e6, table->freq_hz[table->n_chan - 1] / 1e6,
                        block->freq_hz[0] / 1e6, block->freq_hz[block->n_chan - 1] / 1e6);
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
        bandpass_invert(k, table, antenna, chan, time);
    else
        gain_invert(k, table, meta, antenna);
    return CI_OK;
}

ci_status ci_cal_correction_new(ci_cal_correction **out, const ci_cal_table *table,
                                const ci_vis_block *block)
{
    static const char what[] = "corrections";
    const ci_vis_meta *meta = block->meta;
    ci_cal_correction *k = NULL;
    int32_t *match = NULL;
    size_t *time = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&k, 1, sizeof *k, what));
    k->n_antenna = meta->array.n_antenna;
    k->n_feed = table->n_feed;
    k->n_chan = table->kind == CI_CAL_BANDPASS ? block->n_chan : 1;
    hands_match(table, meta, k->hand);
    ci_status status =
        ci_mem_alloc(&match, meta->array.n_antenna + block->n_chan, sizeof *match, what);
    if (!status) status = ci_mem_alloc(&time, meta->n_time, sizeof *time, what);
    if (!status) status = ci_mem_alloc(&k->slot, meta->n_time, sizeof *k->slot, what);
    if (!status)
        status = correction_fill(k, table, block, match, match + meta->array.n_antenna, time);
    ci_mem_free(match);
    ci_mem_free(time);
    if (status) {
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
    ci_mem_free(k->inverse);
    ci_mem_free(k);
}

void ci_cal_correction_row(const ci_cal_correction *k, const ci_vis_block *block, size_t i_row,
                           size_t i_pol, ci_c64 *factor)
{
    size_t b = (size_t)block->i_baseline[i_row], s = k->slot[block->i_time[i_row]];
    size_t ant[2] = {(size_t)block->meta->baseline_ant1[b], (size_t)block->meta->baseline_ant2[b]};
    const ci_c64 *side[2];
    for (int i = 0; i < 2; i++) {
        int hand = k->hand[i_pol][i];
        if (hand < 0) {
            for (size_t c = 0; c < block->n_chan; c++)
                factor[c] = 0;
            return;
        }
        side[i] = k->inverse + ((s * k->n_antenna + ant[i]) * k->n_feed + (size_t)hand) * k->n_chan;
    }
    size_t step = k->n_chan > 1 ? 1 : 0;
    for (size_t c = 0; c < block->n_chan; c++) {
        double x1 = creal(side[0][c * step]), y1 = cimag(side[0][c * step]);
        double x2 = creal(side[1][c * step]), y2 = cimag(side[1][c * step]);
        factor[c] = (x1 * x2 + y1 * y2) + I * (y1 * x2 - x1 * y2);
    }
}

/* One row and polarisation, factors known. */
static void row_apply(ci_vis_block *block, size_t i_row, size_t i_pol, const ci_c64 *factor)
{
    for (size_t c = 0; c < block->n_chan; c++) {
        size_t i = ci_vis_sample(block, i_row, c, i_pol);
        double u = creal(factor[c]), v = cimag(factor[c]), size2 = u * u + v * v;
        if (!(size2 > 0)) {
            block->flags[i] |= CI_FLAG_CAL;
            continue;
        }
        double x = (double)crealf(block->data[i]), y = (double)cimagf(block->data[i]);
        block->data[i] = (float)(x * u - y * v) + I * (float)(x * v + y * u);
        block->weight[i] = (float)((double)block->weight[i] / size2);
    }
}

ci_status ci_cal_apply(const ci_cal_table *table, ci_vis_block *block)
{
    ci_cal_correction *correction = NULL;
    ci_c64 *factor = NULL;
    if (block->meta->pol[0] > 0)
        return ci_error(CI_ERR_INPUT,
                        "calibration: the data are Stokes parameters (polarisation "
                        "%d): gains belong to XX, YY, RR or LL",
                        block->meta->pol[0]);
    CI_TRY(ci_cal_correction_new(&correction, table, block));
    ci_status status = ci_mem_alloc(&factor, block->n_chan, sizeof *factor, "corrections of a row");
    for (size_t i_row = 0; !status && i_row < block->n_row; i_row++) {
        for (size_t p = 0; p < block->n_pol; p++) {
            ci_cal_correction_row(correction, block, i_row, p, factor);
            row_apply(block, i_row, p, factor);
        }
    }
    ci_mem_free(factor);
    ci_cal_correction_free(correction);
    return status;
}
