/* A run's report as files: JSON, HTML page and text summary. */
#include "contimg/report.h"

#include "contimg/tile.h"
#include "report/page.h"

#include <math.h>
#include <string.h>

static void number_or_unknown(char out[32], double value)
{
    if (isfinite(value))
        snprintf(out, 32, "%.4g", value);
    else
        snprintf(out, 32, "unknown");
}

static ci_status group_lines(ci_text *out, const ci_json *group)
{
    const ci_json *mosaic = ci_json_get(group, "mosaic"), *tiles = ci_json_get(group, "tiles");
    const ci_json *flux = ci_json_get(group, "flux");
    CI_TRY(ci_text_append(out, "group %s: %s%s%s%s\n", ci_json_get_string(group, "id", ""),
                          ci_json_get_string(group, "state", ""),
                          ci_json_get_bool(group, "is_degraded", false) ? " DEGRADED" : "",
                          *ci_json_get_string(group, "reason", "") ? ": " : "",
                          ci_json_get_string(group, "reason", "")));
    const char *why = ci_json_get_string(group, "degraded_why", "");
    if (*why) CI_TRY(ci_text_append(out, "  DEGRADED: %s\n", why));
    double n_source = ci_json_get_number(group, "n_source", 0);
    double n_match = ci_json_get_number(flux, "n_match", 0);
    for (size_t i = 0; i < ci_json_length(tiles); i++) {
        const ci_json *tile = ci_json_at(tiles, i), *image = ci_json_get(tile, "image");
        char thermal[32];
        number_or_unknown(thermal, ci_json_get_number(image, "thermal_jy", NAN));
        CI_TRY(ci_text_append(out, "  tile %-20s %-8s", ci_json_get_string(tile, "id", ""),
                              ci_json_get_string(tile, "state", "")));
        if (image)
            CI_TRY(ci_text_append(out, " rms %.4g thermal %s peak %.5g Jy/beam",
                                  ci_json_get_number(image, "rms_jy", NAN), thermal,
                                  ci_json_get_number(image, "peak_jy", NAN)));
        CI_TRY(ci_text_append(out, " %s\n", ci_json_get_string(tile, "reason", "")));
    }
    if (mosaic)
        CI_TRY(ci_text_append(
            out,
            "  mosaic %.0f x %.0f, rms %.4g, least noise %.4g, peak %.5g Jy/beam, "
            "%.0f source%s\n",
            ci_json_get_number(mosaic, "n_x", NAN), ci_json_get_number(mosaic, "n_y", NAN),
            ci_json_get_number(mosaic, "rms_jy", NAN),
            ci_json_get_number(mosaic, "min_noise_jy", NAN),
            ci_json_get_number(mosaic, "peak_jy", NAN), n_source, ci_plural(n_source)));
    if (flux && n_match == 0)
        CI_TRY(ci_text_append(out, "  flux found/model: no source of the model found\n"));
    else if (flux)
        CI_TRY(ci_text_append(out, "  flux found/model: %.0f source%s, median %.4f, scatter %.4f\n",
                              n_match, ci_plural(n_match),
                              ci_json_get_number(flux, "median_ratio", NAN),
                              ci_json_get_number(flux, "mad_ratio", NAN)));
    const char *published = ci_json_get_string(group, "published_path", "");
    return *published ? ci_text_append(out, "  published: %s\n", published) : CI_OK;
}

/* Seconds of each stage on rank 0, summed over its subjects. */
static ci_status stage_lines(ci_text *out, const ci_json *record)
{
    const ci_json *stages = ci_json_get(record, "stages");
    CI_TRY(ci_text_append(out, "stages (s, rank 0):"));
    for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++) {
        double sum = 0;
        for (size_t i = 0; i < ci_json_length(stages); i++) {
            const ci_json *s = ci_json_at(stages, i);
            if (ci_json_get_number(s, "rank", 0) == 0 &&
                ci_tile_stage_parse(ci_json_get_string(s, "name", "")) == k)
                sum += ci_json_get_number(s, "end_s", 0) - ci_json_get_number(s, "start_s", 0);
        }
        CI_TRY(ci_text_append(out, " %s %.2f", ci_tile_stage_name((ci_tile_stage)k), sum));
    }
    return ci_text_append(out, "\n");
}

