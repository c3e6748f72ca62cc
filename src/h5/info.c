/* What a file holds: kinds, shapes, types, filters. */
#include "h5/h5_private.h"

#include <stdlib.h>
#include <string.h>

/* Two members named r and i of one kind and size. */
static bool is_complex(hid_t type, bool *is_int)
{
    if (H5Tget_nmembers(type) != 2) return false;
    int i_r = H5Tget_member_index(type, "r"), i_i = H5Tget_member_index(type, "i");
    if (i_r < 0 || i_i < 0) {
        H5Eclear2(H5E_DEFAULT);
        return false;
    }
    hid_t r = H5Tget_member_type(type, (unsigned)i_r), i = H5Tget_member_type(type, (unsigned)i_i);
    H5T_class_t class_r = H5Tget_class(r), class_i = H5Tget_class(i);
    bool yes = class_r == class_i && H5Tget_size(r) == H5Tget_size(i) &&
               (class_r == H5T_FLOAT || class_r == H5T_INTEGER);
    *is_int = class_r == H5T_INTEGER;
    if (r >= 0) H5Tclose(r);
    if (i >= 0) H5Tclose(i);
    return yes;
}

/* A boolean as h5py and the format write it. Members are compared by name: values alone would turn
 * flags into their contrary. */
static bool is_boolean(hid_t type)
{
    static const char *const names[2] = {"FALSE", "TRUE"};
    hid_t base = H5Tget_super(type);
    bool yes = base >= 0 && H5Tget_nmembers(type) == 2 && H5Tget_size(type) <= sizeof(int64_t);
    for (int64_t i = 0; yes && i < 2; i++) {
        int64_t value = -1;
        yes = H5Tenum_valueof(type, names[i], &value) >= 0 &&
              H5Tconvert(base, H5T_NATIVE_INT64, 1, &value, NULL, H5P_DEFAULT) >= 0 && value == i;
    }
    if (base >= 0) H5Tclose(base);
    return yes;
}

static void type_describe(hid_t dataset, ci_h5_info *out)
{
    hid_t type = H5Dget_type(dataset);
    out->type_class = CI_H5_OTHER;
    if (type < 0) return;
    out->type_size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        out->type_class = CI_H5_INTEGER;
        break;
    case H5T_ENUM:
        if (is_boolean(type)) out->type_class = CI_H5_ENUM;
        break;
    case H5T_FLOAT:
        out->type_class = CI_H5_FLOAT;
        break;
    case H5T_STRING:
        out->type_class = CI_H5_STRING;
        out->is_vlen = H5Tis_variable_str(type) > 0;
        break;
    case H5T_COMPOUND:
        if (is_complex(type, &out->part_is_int)) out->type_class = CI_H5_COMPLEX;
        break;
    default:
        break;
    }
    H5Tclose(type);
}

static void storage_describe(hid_t dataset, ci_h5_info *out)
{
    hid_t create = H5Dget_create_plist(dataset);
    out->n_stored_byte = H5Dget_storage_size(dataset);
    if (create < 0) return;
    out->is_virtual = H5Pget_layout(create) == H5D_VIRTUAL;
    if (H5Pget_layout(create) == H5D_CHUNKED) {
        hsize_t chunk[CI_H5_MAX_RANK];
        if (H5Pget_chunk(create, CI_H5_MAX_RANK, chunk) == out->rank) {
            out->is_chunked = true;
            for (int i = 0; i < out->rank; i++)
                out->chunk[i] = chunk[i];
        }
    }
    int n_filter = H5Pget_nfilters(create);
    for (int i = 0; i < n_filter && i < CI_H5_MAX_RANK; i++) {
        size_t n_value = 0;
        unsigned flags, config;
        H5Z_filter_t filter =
            H5Pget_filter2(create, (unsigned)i, &flags, &n_value, NULL, 0, NULL, &config);
        if (filter >= 0) out->filter[out->n_filter++] = (int)filter;
    }
    H5Pclose(create);
}

ci_status ci_h5_info_of(const ci_h5_file *file, const char *name, hid_t dataset, ci_h5_info *out)
{
    memset(out, 0, sizeof *out);
    out->kind = CI_H5_DATASET;
    hid_t space = H5Dget_space(dataset);
    if (space < 0) return ci_h5_error(CI_ERR_INPUT, file->path, name, "has no readable shape");
    out->is_null = H5Sget_simple_extent_type(space) == H5S_NULL;
    int rank = out->is_null ? 0 : H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > CI_H5_MAX_RANK) {
        H5Sclose(space);
        return ci_error(CI_ERR_INPUT, "%s: %s: has %d dimensions", file->path, name, rank);
    }
    out->rank = rank;
    hsize_t dim[CI_H5_MAX_RANK] = {0};
    if (rank > 0) H5Sget_simple_extent_dims(space, dim, NULL);
    for (int i = 0; i < rank; i++)
        out->dim[i] = dim[i];
    H5Sclose(space);
    type_describe(dataset, out);
    storage_describe(dataset, out);
    H5Eclear2(H5E_DEFAULT);
    return CI_OK;
}

ci_status ci_h5_info_get(const ci_h5_file *file, const char *name, ci_h5_info *out)
{
    hid_t dataset = -1;
    CI_TRY(ci_h5_dataset_open(file, name, &dataset));
    ci_status status = ci_h5_info_of(file, name, dataset, out);
    H5Dclose(dataset);
    return status;
}

uint64_t ci_h5_info_count(const ci_h5_info *info)
{
    uint64_t n = 1;
    if (info->is_null) return 0;
    for (int i = 0; i < info->rank; i++) {
        if (info->dim[i] != 0 && n > UINT64_MAX / info->dim[i]) return UINT64_MAX;
        n *= info->dim[i];
    }
    return n;
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

/* Names of damaged groups, which are no UTF-8, are left out: they could not be told. */
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
        return ci_error(CI_ERR_INPUT, "%s: %s: group is missing", file->path, group);
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
    *n_there = *n_needed = info.is_null ? 0 : 1;
    if (status == CI_OK && info.is_chunked) {
        hsize_t n = 0;
        hid_t space = H5Dget_space(dataset);
        if (space < 0 || H5Dget_num_chunks(dataset, space, &n) < 0) {
            status = ci_h5_error(CI_ERR_INPUT, file->path, name, "chunks cannot be counted");
        }
        if (space >= 0) H5Sclose(space);
        *n_there = n;
        for (int i = 0; i < info.rank; i++) {
            if (info.chunk[i] == 0) continue;
            *n_needed *= info.dim[i] / info.chunk[i] + (info.dim[i] % info.chunk[i] != 0);
        }
    } else if (status == CI_OK && !info.is_null && !info.is_virtual) {
        uint64_t n_element = ci_h5_info_count(&info);
        uint64_t full =
            n_element > UINT64_MAX / (info.type_size + 1) ? UINT64_MAX : n_element * info.type_size;
        *n_there = info.n_stored_byte >= full;
    }
    H5Dclose(dataset);
    return status;
}
