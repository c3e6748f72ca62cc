/* Structures as bytes for other ranks: fixed parts as they are in memory, texts by their length. */
#include "contimg/par_pack.h"

#include <string.h>

ci_status ci_par_pack(ci_par_packer *packer, const void *data, size_t n)
{
    if (n > packer->n_max - packer->n) {
        size_t grown = 2 * (packer->n + n);
        CI_TRY(ci_mem_resize(&packer->bytes, grown, 1, "packed structures"));
        packer->n_max = grown;
    }
    if (n > 0) memcpy(packer->bytes + packer->n, data, n);
    packer->n += n;
    return CI_OK;
}

ci_status ci_par_pack_text(ci_par_packer *packer, const char *text)
{
    size_t n = text ? strlen(text) : SIZE_MAX;
    CI_TRY(ci_par_pack(packer, &n, sizeof n));
    return text ? ci_par_pack(packer, text, n) : CI_OK;
}

ci_status ci_par_unpack(ci_par_unpacker *unpacker, void *data, size_t n)
{
    if (n > unpacker->left)
        return ci_error(CI_ERR_INTERNAL, "packed structures: %zu bytes are left of %zu",
                        unpacker->left, n);
    if (n > 0) memcpy(data, unpacker->bytes, n);
    unpacker->bytes += n;
    unpacker->left -= n;
    return CI_OK;
}

ci_status ci_par_unpack_new(ci_par_unpacker *unpacker, void *out, size_t n, size_t item_size)
{
    void *items = NULL;
    if (n > unpacker->left / item_size)
        return ci_error(CI_ERR_INTERNAL, "packed structures: %zu bytes are left of %zu x %zu",
                        unpacker->left, n, item_size);
    CI_TRY(ci_mem_alloc(&items, n, item_size, "unpacked structures"));
    memcpy(out, &items, sizeof items);
    return ci_par_unpack(unpacker, items, n * item_size);
}

ci_status ci_par_unpack_text(ci_par_unpacker *unpacker, char **out)
{
    size_t n = 0;
    *out = NULL;
    CI_TRY(ci_par_unpack(unpacker, &n, sizeof n));
    if (n == SIZE_MAX) return CI_OK;
    if (n > unpacker->left)
        return ci_error(CI_ERR_INTERNAL, "packed structures: %zu bytes are left of %zu",
                        unpacker->left, n);
    CI_TRY(ci_mem_alloc(out, n + 1, 1, "unpacked text"));
    return ci_par_unpack(unpacker, *out, n);
}
