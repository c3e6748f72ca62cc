/* The sections of a report's HTML page on the whole run. */
#include "report/page.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light}\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1000px;padding:1em;"
    "color:#222;background:#fff}\n"
    "h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.25em;border-bottom:2px solid #ddd;"
    "margin-top:1.6em}h4{margin:.8em 0 .2em}\n"
    "img,svg{max-width:100%;height:auto;margin:.3em 0}\n"
    "h1,h2{overflow-wrap:anywhere}p,li,td{overflow-wrap:break-word}"
    "table{border-collapse:collapse;font-size:.93em;display:block;max-width:100%;overflow-x:auto}"
    "td,th{padding:.15em .7em;text-align:left;"
    "border-bottom:1px solid #eee}td.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "details{border:1px solid #ddd;border-radius:6px;padding:.4em .8em;margin:.5em 0}\n"
    "summary{cursor:pointer}\n"
    "code{background:#f3f3f3;padding:0 .25em;word-break:break-all}\n"
    ".passed,.pass,.published,.ok,.reused{color:#1d7a3a}.warn,.staged,.skip{color:#946200}"
    ".degraded{border-left:4px solid #946200;padding:.1em .8em;background:#fff6e0}\n"
    ".failed,.fail,.refused{color:#b3261e;font-weight:600}\n"
    "svg text{font:11px system-ui,sans-serif;fill:#333}svg .t{font-weight:600;font-size:12px}"
    "svg .g{stroke:#e6e6e6}svg .r{stroke:#b3261e;stroke-dasharray:4 3}\n"
    "@media print{details{break-inside:avoid}details>*{display:block}}\n"
    "</style>\n";

/* ---- flux ------------------------------------------------------------------------------------ */

static ci_status flux_table(ci_text *out, const ci_json *match)
{
    CI_TRY(ci_text_append(out, "<details><summary>sources</summary><table><tr><th>name</th>"
                               "<th>model, mJy</th><th>found, mJy</th><th>error</th><th>ratio</th>"
                               "<th>offset</th></tr>\n"));
    for (size_t i = 0; i < ci_json_length(match); i++) {
        const ci_json *m = ci_json_at(match, i);
        double truth = ci_json_get_number(m, "true_jy", NAN);
        double found = ci_json_get_number(m, "found_jy", NAN);
        CI_TRY(ci_text_append(out, "<tr><td>"));
        CI_TRY(ci_report_escape(out, ci_json_get_string(m, "name", "")));
        CI_TRY(ci_text_append(
            out,
            "</td><td class='n'>%.3f</td><td class='n'>%.3f</td><td class='n'>%.3f"
            "</td><td class='n'>%.4f</td><td class='n'>%.2f&Prime;</td></tr>\n",
            truth * 1e3, found * 1e3, ci_json_get_number(m, "found_err_jy", NAN) * 1e3,
            found / truth, ci_json_get_number(m, "separation_arcsec", NAN)));
    }
    return ci_text_append(out, "</table></details>\n");
}

static ci_status flux_plot(ci_text *out, const ci_json *match)
{
    double *truth = NULL, *found = NULL, *err = NULL;
    size_t n = 0;
    ci_status status = ci_report_numbers(&truth, &n, match, "true_jy");
    if (status == CI_OK) status = ci_report_numbers(&found, &n, match, "found_jy");
    if (status == CI_OK) status = ci_report_numbers(&err, &n, match, "found_err_jy");
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        found[i] /= truth[i];
        err[i] /= truth[i];
        truth[i] *= 1e3;
    }
    ci_report_series series = {.x = truth, .y = found, .y_err = err, .n = n, .colour = "#4878a8"};
    ci_report_plot plot = {.title = "flux found / model",
                           .x_label = "model, mJy",
                           .y_label = "ratio",
                           .width = 900,
                           .height = 300,
                           .x_is_log = true,
                           .rule = 1,
                           .series = &series,
                           .n_series = 1};
    if (status == CI_OK) status = ci_report_plot_svg(out, &plot);
    ci_mem_free(truth);
    ci_mem_free(found);
    ci_mem_free(err);
    return status;
}

