/* phot: finding sources where it is hard: blends, a beam that pixels see narrowed, extended
 * emission, artefacts, a slope of the noise; and images that cannot be used.
 * ci-test: timeout=300 */
#include "phot_case.h"

/* ---- blends ---------------------------------------------------------------------------------- */

enum
{
    N_PAIR = 40
};

typedef struct blends
{
    double x[N_PAIR][2], y[N_PAIR][2];
} blends;

/* 100 and 60 times the noise. */
static double blend_flux(int i)
{
    return SIGMA * (i ? 60 : 100);
}

/* Pairs 1.6 to 2.5 beams apart. */
static void add_blends(float *image, blends *b)
{
    phot_random r = {6};
    for (int k = 0; k < N_PAIR; k++) {
        double x = 60 + 120 * (k % 7) + phot_uniform(&r), y = 60 + 120 * (k / 7) + phot_uniform(&r);
        double apart = BEAM * (1.6 + 0.9 * phot_uniform(&r)), angle = CI_TWO_PI * phot_uniform(&r);
        for (int i = 0; i < 2; i++) {
            b->x[k][i] = x + (i ? apart * cos(angle) : 0);
            b->y[k][i] = y + (i ? apart * sin(angle) : 0);
            ci_num_gaussian g = {.peak = blend_flux(i),
                                 .x = b->x[k][i],
                                 .y = b->y[k][i],
                                 .major = BEAM,
                                 .minor = BEAM};
            phot_add_gaussian(image, &g);
        }
    }
}

/* Sources of the list that are within 0.3 pixels and 10 % of a true one. */
static size_t count_right(const ci_phot_list *list, const blends *b)
{
    ci_fits_header h = phot_header(phot_round);
    ci_fits_wcs *wcs = NULL;
    size_t n_right = 0;
    OK(ci_fits_wcs_new(&wcs, &h));
    for (size_t s = 0; s < list->n_source; s++) {
        const ci_phot_source *one = &list->source[s];
        double x, y;
        OK(ci_fits_wcs_to_pixel(wcs, 1, &one->ra_rad, &one->dec_rad, &x, &y));
        for (int k = 0; k < N_PAIR; k++)
            for (int i = 0; i < 2; i++)
                n_right += hypot(x - b->x[k][i], y - b->y[k][i]) <= 0.3 &&
                           fabs(one->flux_jy / blend_flux(i) - 1) < 0.1;
    }
    ci_fits_wcs_free(wcs);
    return n_right;
}

static void test_blends(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    float *image = calloc(PIXEL, sizeof(float));
    blends b;
    phot_add_noise(image, phot_round, 1, 5);
    add_blends(image, &b);
    phot_write(state, "image.fits", &h, image);
    free(image);
    ci_phot_list *list = phot_found(state, false);
    size_t n_right = count_right(list, &b), n_found = list->n_source;
    ci_phot_list_free(list);
    printf("blends: %zu sources found, %zu of %d right in place and flux\n", n_found, n_right,
           2 * N_PAIR);
    assert_true(n_right >= 2 * N_PAIR * 9 / 10);
    assert_true(n_found <= 2 * N_PAIR + 2);
}

/* ---- a beam that is constant on the sky ------------------------------------------------------ */

/* A source at 512.3, 511.6 whose shape in pixels is the beam's, x narrowed by `n`. */
static void add_narrowed(float *image, double n)
{
    const ci_num_gaussian g = {.peak = 1, .major = 6, .minor = 4.5, .pa_rad = 0.5};
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double dx = ((double)x - 512.3) / n, dy = (double)y - 511.6;
            if (fabs(dx) < 40 && fabs(dy) < 40)
                image[y * SIDE + x] += (float)ci_num_gaussian_value(&g, dx, dy);
        }
}

