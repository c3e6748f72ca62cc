/* Writes UVH5 files in DSA-110's exact layout. */
#include "layout.h"

#include <hdf5.h>
#include <math.h>
#include <string.h>

/* h5py guesses chunk shapes from the item size; these are the shapes of the real files
 * (48 channels, 2 polarisations), found again for other sizes by the same rule. */
#define CHUNK_BASE 16384.0
#define CHUNK_MIN 8192.0
#define CHUNK_MAX 1048576.0
#define MAX_RANK 4

struct sim_layout
{
    char *path;
    sim_layout_header header; /* borrowed arrays */
    hid_t file, head, data;
    hid_t type_vis, type_flag;
    double *fill_time, *fill_interval;
    float *fill_nsample;
    signed char *fill_flag;
    int64_t n_row, n_time;
};

static ci_status fault(const char *path, const char *what)
{
    return ci_error(CI_ERR_IO, "%s: %s: HDF5 could not write it: check space and permissions", path,
                    what);
}

/* The chunk shape that h5py picks for chunks=True: halve the axes in turn until the chunk
 * is near a target size. Axes without limit count as 1024 where they are empty. */
static void chunk_guess(hsize_t *chunk, int rank, size_t item)
{
    double bytes = (double)item, target, size;
    int axis = 0;
    for (int i = 0; i < rank; i++) {
        if (chunk[i] == 0) chunk[i] = 1024;
        bytes *= (double)chunk[i];
    }
    target = CHUNK_BASE * pow(2.0, log10(bytes / (1024.0 * 1024.0)));
    if (target > CHUNK_MAX) target = CHUNK_MAX;
    if (target < CHUNK_MIN) target = CHUNK_MIN;
    for (;; axis++) {
        double product = 1.0;
        for (int i = 0; i < rank; i++)
            product *= (double)chunk[i];
        size = product * (double)item;
        if ((size < target || fabs(size - target) / target < 0.5) && size < CHUNK_MAX) break;
        if (product == 1.0) break;
        chunk[axis % rank] = (chunk[axis % rank] + 1) / 2;
    }
}

/* A property list as h5py makes it: no time stamps, so that equal content is equal bytes. */
static hid_t plain_list(void)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (list >= 0) (void)H5Pset_obj_track_times(list, 0);
    return list;
}

/* An empty dataset that grows along its first axis. */
static ci_status make_growing(const char *path, hid_t group, const char *name, hid_t type, int rank,
                              const hsize_t *rest)
{
    hsize_t shape[MAX_RANK] = {0}, limit[MAX_RANK] = {H5S_UNLIMITED}, chunk[MAX_RANK] = {0};
    hid_t list = plain_list(), space, set;
    for (int i = 1; i < rank; i++)
        shape[i] = limit[i] = chunk[i] = rest[i - 1];
    chunk_guess(chunk, rank, H5Tget_size(type));
    (void)H5Pset_chunk(list, rank, chunk);
    (void)H5Pset_fill_time(list, H5D_FILL_TIME_ALLOC);
    space = H5Screate_simple(rank, shape, limit);
    set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    if (set < 0) return fault(path, name);
    (void)H5Dclose(set);
    return CI_OK;
}

