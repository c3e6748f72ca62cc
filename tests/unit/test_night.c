/* Whole stretches of work at the level of the registry: a night of 25 tiles published window by
 * window while staging is removed, and the first group after the switch-over from the deployed
 * pipeline. */
#include "ingest_case.h"
#include "publish_case.h"

#include "contimg/ops.h"

#include "deployed_schema.h"

#include <sqlite3.h>

typedef struct night
{
    ingest_case in; /* databases and clock of both */
    publish_case p;
} night;

static void night_open(night *t)
{
    OK(ci_registry_open(&t->in.registry, &t->in.c.paths, &t->in.c.options));
    t->p.registry = t->in.registry;
}

static int night_begin(void **state)
{
    night *t = calloc(1, sizeof *t);
    if (!t) return -1;
    *state = t;
    case_new(&t->in.c);
    snprintf(t->in.in, sizeof t->in.in, "%s/incoming", t->in.c.folder);
    snprintf(t->p.staging, sizeof t->p.staging, "%s/staging", t->in.c.folder);
    snprintf(t->p.products, sizeof t->p.products, "%s/products", t->in.c.folder);
    OK(ci_path_make_folder(t->in.in));
    OK(ci_path_make_folder(t->p.staging));
    OK(ci_path_make_folder(t->p.products));
    ci_ingest_options_default(&t->in.options);
    t->in.options.summary = fake_summary;
    ci_publish_options_default(&t->p.options);
    t->p.options.staging_base = t->p.staging;
    t->p.options.products_base = t->p.products;
    t->p.options.remove_staging = true;
    return 0;
}

static int night_end(void **state)
{
    night *t = *state;
    ci_registry_close(t->in.registry);
    case_end(&t->in.c);
    free(t);
    return 0;
}
#define NIGHT_TEST(function) cmocka_unit_test_setup_teardown(function, night_begin, night_end)

static void tile_path(const night *t, const char *id, char out[500])
{
    snprintf(out, 500, "%s/tiles/%s", t->p.staging, id);
}

/* The one group that is ready, or the first of them; its members' tiles are there, or made. */
static void group_take(night *t, char id[CI_REGISTRY_ID], bool overlap_is_there)
{
    ci_registry_groups *ready;
    bool done;
    OK(ci_registry_groups_ready(t->in.registry, &ready));
    assert_true(ready->n > 0);
    const ci_registry_group *g = &ready->item[0];
    snprintf(id, CI_REGISTRY_ID, "%s", g->id);
    OK(ci_registry_group_claim(t->in.registry, id, 600, &done));
    assert_false(done);
    for (size_t i = 0; i < g->n_member; i++) {
        char folder[500], file[520];
        tile_path(t, g->member[i].observation_id, folder);
        if (overlap_is_there && g->member[i].role == CI_REGISTRY_ROLE_OVERLAP)
            assert_true(ci_path_is_folder(folder));
        if (ci_path_is_folder(folder)) continue;
        assert_int_equal(g->member[i].role, CI_REGISTRY_ROLE_NEW); /* imaged once */
        OK(ci_path_make_folder(folder));
        snprintf(file, sizeof file, "%s/image.fits", folder);
        OK(ci_file_write(file, "tile", 4));
        set_mtime(folder, t->in.c.clock.unix_s);
    }
    ci_registry_groups_free(ready);
}

static void group_publish(night *t, const char *id)
{
    const mosaic_faults good = {0};
    ci_publish_result result;
    OK(publish_case_make(&t->p, id, &good));
    OK(ci_publish_product(t->in.registry, id, &t->p.options, &result));
    OK(ci_registry_group_end(t->in.registry, id, CI_REGISTRY_WORK_COMPLETED, NULL, id));
}

/* All that may be removed is removed at once. */
static void clean(night *t)
{
    ci_ops_cleaned sum;
    const ci_ops_clean_options o = {
        .staging = t->p.staging, .state = t->in.c.folder, .n_overlap = t->in.options.overlap};
    FILE *out = fopen("/dev/null", "w");
    OK(ci_ops_clean(&sum, t->in.registry, &o, out));
    fclose(out);
    assert_int_equal(sum.n_fault, 0);
}

