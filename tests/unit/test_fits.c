/* fits: round trips, what is refused, checksums, world coordinates, a full disk.
 * `test_fits write FOLDER` leaves files there for tests/science/test_fits.py. */
#include "unit_case.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contimg/fits.h"
#include "fits/cfitsio.h"

#define N_X 70
#define N_Y 50
static char folder[] = "/tmp/contimg_fits_XXXXXX";
static float pixels[N_Y * N_X];

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

static ci_fits_header sample(void)
{
    ci_fits_header h = {.n_x = N_X,
                        .n_y = N_Y,
                        .ra_rad = 83.1234567890123 * CI_DEG_TO_RAD,
                        .dec_rad = 16.6 * CI_DEG_TO_RAD,
                        .x_ref = 35,
                        .y_ref = 25,
                        .cell_rad = 3 * CI_ARCSEC_TO_RAD,
                        .slant_a = 0.1234,
                        .slant_b = -0.37,
                        .bunit = "Jy/beam",
                        .stokes = CI_VIS_POL_I,
                        .beam_major_rad = 15.1 * CI_ARCSEC_TO_RAD,
                        .beam_minor_rad = 11.3 * CI_ARCSEC_TO_RAD,
                        .beam_pa_rad = 0.3,
                        .freq_hz = 1405000123.5,
                        .bandwidth_hz = 187.5e6,
                        .time_mjd_s = 61000.25 * CI_DAY_S + 10.125,
                        .telescope = "DSA-110",
                        .object = "3C48 field's"};
    return h;
}

static void path_of(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s", folder, name);
}

