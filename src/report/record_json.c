/* The record of a run as the JSON of its report. */
#include "report/record.h"

static const char *const state_words[CI_REPORT_GROUP_STATE_COUNT] = {"failed", "staged", "refused",
                                                                     "published"};

const char *ci_report_group_state_word(ci_report_group_state state)
{
    return state_words[state];
}

ci_report_group_state ci_report_group_state_parse(const char *word)
{
    return (ci_report_group_state)ci_str_index(word, state_words, CI_REPORT_GROUP_STATE_COUNT);
}

ci_json *ci_report_mosaic_json(const ci_report_mosaic *m)
{
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "image", m->image);
    ci_json_put_string(json, "noise", m->noise);
    ci_json_put_string(json, "weight", m->weight);
    ci_json_put_int(json, "n_x", m->n_x);
    ci_json_put_int(json, "n_y", m->n_y);
    ci_json_put_number(json, "cell_arcsec", m->cell_arcsec);
    ci_json_put_number(json, "ra_deg", m->ra_deg);
    ci_json_put_number(json, "dec_deg", m->dec_deg);
    ci_json_put_number(json, "beam_major_arcsec", m->beam_major_arcsec);
    ci_json_put_number(json, "beam_minor_arcsec", m->beam_minor_arcsec);
    ci_json_put_number(json, "beam_pa_deg", m->beam_pa_deg);
    ci_json_put_number(json, "rms_jy", m->rms_jy);
    ci_json_put_number(json, "min_noise_jy", m->min_noise_jy);
    ci_json_put_number(json, "peak_jy", m->peak_jy);
    ci_json_put_number(json, "freq_hz", m->freq_hz);
    return json;
}

static ci_json *flux_json(const ci_report_flux *flux)
{
    ci_json *json = ci_json_object(), *list = ci_json_array();
    ci_json_put_int(json, "n_match", (int64_t)flux->n_match);
    ci_json_put_number(json, "median_ratio", flux->median_ratio);
    ci_json_put_number(json, "mad_ratio", flux->mad_ratio);
    ci_json_put_number(json, "gain", flux->gain);
    ci_json_put_number(json, "scatter", flux->scatter);
    for (size_t i = 0; i < flux->n_match; i++) {
        const ci_report_flux_match *m = &flux->match[i];
        ci_json *match = ci_json_object();
        ci_json_put_string(match, "name", m->name);
        ci_json_put_number(match, "true_jy", m->true_jy);
        ci_json_put_number(match, "found_jy", m->found_jy);
        ci_json_put_number(match, "found_err_jy", m->found_err_jy);
        ci_json_put_number(match, "separation_arcsec", m->separation_arcsec);
        ci_json_put(list, NULL, match);
    }
    ci_json_put(json, "match", list);
    return json;
}

static ci_json *group_json(const ci_report_group *group)
{
    ci_json *json = ci_json_object(), *tiles = ci_json_array();
    ci_json_put_string(json, "id", group->id);
    ci_json_put_string(json, "state", state_words[group->state]);
    ci_json_put_string(json, "reason", group->reason);
    ci_json_put_bool(json, "is_degraded", group->is_degraded);
    ci_json_put_string(json, "degraded_why", group->degraded_why);
    if (group->published_path) ci_json_put_string(json, "published_path", group->published_path);
    if (group->mosaic) ci_json_put(json, "mosaic", ci_report_mosaic_json(group->mosaic));
    if (group->sources) {
        ci_json_put_string(json, "sources", group->sources);
        ci_json_put_int(json, "n_source", (int64_t)group->n_source);
    }
    if (group->flux) ci_json_put(json, "flux", flux_json(group->flux));
    if (group->gates) ci_json_put(json, "gates", ci_qa_gates_json(group->gates));
    for (size_t i = 0; i < group->n_tile; i++)
        ci_json_put(tiles, NULL, ci_tile_record_json(group->tile[i]));
    ci_json_put(json, "tiles", tiles);
    return json;
}

