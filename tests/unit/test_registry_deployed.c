/* registry: the deployed program's statements on its own databases and on migrated ones: each
 * INSERT, UPDATE, SELECT and DELETE does the same on both. ci-test: timeout=300 */
#include "registry_test.h"

#include "deployed_schema.h"

/* Databases of the deployed program: as it made them, and the same, migrated. */
typedef struct pair
{
    sqlite3 *own, *migrated;
} pair;

/* What the deployed programs ask besides the rows of a table. */
static const char *const ingest_questions[] = {
    "SELECT state,COUNT(*) FROM ingest_queue GROUP BY state ORDER BY state",
    "SELECT q.group_id,q.state,q.received_at,q.last_update,COUNT(s.subband_idx),"
    "q.expected_subbands,q.has_calibrator,q.calibrators FROM ingest_queue q LEFT JOIN "
    "subband_files s USING(group_id) GROUP BY q.group_id ORDER BY q.received_at DESC LIMIT 20",
    "SELECT group_id FROM ingest_queue WHERE state='pending' ORDER BY received_at LIMIT 1", 0};
static const char *const products_questions[] = {
    "SELECT group_id,ms_paths FROM mosaic_groups WHERE status='pending' ORDER BY created_at",
    "SELECT path FROM ms_index WHERE stage='imaged' AND cal_applied=1 ORDER BY mid_mjd", 0};
static const char *const cal_questions[] = {
    "SELECT set_name,COUNT(*),SUM(status='active') FROM caltables GROUP BY set_name ORDER BY 1",
    "SELECT path FROM caltables WHERE status='active' AND coalesce(valid_start_mjd,0)<=300 AND "
    "coalesce(valid_end_mjd,1e9)>=300 ORDER BY set_name,order_index",
    0};
static const char *const data_questions[] = {
    "SELECT status,COUNT(*) FROM data_registry GROUP BY status ORDER BY status",
    "SELECT data_id,data_type,stage_path,publish_attempts,publish_error,staged_at,created_at FROM "
    "data_registry WHERE publish_attempts>0 ORDER BY staged_at DESC,data_id LIMIT 50",
    "SELECT data_id FROM data_registry WHERE finalization_status='pending' AND "
    "auto_publish_enabled=1 ORDER BY data_id",
    0};

/* ---- the same of both ------------------------------------------------------------------------ */

/* "2026-01-25 04:00:00": what CURRENT_TIMESTAMP was, which two statements may not share. */
static bool is_time(const char *text)
{
    int n = 0, field[6];
    return sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &field[0], &field[1], &field[2], &field[3],
                  &field[4], &field[5], &n) == 6 &&
           n == 19 && text[19] == '\0';
}

/* What a statement gives: its rows, how many it changed, or what was wrong. */
static char *answer(sqlite3 *db, const char *sql)
{
    ci_text out = {0};
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            OK(ci_text_append(&out, "%s|", !text ? "(null)" : is_time(text) ? "(now)" : text));
        }
    sqlite3_finalize(stmt);
    OK(ci_text_append(&out, " changed %d, %s", sqlite3_changes(db), sqlite3_errmsg(db)));
    return out.text;
}

static void same(const pair *p, const char *sql)
{
    char *expected = answer(p->own, sql), *found = answer(p->migrated, sql);
    if (strcmp(found, expected) != 0) fail_msg("%s\ngives %s\nnot   %s", sql, found, expected);
    ci_mem_free(expected);
    ci_mem_free(found);
}

/* The same, and it must do something. */
static void same_works(const pair *p, const char *sql)
{
    same(p, sql);
    if (sqlite3_errcode(p->own) > 0 && sqlite3_errcode(p->own) < SQLITE_ROW)
        fail_msg("the test's own statement is wrong: %s: %s", sql, sqlite3_errmsg(p->own));
}

/* ---- a table --------------------------------------------------------------------------------- */

typedef struct column
{
    char name[64];
    bool is_text, is_needed; /* needed: an INSERT without it is refused */
} column;

typedef struct table
{
    char name[64];
    int n;
    column item[40];
} table;

static void table_read(sqlite3 *db, const char *name, table *t)
{
    char sql[200];
    sqlite3_stmt *stmt;
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(sql, sizeof sql,
             "SELECT name,type='TEXT',\"notnull\" AND dflt_value IS NULL OR pk AND type<>'INTEGER' "
             "FROM pragma_table_info('%s')",
             name);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        column *c = &t->item[t->n++];
        snprintf(c->name, sizeof c->name, "%s", (const char *)sqlite3_column_text(stmt, 0));
        c->is_text = sqlite3_column_int(stmt, 1) != 0;
        c->is_needed = sqlite3_column_int(stmt, 2) != 0;
    }
    sqlite3_finalize(stmt);
    assert_true(t->n > 0);
}

