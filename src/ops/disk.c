/* Disks, also of folders that are not there yet. */
#include "contimg/ops.h"

#include <string.h>

ci_status ci_ops_existing_part(char **out, const char *path)
{
    CI_TRY(ci_str_copy(out, path));
    while (!ci_path_exists(*out)) {
        char *parent = NULL;
        ci_status status = ci_path_parent(&parent, *out);
        ci_mem_free(*out);
        *out = NULL;
        CI_TRY(status);
        *out = parent;
        if (strcmp(parent, "/") == 0 || strcmp(parent, ".") == 0) break;
    }
    return CI_OK;
}
