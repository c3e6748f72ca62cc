/* phot: the flux scale of an image against a catalogue, and its error. */
#include "phot_case.h"
#include "random.h"

#include "contimg/qa.h"

#define SCALE 0.9
#define PB_WIDTH 700.0 /* pixels */

/* The median's error is sqrt(pi / 2) of a mean's: of the ratios' own errors, or of their scatter
 * where that is larger. */
static void test_error_of_the_median(void **unused)
{
    (void)unused;
    double ratio[12], error[12], want = sqrt(CI_PI / 2) * 0.02 / sqrt(12);
    for (int i = 0; i < 12; i++) {
        ratio[i] = SCALE + 1e-4 * (i % 3 - 1);
        error[i] = 0.02;
    }
    ci_phot_scale s = ci_phot_scale_of(ratio, error, 12);
    assert_int_equal(s.n, 12);
    assert_true(fabs(s.ratio - SCALE) < 1e-12 && fabs(s.sigma - want) < 1e-9);
    double scattered[4] = {0.7, 0.9, 1.1, 1.3}, small[4] = {0.02, 0.02, 0.02, 0.02};
    s = ci_phot_scale_of(scattered, small, 4); /* |x - 1|: 0.1, 0.1, 0.3, 0.3 */
    assert_true(fabs(s.ratio - 1) < 1e-12);
    assert_true(fabs(s.sigma - sqrt(CI_PI / 2) * 1.4826022 * 0.2 / 2) < 1e-6);
}

/* One source of few that has changed by 20 % is not the scale. */
static void test_one_variable(void **unused)
{
    (void)unused;
    for (size_t n = 2; n <= 5; n++) {
        double ratio[5] = {0.8, 1.004, 0.998, 1.003, 0.997},
               error[5] = {0.02, 0.02, 0.02, 0.02, 0.02};
        ci_phot_scale s = ci_phot_scale_of(ratio, error, n);
        if (!(fabs(s.ratio - 1) - 3 * s.sigma < 0)) fail_msg("%zu: %g +- %g", n, s.ratio, s.sigma);
        if (n > 2 && !(fabs(s.ratio - 1) < s.sure)) fail_msg("%zu: %g, %g", n, s.ratio, s.sure);
    }
}

/* ---- how seldom it is far off, against normal draws --------------------------------------------
 */

#define MOST 25

/* Draws of 10000 whose ratios are said to be off: n sources that vary by `varies`, whose spectral
 * indices differ by 0.3 from those of a catalogue at `freq_hz`, all `scale` times the catalogue's;
 * the first `first` times as much. */
static double said_off(size_t n, double varies, double freq_hz, double scale, double first)
{
    uint64_t state = 17 * n + 1;
    double spread = hypot(varies, 0.3 * log(freq_hz / 1.4e9));
    size_t n_off = 0;
    for (int draw = 0; draw < 10000; draw++) {
        double ratio[MOST], error[MOST];
        for (size_t i = 0; i < n; i++) {
            double radius = sqrt(-2 * log(test_random_next(&state)));
            ratio[i] = scale * exp(spread * radius * cos(CI_TWO_PI * test_random_next(&state)));
            error[i] = 0.005;
        }
        ratio[0] *= first;
        ci_phot_scale s = ci_phot_scale_of(ratio, error, n);
        n_off += ci_qa_fluxes_are_off(s.ratio, s.sure / 3, 0.02);
    }
    return 1e-4 * (double)n_off;
}

/* Right fluxes are said to be off in less than 1 % of fields, however few sources there are and
 * however they scatter; of two nothing is said. */
static void test_right_fluxes_are_not_off(void **unused)
{
    (void)unused;
    static const size_t numbers[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, MOST};
    static const double varies[] = {0.002, 0.02, 0.1, 0.2};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        for (int i = 0; i < 8; i++) {
            double freq_hz = i < 4 ? 1.4e9 : 3e9;
            double off = said_off(numbers[k], varies[i % 4], freq_hz, 1, 1);
            double most = numbers[k] < 3 ? 0 : 0.005;
            if (off > most) fail_msg("%zu, %g, %g: %g", numbers[k], varies[i % 4], freq_hz, off);
        }
    }
}

/* Fluxes that are off are told, of sources that agree: nearly always those of 12, though one varies
 * or all by 1 %, mostly those of 5 and of 3. */
