/* Values that lie outside the file: sources of virtual datasets, plain files of external ones. HDF5
 * gives its fill value for what is missing, and waits for a pipe for ever: they are looked at
 * first. */
#include "h5/h5_private.h"

#include <string.h>
#include <sys/stat.h>

#define MOST_DEPTH 3 /* of virtual datasets made of virtual ones */

static ci_status open_at(const ci_h5_file *file, const char *name, int depth, hid_t *out);

/* Part i of a virtual dataset, of n_value values. */
typedef struct mapping
{
    hid_t create;
    size_t i;
    hssize_t n_value;
    int depth;
} mapping;

/* Length of a property's text into an owned one. */
static ci_status text_get(ssize_t (*get)(hid_t, size_t, char *, size_t), hid_t create, size_t i,
                          char **out)
{
    ssize_t n = get(create, i, NULL, 0);
    CI_TRY(ci_mem_alloc(out, (size_t)(n > 0 ? n : 0) + 1, 1, "name of a virtual source"));
    if (n > 0) get(create, i, *out, (size_t)n + 1);
    return CI_OK;
}

/* Whether the source dataset is there and has what the mapping takes of it. */
static ci_status shape_check(const ci_h5_file *source, const char *name, const mapping *m,
                             const char *what)
{
    hid_t dataset = -1;
    CI_TRY(ci_h5_said_of(what, open_at(source, name, m->depth + 1, &dataset)));
    hid_t due = H5Pget_virtual_srcspace(m->create, m->i), there = H5Dget_space(dataset);
    hsize_t from[CI_H5_MAX_RANK] = {0}, to[CI_H5_MAX_RANK] = {0}, n[CI_H5_MAX_RANK] = {0};
    int rank = there >= 0 ? H5Sget_simple_extent_ndims(there) : -1;
    bool is_whole = due >= 0 && H5Sget_select_type(due) == H5S_SEL_ALL;
    /* The file keeps what is selected of the source, not its shape. */
    bool is_enough = due >= 0 && rank >= 0 && rank <= CI_H5_MAX_RANK &&
                     H5Sget_simple_extent_dims(there, n, NULL) == rank &&
                     (is_whole || (H5Sget_simple_extent_ndims(due) == rank &&
                                   H5Sget_select_bounds(due, from, to) >= 0));
    for (int k = 0; is_enough && !is_whole && k < rank; k++)
        is_enough = to[k] < n[k];
    if (is_enough && is_whole) is_enough = H5Sget_simple_extent_npoints(there) >= m->n_value;
    if (due >= 0) H5Sclose(due);
    if (there >= 0) H5Sclose(there);
    ci_status status = CI_OK;
    if (!is_enough)
        status = ci_error(CI_ERR_INPUT, "%s: smaller than the virtual dataset needs", what);
    else
        status =
            ci_h5_said_of(what, ci_h5_written_check(source, name, dataset, is_whole ? NULL : from,
                                                    is_whole ? NULL : to));
    H5Dclose(dataset);
    return status;
}

static ci_status source_check(const ci_h5_file *file, const char *name, const mapping *m)
{
    char *other = NULL, *inner = NULL, *what = NULL, *path = NULL;
    ci_h5_file *source = NULL;
    ci_status status = text_get(H5Pget_virtual_filename, m->create, m->i, &other);
    if (status == CI_OK) status = text_get(H5Pget_virtual_dsetname, m->create, m->i, &inner);
    if (status == CI_OK)
        status = ci_str_format(&what, "%s: %s: is a virtual dataset of %s in %s", file->path, name,
                               inner, other);
    bool is_here = status == CI_OK && strcmp(other, ".") == 0;
    if (status == CI_OK && (strchr(other, '%') || strchr(inner, '%')))
        status = ci_error(CI_ERR_INPUT, "%s: a series of numbered sources cannot be read", what);
    if (status == CI_OK && !is_here) status = ci_h5_beside(&path, file, other, what);
    if (status == CI_OK && !is_here) status = ci_h5_said_of(what, ci_h5_open(&source, path));
    const char *plain = status == CI_OK ? inner + (inner[0] == '/') : NULL;
    if (status == CI_OK && m->depth >= MOST_DEPTH)
        status = ci_error(CI_ERR_INPUT, "%s: which is made of itself, or of too many others", what);
    if (status == CI_OK) status = shape_check(is_here ? file : source, plain, m, what);
    if (source && ci_h5_close(source) != CI_OK && status == CI_OK) status = CI_ERR_IO;
    ci_mem_free(other);
    ci_mem_free(inner);
    ci_mem_free(what);
    ci_mem_free(path);
    return status;
}

/* Adds a part's values to those that have a source: parts may lie over each other. */
static void mapped_add(hid_t mapped, hid_t part, bool is_first)
{
    if (is_first || H5Sget_select_type(part) == H5S_SEL_ALL)
        H5Sselect_copy(mapped, part);
    else if (H5Sget_select_type(mapped) != H5S_SEL_ALL)
        H5Smodify_select(mapped, H5S_SELECT_OR, part);
}