static int make_folder(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < N_X * N_Y; i++)
        pixels[i] = sinf((float)i) * 1e-3f;
    pixels[5] = NAN;
    pixels[6] = 1e-41f; /* too small for a normal number */
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **unused)
{
    (void)unused;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void write_sample(const char *path)
{
    ci_fits_header h = sample();
    assert_int_equal(ci_fits_card_set_text(&h, "CALIB", "applied", "gains"), CI_OK);
    assert_int_equal(ci_fits_card_set_number(&h, "THERMAL", 0.000261, "[Jy/beam]"), CI_OK);
    assert_int_equal(ci_fits_card_set_int(&h, "NVIS", 84049920, NULL), CI_OK);
    assert_int_equal(ci_fits_card_set_text(&h, "CALIB", "transferred", "gains"), CI_OK);
    assert_int_equal(ci_fits_card_set_text(&h, "HISTORY", "a line", NULL), CI_OK);
    assert_int_equal(ci_fits_card_set_text(&h, "HISTORY", "another", NULL), CI_OK);
    assert_int_equal(h.n_card, 5);
    ci_fits_writer *w = NULL;
    assert_int_equal(ci_fits_writer_open(&w, path, &h), CI_OK);
    assert_int_equal(ci_fits_writer_rows(w, 20, pixels), CI_OK);
    assert_int_equal(ci_fits_writer_rows(w, 0, pixels), CI_OK);
    assert_int_equal(ci_fits_writer_rows(w, N_Y - 20, pixels + 20 * N_X), CI_OK);
    assert_false(ci_path_exists(path)); /* not before it is closed */
    assert_int_equal(ci_fits_writer_close(w), CI_OK);
    assert_true(ci_path_exists(path));
    h.telescope = h.object = NULL; /* the sample's are literals */
    ci_fits_header_clear(&h);
}

static void test_round_trip(void **unused)
{
    (void)unused;
    char path[128];
    path_of(path, sizeof path, "round [1](2).fits"); /* no extended file names */
    write_sample(path);
    assert_int_equal(ci_fits_verify(path), CI_OK);
    ci_fits_reader *r = NULL;
    assert_int_equal(ci_fits_reader_open(&r, path), CI_OK);
    const ci_fits_header *h = ci_fits_reader_header(r);
    ci_fits_header want = sample();
    assert_int_equal(h->n_x, N_X);
    assert_int_equal(h->n_y, N_Y);
    near(h->ra_rad, want.ra_rad, 1e-15);
    near(h->dec_rad, want.dec_rad, 1e-15);
    near(h->x_ref, 35, 0);
    near(h->y_ref, 25, 0);
    near(h->cell_rad, want.cell_rad, 1e-20);
    near(h->slant_a, 0.1234, 0);
    near(h->slant_b, -0.37, 0);
    near(h->beam_major_rad, want.beam_major_rad, 1e-19);
    near(h->beam_minor_rad, want.beam_minor_rad, 1e-19);
    near(h->beam_pa_rad, 0.3, 1e-15);
    near(h->freq_hz, 1405000123.5, 0);
    near(h->bandwidth_hz, 187.5e6, 0);
    near(h->time_mjd_s, want.time_mjd_s, 1e-6);
    assert_string_equal(h->bunit, "Jy/beam");
    assert_int_equal(h->stokes, CI_VIS_POL_I);
    assert_string_equal(h->telescope, "DSA-110");
    assert_string_equal(h->object, "3C48 field's");
    assert_int_equal(h->n_card, 5);
    assert_string_equal(ci_fits_card_get(h, "CALIB")->text, "transferred");
    assert_string_equal(ci_fits_card_get(h, "CALIB")->comment, "gains");
    near(ci_fits_card_get(h, "THERMAL")->number, 0.000261, 0);
    assert_true(ci_fits_card_get(h, "NVIS")->is_int);
    near(ci_fits_card_get(h, "NVIS")->number, 84049920, 0);
    assert_string_equal(h->card[4].text, "another");
    assert_null(ci_fits_card_get(h, "NOTHERE"));
    float back[N_X * N_Y];
    assert_int_equal(ci_fits_reader_rows(r, 3, N_Y - 3, back + 3 * N_X), CI_OK);
    assert_int_equal(ci_fits_reader_rows(r, 0, 3, back), CI_OK);
    assert_memory_equal(back, pixels, sizeof back);
    assert_int_equal(ci_fits_reader_rows(r, N_Y, 1, back), CI_ERR_INTERNAL);
    ci_fits_header copy;
    assert_int_equal(ci_fits_header_copy(&copy, h), CI_OK);
    assert_string_equal(ci_fits_card_get(&copy, "CALIB")->text, "transferred");
    ci_fits_header_clear(&copy);
    ci_fits_reader_close(r);
}

static void test_cards(void **unused)
{
    (void)unused;
    ci_fits_header h = {0};
    assert_int_equal(ci_fits_card_set_number(&h, "CRVAL1", 1, NULL), CI_ERR_INTERNAL);
    assert_int_equal(ci_fits_card_set_number(&h, "BMAJ", 1, NULL), CI_ERR_INTERNAL);
    assert_int_equal(ci_fits_card_set_number(&h, "MUCHTOOLONG", 1, NULL), CI_ERR_INTERNAL);
    assert_int_equal(ci_fits_card_set_number(&h, "low", 1, NULL), CI_ERR_INTERNAL);
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[199] = '\0';
    longer[3] = '\n';
    assert_int_equal(ci_fits_card_set_text(&h, "HISTORY", longer, NULL), CI_OK);
    assert_int_equal(h.n_card, 3);
    assert_string_equal(h.card[0].text + 60, "xxxxxxxx");
    assert_int_equal(h.card[0].text[3], '?');
    ci_fits_header_clear(&h);
}

/* Texts of any length and content come back as they were, but for what FITS has no characters for.
 */
static void test_hostile_names(void **unused)
{
    (void)unused;
    char path[128], *longest = NULL;
    assert_int_equal(ci_mem_alloc(&longest, 10001, 1, "a name"), CI_OK);
    for (size_t i = 0; i < 10000; i++)
        longest[i] = "it's <b>&amp;</b> \"x\" / '' & "[i % 29];
    longest[9999] = 'e'; /* FITS drops blanks at the end */
    const char *const names[][2] = {{"<script>alert('x')</script>", NULL},
                                    {"a'b''c\"d", NULL},
                                    {"line\nnew\tcaf\xc3\xa9", "line?new?caf??"},
                                    {"ends with &", NULL},
                                    {"'", NULL},
                                    {longest, NULL}};
    path_of(path, sizeof path, "names.fits");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *due = names[i][1] ? names[i][1] : names[i][0];
        ci_fits_header h = sample();
        h.telescope = h.object = NULL;
        assert_int_equal(ci_str_set(&h.telescope, names[i][0]), CI_OK);
        assert_int_equal(ci_str_set(&h.object, names[i][0]), CI_OK);
        assert_int_equal(ci_fits_card_set_text(&h, "GROUP", names[i][0], "a group"), CI_OK);
        assert_int_equal(ci_fits_write(path, &h, pixels), CI_OK);
        ci_fits_header_clear(&h);
        ci_fits_reader *r = NULL;
        assert_int_equal(ci_fits_reader_open(&r, path), CI_OK);
        const ci_fits_header *back = ci_fits_reader_header(r);
        assert_string_equal(back->telescope, due);
        assert_string_equal(back->object, due);
        assert_string_equal(ci_fits_card_get(back, "GROUP")->text, due);
        assert_int_equal(ci_fits_verify(path), CI_OK);
        ci_fits_reader_close(r);
    }
    ci_mem_free(longest);
}

