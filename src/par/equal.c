/* Whether the arguments of a collective call are the same on all ranks. */
#include "par/par_private.h"

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const void *data, size_t n_byte)
{
    const unsigned char *byte = data;
    uint64_t hash = 14695981039346656037ULL;
    for (size_t i = 0; i < n_byte; i++)
        hash = (hash ^ byte[i]) * 1099511628211ULL;
    return hash;
}

ci_status ci_par_check_equal(ci_comm *comm, const char *what, const void *data, size_t n_byte)
{
    if (comm->size == 1) return CI_OK;
    uint64_t hash = hash_of(data, n_byte);
    uint64_t most[2] = {hash, ~hash}; /* the greatest, and the complement of the least */
    CI_PAR_CALL(comm, MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_UINT64_T, MPI_MAX, comm->mpi));
    if (most[0] == ~most[1]) return CI_OK;
    return ci_error(CI_ERR_INTERNAL, "%s differs between ranks", what);
}
