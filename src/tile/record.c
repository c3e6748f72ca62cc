/* The record of a tile as a structure. */
#include "contimg/tile.h"

#include <string.h>

const char *ci_tile_gains_word(ci_tile_gains gains)
{
    static const char *const words[CI_TILE_GAINS_COUNT] = {"none", "given", "own", "transferred",
                                                           "borrowed"};
    return words[gains];
}

const char *ci_tile_state_word(ci_tile_state state)
{
    static const char *const words[CI_TILE_STATE_COUNT] = {"failed", "passed", "refused"};
    return words[state];
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
    char why[CI_QA_TEXT] = "";
    if (!record->gates)
        CI_TRY(ci_mem_alloc(&record->gates, 1, sizeof *record->gates, "quality gates"));
    *record->gates = *gates;
    if (ci_qa_tile_passes(gates, why)) return CI_OK;
    record->state = CI_TILE_REFUSED;
    snprintf(record->reason, sizeof record->reason, "%s", why);
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