static void test_unfinished(void **unused)
{
    (void)unused;
    char path[128], part[140];
    path_of(path, sizeof path, "unfinished.fits");
    snprintf(part, sizeof part, "%s.part", path);
    ci_fits_header h = sample();
    ci_fits_writer *w = NULL;
    assert_int_equal(ci_fits_writer_open(&w, path, &h), CI_OK);
    assert_int_equal(ci_fits_writer_rows(w, 5, pixels), CI_OK);
    assert_int_equal(ci_fits_writer_close(w), CI_ERR_INTERNAL);
    assert_false(ci_path_exists(path));
    assert_false(ci_path_exists(part));
    assert_int_equal(ci_fits_writer_open(&w, path, &h), CI_OK);
    assert_int_equal(ci_fits_writer_rows(w, N_Y + 1, pixels), CI_ERR_INTERNAL);
    ci_fits_writer_abandon(w);
    assert_false(ci_path_exists(part));
    path_of(path, sizeof path, "no/such/folder/x.fits");
    assert_int_not_equal(ci_fits_writer_open(&w, path, &h), CI_OK);
    assert_null(w);
}

/* Copies a file with one card replaced (same key) or cut to a length. */
static void spoil(const char *from, const char *to, const char *card, size_t n_keep)
{
    char *data;
    size_t n;
    assert_int_equal(ci_file_read(&data, &n, from), CI_OK);
    bool found = !card;
    for (size_t at = 0; card && at + 80 <= n && !found; at += 80)
        if (memcmp(data + at, card, 8) == 0) {
            memset(data + at, ' ', 80);
            memcpy(data + at, card, strlen(card));
            found = true;
        }
    assert_true(found);
    assert_int_equal(ci_file_write(to, data, n_keep && n_keep < n ? n_keep : n), CI_OK);
    ci_mem_free(data);
}

static void refused(const char *path, const char *word1, const char *word2)
{
    ci_fits_reader *r = NULL;
    assert_int_equal(ci_fits_reader_open(&r, path), CI_ERR_INPUT);
    assert_null(r);
    const char *text = ci_error_text();
    if (!strstr(text, path) || !strstr(text, word1) || !strstr(text, word2))
        fail_msg("'%s' does not name '%s' and '%s'", text, word1, word2);
    assert_null(strchr(text, '\n'));
}

static void test_refused(void **unused)
{
    (void)unused;
    char good[128], bad[128];
    path_of(good, sizeof good, "good.fits");
    path_of(bad, sizeof bad, "bad.fits");
    write_sample(good);
    static const char *const cases[][3] = {
        {"CTYPE1  = 'RA---TAN'", "CTYPE1", "RA---TAN"},
        {"CTYPE1  = 'GLON-SIN'", "CTYPE1", "GLON-SIN"},
        {"CTYPE2  = 'DEC--NCP'", "CTYPE2", "DEC--NCP"},
        {"CTYPE1  = ''", "CTYPE1", "no world coordinates"},
        {"RADESYS = 'FK4'", "RADESYS", "FK4"},
        {"EQUINOX =  1950.0", "EQUINOX", "1950"},
        {"CRVAL1  = 'here'", "CRVAL1", "here"},
        {"CRVAL2  =  97.5", "CRVAL2", "97.5"},
        {"CDELT1  =  0.1", "CDELT1", "0.1"},
        {"CDELT2  =  0.0", "CDELT2", "0"},
        {"CUNIT1  = 'Jy'", "CUNIT1", "Jy"},
        {"CUNIT2  = 'arcmin'", "CDELT2", "-"},
        {"LONPOLE =  90.0", "LONPOLE", "90"},
        {"NAXIS1  =  80", "truncated", "its header says"},
        {"NAXIS3  =  4", "NAXIS3", "4"},
        {"BMIN    =  3.0", "BMAJ", "3"},
        {"CRVAL4  =  17.0", "CRVAL4", "17"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spoil(good, bad, cases[i][0], 0);
        refused(bad, cases[i][1], cases[i][2]);
    }
    spoil(good, bad, NULL, 2880 * 2 + 5000); /* header kept, data cut */
    refused(bad, "truncated", "bytes");
    spoil(good, bad, NULL, 1000); /* cut inside the header */
    refused(bad, bad, "");
    spoil(good, bad, NULL, 3);
    refused(bad, "not a FITS file", "");
    assert_int_equal(ci_file_write(bad, "hello, world: no FITS", 21), CI_OK);
    refused(bad, "not a FITS file", "SIMPLE");
    path_of(bad, sizeof bad, "missing.fits");
    refused(bad, "No such file", "");
    refused(folder, "not a file", "");
}

static void test_verify(void **unused)
{
    (void)unused;
    char good[128], bad[128];
    path_of(good, sizeof good, "sum.fits");
    path_of(bad, sizeof bad, "sum_bad.fits");
    write_sample(good);
    assert_int_equal(ci_fits_verify(good), CI_OK);
    char *data;
    size_t n;
    assert_int_equal(ci_file_read(&data, &n, good), CI_OK);
    data[n - 2881 - 40] ^= 1; /* one bit of one pixel */
    assert_int_equal(ci_file_write(bad, data, n), CI_OK);
    assert_int_equal(ci_fits_verify(bad), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "DATASUM: wrong"));
    assert_int_equal(ci_fits_verify_given(bad), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "DATASUM: wrong"));
    ci_mem_free(data);
    spoil(good, bad, "OBJECT  = 'another'", 0);
    assert_int_equal(ci_fits_verify(bad), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "CHECKSUM: wrong"));
    spoil(good, bad, "CHECKSUM", 0);
    assert_int_equal(ci_fits_verify(bad), CI_ERR_INPUT);
}

