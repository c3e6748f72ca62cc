/* One SQLite database: opening, transactions, statements. Private to registry. */
#ifndef CONTIMG_REGISTRY_DB_H
#define CONTIMG_REGISTRY_DB_H

#include "contimg/registry.h"

#include <sqlite3.h>

typedef struct ci_db
{
    sqlite3 *handle;
    char *path;
    ci_registry_database which;
    double busy_s;
    int depth;             /* of ci_registry_db_begin */
    ci_status first_error; /* first failure inside the open transaction */
    int version_found;
    double migrated_unix_s;
} ci_db;

struct ci_registry
{
    ci_db db[CI_DB_COUNT];
    ci_registry_options options;
    char run[CI_REGISTRY_ID];
    ci_registry_owner self; /* this process; token and times unused */
};

/* Sets the error text from the handle's last error; `what` names the action. */
ci_status ci_registry_db_error(const ci_db *db, int code, const char *what);

/* Transaction: nested calls count; only the outermost commits or rolls back. */
CI_MUST_CHECK ci_status ci_registry_db_begin(ci_db *db);
ci_status ci_registry_db_end(ci_db *db, ci_status status);

/* `types`: one letter per value: t const char * (NULL is null), i int64_t, d double (NaN is
 * null). Run: no rows expected; n_changed may be NULL. */
CI_MUST_CHECK ci_status ci_registry_db_run(ci_db *db, int64_t *n_changed, const char *sql,
                                           const char *types, ...);
/* Query: step with ci_registry_db_next until it says no row (then *stmt is finalised and NULL), or
 * end early with ci_registry_db_done. */
CI_MUST_CHECK ci_status ci_registry_db_query(ci_db *db, sqlite3_stmt **stmt, const char *sql,
                                             const char *types, ...);
/* True: a row. False: the end, or a fault in *status. */
bool ci_registry_db_next(ci_db *db, sqlite3_stmt **stmt, ci_status *status);
void ci_registry_db_done(sqlite3_stmt **stmt);
/* One integer; `missing` where there is no row or null. */
CI_MUST_CHECK ci_status ci_registry_db_int(ci_db *db, int64_t *out, int64_t missing,
                                           const char *sql, const char *types, ...);
/* One text, cut to n_out; "" where there is no row or null. */
CI_MUST_CHECK ci_status ci_registry_db_word(ci_db *db, char *out, size_t n_out, const char *sql,
                                            const char *types, ...);
/* Several statements without values. */
CI_MUST_CHECK ci_status ci_registry_db_script(ci_db *db, const char *sql);

/* Columns of the present row. Null: "", 0, NaN. */
void ci_registry_db_text(sqlite3_stmt *stmt, int column, char *out, size_t n_out);
CI_MUST_CHECK ci_status ci_registry_db_text_copy(sqlite3_stmt *stmt, int column, char **out);
int64_t ci_registry_db_integer(sqlite3_stmt *stmt, int column);
double ci_registry_db_real(sqlite3_stmt *stmt, int column);

/* Room for item n (0-based) in a list that grows by doubling; new bytes are zero. */
CI_MUST_CHECK ci_status ci_registry_db_list_grow(void *items, size_t n, size_t item_size);

/* Writing open: makes, migrates. */
CI_MUST_CHECK ci_status ci_registry_db_open_write(ci_db *db, const char *backups,
                                                  double now_unix_s);
CI_MUST_CHECK ci_status ci_registry_db_open_read(ci_db *db, double now_unix_s);
void ci_registry_db_close(ci_db *db);
bool ci_registry_db_has_table(ci_db *db, const char *table);
/* Online copy of `from` into the file `path`. */
CI_MUST_CHECK ci_status ci_registry_db_backup(ci_db *from, const char *path);

/* schema.c */
int ci_registry_schema_version(ci_registry_database which);
const char *ci_registry_schema_file_name(ci_registry_database which);
/* CI_ERR_INPUT for a file that holds something, and no table of this database as contimg or the
 * deployed pipeline makes it: such a file is somebody else's. */
CI_MUST_CHECK ci_status ci_registry_schema_check_owner(ci_db *db);
/* From the version on disk to the known one; inside a transaction. */
CI_MUST_CHECK ci_status ci_registry_schema_migrate(ci_db *db, double now_unix_s);
CI_MUST_CHECK ci_status ci_registry_schema_version_read(ci_db *db, int *out);

/* changes.c */
CI_MUST_CHECK ci_status ci_registry_db_change(ci_registry *registry, ci_registry_database which,
                                              const char *kind, const char *subject,
                                              const char *from, const char *to, const char *reason);

/* lease.c: the columns lease_* that several tables have. */
#define CI_LEASE_COLUMNS                                                                           \
    "lease_host,lease_job,lease_token,lease_pid,lease_pid_start,lease_acquired_at,"                \
    "lease_expires_at"
void ci_registry_lease_read(sqlite3_stmt *stmt, int column, ci_registry_owner *owner);
void ci_registry_lease_self(ci_registry_owner *self);
/* A new lease of this process with a token of its own. */
void ci_registry_lease_new(const ci_registry *registry, double lease_s, ci_registry_owner *owner);
bool ci_registry_lease_is_ours(const ci_registry *registry, const ci_registry_owner *owner);
/* Sets or clears (owner NULL) the lease of the row `key_column` = key. */
CI_MUST_CHECK ci_status ci_registry_lease_write(ci_db *db, const char *table,
                                                const char *key_column, const char *key,
                                                const ci_registry_owner *owner);

/* observations.c: claims of observations and groups differ in table and column only. */
typedef struct ci_work_table
{
    const char *name, *state_column, *kind;
} ci_work_table;
CI_MUST_CHECK ci_status ci_registry_work_claim(ci_registry *registry, const ci_work_table *table,
                                               const char *id, double lease_s, bool *done);
CI_MUST_CHECK ci_status ci_registry_work_end(ci_registry *registry, const ci_work_table *table,
                                             const char *id, ci_registry_work_state state,
                                             const char *reason);

/* Index of a word, or `missing`. */
int ci_registry_word_find(const char *const *words, int n_word, const char *word, int missing);

#endif
