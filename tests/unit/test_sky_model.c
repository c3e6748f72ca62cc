/* Source lists in and out, flux scale, calibrators, beams from files. */
#include "sky_data.h"

#include <stdlib.h>

#include "contimg/fits.h"

/* Reads a text as a model; where it must fail, the error has to hold `word`. */
static ci_sky_model *read_text(void **state, const char *text, const char *word)
{
    UNIT_PATH(path, state, "model.csv");
    ci_sky_model *model = NULL;
    OK(ci_file_write(path, text, strlen(text)));
    ci_status status = ci_sky_model_read(&model, path);
    if (!word) {
        if (status != CI_OK) fail_msg("%s: %s", text, ci_error_text());
        return model;
    }
    assert_int_equal(status, CI_ERR_INPUT);
    assert_null(model);
    if (!strstr(ci_error_text(), word) || !strstr(ci_error_text(), path))
        fail_msg("\"%s\" does not name \"%s\" and the file", ci_error_text(), word);
    return NULL;
}

#define HEAD "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index"

static void refused(void **state)
{
    read_text(state, "", "no header");
    read_text(state, HEAD "\n", "no source");
    read_text(state, "name,ra_deg,dec_deg,flux_jy,ref_freq_hz\nA,1,2,3,4\n", "spectral_index");
    read_text(state, "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_idex\nA,1,2,3,4,5\n",
              "did you mean \"spectral_index\"");
    read_text(state, HEAD ",colour_of_the_source\nA,1,2,3,4,5,6\n", "colour_of_the_source");
    read_text(state, HEAD ",ra_deg\nA,1,2,3,4,5,6\n", "twice");
    read_text(state, HEAD "\nA,1,2,3,1.4e9\n", "line 2");
    read_text(state, HEAD "\nA,1,2,3,1.4e9,0\nB,x,2,3,1.4e9,0\n", "line 3: ra_deg");
    read_text(state, HEAD "\nA,1,2,nan,1.4e9,0\n", "flux_jy");
    read_text(state, HEAD "\nA,1,2,,1.4e9,0\n", "flux_jy is empty");
    read_text(state, HEAD "\nA,1,91,3,1.4e9,0\n", "dec_deg");
    read_text(state, HEAD "\nA,400,9,3,1.4e9,0\n", "ra_deg");
    read_text(state, HEAD "\nA,1,9,3,0,0\n", "ref_freq_hz 0 must be in Hz");
    read_text(state, HEAD "\nA,1,9,3,1.4,-0.7\n", "line 2: ref_freq_hz 1.4 must be in Hz");
    read_text(state, HEAD "\nA,1,9,3,1400,0\n", "ref_freq_hz 1400 must be in Hz");
    read_text(state, HEAD "\nA,1,9,3,1.4e18,0\n", "ref_freq_hz 1.4e18 must be in Hz");
    read_text(state, HEAD "\nA,1,9,0,1.4e9,0\n", "flux_jy: none of its 1 source is above 0 Jy");
    read_text(state, HEAD "\nA,1,9,0,1.4e9,0\nB,1,9,-3,1.4e9,0\n",
              "none of its 2 sources is above 0 Jy");
    read_text(state, "name;ra_deg;dec_deg;flux_jy;ref_freq_hz;spectral_index\nA;1;9;3;1.4e9;0\n",
              "separated by semicolons: separate them by commas");
    read_text(state, "name\tra_deg\tdec_deg\nA\t1\t9\n", "separated by tabs");
    /* The same source twice, wherever its lines stand and however its numbers are written. */
    read_text(state,
              "# a comment\n" HEAD "\nA,-10,9,3,1.4e9,0\n\nB,1,9,3,1.4e9,0\nA,350.0,9,3,1.4e9,0\n",
              "lines 3 and 6: source \"A\"");
    read_text(state, HEAD ",major_arcsec,minor_arcsec,pa_deg\nA,1,9,3,1e9,0,1,2,0\n",
              "minor_arcsec");
    read_text(state, HEAD "\n\"A,1,9,3,1e9,0\n", "quote");
    read_text(state, HEAD "\nA,1,9,3,1e9,10.1\n", "line 2: spectral_index 10.1 must be -10 to 10");
    read_text(state, HEAD "\nA,1,9,3,1e9,0\nA,1,9,-2e10,1e9,0\n", "line 3: flux_jy -2e10 must be");
    ci_sky_model *model = NULL;
    assert_int_equal(ci_sky_model_read(&model, "/nowhere/model.csv"), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "/nowhere/model.csv"));
}

