/* ci-test: timeout=180
 * With arguments it is the program that tests/fault/test_publish_kill.sh kills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "publish_case.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define OK(expression) assert_ok((expression), #expression)
static void assert_ok(ci_status status, const char *what)
{
    if (status != CI_OK) fail_msg("%s: %s: %s", what, ci_status_name(status), ci_error_text());
}

static const mosaic_faults good = {0};

static void publish_new(publish_case *t)
{
    memset(t, 0, sizeof *t);
    case_new(&t->c);
    OK(publish_case_open(t));
}

static void publish_end(publish_case *t)
{
    ci_registry_close(t->registry);
    case_end(&t->c);
}

static ci_registry_publish_state state_of(publish_case *t, const char *id)
{
    ci_registry_products *list;
    OK(ci_registry_product_get(t->registry, id, &list));
    assert_int_equal(list->n, 1);
    ci_registry_publish_state state = list->item[0].state;
    ci_registry_products_free(list);
    return state;
}

static size_t n_entries(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void published_path(const publish_case *t, const char *id, char out[400])
{
    snprintf(out, 400, "%s/" CASE_DATE "/%s", t->products, id);
}

/* ---- it works ------------------------------------------------------------------------------- */

static void test_publish(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    char folder[400], path[420];
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    t.options.dry_run = true;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    assert_int_equal(n_entries(t.products), 0);
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_STAGING);
    t.options.dry_run = false;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    assert_int_equal(r.kind, CI_PUBLISHED);
    assert_false(r.gates.refused);
    published_path(&t, "g1", folder);
    assert_string_equal(r.published_path, folder);
    assert_int_equal(n_entries(folder), 6); /* the four, SHA256SUMS, provenance.json */
    assert_int_equal(n_entries(t.products), 1);
    OK(ci_publish_verify(folder));
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0444);
    OK(ci_fits_verify(path));
    ci_json *provenance;
    snprintf(path, sizeof path, "%s/provenance.json", folder);
    OK(ci_json_read_file(&provenance, path));
    assert_string_equal(ci_json_get_string(provenance, "id", ""), "g1");
    assert_int_equal(ci_json_length(ci_json_get(provenance, "files")), 4);
    assert_int_equal(ci_json_length(ci_json_get(ci_json_get(provenance, "metadata"), "tiles")), 2);
    ci_json_free(provenance);
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_PUBLISHED);
    /* Twice: nothing, and it says so, by name too. */
    for (int i = 0; i < 2; i++) {
        t.options.by_name = i == 1;
        OK(ci_publish_product(t.registry, "g1", &t.options, &r));
        assert_int_equal(r.kind, CI_PUBLISHED_BEFORE);
        assert_non_null(strstr(r.text, "published before"));
    }
    /* A changed published file is told by name. */
    snprintf(path, sizeof path, "%s/sources.csv", folder);
    assert_int_equal(chmod(path, 0644), 0);
    OK(ci_file_write(path, "x", 1));
    assert_int_equal(ci_publish_verify(folder), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "sources.csv"));
    assert_int_equal(ci_publish_product(t.registry, "none", &t.options, &r), CI_ERR_INPUT);
    publish_end(&t);
    assert_int_equal(ci_mem_now(), 0);
}

static void test_remove_staging(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    ci_publish_recovered recovered;
    char folder[400];
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    OK(publish_case_make(&t, "g2", &good));
    OK(ci_publish_product(t.registry, "g2", &t.options, &r));
    t.options.remove_staging = true;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t.staging);
    assert_false(ci_path_exists(folder));
    snprintf(folder, sizeof folder, "%s/mosaics/g2", t.staging);
    assert_true(ci_path_exists(folder));
    /* What was left over is removed by recover, once. */
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_staging, 1);
    assert_false(ci_path_exists(folder));
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_staging + recovered.n_fault + recovered.n_finished, 0);
    published_path(&t, "g1", folder);
    OK(ci_publish_verify(folder));
    publish_end(&t);
}

