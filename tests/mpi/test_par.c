/* par: agreement, block sums, exchange in tiny pieces, argmax. */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_agree(ci_comm *world)
{
    int rank = ci_comm_rank(world), size = ci_comm_size(world);
    CHECK(ci_par_agree(world, CI_OK) == CI_OK);
    /* One rank fails: all fail, with its text. */
    ci_status mine = CI_OK;
    if (rank == size - 1) mine = ci_error(CI_ERR_INPUT, "file %d is bad", rank);
    char expected[64];
    snprintf(expected, sizeof expected, "file %d is bad", size - 1);
    CHECK(ci_par_agree(world, mine) == CI_ERR_INPUT);
    CHECK(strcmp(ci_error_text(), expected) == 0);
    /* All fail alike: the lowest rank's text; a worse one wins over a lower rank. */
    mine = ci_error(CI_ERR_INPUT, "rank %d", rank);
    CHECK(ci_par_agree(world, mine) == CI_ERR_INPUT && strcmp(ci_error_text(), "rank 0") == 0);
    mine = ci_error(rank == size - 1 ? CI_ERR_DISK : CI_ERR_INPUT, "rank %d", rank);
    snprintf(expected, sizeof expected, "rank %d", size - 1);
    CHECK(ci_par_agree(world, mine) == CI_ERR_DISK && strcmp(ci_error_text(), expected) == 0);
}

/* Values whose sum depends on the order of addition. */
static double term(size_t block, size_t value)
{
    return sin((double)(block * 7 + value)) * pow(10.0, (double)((block * 5 + value) % 17) - 8);
}

static void test_sum_blocks(ci_comm *world, size_t n_block, size_t n_value)
{
    size_t first, count;
    ci_par_split(n_block, ci_comm_size(world), ci_comm_rank(world), &first, &count);
    double *here = NULL, *sum = NULL;
    CHECK_OK(ci_mem_alloc(&here, count * n_value, sizeof *here, "test"));
    CHECK_OK(ci_mem_alloc(&sum, n_value, sizeof *sum, "test"));
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < n_value; i++)
            here[b * n_value + i] = term(first + b, i);
    CHECK_OK(ci_par_sum_blocks(world, n_block, first, count, n_value, here, sum));
    for (size_t i = 0; i < n_value; i++) {
        double exact = n_block > 0 ? term(0, i) : 0;
        for (size_t b = 1; b < n_block; b++)
            exact += term(b, i);
        CHECK(memcmp(&exact, &sum[i], sizeof exact) == 0);
    }
    ci_mem_free(here);
    ci_mem_free(sum);
}

/* Sum of units [first, first + 2^level) by halves. */
static double tree(size_t first, int level, size_t value)
{
    if (level == 0) return term(first, value);
    return tree(first, level - 1, value) +
           tree(first + ((size_t)1 << (level - 1)), level - 1, value);
}

static void test_units(ci_comm *world, size_t n_unit, size_t n_value)
{
    size_t first, count;
    double *unit, sum[8];
    ci_par_pairwise *units = NULL;
    ci_par_split(n_unit, ci_comm_size(world), ci_comm_rank(world), &first, &count);
    CHECK_OK(ci_par_pairwise_new(world, &units, count, n_value));
    for (size_t b = 0; (unit = ci_par_pairwise_next(units)); b++)
        for (size_t i = 0; i < n_value; i++)
            unit[i] += term(first + b, i);
    CHECK_OK(ci_par_pairwise_finish(world, units, sum));
    ci_par_pairwise_free(units);
    for (size_t i = 0; i < n_value; i++) {
        double exact = 0;
        size_t at = 0;
        for (int level = 20; level >= 0; level--)
            if (n_unit >> level & 1) {
                exact += tree(at, level, i);
                at += (size_t)1 << level;
            }
        CHECK(memcmp(&exact, &sum[i], sizeof exact) == 0);
    }
}

static unsigned char pattern(int from, int to, size_t i)
{
    return (unsigned char)((size_t)from * 31 + (size_t)to * 7 + i);
}

static void test_exchange(ci_comm *world)
{
    int rank = ci_comm_rank(world), size = ci_comm_size(world);
    size_t n_send[8], n_recv[8], total = 0, at = 0;
    for (int r = 0; r < size; r++)
        total += n_send[r] = (size_t)((rank * 3 + r) % 4) * 1500;
    unsigned char *send = NULL, *recv = NULL;
    CHECK_OK(ci_mem_alloc(&send, total, 1, "test"));
    for (int r = 0; r < size; r++)
        for (size_t i = 0; i < n_send[r]; i++)
            send[at++] = pattern(rank, r, i);
    CHECK_OK(ci_par_exchange(world, send, n_send, (void **)&recv, n_recv));
    at = 0;
    for (int r = 0; r < size; r++) {
        CHECK(n_recv[r] == (size_t)((r * 3 + rank) % 4) * 1500);
        for (size_t i = 0; i < n_recv[r]; i++)
            CHECK(recv[at++] == pattern(r, rank, i));
    }
    ci_mem_free(send);
    ci_mem_free(recv);
}