/* The file may not grow beyond 40 kB: the same fault as a full disk (EFBIG for ENOSPC). */
static void test_full_disk(void **unused)
{
    (void)unused;
    char path[128], part[140];
    path_of(path, sizeof path, "full.fits");
    snprintf(part, sizeof part, "%s.part", path);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    low = old;
    low.rlim_cur = 40000;
    ci_fits_header h = sample();
    h.n_x = h.n_y = 1000;
    float *big = calloc(1000 * 1000, sizeof(float));
    setrlimit(RLIMIT_FSIZE, &low);
    ci_status status = ci_fits_write(path, &h, big);
    setrlimit(RLIMIT_FSIZE, &old);
    free(big);
    assert_int_equal(status, CI_ERR_DISK);
    assert_non_null(strstr(ci_error_text(), path));
    assert_false(ci_path_exists(path));
    assert_false(ci_path_exists(part));
}

static void test_wcs(void **unused)
{
    (void)unused;
    static const double centre[][2] = {
        {83, 16.6}, {0.01, 75}, {359.99, -42.75}, {200, 89}, {10, 0}};
    double worst = 0, worst_formula = 0;
    for (size_t c = 0; c < 5; c++)
        for (int slanted = 0; slanted < 2; slanted++) {
            ci_fits_header h = sample();
            h.ra_rad = centre[c][0] * CI_DEG_TO_RAD;
            h.dec_rad = centre[c][1] * CI_DEG_TO_RAD;
            h.n_x = h.n_y = 4200;
            h.x_ref = h.y_ref = 2100;
            if (!slanted) h.slant_a = h.slant_b = 0;
            ci_fits_wcs *wcs = NULL;
            assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
            enum
            {
                N = 1500
            };
            static double x[N], y[N], ra[N], dec[N], x2[N], y2[N];
            for (int i = 0; i < N; i++) {
                x[i] = fmod(i * 377.77, 4200);
                y[i] = fmod(i * 1234.567, 4200);
            }
            assert_int_equal(ci_fits_wcs_to_sky(wcs, N, x, y, ra, dec), CI_OK);
            assert_int_equal(ci_fits_wcs_to_pixel(wcs, N, ra, dec, x2, y2), CI_OK);
            for (int i = 0; i < N; i++) {
                worst = fmax(worst, fmax(fabs(x2[i] - x[i]), fabs(y2[i] - y[i])));
                /* From the definition: l to the east, x = l + a (n - 1), columns to the west. */
                double d = ra[i] - h.ra_rad, sd = sin(dec[i]), cd = cos(dec[i]);
                double s0 = sin(h.dec_rad), c0 = cos(h.dec_rad);
                double l = cd * sin(d), m = sd * c0 - cd * s0 * cos(d);
                double n_1 = -(l * l + m * m) / (1 + sqrt(1 - l * l - m * m));
                double px = h.x_ref - (l + h.slant_a * n_1) / h.cell_rad;
                double py = h.y_ref + (m + h.slant_b * n_1) / h.cell_rad;
                worst_formula = fmax(worst_formula, fmax(fabs(px - x[i]), fabs(py - y[i])));
                assert_true(ra[i] >= 0 && ra[i] < CI_TWO_PI);
            }
            ci_fits_wcs_free(wcs);
        }
    printf("wcs: round trip %.1e pixel, against the definition %.1e pixel\n", worst, worst_formula);
    assert_true(worst < 1e-8);
    assert_true(worst_formula < 1e-8);
}

