/* One SQLite database: transactions, and statements with typed values. Private to registry. All
 * functions are local. */
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
    bool is_repeated;      /* as in ci_registry_options */
    int depth;             /* of ci_registry_db_begin */
    ci_status first_error; /* first failure inside the open transaction */
    int version_found;
    double migrated_unix_s;
} ci_db;

/* Sets the error text from the handle's last error; `what` names the action. */
ci_status ci_registry_db_error(const ci_db *db, int code, const char *what);
/* Closes the handle and frees; what is open is rolled back. */
void ci_registry_db_close(ci_db *db);

/* Transaction: nested calls count; only the outermost commits or rolls back. */
CI_MUST_CHECK ci_status ci_registry_db_begin(ci_db *db);
ci_status ci_registry_db_end(ci_db *db, ci_status status);

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct ci_value
{
    enum
    {
        CI_VALUE_END, /* of a list */
        CI_VALUE_NULL,
        CI_VALUE_TEXT,
        CI_VALUE_INT,
        CI_VALUE_REAL
    } type;
    union
    {
        const char *text; /* borrowed */
        int64_t integer;
        double real;
    };
} ci_value;

/* NULL is null. */
static inline ci_value ci_value_text(const char *text)
{
    return (ci_value){.type = text ? CI_VALUE_TEXT : CI_VALUE_NULL, .text = text};
}

static inline ci_value ci_value_int(int64_t integer)
{
    return (ci_value){.type = CI_VALUE_INT, .integer = integer};
}

/* NaN is null. */
static inline ci_value ci_value_real(double real)
{
    return (ci_value){.type = real == real ? CI_VALUE_REAL : CI_VALUE_NULL, .real = real};
}

/* A value of whatever type x has. */
#define V(x)                                                                                       \
    _Generic((x),                                                                                  \
        char *: ci_value_text,                                                                     \
        const char *: ci_value_text,                                                               \
        double: ci_value_real,                                                                     \
        default: ci_value_int)(x)
#define CI_NULL ((ci_value){.type = CI_VALUE_NULL})
/* The values of a statement's parameters in order: VALUES(V(id), V(time)); NO_VALUES for none. */
#define VALUES(...) ((const ci_value[]){__VA_ARGS__, {.type = CI_VALUE_END}})
#define NO_VALUES ((const ci_value[]){{.type = CI_VALUE_END}})

/* A column and what it is set to. */
typedef struct ci_named_value
{
    const char *column;
    ci_value value;
} ci_named_value;
/* SET({"state", V(state)}, {"error", V(why)}) */
#define SET(...) ((const ci_named_value[]){__VA_ARGS__, {NULL, {.type = CI_VALUE_END}}})
#define SET_NOTHING ((const ci_named_value[]){{NULL, {.type = CI_VALUE_END}}})

/* ---- statements ------------------------------------------------------------------------------ */

/* No rows expected; n_changed may be NULL. */
CI_MUST_CHECK ci_status ci_registry_db_run(ci_db *db, int64_t *n_changed, const char *sql,
                                           const ci_value *values);
CI_MUST_CHECK ci_status ci_registry_db_insert(ci_db *db, const char *table,
                                              const ci_named_value *set);
/* `where` with its keyword, "WHERE id=?", and its values. */
CI_MUST_CHECK ci_status ci_registry_db_update(ci_db *db, int64_t *n_changed, const char *table,
                                              const ci_named_value *set, const char *where,
                                              const ci_value *values);
/* Query: step with ci_registry_db_next until it says no row (then *stmt is finalised and NULL), or
 * end early with ci_registry_db_done. */
CI_MUST_CHECK ci_status ci_registry_db_query(ci_db *db, sqlite3_stmt **stmt, const char *sql,
                                             const ci_value *values);
/* True: a row. False: the end, or a fault in *status. */
bool ci_registry_db_next(ci_db *db, sqlite3_stmt **stmt, ci_status *status);
void ci_registry_db_done(sqlite3_stmt **stmt);
/* One integer; `missing` where there is no row or null. */
CI_MUST_CHECK ci_status ci_registry_db_int(ci_db *db, int64_t *out, int64_t missing,
                                           const char *sql, const ci_value *values);
/* One text, cut to n_out; "" where there is no row or null. */
CI_MUST_CHECK ci_status ci_registry_db_word(ci_db *db, char *out, size_t n_out, const char *sql,
                                            const ci_value *values);
/* Several statements without values. */
CI_MUST_CHECK ci_status ci_registry_db_script(ci_db *db, const char *sql);
bool ci_registry_db_has_table(ci_db *db, const char *table);

/* Columns of the present row. Null: "", NaN. */
void ci_registry_db_text(sqlite3_stmt *stmt, int column, char *out, size_t n_out);
CI_MUST_CHECK ci_status ci_registry_db_text_copy(sqlite3_stmt *stmt, int column, char **out);
double ci_registry_db_real(sqlite3_stmt *stmt, int column);

#endif