#define SIZES ",major_arcsec,minor_arcsec"

/* One source under two names, or a little off, wherever it is on the sky. */
static void listed_twice(void **state)
{
    read_text(state, HEAD "\nCAL,6.3,16,12.7,1.4e9,0\nB,1,9,3,1.4e9,0\nJ0025,6.3,16,12.7,1.4e9,0\n",
              "lines 2 and 4: source \"CAL\" and source \"J0025\" are 0 arcsec apart");
    read_text(state, HEAD "\nA,6.3,16,12.7,1.4e9,0\nB,6.3,16.00026,0.128,1.4e9,0\n",
              "lines 2 and 3: source \"A\" and source \"B\" are 0.94 arcsec apart");
    /* 0.9 arcsec across 0 h, across the equator, across a pole, and at declination 89.99 */
    read_text(state, HEAD "\nA,359.9999,0,1,1.4e9,0\nB,0.00015,0,1,1.4e9,0\n", "are 0.9 arcsec");
    read_text(state, HEAD "\nA,1,-0.0001,1,1.4e9,0\nB,1,0.00015,1,1.4e9,0\n", "are 0.9 arcsec");
    read_text(state, HEAD "\nA,10,89.9999,1,1.4e9,0\nB,190,89.99985,1,1.4e9,0\n", "are 0.9 arcsec");
    read_text(state, HEAD "\nA,10,89.99,1,1.4e9,0\nB,11.432,89.99,1,1.4e9,0\n", "are 0.9 arcsec");
    /* whatever the strips that neighbours are looked for in: 4.3 arcsec in steps of 0.1 */
    for (int i = 0; i < 43; i++) {
        char text[256];
        double dec = -30 + 0.1 * i / 3600;
        snprintf(text, sizeof text,
                 HEAD "\nC,50,%.8f,1,1.4e9,0\nA,40,%.8f,1,1.4e9,0\nB,40,%.8f,1,1.4e9,0\n", dec, dec,
                 dec + 0.95 / 3600);
        read_text(state, text, "lines 3 and 4");
    }
    read_text(state, HEAD SIZES "\nA,1,9,3,1e9,0,20,10\nB,1,9,2,1e9,0,20.5,10\n", "lines 2 and 3");
    /* Measured as a point, and again with a size: its flux is the same, but for their errors. */
    read_text(state, HEAD SIZES "\nA,1,9,3,1e9,0,,\nB,1,9,2.5,1e9,0,20,10\n",
              "lines 2 and 3: source \"A\" and source \"B\" are 0 arcsec apart and would count "
              "twice: remove one, or put a core 2 arcsec from the centre of its halo");
}

/* A core in a halo, a faint neighbour, a hole, and sources farther apart are components. */
static void not_twice(void **state)
{
    ci_sky_model *model = read_text(state,
                                    HEAD SIZES "\nA,1,9,3,1.4e9,0,0,0\nB,1,9,2.3,1.4e9,0,30,30\n"
                                               "C,1,9,0.029,1.4e9,0,0,0\nD,1,9,-3,1.4e9,0,0,0\n"
                                               "E,1,9.0003,3,1.4e9,0,0,0\n"
                                               "F,1.0003,9,3,1.4e9,0,0,0\n",
                                    NULL);
    assert_int_equal(model->n_source, 6);
    assert_string_equal(model->source[5].name, "F");
    ci_sky_model_free(model);
}

/* One name at two places is components. */
static void components(void **state)
{
    ci_sky_model *model = read_text(state,
                                    HEAD "\nA,1,9,3,1.4e9,0\nA,1.001,9,3,1.4e9,0\n"
                                         "B,1,9,-1,1.4e9,0\n,2,9,3,1e6,0\nA,1,9.001,3,1e13,0\n",
                                    NULL);
    assert_int_equal(model->n_source, 5);
    assert_true(model->source[1].ra_rad > model->source[0].ra_rad); /* in the file's order */
    ci_sky_model_free(model);
}

