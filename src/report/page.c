/* The sections of a report's HTML page on the whole run. */
#include "report/page.h"
#include "report/record.h"
#include "report/svg.h"

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light}\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1000px;padding:1em;"
    "color:#222;background:#fff}\n"
    "h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.25em;border-bottom:2px solid #ddd;"
    "margin-top:1.6em}h4{margin:.8em 0 .2em}\n"
    "img,svg{max-width:100%;height:auto;margin:.3em 0}\n"
    "h1,h2,h4,summary{overflow-wrap:anywhere}p,li,td{overflow-wrap:break-word}"
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
    /* A telephone's screen of 390 px: what a gate says is below it. */
    "@media(max-width:600px){body{padding:.6em}table{font-size:.82em}td,th{padding:.15em .3em}"
    "details{padding:.4em .5em}"
    ".wide{overflow-x:auto}.wide svg{max-width:none;width:640px}"
    ".gates,.gates tbody{display:block}.gates tr{display:grid;"
    "grid-template-columns:8.5em 5em 1fr 1fr;border-bottom:1px solid #eee}"
    ".gates td,.gates th{border:0}.gates td:last-child{grid-column:1/-1;overflow-wrap:anywhere}"
    ".gates td:last-child:empty,.gates th:last-child{display:none}}\n"
    "@media print{details{break-inside:avoid}details>*{display:block}}\n"
    "</style>\n";

/* ---- flux ------------------------------------------------------------------------------------ */

static ci_status flux_table(ci_text *out, const ci_report_flux *flux)
{
    CI_TRY(ci_text_append(out,
                          "<details><summary>sources</summary><table><tr><th>name</th>"
                          "<th>model, mJy</th><th>found, mJy</th><th>error, mJy</th><th>ratio</th>"
                          "<th>offset</th></tr>\n"));
    for (size_t i = 0; i < flux->n_match; i++) {
        const ci_report_flux_match *m = &flux->match[i];
        CI_TRY(ci_text_append(out, "<tr><td>"));
        CI_TRY(ci_report_escape(out, m->name));
        CI_TRY(
            ci_text_append(out,
                           "</td><td class='n'>%.3f</td><td class='n'>%.3f</td><td class='n'>%.3f"
                           "</td><td class='n'>%.4f</td><td class='n'>%.2f&Prime;</td></tr>\n",
                           m->true_jy * 1e3, m->found_jy * 1e3, m->found_err_jy * 1e3,
                           m->found_jy / m->true_jy, m->separation_arcsec));
    }
    return ci_text_append(out, "</table></details>\n");
}

/* Three numbers of each match: model in mJy, ratio found / model, its error. */
static ci_status flux_plot(ci_text *out, const ci_report_flux *flux)
{
    size_t n = flux->n_match;
    double *truth_mjy = NULL;
    CI_TRY(ci_mem_alloc(&truth_mjy, 3 * n, sizeof *truth_mjy, "report"));
    double *ratio = truth_mjy + n, *err = ratio + n;
    for (size_t i = 0; i < n; i++) {
        const ci_report_flux_match *m = &flux->match[i];
        truth_mjy[i] = m->true_jy * 1e3;
        ratio[i] = m->found_jy / m->true_jy;
        err[i] = m->found_err_jy / m->true_jy;
    }
    ci_report_series series = {
        .x = truth_mjy, .y = ratio, .y_err = err, .n = n, .colour = "#4878a8"};
    ci_report_plot plot = {.title = "flux found / model",
                           .x_label = "model, mJy",
                           .y_label = "ratio",
                           .width = 900,
                           .height = 300,
                           .x_is_log = true,
                           .rule = 1,
                           .series = &series,
                           .n_series = 1};
    ci_status status = ci_report_plot_svg(out, &plot);
    ci_mem_free(truth_mjy);
    return status;
}

