/* registry: opening, versions, databases of others, copies, transactions and locks.
 * ci-test: timeout=300 */
#include "registry_test.h"

#include "deployed_schema.h"

#include <signal.h>

static size_t n_observations(registry_test *t)
{
    ci_registry_observations *list;
    OK(ci_registry_observations_read(t->registry, &list, NAN, NAN, true));
    size_t n = list->n;
    ci_registry_observations_free(list);
    return n;
}

/* Reading where nothing is: empty, and nothing is made. */
static void test_reading_makes_nothing(void **state)
{
    registry_test *t = *state;
    t->c.options.read_only = true;
    registry_open(t);
    assert_int_equal(n_observations(t), 0);
    assert_false(ci_path_exists(t->c.ingest));
}

/* Reading an older one: as if of today, the file unchanged. */
static void test_older_is_read(void **state)
{
    registry_test *t = *state;
    char sha[CI_SHA256_HEX], again[CI_SHA256_HEX];
    raw_change(t->c.ingest, deployed_ingest[0]);
    raw_change(t->c.ingest, "INSERT INTO ingest_queue(group_id,state,received_at,last_update) "
                            "VALUES('a','failed',1,1),('b','failed',1,1),('c','pending',1,1)");
    OK(ci_sha256_file(sha, t->c.ingest));
    t->c.options.read_only = true;
    registry_open(t);
    assert_int_equal(n_observations(t), 3);
    registry_close(t);
    OK(ci_sha256_file(again, t->c.ingest));
    assert_string_equal(sha, again);
}

/* A newer one is refused, by readers and writers, and not touched. */
static void test_newer_is_refused(void **state)
{
    registry_test *t = *state;
    char sha[CI_SHA256_HEX], again[CI_SHA256_HEX];
    raw_change(t->c.ingest, deployed_ingest[0]);
    raw_change(t->c.ingest, "PRAGMA user_version=99");
    OK(ci_sha256_file(sha, t->c.ingest));
    for (int i = 0; i < 2; i++) {
        t->c.options.read_only = i == 0;
        unit_refused(ci_registry_open(&t->registry, &t->c.paths, &t->c.options), CI_ERR_NOT_READY,
                     "99");
        assert_null(t->registry);
    }
    assert_int_equal(ci_status_exit_code(CI_ERR_NOT_READY), 6);
    OK(ci_sha256_file(again, t->c.ingest));
    assert_string_equal(sha, again);
}

/* ---- databases of others --------------------------------------------------------------------- */

static const char *const foreign[] = {
    "CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url TEXT)",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, username TEXT); CREATE TABLE jobs(id INTEGER)",
    "CREATE TABLE data_registry(key TEXT, value TEXT); PRAGMA user_version=1",
    "CREATE TABLE notes(id INTEGER PRIMARY KEY); PRAGMA user_version=42"};

static void foreign_refused(registry_test *t, const char *path)
{
    char sha[CI_SHA256_HEX], again[CI_SHA256_HEX];
    OK(ci_sha256_file(sha, path));
    for (int read_only = 0; read_only < 2; read_only++) {
        t->c.options.read_only = read_only != 0;
        unit_refused(ci_registry_open(&t->registry, &t->c.paths, &t->c.options), CI_ERR_INPUT,
                     path);
        assert_non_null(strstr(ci_error_text(), "name another file"));
        assert_null(t->registry);
    }
    OK(ci_sha256_file(again, path));
    assert_string_equal(sha, again);
    assert_false(ci_path_exists(t->c.backups));
}

/* A database of another program, whatever it numbers its versions, is not taken over. */
static void test_foreign(void **state)
{
    registry_test *t = *state;
    const char *paths[4] = {t->c.ingest, t->c.cal, t->c.products, t->c.data};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        for (int which = 0; which < 4; which++) {
            raw_change(paths[which], foreign[i]);
            foreign_refused(t, paths[which]);
            for (int k = 0; k < 4; k++)
                unlink(paths[k]);
        }
}

/* Nor one of contimg's own for another. */
static void test_own_in_the_wrong_place(void **state)
{
    registry_test *t = *state;
    registry_close(t);
    t->c.paths.products = t->c.ingest;
    unit_refused(ci_registry_open(&t->registry, &t->c.paths, &t->c.options), CI_ERR_INPUT,
                 "CONTIMG_PRODUCTS_DB");
}

/* ---- runs and copies ------------------------------------------------------------------------- */

static void test_backup(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID], path[400];
    OK(ci_registry_run_begin(t->registry, "contimg run", NULL, id));
    snprintf(path, sizeof path, "%s/copy.sqlite3", t->c.folder);
    OK(ci_registry_backup(t->registry, CI_REGISTRY_DB_PRODUCTS, path));
    assert_int_equal(raw_int(path, "SELECT count(*) FROM runs"), 1);
}

