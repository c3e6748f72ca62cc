/* registry: calibration tables, tiles, mosaics and photometry. */
#include "registry_test.h"
#include "contimg/registry_cal.h"

#include "deployed_schema.h"

/* ---- calibration tables ---------------------------------------------------------------------- */

static void cal_make(ci_registry *registry, const char *path, ci_registry_cal_kind kind,
                     double hours, double dec_deg, ci_registry_cal_state state)
{
    ci_registry_cal table = {.kind = kind,
                             .state = state,
                             .path = (char *)path,
                             .set_name = "set",
                             .time_mjd_s = 6.1e4 * CI_DAY_S + 3600 * hours,
                             .valid_start_mjd_s = NAN,
                             .valid_end_mjd_s = NAN,
                             .dec_rad = dec_deg * CI_DEG_TO_RAD,
                             .dec_known = true};
    bool is_new;
    OK(ci_registry_cal_add(registry, &table, &is_new));
    assert_true(is_new);
    OK(ci_registry_cal_add(registry, &table, &is_new));
    assert_false(is_new); /* the first one wins */
}

/* b0 and b9 hours, g5 and g7 hours; a failed table and one of another declination at 5 hours. */
static void cals_make(registry_test *t)
{
    cal_make(t->registry, "/c/b0", CI_REGISTRY_BANDPASS, 0, 16, CI_REGISTRY_CAL_ACTIVE);
    cal_make(t->registry, "/c/b5.failed", CI_REGISTRY_BANDPASS, 5, 16, CI_REGISTRY_CAL_FAILED);
    cal_make(t->registry, "/c/b5.other_dec", CI_REGISTRY_BANDPASS, 5, 30, CI_REGISTRY_CAL_ACTIVE);
    cal_make(t->registry, "/c/b9", CI_REGISTRY_BANDPASS, 9, 16, CI_REGISTRY_CAL_ACTIVE);
    /* A set of gains only hides no bandpass. */
    cal_make(t->registry, "/c/g5", CI_REGISTRY_GAIN, 5, 16, CI_REGISTRY_CAL_ACTIVE);
    cal_make(t->registry, "/c/g7", CI_REGISTRY_GAIN, 7, 17, CI_REGISTRY_CAL_ACTIVE);
}

static void check_chosen(registry_test *t, ci_registry_cal_kind kind, double hours,
                         const char *wanted, bool wanted_borrowed)
{
    char path[64];
    bool is_borrowed;
    ci_registry_cal_want want;
    ci_registry_cals *tables;
    ci_registry_cal_want_default(&want, kind);
    want.time_mjd_s = 6.1e4 * CI_DAY_S + 3600 * hours;
    want.dec_rad = 16 * CI_DEG_TO_RAD;
    want.dec_known = true;
    OK(ci_registry_cal_choose(t->registry, &want, &tables, &is_borrowed));
    snprintf(path, sizeof path, "%s", tables->n ? tables->item[0].path : "none");
    ci_registry_cals_free(tables);
    assert_string_equal(path, wanted);
    if (strcmp(wanted, "none") != 0) assert_int_equal(is_borrowed, wanted_borrowed);
}

static void test_gains_hide_no_bandpass(void **state)
{
    registry_test *t = *state;
    check_chosen(t, CI_REGISTRY_GAIN, 0, "none", false);
    cals_make(t);
    check_chosen(t, CI_REGISTRY_BANDPASS, 5, "/c/b9", false);
    check_chosen(t, CI_REGISTRY_BANDPASS, 4, "/c/b0", false);
    check_chosen(t, CI_REGISTRY_GAIN, 5.5, "/c/g5", false);
}

/* The next best, for who cannot use the best. */
static void test_cal_next(void **state)
{
    registry_test *t = *state;
    bool is_borrowed;
    ci_registry_cal_want want;
    static const char *const wanted[] = {"/c/b9", "/c/b5.other_dec", "/c/b0"};
    cals_make(t);
    ci_registry_cal_want_default(&want, CI_REGISTRY_BANDPASS);
    want.time_mjd_s = 6.1e4 * CI_DAY_S + 3600 * 8;
    for (; want.n_skip < 4; want.n_skip++) {
        ci_registry_cals *tables;
        OK(ci_registry_cal_choose(t->registry, &want, &tables, &is_borrowed));
        assert_int_equal(tables->n, want.n_skip < 3);
        if (tables->n) assert_string_equal(tables->item[0].path, wanted[want.n_skip]);
        ci_registry_cals_free(tables);
    }
}

static void test_cal_borrowed(void **state)
{
    registry_test *t = *state;
    cals_make(t);
    check_chosen(t, CI_REGISTRY_GAIN, 9, "/c/g7", true);
    check_chosen(t, CI_REGISTRY_GAIN, 24 * 40, "none", false);
}

