/* The record of a tile: structure to JSON and back, for reports, the next run and other ranks. */
#include "unit_case.h"

#include "contimg/tile.h"

#include <math.h>

/* ---- a record with everything ------------------------------------------------------------- */

static void images_make(ci_tile_record *record)
{
    OK(ci_mem_alloc(&record->images, 1, sizeof *record->images, "test"));
    *record->images = (ci_tile_images){.n_x = 4200,
                                       .n_y = 4200,
                                       .n_sample = 1234567890123,
                                       .n_gridded = 12345678901,
                                       .taper_arcsec = 30.5,
                                       .compression = 1e-4,
                                       .flux_ratio = 0.95,
                                       .flux_ratio_err = 0.01,
                                       .n_flux_match = 7,
                                       .n_major = 7,
                                       .n_minor = 4321,
                                       .n_plane = 12,
                                       .n_point_component = 3,
                                       .cell_arcsec = 3.1,
                                       .ra_deg = 83.6331,
                                       .dec_deg = 22.0145,
                                       .beam_major_arcsec = 13.1,
                                       .beam_minor_arcsec = 9.7,
                                       .beam_pa_deg = -12.5,
                                       .psf_sidelobe = 0.11,
                                       .rms_jy = 1e-4,
                                       .thermal_jy = NAN,
                                       .peak_jy = 12.66,
                                       .dirty_peak_jy = 11.1,
                                       .model_flux_jy = 20.5,
                                       .freq_hz = 1.405e9,
                                       .bandwidth_hz = 1.875e8,
                                       .is_pseudo_i = true,
                                       .stop_reason = "threshold",
                                       .scales = "12.5,25",
                                       .n_slope = 1,
                                       .slope = {{83.6, 22.0, 12.5, 0.9, -0.3}},
                                       .n_variable = 1,
                                       .variable = {{.flux_jy = 2.5, .last_hz = 1.4e9}},
                                       .n_outside = 1,
                                       .outside = {{86.1, 22.5, 0.6, 0.05, -1.7}}};
}

static void flags_make(ci_tile_record *record)
{
    static const double fraction[3] = {0.25, NAN, 1};
    OK(ci_mem_alloc(&record->flags, 1, sizeof *record->flags, "test"));
    ci_tile_flags *flags = record->flags;
    flags->counts = (ci_vis_flag_counts){.n_good = 1000, .n_by_bit = {1, 2, 3, 4, 5, 6, 7, 8}};
    OK(ci_mem_alloc(&flags->antenna, 2, sizeof *flags->antenna, "test"));
    flags->n_antenna = 2;
    flags->antenna[0] = (ci_tile_antenna){NULL, 0.125, 2, {false, true}};
    flags->antenna[1] = (ci_tile_antenna){NULL, 1, 2, {true, true}};
    OK(ci_str_copy(&flags->antenna[0].name, "pad 24"));
    OK(ci_str_copy(&flags->antenna[1].name, "pad \"25\""));
    OK(ci_mem_alloc(&flags->channel_fraction, 3, sizeof(double), "test"));
    flags->n_chan = 3;
    memcpy(flags->channel_fraction, fraction, sizeof fraction);
}

static void calibration_make(ci_tile_record *record)
{
    OK(ci_mem_alloc(&record->calibration, 1, sizeof *record->calibration, "test"));
    ci_tile_calibration *c = record->calibration;
    c->gains = CI_TILE_GAINS_TRANSFERRED;
    OK(ci_str_copy(&c->bandpass, "/tables/a.bandpass.calh5"));
    OK(ci_str_copy(&c->gain, "/tables/a.gain.calh5"));
    OK(ci_str_copy(&c->model, "sources.csv"));
    c->is_approximate = true;
    c->field = CI_TILE_FIELD_AMPLITUDE;
    snprintf(c->field_why, sizeof c->field_why, "why \"not\"");
    c->field_shift_arcsec = 89.5;
    snprintf(c->field_shift_why, sizeof c->field_shift_why, "moved");
    c->flux_scale = 0.9;
    c->coherence = (ci_tile_coherence){true, true, 0.015, 0.004, 0.12, NAN};
    c->n_residual = 2;
    c->residual[0] = 0.1;
    c->residual[1] = 0.2;
    c->flagged_fraction = 0.03;
    c->phase_scatter_deg = NAN;
    c->offset_arcsec[0] = -63.5;
    c->offset_arcsec[1] = 20.25;
    c->offset_sigma[0] = 2.5;
    c->offset_sigma[1] = NAN;
}