static size_t n_published(night *t)
{
    ci_registry_products *list;
    OK(ci_registry_products_read(t->in.registry, &list, CI_REGISTRY_PUBLISH_PUBLISHED, false));
    size_t n = list->n;
    for (size_t i = 0; i < n; i++)
        OK(ci_publish_verify(list->item[i].published_path));
    ci_registry_products_free(list);
    return n;
}

/* Tiles 1 to 10, 9 to 18, 17 to 25: each window is published, and finds the two tiles that it
 * shares with the one before, though staging is removed after each. */
static void test_three_windows_of_a_night(void **state)
{
    night *t = *state;
    char id[CI_REGISTRY_ID], last[500];
    double now = t->in.c.clock.unix_s;
    night_open(t);
    for (int i = 0; i < 25; i++)
        tile_make(&t->in, now + 309 * i, 16, now + 309 * i);
    t->in.c.clock.unix_s = now + 309 * 24 + 901; /* the last closes by silence */
    scan(&t->in);
    assert_int_equal(t->in.report.n_group, 3);
    for (int i = 0; i < 3; i++) {
        group_take(t, id, i > 0);
        group_publish(t, id);
        clean(t);
    }
    assert_int_equal(n_published(t), 3);
    ci_registry_groups *groups = groups_of(&t->in);
    assert_int_equal(groups->item[2].n_member, 9);
    assert_string_equal(groups->item[2].id, id);
    tile_path(t, groups->item[2].member[8].observation_id, last);
    assert_true(ci_path_exists(last)); /* a group may follow that has it as overlap */
    tile_path(t, groups->item[2].member[0].observation_id, last);
    assert_false(ci_path_exists(last)); /* no group needs it any more */
    ci_registry_groups_free(groups);
}

/* ---- switch-over ----------------------------------------------------------------------------- */

