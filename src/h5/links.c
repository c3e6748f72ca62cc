/* What stands under a name, and soft and external links: where they lead, and what is so where they
 * lead nowhere. They are looked at before HDF5 follows them: it would wait for a pipe for ever, and
 * reports a broken link as missing. */
#include "h5/h5_private.h"

#include <stdlib.h>
#include <string.h>

/* HDF5's own limit is 16 links from one to the next. */
#define MOST_LINKS 16

ci_status ci_h5_beside(char **out, const ci_h5_file *file, const char *name, const char *what)
{
    char *folder = NULL;
    *out = NULL;
    if (name[0] == '/') {
        CI_TRY(ci_str_copy(out, name));
    } else {
        CI_TRY(ci_path_parent(&folder, file->path));
        ci_status status = ci_path_join(out, folder, name);
        ci_mem_free(folder);
        CI_TRY(status);
        /* As HDF5 does: beside the file, then from the current folder. */
        if (!ci_path_exists(*out) && ci_path_exists(name)) {
            ci_mem_free(*out);
            CI_TRY(ci_str_copy(out, name));
        }
    }
    ci_status status = CI_OK;
    if (!ci_path_exists(*out))
        status = ci_error(CI_ERR_INPUT, "%s: %s: no such file", what, *out);
    else if (ci_file_check_plain(*out) != CI_OK)
        status = ci_error(CI_ERR_INPUT, "%s: %s: not a plain file", what, *out);
    if (status != CI_OK) {
        ci_mem_free(*out);
        *out = NULL;
    }
    return status;
}

static ci_status link_follow(const ci_h5_file *file, const char *name, int depth);

static ci_status follow_soft(const ci_h5_file *file, const char *step, const char *target,
                             int depth)
{
    char *whole = NULL;
    const char *slash = strrchr(step, '/');
    if (target[0] == '/' || !slash)
        CI_TRY(ci_str_copy(&whole, target + (target[0] == '/')));
    else
        CI_TRY(ci_str_format(&whole, "%.*s/%s", (int)(slash - step), step, target));
    ci_status status = CI_OK;
    if (depth >= MOST_LINKS)
        status = ci_error(CI_ERR_INPUT, "%s: %s: is a soft link to %s, which leads in a circle",
                          file->path, step, target);
    else
        status = link_follow(file, whole, depth + 1);
    if (status == CI_OK && H5Oexists_by_name(file->id, step, H5P_DEFAULT) <= 0)
        status = ci_error(CI_ERR_INPUT, "%s: %s: is a soft link to %s, which is not in the file",
                          file->path, step, target);
    ci_mem_free(whole);
    return status;
}

ci_status ci_h5_said_of(const char *what, ci_status status)
{
    return status == CI_OK ? CI_OK : ci_error_prefix(status, "%s", what);
}

static ci_status follow_external(const ci_h5_file *file, const char *step, const char *other,
                                 const char *target, int depth)
{
    char *what = NULL, *path = NULL;
    ci_h5_file *opened = NULL;
    CI_TRY(ci_str_format(&what, "%s: %s: is an external link to %s in %s", file->path, step, target,
                         other));
    ci_status status = depth < MOST_LINKS ? ci_h5_beside(&path, file, other, what)
                                          : ci_error(CI_ERR_INPUT, "%s: leads in a circle", what);
    if (status == CI_OK) status = ci_h5_said_of(what, ci_h5_open(&opened, path));
    const char *inner = target + (target[0] == '/');
    if (status == CI_OK) status = ci_h5_said_of(what, link_follow(opened, inner, depth + 1));
    if (status == CI_OK && inner[0] && H5Oexists_by_name(opened->id, inner, H5P_DEFAULT) <= 0)
        status = ci_error(CI_ERR_INPUT, "%s: which is not in that file", what);
    if (opened) status = ci_h5_close(opened) == CI_OK ? status : CI_ERR_IO;
    ci_mem_free(path);
    ci_mem_free(what);
    return status;
}