static void others_make(ci_tile_record *record)
{
    OK(ci_mem_alloc(&record->uv, 1, sizeof *record->uv, "test"));
    OK(ci_mem_alloc(&record->uv->uv_lambda, 2, 2 * sizeof(double), "test"));
    record->uv->n = 2;
    for (int i = 0; i < 4; i++)
        record->uv->uv_lambda[i] = 10.5 * i;
    OK(ci_mem_alloc(&record->gates, 1, sizeof *record->gates, "test"));
    ci_qa_gates_add(record->gates, CI_QA_GATE_NOISE, CI_QA_WARN, 1.7, 1.5, "rms %.1f thermal", 1.7);
    ci_qa_gates_add(record->gates, CI_QA_GATE_BEAM, CI_QA_PASS, NAN, NAN, "is there");
    OK(ci_mem_alloc(&record->file, 1, sizeof *record->file, "test"));
    OK(ci_str_copy(&record->file[0].name, "image.fits"));
    record->n_file = 1;
    snprintf(record->file[0].sha256, sizeof record->file[0].sha256, "%064d", 7);
}

static ci_tile_record *record_make(void)
{
    ci_tile_record *record = NULL;
    OK(ci_tile_record_new(&record, "2026-01-25T00:00:10"));
    record->state = CI_TILE_PASSED;
    record->is_degraded = true;
    OK(ci_str_copy(&record->folder, "/staging/tiles/2026-01-25T00:00:10"));
    snprintf(record->relaxed, sizeof record->relaxed, "qa-img-max-noise-ratio 5 (3)");
    snprintf(record->made_with_sha256, sizeof record->made_with_sha256, "%064d", 1);
    snprintf(record->inputs_sha256, sizeof record->inputs_sha256, "%064d", 2);
    images_make(record);
    flags_make(record);
    calibration_make(record);
    others_make(record);
    return record;
}

/* Through the text of a file, as the next run reads it. */
static ci_tile_record *through_text(const ci_tile_record *record)
{
    ci_tile_record *back = NULL;
    ci_json *json = ci_tile_record_json(record), *read = NULL;
    char *text = NULL;
    OK(ci_json_print(&text, json, true));
    OK(ci_json_parse(&read, text, "record"));
    OK(ci_tile_record_parse(&back, read));
    ci_json_free(json);
    ci_json_free(read);
    ci_mem_free(text);
    return back;
}

/* ---- there and back ------------------------------------------------------------------------- */

static void same(double a, double b)
{
    if (!(a == b || (isnan(a) && isnan(b)))) fail_msg("%.17g, not %.17g", b, a);
}

