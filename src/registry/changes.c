#include "registry/db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ci_status ci_registry_db_change(ci_registry *registry, ci_registry_database which, const char *kind,
                                const char *subject, const char *from, const char *to,
                                const char *reason)
{
    const ci_registry_owner *self = &registry->self;
    return ci_registry_db_run(
        &registry->db[which], NULL,
        "INSERT INTO state_changes(at,kind,subject,from_state,to_state,reason,host,"
        "pid,job,run) VALUES(?,?,?,?,?,?,?,?,?,?)",
        "dttttttitt", ci_registry_now(registry), kind, subject, from, to, reason, self->host,
        self->pid, self->job, registry->run);
}

static int by_time(const void *a, const void *b)
{
    double x = ((const ci_registry_change *)a)->at_unix_s;
    double y = ((const ci_registry_change *)b)->at_unix_s;
    return (x > y) - (x < y);
}

static ci_status read_one(ci_registry *registry, int which, ci_registry_changes *list,
                          const char *subject, double since_unix_s)
{
    ci_db *db = &registry->db[which];
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT at,kind,subject,from_state,to_state,host,job,run,pid,reason FROM "
        "state_changes WHERE (?1 IS NULL OR subject=?1) AND at>=?2 ORDER BY id",
        "td", subject, isnan(since_unix_s) ? 0.0 : since_unix_s);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status != CI_OK) continue;
        ci_registry_change *c = &list->item[list->n++];
        c->at_unix_s = ci_registry_db_real(stmt, 0);
        ci_registry_db_text(stmt, 1, c->kind, sizeof c->kind);
        ci_registry_db_text(stmt, 2, c->subject, sizeof c->subject);
        ci_registry_db_text(stmt, 3, c->from, sizeof c->from);
        ci_registry_db_text(stmt, 4, c->to, sizeof c->to);
        ci_registry_db_text(stmt, 5, c->host, sizeof c->host);
        ci_registry_db_text(stmt, 6, c->job, sizeof c->job);
        ci_registry_db_text(stmt, 7, c->run, sizeof c->run);
        c->pid = ci_registry_db_integer(stmt, 8);
        status = ci_registry_db_text_copy(stmt, 9, &c->reason);
    }
    return status;
}

ci_status ci_registry_changes_read(ci_registry *registry, ci_registry_changes **out,
                                   const char *subject, double since_unix_s)
{
    ci_registry_changes *list = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "changes"));
    ci_status status = CI_OK;
    for (int i = 0; i < CI_DB_COUNT && status == CI_OK; i++)
        status = read_one(registry, i, list, subject, since_unix_s);
    if (status != CI_OK) {
        ci_registry_changes_free(list);
        return status;
    }
    if (list->n > 1) qsort(list->item, list->n, sizeof *list->item, by_time);
    *out = list;
    return CI_OK;
}

void ci_registry_changes_free(ci_registry_changes *changes)
{
    if (!changes) return;
    for (size_t i = 0; i < changes->n; i++)
        ci_mem_free(changes->item[i].reason);
    ci_mem_free(changes->item);
    ci_mem_free(changes);
}

/* ---- runs -------------------------------------------------------------------------------- */

ci_status ci_registry_run_begin(ci_registry *registry, const char *command, const char *log_path,
                                char id[CI_REGISTRY_ID])
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    char when[32];
    double now = ci_registry_now(registry);
    ci_time_iso(when, ci_time_mjd_s_from_unix(now), 0, true);
    for (char *c = when; *c; c++)
        if (*c == ':') *c = '-'; /* it names folders */
    snprintf(id, CI_REGISTRY_ID, "%.24s-%.24s-%lld", when, registry->self.host,
             (long long)registry->self.pid);
    CI_TRY(ci_registry_db_begin(db));
    int64_t n = 0;
    ci_status status = ci_registry_db_int(
        db, &n, 0, "SELECT count(*) FROM runs WHERE run=? OR run LIKE ?||'.%'", "tt", id, id);
    /* Two runs of one process within a second. */
    size_t length = strlen(id);
    if (n > 0) snprintf(id + length, CI_REGISTRY_ID - length, ".%lld", (long long)n);
    if (status == CI_OK)
        status = ci_registry_db_run(
            db, NULL,
            "INSERT INTO runs(run,started_at,host,job,pid,command,log_path,version) "
            "VALUES(?,?,?,?,?,?,?,?)",
            "tdttittt", id, now, registry->self.host, registry->self.job, registry->self.pid,
            command, log_path, ci_version());
    status = ci_registry_db_end(db, status);
    if (status == CI_OK) ci_registry_run_join(registry, id);
    return status;
}

void ci_registry_run_join(ci_registry *registry, const char *id)
{
    snprintf(registry->run, sizeof registry->run, "%s", id);
}

ci_status ci_registry_run_end(ci_registry *registry, const char *id, ci_status result,
                              const char *text, const char *report_path)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    CI_TRY(ci_registry_db_begin(db));
    return ci_registry_db_end(
        db, ci_registry_db_run(
                db, NULL, "UPDATE runs SET ended_at=?,exit_code=?,text=?,report_path=? WHERE run=?",
                "dittt", ci_registry_now(registry), (int64_t)ci_status_exit_code(result), text,
                report_path, id));
}

ci_status ci_registry_runs_read(ci_registry *registry, ci_registry_runs **out, size_t limit)
{
    ci_db *db = &registry->db[CI_DB_PRODUCTS];
    ci_registry_runs *list = NULL;
    sqlite3_stmt *stmt = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&list, 1, sizeof *list, "runs"));
    ci_status status = ci_registry_db_query(
        db, &stmt,
        "SELECT run,host,job,pid,started_at,ended_at,exit_code,command,text,log_path,"
        "report_path FROM runs ORDER BY started_at DESC, run DESC LIMIT ?",
        "i", limit ? (int64_t)limit : (int64_t)-1);
    while (ci_registry_db_next(db, &stmt, &status)) {
        status = ci_registry_db_list_grow(&list->item, list->n, sizeof *list->item);
        if (status != CI_OK) continue;
        ci_registry_run *r = &list->item[list->n++];
        ci_registry_db_text(stmt, 0, r->id, sizeof r->id);
        ci_registry_db_text(stmt, 1, r->host, sizeof r->host);
        ci_registry_db_text(stmt, 2, r->job, sizeof r->job);
        r->pid = ci_registry_db_integer(stmt, 3);
        r->started_unix_s = ci_registry_db_real(stmt, 4);
        r->ended_unix_s = sqlite3_column_double(stmt, 5);
        r->exit_code = (int)ci_registry_db_integer(stmt, 6);
        char **texts[] = {&r->command, &r->text, &r->log_path, &r->report_path};
        for (int i = 0; i < 4 && status == CI_OK; i++)
            status = ci_registry_db_text_copy(stmt, 7 + i, texts[i]);
    }
    if (status != CI_OK) {
        ci_registry_runs_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}

void ci_registry_runs_free(ci_registry_runs *runs)
{
    if (!runs) return;
    for (size_t i = 0; i < runs->n; i++) {
        ci_registry_run *r = &runs->item[i];
        ci_mem_free(r->command);
        ci_mem_free(r->text);
        ci_mem_free(r->log_path);
        ci_mem_free(r->report_path);
    }
    ci_mem_free(runs->item);
    ci_mem_free(runs);
}