/* Of each outermost scope: its seconds, then those of the scopes in it; means of ranks. */
static ci_status timer_lines(ci_text *out, const ci_json *record)
{
    const ci_json *timers = ci_json_get(record, "timers");
    double n_rank = ci_json_get_number(record, "n_rank", 1);
    for (size_t i = 0; i < ci_json_length(timers); i++) {
        const ci_json *scope = ci_json_at(timers, i), *parts = ci_json_get(scope, "parts");
        if (ci_json_length(parts) == 0) continue;
        CI_TRY(ci_text_append(out, "  %s %.2f s a rank:", ci_json_get_string(scope, "name", ""),
                              ci_json_get_number(scope, "seconds", NAN) / n_rank));
        for (size_t k = 0; k < ci_json_length(parts); k++)
            CI_TRY(
                ci_text_append(out, "%s %s %.2f", k > 0 ? "," : "",
                               ci_json_get_string(ci_json_at(parts, k), "name", ""),
                               ci_json_get_number(ci_json_at(parts, k), "seconds", NAN) / n_rank));
        CI_TRY(ci_text_append(out, "\n"));
    }
    return CI_OK;
}

static ci_status note_lines(ci_text *out, const ci_json *record)
{
    ci_json *notes = ci_report_notes(record);
    ci_status status = CI_OK;
    for (size_t i = 0; i < ci_json_length(notes) && status == CI_OK; i++)
        status = ci_text_append(out, "%s\n", ci_json_string(ci_json_at(notes, i), ""));
    ci_json_free(notes);
    return status;
}

ci_status ci_report_summary(ci_text *out, const ci_json *record)
{
    const ci_json *groups = ci_json_get(record, "groups");
    const ci_json *warnings = ci_json_get(record, "warnings");
    double n_rank = ci_json_get_number(record, "n_rank", 1);
    const char *job = ci_json_get_string(record, "job", "");
    CI_TRY(ci_text_append(
        out, "contimg %s, run %s\n%s to %s, %.1f s, %.0f rank%s on %s%s%s\n%s%s%s\n",
        ci_json_get_string(record, "version", ""), ci_json_get_string(record, "run", ""),
        ci_json_get_string(record, "started", ""), ci_json_get_string(record, "ended", ""),
        ci_json_get_number(record, "seconds", NAN), n_rank, ci_plural(n_rank),
        ci_json_get_string(record, "host", ""), *job ? ", job " : "", job,
        ci_json_get_string(record, "status", ""),
        *ci_json_get_string(record, "error", "") ? ": " : "",
        ci_json_get_string(record, "error", "")));
    CI_TRY(note_lines(out, record));
    for (size_t i = 0; i < ci_json_length(groups); i++)
        CI_TRY(group_lines(out, ci_json_at(groups, i)));
    CI_TRY(stage_lines(out, record));
    CI_TRY(timer_lines(out, record));
    for (size_t i = 0; i < ci_json_length(warnings); i++)
        CI_TRY(ci_text_append(out, "warning: %s\n", ci_json_string(ci_json_at(warnings, i), "")));
    return CI_OK;
}

static ci_status write_text(const char *folder, const char *name, const ci_text *text)
{
    char *path = NULL;
    CI_TRY(ci_path_join(&path, folder, name));
    ci_status status = ci_file_write(path, text->text, text->length);
    ci_mem_free(path);
    return status;
}

static ci_status render(const ci_json *record, const char *folder)
{
    ci_text page = {0}, summary = {0};
    ci_status status = ci_report_page(&page, record);
    if (status == CI_OK) status = write_text(folder, "report.html", &page);
    if (status == CI_OK) status = ci_report_summary(&summary, record);
    if (status == CI_OK) status = write_text(folder, "summary.txt", &summary);
    ci_mem_free(page.text);
    ci_mem_free(summary.text);
    return status;
}

ci_status ci_report_write(const ci_json *record, const char *folder)
{
    char *path = NULL;
    CI_TRY(ci_path_make_folder(folder));
    CI_TRY(ci_path_join(&path, folder, "report.json"));
    ci_status status = ci_json_write_file(record, path);
    ci_mem_free(path);
    if (status == CI_OK) status = render(record, folder);
    return status;
}

ci_status ci_report_rewrite(const char *folder)
{
    char *path = NULL;
    ci_json *record = NULL;
    CI_TRY(ci_path_join(&path, folder, "report.json"));
    ci_status status = ci_json_read_file(&record, path);
    if (status == CI_OK) status = render(record, folder);
    ci_json_free(record);
    ci_mem_free(path);
    return status;
}