static ci_json *events_json(const ci_tile_event *event, size_t n)
{
    ci_json *stages = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json *stage = ci_json_object();
        ci_json_put_string(stage, "name", ci_tile_stage_name(event[i].stage));
        ci_json_put_string(stage, "subject", event[i].subject);
        ci_json_put_int(stage, "rank", event[i].rank);
        ci_json_put_number(stage, "start_s", event[i].start_s);
        ci_json_put_number(stage, "end_s", event[i].end_s);
        ci_json_put(stages, NULL, stage);
    }
    return stages;
}

static void counts_put(ci_json *json, const ci_report_rank_counts *counts, size_t n)
{
    ci_json *memory = ci_json_array(), *sent = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        ci_json_put_int(memory, NULL, (int64_t)counts[i].peak_bytes);
        ci_json_put_int(sent, NULL, (int64_t)counts[i].sent_bytes);
    }
    ci_json_put(json, "memory_peak_bytes", memory);
    ci_json_put(json, "bytes_sent", sent);
}

/* The scopes inside one (-1: the outermost), each with those inside it. */
static ci_json *scopes_json(const ci_timer_scope *scope, size_t n, int32_t i_parent)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < n; i++) {
        if (scope[i].i_parent != i_parent) continue;
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "name", scope[i].name);
        ci_json_put_int(one, "n_rank", scope[i].n_timer);
        ci_json_put_int(one, "n_call", (int64_t)scope[i].n_call);
        ci_json_put_number(one, "seconds", scope[i].seconds);
        ci_json_put_number(one, "max_seconds", scope[i].max_seconds);
        ci_json_put(one, "parts", scopes_json(scope, n, (int32_t)i));
        ci_json_put(list, NULL, one);
    }
    return list;
}

static ci_json *timer_json(const ci_timer *timer)
{
    size_t n = 0;
    const ci_timer_scope *scope = timer ? ci_timer_scopes(timer, &n) : NULL;
    return scopes_json(scope, n, -1);
}

static ci_json *texts_json(const ci_report_texts *texts)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < texts->n; i++)
        ci_json_put_string(list, NULL, texts->text[i]);
    return list;
}

ci_json *ci_report_limits_json(const ci_report_record *record)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < record->n_limit; i++) {
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "name", record->limit[i].name);
        ci_json_put_number(one, "value", record->limit[i].value);
        ci_json_put_number(one, "default", record->limit[i].normal);
        ci_json_put_string(one, "origin", record->limit[i].origin);
        ci_json_put(list, NULL, one);
    }
    return list;
}

ci_json *ci_report_record_json(const ci_report_record *record)
{
    ci_json *json = ci_json_object(), *groups = ci_json_array();
    ci_json_put_string(json, "schema", CI_REPORT_SCHEMA);
    ci_json_put_string(json, "run", record->id);
    ci_json_put_string(json, "command", "contimg run");
    ci_json_put_string(json, "version", record->version);
    ci_json_put_string(json, "host", record->host);
    ci_json_put_string(json, "job", record->job);
    ci_json_put_int(json, "n_rank", record->n_rank);
    ci_json_put_string(json, "isa", ci_isa_name(record->isa));
    ci_json_put_string(json, "options", record->options);
    ci_json_put(json, "relaxed", ci_report_limits_json(record));
    ci_json_put_string(json, "started", record->started);
    ci_json_put_string(json, "ended", record->ended);
    ci_json_put_number(json, "seconds", record->seconds);
    ci_json_put_string(json, "status", ci_status_text(record->status));
    ci_json_put_int(json, "exit_code", ci_status_exit_code(record->status));
    ci_json_put_string(json, "error", record->error);
    ci_json_put(json, "warnings", texts_json(&record->warnings));
    ci_json_put(json, "stages", events_json(record->event, record->n_event));
    ci_json_put(json, "timers", timer_json(record->timer));
    if (record->counts) counts_put(json, record->counts, (size_t)record->n_rank);
    for (size_t i = 0; i < record->n_group; i++)
        ci_json_put(groups, NULL, group_json(record->group[i]));
    ci_json_put(json, "groups", groups);
    return json;
}
