/* phot: names, source lists as CSV, comparison with a catalogue. */
#include "unit_case.h"
#include "random.h"

#include "contimg/phot.h"

#include <math.h>

static void name_is(double ra_deg, double dec_deg, const char *want)
{
    char name[32];
    ci_phot_name(name, ra_deg * CI_DEG_TO_RAD, dec_deg * CI_DEG_TO_RAD);
    assert_string_equal(name, want);
}

static void test_names_are_cut_not_rounded(void **unused)
{
    (void)unused;
    name_is((5 + 21 / 60.0 + 9.97 / 3600) * 15, 16 + 38 / 60.0 + 22.9 / 3600, "J052109.9+163822");
    name_is(0, 0, "J000000.0+000000");
    name_is(359.99999, -0.0001, "J235959.9-000000");
    name_is(-15, -89.99999, "J230000.0-895959");
    name_is(45, 30, "J030000.0+300000");
}

/* ---- lists ----------------------------------------------------------------------------------- */

static ci_phot_source two[2] = {{.name = "J030000.0+300000",
                                 .ra_rad = 0.785398,
                                 .dec_rad = 0.5236,
                                 .ra_err_rad = 1e-6,
                                 .dec_err_rad = 2e-6,
                                 .peak_jy = 0.0123,
                                 .peak_err_jy = 1e-4,
                                 .flux_jy = 0.02,
                                 .flux_err_jy = 3e-4,
                                 .major_rad = 1e-4,
                                 .minor_rad = 8e-5,
                                 .pa_rad = 1.1,
                                 .rms_jy = 1e-4,
                                 .island = 7,
                                 .is_resolved = true},
                                {.name = "J000000.0-000001",
                                 .ra_rad = 0,
                                 .dec_rad = -5e-6,
                                 .peak_jy = 12.7,
                                 .flux_jy = 12.7,
                                 .rms_jy = 3e-4,
                                 .island = 1}};
static const ci_phot_list list_of_two = {.n_source = 2, .source = two};

static void test_list_written_and_read(void **state)
{
    UNIT_PATH(path, state, "x.csv");
    ci_phot_list *back = NULL;
    OK(ci_phot_list_write(&list_of_two, path));
    OK(ci_phot_list_read(&back, path));
    assert_int_equal(back->n_source, 2);
    const ci_phot_source b = back->source[0], second = back->source[1];
    ci_phot_list_free(back);
    assert_string_equal(b.name, two[0].name);
    unit_near(b.ra_rad, two[0].ra_rad, 1e-9);
    unit_near(b.dec_rad, two[0].dec_rad, 1e-9);
    unit_near(b.dec_err_rad, 2e-6, 1e-9);
    unit_near(b.flux_jy, 0.02, 1e-8);
    unit_near(b.flux_err_jy, 3e-4, 1e-7);
    unit_near(b.major_rad, 1e-4, 1e-8);
    unit_near(b.pa_rad, 1.1, 1e-4);
    assert_int_equal(b.island, 7);
    assert_true(b.is_resolved && !second.is_resolved);
    unit_near(second.peak_jy, 12.7, 1e-6);
}

static void test_list_without_a_column(void **state)
{
    UNIT_PATH(path, state, "x.csv");
    ci_phot_list *back = NULL;
    OK(ci_file_write(path, "name,ra_deg\nx,1\n", 16));
    unit_refused(ci_phot_list_read(&back, path), CI_ERR_INPUT, "dec_deg");
    assert_null(back);
}

static void test_list_with_a_broken_number(void **state)
{
    UNIT_PATH(path, state, "x.csv");
    ci_phot_list *back = NULL;
    char *text;
    size_t n;
    OK(ci_phot_list_write(&list_of_two, path));
    OK(ci_file_read(&text, &n, path));
    strstr(text, "1.27")[0] = 'x';
    ci_status status = ci_file_write(path, text, n);
    ci_mem_free(text);
    OK(status);
    unit_refused(ci_phot_list_read(&back, path), CI_ERR_INPUT, "line 3: peak_jy");
    assert_null(back);
}

