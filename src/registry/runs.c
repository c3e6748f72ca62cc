/* Runs: one row for each process that works. */
#include "registry/handle.h"

#include <string.h>

ci_status ci_registry_run_begin(ci_registry *registry, const char *command, const char *log_path,
                                char id[CI_REGISTRY_ID])
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    const ci_registry_owner *self = &registry->self;
    char when[32];
    double now = ci_registry_now(registry);
    ci_time_iso(when, ci_time_mjd_s_from_unix(now), 0, true);
    for (char *c = when; *c; c++)
        if (*c == ':') *c = '-'; /* it names folders */
    snprintf(id, CI_REGISTRY_ID, "%.24s-%.24s-%lld", when, self->host, (long long)self->pid);
    CI_TRY(ci_registry_db_begin(db));
    int64_t n = 0;
    ci_status status = ci_registry_db_int(
        db, &n, 0, "SELECT count(*) FROM runs WHERE run=?1 OR run LIKE ?1||'.%'", VALUES(V(id)));
    /* Two runs of one process within a second. */
    size_t length = strlen(id);
    if (n > 0) snprintf(id + length, CI_REGISTRY_ID - length, ".%lld", (long long)n);
    if (status == CI_OK)
        status = ci_registry_db_insert(
            db, "runs",
            SET({"run", V(id)}, {"started_at", V(now)}, {"host", V(self->host)},
                {"job", V(self->job)}, {"pid", V(self->pid)}, {"command", V(command)},
                {"log_path", V(log_path)}, {"version", V(ci_version())}));
    status = ci_registry_db_end(db, status);
    if (status == CI_OK) snprintf(registry->run, sizeof registry->run, "%s", id);
    return status;
}

ci_status ci_registry_run_end(ci_registry *registry, const char *id, ci_status result,
                              const char *text, const char *report_path)
{
    ci_db *db = &registry->db[CI_REGISTRY_DB_PRODUCTS];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_update(db, NULL, "runs",
                                  SET({"ended_at", V(ci_registry_now(registry))},
                                      {"exit_code", V(ci_status_exit_code(result))},
                                      {"text", V(text)}, {"report_path", V(report_path)}),
                                  "WHERE run=?", VALUES(V(id))));
}