static void remove_folder(const char *path)
{
    char command[500];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

/* A published folder that is gone is not published: it is published again from staging. */
static void test_folder_gone(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    char folder[400], staged[400];
    bool lost;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    published_path(&t, "g1", folder);
    OK(ci_publish_check_lost(t.registry, "g1", t.products, &lost));
    assert_false(lost);
    remove_folder(folder);
    /* No folder of products, perhaps a disk that is not mounted: nothing is lost. */
    OK(ci_publish_check_lost(t.registry, "g1", "/nowhere", &lost));
    assert_false(lost);
    t.options.dry_run = true;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_PUBLISHED);
    t.options.dry_run = false;
    size_t before = ci_log_warning_count();
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    assert_int_equal(r.kind, CI_PUBLISHED);
    OK(ci_publish_verify(folder));
    assert_int_equal(ci_log_warning_count() - before, 1);
    assert_non_null(strstr(ci_log_warning_get(before), "is not there"));
    /* Staging gone as well: said, and not called published. */
    remove_folder(folder);
    snprintf(staged, sizeof staged, "%s/mosaics/g1", t.staging);
    remove_folder(staged);
    assert_int_equal(ci_publish_product(t.registry, "g1", &t.options, &r), CI_ERR_INPUT);
    assert_non_null(strstr(r.text, "contimg run makes it again"));
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_STAGING);
    publish_end(&t);
    assert_int_equal(ci_mem_now(), 0);
}

/* A data registry that was lost is made again from the products that stand published. */
static void test_rebuild(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    ci_publish_recovered recovered;
    ci_registry_products *list;
    char folder[400], path[440];
    publish_new(&t);
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "g%d", i);
        OK(publish_case_make(&t, id, &good));
        OK(ci_publish_product(t.registry, id, &t.options, &r));
    }
    ci_registry_close(t.registry);
    snprintf(path, sizeof path, "rm '%s'*", t.c.data);
    assert_int_equal(system(path), 0);
    /* One was changed since; and a folder that is none of contimg's. */
    published_path(&t, "g2", folder);
    snprintf(path, sizeof path, "%s/sources.csv", folder);
    assert_int_equal(chmod(path, 0644), 0);
    OK(ci_file_write(path, "x", 1));
    snprintf(path, sizeof path, "%s/" CASE_DATE "/other", t.products);
    OK(ci_path_make_folder(path));
    OK(publish_case_open(&t));
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_rebuilt + recovered.n_fault, 0); /* only where asked for */
    t.options.rebuild = true;
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_rebuilt, 2);
    assert_int_equal(recovered.n_fault, 1);
    OK(ci_registry_products_read(t.registry, &list, -1, true));
    assert_int_equal(list->n, 2);
    for (size_t i = 0; i < list->n; i++) {
        const ci_registry_product *p = &list->item[i];
        published_path(&t, p->id, folder);
        assert_int_equal(p->state, CI_PUBLISH_PUBLISHED);
        assert_false(p->is_deployed || p->staging_removable);
        assert_string_equal(p->type, "mosaic");
        assert_string_equal(p->published_path, folder);
        assert_string_equal(p->metadata_json, "{\"tiles\":[\"a\",\"b\"]}");
        assert_non_null(strstr(p->qa_json, "checksum"));
        assert_true(p->time_mjd_s == 61065 * CI_DAY_S);
    }
    ci_registry_products_free(list);
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    assert_int_equal(r.kind, CI_PUBLISHED_BEFORE);
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_rebuilt, 0);
    OK(ci_registry_verify(t.registry, CI_DB_DATA));
    publish_end(&t);
    assert_int_equal(ci_mem_now(), 0);
}

/* A publish inside an open transaction fails, and says so. */
static void test_inside_transaction(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    OK(ci_registry_begin(t.registry, CI_DB_DATA));
    assert_int_equal(ci_publish_product(t.registry, "g1", &t.options, &r), CI_ERR_INTERNAL);
    OK(ci_registry_end(t.registry, CI_DB_DATA, CI_OK));
    assert_int_equal(n_entries(t.products), 0);
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    publish_end(&t);
}

