/* What a reader of a report must see first. */
#include "report/page.h"

/* Long lists of tiles are cut: each is described below. */
#define N_NAMED 6

static bool is_used(const ci_tile_record *tile)
{
    return tile->state == CI_TILE_PASSED;
}

/* "; tile ID failed: why" of one that is not in the mosaic, or is DEGRADED itself. */
static ci_status tile_put(ci_text *out, const ci_tile_record *tile)
{
    const char *why = is_used(tile) ? tile->tables_why : tile->reason;
    return ci_text_append(out, "; tile %s %s%s%s", tile->id,
                          !is_used(tile)      ? ci_tile_state_word(tile->state)
                          : tile->is_degraded ? "lacks sub-bands"
                                              : "lacks channels",
                          why[0] ? ": " : "", why);
}

static ci_status degraded_text(ci_text *out, const ci_report_group *group)
{
    size_t n_used = 0, n_faulty = 0;
    for (size_t i = 0; i < group->n_tile; i++)
        n_used += is_used(group->tile[i]);
    const char *why = group->degraded_why;
    CI_TRY(ci_text_append(out, "DEGRADED: group %s: %s%s%zu of %zu tiles are in its mosaic",
                          group->id, why, *why ? "; " : "", n_used, group->n_tile));
    for (size_t i = 0; i < group->n_tile; i++) {
        const ci_tile_record *tile = group->tile[i];
        if (is_used(tile) && !ci_tile_record_is_degraded(tile)) continue;
        if (++n_faulty <= N_NAMED) CI_TRY(tile_put(out, tile));
    }
    if (n_faulty > N_NAMED)
        CI_TRY(ci_text_append(out, "; and %zu more, described below", n_faulty - N_NAMED));
    return CI_OK;
}

/* Adds a text that was made with that status; frees it. */
static ci_status note_add(ci_report_texts *list, ci_text *text, ci_status status)
{
    if (status == CI_OK) status = ci_report_texts_add(list, text->text);
    ci_mem_free(text->text);
    return status;
}

ci_status ci_report_notes(ci_report_texts *out, const ci_report_record *record)
{
    for (size_t i = 0; i < record->n_group; i++) {
        ci_text text = {0};
        const ci_report_group *group = record->group[i];
        if (group->is_degraded) CI_TRY(note_add(out, &text, degraded_text(&text, group)));
    }
    for (size_t i = 0; i < record->n_limit; i++) {
        ci_text text = {0};
        const ci_report_limit *limit = &record->limit[i];
        CI_TRY(note_add(out, &text,
                        ci_text_append(&text, "limit relaxed: %s %g (default %g, set by %s)",
                                       limit->name, limit->value, limit->normal, limit->origin)));
    }
    return CI_OK;
}
