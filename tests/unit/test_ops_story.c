/* ops: the story of one thing, what happened day by day, and the documents of the deployed
 * service. */
#include "registry_test.h"

#include "contimg/ops.h"
#include "contimg/registry_lease.h"

static void stage(registry_test *t, const char *id)
{
    ci_registry_product p = {
        .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/x"};
    bool is_new;
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

static void claim(registry_test *t, const char *id, ci_registry_owner *owner)
{
    ci_registry_claim claim;
    OK(ci_registry_product_claim(t->registry, id, true, 600, &claim, owner));
    assert_int_equal(claim, CI_REGISTRY_CLAIM_TAKEN);
}

static void fail_one(registry_test *t, const char *id, const char *why)
{
    ci_registry_owner owner;
    ci_registry_publish_state state;
    claim(t, id, &owner);
    OK(ci_registry_product_fail(t->registry, id, owner.token, why, 60, 3, &state));
}

static void group_new(registry_test *t, char group[CI_REGISTRY_ID])
{
    char ids[1][CI_REGISTRY_ID];
    bool is_new;
    observation_make(t->registry, t->c.clock.unix_s, ids[0]);
    OK(group_make(t->registry, 1, ids, 0, t->c.clock.unix_s, group, &is_new));
}

static ci_json *story(registry_test *t, const char *id)
{
    ci_ops_story story;
    OK(ci_ops_story_read(&story, t->registry, t->c.folder, id));
    ci_json *json = ci_ops_story_json(&story);
    ci_ops_story_clear(&story);
    return json;
}

static void check_now(const ci_json *json, const char *name, const char *part)
{
    const char *text = ci_json_get_string(ci_json_at(ci_json_get(json, "now"), 0), name, "");
    if (!strstr(text, part)) fail_msg("%s: no '%s' in '%s'", name, part, text);
}

/* ---- one thing ------------------------------------------------------------------------------- */

static void test_unknown(void **state)
{
    registry_test *t = *state;
    ci_ops_story none;
    unit_refused(ci_ops_story_read(&none, t->registry, "/s", "g9"), CI_ERR_INPUT,
                 "nothing is known of it");
    ci_ops_story_clear(&none);
}

static void test_product(void **state)
{
    registry_test *t = *state;
    stage(t, "g1");
    fail_one(t, "g1", "disk full");
    ci_json *json = story(t, "g1");
    const ci_json *attempts = ci_json_get(json, "attempts");
    check_now(json, "state", "staging");
    check_now(json, "error", "disk full");
    check_now(json, "next", "tried again after 2026-01-25T00:01:00Z");
    assert_int_equal(ci_json_length(ci_json_get(json, "changes")), 3);
    assert_int_equal(ci_json_length(attempts), 1);
    assert_string_equal(ci_json_get_string(ci_json_at(attempts, 0), "outcome", ""), "failed");
    ci_json_free(json);
}

static void test_group(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID];
    bool done;
    group_new(t, id);
    ci_json *json = story(t, id);
    check_now(json, "next", "coming contimg run");
    ci_json_free(json);
    OK(ci_registry_group_wait(t->registry, id, t->c.clock.unix_s + 300));
    json = story(t, id);
    check_now(json, "next", "waits until 2026-01-25T00:05:00Z");
    ci_json_free(json);
    OK(ci_registry_group_claim(t->registry, id, 60, &done));
    json = story(t, id);
    check_now(json, "next", "is being made");
    check_now(json, "owned_since", "2026-01-25T00:00:00Z");
    ci_json_free(json);
    t->c.clock.unix_s += 61; /* its lease is over */
    json = story(t, id);
    check_now(json, "next", "lost");
    ci_json_free(json);
}

/* An observation follows its group: none yet, one to be made, one that failed. */
static void test_observation(void **state)
{
    registry_test *t = *state;
    char ids[1][CI_REGISTRY_ID], group[CI_REGISTRY_ID], text[2 * CI_REGISTRY_ID];
    bool done;
    observation_make(t->registry, t->c.clock.unix_s, ids[0]);
    ci_json *json = story(t, ids[0]);
    check_now(json, "next", "once that is formed");
    ci_json_free(json);
    OK(group_make(t->registry, 1, ids, 0, t->c.clock.unix_s, group, &done));
    json = story(t, ids[0]);
    snprintf(text, sizeof text, "is imaged with its group %s", group);
    check_now(json, "next", text);
    ci_json_free(json);
    OK(ci_registry_group_claim(t->registry, group, 60, &done));
    OK(ci_registry_group_end(t->registry, group, CI_REGISTRY_WORK_FAILED, "noise", NULL));
    json = story(t, ids[0]);
    snprintf(text, sizeof text, "its group %s failed", group);
    check_now(json, "next", text);
    ci_json_free(json);
}

/* What takes late files in is named: the group of an observation, remade where it was imaged. */
static void test_late_files_name_their_command(void **state)
{
    static const struct
    {
        ci_registry_work_state state;
        const char *begin, *option;
    } cases[] = {{CI_REGISTRY_WORK_FAILED, "none by itself: contimg run", ""},
                 {CI_REGISTRY_WORK_PENDING, "is imaged with its group, without its late files", ""},
                 {CI_REGISTRY_WORK_COMPLETED, "its tile is made", " --remake"}};
    registry_test *t = *state;
    char ids[1][CI_REGISTRY_ID], group[CI_REGISTRY_ID], text[2 * CI_REGISTRY_ID],
        path[] = "/in/a.hdf5";
    bool done;
    ci_registry_file f = {.path = path, .state = CI_REGISTRY_FILE_LATE, .sub_band = -1};
    observation_make(t->registry, t->c.clock.unix_s, ids[0]);
    OK(group_make(t->registry, 1, ids, 0, t->c.clock.unix_s, group, &done));
    snprintf(f.observation_id, sizeof f.observation_id, "%s", ids[0]);
    OK(ci_registry_file_put(t->registry, &f));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ci_registry_observations *o;
        OK(ci_registry_observation_get(t->registry, ids[0], &o));
        o->item[0].state = cases[i].state;
        OK(ci_registry_observation_put(t->registry, &o->item[0]));
        ci_registry_observations_free(o);
        ci_json *json = story(t, ids[0]);
        check_now(json, "next", cases[i].begin);
        snprintf(text, sizeof text, "contimg run --group %s%s takes its 1 late file", group,
                 cases[i].option);
        check_now(json, "next", text);
        ci_json_free(json);
    }
}

