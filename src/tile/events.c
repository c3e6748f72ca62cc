/* Who did what when, and the safe points where a stop is agreed on. */
#include "contimg/tile.h"

#include <string.h>

double ci_tile_events_now(const ci_tile_events *events)
{
    return ci_clock_monotonic_s() - events->origin_s;
}

ci_tile_stage ci_tile_stage_begin(const ci_tile_events *events, const char *name)
{
    ci_timer_end(events->timer, 0);
    (void)ci_timer_begin(events->timer, name);
    return (ci_tile_stage){name, ci_tile_events_now(events)};
}

void ci_tile_stage_end(ci_tile_events *events, ci_tile_stage stage, const char *subject)
{
    double now_s = ci_tile_events_now(events);
    ci_timer_end(events->timer, 0);
    if (events->rank == 0)
        ci_log_info("%-10s %-26s %8.2f s", stage.name, subject, now_s - stage.start_s);
    if (events->n == events->n_max) {
        size_t grown = events->n_max ? 2 * events->n_max : 64;
        /* A report without this event is better than no product. */
        if (ci_mem_resize(&events->item, grown, sizeof *events->item, "events") != CI_OK) return;
        events->n_max = grown;
    }
    ci_tile_event *event = &events->item[events->n++];
    memset(event, 0, sizeof *event);
    snprintf(event->stage, sizeof event->stage, "%s", stage.name);
    snprintf(event->subject, sizeof event->subject, "%s", subject);
    event->rank = events->rank;
    event->start_s = stage.start_s;
    event->end_s = now_s;
}

ci_status ci_tile_stop_check(ci_comm *comm, const char *where)
{
    ci_status status = CI_OK;
    if (ci_stop_asked())
        status = ci_error(CI_ERR_STOPPED, "stopped on request %s; run it again to resume", where);
    return ci_par_agree(comm, status);
}
