/* Slabs of large datasets. Unfiltered chunks are read as stored in the file and copied
 * to their positions: for DSA-110's chunks of a few kilobytes that is several times faster than
 * H5Dread, whose cost a chunk is high. */
#include "h5/h5_private.h"

#include <string.h>

struct ci_h5_reader
{
    const ci_h5_file *file;
    char *name;
    ci_h5_type type;
    ci_h5_info info;
    hid_t dataset, memory_type;
    bool is_direct;
    size_t chunk_byte;
    char *chunk; /* [chunk_byte] where is_direct */
};

/* True where an element in the file is one in memory, byte for byte. */
static bool is_same_type(const ci_h5_reader *reader)
{
    bool same = false;
    hid_t type = H5Dget_type(reader->dataset);
    if (type < 0) return false;
    if (reader->type == CI_H5_U8) {
        same = reader->info.type_size == 1;
    } else {
        same = H5Tequal(type, reader->memory_type) > 0;
    }
    H5Tclose(type);
    return same;
}

/* Chunks that were never written read as zeros: only where zero is the fill value. */
static bool has_plain_fill(hid_t dataset)
{
    H5D_fill_value_t fill = H5D_FILL_VALUE_ERROR;
    hid_t create = H5Dget_create_plist(dataset);
    if (create < 0) return false;
    H5Pfill_value_defined(create, &fill);
    H5Pclose(create);
    return fill == H5D_FILL_VALUE_DEFAULT || fill == H5D_FILL_VALUE_UNDEFINED;
}

static ci_status direct_prepare(ci_h5_reader *reader)
{
    const ci_h5_info *info = &reader->info;
    if (!info->is_chunked || info->n_filter > 0 || info->rank < 1) return CI_OK;
    if (!is_same_type(reader) || !has_plain_fill(reader->dataset)) return CI_OK;
    uint64_t n_byte = info->type_size;
    for (int i = 0; i < info->rank; i++) {
        if (info->chunk[i] == 0 || n_byte > ((uint64_t)1 << 32) / info->chunk[i]) return CI_OK;
        n_byte *= info->chunk[i];
    }
    CI_TRY(ci_mem_alloc(&reader->chunk, (size_t)n_byte, 1, "HDF5 chunk"));
    reader->chunk_byte = (size_t)n_byte;
    reader->is_direct = true;
    return CI_OK;
}

ci_status ci_h5_reader_open(ci_h5_reader **out, const ci_h5_file *file, const char *name,
                            ci_h5_type type)
{
    ci_h5_reader *reader = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&reader, 1, sizeof *reader, "HDF5 dataset"));
    reader->file = file;
    reader->type = type;
    reader->dataset = reader->memory_type = -1;
    ci_status status = ci_str_copy(&reader->name, name);
    if (status == CI_OK) status = ci_h5_dataset_open(file, name, &reader->dataset);
    if (status == CI_OK) status = ci_h5_info_of(file, name, reader->dataset, &reader->info);
    if (status == CI_OK) status = ci_h5_type_check(file, name, &reader->info, type);
    if (status == CI_OK && reader->info.n_filter > 0) status = ci_h5_filters_check(file, name);
    if (status == CI_OK) {
        reader->memory_type = ci_h5_memory_type(type);
        status = direct_prepare(reader);
    }
    if (status != CI_OK) {
        ci_h5_reader_close(reader);
        return status;
    }
    *out = reader;
    return CI_OK;
}

void ci_h5_reader_close(ci_h5_reader *reader)
{
    if (reader == NULL) return;
    if (reader->memory_type >= 0) H5Tclose(reader->memory_type);
    if (reader->dataset >= 0) H5Dclose(reader->dataset);
    ci_mem_free(reader->chunk);
    ci_mem_free(reader->name);
    ci_mem_free(reader);
}

const ci_h5_info *ci_h5_reader_info(const ci_h5_reader *reader)
{
    return &reader->info;
}

bool ci_h5_reader_is_direct(const ci_h5_reader *reader)
{
    return reader->is_direct;
}

