/* ops: clean removes what its rules say, and nothing else. */
#include "publish_test.h"

#include "contimg/ops.h"

#include <utime.h>

#define DAY 86400.0

static void file_make(const char *folder, const char *name, double unix_s)
{
    char path[700];
    struct utimbuf times = {(time_t)unix_s, (time_t)unix_s};
    OK(ci_path_make_folder(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(ci_file_write(path, "data", 4));
    assert_int_equal(utime(path, &times), 0);
    assert_int_equal(utime(folder, &times), 0);
}

static ci_ops_cleaned clean_sum(publish_case *t, bool dry_run)
{
    ci_ops_cleaned sum;
    ci_ops_clean_options o = {.staging = t->staging,
                              .state = t->c.folder,
                              .staging_s = 7 * DAY,
                              .log_s = 30 * DAY,
                              .report_s = 90 * DAY,
                              .n_overlap = 2,
                              .dry_run = dry_run};
    FILE *out = fopen("/dev/null", "w");
    OK(ci_ops_clean(&sum, t->registry, &o, out));
    fclose(out);
    assert_int_equal(sum.n_fault, 0);
    return sum;
}

static size_t clean(publish_case *t, bool dry_run)
{
    return clean_sum(t, dry_run).n_removed;
}

/* An observation with a group of its own in that state, and its tile, `age_s` old. */
static void tile_make(publish_case *t, const char *id, ci_registry_work_state state, double age_s)
{
    char folder[500];
    bool is_new, done;
    double unix_s = t->c.clock.unix_s;
    ci_registry_observation o = {
        .state = CI_REGISTRY_WORK_COMPLETED, .is_ready = true, .n_expected = 16};
    ci_registry_member member = {.role = CI_REGISTRY_ROLE_NAMED};
    ci_registry_group g = {.state = CI_REGISTRY_WORK_PENDING,
                           .is_named = true,
                           .closed_by = "named",
                           .n_member = 1,
                           .member = &member};
    snprintf(o.id, sizeof o.id, "%s", id);
    snprintf(member.observation_id, sizeof member.observation_id, "%s", id);
    snprintf(g.id, sizeof g.id, "g-%s", id);
    o.first_time_mjd_s = member.first_time_mjd_s = ci_time_mjd_s_from_unix(unix_s);
    OK(ci_registry_observation_put(t->registry, &o));
    OK(ci_registry_group_add(t->registry, &g, &is_new));
    if (state != CI_REGISTRY_WORK_PENDING) {
        OK(ci_registry_group_claim(t->registry, g.id, 60, &done));
        OK(ci_registry_group_end(t->registry, g.id, state, NULL, NULL));
    }
    snprintf(folder, sizeof folder, "%s/tiles/%s", t->staging, id);
    file_make(folder, "image.fits", unix_s - age_s);
}

static bool is_there(const char *base, const char *path)
{
    char whole[700];
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return ci_path_exists(whole);
}

static void test_tiles(void **state)
{
    publish_case *t = *state;
    char folder[500];
    tile_make(t, "2026-01-01T00:00:00", CI_REGISTRY_WORK_COMPLETED, 8 * DAY);
    tile_make(t, "2026-01-01T00:05:00", CI_REGISTRY_WORK_COMPLETED, 6 * DAY);
    tile_make(t, "2026-01-01T00:10:00", CI_REGISTRY_WORK_PENDING, 8 * DAY);
    snprintf(folder, sizeof folder, "%s/tiles/unknown", t->staging);
    file_make(folder, "image.fits", 1e9);
    ci_ops_cleaned sum = clean_sum(t, true);
    assert_int_equal(sum.n_removed, 1);
    assert_int_equal(sum.n_young, 1); /* that of 6 days, and none that is needed */
    assert_int_equal(sum.n_young_byte, 4);
    assert_true(fabs(sum.next_unix_s - (t->c.clock.unix_s + DAY)) < 1);
    assert_true(is_there(t->staging, "tiles/2026-01-01T00:00:00"));
    assert_int_equal(clean(t, false), 1);
    assert_false(is_there(t->staging, "tiles/2026-01-01T00:00:00"));
    assert_true(is_there(t->staging, "tiles/2026-01-01T00:05:00/image.fits"));
    assert_true(is_there(t->staging, "tiles/2026-01-01T00:10:00/image.fits"));
    assert_true(is_there(t->staging, "tiles/unknown/image.fits"));
    assert_int_equal(clean(t, false), 0);
}

/* The staging folder of a mosaic, last changed then. */
static void mosaic_age(publish_case *t, const char *id, double unix_s)
{
    const struct utimbuf times = {(time_t)unix_s, (time_t)unix_s};
    char folder[400];
    snprintf(folder, sizeof folder, "%s/mosaics/%s", t->staging, id);
    assert_int_equal(utime(folder, &times), 0);
}

/* Published and whole, for a week; a damaged one keeps its staging, and so does one that is just
 * being made again. */
static void test_mosaics(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    const char *const ids[] = {"g1", "g2", "g4", "g3"};
    for (int i = 0; i < 4; i++) {
        OK(publish_case_make(t, ids[i], &good));
        mosaic_age(t, ids[i], t->c.clock.unix_s);
        if (i < 3) OK(ci_publish_product(t->registry, ids[i], &t->options, &r));
    }
    ci_ops_cleaned sum = clean_sum(t, false);
    assert_int_equal(sum.n_removed, 0);
    assert_int_equal(sum.n_young, 3); /* the one that is not published is not counted */
    t->c.clock.unix_s += 8 * DAY;
    mosaic_age(t, "g4", t->c.clock.unix_s);
    published_path(t, "g2", folder);
    damage(folder, "noise.fits");
    assert_int_equal(clean(t, false), 1);
    assert_false(is_there(t->staging, "mosaics/g1"));
    assert_true(is_there(t->staging, "mosaics/g2/mosaic.fits"));
    assert_true(is_there(t->staging, "mosaics/g3/mosaic.fits"));
    assert_true(is_there(t->staging, "mosaics/g4/mosaic.fits"));
    published_path(t, "g1", folder);
    OK(ci_publish_verify(folder));
}

static void test_logs_and_links(void **state)
{
    publish_case *t = *state;
    char logs[400], reports[400], link[500], victim[400];
    double now = t->c.clock.unix_s;
    snprintf(logs, sizeof logs, "%s/logs", t->c.folder);
    snprintf(reports, sizeof reports, "%s/reports/r1", t->c.folder);
    snprintf(victim, sizeof victim, "%s/victim", t->c.folder);
    file_make(logs, "old.out", now - 31 * DAY);
    file_make(logs, "new.out", now - 29 * DAY);
    file_make(logs, "contimg-api.err", now - 31 * DAY); /* the service has it open */
    file_make(logs, "contimg-stream.out", now - 31 * DAY);
    file_make(logs, "contimg-api.err.1", now - 31 * DAY);
    file_make(reports, "log.jsonl", now - 91 * DAY);
    file_make(victim, "keep", now - 1000 * DAY);
    snprintf(link, sizeof link, "%s/reports/r2", t->c.folder);
    assert_int_equal(symlink(victim, link), 0);
    assert_int_equal(clean(t, false), 3);
    assert_false(is_there(t->c.folder, "logs/old.out") || is_there(t->c.folder, "reports/r1"));
    assert_false(is_there(t->c.folder, "logs/contimg-api.err.1"));
    assert_true(is_there(t->c.folder, "logs/contimg-api.err"));
    assert_true(is_there(t->c.folder, "logs/contimg-stream.out"));
    assert_true(is_there(t->c.folder, "logs/new.out") && is_there(t->c.folder, "victim/keep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_tiles),
        PUBLISH_TEST(test_mosaics),
        PUBLISH_TEST(test_logs_and_links),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
