/* h5: the only module that calls HDF5. Files are opened by each process by itself,
 * read-only with locking off; filter plugins of Debian's package "bitshuffle" are found
 * without any environment. HDF5's own error stack is silent: every failure is one line
 * that names file and dataset. Dataset names are paths from the root ("Header/Nblts").
 * All functions are local. They must not be called from two threads at once. */
#ifndef CONTIMG_H5_H
#define CONTIMG_H5_H

#include "contimg/base.h"

#define CI_H5_MAX_RANK 8
#define CI_H5_FILTER_LZF 32000
#define CI_H5_FILTER_BITSHUFFLE 32008

typedef struct ci_h5_file ci_h5_file;

/* Opens an existing file read-only, locking off. CI_ERR_INPUT where it is missing, no
 * HDF5 file or truncated. */
CI_MUST_CHECK ci_status ci_h5_open(ci_h5_file **out, const char *path);
/* Makes a new file, replacing one that is there (give a ".part" name, then
 * ci_path_commit). */
CI_MUST_CHECK ci_status ci_h5_create(ci_h5_file **out, const char *path);
/* Closes and frees in any case; NULL-safe. A written file is flushed first, and an error
 * of that is returned; for a file opened to read it is always CI_OK. */
ci_status ci_h5_close(ci_h5_file *file);
/* The end of writing or reading that came to `status`: where that is an error it is returned, and
 * nothing is written; else as ci_h5_close. */
CI_MUST_CHECK ci_status ci_h5_finish(ci_h5_file *file, ci_status status);
const char *ci_h5_path(const ci_h5_file *file); /* borrowed */

/* True where the file is shorter than the end its HDF5 superblock states; *stated and
 * *actual in bytes. False, both 0, where it is no HDF5 file. */
bool ci_h5_is_short(const char *path, int64_t *stated, int64_t *actual);

/* Forgets what the system refused to read until now. */
void ci_h5_refusal_clear(void);
/* The end of reading `path` that came to `status`: CI_ERR_IO, or CI_ERR_MEMORY, where the system
 * refused HDF5 a read since ci_h5_refusal_clear (a failing disk or server, a limit of open files):
 * what was not found meanwhile may be there, and what was damaged may be whole. A status that is
 * neither CI_OK nor CI_ERR_INPUT stays. */
CI_MUST_CHECK ci_status ci_h5_refusal_check(const char *path, ci_status status);

/* ---- what is there -------------------------------------------------------- */

typedef enum ci_h5_kind
{
    CI_H5_NOTHING,
    CI_H5_GROUP,
    CI_H5_DATASET,
    CI_H5_BROKEN /* a soft or external link that leads nowhere: ci_h5_link_check says where */
} ci_h5_kind;

typedef enum ci_h5_class
{
    CI_H5_INTEGER,
    CI_H5_ENUM, /* h5py's booleans are enums over a one-byte integer */
    CI_H5_FLOAT,
    CI_H5_STRING,
    CI_H5_COMPLEX, /* compound of exactly r and i, both integer or both float, equal size */
    CI_H5_OTHER
} ci_h5_class;

typedef struct ci_h5_info
{
    ci_h5_kind kind;
    bool is_null; /* a dataset without data (H5S_NULL) */
    ci_h5_class type_class;
    size_t type_size; /* bytes of one element in the file */
    bool part_is_int; /* CI_H5_COMPLEX: of integers */
    bool is_vlen;     /* CI_H5_STRING: variable length */
    int rank;         /* 0: scalar */
    uint64_t dim[CI_H5_MAX_RANK];
    bool is_chunked, is_virtual;
    uint64_t chunk[CI_H5_MAX_RANK];
    int n_filter, filter[CI_H5_MAX_RANK]; /* HDF5 filter numbers */
    uint64_t n_stored_byte;               /* in the file, after filters */
} ci_h5_info;

/* Kind of what `name` is; never fails. */
ci_h5_kind ci_h5_kind_of(const ci_h5_file *file, const char *name);
/* True where `name` is a dataset that holds something (not H5S_NULL), or a broken link, which
 * reading tells of. */
bool ci_h5_has(const ci_h5_file *file, const char *name);
/* CI_ERR_INPUT where a soft or external link on the way to `name` leads nowhere: which, where to
 * and why. What is simply not there is no fault. */
CI_MUST_CHECK ci_status ci_h5_link_check(const ci_h5_file *file, const char *name);
/* Describes a dataset; CI_ERR_INPUT where it is missing or of more than 8 dimensions. */
CI_MUST_CHECK ci_status ci_h5_info_get(const ci_h5_file *file, const char *name, ci_h5_info *out);
/* Elements in all; 0 for H5S_NULL. Saturates at UINT64_MAX. */
uint64_t ci_h5_info_count(const ci_h5_info *info);
/* "180 x 1 x 1024 x 1", "scalar", "null". */
void ci_h5_info_shape(const ci_h5_info *info, char out[128]);
/* Member names of a group in ascending byte order; *names holds n pointers and their
 * text in one allocation, free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_h5_members(const ci_h5_file *file, const char *group, char ***names,
                                      size_t *n);
/* True where HDF5 filter `number` can be run here. */
bool ci_h5_filter_is_there(int number);
/* CI_OK where every filter of the dataset can be run; else CI_ERR_NOT_READY naming the
 * filter and what to install. */
CI_MUST_CHECK ci_status ci_h5_filters_check(const ci_h5_file *file, const char *name);
/* Chunks that the file holds and that its shape needs; equal where nothing is missing.
 * Contiguous storage counts as one chunk. */
CI_MUST_CHECK ci_status ci_h5_chunks_count(const ci_h5_file *file, const char *name,
                                           uint64_t *n_there, uint64_t *n_needed);

