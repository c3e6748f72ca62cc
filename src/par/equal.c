/* Whether the arguments of a collective call are the same on all ranks. */
#include "par/par_private.h"

#include <string.h>

/* FNV-1a, 64 bits, begun with HASH_START and gone on with. */
#define HASH_START 14695981039346656037ULL
static uint64_t hash_more(uint64_t hash, const void *data, size_t n_byte)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < n_byte; i++)
        hash = (hash ^ byte[i]) * 1099511628211ULL;
    return hash;
}

static ci_status hash_check(ci_comm *comm, const char *what, uint64_t hash)
{
    if (comm->size == 1) return CI_OK;
    uint64_t most[2] = {hash, ~hash}; /* the greatest, and the complement of the least */
    CI_PAR_CALL(comm, MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_UINT64_T, MPI_MAX, comm->mpi));
    if (most[0] == ~most[1]) return CI_OK;
    return ci_error(CI_ERR_INTERNAL, "%s differs between ranks", what);
}

ci_status ci_par_check_equal(ci_comm *comm, const char *what, const void *data, size_t n_byte)
{
    return hash_check(comm, what, hash_more(HASH_START, data, n_byte));
}

ci_status ci_par_check_texts(ci_comm *comm, const char *what, const char *const *texts, size_t n)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < n; i++)
        hash = hash_more(hash, texts[i], strlen(texts[i]) + 1);
    return hash_check(comm, what, hash);
}