/* The value of a column in row `i_row`. */
static void value_append(ci_text *sql, const column *c, int i_row)
{
    OK(ci_text_append(sql, c->is_text ? "'v%d'" : "%d", i_row));
}

/* INSERT, INSERT OR ...: with all columns, or with those alone that are needed. */
static void insert(const pair *p, const table *t, const char *verb, int i_row, bool all)
{
    ci_text sql = {0};
    const char *comma = "(";
    OK(ci_text_append(&sql, "%s INTO %s", verb, t->name));
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < t->n; i++) {
            if (!all && !t->item[i].is_needed) continue;
            OK(ci_text_append(&sql, "%s", comma));
            if (pass == 0)
                OK(ci_text_append(&sql, "%s", t->item[i].name));
            else
                value_append(&sql, &t->item[i], i_row);
            comma = ",";
        }
        OK(ci_text_append(&sql, pass == 0 ? ") VALUES" : ")"));
        comma = "(";
    }
    bool is_known = strstr(sql.text, "VALUES(") != NULL; /* some table needs no column */
    if (is_known) same_works(p, sql.text);
    ci_mem_free(sql.text);
}

static void column_use(const pair *p, const table *t, const column *c)
{
    ci_text sql = {0};
    OK(ci_text_append(&sql, "UPDATE %s SET %s=", t->name, c->name));
    value_append(&sql, c, 30);
    OK(ci_text_append(&sql, " WHERE %s=", c->name));
    value_append(&sql, c, 3);
    same_works(p, sql.text);
    ci_mem_free(sql.text);
    sql = (ci_text){0};
    OK(ci_text_append(&sql, "SELECT %s FROM %s WHERE %s=", c->name, t->name, c->name));
    value_append(&sql, c, 30);
    same_works(p, sql.text);
    ci_mem_free(sql.text);
}

/* All rows, column by column as the deployed program names them. */
static void rows_same(const pair *p, const table *t)
{
    ci_text sql = {0};
    for (int i = 0; i < t->n; i++)
        OK(ci_text_append(&sql, "%s%s", i ? "," : "SELECT ", t->item[i].name));
    OK(ci_text_append(&sql, " FROM %s ORDER BY rowid", t->name));
    same_works(p, sql.text);
    ci_mem_free(sql.text);
}

static void table_use(const pair *p, const char *create)
{
    char name[64], sql[2000];
    table t;
    assert_int_equal(sscanf(create, "CREATE TABLE %63[a-z_]", name), 1);
    table_read(p->own, name, &t);
    snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS%s", create + strlen("CREATE TABLE"));
    same_works(p, sql);
    insert(p, &t, "INSERT", 2, false);
    insert(p, &t, "INSERT", 3, true);
    rows_same(p, &t);
    insert(p, &t, "INSERT OR REPLACE", 3, true);
    insert(p, &t, "INSERT OR IGNORE", 3, true);
    rows_same(p, &t);
    for (int i = 0; i < t.n; i++)
        column_use(p, &t, &t.item[i]);
    rows_same(p, &t);
    snprintf(sql, sizeof sql, "DELETE FROM %s WHERE rowid IN (SELECT max(rowid) FROM %s)", name,
             name);
    same_works(p, sql);
    rows_same(p, &t);
}

/* ---- the databases --------------------------------------------------------------------------- */

static void database_use(const char *own, const char *migrated, const char *const *tables,
                         const char *const *questions)
{
    pair p = {raw_open(own), raw_open(migrated)};
    raw_run(p.own, "PRAGMA synchronous=OFF"); /* nothing of a crash is tried here */
    raw_run(p.migrated, "PRAGMA synchronous=OFF");
    for (int i = 0; tables[i]; i++)
        table_use(&p, tables[i]);
    for (int i = 0; questions[i]; i++)
        same_works(&p, questions[i]);
    sqlite3_close(p.own);
    sqlite3_close(p.migrated);
}

/* Beside contimg, which has the databases open and finds them sound afterwards. */
static void test_statements(void **state)
{
    registry_test *t = *state;
    const char *paths[4] = {t->c.ingest, t->c.cal, t->c.products, t->c.data};
    const char *const *tables[4] = {deployed_ingest, deployed_cal_registry, deployed_products,
                                    deployed_data_registry};
    const char *const *questions[4] = {ingest_questions, cal_questions, products_questions,
                                       data_questions};
    char own[4][400];
    for (int d = 0; d < 4; d++) {
        snprintf(own[d], sizeof own[d], "%s.own", paths[d]);
        for (int i = 0; tables[d][i]; i++) {
            raw_change(paths[d], tables[d][i]);
            raw_change(own[d], tables[d][i]);
        }
    }
    registry_open(t);
    for (int d = 0; d < 4; d++) {
        database_use(own[d], paths[d], tables[d], questions[d]);
        OK(ci_registry_verify(t->registry, (ci_registry_database)d));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST_CLOSED(test_statements),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