/* What is awaited is named, and until when; then what is missing, and the files that are no good.
 */
static void test_observation_awaits(void **state)
{
    registry_test *t = *state;
    char line[CI_OPS_LINE];
    ci_registry_observation o = {.id = "2026-01-25T00:00:00",
                                 .state = CI_REGISTRY_WORK_COLLECTING,
                                 .first_time_mjd_s = ci_time_mjd_s_from_unix(t->c.clock.unix_s),
                                 .arrived_unix_s = t->c.clock.unix_s + 20,
                                 .n_expected = 4,
                                 .n_present = 2,
                                 .missing = "1, 3"};
    char bad[] = "/in/2026-01-25T00:00:01_sb01.hdf5", other[] = "/in/2026-01-25T00:05:09_sb01.hdf5";
    ci_registry_file f = {.path = bad, .state = CI_REGISTRY_FILE_EMPTY, .reason = "0 bytes"};
    OK(ci_registry_file_put(t->registry, &f));
    f.path = other;
    OK(ci_registry_file_put(t->registry, &f));
    OK(ci_registry_observation_put(t->registry, &o));
    ci_json *json = story(t, o.id);
    check_now(json, "next",
              "closes when sb01, sb03 are there, at 2026-01-25T00:10:20Z at the latest");
    const ci_json *files = ci_json_get(ci_json_at(ci_json_get(json, "now"), 0), "files_not_used");
    assert_int_equal(ci_json_length(files), 1);
    assert_string_equal(ci_json_get_string(ci_json_at(files, 0), "path", ""), bad);
    ci_json_free(json);
    ci_ops_observation_text(line, &o);
    assert_string_equal(line, "2 of 4 sub-bands, awaits sb01, sb03 until 2026-01-25T00:10:20Z");
    o.is_ready = o.is_degraded = true;
    OK(ci_registry_observation_put(t->registry, &o));
    json = story(t, o.id);
    check_now(json, "next", "once that is formed");
    check_now(json, "degraded_why", "2 of 4 sub-bands, missing sb01, sb03");
    ci_json_free(json);
    ci_ops_observation_text(line, &o);
    assert_string_equal(line, "2 of 4 sub-bands, missing sb01, sb03, DEGRADED");
    o.state = CI_REGISTRY_WORK_FAILED;
    o.error = "2 of 4 sub-bands, missing: sb01, sb03";
    ci_ops_observation_text(line, &o);
    assert_string_equal(line, "2 of 4 sub-bands, missing: sb01, sb03"); /* once */
    o.error = "noise";
    ci_ops_observation_text(line, &o);
    assert_string_equal(line, "2 of 4 sub-bands, missing sb01, sb03, DEGRADED: noise");
}