static ci_status virtual_check(const ci_h5_file *file, const char *name, hid_t dataset,
                               hid_t create, int depth)
{
    size_t n_source = 0;
    hid_t mapped = H5Dget_space(dataset);
    hssize_t n_value = mapped >= 0 ? H5Sget_simple_extent_npoints(mapped) : -1, n_mapped = 0;
    ci_status status = CI_OK;
    if (n_value < 0 || H5Pget_virtual_count(create, &n_source) < 0)
        status = ci_h5_error(CI_ERR_INPUT, file->path, name, "is a virtual dataset, unreadable");
    for (size_t i = 0; status == CI_OK && i < n_source; i++) {
        hid_t part = H5Pget_virtual_vspace(create, i);
        hssize_t n = part >= 0 ? H5Sget_select_npoints(part) : -1;
        if (n >= 0) mapped_add(mapped, part, i == 0);
        if (part >= 0) H5Sclose(part);
        if (n < 0 || n > n_value)
            status = ci_error(CI_ERR_INPUT,
                              "%s: %s: is a virtual dataset with a part of no fixed size: copy it "
                              "to a plain one",
                              file->path, name);
        else
            status = source_check(file, name, &(mapping){create, i, n, depth});
    }
    if (n_source > 0 && status == CI_OK) n_mapped = H5Sget_select_npoints(mapped);
    if (mapped >= 0) H5Sclose(mapped);
    if (status != CI_OK || n_mapped >= n_value) return status;
    return ci_error(CI_ERR_INPUT,
                    "%s: %s: is a virtual dataset of which %lld of %lld values have no source",
                    file->path, name, (long long)(n_value - n_mapped), (long long)n_value);
}

static uint64_t bytes_of(hid_t dataset)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hssize_t n_value = space >= 0 ? H5Sget_simple_extent_npoints(space) : 0;
    uint64_t n = n_value > 0 && type >= 0 ? (uint64_t)n_value * H5Tget_size(type) : 0;
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    return n;
}

/* HDF5 takes these names from the current folder, and what is missing at their end for zeros. */
static ci_status external_check(const ci_h5_file *file, const char *name, hid_t create,
                                uint64_t n_byte)
{
    int n = H5Pget_external_count(create);
    for (int i = 0; i < n; i++) {
        char other[4096] = "";
        off_t offset = 0;
        hsize_t size = 0;
        struct stat facts;
        if (H5Pget_external(create, (unsigned)i, sizeof other - 1, other, &offset, &size) < 0)
            return ci_h5_error(CI_ERR_INPUT, file->path, name,
                               "is an external dataset, unreadable");
        if (stat(other, &facts) != 0)
            return ci_error(
                CI_ERR_INPUT,
                "%s: %s: has its values in %s: no such file in the current folder: put it there",
                file->path, name, other);
        if (!S_ISREG(facts.st_mode))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: has its values in %s: not a plain file: copy it there",
                            file->path, name, other);
        if (size == H5F_UNLIMITED) size = n_byte;
        n_byte -= size < n_byte ? size : n_byte;
        if ((uint64_t)facts.st_size < (uint64_t)offset + size)
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: has its values in %s: %lld bytes are there, %llu are needed",
                            file->path, name, other, (long long)facts.st_size,
                            (unsigned long long)offset + size);
    }
    return CI_OK;
}

static ci_status outside_check(const ci_h5_file *file, const char *name, hid_t dataset, int depth)
{
    hid_t create = H5Dget_create_plist(dataset);
    if (create < 0) return CI_OK;
    ci_status status = CI_OK;
    if (H5Pget_layout(create) == H5D_VIRTUAL)
        status = virtual_check(file, name, dataset, create, depth);
    else if (H5Pget_external_count(create) > 0)
        status = external_check(file, name, create, bytes_of(dataset));
    H5Pclose(create);
    H5Eclear2(H5E_DEFAULT);
    return status;
}

static ci_status open_at(const ci_h5_file *file, const char *name, int depth, hid_t *out)
{
    ci_h5_kind kind = ci_h5_kind_of(file, name);
    if (kind == CI_H5_BROKEN) return ci_h5_link_check(file, name);
    if (kind == CI_H5_NOTHING) {
        return ci_error(CI_ERR_INPUT, "%s: %s: dataset is missing: add it", file->path, name);
    }
    if (kind == CI_H5_GROUP) {
        return ci_error(CI_ERR_INPUT, "%s: %s: is a group, not a dataset: correct it", file->path,
                        name);
    }
    *out = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (*out < 0) return ci_h5_error(CI_ERR_INPUT, file->path, name, "cannot be opened");
    ci_status status = outside_check(file, name, *out, depth);
    if (status != CI_OK) H5Dclose(*out);
    return status;
}

ci_status ci_h5_dataset_open(const ci_h5_file *file, const char *name, hid_t *out)
{
    return open_at(file, name, 0, out);
}
