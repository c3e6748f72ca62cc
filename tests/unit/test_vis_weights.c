/* Weights in both of their forms, an array and products of rows and channels: one is the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/image/stokes.h"
#include "contimg/cal.h"
#include "image_set.h"

static ci_vis_set *set_new(void)
{
    const fake_sky sky = fake_sky_small(6, 9, 14);
    ci_vis_set *set = NULL;
    assert_int_equal(fake_set_new(&set, &sky, 1, 0), CI_OK);
    return set;
}

/* Numbers whose products do not fit single precision. */
static double of_row(size_t i)
{
    return 0.1 + test_random_uniform(17 * i);
}

static double of_chan(size_t i)
{
    return 1e6 / 3 * (double)(i + 1);
}

static void products_set(ci_vis_block *b)
{
    assert_int_equal(ci_vis_weights_split(b), CI_OK);
    assert_true(!b->weight && b->row_weight && b->chan_weight);
    assert_true(ci_vis_weight(b, 3, 2, 1) == 0);
    for (size_t i = 0; i < b->n_row * b->n_pol; i++)
        b->row_weight[i] = of_row(i);
    for (size_t c = 0; c < b->n_chan; c++)
        b->chan_weight[c] = of_chan(c);
}

static void weights_check(const ci_vis_block *b)
{
    float scratch[64];
    for (size_t r = 0; r < b->n_row; r++) {
        const float *row = ci_vis_weights_row(b, r, scratch);
        for (size_t c = 0; c < b->n_chan; c++)
            for (size_t p = 0; p < b->n_pol; p++) {
                float want = (float)(of_row(r * b->n_pol + p) * of_chan(c));
                assert_true(row[c * b->n_pol + p] == want && ci_vis_weight(b, r, c, p) == want);
            }
    }
}

static void test_forms(void **state)
{
    (void)state;
    size_t before = ci_mem_now();
    ci_vis_set *set = set_new();
    ci_vis_block *b = set->block[0], *copy = NULL;
    products_set(b);
    weights_check(b);
    assert_int_equal(ci_vis_block_copy(&copy, b), CI_OK);
    assert_true(!copy->weight);
    weights_check(copy);
    assert_int_equal(ci_vis_weights_join(b), CI_OK);
    assert_true(b->weight && !b->row_weight && !b->chan_weight);
    weights_check(b);
    assert_int_equal(ci_vis_weights_join(b), CI_OK); /* joined already: nothing to do */
    weights_check(b);
    ci_vis_block_values_free(copy);
    assert_true(!copy->data && !copy->row_weight && !copy->chan_weight);
    ci_vis_block_free(copy);
    ci_vis_set_free(set);
    assert_int_equal(ci_mem_now(), before);
}

/* Two sets of the same data: one with weights in an array, one with products. */
static void both_weigh(ci_vis_set *const both[2], ci_cal_weighting how, double sefd_jy)
{
    for (size_t i = 0; i < both[0]->n_block; i++) {
        ci_cal_noise noise[2];
        for (int k = 0; k < 2; k++)
            assert_int_equal(
                ci_cal_weights(both[k]->block[i], how, sefd_jy, CI_ISA_PLAIN, &noise[k]), CI_OK);
        assert_memory_equal(&noise[0], &noise[1], sizeof noise[0]);
        assert_true(both[0]->block[i]->weight && both[1]->block[i]->row_weight);
    }
}

static void both_compare(ci_vis_set *const both[2])
{
    for (size_t i = 0; i < both[0]->n_block; i++) {
        const ci_vis_block *a = both[0]->block[i], *b = both[1]->block[i];
        for (size_t r = 0; r < a->n_row; r++)
            for (size_t c = 0; c < a->n_chan; c++)
                for (size_t p = 0; p < a->n_pol; p++)
                    assert_true(ci_vis_weight(a, r, c, p) == ci_vis_weight(b, r, c, p));
    }
}

