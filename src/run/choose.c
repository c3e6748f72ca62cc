/* Which groups a run does: the files named, or the oldest complete ones. */
#include "run/choose.h"

#include "contimg/uvh5.h"
#include "run/claim.h"
#include "run/inputs.h"
#include "run/members.h"
#include "run/share.h"

/* Files of DSA-110's recorder come in sets of a known number; others are as they stand. */
static ci_status expects_sub_bands(const ci_tile_options *options, bool *out)
{
    *out = ci_conf_is_given(options->conf, CI_CONF_OPT_EXPECTED_SUBBANDS);
    if (*out) return CI_OK;
    ci_uvh5_file *file = NULL;
    CI_TRY(ci_uvh5_open(&file, ci_conf_argument(options->conf, 0), &options->uvh5));
    *out = ci_uvh5_meta(file)->phase[0].kind == CI_VIS_PHASING_MERIDIAN;
    ci_uvh5_close(file);
    return CI_OK;
}

/* Tiles of one mosaic are of one array: each observation's first file against the first's. */
static ci_status check_arrays(const ci_tile_options *options)
{
    ci_ingest_clusters *tiles = NULL;
    ci_uvh5_file *first = NULL;
    CI_TRY(ci_ingest_sort(&tiles, ci_conf_arguments(options->conf),
                          ci_conf_argument_count(options->conf)));
    ci_status status = CI_OK;
    if (tiles->n > 1) status = ci_uvh5_open(&first, tiles->item[0].path[0], &options->uvh5);
    for (size_t i = 1; status == CI_OK && i < tiles->n; i++) {
        ci_uvh5_file *other = NULL;
        status = ci_uvh5_open(&other, tiles->item[i].path[0], &options->uvh5);
        if (status == CI_OK) status = ci_uvh5_arrays_compare(first, other);
        ci_uvh5_close(other);
    }
    ci_uvh5_close(first);
    ci_ingest_clusters_free(tiles);
    return status;
}

/* How the files named are taken; fails where they are of several arrays. */
static ci_status named_options(const ci_tile_options *options, ci_ingest_options *out)
{
    bool expects = false;
    CI_TRY(ci_run_ingest_options(options->conf, out));
    CI_TRY(check_arrays(options));
    CI_TRY(expects_sub_bands(options, &expects));
    out->named_accept_incomplete = !expects;
    return CI_OK;
}

/* Appends a group of the registry that is to be done. */
static ci_status group_append(ci_run_groups *chosen, const ci_registry_group *group)
{
    if (group->n_member > 0) return ci_run_groups_add(chosen, group);
    return ci_error(CI_ERR_INPUT, "group %s: has no observations", group->id);
}

static ci_status named_groups(ci_run *run, ci_ingest_named_files *named,
                              const ci_ingest_options *options, ci_run_groups *chosen)
{
    ci_registry_groups *groups = NULL;
    CI_TRY(ci_ingest_named(run->site.registry, named, options, &groups));
    ci_status status = group_append(chosen, &groups->item[0]);
    if (status == CI_OK) status = ci_run_check_published(run, &chosen->group[0]);
    ci_registry_groups_free(groups);
    return status;
}

/* A group that is refused leaves no trace: what is recorded of its files stays what was made. */
static ci_status choose_named(ci_run *run, ci_run_groups *chosen)
{
    ci_ingest_options options;
    ci_ingest_named_files *named = NULL;
    CI_TRY(named_options(&run->options, &options));
    CI_TRY(ci_ingest_named_read(&named, ci_conf_arguments(run->conf),
                                ci_conf_argument_count(run->conf),
                                ci_registry_now(run->site.registry), &options));
    ci_status status = ci_registry_begin(run->site.registry, CI_REGISTRY_DB_INGEST);
    if (status == CI_OK)
        status = ci_registry_end(run->site.registry, CI_REGISTRY_DB_INGEST,
                                 named_groups(run, named, &options, chosen));
    ci_ingest_named_free(named);
    return status;
}

ci_status ci_run_check_named(const ci_conf *conf)
{
    ci_tile_options options;
    ci_ingest_options ingest;
    CI_TRY(ci_tile_options_new(&options, conf));
    CI_TRY(named_options(&options, &ingest));
    return ci_ingest_check_named(ci_conf_arguments(conf), ci_conf_argument_count(conf), &ingest);
}

/* The least free space of the folders written to, against --disk-critical-gb. */
static ci_status check_disk(const ci_run *run)
{
    const char *paths[] = {run->site.paths.staging, run->site.paths.products,
                           run->site.paths.state};
    double critical = ci_conf_double(run->conf, CI_CONF_OPT_DISK_CRITICAL_GB);
    double warn = ci_conf_double(run->conf, CI_CONF_OPT_DISK_WARN_GB);
    /* The default is meant for an operator's disks, not for a laptop's ./contimg-data. */
    bool is_default = !ci_conf_is_given(run->conf, CI_CONF_OPT_DISK_CRITICAL_GB);
    if (run->site.paths.is_local_default && is_default) critical = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t bytes = 0;
        CI_TRY(ci_path_free_bytes(paths[i], &bytes));
        double free_gb = (double)bytes * 1e-9;
        if (free_gb < critical)
            return ci_error(
                CI_ERR_DISK,
                "%s: %.1f GB free, below --disk-critical-gb %.1f: nothing new is begun; "
                "make room or set the limit lower",
                paths[i], free_gb, critical);
        if (free_gb < warn)
            ci_log_warning("%s: %.1f GB free, below --disk-warn-gb %.1f", paths[i], free_gb, warn);
    }
    return CI_OK;
}

