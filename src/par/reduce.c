/* Reductions whose result does not depend on the number of ranks. */
#include "par/par_private.h"

#include <math.h>
#include <string.h>

enum
{
    MAX_ITEMS = 1 << 24 /* of one MPI call */
};

static ci_status reduce_in_place(ci_comm *comm, void *values, size_t n, size_t item_size,
                                 MPI_Datatype type, MPI_Op op)
{
    comm->counters->n_call++;
    if (comm->size == 1) return CI_OK;
    CI_PAR_EQUAL(comm, "reduction: number of values", (double)n);
    for (size_t done = 0; done < n; done += MAX_ITEMS) {
        size_t count = n - done < MAX_ITEMS ? n - done : MAX_ITEMS;
        comm->counters->n_byte_sent += count * item_size;
        CI_PAR_CALL(comm, MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * item_size, (int)count,
                                        type, op, comm->mpi));
    }
    return CI_OK;
}

ci_status ci_par_sum_int(ci_comm *comm, int64_t *values, size_t n)
{
    return reduce_in_place(comm, values, n, sizeof *values, MPI_INT64_T, MPI_SUM);
}

ci_status ci_par_max_int(ci_comm *comm, int64_t *values, size_t n)
{
    return reduce_in_place(comm, values, n, sizeof *values, MPI_INT64_T, MPI_MAX);
}

static ci_status refuse_nan(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(values[i]))
            return ci_error(CI_ERR_INTERNAL, "value %zu of a maximum over ranks is NaN", i);
    return CI_OK;
}

ci_status ci_par_max_double(ci_comm *comm, double *values, size_t n)
{
    CI_AGREE(comm, refuse_nan(values, n));
    return reduce_in_place(comm, values, n, sizeof *values, MPI_DOUBLE, MPI_MAX);
}

ci_status ci_par_min_double(ci_comm *comm, double *values, size_t n)
{
    CI_AGREE(comm, refuse_nan(values, n));
    return reduce_in_place(comm, values, n, sizeof *values, MPI_DOUBLE, MPI_MIN);
}

/* Sums n_block consecutive runs of `width` values. */
static void add_blocks(const double *blocks, size_t n_block, size_t width, double *sum)
{
    for (size_t i = 0; i < width; i++)
        sum[i] = n_block > 0 ? blocks[i] : 0.0;
    for (size_t b = 1; b < n_block; b++)
        for (size_t i = 0; i < width; i++)
            sum[i] += blocks[b * width + i];
}

/* Each rank sums one slice of the values over all blocks; the slices are then put
 * together on every rank. */
typedef struct
{
    double *send, *recv, *slice;
    size_t *n_send, *n_recv;
} sum_buffers;

static void sum_buffers_free(sum_buffers *b)
{
    ci_mem_free(b->send);
    ci_mem_free(b->slice);
    ci_mem_free(b->n_send);
    ci_mem_free(b->n_recv);
    ci_mem_free(b->recv);
}

static ci_status sum_prepare(const ci_comm *comm, size_t n_here, size_t n_value, const double *here,
                             sum_buffers *b)
{
    size_t n_rank = (size_t)comm->size, first, count, at = 0;
    CI_TRY(ci_mem_alloc(&b->send, n_here * n_value, sizeof(double), "block sums"));
    CI_TRY(ci_mem_alloc(&b->slice, n_value / n_rank + 1, sizeof(double), "block sums"));
    CI_TRY(ci_mem_alloc(&b->n_send, n_rank, sizeof(size_t), "block sums"));
    CI_TRY(ci_mem_alloc(&b->n_recv, n_rank, sizeof(size_t), "block sums"));
    for (int r = 0; r < comm->size; r++) {
        ci_par_split(n_value, comm->size, r, &first, &count);
        for (size_t i = 0; i < n_here; i++, at += count)
            memcpy(b->send + at, here + i * n_value + first, count * sizeof(double));
        b->n_send[r] = n_here * count * sizeof(double);
    }
    return CI_OK;
}

ci_status ci_par_sum_blocks(ci_comm *comm, size_t n_block, size_t i_block_first,
                            size_t n_block_here, size_t n_value, const double *here, double *sum)
{
    (void)i_block_first;
    CI_PAR_EQUAL(comm, "block sums: number of blocks or values", (double)n_block, (double)n_value);
    if (comm->size == 1) {
        comm->counters->n_call++;
        add_blocks(here, n_block_here, n_value, sum);
        return CI_OK;
    }
    sum_buffers b = {0};
    size_t first, count;
    void *gathered = NULL;
    ci_status status = ci_par_agree(comm, sum_prepare(comm, n_block_here, n_value, here, &b));
    if (status == CI_OK)
        status = ci_par_exchange(comm, b.send, b.n_send, (void **)&b.recv, b.n_recv);
    if (status == CI_OK) {
        ci_par_split(n_value, comm->size, comm->rank, &first, &count);
        add_blocks(b.recv, n_block, count, b.slice);
        status = ci_par_gather(comm, b.slice, count * sizeof(double), -1, &gathered, NULL);
    }
    if (status == CI_OK) memcpy(sum, gathered, n_value * sizeof(double));
    ci_mem_free(gathered);
    sum_buffers_free(&b);
    return status;
}

ci_status ci_par_argmax(ci_comm *comm, double *value, int64_t *index)
{
    CI_AGREE(comm, *index >= 0 && isnan(*value)
                       ? ci_error(CI_ERR_INTERNAL, "the value at index %lld of a maximum is NaN",
                                  (long long)*index)
                       : CI_OK);
    if (comm->size == 1) return CI_OK;
    double best = *index >= 0 ? *value : -HUGE_VAL;
    CI_TRY(reduce_in_place(comm, &best, 1, sizeof best, MPI_DOUBLE, MPI_MAX));
    int64_t lowest = *index >= 0 && *value == best ? *index : INT64_MAX;
    CI_TRY(reduce_in_place(comm, &lowest, 1, sizeof lowest, MPI_INT64_T, MPI_MIN));
    *index = lowest == INT64_MAX ? -1 : lowest;
    if (*index >= 0) *value = best;
    return CI_OK;
}
