/* registry: whether the owner of a claim lives: its process on this host, its job elsewhere. */
#include "claim_case.h"

#include <signal.h>
#include <sys/stat.h>

/* ---- its process ----------------------------------------------------------------------------- */

/* A claim of a process that ended is free at once, however long its lease. */
static void test_dead_process(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    bool done;
    int result;
    registry_close(t);
    pid_t pid = fork();
    if (pid == 0) {
        if (ci_registry_open(&t->registry, &t->c.paths, &t->c.options) != CI_OK) _exit(2);
        _exit(ci_registry_group_claim(t->registry, g.id, 1e6, &done) == CI_OK ? 0 : 1);
    }
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    registry_open(t);
    assert_int_equal(n_ready(t), 1);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
}

/* Field 22 of a process's stat, told apart from contimg's own reading by counting from the end. */
static int64_t start_of(pid_t pid)
{
    char path[64], text[1024] = "";
    int n_after = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    while (n > 0 && n_after < 30) /* fields 23 to 52, and the end of the line */
        n_after += text[--n] == ' ';
    text[n] = '\0';
    return strtoll(strrchr(text, ' '), NULL, 10);
}

/* A process id that was given to another process since: its owner is dead, however long its lease.
 */
static void test_reused_pid(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 1e6, &done));
    ci_registry_owner owner = owner_of(t, g.id);
    assert_true(ci_registry_owner_alive(t->registry, &owner));
    assert_int_equal(n_ready(t), 0);
    owner.pid_start--;
    assert_false(ci_registry_owner_alive(t->registry, &owner));
    raw_change(t->c.ingest, "UPDATE mosaic_groups SET lease_pid_start=lease_pid_start-1");
    assert_int_equal(n_ready(t), 1);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    assert_int_equal(owner_of(t, g.id).pid_start, start_of(getpid()));
}

/* Of another start of the machine, or of another machine of that name, a process id says nothing:
 * what is known is the lease. */
static void test_other_boot(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    char boot[16] = "";
    bool done;
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (!file) skip();
    int n = fscanf(file, "%8[0-9a-f]", boot);
    fclose(file);
    assert_int_equal(n, 1);
    assert_int_equal(strtoull(owner_of(t, g.id).token, NULL, 16) >> 32, strtoul(boot, NULL, 16));
    raw_change(t->c.ingest, "UPDATE mosaic_groups SET lease_pid=999999999,"
                            "lease_token=replace(lease_token,'-','0-')");
    ci_registry_owner owner = owner_of(t, g.id);
    assert_true(ci_registry_owner_alive(t->registry, &owner));
    assert_int_equal(n_ready(t), 0);
    t->c.clock.unix_s += 600;
    assert_int_equal(n_ready(t), 1);
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    owner = owner_of(t, g.id);
    owner.pid = 999999999;
    assert_false(ci_registry_owner_alive(t->registry, &owner)); /* of this one it says all */
}

/* ---- the owner's job ------------------------------------------------------------------------- */

/* A squeue that answers so, first on PATH. */
static void squeue_make(const char *folder, const char *answer)
{
    char path[400], text[1000];
    snprintf(path, sizeof path, "%s/squeue", folder);
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", answer);
    OK(ci_file_write(path, text, strlen(text)));
    assert_int_equal(chmod(path, 0755), 0);
    setenv("PATH", folder, 1);
}

/* Whether an owner on another node, with a lease that lasts, counts as alive. */
static bool lives_with_job(registry_test *t, const char *job)
{
    ci_registry_owner owner = {.host = "node7", .token = "1-2", .pid = 1};
    snprintf(owner.job, sizeof owner.job, "%s", job);
    owner.expires_unix_s = t->c.clock.unix_s + 100;
    return ci_registry_owner_alive(t->registry, &owner);
}

/* A job that Slurm ended is dead at once; what Slurm does not know is left to the lease. */
static void test_job_of_owner(void **state)
{
    registry_test *t = *state;
    char before[4096];
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    squeue_make(t->c.folder, "echo TIMEOUT");
    bool ended = lives_with_job(t, "1");
    squeue_make(t->c.folder, "echo RUNNING");
    bool running = lives_with_job(t, "2");
    squeue_make(t->c.folder, "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
    bool unknown = lives_with_job(t, "3");
    squeue_make(t->c.folder, "echo 'Unable to contact slurm controller' >&2; exit 1");
    bool unreachable = lives_with_job(t, "4");
    setenv("PATH", "/nowhere", 1);
    bool without = lives_with_job(t, "5");
    setenv("PATH", before, 1);
    assert_false(ended);
    assert_true(running);
    assert_false(unknown);
    assert_true(unreachable);
    assert_true(without);
}

/* Lines of a file in the test's folder; 0 where it is not there. */
static int n_lines(const registry_test *t, const char *name)
{
    char path[400];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", t->c.folder, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    for (int c; (c = fgetc(file)) != EOF;)
        n += c == '\n';
    fclose(file);
    return n;
}

/* Slurm is asked before the transaction of a claim, and once for each of several jobs. */
static void test_job_is_asked_outside(void **state)
{
    registry_test *t = *state;
    claim_group g = claim_group_make(t);
    char before[4096], script[900];
    bool done;
    if (access("/usr/bin/sqlite3", X_OK) != 0) skip();
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    OK(ci_registry_group_claim(t->registry, g.id, 600, &done));
    move_leases(t, "mosaic_groups");
    raw_change(t->c.ingest, "UPDATE mosaic_groups SET lease_job='31'");
    snprintf(
        script, sizeof script,
        "echo x >>%s/asked\n/usr/bin/sqlite3 %s 'BEGIN IMMEDIATE;COMMIT' || echo x >>%s/locked\n"
        "echo RUNNING",
        t->c.folder, t->c.ingest, t->c.folder);
    squeue_make(t->c.folder, script);
    ci_status status = ci_registry_group_claim(t->registry, g.id, 600, &done);
    bool others_live = lives_with_job(t, "32") && lives_with_job(t, "31");
    setenv("PATH", before, 1);
    assert_int_equal(status, CI_ERR_NOT_READY);
    assert_true(others_live);
    assert_int_equal(n_lines(t, "locked"), 0);
    assert_int_equal(n_lines(t, "asked"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_dead_process),         REGISTRY_TEST(test_reused_pid),
        REGISTRY_TEST(test_other_boot),           REGISTRY_TEST(test_job_of_owner),
        REGISTRY_TEST(test_job_is_asked_outside),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
