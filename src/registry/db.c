#include "registry/db.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

ci_status ci_registry_db_error(const ci_db *db, int code, const char *what)
{
    const char *path = db->path ? db->path : "database";
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ci_error(CI_ERR_NOT_READY,
                        "%s: %s: locked by another process for more than %.0f s: look for a "
                        "program that hangs in a transaction, then try again",
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
        /* A full disk shows as an I/O error where SQLite writes through its map. */
        if (errno == ENOSPC || errno == EDQUOT)
            return ci_error(CI_ERR_DISK, "%s: %s: no space left on the disk", path, what);
        return ci_error(CI_ERR_IO, "%s: %s: %s: check the file's and its folder's permissions",
                        path, what, text);
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
        unsigned ms = 1u << (round < 8 ? round : 8);
        struct timespec pause = {0, (long)ms * 1000000L};
        nanosleep(&pause, NULL);
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

static int bind(sqlite3_stmt *stmt, const char *types, va_list values)
{
    int code = SQLITE_OK;
    for (int i = 1; types[i - 1] && code == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 't': {
            const char *text = va_arg(values, const char *);
            code = text ? sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT)
                        : sqlite3_bind_null(stmt, i);
            break;
        }
        case 'i':
            code = sqlite3_bind_int64(stmt, i, va_arg(values, int64_t));
            break;
        default: {
            double real = va_arg(values, double);
            code = isnan(real) ? sqlite3_bind_null(stmt, i) : sqlite3_bind_double(stmt, i, real);
        }
        }
    }
    return code;
}

static ci_status query_v(ci_db *db, sqlite3_stmt **stmt, const char *sql, const char *types,
                         va_list values)
{
    *stmt = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, stmt, NULL);
    if (code == SQLITE_OK) {
        if (sqlite3_bind_parameter_count(*stmt) != (int)strlen(types)) {
            ci_registry_db_done(stmt);
            return ci_error(CI_ERR_INTERNAL, "%s: wrong number of values: %s", db->path, sql);
        }
        code = bind(*stmt, types, values);
    }
    if (code == SQLITE_OK) return CI_OK;
    ci_status status = ci_registry_db_error(db, code, sql);
    ci_registry_db_done(stmt);
    return status;
}

ci_status ci_registry_db_query(ci_db *db, sqlite3_stmt **stmt, const char *sql, const char *types,
                               ...)
{
    va_list values;
    va_start(values, types);
    ci_status status = query_v(db, stmt, sql, types, values);
    va_end(values);
    return status;
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

ci_status ci_registry_db_run(ci_db *db, int64_t *n_changed, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list values;
    va_start(values, types);
    ci_status status = query_v(db, &stmt, sql, types, values);
    va_end(values);
    while (ci_registry_db_next(db, &stmt, &status))
        continue;
    if (n_changed) *n_changed = sqlite3_changes(db->handle);
    return status;
}

ci_status ci_registry_db_int(ci_db *db, int64_t *out, int64_t missing, const char *sql,
                             const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list values;
    va_start(values, types);
    ci_status status = query_v(db, &stmt, sql, types, values);
    va_end(values);
    *out = missing;
    if (ci_registry_db_next(db, &stmt, &status)) {
        if (sqlite3_column_type(stmt, 0) != SQLITE_NULL) *out = sqlite3_column_int64(stmt, 0);
        ci_registry_db_done(&stmt);
    }
    return status;
}

ci_status ci_registry_db_word(ci_db *db, char *out, size_t n_out, const char *sql,
                              const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list values;
    va_start(values, types);
    ci_status status = query_v(db, &stmt, sql, types, values);
    va_end(values);
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

/* ---- columns and lists ----------------------------------------------------------- */

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

int64_t ci_registry_db_integer(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

double ci_registry_db_real(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) return NAN;
    return sqlite3_column_double(stmt, column);
}

ci_status ci_registry_db_list_grow(void *items, size_t n, size_t item_size)
{
    if (n & (n - 1)) return CI_OK; /* room until the next power of two */
    return ci_mem_resize(items, n ? 2 * n : 1, item_size, "list of rows");
}

int ci_registry_word_find(const char *const *words, int n_word, const char *word, int missing)
{
    for (int i = 0; i < n_word; i++)
        if (word && strcmp(words[i], word) == 0) return i;
    return missing;
}
