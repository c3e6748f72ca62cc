/* The program that tests/fault/test_publish_kill.sh kills: one or more of stage, version, publish,
 * recover, staged, check, one after the other, in a folder. Without arguments: an undisturbed
 * publish is sound. */
#include "contimg/registry_watch.h"
#include "publish_test.h"

static int wrong(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ci_error_text());
    return 1;
}

/* The databases and folders of an earlier act, by the system's clock. */
static ci_status case_open_at(publish_case *t, const char *folder)
{
    memset(t, 0, sizeof *t);
    case_paths(&t->c, folder);
    CI_TRY(publish_case_open(t));
    t->options.remove_staging = true;
    t->options.backoff_s = 0;
    t->is_new_version = true;
    return CI_OK;
}

static ci_status recover(publish_case *t)
{
    ci_publish_recovered recovered;
    size_t n_published, n_failed;
    CI_TRY(ci_publish_recover(t->registry, &t->options, &recovered));
    CI_TRY(ci_publish_due(t->registry, &t->options, &n_published, &n_failed));
    return ci_publish_recover(t->registry, &t->options, &recovered);
}

/* After a failed attempt: nothing is lost, and an attempt that ended says why. */
static int check_staged(publish_case *t)
{
    ci_registry_products *list = NULL;
    ci_registry_attempts *attempts = NULL;
    char path[400];
    bool is_lost = false, is_silent = false, is_broken = false;
    snprintf(path, sizeof path, "%s/mosaics/g1/mosaic.fits", t->staging);
    ci_status status = ci_registry_product_get(t->registry, "g1", &list);
    if (status == CI_OK)
        is_lost = list->item[0].state != CI_REGISTRY_PUBLISH_PUBLISHED && !ci_path_exists(path);
    if (status == CI_OK && list->item[0].published_path[0])
        is_broken = ci_publish_verify(list->item[0].published_path) != CI_OK;
    if (status == CI_OK) status = ci_registry_attempts_read(t->registry, &attempts, "g1", 0);
    for (size_t i = 0; status == CI_OK && i < attempts->n; i++)
        is_silent =
            is_silent || (strcmp(attempts->item[i].outcome, "failed") == 0 &&
                          (!attempts->item[i].error[0] || attempts->item[i].ended_unix_s <= 0));
    ci_registry_products_free(list);
    ci_registry_attempts_free(attempts);
    if (is_lost) return wrong("lost from staging");
    if (is_broken) return wrong("what stands published is not whole");
    if (is_silent) return wrong("no error recorded");
    return status == CI_OK ? 0 : wrong("read");
}

/* The mosaic that was staged last, by its checksum, which a file beside the databases keeps. */
static void last_path(const publish_case *t, char out[400])
{
    snprintf(out, 400, "%s/last", t->c.folder);
}

static ci_status last_note(const publish_case *t)
{
    char path[400], hex[CI_SHA256_HEX];
    snprintf(path, sizeof path, "%s/mosaics/g1/mosaic.fits", t->staging);
    CI_TRY(ci_sha256_file(hex, path));
    last_path(t, path);
    return ci_file_write(path, hex, strlen(hex));
}

static bool is_last(const publish_case *t, const char *folder)
{
    char path[420], hex[CI_SHA256_HEX], noted[CI_SHA256_HEX] = "";
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    if (ci_sha256_file(hex, path) != CI_OK) return false;
    last_path(t, path);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    size_t n = fread(noted, 1, sizeof noted - 1, file);
    return fclose(file) == 0 && n == strlen(hex) && strcmp(hex, noted) == 0;
}

/* Published once, whole, nothing left over. */
static int check_published(publish_case *t)
{
    char path[400];
    ci_status status = CI_OK;
    for (int i = 0; i < CI_REGISTRY_DB_COUNT && status == CI_OK; i++)
        status = ci_registry_verify(t->registry, (ci_registry_database)i);
    if (status != CI_OK) return wrong("databases");
    if (state_of(t, "g1") != CI_REGISTRY_PUBLISH_PUBLISHED) return wrong("not published");
    snprintf(path, sizeof path, "%s/" CASE_DATE, t->products);
    if (n_entries(path) != 1) return wrong("more or less than one folder of the date");
    published_path(t, "g1", path);
    if (ci_publish_verify(path) != CI_OK) return wrong("not as its checksums");
    if (!is_last(t, path)) return wrong("not what was staged last");
    if (n_entries(path) != 6) return wrong("not its six files");
    snprintf(path, sizeof path, "%s/mosaics/g1", t->staging);
    return ci_path_exists(path) ? wrong("staging left over") : 0;
}

static int act_in(publish_case *t, const char *action)
{
    ci_publish_result r;
    ci_status status;
    if (strcmp(action, "staged") == 0) return check_staged(t);
    if (strcmp(action, "check") == 0) return check_published(t);
    if (strcmp(action, "stage") == 0)
        status = publish_case_make(t, "g1", &good);
    else if (strcmp(action, "version") == 0)
        status = publish_case_make(t, "g1", &(mosaic_faults){.noise_factor = 0.9});
    else if (strcmp(action, "publish") == 0)
        status = ci_publish_product(t->registry, "g1", &t->options, &r);
    else
        status = recover(t);
    if (status == CI_OK && (action[0] == 's' || action[0] == 'v')) status = last_note(t);
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    return ci_status_exit_code(status);
}

static int act(const char *action, const char *folder)
{
    publish_case t;
    ci_status status = case_open_at(&t, folder);
    if (status != CI_OK) {
        wrong("open");
        return ci_status_exit_code(status);
    }
    int code = act_in(&t, action);
    ci_registry_close(t.registry);
    return code;
}

static void test_undisturbed(void **state)
{
    UNIT_PATH(folder, state, "case");
    OK(ci_path_make_folder(folder));
    static const char *const actions[] = {"stage",   "staged",  "publish", "check",   "recover",
                                          "version", "publish", "check",   "recover", "check"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        assert_int_equal(act(actions[i], folder), 0);
}

int main(int n_argument, char **arguments)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_undisturbed)};
    ci_log_set_level(CI_LOG_WARNING);
    int code = 0;
    for (int i = 1; i < n_argument - 1 && code == 0; i++)
        code = act(arguments[i], arguments[n_argument - 1]);
    if (n_argument > 2) return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