static void test_waits(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    size_t n_published, n_failed;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    ci_registry_product p = {.id = "g1",
                             .type = "mosaic",
                             .auto_publish = false,
                             .metadata_json = "",
                             .time_mjd_s = 61065 * CI_DAY_S};
    char folder[400];
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t.staging);
    p.stage_path = folder;
    bool is_new;
    OK(ci_registry_product_stage(t.registry, &p, &is_new));
    assert_int_equal(ci_publish_product(t.registry, "g1", &t.options, &r), CI_ERR_NOT_READY);
    assert_int_equal(r.kind, CI_PUBLISH_WAITS);
    OK(ci_publish_due(t.registry, &t.options, &n_published, &n_failed));
    assert_int_equal(n_published + n_failed, 0);
    t.options.by_name = true;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    publish_end(&t);
}

/* ---- gates ----------------------------------------------------------------------------------- */

static ci_qa_outcome outcome_of(const ci_qa_gates *gates, const char *name)
{
    ci_qa_outcome worst = CI_QA_PASS;
    for (size_t i = 0; i < gates->n; i++)
        if (strcmp(gates->item[i].name, name) == 0 && gates->item[i].outcome > worst)
            worst = gates->item[i].outcome;
    return worst;
}

/* A product that fails just one gate is refused by that one, and stays refused. */
static void test_each_gate(void **state)
{
    (void)state;
    static const struct
    {
        const char *gate;
        mosaic_faults faults;
    } cases[] = {
        {"opens", {.no_file = true}},      {"opens", {.broken = true}},
        {"checksum", {.checksum = true}},  {"units", {.wrong_unit = true}},
        {"beam", {.no_beam = true}},       {"provenance", {.no_time = true}},
        {"finite", {.nan_inside = true}},  {"noise", {.noise_factor = 4}},
        {"dynamic_range", {.flat = true}},
    };
    publish_case t;
    ci_publish_result r;
    size_t n_published, n_failed;
    publish_new(&t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[16];
        snprintf(id, sizeof id, "gate%zu", i);
        OK(publish_case_make(&t, id, &cases[i].faults));
        assert_int_equal(ci_publish_product(t.registry, id, &t.options, &r), CI_ERR_GATE);
        assert_int_equal(r.kind, CI_PUBLISH_GATE);
        assert_int_equal(outcome_of(&r.gates, cases[i].gate), CI_QA_FAIL);
        for (size_t k = 0; k < r.gates.n; k++) {
            const ci_qa_gate *g = &r.gates.item[k];
            if (g->outcome == CI_QA_FAIL && strcmp(g->name, cases[i].gate) != 0 &&
                strcmp(g->name, "peak_snr") != 0)
                fail_msg("%s fails too: %s", g->name, g->text);
            if (strstr(g->text, "/proc/")) fail_msg("%s", g->text);
        }
        assert_int_equal(state_of(&t, id), CI_PUBLISH_REFUSED);
    }
    assert_int_equal(n_entries(t.products), 1); /* the date's folder */
    char folder[400];
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t.products);
    assert_int_equal(n_entries(folder), 0);
    OK(ci_publish_due(t.registry, &t.options, &n_published, &n_failed));
    assert_int_equal(n_published + n_failed, 0); /* not retried by itself */
    /* Put right, by name: published. */
    snprintf(folder, sizeof folder, "%s/mosaics/gate3", t.staging);
    OK(mosaic_write(folder, &good));
    assert_int_equal(ci_publish_product(t.registry, "gate3", &t.options, &r), CI_ERR_GATE);
    t.options.by_name = true;
    OK(ci_publish_product(t.registry, "gate3", &t.options, &r));
    publish_end(&t);
}

/* A mosaic that passes, in the staging folder; nothing is known of its noise and fluxes. */
static ci_qa_subject good_subject(const publish_case *t, char folder[400], char paths[3][450])
{
    static const char *const names[] = {"mosaic", "weight", "noise"};
    snprintf(folder, 400, "%s/m", t->staging);
    OK(mosaic_write(folder, &good));
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], 450, "%s/%s.fits", folder, names[i]);
    return (ci_qa_subject){.image = paths[0],
                           .weight = paths[1],
                           .noise = paths[2],
                           .thermal_jy = NAN,
                           .flux_ratio = NAN};
}

