/* Members of a group before it is made: files that came late, and whether their sub-bands do. */
#include "run/members.h"

#include <math.h>

/* ---- late files ------------------------------------------------------------------------------ */

static ci_status take_late(ci_run *run, const ci_registry_group *group, bool is_remake,
                           size_t *n_taken)
{
    ci_ingest_options options;
    CI_TRY(ci_run_ingest_options(run->conf, &options));
    for (size_t i = 0; i < group->n_member; i++) {
        const ci_registry_member *member = &group->member[i];
        size_t n = 0;
        if (member->state == CI_REGISTRY_WORK_COMPLETED && !is_remake) continue;
        CI_TRY(ci_ingest_take_late(run->site.registry, member->observation_id, &options, &n));
        *n_taken += n;
    }
    return CI_OK;
}

ci_status ci_run_members_take_late(ci_run *run, ci_registry_groups **groups)
{
    const ci_registry_group *group = &(*groups)->item[0];
    bool is_remake = group->is_remake || ci_conf_bool(run->conf, CI_CONF_OPT_REMAKE);
    bool is_done = group->state == CI_REGISTRY_WORK_COMPLETED && !is_remake;
    size_t n_taken = 0;
    if (group->is_named || group->is_deployed || is_done) return CI_OK;
    CI_TRY(take_late(run, group, is_remake, &n_taken));
    if (n_taken == 0) return CI_OK;
    ci_registry_groups_free(*groups);
    *groups = NULL;
    return ci_registry_group_get(run->site.registry, ci_conf_text(run->conf, CI_CONF_OPT_GROUP),
                                 groups);
}

/* ---- how many there are ---------------------------------------------------------------------- */

/* As recorded when the observation was formed; a site that says how many there are is not satisfied
 * with fewer because a person once was. */
static ci_status expected_find(ci_run *run, const char *id, int64_t *n_expected)
{
    ci_registry_observations *found = NULL;
    int64_t n_site = ci_conf_int(run->conf, CI_CONF_OPT_EXPECTED_SUBBANDS);
    CI_TRY(ci_registry_observation_get(run->site.registry, id, &found));
    *n_expected = found->n == 1 ? found->item[0].n_expected : 0;
    ci_registry_observations_free(found);
    if (ci_conf_is_given(run->conf, CI_CONF_OPT_EXPECTED_SUBBANDS) && n_site > *n_expected)
        *n_expected = n_site;
    return CI_OK;
}

static ci_status tile_judge(ci_run *run, const ci_ingest_options *options, const char *group,
                            ci_run_tile *tile)
{
    int64_t n_expected;
    if (tile->n_path == 0) return CI_OK; /* it fails by itself, or is a hole */
    CI_TRY(expected_find(run, tile->id, &n_expected));
    double n_least = ceil(options->min_fraction * (double)n_expected - 1e-9);
    tile->is_degraded = tile->is_degraded || (int64_t)tile->n_path < n_expected;
    if ((double)tile->n_path >= n_least) return CI_OK;
    tile->is_hole = true;
    ci_log_warning("group %s: observation %s has %zu of %lld sub-bands, at least %.0f are needed "
                   "(--min-subbands): neither imaged nor calibrated on",
                   group, tile->id, tile->n_path, (long long)n_expected, n_least);
    return CI_OK;
}

ci_status ci_run_members_judge(ci_run *run, ci_run_groups *chosen)
{
    ci_ingest_options options;
    CI_TRY(ci_run_ingest_options(run->conf, &options));
    for (size_t i = 0; i < chosen->n_group; i++) {
        ci_run_group *group = &chosen->group[i];
        for (size_t k = 0; !group->is_named && k < group->n_tile; k++)
            CI_TRY(tile_judge(run, &options, group->id, &group->tile[k]));
    }
    return CI_OK;
}
