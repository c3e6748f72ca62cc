/* ci-test: timeout=120 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deployed_schema.h"
#include "registry_case.h"

#include <glob.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define OK(expression) assert_ok((expression), #expression)
static void assert_ok(ci_status status, const char *what)
{
    if (status != CI_OK) fail_msg("%s: %s: %s", what, ci_status_name(status), ci_error_text());
}

/* ---- raw SQL ------------------------------------------------------------------------------ */

static sqlite3 *raw_open(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static void raw_run(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) fail_msg("%s: %s", sql, error);
}

static int64_t raw_int(const char *path, const char *sql)
{
    sqlite3 *db = raw_open(path);
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

typedef struct table_facts
{
    char name[64], columns[2048];
    int n_column;
    char type[64][16];
} table_facts;

/* Name and columns of a table as it stands. */
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

static int deployed_make(const char *path, const char *const *tables, bool workflow_mosaics,
                         table_facts *facts)
{
    sqlite3 *db = raw_open(path);
    int n = 0;
    for (; tables[n]; n++) {
        const char *sql = tables[n];
        char name[64];
        assert_int_equal(sscanf(sql, "CREATE TABLE %63[a-z_]", name), 1);
        if (workflow_mosaics && strcmp(name, "mosaics") == 0) sql = deployed_mosaics_workflow;
        raw_run(db, sql);
        table_read(db, name, &facts[n]);
        for (int i = 0; i < 3; i++)
            row_insert(db, &facts[n], i);
    }
    sqlite3_close(db);
    return n;
}

static void migrate_case(bool workflow_mosaics, bool registry_in_products)
{
    static table_facts facts[4][40];
    static char *before[4][40];
    registry_case c;
    ci_registry *registry;
    case_new(&c);
    const char *paths[4] = {c.ingest, c.cal, c.products, c.data};
    const char *const *tables[4] = {deployed_ingest, deployed_cal_registry, deployed_products,
                                    deployed_data_registry};
    int n[4];
    for (int d = 0; d < 4; d++)
        n[d] = deployed_make(paths[d], tables[d], workflow_mosaics, facts[d]);
    if (registry_in_products)
        n[2] += deployed_make(c.products, deployed_data_registry, false, &facts[2][n[2]]);
    for (int d = 0; d < 4; d++) {
        sqlite3 *db = raw_open(paths[d]);
        for (int i = 0; i < n[d]; i++)
            before[d][i] = rows_text(db, &facts[d][i]);
        sqlite3_close(db);
    }
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    for (int d = 0; d < 4; d++) {
        assert_int_equal(ci_registry_version_found(registry, (ci_registry_database)d), 0);
        assert_true(ci_registry_migrated_unix_s(registry, (ci_registry_database)d) ==
                    c.clock.unix_s);
        OK(ci_registry_verify(registry, (ci_registry_database)d));
        sqlite3 *db = raw_open(paths[d]);
        for (int i = 0; i < n[d]; i++) {
            char *after = rows_text(db, &facts[d][i]);
            assert_string_equal(after, before[d][i]);
            ci_mem_free(after);
            ci_mem_free(before[d][i]);
            /* What the deployed program writes, it can still write. */
            row_insert(db, &facts[d][i], 7);
        }
        sqlite3_close(db);
        assert_int_equal(raw_int(paths[d], "PRAGMA user_version"), ci_registry_version_known(d));
    }
    /* Copies of the state before, each of version 0. */
    char pattern[400];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.sqlite3", c.backups);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 4);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assert_int_equal(raw_int(found.gl_pathv[i], "PRAGMA user_version"), 0);
        assert_int_equal(raw_int(found.gl_pathv[i], "SELECT count(*) FROM sqlite_master WHERE "
                                                    "name='contimg_meta'"),
                         0);
    }
    globfree(&found);
    assert_int_equal(raw_int(c.ingest, "SELECT count(*) FROM ingest_queue WHERE "
                                       "origin='deployed'"),
                     4);
    ci_registry_close(registry);
    /* A second opening migrates nothing and copies nothing. */
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    ci_registry_close(registry);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 4);
    globfree(&found);
    case_end(&c);
}

static void test_migrate(void **state)
{
    (void)state;
    size_t memory = ci_mem_now();
    migrate_case(false, false);
    migrate_case(true, true);
    assert_int_equal(ci_mem_now(), memory);
}