/* Flux against the model: plot and table. */
static ci_status flux_section(ci_text *out, const ci_report_flux *flux)
{
    if (!flux || flux->n_match == 0) return CI_OK;
    CI_TRY(ci_text_append(out,
                          "<h4>Fluxes</h4><p>%zu isolated source%s of the model found; ratio "
                          "found/model: median %.4f, scatter %.4f</p>\n",
                          flux->n_match, ci_plural(flux->n_match), flux->median_ratio,
                          flux->mad_ratio));
    CI_TRY(flux_plot(out, flux));
    return flux_table(out, flux);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* From staging, or, where that was removed, as it was published. */
static ci_status mosaic_picture(ci_text *out, const ci_report_group *group)
{
    char *staged = NULL, *path = NULL;
    bool shown = false;
    CI_TRY(ci_path_parent(&staged, group->mosaic->image ? group->mosaic->image : ""));
    const char *const folder[] = {staged, group->published_path};
    ci_status status = CI_OK;
    for (int i = 0; i < 2 && !shown && status == CI_OK; i++) {
        if (!folder[i] || !*folder[i]) continue;
        status = ci_path_join(&path, folder[i], "mosaic.png");
        if (status == CI_OK) status = ci_report_picture(out, path, "mosaic", &shown);
        ci_mem_free(path);
        path = NULL;
    }
    ci_mem_free(staged);
    if (status == CI_OK && !shown) status = ci_text_append(out, "<p>no picture was drawn</p>\n");
    return status;
}

static ci_status mosaic(ci_text *out, const ci_report_group *group)
{
    const ci_report_mosaic *m = group->mosaic;
    if (!m) return CI_OK;
    CI_TRY(ci_text_append(out,
                          "<p>%lld &times; %lld pixels of %.2f&Prime;; beam %.2f&Prime; &times; "
                          "%.2f&Prime;; %.3f MHz; peak %.4g Jy/beam; rms %.4g, least noise %.4g "
                          "mJy/beam; %zu source%s</p>\n",
                          (long long)m->n_x, (long long)m->n_y, m->cell_arcsec,
                          m->beam_major_arcsec, m->beam_minor_arcsec, m->freq_hz * 1e-6, m->peak_jy,
                          m->rms_jy * 1e3, m->min_noise_jy * 1e3, group->n_source,
                          ci_plural(group->n_source)));
    return mosaic_picture(out, group);
}

static ci_status group_section(ci_text *out, const ci_report_group *group)
{
    const char *state = ci_report_group_state_word(group->state);
    CI_TRY(ci_text_append(out, "<h2>Group "));
    CI_TRY(ci_report_escape(out, group->id));
    CI_TRY(ci_text_append(out, " <span class='%s'>%s</span>%s</h2>\n<p>", state, state,
                          group->is_degraded ? " DEGRADED" : ""));
    CI_TRY(ci_report_escape(out, group->reason));
    if (group->published_path) {
        CI_TRY(ci_text_append(out, " <code>"));
        CI_TRY(ci_report_escape(out, group->published_path));
        CI_TRY(ci_text_append(out, "</code>"));
    }
    CI_TRY(ci_text_append(out, "</p>\n"));
    CI_TRY(mosaic(out, group));
    CI_TRY(ci_report_gates(out, group->gates));
    CI_TRY(flux_section(out, group->flux));
    if (group->n_tile > 0) CI_TRY(ci_text_append(out, "<h4>Tiles</h4>\n"));
    for (size_t i = 0; i < group->n_tile; i++)
        CI_TRY(ci_report_tile(out, group->tile[i]));
    return CI_OK;
}

/* ---- what to know first ---------------------------------------------------------------------- */

static ci_status paragraphs(ci_text *out, const ci_report_texts *texts)
{
    if (texts->n == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<div class='degraded'>\n"));
    for (size_t i = 0; i < texts->n; i++) {
        CI_TRY(ci_text_append(out, "<p>"));
        CI_TRY(ci_report_escape(out, texts->text[i]));
        CI_TRY(ci_text_append(out, "</p>\n"));
    }
    return ci_text_append(out, "</div>\n");
}

static ci_status notes_section(ci_text *out, const ci_report_record *record)
{
    ci_report_texts notes = {0};
    ci_status status = ci_report_notes(&notes, record);
    if (status == CI_OK) status = paragraphs(out, &notes);
    ci_report_texts_clear(&notes);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

static ci_status warnings_section(ci_text *out, const ci_report_texts *warnings)
{
    if (warnings->n == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<h2>Warnings</h2>\n<ul>\n"));
    for (size_t i = 0; i < warnings->n; i++) {
        CI_TRY(ci_text_append(out, "<li class='warn'>"));
        CI_TRY(ci_report_escape(out, warnings->text[i]));
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

static ci_status facts(ci_text *out, const ci_report_record *record)
{
    char text[CI_REGISTRY_ID + 128];
    CI_TRY(ci_text_append(out, "<table>\n"));
    snprintf(text, sizeof text, "%s to %s, %.1f s", record->started, record->ended,
             record->seconds);
    CI_TRY(fact(out, "time", text));
    snprintf(text, sizeof text, "%s, %d rank%s", record->host, record->n_rank,
             ci_plural(record->n_rank));
    CI_TRY(fact(out, "host", text));
    if (record->job[0]) CI_TRY(fact(out, "Slurm job", record->job));
    CI_TRY(fact(out, "program", record->version));
    CI_TRY(fact(out, "instruction set", ci_isa_name(record->isa)));
    CI_TRY(fact(out, "options", record->options));
    return ci_text_append(out, "</table>\n");
}

static ci_status head(ci_text *out, const ci_report_record *record)
{
    CI_TRY(ci_text_append(out, "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
                               "<meta name='viewport' content='width=device-width,initial-scale=1'>"
                               "<title>contimg "));
    CI_TRY(ci_report_escape(out, record->id));
    CI_TRY(ci_text_append(out, "</title>\n%s</head><body>\n<h1>contimg run ", style));
    CI_TRY(ci_report_escape(out, record->id));
    CI_TRY(ci_text_append(out, "</h1>\n<p class='%s'>%s", record->status == CI_OK ? "ok" : "failed",
                          ci_status_text(record->status)));
    if (record->error[0]) CI_TRY(ci_text_append(out, ": "));
    CI_TRY(ci_report_escape(out, record->error));
    CI_TRY(ci_text_append(out, "</p>\n"));
    CI_TRY(notes_section(out, record));
    return facts(out, record);
}

ci_status ci_report_page(ci_text *out, const ci_report_record *record)
{
    CI_TRY(head(out, record));
    for (size_t i = 0; i < record->n_group; i++)
        CI_TRY(group_section(out, record->group[i]));
    CI_TRY(ci_report_time(out, record));
    CI_TRY(warnings_section(out, &record->warnings));
    return ci_text_append(out, "</body></html>\n");
}