/* Behind us, no place, off the sphere: NaN; no cell: refused. */
static void test_wcs_outside(void **unused)
{
    (void)unused;
    ci_fits_header h = sample();
    ci_fits_wcs *wcs = NULL;
    assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
    double ra[3] = {h.ra_rad, h.ra_rad + CI_PI, NAN}, dec[3] = {h.dec_rad, -h.dec_rad, 0}, x[3],
           y[3];
    assert_int_equal(ci_fits_wcs_to_pixel(wcs, 3, ra, dec, x, y), CI_OK);
    near(x[0], 35, 1e-9);
    near(y[0], 25, 1e-9);
    assert_true(isnan(x[1]) && isnan(y[1]) && isnan(x[2])); /* behind us; no place */
    x[0] = 1e6;
    y[0] = 0;
    assert_int_equal(ci_fits_wcs_to_sky(wcs, 1, x, y, ra, dec), CI_OK);
    assert_true(isnan(ra[0]) && isnan(dec[0])); /* off the sphere */
    ci_fits_wcs_free(wcs);
    h.cell_rad = 0;
    assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_ERR_INPUT);
}

static void test_reference_image(void **unused)
{
    (void)unused;
    const char *data = getenv("CONTIMG_TEST_DATA"), *source = getenv("CONTIMG_SOURCE");
    char path[512];
    if (data)
        snprintf(path, sizeof path, "%s/real_sky/reference/mwa_puppis_a.I.dirty.fits", data);
    else
        snprintf(path, sizeof path,
                 "%s/../shared/data/real_sky/reference/mwa_puppis_a.I.dirty.fits",
                 source ? source : ".");
    if (!ci_path_exists(path)) {
        printf("skipped: no %s (set CONTIMG_TEST_DATA)\n", path);
        skip();
    }
    ci_fits_reader *r = NULL;
    assert_int_equal(ci_fits_reader_open(&r, path), CI_OK);
    const ci_fits_header *h = ci_fits_reader_header(r);
    assert_int_equal(h->n_x, 512);
    assert_int_equal(h->n_y, 512);
    float *image = calloc(512 * 512, sizeof(float));
    assert_int_equal(ci_fits_reader_rows(r, 0, 512, image), CI_OK);
    size_t peak = 0;
    for (size_t i = 1; i < 512 * 512; i++)
        if (image[i] > image[peak]) peak = i;
    near(image[peak], 16.4069, 1e-3);
    assert_int_equal(peak % 512, 232);
    assert_int_equal(peak / 512, 245);
    free(image);
    ci_fits_reader_close(r);
}

static int write_for_astropy(const char *where)
{
    char path[512];
    make_folder(NULL);
    rmdir(folder);
    snprintf(path, sizeof path, "%s/slanted.fits", where);
    write_sample(path);
    ci_fits_header h = sample();
    h.slant_a = h.slant_b = 0;
    h.stokes = CI_VIS_POL_XX;
    h.freq_hz = h.bandwidth_hz = h.time_mjd_s = h.beam_major_rad = 0;
    h.telescope = h.object = NULL;
    h.bunit[0] = 0;
    snprintf(path, sizeof path, "%s/plain.fits", where);
    return ci_fits_write(path, &h, pixels);
}

/* What the system could not read is no fault of the file; a file that ends early is. */
static void test_read_error(void **state)
{
    (void)state;
    errno = EIO;
    assert_int_equal(ci_fits_fault(READ_ERROR, "x.fits", "read"), CI_ERR_IO);
    assert_non_null(strstr(ci_error_text(), strerror(EIO)));
    errno = 0;
    assert_int_equal(ci_fits_fault(READ_ERROR, "x.fits", "read"), CI_ERR_INPUT);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "write") == 0) return write_for_astropy(argv[2]);
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_round_trip),      UNIT_TEST(test_cards),      UNIT_TEST(test_hostile_names),
        UNIT_TEST(test_unfinished),      UNIT_TEST(test_refused),    UNIT_TEST(test_verify),
        UNIT_TEST(test_full_disk),       UNIT_TEST(test_wcs),        UNIT_TEST(test_wcs_outside),
        UNIT_TEST(test_reference_image), UNIT_TEST(test_read_error),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
