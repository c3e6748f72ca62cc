/* What Slurm knows of the job of a lease's owner. */
#include "registry/handle.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
    ANSWER_S = 5, /* how long squeue may take */
    KEPT_S = 30
};

/* Words of squeue for a job of which no process runs. */
static bool is_state_over(const char *state)
{
    static const char *const over[] = {"PENDING",     "COMPLETED", "CANCELLED", "FAILED",
                                       "TIMEOUT",     "NODE_FAIL", "PREEMPTED", "BOOT_FAIL",
                                       "DEADLINE",    "REVOKED",   "REQUEUED",  "OUT_OF_MEMORY",
                                       "REQUEUE_HOLD"};
    size_t n = strcspn(state, " +\n");
    for (size_t i = 0; i < sizeof over / sizeof *over; i++)
        if (strlen(over[i]) == n && strncmp(state, over[i], n) == 0) return true;
    return strstr(state, "Invalid job id") != NULL;
}

/* What squeue writes, both of its streams in `out`; false where it cannot be started. */
static bool squeue_start(const char *job, pid_t *pid, int *answer)
{
    char *copy = NULL; /* arguments cannot be const */
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (ci_str_copy(&copy, job) != CI_OK) return false;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ci_mem_free(copy);
        return false;
    }
    char *const words[] = {"squeue", "-h", "-t", "all", "-o", "%T", "-j", copy, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int why = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    ci_mem_free(copy);
    close(ends[1]);
    *answer = ends[0];
    if (why != 0) close(ends[0]);
    return why == 0;
}

/* Reads until the end, or ANSWER_S are over. */
static void answer_read(int fd, char *out, size_t n_out)
{
    double end_s = ci_clock_monotonic_s() + ANSWER_S;
    size_t n = 0;
    for (;;) {
        double left_s = end_s - ci_clock_monotonic_s();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_s <= 0 || n + 1 >= n_out) break;
        int ready = poll(&wait, 1, (int)(1000 * left_s) + 1);
        if (ready < 0 && errno == EINTR) continue;
        ssize_t got = ready > 0 ? read(fd, out + n, n_out - 1 - n) : 0;
        if (got <= 0) break;
        n += (size_t)got;
    }
    out[n] = '\0';
}

static bool ask(const char *job)
{
    char text[512];
    pid_t pid;
    int answer;
    if (!squeue_start(job, &pid, &answer)) return false;
    answer_read(answer, text, sizeof text);
    close(answer);
    kill(pid, SIGKILL); /* where it hangs; one that has ended does not mind */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return is_state_over(text);
}

/* The job's own, else the one that was asked for the longest time ago. */
static ci_registry_job *slot_find(ci_registry_job *jobs, const char *job)
{
    ci_registry_job *oldest = jobs;
    for (int i = 0; i < CI_REGISTRY_N_JOB; i++) {
        if (strcmp(jobs[i].id, job) == 0) return &jobs[i];
        if (jobs[i].asked_s < oldest->asked_s) oldest = &jobs[i];
    }
    return oldest;
}

bool ci_registry_job_is_over(const ci_registry *registry, const char *job)
{
    double now_s = ci_clock_monotonic_s();
    if (!isdigit((unsigned char)job[0])) return false;
    ci_registry_job *slot = slot_find(registry->job, job);
    if (strcmp(slot->id, job) == 0 && now_s - slot->asked_s < KEPT_S) return slot->is_over;
    snprintf(slot->id, sizeof slot->id, "%s", job);
    slot->is_over = ask(job);
    slot->asked_s = now_s;
    return slot->is_over;
}
