/* What is asked of an open registry: its time, files, versions and soundness; transactions; a
 * change of state recorded. */
#include "registry/handle.h"
#include "registry/open.h"
#include "registry/schema.h"

#include <string.h>

double ci_registry_now(const ci_registry *registry)
{
    return ci_clock_read_unix_s(registry->options.clock);
}

bool ci_registry_is_read_only(const ci_registry *registry)
{
    return registry->options.read_only;
}

ci_clock *ci_registry_clock(const ci_registry *registry)
{
    return registry->options.clock;
}

const char *ci_registry_path(const ci_registry *registry, ci_registry_database which)
{
    return registry->db[which].path;
}

int ci_registry_version_found(const ci_registry *registry, ci_registry_database which)
{
    return registry->db[which].version_found;
}

int ci_registry_version_known(ci_registry_database which)
{
    return ci_registry_schema_version(which);
}

double ci_registry_migrated_unix_s(const ci_registry *registry, ci_registry_database which)
{
    return registry->db[which].migrated_unix_s;
}

ci_status ci_registry_verify(ci_registry *registry, ci_registry_database which)
{
    return ci_registry_db_verify(&registry->db[which]);
}

ci_status ci_registry_backup(ci_registry *registry, ci_registry_database which, const char *path)
{
    return ci_registry_db_backup(&registry->db[which], path);
}

/* ---- transactions ---------------------------------------------------------------------- */

ci_status ci_registry_begin(ci_registry *registry, ci_registry_database which)
{
    return ci_registry_db_begin(&registry->db[which]);
}

ci_status ci_registry_end(ci_registry *registry, ci_registry_database which, ci_status status)
{
    return ci_registry_db_end(&registry->db[which], status);
}

bool ci_registry_in_transaction(const ci_registry *registry, ci_registry_database which)
{
    return registry->db[which].depth > 0;
}

ci_status ci_registry_db_change_refused(ci_registry *registry, ci_registry_database which,
                                        const ci_refusal *c)
{
    const ci_registry_owner *self = &registry->self;
    return ci_registry_db_insert(
        &registry->db[which], "state_changes",
        SET({"at", V(ci_registry_now(registry))}, {"kind", V(c->kind)}, {"subject", V(c->subject)},
            {"from_state", V(c->from)}, {"to_state", V(c->to)}, {"reason", V(c->reason)},
            {"host", V(self->host)}, {"pid", V(self->pid)}, {"job", V(self->job)},
            {"run", V(registry->run)}, {"gate", V(c->gate)}));
}

ci_status ci_registry_db_change(ci_registry *registry, ci_registry_database which, const char *kind,
                                const char *subject, const char *from, const char *to,
                                const char *reason)
{
    return ci_registry_db_change_refused(registry, which,
                                         &(ci_refusal){kind, subject, from, to, reason, NULL});
}
