/* registry: leases, while the process that has them lives, and groups that wait. All functions are
 * local. */
#ifndef CONTIMG_REGISTRY_LEASE_H
#define CONTIMG_REGISTRY_LEASE_H

#include "contimg/registry.h"

enum
{
    CI_REGISTRY_LEASE_S = 180, /* of every claim */
    CI_REGISTRY_RENEW_S = 30
};
/* Prolongs every lease of this process, in both databases that have leases; one that another
 * process has taken over stays that one's. */
CI_MUST_CHECK ci_status ci_registry_leases_renew(ci_registry *registry, double lease_s);
/* A thread that does so every period_s seconds, with a handle of its own on the files of
 * `registry`, until it is ended. It calls no MPI and takes no signal. */
typedef struct ci_registry_keeper ci_registry_keeper;
/* Starts that thread. */
CI_MUST_CHECK ci_status ci_registry_keeper_start(ci_registry_keeper **out,
                                                 const ci_registry *registry, double period_s);
void ci_registry_keeper_end(ci_registry_keeper *keeper); /* NULL-safe */

/* CI_ERR_NOT_READY, with who has it, where the group's claim is not that of `token` (as its owner
 * has it) any more: nothing of it may be written. */
CI_MUST_CHECK ci_status ci_registry_group_check(ci_registry *registry, const char *id,
                                                const char *token);

/* A pending group is not to be taken before that time (NaN: at once), unless by name. */
CI_MUST_CHECK ci_status ci_registry_group_wait(ci_registry *registry, const char *id,
                                               double next_try_unix_s);
/* What groups waited for may be there: all of them may be taken at once. */
CI_MUST_CHECK ci_status ci_registry_groups_wake(ci_registry *registry);

#endif