static void test_gather(ci_comm *world)
{
    int rank = ci_comm_rank(world), size = ci_comm_size(world);
    int here[3] = {rank, rank * 10, rank * 100};
    size_t n = (size_t)(rank % 3 + 1) * sizeof(int), n_out = 0;
    for (int root = -1; root < size; root++) {
        int *all = NULL;
        CHECK_OK(ci_par_gather(world, here, n, root, (void **)&all, &n_out));
        if (root >= 0 && root != rank)
            CHECK(all == NULL);
        else {
            size_t at = 0;
            for (int r = 0; r < size; r++)
                for (int i = 0, factor = 1; i < r % 3 + 1; i++, factor *= 10)
                    CHECK(all[at++] == r * factor);
            CHECK(at * sizeof(int) == n_out);
        }
        ci_mem_free(all);
    }
}

static void test_argmax(ci_comm *world)
{
    int rank = ci_comm_rank(world), size = ci_comm_size(world);
    double value = 5.0;
    int64_t index = 1000 - rank; /* a tie: the lowest index wins */
    CHECK_OK(ci_par_argmax(world, &value, &index));
    CHECK(value == 5.0 && index == 1000 - (size - 1));
    index = rank == 0 ? 3 : -1; /* nothing on the others */
    value = rank == 0 ? -2.0 : 99.0;
    CHECK_OK(ci_par_argmax(world, &value, &index));
    CHECK(value == -2.0 && index == 3);
    value = rank == size - 1 ? NAN : 1.0;
    index = rank;
    CHECK(ci_par_argmax(world, &value, &index) == CI_ERR_INTERNAL);
}

/* Sizes differ, and only the last rank's is too large: nobody has a buffer, nothing is lost. */
static void test_alloc(ci_comm *world)
{
    size_t before = ci_mem_now(), budget = ci_mem_budget();
    bool is_last = ci_comm_rank(world) == ci_comm_size(world) - 1;
    char *buffer = (char *)world;
    ci_mem_set_budget(before + 1000000);
    CHECK(ci_par_alloc(world, &buffer, is_last ? 2000000 : 1000, 1, "a test") == CI_ERR_MEMORY);
    CHECK(buffer == NULL && ci_mem_now() == before);
    CHECK(strstr(ci_error_text(), "a test needs 0.002 GB more") != NULL);
    CHECK_OK(ci_par_alloc(world, &buffer, is_last ? 2000 : 1000, 1, "a test"));
    CHECK(buffer != NULL && ci_mem_now() == before + (is_last ? 2000 : 1000));
    ci_mem_free(buffer);
    ci_mem_set_budget(budget);
}

/* Only the last rank has no memory for it: nobody has a list, nothing is lost. */
static void test_units_without_memory(ci_comm *world)
{
    size_t before = ci_mem_now(), budget = ci_mem_budget();
    ci_par_pairwise *units = NULL;
    if (ci_comm_rank(world) == ci_comm_size(world) - 1) ci_mem_set_budget(before + 1000);
    CHECK(ci_par_pairwise_new(world, &units, 1, 100) == CI_ERR_MEMORY);
    CHECK(units == NULL && ci_mem_now() == before);
    ci_mem_set_budget(budget);
}

/* Each rank's scopes are added up on rank 0. */
static void test_timer(ci_comm *world)
{
    ci_timer *merged = NULL;
    size_t n = 0;
    size_t mark = ci_timer_begin(ci_comm_timer(world), "timed");
    CHECK(ci_par_barrier(world) == CI_OK);
    ci_timer_end(ci_comm_timer(world), mark);
    CHECK(ci_comm_timer_merge(world, &merged) == CI_OK);
    CHECK((merged != NULL) == (ci_comm_rank(world) == 0));
    if (!merged) return;
    const ci_timer_scope *s = ci_timer_scopes(merged, &n), *timed = NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].name, "timed") == 0) timed = &s[i];
    CHECK(timed && timed->i_parent == -1 && timed->n_timer == ci_comm_size(world));
    CHECK(timed && timed->n_call == (uint64_t)ci_comm_size(world));
    CHECK(timed && timed->max_seconds <= timed->seconds);
    ci_timer_free(merged);
}

/* What a team's ranks send is counted where the world's is: a run reports the world's. */
static void test_counters(ci_comm *world)
{
    ci_comm *half = NULL;
    char data[3000] = "";
    CHECK_OK(ci_comm_split(world, ci_comm_rank(world) % 2, &half));
    uint64_t before = ci_par_counters_get(world).n_byte_sent;
    CHECK_OK(ci_par_bcast(half, data, sizeof data, 0));
    uint64_t sent = ci_par_counters_get(world).n_byte_sent - before;
    bool sends = ci_comm_rank(half) == 0 && ci_comm_size(half) > 1;
    CHECK(sent == (sends ? sizeof data : 0));
    ci_comm_free(half);
}

int main(void)
{
    setenv("CONTIMG_TEST_PIECE_BYTES", "1024", 1);
    ci_comm *world = NULL, *half = NULL;
    if (ci_par_start(&world) != CI_OK) return 70;
    size_t before = ci_mem_now();
    test_agree(world);
    test_sum_blocks(world, 0, 5);
    test_sum_blocks(world, 2, 3);
    test_sum_blocks(world, 37, 1001);
    for (size_t n = 0; n < 40; n++)
        test_units(world, n, 3);
    test_units(world, 1000, 8);
    test_exchange(world);
    test_gather(world);
    test_argmax(world);
    test_alloc(world);
    test_units_without_memory(world);
    test_timer(world);
    test_counters(world);
    CHECK_OK(ci_comm_split(world, ci_comm_rank(world) % 2, &half));
    test_sum_blocks(half, 11, 7);
    ci_comm_free(half);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}
