/* How old the newest daily copy of the databases is. */
#include "ops/copies.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* A copy is a folder; one that is still being made, or was not finished, ends in .part. */
static bool is_copy(const char *path)
{
    return ci_path_is_folder(path) && !ci_path_is_part(path);
}

ci_status ci_ops_copies_newest(double *newest_unix_s, const char *state)
{
    char *folder = NULL;
    *newest_unix_s = NAN;
    CI_TRY(ci_path_join(&folder, state, "backups/daily"));
    DIR *dir = opendir(folder);
    ci_status status = CI_OK;
    if (!dir && errno != ENOENT) status = ci_error_errno(errno, folder, "list folder");
    for (struct dirent *entry; status == CI_OK && dir && (entry = readdir(dir));) {
        char *path = NULL;
        struct stat facts;
        if (entry->d_name[0] == '.') continue;
        status = ci_path_join(&path, folder, entry->d_name);
        if (status == CI_OK && is_copy(path) && stat(path, &facts) == 0)
            *newest_unix_s = fmax(*newest_unix_s, (double)facts.st_mtime);
        ci_mem_free(path);
    }
    if (dir) closedir(dir);
    ci_mem_free(folder);
    return status;
}
