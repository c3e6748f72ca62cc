/* Receptors of a table and of data: which antennas and feeds are the same, what the table lacks,
 * and where names and numbers contradict each other, which is said before it is applied. */
#include "cal/apply.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- the same ------------------------------------------------------------------------------ */

/* The antenna of a number, -1: none. */
static int32_t antenna_numbered(const ci_vis_array *array, int64_t number)
{
    for (size_t i = 0; i < array->n_antenna; i++)
        if (array->antenna[i].number == number) return (int32_t)i;
    return -1;
}

static int32_t antenna_match(const ci_cal_table *table, const ci_vis_array *array, size_t a)
{
    const char *name = ci_vis_text(array->antenna[a].name);
    if (table->antennas == CI_CAL_BY_NUMBER)
        return antenna_numbered(&table->array, array->antenna[a].number);
    if (table->antennas == CI_CAL_BY_NAME)
        return ci_vis_antenna_named(array, name) >= 0 ? ci_vis_antenna_named(&table->array, name)
                                                      : -1;
    return ci_vis_antenna_match(&table->array, array, a);
}

size_t ci_cal_antennas_match(const ci_cal_table *table, const ci_vis_array *array, int32_t *match)
{
    size_t n_match = 0;
    for (size_t a = 0; a < array->n_antenna; a++) {
        match[a] = antenna_match(table, array, a);
        n_match += match[a] >= 0;
    }
    return n_match;
}

/* NaN where the antenna has no such feed, or one angle for both, which says nothing. */
static double feed_angle(const ci_vis_array *array, bool x_is_north, size_t a, int feed)
{
    const double *own = array->antenna[a].feed_rad;
    if (array->has_feeds) return own[0] == own[1] ? NAN : own[feed];
    return x_is_north == (feed == 0) ? 0 : CI_PI / 2;
}

/* Along the same line, to a degree; a feed that is not there agrees with any. */
static bool is_along(double a_rad, double b_rad)
{
    return isnan(a_rad) || isnan(b_rad) ||
           fabs(remainder(a_rad - b_rad, CI_PI)) <= CI_DEG_TO_RAD + 1e-9;
}

/* Whether, for every antenna, feed f of the data is feed f (or the other) of the table. */
static bool all_along(const ci_cal_table *table, const ci_vis_meta *meta, const int32_t *antenna,
                      bool is_swapped, int32_t *i_bad)
{
    for (size_t a = 0; a < meta->array.n_antenna; a++) {
        if (antenna[a] < 0) continue;
        for (int f = 0; f < 2; f++) {
            double own = feed_angle(&meta->array, meta->x_is_north, a, f);
            double other = feed_angle(&table->array, table->x_is_north, (size_t)antenna[a],
                                      is_swapped ? 1 - f : f);
            if (is_along(own, other)) continue;
            *i_bad = (int32_t)a;
            return false;
        }
    }
    return true;
}

/* Half a turn of a feed changes the sign of its gains: of all antennas alike it shows nowhere, of
 * some it is refused. */
static ci_status turned_check(const ci_cal_table *table, const ci_vis_meta *meta,
                              const int32_t *antenna, bool is_swapped)
{
    for (int f = 0; f < 2; f++) {
        double first = 0;
        for (size_t a = 0; a < meta->array.n_antenna; a++) {
            if (antenna[a] < 0) continue;
            double own = feed_angle(&meta->array, meta->x_is_north, a, f);
            double other = feed_angle(&table->array, table->x_is_north, (size_t)antenna[a],
                                      is_swapped ? 1 - f : f);
            double turned = cos(own - other);
            if (isnan(turned)) continue;
            if (first == 0) first = turned;
            if (turned * first > 0) continue;
            return ci_error(
                CI_ERR_INPUT,
                "%s: Header/feed_angle: the %s feed of antenna %lld lies at %.2f deg in the table "
                "and at %.2f deg in the data, half a turn further than that of other antennas, "
                "where the sign of its gains changes: correct feed_angle, or solve on these data",
                ci_cal_table_title(table), f ? "Y" : "X", (long long)meta->array.antenna[a].number,
                other * CI_RAD_TO_DEG, own * CI_RAD_TO_DEG);
        }
    }
    return CI_OK;
}

