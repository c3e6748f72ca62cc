/* The section of a report's page on time: stages by rank, and where it goes within them. */
#include "report/page.h"
#include "report/svg.h"

/* What every rank did when: [n_bar]. */
typedef struct
{
    ci_report_bar *bar;
    char (*label)[CI_REGISTRY_ID + 16];
    size_t n_bar, n_rank;
} activity;

static ci_status activity_read(activity *a, const ci_report_record *record)
{
    a->n_bar = record->n_event;
    a->n_rank = (size_t)record->n_rank;
    CI_TRY(ci_mem_alloc(&a->bar, a->n_bar, sizeof *a->bar, "report"));
    CI_TRY(ci_mem_alloc(&a->label, a->n_bar, sizeof *a->label, "report"));
    for (size_t i = 0; i < a->n_bar; i++) {
        const ci_tile_event *event = &record->event[i];
        snprintf(a->label[i], sizeof a->label[i], "%s %s", ci_tile_stage_name(event->stage),
                 event->subject);
        size_t rank = (size_t)event->rank;
        a->bar[i] = (ci_report_bar){event->start_s, event->end_s, rank < a->n_rank ? rank : 0,
                                    event->stage, a->label[i]};
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
static ci_status ranks_table(ci_text *out, const ci_report_record *record, const activity *a)
{
    size_t n_known = record->counts ? a->n_rank : 0;
    CI_TRY(ci_text_append(out, "<table><tr><th>rank</th>"));
    for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++)
        CI_TRY(ci_text_append(out, "<th><span style='color:%s'>&#9632;</span> %s, s</th>",
                              ci_report_bar_colour(k), ci_tile_stage_name((ci_tile_stage)k)));
    CI_TRY(ci_text_append(out, "<th>peak memory, MB</th><th>sent to other ranks, MB</th></tr>\n"));
    for (size_t i = 0; i < n_known; i++) {
        CI_TRY(ci_text_append(out, "<tr><td>%zu</td>", i));
        for (size_t k = 0; k < CI_TILE_STAGE_COUNT; k++)
            CI_TRY(ci_text_append(out, "<td class='n'>%.1f</td>", stage_seconds(a, i, k)));
        CI_TRY(ci_text_append(out, "<td class='n'>%.1f</td><td class='n'>%.1f</td></tr>\n",
                              1e-6 * (double)record->counts[i].peak_bytes,
                              1e-6 * (double)record->counts[i].sent_bytes));
    }
    return ci_text_append(out, "</table>\n");
}

/* One line for each scope, those inside it indented below it. */
static ci_status scopes_rows(ci_text *out, const ci_report_record *record, int32_t i_parent,
                             int depth)
{
    size_t n = 0;
    const ci_timer_scope *scope = ci_timer_scopes(record->timer, &n);
    for (size_t i = 0; i < n; i++) {
        if (scope[i].i_parent != i_parent) continue;
        CI_TRY(ci_text_append(out, "<tr><td style='padding-left:%.1fem'>", 0.7 + 1.2 * depth));
        CI_TRY(ci_report_escape(out, scope[i].name));
        CI_TRY(ci_text_append(
            out,
            "</td><td class='n'>%llu</td><td class='n'>%.2f</td><td class='n'>%.2f</td></tr>\n",
            (unsigned long long)scope[i].n_call, scope[i].seconds / record->n_rank,
            scope[i].max_seconds));
        CI_TRY(scopes_rows(out, record, (int32_t)i, depth + 1));
    }
    return CI_OK;
}

static ci_status scopes_table(ci_text *out, const ci_report_record *record)
{
    size_t n = 0;
    if (record->timer) ci_timer_scopes(record->timer, &n);
    if (n == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<table><tr><th>where time goes</th><th>calls, all ranks</th><th>s, "
                               "mean of ranks</th><th>s, slowest rank</th></tr>\n"));
    CI_TRY(scopes_rows(out, record, -1, 0));
    return ci_text_append(out, "</table>\n");
}

ci_status ci_report_time(ci_text *out, const ci_report_record *record)
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
