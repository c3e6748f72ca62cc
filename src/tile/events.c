/* Who did what when, and the safe points where a stop is agreed on. */
#include "contimg/tile.h"

#include <string.h>

static const char *const stage_names[CI_TILE_STAGE_COUNT] = {
    [CI_TILE_STAGE_READ] = "read",           [CI_TILE_STAGE_FLAG] = "flag",
    [CI_TILE_STAGE_CALIBRATE] = "calibrate", [CI_TILE_STAGE_APPLY] = "apply",
    [CI_TILE_STAGE_IMAGE] = "image",         [CI_TILE_STAGE_MOSAIC] = "mosaic",
    [CI_TILE_STAGE_PUBLISH] = "publish"};

const char *ci_tile_stage_name(ci_tile_stage stage)
{
    return stage_names[stage];
}

ci_tile_stage ci_tile_stage_parse(const char *name)
{
    return (ci_tile_stage)ci_str_index(name, stage_names, CI_TILE_STAGE_COUNT);
}

double ci_tile_events_now(const ci_tile_events *events)
{
    return ci_clock_monotonic_s() - events->origin_s;
}

ci_tile_stage_run ci_tile_stage_begin(const ci_tile_events *events, ci_tile_stage stage)
{
    ci_timer_end(events->timer, 0);
    (void)ci_timer_begin(events->timer, ci_tile_stage_name(stage));
    return (ci_tile_stage_run){stage, ci_tile_events_now(events)};
}

void ci_tile_stage_end(ci_tile_events *events, ci_tile_stage_run run, const char *subject)
{
    double now_s = ci_tile_events_now(events);
    ci_timer_end(events->timer, 0);
    if (events->rank == 0)
        ci_log_info("%-10s %-26s %8.2f s", ci_tile_stage_name(run.stage), subject,
                    now_s - run.start_s);
    if (events->n == events->n_max) {
        size_t grown = events->n_max ? 2 * events->n_max : 64;
        /* A report without this event is better than no product. */
        if (ci_mem_resize(&events->item, grown, sizeof *events->item, "events") != CI_OK) return;
        events->n_max = grown;
    }
    ci_tile_event *event = &events->item[events->n++];
    memset(event, 0, sizeof *event);
    event->stage = run.stage;
    snprintf(event->subject, sizeof event->subject, "%s", subject);
    event->rank = events->rank;
    event->start_s = run.start_s;
    event->end_s = now_s;
}

ci_status ci_tile_stop_check(ci_comm *comm, const char *where)
{
    ci_status status = CI_OK;
    if (ci_stop_asked())
        status = ci_error(CI_ERR_STOPPED, "stopped on request %s; run it again to resume", where);
    return ci_par_agree(comm, status);
}
