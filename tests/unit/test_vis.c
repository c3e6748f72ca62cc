/* vis: parts of ranks, copies, flag counts. */

#include "unit_case.h"
#include "contimg/vis.h"

/* For any number of ranks the parts cover every baseline of every sub-band once, in
 * global order, and whole sub-bands stay together while there are enough of them. */
static void check_parts(size_t n_sub_band, size_t n_baseline, int n_rank)
{
    size_t i_sub_band = 0, i_baseline = 0;
    for (int rank = 0; rank < n_rank; rank++) {
        ci_vis_part parts[16];
        size_t n_part = 99;
        ci_vis_parts(n_sub_band, n_baseline, n_rank, rank, parts, &n_part);
        for (size_t i = 0; i < n_part; i++) {
            if (i_baseline == n_baseline) {
                i_sub_band++;
                i_baseline = 0;
            }
            assert_int_equal(parts[i].i_sub_band, i_sub_band);
            assert_int_equal(parts[i].i_baseline_first, i_baseline);
            assert_true(parts[i].n_baseline > 0);
            i_baseline += parts[i].n_baseline;
            if ((size_t)n_rank <= n_sub_band) assert_int_equal(parts[i].n_baseline, n_baseline);
        }
    }
    assert_int_equal(i_sub_band, n_sub_band - 1);
    assert_int_equal(i_baseline, n_baseline);
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t n_sub_band = 1; n_sub_band <= 16; n_sub_band++) {
        for (int n_rank = 1; n_rank <= 40; n_rank++) {
            check_parts(n_sub_band, 4656, n_rank);
            check_parts(n_sub_band, 1, n_rank);
            check_parts(n_sub_band, 3, n_rank);
        }
    }
    ci_vis_part part;
    size_t n_part = 7;
    ci_vis_parts(0, 10, 4, 0, &part, &n_part);
    assert_int_equal(n_part, 0);
    /* 4 ranks on one sub-band: balanced runs */
    ci_vis_parts(1, 10, 4, 1, &part, &n_part);
    assert_int_equal(n_part, 1);
    assert_int_equal(part.i_baseline_first, 3);
    assert_int_equal(part.n_baseline, 3);
}

static ci_vis_meta *meta_new(void)
{
    ci_vis_meta *meta = NULL;
    assert_int_equal(ci_mem_alloc(&meta, 1, sizeof *meta, "meta"), CI_OK);
    meta->array.n_antenna = 2;
    assert_int_equal(ci_mem_alloc(&meta->array.antenna, 2, sizeof *meta->array.antenna, "a"), 0);
    meta->array.antenna[1].number = 17;
    meta->n_pol = 2;
    meta->pol[0] = -5;
    meta->pol[1] = -6;
    meta->n_baseline = 3;
    assert_int_equal(ci_mem_alloc(&meta->baseline_ant1, 3, 4, "b"), CI_OK);
    assert_int_equal(ci_mem_alloc(&meta->baseline_ant2, 3, 4, "b"), CI_OK);
    meta->baseline_ant2[1] = meta->baseline_ant1[2] = meta->baseline_ant2[2] = 1;
    meta->n_time = 2;
    assert_int_equal(ci_mem_alloc(&meta->time_mjd_s, 2, sizeof(double), "t"), CI_OK);
    meta->n_sub_band = 1;
    assert_int_equal(ci_mem_alloc(&meta->sub_band, 1, sizeof *meta->sub_band, "s"), CI_OK);
    meta->sub_band[0].n_chan = 4;
    assert_int_equal(ci_mem_alloc(&meta->sub_band[0].freq_hz, 4, 8, "f"), CI_OK);
    assert_int_equal(ci_mem_alloc(&meta->sub_band[0].width_hz, 4, 8, "f"), CI_OK);
    meta->sub_band[0].freq_hz[3] = 1.5e9;
    meta->n_phase = 1;
    assert_int_equal(ci_mem_alloc(&meta->phase, 1, sizeof *meta->phase, "p"), CI_OK);
    return meta;
}

static void test_block(void **state)
{
    (void)state;
    ci_vis_meta *meta = meta_new(), *copy = NULL;
    assert_int_equal(ci_vis_meta_copy(&copy, meta), CI_OK);
    ci_vis_meta_free(meta); /* the copy stands alone */
    assert_int_equal(copy->array.antenna[1].number, 17);
    assert_true(copy->sub_band[0].freq_hz[3] == 1.5e9);
    assert_int_equal(ci_vis_pol_find(copy, -6), 1);
    assert_int_equal(ci_vis_pol_find(copy, -7), -1);
    ci_vis_block *block = NULL;
    ci_vis_part wrong = {0, 2, 2}, right = {0, 1, 2};
    assert_int_equal(ci_vis_block_new(&block, copy, wrong, 4), CI_ERR_INTERNAL);
    assert_int_equal(ci_vis_block_new(&block, copy, right, SIZE_MAX / 4), CI_ERR_MEMORY);
    assert_null(block);
    assert_int_equal(ci_vis_block_new(&block, copy, right, 4), CI_OK);
    assert_int_equal(ci_vis_sample(block, 3, 3, 1), 31);
    assert_true(block->data[31] == 0);
    block->flags[0] = CI_VIS_FLAG_ZERO | CI_VIS_FLAG_FILE;
    block->flags[1] = CI_VIS_FLAG_RFI | CI_VIS_FLAG_USER;
    block->flags[2] = CI_VIS_FLAG_USER;
    ci_vis_flag_counts counts = {0};
    ci_vis_flags_count(block, &counts);
    ci_vis_flags_count(block, &counts); /* adds */
    assert_int_equal(counts.n_good, 58);
    assert_int_equal(counts.n_by_bit[0], 2);
    assert_int_equal(counts.n_by_bit[2], 0);
    assert_int_equal(counts.n_by_bit[4], 2);
    assert_int_equal(counts.n_by_bit[7], 2);
    ci_vis_set *set = NULL;
    assert_int_equal(ci_mem_alloc(&set, 1, sizeof *set, "set"), CI_OK);
    assert_int_equal(ci_mem_alloc(&set->block, 1, sizeof *set->block, "set"), CI_OK);
    set->meta = copy;
    set->n_block = 1;
    set->block[0] = block;
    ci_vis_set_free(set);
    ci_vis_set_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_parts),
        UNIT_TEST(test_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
