/* The record of a run from its JSON: the one file that reads a report.json. */
#include "report/record.h"

#include <math.h>
#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

#define TEXT_GET(field, json, name) ci_json_copy_string(field, sizeof(field), json, name)

static double number_get(const ci_json *json, const char *name)
{
    return ci_json_get_number(json, name, NAN);
}

/* A text of its own; NULL where there is none. */
static ci_status string_get(char **out, const ci_json *json, const char *name)
{
    const char *text = ci_json_get_string(json, name, NULL);
    return text ? ci_str_copy(out, text) : CI_OK;
}

/* ---- a group --------------------------------------------------------------------------------- */

static ci_status mosaic_get(ci_report_mosaic **out, const ci_json *json)
{
    if (ci_json_length(json) == 0) return CI_OK; /* null, or not there */
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "report"));
    ci_report_mosaic *m = *out;
    CI_TRY(string_get(&m->image, json, "image"));
    CI_TRY(string_get(&m->noise, json, "noise"));
    CI_TRY(string_get(&m->weight, json, "weight"));
    m->n_x = (int64_t)ci_json_get_number(json, "n_x", 0);
    m->n_y = (int64_t)ci_json_get_number(json, "n_y", 0);
    m->cell_arcsec = number_get(json, "cell_arcsec");
    m->ra_deg = number_get(json, "ra_deg");
    m->dec_deg = number_get(json, "dec_deg");
    m->beam_major_arcsec = number_get(json, "beam_major_arcsec");
    m->beam_minor_arcsec = number_get(json, "beam_minor_arcsec");
    m->beam_pa_deg = number_get(json, "beam_pa_deg");
    m->rms_jy = number_get(json, "rms_jy");
    m->min_noise_jy = number_get(json, "min_noise_jy");
    m->peak_jy = number_get(json, "peak_jy");
    m->freq_hz = number_get(json, "freq_hz");
    return CI_OK;
}

static ci_status flux_get(ci_report_flux **out, const ci_json *json)
{
    if (ci_json_length(json) == 0) return CI_OK;
    const ci_json *list = ci_json_get(json, "match");
    size_t n = ci_json_length(list);
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "report"));
    ci_report_flux *flux = *out;
    flux->median_ratio = number_get(json, "median_ratio");
    flux->mad_ratio = number_get(json, "mad_ratio");
    flux->gain = number_get(json, "gain");
    flux->scatter = number_get(json, "scatter");
    CI_TRY(ci_mem_alloc(&flux->match, n, sizeof *flux->match, "report"));
    while (flux->n_match < n) {
        const ci_json *one = ci_json_at(list, flux->n_match);
        ci_report_flux_match *match = &flux->match[flux->n_match++];
        match->true_jy = number_get(one, "true_jy");
        match->found_jy = number_get(one, "found_jy");
        match->found_err_jy = number_get(one, "found_err_jy");
        match->separation_arcsec = number_get(one, "separation_arcsec");
        CI_TRY(ci_str_copy(&match->name, ci_json_get_string(one, "name", "")));
    }
    return CI_OK;
}

static ci_status tiles_get(ci_report_group *group, const ci_json *list)
{
    size_t n = ci_json_length(list);
    CI_TRY(ci_mem_alloc(&group->tile, n, sizeof(ci_tile_record *), "report"));
    for (size_t i = 0; i < n; i++) {
        CI_TRY(ci_tile_record_parse(&group->tile[i], ci_json_at(list, i)));
        group->n_tile++;
    }
    return CI_OK;
}

