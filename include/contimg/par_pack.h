/* par: structures with parts of their own as one run of bytes, for ranks of the same program. All
 * functions are local. */
#ifndef CONTIMG_PAR_PACK_H
#define CONTIMG_PAR_PACK_H

#include "contimg/base.h"

/* Bytes that grow; start from {0}; free bytes with ci_mem_free. */
typedef struct ci_par_packer
{
    char *bytes;
    size_t n, n_max;
} ci_par_packer;
/* Appends n bytes. */
CI_MUST_CHECK ci_status ci_par_pack(ci_par_packer *packer, const void *data, size_t n);
/* Appends a text with its length; NULL is kept. */
CI_MUST_CHECK ci_status ci_par_pack_text(ci_par_packer *packer, const char *text);

/* What is left to read of a run of bytes, borrowed. Parts come in the order they went in;
 * CI_ERR_INTERNAL where there are fewer bytes. */
typedef struct ci_par_unpacker
{
    const char *bytes;
    size_t left;
} ci_par_unpacker;
/* The next n bytes. */
CI_MUST_CHECK ci_status ci_par_unpack(ci_par_unpacker *unpacker, void *data, size_t n);
/* The next n items of item_size bytes, into a new array, to ci_mem_free; `out` is a T **. */
CI_MUST_CHECK ci_status ci_par_unpack_new(ci_par_unpacker *unpacker, void *out, size_t n,
                                          size_t item_size);
/* The next text, to ci_mem_free. */
CI_MUST_CHECK ci_status ci_par_unpack_text(ci_par_unpacker *unpacker, char **out);

#endif
