/* What an open dataset is: type, shape, storage. */
#include "h5/h5_private.h"

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
        return ci_error(CI_ERR_INPUT, "%s: %s: has %d dimensions: correct it", file->path, name,
                        rank);
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