/* ---- small datasets --------------------------------------------------------- */

/* Reads all of a numeric dataset that must hold exactly n elements (scalar or any shape),
 * converted. CI_ERR_INPUT where it is missing, null, of another count or not numeric
 * (enums, as booleans, count as integers; _int refuses floats). */
CI_MUST_CHECK ci_status ci_h5_read_double(const ci_h5_file *file, const char *name, double *out,
                                          size_t n);
/* The same as whole numbers. */
CI_MUST_CHECK ci_status ci_h5_read_int(const ci_h5_file *file, const char *name, int64_t *out,
                                       size_t n);
/* One string (scalar or one element), fixed or variable length, ASCII or UTF-8, padding
 * removed, bytes that are no UTF-8 made '?'; free with ci_mem_free. */
CI_MUST_CHECK ci_status ci_h5_read_string(const ci_h5_file *file, const char *name, char **out);
/* The same into a buffer, cut to fit. */
CI_MUST_CHECK ci_status ci_h5_read_text(const ci_h5_file *file, const char *name, char *out,
                                        size_t size);
/* n strings, whole, one after the other in one buffer, each ended by NUL: ci_mem_free. */
CI_MUST_CHECK ci_status ci_h5_read_string_list(const ci_h5_file *file, const char *name, size_t n,
                                               char **out, size_t *n_byte);

/* ---- large datasets in parts ---------------------------------------------------- */

typedef enum ci_h5_type
{
    CI_H5_U8,  /* flags: integers and enums; memory uint8_t, non-zero stays non-zero */
    CI_H5_F32, /* numbers; memory float */
    CI_H5_C32, /* CI_H5_COMPLEX; memory ci_c32 */
    CI_H5_I64, /* integers; memory int64_t */
    CI_H5_F64, /* numbers; memory double */
    CI_H5_C64  /* CI_H5_COMPLEX; memory ci_c64 */
} ci_h5_type;

/* A dataset open for reading in parts. Keep `file` open while it lives. */
typedef struct ci_h5_reader ci_h5_reader;
/* Opens a dataset; CI_ERR_INPUT where it is missing or of another type. */
CI_MUST_CHECK ci_status ci_h5_reader_open(ci_h5_reader **out, const ci_h5_file *file,
                                          const char *name, ci_h5_type type);
void ci_h5_reader_close(ci_h5_reader *reader); /* NULL-safe */
/* Its type, shape and storage; borrowed. */
const ci_h5_info *ci_h5_reader_info(const ci_h5_reader *reader);
/* Whether unfiltered chunks come as they lie in the file. */
bool ci_h5_reader_is_direct(const ci_h5_reader *reader);
/* Rows (of the slowest axis) that are best read at once: whole chunks, about `n_byte`
 * bytes in memory, at least one chunk. Parts that start at its multiples read every chunk
 * once. */
size_t ci_h5_reader_rows(const ci_h5_reader *reader, size_t n_byte);
/* Elements start .. start + count on every axis, row-major into `out`. Unfiltered chunks
 * that need no conversion come by H5Dread_chunk, all else by H5Dread. */
CI_MUST_CHECK ci_status ci_h5_reader_read(ci_h5_reader *reader, const uint64_t *start,
                                          const uint64_t *count, void *out);

/* ---- writing ------------------------------------------------------------------- */

/* Groups in `name` are made as needed. */
CI_MUST_CHECK ci_status ci_h5_write_group(ci_h5_file *file, const char *name);
/* rank 0: scalar. Types in the file: F64LE, I64LE, h5py's bool, {r,i} of F32LE or F64LE. */
CI_MUST_CHECK ci_status ci_h5_write_double(ci_h5_file *file, const char *name, int rank,
                                           const uint64_t *dim, const double *values);
/* The same of float, F32LE. */
CI_MUST_CHECK ci_status ci_h5_write_float(ci_h5_file *file, const char *name, int rank,
                                          const uint64_t *dim, const float *values);
/* The same of whole numbers, I64LE. */
CI_MUST_CHECK ci_status ci_h5_write_int(ci_h5_file *file, const char *name, int rank,
                                        const uint64_t *dim, const int64_t *values);
/* Non-zero is TRUE. */
CI_MUST_CHECK ci_status ci_h5_write_bool(ci_h5_file *file, const char *name, int rank,
                                         const uint64_t *dim, const uint8_t *values);
/* Complex values, {r,i} of F32LE. */
CI_MUST_CHECK ci_status ci_h5_write_c32(ci_h5_file *file, const char *name, int rank,
                                        const uint64_t *dim, const ci_c32 *values);
/* Complex values, {r,i} of F64LE. */
CI_MUST_CHECK ci_status ci_h5_write_c64(ci_h5_file *file, const char *name, int rank,
                                        const uint64_t *dim, const ci_c64 *values);
/* Fixed-length ASCII, NUL-padded, as numpy's S type; rank 1 for n texts, each a field of
 * `width` bytes (n * width bytes of values). */
CI_MUST_CHECK ci_status ci_h5_write_string(ci_h5_file *file, const char *name, const char *text);
/* Several of them. */
CI_MUST_CHECK ci_status ci_h5_write_strings(ci_h5_file *file, const char *name, int rank,
                                            const uint64_t *dim, const char *values, size_t width);
/* Shorthands for scalars. */
CI_MUST_CHECK ci_status ci_h5_write_double_1(ci_h5_file *file, const char *name, double value);
/* One whole number. */
CI_MUST_CHECK ci_status ci_h5_write_int_1(ci_h5_file *file, const char *name, int64_t value);
/* One truth value. */
CI_MUST_CHECK ci_status ci_h5_write_bool_1(ci_h5_file *file, const char *name, bool value);

#endif
