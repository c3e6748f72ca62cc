/* What a reader of a report must see first. */
#include "report/page.h"

#include <string.h>

/* Long lists of tiles are cut: each is told of below. */
#define N_NAMED 6

static bool is_used(const ci_json *tile)
{
    return ci_report_tile_state_of(tile) != CI_REPORT_TILE_OTHER;
}

/* "; tile ID failed: why" of one that is not in the mosaic, or is DEGRADED itself. */
static ci_status tile_put(ci_text *out, const ci_json *tile)
{
    const char *reason = ci_json_get_string(tile, "reason", "");
    bool used = is_used(tile);
    return ci_text_append(out, "; tile %s %s%s%s", ci_json_get_string(tile, "id", ""),
                          used ? "lacks sub-bands" : ci_json_get_string(tile, "state", ""),
                          *reason ? ": " : "", reason);
}

static ci_status degraded_text(ci_text *out, const ci_json *group)
{
    const ci_json *tiles = ci_json_get(group, "tiles");
    size_t n_used = 0, n_faulty = 0, n_tile = ci_json_length(tiles);
    for (size_t i = 0; i < n_tile; i++)
        n_used += is_used(ci_json_at(tiles, i));
    const char *why = ci_json_get_string(group, "degraded_why", "");
    CI_TRY(ci_text_append(out, "DEGRADED: group %s: %s%s%zu of %zu tiles are in its mosaic",
                          ci_json_get_string(group, "id", ""), why, *why ? "; " : "", n_used,
                          n_tile));
    for (size_t i = 0; i < n_tile; i++) {
        const ci_json *tile = ci_json_at(tiles, i);
        if (is_used(tile) && !ci_json_get_bool(tile, "is_degraded", false)) continue;
        if (++n_faulty <= N_NAMED) CI_TRY(tile_put(out, tile));
    }
    if (n_faulty > N_NAMED)
        CI_TRY(ci_text_append(out, "; and %zu more, told of below", n_faulty - N_NAMED));
    return CI_OK;
}

/* Appends the text, or that there is no memory for it; frees it. */
static void note_put(ci_json *list, ci_text *text, ci_status status)
{
    ci_json_put_string(list, NULL, status == CI_OK ? text->text : ci_error_text());
    ci_mem_free(text->text);
}

ci_json *ci_report_notes(const ci_json *record)
{
    ci_json *list = ci_json_array();
    const ci_json *groups = ci_json_get(record, "groups");
    const ci_json *relaxed = ci_json_get(record, "relaxed");
    for (size_t i = 0; i < ci_json_length(groups); i++) {
        ci_text text = {0};
        const ci_json *group = ci_json_at(groups, i);
        if (ci_json_get_bool(group, "is_degraded", false))
            note_put(list, &text, degraded_text(&text, group));
    }
    for (size_t i = 0; i < ci_json_length(relaxed); i++) {
        ci_text text = {0};
        const ci_json *limit = ci_json_at(relaxed, i);
        note_put(list, &text,
                 ci_text_append(&text, "limit relaxed: %s %g (default %g, set by %s)",
                                ci_json_get_string(limit, "name", ""),
                                ci_json_get_number(limit, "value", 0),
                                ci_json_get_number(limit, "default", 0),
                                ci_json_get_string(limit, "origin", "")));
    }
    return list;
}
