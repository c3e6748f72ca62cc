/* The three data arrays: shapes, types, filters, completeness. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <string.h>

static bool shape_is(const ci_h5_info *info, int rank, const size_t *dim)
{
    if (info->is_null || info->rank != rank) return false;
    for (int i = 0; i < rank; i++) {
        if (info->dim[i] != dim[i]) return false;
    }
    return true;
}

/* Says what is wrong with a shape: swapped axes, missing rows, or just the numbers. */
static ci_status shape_refuse(const ci_uvh5_file *file, const char *name, const ci_h5_info *info)
{
    char shape[128];
    size_t n_row = file->n_row, n_chan = file->n_chan, n_pol = file->n_pol;
    size_t swapped3[] = {n_row, n_pol, n_chan}, swapped4[] = {n_row, 1, n_pol, n_chan};
    ci_h5_info_shape(info, shape);
    if (shape_is(info, 3, swapped3) || shape_is(info, 4, swapped4)) {
        return ci_uvh5_refuse(file, name,
                              "axes swapped: shape %s is (row, polarisation, channel) for %zu "
                              "channels and %zu polarisations: transpose it to (row, channel, "
                              "polarisation)",
                              shape, n_chan, n_pol);
    }
    if (info->rank >= 3 && info->dim[0] < n_row) {
        return ci_uvh5_refuse(file, name,
                              "holds %llu rows (shape %s) where the header says %zu: data are "
                              "missing, the file was not finished: copy or write it again",
                              (unsigned long long)info->dim[0], shape, n_row);
    }
    return ci_uvh5_refuse(file, name,
                          "shape %s does not fit the header: Nblts %zu, Nfreqs %zu, Npols %zu: "
                          "correct one of the two",
                          shape, n_row, n_chan, n_pol);
}

/* Accepts (Nblts, Nfreqs, Npols), (Nblts, 1, Nfreqs, Npols) and (Nblts, Nspws, Nfreqs,
 * Npols); of the last Nfreqs is per window. */
static ci_status shape_check(ci_uvh5_file *file, const char *name, const ci_h5_info *info)
{
    size_t dim3[] = {file->n_row, file->n_chan, file->n_pol};
    size_t dim4[] = {file->n_row, 1, file->n_chan, file->n_pol};
    size_t per_window[] = {file->n_row, file->n_spw, file->n_chan / file->n_spw, file->n_pol};
    bool divides = file->n_spw > 1 && file->n_chan % file->n_spw == 0;
    if (shape_is(info, 3, dim3) || shape_is(info, 4, dim4)) return CI_OK;
    if (divides && shape_is(info, 4, per_window)) return CI_OK;
    return shape_refuse(file, name, info);
}

static ci_status type_refuse(const ci_uvh5_file *file, const char *name)
{
    if (strstr(name, "visdata") != NULL) {
        return ci_uvh5_refuse(
            file, name,
            "is not complex: a compound of r and i is needed, both floating point "
            "or both integers, of one size");
    }
    if (strstr(name, "flags") != NULL) {
        return ci_uvh5_refuse(file, name, "is neither boolean (enum) nor integer: convert it");
    }
    return ci_uvh5_refuse(file, name, "is not numeric: convert it");
}

/* A writer that died leaves its last chunks unwritten; HDF5 would read them as zeros. */
static ci_status chunks_check(ci_uvh5_file *file, const char *name)
{
    uint64_t n_there, n_needed;
    CI_TRY(ci_h5_chunks_count(file->h5, name, &n_there, &n_needed));
    if (n_there >= n_needed) return CI_OK;
    if (strstr(name, "visdata") == NULL) {
        ci_uvh5_warning_add(file, "%s: %llu of %llu pieces were never written and read as 0", name,
                            (unsigned long long)(n_needed - n_there), (unsigned long long)n_needed);
        return CI_OK;
    }
    return ci_uvh5_refuse(
        file, name,
        "%llu of %llu pieces were never written: data are shorter than the header "
        "says, the file was not finished: copy or write it again",
        (unsigned long long)(n_needed - n_there), (unsigned long long)n_needed);
}

static void filters_text(const ci_h5_info *info, char *out, size_t size)
{
    size_t n = 0;
    snprintf(out, size, "%s", info->n_filter == 0 ? "none" : "");
    for (int i = 0; i < info->n_filter && n < size; i++) {
        const char *name = info->filter[i] == 1                         ? "gzip"
                           : info->filter[i] == 2                       ? "shuffle"
                           : info->filter[i] == 3                       ? "fletcher32"
                           : info->filter[i] == 4                       ? "szip"
                           : info->filter[i] == CI_H5_FILTER_LZF        ? "LZF"
                           : info->filter[i] == CI_H5_FILTER_BITSHUFFLE ? "bitshuffle"
                                                                        : "other";
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "+" : "", name);
    }
}