ci_status ci_report_flux(ci_text *out, const ci_json *flux)
{
    const ci_json *match = ci_json_get(flux, "match");
    if (!flux || ci_json_length(match) == 0) return CI_OK;
    double n_match = ci_json_get_number(flux, "n_match", 0);
    CI_TRY(ci_text_append(out,
                          "<h4>Fluxes</h4><p>%.0f isolated source%s of the model found; ratio "
                          "found/model: median %.4f, scatter %.4f</p>\n",
                          n_match, ci_plural(n_match),
                          ci_json_get_number(flux, "median_ratio", NAN),
                          ci_json_get_number(flux, "mad_ratio", NAN)));
    CI_TRY(flux_plot(out, match));
    return flux_table(out, match);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static ci_status mosaic(ci_text *out, const ci_json *group)
{
    const ci_json *m = ci_json_get(group, "mosaic");
    if (!m) return CI_OK;
    char *folder = NULL, *path = NULL;
    bool shown = false;
    double n_source = ci_json_get_number(group, "n_source", NAN);
    CI_TRY(ci_text_append(
        out,
        "<p>%.0f &times; %.0f pixels of %.2f&Prime;; beam %.2f&Prime; &times; "
        "%.2f&Prime;; %.3f MHz; peak %.4g Jy/beam; rms %.4g, least noise %.4g "
        "mJy/beam; %.0f source%s</p>\n",
        ci_json_get_number(m, "n_x", NAN), ci_json_get_number(m, "n_y", NAN),
        ci_json_get_number(m, "cell_arcsec", NAN), ci_json_get_number(m, "beam_major_arcsec", NAN),
        ci_json_get_number(m, "beam_minor_arcsec", NAN),
        ci_json_get_number(m, "freq_hz", NAN) * 1e-6, ci_json_get_number(m, "peak_jy", NAN),
        ci_json_get_number(m, "rms_jy", NAN) * 1e3,
        ci_json_get_number(m, "min_noise_jy", NAN) * 1e3, n_source, ci_plural(n_source)));
    CI_TRY(ci_path_parent(&folder, ci_json_get_string(m, "image", "")));
    ci_status status = ci_path_join(&path, folder, "mosaic.png");
    if (status == CI_OK) status = ci_report_picture(out, path, "mosaic", &shown);
    if (status == CI_OK && !shown) status = ci_text_append(out, "<p>no picture was drawn</p>\n");
    ci_mem_free(folder);
    ci_mem_free(path);
    return status;
}

static ci_status group_section(ci_text *out, const ci_json *group)
{
    const char *state = ci_json_get_string(group, "state", "");
    CI_TRY(ci_text_append(out, "<h2>Group "));
    CI_TRY(ci_report_escape(out, ci_json_get_string(group, "id", "")));
    CI_TRY(ci_text_append(out, " <span class='%s'>%s</span>%s</h2>\n<p>", state, state,
                          ci_json_get_bool(group, "is_degraded", false) ? " DEGRADED" : ""));
    CI_TRY(ci_report_escape(out, ci_json_get_string(group, "reason", "")));
    const char *published = ci_json_get_string(group, "published_path", "");
    if (*published) {
        CI_TRY(ci_text_append(out, " <code>"));
        CI_TRY(ci_report_escape(out, published));
        CI_TRY(ci_text_append(out, "</code>"));
    }
    CI_TRY(ci_text_append(out, "</p>\n"));
    CI_TRY(mosaic(out, group));
    CI_TRY(ci_report_gates(out, ci_json_get(group, "gates")));
    CI_TRY(ci_report_flux(out, ci_json_get(group, "flux")));
    const ci_json *tiles = ci_json_get(group, "tiles");
    if (ci_json_length(tiles) > 0) CI_TRY(ci_text_append(out, "<h4>Tiles</h4>\n"));
    for (size_t i = 0; i < ci_json_length(tiles); i++)
        CI_TRY(ci_report_tile(out, ci_json_at(tiles, i)));
    return CI_OK;
}

/* ---- what to know first ---------------------------------------------------------------------- */

static ci_status notes_section(ci_text *out, const ci_json *record)
{
    ci_json *notes = ci_report_notes(record);
    size_t n = ci_json_length(notes);
    ci_status status = n > 0 ? ci_text_append(out, "<div class='degraded'>\n") : CI_OK;
    for (size_t i = 0; i < n && status == CI_OK; i++) {
        status = ci_text_append(out, "<p>");
        if (status == CI_OK)
            status = ci_report_escape(out, ci_json_string(ci_json_at(notes, i), ""));
        if (status == CI_OK) status = ci_text_append(out, "</p>\n");
    }
    if (n > 0 && status == CI_OK) status = ci_text_append(out, "</div>\n");
    ci_json_free(notes);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

static ci_status warnings_section(ci_text *out, const ci_json *record)
{
    const ci_json *warnings = ci_json_get(record, "warnings");
    if (ci_json_length(warnings) == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<h2>Warnings</h2>\n<ul>\n"));
    for (size_t i = 0; i < ci_json_length(warnings); i++) {
        CI_TRY(ci_text_append(out, "<li class='warn'>"));
        CI_TRY(ci_report_escape(out, ci_json_string(ci_json_at(warnings, i), "")));
        CI_TRY(ci_text_append(out, "</li>\n"));
    }
    return ci_text_append(out, "</ul>\n");
}

static ci_status fact(ci_text *out, const char *name, const char *text)
{
    CI_TRY(ci_text_append(out, "<tr><td>%s</td><td>", name));
    CI_TRY(ci_report_escape(out, text));
    return ci_text_append(out, "</td></tr>\n");
}

static ci_status head(ci_text *out, const ci_json *record)
{
    char text[128];
    bool ok = (int)ci_json_get_number(record, "exit_code", 70) == 0;
    CI_TRY(ci_text_append(out, "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
                               "<meta name='viewport' content='width=device-width,initial-scale=1'>"
                               "<title>contimg "));
    CI_TRY(ci_report_escape(out, ci_json_get_string(record, "run", "")));
    CI_TRY(ci_text_append(out, "</title>\n%s</head><body>\n<h1>contimg run ", style));
    CI_TRY(ci_report_escape(out, ci_json_get_string(record, "run", "")));
    CI_TRY(ci_text_append(out, "</h1>\n<p class='%s'>%s", ok ? "ok" : "failed",
                          ci_json_get_string(record, "status", "")));
    const char *error = ci_json_get_string(record, "error", "");
    if (*error) CI_TRY(ci_text_append(out, ": "));
    CI_TRY(ci_report_escape(out, error));
    CI_TRY(ci_text_append(out, "</p>\n"));
    CI_TRY(notes_section(out, record));
    CI_TRY(ci_text_append(out, "<table>\n"));
    double n_rank = ci_json_get_number(record, "n_rank", 1);
    snprintf(text, sizeof text, "%s to %s, %.1f s", ci_json_get_string(record, "started", ""),
             ci_json_get_string(record, "ended", ""), ci_json_get_number(record, "seconds", NAN));
    CI_TRY(fact(out, "time", text));
    snprintf(text, sizeof text, "%s, %.0f rank%s", ci_json_get_string(record, "host", ""), n_rank,
             ci_plural(n_rank));
    CI_TRY(fact(out, "host", text));
    const char *job = ci_json_get_string(record, "job", "");
    if (*job) CI_TRY(fact(out, "Slurm job", job));
    CI_TRY(fact(out, "program", ci_json_get_string(record, "version", "")));
    CI_TRY(fact(out, "instruction set", ci_json_get_string(record, "isa", "")));
    CI_TRY(fact(out, "options", ci_json_get_string(record, "options", "")));
    return ci_text_append(out, "</table>\n");
}

ci_status ci_report_page(ci_text *out, const ci_json *record)
{
    const ci_json *groups = ci_json_get(record, "groups");
    CI_TRY(head(out, record));
    for (size_t i = 0; i < ci_json_length(groups); i++)
        CI_TRY(group_section(out, ci_json_at(groups, i)));
    CI_TRY(ci_report_time(out, record));
    CI_TRY(warnings_section(out, record));
    return ci_text_append(out, "</body></html>\n");
}
