/* registry: databases of the deployed pipeline are migrated without losing a row, and their rows
 * are never worked on.
 * ci-test: timeout=300 */
#include "registry_test.h"
#include "contimg/registry_cal.h"

#include "deployed_schema.h"

#include <glob.h>

/* ---- tables as they stand -------------------------------------------------------------------- */

typedef struct table_facts
{
    char name[64], columns[2048];
    int n_column;
    char type[64][16];
} table_facts;

static void table_read(sqlite3 *db, const char *name, table_facts *t)
{
    char sql[128];
    sqlite3_stmt *stmt;
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(sql, sizeof sql, "SELECT name,type FROM pragma_table_info('%s')", name);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        size_t n = strlen(t->columns);
        snprintf(t->columns + n, sizeof t->columns - n, "%s%s", n ? "," : "",
                 (const char *)sqlite3_column_text(stmt, 0));
        snprintf(t->type[t->n_column++], 16, "%s", (const char *)sqlite3_column_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    assert_true(t->n_column > 0);
}

/* A row with something in every column, by the deployed program's columns. */
static void row_insert(sqlite3 *db, const table_facts *t, int i_row)
{
    char sql[8192];
    int n = snprintf(sql, sizeof sql, "INSERT INTO %s(%s) VALUES(", t->name, t->columns);
    for (int i = 0; i < t->n_column; i++)
        n += snprintf(sql + n, sizeof sql - (size_t)n,
                      t->type[i][0] == 'T' && t->type[i][1] == 'E' ? "%s'text-%d-%d'" : "%s%d%02d",
                      i ? "," : "", i_row + 1, i);
    snprintf(sql + n, sizeof sql - (size_t)n, ")");
    raw_run(db, sql);
}

/* All rows of the given columns as one text. */
static char *rows_text(sqlite3 *db, const table_facts *t)
{
    ci_text out = {0};
    char sql[4096];
    sqlite3_stmt *stmt;
    snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY 1", t->columns, t->name);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    OK(ci_text_append(&out, "%s:", t->name));
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < t->n_column; i++)
            OK(ci_text_append(&out, "%s|", (const char *)sqlite3_column_text(stmt, i)));
    sqlite3_finalize(stmt);
    return out.text;
}

/* ---- migration ------------------------------------------------------------------------------- */

typedef struct deployed_db
{
    int n;
    table_facts facts[40];
    char *before[40];
} deployed_db;

/* Tables with three rows each. */
static void deployed_make(deployed_db *d, const char *path, const char *const *tables,
                          bool workflow_mosaics)
{
    sqlite3 *db = raw_open(path);
    for (int i = 0; tables[i]; i++) {
        const char *sql = tables[i];
        char name[64];
        assert_int_equal(sscanf(sql, "CREATE TABLE %63[a-z_]", name), 1);
        if (workflow_mosaics && strcmp(name, "mosaics") == 0) sql = deployed_mosaics_workflow;
        raw_run(db, sql);
        table_read(db, name, &d->facts[d->n]);
        for (int k = 0; k < 3; k++)
            row_insert(db, &d->facts[d->n], k);
        d->n++;
    }
    sqlite3_close(db);
}

static void remember(deployed_db *d, const char *path)
{
    sqlite3 *db = raw_open(path);
    for (int i = 0; i < d->n; i++)
        d->before[i] = rows_text(db, &d->facts[i]);
    sqlite3_close(db);
}

/* Every row is as it was, and what the deployed program writes, it can still write. */
static void check_rows(deployed_db *d, const char *path)
{
    sqlite3 *db = raw_open(path);
    for (int i = 0; i < d->n; i++) {
        char *after = rows_text(db, &d->facts[i]);
        assert_string_equal(after, d->before[i]);
        ci_mem_free(after);
        ci_mem_free(d->before[i]);
        row_insert(db, &d->facts[i], 7);
    }
    sqlite3_close(db);
}

/* Copies of the state before, each of version 0. */
static void check_copies(const registry_test *t)
{
    char pattern[400];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.sqlite3", t->c.backups);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    size_t n = found.gl_pathc, n_old = 0;
    for (size_t i = 0; i < n; i++)
        n_old += raw_int(found.gl_pathv[i], "PRAGMA user_version") == 0 &&
                 raw_int(found.gl_pathv[i], "SELECT count(*) FROM sqlite_master WHERE "
                                            "name='contimg_meta'") == 0;
    globfree(&found);
    assert_int_equal(n, 4);
    assert_int_equal(n_old, 4);
}

static void migrate_case(registry_test *t, bool workflow_mosaics, bool registry_in_products)
{
    static deployed_db deployed[4];
    const char *paths[4] = {t->c.ingest, t->c.cal, t->c.products, t->c.data};
    const char *const *tables[4] = {deployed_ingest, deployed_cal_registry, deployed_products,
                                    deployed_data_registry};
    memset(deployed, 0, sizeof deployed);
    for (int d = 0; d < 4; d++)
        deployed_make(&deployed[d], paths[d], tables[d], workflow_mosaics);
    if (registry_in_products)
        deployed_make(&deployed[2], t->c.products, deployed_data_registry, false);
    for (int d = 0; d < 4; d++)
        remember(&deployed[d], paths[d]);
    registry_open(t);
    for (int d = 0; d < 4; d++) {
        ci_registry_database which = (ci_registry_database)d;
        assert_int_equal(ci_registry_version_found(t->registry, which), 0);
        assert_true(ci_registry_migrated_unix_s(t->registry, which) == t->c.clock.unix_s);
        OK(ci_registry_verify(t->registry, which));
        check_rows(&deployed[d], paths[d]);
        assert_int_equal(raw_int(paths[d], "PRAGMA user_version"),
                         ci_registry_version_known(which));
    }
    check_copies(t);
    assert_int_equal(
        raw_int(t->c.ingest, "SELECT count(*) FROM ingest_queue WHERE origin='deployed'"), 4);
    registry_close(t);
    registry_open(t); /* a second opening migrates nothing and copies nothing */
    check_copies(t);
}

