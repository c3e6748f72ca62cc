/* HDF5 1.10 trusts the heap that holds variable-length strings: a damaged one makes it read
 * outside its memory. Every DSA-110 file has such a string, and one bad file must not end a
 * job, so the heap is walked here first. Layout: HDF5 File Format Specification 3.0, "Level
 * 1E: Global Heap" and "Variable-length" storage. What lies compressed, or in the dataset's own
 * header, is left to HDF5. */
#include "h5/h5_private.h"

#include <errno.h>
#include <string.h>

enum
{
    REFERENCE_SIZE = 16,  /* length 4, address 8, index 4 */
    HEAD_SIZE = 16,       /* "GCOL", version 1, reserved 3, size 8 */
    OBJECT_HEAD_SIZE = 16 /* index 2, references 2, reserved 4, size 8 */
};

/* True where the heap at `at` is whole and its object `index` holds `length` bytes. */
static bool heap_holds(FILE *stream, uint64_t n_file_byte, uint64_t at, uint64_t index,
                       uint64_t length)
{
    unsigned char head[HEAD_SIZE];
    bool is_found = false;
    if (at > n_file_byte || n_file_byte - at < HEAD_SIZE) return false;
    if (fseek(stream, (long)at, SEEK_SET) != 0 || fread(head, 1, HEAD_SIZE, stream) != HEAD_SIZE)
        return false;
    uint64_t size = ci_h5_number(head + 8, 8), used = HEAD_SIZE;
    if (memcmp(head, "GCOL", 4) != 0 || head[4] != 1 || size > n_file_byte - at) return false;
    while (size >= used && size - used >= OBJECT_HEAD_SIZE) {
        if (fseek(stream, (long)(at + used), SEEK_SET) != 0 ||
            fread(head, 1, OBJECT_HEAD_SIZE, stream) != OBJECT_HEAD_SIZE)
            return false;
        uint64_t here = ci_h5_number(head, 2), n_byte = ci_h5_number(head + 8, 8);
        if (here == 0) return is_found && n_byte <= size - used; /* the rest is free */
        if (n_byte > size - used - OBJECT_HEAD_SIZE) return false;
        if (here == index) is_found = n_byte >= length;
        used += OBJECT_HEAD_SIZE + (n_byte + 7) / 8 * 8;
    }
    return is_found && used <= size;
}

static bool references_hold(FILE *stream, uint64_t n_file_byte, uint64_t at, size_t n)
{
    unsigned char reference[REFERENCE_SIZE];
    for (size_t i = 0; i < n; i++) {
        if (fseek(stream, (long)(at + i * REFERENCE_SIZE), SEEK_SET) != 0 ||
            fread(reference, 1, REFERENCE_SIZE, stream) != REFERENCE_SIZE)
            return false;
        uint64_t length = ci_h5_number(reference, 4), heap = ci_h5_number(reference + 4, 8);
        if (length == 0 || heap == UINT64_MAX) continue; /* an empty string has no object */
        if (!heap_holds(stream, n_file_byte, heap, ci_h5_number(reference + 12, 4), length))
            return false;
    }
    return true;
}

/* The same of a dataset's storage: one run at `at`, or chunks (HADDR_UNDEF). What chunks hold
 * beyond the dataset's end is empty. */
static bool storage_holds(FILE *stream, uint64_t n_file_byte, hid_t dataset, haddr_t at, size_t n)
{
    hsize_t n_chunk = 0, offset[CI_H5_MAX_RANK], n_byte = 0;
    unsigned mask = 0;
    if (at != HADDR_UNDEF) return references_hold(stream, n_file_byte, at, n);
    if (H5Dget_num_chunks(dataset, H5S_ALL, &n_chunk) < 0) return false;
    for (hsize_t i = 0; i < n_chunk; i++) {
        if (H5Dget_chunk_info(dataset, H5S_ALL, i, offset, &mask, &at, &n_byte) < 0) return false;
        if (!references_hold(stream, n_file_byte, at, (size_t)n_byte / REFERENCE_SIZE))
            return false;
    }
    return true;
}

/* Chunks without filters. */
static bool is_plainly_chunked(hid_t dataset)
{
    hid_t create = H5Dget_create_plist(dataset);
    if (create < 0) return false;
    bool is = H5Pget_layout(create) == H5D_CHUNKED && H5Pget_nfilters(create) == 0;
    H5Pclose(create);
    return is;
}

/* Sizes and offsets that the walk relies on; other files are left to HDF5. */
static bool is_plain(hid_t file)
{
    size_t address_size = 0, length_size = 0;
    hsize_t user_block = 1;
    hid_t create = H5Fget_create_plist(file);
    if (create < 0) return false;
    H5Pget_sizes(create, &address_size, &length_size);
    H5Pget_userblock(create, &user_block);
    H5Pclose(create);
    return address_size == 8 && length_size == 8 && user_block == 0;
}

ci_status ci_h5_vlen_check(const ci_h5_file *file, const char *name, hid_t dataset, size_t n)
{
    haddr_t at = H5Dget_offset(dataset);
    H5Eclear2(H5E_DEFAULT);
    if (file->is_written || (at == HADDR_UNDEF && !is_plainly_chunked(dataset))) return CI_OK;
    /* An external link leads to another file. */
    hid_t owner = H5Iget_file_id(dataset);
    ssize_t n_name = owner >= 0 ? H5Fget_name(owner, NULL, 0) : -1;
    char *path = NULL;
    ci_status status = ci_mem_alloc(&path, (size_t)(n_name > 0 ? n_name : 0) + 1, 1, "file name");
    bool is_walked = status == CI_OK && n_name > 0 && is_plain(owner);
    if (is_walked) H5Fget_name(owner, path, (size_t)n_name + 1);
    if (owner >= 0) H5Fclose(owner);
    FILE *stream = is_walked ? fopen(path, "rb") : NULL;
    ci_mem_free(path);
    if (stream == NULL) return status;
    bool holds = false;
    errno = 0;
    if (fseek(stream, 0, SEEK_END) == 0) {
        long n_byte = ftell(stream);
        holds = n_byte >= 0 && storage_holds(stream, (uint64_t)n_byte, dataset, at, n);
    }
    if (!holds) ci_h5_refusal_note(errno);
    fclose(stream);
    H5Eclear2(H5E_DEFAULT);
    if (holds) return CI_OK;
    return ci_error(CI_ERR_INPUT, "%s: %s: its variable-length text is damaged", file->path, name);
}
