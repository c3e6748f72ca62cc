/* registry: claims of groups and tiles, and their leases, by a clock that the test sets. */
#include "claim_case.h"

#include "contimg/registry_lease.h"
#include "contimg/registry_watch.h"

/* ---- one owner at a time --------------------------------------------------------------------- */

/* A second handle of this process owns what the first does. */
static void test_same_process(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    ci_registry *other;
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    assert_false(done);
    OK(ci_registry_open(&other, &t->c.paths, &t->c.options));
    ci_status claimed = ci_registry_group_claim(other, g.id, 600, &done);
    ci_status renewed = ci_registry_leases_renew(other, 600);
    ci_registry_close(other);
    OK(claimed);
    OK(renewed);
}

static void test_unknown(void **state)
{
    registry_test *t = *state;
    bool done;
    unit_refused(ci_registry_group_claim(t->registry, "none", 600, &done), CI_ERR_INPUT,
                 "none: no such group");
    unit_refused(ci_registry_group_end(t->registry, "none", CI_REGISTRY_WORK_FAILED, "x", NULL),
                 CI_ERR_NOT_READY, "not known");
}

/* Another process that lives is told who; what it has not taken it may. */
static void test_other_process(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    bool done;
    int result;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    registry_close(t);
    pid_t pid = fork();
    if (pid == 0) {
        char who[CI_REGISTRY_ID];
        snprintf(who, sizeof who, "pid %d", (int)getppid());
        if (ci_registry_open(&t->registry, &t->c.paths, &t->c.options) != CI_OK) _exit(2);
        ci_status status = ci_registry_group_claim(t->registry, g.id, 600, &done);
        _exit(status == CI_ERR_NOT_READY && strstr(ci_error_text(), who) ? 0 : 1);
    }
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    registry_open(t);
}

/* ---- leases ---------------------------------------------------------------------------------- */

/* What is known of a process on another node is its lease: it holds to the last second. */
static void test_lease_runs_out(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    ci_registry_changes *changes;
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    move_leases(t, "mosaic_groups");
    t->c.clock.unix_s += 599;
    assert_int_equal(n_ready(t), 0);
    unit_refused(ci_registry_group_claim(t->registry, g.id, 600, &done), CI_ERR_NOT_READY,
                 "node7 pid");
    t->c.clock.unix_s += 1;
    assert_int_equal(n_ready(t), 1);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    OK(ci_registry_changes_read(t->registry, &changes, g.id, 0));
    assert_int_equal(changes->n, 3); /* made, taken, taken over */
    assert_string_equal(changes->item[2].reason, "taken over: its owner is dead");
    assert_true(changes->item[2].at_unix_s == t->c.clock.unix_s);
    ci_registry_changes_free(changes);
}

static void test_renewed_lease(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    t->c.clock.unix_s += 500;
    OK(ci_registry_leases_renew(t->registry, 600));
    move_leases(t, "mosaic_groups");
    t->c.clock.unix_s += 599; /* long after the first would have run out */
    assert_int_equal(ci_registry_group_claim(t->registry, g.id, 600, &done), CI_ERR_NOT_READY);
    t->c.clock.unix_s += 1;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
}

/* The token of a group's lease, as its owner notes it. */
static void token_of(registry_test *t, const char *id, char token[CI_REGISTRY_ID])
{
    snprintf(token, CI_REGISTRY_ID, "%s", owner_of(t, id).token);
}

static int64_t lease_end(registry_test *t)
{
    return raw_int(t->c.ingest, "SELECT max(lease_expires_at) FROM mosaic_groups");
}

/* A process that was stopped, and whose lease ran out and was taken: it learns by whom before it
 * writes, renews nothing that is not its own, and ends nothing. */
static void test_lost_lease(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    char token[CI_REGISTRY_ID];
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    token_of(t, g.id, token);
    OK(ci_registry_group_check(t->registry, g.id, token));
    raw_change(t->c.ingest, "UPDATE mosaic_groups SET lease_host='node7',lease_token='1-2'");
    int64_t end = lease_end(t);
    t->c.clock.unix_s += 100;
    OK(ci_registry_leases_renew(t->registry, 600));
    assert_int_equal(lease_end(t), end);
    unit_refused(ci_registry_group_check(t->registry, g.id, token), CI_ERR_NOT_READY,
                 "taken over by node7 pid");
    unit_refused(ci_registry_group_end(t->registry, g.id, CI_REGISTRY_WORK_COMPLETED, NULL, "m"),
                 CI_ERR_NOT_READY, "not claimed by this process");
    assert_int_equal(
        raw_int(t->c.ingest, "SELECT count(*) FROM mosaic_groups WHERE status='in_progress'"), 1);
}

/* A clock that is set back an hour prolongs a lease by no more than that. */
static void test_clock_set_back(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    t->c.clock.unix_s -= 3600;
    OK(ci_registry_leases_renew(t->registry, 600)); /* still ours */
    move_leases(t, "mosaic_groups");
    t->c.clock.unix_s += 600;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
}

/* The thread renews without being asked, and ends when it is told to. Leases last 3 minutes, and a
 * run renews them every 30 s (docs/adr/0004). */
static void test_keeper(void **state)
{
    assert_int_equal(CI_REGISTRY_LEASE_S, 180);
    assert_int_equal(CI_REGISTRY_RENEW_S, 30);
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    ci_registry_keeper *keeper;
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 1, &done));
    int64_t end = lease_end(t), now = end;
    OK(ci_registry_keeper_start(&keeper, t->registry, 0.01));
    for (int i = 0; i < 1000 && now == end; i++) {
        ci_clock_wait(NULL, 0.01);
        now = lease_end(t);
    }
    ci_registry_keeper_end(keeper);
    assert_int_equal(now, end - 1 + CI_REGISTRY_LEASE_S);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* The deployed columns of an observation follow its state. */
