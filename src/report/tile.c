/* The sections of a report's HTML page on one tile. */
#include "contimg/cal.h"
#include "report/page.h"
#include "report/svg.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* ---- gains ------------------------------------------------------------------------------- */

/* Amplitude or phase of every receptor against frequency or time: thin lines. */
static ci_status gain_plot(ci_text *out, const ci_cal_table *table, bool is_phase, size_t i_feed)
{
    bool over_time = table->kind == CI_CAL_GAIN;
    size_t n = over_time ? table->n_time : table->n_chan, n_ant = table->array.n_antenna;
    double *x = NULL, *y = NULL;
    ci_report_series *series = NULL;
    ci_status status = ci_mem_alloc(&x, n, sizeof *x, "report");
    if (status == CI_OK) status = ci_mem_alloc(&y, n * n_ant, sizeof *y, "report");
    if (status == CI_OK) status = ci_mem_alloc(&series, n_ant, sizeof *series, "report");
    for (size_t i = 0; status == CI_OK && i < n; i++)
        x[i] = over_time ? (table->time_mjd_s[i] - table->time_mjd_s[0]) / 60
                         : table->freq_hz[i] * 1e-6;
    for (size_t a = 0; status == CI_OK && a < n_ant; a++) {
        for (size_t i = 0; i < n; i++) {
            size_t at = (i * n_ant + a) * table->n_feed + i_feed;
            ci_c64 g = table->gain[at];
            y[a * n + i] = table->flag[at] ? NAN : is_phase ? carg(g) * CI_RAD_TO_DEG : cabs(g);
        }
        series[a] = (ci_report_series){
            .x = x, .y = y + a * n, .n = n, .is_line = n > 1, .colour = "rgba(60,100,150,0.35)"};
    }
    char title[64];
    snprintf(title, sizeof title, "%s %s, feed %zu", over_time ? "gain" : "bandpass",
             is_phase ? "phase" : "amplitude", i_feed);
    ci_report_plot plot = {.title = title,
                           .x_label = over_time ? "minutes" : "MHz",
                           .y_label = is_phase ? "degrees" : "",
                           .width = 440,
                           .height = 230,
                           .rule = NAN,
                           .series = series,
                           .n_series = n_ant};
    if (status == CI_OK) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(x);
    ci_mem_free(y);
    ci_mem_free(series);
    return status;
}

static ci_status table_plots(ci_text *out, const char *path)
{
    ci_cal_table *table = NULL;
    if (!*path) return CI_OK;
    if (ci_cal_table_read(&table, path) != CI_OK) {
        CI_TRY(ci_text_append(out, "<p>no plot of "));
        CI_TRY(ci_report_escape(out, ci_error_text()));
        return ci_text_append(out, "</p>\n");
    }
    ci_status status = CI_OK;
    for (size_t i_feed = 0; status == CI_OK && i_feed < table->n_feed; i_feed++) {
        status = gain_plot(out, table, false, i_feed);
        if (status == CI_OK) status = gain_plot(out, table, true, i_feed);
    }
    ci_cal_table_free(table);
    return status;
}

static ci_status calibration(ci_text *out, const ci_json *cal)
{
    if (!cal) return CI_OK;
    CI_TRY(ci_text_append(out, "<h4>Calibration: "));
    CI_TRY(ci_report_escape(out, ci_json_get_string(cal, "how", "none")));
    CI_TRY(ci_text_append(out, "</h4>\n"));
    const ci_json *residual = ci_json_get(cal, "residual");
    if (residual)
        CI_TRY(
            ci_text_append(out,
                           "<p>residual |V &minus; g<sub>1</sub>g<sub>2</sub>* M|/|V| %.4f %.4f; "
                           "flagged %.1f %%; phase scatter %.1f&deg;</p>\n",
                           ci_json_number(ci_json_at(residual, 0), NAN),
                           ci_json_number(ci_json_at(residual, 1), NAN),
                           100 * ci_json_get_number(cal, "flagged_fraction", NAN),
                           ci_json_get_number(cal, "phase_scatter_deg", NAN)));
    if (strcmp(ci_json_get_string(cal, "how", ""), "own") != 0) return CI_OK;
    CI_TRY(table_plots(out, ci_json_get_string(cal, "bandpass", "")));
    return table_plots(out, ci_json_get_string(cal, "gain", ""));
}

/* ---- flags, uv ---------------------------------------------------------------------------- */

static ci_status reasons(ci_text *out, const ci_json *flags)
{
    const ci_json *by = ci_json_get(flags, "by_reason");
    double good = ci_json_get_number(flags, "n_good", 0), total = good;
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        total += ci_json_get_number(by, ci_vis_flag_name(i), 0);
    CI_TRY(ci_text_append(out, "<p>flagged %.2f %% of %.0f samples", 100 * (total - good) / total,
                          total));
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        if (ci_json_get_number(by, ci_vis_flag_name(i), 0) > 0)
            CI_TRY(ci_text_append(out, "; %s %.2f %%", ci_vis_flag_name(i),
                                  100 * ci_json_get_number(by, ci_vis_flag_name(i), 0) / total));
    return ci_text_append(out, "</p>\n");
}