size_t ci_h5_reader_rows(const ci_h5_reader *reader, size_t n_byte)
{
    const ci_h5_info *info = &reader->info;
    size_t row_byte = ci_h5_type_size(reader->type);
    for (int i = 1; i < info->rank; i++) {
        if (info->dim[i] != 0 && row_byte > SIZE_MAX / info->dim[i]) return 1;
        row_byte *= (size_t)info->dim[i];
    }
    size_t step = info->is_chunked && info->rank > 0 ? (size_t)info->chunk[0] : 1;
    size_t n = row_byte > 0 ? n_byte / row_byte : n_byte;
    n = n / step * step;
    return n > step ? n : step;
}

/* Copies an n1 x n0 piece; strides in elements of `size` bytes. */
static void copy_plane(char *to, size_t to_stride, const char *from, size_t from_stride, size_t n1,
                       size_t n0, size_t size)
{
    if (to_stride == n0 && from_stride == n0) {
        memcpy(to, from, n1 * n0 * size);
        return;
    }
    if (n0 == 1 && size == 8) {
        for (size_t i = 0; i < n1; i++)
            memcpy(to + i * to_stride * 8, from + i * from_stride * 8, 8);
        return;
    }
    if (n0 == 1 && size == 4) {
        for (size_t i = 0; i < n1; i++)
            memcpy(to + i * to_stride * 4, from + i * from_stride * 4, 4);
        return;
    }
    if (n0 == 1 && size == 1) {
        for (size_t i = 0; i < n1; i++)
            to[i * to_stride] = from[i * from_stride];
        return;
    }
    for (size_t i = 0; i < n1; i++) {
        memcpy(to + i * to_stride * size, from + i * from_stride * size, n0 * size);
    }
}

/* A chunk's part of what is read: axes are led through by an odometer over all but the last
 * two, which go plane by plane. */
typedef struct piece
{
    uint64_t from[CI_H5_MAX_RANK], to[CI_H5_MAX_RANK], n[CI_H5_MAX_RANK];
} piece;

static void copy_piece(const ci_h5_reader *reader, const piece *p, const uint64_t *count, char *out)
{
    const ci_h5_info *info = &reader->info;
    int rank = info->rank, n_outer = rank > 2 ? rank - 2 : 0;
    size_t size = info->type_size, from = 0, to = 0, step[2] = {size, size};
    size_t from_step[CI_H5_MAX_RANK] = {0}, to_step[CI_H5_MAX_RANK] = {0}; /* bytes */
    uint64_t at[CI_H5_MAX_RANK] = {0};
    size_t n0 = (size_t)p->n[rank - 1], n1 = rank > 1 ? (size_t)p->n[rank - 2] : 1;
    for (int i = rank - 1; i >= 0; i--) {
        from_step[i] = step[0];
        to_step[i] = step[1];
        from += step[0] * (size_t)p->from[i];
        to += step[1] * (size_t)p->to[i];
        step[0] *= (size_t)info->chunk[i];
        step[1] *= (size_t)count[i];
    }
    for (;;) {
        copy_plane(out + to, (size_t)count[rank - 1], reader->chunk + from,
                   (size_t)info->chunk[rank - 1], n1, n0, size);
        int axis = n_outer - 1;
        for (; axis >= 0; axis--) {
            from += from_step[axis];
            to += to_step[axis];
            if (++at[axis] < p->n[axis]) break;
            from -= from_step[axis] * (size_t)p->n[axis];
            to -= to_step[axis] * (size_t)p->n[axis];
            at[axis] = 0;
        }
        if (axis < 0) return;
    }
}

/* Bytes of the chunk at `offset`, 0 where it was never written. HDF5 1.10 reports that as an error
 * like any other: a slower look at all chunks tells it from what cannot be read. */
static ci_status chunk_bytes(const ci_h5_reader *reader, const hsize_t *offset, hsize_t *n_byte)
{
    haddr_t address = HADDR_UNDEF;
    unsigned mask = 0;
    if (H5Dget_chunk_storage_size(reader->dataset, offset, n_byte) >= 0) return CI_OK;
    H5Eclear2(H5E_DEFAULT);
    *n_byte = 0;
    if (H5Dget_chunk_info_by_coord(reader->dataset, offset, &mask, &address, n_byte) < 0)
        return ci_h5_error(CI_ERR_INPUT, reader->file->path, reader->name, "cannot be read");
    if (*n_byte == 0) return CI_OK;
    return ci_error(CI_ERR_IO, "%s: %s: a chunk cannot be read", reader->file->path, reader->name);
}