static void test_measured_gates(void **state)
{
    (void)state;
    publish_case t;
    ci_qa_gates gates;
    char folder[400], paths[3][450], why[CI_QA_TEXT];
    publish_new(&t);
    ci_qa_subject s = good_subject(&t, folder, paths);
    s.flux_ratio = 1.3;
    s.n_flux_match = 4;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_false(gates.refused);
    assert_int_equal(outcome_of(&gates, "noise"), CI_QA_WARN);      /* thermal not known */
    assert_int_equal(outcome_of(&gates, "flux_ratio"), CI_QA_SKIP); /* 4 of 5 */
    s.accept_incomplete = true;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "noise"), CI_QA_SKIP);
    s.n_flux_match = 5;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "flux_ratio"), CI_QA_FAIL);
    /* rms 1 mJy: the ratio as measured. */
    s.n_flux_match = 0;
    s.thermal_jy = 0.6e-3;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "noise"), CI_QA_WARN);
    s.thermal_jy = 0.3e-3;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "noise"), CI_QA_FAIL);
    assert_false(ci_qa_tile_passes(&gates, why));
    assert_non_null(strstr(why, "thermal"));
    for (size_t i = 0; i < gates.n; i++)
        if (strcmp(gates.item[i].name, "noise") == 0)
            assert_true(fabs(gates.item[i].value - 1 / 0.3) < 0.1 / 0.3);
    /* Relaxed: passes, never silently. */
    t.options.limits.image.max_noise_ratio = t.options.limits.image.warn_noise_ratio = 10;
    OK(ci_qa_image_judge(&gates, &s, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "noise"), CI_QA_WARN);
    assert_true(ci_qa_tile_passes(&gates, why));
    /* A tile: NaN matters inside the beam's 0.2 only. */
    ci_fits_header h;
    static float pb[side * side];
    char pb_path[450];
    mosaic_header(&h);
    for (int i = 0; i < side * side; i++) {
        double x = i % side - side / 2, y = (double)(i / side) - side / 2;
        pb[i] = (float)exp(-(x * x + y * y) / 300);
    }
    snprintf(pb_path, sizeof pb_path, "%s/pb.fits", folder);
    OK(ci_fits_write(pb_path, &h, pb));
    ci_qa_subject tile = {.image = paths[0], .pb = pb_path, .thermal_jy = 1e-3, .flux_ratio = NAN};
    OK(ci_qa_image_judge(&gates, &tile, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "finite"), CI_QA_PASS);
    assert_true(ci_qa_tile_passes(&gates, why));
    OK(mosaic_write(folder, &(mosaic_faults){.nan_inside = true}));
    OK(ci_qa_image_judge(&gates, &tile, &t.options.limits));
    assert_int_equal(outcome_of(&gates, "finite"), CI_QA_FAIL);
    publish_end(&t);
}

/* A process without file descriptors left says nothing about the product: every try at opening
 * one of its files ends as the system's fault, and none of them as a gate. */