static void test_migrate(void **state)
{
    migrate_case(*state, false, false);
}

static void test_migrate_other_shapes(void **state)
{
    migrate_case(*state, true, true);
}

/* A database of version 1 gets the columns that came later, its rows unchanged. */
static void test_version_1(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID], group[CI_REGISTRY_ID];
    int64_t n_fault = 0;
    bool is_new;
    registry_open(t);
    observation_make(t->registry, t->c.clock.unix_s, id);
    OK(group_make(t->registry, 1, &id, 0, t->c.clock.unix_s, group, &is_new));
    registry_close(t);
    raw_change(t->c.ingest, "ALTER TABLE mosaic_groups DROP COLUMN n_fault; PRAGMA user_version=1");
    registry_open(t);
    assert_int_equal(ci_registry_version_found(t->registry, CI_REGISTRY_DB_INGEST), 1);
    OK(ci_registry_group_fault(t->registry, group, &n_fault));
    assert_int_equal(n_fault, 1);
    assert_int_equal(raw_int(t->c.ingest, "SELECT count(*) FROM mosaic_groups"), 1);
    OK(ci_registry_verify(t->registry, CI_REGISTRY_DB_INGEST));
}

/* An older contimg.env names the calibration registry as the data registry. */
static void test_registry_db_is_cal(void **state)
{
    registry_test *t = *state;
    static deployed_db deployed;
    ci_registry_cals *tables;
    deployed_make(&deployed, t->c.cal, deployed_cal_registry, false);
    t->c.paths.data = t->c.cal;
    t->c.paths.cal = "/nowhere/cal.sqlite3";
    registry_open(t);
    assert_string_equal(ci_registry_path(t->registry, CI_REGISTRY_DB_DATA), t->c.data);
    assert_string_equal(ci_registry_path(t->registry, CI_REGISTRY_DB_CAL), t->c.cal);
    OK(ci_registry_cals_read(t->registry, &tables, true));
    assert_int_equal(tables->n, 3);
    ci_registry_cals_free(tables);
    assert_int_equal(raw_int(t->c.data, "SELECT count(*) FROM data_registry"), 0);
}

/* ---- deployed rows are seen and never worked on ---------------------------------------------- */

static void test_deployed_observations(void **state)
{
    registry_test *t = *state;
    ci_registry_observations *list;
    bool done;
    raw_change(t->c.ingest, deployed_ingest[0]);
    raw_change(t->c.ingest, "INSERT INTO ingest_queue(group_id,state,received_at,last_update) "
                            "VALUES('2025-11-01T00:00:00','pending',1,1),"
                            "('2025-11-01T00:05:00','collecting',1,1)");
    registry_open(t);
    OK(ci_registry_observations_read(t->registry, &list, NAN, NAN, true));
    assert_int_equal(list->n, 2);
    assert_true(list->item[0].is_deployed);
    ci_registry_observations_free(list);
    OK(ci_registry_observations_open(t->registry, &list));
    assert_int_equal(list->n, 0);
    ci_registry_observations_free(list);
    assert_int_equal(ci_registry_observation_claim(t->registry, "2025-11-01T00:00:00", 60, &done),
                     CI_ERR_INPUT);
}

static void test_deployed_products(void **state)
{
    registry_test *t = *state;
    ci_registry_claim claim;
    ci_registry_owner owner;
    ci_registry_products *products;
    bool taken;
    raw_change(t->c.data, deployed_data_registry[0]);
    raw_change(t->c.data, "INSERT INTO data_registry(data_type,data_id,base_path,status,"
                          "stage_path,created_at,staged_at) VALUES"
                          "('mosaic','m1','/stage','staging','/stage/m1',1,1),"
                          "('mosaic','m2','/stage','publishing','/stage/m2',1,1)");
    registry_open(t);
    OK(ci_registry_product_claim(t->registry, "m1", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_REGISTRY_CLAIM_UNKNOWN);
    OK(ci_registry_product_take_over(t->registry, "m2", 60, &owner, &taken));
    assert_false(taken);
    OK(ci_registry_products_read(t->registry, &products, -1, true));
    assert_int_equal(products->n, 2);
    ci_registry_products_free(products);
    OK(ci_registry_products_read(t->registry, &products, -1, false));
    assert_int_equal(products->n, 0);
    ci_registry_products_free(products);
}

static void test_deployed_tables(void **state)
{
    registry_test *t = *state;
    static deployed_db deployed;
    ci_registry_cal_want want;
    ci_registry_cals *tables;
    bool borrowed;
    deployed_make(&deployed, t->c.cal, deployed_cal_registry, false);
    registry_open(t);
    ci_registry_cal_want_default(&want, CI_REGISTRY_BANDPASS);
    want.time_mjd_s = 100;
    want.validity_s = want.borrow_s = 1e12;
    OK(ci_registry_cal_choose(t->registry, &want, &tables, &borrowed));
    assert_int_equal(tables->n, 0);
    ci_registry_cals_free(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST_CLOSED(test_migrate),
        REGISTRY_TEST_CLOSED(test_migrate_other_shapes),
        REGISTRY_TEST_CLOSED(test_version_1),
        REGISTRY_TEST_CLOSED(test_registry_db_is_cal),
        REGISTRY_TEST_CLOSED(test_deployed_observations),
        REGISTRY_TEST_CLOSED(test_deployed_products),
        REGISTRY_TEST_CLOSED(test_deployed_tables),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