static void test_wrong_fluxes_are_off(void **unused)
{
    (void)unused;
    static const struct
    {
        size_t n;
        double varies, scale, first, least;
    } cases[] = {
        {12, 0.005, 0.955, 1, 0.98},   {12, 0.01, 0.955, 1, 0.9},  {12, 0.005, 0.955, 1.25, 0.98},
        {12, 0.005, 1.045, 0.8, 0.98}, {8, 0.005, 0.94, 0.7, 0.9}, {5, 0.005, 0.93, 1, 0.9},
        {3, 0.005, 0.9, 1, 0.5},       {3, 0.002, 0.945, 1, 0.6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double off = said_off(cases[i].n, cases[i].varies, 1.4e9, cases[i].scale, cases[i].first);
        if (off < cases[i].least) fail_msg("case %zu: %g", i, off);
    }
}

static void test_too_few(void **unused)
{
    (void)unused;
    double ratio = 0.8, error = 0.02;
    ci_phot_scale s = ci_phot_scale_of(&ratio, &error, 1);
    assert_true(s.n == 1 && s.ratio == 0.8 && isnan(s.sigma) && isnan(s.sure));
    s = ci_phot_scale_of(&ratio, &error, 0);
    assert_true(s.n == 0 && isnan(s.ratio) && isnan(s.sigma) && isnan(s.sure));
    double two[2] = {0.8, 0.8}, errors[2] = {0.02, 0.02};
    s = ci_phot_scale_of(two, errors, 2);
    assert_true(s.n == 2 && s.sigma > 0 && isnan(s.sure));
}

/* ---- of an image ----------------------------------------------------------------------------- */

static double pb_at(double x, double y)
{
    double r = hypot(x - SIDE / 2, y - SIDE / 2) / PB_WIDTH;
    return exp(-4 * log(2) * r * r);
}

static void pb_write(void **state, const ci_fits_header *h)
{
    float *pb = malloc(PIXEL * sizeof *pb);
    for (size_t i = 0; i < PIXEL; i++)
        pb[i] = (float)pb_at((double)(i % SIDE), (double)(i / SIDE));
    phot_write(state, "pb.fits", h, pb);
    free(pb);
}

/* A catalogue of the truth at `freq_hz`: what is in the image, through the beam, is `scale` of it.
 * Of the faint ones `wrong` times as much. n_use: how many are to count. */
static ci_sky_model *catalogue_of(const phot_truth *t, double freq_hz, double wrong, size_t *n_use)
{
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    *n_use = 0;
    for (size_t i = 0; i < N_TRUE; i++) {
        double pb = pb_at(t->x[i], t->y[i]), snr = t->flux[i] / SCALE / SIGMA;
        bool counts = snr >= 20 && pb >= 0.4;
        ci_sky_source s = {.ra_rad = t->ra[i],
                           .dec_rad = t->dec[i],
                           .flux_jy = t->flux[i] / SCALE / pb,
                           .ref_freq_hz = freq_hz,
                           .spectral_index = 0};
        if (counts && i % 10 == 0) {
            s.major_rad = 1e-4; /* no point: not to count */
            counts = false;
        }
        if (!counts) s.flux_jy *= snr < 20 ? fmin(wrong, 19 / snr) : wrong;
        *n_use += counts;
        OK(ci_sky_model_append(model, &s));
    }
    return model;
}

static void test_of_an_image(void **state)
{
    UNIT_PATH(image_path, state, "image.fits");
    UNIT_PATH(pb_path, state, "pb.fits");
    float *image = calloc(PIXEL, sizeof *image);
    ci_fits_header h = phot_header(phot_round);
    phot_truth *t = malloc(sizeof *t);
    phot_add_noise(image, phot_round, 1, 5);
    phot_add_truth(image, t, phot_round, 6, 1);
    phot_write(state, "image.fits", &h, image);
    pb_write(state, &h);
    static const double freq_hz[] = {1.4e9, 0.7e9};
    for (int k = 0; k < 2; k++) {
        size_t n_use = 0;
        ci_sky_model *model = catalogue_of(t, freq_hz[k], 1.5, &n_use);
        ci_phot_scale s;
        OK(ci_phot_scale_find(&s, image_path, pb_path, SIGMA, model));
        printf("%zu of %zu sources, %.4f +- %.4f\n", s.n, n_use, s.ratio, s.sigma);
        assert_int_equal(s.n, n_use);
        assert_true(s.n > 40 && fabs(s.ratio - SCALE) < 0.005);
        /* Spectral indices known to 0.05 add 0.0347 over an octave. */
        assert_true(s.sigma > (k == 0 ? 0.002 : 0.0346) && s.sigma < (k == 0 ? 0.006 : 0.036));
        assert_true(s.sure > (k == 0 ? 0.006 : 0.1039) && s.sure < (k == 0 ? 0.015 : 0.11));
        ci_sky_model_free(model);
    }
    free(t);
    free(image);
}

/* Another Stokes parameter, noise that is not known, and a sky without a source say nothing. */
static void test_says_nothing(void **state)
{
    UNIT_PATH(image_path, state, "image.fits");
    float *image = calloc(PIXEL, sizeof *image);
    ci_fits_header h = phot_header(phot_round);
    ci_sky_model *model = NULL;
    ci_phot_scale s;
    OK(ci_sky_model_new(&model));
    phot_write(state, "image.fits", &h, image);
    OK(ci_phot_scale_find(&s, image_path, image_path, SIGMA, model));
    assert_true(s.n == 0 && isnan(s.ratio));
    OK(ci_phot_scale_find(&s, "none.fits", "none.fits", NAN, model));
    assert_true(s.n == 0 && isnan(s.ratio));
    assert_int_equal(ci_phot_scale_find(&s, "none.fits", "none.fits", SIGMA, model), CI_ERR_INPUT);
    ci_sky_model_free(model);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {UNIT_TEST(test_error_of_the_median),
                                       cmocka_unit_test(test_one_variable),
                                       UNIT_TEST(test_too_few),
                                       cmocka_unit_test(test_right_fluxes_are_not_off),
                                       cmocka_unit_test(test_wrong_fluxes_are_off),
                                       UNIT_TEST(test_of_an_image),
                                       UNIT_TEST(test_says_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
