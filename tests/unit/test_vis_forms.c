/* What others ask of visibilities: polarisations (against AIPS memo 117's codes), runs of rows of a
 * baseline, channels before a sub-band. */
#include "contimg/vis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct expected
{
    int code;
    const char *name;
    int feed[2], reversed;
    bool is_parallel;
} expected;

static const expected table[] = {
    {1, "I", {-1, -1}, 1, true},   {2, "Q", {-1, -1}, 2, false},  {3, "U", {-1, -1}, 3, false},
    {4, "V", {-1, -1}, 4, false},  {-1, "RR", {0, 0}, -1, true},  {-2, "LL", {1, 1}, -2, true},
    {-3, "RL", {0, 1}, -4, false}, {-4, "LR", {1, 0}, -3, false}, {-5, "XX", {0, 0}, -5, true},
    {-6, "YY", {1, 1}, -6, true},  {-7, "XY", {0, 1}, -8, false}, {-8, "YX", {1, 0}, -7, false},
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const expected *e = &table[i];
        int feed[2];
        ci_vis_pol_feeds(e->code, feed);
        assert_string_equal(ci_vis_pol_name(e->code), e->name);
        assert_int_equal(ci_vis_pol_parse(e->name), e->code);
        assert_memory_equal(feed, e->feed, sizeof feed);
        assert_int_equal(ci_vis_pol_reversed(e->code), e->reversed);
        assert_int_equal(ci_vis_pol_is_parallel(e->code), e->is_parallel);
        assert_int_equal(ci_vis_pol_kind_of(e->code), e->code > 0    ? CI_VIS_POL_STOKES
                                                      : e->code > -5 ? CI_VIS_POL_CIRCULAR
                                                                     : CI_VIS_POL_LINEAR);
    }
}

static void test_none(void **state)
{
    (void)state;
    const int none[] = {0, 5, -9, 100, -100};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_string_equal(ci_vis_pol_name(none[i]), "?");
    assert_int_equal(ci_vis_pol_parse("?"), 0);
    assert_int_equal(ci_vis_pol_parse("xx"), 0);
    assert_int_equal(ci_vis_pol_parse(""), 0);
}

static void test_baseline_runs(void **state)
{
    (void)state;
    int32_t baseline[] = {0, 0, 2, 3, 3, 3};
    ci_vis_block block = {.n_row = 6, .i_baseline = baseline};
    const size_t ends[] = {2, 3, 6};
    size_t n = 0;
    for (size_t first = 0, end; first < block.n_row; first = end, n++) {
        end = ci_vis_baseline_end(&block, first);
        assert_int_equal(end, ends[n]);
    }
    assert_int_equal(n, 3);
}

static void test_chan_first(void **state)
{
    (void)state;
    ci_vis_sub_band band[] = {{.n_chan = 4}, {.n_chan = 7}, {.n_chan = 1}};
    ci_vis_meta meta = {.n_sub_band = 3, .sub_band = band};
    const size_t first[] = {0, 4, 11, 12};
    for (size_t i = 0; i <= meta.n_sub_band; i++)
        assert_int_equal(ci_vis_chan_first(&meta, i), first[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_none),
                                       cmocka_unit_test(test_baseline_runs),
                                       cmocka_unit_test(test_chan_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
