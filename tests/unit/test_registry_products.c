/* registry: publish state: attempts, retries, leases, by a clock that the test sets. */
#include "contimg/registry_watch.h"
#include "registry_test.h"

#include <signal.h>

/* Stages product g1. */
static void stage(registry_test *t, const char *id)
{
    ci_registry_product p = {
        .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/g1"};
    bool is_new;
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_true(is_new);
}

static ci_registry_claim claim(registry_test *t, bool by_name, ci_registry_owner *owner)
{
    ci_registry_claim out;
    OK(ci_registry_product_claim(t->registry, "g1", by_name, 60, &out, owner));
    return out;
}

/* An attempt that fails now; the state after it. */
static ci_registry_publish_state fail_once(registry_test *t, bool by_name)
{
    ci_registry_owner owner;
    ci_registry_publish_state after;
    assert_int_equal(claim(t, by_name, &owner), CI_REGISTRY_CLAIM_TAKEN);
    OK(ci_registry_product_fail(t->registry, "g1", owner.token, "disk full", 60, 3, &after));
    return after;
}

static ci_registry_product product_of(registry_test *t)
{
    ci_registry_products *list;
    OK(ci_registry_product_get(t->registry, "g1", &list));
    assert_int_equal(list->n, 1);
    ci_registry_product p = list->item[0];
    p.error = p.stage_path = p.published_path = p.metadata_json = p.qa_json = NULL;
    ci_registry_products_free(list);
    return p;
}

static void test_stage(void **state)
{
    registry_test *t = *state;
    ci_registry_product p = {
        .id = "g1", .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/g1"};
    ci_registry_owner owner;
    bool is_new;
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_UNKNOWN);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_true(is_new);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_false(is_new);
}

/* What is made of a product while it is published is not taken for what is published. */
static void test_stage_while_publishing(void **state)
{
    registry_test *t = *state;
    ci_registry_product p = {.id = "g1", .type = CI_REGISTRY_MOSAIC, .stage_path = "/s/g1"};
    ci_registry_owner owner;
    bool is_new;
    stage(t, "g1");
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
    unit_refused(ci_registry_product_stage(t->registry, &p, &is_new), CI_ERR_NOT_READY,
                 "g1: is being published by");
}

/* ---- retries --------------------------------------------------------------------------------- */

/* Each failure waits twice as long as the one before: 60 s, 120 s. */
static void test_backoff(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    stage(t, "g1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fail_once(t, false), CI_REGISTRY_PUBLISH_STAGING);
        assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_WAIT);
        t->c.clock.unix_s += i == 0 ? 59 : 119;
        assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_WAIT);
        t->c.clock.unix_s += 1;
    }
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
}

static void fail_for_good(registry_test *t)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fail_once(t, false),
                         i < 2 ? CI_REGISTRY_PUBLISH_STAGING : CI_REGISTRY_PUBLISH_FAILED);
        t->c.clock.unix_s += 1000;
    }
}

/* The third failure is the last; waiting does not help. */
static void test_three_attempts(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    stage(t, "g1");
    fail_for_good(t);
    t->c.clock.unix_s += 1e6;
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_FAILED);
}

/* A person may try again, and again; the count starts again each time. */
static void test_by_name(void **state)
{
    registry_test *t = *state;
    stage(t, "g1");
    fail_for_good(t);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fail_once(t, true), CI_REGISTRY_PUBLISH_STAGING);
        assert_int_equal(product_of(t).n_attempt, 1);
    }
}

/* A clock set back an hour makes nobody wait. */
static void test_clock_set_back(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    stage(t, "g1");
    assert_int_equal(fail_once(t, false), CI_REGISTRY_PUBLISH_STAGING);
    t->c.clock.unix_s -= 3600;
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
}

static void test_auto_publish_off(void **state)
{
    registry_test *t = *state;
    ci_registry_product p = {
        .id = "g1", .type = CI_REGISTRY_MOSAIC, .auto_publish = false, .stage_path = "/s/g1"};
    ci_registry_owner owner;
    bool is_new;
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_WAIT);
    assert_int_equal(claim(t, true, &owner), CI_REGISTRY_CLAIM_TAKEN);
}

/* ---- leases ---------------------------------------------------------------------------------- */

/* While it is being published, who does so is told; an attempt ends once. */
static void test_busy(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner, other;
    ci_registry_publish_state after;
    stage(t, "g1");
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
    assert_int_equal(claim(t, true, &other), CI_REGISTRY_CLAIM_BUSY);
    assert_string_equal(other.token, owner.token);
    OK(ci_registry_product_fail(t->registry, "g1", owner.token, "disk full", 60, 3, &after));
    assert_int_equal(
        ci_registry_product_fail(t->registry, "g1", owner.token, "again", 60, 3, &after),
        CI_ERR_NOT_READY);
}

