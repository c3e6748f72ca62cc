/* publish: nothing is read or written outside the bases, whatever paths, links and ids say. */
#include "publish_test.h"

static void stage_only(publish_case *t, const char *id, const char *folder)
{
    bool is_new;
    ci_registry_product p = {.type = CI_REGISTRY_MOSAIC,
                             .auto_publish = true,
                             .stage_path = (char *)folder,
                             .metadata_json = "",
                             .time_mjd_s = 61065 * CI_DAY_S};
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

static void refused(publish_case *t, const char *id, const char *path)
{
    ci_publish_result r;
    ci_status status = ci_publish_product(t->registry, id, &t->options, &r);
    if (status != CI_ERR_GATE) fail_msg("%s: %s %s", path, ci_status_name(status), r.text);
    assert_int_equal(state_of(t, id), CI_REGISTRY_PUBLISH_REFUSED);
}

static void real_make(const publish_case *t, char folder[400])
{
    snprintf(folder, 400, "%s/mosaics/real", t->staging);
    OK(mosaic_write(folder, &good));
}

/* Staged outside, by dots, by a link, as the base itself. */
static void test_outside(void **state)
{
    publish_case *t = *state;
    char outside[400], inside[400], link[400], dotted[500];
    snprintf(outside, sizeof outside, "%s/outside", t->c.folder);
    snprintf(link, sizeof link, "%s/mosaics/link", t->staging);
    snprintf(dotted, sizeof dotted, "%s/mosaics/../../outside", t->staging);
    OK(mosaic_write(outside, &good));
    real_make(t, inside);
    assert_int_equal(symlink(outside, link), 0);
    const char *const attacks[] = {outside, dotted, link, t->staging, "/etc", "mosaics/real"};
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        char id[16];
        snprintf(id, sizeof id, "attack%zu", i);
        stage_only(t, id, attacks[i]);
        refused(t, id, attacks[i]);
    }
}

/* Asked for by a person: the same rules, and who has the product keeps it. */
static void test_by_name_keeps_lock_and_rules(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_registry_claim claim;
    ci_registry_owner owner;
    char inside[400];
    t->options.by_name = true;
    stage_only(t, "outside", "/etc");
    refused(t, "outside", "/etc");
    real_make(t, inside);
    stage_only(t, "g1", inside);
    OK(ci_registry_product_claim(t->registry, "g1", false, 60, &claim, &owner));
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_NOT_READY);
    assert_int_equal(r.kind, CI_PUBLISH_BUSY);
    assert_non_null(strstr(r.text, owner.host));
}

/* A link to a file among the product's files. */
static void test_linked_file(void **state)
{
    publish_case *t = *state;
    char inside[400], file[450];
    real_make(t, inside);
    snprintf(file, sizeof file, "%s/shadow.txt", inside);
    assert_int_equal(symlink("/etc/passwd", file), 0);
    stage_only(t, "real", inside);
    refused(t, "real", file);
}

/* Ids that would lead elsewhere. */
static void test_ids(void **state)
{
    publish_case *t = *state;
    const char *const ids[] = {"../up", "a/b", ".hidden", "-rf", "a b", ".."};
    char inside[400];
    real_make(t, inside);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        stage_only(t, ids[i], inside);
        refused(t, ids[i], ids[i]);
    }
}

/* The date's folder replaced by a link out of the products folder. */
static void test_linked_date(void **state)
{
    publish_case *t = *state;
    char outside[400], inside[400], date[400];
    snprintf(outside, sizeof outside, "%s/outside", t->c.folder);
    OK(mosaic_write(outside, &good));
    real_make(t, inside);
    stage_only(t, "real", inside);
    snprintf(date, sizeof date, "%s/" CASE_DATE, t->products);
    assert_int_equal(symlink(outside, date), 0);
    size_t before = n_entries(outside);
    refused(t, "real", date);
    assert_int_equal(n_entries(outside), before);
}

/* A plain file where the date's folder is to be is no attack, and no matter of a gate: the attempt
 * failed, and the next publishes when it is away. */
static void test_file_for_date(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char inside[400], date[400];
    real_make(t, inside);
    stage_only(t, "real", inside);
    snprintf(date, sizeof date, "%s/" CASE_DATE, t->products);
    OK(ci_file_write(date, "x", 1));
    unit_refused(ci_publish_product(t->registry, "real", &t->options, &r), CI_ERR_IO,
                 "is there and no folder: move it away");
    assert_int_equal(state_of(t, "real"), CI_REGISTRY_PUBLISH_STAGING);
    t->options.dry_run = true;
    unit_refused(ci_publish_product(t->registry, "real", &t->options, &r), CI_ERR_IO,
                 "is there and no folder: move it away");
    t->options.dry_run = false;
    assert_int_equal(unlink(date), 0);
    t->options.by_name = true;
    OK(ci_publish_product(t->registry, "real", &t->options, &r));
    assert_int_equal(state_of(t, "real"), CI_REGISTRY_PUBLISH_PUBLISHED);
}

/* Links inside the base path itself are the site's own business. */
static void test_linked_base(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char inside[400], base[400], staged[450];
    real_make(t, inside);
    snprintf(base, sizeof base, "%s/stage-disk", t->c.folder);
    assert_int_equal(symlink(t->staging, base), 0);
    t->options.staging_base = base;
    stage_only(t, "real", inside);
    OK(ci_publish_product(t->registry, "real", &t->options, &r));
    snprintf(staged, sizeof staged, "%s/mosaics/real", base);
    stage_only(t, "real2", staged);
    OK(ci_publish_product(t->registry, "real2", &t->options, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_outside),       PUBLISH_TEST(test_by_name_keeps_lock_and_rules),
        PUBLISH_TEST(test_linked_file),   PUBLISH_TEST(test_ids),
        PUBLISH_TEST(test_file_for_date), PUBLISH_TEST(test_linked_date),
        PUBLISH_TEST(test_linked_base),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
