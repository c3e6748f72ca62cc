/* Whether the values of a dataset were written: HDF5 gives its fill value for what was not,
 * silently. */
#include "h5/h5_private.h"

ci_status ci_h5_written_count(const ci_h5_file *file, const char *name, hid_t dataset,
                              const ci_h5_info *info, uint64_t *n_there, uint64_t *n_needed)
{
    *n_there = *n_needed = info->is_null ? 0 : 1;
    if (info->is_chunked) {
        hsize_t n = 0;
        hid_t space = H5Dget_space(dataset);
        bool is_counted = space >= 0 && H5Dget_num_chunks(dataset, space, &n) >= 0;
        if (space >= 0) H5Sclose(space);
        if (!is_counted)
            return ci_h5_error(CI_ERR_INPUT, file->path, name, "chunks cannot be counted");
        *n_there = n;
        for (int i = 0; i < info->rank; i++) {
            if (info->chunk[i] == 0) continue;
            *n_needed *= info->dim[i] / info->chunk[i] + (info->dim[i] % info->chunk[i] != 0);
        }
    } else if (!info->is_null && !info->is_virtual) {
        uint64_t n = ci_h5_info_count(info), size = info->type_size;
        uint64_t full = n > UINT64_MAX / (size + 1) ? UINT64_MAX : n * size;
        *n_there = info->n_stored_byte >= full;
    }
    return CI_OK;
}

/* Chunks of the box from .. to, ends included, that are not in the file. */
static uint64_t unwritten_in_box(hid_t dataset, const ci_h5_info *info, const hsize_t *from,
                                 const hsize_t *to)
{
    hsize_t at[CI_H5_MAX_RANK];
    uint64_t n_gap = 0;
    for (int i = 0; i < info->rank; i++)
        at[i] = from[i] - from[i] % info->chunk[i];
    for (int i = 0; i >= 0;) {
        haddr_t address = HADDR_UNDEF;
        hsize_t size = 0;
        unsigned mask = 0;
        if (H5Dget_chunk_info_by_coord(dataset, at, &mask, &address, &size) < 0 || size == 0)
            n_gap++;
        for (i = info->rank - 1; i >= 0; i--) {
            at[i] += info->chunk[i];
            if (at[i] <= to[i]) break;
            at[i] = from[i] - from[i] % info->chunk[i];
        }
    }
    return n_gap;
}

ci_status ci_h5_written_check(const ci_h5_file *file, const char *name, hid_t dataset,
                              const hsize_t *from, const hsize_t *to)
{
    ci_h5_info info;
    uint64_t n_there, n_needed;
    CI_TRY(ci_h5_info_of(file, name, dataset, &info));
    CI_TRY(ci_h5_written_count(file, name, dataset, &info, &n_there, &n_needed));
    if (n_there >= n_needed || info.is_virtual) return CI_OK;
    uint64_t n_gap = n_needed - n_there;
    if (info.is_chunked && from && to) n_gap = unwritten_in_box(dataset, &info, from, to);
    H5Eclear2(H5E_DEFAULT);
    if (n_gap == 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: %s: %llu of %llu pieces were never written and would be read as the fill "
                    "value: the file was not finished: write it again",
                    file->path, name, (unsigned long long)n_gap, (unsigned long long)n_needed);
}
