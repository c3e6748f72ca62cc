/* Telling an alert: the operators' own command, with the alert on its standard input. */
#include "contimg/ops.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The alert as a file without a name, from its beginning: no reader can make us wait. */
static ci_status alert_file(const ci_registry_alert *alert, const char *contact, int *fd)
{
    char *text = NULL;
    ci_json *json = ci_ops_alert_json(alert, contact);
    ci_status status = ci_json_print(&text, json, true);
    ci_json_free(json);
    CI_TRY(status);
    size_t n = strlen(text);
    *fd = memfd_create("alert", MFD_CLOEXEC);
    bool is_whole = *fd >= 0 && write(*fd, text, n) == (ssize_t)n && write(*fd, "\n", 1) == 1 &&
                    lseek(*fd, 0, SEEK_SET) == 0;
    ci_mem_free(text);
    if (is_whole) return CI_OK;
    if (*fd >= 0) close(*fd);
    return ci_error_errno(errno, "alert", "write");
}

/* In a process group of its own, so that all it starts can be ended with it. */
static int shell_start(pid_t *child, char *command, int fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char *argv[] = {"sh", "-c", command, NULL};
    int failed = posix_spawn_file_actions_init(&files);
    if (failed) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes, 0);
        failed = posix_spawn(child, "/bin/sh", &files, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* As shell_start; its arguments cannot be const. */
static int command_start(pid_t *child, const char *command, int fd)
{
    char *copy = NULL;
    if (ci_str_copy(&copy, command) != CI_OK) return ENOMEM;
    int failed = shell_start(child, copy, fd);
    ci_mem_free(copy);
    return failed;
}

static ci_status command_wait(const char *command, pid_t child, double limit_s)
{
    double end = ci_clock_monotonic_s() + limit_s;
    int how = 0;
    for (;;) {
        pid_t ended = waitpid(child, &how, WNOHANG);
        if (ended == child) break;
        if (ended < 0 && errno != EINTR) return ci_error_errno(errno, command, "wait for");
        if (ci_clock_monotonic_s() > end) {
            kill(-child, SIGKILL);
            waitpid(child, &how, 0);
            return ci_error(CI_ERR_IO, "--alert-command '%s': did not end within %g s", command,
                            limit_s);
        }
        ci_clock_wait(NULL, 0.01);
    }
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return CI_OK;
    return ci_error(CI_ERR_IO, "--alert-command '%s': ended by %s %d", command,
                    WIFEXITED(how) ? "exit code" : "signal",
                    WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
}

ci_status ci_ops_alert_tell(const char *command, const ci_registry_alert *alert,
                            const char *contact, double limit_s)
{
    int fd;
    CI_TRY(alert_file(alert, contact, &fd));
    pid_t child;
    int failed = command_start(&child, command, fd);
    close(fd);
    if (failed) return ci_error_errno(failed, command, "start");
    return command_wait(command, child, limit_s);
}
