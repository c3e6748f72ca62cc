/* Claims of groups and tiles, tries after faults, and what a group is that was done before. */
#include "run_case.h"

#include "run/claim.h"
#include "run/lease.h"
#include "run/tiles.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* One group of the registry, as a run takes it, and its record. */
typedef struct
{
    char id[CI_REGISTRY_ID];
    ci_run_groups chosen;
    ci_run_group *group;
    ci_report_group *record;
} group_case;

static void case_make_at(group_case *g, double unix_s)
{
    ci_registry_groups *found = NULL;
    memset(g, 0, sizeof *g);
    group_make(unix_s, CI_REGISTRY_WORK_PENDING, g->id);
    OK(ci_registry_group_get(rc.run.site.registry, g->id, &found));
    OK(ci_run_groups_add(&g->chosen, &found->item[0]));
    ci_registry_groups_free(found);
    g->group = &g->chosen.group[0];
    OK(ci_report_group_new(&g->record, g->id));
}

static void case_make(group_case *g)
{
    case_make_at(g, 1769200000);
}

static void case_free(group_case *g)
{
    ci_report_group_free(g->record);
    ci_run_groups_free(&g->chosen);
}

/* Claimed by this run and ended with that status, without a product. */
static void fails_with(group_case *g, ci_status status)
{
    bool done = true;
    OK(ci_run_claim(&rc.run, g->group, g->record, &done));
    assert_false(done);
    assert_int_equal(group_state(g->id), CI_REGISTRY_WORK_IN_PROGRESS);
    ci_error(status, "the text of the fault");
    assert_int_equal(ci_run_claim_end(&rc.run, g->group, false, status), status);
    assert_string_equal(ci_error_text(), "the text of the fault");
}

/* ---- tries --------------------------------------------------------------------------------- */

static void test_fault_of_data_is_for_good(void **state)
{
    (void)state;
    group_case g;
    run_open(NULL);
    case_make(&g);
    fails_with(&g, CI_ERR_INPUT);
    assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_FAILED);
    case_free(&g);
}

/* How long the group is not taken, seconds; NaN: it may be at once. */
static double waits_s(const char *id)
{
    ci_registry_groups *found = NULL;
    OK(ci_registry_group_get(rc.run.site.registry, id, &found));
    double at = found->item[0].next_try_unix_s;
    ci_registry_groups_free(found);
    return at - rc.clock.unix_s;
}

/* It is never given up; from the third fault on it waits, twice as long each time, an hour at
 * most. */
static void test_fault_of_the_machine_is_tried_again(void **state)
{
    (void)state;
    static const double wait_s[] = {NAN, NAN, 60, 120, 240, 480, 960, 1920, 3600, 3600};
    group_case g;
    run_open(NULL);
    case_make(&g);
    for (size_t i = 0; i < sizeof wait_s / sizeof *wait_s; i++) {
        fails_with(&g, i % 2 ? CI_ERR_DISK : CI_ERR_IO);
        assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_PENDING);
        double now_s = waits_s(g.id);
        assert_true(isnan(wait_s[i]) ? isnan(now_s) : now_s == wait_s[i]);
    }
    case_free(&g);
}

/* Claimed, found to lack tables, and given back. */
static void lacks_tables(group_case *g, ci_status status)
{
    bool done = true;
    OK(ci_run_claim(&rc.run, g->group, g->record, &done));
    rc.run.waits_for_tables = true;
    ci_error(status, "no table");
    assert_int_equal(ci_run_claim_end(&rc.run, g->group, false, status), status);
}

/* Without tables a group waits, also where a gate is what refuses those there are, and is taken
 * when tables are registered. */
static void test_group_waits_for_tables(void **state)
{
    (void)state;
    group_case g;
    run_open(NULL);
    case_make(&g);
    lacks_tables(&g, CI_ERR_GATE);
    assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_PENDING);
    assert_true(waits_s(g.id) == 600);
    OK(ci_registry_groups_wake(rc.run.site.registry));
    assert_true(isnan(waits_s(g.id)));
    /* What waited does not wait for the next cause. */
    lacks_tables(&g, CI_ERR_NOT_READY);
    fails_with(&g, CI_ERR_STOPPED);
    assert_true(isnan(waits_s(g.id)));
    case_free(&g);
}

