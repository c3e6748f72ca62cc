/* Whole files in and out. */
#include "contimg/base_file.h"

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

ci_status ci_file_open(int *fd, const char *path)
{
    struct stat facts;
    ci_status status = CI_OK;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    if (*fd < 0) return ci_error_errno(errno, path, "open");
    if (fstat(*fd, &facts) != 0)
        status = ci_error_errno(errno, path, "look at");
    else if (!S_ISREG(facts.st_mode))
        status = ci_error(CI_ERR_INPUT, "%s: not a regular file", path);
    if (status == CI_OK) return CI_OK;
    close(*fd);
    *fd = -1;
    return status;
}

ci_status ci_file_read(char **out, size_t *n_byte, const char *path)
{
    struct stat facts;
    int fd;
    *out = NULL;
    CI_TRY(ci_file_open(&fd, path));
    ci_status status = fstat(fd, &facts) == 0 ? CI_OK : ci_error_errno(errno, path, "ask for size");
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

ci_status ci_file_put(int fd, const char *path, const void *data, size_t n_byte)
{
    const char *bytes = data;
    for (size_t done = 0; done < n_byte;) {
        ssize_t n = write(fd, bytes + done, n_byte - done);
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

ci_status ci_file_create(int *fd, const char *path)
{
    char *above = NULL;
    *fd = -1;
    CI_TRY(ci_path_parent(&above, path));
    int folder = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ci_mem_free(above);
    if (folder < 0) return output_error(errno, path, "create");
    const char *name = ci_path_base(path);
    ci_status status = CI_OK;
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        status = output_error(errno, path, "remove what is there");
    if (status == CI_OK) {
        *fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*fd < 0)
            status = output_error(errno, path, "create");
        else
            ci_file_share(*fd, folder);
    }
    close(folder);
    return status;
}

ci_status ci_file_write(const char *path, const void *data, size_t n_byte)
{
    char *part = NULL;
    int fd;
    CI_TRY(ci_path_part(&part, path));
    ci_status status = ci_file_create(&fd, part);
    if (status == CI_OK) {
        status = ci_file_put(fd, part, data, n_byte);
        if (close(fd) != 0 && status == CI_OK) status = output_error(errno, part, "close");
        if (status == CI_OK) status = ci_path_commit(part, path);
        if (status != CI_OK) unlink(part);
    }
    ci_mem_free(part);
    return status;
}
