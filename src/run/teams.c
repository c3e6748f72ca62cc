/* How a run's ranks are split into teams: by what a tile takes and what the nodes have. */
#include "run/teams.h"

#include "contimg/base_log.h"

/* What the group's tiles take, by the one with the most files. A fault of its files is told when
 * the tile is made. Rank 0. */
static void workload_find(const ci_run *run, const ci_run_group *group, ci_plan_workload *workload)
{
    const ci_run_tile *largest = &group->tile[0];
    for (size_t i = 1; i < group->n_tile; i++)
        if (group->tile[i].n_path > largest->n_path) largest = &group->tile[i];
    workload->n_sub_band = largest->n_path;
    if (largest->n_path == 0) return;
    ci_plan_workload found = *workload;
    ci_log_mute(true); /* what is to be said of the files is said when they are read */
    ci_status status =
        ci_tile_estimate(run->conf, (const char *const *)largest->path, largest->n_path, &found);
    ci_log_mute(false);
    if (status == CI_OK)
        *workload = found;
    else
        ci_error_clear();
}

/* The least memory that any rank has, and the most ranks on a node. Collective. */
static ci_status limits_find(const ci_run *run, ci_plan_limits *limits)
{
    int n_on_node = 1;
    double rank_bytes = (double)ci_mem_budget();
    CI_TRY(ci_comm_node_size(run->world, &n_on_node));
    int64_t most_on_node = n_on_node;
    CI_TRY(ci_par_max_int(run->world, &most_on_node, 1));
    CI_TRY(ci_par_min_double(run->world, &rank_bytes, 1));
    limits->ranks_per_node = (int)most_on_node;
    limits->memory_per_node = rank_bytes * (double)most_on_node;
    return CI_OK;
}

/* Rank 0. */
static ci_status choose(const ci_run *run, const ci_run_group *group, const ci_plan_limits *limits,
                        ci_plan_teams *teams)
{
    ci_plan_workload workload = {.n_group = 1, .n_tile = group->n_tile};
    bool is_choice = limits->n_rank > 1 && limits->n_team == 0 && group->n_tile > 1;
    ci_plan_limits l = *limits;
    if (is_choice)
        workload_find(run, group, &workload);
    else
        l.memory_per_node = 0; /* there is nothing to choose */
    ci_status status = ci_plan_teams_choose(teams, &workload, &l);
    if (status == CI_ERR_MEMORY) {
        ci_log_warning("group %s: may fail for want of memory: %s", group->id, ci_error_text());
        ci_error_clear();
        status = CI_OK;
    }
    CI_TRY(status);
    ci_log_info("group %s: %zu tile%s, %d rank%s in %d team%s", group->id, workload.n_tile,
                ci_plural(workload.n_tile), teams->n_rank, ci_plural(teams->n_rank), teams->n_team,
                ci_plural(teams->n_team));
    return CI_OK;
}

ci_status ci_run_teams_choose(const ci_run *run, const ci_run_group *group, ci_plan_teams *teams)
{
    ci_plan_limits limits = {.n_rank = ci_comm_size(run->world),
                             .n_team = (int)ci_conf_int(run->conf, CI_CONF_OPT_TEAMS)};
    CI_TRY(limits_find(run, &limits));
    CI_AGREE(run->world,
             ci_comm_rank(run->world) == 0 ? choose(run, group, &limits, teams) : CI_OK);
    return ci_par_bcast(run->world, teams, sizeof *teams, 0);
}