/* Rows of the deployed pipeline are seen and never worked on. */
static void test_deployed_rows_rest(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    table_facts facts[40];
    case_new(&c);
    sqlite3 *db = raw_open(c.ingest);
    raw_run(db, deployed_ingest[0]);
    raw_run(db, "INSERT INTO ingest_queue(group_id,state,received_at,last_update) VALUES"
                "('2025-11-01T00:00:00','pending',1,1),('2025-11-01T00:05:00','collecting',1,1)");
    sqlite3_close(db);
    db = raw_open(c.data);
    raw_run(db, deployed_data_registry[0]);
    raw_run(db, "INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,"
                "created_at,staged_at) VALUES('mosaic','m1','/stage','staging','/stage/m1',1,1),"
                "('mosaic','m2','/stage','publishing','/stage/m2',1,1)");
    sqlite3_close(db);
    deployed_make(c.cal, deployed_cal_registry, false, facts);
    OK(ci_registry_open(&registry, &c.paths, &c.options));

    ci_registry_observations *list;
    OK(ci_registry_observations_read(registry, &list, NAN, NAN, true));
    assert_int_equal(list->n, 2);
    assert_true(list->item[0].is_deployed);
    ci_registry_observations_free(list);
    OK(ci_registry_observations_open(registry, &list));
    assert_int_equal(list->n, 0);
    ci_registry_observations_free(list);
    bool done;
    assert_int_equal(ci_registry_observation_claim(registry, "2025-11-01T00:00:00", 60, &done),
                     CI_ERR_INPUT);

    ci_registry_claim claim;
    ci_registry_owner owner;
    OK(ci_registry_product_claim(registry, "m1", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_UNKNOWN);
    OK(ci_registry_product_take_over(registry, "m2", 60, &owner, &done));
    assert_false(done);
    ci_registry_products *products;
    OK(ci_registry_products_read(registry, &products, -1, true));
    assert_int_equal(products->n, 2);
    ci_registry_products_free(products);
    OK(ci_registry_products_read(registry, &products, -1, false));
    assert_int_equal(products->n, 0);
    ci_registry_products_free(products);

    ci_registry_cal_want want;
    ci_registry_cals *tables;
    bool borrowed;
    ci_registry_cal_want_default(&want, CI_REGISTRY_BANDPASS);
    want.time_mjd_s = 100;
    want.validity_s = want.borrow_s = 1e12;
    OK(ci_registry_cal_choose(registry, &want, &tables, &borrowed));
    assert_int_equal(tables->n, 0);
    ci_registry_cals_free(tables);
    ci_registry_close(registry);
    case_end(&c);
}

static void test_versions(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    case_new(&c);
    /* Reading where nothing is: empty, and nothing is made. */
    c.options.read_only = true;
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    int64_t counts[CI_WORK_STATE_COUNT];
    OK(ci_registry_observation_counts(registry, counts));
    for (int i = 0; i < CI_WORK_STATE_COUNT; i++)
        assert_int_equal(counts[i], 0);
    ci_registry_close(registry);
    assert_false(ci_path_exists(c.ingest));
    /* Reading an older one: as if of today, the file unchanged. */
    table_facts facts[40];
    char sha[CI_SHA256_HEX], again[CI_SHA256_HEX];
    deployed_make(c.ingest, deployed_ingest, false, facts);
    sqlite3 *db = raw_open(c.ingest);
    raw_run(db, "UPDATE ingest_queue SET state='failed'");
    sqlite3_close(db);
    OK(ci_sha256_file(sha, c.ingest));
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_observation_counts(registry, counts));
    assert_int_equal(counts[CI_WORK_FAILED], 3);
    ci_registry_close(registry);
    OK(ci_sha256_file(again, c.ingest));
    assert_string_equal(sha, again);
    /* A newer one is refused, by readers and writers, and not touched. */
    db = raw_open(c.ingest);
    raw_run(db, "PRAGMA user_version=99");
    sqlite3_close(db);
    OK(ci_sha256_file(sha, c.ingest));
    assert_int_equal(ci_registry_open(&registry, &c.paths, &c.options), CI_ERR_NOT_READY);
    assert_null(registry);
    assert_non_null(strstr(ci_error_text(), "99"));
    c.options.read_only = false;
    assert_int_equal(ci_registry_open(&registry, &c.paths, &c.options), CI_ERR_NOT_READY);
    assert_int_equal(ci_status_exit_code(CI_ERR_NOT_READY), 6);
    OK(ci_sha256_file(again, c.ingest));
    assert_string_equal(sha, again);
    case_end(&c);
}

