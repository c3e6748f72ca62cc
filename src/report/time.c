/* The section of a report's page on time: stages by rank, and where it goes within them. */
#include "contimg/tile.h"
#include "report/page.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

/* What every rank did when: [n_bar]. */
typedef struct
{
    ci_report_bar *bar;
    char (*label)[96];
    size_t n_bar, n_rank;
} activity;

static ci_status activity_read(activity *a, const ci_json *record)
{
    const ci_json *stages = ci_json_get(record, "stages");
    a->n_bar = ci_json_length(stages);
    a->n_rank = (size_t)ci_json_get_number(record, "n_rank", 1);
    CI_TRY(ci_mem_alloc(&a->bar, a->n_bar, sizeof *a->bar, "report"));
    CI_TRY(ci_mem_alloc(&a->label, a->n_bar, sizeof *a->label, "report"));
    for (size_t i = 0; i < a->n_bar; i++) {
        const ci_json *s = ci_json_at(stages, i);
        const char *name = ci_json_get_string(s, "name", "");
        snprintf(a->label[i], sizeof a->label[i], "%s %s", name,
                 ci_json_get_string(s, "subject", ""));
        size_t rank = (size_t)ci_json_get_number(s, "rank", 0);
        a->bar[i] = (ci_report_bar){ci_json_get_number(s, "start_s", 0),
                                    ci_json_get_number(s, "end_s", 0), rank < a->n_rank ? rank : 0,
                                    (size_t)ci_tile_stage_parse(name), a->label[i]};
    }
    return CI_OK;
}

/* Seconds of one stage on one rank, over all its subjects. */
static double stage_seconds(const activity *a, size_t rank, size_t stage)
{
    double sum = 0;
    for (size_t i = 0; i < a->n_bar; i++)
        if (a->bar[i].i_row == rank && a->bar[i].i_colour == stage)
            sum += a->bar[i].end - a->bar[i].start;
    return sum;
}

/* The key to the bars, and what they add up to. */
static ci_status ranks_table(ci_text *out, const ci_json *record, const activity *a)
{
    const ci_json *peak = ci_json_get(record, "memory_peak_bytes");
    const ci_json *sent = ci_json_get(record, "bytes_sent");
    CI_TRY(ci_text_append(out, "<table><tr><th>rank</th>"));
    for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++)
        CI_TRY(ci_text_append(out, "<th><span style='color:%s'>&#9632;</span> %s, s</th>",
                              ci_report_bar_colour(k), ci_tile_stage_name((ci_tile_stage)k)));
    CI_TRY(ci_text_append(out, "<th>peak memory, MB</th><th>sent to other ranks, MB</th></tr>\n"));
    for (size_t i = 0; i < ci_json_length(peak); i++) {
        CI_TRY(ci_text_append(out, "<tr><td>%zu</td>", i));
        for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++)
            CI_TRY(ci_text_append(out, "<td class='n'>%.1f</td>", stage_seconds(a, i, k)));
        CI_TRY(ci_text_append(out, "<td class='n'>%.1f</td><td class='n'>%.1f</td></tr>\n",
                              ci_json_number(ci_json_at(peak, i), NAN) * 1e-6,
                              ci_json_number(ci_json_at(sent, i), NAN) * 1e-6));
    }
    return ci_text_append(out, "</table>\n");
}

/* One line for each scope, those inside it indented below it. */
static ci_status scopes_rows(ci_text *out, const ci_json *scopes, double n_rank, int depth)
{
    for (size_t i = 0; i < ci_json_length(scopes); i++) {
        const ci_json *s = ci_json_at(scopes, i);
        CI_TRY(ci_text_append(out, "<tr><td style='padding-left:%.1fem'>", 0.7 + 1.2 * depth));
        CI_TRY(ci_report_escape(out, ci_json_get_string(s, "name", "")));
        CI_TRY(ci_text_append(
            out,
            "</td><td class='n'>%.0f</td><td class='n'>%.2f</td><td class='n'>%.2f</td></tr>\n",
            ci_json_get_number(s, "n_call", NAN), ci_json_get_number(s, "seconds", NAN) / n_rank,
            ci_json_get_number(s, "max_seconds", NAN)));
        CI_TRY(scopes_rows(out, ci_json_get(s, "parts"), n_rank, depth + 1));
    }
    return CI_OK;
}

static ci_status scopes_table(ci_text *out, const ci_json *record)
{
    const ci_json *timers = ci_json_get(record, "timers");
    if (ci_json_length(timers) == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<table><tr><th>where time goes</th><th>calls, all ranks</th><th>s, "
                               "mean of ranks</th><th>s, slowest rank</th></tr>\n"));
    CI_TRY(scopes_rows(out, timers, ci_json_get_number(record, "n_rank", 1), 0));
    return ci_text_append(out, "</table>\n");
}

ci_status ci_report_time(ci_text *out, const ci_json *record)
{
    activity a = {0};
    ci_status status = activity_read(&a, record);
    if (status == CI_OK && a.n_bar > 0) status = ci_text_append(out, "<h2>Time</h2>\n");
    if (status == CI_OK && a.n_bar > 0)
        status =
            ci_report_bars_svg(out, a.bar, a.n_bar, a.n_rank, "rank", "seconds since the start");
    if (status == CI_OK) status = ranks_table(out, record, &a);
    if (status == CI_OK) status = scopes_table(out, record);
    ci_mem_free(a.bar);
    ci_mem_free(a.label);
    return status;
}