static void test_cal_retired(void **state)
{
    registry_test *t = *state;
    cals_make(t);
    OK(ci_registry_cal_state_set(t->registry, "/c/b9", CI_REGISTRY_CAL_RETIRED,
                                 "antenna 7 was moved"));
    check_chosen(t, CI_REGISTRY_BANDPASS, 5, "/c/b0", false);
    assert_int_equal(ci_registry_cal_state_set(t->registry, "/c/none", CI_REGISTRY_CAL_RETIRED, ""),
                     CI_ERR_INPUT);
}

/* A table's own validity, days in the database, counts within the validity asked for. */
static void test_cal_own_validity(void **state)
{
    registry_test *t = *state;
    double time_mjd_s = 6.1e4 * CI_DAY_S;
    ci_registry_cal table = {.kind = CI_REGISTRY_GAIN,
                             .path = "/c/g",
                             .set_name = "set",
                             .time_mjd_s = time_mjd_s,
                             .valid_start_mjd_s = time_mjd_s - 600,
                             .valid_end_mjd_s = time_mjd_s + 600};
    ci_registry_cals *tables;
    bool is_new;
    OK(ci_registry_cal_add(t->registry, &table, &is_new));
    check_chosen(t, CI_REGISTRY_GAIN, 0.1, "/c/g", false);
    check_chosen(t, CI_REGISTRY_GAIN, 0.5, "/c/g", true);
    OK(ci_registry_cals_read(t->registry, &tables, false));
    unit_near(tables->item[0].valid_end_mjd_s, time_mjd_s + 600, 1e-4);
    assert_false(tables->item[0].dec_known);
    ci_registry_cals_free(tables);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

static const char tile_id[] = "2026-01-25T00:00:10";

/* A tile of two files, registered twice. */
static void tile_make(registry_test *t, char folder[300])
{
    char path[400];
    snprintf(folder, 300, "%s/tile", t->c.folder);
    OK(ci_path_make_folder(folder));
    snprintf(path, sizeof path, "%s/pb.fits", folder);
    OK(ci_file_write(path, "pb", 2));
    snprintf(path, sizeof path, "%s/image.fits", folder);
    OK(ci_file_write(path, "image", 5));
    ci_registry_image tile = {.state = CI_REGISTRY_IMAGE_PASSED,
                              .folder = folder,
                              .rms_jy = 1e-3,
                              .thermal_jy = NAN,
                              .flux_ratio = NAN,
                              .n_source = 4};
    snprintf(tile.id, sizeof tile.id, "%s", tile_id);
    OK(ci_registry_image_files_scan(&tile));
    assert_int_equal(tile.n_file, 2);
    assert_string_equal(tile.file[0].name, "image.fits");
    OK(ci_registry_tile_put(t->registry, &tile));
    OK(ci_registry_tile_put(t->registry, &tile)); /* replaced, not doubled */
    ci_registry_image_files_free(&tile);
}

static void test_tile(void **state)
{
    registry_test *t = *state;
    char folder[300];
    ci_registry_images *found;
    tile_make(t, folder);
    OK(ci_registry_tile_get(t->registry, "nothing", &found));
    assert_int_equal(found->n, 0);
    ci_registry_images_free(found);
    OK(ci_registry_tile_get(t->registry, tile_id, &found));
    assert_int_equal(found->n, 1);
    assert_int_equal(found->item[0].n_file, 2);
    assert_int_equal(found->item[0].n_source, 4);
    assert_true(found->item[0].rms_jy == 1e-3 && isnan(found->item[0].thermal_jy));
    assert_true(found->item[0].created_unix_s == t->c.clock.unix_s);
    ci_registry_images_free(found);
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM images"), 2);
}

/* What is known of a file of the same name and length is taken; other files are read. */
static void test_files_known(void **state)
{
    registry_test *t = *state;
    char folder[300], name[3][16] = {"image.fits", "pb.fits", "other.fits"};
    tile_make(t, folder);
    ci_registry_product_file known[] = {{.name = name[0], .sha256 = "told", .n_byte = 5},
                                        {.name = name[1], .sha256 = "old", .n_byte = 3},
                                        {.name = name[2], .sha256 = "none", .n_byte = -1}};
    ci_registry_image tile = {.folder = folder, .n_file = 3, .file = known};
    OK(ci_registry_image_files_scan(&tile));
    assert_int_equal(tile.n_file, 2);
    assert_string_equal(tile.file[0].sha256, "told");
    /* of "pb": echo -n pb | sha256sum */
    assert_string_equal(tile.file[1].sha256,
                        "3315f44da4a7aaaf8d84382c7583233f697787f5871294ed49cd41207f7375a0");
    ci_registry_image_files_free(&tile);
    known[1].n_byte = -1;
    tile.n_file = 3;
    tile.file = known;
    OK(ci_registry_image_files_scan(&tile));
    assert_string_equal(tile.file[1].sha256, "old");
    ci_registry_image_files_free(&tile);
}

/* A tile whose files changed, or went, is told. */
static void test_tile_changed(void **state)
{
    registry_test *t = *state;
    char folder[300], path[400];
    ci_registry_images *found;
    tile_make(t, folder);
    OK(ci_registry_tile_get(t->registry, tile_id, &found));
    OK(ci_registry_image_check(&found->item[0]));
    snprintf(path, sizeof path, "%s/image.fits", folder);
    OK(ci_file_write(path, "Image", 5));
    ci_status changed = ci_registry_image_check(&found->item[0]);
    bool is_named = strstr(ci_error_text(), "image.fits") != NULL;
    unlink(path);
    ci_status gone = ci_registry_image_check(&found->item[0]);
    ci_registry_images_free(found);
    assert_int_equal(changed, CI_ERR_INPUT);
    assert_true(is_named);
    assert_int_not_equal(gone, CI_OK);
}

/* ---- mosaics --------------------------------------------------------------------------------- */

static void test_mosaic(void **state)
{
    registry_test *t = *state;
    char folder[300];
    const char *tiles[] = {tile_id};
    ci_registry_images *found;
    tile_make(t, folder);
    ci_registry_image mosaic = {.id = "0123456789ab_1769299200000000",
                                .state = CI_REGISTRY_IMAGE_COMPLETED,
                                .folder = folder,
                                .ra_rad = CI_PI,
                                .beam_major_rad = 12 * CI_ARCSEC_TO_RAD,
                                .first_time_mjd_s = 61065 * CI_DAY_S,
                                .last_time_mjd_s = 61065.1 * CI_DAY_S};
    OK(ci_registry_mosaic_put(t->registry, &mosaic, tiles, 1));
    OK(ci_registry_mosaic_put(t->registry, &mosaic, tiles, 1));
    bool is_new;
    ci_registry_product product = {
        .type = CI_REGISTRY_MOSAIC, .stage_path = "/s/x", .published_path = "/p/x"};
    snprintf(product.id, sizeof product.id, "%s", mosaic.id);
    OK(ci_registry_product_adopt(t->registry, &product, &is_new));
    OK(ci_registry_mosaic_published(t->registry, mosaic.id));
    OK(ci_registry_mosaic_get(t->registry, mosaic.id, &found));
    size_t n = found->n;
    ci_registry_images_free(found);
    assert_int_equal(n, 1);
    /* The deployed columns, in the deployed units. */
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM mosaics WHERE "
                                            "output_path='/p/x/mosaic.fits' AND start_mjd=61065 "
                                            "AND abs(center_ra_deg-180)<1e-9 AND "
                                            "abs(beam_major_arcsec-12)<1e-9 AND n_images=1"),
                     1);
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM mosaic_groups WHERE "
                                            "status='completed'"),
                     1);
}