static void foreign_case(const char *sql, int which, bool read_only)
{
    registry_case c;
    ci_registry *registry;
    char sha[CI_SHA256_HEX], again[CI_SHA256_HEX];
    case_new(&c);
    const char *paths[4] = {c.ingest, c.cal, c.products, c.data};
    sqlite3 *db = raw_open(paths[which]);
    raw_run(db, sql);
    sqlite3_close(db);
    OK(ci_sha256_file(sha, paths[which]));
    c.options.read_only = read_only;
    assert_int_equal(ci_registry_open(&registry, &c.paths, &c.options), CI_ERR_INPUT);
    assert_null(registry);
    assert_non_null(strstr(ci_error_text(), paths[which]));
    assert_non_null(strstr(ci_error_text(), "name another file"));
    OK(ci_sha256_file(again, paths[which]));
    assert_string_equal(sha, again);
    assert_false(ci_path_exists(c.backups));
    case_end(&c);
}

/* A database of another program, whatever it numbers its versions, is not taken over. */
static void test_foreign(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url TEXT)",
        "CREATE TABLE users(id INTEGER PRIMARY KEY, username TEXT); CREATE TABLE jobs(id INTEGER)",
        "CREATE TABLE data_registry(key TEXT, value TEXT); PRAGMA user_version=1",
        "CREATE TABLE notes(id INTEGER PRIMARY KEY); PRAGMA user_version=42"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        for (int which = 0; which < 4; which++)
            for (int read_only = 0; read_only < 2; read_only++)
                foreign_case(foreign[i], which, read_only != 0);
    /* Nor one of contimg's own for another. */
    registry_case c;
    ci_registry *registry;
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    ci_registry_close(registry);
    c.paths.products = c.ingest;
    assert_int_equal(ci_registry_open(&registry, &c.paths, &c.options), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "CONTIMG_PRODUCTS_DB"));
    case_end(&c);
}

/* An older contimg.env names the calibration registry as the data registry. */
static void test_registry_db_is_cal(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    table_facts facts[40];
    case_new(&c);
    deployed_make(c.cal, deployed_cal_registry, false, facts);
    c.paths.data = c.cal;
    c.paths.cal = "/nowhere/cal.sqlite3";
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    assert_string_equal(ci_registry_path(registry, CI_DB_DATA), c.data);
    assert_string_equal(ci_registry_path(registry, CI_DB_CAL), c.cal);
    ci_registry_cals *tables;
    OK(ci_registry_cals_read(registry, &tables, true));
    assert_int_equal(tables->n, 3);
    ci_registry_cals_free(tables);
    ci_registry_close(registry);
    assert_int_equal(raw_int(c.data, "SELECT count(*) FROM data_registry"), 0);
    case_end(&c);
}

static void test_backup(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    char id[CI_REGISTRY_ID], path[400];
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_run_begin(registry, "contimg run", NULL, id));
    snprintf(path, sizeof path, "%s/copy.sqlite3", c.folder);
    OK(ci_registry_backup(registry, CI_DB_PRODUCTS, path));
    assert_int_equal(raw_int(path, "SELECT count(*) FROM runs"), 1);
    OK(ci_registry_run_end(registry, id, CI_ERR_GATE, "refused", "/r"));
    ci_registry_runs *runs;
    OK(ci_registry_runs_read(registry, &runs, 5));
    assert_int_equal(runs->n, 1);
    assert_int_equal(runs->item[0].exit_code, 7);
    ci_registry_runs_free(runs);
    ci_registry_close(registry);
    case_end(&c);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void test_transactions(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    ci_registry_file f = {.path = "/in/a.hdf5", .state = CI_FILE_GROWING, .sub_band = -1};
    ci_registry_files *files;
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    /* A step that fails inside takes everything back, and the end says so. */
    OK(ci_registry_begin(registry, CI_DB_INGEST));
    assert_true(ci_registry_in_transaction(registry, CI_DB_INGEST));
    OK(ci_registry_file_put(registry, &f));
    bool done;
    assert_int_equal(ci_registry_observation_claim(registry, "none", 1, &done), CI_ERR_INPUT);
    assert_int_equal(ci_registry_end(registry, CI_DB_INGEST, CI_OK), CI_ERR_INPUT);
    assert_false(ci_registry_in_transaction(registry, CI_DB_INGEST));
    OK(ci_registry_files_read(registry, &files, NULL));
    assert_int_equal(files->n, 0);
    ci_registry_files_free(files);
    /* And the next one is a new one. */
    OK(ci_registry_file_put(registry, &f));
    OK(ci_registry_files_read(registry, &files, NULL));
    assert_int_equal(files->n, 1);
    ci_registry_files_free(files);
    ci_registry_close(registry);
    case_end(&c);
}

