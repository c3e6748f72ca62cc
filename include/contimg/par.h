/* par: the only module that calls MPI. A communicator is opaque; every reduction
 * of floating-point numbers goes over fixed blocks in block order, so that results
 * have the same bits at any number of ranks.
 *
 * "Collective" means: every rank of `comm` calls it, in the same order. A function
 * returns the same status on every rank, and the text of the lowest worst rank. Numbers,
 * texts and options that it is given must be the same on every rank; only what a comment
 * calls this rank's (slabs, blocks, samples, buffers) may differ. Debug builds check that
 * (CI_PAR_EQUAL). */
#ifndef CONTIMG_PAR_H
#define CONTIMG_PAR_H

#include "contimg/base.h"

typedef struct ci_comm ci_comm;

/* Starts MPI (with or without a launcher; MPI_THREAD_FUNNELED) and gives the world.
 * Sets the log's rank and MPI's error handler. Collective. */
CI_MUST_CHECK ci_status ci_par_start(ci_comm **world);
/* Ends MPI; frees the world; `status` is agreed on first and returned. Collective. */
ci_status ci_par_end(ci_comm *world, ci_status status);
/* A communicator of one that never touches MPI: commands without MPI, unit tests. Local. */
CI_MUST_CHECK ci_status ci_comm_self(ci_comm **out);
/* Ranks of equal color form one; color < 0: *out = NULL. Collective. */
CI_MUST_CHECK ci_status ci_comm_split(ci_comm *comm, int color, ci_comm **out);
/* NULL-safe. Collective. */
void ci_comm_free(ci_comm *comm);
/* This rank's number, from 0. Local. */
int ci_comm_rank(const ci_comm *comm);
/* Number of ranks. Local. */
int ci_comm_size(const ci_comm *comm);
/* Ranks of `comm` on this node (MPI shared-memory split). Collective. */
CI_MUST_CHECK ci_status ci_comm_node_size(ci_comm *comm, int *out);

/* Every rank gives its own status; all return the worst, with the error text of the
 * lowest rank that has it. A rank with CI_OK adds no text. Collective. */
ci_status ci_par_agree(ci_comm *comm, ci_status status);
/* For a collective function's local part: agree, and return where not CI_OK. */
#define CI_AGREE(comm, expr) CI_TRY(ci_par_agree((comm), (expr)))

/* ci_mem_alloc on every rank, of sizes that may differ: all have their buffer, or none has and
 * *out is NULL. Collective. */
CI_MUST_CHECK ci_status ci_par_alloc(ci_comm *comm, void *out, size_t n_item, size_t item_size,
                                     const char *what);

/* CI_ERR_INTERNAL on all ranks where `data` [n_byte] is not the same on each; `what` appears in the
 * error text. Not counted as a call. Collective. */
ci_status ci_par_check_equal(ci_comm *comm, const char *what, const void *data, size_t n_byte);
/* The same of n texts. Collective. */
ci_status ci_par_check_texts(ci_comm *comm, const char *what, const char *const *texts, size_t n);
/* At the beginning of a collective function, of debug builds only: returns where the numbers given,
 * which must be equal on all ranks, are not. */
#ifndef NDEBUG
#define CI_PAR_EQUAL(comm, what, ...)                                                              \
    CI_TRY(ci_par_check_equal((comm), (what), (const double[]){__VA_ARGS__},                       \
                              sizeof((const double[]){__VA_ARGS__})))
#define CI_PAR_EQUAL_TEXTS(comm, what, texts, n)                                                   \
    CI_TRY(ci_par_check_texts((comm), (what), (texts), (n)))
#else
#define CI_PAR_EQUAL(comm, what, ...) ((void)0)
#define CI_PAR_EQUAL_TEXTS(comm, what, texts, n) ((void)0)
#endif

/* No rank returns before all have called it. Collective. */
CI_MUST_CHECK ci_status ci_par_barrier(ci_comm *comm);
/* Rank `root`'s n_byte bytes to all, into `data` of the caller. Any size; pieces of at most
 * ci_par_piece_bytes(). Collective. */
CI_MUST_CHECK ci_status ci_par_bcast(ci_comm *comm, void *data, size_t n_byte, int root);
/* Sum over ranks, element by element, of values [n]: exact in any order. In place. Collective. */
CI_MUST_CHECK ci_status ci_par_sum_int(ci_comm *comm, int64_t *values, size_t n);
/* The same with the maximum. Collective. */
CI_MUST_CHECK ci_status ci_par_max_int(ci_comm *comm, int64_t *values, size_t n);
/* Maximum of doubles over ranks, [n] (exact in any order); NaN is CI_ERR_INTERNAL. In place.
 * Collective. */
CI_MUST_CHECK ci_status ci_par_max_double(ci_comm *comm, double *values, size_t n);
/* The same with the minimum. Collective. */
CI_MUST_CHECK ci_status ci_par_min_double(ci_comm *comm, double *values, size_t n);

/* Sum over fixed blocks in block order. The problem has n_block blocks in all; this
 * rank holds blocks [i_block_first, i_block_first + n_block_here), `here` is
 * [n_block_here][n_value]. Ranks hold ascending, disjoint, gap-free runs in rank
 * order (a run may be empty). `sum` [n_value] is block 0 + block 1 + ... on every
 * rank, with the same bits at any rank count. Collective. */
