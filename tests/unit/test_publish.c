/* publish: a staged product is published once, retried, recovered, and stays what it is.
 * ci-test: timeout=300 */
#include "contimg/registry_watch.h"
#include "publish_test.h"

/* Judged and nothing else. */
static void test_dry_run(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    t->options.dry_run = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(n_entries(t->products), 0);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
}

static void test_published(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    struct stat facts;
    char folder[400], path[420];
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(r.kind, CI_PUBLISH_DONE);
    assert_false(r.gates.refused);
    published_path(t, "g1", folder);
    assert_string_equal(r.published_path, folder);
    assert_int_equal(n_entries(folder), 6); /* the four, SHA256SUMS, provenance.json */
    assert_int_equal(n_entries(t->products), 1);
    OK(ci_publish_verify(folder));
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0444);
    OK(ci_fits_verify(path));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
}

static void test_provenance(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_json *provenance;
    char folder[400], path[420];
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    published_path(t, "g1", folder);
    snprintf(path, sizeof path, "%s/provenance.json", folder);
    OK(ci_json_read_file(&provenance, path));
    assert_string_equal(ci_json_get_string(provenance, "id", ""), "g1");
    assert_int_equal(ci_json_length(ci_json_get(provenance, "files")), 4);
    assert_int_equal(ci_json_length(ci_json_get(ci_json_get(provenance, "metadata"), "tiles")), 2);
    ci_json_free(provenance);
}

/* Twice: nothing, and it says so, by name too. */
static void test_twice(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    for (int i = 0; i < 2; i++) {
        t->options.by_name = i == 1;
        OK(ci_publish_product(t->registry, "g1", &t->options, &r));
        assert_int_equal(r.kind, CI_PUBLISH_DONE_BEFORE);
        assert_non_null(strstr(r.text, "published before"));
    }
}

static void test_changed_file_is_named(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    published_path(t, "g1", folder);
    damage(folder, "sources.csv");
    unit_refused(ci_publish_verify(folder), CI_ERR_INPUT, "sources.csv");
}

static void test_unknown(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    unit_refused(ci_publish_product(t->registry, "none", &t->options, &r), CI_ERR_INPUT,
                 "no such product");
}

/* A publish inside an open transaction fails, and says so. */
static void test_publish_inside_a_transaction(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    OK(publish_case_make(t, "g1", &good));
    OK(ci_registry_begin(t->registry, CI_REGISTRY_DB_DATA));
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_INTERNAL);
    OK(ci_registry_end(t->registry, CI_REGISTRY_DB_DATA, CI_OK));
    assert_int_equal(n_entries(t->products), 0);
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
}

/* auto_publish_enabled 0: waits for a person. */
static void test_waits(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    size_t n_published, n_failed;
    OK(publish_case_make(t, "g1", &good));
    ci_registry_product p = {.id = "g1",
                             .type = CI_REGISTRY_MOSAIC,
                             .auto_publish = false,
                             .metadata_json = "",
                             .time_mjd_s = 61065 * CI_DAY_S};
    char folder[400];
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    p.stage_path = folder;
    bool is_new;
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY);
    assert_int_equal(r.kind, CI_PUBLISH_WAITS);
    OK(ci_publish_due(t->registry, &t->options, &n_published, &n_failed));
    assert_int_equal(n_published + n_failed, 0);
    t->options.by_name = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Something in the way; then away: the product waits in staging, and is published. */
static void test_retry(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_registry_attempts *attempts;
    OK(publish_case_make(t, "g1", &good));
    t->options.products_base = "/proc/contimg-cannot-be";
    assert_int_not_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_OK);
    assert_int_equal(r.kind, CI_PUBLISH_RETRY);
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY);
    assert_int_equal(r.kind, CI_PUBLISH_WAITS);
    assert_non_null(strstr(r.text, "cannot-be"));
    t->c.clock.unix_s += 61;
    t->options.products_base = t->products;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    OK(ci_registry_attempts_read(t->registry, &attempts, "g1", 0));
    assert_int_equal(attempts->n, 2);
    assert_string_equal(attempts->item[0].outcome, "failed");
    assert_non_null(strstr(attempts->item[0].error, "cannot-be"));
    assert_string_equal(attempts->item[1].outcome, "published");
    ci_registry_attempts_free(attempts);
}

/* Another product of that name stands there: never replaced. */
static void test_never_replaced(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    OK(publish_case_make(t, "g2", &good));
    published_path(t, "g2", folder);
    OK(ci_path_make_folder(folder));
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(ci_publish_product(t->registry, "g2", &t->options, &r), CI_OK);
        t->c.clock.unix_s += 1000;
    }
    assert_int_equal(r.kind, CI_PUBLISH_GIVEN_UP);
    assert_int_equal(state_of(t, "g2"), CI_REGISTRY_PUBLISH_FAILED);
    assert_int_equal(ci_publish_product(t->registry, "g2", &t->options, &r), CI_ERR_NOT_READY);
    assert_int_equal(rmdir(folder), 0);
    t->options.by_name = true;
    OK(ci_publish_product(t->registry, "g2", &t->options, &r));
}

/* ---- staging and products -------------------------------------------------------------------- */

