/* Plots of calibration tables on a report's page: amplitudes, phases, delays. */
#include "contimg/cal.h"
#include "report/page.h"
#include "report/svg.h"

#include <complex.h>
#include <math.h>

typedef struct
{
    const ci_cal_table *table;
    size_t i_feed, n, n_antenna; /* n: points of a receptor, times or channels */
    bool is_over_time;
    double *delay_s; /* [n_antenna] of a bandpass; NaN: not known */
} curves;

static ci_c64 gain_of(const curves *k, size_t i, size_t a)
{
    return k->table->gain[(i * k->n_antenna + a) * k->table->n_feed + k->i_feed];
}

static bool is_good(const curves *k, size_t i, size_t a)
{
    return k->table->flag[(i * k->n_antenna + a) * k->table->n_feed + k->i_feed] == 0;
}

/* ---- delays ------------------------------------------------------------------------------- */

static ci_status delay_plot(ci_text *out, const ci_cal_table *table)
{
    static const char *const colours[] = {"#4878a8", "#b8564f"};
    double *x = NULL, *y[2] = {NULL, NULL};
    size_t n = table->array.n_antenna;
    ci_report_series series[2];
    ci_status status = ci_mem_alloc(&x, n, sizeof *x, "report");
    for (size_t a = 0; status == CI_OK && a < n; a++)
        x[a] = (double)a;
    for (size_t h = 0; status == CI_OK && h < table->n_feed; h++) {
        status = ci_cal_table_delays(&y[h], table, h);
        for (size_t a = 0; status == CI_OK && a < n; a++)
            y[h][a] *= 1e9;
        series[h] = (ci_report_series){.x = x, .y = y[h], .n = n, .colour = colours[h]};
    }
    const ci_report_plot plot = {.title = table->n_feed > 1 ? "delays, feed 0 blue, feed 1 red"
                                                            : "delays, feed 0",
                                 .x_label = "antenna, in order",
                                 .y_label = "ns",
                                 .width = 440,
                                 .height = 230,
                                 .rule = 0,
                                 .series = series,
                                 .n_series = table->n_feed};
    if (status == CI_OK) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(x);
    ci_mem_free(y[0]);
    ci_mem_free(y[1]);
    return status;
}

/* ---- amplitudes and phases ---------------------------------------------------------------- */

static void amplitude_curve(const curves *k, size_t a, double *y)
{
    for (size_t i = 0; i < k->n; i++)
        y[i] = is_good(k, i, a) ? cabs(gain_of(k, i, a)) : NAN;
}

/* Phases of a receptor about their mean, of a bandpass with its delay taken out: those of a hundred
 * receptors, which begin anywhere, lie above each other. */
static void phase_curve(const curves *k, size_t a, double *y)
{
    double delay = k->is_over_time ? 0 : k->delay_s[a];
    ci_c64 sum = 0;
    if (!isfinite(delay)) delay = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < k->n; i++) {
            double cycles = delay * (k->is_over_time ? 0 : k->table->freq_hz[i]);
            ci_c64 g = gain_of(k, i, a) * cexp(-I * CI_TWO_PI * (cycles - nearbyint(cycles)));
            if (pass == 0 && is_good(k, i, a)) sum += g / cabs(g);
            if (pass == 1) y[i] = is_good(k, i, a) ? carg(g * conj(sum)) * CI_RAD_TO_DEG : NAN;
        }
}

/* Every receptor against frequency or time: thin lines. */
static ci_status curve_plot(ci_text *out, const curves *k, bool is_phase)
{
    double *x = NULL, *y = NULL;
    ci_report_series *series = NULL;
    const ci_cal_table *table = k->table;
    ci_status status = ci_mem_alloc(&x, k->n, sizeof *x, "report");
    if (status == CI_OK) status = ci_mem_alloc(&y, k->n * k->n_antenna, sizeof *y, "report");
    if (status == CI_OK) status = ci_mem_alloc(&series, k->n_antenna, sizeof *series, "report");
    for (size_t i = 0; status == CI_OK && i < k->n; i++)
        x[i] = k->is_over_time ? (table->time_mjd_s[i] - table->time_mjd_s[0]) / 60
                               : table->freq_hz[i] * 1e-6;
    for (size_t a = 0; status == CI_OK && a < k->n_antenna; a++) {
        (is_phase ? phase_curve : amplitude_curve)(k, a, y + a * k->n);
        series[a] = (ci_report_series){.x = x,
                                       .y = y + a * k->n,
                                       .n = k->n,
                                       .is_line = k->n > 1,
                                       .colour = "rgba(60,100,150,0.35)"};
    }
    char title[80];
    snprintf(title, sizeof title, "%s %s, feed %zu%s", k->is_over_time ? "gain" : "bandpass",
             is_phase ? "phase" : "amplitude", k->i_feed,
             !is_phase         ? ""
             : k->is_over_time ? ", about its mean"
                               : ", delay taken out");
    const ci_report_plot plot = {.title = title,
                                 .x_label = k->is_over_time ? "minutes" : "MHz",
                                 .y_label = is_phase          ? "degrees"
                                            : k->is_over_time ? "&radic;(data unit / Jy)"
                                                              : "relative",
                                 .width = 440,
                                 .height = 230,
                                 .rule = NAN,
                                 .series = series,
                                 .n_series = k->n_antenna};
    if (status == CI_OK) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(x);
    ci_mem_free(y);
    ci_mem_free(series);
    return status;
}

ci_status ci_report_table_plots(ci_text *out, const char *path)
{
    ci_cal_table *table = NULL;
    if (!*path) return CI_OK;
    if (ci_cal_table_read(&table, path) != CI_OK) {
        CI_TRY(ci_text_append(out, "<p>no plot of "));
        CI_TRY(ci_report_escape(out, ci_error_text()));
        return ci_text_append(out, "</p>\n");
    }
    bool is_over_time = table->kind == CI_CAL_GAIN;
    ci_status status = CI_OK;
    for (size_t h = 0; status == CI_OK && h < table->n_feed; h++) {
        curves k = {
            table,        h,   is_over_time ? table->n_time : table->n_chan, table->array.n_antenna,
            is_over_time, NULL};
        if (!is_over_time) status = ci_cal_table_delays(&k.delay_s, table, h);
        if (status == CI_OK) status = curve_plot(out, &k, false);
        if (status == CI_OK) status = curve_plot(out, &k, true);
        ci_mem_free(k.delay_s);
    }
    if (status == CI_OK && !is_over_time) status = delay_plot(out, table);
    ci_cal_table_free(table);
    return status;
}