static void test_deployed_columns(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    static const char *const words[] = {"in_progress", "completed"};
    char sql[200];
    bool done;
    for (int i = 0; i < 2; i++) {
        t->c.clock.unix_s += 50;
        if (i == 0)
            OK(ci_registry_observation_claim(t->registry, g.ids[0], 600, &done));
        else
            OK(ci_registry_observation_end(t->registry, g.ids[0], CI_REGISTRY_WORK_COMPLETED, ""));
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM ingest_queue WHERE processing_stage='%s' AND state='%s' AND "
                 "last_update=%.0f",
                 words[i], words[i], t->c.clock.unix_s);
        assert_int_equal(raw_int(t->c.ingest, sql), 1);
    }
}

static void test_completed(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    ci_registry_changes *changes;
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    OK(ci_registry_group_end(t->registry, g.id, CI_REGISTRY_WORK_COMPLETED, NULL, "mosaic"));
    assert_int_equal(ci_registry_group_end(t->registry, g.id, CI_REGISTRY_WORK_FAILED, "x", NULL),
                     CI_ERR_NOT_READY);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    assert_true(done);
    OK(ci_registry_changes_read(t->registry, &changes, g.id, 0));
    assert_int_equal(changes->n, 3); /* made, taken, done */
    assert_string_equal(changes->item[2].to, "completed");
    ci_registry_changes_free(changes);
}

/* Given back, it may be taken again, and says why it was given back. */
static void test_given_back(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    ci_registry_groups *groups;
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    OK(ci_registry_group_end(t->registry, g.id, CI_REGISTRY_WORK_PENDING, "stopped", ""));
    OK(ci_registry_group_get(t->registry, g.id, &groups));
    assert_int_equal(groups->item[0].state, CI_REGISTRY_WORK_PENDING);
    assert_string_equal(groups->item[0].error, "stopped");
    assert_string_equal(groups->item[0].owner.host, "");
    ci_registry_groups_free(groups);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    assert_false(done);
}

/* How often the machine failed it is counted, by group. */
static void test_faults_are_counted(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    int64_t n_fault = 0;
    for (int64_t i = 1; i <= 3; i++) {
        OK(ci_registry_group_fault(t->registry, g.id, &n_fault));
        assert_int_equal(n_fault, i);
    }
    OK(ci_registry_group_fault(t->registry, "another", &n_fault));
    assert_int_equal(n_fault, 0);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* All tiles or none: one in use leaves the other free. */
static void test_tiles_all_or_none(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    const char *both[] = {g.ids[0], g.ids[1]};
    OK(ci_registry_tiles_claim(t->registry, &both[1], 1, 600));
    move_leases(t, "ingest_queue");
    unit_refused(ci_registry_tiles_claim(t->registry, both, 2, 600), CI_ERR_NOT_READY, g.ids[1]);
    assert_non_null(strstr(ci_error_text(), "node7"));
    assert_int_equal(
        raw_int(t->c.ingest, "SELECT count(*) FROM ingest_queue WHERE lease_host IS NOT NULL"), 1);
}

/* Release gives back one's own only. */
static void test_tiles_release(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    const char *both[] = {g.ids[0], g.ids[1]};
    OK(ci_registry_tiles_claim(t->registry, &both[1], 1, 600));
    move_leases(t, "ingest_queue");
    OK(ci_registry_tiles_claim(t->registry, both, 1, 600));
    OK(ci_registry_tiles_release(t->registry, both, 2));
    assert_int_equal(
        raw_int(t->c.ingest, "SELECT count(*) FROM ingest_queue WHERE lease_host='node7'"), 1);
    assert_int_equal(
        raw_int(t->c.ingest, "SELECT count(*) FROM ingest_queue WHERE lease_host IS NOT NULL"), 1);
}

/* Who waits for a tile has it when the lease of a dead owner is over, and not before. */
static void test_tiles_waited_for(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    const char *both[] = {g.ids[0], g.ids[1]};
    ci_clock *clock = ci_registry_clock(t->registry);
    double start_s = ci_clock_read_monotonic_s(clock);
    OK(ci_registry_tiles_claim(t->registry, both, 2, 6 * 3600));
    move_leases(t, "ingest_queue");
    ci_status status;
    while ((status = ci_registry_tiles_claim(t->registry, both, 2, 600)) == CI_ERR_NOT_READY)
        ci_clock_wait(clock, 60);
    OK(status);
    assert_true(ci_clock_read_monotonic_s(clock) - start_s == 6 * 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_same_process),
        REGISTRY_TEST(test_unknown),
        REGISTRY_TEST(test_other_process),
        REGISTRY_TEST(test_lease_runs_out),
        REGISTRY_TEST(test_renewed_lease),
        REGISTRY_TEST(test_lost_lease),
        REGISTRY_TEST(test_clock_set_back),
        REGISTRY_TEST(test_deployed_columns),
        REGISTRY_TEST(test_completed),
        REGISTRY_TEST(test_given_back),
        REGISTRY_TEST(test_faults_are_counted),
        REGISTRY_TEST(test_tiles_all_or_none),
        REGISTRY_TEST(test_tiles_release),
        REGISTRY_TEST(test_tiles_waited_for),
        REGISTRY_TEST(test_keeper),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
