/* The record of a tile as a structure. */
#include "contimg/tile.h"

#include <string.h>

static const char *const gains_words[CI_TILE_GAINS_COUNT] = {"none", "given", "own", "transferred",
                                                             "borrowed"};
static const char *const field_words[CI_TILE_FIELD_COUNT] = {"none", "phase", "amplitude", "all"};
static const char *const state_words[CI_TILE_STATE_COUNT] = {"failed", "passed", "refused"};

const char *ci_tile_gains_word(ci_tile_gains gains)
{
    return gains_words[gains];
}

ci_tile_gains ci_tile_gains_parse(const char *word)
{
    size_t i = ci_str_index(word, gains_words, CI_TILE_GAINS_COUNT);
    return i < CI_TILE_GAINS_COUNT ? (ci_tile_gains)i : CI_TILE_GAINS_NONE;
}

const char *ci_tile_field_word(ci_tile_field field)
{
    return field_words[field];
}

ci_tile_field ci_tile_field_of(bool has_phase, bool has_amplitude)
{
    if (has_phase) return has_amplitude ? CI_TILE_FIELD_ALL : CI_TILE_FIELD_PHASE;
    return has_amplitude ? CI_TILE_FIELD_AMPLITUDE : CI_TILE_FIELD_NONE;
}

ci_tile_field ci_tile_field_parse(const char *word)
{
    size_t i = ci_str_index(word, field_words, CI_TILE_FIELD_COUNT);
    return i < CI_TILE_FIELD_COUNT ? (ci_tile_field)i : CI_TILE_FIELD_NONE;
}

const char *ci_tile_state_word(ci_tile_state state)
{
    return state_words[state];
}

ci_status ci_tile_state_parse(const char *word, ci_tile_state *out)
{
    size_t i = ci_str_index(word, state_words, CI_TILE_STATE_COUNT);
    if (i == CI_TILE_STATE_COUNT)
        return ci_error(CI_ERR_INPUT, "tile record: unknown state '%s'", word);
    *out = (ci_tile_state)i;
    return CI_OK;
}

ci_status ci_tile_record_new(ci_tile_record **out, const char *id)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    snprintf((*out)->id, sizeof(*out)->id, "%s", id);
    return CI_OK;
}

static void flags_free(ci_tile_flags *flags)
{
    if (!flags) return;
    for (size_t i = 0; flags->antenna && i < flags->n_antenna; i++)
        ci_mem_free(flags->antenna[i].name);
    ci_mem_free(flags->antenna);
    ci_mem_free(flags->channel_fraction);
    ci_mem_free(flags);
}

static void calibration_free(ci_tile_calibration *calibration)
{
    if (!calibration) return;
    ci_mem_free(calibration->bandpass);
    ci_mem_free(calibration->gain);
    ci_mem_free(calibration->model);
    ci_mem_free(calibration);
}

bool ci_tile_record_is_degraded(const ci_tile_record *record)
{
    return record->is_degraded || record->tables_why[0];
}

void ci_tile_record_free(ci_tile_record *record)
{
    if (!record) return;
    ci_mem_free(record->folder);
    ci_mem_free(record->images);
    flags_free(record->flags);
    calibration_free(record->calibration);
    if (record->uv) ci_mem_free(record->uv->uv_lambda);
    ci_mem_free(record->uv);
    ci_mem_free(record->gates);
    for (size_t i = 0; i < record->n_file; i++)
        ci_mem_free(record->file[i].name);
    ci_mem_free(record->file);
    ci_mem_free(record);
}

ci_status ci_tile_record_judge(ci_tile_record *record, const ci_qa_gates *gates)
{
    if (!record->gates)
        CI_TRY(ci_mem_alloc(&record->gates, 1, sizeof *record->gates, "quality gates"));
    *record->gates = *gates;
    const ci_qa_gate *failed = ci_qa_tile_first_failed(gates);
    if (!failed) return CI_OK;
    record->state = CI_TILE_REFUSED;
    snprintf(record->reason, sizeof record->reason, "%s: %s", ci_qa_gate_name(failed->kind),
             failed->text);
    return CI_OK;
}

void ci_tile_tables_free(ci_tile_tables *tables)
{
    ci_cal_table_free(tables->bandpass);
    ci_cal_table_free(tables->gain);
    ci_mem_free(tables->bandpass_path);
    ci_mem_free(tables->gain_path);
    memset(tables, 0, sizeof *tables);
}
