/* What a table lacks of the data's antennas and feeds, and where names and numbers contradict each
 * other: said before it is applied. */
#include "cal/apply.h"

#include <string.h>

/* Antennas of the data that have visibilities, and the first of each kind. */
typedef struct antenna_count
{
    size_t n, n_none, n_renumbered, n_renamed;
    size_t none, renumbered, renamed;
} antenna_count;

/* Whether one receptor of the antenna has a solution at any time. */
static bool has_gains(const ci_cal_table *table, size_t antenna)
{
    for (size_t t = 0; t < table->n_time; t++)
        for (size_t c = 0; c < table->n_chan; c++)
            for (size_t h = 0; h < table->n_feed; h++)
                if (!table->flag[ci_cal_index(table, t, c, antenna, h)]) return true;
    return false;
}

static void antennas_count(const ci_cal_table *table, const ci_vis_meta *meta,
                           const int32_t *antenna, bool *has_data, antenna_count *out)
{
    *out = (antenna_count){0};
    for (size_t b = 0; b < meta->n_baseline; b++)
        has_data[meta->baseline_ant1[b]] = has_data[meta->baseline_ant2[b]] = true;
    for (size_t a = 0; a < meta->array.n_antenna; a++) {
        const ci_vis_antenna *own = &meta->array.antenna[a], *other = NULL;
        if (!has_data[a]) continue;
        out->n++;
        if (antenna[a] >= 0) other = &table->array.antenna[antenna[a]];
        bool has_none = !other || !has_gains(table, (size_t)antenna[a]);
        if (has_none && out->n_none++ == 0) out->none = a;
        if (other && other->number != own->number && out->n_renumbered++ == 0) out->renumbered = a;
        if (other && strcmp(ci_vis_text(other->name), ci_vis_text(own->name)) != 0 &&
            out->n_renamed++ == 0)
            out->renamed = a;
    }
}

static void antennas_tell(const ci_cal_table *table, const ci_vis_meta *meta,
                          const int32_t *antenna, const antenna_count *n)
{
    const char *title = ci_cal_table_title(table);
    const ci_vis_antenna *own = meta->array.antenna;
    /* A few are dead in any array. */
    if (n->n_none > 0)
        ci_log(10 * n->n_none > n->n ? CI_LOG_WARNING : CI_LOG_INFO,
               "%s: has no gains for %zu of the data's %zu antennas (%lld \"%s\"%s): they are "
               "flagged",
               title, n->n_none, n->n, (long long)own[n->none].number,
               ci_vis_text(own[n->none].name), n->n_none > 1 ? " ..." : "");
    if (n->n_renumbered > 0)
        ci_log_warning("%s: %zu antenna%s of the data's names %s another number there (\"%s\" is "
                       "%lld, there %lld): matched by name",
                       title, n->n_renumbered, ci_plural(n->n_renumbered),
                       n->n_renumbered == 1 ? "has" : "have", ci_vis_text(own[n->renumbered].name),
                       (long long)own[n->renumbered].number,
                       (long long)table->array.antenna[antenna[n->renumbered]].number);
    if (n->n_renamed > 0)
        ci_log_warning("%s: %zu antenna%s of the data's numbers %s another name there (%lld is "
                       "\"%s\", there \"%s\"): matched by number",
                       title, n->n_renamed, ci_plural(n->n_renamed),
                       n->n_renamed == 1 ? "has" : "have", (long long)own[n->renamed].number,
                       ci_vis_text(own[n->renamed].name),
                       ci_vis_text(table->array.antenna[antenna[n->renamed]].name));
}

/* "XX YY": those of the data's polarisations that a table without one feed leaves uncalibrated. */
static ci_status feeds_check(const ci_cal_table *table, const ci_vis_meta *meta,
                             const int32_t *antenna, bool tells)
{
    int hand[4][2];
    bool is_swapped = false;
    size_t n_parallel = 0, n_lacking = 0;
    ci_text lacking = {0};
    ci_status status = ci_cal_feeds_match(table, meta, antenna, &is_swapped);
    if (status != CI_OK) return status;
    ci_cal_hands_match(table, meta, is_swapped, hand);
    for (size_t p = 0; status == CI_OK && p < meta->n_pol; p++) {
        if (ci_vis_pol_kind_of(meta->pol[p]) == CI_POL_STOKES) continue;
        n_parallel += ci_vis_pol_is_parallel(meta->pol[p]);
        if (!ci_vis_pol_is_parallel(meta->pol[p]) || (hand[p][0] >= 0 && hand[p][1] >= 0)) continue;
        n_lacking++;
        status = ci_text_append(&lacking, "%s%s", lacking.text ? " " : "",
                                ci_vis_pol_name(meta->pol[p]));
    }
    if (status == CI_OK && n_lacking > 0 && n_lacking == n_parallel)
        status =
            ci_error(CI_ERR_INPUT,
                     "%s: has gains of %s only, of other feeds than the data's %s: give a "
                     "table that has them",
                     ci_cal_table_title(table), ci_vis_pol_name(table->jones[0]), lacking.text);
    else if (status == CI_OK && n_lacking > 0 && tells)
        ci_log_warning("%s: has no gains of the feed of %s: that is flagged, and so is all that "
                       "needs it",
                       ci_cal_table_title(table), lacking.text);
    ci_mem_free(lacking.text);
    return status;
}

ci_status ci_cal_receptors_check(const ci_cal_table *table, const ci_vis_meta *meta, bool tells)
{
    static const char what[] = "antennas of a table";
    int32_t *antenna = NULL;
    bool *has_data = NULL;
    antenna_count n;
    CI_TRY(ci_mem_alloc(&antenna, meta->array.n_antenna, sizeof *antenna, what));
    ci_status status = ci_mem_alloc(&has_data, meta->array.n_antenna, sizeof *has_data, what);
    if (status == CI_OK && ci_cal_antennas_match(table, &meta->array, antenna) > 0) {
        antennas_count(table, meta, antenna, has_data, &n);
        if (tells) antennas_tell(table, meta, antenna, &n);
        status = feeds_check(table, meta, antenna, tells);
    }
    ci_mem_free(has_data);
    ci_mem_free(antenna);
    return status;
}