static void both_image(ci_comm *comm, ci_vis_set *const both[2])
{
    ci_image_options options;
    ci_vis_samples *s[2] = {NULL, NULL};
    ci_image_options_default(&options);
    for (int k = 0; k < 2; k++)
        assert_int_equal(ci_image_samples_new(comm, &s[k], both[k], &options), CI_OK);
    assert_int_equal(s[0]->n_sample, s[1]->n_sample);
    assert_memory_equal(s[0]->data, s[1]->data, s[0]->n_sample * sizeof *s[0]->data);
    assert_memory_equal(s[0]->natural, s[1]->natural, s[0]->n_sample * sizeof(float));
    assert_true(s[0]->natural[s[0]->n_sample - 1] > 0);
    ci_vis_samples_free(s[0]);
    ci_vis_samples_free(s[1]);
}

static void test_noise(void **state)
{
    (void)state;
    ci_comm *comm = NULL;
    assert_int_equal(ci_comm_self(&comm), CI_OK);
    ci_vis_set *both[2] = {set_new(), set_new()};
    for (int k = 0; k < 2; k++) {
        ci_vis_meta *meta = both[k]->meta;
        meta->has_valid_nsamples = true;
        for (size_t s = 0; s < meta->n_sub_band; s++)
            for (size_t c = 0; c < meta->sub_band[s].n_chan; c++)
                meta->sub_band[s].width_hz[c] *= 1 + 0.1 * (double)c; /* uneven */
        for (size_t i = 0; i < both[k]->n_block; i++)
            for (size_t r = 0; r < both[k]->block[i]->n_row; r++)
                both[k]->block[i]->interval_s[r] = 12 + (double)(r / 4 % 3);
    }
    for (size_t i = 0; i < both[1]->n_block; i++)
        products_set(both[1]->block[i]);
    both_weigh(both, CI_CAL_WEIGHTS_SIGMA, 0);
    assert_true(ci_vis_weight(both[1]->block[0], 12, 3, 0) >
                1.1F * ci_vis_weight(both[1]->block[0], 12, 1, 0));
    both_compare(both);
    both_image(comm, both);
    both_weigh(both, CI_CAL_WEIGHTS_NSAMPLES, 0); /* as they are */
    both_compare(both);
    assert_true(ci_vis_weight(both[1]->block[0], 12, 3, 0) != 1);
    both_weigh(both, CI_CAL_WEIGHTS_UNIT, 0);
    assert_true(ci_vis_weight(both[1]->block[0], 12, 3, 0) == 1);
    both_compare(both);
    ci_vis_set_free(both[0]);
    ci_vis_set_free(both[1]);
    ci_comm_free(comm);
}

/* Where each baseline's rows are alike but not all are, differences are taken one by one: the
 * weights are the same as where they are taken together. */
static void test_one_by_one(void **state)
{
    (void)state;
    ci_vis_set *both[2] = {set_new(), set_new()};
    ci_vis_block *odd = both[1]->block[0];
    ci_cal_noise noise;
    size_t last = odd->n_row - 9;
    for (int k = 0; k < 2; k++) /* flags of one baseline and polarisation */
        both[k]->block[0]->flags[ci_vis_sample(odd, 30, 5, 1)] = CI_VIS_FLAG_RFI;
    for (size_t r = last; r < odd->n_row; r++)
        odd->interval_s[r] *= 2;
    for (int k = 0; k < 2; k++)
        assert_int_equal(ci_cal_weights(both[k]->block[0], CI_CAL_WEIGHTS_SIGMA, 0,
                                        k ? CI_ISA_PLAIN : ci_isa_widest(), &noise),
                         CI_OK);
    assert_memory_equal(both[0]->block[0]->weight, odd->weight,
                        last * odd->n_chan * odd->n_pol * sizeof(float));
    assert_true(noise.is_known && odd->weight[0] != 1);
    ci_vis_set_free(both[0]);
    ci_vis_set_free(both[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_noise),
                                       cmocka_unit_test(test_one_by_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