static void test_no_descriptors(void **state)
{
    (void)state;
    publish_case t;
    ci_qa_gates gates;
    struct rlimit before, few;
    char folder[400], paths[3][450];
    publish_new(&t);
    ci_qa_subject s = good_subject(&t, folder, paths);
    s.thermal_jy = 1e-3;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = open("/dev/null", O_RDONLY);
    assert_true(next >= 0);
    close(next);
    int n_fault = 0;
    ci_status status = CI_ERR_IO;
    for (int n_left = 0; status != CI_OK && n_left < 8; n_left++) {
        few = before;
        few.rlim_cur = (rlim_t)(next + n_left);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        status = ci_qa_image_judge(&gates, &s, &t.options.limits);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (status == CI_OK) break;
        assert_int_equal(status, CI_ERR_IO);
        assert_false(gates.refused);
        assert_non_null(strstr(ci_error_text(), ".fits: open"));
        n_fault++;
    }
    OK(status);
    assert_false(gates.refused);
    assert_true(n_fault >= 3); /* at the image, its checksum and the files beside it */
    publish_end(&t);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void stage_only(publish_case *t, const char *id, const char *folder)
{
    bool is_new;
    ci_registry_product p = {.type = "mosaic",
                             .auto_publish = true,
                             .stage_path = (char *)folder,
                             .metadata_json = "",
                             .time_mjd_s = 61065 * CI_DAY_S};
    snprintf(p.id, sizeof p.id, "%s", id);
    OK(ci_registry_product_stage(t->registry, &p, &is_new));
}

static void test_paths(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    char outside[400], inside[400], link[400], dotted[500], file[450];
    publish_new(&t);
    snprintf(outside, sizeof outside, "%s/outside", t.c.folder);
    snprintf(inside, sizeof inside, "%s/mosaics/real", t.staging);
    snprintf(link, sizeof link, "%s/mosaics/link", t.staging);
    snprintf(dotted, sizeof dotted, "%s/mosaics/../../outside", t.staging);
    OK(mosaic_write(outside, &good));
    OK(mosaic_write(inside, &good));
    assert_int_equal(symlink(outside, link), 0);
    const char *const attacks[] = {outside, dotted, link, t.staging, "/etc", "mosaics/real"};
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        char id[16];
        snprintf(id, sizeof id, "attack%zu", i);
        stage_only(&t, id, attacks[i]);
        ci_status status = ci_publish_product(t.registry, id, &t.options, &r);
        if (status != CI_ERR_GATE)
            fail_msg("%s: %s %s", attacks[i], ci_status_name(status), r.text);
        assert_int_equal(state_of(&t, id), CI_PUBLISH_REFUSED);
    }
    /* A link to a file among the product's files. */
    snprintf(file, sizeof file, "%s/shadow.txt", inside);
    assert_int_equal(symlink("/etc/passwd", file), 0);
    stage_only(&t, "real", inside);
    assert_int_equal(ci_publish_product(t.registry, "real", &t.options, &r), CI_ERR_GATE);
    assert_int_equal(unlink(file), 0);
    /* Ids that would lead elsewhere. */
    const char *const ids[] = {"../up", "a/b", ".hidden", "-rf", "a b", ".."};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        stage_only(&t, ids[i], inside);
        assert_int_equal(ci_publish_product(t.registry, ids[i], &t.options, &r), CI_ERR_GATE);
    }
    /* The date's folder replaced by a link out of the products folder. */
    char date[400];
    snprintf(date, sizeof date, "%s/" CASE_DATE, t.products);
    if (ci_path_exists(date)) assert_int_equal(rmdir(date), 0);
    assert_int_equal(symlink(outside, date), 0);
    t.options.by_name = true;
    size_t before = n_entries(outside);
    assert_int_equal(ci_publish_product(t.registry, "real", &t.options, &r), CI_ERR_GATE);
    assert_int_equal(n_entries(outside), before);
    assert_int_equal(unlink(date), 0);
    /* Links inside the base path itself are the site's own business. */
    char base[400], staged[450];
    snprintf(base, sizeof base, "%s/stage-disk", t.c.folder);
    assert_int_equal(symlink(t.staging, base), 0);
    t.options.staging_base = base;
    OK(ci_publish_product(t.registry, "real", &t.options, &r));
    snprintf(staged, sizeof staged, "%s/mosaics/real", base);
    stage_only(&t, "real2", staged);
    OK(ci_publish_product(t.registry, "real2", &t.options, &r));
    publish_end(&t);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Something in the way; then away: the product waits in staging, and is published. */
static void test_retry(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    ci_registry_attempts *attempts;
    char date[400];
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    t.options.products_base = "/proc/contimg-cannot-be";
    assert_int_not_equal(ci_publish_product(t.registry, "g1", &t.options, &r), CI_OK);
    assert_int_equal(r.kind, CI_PUBLISH_RETRY);
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_STAGING);
    assert_int_equal(ci_publish_product(t.registry, "g1", &t.options, &r), CI_ERR_NOT_READY);
    assert_int_equal(r.kind, CI_PUBLISH_WAITS);
    assert_non_null(strstr(r.text, "cannot-be"));
    t.c.clock.unix_s += 61;
    t.options.products_base = t.products;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    OK(ci_registry_attempts_read(t.registry, &attempts, "g1", 0));
    assert_int_equal(attempts->n, 2);
    assert_string_equal(attempts->item[0].outcome, "failed");
    assert_non_null(strstr(attempts->item[0].error, "cannot-be"));
    assert_string_equal(attempts->item[1].outcome, "published");
    ci_registry_attempts_free(attempts);
    /* Another product of that name stands there: never replaced. */
    OK(publish_case_make(&t, "g2", &good));
    snprintf(date, sizeof date, "%s/" CASE_DATE "/g2", t.products);
    OK(ci_path_make_folder(date));
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(ci_publish_product(t.registry, "g2", &t.options, &r), CI_OK);
        t.c.clock.unix_s += 1000;
    }
    assert_int_equal(r.kind, CI_PUBLISH_GIVEN_UP);
    assert_int_equal(state_of(&t, "g2"), CI_PUBLISH_FAILED);
    assert_int_equal(ci_publish_product(t.registry, "g2", &t.options, &r), CI_ERR_NOT_READY);
    assert_int_equal(rmdir(date), 0);
    t.options.by_name = true;
    OK(ci_publish_product(t.registry, "g2", &t.options, &r));
    publish_end(&t);
}

