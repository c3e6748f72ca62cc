/* Whole folders: put in place of others, and removed. */
#include "contimg/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Opened without following links, as all below; -1 with errno where it cannot be. */
static int folder_fd(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Removes the plain files of a folder, then the folder if nothing is left. */
static ci_status remove_flat(int parent, const char *name, const char *shown)
{
    int fd = folder_fd(parent, name);
    if (fd < 0) return errno == ENOENT ? CI_OK : ci_error_errno(errno, shown, "open folder");
    DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return ci_error_errno(errno, shown, "list folder");
    }
    int why = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && unlinkat(fd, entry->d_name, 0) != 0 && errno != EISDIR && errno != ENOENT)
            why = errno;
    }
    closedir(stream);
    if (why == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT &&
        errno != ENOTEMPTY && errno != EEXIST)
        why = errno;
    return why == 0 ? CI_OK : ci_error_errno(why, shown, "remove");
}

/* A file system that cannot exchange names: what is there goes first. */
static ci_status replace_in_steps(int parent, const char *part, const char *folder)
{
    const char *name = ci_path_base(folder);
    CI_TRY(remove_flat(parent, name, folder));
    if (renameat(parent, ci_path_base(part), parent, name) == 0) return CI_OK;
    return ci_error_errno(errno, folder, "rename into place");
}

static ci_status replace_in(int parent, const char *part, const char *folder)
{
    const char *from = ci_path_base(part), *name = ci_path_base(folder);
    if (renameat2(parent, from, parent, name, RENAME_EXCHANGE) == 0)
        return remove_flat(parent, from, part);
    if (errno == ENOENT || errno == EINVAL || errno == ENOSYS)
        return replace_in_steps(parent, part, folder);
    return ci_error_errno(errno, folder, "rename into place");
}

ci_status ci_path_replace_folder(const char *part, const char *folder)
{
    char *above = NULL;
    CI_TRY(ci_path_parent(&above, folder));
    int parent = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ci_status status = parent < 0 ? ci_error_errno(errno, above, "open folder") : CI_OK;
    if (parent >= 0) {
        status = ci_path_sync(part);
        if (status == CI_OK) status = replace_in(parent, part, folder);
        close(parent);
    }
    if (status == CI_OK) status = ci_path_sync(above);
    ci_mem_free(above);
    /* Of a folder that others removed meanwhile: the output's fault, no missing input. */
    return status == CI_ERR_INPUT ? CI_ERR_IO : status;
}

bool ci_path_is_part(const char *name)
{
    static const char ending[] = ".part";
    size_t n = strlen(name), n_ending = sizeof ending - 1;
    return n > n_ending && strcmp(name + n - n_ending, ending) == 0;
}

/* "<name>.<anything>.part" */
static bool is_part_of(const char *entry, const char *name)
{
    size_t n_name = strlen(name);
    return strncmp(entry, name, n_name) == 0 && entry[n_name] == '.' &&
           ci_path_is_part(entry + n_name + 1);
}

void ci_path_remove_parts(const char *folder)
{
    char *above = NULL;
    if (ci_path_parent(&above, folder) != CI_OK) return;
    DIR *stream = opendir(above);
    ci_mem_free(above);
    if (!stream) return;
    for (struct dirent *entry; (entry = readdir(stream));)
        if (is_part_of(entry->d_name, ci_path_base(folder)) &&
            remove_flat(dirfd(stream), entry->d_name, entry->d_name) != CI_OK)
            ci_log_warning("%s: left-overs stay: %s", folder, ci_error_text());
    closedir(stream);
    ci_error_clear();
}