static void test_head_comes_back(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = through_text(record);
    assert_string_equal(back->id, record->id);
    assert_int_equal(back->state, CI_TILE_PASSED);
    assert_true(back->is_degraded);
    assert_false(back->is_reused);
    assert_string_equal(back->folder, record->folder);
    assert_string_equal(back->relaxed, record->relaxed);
    assert_string_equal(back->made_with_sha256, record->made_with_sha256);
    assert_string_equal(back->inputs_sha256, record->inputs_sha256);
    assert_int_equal(back->n_file, 1);
    assert_string_equal(back->file[0].name, "image.fits");
    assert_string_equal(back->file[0].sha256, record->file[0].sha256);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

static void test_images_come_back(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = through_text(record);
    const ci_tile_images *a = record->images, *b = back->images;
    assert_int_equal(b->n_x, a->n_x);
    assert_int_equal(b->n_sample, a->n_sample);
    assert_int_equal(b->n_gridded, a->n_gridded);
    same(a->taper_arcsec, b->taper_arcsec);
    same(a->compression, b->compression);
    same(a->flux_ratio, b->flux_ratio);
    same(a->flux_ratio_err, b->flux_ratio_err);
    assert_int_equal(a->n_flux_match, b->n_flux_match);
    assert_int_equal(b->n_major, a->n_major);
    assert_int_equal(b->n_point_component, a->n_point_component);
    same(a->cell_arcsec, b->cell_arcsec);
    same(a->thermal_jy, b->thermal_jy);
    same(a->beam_pa_deg, b->beam_pa_deg);
    same(a->bandwidth_hz, b->bandwidth_hz);
    assert_true(b->is_pseudo_i);
    assert_string_equal(b->stop_reason, a->stop_reason);
    assert_string_equal(b->scales, a->scales);
    assert_int_equal(b->n_slope, 1);
    same(a->slope[0].slope, b->slope[0].slope);
    same(a->slope[0].ra_deg, b->slope[0].ra_deg);
    assert_int_equal(b->n_variable, 1);
    same(a->variable[0].flux_jy, b->variable[0].flux_jy);
    same(a->variable[0].last_hz, b->variable[0].last_hz);
    assert_int_equal(b->n_outside, 1);
    same(a->outside[0].dec_deg, b->outside[0].dec_deg);
    same(a->outside[0].flux_jy, b->outside[0].flux_jy);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

static void test_flags_come_back(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = through_text(record);
    const ci_tile_flags *a = record->flags, *b = back->flags;
    assert_memory_equal(&a->counts, &b->counts, sizeof a->counts);
    assert_int_equal(b->n_antenna, 2);
    assert_string_equal(b->antenna[1].name, "pad \"25\"");
    assert_int_equal(b->antenna[0].n_pol, 2);
    assert_false(b->antenna[0].dead[0]);
    assert_true(b->antenna[0].dead[1]);
    assert_int_equal(b->n_chan, 3);
    for (size_t i = 0; i < 3; i++)
        same(a->channel_fraction[i], b->channel_fraction[i]);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

static void test_calibration_and_gates_come_back(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = through_text(record);
    const ci_tile_calibration *c = back->calibration;
    assert_int_equal(c->gains, CI_TILE_GAINS_TRANSFERRED);
    assert_string_equal(c->gain, "/tables/a.gain.calh5");
    assert_string_equal(c->model, "sources.csv");
    assert_int_equal(c->field, CI_TILE_FIELD_AMPLITUDE);
    assert_string_equal(c->field_why, "why \"not\"");
    same(c->field_shift_arcsec, 89.5);
    assert_string_equal(c->field_shift_why, "moved");
    same(c->flux_scale, 0.9);
    assert_true(c->coherence.is_doubted && c->coherence.is_measured);
    same(0.015, c->coherence.loss);
    same(0.004, c->coherence.sigma);
    same(0.12, c->coherence.before);
    assert_int_equal(c->n_residual, 2);
    same(0.2, c->residual[1]);
    same(NAN, c->phase_scatter_deg);
    same(-63.5, c->offset_arcsec[0]);
    same(20.25, c->offset_arcsec[1]);
    same(2.5, c->offset_sigma[0]);
    same(NAN, c->offset_sigma[1]);
    assert_int_equal(back->uv->n, 2);
    same(31.5, back->uv->uv_lambda[3]);
    assert_int_equal(back->gates->n, 2);
    assert_int_equal(back->gates->item[0].outcome, CI_QA_WARN);
    assert_string_equal(back->gates->item[0].text, "rms 1.7 thermal");
    assert_true(back->gates->warned);
    assert_false(back->gates->refused);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

/* ---- what is not there ----------------------------------------------------------------------- */

static void test_absent_parts_stay_absent(void **state)
{
    (void)state;
    ci_tile_record *record = NULL;
    OK(ci_tile_record_new(&record, "x"));
    snprintf(record->reason, sizeof record->reason, "x.hdf5: no such file");
    ci_tile_record *back = through_text(record);
    assert_int_equal(back->state, CI_TILE_FAILED);
    assert_string_equal(back->reason, "x.hdf5: no such file");
    assert_null(back->folder);
    assert_null(back->images);
    assert_null(back->flags);
    assert_null(back->calibration);
    assert_null(back->uv);
    assert_null(back->gates);
    assert_int_equal(back->n_file, 0);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

static void test_what_is_no_record_is_refused(void **state)
{
    (void)state;
    ci_tile_record *record = NULL;
    ci_json *json = ci_json_object();
    ci_json_put_string(json, "state", "perhaps");
    unit_refused(ci_tile_record_parse(&record, json), CI_ERR_INPUT, "'perhaps'");
    assert_null(record);
    ci_json_free(json);
}

/* ---- between ranks --------------------------------------------------------------------------- */

static void test_packing_keeps_the_status(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = NULL;
    ci_par_packer packer = {0};
    record->state = CI_TILE_FAILED;
    record->status = CI_ERR_NO_DATA; /* has its exit code in common with another */
    snprintf(record->reason, sizeof record->reason, "nothing\nleft");
    OK(ci_tile_record_pack(&packer, record));
    ci_par_unpacker packed = {packer.bytes, packer.n};
    OK(ci_tile_record_unpack(&back, &packed));
    assert_int_equal(packed.left, 0);
    assert_int_equal(back->status, CI_ERR_NO_DATA);
    assert_string_equal(back->reason, record->reason);
    ci_mem_free(packer.bytes);
    ci_tile_record_free(record);
    ci_tile_record_free(back);
}

/* What tile.json has of a record, of one that went to another rank. */
static void packed_same(const ci_tile_record *record)
{
    ci_par_packer packer = {0};
    ci_tile_record *back = NULL;
    char *text[2] = {NULL, NULL};
    OK(ci_tile_record_pack(&packer, record));
    ci_par_unpacker packed = {packer.bytes, packer.n};
    OK(ci_tile_record_unpack(&back, &packed));
    const ci_tile_record *both[2] = {record, back};
    for (int i = 0; i < 2; i++) {
        ci_json *json = ci_tile_record_json(both[i]);
        OK(ci_json_print(&text[i], json, false));
        ci_json_free(json);
    }
    assert_string_equal(text[1], text[0]);
    for (int i = 0; i < 2; i++)
        ci_mem_free(text[i]);
    ci_tile_record_free(back);
    ci_mem_free(packer.bytes);
}

static void test_packing_keeps_all_parts(void **state)
{
    (void)state;
    ci_tile_record *record = record_make();
    packed_same(record);
    ci_tile_record_free(record);
    OK(ci_tile_record_new(&record, "x"));
    packed_same(record);
    ci_tile_record_free(record);
}

static void test_a_cut_packing_is_refused(void **state)
{
    (void)state;
    ci_tile_record *record = record_make(), *back = NULL;
    ci_par_packer packer = {0};
    OK(ci_tile_record_pack(&packer, record));
    for (size_t n = 0; n < packer.n; n += 1 + n / 16) {
        ci_par_unpacker packed = {packer.bytes, n};
        unit_refused(ci_tile_record_unpack(&back, &packed), CI_ERR_INTERNAL, "packed");
        assert_null(back);
    }
    ci_mem_free(packer.bytes);
    ci_tile_record_free(record);
}

/* ---- judging --------------------------------------------------------------------------------- */

static void test_gates_that_refuse_set_state_and_reason(void **state)
{
    (void)state;
    ci_tile_record *record = record_make();
    ci_qa_gates gates = {0};
    ci_qa_gates_add(&gates, CI_QA_GATE_NOISE, CI_QA_FAIL, 4, 3, "rms is 4 times thermal");
    OK(ci_tile_record_judge(record, &gates));
    assert_int_equal(record->state, CI_TILE_REFUSED);
    assert_non_null(strstr(record->reason, "4 times thermal"));
    assert_int_equal(record->gates->n, 1);
    ci_tile_record_free(record);
}

static void test_gates_that_hold_leave_it_passed(void **state)
{
    (void)state;
    ci_tile_record *record = record_make();
    ci_qa_gates gates = {0};
    ci_qa_gates_add(&gates, CI_QA_GATE_NOISE, CI_QA_WARN, 2, 1.5, "twice thermal");
    OK(ci_tile_record_judge(record, &gates));
    assert_int_equal(record->state, CI_TILE_PASSED);
    assert_string_equal(record->reason, "");
    ci_tile_record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_head_comes_back),
        UNIT_TEST(test_images_come_back),
        UNIT_TEST(test_flags_come_back),
        UNIT_TEST(test_calibration_and_gates_come_back),
        UNIT_TEST(test_absent_parts_stay_absent),
        UNIT_TEST(test_what_is_no_record_is_refused),
        UNIT_TEST(test_packing_keeps_the_status),
        UNIT_TEST(test_packing_keeps_all_parts),
        UNIT_TEST(test_a_cut_packing_is_refused),
        UNIT_TEST(test_gates_that_refuse_set_state_and_reason),
        UNIT_TEST(test_gates_that_hold_leave_it_passed),
    };
    return cmocka_run_group_tests_name("tile_record", tests, NULL, NULL);
}