/* A process that holds the write lock for `seconds`. */
static pid_t lock_holder(const char *path, double seconds)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        sqlite3_open(path, &db);
        sqlite3_busy_timeout(db, 5000);
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (write(ready[1], "x", 1) != 1) _exit(2);
        usleep((useconds_t)(1e6 * seconds));
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void test_busy(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    ci_registry_file f = {.path = "/in/a.hdf5", .state = CI_FILE_GROWING, .sub_band = -1};
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    pid_t pid = lock_holder(c.ingest, 1.0);
    double start = ci_clock_monotonic_s();
    OK(ci_registry_file_put(registry, &f)); /* waits */
    assert_true(ci_clock_monotonic_s() - start > 0.5);
    waitpid(pid, NULL, 0);
    ci_registry_close(registry);

    c.options.busy_s = 0.3;
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    pid = lock_holder(c.ingest, 2.0);
    assert_int_equal(ci_registry_file_put(registry, &f), CI_ERR_NOT_READY);
    assert_non_null(strstr(ci_error_text(), "locked"));
    /* Readers do not wait for writers (write-ahead log on a local disk). */
    ci_registry_files *files;
    OK(ci_registry_files_read(registry, &files, NULL));
    assert_int_equal(files->n, 1);
    ci_registry_files_free(files);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ci_registry_close(registry);
    case_end(&c);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void observation_make(ci_registry *registry, double unix_s, char id[CI_REGISTRY_ID])
{
    ci_registry_observation o = {.state = CI_WORK_PENDING,
                                 .is_ready = true,
                                 .first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s),
                                 .interval_s = 12.885,
                                 .n_expected = 16,
                                 .n_present = 16};
    char text[32];
    ci_time_iso(text, o.first_time_mjd_s, 6, false);
    snprintf(o.id, sizeof o.id, "%s", text);
    OK(ci_registry_observation_put(registry, &o));
    snprintf(id, CI_REGISTRY_ID, "%s", o.id);
}

static ci_status group_make(ci_registry *registry, size_t n, char (*ids)[CI_REGISTRY_ID],
                            size_t n_overlap, double unix_s, char id[CI_REGISTRY_ID], bool *is_new)
{
    ci_registry_member members[16] = {0};
    const char *names[16];
    ci_registry_group g = {.state = CI_WORK_PENDING,
                           .closed_by = "full",
                           .n_min_tiles = 2,
                           .n_member = n,
                           .member = members};
    for (size_t i = 0; i < n; i++) {
        snprintf(members[i].observation_id, CI_REGISTRY_ID, "%s", ids[i]);
        members[i].role = i < n_overlap ? CI_ROLE_OVERLAP : CI_ROLE_NEW;
        names[i] = ids[i];
    }
    members[0].first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s);
    CI_TRY(ci_registry_group_id(g.id, names, n, members[0].first_time_mjd_s));
    snprintf(id, CI_REGISTRY_ID, "%s", g.id);
    return ci_registry_group_add(registry, &g, is_new);
}