/* Permission denied: as another user, where this is root. */
static void test_permission(void **state)
{
    (void)state;
    publish_case t;
    int result;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    ci_registry_close(t.registry);
    t.registry = NULL;
    char command[900];
    snprintf(command, sizeof command, "chmod -R a+rwX '%s' && chmod 0555 '%s'", t.c.folder,
             t.products);
    assert_int_equal(system(command), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ci_publish_result r;
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(9);
        if (publish_case_open(&t) != CI_OK) _exit(8);
        ci_status status = ci_publish_product(t.registry, "g1", &t.options, &r);
        _exit(status == CI_ERR_IO && r.kind == CI_PUBLISH_RETRY &&
                      strstr(r.text, "Permission denied")
                  ? 0
                  : 1);
    }
    waitpid(pid, &result, 0);
    assert_int_equal(result, 0);
    assert_int_equal(chmod(t.products, 0755), 0);
    OK(publish_case_open(&t));
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_STAGING);
    t.c.clock.unix_s += 100;
    ci_publish_result r;
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    publish_end(&t);
}

/* A products disk of 64 kB. Exit 77 where no file system may be mounted. */
static int on_a_full_disk(publish_case *t)
{
    ci_publish_result r;
    char folder[400];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", t->products, "tmpfs", 0, "size=32k") != 0)
        return 77;
    if (publish_case_open(t) != CI_OK) return 1;
    ci_status status = ci_publish_product(t->registry, "g1", &t->options, &r);
    if (status != CI_ERR_DISK || r.kind != CI_PUBLISH_RETRY) {
        fprintf(stderr, "%s: %s\n", ci_status_name(status), r.text);
        return 2;
    }
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
    if (n_entries(folder) != 0) return 3; /* no .part is left on a full disk */
    if (mount("tmpfs", t->products, "tmpfs", MS_REMOUNT, "size=10m") != 0) return 4;
    t->c.clock.unix_s += 100;
    status = ci_publish_product(t->registry, "g1", &t->options, &r);
    published_path(t, "g1", folder);
    if (status != CI_OK || ci_publish_verify(folder) != CI_OK) return 5;
    return 0;
}

static void test_full_disk(void **state)
{
    (void)state;
    publish_case t;
    int result;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    ci_registry_close(t.registry);
    t.registry = NULL;
    pid_t pid = fork();
    if (pid == 0) _exit(on_a_full_disk(&t));
    waitpid(pid, &result, 0);
    case_end(&t.c);
    if (WIFEXITED(result) && WEXITSTATUS(result) == 77) {
        print_message("skipped: a file system cannot be mounted here (not root)\n");
        skip();
    }
    assert_int_equal(result, 0);
}

/* ---- many at once ---------------------------------------------------------------------------- */