ci_status ci_cal_feeds_match(const ci_cal_table *table, const ci_vis_meta *meta,
                             const int32_t *antenna, bool *is_swapped)
{
    ci_vis_pol_kind kind = ci_vis_pol_kind_of(meta->pol[0]);
    bool is_linear = kind == CI_VIS_POL_LINEAR;
    int32_t bad = -1, bad_swapped = -1;
    *is_swapped = false;
    if (is_linear == table->is_circular && kind != CI_VIS_POL_STOKES)
        return ci_error(
            CI_ERR_INPUT,
            "%s: gains of %s feeds, but the data are of %s feeds: give a table of these",
            ci_cal_table_title(table), table->is_circular ? "circular" : "linear",
            is_linear ? "linear" : "circular");
    if (!is_linear || !table->x_is_known || !meta->x_is_known) return CI_OK;
    if (all_along(table, meta, antenna, false, &bad))
        return turned_check(table, meta, antenna, false);
    *is_swapped = all_along(table, meta, antenna, true, &bad_swapped);
    if (*is_swapped) return turned_check(table, meta, antenna, true);
    size_t a = (size_t)bad, k = (size_t)antenna[bad];
    return ci_error(
        CI_ERR_INPUT,
        "%s: feeds X, Y of antenna %lld lie at %.2f, %.2f deg in the table, at %.2f, %.2f deg in "
        "the data: gains of other feeds; correct feed_angle, or solve on these data",
        ci_cal_table_title(table), (long long)meta->array.antenna[a].number,
        feed_angle(&table->array, table->x_is_north, k, 0) * CI_RAD_TO_DEG,
        feed_angle(&table->array, table->x_is_north, k, 1) * CI_RAD_TO_DEG,
        feed_angle(&meta->array, meta->x_is_north, a, 0) * CI_RAD_TO_DEG,
        feed_angle(&meta->array, meta->x_is_north, a, 1) * CI_RAD_TO_DEG);
}

void ci_cal_pols_match(const ci_cal_table *table, const ci_vis_meta *meta, bool is_swapped,
                       int table_feed[4][2])
{
    ci_vis_pol_kind kind = ci_vis_pol_kind_of(meta->pol[0]);
    for (size_t p = 0; p < meta->n_pol; p++) {
        int feed[2];
        ci_vis_pol_feeds(meta->pol[p], feed);
        for (int side = 0; side < 2; side++) {
            table_feed[p][side] = -1;
            if (feed[side] < 0) continue;
            int wanted = feed[side] != (int)is_swapped ? 1 : 0;
            int jones = ci_vis_pol_of_feed(kind, wanted);
            for (size_t h = 0; h < table->n_feed; h++)
                if (table->jones[h] == jones) table_feed[p][side] = (int)h;
        }
    }
}

/* ---- what is lacking ----------------------------------------------------------------------- */

/* Positions are known to less than this; more is another station. */
static const double most_moved_m = 1;

