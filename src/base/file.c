/* Whole files in and out. */
#include "contimg/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ci_status read_all(int fd, const char *path, char *data, size_t n_byte)
{
    for (size_t done = 0; done < n_byte;) {
        ssize_t n = read(fd, data + done, n_byte - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ci_error_errno(errno, path, "read");
        if (n == 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: the file shrank while it was read: wait until it is complete",
                            path);
        done += (size_t)n;
    }
    return CI_OK;
}

ci_status ci_file_check_plain(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0 || S_ISREG(facts.st_mode)) return CI_OK;
    if (S_ISDIR(facts.st_mode)) return ci_error(CI_ERR_INPUT, "%s: is a folder: give a file", path);
    return ci_error(CI_ERR_INPUT, "%s: not a regular file", path);
}

ci_status ci_file_read(char **out, size_t *n_byte, const char *path)
{
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    if (fd < 0) return ci_error_errno(errno, path, "open");
    struct stat facts;
    ci_status status = CI_OK;
    if (fstat(fd, &facts) != 0)
        status = ci_error_errno(errno, path, "ask for size");
    else if (!S_ISREG(facts.st_mode))
        status = ci_error(CI_ERR_INPUT, "%s: not a regular file", path);
    size_t n = status == CI_OK ? (size_t)facts.st_size : 0;
    if (status == CI_OK) status = ci_mem_alloc(out, n + 1, 1, path);
    if (status == CI_OK) status = read_all(fd, path, *out, n);
    close(fd);
    if (status != CI_OK) {
        ci_mem_free(*out);
        *out = NULL;
    } else if (n_byte)
        *n_byte = n;
    return status;
}

static ci_status write_all(int fd, const char *path, const char *data, size_t n_byte)
{
    for (size_t done = 0; done < n_byte;) {
        ssize_t n = write(fd, data + done, n_byte - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ci_error_errno(errno, path, "write");
        done += (size_t)n;
    }
    return CI_OK;
}

/* A missing folder of an output is the output's fault, not a missing input. */
static ci_status output_error(int error_number, const char *path, const char *action)
{
    ci_status status = ci_error_errno(error_number, path, action);
    return status == CI_ERR_INPUT ? CI_ERR_IO : status;
}

ci_status ci_file_write(const char *path, const void *data, size_t n_byte)
{
    char *part = NULL;
    CI_TRY(ci_path_part(&part, path));
    ci_status status = CI_OK;
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        status = output_error(errno, part, "create");
    else {
        status = write_all(fd, part, data, n_byte);
        if (close(fd) != 0 && status == CI_OK) status = output_error(errno, part, "close");
        if (status == CI_OK) status = ci_path_commit(part, path);
        if (status != CI_OK) unlink(part);
    }
    ci_mem_free(part);
    return status;
}