static void test_sixteen_publishers(void **state)
{
    (void)state;
    publish_case t;
    enum
    {
        n_process = 16
    };
    pid_t pids[n_process];
    int go[2], n_published = 0, n_other = 0;
    char folder[400];
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    ci_registry_close(t.registry);
    assert_int_equal(pipe(go), 0);
    for (int p = 0; p < n_process; p++) {
        pids[p] = fork();
        if (pids[p] != 0) continue;
        ci_publish_result r;
        char byte;
        close(go[1]);
        if (publish_case_open(&t) != CI_OK) _exit(9);
        if (read(go[0], &byte, 1) != 0) _exit(8);
        ci_status status = ci_publish_product(t.registry, "g1", &t.options, &r);
        if (status == CI_OK && r.kind == CI_PUBLISHED) _exit(0);
        if (status == CI_OK && r.kind == CI_PUBLISHED_BEFORE) _exit(1);
        if (status == CI_ERR_NOT_READY && r.kind == CI_PUBLISH_BUSY && strstr(r.text, "pid"))
            _exit(2);
        fprintf(stderr, "%s: %s\n", ci_status_name(status), r.text);
        _exit(7);
    }
    close(go[0]);
    close(go[1]); /* all at once */
    for (int p = 0; p < n_process; p++) {
        int result;
        waitpid(pids[p], &result, 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) <= 2);
        n_published += WEXITSTATUS(result) == 0;
        n_other += WEXITSTATUS(result) != 0;
    }
    assert_int_equal(n_published, 1);
    assert_int_equal(n_other, 15);
    OK(publish_case_open(&t));
    published_path(&t, "g1", folder);
    OK(ci_publish_verify(folder));
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t.products);
    assert_int_equal(n_entries(folder), 1);
    publish_end(&t);
}

/* The data registry locked by somebody else for a while: waited for. */
static void test_busy(void **state)
{
    (void)state;
    publish_case t;
    ci_publish_result r;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        sqlite3_open(t.c.data, &db);
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        usleep(700000);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    OK(ci_publish_product(t.registry, "g1", &t.options, &r));
    waitpid(pid, NULL, 0);
    publish_end(&t);
}

/* ---- killed ---------------------------------------------------------------------------------- */

/* A process is killed after `microseconds` of publishing; what is left is recovered. */
static void kill_once(unsigned microseconds)
{
    publish_case t;
    ci_publish_recovered recovered;
    char folder[400];
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    ci_registry_close(t.registry);
    t.registry = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        ci_publish_result r;
        t.options.remove_staging = true;
        _exit(publish_case_open(&t) == CI_OK &&
                      ci_publish_product(t.registry, "g1", &t.options, &r) == CI_OK
                  ? 0
                  : 1);
    }
    usleep(microseconds);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    OK(publish_case_open(&t));
    OK(ci_registry_verify(t.registry, CI_DB_DATA));
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    size_t n_published, n_failed;
    OK(ci_publish_due(t.registry, &t.options, &n_published, &n_failed));
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_PUBLISHED);
    published_path(&t, "g1", folder);
    OK(ci_publish_verify(folder));
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t.products);
    assert_int_equal(n_entries(folder), 1);
    publish_end(&t);
}

static void test_killed_anywhere(void **state)
{
    (void)state;
    /* The systematic form, before every system call, is tests/fault/test_publish_kill.sh. */
    for (unsigned i = 0; i < 40; i++)
        kill_once(500 + 1500 * i);
}

/* A clock that jumps ahead: the lease is taken from a living publisher; its half-made folder
 * and the other's do not mix, and the first does not publish over the second. */
static void test_lease_lost(void **state)
{
    (void)state;
    publish_case t;
    ci_registry_claim claim;
    ci_registry_owner first;
    ci_publish_recovered recovered;
    ci_registry_publish_state after;
    publish_new(&t);
    OK(publish_case_make(&t, "g1", &good));
    OK(ci_registry_product_claim(t.registry, "g1", false, 60, &claim, &first));
    char part[500];
    snprintf(part, sizeof part, "%s/" CASE_DATE "/g1.%s.part", t.products, first.token);
    OK(ci_path_make_folder(part));
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_busy, 1);
    assert_int_equal(recovered.n_part, 0); /* of a living owner: left alone */
    assert_true(ci_path_exists(part));
    t.c.clock.unix_s += 61;
    OK(ci_publish_recover(t.registry, &t.options, &recovered));
    assert_int_equal(recovered.n_finished, 1);
    assert_int_equal(recovered.n_part, 1);
    assert_false(ci_path_exists(part));
    assert_int_equal(ci_registry_product_fail(t.registry, "g1", first.token, "late", 1, 3, &after),
                     CI_ERR_NOT_READY);
    assert_int_equal(state_of(&t, "g1"), CI_PUBLISH_PUBLISHED);
    publish_end(&t);
}

