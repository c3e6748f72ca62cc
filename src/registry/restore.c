/* Databases as files: whether one is sound, and putting a copy back. */
#include "contimg/registry_watch.h"
#include "registry/open.h"
#include "registry/schema.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- one file -------------------------------------------------------------------------------- */

ci_status ci_registry_db_verify(ci_db *db)
{
    sqlite3_stmt *stmt = NULL;
    char text[CI_REGISTRY_TEXT];
    CI_TRY(ci_registry_db_word(db, text, sizeof text, "PRAGMA integrity_check(1)", NO_VALUES));
    if (strcmp(text, "ok") != 0)
        return ci_error(CI_ERR_DATABASE,
                        "%s: %s: put back a copy of it; contimg's own are in the "
                        "folder backups of the state folder",
                        db->path, text);
    ci_status status = ci_registry_db_query(db, &stmt, "PRAGMA foreign_key_check", NO_VALUES);
    if (ci_registry_db_next(db, &stmt, &status)) {
        ci_registry_db_text(stmt, 0, text, sizeof text);
        long long row = sqlite3_column_int64(stmt, 1);
        ci_registry_db_done(&stmt);
        return ci_error(CI_ERR_DATABASE, "%s: table %s row %lld points at a row that is not there",
                        db->path, text, row);
    }
    return status;
}

ci_status ci_registry_file_verify(const char *path, ci_registry_database which, int *version)
{
    ci_db db = {.which = which, .busy_s = 5};
    *version = 0;
    CI_TRY(ci_str_copy(&db.path, path));
    ci_status status = ci_registry_db_open_plain(&db);
    if (status == CI_OK) status = ci_registry_schema_check_owner(&db);
    if (status == CI_OK) status = ci_registry_schema_version_read(&db, version);
    if (status == CI_OK) status = ci_registry_db_verify(&db);
    ci_registry_db_close(&db);
    return status;
}

ci_status ci_registry_file_backup(const char *path, ci_registry_database which, const char *copy)
{
    ci_db db = {.which = which, .busy_s = 60};
    CI_TRY(ci_str_copy(&db.path, path));
    ci_status status = ci_registry_db_open_plain(&db);
    if (status == CI_OK) status = ci_registry_schema_check_owner(&db);
    if (status == CI_OK) status = ci_registry_db_backup(&db, copy);
    ci_registry_db_close(&db);
    return status;
}

/* Which of the four it is, by the tables that only one of them has; products may have the data
 * registry's, too. */
static ci_status which_is(ci_db *db)
{
    static const struct
    {
        ci_registry_database which;
        const char *table;
    } signs[] = {{CI_REGISTRY_DB_INGEST, "ingest_queue"}, {CI_REGISTRY_DB_CAL, "caltables"},
                 {CI_REGISTRY_DB_PRODUCTS, "tiles"},      {CI_REGISTRY_DB_PRODUCTS, "images"},
                 {CI_REGISTRY_DB_PRODUCTS, "ms_index"},   {CI_REGISTRY_DB_PRODUCTS, "mosaics"},
                 {CI_REGISTRY_DB_DATA, "data_registry"}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (!ci_registry_db_has_table(db, signs[i].table)) continue;
        db->which = signs[i].which;
        return ci_registry_schema_check_owner(db);
    }
    return ci_error(CI_ERR_INPUT, "%s: none of contimg's databases", db->path);
}

/* ---- putting a copy back --------------------------------------------------------------------- */

/* Nobody else has it open; what is in its log goes into the file. One that cannot be read at all
 * is nobody's. */
static ci_status only_user(const char *path, ci_registry_database which)
{
    ci_db db = {.which = which, .busy_s = 1};
    CI_TRY(ci_str_copy(&db.path, path));
    if (sqlite3_open_v2(path, &db.handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        ci_registry_db_close(&db);
        return CI_OK;
    }
    int code = sqlite3_exec(db.handle,
                            "PRAGMA locking_mode=EXCLUSIVE;BEGIN EXCLUSIVE;COMMIT;"
                            "PRAGMA wal_checkpoint(TRUNCATE)",
                            NULL, NULL, NULL);
    ci_registry_db_close(&db);
    if ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED) return CI_OK;
    return ci_error(CI_ERR_NOT_READY,
                    "%s: another process has it open: stop runs, monitor and services first", path);
}