/* One size is that of both axes; a size of the minor axis that is said is not. */
static void round_sources(void **state)
{
    ci_sky_model *model =
        read_text(state,
                  HEAD ",major_arcsec,minor_arcsec\nA,1,9,3,1e9,10,36000,\nB,1,10,3,1e9,-10,20,0\n"
                       "C,1,11,3,1e9,0,,0\n",
                  NULL);
    assert_int_equal(model->n_source, 3);
    assert_true(fabs(model->source[0].major_rad - 10 * CI_DEG_TO_RAD) < 1e-12);
    assert_true(model->source[0].minor_rad == model->source[0].major_rad);
    assert_true(model->source[1].major_rad > 9e-5 && model->source[1].minor_rad == 0);
    assert_true(model->source[2].major_rad == 0 && model->source[2].minor_rad == 0);
    ci_sky_model_free(model);
    read_text(state, HEAD ",major_arcsec\nA,1,9,3,1e9,0,36001\n", "major_arcsec 36001 must be");
    read_text(state, HEAD ",minor_arcsec\nA,1,9,3,1e9,0,20\n",
              "line 2: minor_arcsec 20 without major_arcsec: give both");
    read_text(state, HEAD ",major_arcsec,pa_deg\nA,1,9,3,1e9,0,2,361\n", "pa_deg 361 must be");
}

static void out_and_in(void **state)
{
    UNIT_PATH(path, state, "out.csv");
    ci_sky_model *model = read_text(state,
                                    "# a comment\r\n"
                                    "flux_jy,name , ra_deg,dec_deg,ref_freq_hz,spectral_index,"
                                    "major_arcsec,minor_arcsec,pa_deg\r\n"
                                    "\r\n"
                                    "12.5, \"3C 1, the \"\"first\"\"\",-10,45.5,1.4e9,-0.7,,,\r\n"
                                    "-0.01,B,359.9999,-89,1e9,0,30,20,45\r\n",
                                    NULL);
    assert_int_equal(model->n_source, 2);
    assert_string_equal(model->source[0].name, "3C 1, the \"first\"");
    assert_true(fabs(model->source[0].ra_rad - 350 * CI_DEG_TO_RAD) < 1e-15);
    assert_true(model->source[0].major_rad == 0 && model->source[1].pa_rad > 0.78);
    assert_true(fabs(ci_sky_source_flux_jy(&model->source[0], 0.7e9) - 12.5 * pow(2, 0.7)) < 1e-12);
    ci_sky_model *again = NULL;
    OK(ci_sky_model_write(model, path));
    OK(ci_sky_model_read(&again, path));
    assert_int_equal(again->n_source, 2);
    for (size_t i = 0; i < 2; i++) {
        const ci_sky_source *a = &model->source[i], *b = &again->source[i];
        assert_string_equal(a->name, b->name);
        assert_true(ci_sky_separation_rad(a->ra_rad, a->dec_rad, b->ra_rad, b->dec_rad) < 1e-11);
        assert_true(fabs(a->flux_jy - b->flux_jy) < 1e-9 && a->ref_freq_hz == b->ref_freq_hz);
        assert_true(fabs(a->major_rad - b->major_rad) < 1e-13 &&
                    fabs(a->minor_rad - b->minor_rad) < 1e-13 &&
                    fabs(a->pa_rad - b->pa_rad) < 1e-9);
    }
    ci_sky_model_free(model);
    ci_sky_model_free(again);
}

