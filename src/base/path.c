/* Paths: join, make absolute, check, and commit files by rename. */
#include "contimg/base.h"
#include "contimg/base_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

ci_status ci_path_join(char **out, const char *folder, const char *name)
{
    size_t n = strlen(folder);
    bool slash = n > 0 && folder[n - 1] == '/';
    return ci_str_format(out, "%s%s%s", folder, slash || n == 0 ? "" : "/", name);
}

const char *ci_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

ci_status ci_path_parent(char **out, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ci_str_copy(out, ".");
    if (slash == path) return ci_str_copy(out, "/");
    return ci_str_format(out, "%.*s", (int)(slash - path), path);
}

static bool is_link(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0 && S_ISLNK(facts.st_mode);
}

/* Appends a name to the absolute path `out` ("" for the root). ".." removes the folder before it,
 * unless that is a link: only the system knows what is above a link. */
static void add_name(char *out, const char *name, size_t n)
{
    if (n == 0 || (n == 1 && name[0] == '.')) return;
    char *last = strrchr(out, '/');
    if (n == 2 && strncmp(name, "..", 2) == 0) {
        if (!last) return; /* above the root is the root */
        if (strcmp(last, "/..") != 0 && !is_link(out)) {
            *last = '\0';
            return;
        }
    }
    sprintf(out + strlen(out), "/%.*s", (int)n, name);
}

ci_status ci_path_absolute(char **out, const char *path)
{
    char *whole = NULL, *here = NULL;
    *out = NULL;
    if (!*path) return ci_str_copy(out, "");
    if (*path != '/') {
        here = getcwd(NULL, 0);
        if (!here) return ci_error_errno(errno, path, "ask for the current folder");
    }
    ci_status status = ci_str_format(&whole, "%s/%s", here ? here : "", path);
    free(here);
    if (status == CI_OK) status = ci_mem_alloc(out, strlen(whole) + 2, 1, "absolute path");
    for (const char *p = whole; status == CI_OK && *p; p += *p == '/') {
        size_t n = strcspn(p, "/");
        add_name(*out, p, n);
        p += n;
    }
    if (status == CI_OK && !**out) strcpy(*out, "/");
    ci_mem_free(whole);
    return status;
}

bool ci_path_exists(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0;
}

bool ci_path_is_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool ci_path_is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* One that was just made: with the permissions of a folder above that is shared. */
static void folder_share(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int above = fd >= 0 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (above >= 0) {
        ci_file_share(fd, above);
        close(above);
    }
    if (fd >= 0) close(fd);
}

ci_status ci_path_make_folder(const char *path)
{
    if (ci_path_is_folder(path)) return CI_OK;
    char *copy = NULL;
    CI_TRY(ci_str_copy(&copy, path));
    ci_status status = CI_OK;
    for (char *p = copy + 1; status == CI_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0777) == 0)
            folder_share(copy);
        else if ((errno != EEXIST || !ci_path_is_folder(copy))) {
            /* Says that a plain file is in the way, which EEXIST alone does not. */
            int why = errno == EEXIST ? ENOTDIR : errno;
            status = ci_error_errno(why, copy, "make folder");
            if (why == ENOTDIR || why == ENOENT) status = CI_ERR_IO;
        }
        *p = kept;
        if (kept == '\0') break;
    }
    ci_mem_free(copy);
    return status;
}

ci_status ci_path_free_bytes(const char *path, uint64_t *out)
{
    struct statvfs facts;
    if (statvfs(path, &facts) != 0) return ci_error_errno(errno, path, "ask for free space");
    *out = (uint64_t)facts.f_bavail * facts.f_frsize;
    return CI_OK;
}

ci_status ci_path_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ci_error_errno(errno, path, "open");
    int why = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    /* Some file systems have nothing to sync for folders and say so. */
    if (why && why != EINVAL) return ci_error_errno(why, path, "sync");
    return CI_OK;
}

ci_status ci_path_part(char **out, const char *path)
{
    return ci_str_format(out, "%s.part", path);
}

/* What is missing of an output is no missing input. */
static ci_status rename_error(const char *path)
{
    ci_status status = ci_error_errno(errno, path, "rename into place");
    return status == CI_ERR_INPUT ? CI_ERR_IO : status;
}

ci_status ci_path_commit(const char *part_path, const char *path)
{
    CI_TRY(ci_path_sync(part_path));
    if (rename(part_path, path) != 0) return rename_error(path);
    char *folder = NULL;
    CI_TRY(ci_path_parent(&folder, path));
    ci_status status = ci_path_sync(folder);
    ci_mem_free(folder);
    return status;
}

/* Why a table of facts cannot be used; NULL where it can. */
static const char *share_fault(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0) return strerror(errno);
    if (!S_ISREG(facts.st_mode)) return "not a regular file";
    if (facts.st_size == 0) return "empty";
    return access(path, R_OK) == 0 ? NULL : strerror(errno);
}

/* A table that is chosen and cannot be used is a fault: no other folder is searched. */
static ci_status share_check(char **out, const char *advice)
{
    const char *fault = share_fault(*out);
    if (!fault) return CI_OK;
    ci_status status = ci_error(CI_ERR_NOT_READY, "%s: %s: %s", *out, fault, advice);
    ci_mem_free(*out);
    *out = NULL;
    return status;
}

ci_status ci_path_share(char **out, const char *name)
{
    const char *set = getenv("CONTIMG_SHARE");
    if (set && *set) {
        CI_TRY(ci_path_join(out, set, name));
        return share_check(out, "CONTIMG_SHARE must name contimg's share folder, or be unset");
    }
    static const char again[] = "install contimg's share folder again";
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        CI_TRY(ci_str_format(out, "%s/../share/contimg/%s", dirname(self), name));
        if (ci_path_exists(*out)) return share_check(out, again);
        ci_mem_free(*out);
    }
    CI_TRY(ci_path_join(out, CI_SOURCE_SHARE, name));
    if (ci_path_exists(*out)) return share_check(out, again);
    ci_mem_free(*out);
    *out = NULL;
    return ci_error(CI_ERR_NOT_READY,
                    "%s: not found beside the program nor in %s: install contimg's share folder "
                    "or set CONTIMG_SHARE to it",
                    name, CI_SOURCE_SHARE);
}