static void test_runs(void **state)
{
    registry_test *t = *state;
    char first[CI_REGISTRY_ID], second[CI_REGISTRY_ID];
    OK(ci_registry_run_begin(t->registry, "contimg run", "/log", first));
    OK(ci_registry_run_begin(t->registry, "contimg run", NULL, second)); /* in the same second */
    assert_string_not_equal(first, second);
    OK(ci_registry_run_end(t->registry, first, CI_ERR_GATE, "refused", "/r"));
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM runs WHERE exit_code=7 AND "
                                            "text='refused' AND log_path='/log' AND "
                                            "report_path='/r' AND ended_at>0"),
                     1);
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM runs WHERE ended_at IS NULL"), 1);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static size_t n_files(registry_test *t)
{
    ci_registry_files *files;
    OK(ci_registry_files_read(t->registry, &files, NULL));
    size_t n = files->n;
    ci_registry_files_free(files);
    return n;
}

static const ci_registry_file growing = {
    .path = "/in/a.hdf5", .state = CI_REGISTRY_FILE_GROWING, .sub_band = -1};

/* A step that fails inside takes everything back, and the end says so. */
static void test_transactions(void **state)
{
    registry_test *t = *state;
    bool done;
    OK(ci_registry_begin(t->registry, CI_REGISTRY_DB_INGEST));
    assert_true(ci_registry_in_transaction(t->registry, CI_REGISTRY_DB_INGEST));
    OK(ci_registry_file_put(t->registry, &growing));
    assert_int_equal(ci_registry_observation_claim(t->registry, "none", 1, &done), CI_ERR_INPUT);
    assert_int_equal(ci_registry_end(t->registry, CI_REGISTRY_DB_INGEST, CI_OK), CI_ERR_INPUT);
    assert_false(ci_registry_in_transaction(t->registry, CI_REGISTRY_DB_INGEST));
    assert_int_equal(n_files(t), 0);
    /* And the next one is a new one. */
    OK(ci_registry_file_put(t->registry, &growing));
    assert_int_equal(n_files(t), 1);
}

/* A process that has the write lock for `seconds`. */
static pid_t lock_other(const char *path, double seconds)
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
    ssize_t n = read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(n, 1);
    return pid;
}

static void test_lock_is_waited_for(void **state)
{
    registry_test *t = *state;
    pid_t pid = lock_other(t->c.ingest, 1.0);
    double start_s = ci_clock_monotonic_s();
    ci_status status = ci_registry_file_put(t->registry, &growing);
    double waited_s = ci_clock_monotonic_s() - start_s;
    waitpid(pid, NULL, 0);
    OK(status);
    assert_true(waited_s > 0.5);
}

static void test_lock_for_too_long(void **state)
{
    registry_test *t = *state;
    OK(ci_registry_file_put(t->registry, &growing));
    registry_close(t);
    t->c.options.busy_s = 0.3;
    registry_open(t);
    pid_t pid = lock_other(t->c.ingest, 10.0);
    ci_registry_files *files = NULL;
    ci_status written = ci_registry_file_put(t->registry, &growing);
    bool is_told = strstr(ci_error_text(), "locked") != NULL;
    /* Readers do not wait for writers (write-ahead log on a local disk). */
    ci_status read = ci_registry_files_read(t->registry, &files, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(written, CI_ERR_NOT_READY);
    assert_true(is_told);
    OK(read);
    assert_int_equal(files->n, 1);
    ci_registry_files_free(files);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Every column of a row comes back as it was written, unknown numbers as unknown. */
static void test_file_rows(void **state)
{
    registry_test *t = *state;
    ci_registry_file f = {.path = "/in/a.hdf5",
                          .observation_id = "",
                          .state = CI_REGISTRY_FILE_LATE,
                          .reason = "later than the others",
                          .size = (int64_t)1 << 40,
                          .mtime_unix_s = 1.5,
                          .first_time_mjd_s = NAN,
                          .sub_band = -1,
                          .dec_rad = 0.3,
                          .dec_known = false,
                          .n_antenna = 96};
    ci_registry_files *files;
    OK(ci_registry_file_put(t->registry, &f));
    f.sub_band = 3;
    f.dec_known = true;
    OK(ci_registry_file_put(t->registry, &f));
    OK(ci_registry_file_get(t->registry, f.path, &files));
    assert_int_equal(files->n, 1);
    const ci_registry_file *g = &files->item[0];
    assert_string_equal(g->path, f.path);
    assert_string_equal(g->reason, f.reason);
    assert_int_equal(g->state, CI_REGISTRY_FILE_LATE);
    assert_true(g->size == f.size && g->sub_band == 3 && g->n_antenna == 96);
    assert_true(g->mtime_unix_s == 1.5 && isnan(g->first_time_mjd_s));
    assert_true(g->dec_known && g->dec_rad == 0.3);
    ci_registry_files_free(files);
    assert_int_equal(raw_int(t->c.ingest, "SELECT count(*) FROM files WHERE observation_id IS NULL"
                                          " AND first_time_mjd_s IS NULL"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST_CLOSED(test_reading_makes_nothing),
        REGISTRY_TEST_CLOSED(test_older_is_read),
        REGISTRY_TEST_CLOSED(test_newer_is_refused),
        REGISTRY_TEST_CLOSED(test_foreign),
        REGISTRY_TEST(test_own_in_the_wrong_place),
        REGISTRY_TEST(test_backup),
        REGISTRY_TEST(test_runs),
        REGISTRY_TEST(test_transactions),
        REGISTRY_TEST(test_lock_is_waited_for),
        REGISTRY_TEST(test_lock_for_too_long),
        REGISTRY_TEST(test_file_rows),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