/* A whole dataset at once: written first, then linked, as group[name] = value does. */
static ci_status put(const char *path, hid_t group, const char *name, hid_t type, int rank,
                     const hsize_t *shape, const void *value)
{
    hid_t list = plain_list();
    hid_t space = rank > 0 ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate_anon(group, type, space, list, H5P_DEFAULT);
    bool is_good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0 &&
                   H5Olink(set, group, name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
    if (set >= 0) (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    return is_good ? CI_OK : fault(path, name);
}

static ci_status put_int(const char *path, hid_t group, const char *name, int64_t value)
{
    return put(path, group, name, H5T_STD_I64LE, 0, NULL, &value);
}

static ci_status put_real(const char *path, hid_t group, const char *name, double value)
{
    return put(path, group, name, H5T_IEEE_F64LE, 0, NULL, &value);
}

static ci_status put_ints(const char *path, hid_t group, const char *name, size_t n,
                          const int64_t *value)
{
    return put(path, group, name, H5T_STD_I64LE, 1, (hsize_t[]){n}, value);
}

/* Text of fixed length, padded with zeros, as numpy's bytes are stored. */
static ci_status put_bytes(const char *path, hid_t group, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    ci_status status;
    (void)H5Tset_size(type, strlen(text));
    (void)H5Tset_strpad(type, H5T_STR_NULLPAD);
    status = put(path, group, name, type, 0, NULL, text);
    (void)H5Tclose(type);
    return status;
}

static ci_status put_string(const char *path, hid_t group, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    ci_status status;
    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    status = put(path, group, name, type, 0, NULL, (const void *)&text);
    (void)H5Tclose(type);
    return status;
}

static ci_status put_names(const char *path, hid_t group, size_t n)
{
    char *names = NULL;
    hid_t type, space, list, set;
    bool is_good;
    CI_TRY(ci_mem_alloc(&names, n + 1, 4, "antenna names"));
    for (size_t i = 0; i < n; i++) {
        char one[24];
        int length = snprintf(one, sizeof one, "%zu", i + 1);
        memcpy(names + 4 * i, one, (size_t)(length < 4 ? length : 4));
    }
    type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, 4);
    (void)H5Tset_strpad(type, H5T_STR_NULLPAD);
    list = plain_list();
    space = H5Screate_simple(1, (hsize_t[]){n}, NULL);
    set = H5Dcreate2(group, "antenna_names", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    is_good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0;
    if (set >= 0) (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    (void)H5Tclose(type);
    ci_mem_free(names);
    return is_good ? CI_OK : fault(path, "antenna_names");
}

static ci_status write_site(const sim_layout *l)
{
    const sim_layout_header *h = &l->header;
    CI_TRY(put_real(l->path, l->head, "latitude", h->latitude_deg));
    CI_TRY(put_real(l->path, l->head, "longitude", h->longitude_deg));
    CI_TRY(put_real(l->path, l->head, "altitude", h->altitude_m));
    CI_TRY(put_bytes(l->path, l->head, "telescope_name", "OVRO_MMA"));
    CI_TRY(put_bytes(l->path, l->head, "instrument", "DSA"));
    CI_TRY(put_bytes(l->path, l->head, "object_name", "search"));
    CI_TRY(put_bytes(l->path, l->head, "history", h->history));
    CI_TRY(put_bytes(l->path, l->head, "phase_type", "drift"));
    CI_TRY(put_real(l->path, l->head, "phase_center_app_dec", h->dec_app_rad));
    CI_TRY(put_int(l->path, l->head, "Nants_data", (int64_t)h->n_antenna));
    CI_TRY(put_int(l->path, l->head, "Nants_telescope", (int64_t)h->n_station));
    return put(l->path, l->head, "antenna_diameters", H5T_IEEE_F64LE, 1, (hsize_t[]){h->n_station},
               h->diameter_m);
}

static ci_status write_rows(const sim_layout *l)
{
    const sim_layout_header *h = &l->header;
    int64_t *numbers = NULL;
    ci_status status;
    CI_TRY(make_growing(l->path, l->head, "ant_1_array", H5T_STD_I64LE, 1, NULL));
    CI_TRY(make_growing(l->path, l->head, "ant_2_array", H5T_STD_I64LE, 1, NULL));
    CI_TRY(put_names(l->path, l->head, h->n_station));
    CI_TRY(ci_mem_alloc(&numbers, h->n_station, sizeof *numbers, "antenna numbers"));
    for (size_t i = 0; i < h->n_station; i++)
        numbers[i] = (int64_t)i;
    status = put_ints(l->path, l->head, "antenna_numbers", h->n_station, numbers);
    ci_mem_free(numbers);
    CI_TRY(status);
    CI_TRY(put_int(l->path, l->head, "Nbls", (int64_t)h->n_baseline));
    CI_TRY(put_int(l->path, l->head, "Nblts", 0));
    CI_TRY(put_int(l->path, l->head, "Nfreqs", (int64_t)h->n_chan));
    CI_TRY(put_int(l->path, l->head, "Npols", (int64_t)h->n_pol));
    CI_TRY(put_int(l->path, l->head, "Ntimes", 0));
    CI_TRY(put_int(l->path, l->head, "Nspws", 1));
    CI_TRY(make_growing(l->path, l->head, "uvw_array", H5T_IEEE_F32LE, 2, (hsize_t[]){3}));
    CI_TRY(make_growing(l->path, l->head, "time_array", H5T_IEEE_F64LE, 1, NULL));
    return make_growing(l->path, l->head, "integration_time", H5T_IEEE_F64LE, 1, NULL);
}

static ci_status write_axes(const sim_layout *l)
{
    const sim_layout_header *h = &l->header;
    const int64_t spw = 1;
    CI_TRY(put(l->path, l->head, "freq_array", H5T_IEEE_F64LE, 2, (hsize_t[]){1, h->n_chan},
               h->freq_hz));
    CI_TRY(put_real(l->path, l->head, "channel_width", h->channel_width_hz));
    CI_TRY(put_ints(l->path, l->head, "spw_array", 1, &spw));
    CI_TRY(put_ints(l->path, l->head, "polarization_array", h->n_pol, h->pol));
    return put(l->path, l->head, "antenna_positions", H5T_IEEE_F64LE, 2,
               (hsize_t[]){h->n_station, 3}, h->position_m);
}

static ci_status write_extra(const sim_layout *l)
{
    const sim_layout_header *h = &l->header;
    hid_t extra = H5Gcreate2(l->head, "extra_keywords", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    /* Four digits as in real files, whose size depends on it; they say what the
     * correlator has taken out already, so nothing in the data follows from them. */
    ci_text delays = {0};
    ci_status status = extra < 0 ? fault(l->path, "extra_keywords") : CI_OK;
    for (size_t i = 0; status == CI_OK && i < 2 * h->n_station; i++)
        status = ci_text_append(&delays, "%s%zu", i == 0 ? "" : " ", 3000 + i / 2);
    if (status == CI_OK) status = put_real(l->path, extra, "phase_center_dec", h->dec_app_rad);
    if (status == CI_OK) status = put_real(l->path, extra, "ha_phase_center", 0.0);
    if (status == CI_OK) status = put_string(l->path, extra, "phase_center_epoch", "HADEC");
    if (status == CI_OK) status = put_bytes(l->path, extra, "fs_table", "contimg-sim");
    if (status == CI_OK) status = put_bytes(l->path, extra, "applied_delays_ns", delays.text);
    ci_mem_free(delays.text);
    if (extra >= 0) (void)H5Gclose(extra);
    return status;
}

static ci_status write_data(sim_layout *l)
{
    const hsize_t rest[3] = {1, l->header.n_chan, l->header.n_pol};
    const signed char no = 0, yes = 1;
    l->type_vis = H5Tcreate(H5T_COMPOUND, 8);
    (void)H5Tinsert(l->type_vis, "r", 0, H5T_IEEE_F32LE);
    (void)H5Tinsert(l->type_vis, "i", 4, H5T_IEEE_F32LE);
    l->type_flag = H5Tenum_create(H5T_STD_I8LE);
    (void)H5Tenum_insert(l->type_flag, "FALSE", &no);
    (void)H5Tenum_insert(l->type_flag, "TRUE", &yes);
    CI_TRY(make_growing(l->path, l->data, "visdata", l->type_vis, 4, rest));
    CI_TRY(make_growing(l->path, l->data, "flags", l->type_flag, 4, rest));
    return make_growing(l->path, l->data, "nsamples", H5T_IEEE_F32LE, 4, rest);
}

static ci_status make_fills(sim_layout *l)
{
    const sim_layout_header *h = &l->header;
    size_t n_cell = h->n_baseline * h->n_chan * h->n_pol;
    CI_TRY(ci_mem_alloc(&l->fill_time, h->n_baseline, sizeof(double), "times"));
    CI_TRY(ci_mem_alloc(&l->fill_interval, h->n_baseline, sizeof(double), "integration times"));
    CI_TRY(ci_mem_alloc(&l->fill_nsample, n_cell, sizeof(float), "nsamples"));
    CI_TRY(ci_mem_alloc(&l->fill_flag, n_cell, 1, "flags"));
    for (size_t i = 0; i < h->n_baseline; i++)
        l->fill_interval[i] = h->integration_s;
    for (size_t i = 0; i < n_cell; i++)
        l->fill_nsample[i] = h->nsample;
    return CI_OK;
}

static ci_status create_all(sim_layout *l)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    l->file = H5Fcreate(l->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    (void)H5Pclose(access);
    if (l->file < 0)
        return ci_error(CI_ERR_IO, "%s: cannot be created: check that the folder can be written",
                        l->path);
    l->head = H5Gcreate2(l->file, "Header", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    l->data = H5Gcreate2(l->file, "Data", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (l->head < 0 || l->data < 0) return fault(l->path, "groups");
    CI_TRY(write_site(l));
    CI_TRY(write_rows(l));
    CI_TRY(write_axes(l));
    CI_TRY(write_extra(l));
    CI_TRY(write_data(l));
    return make_fills(l);
}

ci_status sim_layout_create(sim_layout **out, const char *path, const sim_layout_header *header)
{
    sim_layout *l = NULL;
    ci_status status;
    *out = NULL;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    CI_TRY(ci_mem_alloc(&l, 1, sizeof *l, "file layout"));
    l->header = *header;
    l->file = l->head = l->data = l->type_vis = l->type_flag = -1;
    status = ci_str_copy(&l->path, path);
    if (status == CI_OK) status = create_all(l);
    if (status == CI_OK)
        *out = l;
    else
        (void)sim_layout_close(l);
    return status;
}

/* Grows one dataset and writes the new rows. Opened and closed each time, as the real
 * writer does: this sets the order in which chunks are laid into the file. */
static ci_status grow(const sim_layout *l, hid_t group, const char *name, hid_t type,
                      const void *value)
{
    hid_t set = H5Dopen2(group, name, H5P_DEFAULT), space, memory;
    hsize_t shape[MAX_RANK] = {0}, start[MAX_RANK] = {0}, count[MAX_RANK] = {0};
    int rank;
    bool is_good;
    if (set < 0) return fault(l->path, name);
    space = H5Dget_space(set);
    rank = H5Sget_simple_extent_dims(space, shape, NULL);
    (void)H5Sclose(space);
    memcpy(count, shape, sizeof count);
    start[0] = (hsize_t)l->n_row;
    count[0] = l->header.n_baseline;
    shape[0] = start[0] + count[0];
    is_good = rank > 0 && H5Dset_extent(set, shape) >= 0;
    space = H5Dget_space(set);
    memory = H5Screate_simple(rank, count, NULL);
    is_good = is_good &&
              H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
              H5Dwrite(set, type, memory, space, H5P_DEFAULT, value) >= 0;
    (void)H5Sclose(memory);
    (void)H5Sclose(space);
    is_good = H5Dclose(set) >= 0 && is_good;
    return is_good ? CI_OK : fault(l->path, name);
}

static ci_status count_up(const sim_layout *l, const char *name, int64_t value)
{
    hid_t set = H5Dopen2(l->head, name, H5P_DEFAULT);
    bool is_good =
        set >= 0 && H5Dwrite(set, H5T_STD_I64LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0;
    if (set >= 0) (void)H5Dclose(set);
    return is_good ? CI_OK : fault(l->path, name);
}

ci_status sim_layout_append(sim_layout *l, double time_jd, const float *vis)
{
    for (size_t i = 0; i < l->header.n_baseline; i++)
        l->fill_time[i] = time_jd;
    CI_TRY(grow(l, l->head, "time_array", H5T_IEEE_F64LE, l->fill_time));
    CI_TRY(grow(l, l->head, "integration_time", H5T_IEEE_F64LE, l->fill_interval));
    CI_TRY(grow(l, l->head, "uvw_array", H5T_IEEE_F32LE, l->header.uvw_m));
    CI_TRY(grow(l, l->head, "ant_1_array", H5T_STD_I64LE, l->header.ant_1));
    CI_TRY(grow(l, l->head, "ant_2_array", H5T_STD_I64LE, l->header.ant_2));
    CI_TRY(grow(l, l->data, "visdata", l->type_vis, vis));
    CI_TRY(grow(l, l->data, "flags", l->type_flag, l->fill_flag));
    CI_TRY(grow(l, l->data, "nsamples", H5T_IEEE_F32LE, l->fill_nsample));
    l->n_row += (int64_t)l->header.n_baseline;
    l->n_time++;
    CI_TRY(count_up(l, "Nblts", l->n_row));
    return count_up(l, "Ntimes", l->n_time);
}

bool sim_layout_is_left_open(void)
{
    return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_FILE) > 0;
}

ci_status sim_layout_close(sim_layout *l)
{
    bool is_good = true;
    ci_status status = CI_OK;
    if (l == NULL) return CI_OK;
    if (l->type_vis >= 0) (void)H5Tclose(l->type_vis);
    if (l->type_flag >= 0) (void)H5Tclose(l->type_flag);
    if (l->head >= 0) (void)H5Gclose(l->head);
    if (l->data >= 0) (void)H5Gclose(l->data);
    /* HDF5 cannot close a file that it cannot write; it is left to the end of the process. */
    if (l->file >= 0) is_good = H5Fflush(l->file, H5F_SCOPE_GLOBAL) >= 0 && H5Fclose(l->file) >= 0;
    if (!is_good) status = fault(l->path, "closing");
    ci_mem_free(l->fill_time);
    ci_mem_free(l->fill_interval);
    ci_mem_free(l->fill_nsample);
    ci_mem_free(l->fill_flag);
    ci_mem_free(l->path);
    ci_mem_free(l);
    return status;
}