static void test_groups(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry, *other;
    char ids[6][CI_REGISTRY_ID], id[CI_REGISTRY_ID], again[CI_REGISTRY_ID];
    bool is_new, done, needed;
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    for (int i = 0; i < 6; i++)
        observation_make(registry, c.clock.unix_s + 309 * i, ids[i]);
    OK(group_make(registry, 3, ids, 0, c.clock.unix_s, id, &is_new));
    assert_true(is_new);
    /* The known answer: sha256 of the three ids, microseconds of the first. */
    char hex[CI_SHA256_HEX], text[400], wanted[CI_REGISTRY_ID];
    snprintf(text, sizeof text, "%s\n%s\n%s", ids[0], ids[1], ids[2]);
    OK(ci_sha256_bytes(hex, text, strlen(text)));
    snprintf(wanted, sizeof wanted, "%.12s_%.0f000000", hex, c.clock.unix_s);
    assert_string_equal(id, wanted);
    /* Again: the same group, nothing new. */
    OK(group_make(registry, 3, ids, 0, c.clock.unix_s, again, &is_new));
    assert_string_equal(id, again);
    assert_false(is_new);
    /* New twice is refused, and leaves nothing behind. */
    assert_int_equal(group_make(registry, 2, &ids[2], 0, c.clock.unix_s + 618, again, &is_new),
                     CI_ERR_INPUT);
    OK(ci_registry_observation_is_needed(registry, ids[0], &needed));
    assert_true(needed); /* its group is not made */
    /* Overlap once, not twice. */
    OK(group_make(registry, 3, &ids[1], 2, c.clock.unix_s + 309, again, &is_new));
    assert_true(is_new);
    assert_int_equal(group_make(registry, 2, &ids[2], 1, c.clock.unix_s, again, &is_new),
                     CI_ERR_INPUT);

    ci_registry_groups *groups;
    OK(ci_registry_groups_ready(registry, &groups));
    assert_int_equal(groups->n, 2);
    assert_string_equal(groups->item[0].id, id);
    assert_int_equal(groups->item[1].member[1].role, CI_ROLE_OVERLAP);
    assert_int_equal(groups->item[1].member[2].role, CI_ROLE_NEW);
    ci_registry_groups_free(groups);

    /* Claims: a second handle of this process owns what the first does; another process
     * that lives is told who; a dead one's claim is taken. */
    OK(ci_registry_group_claim(registry, id, 600, &done));
    assert_false(done);
    OK(ci_registry_open(&other, &c.paths, &c.options));
    OK(ci_registry_group_claim(other, id, 600, &done));
    OK(ci_registry_group_renew(other, id, 600));
    ci_registry_close(other);
    ci_registry_close(registry);
    pid_t pid = fork();
    if (pid == 0) {
        ci_status status = ci_registry_open(&other, &c.paths, &c.options);
        if (status == CI_OK) status = ci_registry_group_claim(other, id, 600, &done);
        _exit(status == CI_ERR_NOT_READY && strstr(ci_error_text(), "pid") ? 0 : 1);
    }
    int result;
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    pid = fork();
    if (pid == 0) {
        /* Gives the first group up in the parent's name is not possible; takes the second. */
        ci_registry_groups *ready;
        ci_status status = ci_registry_open(&other, &c.paths, &c.options);
        if (status == CI_OK) status = ci_registry_groups_ready(other, &ready);
        if (status == CI_OK && ready->n == 1)
            status = ci_registry_group_claim(other, ready->item[0].id, 600, &done);
        else
            _exit(2);
        _exit(status == CI_OK ? 0 : 1);
    }
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_groups_ready(registry, &groups)); /* the child is dead: free again */
    assert_int_equal(groups->n, 1);
    ci_registry_groups_free(groups);
    OK(ci_registry_group_end(registry, id, CI_WORK_COMPLETED, NULL, "mosaic"));
    assert_int_equal(ci_registry_group_end(registry, id, CI_WORK_FAILED, "x", NULL),
                     CI_ERR_NOT_READY);
    OK(ci_registry_group_claim(registry, id, 600, &done));
    assert_true(done);
    OK(ci_registry_observation_is_needed(registry, ids[0], &needed));
    assert_false(needed);
    OK(ci_registry_observation_is_needed(registry, ids[2], &needed));
    assert_true(needed); /* member of the second, still open */
    ci_registry_changes *changes;
    OK(ci_registry_changes_read(registry, &changes, id, 0));
    assert_int_equal(changes->n, 3); /* made, taken, done */
    assert_string_equal(changes->item[2].to, "completed");
    ci_registry_changes_free(changes);
    ci_registry_close(registry);
    case_end(&c);
}

/* 1000 groups within a second, from 8 processes, every list offered by two of them. */
static void test_thousand_groups(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    enum
    {
        n_process = 8,
        n_group = 1000
    };
    static char ids[n_group][CI_REGISTRY_ID];
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_begin(registry, CI_DB_INGEST));
    for (int i = 0; i < n_group; i++)
        observation_make(registry, c.clock.unix_s + 1e-3 * i, ids[i]);
    OK(ci_registry_end(registry, CI_DB_INGEST, CI_OK));
    ci_registry_close(registry);
    pid_t pids[n_process];
    for (int p = 0; p < n_process; p++) {
        pids[p] = fork();
        if (pids[p] != 0) continue;
        int n_new = 0, first = (p % 4) * (n_group / 4);
        if (ci_registry_open(&registry, &c.paths, &c.options) != CI_OK) _exit(255);
        if (ci_registry_begin(registry, CI_DB_INGEST) != CI_OK) _exit(254);
        for (int i = first; i < first + n_group / 4; i++) {
            bool is_new;
            char id[CI_REGISTRY_ID];
            if (group_make(registry, 1, &ids[i], 0, c.clock.unix_s + 1e-3 * i, id, &is_new) !=
                CI_OK)
                _exit(253);
            n_new += is_new;
        }
        if (ci_registry_end(registry, CI_DB_INGEST, CI_OK) != CI_OK) _exit(252);
        _exit(n_new == n_group / 4 ? 1 : n_new == 0 ? 0 : 251);
    }
    int n_winner = 0;
    for (int p = 0; p < n_process; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) <= 1);
        n_winner += WEXITSTATUS(result);
    }
    assert_int_equal(n_winner, 4);
    assert_int_equal(raw_int(c.ingest, "SELECT count(DISTINCT group_id) FROM mosaic_groups"),
                     n_group);
    case_end(&c);
}