static void test_stops_and_waits_are_no_tries(void **state)
{
    (void)state;
    group_case g;
    run_open(NULL);
    case_make(&g);
    for (int i = 0; i < 3; i++) {
        fails_with(&g, CI_ERR_STOPPED);
        fails_with(&g, CI_ERR_NOT_READY);
        assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_PENDING);
    }
    fails_with(&g, CI_ERR_IO);
    assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_PENDING);
    case_free(&g);
}

/* ---- the claim ------------------------------------------------------------------------------- */

enum
{
    OTHER_LEASE_S = 310
};

/* Another process is another owner: what it gets with a handle of its own. */
static ci_status other_claims(const group_case *g, bool of_group)
{
    const char *ids[2] = {g->group->tile[0].id, g->group->tile[1].id};
    ci_registry *registry = run_registry();
    bool done = false;
    if (of_group) return ci_registry_group_claim(registry, g->id, OTHER_LEASE_S, &done);
    return ci_registry_tiles_claim(registry, ids, 2, OTHER_LEASE_S);
}

/* A process that claims and ends: its status. */
static ci_status try_tiles(const group_case *g)
{
    int code = 0;
    pid_t pid = fork();
    if (pid == 0) _exit((int)other_claims(g, false));
    assert_int_equal(waitpid(pid, &code, 0), pid);
    return (ci_status)WEXITSTATUS(code);
}

/* A process that claims the group, or its tiles, and lives until it is killed. */
static pid_t hold(const group_case *g, bool of_group)
{
    int ends[2];
    char byte = 1;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        byte = (char)other_claims(g, of_group);
        if (write(ends[1], &byte, 1) == 1) pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(byte, CI_OK);
    return pid;
}

/* Lines of the log, of which one says that this run waits for tiles. */
static int n_waiting_lines(const char *path, const char *whom)
{
    char *text = NULL;
    int n = 0;
    OK(ci_file_read(&text, NULL, path));
    for (const char *at = text; (at = strstr(at, ": waiting")); at++)
        n++;
    assert_non_null(strstr(text, whom));
    ci_mem_free(text);
    return n;
}

/* It says for whom at once and then once a minute, whatever else it does meanwhile, and goes on
 * when the other's lease has run out. */
static void test_who_waits_says_so_each_minute(void **state)
{
    group_case g;
    bool done = true;
    char whom[64];
    run_open(NULL);
    case_make(&g);
    UNIT_PATH(path, state, "log.txt");
    pid_t pid = hold(&g, false);
    snprintf(whom, sizeof whom, "pid %lld", (long long)pid);
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen(path, "w", stderr));
    double start_s = rc.clock.unix_s;
    ci_status status = ci_run_claim(&rc.run, g.group, g.record, &done);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    OK(status);
    assert_true(rc.clock.unix_s - start_s >= OTHER_LEASE_S);
    assert_int_equal(n_waiting_lines(path, whom), 1 + OTHER_LEASE_S / 60);
    case_free(&g);
}

static void test_tiles_go_back_with_the_group(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    run_open(NULL);
    case_make(&g);
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_int_equal(try_tiles(&g), CI_ERR_NOT_READY);
    ci_error(CI_ERR_IO, "fault");
    assert_int_equal(ci_run_claim_end(&rc.run, g.group, false, CI_ERR_IO), CI_ERR_IO);
    assert_int_equal(try_tiles(&g), CI_OK);
    case_free(&g);
}

static void test_group_of_another_is_not_ready(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    run_open(NULL);
    case_make(&g);
    pid_t pid = hold(&g, true);
    ci_status status = ci_run_claim(&rc.run, g.group, g.record, &done);
    assert_true(g.record->is_busy);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unit_refused(status, CI_ERR_NOT_READY, g.id);
    /* A dead owner is known at once. */
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_false(done);
    case_free(&g);
}

