/* What a table is for: its channels and times against those of data. */
#include "cal/apply.h"

#include <math.h>

static const char *kind_name(const ci_cal_table *table)
{
    return table->kind == CI_CAL_BANDPASS ? "bandpass" : "gains";
}

int32_t ci_cal_chan_match(const ci_cal_table *table, double freq_hz, double width_hz)
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

/* ---- channels -------------------------------------------------------------------------- */

static void range_of(const double *freq_hz, const double *width_hz, size_t n, double range_hz[2])
{
    for (size_t k = 0; k < n; k++) {
        range_hz[0] = fmin(range_hz[0], freq_hz[k] - 0.5 * width_hz[k]);
        range_hz[1] = fmax(range_hz[1], freq_hz[k] + 0.5 * width_hz[k]);
    }
}

static void band_of_table(const ci_cal_table *table, double range_hz[2])
{
    range_hz[0] = INFINITY;
    range_hz[1] = -INFINITY;
    range_of(table->freq_hz, table->width_hz, table->n_chan, range_hz);
}

size_t ci_cal_chans_known(const ci_cal_table *table, const ci_vis_meta *meta, size_t *n_all)
{
    size_t n_known = 0;
    *n_all = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        for (size_t c = 0; c < s->n_chan; c++)
            n_known += ci_cal_chan_match(table, s->freq_hz[c], s->width_hz[c]) >= 0;
        *n_all += s->n_chan;
    }
    return n_known;
}

static bool has_solution(const ci_cal_table *table, int32_t i_chan)
{
    size_t n = table->array.n_antenna * table->n_feed;
    for (size_t t = 0; t < table->n_time; t++)
        for (size_t i = 0; i < n; i++)
            if (table->flag[(t * table->n_chan + (size_t)i_chan) * n + i] == 0) return true;
    return false;
}

size_t ci_cal_table_sub_bands_out(const ci_cal_table *table, const ci_vis_meta *meta)
{
    size_t n_out = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        size_t n_known = 0, n_good = 0;
        for (size_t c = 0; c < s->n_chan; c++) {
            int32_t k = ci_cal_chan_match(table, s->freq_hz[c], s->width_hz[c]);
            n_known += k >= 0;
            n_good += k >= 0 && has_solution(table, k);
        }
        n_out += n_known > 0 && n_good == 0;
    }
    return n_out;
}

/* A sub-band that the table does not know (one missing when the calibrator was seen) is flagged;
 * a table of another band is a mistake. */
ci_status ci_cal_band_check(const ci_cal_table *table, const ci_vis_meta *meta)
{
    double own[2], data[2] = {INFINITY, -INFINITY};
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        for (size_t c = 0; c < s->n_chan; c++)
            if (ci_cal_chan_match(table, s->freq_hz[c], s->width_hz[c]) >= 0) return CI_OK;
        range_of(s->freq_hz, s->width_hz, s->n_chan, data);
    }
    band_of_table(table, own);
    return ci_error(CI_ERR_INPUT,
                    "%s: its %s of %.3f-%.3f MHz does not cover any channel of the data's "
                    "%.3f-%.3f MHz: give a table of this band",
                    ci_cal_table_title(table), kind_name(table), own[0] * 1e-6, own[1] * 1e-6,
                    data[0] * 1e-6, data[1] * 1e-6);
}

/* ---- times ------------------------------------------------------------------------------ */

/* From a time to the nearest solution. */
static double nearest_s(const ci_cal_table *table, double time_mjd_s)
{
    double nearest = INFINITY;
    for (size_t k = 0; k < table->n_time; k++)
        nearest = fmin(nearest, fabs(time_mjd_s - table->time_mjd_s[k]) - 0.5 * table->interval_s);
    return fmax(0, nearest);
}

/* Of the data's time that is farthest from any solution: a gap between solutions is no cover. */
static double age_of(const ci_cal_table *table, const ci_vis_meta *meta)
{
    double age_s = 0;
    for (size_t i = 0; i < meta->n_time; i++)
        age_s = fmax(age_s, nearest_s(table, meta->time_mjd_s[i]));
    return age_s;
}

/* "3.2 min", "5.0 h", "40.1 days". */
static const char *span_text(char out[32], double span_s)
{
    if (span_s < 3600)
        snprintf(out, 32, "%.1f min", span_s / 60);
    else if (span_s < 2 * CI_DAY_S)
        snprintf(out, 32, "%.1f h", span_s / 3600);
    else
        snprintf(out, 32, "%.1f days", span_s / CI_DAY_S);
    return out;
}

static ci_status age_check(const ci_cal_table *table, double age_s, const ci_cal_validity *validity,
                           bool tells)
{
    char age[32], limit[32];
    double usual = table->kind == CI_CAL_BANDPASS ? validity->bandpass_s : validity->gain_s;
    span_text(age, age_s);
    if (validity->most_s > 0 && age_s > validity->most_s)
        return ci_error(CI_ERR_INPUT,
                        "%s: its %s is %s away from the data, more than %s: give a table of this "
                        "time, or --cal-any-time to use it all the same",
                        ci_cal_table_title(table), kind_name(table), age,
                        span_text(limit, validity->most_s));
    if (tells && age_s > usual)
        ci_log_warning("%s: its %s is %s away from the data, its validity is %s",
                       ci_cal_table_title(table), kind_name(table), age, span_text(limit, usual));
    return CI_OK;
}

ci_status ci_cal_strip_check(const ci_cal_table *table, double dec_rad,
                             const ci_cal_validity *validity)
{
    double off_rad = fabs(table->dec_rad - dec_rad);
    if (!(validity->strip_rad > 0) || !(off_rad > validity->strip_rad)) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: its %s was solved at declination %.1f deg, the data are at %.1f, more "
                    "than %g deg away: give a table of this strip, or --cal-any-dec to use it all "
                    "the same",
                    ci_cal_table_title(table), kind_name(table), table->dec_rad * CI_RAD_TO_DEG,
                    dec_rad * CI_RAD_TO_DEG, validity->strip_rad * CI_RAD_TO_DEG);
}

static void use_tell(const ci_cal_table *table, double age_s, size_t n_known, size_t n_all)
{
    char first[32], last[32], age[32];
    double band[2];
    band_of_table(table, band);
    ci_time_iso(first, table->time_mjd_s[0], 0, true);
    ci_time_iso(last, table->time_mjd_s[table->n_time - 1], 0, true);
    ci_log_info("%s: %s, %zu time%s from %s to %s, %zu channel%s of %.3f-%.3f MHz, %s from the "
                "data",
                ci_cal_table_title(table), kind_name(table), table->n_time,
                ci_plural(table->n_time), first, last, table->n_chan, ci_plural(table->n_chan),
                band[0] * 1e-6, band[1] * 1e-6, span_text(age, age_s));
    if (n_known < n_all)
        ci_log_warning("%s: knows %zu of the data's %zu channels; the others are flagged",
                       ci_cal_table_title(table), n_known, n_all);
}

ci_status ci_cal_table_check(const ci_cal_table *table, const ci_vis_meta *meta,
                             const ci_cal_validity *validity, bool tells)
{
    size_t n_all, n_known = ci_cal_chans_known(table, meta, &n_all);
    double age_s = age_of(table, meta);
    CI_TRY(ci_cal_band_check(table, meta));
    CI_TRY(age_check(table, age_s, validity, tells));
    if (tells) ci_cal_table_warn(table);
    if (tells) use_tell(table, age_s, n_known, n_all);
    return ci_cal_receptors_check(table, meta, tells);
}