/* ---- calibration tables ---------------------------------------------------------------------- */

static void cal_make(ci_registry *registry, const char *path, ci_registry_cal_kind kind,
                     double hours, double dec_deg, const char *state)
{
    ci_registry_cal table = {.kind = kind,
                             .path = (char *)path,
                             .set_name = "set",
                             .time_mjd_s = 6.1e4 * CI_DAY_S + 3600 * hours,
                             .valid_start_mjd_s = NAN,
                             .valid_end_mjd_s = NAN,
                             .dec_rad = dec_deg * CI_DEG_TO_RAD,
                             .dec_known = true};
    bool is_new;
    snprintf(table.status, sizeof table.status, "%s", state);
    OK(ci_registry_cal_add(registry, &table, &is_new));
    assert_true(is_new);
    OK(ci_registry_cal_add(registry, &table, &is_new));
    assert_false(is_new); /* the first one wins */
}

static const char *chosen(ci_registry *registry, ci_registry_cal_kind kind, double hours,
                          bool *is_borrowed)
{
    static char path[64];
    ci_registry_cal_want want;
    ci_registry_cals *tables;
    ci_registry_cal_want_default(&want, kind);
    want.time_mjd_s = 6.1e4 * CI_DAY_S + 3600 * hours;
    want.dec_rad = 16 * CI_DEG_TO_RAD;
    want.dec_known = true;
    OK(ci_registry_cal_choose(registry, &want, &tables, is_borrowed));
    snprintf(path, sizeof path, "%s", tables->n ? tables->item[0].path : "none");
    ci_registry_cals_free(tables);
    return path;
}

static void test_cal_choice(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    bool borrowed;
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    assert_string_equal(chosen(registry, CI_REGISTRY_GAIN, 0, &borrowed), "none");
    cal_make(registry, "/c/b0", CI_REGISTRY_BANDPASS, 0, 16, "");
    cal_make(registry, "/c/b5.failed", CI_REGISTRY_BANDPASS, 5, 16, "failed");
    cal_make(registry, "/c/b5.strip", CI_REGISTRY_BANDPASS, 5, 30, "active");
    cal_make(registry, "/c/b9", CI_REGISTRY_BANDPASS, 9, 16, "active");
    /* A set of gains only hides no bandpass. */
    cal_make(registry, "/c/g5", CI_REGISTRY_GAIN, 5, 16, "active");
    cal_make(registry, "/c/g7", CI_REGISTRY_GAIN, 7, 17, "active");
    assert_string_equal(chosen(registry, CI_REGISTRY_BANDPASS, 5, &borrowed), "/c/b9");
    assert_false(borrowed);
    assert_string_equal(chosen(registry, CI_REGISTRY_BANDPASS, 4, &borrowed), "/c/b0");
    assert_string_equal(chosen(registry, CI_REGISTRY_GAIN, 5.5, &borrowed), "/c/g5");
    assert_false(borrowed);
    assert_string_equal(chosen(registry, CI_REGISTRY_GAIN, 9, &borrowed), "/c/g7");
    assert_true(borrowed);
    assert_string_equal(chosen(registry, CI_REGISTRY_GAIN, 24 * 40, &borrowed), "none");
    OK(ci_registry_cal_set_status(registry, "/c/b9", "retired", "antenna 7 was moved"));
    assert_string_equal(chosen(registry, CI_REGISTRY_BANDPASS, 5, &borrowed), "/c/b0");
    assert_int_equal(ci_registry_cal_set_status(registry, "/c/none", "retired", ""), CI_ERR_INPUT);
    ci_registry_close(registry);
    case_end(&c);
}

/* ---- tiles and mosaics ----------------------------------------------------------------------- */