/* A file by its path or its name: what it is, and what is to be done. */
static void test_file(void **state)
{
    registry_test *t = *state;
    char path[] = "/in/2026-01-25T00:00:01_sb01.hdf5";
    ci_registry_file f = {.path = path, .state = CI_REGISTRY_FILE_EMPTY, .reason = "0 bytes"};
    OK(ci_registry_file_put(t->registry, &f));
    const char *ids[] = {path, path + 4};
    for (int i = 0; i < 2; i++) {
        ci_json *json = story(t, ids[i]);
        check_now(json, "kind", "file");
        check_now(json, "state", "empty");
        check_now(json, "error", "0 bytes");
        check_now(json, "next", "when it is copied again the next scan reads it");
        assert_string_equal(ci_json_get_string(json, "id", ""), path);
        assert_int_equal(ci_json_length(ci_json_get(json, "changes")), 1);
        ci_json_free(json);
    }
    ci_ops_story none;
    unit_refused(ci_ops_story_read(&none, t->registry, "/s", "00:01_sb01.hdf5"), CI_ERR_INPUT,
                 "nothing is known of it");
    ci_ops_story_clear(&none);
}

/* A run that was gone, and whose group another took, is counted. */
static void test_history_taken_over(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID];
    bool done;
    ci_ops_history history;
    group_new(t, id);
    for (int i = 0; i < 2; i++) {
        OK(ci_registry_group_claim(t->registry, id, 60, &done));
        OK(ci_ops_history_read(&history, t->registry, 3600));
        int64_t n_lost = history.n_day == 1 ? history.day[0].n_lost : -1;
        ci_ops_history_clear(&history);
        assert_int_equal(n_lost, i);
        raw_change(t->c.ingest, "UPDATE mosaic_groups SET lease_host='node7'");
        t->c.clock.unix_s += 61; /* the lease of that other machine is over */
    }
}

/* A change names its run, and the run's log where it is there. */
static void test_log(void **state)
{
    registry_test *t = *state;
    char run[CI_REGISTRY_ID], path[400];
    OK(ci_registry_run_begin(t->registry, "run", NULL, run));
    stage(t, "g1");
    snprintf(path, sizeof path, "%s/reports/%s", t->c.folder, run);
    OK(ci_path_make_folder(path));
    snprintf(path, sizeof path, "%s/reports/%s/log.jsonl", t->c.folder, run);
    OK(ci_file_write(path, "x", 1));
    ci_json *json = story(t, "g1");
    const ci_json *change = ci_json_at(ci_json_get(json, "changes"), 0);
    assert_string_equal(ci_json_get_string(change, "log", ""), path);
    ci_json_free(json);
}

/* Of what is lost it is said what its run said last. */
static void test_last_log_line(void **state)
{
    static const char lines[] = "{\"msg\": \"first\"}\n{\"msg\": \"image of tile 3\"}\n";
    registry_test *t = *state;
    char run[CI_REGISTRY_ID], path[400], id[CI_REGISTRY_ID];
    bool done;
    OK(ci_registry_run_begin(t->registry, "run", NULL, run));
    snprintf(path, sizeof path, "%s/reports/%s", t->c.folder, run);
    OK(ci_path_make_folder(path));
    snprintf(path, sizeof path, "%s/reports/%s/log.jsonl", t->c.folder, run);
    OK(ci_file_write(path, lines, sizeof lines - 1));
    group_new(t, id);
    OK(ci_registry_group_claim(t->registry, id, 60, &done));
    ci_json *json = story(t, id);
    assert_string_equal(ci_json_get_string(json, "last_log_line", ""), "");
    ci_json_free(json);
    t->c.clock.unix_s += 61;
    json = story(t, id);
    assert_string_equal(ci_json_get_string(json, "last_log_line", ""), "image of tile 3");
    ci_json_free(json);
}

/* ---- day by day ------------------------------------------------------------------------------ */

static void test_history(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    ci_ops_history history;
    stage(t, "g1");
    fail_one(t, "g1", "disk full");
    stage(t, "g2");
    fail_one(t, "g2", "disk full");
    t->c.clock.unix_s += CI_DAY_S;
    claim(t, "g1", &owner);
    OK(ci_registry_product_publish(t->registry, "g1", owner.token, "/p", NULL));
    claim(t, "g2", &owner);
    OK(ci_registry_product_refuse(t->registry, "g2", owner.token, "noise", "its rms is 4 x thermal",
                                  "[]"));
    OK(ci_ops_history_read(&history, t->registry, 2 * CI_DAY_S));
    assert_int_equal(history.n_day, 2);
    const ci_ops_day *first = &history.day[0], *second = &history.day[1];
    assert_true(first->from_unix_s == CI_DAY_S * floor(first->from_unix_s / CI_DAY_S));
    assert_true(second->from_unix_s == first->to_unix_s);
    assert_int_equal(first->n_publish_failed, 2);
    assert_int_equal(second->n_published, 1);
    assert_int_equal(second->n_refused, 1);
    assert_int_equal(first->failures.item[0].n, 2);
    assert_string_equal(first->failures.item[0].text, "product: disk full");
    assert_string_equal(first->failures.item[0].last, "g2");
    assert_string_equal(second->refusals.item[0].text, "product: noise");
    assert_string_equal(second->refusals.item[0].last, "g2: its rms is 4 x thermal");
    ci_json *json = ci_ops_history_json(&history);
    const ci_json *day = ci_json_at(ci_json_get(json, "days"), 0);
    assert_string_equal(ci_json_get_string(day, "date", ""), "2026-01-25");
    ci_json_free(json);
    ci_ops_history_clear(&history);
    OK(ci_ops_history_read(&history, t->registry, 3600));
    assert_int_equal(history.n_day, 1);
    ci_ops_history_clear(&history);
}