static ci_status group_get(ci_report_group *group, const ci_json *json)
{
    const char *word = ci_json_get_string(json, "state", "");
    const ci_json *gates = ci_json_get(json, "gates");
    group->state = ci_report_group_state_parse(word);
    if (group->state == CI_REPORT_GROUP_STATE_COUNT)
        return ci_error(CI_ERR_INPUT, "group %s: unknown state '%s'", group->id, word);
    TEXT_GET(group->reason, json, "reason");
    TEXT_GET(group->degraded_why, json, "degraded_why");
    group->is_degraded = ci_json_get_bool(json, "is_degraded", false);
    group->n_source = (size_t)ci_json_get_number(json, "n_source", 0);
    CI_TRY(string_get(&group->published_path, json, "published_path"));
    CI_TRY(string_get(&group->sources, json, "sources"));
    CI_TRY(mosaic_get(&group->mosaic, ci_json_get(json, "mosaic")));
    CI_TRY(flux_get(&group->flux, ci_json_get(json, "flux")));
    if (gates) {
        CI_TRY(ci_mem_alloc(&group->gates, 1, sizeof *group->gates, "report"));
        CI_TRY(ci_qa_gates_parse(group->gates, gates));
    }
    return tiles_get(group, ci_json_get(json, "tiles"));
}

static ci_status groups_get(ci_report_record *record, const ci_json *list)
{
    size_t n = ci_json_length(list);
    CI_TRY(ci_mem_alloc(&record->group, n, sizeof(ci_report_group *), "report"));
    while (record->n_group < n) {
        const ci_json *one = ci_json_at(list, record->n_group);
        ci_report_group **group = &record->group[record->n_group];
        CI_TRY(ci_report_group_new(group, ci_json_get_string(one, "id", "")));
        record->n_group++;
        CI_TRY(group_get(*group, one));
    }
    return CI_OK;
}

/* ---- who did what when ----------------------------------------------------------------------- */

static ci_status events_get(ci_report_record *record, const ci_json *list)
{
    size_t n = ci_json_length(list);
    CI_TRY(ci_mem_alloc(&record->event, n, sizeof *record->event, "report"));
    for (size_t i = 0; i < n; i++) {
        const ci_json *one = ci_json_at(list, i);
        const char *name = ci_json_get_string(one, "name", "");
        ci_tile_event *event = &record->event[record->n_event++];
        event->stage = ci_tile_stage_parse(name);
        if (event->stage == CI_TILE_STAGE_COUNT)
            return ci_error(CI_ERR_INPUT, "stages: unknown name '%s'", name);
        TEXT_GET(event->subject, one, "subject");
        event->rank = (int32_t)ci_json_get_number(one, "rank", 0);
        event->start_s = ci_json_get_number(one, "start_s", 0);
        event->end_s = ci_json_get_number(one, "end_s", 0);
    }
    return CI_OK;
}

static ci_status counts_get(ci_report_record *record, const ci_json *json)
{
    const ci_json *peak = ci_json_get(json, "memory_peak_bytes");
    const ci_json *sent = ci_json_get(json, "bytes_sent");
    size_t n = ci_json_length(peak);
    if (n == 0) return CI_OK;
    if (n != (size_t)record->n_rank || ci_json_length(sent) != n)
        return ci_error(CI_ERR_INPUT, "memory_peak_bytes, bytes_sent: not of %d rank%s",
                        record->n_rank, ci_plural(record->n_rank));
    CI_TRY(ci_mem_alloc(&record->counts, n, sizeof *record->counts, "report"));
    for (size_t i = 0; i < n; i++) {
        record->counts[i].peak_bytes = (uint64_t)ci_json_number(ci_json_at(peak, i), 0);
        record->counts[i].sent_bytes = (uint64_t)ci_json_number(ci_json_at(sent, i), 0);
    }
    return CI_OK;
}

typedef struct scope_list
{
    size_t n;
    ci_timer_scope *item;
} scope_list;

