/* publish: a new version of a product that is published, which stays until the new one is. */
#include "publish_test.h"

/* Published once, and a new version of it staged; *before: the checksum of its published mosaic. */
static void versions_make(publish_case *t, const mosaic_faults *faults, char before[CI_SHA256_HEX])
{
    ci_publish_result r;
    char path[420], folder[400];
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    published_path(t, "g1", folder);
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    OK(ci_sha256_file(before, path));
    t->is_new_version = true;
    OK(publish_case_make(t, "g1", faults));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
}

/* One whole product stands published; whether its mosaic is the one of before. */
static bool stands_before(publish_case *t, const char *before)
{
    char path[420], folder[400], hex[CI_SHA256_HEX];
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
    assert_int_equal(n_entries(folder), 1);
    published_path(t, "g1", folder);
    OK(ci_publish_verify(folder));
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    OK(ci_sha256_file(hex, path));
    return strcmp(hex, before) == 0;
}

static void test_takes_the_place(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char before[CI_SHA256_HEX];
    versions_make(t, &(mosaic_faults){.noise_factor = 0.9}, before);
    assert_true(stands_before(t, before));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(r.kind, CI_PUBLISH_DONE);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
    assert_false(stands_before(t, before));
    check_mosaic_row(t, true);
}

static void test_refused_leaves_the_one_before(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char before[CI_SHA256_HEX];
    versions_make(t, &(mosaic_faults){.nan_inside = true}, before);
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_GATE);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_REFUSED);
    assert_true(stands_before(t, before));
}

/* The version before should not stand published either: it is taken back, in place of the refused
 * one. */
static void test_before_is_withdrawn(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char before[CI_SHA256_HEX], date[400];
    versions_make(t, &(mosaic_faults){.nan_inside = true}, before);
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_GATE);
    OK(ci_publish_withdraw(t->registry, "g1", &t->options, &r));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    snprintf(date, sizeof date, "%s/" CASE_DATE, t->products);
    assert_int_equal(n_entries(date), 0);
    check_mosaic_row(t, false);
    unit_refused(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY,
                 "waits for contimg publish --id");
    t->options.by_name = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_true(stands_before(t, before));
    check_mosaic_row(t, true);
}

/* What stands published was damaged: the new version takes its place all the same. */
static void test_damaged_is_replaced(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char before[CI_SHA256_HEX], folder[400];
    versions_make(t, &(mosaic_faults){.noise_factor = 0.9}, before);
    published_path(t, "g1", folder);
    damage(folder, "mosaic.fits");
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
    assert_false(stands_before(t, before));
}

/* Its staging folder is gone: what stands published is not taken for the new version. */
static void test_lost_leaves_the_one_before(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char before[CI_SHA256_HEX], folder[400];
    versions_make(t, &(mosaic_faults){.noise_factor = 0.9}, before);
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    remove_folder(folder);
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_INPUT);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    assert_true(stands_before(t, before));
}

/* Without being a new version, what is published stays published. */
static void test_staged_again_changes_nothing(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    OK(publish_case_make(t, "g1", &(mosaic_faults){.noise_factor = 0.9}));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_takes_the_place),
        PUBLISH_TEST(test_refused_leaves_the_one_before),
        PUBLISH_TEST(test_before_is_withdrawn),
        PUBLISH_TEST(test_damaged_is_replaced),
        PUBLISH_TEST(test_lost_leaves_the_one_before),
        PUBLISH_TEST(test_staged_again_changes_nothing),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