static void test_since(void **state)
{
    (void)state;
    double seconds = 0;
    OK(ci_ops_since_parse("24h", &seconds));
    assert_true(seconds == 86400);
    OK(ci_ops_since_parse("7d", &seconds));
    assert_true(seconds == 7 * 86400);
    assert_int_equal(ci_ops_since_parse("7", &seconds), CI_ERR_USAGE);
    assert_int_equal(ci_ops_since_parse("-1d", &seconds), CI_ERR_USAGE);
    assert_int_equal(ci_ops_since_parse("1dd", &seconds), CI_ERR_USAGE);
}

/* ---- documents ------------------------------------------------------------------------------- */

static ci_json *document(const registry_test *t, const char *name)
{
    char path[400];
    ci_json *json = NULL;
    snprintf(path, sizeof path, "%s/api/%s", t->c.folder, name);
    OK(ci_json_read_file(&json, path));
    return json;
}

static void check_members(const ci_json *json, const char *const *names)
{
    for (; *names; names++)
        if (!ci_json_get(json, *names)) fail_msg("no %s", *names);
}

static void test_documents(void **state)
{
    registry_test *t = *state;
    char id[CI_REGISTRY_ID];
    const ci_ops_disk disk = {"state", t->c.folder};
    group_new(t, id);
    stage(t, "g1");
    fail_one(t, "g1", "disk full");
    OK(ci_ops_documents_write(t->registry, t->c.folder, &disk, 1));
    ci_json *json = document(t, "status.json");
    const ci_json *entry = ci_json_at(ci_json_get(json, "recent_groups"), 0);
    assert_true(ci_json_get_number(ci_json_get(json, "queue"), "pending", 0) == 1);
    assert_true(ci_json_get_number(ci_json_get(json, "queue"), "total", 0) == 1);
    assert_string_equal(ci_json_get_string(entry, "group_id", ""), "2026-01-25T00:00:00.000000");
    check_members(json, (const char *[]){"calibration_sets", "matched_recent", NULL});
    check_members(entry, (const char *[]){"state", "received_at", "last_update", "subbands_present",
                                          "expected_subbands", "has_calibrator", "matches", NULL});
    ci_json_free(json);
    json = document(t, "metrics/system.json");
    check_members(json,
                  (const char *[]){"ts", "cpu_percent", "mem_percent", "mem_total", "mem_used",
                                   "disk_total", "disk_used", "load_1", "load_5", "load_15", NULL});
    check_members(ci_json_at(ci_json_get(json, "disks"), 0),
                  (const char *[]){"mount_point", "total", "used", "free", "percent", NULL});
    ci_json_free(json);
    json = document(t, "monitoring/publish/status.json");
    assert_true(ci_json_get_number(json, "failed_publishes", 0) == 1);
    ci_json_free(json);
    json = document(t, "monitoring/publish/failed.json");
    const ci_json *failed = ci_json_at(ci_json_get(json, "failed_publishes"), 0);
    assert_true(ci_json_get_number(json, "count", 0) == 1);
    assert_string_equal(ci_json_get_string(failed, "publish_error", ""), "disk full");
    assert_true(ci_json_get_number(failed, "staged_at", 0) == t->c.clock.unix_s);
    ci_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_unknown),
        REGISTRY_TEST(test_product),
        REGISTRY_TEST(test_group),
        REGISTRY_TEST(test_observation),
        REGISTRY_TEST(test_late_files_name_their_command),
        REGISTRY_TEST(test_observation_awaits),
        REGISTRY_TEST(test_file),
        REGISTRY_TEST(test_history_taken_over),
        REGISTRY_TEST(test_log),
        REGISTRY_TEST(test_last_log_line),
        REGISTRY_TEST(test_history),
        cmocka_unit_test(test_since),
        REGISTRY_TEST(test_documents),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