/* Overtaken while it worked: what it would write is refused, and its end changes nothing. */
static void test_overtaken_run_writes_nothing(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    run_open(NULL);
    case_make(&g);
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    OK(ci_run_lease_check(&rc.run));
    rc.clock.unix_s += CI_REGISTRY_LEASE_S;
    pid_t pid = hold(&g, true);
    unit_refused(ci_run_lease_check(&rc.run), CI_ERR_NOT_READY, "taken over by");
    assert_int_equal(ci_run_claim_end(&rc.run, g.group, true, CI_OK), CI_ERR_NOT_READY);
    ci_registry_work_state now = group_state(g.id);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(now, CI_REGISTRY_WORK_IN_PROGRESS);
    case_free(&g);
}

/* ---- done before ----------------------------------------------------------------------------- */

static void staged_file(const char *folder, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(ci_file_write(path, name, strlen(name)));
}

/* The group's product, whole in staging, and the group completed. */
static void product_stage(group_case *g, const char *metadata)
{
    char folder[300], none[] = "", text[200];
    bool is_new = false, done = false;
    snprintf(folder, sizeof folder, "%s/output/mosaics/%s", rc.folder, g->id);
    snprintf(text, sizeof text, "%s", metadata);
    OK(ci_path_make_folder(folder));
    staged_file(folder, "mosaic.fits");
    staged_file(folder, "noise.fits");
    staged_file(folder, "weight.fits");
    staged_file(folder, "sources.csv");
    ci_registry_product row = {.stage_path = folder,
                               .published_path = none,
                               .metadata_json = text,
                               .error = none,
                               .qa_json = none,
                               .type = CI_REGISTRY_MOSAIC,
                               .time_mjd_s = g->group->tile[0].time_mjd_s};
    snprintf(row.id, sizeof row.id, "%s", g->id);
    OK(ci_run_claim(&rc.run, g->group, g->record, &done));
    OK(ci_registry_product_stage(rc.run.site.registry, &row, &is_new));
    OK(ci_run_claim_end(&rc.run, g->group, true, CI_OK));
}

static void test_staged_group_is_done(void **state)
{
    (void)state;
    group_case g;
    bool done = false;
    run_open(NULL);
    case_make(&g);
    product_stage(&g, "{}");
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_true(done);
    assert_true(g.record->is_made_before);
    assert_int_equal(g.record->state, CI_REPORT_GROUP_STAGED);
    assert_int_equal(g.record->product_state, CI_REGISTRY_PUBLISH_STAGING);
    case_free(&g);
}

/* One attempt to publish the product fails; the next is due in a minute. */
static void attempt_fails(const group_case *g)
{
    ci_registry_claim claim;
    ci_registry_owner owner;
    ci_registry_publish_state now;
    OK(ci_registry_product_claim(rc.run.site.registry, g->id, true, 60, &claim, &owner));
    OK(ci_registry_product_fail(rc.run.site.registry, g->id, owner.token, "no space left", 60, 3,
                                &now));
    assert_int_equal(now, CI_REGISTRY_PUBLISH_STAGING);
}

/* What --strict asks at a run's end: DEGRADED counts of a product that an earlier run made. */
static void test_degraded_counts_however_old(void **state)
{
    (void)state;
    static const char *const metadata[] = {
        "{}", "{\"is_degraded\": true, \"degraded_why\": \"1 tile is missing\"}"};
    run_open(NULL);
    for (int i = 0; i < 2; i++) {
        group_case g;
        bool done = false;
        rc.run.record.is_degraded = false;
        case_make_at(&g, 1769200000 + 1e5 * i);
        product_stage(&g, metadata[i]);
        rc.clock.unix_s += 400 * CI_DAY_S;
        OK(ci_run_claim(&rc.run, g.group, g.record, &done));
        assert_true(done);
        assert_int_equal(rc.run.record.is_degraded, i == 1);
        assert_string_equal(g.record->degraded_why, i == 1 ? "1 tile is missing" : "");
        case_free(&g);
    }
}