/* The same in a database whose mosaics table has the workflow's shape. */
static void test_workflow_mosaics(void **state)
{
    registry_test *t = *state;
    raw_change(t->c.products, deployed_mosaics_workflow);
    registry_open(t);
    ci_registry_image mosaic = {.id = "g",
                                .state = CI_REGISTRY_IMAGE_COMPLETED,
                                .folder = "/f",
                                .first_time_mjd_s = CI_DAY_S};
    OK(ci_registry_mosaic_put(t->registry, &mosaic, NULL, 0));
    assert_int_equal(raw_int(t->c.products, "SELECT start_mjd FROM mosaics WHERE name='g'"), 1);
}

/* A source list replaces the one before. */
static void test_sources(void **state)
{
    registry_test *t = *state;
    ci_registry_source source = {
        .name = "J0", .ra_rad = CI_PI / 2, .peak_jy = 0.1, .is_resolved = true};
    OK(ci_registry_sources_put(t->registry, "g", "/p/x/mosaic.fits", CI_DAY_S, &source, 1));
    OK(ci_registry_sources_put(t->registry, "g", "/p/x/mosaic.fits", CI_DAY_S, &source, 1));
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM photometry"), 1);
    assert_int_equal(raw_int(t->c.products, "SELECT count(*) FROM photometry WHERE "
                                            "abs(ra_deg-90)<1e-9 AND peak_jyb=0.1 AND mjd=1 AND "
                                            "is_resolved=1 AND source_name='J0'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(test_gains_hide_no_bandpass),
        REGISTRY_TEST(test_cal_next),
        REGISTRY_TEST(test_cal_borrowed),
        REGISTRY_TEST(test_cal_retired),
        REGISTRY_TEST(test_cal_own_validity),
        REGISTRY_TEST(test_tile),
        REGISTRY_TEST(test_tile_changed),
        REGISTRY_TEST(test_files_known),
        REGISTRY_TEST(test_mosaic),
        REGISTRY_TEST_CLOSED(test_workflow_mosaics),
        REGISTRY_TEST(test_sources),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
