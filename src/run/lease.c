/* Whether the group that a run works on is still its own. */
#include "run/lease.h"

#include <string.h>

/* Rank 0: the token of the group's lease. */
static ci_status token_read(ci_run *run, const char *group_id)
{
    ci_registry_groups *found = NULL;
    CI_TRY(ci_registry_group_get(run->site.registry, group_id, &found));
    if (found->n == 1)
        snprintf(run->claim_token, sizeof run->claim_token, "%s", found->item[0].owner.token);
    ci_registry_groups_free(found);
    return CI_OK;
}

ci_status ci_run_lease_share(ci_run *run, const char *group_id)
{
    ci_status status = CI_OK;
    snprintf(run->claimed_group, sizeof run->claimed_group, "%s", group_id);
    if (ci_comm_rank(run->world) == 0) status = token_read(run, group_id);
    CI_AGREE(run->world, status);
    return ci_par_bcast(run->world, run->claim_token, sizeof run->claim_token, 0);
}

static ci_status reader_open(ci_registry **out, const ci_conf_paths *p)
{
    ci_registry_options options;
    const ci_registry_paths paths = ci_run_registry_paths(p, "");
    ci_registry_options_default(&options);
    options.read_only = true;
    return ci_registry_open(out, &paths, &options);
}

ci_status ci_run_lease_check(const ci_run *run)
{
    ci_registry *reader = NULL;
    if (!run->site.registry) CI_TRY(reader_open(&reader, &run->site.paths));
    ci_registry *registry = reader ? reader : run->site.registry;
    ci_status status = ci_registry_group_check(registry, run->claimed_group, run->claim_token);
    ci_registry_close(reader);
    return status;
}
