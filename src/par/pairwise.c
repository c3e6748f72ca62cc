/* Pairwise sums: fixed summands by a binary tree: the same bits at any rank count, a few values per
 * rank.
 */
#include "contimg/par.h"

#include <string.h>

enum
{
    MAX_NODES = 2 * 64 /* of one list: at most two of each level */
};

/* The sum of summands [index x 2^level, (index + 1) x 2^level). */
typedef struct node
{
    int64_t index;
    int64_t level; /* the values follow, [n_value] */
} node;

/* Nodes in ascending order, no two of which are the halves of one. */
struct ci_par_pairwise
{
    size_t n_value, n_byte; /* of a node with its values */
    size_t n_node;
    char *nodes; /* [MAX_NODES][n_byte]; the last may be a summand that is being filled */
    int64_t i_summand, end; /* the next of this rank's summands, among all ranks'; after its last */
};

static node *node_at(const ci_par_pairwise *u, size_t i)
{
    return (node *)(void *)(u->nodes + i * u->n_byte);
}

static double *values_of(node *n)
{
    return (double *)(void *)(n + 1);
}

/* Halves of one node at the end of the list become that node. */
static void fold(ci_par_pairwise *u)
{
    while (u->n_node > 1) {
        node *left = node_at(u, u->n_node - 2), *right = node_at(u, u->n_node - 1);
        if (left->level != right->level || left->index % 2 != 0 || right->index != left->index + 1)
            return;
        for (size_t i = 0; i < u->n_value; i++)
            values_of(left)[i] += values_of(right)[i];
        left->level++;
        left->index /= 2;
        u->n_node--;
    }
}

static ci_status list_new(ci_par_pairwise **out, size_t n_value)
{
    ci_par_pairwise *u = NULL;
    CI_TRY(ci_mem_alloc(&u, 1, sizeof *u, "pairwise sums"));
    u->n_value = n_value;
    u->n_byte = sizeof(node) + n_value * sizeof(double);
    ci_status status = ci_mem_alloc(&u->nodes, MAX_NODES, u->n_byte, "pairwise sums");
    if (status == CI_OK)
        *out = u;
    else
        ci_par_pairwise_free(u);
    return status;
}

ci_status ci_par_pairwise_new(ci_comm *comm, ci_par_pairwise **out, size_t n_summand_here,
                              size_t n_value)
{
    *out = NULL;
    int64_t *counts = NULL, n = (int64_t)n_summand_here;
    CI_PAR_EQUAL(comm, "pairwise sums: number of values", (double)n_value);
    /* Where it fails on one rank, the others free theirs. */
    ci_status status = ci_par_agree(comm, list_new(out, n_value));
    if (status == CI_OK) status = ci_par_gather(comm, &n, sizeof n, -1, (void **)&counts, NULL);
    if (status != CI_OK) {
        ci_par_pairwise_free(*out);
        *out = NULL;
        return status;
    }
    for (int r = 0; r < ci_comm_rank(comm); r++)
        (*out)->i_summand += counts[r];
    (*out)->end = (*out)->i_summand + n;
    ci_mem_free(counts);
    return CI_OK;
}

double *ci_par_pairwise_next(ci_par_pairwise *u)
{
    if (u->i_summand == u->end) return NULL;
    fold(u);
    node *n = node_at(u, u->n_node++);
    memset(n, 0, u->n_byte);
    n->index = u->i_summand++;
    return values_of(n);
}

static void lists_join(ci_par_pairwise *all, const char *nodes, size_t n_byte)
{
    for (size_t at = 0; at < n_byte; at += all->n_byte) {
        memcpy(node_at(all, all->n_node++), nodes + at, all->n_byte);
        fold(all);
    }
}

ci_status ci_par_pairwise_finish(ci_comm *comm, ci_par_pairwise *u, double *sum)
{
    void *nodes = NULL;
    size_t n_byte = 0;
    ci_par_pairwise *all = NULL;
    fold(u);
    memset(sum, 0, u->n_value * sizeof *sum);
    CI_TRY(ci_par_gather(comm, u->nodes, u->n_node * u->n_byte, -1, &nodes, &n_byte));
    ci_status status = list_new(&all, u->n_value);
    if (status == CI_OK) lists_join(all, nodes, n_byte);
    for (size_t i = 0; status == CI_OK && i < all->n_node; i++)
        for (size_t k = 0; k < u->n_value; k++)
            sum[k] += values_of(node_at(all, i))[k];
    ci_par_pairwise_free(all);
    ci_mem_free(nodes);
    return ci_par_agree(comm, status);
}

void ci_par_pairwise_free(ci_par_pairwise *u)
{
    if (!u) return;
    ci_mem_free(u->nodes);
    ci_mem_free(u);
}
