/* Moving bytes between ranks, in pieces that MPI's int counts can hold. */
#include "par/par_private.h"

#include <string.h>

enum
{
    TAG_EXCHANGE = 11,
    TAG_POINT = 12
};

ci_status ci_par_bcast(ci_comm *comm, void *data, size_t n_byte, int root)
{
    comm->counters->n_call++;
    if (comm->size == 1) return CI_OK;
    CI_PAR_EQUAL(comm, "broadcast: number of bytes or root", (double)n_byte, (double)root);
    size_t piece = ci_par_piece_bytes();
    for (size_t done = 0; done < n_byte; done += piece) {
        size_t n = n_byte - done < piece ? n_byte - done : piece;
        CI_PAR_CALL(comm, MPI_Bcast((char *)data + done, (int)n, MPI_BYTE, root, comm->mpi));
        if (comm->rank == root) comm->counters->n_byte_sent += n;
    }
    return CI_OK;
}

ci_status ci_par_send(ci_comm *comm, const void *data, size_t n_byte, int to)
{
    size_t piece = ci_par_piece_bytes();
    for (size_t done = 0; done < n_byte; done += piece) {
        size_t n = n_byte - done < piece ? n_byte - done : piece;
        CI_PAR_CALL(
            comm, MPI_Send((const char *)data + done, (int)n, MPI_BYTE, to, TAG_POINT, comm->mpi));
        comm->counters->n_message++;
        comm->counters->n_byte_sent += n;
    }
    return CI_OK;
}

ci_status ci_par_recv(ci_comm *comm, void *data, size_t n_byte, int from)
{
    size_t piece = ci_par_piece_bytes();
    for (size_t done = 0; done < n_byte; done += piece) {
        size_t n = n_byte - done < piece ? n_byte - done : piece;
        CI_PAR_CALL(comm, MPI_Recv((char *)data + done, (int)n, MPI_BYTE, from, TAG_POINT,
                                   comm->mpi, MPI_STATUS_IGNORE));
    }
    return CI_OK;
}

/* One step: n_send bytes to rank `to`, n_recv bytes from rank `from`, piece by piece. */
static void trade(ci_comm *comm, const char *send, size_t n_send, int to, char *recv, size_t n_recv,
                  int from)
{
    size_t piece = ci_par_piece_bytes();
    size_t most = n_send > n_recv ? n_send : n_recv;
    for (size_t done = 0; done < most; done += piece) {
        MPI_Request request[2];
        int n_request = 0;
        if (done < n_recv) {
            size_t n = n_recv - done < piece ? n_recv - done : piece;
            CI_PAR_CALL(comm, MPI_Irecv(recv + done, (int)n, MPI_BYTE, from, TAG_EXCHANGE,
                                        comm->mpi, &request[n_request++]));
        }
        if (done < n_send) {
            size_t n = n_send - done < piece ? n_send - done : piece;
            CI_PAR_CALL(comm, MPI_Isend(send + done, (int)n, MPI_BYTE, to, TAG_EXCHANGE, comm->mpi,
                                        &request[n_request++]));
            comm->counters->n_message++;
            comm->counters->n_byte_sent += n;
        }
        CI_PAR_CALL(comm, MPI_Waitall(n_request, request, MPI_STATUSES_IGNORE));
    }
}

static size_t offset_of(const size_t *counts, int rank)
{
    size_t at = 0;
    for (int r = 0; r < rank; r++)
        at += counts[r];
    return at;
}

ci_status ci_par_exchange_into(ci_comm *comm, const void *send, const size_t *n_send, void *recv,
                               const size_t *n_recv)
{
    comm->counters->n_call++;
    int me = comm->rank, size = comm->size;
    if (n_send[me] > 0)
        memcpy((char *)recv + offset_of(n_recv, me), (const char *)send + offset_of(n_send, me),
               n_send[me]);
    for (int step = 1; step < size; step++) {
        int to = (me + step) % size, from = (me + size - step) % size;
        trade(comm, (const char *)send + offset_of(n_send, to), n_send[to], to,
              (char *)recv + offset_of(n_recv, from), n_recv[from], from);
    }
    return CI_OK;
}

ci_status ci_par_exchange(ci_comm *comm, const void *send, const size_t *n_send, void **recv,
                          size_t *n_recv)
{
    *recv = NULL;
    if (comm->size == 1)
        n_recv[0] = n_send[0];
    else
        CI_PAR_CALL(comm, MPI_Alltoall(n_send, sizeof(size_t), MPI_BYTE, n_recv, sizeof(size_t),
                                       MPI_BYTE, comm->mpi));
    CI_TRY(ci_par_alloc(comm, recv, offset_of(n_recv, comm->size), 1, "exchange between ranks"));
    return ci_par_exchange_into(comm, send, n_send, *recv, n_recv);
}

static ci_status gather_to_all(ci_comm *comm, const void *here, const size_t *counts, void *out)
{
    for (int r = 0; r < comm->size; r++) {
        char *target = (char *)out + offset_of(counts, r);
        if (r == comm->rank && counts[r] > 0) memcpy(target, here, counts[r]);
        CI_TRY(ci_par_bcast(comm, target, counts[r], r));
    }
    return CI_OK;
}

static ci_status gather_to_root(ci_comm *comm, const void *here, const size_t *counts, int root,
                                void *out)
{
    if (comm->rank != root) return ci_par_send(comm, here, counts[comm->rank], root);
    for (int r = 0; r < comm->size; r++) {
        char *target = (char *)out + offset_of(counts, r);
        if (r != root)
            CI_TRY(ci_par_recv(comm, target, counts[r], r));
        else if (counts[r] > 0)
            memcpy(target, here, counts[r]);
    }
    return CI_OK;
}

ci_status ci_par_gather(ci_comm *comm, const void *here, size_t n_byte, int root, void **out,
                        size_t *n_out)
{
    comm->counters->n_call++;
    *out = NULL;
    CI_PAR_EQUAL(comm, "gather: root", (double)root);
    size_t *counts = NULL;
    ci_status status = ci_mem_alloc(&counts, (size_t)comm->size, sizeof *counts, "gather");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) {
        counts[comm->rank] = n_byte;
        if (comm->size > 1)
            CI_PAR_CALL(comm, MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, counts,
                                            sizeof(size_t), MPI_BYTE, comm->mpi));
        size_t total = offset_of(counts, comm->size);
        bool receives = root < 0 || root == comm->rank;
        status = receives ? ci_mem_alloc(out, total, 1, "gather") : CI_OK;
        status = ci_par_agree(comm, status);
        if (status == CI_OK)
            status = root < 0 ? gather_to_all(comm, here, counts, *out)
                              : gather_to_root(comm, here, counts, root, *out);
        if (n_out) *n_out = receives ? total : 0;
    }
    if (status != CI_OK) {
        ci_mem_free(*out);
        *out = NULL;
    }
    ci_mem_free(counts);
    return status;
}