/* The lease runs out while its owner lives: another takes it over, the first is told. */
static void test_lease_runs_out(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner, other;
    ci_registry_attempts *attempts;
    bool taken;
    stage(t, "g1");
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
    t->c.clock.unix_s += 50;
    OK(ci_registry_product_renew(t->registry, "g1", owner.token, 60));
    t->c.clock.unix_s += 59;
    OK(ci_registry_product_take_over(t->registry, "g1", 60, &other, &taken));
    assert_false(taken);
    t->c.clock.unix_s += 1;
    OK(ci_registry_product_take_over(t->registry, "g1", 60, &other, &taken));
    assert_true(taken);
    assert_int_equal(ci_registry_product_renew(t->registry, "g1", owner.token, 60),
                     CI_ERR_NOT_READY);
    assert_int_equal(ci_registry_product_publish(t->registry, "g1", owner.token, "/p/g1", NULL),
                     CI_ERR_NOT_READY);
    OK(ci_registry_product_publish(t->registry, "g1", other.token, "/p/g1", "[]"));
    OK(ci_registry_attempts_read(t->registry, &attempts, "g1", 0));
    assert_int_equal(attempts->n, 2);
    assert_string_equal(attempts->item[0].outcome, "died");
    assert_string_equal(attempts->item[1].outcome, "published");
    assert_true(attempts->item[1].ended_unix_s == t->c.clock.unix_s);
    ci_registry_attempts_free(attempts);
}

/* A dead process's claim: its lease would last, but it is known to be dead, as a zombie too. */
static void test_crash_while_publishing(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    int ready[2];
    char byte = 0;
    stage(t, "g1");
    registry_close(t);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ci_registry_claim taken;
        bool ok = ci_registry_open(&t->registry, &t->c.paths, &t->c.options) == CI_OK &&
                  ci_registry_product_claim(t->registry, "g1", false, 1e6, &taken, &owner) == CI_OK;
        if (!ok || write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    ssize_t n = read(ready[0], &byte, 1);
    close(ready[0]);
    assert_int_equal(n, 1);
    registry_open(t);
    ci_registry_claim alive = claim(t, true, &owner);
    siginfo_t info;
    kill(pid, SIGKILL);
    int waited = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); /* a zombie now */
    ci_registry_claim dead = claim(t, false, &owner);
    waitpid(pid, NULL, 0);
    assert_int_equal(waited, 0);
    assert_int_equal(alive, CI_REGISTRY_CLAIM_BUSY);
    assert_int_equal(dead, CI_REGISTRY_CLAIM_TAKEN);
    assert_int_equal(owner.pid, getpid());
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Success starts the count again, keeps the rows, and staging again wipes nothing. */
static void test_published_row_is_not_replaced(void **state)
{
    registry_test *t = *state;
    ci_registry_product p = {
        .id = "g1", .type = CI_REGISTRY_MOSAIC, .auto_publish = true, .stage_path = "/s/g1"};
    ci_registry_owner owner;
    bool is_new;
    stage(t, "g1");
    assert_int_equal(fail_once(t, false), CI_REGISTRY_PUBLISH_STAGING);
    assert_int_equal(claim(t, true, &owner), CI_REGISTRY_CLAIM_TAKEN);
    OK(ci_registry_product_publish(t->registry, "g1", owner.token, "/p/2026-01-25/g1", "[]"));
    assert_int_equal(claim(t, true, &owner), CI_REGISTRY_CLAIM_PUBLISHED);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_false(is_new);
    p = product_of(t);
    assert_int_equal(p.state, CI_REGISTRY_PUBLISH_PUBLISHED);
    assert_int_equal(p.n_attempt, 0);
    assert_true(p.staging_removable);
    OK(ci_registry_product_staging_removed(t->registry, "g1"));
    assert_false(product_of(t).staging_removable);
    assert_int_equal(raw_int(t->c.data, "SELECT count(*) FROM publish_attempts"), 2);
}

/* Refused: a state, not an attempt; left only by name. */
static void test_refused(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    stage(t, "g1");
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
    OK(ci_registry_product_refuse(t->registry, "g1", owner.token, "noise", "rms 5 x thermal",
                                  "[]"));
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_REFUSED);
    assert_int_equal(product_of(t).n_attempt, 0);
    assert_int_equal(claim(t, true, &owner), CI_REGISTRY_CLAIM_TAKEN);
}

/* Published, and its folder is gone: back in staging, once. */
static void test_lost(void **state)
{
    registry_test *t = *state;
    ci_registry_owner owner;
    bool done;
    stage(t, "g1");
    assert_int_equal(claim(t, false, &owner), CI_REGISTRY_CLAIM_TAKEN);
    OK(ci_registry_product_publish(t->registry, "g1", owner.token, "/p/g1", "[]"));
    OK(ci_registry_product_lost(t->registry, "g1", "/elsewhere/g1", &done));
    assert_false(done);
    OK(ci_registry_product_lost(t->registry, "g1", "/p/g1", &done));
    assert_true(done);
    assert_int_equal(product_of(t).state, CI_REGISTRY_PUBLISH_STAGING);
    OK(ci_registry_product_lost(t->registry, "g1", "/p/g1", &done));
    assert_false(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_stage),
        REGISTRY_TEST(test_stage_while_publishing),
        REGISTRY_TEST(test_backoff),
        REGISTRY_TEST(test_three_attempts),
        REGISTRY_TEST(test_by_name),
        REGISTRY_TEST(test_clock_set_back),
        REGISTRY_TEST(test_auto_publish_off),
        REGISTRY_TEST(test_busy),
        REGISTRY_TEST(test_lease_runs_out),
        REGISTRY_TEST(test_crash_while_publishing),
        REGISTRY_TEST(test_published_row_is_not_replaced),
        REGISTRY_TEST(test_refused),
        REGISTRY_TEST(test_lost),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