/* A group asked for by a person, now or before: tiles that failed are tried again, where there are
 * data. */
static ci_status holes_retry(ci_run *run, ci_registry_group *group)
{
    for (size_t i = 0; i < group->n_member; i++) {
        ci_registry_observations *found = NULL;
        ci_registry_member *member = &group->member[i];
        if (member->state != CI_REGISTRY_WORK_FAILED) continue;
        CI_TRY(ci_registry_observation_get(run->site.registry, member->observation_id, &found));
        if (found->n == 1 && found->item[0].is_ready) member->state = CI_REGISTRY_WORK_PENDING;
        ci_registry_observations_free(found);
    }
    return CI_OK;
}

static ci_status tell_nothing(ci_run *run, const ci_ingest_report *report)
{
    ci_registry_groups *groups = NULL;
    ci_run_nothing nothing = {.input = run->site.paths.input,
                              .n_file = report->n_file,
                              .n_passed_over = report->n_passed_over};
    double now = ci_registry_now(run->site.registry);
    CI_TRY(ci_registry_groups_unfinished(run->site.registry, &groups));
    for (size_t i = 0; i < groups->n; i++) {
        const ci_registry_group *group = &groups->item[i];
        bool waits = group->state == CI_REGISTRY_WORK_PENDING && group->next_try_unix_s > now;
        bool is_busy = group->state == CI_REGISTRY_WORK_IN_PROGRESS;
        if (waits && !nothing.waiting) nothing.waiting = group;
        if (is_busy && !nothing.busy) nothing.busy = group;
        nothing.n_busy_group += is_busy;
        nothing.n_waiting_group += waits;
        nothing.n_failed_group += group->state == CI_REGISTRY_WORK_FAILED;
    }
    run->listener->nothing(&nothing);
    ci_registry_groups_free(groups);
    return CI_OK;
}

/* The group that --group names, or those that may be taken now. */
static ci_status arrived_groups(ci_run *run, ci_registry_groups **groups)
{
    const char *id = ci_conf_text(run->conf, CI_CONF_OPT_GROUP);
    if (!*id) return ci_registry_groups_ready(run->site.registry, groups);
    CI_TRY(ci_registry_group_get(run->site.registry, id, groups));
    if ((*groups)->n > 0) return ci_run_members_take_late(run, groups);
    return ci_error(CI_ERR_INPUT, "--group %s: no such group; `contimg group` lists them", id);
}

/* `most` groups of the list whose files are there, and those before them of whose files none is:
 * each of these is told by itself, and keeps no other from being made. */
static ci_status groups_append(ci_run *run, ci_registry_groups *groups, bool is_by_id,
                               ci_run_groups *chosen)
{
    size_t most = (size_t)ci_conf_int(run->conf, CI_CONF_OPT_MAX_GROUPS), n_there = 0;
    for (size_t i = 0; i < groups->n && n_there < most; i++) {
        if (is_by_id || groups->item[i].is_remake) CI_TRY(holes_retry(run, &groups->item[i]));
        CI_TRY(group_append(chosen, &groups->item[i]));
        bool is_away = ci_run_group_inputs_check(&chosen->group[chosen->n_group - 1]) != CI_OK;
        if (is_away) ci_error_clear();
        n_there += !is_away;
    }
    /* Where all are away (one disk for all), one run does not try all. */
    if (n_there == 0) ci_run_groups_cut(chosen, most);
    return CI_OK;
}

static ci_status choose_arrived(ci_run *run, ci_run_groups *chosen)
{
    ci_ingest_options options;
    ci_ingest_report report;
    ci_registry_groups *groups = NULL;
    CI_TRY(ci_run_ingest_options(run->conf, &options));
    CI_TRY(ci_ingest_scan(run->site.registry, run->site.paths.input, &options, &report));
    ci_status status = arrived_groups(run, &groups);
    bool is_by_id = ci_conf_text(run->conf, CI_CONF_OPT_GROUP)[0] != '\0';
    if (status == CI_OK && groups->n > 0 && !is_by_id) status = check_disk(run);
    if (status == CI_OK) status = groups_append(run, groups, is_by_id, chosen);
    if (status == CI_OK && groups->n == 0) status = tell_nothing(run, &report);
    ci_registry_groups_free(groups);
    return status;
}

ci_status ci_run_groups_choose(ci_run *run, ci_run_groups *chosen)
{
    bool named = ci_conf_argument_count(run->conf) > 0;
    ci_status status = CI_OK;
    if (ci_comm_rank(run->world) == 0)
        status = named ? choose_named(run, chosen) : choose_arrived(run, chosen);
    if (status == CI_OK) status = ci_run_members_judge(run, chosen);
    status = ci_par_agree(run->world, status);
    return status == CI_OK ? ci_run_share_groups(run->world, chosen) : status;
}
