/* A group that is claimed, for tests of claims and their owners. */
#ifndef TEST_CLAIM_CASE_H
#define TEST_CLAIM_CASE_H

#include "registry_test.h"

/* A group of two observations. */
typedef struct claim_group
{
    char ids[2][CI_REGISTRY_ID], id[CI_REGISTRY_ID];
} claim_group;

static inline claim_group claim_group_make(registry_test *t)
{
    claim_group g;
    bool is_new;
    for (int i = 0; i < 2; i++)
        observation_make(t->registry, t->c.clock.unix_s + 309 * i, g.ids[i]);
    OK(group_make(t->registry, 2, g.ids, 0, t->c.clock.unix_s, g.id, &is_new));
    return g;
}

/* The leases that this process took look like those of a process on another node. */
static inline void move_leases(registry_test *t, const char *table)
{
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE %s SET lease_host='node7' WHERE lease_host IS NOT NULL",
             table);
    raw_change(t->c.ingest, sql);
}

static inline size_t n_ready(registry_test *t)
{
    ci_registry_groups *groups;
    OK(ci_registry_groups_ready(t->registry, &groups));
    size_t n = groups->n;
    ci_registry_groups_free(groups);
    return n;
}

/* The group's owner, as it stands. */
static inline ci_registry_owner owner_of(registry_test *t, const char *id)
{
    ci_registry_groups *groups;
    OK(ci_registry_group_get(t->registry, id, &groups));
    ci_registry_owner owner = groups->item[0].owner;
    ci_registry_groups_free(groups);
    return owner;
}

#endif
