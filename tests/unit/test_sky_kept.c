/* The sums of a prediction that the next one takes. */
#include "sky_data.h"

#define TIME (59625.1490329 * CI_DAY_S)

/* Points, every other one negative, every fifth extended. */
static ci_sky_model *some_sources(size_t n)
{
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    for (size_t i = 0; i < n; i++) {
        ci_sky_source s = {.ra_rad = 1.4 + 0.003 * (double)i,
                           .dec_rad = 0.284 - 0.002 * (double)i,
                           .flux_jy = i % 2 ? -0.5 : 1,
                           .ref_freq_hz = 1.4e9,
                           .major_rad = i % 5 == 4 ? 5e-5 : 0,
                           .minor_rad = i % 5 == 4 ? 3e-5 : 0};
        OK(ci_sky_model_append(model, &s));
    }
    return model;
}

/* A second prediction takes the sums of the first: the same bytes, on long baselines and on short
 * ones, though the model has another source meanwhile; the third sums again. Nothing is kept where
 * memory is short. */
static void predicted_once(void **state)
{
    (void)state;
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_phase_centre centre = {.kind = CI_VIS_PHASING_SIDEREAL, .ra_rad = 1.4, .dec_rad = 0.28};
    ci_vis_array array = sky_data_stations();
    ci_vis_meta *meta = sky_data_meta(&array, TIME, 150, 3, 1.4e9, 244140.625, 70, centre);
    ci_vis_block *block = sky_data_block(meta, 0, meta->n_baseline);
    size_t n = block->n_row * block->n_chan;
    ci_c32 *out[4];
    for (int k = 0; k < 4; k++)
        out[k] = sky_data_alloc(n, sizeof **out);
    ci_sky_model *model = some_sources(9), *more = some_sources(10);
    ci_sky_scene scene = {eop, model, NULL, NULL, ci_isa_widest(), NULL};
    OK(ci_sky_predict(&scene, block, out[0]));
    OK(ci_sky_kept_new(&scene.kept));
    size_t before = ci_mem_now();
    OK(ci_sky_predict(&scene, block, out[1]));
    assert_true(ci_mem_now() > before + block->n_row * 128);
    assert_memory_equal(out[0], out[1], n * sizeof **out);
    scene.model = more;
    OK(ci_sky_predict(&scene, block, out[2]));
    assert_true(ci_mem_now() < before + 10000);
    assert_memory_equal(out[0], out[2], n * sizeof **out);
    ci_mem_set_budget(ci_mem_now() + 64 * n); /* enough, but little */
    OK(ci_sky_predict(&scene, block, out[2]));
    assert_true(ci_mem_now() < before + 10000);
    ci_mem_set_budget(0);
    ci_sky_kept_free(scene.kept);
    scene.kept = NULL;
    OK(ci_sky_predict(&scene, block, out[3]));
    assert_memory_equal(out[2], out[3], n * sizeof **out);
    assert_memory_not_equal(out[0], out[3], n * sizeof **out);
    for (int k = 0; k < 4; k++)
        ci_mem_free(out[k]);
    ci_sky_model_free(model);
    ci_sky_model_free(more);
    ci_vis_block_free(block);
    ci_vis_meta_free(meta);
    ci_sky_eop_free(eop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(predicted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
