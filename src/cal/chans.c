/* Channels of a table that say what the gain of a channel of data is. */
#include "cal/calh5.h"
#include "cal/apply.h"

#include <math.h>

static const double off_max = 1e-3; /* of a width: the same channel */
static const double gap_max = 1.5;  /* widths between channels that lie side by side */

/* How much of channel k lies in the data's channel, Hz. */
static double overlap_of(const ci_cal_table *table, size_t k, double freq_hz, double width_hz)
{
    double low = fmax(table->freq_hz[k] - 0.5 * table->width_hz[k], freq_hz - 0.5 * width_hz);
    double high = fmin(table->freq_hz[k] + 0.5 * table->width_hz[k], freq_hz + 0.5 * width_hz);
    return fmax(0, high - low);
}

/* All that lie in the data's channel; whether they are several. */
static bool chans_within(const ci_cal_table *table, ci_cal_chans *out)
{
    size_t n_centre = 0, first = out->first, last = out->near;
    while (first > 0 && overlap_of(table, first - 1, out->freq_hz, out->width_hz) > 0)
        first--;
    while (last + 1 < table->n_chan && overlap_of(table, last + 1, out->freq_hz, out->width_hz) > 0)
        last++;
    for (size_t k = first; k <= last; k++)
        n_centre += fabs(table->freq_hz[k] - out->freq_hz) < 0.5 * out->width_hz;
    if (n_centre < 2) return false;
    out->first = first;
    out->n = last + 1 - first;
    return true;
}

ci_cal_chans ci_cal_chans_of(const ci_cal_table *table, double freq_hz, double width_hz)
{
    ci_cal_chans out = {.freq_hz = freq_hz, .width_hz = width_hz};
    int32_t match = ci_cal_chan_match(table, freq_hz, width_hz);
    if (match < 0) return out;
    size_t near = out.first = out.near = (size_t)match;
    out.n = 1;
    if (chans_within(table, &out)) return out;
    double off = freq_hz - table->freq_hz[near], width = fmax(table->width_hz[near], width_hz);
    if (fabs(off) <= off_max * fmin(table->width_hz[near], width_hz)) return out;
    if (off > 0 ? near + 1 == table->n_chan : near == 0) return out;
    out.first = off > 0 ? near : near - 1;
    out.step_hz = table->freq_hz[out.first + 1] - table->freq_hz[out.first];
    out.n = 2;
    if (out.step_hz <= gap_max * width) return out;
    return (ci_cal_chans){.first = near, .near = near, .n = 1};
}

double ci_cal_chans_weight(const ci_cal_table *table, const ci_cal_chans *chans, size_t i_chan)
{
    if (chans->n == 1) return 1;
    if (chans->step_hz > 0)
        return 1 - fabs(table->freq_hz[i_chan] - chans->freq_hz) / chans->step_hz;
    return overlap_of(table, i_chan, chans->freq_hz, chans->width_hz);
}

/* ---- as a table is read ---------------------------------------------------------------- */

ci_status ci_cal_chans_check(ci_cal_table *t, const char *path)
{
    const double least = 0.02; /* of a step, as of the data's channels */
    double greatest = 0;
    for (size_t c = 1; c < t->n_chan; c++) {
        double step = fabs(t->freq_hz[c] - t->freq_hz[c - 1]);
        double width = 0.5 * (t->width_hz[c] + t->width_hz[c - 1]);
        if (step == 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/freq_array: %.6f MHz appears twice: correct it", path,
                            t->freq_hz[c] * 1e-6);
        if (width > 1.5 * step)
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/channel_width: the channels at %.6f and %.6f MHz are %g Hz "
                            "wide and %g Hz apart: they overlap: correct it",
                            path, t->freq_hz[c - 1] * 1e-6, t->freq_hz[c] * 1e-6, width, step);
        greatest = fmax(greatest, width / step);
    }
    if (t->n_chan > 1 && greatest < least)
        return ci_cal_warning_add(
            t,
            "%s: Header/channel_width: %g Hz at %.3f MHz, but channels are %.3g times as far apart "
            "or more: most of the band is not in the table, or it is not in Hz",
            path, t->width_hz[0], t->freq_hz[0] * 1e-6, 1 / greatest);
    return CI_OK;
}
