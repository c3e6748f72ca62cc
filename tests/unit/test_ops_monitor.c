/* ops: what the monitor counts, when an alert begins and ends, and how it is told. */
#include "registry_test.h"

#include "contimg/ops.h"

#define HOUR 3600.0

static void stage(registry_test *t, const char *id)
{
    ci_registry_product p = {
        .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/x"};
    bool is_new;
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

/* One attempt, published or failed; a person asks, so that no wait stands in the way. */
static void attempt(registry_test *t, const char *id, bool good)
{
    ci_registry_owner owner;
    ci_registry_claim claim;
    ci_registry_publish_state state;
    OK(ci_registry_product_claim(t->registry, id, true, 600, &claim, &owner));
    assert_int_equal(claim, CI_REGISTRY_CLAIM_TAKEN);
    if (good)
        OK(ci_registry_product_publish(t->registry, id, owner.token, "/p/x", NULL));
    else
        OK(ci_registry_product_fail(t->registry, id, owner.token, "no", 60, 3, &state));
}

/* n_good products published, n_bad with one failure each. */
static void attempts(registry_test *t, int n_good, int n_bad)
{
    for (int i = 0; i < n_good + n_bad; i++) {
        char id[32];
        snprintf(id, sizeof id, "m%d", i);
        stage(t, id);
        attempt(t, id, i < n_good);
    }
}

static void judge(registry_test *t, ci_ops_alerts *alerts)
{
    ci_ops_thresholds limits;
    ci_ops_thresholds_default(&limits);
    alerts->n = 0;
    OK(ci_ops_alerts_judge(alerts, t->registry, &limits));
}

static bool holds(registry_test *t, const char *name)
{
    ci_ops_alerts alerts;
    judge(t, &alerts);
    for (size_t i = 0; i < alerts.n; i++)
        if (strcmp(alerts.item[i].name, name) == 0) return true;
    return false;
}

/* ---- metrics --------------------------------------------------------------------------------- */

static void test_nothing_tried(void **state)
{
    registry_test *t = *state;
    ci_ops_metrics m;
    ci_ops_alerts alerts;
    OK(ci_ops_metrics_read(&m, t->registry));
    assert_true(m.success_percent == 100);
    assert_int_equal(m.n_published + m.n_staging + m.n_publishing + m.n_failed, 0);
    judge(t, &alerts);
    assert_int_equal(alerts.n, 0);
}

static void test_counts(void **state)
{
    registry_test *t = *state;
    ci_ops_metrics m;
    attempts(t, 3, 1);
    stage(t, "new");
    OK(ci_ops_metrics_read(&m, t->registry));
    assert_int_equal(m.n_published, 3);
    assert_int_equal(m.n_staging, 2);
    assert_int_equal(m.n_failed, 1);
    assert_int_equal(m.n_exhausted, 0);
    assert_int_equal(m.n_recent_failure, 1);
    assert_true(m.success_percent == 75);
    ci_json *json = ci_ops_metrics_json(&m);
    assert_true(ci_json_get_number(json, "success_rate_percent", 0) == 75);
    assert_true(ci_json_get_number(json, "total_published", 0) == 3);
    assert_string_equal(ci_json_get_string(json, "timestamp", ""), "2026-01-25T00:00:00Z");
    ci_json_free(json);
    t->c.clock.unix_s += 25 * HOUR; /* the rows stay; they are recent no more */
    OK(ci_ops_metrics_read(&m, t->registry));
    assert_int_equal(m.n_recent_failure, 0);
    assert_true(m.success_percent == 75);
}

/* A product that was published in the end counts by its attempts, not by its state. */
static void test_success_by_attempts(void **state)
{
    registry_test *t = *state;
    ci_ops_metrics m;
    stage(t, "a");
    attempt(t, "a", false);
    attempt(t, "a", true);
    OK(ci_ops_metrics_read(&m, t->registry));
    assert_int_equal(m.n_failed, 0);
    assert_true(m.success_percent == 50);
}

static void test_deployed_rows_alert_nobody(void **state)
{
    registry_test *t = *state;
    ci_ops_metrics m;
    ci_ops_alerts alerts;
    raw_change(t->c.data,
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
               "i<500) INSERT INTO data_registry(data_type,data_id,base_path,status,"
               "stage_path,created_at,staged_at,publish_attempts) SELECT 'mosaic','d'||i,"
               "'/s','staging','/s/d',1,1,3 FROM n");
    OK(ci_ops_metrics_read(&m, t->registry));
    assert_int_equal(m.n_staging, 500); /* served, as the deployed monitor counts them */
    assert_int_equal(m.n_exhausted, 500);
    assert_true(m.success_percent == 100);
    judge(t, &alerts);
    assert_int_equal(alerts.n, 0);
}

/* ---- alerts: one at the limit, one beyond ---------------------------------------------------- */

static void test_failed_publishes(void **state)
{
    registry_test *t = *state;
    attempts(t, 0, 5);
    assert_false(holds(t, "failed_publishes"));
    stage(t, "sixth");
    attempt(t, "sixth", false);
    assert_true(holds(t, "failed_publishes"));
    t->c.clock.unix_s += HOUR + 1;
    assert_false(holds(t, "failed_publishes"));
}

static void test_success_rate(void **state)
{
    registry_test *t = *state;
    attempts(t, 19, 1);
    assert_false(holds(t, "success_rate")); /* 95 % */
    stage(t, "b");
    attempt(t, "b", false);
    assert_true(holds(t, "success_rate"));
    t->c.clock.unix_s += 24 * HOUR + 1;
    assert_false(holds(t, "success_rate"));
}

static void test_staging_age(void **state)
{
    registry_test *t = *state;
    stage(t, "old");
    t->c.clock.unix_s += 24 * HOUR;
    assert_false(holds(t, "staging_age"));
    t->c.clock.unix_s += 1;
    assert_true(holds(t, "staging_age"));
    attempt(t, "old", true);
    assert_false(holds(t, "staging_age"));
}

static void group_end(registry_test *t, int i, ci_registry_work_state to)
{
    char id[1][CI_REGISTRY_ID], group[CI_REGISTRY_ID];
    bool is_new, done;
    double unix_s = 1769299200 + 309 * i;
    observation_make(t->registry, unix_s, id[0]);
    OK(group_make(t->registry, 1, id, 0, unix_s, group, &is_new));
    OK(ci_registry_group_claim(t->registry, group, 60, &done));
    OK(ci_registry_group_end(t->registry, group, to, "so", NULL));
}

static void test_group_failures(void **state)
{
    registry_test *t = *state;
    for (int i = 0; i < 9; i++)
        group_end(t, i, CI_REGISTRY_WORK_COMPLETED);
    group_end(t, 9, CI_REGISTRY_WORK_FAILED);
    assert_false(holds(t, "group_failures")); /* 10 % */
    group_end(t, 10, CI_REGISTRY_WORK_FAILED);
    assert_true(holds(t, "group_failures"));
    t->c.clock.unix_s += 24 * HOUR + 1;
    assert_false(holds(t, "group_failures"));
}

static void test_disks(void **state)
{
    registry_test *t = *state;
    ci_ops_alerts alerts = {0};
    char below[400];
    snprintf(below, sizeof below, "%s/not/there", t->c.folder);
    const ci_ops_disk disk[] = {{"state", t->c.folder}, {"staging", below}};
    OK(ci_ops_alerts_disks(&alerts, disk, 2, &(ci_ops_disk_limits){0, 0}));
    assert_int_equal(alerts.n, 0);
    OK(ci_ops_alerts_disks(&alerts, disk, 2, &(ci_ops_disk_limits){1e9, 0}));
    assert_int_equal(alerts.n, 2);
    assert_string_equal(alerts.item[1].name, "disk_warn_staging");
    alerts.n = 0;
    OK(ci_ops_alerts_disks(&alerts, disk, 1, &(ci_ops_disk_limits){1e9, 1e9}));
    assert_int_equal(alerts.n, 1);
    assert_string_equal(alerts.item[0].name, "disk_critical_state");
}

/* ---- once ------------------------------------------------------------------------------------ */

/* What there is to tell now, told where asked: "+name", "-name" of a cleared one. */
static void update(registry_test *t, bool holds_now, bool told, const char *expected)
{
    ci_registry_alert alert = {.name = "x", .message = "m", .value = 7, .limit = 5};
    ci_registry_alerts found = {holds_now ? 1 : 0, &alert}, *tell;
    char text[64] = "";
    OK(ci_registry_alerts_update(t->registry, &found, 60, &tell));
    for (size_t i = 0; i < tell->n; i++) {
        snprintf(text, sizeof text, "%c%s", tell->item[i].is_active ? '+' : '-',
                 tell->item[i].name);
        if (told) OK(ci_registry_alert_told(t->registry, &tell->item[i]));
    }
    ci_registry_alerts_free(tell);
    assert_string_equal(text, expected);
}

static void test_told_once(void **state)
{
    registry_test *t = *state;
    update(t, true, true, "+x");
    update(t, true, true, "");
    registry_close(t);
    registry_open(t); /* the next cron run */
    update(t, true, true, "");
    update(t, false, true, "-x");
    update(t, false, true, "");
    update(t, true, true, "+x"); /* it begins anew */
    assert_int_equal(raw_int(t->c.data, "SELECT count(*) FROM state_changes WHERE kind='alert'"),
                     3);
}

/* One that could not be told is tried again later, by one process at a time. */
static void test_told_again(void **state)
{
    registry_test *t = *state;
    update(t, true, false, "+x");
    update(t, true, false, "");
    t->c.clock.unix_s += 61;
    update(t, true, false, "+x");
    t->c.clock.unix_s -= HOUR; /* a clock that is set back does not delay it */
    update(t, true, true, "+x");
    update(t, true, true, "");
}

static void test_untold_end(void **state)
{
    registry_test *t = *state;
    update(t, true, false, "+x");
    update(t, false, false, ""); /* nobody knows of it */
    update(t, true, true, "+x");
    update(t, false, false, "-x");
    t->c.clock.unix_s += 61;
    update(t, true, false, ""); /* to the operator it never ended */
}

/* ---- the command ----------------------------------------------------------------------------- */

static void test_command(void **state)
{
    registry_test *t = *state;
    ci_registry_alert alert = {
        .name = "x", .message = "it's \"bad\"", .value = 7, .limit = 5, .is_active = true};
    char command[400], path[320], *text = NULL;
    ci_json *json = NULL;
    snprintf(path, sizeof path, "%s/got.json", t->c.folder);
    snprintf(command, sizeof command, "cat >'%s'", path);
    OK(ci_ops_alert_tell(command, &alert, "ops@example.org", 20));
    OK(ci_json_read_file(&json, path));
    assert_string_equal(ci_json_get_string(json, "message", ""), "it's \"bad\"");
    assert_string_equal(ci_json_get_string(json, "state", ""), "active");
    assert_string_equal(ci_json_get_string(json, "contact", ""), "ops@example.org");
    assert_true(ci_json_get_number(json, "value", 0) == 7);
    ci_json_free(json);
    ci_mem_free(text);
}

static void test_command_fails(void **state)
{
    (void)state;
    ci_registry_alert alert = {.name = "x", .is_active = true};
    unit_refused(ci_ops_alert_tell("exit 3", &alert, "", 20), CI_ERR_IO, "exit code 3");
    double before = ci_clock_monotonic_s();
    unit_refused(ci_ops_alert_tell("sleep 100 & sleep 100", &alert, "", 0.2), CI_ERR_IO,
                 "did not end within 0.2 s");
    assert_true(ci_clock_monotonic_s() - before < 20);
}

static void thresholds_file(registry_test *t, const char *text, ci_status expected, const char *why)
{
    char path[320];
    ci_ops_thresholds limits;
    snprintf(path, sizeof path, "%s/limits.json", t->c.folder);
    OK(ci_file_write(path, text, strlen(text)));
    ci_ops_thresholds_default(&limits);
    ci_status status = ci_ops_thresholds_read(&limits, path);
    if (expected != CI_OK) {
        unit_refused(status, expected, why);
        return;
    }
    assert_int_equal(status, CI_OK);
    assert_true(limits.min_success_rate == 90 && limits.max_failed == 3);
    assert_true(limits.max_failed_per_hour == 5);
}

static void test_thresholds(void **state)
{
    registry_test *t = *state;
    thresholds_file(t, "{\"min_success_rate\": 90.0, \"max_failed\": 3}", CI_OK, "");
    thresholds_file(t, "{\"min_sucess_rate\": 90.0}", CI_ERR_INPUT,
                    "did you mean min_success_rate?");
    thresholds_file(t, "{\"max_failed\": \"3\"}", CI_ERR_INPUT, "max_failed: must be a number");
    thresholds_file(t, "5", CI_ERR_INPUT, "must be a JSON object");
    thresholds_file(t, "[5]", CI_ERR_INPUT, "must be a JSON object");
}

/* ---- what needs somebody --------------------------------------------------------------------- */

static void refuse(registry_test *t, const char *id, const char *why)
{
    ci_registry_product p = {
        .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/x"};
    ci_registry_owner owner;
    ci_registry_claim claim;
    bool is_new;
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    OK(ci_registry_product_claim(t->registry, id, true, 600, &claim, &owner));
    OK(ci_registry_product_refuse(t->registry, id, owner.token, "noise", why, "{}"));
}

/* At most five are named, what is LOST first; a published product and a pending group are none. */
static void test_concerns(void **state)
{
    registry_test *t = *state;
    char ids[2][CI_REGISTRY_ID], lost[CI_REGISTRY_ID], failed[CI_REGISTRY_ID], name[16];
    bool is_new, done;
    ci_ops_concerns c;
    OK(ci_ops_concerns_read(&c, t->registry));
    assert_int_equal(c.n, 0);
    for (int i = 0; i < 2; i++)
        observation_make(t->registry, t->c.clock.unix_s + 309 * i, ids[i]);
    OK(group_make(t->registry, 1, ids, 0, t->c.clock.unix_s, lost, &is_new));
    OK(group_make(t->registry, 1, ids + 1, 0, t->c.clock.unix_s + 309, failed, &is_new));
    OK(ci_ops_concerns_read(&c, t->registry));
    assert_int_equal(c.n, 0);
    OK(ci_registry_group_claim(t->registry, failed, 60, &done));
    OK(ci_registry_group_end(t->registry, failed, CI_REGISTRY_WORK_FAILED, "noise", NULL));
    OK(ci_registry_group_claim(t->registry, lost, 60, &done));
    refuse(t, "g1", "noise: rms");
    OK(ci_ops_concerns_read(&c, t->registry));
    assert_int_equal(c.n, 2);
    t->c.clock.unix_s += 61; /* its lease is over */
    OK(ci_ops_concerns_read(&c, t->registry));
    assert_int_equal(c.n, 3);
    assert_string_equal(c.item[0].id, lost);
    assert_string_equal(c.item[0].state, "LOST");
    assert_string_equal(c.item[1].id, "g1");
    assert_string_equal(c.item[1].state, "refused");
    assert_string_equal(c.item[1].why, "noise: rms");
    assert_string_equal(c.item[2].id, failed);
    for (int i = 2; i < 6; i++) {
        snprintf(name, sizeof name, "g%d", i);
        refuse(t, name, "noise");
    }
    OK(ci_ops_concerns_read(&c, t->registry));
    assert_int_equal(c.n, 7);
    assert_int_equal(c.n_item, 5);
}

static void test_text_cut(void **state)
{
    (void)state;
    char out[20];
    ci_ops_text_cut(out, sizeof out, "nineteen characters");
    assert_string_equal(out, "nineteen characters");
    ci_ops_text_cut(out, sizeof out, "twenty characters it");
    assert_string_equal(out, "twenty ...");
    ci_ops_text_cut(out, sizeof out, "a word of several and more");
    assert_string_equal(out, "a word of ...");
    ci_ops_text_cut(out, sizeof out, "/a/path/that/has/no/blank");
    assert_string_equal(out, "/a/path/that/ha ...");
    ci_ops_text_cut(out, sizeof out, "12345678901234\xc3\xbc/more/of/it");
    assert_string_equal(out, "12345678901234 ...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_nothing_tried),
        REGISTRY_TEST(test_counts),
        REGISTRY_TEST(test_success_by_attempts),
        REGISTRY_TEST(test_deployed_rows_alert_nobody),
        REGISTRY_TEST(test_failed_publishes),
        REGISTRY_TEST(test_success_rate),
        REGISTRY_TEST(test_staging_age),
        REGISTRY_TEST(test_group_failures),
        REGISTRY_TEST(test_disks),
        REGISTRY_TEST(test_told_once),
        REGISTRY_TEST(test_told_again),
        REGISTRY_TEST(test_untold_end),
        REGISTRY_TEST(test_command),
        REGISTRY_TEST(test_command_fails),
        REGISTRY_TEST(test_thresholds),
        REGISTRY_TEST(test_concerns),
        cmocka_unit_test(test_text_cut),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