/* ---- comparison ------------------------------------------------------------------------------ */

enum
{
    N = 60
};

typedef struct lists
{
    ci_sky_source sky[N];
    ci_phot_source found[N];
} lists;

static double normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(test_random_next(state)));
    return radius * cos(CI_TWO_PI * test_random_next(state));
}

/* Found fluxes are 1.07 x the catalogue's at 1.4 GHz with 3 % scatter; two outliers, one pair too
 * close, one without a partner. */
static void make_lists(lists *l)
{
    uint64_t random = 42;
    for (size_t i = 0; i < N; i++) {
        double flux = 0.01 * pow(100, test_random_next(&random));
        l->sky[i] = (ci_sky_source){.ra_rad = fmod(6.25 + 0.002 * (double)i, CI_TWO_PI),
                                    .dec_rad = 0.3,
                                    .flux_jy = flux * pow(0.5, -0.7),
                                    .ref_freq_hz = 0.7e9,
                                    .spectral_index = -0.7};
        double got = 1.07 * flux * (1 + 0.03 * normal(&random));
        if (i == 5 || i == 9) got *= 3;
        double d_ra = 1e-5 * normal(&random), d_dec = 1e-5 * normal(&random);
        l->found[i] = (ci_phot_source){.ra_rad = l->sky[i].ra_rad + d_ra,
                                       .dec_rad = 0.3 + d_dec,
                                       .flux_jy = got,
                                       .peak_jy = got,
                                       .flux_err_jy = 0.02 * got,
                                       .rms_jy = 1e-4};
    }
    l->sky[20].ra_rad = l->sky[21].ra_rad + 3e-4; /* too close to 21 */
    l->found[30].dec_rad += 0.01;
}

static void test_compare(void **unused)
{
    (void)unused;
    static lists l;
    make_lists(&l);
    ci_phot_list list = {.n_source = N, .source = l.found};
    ci_sky_model model = {.n_source = N, .source = l.sky};
    ci_phot_compare *c = NULL;
    OK(ci_phot_compare_new(&c, &list, &model, 1.4e9, 1e-4, 5e-4));
    printf("compare: %zu matches, gain %.4f, scatter %.4f, median ratio %.4f\n", c->n_match,
           c->gain, c->scatter, c->median_ratio);
    assert_true(c->n_match == N - 3 || c->n_match == N - 2);
    unit_near(c->gain, 1.07, 0.015);
    unit_near(c->scatter, 0.03, 0.012);
    unit_near(c->median_ratio, 1.07, 0.02);
    unit_near(c->median_separation_rad, 1.18e-5, 4e-6);
    for (size_t k = 0; k < c->n_match; k++) {
        assert_int_equal(c->match[k].i_found, c->match[k].i_true);
        assert_int_not_equal(c->match[k].i_true, 21);
        assert_int_not_equal(c->match[k].i_true, 30);
    }
    ci_phot_compare_free(c);
}

static void test_compare_with_nothing(void **unused)
{
    (void)unused;
    static lists l;
    make_lists(&l);
    ci_phot_list list = {.n_source = 0, .source = l.found};
    ci_sky_model model = {.n_source = N, .source = l.sky};
    ci_phot_compare *c = NULL;
    OK(ci_phot_compare_new(&c, &list, &model, 1.4e9, 1e-4, 5e-4));
    size_t n_match = c->n_match;
    double gain = c->gain;
    ci_phot_compare_free(c);
    assert_true(n_match == 0 && isnan(gain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_names_are_cut_not_rounded),
        UNIT_TEST(test_list_written_and_read),
        UNIT_TEST(test_list_without_a_column),
        UNIT_TEST(test_list_with_a_broken_number),
        UNIT_TEST(test_compare),
        UNIT_TEST(test_compare_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
