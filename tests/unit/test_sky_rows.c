/* sky: rows of a block by time and phase centre, of which there may be very many. */
#include "unit_case.h"

#include "sky/rows.h"

/* 70,000 integrations, each with a centre of its own: more pairs than 32 bits can number. */
static void test_many_centres(void **state)
{
    (void)state;
    enum
    {
        N = 70000,
        N_ROW = 6
    };
    ci_vis_meta meta = {.n_baseline = 1, .n_time = N, .n_phase = N};
    int32_t baseline[N_ROW] = {0}, time[N_ROW] = {69999, 61356, 0, 69999, 61356, 61356};
    int32_t phase[N_ROW] = {69999, 47296, 0, 69999, 47296, 3};
    ci_vis_block block = {
        .meta = &meta, .n_row = N_ROW, .i_baseline = baseline, .i_time = time, .i_phase = phase};
    ci_sky_rows rows;
    OK(ci_sky_rows_new(&rows, &block));
    static const size_t row[N_ROW] = {2, 5, 1, 4, 0, 3}, first[] = {0, 1, 2, 4, 6};
    assert_int_equal(rows.n_batch, 4);
    assert_memory_equal(rows.row, row, sizeof row);
    assert_memory_equal(rows.first, first, sizeof first);
    ci_sky_rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_many_centres)};
    return cmocka_run_group_tests_name("sky rows", tests, NULL, NULL);
}