CI_MUST_CHECK ci_status ci_par_sum_blocks(ci_comm *comm, size_t n_block, size_t i_block_first,
                                          size_t n_block_here, size_t n_value, const double *here,
                                          double *sum);

/* Pairwise sums: fixed summands, added in pairs, pairs of pairs, ...: the same bits at any rank
 * count, and only some n_value numbers for each doubling of the summands are kept or sent. Summands
 * follow those of the ranks before. */
typedef struct ci_par_pairwise ci_par_pairwise;
/* For n_summand_here summands of n_value values, the caller's to free. Collective. */
CI_MUST_CHECK ci_status ci_par_pairwise_new(ci_comm *comm, ci_par_pairwise **out,
                                            size_t n_summand_here, size_t n_value);
/* The next summand's values [n_value], all 0, to be added to until the next call; NULL after the
 * last summand. Local. */
double *ci_par_pairwise_next(ci_par_pairwise *pairwise);
/* sum [n_value] of all ranks' summands, the same on each rank. Collective. */
CI_MUST_CHECK ci_status ci_par_pairwise_finish(ci_comm *comm, ci_par_pairwise *pairwise,
                                               double *sum);
/* NULL-safe. Local. */
void ci_par_pairwise_free(ci_par_pairwise *pairwise);

/* All-to-all of bytes. send holds the pieces for rank 0, 1, ... one after the
 * other, n_send[r] bytes each; *recv is allocated (free with ci_mem_free) and holds
 * the pieces from rank 0, 1, ... in that order, n_recv[r] (out) bytes each. Moved in
 * pieces <= ci_par_piece_bytes(). Collective. */
CI_MUST_CHECK ci_status ci_par_exchange(ci_comm *comm, const void *send, const size_t *n_send,
                                        void **recv, size_t *n_recv);
/* The same into a caller's buffer of known counts (n_recv in). Collective. */
CI_MUST_CHECK ci_status ci_par_exchange_into(ci_comm *comm, const void *send, const size_t *n_send,
                                             void *recv, const size_t *n_recv);
/* Concatenation in rank order of every rank's bytes, on `root` (root >= 0) or on all
 * (root -1). *out is allocated where received, else NULL; n_out may be NULL. Collective. */
CI_MUST_CHECK ci_status ci_par_gather(ci_comm *comm, const void *here, size_t n_byte, int root,
                                      void **out, size_t *n_out);
/* Point to point, n_byte of `data` (the caller's), for slabs of rows to rank 0: waits for the other
 * rank, which calls the other function. Of these two ranks alone; their caller agrees. Collective.
 */
CI_MUST_CHECK ci_status ci_par_send(ci_comm *comm, const void *data, size_t n_byte, int to);
/* The other half: receives exactly n_byte into `data`. Collective. */
CI_MUST_CHECK ci_status ci_par_recv(ci_comm *comm, void *data, size_t n_byte, int from);

/* Where the greatest value of all ranks is; ties go to the lower index. `value` and
 * `index` in: this rank's best (index < 0: none here); out: the world's. NaN anywhere
 * is CI_ERR_INTERNAL on all. Collective. */
CI_MUST_CHECK ci_status ci_par_argmax(ci_comm *comm, double *value, int64_t *index);

/* Splits n items into contiguous, balanced runs: rank r of n_rank owns
 * [*first, *first + *count). Local. */
void ci_par_split(size_t n_item, int n_rank, int rank, size_t *first, size_t *count);

/* Largest message, 256 MiB; CONTIMG_TEST_PIECE_BYTES in the environment sets another
 * for tests. Local. */
size_t ci_par_piece_bytes(void);

/* Counters since start, of this rank in the world's and every communicator that was split from it:
 * bytes sent to other ranks (of a reduction and a broadcast: once), messages, collective calls. */
typedef struct ci_par_counters
{
    uint64_t n_byte_sent, n_call, n_message;
} ci_par_counters;
/* Local. */
ci_par_counters ci_par_counters_get(const ci_comm *comm);

/* The instruction set of kernels, the same on all ranks: the widest that every rank's machine has,
 * agreed on by ci_par_start, unless ci_comm_isa_set forces another. Communicators that are split
 * from one inherit it. Local. */
ci_isa ci_comm_isa(const ci_comm *comm);
/* Forces a level, for this communicator and those split from it afterwards. CI_ERR_USAGE where a
 * rank's machine lacks it. The same level on all ranks. Collective. */
CI_MUST_CHECK ci_status ci_comm_isa_set(ci_comm *comm, ci_isa isa);

/* This rank's timer: the world's and every communicator's that was split from it, so that whoever
 * has a communicator can open a scope. Time in MPI (moving and waiting) is in scopes "MPI".
 * Borrowed. Local. */
ci_timer *ci_comm_timer(const ci_comm *comm);
/* The timers of all ranks added up: a new one on rank 0 (free with ci_timer_free), NULL elsewhere.
 * Collective. */
CI_MUST_CHECK ci_status ci_comm_timer_merge(ci_comm *comm, ci_timer **out);

#endif
