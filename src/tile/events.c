/* Who did what when, and the safe points where a stop is agreed on. */
#include "contimg/tile.h"

#include <string.h>

double ci_tile_events_now(const ci_tile_events *events)
{
    return ci_clock_monotonic_s() - events->origin_s;
}

void ci_tile_events_add(ci_tile_events *events, const char *stage, const char *subject,
                        double start_s)
{
    double now = ci_tile_events_now(events);
    if (events->n == events->n_max) {
        size_t grown = events->n_max ? 2 * events->n_max : 64;
        /* A report without this event is better than no product. */
        if (ci_mem_resize(&events->item, grown, sizeof *events->item, "events") != CI_OK) return;
        events->n_max = grown;
    }
    ci_tile_event *event = &events->item[events->n++];
    memset(event, 0, sizeof *event);
    snprintf(event->stage, sizeof event->stage, "%s", stage);
    snprintf(event->subject, sizeof event->subject, "%s", subject);
    event->rank = events->rank;
    event->start_s = start_s;
    event->end_s = now;
    if (event->rank == 0) ci_log_info("%-10s %-26s %8.2f s", stage, subject, now - start_s);
}

ci_status ci_tile_stop_check(ci_comm *comm, const char *where)
{
    ci_status status = CI_OK;
    if (ci_stop_asked())
        status = ci_error(CI_ERR_STOPPED, "stopped on request %s; run it again to resume", where);
    return ci_par_agree(comm, status);
}