/* In a mosaic the beam is constant on the sky: 6 degrees off, pixels see it narrowed. */
static void test_beam_on_sky(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    h.beam_major_rad = 6 * CELL;
    h.beam_minor_rad = 4.5 * CELL;
    h.beam_pa_rad = 0.5;
    h.x_ref = 512 + 6 / 57.2958 / CELL; /* the image lies 6 degrees from the centre */
    OK(ci_fits_card_set_text(&h, "BMFRAME", "sky", NULL));
    float *image = calloc(PIXEL, sizeof(float));
    phot_add_noise(image, phot_round, 1, 9);
    add_narrowed(image, sqrt(1 - pow(6 / 57.2958, 2)));
    phot_write(state, "image.fits", &h, image);
    free(image);
    ci_fits_header_clear(&h);
    double ra_rad = phot_header(phot_round).ra_rad;
    ci_phot_list *list = phot_found(state, false);
    assert_int_equal(list->n_source, 1);
    ci_phot_source s = list->source[0];
    ci_phot_list_free(list);
    assert_false(s.is_resolved);
    unit_near(s.flux_jy, 1, 0.005);
    unit_near(s.major_rad / CELL, 6, 0.01);
    unit_near(s.minor_rad / CELL, 4.5, 0.01);
    /* The angle is counted from the north there: meridians converge by dl tan(dec). */
    double dra = remainder(s.ra_rad - ra_rad, CI_TWO_PI);
    double converged = 0.5 + atan2(sin(dra) * sin(s.dec_rad), cos(dra));
    unit_near(remainder(s.pa_rad - converged, CI_PI), 0, 0.003);
}

/* ---- nothing, and too much ------------------------------------------------------------------- */

static void test_noise_alone(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    float *image = calloc(PIXEL, sizeof(float));
    phot_add_noise(image, phot_round, 1, 123);
    phot_write(state, "image.fits", &h, image);
    free(image);
    ci_phot_list *list = phot_found(state, false);
    printf("noise alone, %d beams: %zu sources\n", (int)(SIDE * SIDE / (1.133 * BEAM * BEAM)),
           list->n_source);
    assert_true(list->n_source <= 1);
    ci_phot_list_free(list);
}

/* A shell larger than any beam, with blank corners: ends, and finds it. */
static void test_shell(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    float *image = calloc(PIXEL, sizeof(float));
    phot_add_noise(image, phot_round, 1, 123);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double r = hypot((double)x - 500, (double)y - 500);
            if (fabs(r - 150) < 12)
                image[y * SIDE + x] += (float)(30 * SIGMA * (1 + 0.5 * sin(r + (double)x / 9)));
            if (r > 600) image[y * SIDE + x] = NAN;
        }
    phot_write(state, "image.fits", &h, image);
    free(image);
    ci_phot_list *list = phot_found(state, false);
    assert_true(list->n_source >= 10 && list->n_source < 600);
    ci_phot_list_free(list);
}

static void test_blank_image(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    phot_write_value(state, "image.fits", &h, NAN);
    ci_phot_list *list = phot_found(state, false);
    assert_int_equal(list->n_source, 0);
    ci_phot_list_free(list);
}

static void test_image_without_beam(void **state)
{
    UNIT_PATH(path, state, "image.fits");
    ci_fits_header h = phot_header(phot_round);
    ci_phot_list *list = NULL;
    ci_phot_options options;
    h.beam_major_rad = 0;
    phot_write_value(state, "image.fits", &h, NAN);
    ci_phot_options_default(&options);
    unit_refused(ci_phot_find(&list, path, NULL, &options), CI_ERR_INPUT, "BMAJ");
}

static void test_grow_above_seed(void **state)
{
    UNIT_PATH(path, state, "image.fits");
    ci_fits_header h = phot_header(phot_round);
    ci_phot_list *list = NULL;
    ci_phot_options options;
    phot_write_value(state, "image.fits", &h, 0);
    ci_phot_options_default(&options);
    options.grow_sigma = 7;
    assert_int_equal(ci_phot_find(&list, path, NULL, &options), CI_ERR_USAGE);
}

/* ---- artefacts
 * ----------------------------------------------------------------------------------- */

