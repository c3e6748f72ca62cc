/* The record of a run as a structure. */
#include "contimg/run.h"

#include <string.h>

ci_status ci_run_group_record_new(ci_run_group_record **out, const char *id)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "group record"));
    snprintf((*out)->id, sizeof(*out)->id, "%s", id);
    return CI_OK;
}

static void mosaic_free(ci_run_mosaic *mosaic)
{
    if (!mosaic) return;
    ci_mem_free(mosaic->image);
    ci_mem_free(mosaic->noise);
    ci_mem_free(mosaic->weight);
    ci_mem_free(mosaic);
}

void ci_run_group_record_free(ci_run_group_record *record)
{
    if (!record) return;
    ci_mem_free(record->folder);
    ci_mem_free(record->published_path);
    ci_mem_free(record->sources);
    mosaic_free(record->mosaic);
    for (size_t i = 0; record->flux && i < record->flux->n_match; i++)
        ci_mem_free(record->flux->match[i].name);
    if (record->flux) ci_mem_free(record->flux->match);
    ci_mem_free(record->flux);
    ci_mem_free(record->gates);
    for (size_t i = 0; i < record->n_tile; i++)
        ci_tile_record_free(record->tile[i]);
    ci_mem_free(record->tile);
    ci_mem_free(record);
}

void ci_run_record_clear(ci_run_record *record)
{
    for (size_t i = 0; i < record->n_group; i++)
        ci_run_group_record_free(record->group[i]);
    ci_mem_free(record->group);
    ci_mem_free(record->options);
    ci_mem_free(record->event);
    ci_mem_free(record->counts);
    ci_timer_free(record->timer);
    memset(record, 0, sizeof *record);
}
