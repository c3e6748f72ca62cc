/* One SQLite database: errors, transactions, statements. */
#include "registry/db.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* What the system refused, called what it is. */
static ci_status system_error(const ci_db *db, const char *path, const char *what, const char *text)
{
    int why = db->handle ? sqlite3_system_errno(db->handle) : 0;
    /* Where SQLite writes through its map it does not know the reason. */
    if (why == 0) why = errno;
    switch (why) {
    case ENOSPC:
    case EDQUOT:
        return ci_error(CI_ERR_DISK, "%s: %s: no space left on the disk", path, what);
    case EFBIG:
        return ci_error(CI_ERR_DISK, "%s: %s: the limit of a file's size is reached (ulimit -f)",
                        path, what);
    case EMFILE:
    case ENFILE:
        return ci_error(CI_ERR_IO, "%s: %s: too many open files (ulimit -n)", path, what);
    case EIO:
    case ESTALE:
        return ci_error(CI_ERR_IO,
                        "%s: %s: %s: the disk or its server fails, look at the "
                        "system's log",
                        path, what, strerror(why));
    default:
        return ci_error(CI_ERR_IO, "%s: %s: %s: check the file's and its folder's permissions",
                        path, what, text);
    }
}

ci_status ci_registry_db_error(const ci_db *db, int code, const char *what)
{
    const char *path = db->path ? db->path : "database";
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ci_error(CI_ERR_NOT_READY,
                        "%s: %s: locked by another process for more than %.0f s: look for a "
                        "program that hangs in a transaction, then try again; where there is none, "
                        "its file system may refuse locks (NFS without its lock service)",
                        path, what, db->busy_s);
    case SQLITE_FULL:
        return ci_error(CI_ERR_DISK, "%s: %s: no space left on the disk", path, what);
    case SQLITE_NOMEM:
        return ci_error(CI_ERR_MEMORY, "%s: %s: out of memory", path, what);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_AUTH:
        return system_error(db, path, what, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ci_error(CI_ERR_DATABASE,
                        "%s: %s: %s: put back a copy of it; contimg's own are in the "
                        "folder backups of the state folder",
                        path, what, text);
    default:
        return ci_error(CI_ERR_DATABASE, "%s: %s: %s", path, what, text);
    }
}

/* ---- transactions --------------------------------------------------------- */

/* SQLite waits by itself where waiting can help; some answers of BUSY come at once (a
 * reader that would become a writer, a recovery under way), so the wait is repeated. */
static int exec_with_retry(ci_db *db, const char *sql)
{
    double end = ci_clock_monotonic_s() + db->busy_s;
    for (unsigned round = 0;; round++) {
        int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
        if ((code & 0xff) != SQLITE_BUSY || ci_clock_monotonic_s() >= end) return code;
        ci_clock_wait(NULL, 1e-3 * (1u << (round < 8 ? round : 8)));
    }
}

ci_status ci_registry_db_begin(ci_db *db)
{
    if (db->depth > 0) {
        db->depth++;
        return CI_OK;
    }
    int code = exec_with_retry(db, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK) return ci_registry_db_error(db, code, "begin a transaction");
    db->depth = 1;
    db->first_error = CI_OK;
    return CI_OK;
}

ci_status ci_registry_db_end(ci_db *db, ci_status status)
{
    if (db->depth == 0)
        return status != CI_OK ? status
                               : ci_error(CI_ERR_INTERNAL,
                                          "%s: end of a transaction that was not begun", db->path);
    if (status != CI_OK && db->first_error == CI_OK) db->first_error = status;
    if (--db->depth > 0) return status;
    if (db->first_error == CI_OK) {
        int code = exec_with_retry(db, "COMMIT");
        if (code == SQLITE_OK) return CI_OK;
        db->first_error = ci_registry_db_error(db, code, "commit");
    } else if (status == CI_OK) {
        ci_error(db->first_error, "%s: transaction rolled back: a step inside it failed", db->path);
    }
    /* SQLite has rolled back by itself after some errors; then this one says so, harmless. */
    if (!sqlite3_get_autocommit(db->handle)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return db->first_error;
}

/* ---- statements -------------------------------------------------------------- */

static int bind(sqlite3_stmt *stmt, int i, const ci_value *value)
{
    switch (value->type) {
    case CI_VALUE_TEXT:
        return sqlite3_bind_text(stmt, i, value->text, -1, SQLITE_TRANSIENT);
    case CI_VALUE_INT:
        return sqlite3_bind_int64(stmt, i, value->integer);
    case CI_VALUE_REAL:
        return sqlite3_bind_double(stmt, i, value->real);
    default:
        return sqlite3_bind_null(stmt, i);
    }
}

/* Prepares a statement and binds the values of `set`, then `values`. */
static ci_status prepare(ci_db *db, sqlite3_stmt **stmt, const char *sql, const ci_named_value *set,
                         const ci_value *values)
{
    *stmt = NULL;
    int n = 0, code = sqlite3_prepare_v2(db->handle, sql, -1, stmt, NULL);
    for (; set->column && code == SQLITE_OK; set++)
        code = bind(*stmt, ++n, &set->value);
    for (; values->type != CI_VALUE_END && code == SQLITE_OK; values++)
        code = bind(*stmt, ++n, values);
    if (code == SQLITE_OK && sqlite3_bind_parameter_count(*stmt) != n) {
        ci_registry_db_done(stmt);
        return ci_error(CI_ERR_INTERNAL, "%s: wrong number of values: %s", db->path, sql);
    }
    if (code == SQLITE_OK) return CI_OK;
    ci_status status = ci_registry_db_error(db, code, sql);
    ci_registry_db_done(stmt);
    return status;
}

ci_status ci_registry_db_query(ci_db *db, sqlite3_stmt **stmt, const char *sql,
                               const ci_value *values)
{
    return prepare(db, stmt, sql, SET_NOTHING, values);
}

void ci_registry_db_done(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
    *stmt = NULL;
}

bool ci_registry_db_next(ci_db *db, sqlite3_stmt **stmt, ci_status *status)
{
    if (*status != CI_OK || !*stmt) {
        ci_registry_db_done(stmt);
        return false;
    }
    int code = sqlite3_step(*stmt);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) *status = ci_registry_db_error(db, code, sqlite3_sql(*stmt));
    ci_registry_db_done(stmt);
    return false;
}