/* Rings of 4 sigma around a bright source, which the noise map does not know of. */
static void test_artefacts(void **state)
{
    ci_fits_header h = phot_header(phot_round);
    float *image = calloc(PIXEL, sizeof(float));
    phot_add_noise(image, phot_round, 1, 321);
    ci_num_gaussian g = {.peak = 12.7, .x = 500, .y = 520, .major = BEAM, .minor = BEAM};
    phot_add_gaussian(image, &g);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double r = hypot((double)x - 500, (double)y - 520);
            double angle = atan2((double)y - 520, (double)x - 500);
            if (r > 10 && r < 200)
                image[y * SIDE + x] += (float)(4 * SIGMA * sin(r / 3) * cos(9 * angle));
        }
    phot_write(state, "image.fits", &h, image);
    phot_write_value(state, "noise.fits", &h, (float)SIGMA);
    free(image);
    ci_phot_list *list = phot_found(state, true);
    size_t n_source = list->n_source;
    double flux_jy = n_source > 0 ? list->source[0].flux_jy : NAN;
    ci_phot_list_free(list);
    printf("rings about a bright source: %zu sources\n", n_source);
    assert_true(n_source >= 1 && n_source <= 3);
    unit_near(flux_jy, 12.7, 0.02);
}

/* ---- a source on a slope
 * --------------------------------------------------------------------------- */

static const double slope_x = 700.3, slope_y = 410.6; /* the source's pixel */

/* The source as a mosaic shows it, in noise that grows by 8e-4 a pixel to the right and 4e-4
 * downwards. */
static void write_slope(void **state, float *noise)
{
    ci_fits_header h = phot_header(phot_round);
    ci_num_gaussian g = {.peak = 12.7, .x = slope_x, .y = slope_y, .major = BEAM, .minor = BEAM};
    float *image = calloc(PIXEL, sizeof(float));
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double slope = 8e-4 * ((double)x - slope_x) - 4e-4 * ((double)y - slope_y);
            double value = ci_num_gaussian_value(&g, (double)x, (double)y);
            noise[y * SIDE + x] = (float)(1e-4 * exp(slope));
            image[y * SIDE + x] = (float)(value * (1 + slope));
        }
    phot_write(state, "image.fits", &h, image);
    free(image);
}

/* Pixels between the place of the one source found and its own. */
static double place_error(void **state, const float *noise)
{
    ci_fits_header h = phot_header(phot_round);
    ci_fits_wcs *wcs = NULL;
    double x, y;
    phot_write(state, "noise.fits", &h, noise);
    ci_phot_list *list = phot_found(state, true);
    assert_int_equal(list->n_source, 1);
    OK(ci_fits_wcs_new(&wcs, &h));
    OK(ci_fits_wcs_to_pixel(wcs, 1, &list->source[0].ra_rad, &list->source[0].dec_rad, &x, &y));
    ci_fits_wcs_free(wcs);
    ci_phot_list_free(list);
    return hypot(x - slope_x, y - slope_y);
}

/* Its fit alone would be 4e-3 pixels off. A tile that ends beside it makes a step of the noise, and
 * changes nothing of the source. */
static void test_place_on_a_slope(void **state)
{
    float *noise = calloc(2 * PIXEL, sizeof(float)), *map = noise + PIXEL;
    write_slope(state, noise);
    for (size_t i = 0; i < PIXEL; i++)
        map[i] = 1e-4f;
    double flat = place_error(state, map), slope = place_error(state, noise);
    for (size_t i = 0; i < PIXEL; i++)
        map[i] = noise[i] * (i % SIDE > 701 ? 1.04f : 1);
    double step = place_error(state, map);
    free(noise);
    printf("on a slope: %.5f pixels off, set back by its slope %.5f, beside a step %.5f\n", flat,
           slope, step);
    assert_true(flat > 3e-3 && slope < 0.02 * flat && step < 0.02 * flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_blends),           UNIT_TEST(test_beam_on_sky),
        UNIT_TEST(test_noise_alone),      UNIT_TEST(test_shell),
        UNIT_TEST(test_blank_image),      UNIT_TEST(test_image_without_beam),
        UNIT_TEST(test_artefacts),        UNIT_TEST(test_grow_above_seed),
        UNIT_TEST(test_place_on_a_slope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
