/* par: arguments that must be equal on all ranks: a planted difference is seen by all of them, and
 * in debug builds refused by the collective functions themselves. */
#include "check.h"

#include <string.h>

static void test_equal(ci_comm *world)
{
    double values[3] = {1, -2.5, 1e300};
    CHECK_OK(ci_par_check_equal(world, "a test", values, sizeof values));
    CHECK_OK(ci_par_check_equal(world, "a test", values, 0));
}

/* The difference of one rank, whichever it is, in any byte. */
static void test_planted_difference(ci_comm *world)
{
    int rank = ci_comm_rank(world), size = ci_comm_size(world);
    for (int planted = 0; planted < size && size > 1; planted++)
        for (size_t i = 0; i < 16; i++) {
            unsigned char bytes[16] = {0};
            if (rank == planted) bytes[i] = 1;
            ci_error_clear();
            CHECK(ci_par_check_equal(world, "the option", bytes, sizeof bytes) == CI_ERR_INTERNAL);
            CHECK(strcmp(ci_error_text(), "the option differs between ranks") == 0);
        }
}

/* One text of one rank, or where one ends and the next begins. */
static void test_texts(ci_comm *world)
{
    bool is_last = ci_comm_rank(world) == ci_comm_size(world) - 1;
    const char *same[] = {"a.hdf5", "b.hdf5"}, *other[] = {"a.hdf", "5b.hdf5"};
    CHECK_OK(ci_par_check_texts(world, "the list", same, 2));
    if (ci_comm_size(world) == 1) return;
    ci_error_clear();
    CHECK(ci_par_check_texts(world, "the list", is_last ? other : same, 2) == CI_ERR_INTERNAL);
    CHECK(strcmp(ci_error_text(), "the list differs between ranks") == 0);
}

/* It is no call of the program's own: numbers of calls are the same with it. */
static void test_not_counted(ci_comm *world)
{
    uint64_t before = ci_par_counters_get(world).n_call;
    int same = 1;
    CHECK_OK(ci_par_check_equal(world, "a test", &same, sizeof same));
    CHECK(ci_par_counters_get(world).n_call == before);
}

/* Kernels of two instruction sets would change the bytes of results. */
static void test_instruction_set(ci_comm *world)
{
    ci_isa before = ci_comm_isa(world);
    if (ci_comm_size(world) == 1 || before == CI_ISA_PLAIN) return;
    ci_error_clear();
    CHECK(ci_comm_isa_set(world, ci_comm_rank(world) == 0 ? CI_ISA_PLAIN : before) ==
          CI_ERR_INTERNAL);
    CHECK(strcmp(ci_error_text(), "--isa differs between ranks") == 0);
    CHECK(ci_comm_isa(world) == before);
}

#ifndef NDEBUG
static void test_collectives_refuse(ci_comm *world)
{
    int rank = ci_comm_rank(world);
    size_t n = rank == 0 ? 2 : 3;
    int64_t counts[3] = {0};
    double here[3] = {0}, sum[3];
    void *all = NULL;
    if (ci_comm_size(world) == 1) return;
    CHECK(ci_par_bcast(world, counts, n * sizeof *counts, 0) == CI_ERR_INTERNAL);
    CHECK(strstr(ci_error_text(), "broadcast: number of bytes or root differs") != NULL);
    CHECK(ci_par_bcast(world, counts, sizeof counts, rank == 0) == CI_ERR_INTERNAL);
    CHECK(ci_par_sum_int(world, counts, n) == CI_ERR_INTERNAL);
    CHECK(ci_par_max_int(world, counts, n) == CI_ERR_INTERNAL);
    CHECK(ci_par_max_double(world, here, n) == CI_ERR_INTERNAL);
    CHECK(ci_par_sum_blocks(world, 1, 0, rank == 0, n, here, sum) == CI_ERR_INTERNAL);
    CHECK(ci_par_gather(world, here, sizeof here, rank, &all, NULL) == CI_ERR_INTERNAL);
    CHECK(all == NULL);
}
#endif

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 70;
    test_equal(world);
    test_planted_difference(world);
    test_texts(world);
    test_not_counted(world);
    test_instruction_set(world);
#ifndef NDEBUG
    test_collectives_refuse(world);
#endif
    return check_end(world);
}
