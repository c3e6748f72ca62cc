/* What a file holds: shapes, members of groups, filters. */
#include "h5/h5_private.h"

#include <stdlib.h>
#include <string.h>

ci_status ci_h5_info_get(const ci_h5_file *file, const char *name, ci_h5_info *out)
{
    hid_t dataset = -1;
    CI_TRY(ci_h5_dataset_open(file, name, &dataset));
    ci_status status = ci_h5_info_of(file, name, dataset, out);
    H5Dclose(dataset);
    return status;
}

void ci_h5_info_shape(const ci_h5_info *info, char out[128])
{
    if (info->is_null || info->rank == 0) {
        snprintf(out, 128, "%s", info->is_null ? "null" : "scalar");
        return;
    }
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < info->rank && n < 128; i++) {
        n += (size_t)snprintf(out + n, 128 - n, "%s%llu", i > 0 ? " x " : "",
                              (unsigned long long)info->dim[i]);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The i-th link's name, its length through H5Lget_name_by_idx. */
static ssize_t member_name(hid_t group, size_t i, char *text, size_t size)
{
    return H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_NATIVE, (hsize_t)i, text, size,
                              H5P_DEFAULT);
}

/* Names of damaged groups, which are no UTF-8, are left out: they could not be shown. */
static bool name_is_clean(char *name)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", name);
    ci_h5_text_clean(copy);
    return strncmp(copy, name, sizeof copy - 1) == 0;
}

static ci_status members_copy(hid_t group, size_t n_member, char ***names, size_t *n_kept)
{
    size_t n_byte = (n_member + 1) * sizeof(char *);
    size_t text_at = n_byte;
    for (size_t i = 0; i < n_member; i++) {
        ssize_t length = member_name(group, i, NULL, 0);
        if (length < 0) return CI_ERR_INPUT;
        n_byte += (size_t)length + 1;
    }
    char *memory = NULL;
    CI_TRY(ci_mem_alloc(&memory, n_byte, 1, "HDF5 member names"));
    char **list = (char **)(void *)memory;
    size_t n = 0;
    for (size_t i = 0; i < n_member; i++) {
        list[n] = memory + text_at;
        ssize_t length = member_name(group, i, list[n], n_byte - text_at);
        if (length < 0) {
            ci_mem_free(memory);
            return CI_ERR_INPUT;
        }
        text_at += (size_t)length + 1;
        if (name_is_clean(list[n])) n++;
    }
    qsort(list, n, sizeof *list, compare_names);
    *names = list;
    *n_kept = n;
    return CI_OK;
}

ci_status ci_h5_members(const ci_h5_file *file, const char *group, char ***names, size_t *n)
{
    *names = NULL;
    *n = 0;
    ci_h5_kind kind = ci_h5_kind_of(file, group);
    if (kind == CI_H5_BROKEN) return ci_h5_link_check(file, group);
    if (kind != CI_H5_GROUP) {
        return ci_error(CI_ERR_INPUT, "%s: %s: group is missing: add it", file->path, group);
    }
    hid_t id = H5Gopen2(file->id, group, H5P_DEFAULT);
    H5G_info_t info;
    if (id < 0 || H5Gget_info(id, &info) < 0) {
        if (id >= 0) H5Gclose(id);
        return ci_h5_error(CI_ERR_INPUT, file->path, group, "cannot be listed");
    }
    ci_status status = CI_ERR_INPUT;
    if (info.nlinks < 1u << 20) status = members_copy(id, (size_t)info.nlinks, names, n);
    H5Gclose(id);
    if (status == CI_ERR_INPUT) {
        return ci_h5_error(CI_ERR_INPUT, file->path, group, "cannot be listed");
    }
    return status;
}

static const char *filter_name(int filter)
{
    switch (filter) {
    case H5Z_FILTER_DEFLATE:
        return "gzip";
    case H5Z_FILTER_SZIP:
        return "szip";
    case CI_H5_FILTER_LZF:
        return "LZF";
    case CI_H5_FILTER_BITSHUFFLE:
        return "bitshuffle";
    default:
        return "unknown to contimg";
    }
}

ci_status ci_h5_filters_check(const ci_h5_file *file, const char *name)
{
    ci_h5_info info;
    CI_TRY(ci_h5_info_get(file, name, &info));
    for (int i = 0; i < info.n_filter; i++) {
        int filter = info.filter[i];
        if (H5Zfilter_avail((H5Z_filter_t)filter) > 0) continue;
        H5Eclear2(H5E_DEFAULT);
        if (filter == CI_H5_FILTER_LZF || filter == CI_H5_FILTER_BITSHUFFLE) {
            return ci_error(CI_ERR_NOT_READY,
                            "%s: %s: compressed with %s (HDF5 filter %d), whose plugin is not "
                            "found: install Debian package \"bitshuffle\"",
                            file->path, name, filter_name(filter), filter);
        }
        return ci_error(CI_ERR_NOT_READY,
                        "%s: %s: compressed with HDF5 filter %d (%s), whose plugin is not found: "
                        "install it, or rewrite the file without (h5repack -f NONE)",
                        file->path, name, filter, filter_name(filter));
    }
    H5Eclear2(H5E_DEFAULT);
    return CI_OK;
}

ci_status ci_h5_chunks_count(const ci_h5_file *file, const char *name, uint64_t *n_there,
                             uint64_t *n_needed)
{
    hid_t dataset = -1;
    ci_h5_info info;
    CI_TRY(ci_h5_dataset_open(file, name, &dataset));
    ci_status status = ci_h5_info_of(file, name, dataset, &info);
    *n_there = *n_needed = 0;
    if (status == CI_OK)
        status = ci_h5_written_count(file, name, dataset, &info, n_there, n_needed);
    H5Dclose(dataset);
    return status;
}
