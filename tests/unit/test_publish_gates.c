/* publish: every gate refuses the product that fails just it; gates that measure.
 * ci-test: timeout=300 */
#include "publish_test.h"

#include <fcntl.h>
#include <sys/resource.h>

static const struct
{
    ci_qa_gate_kind gate;
    mosaic_faults faults;
} gate_cases[] = {
    {CI_QA_GATE_OPENS, {.no_file = true}},      {CI_QA_GATE_OPENS, {.broken = true}},
    {CI_QA_GATE_CHECKSUM, {.checksum = true}},  {CI_QA_GATE_UNITS, {.wrong_unit = true}},
    {CI_QA_GATE_BEAM, {.no_beam = true}},       {CI_QA_GATE_PROVENANCE, {.no_time = true}},
    {CI_QA_GATE_FINITE, {.nan_inside = true}},  {CI_QA_GATE_NOISE, {.noise_factor = 4}},
    {CI_QA_GATE_DYNAMIC_RANGE, {.flat = true}},
};

/* The product that fails this gate is refused by it, and by no other (but the peak's, which goes
 * with the dynamic range). */
static void refused_by(publish_case *t, const char *id, ci_qa_gate_kind gate,
                       const mosaic_faults *faults)
{
    ci_publish_result r;
    OK(publish_case_make(t, id, faults));
    assert_int_equal(ci_publish_product(t->registry, id, &t->options, &r), CI_ERR_GATE);
    assert_int_equal(r.kind, CI_PUBLISH_GATE);
    assert_int_equal(outcome_of(&r.gates, gate), CI_QA_FAIL);
    for (size_t k = 0; k < r.gates.n; k++) {
        const ci_qa_gate *g = &r.gates.item[k];
        if (g->outcome == CI_QA_FAIL && g->kind != gate && g->kind != CI_QA_GATE_PEAK_SNR)
            fail_msg("%s fails too: %s", ci_qa_gate_name(g->kind), g->text);
        if (strstr(g->text, "/proc/")) fail_msg("%s", g->text);
    }
    assert_int_equal(state_of(t, id), CI_REGISTRY_PUBLISH_REFUSED);
}

static void test_each_gate(void **state)
{
    publish_case *t = *state;
    size_t n_published, n_failed;
    char folder[400];
    for (size_t i = 0; i < sizeof gate_cases / sizeof *gate_cases; i++) {
        char id[16];
        snprintf(id, sizeof id, "gate%zu", i);
        refused_by(t, id, gate_cases[i].gate, &gate_cases[i].faults);
    }
    assert_int_equal(n_entries(t->products), 1); /* the date's folder */
    snprintf(folder, sizeof folder, "%s/" CASE_DATE, t->products);
    assert_int_equal(n_entries(folder), 0);
    OK(ci_publish_due(t->registry, &t->options, &n_published, &n_failed));
    assert_int_equal(n_published + n_failed, 0); /* not retried by itself */
}

/* How often a text names it. */
static int n_named(const char *text, const char *id)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, id)); at += strlen(id))
        n++;
    return n;
}

/* The registry keeps the reason alone; what is said, the first time and later, names the product
 * once. */
static void test_refusal_names_the_product_once(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    ci_registry_products *list;
    refused_by(t, "g1", CI_QA_GATE_UNITS, &(mosaic_faults){.wrong_unit = true});
    OK(ci_registry_product_get(t->registry, "g1", &list));
    int n = n_named(list->item[0].error, "g1");
    bool is_reason = strstr(list->item[0].error, "units") != NULL;
    ci_registry_products_free(list);
    assert_int_equal(n, 0);
    assert_true(is_reason);
    for (int i = 0; i < 2; i++) {
        t->options.by_name = i == 1; /* judged before; judged again */
        assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_GATE);
        assert_int_equal(n_named(ci_error_text(), "g1"), 1);
        assert_int_equal(n_named(r.text, "g1"), 1);
    }
}

/* Put right, by name: published. */
static void test_refused_then_right(void **state)
{
    publish_case *t = *state;
    ci_publish_result r;
    char folder[400];
    refused_by(t, "g1", CI_QA_GATE_UNITS, &(mosaic_faults){.wrong_unit = true});
    snprintf(folder, sizeof folder, "%s/mosaics/g1", t->staging);
    OK(mosaic_write(folder, &good));
    assert_int_equal(ci_publish_product(t->registry, "g1", &t->options, &r), CI_ERR_GATE);
    t->options.by_name = true;
    OK(ci_publish_product(t->registry, "g1", &t->options, &r));
}