static ci_status run(ci_db *db, int64_t *n_changed, const char *sql, const ci_named_value *set,
                     const ci_value *values)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status = prepare(db, &stmt, sql, set, values);
    while (ci_registry_db_next(db, &stmt, &status))
        continue;
    if (n_changed) *n_changed = sqlite3_changes(db->handle);
    return status;
}

ci_status ci_registry_db_run(ci_db *db, int64_t *n_changed, const char *sql, const ci_value *values)
{
    return run(db, n_changed, sql, SET_NOTHING, values);
}

ci_status ci_registry_db_insert(ci_db *db, const char *table, const ci_named_value *set)
{
    ci_text sql = {0};
    ci_status status = ci_text_append(&sql, "INSERT INTO %s", table);
    for (size_t i = 0; set[i].column && status == CI_OK; i++)
        status = ci_text_append(&sql, "%s%s", i ? "," : "(", set[i].column);
    for (size_t i = 0; set[i].column && status == CI_OK; i++)
        status = ci_text_append(&sql, "%s", i ? ",?" : ") VALUES(?");
    if (status == CI_OK) status = ci_text_append(&sql, ")");
    if (status == CI_OK) status = run(db, NULL, sql.text, set, NO_VALUES);
    ci_mem_free(sql.text);
    return status;
}

ci_status ci_registry_db_update(ci_db *db, int64_t *n_changed, const char *table,
                                const ci_named_value *set, const char *where,
                                const ci_value *values)
{
    ci_text sql = {0};
    ci_status status = ci_text_append(&sql, "UPDATE %s SET ", table);
    for (size_t i = 0; set[i].column && status == CI_OK; i++)
        status = ci_text_append(&sql, "%s%s=?", i ? "," : "", set[i].column);
    if (status == CI_OK) status = ci_text_append(&sql, " %s", where);
    if (status == CI_OK) status = run(db, n_changed, sql.text, set, values);
    ci_mem_free(sql.text);
    return status;
}

ci_status ci_registry_db_int(ci_db *db, int64_t *out, int64_t missing, const char *sql,
                             const ci_value *values)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(db, &stmt, sql, values);
    *out = missing;
    if (ci_registry_db_next(db, &stmt, &status)) {
        if (sqlite3_column_type(stmt, 0) != SQLITE_NULL) *out = sqlite3_column_int64(stmt, 0);
        ci_registry_db_done(&stmt);
    }
    return status;
}

ci_status ci_registry_db_word(ci_db *db, char *out, size_t n_out, const char *sql,
                              const ci_value *values)
{
    sqlite3_stmt *stmt = NULL;
    ci_status status = ci_registry_db_query(db, &stmt, sql, values);
    *out = '\0';
    if (ci_registry_db_next(db, &stmt, &status)) ci_registry_db_text(stmt, 0, out, n_out);
    ci_registry_db_done(&stmt);
    return status;
}

ci_status ci_registry_db_script(ci_db *db, const char *sql)
{
    int code = exec_with_retry(db, sql);
    return code == SQLITE_OK ? CI_OK : ci_registry_db_error(db, code, sql);
}

bool ci_registry_db_has_table(ci_db *db, const char *table)
{
    int64_t n = 0;
    ci_status status = ci_registry_db_int(
        db, &n, 0, "SELECT count(*) FROM sqlite_master WHERE type='table' AND name=?",
        VALUES(V(table)));
    return status == CI_OK && n > 0;
}

void ci_registry_db_close(ci_db *db)
{
    if (db->handle && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    if (db->handle) sqlite3_close_v2(db->handle);
    ci_mem_free(db->path);
    memset(db, 0, sizeof *db);
}

/* ---- columns --------------------------------------------------------------------------------- */

void ci_registry_db_text(sqlite3_stmt *stmt, int column, char *out, size_t n_out)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    snprintf(out, n_out, "%s", text ? text : "");
}

ci_status ci_registry_db_text_copy(sqlite3_stmt *stmt, int column, char **out)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return ci_str_copy(out, text ? text : "");
}

double ci_registry_db_real(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) return NAN;
    return sqlite3_column_double(stmt, column);
}
