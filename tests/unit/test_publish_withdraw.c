/* publish: a product is taken back into staging with its files, whole, whatever interrupts it. */
#include "publish_test.h"

#include "publish/publish.h"

static void staging_path(const publish_case *t, char out[400])
{
    snprintf(out, 400, "%s/mosaics/g1", t->staging);
}

static void publish(publish_case *t, bool by_name)
{
    ci_publish_result r;
    t->options.by_name = by_name;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(r.kind, CI_PUBLISH_DONE);
}

/* In staging with its four files, not among the products, and published by name only. */
static void check_withdrawn(publish_case *t)
{
    ci_publish_result r;
    char staging[400], folder[400], date[400];
    staging_path(t, staging);
    published_path(t, "g1", folder);
    snprintf(date, sizeof date, "%s/" CASE_DATE, t->products);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    assert_int_equal(n_entries(staging), 4);
    assert_int_equal(n_entries(date), 0);
    check_mosaic_row(t, false);
    t->options.by_name = false;
    unit_refused(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY,
                 "waits for contimg publish --id");
    publish(t, true);
    OK(ci_publish_verify(folder));
}

static void withdraw(publish_case *t)
{
    ci_publish_result r;
    OK(ci_publish_withdraw(t->registry, "g1", &t->options, &r));
    assert_non_null(strstr(r.text, "withdrawn"));
}

static void test_staging_there(void **state)
{
    publish_case *t = *state;
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    withdraw(t);
    check_withdrawn(t);
}

static void test_staging_removed(void **state)
{
    publish_case *t = *state;
    char staging[400];
    staging_path(t, staging);
    OK(publish_case_make(t, "g1", &good));
    t->options.remove_staging = true;
    publish(t, false);
    assert_int_equal(n_entries(staging), 0);
    withdraw(t);
    t->options.remove_staging = false;
    check_withdrawn(t);
}

/* A clean that was killed left some of the staged files: all are put back. */
static void test_staging_half_removed(void **state)
{
    publish_case *t = *state;
    char file[430];
    staging_path(t, file);
    strcat(file, "/noise.fits");
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    assert_int_equal(unlink(file), 0);
    withdraw(t);
    check_withdrawn(t);
}

/* Killed after its commit: recovery, or the same command, removes the published folder. */
static void interrupted(publish_case *t, bool recovers)
{
    ci_publish_recovered r;
    char folder[400];
    bool done;
    published_path(t, "g1", folder);
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    OK(ci_registry_product_withdraw(t->registry, "g1", folder, &done));
    assert_true(done);
    if (recovers)
        OK(ci_publish_recover(t->registry, &t->options, &r));
    else
        withdraw(t);
    check_withdrawn(t);
}

static void test_killed_recover(void **state)
{
    interrupted(*state, true);
}

static void test_killed_again(void **state)
{
    interrupted(*state, false);
}

/* Published again by the time that recovery comes to the folder of the withdrawn one: it stays. */
static void test_published_meanwhile(void **state)
{
    publish_case *t = *state;
    ci_registry_products *withdrawn;
    char folder[400];
    bool done;
    published_path(t, "g1", folder);
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    OK(ci_registry_product_withdraw(t->registry, "g1", folder, &done));
    OK(ci_registry_product_get(t->registry, "g1", &withdrawn));
    publish(t, true);
    ci_status status = ci_publish_withdraw_finish(t->registry, withdrawn->item, &t->options);
    ci_registry_products_free(withdrawn);
    OK(status);
    OK(ci_publish_verify(folder));
}

/* A half-copied folder of an earlier call is in nobody's way. */
static void test_killed_while_copying(void **state)
{
    publish_case *t = *state;
    char staging[400], part[420];
    staging_path(t, staging);
    snprintf(part, sizeof part, "%s.part", staging);
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    remove_folder(staging);
    OK(ci_path_make_folder(part));
    snprintf(part, sizeof part, "%s.part/mosaic.fits", staging);
    OK(ci_file_write(part, "half", 4));
    withdraw(t);
    check_withdrawn(t);
}

/* What is damaged stays where it is. */
static void test_damaged(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    published_path(t, "g1", folder);
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    damage(folder, "noise.fits");
    unit_refused(ci_publish_withdraw(t->registry, "g1", &t->options, &r), CI_ERR_IO, "noise.fits");
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
    assert_int_equal(n_entries(folder), 6);
}

static void test_other_staging(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char staging[400];
    staging_path(t, staging);
    OK(publish_case_make(t, "g1", &good));
    publish(t, false);
    damage(staging, "sources.csv");
    unit_refused(ci_publish_withdraw(t->registry, "g1", &t->options, &r), CI_ERR_INPUT,
                 "sources.csv");
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
}

static void test_not_published(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    unit_refused(ci_publish_withdraw(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY,
                 "is staging, not published");
    unit_refused(ci_publish_withdraw(t->registry, "g9", &t->options, &r), CI_ERR_INPUT,
                 "no such product");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_staging_there),        PUBLISH_TEST(test_staging_removed),
        PUBLISH_TEST(test_staging_half_removed), PUBLISH_TEST(test_killed_recover),
        PUBLISH_TEST(test_killed_again),         PUBLISH_TEST(test_published_meanwhile),
        PUBLISH_TEST(test_killed_while_copying), PUBLISH_TEST(test_damaged),
        PUBLISH_TEST(test_other_staging),        PUBLISH_TEST(test_not_published),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