/* ---- what gates measure ---------------------------------------------------------------------- */

/* A mosaic that passes, in the staging folder; nothing is known of its noise and fluxes. */
static ci_qa_subject good_subject(const publish_case *t, char folder[400], char paths[3][450])
{
    static const char *const names[] = {"mosaic", "weight", "noise"};
    snprintf(folder, 400, "%s/m", t->staging);
    OK(mosaic_write(folder, &good));
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], 450, "%s/%s.fits", folder, names[i]);
    return (ci_qa_subject){.image.path = paths[0],
                           .weight.path = paths[1],
                           .noise.path = paths[2],
                           .thermal_jy = NAN,
                           .flux_ratio = NAN};
}

static ci_qa_gates judged(const publish_case *t, const ci_qa_subject *subject)
{
    ci_qa_gates gates;
    OK(ci_qa_image_judge(&gates, subject, &t->options.limits));
    return gates;
}

/* What phases of another tile's gains cost: known to be little or much, or not known, which noise
 * decides. */
static void test_coherence(void **state)
{
    static const struct
    {
        double loss, sigma, ratio;
        ci_qa_outcome outcome;
    } cases[] = {{0.019, 0.005, 2.5, CI_QA_PASS}, {0.021, 0.005, 1.1, CI_QA_FAIL},
                 {0.10, 0.03, 1.1, CI_QA_FAIL},   {0.01, 0.02, 1.4, CI_QA_SKIP},
                 {0.03, 0.02, 1.6, CI_QA_FAIL},   {NAN, NAN, 1.4, CI_QA_SKIP},
                 {NAN, NAN, 1.6, CI_QA_FAIL},     {-0.01, 0.001, 1.6, CI_QA_PASS}};
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    s.thermal_jy = 1e-3;
    double rms_jy = 0;
    ci_qa_gates gates = judged(t, &s);
    for (size_t k = 0; k < gates.n; k++) {
        assert_true(gates.item[k].kind != CI_QA_GATE_COHERENCE);
        if (gates.item[k].kind == CI_QA_GATE_NOISE) rms_jy = 1e-3 * gates.item[k].value;
    }
    s.is_loss_doubted = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.flux_loss = cases[i].loss;
        s.flux_sigma = cases[i].sigma;
        s.thermal_jy = rms_jy / cases[i].ratio;
        gates = judged(t, &s);
        if (outcome_of(&gates, CI_QA_GATE_COHERENCE) != cases[i].outcome) fail_msg("case %zu", i);
        bool refuses = ci_qa_tile_first_failed(&gates) != NULL;
        assert_int_equal(refuses, cases[i].outcome == CI_QA_FAIL);
    }
    s.flux_loss = 0.1;
    t->options.limits.image.max_flux_loss = 0.2;
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_COHERENCE), CI_QA_WARN);
}

static void test_unknown_thermal_noise(void **state)
{
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    ci_qa_gates gates = judged(t, &s);
    assert_false(gates.refused);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_NOISE), CI_QA_WARN);
    s.accept_incomplete = true;
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_NOISE), CI_QA_SKIP);
}

/* Fluxes are judged where five sources match. */
static void test_flux_ratio(void **state)
{
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    s.flux_ratio = 1.3;
    s.n_flux_match = 4;
    ci_qa_gates gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_FLUX_RATIO), CI_QA_SKIP);
    s.n_flux_match = 5;
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_FLUX_RATIO), CI_QA_FAIL);
    s.flux_ratio = 1.1;
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_FLUX_RATIO), CI_QA_PASS);
}

/* With an error, fluxes are warned of that are further from 1 than 2 % by three of it, also of a
 * few sources; a relaxed limit is told. */