/* The group waits for its time, and says so. */
static void test_failed_publication_waits(void **state)
{
    (void)state;
    group_case g;
    bool done = false;
    run_open(NULL);
    case_make(&g);
    product_stage(&g, "{}");
    attempt_fails(&g);
    unit_refused(ci_run_claim(&rc.run, g.group, g.record, &done), CI_ERR_NOT_READY,
                 "is not published: no space left");
    assert_true(g.record->is_made_before);
    case_free(&g);
}

/* Published late or not at all, it is DEGRADED as when it was made: for --strict, too. */
static void test_publishing_again_says_degraded(void **state)
{
    (void)state;
    group_case g;
    bool done = false;
    run_open(NULL);
    case_make(&g);
    product_stage(&g, "{\"is_degraded\": true, \"degraded_why\": \"1 tile is missing\"}");
    attempt_fails(&g);
    rc.clock.unix_s += 61;
    assert_int_not_equal(ci_run_claim(&rc.run, g.group, g.record, &done), CI_OK); /* no images */
    assert_true(done && !g.record->is_made_before);                               /* it was tried */
    assert_true(g.record->is_degraded && rc.run.record.is_degraded);
    assert_string_equal(g.record->degraded_why, "1 tile is missing");
    case_free(&g);
}

static void test_lost_staging_is_made_again(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    char path[400];
    run_open(NULL);
    case_make(&g);
    product_stage(&g, "{}");
    snprintf(path, sizeof path, "%s/output/mosaics/%s/noise.fits", rc.folder, g.id);
    assert_int_equal(remove(path), 0);
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_false(done);
    assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_IN_PROGRESS);
    case_free(&g);
}

static void test_staged_with_other_options_is_made_again(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    run_open(NULL);
    case_make(&g);
    snprintf(rc.run.choices_sha256, sizeof rc.run.choices_sha256, "now");
    product_stage(&g, "{\"options_sha256\": \"then\"}");
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_false(done);
    case_free(&g);
}

static void test_missing_product_is_made_again(void **state)
{
    (void)state;
    group_case g;
    bool done = true;
    run_open(NULL);
    case_make(&g);
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    OK(ci_run_claim_end(&rc.run, g.group, true, CI_OK));
    assert_int_equal(group_state(g.id), CI_REGISTRY_WORK_COMPLETED);
    OK(ci_run_claim(&rc.run, g.group, g.record, &done));
    assert_false(done);
    case_free(&g);
}

/* ---- tiles that were judged ------------------------------------------------------------------ */

static void test_relaxed_limits_decide_on_reuse(void **state)
{
    (void)state;
    const char *five = "qa-img-max-noise-ratio 5 (3)", *six = "qa-img-max-noise-ratio 6 (3)";
    assert_true(ci_run_tile_is_judged_alike("", "", false));
    assert_true(ci_run_tile_is_judged_alike(five, five, false));
    assert_false(ci_run_tile_is_judged_alike(five, six, true));
    assert_false(ci_run_tile_is_judged_alike(five, "", true));
    /* Passed by default limits, it passes by any looser; but its header must be judged so. */
    assert_true(ci_run_tile_is_judged_alike("", five, true));
    assert_false(ci_run_tile_is_judged_alike("", five, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(test_fault_of_data_is_for_good),
        RUN_TEST(test_fault_of_the_machine_is_tried_again),
        RUN_TEST(test_group_waits_for_tables),
        RUN_TEST(test_stops_and_waits_are_no_tries),
        RUN_TEST(test_who_waits_says_so_each_minute),
        RUN_TEST(test_tiles_go_back_with_the_group),
        RUN_TEST(test_group_of_another_is_not_ready),
        RUN_TEST(test_overtaken_run_writes_nothing),
        RUN_TEST(test_staged_group_is_done),
        RUN_TEST(test_degraded_counts_however_old),
        RUN_TEST(test_failed_publication_waits),
        RUN_TEST(test_publishing_again_says_degraded),
        RUN_TEST(test_lost_staging_is_made_again),
        RUN_TEST(test_staged_with_other_options_is_made_again),
        RUN_TEST(test_missing_product_is_made_again),
        RUN_TEST(test_relaxed_limits_decide_on_reuse),
    };
    return cmocka_run_group_tests_name("run_claim", tests, NULL, NULL);
}