static void test_remove_staging(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_publish_recovered recovered;
    char folder[400];
    OK(publish_case_make(t, "g1", &good));
    OK(publish_case_make(t, "g2", &good));
    OK(ci_publish_product(t->registry, "g2", &t->options, &r));
    t->options.remove_staging = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    assert_false(ci_path_exists(folder));
    snprintf(folder, sizeof folder, "%s/mosaics/g2", t->staging);
    assert_true(ci_path_exists(folder));
    /* What was left over is removed by recover, once. */
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_staging, 1);
    assert_false(ci_path_exists(folder));
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_staging + recovered.n_fault + recovered.n_finished, 0);
    published_path(t, "g1", folder);
    OK(ci_publish_verify(folder));
}

/* A published folder that is gone is not published: it is published again from staging. */
static void test_folder_gone(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    bool lost;
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    published_path(t, "g1", folder);
    OK(ci_publish_check_lost(t->registry, "g1", t->products, &lost));
    assert_false(lost);
    remove_folder(folder);
    /* No folder of products, perhaps a disk that is not mounted: nothing is lost. */
    OK(ci_publish_check_lost(t->registry, "g1", "/nowhere", &lost));
    assert_false(lost);
    t->options.dry_run = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_PUBLISHED);
    t->options.dry_run = false;
    size_t before = ci_log_warning_count();
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(r.kind, CI_PUBLISH_DONE);
    OK(ci_publish_verify(folder));
    assert_int_equal(ci_log_warning_count() - before, 1);
    assert_non_null(strstr(ci_log_warning_get(before), "is not there"));
}

/* A process that was killed after a commit has left the table of mosaics as it was: recovery writes
 * what the data registry says, and only then. */
static void test_mosaic_row_recovered(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_publish_recovered recovered;
    OK(publish_case_make(t, "g0", &good));
    OK(publish_case_make(t, "g1", &good));
    OK(publish_case_make(t, "g2", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    raw_change(t->c.products, "UPDATE mosaics SET published_path=NULL,path=folder||'/mosaic.fits'");
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    check_mosaic_row(t, true);
    raw_change(t->c.data, "UPDATE data_registry SET status='staging',published_path=NULL");
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    check_mosaic_row(t, false);
}

/* Staging gone as well: said, and not called published. */
static void test_all_gone(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    OK(publish_case_make(t, "g1", &good));
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    published_path(t, "g1", folder);
    remove_folder(folder);
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    remove_folder(folder);
    unit_refused(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_INPUT,
                 "contimg run makes it again");
    assert_int_equal(state_of(t, "g1"), CI_REGISTRY_PUBLISH_STAGING);
    check_mosaic_row(t, false);
}

/* ---- a data registry that was lost ----------------------------------------------------------- */

/* Three published; then the data registry is lost, one of them changed, and there is a folder that
 * is none of contimg's. */
static void lose_registry(publish_case *t)
{
    ci_publish_result r;
    char path[440], folder[400];
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "g%d", i);
        OK(publish_case_make(t, id, &good));
        OK(ci_publish_product(t->registry, id, &t->options, &r));
    }
    publish_close(t);
    snprintf(path, sizeof path, "rm '%s'*", t->c.data);
    assert_int_equal(system(path), 0);
    published_path(t, "g2", folder);
    damage(folder, "sources.csv");
    published_path(t, "other", folder);
    OK(ci_path_make_folder(folder));
    OK(publish_case_open(t));
}

static void check_rebuilt(const publish_case *t, const ci_registry_product *p)
{
    char folder[400];
    published_path(t, p->id, folder);
    assert_int_equal(p->state, CI_REGISTRY_PUBLISH_PUBLISHED);
    assert_false(p->is_deployed || p->staging_removable);
    assert_int_equal(p->type, CI_REGISTRY_MOSAIC);
    assert_string_equal(p->type_word, "mosaic");
    assert_string_equal(p->published_path, folder);
    assert_string_equal(p->metadata_json, "{\"tiles\":[\"a\",\"b\"]}");
    assert_non_null(strstr(p->qa_json, "checksum"));
    assert_true(p->time_mjd_s == 61065 * CI_DAY_S);
}

/* It is made again from the products that stand published, where that is asked for. */
static void test_rebuild(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_publish_recovered recovered;
    ci_registry_products *list;
    lose_registry(t);
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_rebuilt + recovered.n_fault, 0);
    t->options.rebuild = true;
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_rebuilt, 2);
    assert_int_equal(recovered.n_fault, 1);
    OK(ci_registry_products_read(t->registry, &list, -1, true));
    assert_int_equal(list->n, 2);
    for (size_t i = 0; i < list->n; i++)
        check_rebuilt(t, &list->item[i]);
    ci_registry_products_free(list);
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
    assert_int_equal(r.kind, CI_PUBLISH_DONE_BEFORE);
    OK(ci_publish_recover(t->registry, &t->options, &recovered));
    assert_int_equal(recovered.n_rebuilt, 0);
    OK(ci_registry_verify(t->registry, CI_REGISTRY_DB_DATA));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_dry_run),
        PUBLISH_TEST(test_published),
        PUBLISH_TEST(test_provenance),
        PUBLISH_TEST(test_twice),
        PUBLISH_TEST(test_changed_file_is_named),
        PUBLISH_TEST(test_unknown),
        PUBLISH_TEST(test_publish_inside_a_transaction),
        PUBLISH_TEST(test_waits),
        PUBLISH_TEST(test_retry),
        PUBLISH_TEST(test_never_replaced),
        PUBLISH_TEST(test_remove_staging),
        PUBLISH_TEST(test_folder_gone),
        PUBLISH_TEST(test_mosaic_row_recovered),
        PUBLISH_TEST(test_all_gone),
        PUBLISH_TEST(test_rebuild),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