static void test_images(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    char folder[300], path[400];
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    snprintf(folder, sizeof folder, "%s/tile", c.folder);
    OK(ci_path_make_folder(folder));
    snprintf(path, sizeof path, "%s/pb.fits", folder);
    OK(ci_file_write(path, "pb", 2));
    snprintf(path, sizeof path, "%s/image.fits", folder);
    OK(ci_file_write(path, "image", 5));
    ci_registry_image tile = {.id = "2026-01-25T00:00:10",
                              .status = "passed",
                              .folder = folder,
                              .rms_jy = 1e-3,
                              .thermal_jy = NAN,
                              .flux_ratio = NAN,
                              .n_source = 4};
    OK(ci_registry_image_files_scan(&tile));
    assert_int_equal(tile.n_file, 2);
    assert_string_equal(tile.file[0].name, "image.fits");
    OK(ci_registry_tile_put(registry, &tile));
    OK(ci_registry_tile_put(registry, &tile)); /* again: replaced, not doubled */
    ci_registry_image_files_free(&tile);
    ci_registry_images *found;
    OK(ci_registry_tile_get(registry, "nothing", &found));
    assert_int_equal(found->n, 0);
    ci_registry_images_free(found);
    OK(ci_registry_tile_get(registry, tile.id, &found));
    assert_int_equal(found->n, 1);
    assert_int_equal(found->item[0].n_file, 2);
    assert_true(found->item[0].rms_jy == 1e-3 && isnan(found->item[0].thermal_jy));
    OK(ci_registry_image_check(&found->item[0]));
    OK(ci_file_write(path, "Image", 5));
    assert_int_equal(ci_registry_image_check(&found->item[0]), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "image.fits"));
    unlink(path);
    assert_int_not_equal(ci_registry_image_check(&found->item[0]), CI_OK);
    ci_registry_images_free(found);
    assert_int_equal(raw_int(c.products, "SELECT count(*) FROM images"), 2);

    ci_registry_image mosaic = {.id = "0123456789ab_1769299200000000",
                                .status = "completed",
                                .folder = folder,
                                .first_time_mjd_s = 61065 * CI_DAY_S,
                                .last_time_mjd_s = 61065.1 * CI_DAY_S};
    const char *tiles[] = {tile.id};
    OK(ci_registry_mosaic_put(registry, &mosaic, tiles, 1));
    OK(ci_registry_mosaic_put(registry, &mosaic, tiles, 1));
    OK(ci_registry_mosaic_published(registry, mosaic.id, "/p/x"));
    OK(ci_registry_mosaic_get(registry, mosaic.id, &found));
    assert_int_equal(found->n, 1);
    ci_registry_images_free(found);
    assert_int_equal(raw_int(c.products, "SELECT count(*) FROM mosaics WHERE "
                                         "output_path='/p/x/mosaic.fits'"),
                     1);
    ci_registry_source source = {.name = "J0", .ra_rad = 1, .peak_jy = 0.1};
    OK(ci_registry_sources_put(registry, mosaic.id, "/p/x/mosaic.fits", 0, &source, 1));
    OK(ci_registry_sources_put(registry, mosaic.id, "/p/x/mosaic.fits", 0, &source, 1));
    assert_int_equal(raw_int(c.products, "SELECT count(*) FROM photometry"), 1);
    ci_registry_close(registry);
    case_end(&c);
}

/* The same in a database whose mosaics table has the workflow's shape. */
static void test_workflow_mosaics(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    case_new(&c);
    sqlite3 *db = raw_open(c.products);
    raw_run(db, deployed_mosaics_workflow);
    sqlite3_close(db);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    ci_registry_image mosaic = {
        .id = "g", .status = "completed", .folder = "/f", .first_time_mjd_s = CI_DAY_S};
    OK(ci_registry_mosaic_put(registry, &mosaic, NULL, 0));
    assert_int_equal(raw_int(c.products, "SELECT start_mjd FROM mosaics WHERE name='g'"), 1);
    ci_registry_close(registry);
    case_end(&c);
}

/* ---- publish state --------------------------------------------------------------------------- */