/* One step of a path, all before it followed. */
static ci_status follow_step(const ci_h5_file *file, const char *step, int depth)
{
    H5L_info_t info;
    unsigned flags;
    const char *other = NULL, *target = NULL;
    char *value = NULL;
    if (H5Lget_info(file->id, step, &info, H5P_DEFAULT) < 0) return CI_OK;
    if (info.type != H5L_TYPE_SOFT && info.type != H5L_TYPE_EXTERNAL) return CI_OK;
    CI_TRY(ci_mem_alloc(&value, info.u.val_size + 1, 1, "HDF5 link"));
    ci_status status = CI_OK;
    if (H5Lget_val(file->id, step, value, info.u.val_size, H5P_DEFAULT) < 0)
        status = ci_h5_error(CI_ERR_INPUT, file->path, step, "is a link that cannot be read");
    else if (info.type == H5L_TYPE_SOFT)
        status = follow_soft(file, step, value, depth);
    else if (H5Lunpack_elink_val(value, info.u.val_size, &flags, &other, &target) < 0)
        status = ci_h5_error(CI_ERR_INPUT, file->path, step, "is a link that cannot be read");
    else
        status = follow_external(file, step, other, target, depth);
    ci_mem_free(value);
    return status;
}

static ci_status link_follow(const ci_h5_file *file, const char *name, int depth)
{
    char *step = NULL;
    CI_TRY(ci_str_copy(&step, name));
    ci_status status = CI_OK;
    for (size_t i = 1, n = strlen(name); i <= n && status == CI_OK; i++) {
        if (name[i] != '/' && name[i] != '\0') continue;
        step[i] = '\0';
        if (H5Lexists(file->id, step, H5P_DEFAULT) <= 0) break; /* not there: no broken link */
        status = follow_step(file, step, depth);
        step[i] = name[i];
    }
    H5Eclear2(H5E_DEFAULT);
    ci_mem_free(step);
    return status;
}

ci_status ci_h5_link_check(const ci_h5_file *file, const char *name)
{
    return link_follow(file, name, 0);
}

/* H5Lexists needs every step of a path to exist. */
static bool path_exists(hid_t file, const char *name)
{
    char step[512];
    size_t length = strlen(name);
    if (length == 0) return true;
    if (length >= sizeof step) return false;
    for (size_t i = 0; i <= length; i++) {
        if (name[i] != '/' && name[i] != '\0') continue;
        if (i == 0) continue;
        memcpy(step, name, i);
        step[i] = '\0';
        if (H5Lexists(file, step, H5P_DEFAULT) <= 0) return false;
        if (H5Oexists_by_name(file, step, H5P_DEFAULT) <= 0) return false;
    }
    return true;
}

ci_h5_kind ci_h5_kind_of(const ci_h5_file *file, const char *name)
{
    H5O_info_t info;
    ci_h5_kind kind = CI_H5_NOTHING;
    if (link_follow(file, name, 0) != CI_OK) {
        ci_error_clear();
        return CI_H5_BROKEN;
    }
    if (path_exists(file->id, name) &&
        H5Oget_info_by_name2(file->id, name[0] != '\0' ? name : "/", &info, H5O_INFO_BASIC,
                             H5P_DEFAULT) >= 0) {
        if (info.type == H5O_TYPE_GROUP) kind = CI_H5_GROUP;
        if (info.type == H5O_TYPE_DATASET) kind = CI_H5_DATASET;
    }
    H5Eclear2(H5E_DEFAULT);
    return kind;
}

bool ci_h5_has(const ci_h5_file *file, const char *name)
{
    ci_h5_kind kind = ci_h5_kind_of(file, name);
    if (kind == CI_H5_BROKEN) return true; /* reading it says where it leads */
    if (kind != CI_H5_DATASET) return false;
    bool has = false;
    hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (dataset >= 0) {
        hid_t space = H5Dget_space(dataset);
        if (space >= 0) {
            has = H5Sget_simple_extent_type(space) != H5S_NULL;
            H5Sclose(space);
        }
        H5Dclose(dataset);
    } else {
        has = true; /* there, but broken: reading it says how */
    }
    H5Eclear2(H5E_DEFAULT);
    return has;
}