/* Header sizes of files with (Nspws, Nfreqs) frequencies count channels of one window. */
static ci_status windows_expand(ci_uvh5_file *file, const ci_h5_info *data)
{
    ci_h5_info freq;
    if (file->n_spw == 1 || data->rank != 4 || data->dim[1] != file->n_spw) return CI_OK;
    CI_TRY(ci_uvh5_header_info(file, "Header/freq_array", &freq));
    if (freq.rank == 2 && file->n_chan * file->n_spw <= 1 << 24 && freq.dim[0] == file->n_spw &&
        freq.dim[1] == file->n_chan && data->dim[2] == file->n_chan) {
        file->n_chan *= file->n_spw;
    }
    return CI_OK;
}

ci_status ci_uvh5_data_check(ci_uvh5_file *file)
{
    static const char *const names[] = {"Data/visdata", "Data/flags", "Data/nsamples"};
    char filters[3][64];
    for (int i = 0; i < 3; i++) {
        ci_h5_info info;
        CI_TRY(ci_uvh5_header_info(file, names[i], &info));
        if (i == 0) CI_TRY(windows_expand(file, &info));
        CI_TRY(shape_check(file, names[i], &info));
        bool fits = i == 0   ? info.type_class == CI_H5_COMPLEX
                    : i == 1 ? info.type_class == CI_H5_ENUM || info.type_class == CI_H5_INTEGER
                             : info.type_class == CI_H5_FLOAT || info.type_class == CI_H5_INTEGER;
        if (!fits) return type_refuse(file, names[i]);
        CI_TRY(ci_h5_filters_check(file->h5, names[i]));
        if (file->depth != UVH5_LOOK || i == 0) CI_TRY(chunks_check(file, names[i]));
        filters_text(&info, filters[i], sizeof filters[i]);
        if (i == 0) {
            char shape[128];
            ci_h5_info_shape(&info, shape);
            ci_uvh5_fact_set(file, "layout", "%s (%s)", shape,
                             info.rank == 3 ? "row, channel, polarisation"
                                            : "row, window, channel, polarisation");
            ci_uvh5_fact_set(file, "precision", "%s, %zu bytes a part",
                             info.part_is_int ? "integer" : "floating point", info.type_size / 2);
        }
    }
    if (strcmp(filters[0], filters[1]) == 0 && strcmp(filters[0], filters[2]) == 0) {
        ci_uvh5_fact_set(file, "filters", "%s", filters[0]);
    } else {
        ci_uvh5_fact_set(file, "filters", "visibilities %s, flags %s, nsamples %s", filters[0],
                         filters[1], filters[2]);
    }
    return CI_OK;
}

typedef struct sample_count
{
    int64_t n_good, n_bad;
} sample_count;

static void count_samples(const float *values, size_t n, sample_count *count)
{
    for (size_t i = 0; i < n; i++) {
        float value = values[i];
        if (value > 0 && value < 1e9F) {
            count->n_good++;
        } else if (!(value == 0)) {
            count->n_bad++;
        }
    }
}

/* A few runs of rows decide whether nsamples can serve as weights: not if all are 0, and
 * not if more than one in a hundred is negative, not a number or absurd (> 1e9). The runs
 * depend on the file alone, so that every rank decides alike. */
ci_status ci_uvh5_nsamples_look(ci_uvh5_file *file)
{
    enum
    {
        N_RUN = 8
    };
    ci_h5_reader *reader = NULL;
    float *values = NULL;
    sample_count count = {0, 0};
    CI_TRY(ci_h5_reader_open(&reader, file->h5, "Data/nsamples", CI_H5_F32));
    size_t n_cell = file->n_chan * file->n_pol;
    size_t n_run_row = ci_h5_reader_rows(reader, (size_t)1 << 18);
    if (n_run_row > file->n_row) n_run_row = file->n_row;
    ci_status status = ci_mem_alloc(&values, n_run_row * n_cell, sizeof *values, "nsamples");
    size_t n_step = (file->n_row + n_run_row - 1) / n_run_row;
    for (size_t i = 0; status == CI_OK && i < N_RUN && i < n_step; i++) {
        size_t first = (n_step <= N_RUN ? i : i * (n_step - 1) / (N_RUN - 1)) * n_run_row;
        size_t n = file->n_row - first < n_run_row ? file->n_row - first : n_run_row;
        const ci_h5_info *info = ci_h5_reader_info(reader);
        uint64_t start[4] = {first, 0, 0, 0};
        uint64_t size[4] = {n, info->dim[1], info->dim[2], info->rank == 4 ? info->dim[3] : 0};
        status = ci_h5_reader_read(reader, start, size, values);
        if (status == CI_OK) count_samples(values, n * n_cell, &count);
    }
    ci_mem_free(values);
    ci_h5_reader_close(reader);
    CI_TRY(status);
    file->meta->has_valid_nsamples = count.n_good > 0 && count.n_bad * 100 <= count.n_good;
    if (!file->meta->has_valid_nsamples) {
        ci_uvh5_warning_add(file, "Data/nsamples: %s: not used as weights",
                            count.n_bad > 0 ? "negative, absurd or not numbers" : "all 0");
    }
    return CI_OK;
}