static ci_status dead_receptors(ci_text *out, const ci_json *antennas)
{
    size_t n = 0;
    for (size_t i = 0; i < ci_json_length(antennas); i++) {
        const ci_json *antenna = ci_json_at(antennas, i), *dead = ci_json_get(antenna, "dead");
        char feeds[8] = "";
        for (size_t h = 0; h < ci_json_length(dead) && h < 4; h++) {
            const ci_json *one = ci_json_at(dead, h);
            char *text = NULL;
            CI_TRY(ci_json_print(&text, one, false));
            if (strcmp(text, "true") == 0) strncat(feeds, h == 0 ? "0" : "1", 2);
            ci_mem_free(text);
        }
        if (!*feeds) continue;
        CI_TRY(ci_text_append(out, "%s", n++ ? ", " : "<p>dead receptors: "));
        CI_TRY(ci_report_escape(out, ci_json_get_string(antenna, "name", "")));
        CI_TRY(ci_text_append(out, " (%s)", feeds));
    }
    return n ? ci_text_append(out, "</p>\n") : CI_OK;
}

static ci_status fraction_plot(ci_text *out, const ci_json *array, const char *member,
                               const char *title, const char *x_label)
{
    double *y = NULL, *x = NULL;
    size_t n = 0;
    CI_TRY(ci_report_numbers(&y, &n, array, member));
    ci_status status = ci_mem_alloc(&x, n, sizeof *x, "report");
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        x[i] = (double)i;
        y[i] *= 100;
    }
    ci_report_series series = {.x = x, .y = y, .n = n, .colour = "#4878a8"};
    ci_report_plot plot = {.title = title,
                           .x_label = x_label,
                           .y_label = "flagged, %",
                           .width = 440,
                           .height = 210,
                           .has_y_range = true,
                           .y_low = -3,
                           .y_high = 103,
                           .rule = NAN,
                           .series = &series,
                           .n_series = 1};
    if (status == CI_OK) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(x);
    ci_mem_free(y);
    return status;
}

static ci_status flags_section(ci_text *out, const ci_json *flags)
{
    if (!flags) return CI_OK;
    CI_TRY(ci_text_append(out, "<h4>Flags</h4>\n"));
    CI_TRY(reasons(out, flags));
    CI_TRY(dead_receptors(out, ci_json_get(flags, "antenna")));
    CI_TRY(fraction_plot(out, ci_json_get(flags, "antenna"), "fraction", "by antenna",
                         "antenna, in order"));
    return fraction_plot(out, ci_json_get(flags, "channel_fraction"), NULL, "by channel",
                         "channel, ascending frequency");
}

static ci_status uv_plot(ci_text *out, const ci_json *uv)
{
    double *u = NULL, *v = NULL, *minus_u = NULL, *minus_v = NULL;
    size_t n = 0, n_v = 0;
    if (!uv) return CI_OK;
    ci_status status = ci_report_numbers(&u, &n, ci_json_get(uv, "u_lambda"), NULL);
    if (status == CI_OK) status = ci_report_numbers(&v, &n_v, ci_json_get(uv, "v_lambda"), NULL);
    if (status == CI_OK) status = ci_mem_alloc(&minus_u, n, sizeof *u, "report");
    if (status == CI_OK) status = ci_mem_alloc(&minus_v, n, sizeof *v, "report");
    for (size_t i = 0; status == CI_OK && i < n && i < n_v; i++) {
        minus_u[i] = -u[i];
        minus_v[i] = -v[i];
    }
    ci_report_series series[] = {{.x = u, .y = v, .n = n, .colour = "#4878a8"},
                                 {.x = minus_u, .y = minus_v, .n = n, .colour = "#b8564f"}};
    ci_report_plot plot = {.title = "uv coverage (thinned)",
                           .x_label = "u, wavelengths",
                           .y_label = "v, wavelengths",
                           .width = 440,
                           .height = 430,
                           .is_square = true,
                           .rule = NAN,
                           .series = series,
                           .n_series = 2};
    if (status == CI_OK && n == n_v) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(u);
    ci_mem_free(v);
    ci_mem_free(minus_u);
    ci_mem_free(minus_v);
    return status;
}

/* ---- one tile ------------------------------------------------------------------------------ */

