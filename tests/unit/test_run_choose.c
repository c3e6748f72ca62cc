/* Which groups a run does. */
#include "raw_sql.h"
#include "run_case.h"

#include "contimg/registry_lease.h"
#include "run/choose.h"

static void test_nothing_is_told(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    run_open(NULL);
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 0);
    assert_int_equal(rc.n_nothing, 1);
    assert_int_equal(rc.n_failed, 0);
    ci_run_groups_free(&chosen);
}

static void test_failed_groups_are_counted(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char id[CI_REGISTRY_ID];
    bool done = false;
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_PENDING, id);
    OK(ci_registry_group_claim(rc.run.site.registry, id, 100, &done));
    OK(ci_registry_group_end(rc.run.site.registry, id, CI_REGISTRY_WORK_FAILED, "no good", ""));
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 0);
    assert_int_equal(rc.n_failed, 1);
    ci_run_groups_free(&chosen);
}

static void test_oldest_group_is_taken(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char old[CI_REGISTRY_ID], young[CI_REGISTRY_ID];
    run_open(NULL);
    group_make(1769210000, CI_REGISTRY_WORK_PENDING, young);
    group_make(1769200000, CI_REGISTRY_WORK_PENDING, old);
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(rc.n_nothing, 0);
    assert_int_equal(chosen.n_group, 1);
    assert_string_equal(chosen.group[0].id, old);
    assert_int_equal(chosen.group[0].n_tile, 2);
    assert_int_equal(chosen.group[0].n_min_tiles, 2);
    unit_near(chosen.group[0].tile[1].time_mjd_s, ci_time_mjd_s_from_unix(1769200300), 1e-6);
    unit_near(chosen.group[0].tile[1].last_time_mjd_s, ci_time_mjd_s_from_unix(1769200596), 1e-6);
    ci_run_groups_free(&chosen);
}

/* A run that cannot write its report has ended, in its row too. */
static void test_run_that_cannot_begin_has_ended(void **state)
{
    (void)state;
    char path[300];
    run_open(NULL);
    snprintf(path, sizeof path, "%s/reports", rc.run.site.paths.state);
    OK(ci_file_write(path, "in the way", 10));
    ci_status status = ci_run_execute(rc.run.world, rc.conf, &run_listener);
    assert_int_not_equal(status, CI_OK);
    assert_int_equal(raw_int(rc.run.site.paths.products_db, "SELECT count(*) FROM runs WHERE "
                                                            "ended_at>0 AND exit_code>0"),
                     1);
}

static void test_as_many_as_asked_for(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char id[3][CI_REGISTRY_ID];
    run_open(WORDS("--max-groups=2"));
    for (int i = 0; i < 3; i++)
        group_make(1769200000 + 10000 * i, CI_REGISTRY_WORK_PENDING, id[i]);
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 2);
    assert_string_equal(chosen.group[0].id, id[0]);
    assert_string_equal(chosen.group[1].id, id[1]);
    ci_run_groups_free(&chosen);
}

static void test_group_of_another_is_passed_over(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char old[CI_REGISTRY_ID], young[CI_REGISTRY_ID];
    bool done = false;
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_PENDING, old);
    group_make(1769210000, CI_REGISTRY_WORK_PENDING, young);
    OK(ci_registry_group_claim(rc.run.site.registry, old, 100, &done));
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 1);
    assert_string_equal(chosen.group[0].id, young);
    ci_run_groups_free(&chosen);
}

/* The oldest waits: the next is taken; alone, it is told of; in time it is taken. */
static void test_waiting_group_is_passed_over(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char old[CI_REGISTRY_ID], young[CI_REGISTRY_ID];
    bool done = false;
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_PENDING, old);
    group_make(1769210000, CI_REGISTRY_WORK_PENDING, young);
    OK(ci_registry_group_wait(rc.run.site.registry, old, rc.clock.unix_s + 600));
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 1);
    assert_string_equal(chosen.group[0].id, young);
    ci_run_groups_free(&chosen);
    OK(ci_registry_group_claim(rc.run.site.registry, young, 1000, &done));
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 0);
    assert_int_equal(rc.n_waiting, 1);
    rc.clock.unix_s += 600;
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 1);
    assert_string_equal(chosen.group[0].id, old);
    ci_run_groups_free(&chosen);
}

static void test_failed_observation_is_a_hole(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char id[CI_REGISTRY_ID];
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_FAILED, id);
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 1);
    assert_false(chosen.group[0].tile[0].is_hole);
    assert_true(chosen.group[0].tile[1].is_hole);
    ci_run_groups_free(&chosen);
}

/* Asked for by a person: tiles that failed are tried again. */
static void test_group_by_name_has_no_hole(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char id[CI_REGISTRY_ID], option[100];
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_FAILED, id);
    snprintf(option, sizeof option, "--group=%s", id);
    ci_conf_free(rc.conf);
    run_conf(WORDS(option));
    rc.run.conf = rc.conf;
    OK(ci_run_groups_choose(&rc.run, &chosen));
    assert_int_equal(chosen.n_group, 1);
    assert_false(chosen.group[0].tile[1].is_hole);
    ci_run_groups_free(&chosen);
}

/* Files of an observation, as a scan records them. */
static void files_record(const char *id, int n)
{
    for (int band = 0; band < n; band++) {
        char path[300];
        ci_registry_file f = {.path = path,
                              .state = CI_REGISTRY_FILE_USED,
                              .sub_band = band,
                              .freq_low_hz = 1.4e9 - 1e7 * band};
        snprintf(path, sizeof path, "%s/%s_sb%02d.hdf5", rc.run.site.paths.input, id, band);
        snprintf(f.observation_id, sizeof f.observation_id, "%s", id);
        OK(ci_registry_file_put(rc.run.site.registry, &f));
    }
}

