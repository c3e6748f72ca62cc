/* registry: databases as files: verified, copied, put back; rows that are adopted. */
#include "registry_test.h"

#include "contimg/registry_watch.h"

#include "deployed_schema.h"

#include <sys/resource.h>

static void one_product(registry_test *t, const char *id)
{
    ci_registry_product p = {
        .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/x"};
    bool is_new;
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

static int64_t n_product(const registry_test *t)
{
    return raw_int(t->c.data, "SELECT count(*) FROM data_registry");
}

static void damage(const char *path)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long n = ftell(file);
    for (long at = 4096; at < n; at += 64) {
        fseek(file, at, SEEK_SET);
        fputs("damaged!", file);
    }
    fclose(file);
}

static void copy_make(registry_test *t, char path[320])
{
    snprintf(path, 320, "%s/copy.sqlite3", t->c.folder);
    OK(ci_registry_file_backup(t->c.data, CI_REGISTRY_DB_DATA, path));
}

static void test_verify(void **state)
{
    registry_test *t = *state;
    int version = -1;
    one_product(t, "a");
    OK(ci_registry_file_verify(t->c.data, CI_REGISTRY_DB_DATA, &version));
    assert_int_equal(version, ci_registry_version_known(CI_REGISTRY_DB_DATA));
    registry_close(t);
    damage(t->c.data);
    assert_int_equal(ci_registry_file_verify(t->c.data, CI_REGISTRY_DB_DATA, &version),
                     CI_ERR_DATABASE);
    assert_int_equal(ci_registry_file_verify(t->c.cal, CI_REGISTRY_DB_DATA, &version),
                     CI_ERR_INPUT);
}

/* A deployed database is copied as it is. */
static void test_backup_old(void **state)
{
    registry_test *t = *state;
    char path[320];
    raw_change(t->c.data, deployed_data_registry[0]);
    copy_make(t, path);
    assert_int_equal(raw_int(path, "PRAGMA user_version"), 0);
    assert_int_equal(raw_int(t->c.data, "PRAGMA user_version"), 0);
}

static ci_status restore(registry_test *t, const char *copy, char **kept)
{
    ci_registry_database which;
    ci_status status = ci_registry_restore(&t->c.paths, copy, t->c.clock.unix_s, &which, kept);
    if (status == CI_OK) assert_int_equal(which, CI_REGISTRY_DB_DATA);
    return status;
}

static void test_restore(void **state)
{
    registry_test *t = *state;
    char copy[320], *kept;
    one_product(t, "a");
    copy_make(t, copy);
    one_product(t, "b");
    registry_close(t);
    OK(restore(t, copy, &kept));
    assert_int_equal(n_product(t), 1);
    assert_int_equal(raw_int(kept, "SELECT count(*) FROM data_registry"), 2);
    ci_mem_free(kept);
    registry_open(t); /* and it goes on */
    one_product(t, "c");
    assert_int_equal(n_product(t), 2);
}

static void test_restore_damaged(void **state)
{
    registry_test *t = *state;
    char copy[320], *kept;
    one_product(t, "a");
    copy_make(t, copy);
    registry_close(t);
    damage(t->c.data);
    OK(restore(t, copy, &kept));
    assert_int_equal(n_product(t), 1);
    assert_true(ci_path_exists(kept));
    ci_mem_free(kept);
}

static void test_restore_refused(void **state)
{
    registry_test *t = *state;
    char copy[320], *kept;
    one_product(t, "a");
    copy_make(t, copy);
    unit_refused(restore(t, copy, &kept), CI_ERR_NOT_READY, "another process has it open");
    registry_close(t);
    unit_refused(restore(t, t->c.data, &kept), CI_ERR_INPUT, "is the database itself");
    unit_refused(restore(t, "/nowhere/copy", &kept), CI_ERR_INPUT, "no such file");
    raw_change(copy, "PRAGMA user_version=99");
    unit_refused(restore(t, copy, &kept), CI_ERR_NOT_READY, "version 99");
    raw_change(copy, "PRAGMA user_version=1");
    damage(copy);
    assert_int_equal(restore(t, copy, &kept), CI_ERR_DATABASE);
    assert_int_equal(n_product(t), 1);
}

/* A log is left: the pages are looked at before anything is written. */
static void test_open_after_crash(void **state)
{
    registry_test *t = *state;
    char command[800];
    one_product(t, "a");
    registry_close(t);
    damage(t->c.products);
    snprintf(command, sizeof command, "echo log >'%s-wal'", t->c.products);
    assert_int_equal(system(command), 0);
    assert_int_equal(ci_registry_open(&t->registry, &t->c.paths, &t->c.options), CI_ERR_DATABASE);
    t->registry = NULL;
}

static void test_too_many_files(void **state)
{
    registry_test *t = *state;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ci_registry *registry = NULL;
    t->c.options.read_only = true;
    ci_status status = ci_registry_open(&registry, &t->c.paths, &t->c.options);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    unit_refused(status, CI_ERR_IO, "too many open files");
}

static void test_adopt(void **state)
{
    registry_test *t = *state;
    ci_registry_claim claim;
    ci_registry_owner owner;
    const char *kind;
    raw_change(t->c.data, "INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,"
                          "created_at,staged_at) VALUES('mosaic','m1','/s','staging','/s/m1',1,1),"
                          "('mosaic','m2','/s','staging','/s/m2',1,1)");
    OK(ci_registry_adopt(t->registry, "m1", &kind));
    assert_string_equal(kind, "product");
    OK(ci_registry_product_claim(t->registry, "m1", false, 60, &claim, &owner));
    assert_int_equal(claim, CI_REGISTRY_CLAIM_TAKEN);
    OK(ci_registry_product_claim(t->registry, "m2", true, 60, &claim, &owner));
    assert_int_equal(claim, CI_REGISTRY_CLAIM_UNKNOWN);
    unit_refused(ci_registry_adopt(t->registry, "m1", &kind), CI_ERR_INPUT, "no product");
    assert_int_equal(
        raw_int(t->c.data, "SELECT count(*) FROM state_changes WHERE reason='adopted'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_verify),          REGISTRY_TEST_CLOSED(test_backup_old),
        REGISTRY_TEST(test_restore),         REGISTRY_TEST(test_restore_damaged),
        REGISTRY_TEST(test_restore_refused), REGISTRY_TEST(test_open_after_crash),
        REGISTRY_TEST(test_adopt),           REGISTRY_TEST(test_too_many_files),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