static void test_publish_state(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    ci_registry_claim claim;
    ci_registry_owner owner, other;
    ci_registry_publish_state after;
    bool is_new, taken;
    ci_registry_product p = {
        .id = "g1", .type = "mosaic", .auto_publish = true, .stage_path = "/s/g1"};
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_UNKNOWN);
    OK(ci_registry_product_stage(registry, &p, &is_new));
    assert_true(is_new);
    OK(ci_registry_product_stage(registry, &p, &is_new));
    assert_false(is_new);
    /* Fails three times, each time waiting longer, then for good. */
    for (int i = 0; i < 3; i++) {
        OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &owner));
        assert_int_equal(claim, CI_CLAIM_TAKEN);
        OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &other));
        assert_int_equal(claim, CI_CLAIM_BUSY);
        assert_string_equal(other.token, owner.token);
        OK(ci_registry_product_fail(registry, "g1", owner.token, "disk full", 60, 3, &after));
        assert_int_equal(after, i < 2 ? CI_PUBLISH_STAGING : CI_PUBLISH_FAILED);
        assert_int_equal(ci_registry_product_fail(registry, "g1", owner.token, "", 60, 3, &after),
                         CI_ERR_NOT_READY);
        if (i == 2) break;
        OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &other));
        assert_int_equal(claim, CI_CLAIM_WAIT);
        c.clock.unix_s += i == 0 ? 59 : 119;
        OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &other));
        assert_int_equal(claim, CI_CLAIM_WAIT);
        c.clock.unix_s += 2;
    }
    OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &other));
    assert_int_equal(claim, CI_CLAIM_FAILED);
    /* A person may; the count starts again; a clock set back an hour makes nobody wait. */
    OK(ci_registry_product_claim(registry, "g1", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_TAKEN);
    OK(ci_registry_product_fail(registry, "g1", owner.token, "again", 60, 3, &after));
    assert_int_equal(after, CI_PUBLISH_STAGING);
    c.clock.unix_s -= 3600;
    OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_TAKEN);
    /* The lease runs out while its owner lives: another takes it over, the first is told. */
    OK(ci_registry_product_renew(registry, "g1", owner.token, 60));
    c.clock.unix_s += 61;
    OK(ci_registry_product_take_over(registry, "g1", 60, &other, &taken));
    assert_true(taken);
    assert_int_equal(
        ci_registry_product_publish(registry, "g1", owner.token, "/p/2026-01-25/g1", NULL),
        CI_ERR_NOT_READY);
    OK(ci_registry_product_publish(registry, "g1", other.token, "/p/2026-01-25/g1", "[]"));
    OK(ci_registry_product_claim(registry, "g1", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_PUBLISHED);
    /* Staging it again wipes nothing. */
    OK(ci_registry_product_stage(registry, &p, &is_new));
    ci_registry_products *list;
    OK(ci_registry_product_get(registry, "g1", &list));
    assert_int_equal(list->item[0].state, CI_PUBLISH_PUBLISHED);
    assert_int_equal(list->item[0].n_attempt, 0);
    assert_true(list->item[0].staging_removable);
    ci_registry_products_free(list);
    ci_registry_attempts *attempts;
    OK(ci_registry_attempts_read(registry, &attempts, "g1", 0));
    assert_int_equal(attempts->n, 6);
    assert_string_equal(attempts->item[4].outcome, "died");
    assert_string_equal(attempts->item[5].outcome, "published");
    ci_registry_attempts_free(attempts);
    /* Refused: a state, not an attempt. */
    snprintf(p.id, sizeof p.id, "g2");
    OK(ci_registry_product_stage(registry, &p, &is_new));
    OK(ci_registry_product_claim(registry, "g2", false, 60, &claim, &owner));
    OK(ci_registry_product_refuse(registry, "g2", owner.token, "rms 5 x thermal", "[]"));
    OK(ci_registry_product_claim(registry, "g2", false, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_REFUSED);
    OK(ci_registry_product_get(registry, "g2", &list));
    assert_int_equal(list->item[0].n_attempt, 0);
    ci_registry_products_free(list);
    ci_registry_close(registry);
    case_end(&c);
}

/* A dead process's claim: its lease would last, but it is known to be dead. */
static void test_dead_owner(void **state)
{
    (void)state;
    registry_case c;
    ci_registry *registry;
    ci_registry_claim claim;
    ci_registry_owner owner;
    bool is_new;
    int result;
    ci_registry_product p = {
        .id = "g1", .type = "mosaic", .auto_publish = true, .stage_path = "/s/g1"};
    case_new(&c);
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    OK(ci_registry_product_stage(registry, &p, &is_new));
    ci_registry_close(registry);
    pid_t pid = fork();
    if (pid == 0) {
        if (ci_registry_open(&registry, &c.paths, &c.options) != CI_OK) _exit(1);
        if (ci_registry_product_claim(registry, "g1", false, 1e6, &claim, &owner) != CI_OK)
            _exit(2);
        pause();
        _exit(0);
    }
    OK(ci_registry_open(&registry, &c.paths, &c.options));
    for (int i = 0; i < 6000; i++) {
        if (raw_int(c.data, "SELECT count(*) FROM data_registry WHERE status='publishing'")) break;
        usleep(10000);
    }
    OK(ci_registry_product_claim(registry, "g1", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_BUSY);
    kill(pid, SIGKILL);
    /* Dead, but not waited for: a zombie is dead. */
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    OK(ci_registry_product_claim(registry, "g1", false, 60, &claim, &owner));
    assert_int_equal(claim, CI_CLAIM_TAKEN);
    assert_int_equal(owner.pid, getpid());
    waitpid(pid, &result, 0);
    ci_registry_close(registry);
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_deployed_rows_rest),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_registry_db_is_cal),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_thousand_groups),
        cmocka_unit_test(test_cal_choice),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_workflow_mosaics),
        cmocka_unit_test(test_publish_state),
        cmocka_unit_test(test_dead_owner),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