/* Perley & Butler's table at 1.4 GHz and the edges of DSA-110's band. */
static void flux_scale(void **state)
{
    UNIT_PATH(path, state, "no.csv");
    static const struct
    {
        const char *name;
        double jy[3];
    } expected[] = {{"3C48", {16.2554, 17.1319, 15.3800}},  {"3C138", {8.5640, 8.8715, 8.2501}},
                    {"3C147", {22.1705, 23.2789, 21.0576}}, {"3C196", {14.4286, 15.2975, 13.5677}},
                    {"3C286", {15.0838, 15.5813, 14.5732}}, {"3C295", {22.4993, 23.7706, 21.2236}}};
    const double freq_hz[3] = {1.4e9, 1.3113873e9, 1.4986432e9};
    ci_sky_model *model = NULL;
    OK(ci_sky_catalog_standards(&model));
    assert_int_equal(model->n_source, 6);
    for (int i = 0; i < 6; i++) {
        const ci_sky_source *s = &model->source[i];
        assert_string_equal(s->name, expected[i].name);
        assert_true(s->is_flux_standard);
        for (int k = 0; k < 3; k++)
            assert_true(fabs(ci_sky_source_flux_jy(s, freq_hz[k]) - expected[i].jy[k]) < 1e-3);
        assert_true(fabs(s->flux_jy - expected[i].jy[0]) < 1e-3);
        assert_true(isnan(ci_sky_source_flux_jy(s, 20e6)));
    }
    /* 3C138's place, and no place for a polynomial in a model file. */
    assert_true(ci_sky_separation_rad(model->source[1].ra_rad, model->source[1].dec_rad,
                                      80.29119 * CI_DEG_TO_RAD,
                                      16.63946 * CI_DEG_TO_RAD) < 0.1 * CI_ARCSEC_TO_RAD);
    assert_int_equal(ci_sky_model_write(model, path), CI_ERR_USAGE);
    ci_sky_model_free(model);
    OK(ci_sky_catalog_resolved(&model));
    assert_int_equal(model->n_source, 14);
    double distance;
    const ci_sky_source *cygnus = ci_sky_model_nearest(model, 5.2337, 0.711, &distance);
    assert_string_equal(cygnus->name, "CygnusA");
    assert_true(distance < 1e-3 && fabs(cygnus->flux_jy - 1579.955) < 0.1);
    ci_sky_model_free(model);
}

/* Cygnus A as one point is refused, a component of it and a Gaussian are not, nor 3C 48. */
static void resolved_as_point(void **state)
{
    static const struct
    {
        const char *rest, *refused;
    } cases[] = {{"Cyg,299.868,40.734,1500,1.4e9,-1,0,0,0", "CygnusA"},
                 {"Cyg,299.868,40.734,1500,1.4e9,-1,60,20,110", NULL},
                 {"Lobe,299.868,40.734,700,1.4e9,-1,0,0,0", NULL},
                 {"Away,299.968,40.734,1500,1.4e9,-1,0,0,0", NULL},
                 {"Fornax,50.673,-37.208,90,1.4e9,-0.7,0,0,0", "FornaxA"},
                 {"3C48,24.422,33.160,16,1.4e9,-0.8,0,0,0", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index,major_arcsec,"
                 "minor_arcsec,pa_deg\n%s\n",
                 cases[i].rest);
        ci_sky_model *model = read_text(state, text, NULL);
        ci_status status = ci_sky_model_points_check(model, "m.csv");
        assert_int_equal(status, cases[i].refused ? CI_ERR_INPUT : CI_OK);
        if (cases[i].refused) assert_non_null(strstr(ci_error_text(), cases[i].refused));
        ci_sky_model_free(model);
    }
}