/* The file and what SQLite keeps beside it, under another name. */
static ci_status move_away(const char *path, const char *kept)
{
    static const char *const endings[] = {"-wal", "-shm", "-journal", ""};
    for (size_t i = 0; i < 4; i++) {
        char *from = NULL, *to = NULL;
        CI_TRY(ci_str_format(&from, "%s%s", path, endings[i]));
        ci_status status = ci_str_format(&to, "%s%s", kept, endings[i]);
        if (status == CI_OK && rename(from, to) != 0 && errno != ENOENT)
            status = ci_error_errno(errno, from, "rename");
        ci_mem_free(from);
        ci_mem_free(to);
        CI_TRY(status);
    }
    return CI_OK;
}

/* The database is put where it was when its copy cannot take its place. */
static ci_status undo(const char *kept, const char *path, ci_status why)
{
    ci_error_saved saved = ci_error_save(why);
    if (move_away(kept, path) == CI_OK) return ci_error_restore(&saved);
    return ci_error(why, "%s; and it could not be moved back: the database is now %s", saved.text,
                    kept);
}

/* Moves the database aside and the copy, whole by now, into its place. */
static ci_status change_places(const char *fresh, const char *path, double now_unix_s, char **kept)
{
    char when[32];
    ci_time_iso(when, ci_time_mjd_s_from_unix(now_unix_s), 0, true);
    for (char *c = when; *c; c++)
        if (*c == ':') *c = '-';
    if (ci_path_exists(path)) {
        CI_TRY(ci_str_format(kept, "%s.before-restore-%s", path, when));
        if (ci_path_exists(*kept))
            return ci_error(CI_ERR_INPUT, "%s: is there already: try again in a second", *kept);
        ci_status status = move_away(path, *kept);
        if (status != CI_OK) return undo(*kept, path, status);
    }
    ci_status status = ci_path_commit(fresh, path);
    return status == CI_OK || !*kept ? status : undo(*kept, path, status);
}

static ci_status put_back(ci_db *copy, const char *path, double now_unix_s, char **kept)
{
    char *fresh = NULL;
    if (ci_path_exists(path)) CI_TRY(only_user(path, copy->which));
    CI_TRY(ci_str_format(&fresh, "%s.restored", path));
    ci_status status = ci_registry_db_backup(copy, fresh);
    if (status == CI_OK) status = change_places(fresh, path, now_unix_s, kept);
    if (status != CI_OK) unlink(fresh);
    ci_mem_free(fresh);
    return status;
}

ci_status ci_registry_restore(const ci_registry_paths *paths, const char *copy, double now_unix_s,
                              ci_registry_database *which, char **kept)
{
    const char *path[CI_REGISTRY_DB_COUNT] = {paths->ingest, paths->cal, paths->products,
                                              paths->data};
    ci_db db = {.busy_s = 5};
    *kept = NULL;
    if (!ci_path_exists(copy)) return ci_error(CI_ERR_INPUT, "%s: no such file", copy);
    CI_TRY(ci_str_copy(&db.path, copy));
    ci_status status = ci_registry_db_open_plain(&db);
    if (status == CI_OK) status = which_is(&db);
    if (status == CI_OK) status = ci_registry_schema_version_read(&db, &db.version_found);
    if (status == CI_OK && db.version_found > ci_registry_schema_version(db.which))
        status = ci_registry_db_newer(&db, db.version_found);
    if (status == CI_OK) status = ci_registry_db_verify(&db);
    *which = db.which;
    if (status == CI_OK && ci_path_is_same(copy, path[db.which]))
        status = ci_error(CI_ERR_INPUT, "%s: is the database itself, no copy of it", copy);
    if (status == CI_OK) status = put_back(&db, path[db.which], now_unix_s, kept);
    ci_registry_db_close(&db);
    if (status == CI_OK) return CI_OK;
    ci_mem_free(*kept);
    *kept = NULL;
    return status;
}
