/* inspect of calibration tables. */
#include "ops/inspect.h"

#include "contimg/cal.h"
#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static void feeds_tell(inspection *in, const ci_cal_table *t)
{
    const char *names = t->is_circular ? "RL" : "XY";
    for (int k = 0; k < 2 && t->array.has_feeds; k++) {
        double first = t->array.antenna[0].feed_rad[k], most = 0;
        for (size_t a = 1; a < t->array.n_antenna; a++) {
            double off = fabs(remainder(t->array.antenna[a].feed_rad[k] - first, CI_TWO_PI));
            if (off > most) most = off;
        }
        if (isfinite(first))
            ci_ops_inspect_line(in, k == 0 ? "Feeds" : "", "%c at %.2f deg%s", names[k],
                                first * CI_RAD_TO_DEG,
                                most > 1e-3 ? "; they differ by antenna" : "");
    }
    if (!t->array.has_feeds && t->x_is_known)
        ci_ops_inspect_line(in, "Feeds", "X to the %s", t->x_is_north ? "north" : "east");
    ci_json_put_string(in->json, "x_orientation",
                       !t->x_is_known  ? ""
                       : t->x_is_north ? "north"
                                       : "east");
}

static void table_tell(inspection *in, const ci_cal_table *t)
{
    char span[80], first[32], last[32];
    const char *kind = t->kind == CI_CAL_BANDPASS ? "bandpass" : "gain";
    ci_ops_inspect_line(
        in, "CalH5", "%s table, %zu time%s x %zu channel%s x %zu antenna%s x %zu feed%s", kind,
        t->n_time, ci_plural(t->n_time), t->n_chan, ci_plural(t->n_chan), t->array.n_antenna,
        ci_plural(t->array.n_antenna), t->n_feed, ci_plural(t->n_feed));
    ci_ops_inspect_line(in, "Telescope", "%s", t->array.telescope);
    ci_ops_inspect_span_text(span, t->time_mjd_s[0], t->time_mjd_s[t->n_time - 1]);
    ci_ops_inspect_line(in, "Time", "%s, intervals of %.6g s", span, t->interval_s);
    ci_ops_inspect_line(in, "Frequency", "%.6f to %.6f MHz", t->freq_hz[0] * 1e-6,
                        t->freq_hz[t->n_chan - 1] * 1e-6);
    feeds_tell(in, t);
    if (t->i_ref_antenna >= 0) {
        ci_ops_inspect_line(in, "Reference", "antenna %s", t->array.antenna[t->i_ref_antenna].name);
    }
    if (*ci_vis_text(t->model)) ci_ops_inspect_line(in, "Model", "%s", t->model);
    if (t->is_approximate)
        ci_ops_inspect_line(in, "Flux scale", "approximate: not from a standard");
    ci_time_iso(first, t->time_mjd_s[0] + 5e-4, 3, true); /* cuts: rounded here */
    ci_time_iso(last, t->time_mjd_s[t->n_time - 1] + 5e-4, 3, true);
    ci_json_put_string(in->json, "kind", "CalH5");
    ci_json_put_string(in->json, "table", kind);
    ci_json_put_string(in->json, "telescope", t->array.telescope);
    ci_json_put_int(in->json, "n_time", (int64_t)t->n_time);
    ci_json_put_int(in->json, "n_channel", (int64_t)t->n_chan);
    ci_json_put_int(in->json, "n_antenna", (int64_t)t->array.n_antenna);
    ci_json_put_int(in->json, "n_feed", (int64_t)t->n_feed);
    ci_json_put_string(in->json, "first_time", first);
    ci_json_put_string(in->json, "last_time", last);
    ci_json_put(in->json, "freq_hz", ci_ops_inspect_pair(t->freq_hz[0], t->freq_hz[t->n_chan - 1]));
    ci_json_put_bool(in->json, "approximate_flux_scale", t->is_approximate);
    ci_json_put_string(in->json, "model", ci_vis_text(t->model));
    ci_json_put_string(in->json, "history", ci_vis_text(t->history));
}

/* A receptor is dead where it has no solution anywhere. */
static size_t receptors_without(const ci_cal_table *t)
{
    size_t n_dead = 0;
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        for (size_t h = 0; h < t->n_feed; h++) {
            size_t n_good = 0;
            for (size_t i = 0; i < t->n_time; i++) {
                for (size_t c = 0; c < t->n_chan; c++) {
                    n_good += t->flag[ci_cal_index(t, i, c, a, h)] == 0;
                }
            }
            if (n_good == 0) n_dead++;
        }
    }
    return n_dead;
}

static ci_status gains_tell(inspection *in, const ci_cal_table *t)
{
    size_t n = t->n_time * t->n_chan * t->array.n_antenna * t->n_feed, n_good = 0;
    size_t n_receptor = t->array.n_antenna * t->n_feed, n_dead = receptors_without(t);
    double *amplitude = NULL, low = INFINITY, high = 0;
    CI_TRY(ci_mem_alloc(&amplitude, n, sizeof *amplitude, "gains"));
    for (size_t i = 0; i < n; i++) {
        if (t->flag[i] != 0) continue;
        amplitude[n_good] = cabs(t->gain[i]);
        low = fmin(low, amplitude[n_good]);
        high = fmax(high, amplitude[n_good]);
        n_good++;
    }
    double flagged = n > 0 ? 1 - (double)n_good / (double)n : 1;
    ci_ops_inspect_line(in, "Solutions", "%.3g %% flagged; %zu of %zu receptors have none",
                        100 * flagged, n_dead, n_receptor);
    ci_json_put_number(in->json, "flagged", flagged);
    ci_json_put_int(in->json, "n_receptor_without", (int64_t)n_dead);
    if (n_good > 0) {
        double median = ci_num_median(amplitude, n_good);
        ci_ops_inspect_line(in, "Amplitudes", "median %.5g, %.5g to %.5g", median, low, high);
        ci_json_put_number(in->json, "median_amplitude", median);
        ci_json_put(in->json, "amplitude", ci_ops_inspect_pair(low, high));
        if (low < 0.1 * median || high > 10 * median) {
            ci_ops_inspect_warning(in, "amplitudes beyond 0.1 to 10 times the median");
        }
    } else {
        ci_ops_inspect_warning(in, "no solution at all: it cannot calibrate anything");
    }
    ci_mem_free(amplitude);
    return CI_OK;
}

ci_status ci_ops_inspect_calh5(inspection *in)
{
    ci_cal_table *table = NULL;
    CI_TRY(ci_cal_table_read(&table, in->path));
    table_tell(in, table);
    for (const char *line = ci_vis_text(table->warnings); *line;) {
        int n = (int)strcspn(line, "\n");
        ci_ops_inspect_warning(in, "%.*s", n, line);
        line += line[n] ? n + 1 : n;
    }
    ci_status status = gains_tell(in, table);
    if (status == CI_OK && *ci_vis_text(table->history)) {
        ci_ops_inspect_line(in, "History", "%.110s%s", table->history,
                            strlen(table->history) > 110 ? " ..." : "");
    }
    ci_cal_table_free(table);
    return status;
}