static void calibrators(void **state)
{
    (void)state;
    ci_sky_model *model = NULL, *near = NULL, *none = NULL;
    OK(ci_sky_catalog_vla(&model));
    assert_int_equal(model->n_source, 1041 - 13);
    for (size_t i = 0; i < model->n_source; i++)
        assert_true(model->source[i].flux_jy > 0 && !model->source[i].is_flux_standard);
    double ra = 80.29119 * CI_DEG_TO_RAD, dec = 16.63946 * CI_DEG_TO_RAD, distance;
    OK(ci_sky_model_select(&near, model, ra, dec, 1.5 * CI_DEG_TO_RAD));
    assert_true(near->n_source >= 1 && near->n_source < 10);
    const ci_sky_source *s = ci_sky_model_nearest(near, ra, dec, &distance);
    assert_string_equal(s->name, "0521+166"); /* 3C138 */
    assert_true(distance < CI_ARCSEC_TO_RAD);
    assert_true(fabs(ci_sky_source_flux_jy(s, 1.4e9) - 8.47) < 0.5);
    OK(ci_sky_model_select(&none, model, ra, dec, 0));
    assert_int_equal(none->n_source, 0);
    assert_null(ci_sky_model_nearest(none, ra, dec, NULL));
    ci_sky_model_free(none);
    /* Both lists as one: 3C138 once, by its standard; nothing of Cygnus A's. */
    ci_sky_model *all = NULL;
    OK(ci_sky_catalog_calibrators(&all));
    assert_true(all->n_source > 1000 && all->n_source < 6 + model->n_source);
    s = ci_sky_model_nearest(all, ra, dec, &distance);
    assert_true(s->is_flux_standard && !s->is_flux_approximate);
    OK(ci_sky_model_select(&none, all, ra, dec, 60 * CI_ARCSEC_TO_RAD));
    assert_int_equal(none->n_source, 1);
    assert_true(all->source[all->n_source - 1].is_flux_approximate);
    ci_sky_model_nearest(all, 299.8683 * CI_DEG_TO_RAD, 40.7339 * CI_DEG_TO_RAD, &distance);
    assert_true(distance > 600 * CI_ARCSEC_TO_RAD);
    ci_sky_model_free(none);
    ci_sky_model_free(all);
    ci_sky_model_free(near);
    ci_sky_model_free(model);
}

/* A beam from a file: the Airy power painted at 1.4 GHz, east on the left, is what the Airy
 * beam gives, at other frequencies too. */
static void beam_of_a_file(void **state)
{
    UNIT_PATH(path, state, "beam.fits");
    enum
    {
        N = 101
    };
    ci_fits_header h = {.n_x = N, .n_y = N, .x_ref = 50, .y_ref = 50, .freq_hz = 1.4e9};
    h.cell_rad = 0.1 * CI_DEG_TO_RAD;
    float *pixel = sky_data_alloc(N * N, sizeof *pixel);
    ci_sky_beam *airy = NULL, *image = NULL;
    OK(ci_sky_beam_new(&airy, "airy:4.65", NULL));
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) /* twice as wide north-south as east-west, peak 2 */
            pixel[y * N + x] = 2 * (float)ci_sky_beam_power_lm(airy, (50 - x) * h.cell_rad,
                                                               0.5 * (y - 50) * h.cell_rad, 1.4e9);
    pixel[0] = NAN;
    OK(ci_fits_write(path, &h, pixel));
    OK(ci_sky_beam_new(&image, path, NULL));
    assert_false(ci_sky_beam_is_none(image));
    double worst = 0;
    for (int i = 0; i < 200; i++) {
        double l = 0.03 * sin(1.1 * i), m = 0.03 * cos(1.7 * i), nu = 1.3e9 + 1e6 * i;
        worst = fmax(worst, fabs(ci_sky_beam_power_lm(image, l, m, nu) -
                                 ci_sky_beam_power_lm(airy, l, 0.5 * m, nu)));
    }
    print_message("beam image: worst difference %.1e\n", worst);
    assert_true(worst < 1e-4);
    assert_true(ci_sky_beam_power_lm(image, 0.2, 0, 1.4e9) == 0); /* outside it */
    ci_sky_beam_free(image);
    ci_sky_beam_free(airy);
    /* Nothing at its reference pixel: no beam. */
    memset(pixel, 0, N * N * sizeof *pixel);
    OK(ci_fits_write(path, &h, pixel));
    assert_int_equal(ci_sky_beam_new(&image, path, NULL), CI_ERR_INPUT);
    assert_null(image);
    ci_mem_free(pixel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(refused),        UNIT_TEST(listed_twice),      UNIT_TEST(not_twice),
        UNIT_TEST(components),     UNIT_TEST(round_sources),     UNIT_TEST(out_and_in),
        UNIT_TEST(flux_scale),     UNIT_TEST(resolved_as_point), UNIT_TEST(calibrators),
        UNIT_TEST(beam_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
