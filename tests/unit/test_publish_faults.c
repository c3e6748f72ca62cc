/* publish: disks that refuse, many publishers at once, publishers that are killed.
 * ci-test: timeout=300 */
#include "publish_test.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>

/* Permission denied: as another user, where this is root. */
static void test_permission(void **state)
{
    publish_case *t = *state;
    int result;
    OK(publish_case_make(t, "g1", &good));
    publish_close(t);
    char command[900];
    snprintf(command, sizeof command, "chmod -R a+rwX '%s' && chmod 0555 '%s'", t->c.folder,
             t->products);
    assert_int_equal(system(command), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ci_publish_result r;
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(9);
        if (publish_case_open(t) != CI_OK) _exit(8);
        ci_status status = ci_publish_product(t->registry, "g1", &t->options, &r);
        _exit(status == CI_ERR_IO && r.kind == CI_PUBLISH_RETRY &&
                      strstr(r.text, "Permission denied")
                  ? 0
                  : 1);
    }
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    assert_int_equal(chmod(t->products, 0755), 0);
    OK(publish_case_open(t));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    t->c.clock.unix_s += 100;
    ci_publish_result r;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
}

/* A products disk of 64 kB. Exit 77 where no file system may be mounted. */
static int on_a_full_disk(publish_case *t)
{
    ci_publish_result r;
    char folder[400];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", t->products, "tmpfs", 0, "size=32k") != 0)
        return 77;
    if (publish_case_open(t) != CI_OK) return 1;
    ci_status status = ci_publish_product(t->registry, "g1", &t->options, &r);
    if (status != CI_ERR_DISK || r.kind != CI_PUBLISH_RETRY) {
        fprintf(stderr, "%s: %s\n", ci_status_name(status), r.text);
        return 2;
    }
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
    if (n_entries(folder) != 0) return 3; /* no .part is left on a full disk */
    if (mount("tmpfs", t->products, "tmpfs", MS_REMOUNT, "size=10m") != 0) return 4;
    t->c.clock.unix_s += 100;
    status = ci_publish_product(t->registry, "g1", &t->options, &r);
    published_path(t, "g1", folder);
    if (status != CI_OK || ci_publish_verify(folder) != CI_OK) return 5;
    return 0;
}

static void test_move_across_disks_is_cut(void **state)
{
    publish_case *t = *state;
    int result;
    OK(publish_case_make(t, "g1", &good));
    publish_close(t);
    pid_t pid = fork();
    if (pid == 0) _exit(on_a_full_disk(t));
    waitpid(pid, &result, 0);
    if (WIFEXITED(result) && WEXITSTATUS(result) == 77) {
        print_message("skipped: a file system cannot be mounted here (not root)\n");
        skip();
    }
    assert_int_equal(result, 0);
}

/* Waits until `go` is closed, publishes g1: 0 published, 1 published before, 2 told who does. */
static int publish_with_others(publish_case *t, int go)
{
    ci_publish_result r;
    char byte;
    if (publish_case_open(t) != CI_OK) return 9;
    if (read(go, &byte, 1) != 0) return 8;
    ci_status status = ci_publish_product(t->registry, "g1", &t->options, &r);
    if (status == CI_OK && r.kind == CI_PUBLISH_DONE) return 0;
    if (status == CI_OK && r.kind == CI_PUBLISH_DONE_BEFORE) return 1;
    if (status == CI_ERR_NOT_READY && r.kind == CI_PUBLISH_BUSY && strstr(r.text, "pid")) return 2;
    fprintf(stderr, "%s: %s\n", ci_status_name(status), r.text);
    return 7;
}

static void test_sixteen_publishers(void **state)
{
    publish_case *t = *state;
    enum
    {
        n_process = 16
    };
    pid_t pids[n_process];
    int go[2], n_published = 0;
    char folder[400];
    OK(publish_case_make(t, "g1", &good));
    publish_close(t);
    assert_int_equal(pipe(go), 0);
    for (int p = 0; p < n_process; p++) {
        pids[p] = fork();
        if (pids[p] != 0) continue;
        close(go[1]);
        _exit(publish_with_others(t, go[0]));
    }
    close(go[0]);
    close(go[1]); /* all at once */
    for (int p = 0; p < n_process; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) <= 2);
        n_published += WEXITSTATUS(result) == 0;
    }
    assert_int_equal(n_published, 1);
    OK(publish_case_open(t));
    published_path(t, "g1", folder);
    OK(ci_publish_verify(folder));
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
    assert_int_equal(n_entries(folder), 1);
}

/* The data registry locked by somebody else for a while: waited for. */
static void test_busy(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        sqlite3_open(t->c.data, &db);
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        usleep(700000);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    waitpid(pid, NULL, 0);
}

/* A process is killed after `microseconds` of publishing; what is left is recovered. */
static void kill_once(publish_case *t, const char *id, unsigned microseconds)
{
    ci_publish_recovered recovered;
    size_t n_published, n_failed;
    char folder[400];
    OK(publish_case_make(t, id, &good));
    publish_close(t);
    pid_t pid = fork();
    if (pid == 0) {
        ci_publish_result r;
        t->options.remove_staging = true;
        _exit(publish_case_open(t) == CI_OK &&
                      ci_publish_product(t->registry, id, &t->options, &r) == CI_OK
                  ? 0
                  : 1);
    }
    usleep(microseconds);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    OK(publish_case_open(t));
    OK(ci_registry_verify(t->registry, CI_REGISTRY_DB_DATA));
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    OK(ci_publish_due(t->registry, &t->options, &n_published, &n_failed));
    assert_int_equal(state_of(t, id), CI_REGISTRY_PUBLISH_PUBLISHED);
    published_path(t, id, folder);
    OK(ci_publish_verify(folder));
}

static void test_killed_anywhere(void **state)
{
    publish_case *t = *state;
    char folder[400];
    /* The systematic form, before every system call, is tests/fault/test_publish_kill.sh. */
    for (unsigned i = 0; i < 40; i++) {
        char id[8];
        snprintf(id, sizeof id, "k%u", i);
        kill_once(t, id, 500 + 1500 * i);
        snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
        assert_int_equal(n_entries(folder), i + 1);
    }
}

/* A clock that jumps ahead: the lease is taken from a living publisher; its half-made folder
 * and the other's do not mix, and the first does not publish over the second. */
static void test_lease_lost(void **state)
{
    publish_case *t = *state;
    ci_registry_claim claim;
    ci_registry_owner first;
    ci_publish_recovered recovered;
    ci_registry_publish_state after;
    OK(publish_case_make(t, "g1", &good));
    OK(ci_registry_product_claim(t->registry, "g1", false, 60, &claim, &first));
    char part[500];
    snprintf(part, sizeof part, "%s/" CASE_DATE "/g1.%s.part", t->products, first.token);
    OK(ci_path_make_folder(part));
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_busy, 1);
    assert_int_equal(recovered.n_part, 0); /* of a living owner: left alone */
    assert_true(ci_path_exists(part));
    t->c.clock.unix_s += 61;
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_finished, 1);
    assert_int_equal(recovered.n_part, 1);
    assert_false(ci_path_exists(part));
    assert_int_equal(ci_registry_product_fail(t->registry, "g1", first.token, "late", 1, 3, &after),
                     CI_ERR_NOT_READY);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_permission),         PUBLISH_TEST(test_move_across_disks_is_cut),
        PUBLISH_TEST(test_sixteen_publishers), PUBLISH_TEST(test_busy),
        PUBLISH_TEST(test_killed_anywhere),    PUBLISH_TEST(test_lease_lost),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
