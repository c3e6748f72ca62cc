/* Folders by descriptor: nothing outside the bases, no links below them. */
#include "contimg/base_file.h"
#include "publish/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ci_publish_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 200 || name[0] == '.' || name[0] == '-') return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  strchr("._:+-", c);
        if (!ok) return false;
    }
    return true;
}

ci_status ci_publish_sync(int fd, const char *shown)
{
    if (fsync(fd) == 0 || errno == EINVAL) return CI_OK; /* EINVAL: nothing to sync there */
    return ci_error_errno(errno, shown, "sync");
}

ci_status ci_publish_base_open(const char *base, int *fd)
{
    char real[PATH_MAX];
    *fd = -1;
    if (!realpath(base, real)) return ci_error_errno(errno, base, "resolve");
    *fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *fd >= 0 ? CI_OK : ci_error_errno(errno, real, "open folder");
}

/* Why a name below a base is not opened as a folder: a link is refused, whatever it leads to; else
 * something stands in the way, which somebody moves away. */
static ci_status child_fault(int why, int parent, const char *name, const char *shown)
{
    struct stat facts;
    if (why != ELOOP && why != ENOTDIR) return ci_error_errno(why, shown, "open folder");
    if (fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return ci_error_errno(errno, shown, "look at");
    if (S_ISLNK(facts.st_mode))
        return ci_error(CI_ERR_GATE, "%s: '%s' is a link: nothing is published through it", shown,
                        name);
    return ci_error(CI_ERR_IO, "%s: '%s' is there and no folder: move it away", shown, name);
}

ci_status ci_publish_child_open(int parent, const char *name, bool make, const char *shown, int *fd)
{
    *fd = -1;
    if (!ci_publish_name_ok(name))
        return ci_error(CI_ERR_GATE,
                        "%s: '%s' is not a name that may be published (letters, "
                        "digits and . _ : + -)",
                        shown, name);
    bool is_made = make && mkdirat(parent, name, 0777) == 0;
    if (is_made)
        CI_TRY(ci_publish_sync(parent, shown));
    else if (make && errno != EEXIST)
        return ci_error_errno(errno, shown, "make folder");
    *fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd >= 0 && is_made) ci_file_share(*fd, parent);
    return *fd >= 0 ? CI_OK : child_fault(errno, parent, name, shown);
}

/* What of `path` lies below the base; the base may be written with or without its links. */
static const char *below(const char *base, const char *path)
{
    char real[PATH_MAX];
    size_t n = strlen(base);
    while (n > 1 && base[n - 1] == '/')
        n--;
    if (strncmp(path, base, n) == 0 && path[n] == '/') return path + n + 1;
    if (!realpath(base, real)) return NULL;
    n = strlen(real);
    return strncmp(path, real, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

/* What of `path` lies below the base, "" for nothing. A registry may hold a path of before, which
 * is relative to the folder where the run was begun. */
static ci_status rest_below(char **out, const char *base, const char *path)
{
    const char *rest = below(base, path);
    char *whole = NULL;
    if (!rest && path[0] != '/') {
        CI_TRY(ci_path_absolute(&whole, path));
        rest = below(base, whole);
    }
    ci_status status = ci_str_copy(out, rest ? rest : "");
    ci_mem_free(whole);
    return status;
}

ci_status ci_publish_folder_open(const char *base, const char *path, int *fd)
{
    int parent = -1;
    char *names = NULL;
    *fd = -1;
    CI_TRY(ci_publish_base_open(base, &parent));
    ci_status status = rest_below(&names, base, path);
    const char *rest = names;
    if (status == CI_OK && !*rest)
        status =
            ci_error(CI_ERR_GATE, "%s: not below %s: nothing outside it is published", path, base);
    while (status == CI_OK && *rest) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(rest, "/");
        snprintf(name, sizeof name, "%.*s", (int)n, rest);
        int child;
        status = ci_publish_child_open(parent, name, false, path, &child);
        if (status != CI_OK) break;
        close(parent);
        parent = child;
        rest += n;
        while (*rest == '/')
            rest++;
    }
    ci_mem_free(names);
    if (status != CI_OK)
        close(parent);
    else
        *fd = parent;
    return status;
}

ci_status ci_publish_folder_remove(int parent, const char *name, const char *shown)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? CI_OK : ci_error_errno(errno, shown, "open folder");
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return ci_error_errno(errno, shown, "list folder");
    }
    ci_status status = CI_OK;
    struct dirent *entry;
    while (status == CI_OK && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            status = ci_error_errno(errno, shown, "remove a file of");
    }
    closedir(dir);
    if (status == CI_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        status = ci_error_errno(errno, shown, "remove");
    return status == CI_OK ? ci_publish_sync(parent, shown) : status;
}

ci_status ci_publish_date(char out[16], double time_mjd_s, const char *id)
{
    char text[32];
    ci_time_iso(text, time_mjd_s, 0, false);
    if (!isfinite(time_mjd_s) || strlen(text) < 10 || text[4] != '-')
        return ci_error(CI_ERR_INPUT, "%s: the time of its first integration is not known", id);
    snprintf(out, 16, "%.10s", text);
    return CI_OK;
}

bool ci_publish_is_date(const char *name)
{
    return strlen(name) == 10 && name[4] == '-' && name[7] == '-' &&
           strspn(name, "0123456789-") == 10;
}