/* Antennas of the data that have visibilities, and the first of each kind. */
typedef struct antenna_count
{
    size_t n, n_none, n_renumbered, n_renamed, n_moved;
    size_t none, renumbered, renamed, moved;
    size_t n_crossed, crossed; /* its name is there, and its number, which another has */
    double moved_m;            /* of the first that stands elsewhere */
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

/* Whether the table says where its antennas stand, and not of all the same. */
static bool has_positions(const ci_vis_array *array)
{
    bool differ = false;
    for (size_t a = 0; a < array->n_antenna; a++)
        for (int k = 0; k < 3; k++) {
            double x = array->antenna[a].pos_ecef_m[k];
            if (!isfinite(x)) return false;
            differ |= x != array->antenna[0].pos_ecef_m[k];
        }
    return differ;
}

static double distance_m(const ci_vis_antenna *a, const ci_vis_antenna *b)
{
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += (a->pos_ecef_m[k] - b->pos_ecef_m[k]) * (a->pos_ecef_m[k] - b->pos_ecef_m[k]);
    return sqrt(sum);
}

/* An antenna of the data and the table's that matches it. */
static void pair_count(const ci_cal_table *table, const ci_vis_antenna *own, size_t a,
                       const ci_vis_antenna *other, bool knows_positions, antenna_count *out)
{
    double moved_m = knows_positions ? distance_m(own, other) : 0;
    bool is_renumbered = other->number != own->number;
    if (is_renumbered && out->n_renumbered++ == 0) out->renumbered = a;
    if (is_renumbered && antenna_numbered(&table->array, own->number) >= 0 && out->n_crossed++ == 0)
        out->crossed = a;
    if (strcmp(ci_vis_text(other->name), ci_vis_text(own->name)) != 0 && out->n_renamed++ == 0)
        out->renamed = a;
    if (moved_m > most_moved_m && out->n_moved++ == 0) {
        out->moved = a;
        out->moved_m = moved_m;
    }
}

static void antennas_count(const ci_cal_table *table, const ci_vis_meta *meta,
                           const int32_t *antenna, bool *has_data, antenna_count *out)
{
    bool knows_positions = has_positions(&table->array);
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
        if (other) pair_count(table, own, a, other, knows_positions, out);
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

/* Names and numbers that contradict each other, antennas that stand elsewhere: the gains may be
 * another antenna's. */
static ci_status antennas_check(const ci_cal_table *table, const ci_vis_meta *meta,
                                const int32_t *antenna, const antenna_count *n, bool tells)
{
    const char *title = ci_cal_table_title(table);
    if (table->antennas == CI_CAL_BY_BOTH && n->n_crossed > 0) {
        const ci_vis_antenna *own = &meta->array.antenna[n->crossed];
        const ci_vis_antenna *rival =
            &table->array.antenna[antenna_numbered(&table->array, own->number)];
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/antenna_names: %zu of the data's antennas %s the number of "
                        "another there (%lld is \"%s\", there \"%s\"): say what is right: "
                        "--cal-antennas name or number",
                        title, n->n_crossed, n->n_crossed == 1 ? "has" : "have",
                        (long long)own->number, ci_vis_text(own->name), ci_vis_text(rival->name));
    }
    if (n->n_moved == 0) return CI_OK;
    const ci_vis_antenna *own = &meta->array.antenna[n->moved];
    const ci_vis_antenna *other = &table->array.antenna[antenna[n->moved]];
    ci_status status = ci_error(
        CI_ERR_INPUT,
        "%s: Header/antenna_positions: %zu of the data's antennas %s elsewhere there (%lld \"%s\" "
        "%.4g m from %lld \"%s\"): gains of other stations; where they are the same all the same, "
        "say by what: --cal-antennas name or number",
        title, n->n_moved, n->n_moved == 1 ? "stands" : "stand", (long long)own->number,
        ci_vis_text(own->name), n->moved_m, (long long)other->number, ci_vis_text(other->name));
    if (table->antennas == CI_CAL_BY_BOTH) return status;
    if (tells) ci_log_warning("%s", ci_error_text());
    ci_error_clear();
    return CI_OK;
}

static void telescope_tell(const ci_cal_table *table, const ci_vis_meta *meta)
{
    const char *own = ci_vis_text(meta->array.telescope);
    const char *other = ci_vis_text(table->array.telescope);
    if (own[0] && other[0] && strcasecmp(own, other) != 0)
        ci_log_warning("%s: Header/telescope_name: \"%s\", but the data are of \"%s\"",
                       ci_cal_table_title(table), other, own);
}

/* "XX YY": those of the data's polarisations that a table without one feed leaves uncalibrated. */
static ci_status feeds_check(const ci_cal_table *table, const ci_vis_meta *meta,
                             const int32_t *antenna, bool tells)
{
    int table_feed[4][2];
    bool is_swapped = false;
    size_t n_parallel = 0, n_lacking = 0;
    ci_text lacking = {0};
    ci_status status = ci_cal_feeds_match(table, meta, antenna, &is_swapped);
    if (status != CI_OK) return status;
    ci_cal_pols_match(table, meta, is_swapped, table_feed);
    for (size_t p = 0; status == CI_OK && p < meta->n_pol; p++) {
        if (ci_vis_pol_kind_of(meta->pol[p]) == CI_VIS_POL_STOKES) continue;
        n_parallel += ci_vis_pol_is_parallel(meta->pol[p]);
        if (!ci_vis_pol_is_parallel(meta->pol[p]) ||
            (table_feed[p][0] >= 0 && table_feed[p][1] >= 0))
            continue;
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
        status = antennas_check(table, meta, antenna, &n, tells);
        if (status == CI_OK && tells) {
            telescope_tell(table, meta);
            antennas_tell(table, meta, antenna, &n);
        }
        if (status == CI_OK) status = feeds_check(table, meta, antenna, tells);
    }
    ci_mem_free(has_data);
    ci_mem_free(antenna);
    return status;
}
