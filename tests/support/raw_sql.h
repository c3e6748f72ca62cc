/* SQL as another program would run it, on a database's file. */
#ifndef TEST_RAW_SQL_H
#define TEST_RAW_SQL_H

#include "unit_case.h"

#include <sqlite3.h>

static inline sqlite3 *raw_open(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static inline void raw_run(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) fail_msg("%s: %s", sql, error);
}

static inline void raw_change(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    raw_run(db, sql);
    sqlite3_close(db);
}

/* What SQLite answers. */
static inline int raw_try(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    int answer = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return answer;
}

static inline int64_t raw_int(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

#endif
