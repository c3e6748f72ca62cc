/* The record of a run as a structure. */
#include "contimg/report.h"

#include <string.h>

ci_status ci_report_group_new(ci_report_group **out, const char *id)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "group record"));
    snprintf((*out)->id, sizeof(*out)->id, "%s", id);
    return CI_OK;
}

static void mosaic_free(ci_report_mosaic *mosaic)
{
    if (!mosaic) return;
    ci_mem_free(mosaic->image);
    ci_mem_free(mosaic->noise);
    ci_mem_free(mosaic->weight);
    ci_mem_free(mosaic);
}

void ci_report_group_free(ci_report_group *record)
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

void ci_report_record_clear(ci_report_record *record)
{
    for (size_t i = 0; i < record->n_group; i++)
        ci_report_group_free(record->group[i]);
    ci_mem_free(record->group);
    ci_mem_free(record->options);
    ci_mem_free(record->event);
    ci_mem_free(record->counts);
    ci_timer_free(record->timer);
    ci_report_texts_clear(&record->warnings);
    for (size_t i = 0; i < record->n_limit; i++)
        ci_mem_free(record->limit[i].origin);
    ci_mem_free(record->limit);
    memset(record, 0, sizeof *record);
}

ci_status ci_report_texts_add(ci_report_texts *texts, const char *text)
{
    CI_TRY(ci_mem_resize(&texts->text, texts->n + 1, sizeof *texts->text, "texts of a report"));
    texts->text[texts->n] = NULL;
    return ci_str_copy(&texts->text[texts->n++], text);
}

void ci_report_texts_clear(ci_report_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        ci_mem_free(texts->text[i]);
    ci_mem_free(texts->text);
    memset(texts, 0, sizeof *texts);
}

ci_status ci_report_limit_add(ci_report_record *record, const char *name, const char *origin,
                              double value, double normal)
{
    CI_TRY(ci_mem_resize(&record->limit, record->n_limit + 1, sizeof *record->limit,
                         "limits of a report"));
    ci_report_limit *limit = &record->limit[record->n_limit++];
    *limit = (ci_report_limit){.value = value, .normal = normal};
    snprintf(limit->name, sizeof limit->name, "%s", name);
    return ci_str_copy(&limit->origin, origin);
}