/* Scopes and those inside them, a parent before its children. */
static ci_status scopes_get(scope_list *out, const ci_json *list, int32_t i_parent)
{
    for (size_t i = 0; i < ci_json_length(list); i++) {
        const ci_json *one = ci_json_at(list, i);
        int32_t i_scope = (int32_t)out->n;
        CI_TRY(ci_mem_resize(&out->item, out->n + 1, sizeof *out->item, "report"));
        ci_timer_scope *scope = &out->item[out->n++];
        *scope = (ci_timer_scope){.i_parent = i_parent};
        TEXT_GET(scope->name, one, "name");
        scope->n_timer = (int32_t)ci_json_get_number(one, "n_rank", 0);
        scope->n_call = (uint64_t)ci_json_get_number(one, "n_call", 0);
        scope->seconds = ci_json_get_number(one, "seconds", 0);
        scope->max_seconds = ci_json_get_number(one, "max_seconds", 0);
        CI_TRY(scopes_get(out, ci_json_get(one, "parts"), i_scope));
    }
    return CI_OK;
}

static ci_status timer_get(ci_timer **out, const ci_json *list)
{
    scope_list scopes = {0};
    if (ci_json_length(list) == 0) return CI_OK;
    CI_TRY(ci_timer_new(out));
    ci_status status = scopes_get(&scopes, list, -1);
    if (status == CI_OK) ci_timer_add(*out, scopes.item, scopes.n);
    ci_mem_free(scopes.item);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------- */

static ci_status lists_get(ci_report_record *record, const ci_json *json)
{
    const ci_json *warnings = ci_json_get(json, "warnings"), *limits = ci_json_get(json, "relaxed");
    for (size_t i = 0; i < ci_json_length(warnings); i++)
        CI_TRY(ci_report_texts_add(&record->warnings, ci_json_string(ci_json_at(warnings, i), "")));
    for (size_t i = 0; i < ci_json_length(limits); i++) {
        const ci_json *one = ci_json_at(limits, i);
        CI_TRY(ci_report_limit_add(
            record, ci_json_get_string(one, "name", ""), ci_json_get_string(one, "origin", ""),
            ci_json_get_number(one, "value", 0), ci_json_get_number(one, "default", 0)));
    }
    return CI_OK;
}

static ci_status status_get(ci_status *out, const char *text)
{
    for (int i = 0; i < CI_STATUS_COUNT; i++)
        if (strcmp(ci_status_text((ci_status)i), text) == 0) {
            *out = (ci_status)i;
            return CI_OK;
        }
    return ci_error(CI_ERR_INPUT, "unknown status '%s'", text);
}

static ci_status head_get(ci_report_record *record, const ci_json *json)
{
    TEXT_GET(record->id, json, "run");
    TEXT_GET(record->version, json, "version");
    TEXT_GET(record->host, json, "host");
    TEXT_GET(record->job, json, "job");
    TEXT_GET(record->started, json, "started");
    TEXT_GET(record->ended, json, "ended");
    TEXT_GET(record->error, json, "error");
    record->n_rank = (int)ci_json_get_number(json, "n_rank", 1);
    record->seconds = number_get(json, "seconds");
    const char *isa = ci_json_get_string(json, "isa", "");
    if (ci_isa_parse(isa, &record->isa) != CI_OK)
        return ci_error(CI_ERR_INPUT, "unknown instruction set '%s'", isa);
    CI_TRY(ci_str_copy(&record->options, ci_json_get_string(json, "options", "")));
    return status_get(&record->status, ci_json_get_string(json, "status", ""));
}

ci_status ci_report_record_parse(ci_report_record *out, const ci_json *json)
{
    memset(out, 0, sizeof *out);
    const char *schema = ci_json_get_string(json, "schema", "");
    if (strcmp(schema, CI_REPORT_SCHEMA) != 0)
        return ci_error(CI_ERR_INPUT, "schema '%s': only %s can be read", schema, CI_REPORT_SCHEMA);
    CI_TRY(head_get(out, json));
    CI_TRY(lists_get(out, json));
    CI_TRY(events_get(out, ci_json_get(json, "stages")));
    CI_TRY(timer_get(&out->timer, ci_json_get(json, "timers")));
    CI_TRY(counts_get(out, json));
    return groups_get(out, ci_json_get(json, "groups"));
}