/* The chunk at `offset` into reader->chunk; one that was never written is zeros. */
static ci_status chunk_read(ci_h5_reader *reader, const hsize_t *offset)
{
    hsize_t n_byte = 0;
    uint32_t mask = 0;
    CI_TRY(chunk_bytes(reader, offset, &n_byte));
    if (n_byte == 0) {
        memset(reader->chunk, 0, reader->chunk_byte);
        return CI_OK;
    }
    if (n_byte != reader->chunk_byte) {
        return ci_error(
            CI_ERR_INPUT, "%s: %s: a chunk has %llu bytes, not %zu: the file is damaged",
            reader->file->path, reader->name, (unsigned long long)n_byte, reader->chunk_byte);
    }
    if (H5Dread_chunk(reader->dataset, H5P_DEFAULT, offset, &mask, reader->chunk) < 0) {
        return ci_h5_error(CI_ERR_INPUT, reader->file->path, reader->name, "cannot be read");
    }
    return CI_OK;
}

static ci_status read_direct(ci_h5_reader *reader, const uint64_t *start, const uint64_t *count,
                             char *out)
{
    const ci_h5_info *info = &reader->info;
    int rank = info->rank;
    uint64_t first[CI_H5_MAX_RANK], last[CI_H5_MAX_RANK], at[CI_H5_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        first[i] = at[i] = start[i] / info->chunk[i];
        last[i] = (start[i] + count[i] - 1) / info->chunk[i];
    }
    for (;;) {
        hsize_t offset[CI_H5_MAX_RANK];
        piece p;
        for (int i = 0; i < rank; i++) {
            uint64_t low = at[i] * info->chunk[i], high = low + info->chunk[i];
            offset[i] = low;
            uint64_t from = low > start[i] ? low : start[i];
            uint64_t end = high < start[i] + count[i] ? high : start[i] + count[i];
            p.from[i] = from - low;
            p.to[i] = from - start[i];
            p.n[i] = end - from;
        }
        CI_TRY(chunk_read(reader, offset));
        copy_piece(reader, &p, count, out);
        int axis = rank - 1;
        while (axis >= 0 && ++at[axis] > last[axis]) {
            at[axis] = first[axis];
            axis--;
        }
        if (axis < 0) return CI_OK;
    }
}

static ci_status read_library(ci_h5_reader *reader, const uint64_t *start, const uint64_t *count,
                              void *out)
{
    int rank = reader->info.rank;
    hsize_t from[CI_H5_MAX_RANK], n[CI_H5_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        from[i] = start[i];
        n[i] = count[i];
    }
    hid_t space = H5Dget_space(reader->dataset);
    hid_t memory = rank > 0 ? H5Screate_simple(rank, n, NULL) : H5Screate(H5S_SCALAR);
    ci_status status = CI_OK;
    if (space < 0 || memory < 0 ||
        (rank > 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, n, NULL) < 0) ||
        H5Dread(reader->dataset, reader->memory_type, memory, space, H5P_DEFAULT, out) < 0) {
        status = ci_h5_error(CI_ERR_INPUT, reader->file->path, reader->name, "cannot be read");
    }
    if (memory >= 0) H5Sclose(memory);
    if (space >= 0) H5Sclose(space);
    return status;
}

ci_status ci_h5_reader_read(ci_h5_reader *reader, const uint64_t *start, const uint64_t *count,
                            void *out)
{
    for (int i = 0; i < reader->info.rank; i++) {
        if (count[i] == 0) return CI_OK;
        if (start[i] > reader->info.dim[i] || count[i] > reader->info.dim[i] - start[i]) {
            return ci_error(CI_ERR_INTERNAL, "%s: %s: axis %d: %llu + %llu of %llu asked",
                            reader->file->path, reader->name, i, (unsigned long long)start[i],
                            (unsigned long long)count[i], (unsigned long long)reader->info.dim[i]);
        }
    }
    if (reader->is_direct) return read_direct(reader, start, count, out);
    return read_library(reader, start, count, out);
}