static int64_t sql(const char *path, const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    int how = sqlite3_step(stmt);
    if (how != SQLITE_ROW && how != SQLITE_DONE) fail_msg("%s: %s", text, sqlite3_errmsg(db));
    int64_t value = how == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

enum
{
    N_ROW = 500, /* of each state */
    N_OLD_FILE = 5000
};

/* N_ROW rows of each state: `columns` are SELECTed with i as the row's number, s as its state. */
static void rows_make(const char *path, const char *const *tables, const char *table,
                      const char *states, const char *columns)
{
    char text[1200];
    for (int i = 0; tables[i]; i++)
        sql(path, tables[i]);
    snprintf(text, sizeof text,
             "INSERT INTO %s WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
             "i<%d), states(s) AS (VALUES %s) SELECT %s FROM n,states",
             table, N_ROW, states, columns);
    sql(path, text);
}

static void deployed_make(night *t)
{
    const registry_case *c = &t->in.c;
    rows_make(c->ingest, deployed_ingest, "ingest_queue(group_id,state,received_at,last_update)",
              "('collecting'),('pending'),('in_progress'),('completed'),('failed')",
              "strftime('%Y-%m-%dT%H:%M:%S',1700000000+309*i+200000*(unicode(s)+2*length(s)),'"
              "unixepoch'),"
              "s,1,1");
    rows_make(c->products, deployed_products, "mosaic_groups(group_id,ms_paths,created_at,status)",
              "('pending'),('imaged'),('mosaicked'),('failed')", "s||i,'[]',1,s");
    rows_make(c->cal, deployed_cal_registry,
              "caltables(set_name,path,table_type,order_index,created_at,status)",
              "('active'),('retired'),('failed')", "'set'||i,'/cal/'||s||i,'BP',0,1,s");
    rows_make(c->data, deployed_data_registry,
              "data_registry(data_type,data_id,base_path,status,stage_path,created_at,staged_at,"
              "publish_attempts)",
              "('staging'),('publishing'),('published'),('failed')",
              "'mosaic',s||i,'/stage',s,'/stage/'||s||i,1,1,3");
}

/* Hard links of one small file: the scan looks at names and times. */
static void old_files_make(night *t)
{
    char first[400], path[420];
    snprintf(first, sizeof first, "%s/2025-11-01T00:00:00_sb00.hdf5", t->in.in);
    OK(ci_file_write(first, "old", 3));
    set_mtime(first, t->in.c.clock.unix_s - 86400);
    for (int i = 1; i < N_OLD_FILE; i++) {
        snprintf(path, sizeof path, "%s/2025-11-%02dT%02d:%02d:00_sb%02d.hdf5", t->in.in,
                 1 + i / 16 / 60 / 24 % 28, i / 16 / 60 % 24, i / 16 % 60, i % 16);
        assert_int_equal(link(first, path), 0);
    }
}

static size_t n_alert(night *t)
{
    ci_ops_alerts alerts = {0};
    ci_ops_thresholds limits;
    ci_ops_thresholds_default(&limits);
    OK(ci_ops_alerts_judge(&alerts, t->in.registry, &limits));
    return alerts.n;
}

/* Nothing of the deployed pipeline is published, recovered, or another than it was. */
static void check_untouched(night *t)
{
    ci_publish_recovered recovered;
    const ci_publish_recovered nothing = {0};
    size_t n_done, n_failed;
    const char *const counts[][2] = {
        {t->in.c.ingest, "SELECT min(n) FROM (SELECT count(*) n FROM ingest_queue WHERE "
                         "origin='deployed' GROUP BY state)"},
        {t->in.c.products, "SELECT min(n) FROM (SELECT count(*) n FROM mosaic_groups WHERE "
                           "status<>'completed' GROUP BY status)"},
        {t->in.c.cal, "SELECT min(n) FROM (SELECT count(*) n FROM caltables GROUP BY status)"},
        {t->in.c.data, "SELECT min(n) FROM (SELECT count(*) n FROM data_registry WHERE "
                       "origin='deployed' GROUP BY status)"}};
    OK(ci_publish_due(t->in.registry, &t->p.options, &n_done, &n_failed));
    assert_int_equal(n_done + n_failed, 0);
    OK(ci_publish_recover(t->in.registry, &t->p.options, &recovered));
    assert_memory_equal(&recovered, &nothing, sizeof nothing);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(sql(counts[i][0], counts[i][1]), N_ROW);
}

/* 500 rows of each state and 5000 old files: the ten new observations are one group, which is all
 * that is made, and no alert rises, neither then nor later. */
static void test_switch_over(void **state)
{
    night *t = *state;
    char id[CI_REGISTRY_ID];
    double now = t->in.c.clock.unix_s;
    deployed_make(t);
    old_files_make(t);
    night_open(t);
    scan(&t->in);
    assert_int_equal(t->in.report.n_passed_over, N_OLD_FILE);
    assert_int_equal(t->in.report.n_new, 0);
    for (int i = 0; i < 10; i++)
        tile_make(&t->in, now + 309 * i, 16, now + 309 * i);
    t->in.c.clock.unix_s = now + 3090 + 60;
    scan(&t->in);
    assert_int_equal(t->in.report.n_passed_over, N_OLD_FILE);
    assert_int_equal(t->in.report.n_new, 160);
    assert_int_equal(t->in.report.n_group, 1);
    check_untouched(t);
    group_take(t, id, false);
    group_publish(t, id);
    check_untouched(t);
    assert_int_equal(n_published(t), 1);
    assert_int_equal(n_alert(t), 0);
    t->in.c.clock.unix_s += 30 * 3600;
    scan(&t->in);
    ci_registry_groups *ready;
    OK(ci_registry_groups_ready(t->in.registry, &ready));
    assert_int_equal(ready->n, 0);
    ci_registry_groups_free(ready);
    assert_int_equal(n_alert(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NIGHT_TEST(test_three_windows_of_a_night),
        NIGHT_TEST(test_switch_over),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