/* ---- the program that is killed -------------------------------------------------------------- */

static int wrong(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ci_error_text());
    return 1;
}

/* stage | publish | recover | check, in the given folder. */
static int act(const char *action, const char *folder)
{
    publish_case t = {0};
    ci_publish_result r;
    ci_publish_recovered recovered;
    size_t n_published, n_failed;
    char path[400];
    registry_case *c = &t.c;
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    snprintf(c->ingest, sizeof c->ingest, "%s/ingest.sqlite3", folder);
    snprintf(c->cal, sizeof c->cal, "%s/cal_registry.sqlite3", folder);
    snprintf(c->products, sizeof c->products, "%s/products.sqlite3", folder);
    snprintf(c->data, sizeof c->data, "%s/data_registry.sqlite3", folder);
    snprintf(c->backups, sizeof c->backups, "%s/backups", folder);
    c->paths = (ci_registry_paths){c->ingest, c->cal, c->products, c->data, c->backups};
    ci_registry_options_default(&c->options);
    ci_status status = publish_case_open(&t);
    if (status != CI_OK) {
        wrong("open");
        return ci_status_exit_code(status);
    }
    t.options.remove_staging = true;
    t.options.backoff_s = 0;
    if (strcmp(action, "stage") == 0)
        status = publish_case_make(&t, "g1", &good);
    else if (strcmp(action, "publish") == 0)
        status = ci_publish_product(t.registry, "g1", &t.options, &r);
    else if (strcmp(action, "recover") == 0) {
        status = ci_publish_recover(t.registry, &t.options, &recovered);
        if (status == CI_OK)
            status = ci_publish_due(t.registry, &t.options, &n_published, &n_failed);
        if (status == CI_OK) status = ci_publish_recover(t.registry, &t.options, &recovered);
    } else if (strcmp(action, "staged") == 0) {
        /* After a failed attempt: nothing lost, and an attempt that ended says why. */
        ci_registry_products *list;
        ci_registry_attempts *attempts;
        snprintf(path, sizeof path, "%s/mosaics/g1/mosaic.fits", t.staging);
        status = ci_registry_product_get(t.registry, "g1", &list);
        if (status == CI_OK && list->item[0].state != CI_PUBLISH_PUBLISHED && !ci_path_exists(path))
            return wrong("lost from staging");
        if (status == CI_OK) status = ci_registry_attempts_read(t.registry, &attempts, "g1", 0);
        for (size_t i = 0; status == CI_OK && i < attempts->n; i++)
            if (strcmp(attempts->item[i].outcome, "failed") == 0 &&
                (!attempts->item[i].error[0] || attempts->item[i].ended_unix_s <= 0))
                return wrong("no error recorded");
    } else {
        for (int i = 0; i < CI_DB_COUNT && status == CI_OK; i++)
            status = ci_registry_verify(t.registry, (ci_registry_database)i);
        if (status == CI_OK && state_of(&t, "g1") != CI_PUBLISH_PUBLISHED)
            return wrong("not published");
        snprintf(path, sizeof path, "%s/" CASE_DATE, t.products);
        if (n_entries(path) != 1) return wrong("more or less than one folder of the date");
        published_path(&t, "g1", path);
        if (status == CI_OK) status = ci_publish_verify(path);
        if (n_entries(path) != 6) return wrong("not its six files");
        snprintf(path, sizeof path, "%s/mosaics/g1", t.staging);
        if (ci_path_exists(path)) return wrong("staging left over");
    }
    if (status != CI_OK) fprintf(stderr, "%s\n", ci_error_text());
    ci_registry_close(t.registry);
    return ci_status_exit_code(status);
}

int main(int n_argument, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_remove_staging),
        cmocka_unit_test(test_folder_gone),
        cmocka_unit_test(test_rebuild),
        cmocka_unit_test(test_inside_transaction),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_each_gate),
        cmocka_unit_test(test_measured_gates),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_permission),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_sixteen_publishers),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_killed_anywhere),
        cmocka_unit_test(test_lease_lost),
    };
    ci_log_set_level(n_argument == 3 ? CI_LOG_WARNING : CI_LOG_ERROR);
    if (n_argument == 3) return act(arguments[1], arguments[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