static void test_flux_ratio_with_error(void **state)
{
    static const struct
    {
        double ratio, error, limit;
        int n;
        ci_qa_outcome outcome;
        const char *text;
    } cases[] = {
        {0.90, 0.006, 0.02, 12, CI_QA_WARN, "fluxes are 0.900 +- 0.006 of the catalogue's over 12"},
        {1.039, 0.006, 0.02, 12, CI_QA_WARN, "the calibrator varied"},
        {1.037, 0.006, 0.02, 12, CI_QA_PASS, ""},
        {0.963, 0.006, 0.02, 12, CI_QA_PASS, ""},
        {0.961, 0.006, 0.02, 12, CI_QA_WARN, "or the catalogue has another scale"},
        {0.90, 0.02, 0.02, 3, CI_QA_WARN, "over 3 sources: "},
        {0.90, 0.03, 0.02, 3, CI_QA_SKIP, "5 needed"},
        {0.75, 0.006, 0.02, 12, CI_QA_FAIL, "or the catalogue has another scale"},
        {0.90, 0.006, 0.15, 12, CI_QA_WARN, "limit relaxed"},
        {0.97, 0.006, 0.15, 12, CI_QA_PASS, ""},
    };
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.flux_ratio = cases[i].ratio;
        s.flux_ratio_err = cases[i].error;
        s.n_flux_match = cases[i].n;
        t->options.limits.image.max_flux_offset = cases[i].limit;
        ci_qa_gates gates = judged(t, &s);
        const ci_qa_gate *g = &gates.item[gates.n - 1];
        assert_int_equal(g->kind, CI_QA_GATE_FLUX_RATIO);
        if (g->outcome != cases[i].outcome || !strstr(g->text, cases[i].text))
            fail_msg("case %zu: %d, %s", i, (int)g->outcome, g->text);
        assert_true(!ci_qa_tile_first_failed(&gates)); /* a tile is not refused by it */
    }
}

/* The rms of 1 mJy against thermal noise: 1.67 is a warning, 3.33 a failure. */
static void test_noise_ratio(void **state)
{
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    s.thermal_jy = 0.6e-3;
    ci_qa_gates gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_NOISE), CI_QA_WARN);
    s.thermal_jy = 0.3e-3;
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_NOISE), CI_QA_FAIL);
    const ci_qa_gate *failed = ci_qa_tile_first_failed(&gates);
    assert_non_null(failed);
    assert_int_equal(failed->kind, CI_QA_GATE_NOISE);
    assert_non_null(strstr(failed->text, "thermal"));
    unit_near(failed->value, 1 / 0.3, 0.1 / 0.3);
}

/* Relaxed: passes, never silently. */
static void test_relaxed_limit(void **state)
{
    publish_case *t = *state;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
    s.thermal_jy = 0.3e-3;
    t->options.limits.image.max_noise_ratio = t->options.limits.image.warn_noise_ratio = 10;
    ci_qa_gates gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_NOISE), CI_QA_WARN);
    assert_null(ci_qa_tile_first_failed(&gates));
}

/* A beam of 17 pixels' width around the middle. */
static void pb_write(const char *path)
{
    static float pb[side * side];
    ci_fits_header h;
    mosaic_header(&h);
    for (int i = 0; i < side * side; i++) {
        double x = i % side - side / 2, y = (double)(i / side) - side / 2;
        pb[i] = (float)exp(-(x * x + y * y) / 300);
    }
    OK(ci_fits_write(path, &h, pb));
}

/* A tile: what is not a number matters inside the beam's 0.2 only. */
static void test_tile(void **state)
{
    publish_case *t = *state;
    char folder[400], paths[3][450], pb_path[450];
    ci_qa_subject s = good_subject(t, folder, paths);
    snprintf(pb_path, sizeof pb_path, "%s/pb.fits", folder);
    pb_write(pb_path);
    s = (ci_qa_subject){
        .image.path = paths[0], .pb.path = pb_path, .thermal_jy = 1e-3, .flux_ratio = NAN};
    ci_qa_gates gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_FINITE), CI_QA_PASS);
    assert_null(ci_qa_tile_first_failed(&gates));
    OK(mosaic_write(folder, &(mosaic_faults){.nan_inside = true}));
    gates = judged(t, &s);
    assert_int_equal(outcome_of(&gates, CI_QA_GATE_FINITE), CI_QA_FAIL);
}

/* A process without file descriptors left says nothing about the product: every try at opening
 * one of its files ends as the system's fault, and none of them as a gate. */
static void test_no_descriptors(void **state)
{
    publish_case *t = *state;
    ci_qa_gates gates;
    struct rlimit before, few;
    char folder[400], paths[3][450];
    ci_qa_subject s = good_subject(t, folder, paths);
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
        status = ci_qa_image_judge(&gates, &s, &t->options.limits);
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISH_TEST(test_each_gate),
        PUBLISH_TEST(test_refusal_names_the_product_once),
        PUBLISH_TEST(test_refused_then_right),
        PUBLISH_TEST(test_unknown_thermal_noise),
        PUBLISH_TEST(test_flux_ratio_with_error),
        PUBLISH_TEST(test_flux_ratio),
        PUBLISH_TEST(test_noise_ratio),
        PUBLISH_TEST(test_relaxed_limit),
        PUBLISH_TEST(test_tile),
        PUBLISH_TEST(test_no_descriptors),
        PUBLISH_TEST(test_coherence),
    };
    ci_log_set_level(CI_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
