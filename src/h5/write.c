/* Writing datasets and groups of a file. */
#include "h5/h5_private.h"

#include <errno.h>
#include <string.h>

static ci_status write_error(const ci_h5_file *file, const char *name)
{
    /* HDF5's driver leaves errno of the write that failed in its text. */
    ci_status status = errno == ENOSPC || errno == EDQUOT ? CI_ERR_DISK : CI_ERR_IO;
    return ci_h5_error(status, file->path, name, "cannot be written");
}

/* Creates `name` and the groups above it and writes all of it. The types are borrowed. */
static ci_status write_values(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                              hid_t file_type, hid_t memory_type, const void *values)
{
    hsize_t n[CI_H5_MAX_RANK];
    size_t n_value = 1;
    if (rank > CI_H5_MAX_RANK) {
        return ci_error(CI_ERR_INTERNAL, "%s: %s: %d dimensions", file->path, name, rank);
    }
    for (int i = 0; i < rank; i++) {
        n[i] = dim[i];
        n_value *= (size_t)dim[i];
    }
    errno = 0;
    hid_t space = rank > 0 ? H5Screate_simple(rank, n, NULL) : H5Screate(H5S_SCALAR);
    hid_t link = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    /* No time stamps: equal content gives equal bytes. */
    H5Pset_obj_track_times(create, 0);
    hid_t dataset = H5Dcreate2(file->id, name, file_type, space, link, create, H5P_DEFAULT);
    ci_status status = CI_OK;
    if (dataset < 0 || (n_value > 0 && H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                                values) < 0)) {
        status = write_error(file, name);
    }
    if (dataset >= 0) H5Dclose(dataset);
    H5Pclose(create);
    H5Pclose(link);
    if (space >= 0) H5Sclose(space);
    return status;
}

ci_status ci_h5_write_group(ci_h5_file *file, const char *name)
{
    if (ci_h5_kind_of(file, name) == CI_H5_GROUP) return CI_OK;
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    hid_t group = H5Gcreate2(file->id, name, link, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(link);
    if (group < 0) return write_error(file, name);
    H5Gclose(group);
    return CI_OK;
}

ci_status ci_h5_write_double(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                             const double *values)
{
    return write_values(file, name, rank, dim, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values);
}

ci_status ci_h5_write_float(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                            const float *values)
{
    return write_values(file, name, rank, dim, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values);
}

ci_status ci_h5_write_int(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                          const int64_t *values)
{
    return write_values(file, name, rank, dim, H5T_STD_I64LE, H5T_NATIVE_INT64, values);
}

ci_status ci_h5_write_bool(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                           const uint8_t *values)
{
    size_t n = 1;
    signed char *truth = NULL;
    for (int i = 0; i < rank; i++)
        n *= (size_t)dim[i];
    CI_TRY(ci_mem_alloc(&truth, n, 1, "HDF5 booleans"));
    for (size_t i = 0; i < n; i++)
        truth[i] = values[i] != 0;
    hid_t type = ci_h5_bool_type();
    ci_status status = write_values(file, name, rank, dim, type, type, truth);
    H5Tclose(type);
    ci_mem_free(truth);
    return status;
}

static ci_status write_complex(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                               ci_h5_type type, const void *values)
{
    hid_t memory = ci_h5_memory_type(type);
    ci_status status = write_values(file, name, rank, dim, memory, memory, values);
    H5Tclose(memory);
    return status;
}

ci_status ci_h5_write_c32(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                          const ci_c32 *values)
{
    return write_complex(file, name, rank, dim, CI_H5_C32, values);
}

ci_status ci_h5_write_c64(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                          const ci_c64 *values)
{
    return write_complex(file, name, rank, dim, CI_H5_C64, values);
}

ci_status ci_h5_write_strings(ci_h5_file *file, const char *name, int rank, const uint64_t *dim,
                              const char *values, size_t width)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, width > 0 ? width : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    ci_status status = write_values(file, name, rank, dim, type, type, values);
    H5Tclose(type);
    return status;
}

ci_status ci_h5_write_string(ci_h5_file *file, const char *name, const char *text)
{
    return ci_h5_write_strings(file, name, 0, NULL, text, strlen(text));
}

ci_status ci_h5_write_double_1(ci_h5_file *file, const char *name, double value)
{
    return ci_h5_write_double(file, name, 0, NULL, &value);
}

ci_status ci_h5_write_int_1(ci_h5_file *file, const char *name, int64_t value)
{
    return ci_h5_write_int(file, name, 0, NULL, &value);
}

ci_status ci_h5_write_bool_1(ci_h5_file *file, const char *name, bool value)
{
    uint8_t truth = value ? 1 : 0;
    return ci_h5_write_bool(file, name, 0, NULL, &truth);
}
