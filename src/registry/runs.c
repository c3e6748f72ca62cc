/* Runs: one row for each process that works. */
#include "registry/handle.h"

#include <string.h>

#define COLUMN(field, type, name) CI_COLUMN(ci_registry_run, field, type, name)
static const ci_column run_columns[] = {
    COLUMN(id, TEXT, "run"),
    COLUMN(host, TEXT, "host"),
    COLUMN(job, TEXT, "job"),
    COLUMN(pid, INT, "pid"),
    COLUMN(started_unix_s, REAL, "started_at"),
    CI_COLUMN(ci_registry_run, ended_unix_s, REAL, "ended_at", .select = "coalesce(ended_at,0)"),
    COLUMN(exit_code, INT, "exit_code"),
    COLUMN(command, STRING, "command"),
    COLUMN(text, STRING, "text"),
    COLUMN(log_path, STRING, "log_path"),
    COLUMN(report_path, STRING, "report_path"),
};
static const ci_row_table run_rows = {CI_ROW_TABLE("runs", "run", ci_registry_run, run_columns)};

ci_status ci_registry_run_begin(ci_registry *registry, const char *command, const char *log_path,
                                char id[CI_REGISTRY_ID])
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
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
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_update(db, NULL, "runs",
                                  SET({"ended_at", V(ci_registry_now(registry))},
                                      {"exit_code", V(ci_status_exit_code(result))},
                                      {"text", V(text)}, {"report_path", V(report_path)}),
                                  "WHERE run=?", VALUES(V(id))));
}

ci_status ci_registry_runs_read(ci_registry *registry, ci_registry_runs **out, size_t limit)
{
    *out = NULL;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "runs"));
    ci_status status = ci_registry_rows_read(
        &registry->db[CI_DB_PRODUCTS], &run_rows, "ORDER BY started_at DESC, run DESC LIMIT ?",
        VALUES(V(limit ? (int64_t)limit : -1)), &(*out)->n, &(*out)->item);
    if (status == CI_OK) return CI_OK;
    ci_registry_runs_free(*out);
    *out = NULL;
    return status;
}

void ci_registry_runs_free(ci_registry_runs *runs)
{
    if (!runs) return;
    ci_registry_rows_free(&run_rows, runs->n, runs->item);
    ci_mem_free(runs);
}