/* Bright sources of which the image has the mean flux only. */
static ci_status variables(ci_text *out, const ci_json *list)
{
    for (size_t i = 0; i < ci_json_length(list); i++) {
        const ci_json *one = ci_json_at(list, i);
        char from[32], to[32];
        ci_time_iso(from, ci_json_get_number(one, "first_mjd_s", 0), 0, true);
        ci_time_iso(to, ci_json_get_number(one, "last_mjd_s", 0), 0, true);
        CI_TRY(ci_text_append(
            out,
            "<br>not constant: the source of %.4g Jy at %.4f %+.4f deg: %+.3g Jy from %s to %s at "
            "%.6g to %.6g MHz (%.3g sigma); the image has its mean",
            ci_json_get_number(one, "flux_jy", NAN), ci_json_get_number(one, "ra_deg", NAN),
            ci_json_get_number(one, "dec_deg", NAN), ci_json_get_number(one, "excess_jy", NAN),
            from, to, ci_json_get_number(one, "first_hz", NAN) * 1e-6,
            ci_json_get_number(one, "last_hz", NAN) * 1e-6, ci_json_get_number(one, "sigma", NAN)));
    }
    return CI_OK;
}

static ci_status image_facts(ci_text *out, const ci_json *image)
{
    if (!image) return CI_OK;
    double rms = ci_json_get_number(image, "rms_jy", NAN);
    double thermal = ci_json_get_number(image, "thermal_jy", NAN);
    CI_TRY(ci_text_append(out,
                          "<p>%.0f &times; %.0f pixels of %.2f&Prime;; beam %.2f&Prime; &times; "
                          "%.2f&Prime; at %.0f&deg;; %.3f MHz; %.0f visibilities",
                          ci_json_get_number(image, "n_x", NAN),
                          ci_json_get_number(image, "n_y", NAN),
                          ci_json_get_number(image, "cell_arcsec", NAN),
                          ci_json_get_number(image, "beam_major_arcsec", NAN),
                          ci_json_get_number(image, "beam_minor_arcsec", NAN),
                          ci_json_get_number(image, "beam_pa_deg", NAN),
                          ci_json_get_number(image, "freq_hz", NAN) * 1e-6,
                          ci_json_get_number(image, "n_sample", NAN)));
    double compression = ci_json_get_number(image, "compression", 0);
    if (compression > 0)
        CI_TRY(ci_text_append(out, ", compressed to %.0f samples (loss at the edge below %.2g)",
                              ci_json_get_number(image, "n_gridded", NAN), compression));
    CI_TRY(ci_text_append(out, "<br>peak %.4g Jy/beam; rms %.4g mJy/beam; ",
                          ci_json_get_number(image, "peak_jy", NAN), rms * 1e3));
    if (isfinite(thermal))
        CI_TRY(ci_text_append(out, "thermal %.4g mJy/beam (rms/thermal %.2f)", thermal * 1e3,
                              rms / thermal));
    else
        CI_TRY(ci_text_append(out, "thermal unknown"));
    double n_major = ci_json_get_number(image, "n_major", NAN);
    double n_minor = ci_json_get_number(image, "n_minor", NAN);
    CI_TRY(ci_text_append(out, "<br>clean: %.0f major cycle%s, %.0f component%s, %.4g Jy; ",
                          n_major, ci_plural(n_major), n_minor, ci_plural(n_minor),
                          ci_json_get_number(image, "model_flux_jy", NAN)));
    CI_TRY(ci_report_escape(out, ci_json_get_string(image, "stop_reason", "")));
    if (ci_json_get_bool(image, "is_pseudo_i", false))
        CI_TRY(ci_text_append(out, "; pseudo-I from one polarisation"));
    CI_TRY(variables(out, ci_json_get(image, "variable_sources")));
    return ci_text_append(out, "</p>\n");
}

static ci_status tile_picture(ci_text *out, const char *folder, const char *name)
{
    char *path = NULL;
    bool shown = false;
    CI_TRY(ci_path_join(&path, folder, name));
    ci_status status = ci_report_picture(out, path, name, &shown);
    ci_mem_free(path);
    return status;
}

ci_status ci_report_tile(ci_text *out, const ci_json *tile)
{
    const char *state = ci_json_get_string(tile, "state", "");
    CI_TRY(ci_text_append(out, "<details%s><summary><b>",
                          ci_report_tile_state_of(tile) == CI_REPORT_TILE_PASSED ? "" : " open"));
    CI_TRY(ci_report_escape(out, ci_json_get_string(tile, "id", "")));
    CI_TRY(ci_text_append(out, "</b> <span class='%s'>%s</span>%s ", state, state,
                          ci_json_get_bool(tile, "is_degraded", false) ? " DEGRADED" : ""));
    CI_TRY(ci_report_escape(out, ci_json_get_string(tile, "reason", "")));
    CI_TRY(ci_text_append(out, "</summary>\n"));
    CI_TRY(image_facts(out, ci_json_get(tile, "image")));
    CI_TRY(tile_picture(out, ci_json_get_string(tile, "folder", ""), "image.png"));
    CI_TRY(tile_picture(out, ci_json_get_string(tile, "folder", ""), "residual.png"));
    CI_TRY(ci_report_gates(out, ci_json_get(tile, "gates")));
    CI_TRY(calibration(out, ci_json_get(tile, "calibration")));
    CI_TRY(flags_section(out, ci_json_get(tile, "flags")));
    CI_TRY(uv_plot(out, ci_json_get(tile, "uv")));
    return ci_text_append(out, "</details>\n");
}
