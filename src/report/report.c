/* A run's report as files: JSON, HTML page and text summary. */
#include "report/page.h"
#include "report/record.h"

#include <math.h>

static void number_or_unknown(char out[32], double value)
{
    if (isfinite(value))
        snprintf(out, 32, "%.4g", value);
    else
        snprintf(out, 32, "unknown");
}

static ci_status tile_line(ci_text *out, const ci_tile_record *tile)
{
    const ci_tile_images *image = tile->images;
    char thermal[32];
    CI_TRY(ci_text_append(out, "  tile %-20s %-8s", tile->id, ci_tile_state_word(tile->state)));
    if (image) {
        number_or_unknown(thermal, image->thermal_jy);
        CI_TRY(ci_text_append(out, " rms %.4g thermal %s peak %.5g Jy/beam", image->rms_jy, thermal,
                              image->peak_jy));
    }
    return ci_text_append(out, " %s\n", tile->reason);
}

static ci_status flux_line(ci_text *out, const ci_report_flux *flux)
{
    if (!flux) return CI_OK;
    if (flux->n_match == 0)
        return ci_text_append(out, "  flux found/model: no source of the model found\n");
    return ci_text_append(out, "  flux found/model: %zu source%s, median %.4f, scatter %.4f\n",
                          flux->n_match, ci_plural(flux->n_match), flux->median_ratio,
                          flux->mad_ratio);
}

static ci_status group_lines(ci_text *out, const ci_report_group *group)
{
    const ci_report_mosaic *mosaic = group->mosaic;
    CI_TRY(ci_text_append(
        out, "group %s: %s%s%s%s\n", group->id, ci_report_group_state_word(group->state),
        group->is_degraded ? " DEGRADED" : "", group->reason[0] ? ": " : "", group->reason));
    if (group->degraded_why[0])
        CI_TRY(ci_text_append(out, "  DEGRADED: %s\n", group->degraded_why));
    for (size_t i = 0; i < group->n_tile; i++)
        CI_TRY(tile_line(out, group->tile[i]));
    if (mosaic)
        CI_TRY(ci_text_append(out,
                              "  mosaic %lld x %lld, rms %.4g, least noise %.4g, peak %.5g "
                              "Jy/beam, %zu source%s\n",
                              (long long)mosaic->n_x, (long long)mosaic->n_y, mosaic->rms_jy,
                              mosaic->min_noise_jy, mosaic->peak_jy, group->n_source,
                              ci_plural(group->n_source)));
    CI_TRY(flux_line(out, group->flux));
    if (!group->published_path) return CI_OK;
    return ci_text_append(out, "  published: %s\n", group->published_path);
}

/* Seconds of each stage on rank 0, summed over its subjects. */
static ci_status stage_lines(ci_text *out, const ci_report_record *record)
{
    double sum_s[CI_TILE_STAGE_COUNT] = {0};
    for (size_t i = 0; i < record->n_event; i++) {
        const ci_tile_event *event = &record->event[i];
        if (event->rank == 0) sum_s[event->stage] += event->end_s - event->start_s;
    }
    CI_TRY(ci_text_append(out, "stages (s, rank 0):"));
    for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++)
        CI_TRY(ci_text_append(out, " %s %.2f", ci_tile_stage_name((ci_tile_stage)k), sum_s[k]));
    return ci_text_append(out, "\n");
}

/* Of each outermost scope: its seconds, then those of the scopes in it; means of ranks. */
static ci_status timer_lines(ci_text *out, const ci_report_record *record)
{
    size_t n = 0;
    const ci_timer_scope *scope = record->timer ? ci_timer_scopes(record->timer, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (scope[i].i_parent >= 0) continue;
        size_t n_part = 0;
        for (size_t k = i + 1; k < n; k++) {
            if (scope[k].i_parent != (int32_t)i) continue;
            if (n_part++ == 0)
                CI_TRY(ci_text_append(out, "  %s %.2f s a rank:", scope[i].name,
                                      scope[i].seconds / record->n_rank));
            CI_TRY(ci_text_append(out, "%s %s %.2f", n_part > 1 ? "," : "", scope[k].name,
                                  scope[k].seconds / record->n_rank));
        }
        if (n_part > 0) CI_TRY(ci_text_append(out, "\n"));
    }
    return CI_OK;
}

static ci_status note_lines(ci_text *out, const ci_report_record *record)
{
    ci_report_texts notes = {0};
    ci_status status = ci_report_notes(&notes, record);
    for (size_t i = 0; i < notes.n && status == CI_OK; i++)
        status = ci_text_append(out, "%s\n", notes.text[i]);
    ci_report_texts_clear(&notes);
    return status;
}

ci_status ci_report_summary(ci_text *out, const ci_report_record *r)
{
    CI_TRY(ci_text_append(out,
                          "contimg %s, run %s\n%s to %s, %.1f s, %d rank%s on %s%s%s\n%s%s%s\n",
                          r->version, r->id, r->started, r->ended, r->seconds, r->n_rank,
                          ci_plural(r->n_rank), r->host, r->job[0] ? ", job " : "", r->job,
                          ci_status_text(r->status), r->error[0] ? ": " : "", r->error));
    CI_TRY(note_lines(out, r));
    for (size_t i = 0; i < r->n_group; i++)
        CI_TRY(group_lines(out, r->group[i]));
    CI_TRY(stage_lines(out, r));
    CI_TRY(timer_lines(out, r));
    for (size_t i = 0; i < r->warnings.n; i++)
        CI_TRY(ci_text_append(out, "warning: %s\n", r->warnings.text[i]));
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

static ci_status render(const ci_report_record *record, const char *folder)
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

ci_status ci_report_write(const ci_report_record *record, const char *folder)
{
    char *path = NULL;
    CI_TRY(ci_path_make_folder(folder));
    CI_TRY(ci_path_join(&path, folder, "report.json"));
    ci_json *json = ci_report_record_json(record);
    ci_status status = ci_json_seal(json);
    if (status == CI_OK) status = ci_json_write_file(json, path);
    ci_json_free(json);
    ci_mem_free(path);
    if (status == CI_OK) status = render(record, folder);
    return status;
}

ci_status ci_report_rewrite(const char *folder)
{
    char *path = NULL;
    ci_json *json = NULL;
    ci_report_record record = {0};
    CI_TRY(ci_path_join(&path, folder, "report.json"));
    ci_status status = ci_json_read_file(&json, path);
    if (status == CI_OK) {
        status = ci_json_seal_check(json);
        if (status == CI_OK) status = ci_report_record_parse(&record, json);
        if (status != CI_OK) status = ci_error_prefix(status, "%s", path);
    }
    if (status == CI_OK) status = render(&record, folder);
    ci_report_record_clear(&record);
    ci_json_free(json);
    ci_mem_free(path);
    return status;
}