/* Whatever state it has: below 12 of 16 it is a hole, by name too, and short of 16 DEGRADED. */
static void test_too_few_sub_bands_are_a_hole(void **state)
{
    (void)state;
    char id[CI_REGISTRY_ID], option[100];
    run_open(NULL);
    group_make(1769200000, CI_REGISTRY_WORK_COMPLETED, id);
    snprintf(option, sizeof option, "--group=%s", id);
    files_record("2026-01-23T20:26:40", 12);
    files_record("2026-01-23T20:31:40", 11);
    for (int by_name = 0; by_name < 2; by_name++) {
        ci_run_groups chosen = {0};
        ci_conf_free(rc.conf);
        run_conf(by_name ? WORDS(option) : NULL);
        rc.run.conf = rc.conf;
        OK(ci_run_groups_choose(&rc.run, &chosen));
        assert_int_equal(chosen.n_group, 1);
        const ci_run_tile *tile = chosen.group[0].tile;
        assert_int_equal(tile[0].n_path, 12);
        assert_true(tile[0].is_degraded && !tile[0].is_hole);
        assert_int_equal(tile[1].n_path, 11);
        assert_true(tile[1].is_hole);
        ci_run_groups_free(&chosen);
    }
}

static void test_unknown_group_is_refused(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    run_open(WORDS("--group=0123456789ab_1"));
    unit_refused(ci_run_groups_choose(&rc.run, &chosen), CI_ERR_INPUT, "0123456789ab_1");
    ci_run_groups_free(&chosen);
}

static void test_full_disk_begins_nothing(void **state)
{
    (void)state;
    ci_run_groups chosen = {0};
    char id[CI_REGISTRY_ID];
    run_open(WORDS("--disk-critical-gb=1e9"));
    group_make(1769200000, CI_REGISTRY_WORK_PENDING, id);
    unit_refused(ci_run_groups_choose(&rc.run, &chosen), CI_ERR_DISK, "--disk-critical-gb");
    assert_int_equal(chosen.n_group, 0);
    ci_run_groups_free(&chosen);
}

/* ---- between ranks --------------------------------------------------------------------------- */

static void test_packed_work_comes_back(void **state)
{
    (void)state;
    char a[] = "/in/a.hdf5", b[] = "";
    char *path[2] = {a, b};
    ci_registry_member member[2] = {{.observation_id = "one",
                                     .state = CI_REGISTRY_WORK_PENDING,
                                     .is_degraded = true,
                                     .first_time_mjd_s = 5275584000.1,
                                     .n_path = 2,
                                     .path = path},
                                    {.observation_id = "two", .state = CI_REGISTRY_WORK_FAILED}};
    ci_registry_group group = {
        .id = "g_1", .is_named = true, .n_min_tiles = 3, .n_member = 2, .member = member};
    ci_run_groups chosen = {0}, back = {0};
    char *bytes = NULL;
    size_t n = 0;
    OK(ci_run_groups_add(&chosen, &group));
    OK(ci_run_groups_pack(&bytes, &n, &chosen));
    OK(ci_run_groups_unpack(&back, bytes, n));
    assert_int_equal(back.n_group, 1);
    assert_string_equal(back.group[0].id, "g_1");
    assert_true(back.group[0].is_named);
    assert_int_equal(back.group[0].n_min_tiles, 3);
    assert_int_equal(back.group[0].n_tile, 2);
    const ci_run_tile *tile = back.group[0].tile;
    assert_true(tile[0].is_degraded && !tile[0].is_hole && tile[1].is_hole);
    assert_true(tile[0].time_mjd_s == 5275584000.1);
    assert_int_equal(tile[0].n_path, 2);
    assert_string_equal(tile[0].path[0], a);
    assert_string_equal(tile[0].path[1], "");
    assert_int_equal(tile[1].n_path, 0);
    ci_mem_free(bytes);
    ci_run_groups_free(&chosen);
    ci_run_groups_free(&back);
}

static void test_bytes_cut_short_are_refused(void **state)
{
    (void)state;
    char a[] = "/in/a.hdf5";
    char *path[1] = {a};
    ci_registry_member member = {.observation_id = "one", .n_path = 1, .path = path};
    ci_registry_group group = {.id = "g_1", .n_member = 1, .member = &member};
    ci_run_groups chosen = {0}, back = {0};
    char *bytes = NULL;
    size_t n = 0;
    OK(ci_run_groups_add(&chosen, &group));
    OK(ci_run_groups_pack(&bytes, &n, &chosen));
    for (size_t k = 0; k < n; k++)
        assert_int_equal(ci_run_groups_unpack(&back, bytes, k), CI_ERR_INTERNAL);
    ci_mem_free(bytes);
    ci_run_groups_free(&chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(test_nothing_is_told),
        RUN_TEST(test_failed_groups_are_counted),
        RUN_TEST(test_oldest_group_is_taken),
        RUN_TEST(test_run_that_cannot_begin_has_ended),
        RUN_TEST(test_as_many_as_asked_for),
        RUN_TEST(test_group_of_another_is_passed_over),
        RUN_TEST(test_waiting_group_is_passed_over),
        RUN_TEST(test_failed_observation_is_a_hole),
        RUN_TEST(test_group_by_name_has_no_hole),
        RUN_TEST(test_too_few_sub_bands_are_a_hole),
        RUN_TEST(test_unknown_group_is_refused),
        RUN_TEST(test_full_disk_begins_nothing),
        RUN_TEST(test_packed_work_comes_back),
        RUN_TEST(test_bytes_cut_short_are_refused),
    };
    return cmocka_run_group_tests_name("run_choose", tests, NULL, NULL);
}
