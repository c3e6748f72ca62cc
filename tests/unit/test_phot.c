/* phot: statistics of found sources in correlated noise of two kinds, blends, resolved
 * sources, forced photometry, lists, comparison with a catalogue.
 * ci-test: timeout=300 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above first. */
#include <cmocka.h>
#include <unistd.h>

#include "contimg/phot.h"

#define SIDE 1024
#define CELL (4 * CI_ARCSEC_TO_RAD)
#define BEAM 5.0 /* pixels */
#define SIGMA 1e-3
#define GRID 15 /* sources a side */
#define N_TRUE (GRID * GRID)

static char folder[] = "/tmp/contimg_phot_XXXXXX";
static char image_path[64], noise_path[64], csv_path[64];

static uint64_t state;
static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(CI_TWO_PI * uniform());
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

static int make_folder(void **unused)
{
    (void)unused;
    if (!mkdtemp(folder)) return -1;
    snprintf(image_path, sizeof image_path, "%s/x.image.fits", folder);
    snprintf(noise_path, sizeof noise_path, "%s/x.noise.fits", folder);
    snprintf(csv_path, sizeof csv_path, "%s/x.csv", folder);
    return 0;
}

static int drop_folder(void **unused)
{
    (void)unused;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* The beam's widths along x and y, for all that follows; x the greater. */
static double beam_x = BEAM, beam_y = BEAM;

static ci_fits_header header(void)
{
    return (ci_fits_header){.n_x = SIDE,
                            .n_y = SIDE,
                            .ra_rad = 80.3 * CI_DEG_TO_RAD,
                            .dec_rad = 16.6 * CI_DEG_TO_RAD,
                            .x_ref = SIDE / 2,
                            .y_ref = SIDE / 2,
                            .cell_rad = CELL,
                            .bunit = "Jy/beam",
                            .stokes = "I",
                            .beam_major_rad = beam_x * CELL,
                            .beam_minor_rad = beam_y * CELL,
                            .beam_pa_rad = beam_x > beam_y ? 0.5 * CI_PI : 0,
                            .freq_hz = 1.4e9};
}

enum
{
    TAPS = 33,
    MIDDLE = TAPS / 2
};

/* Sum of squares. */
static double kernel_set(double kernel[TAPS], double width)
{
    double sum2 = 0;
    for (int k = 0; k < TAPS; k++) {
        kernel[k] = exp(-4 * log(2) * (k - MIDDLE) * (k - MIDDLE) / (width * width));
        sum2 += kernel[k] * kernel[k];
    }
    return sum2;
}

/* White noise smoothed by the beam's shape, its widths times `widths`, unit variance times SIGMA,
 * without a border. */
static void add_noise(float *image, double widths, uint64_t seed)
{
    double kernel_x[TAPS], kernel_y[TAPS];
    double norm =
        SIGMA / sqrt(kernel_set(kernel_x, widths * beam_x) * kernel_set(kernel_y, widths * beam_y));
    size_t n = (size_t)SIDE * SIDE;
    float *white = calloc(2 * n, sizeof(float)), *half = white + n;
    state = seed;
    for (size_t i = 0; i < n; i++)
        white[i] = (float)normal();
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            for (size_t k = 0; k < TAPS; k++)
                half[y * SIDE + x] +=
                    (float)kernel_x[k] * white[y * SIDE + (x + SIDE + k - MIDDLE) % SIDE];
    for (size_t y = 0; y < SIDE; y++)
        for (size_t k = 0; k < TAPS; k++) {
            float w = (float)(kernel_y[k] * norm);
            const float *row = half + (y + SIDE + k - MIDDLE) % SIDE * SIDE;
            for (size_t x = 0; x < SIDE; x++)
                image[y * SIDE + x] += w * row[x];
        }
    free(white);
}

static void paint(float *image, const ci_num_gaussian *g)
{
    for (int dy = -40; dy <= 40; dy++)
        for (int dx = -40; dx <= 40; dx++) {
            double px = floor(g->x) + dx, py = floor(g->y) + dy;
            if (px < 0 || py < 0 || px >= SIDE || py >= SIDE) continue;
            image[(size_t)py * SIDE + (size_t)px] += (float)ci_num_gaussian_value(g, px, py);
        }
}

typedef struct truth
{
    double x[N_TRUE], y[N_TRUE], flux[N_TRUE], ra[N_TRUE], dec[N_TRUE];
} truth;

/* One source a field of the grid, S/N 6 to 2000. widen: area over the beam's. */
static void paint_truth(float *image, truth *t, uint64_t seed, double widen)
{
    state = seed;
    double step = (double)SIDE / GRID;
    ci_fits_header h = header();
    ci_fits_wcs *wcs = NULL;
    for (size_t i = 0; i < N_TRUE; i++) {
        t->x[i] = ((double)(i % GRID) + 0.35 + 0.3 * uniform()) * step;
        t->y[i] = ((double)(i / GRID) + 0.35 + 0.3 * uniform()) * step;
        t->flux[i] = SIGMA * 6 * pow(333, pow(uniform(), 2));
        if (widen > 1) t->flux[i] *= 2 * widen;
        ci_num_gaussian g = {.peak = t->flux[i] / widen,
                             .x = t->x[i],
                             .y = t->y[i],
                             .major = beam_x * pow(widen, 0.65),
                             .minor = beam_y * pow(widen, 0.35),
                             .pa_rad = CI_PI * uniform()};
        if (beam_x > beam_y) g.pa_rad = 0.5 * CI_PI;
        paint(image, &g);
    }
    assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
    assert_int_equal(ci_fits_wcs_to_sky(wcs, N_TRUE, t->x, t->y, t->ra, t->dec), CI_OK);
    ci_fits_wcs_free(wcs);
}

typedef struct pulls
{
    double floor; /* part of a flux that counts as its error beside the fitted one */
    size_t n, n_bright, n_found, n_false, n_seven, n_resolved;
    double v[4][8 * N_TRUE]; /* flux, ra, dec, all of a seed */
} pulls;

static void collect(const ci_phot_list *list, const truth *t, pulls *p)
{
    bool used[N_TRUE] = {false};
    for (size_t k = 0; k < list->n_source; k++) {
        const ci_phot_source *s = &list->source[k];
        size_t best = N_TRUE;
        double least = BEAM * CELL;
        for (size_t i = 0; i < N_TRUE; i++) {
            double d = ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra[i], t->dec[i]);
            if (d < least) {
                least = d;
                best = i;
            }
        }
        bool is_seven = s->peak_jy > 7 * s->rms_jy;
        p->n_seven += is_seven;
        if (best == N_TRUE || used[best]) {
            p->n_false += is_seven;
            continue;
        }
        used[best] = true;
        p->n_resolved += s->is_resolved;
        if (t->flux[best] < 10 * SIGMA) continue;
        double scale = cos(t->dec[best]);
        p->v[0][p->n] = (s->flux_jy - t->flux[best]) / hypot(s->flux_err_jy, p->floor * s->flux_jy);
        p->v[1][p->n] = remainder(s->ra_rad - t->ra[best], CI_TWO_PI) * scale / s->ra_err_rad;
        p->v[2][p->n] = (s->dec_rad - t->dec[best]) / s->dec_err_rad;
        p->n++;
    }
    for (size_t i = 0; i < N_TRUE; i++) {
        p->n_bright += t->flux[i] > 10 * SIGMA;
        p->n_found += t->flux[i] > 10 * SIGMA && used[i];
    }
}

static void check_pull(const char *name, const char *what, const double *v, size_t n,
                       double most_median)
{
    double *sorted = malloc(n * sizeof *sorted), sum2 = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = v[i];
        sum2 += v[i] * v[i];
        worst = fmax(worst, fabs(v[i]));
    }
    double median = ci_num_median(sorted, n), rms = sqrt(sum2 / (double)n);
    printf("%s, %s: n %zu, median %+.3f, rms %.3f, worst %.2f\n", name, what, n, median, rms,
           worst);
    free(sorted);
    assert_true(fabs(median) < most_median);
    assert_true(rms > 0.8 && rms < 1.3);
    assert_true(worst < 5);
}

static void statistics(const char *name, double noise_width, double widen, bool with_map)
{
    static const uint64_t seeds[3] = {20260125, 31415926, 27182818};
    static pulls p;
    /* The fits of resolved sources are judged by their own errors. */
    p = (pulls){.floor = widen > 1 ? 0 : 0.01};
    truth *t = calloc(1, sizeof *t);
    ci_fits_header h = header();
    for (int k = 0; k < 3; k++) {
        float *image = calloc((size_t)SIDE * SIDE, sizeof(float));
        add_noise(image, noise_width, seeds[k]);
        paint_truth(image, t, seeds[k] + 1, widen);
        assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
            image[i] = (float)SIGMA;
        assert_int_equal(ci_fits_write(noise_path, &h, image), CI_OK);
        free(image);
        ci_phot_list *list = NULL;
        ci_phot_options options;
        ci_phot_options_default(&options);
        assert_int_equal(ci_phot_find(&list, image_path, with_map ? noise_path : NULL, &options),
                         CI_OK);
        collect(list, t, &p);
        ci_phot_list_free(list);
    }
    printf("%s: %zu of %zu above 10 sigma found, %zu of %zu above 7 sigma false, %zu resolved\n",
           name, p.n_found, p.n_bright, p.n_false, p.n_seven, p.n_resolved);
    assert_true(p.n_bright >= 100);
    assert_true((double)p.n_found >= 0.99 * (double)p.n_bright);
    assert_true((double)p.n_false <= 0.01 * (double)p.n_seven);
    check_pull(name, "flux", p.v[0], p.n, 0.3);
    check_pull(name, "RA", p.v[1], p.n, 0.3);
    check_pull(name, "Dec", p.v[2], p.n, 0.3);
    if (widen > 1)
        assert_true(p.n_resolved > p.n_bright * 9 / 10);
    else
        assert_true(p.n_resolved < p.n_bright / 50);
    free(t);
    assert_int_equal(ci_mem_now(), 0);
}

/* Noise smoothed by the beam itself, and noise whose correlation is the beam (what natural
 * weights give). */
static void test_points_smoothed(void **unused)
{
    (void)unused;
    statistics("points, smoothed noise", 1, 1, false);
}
static void test_points_natural(void **unused)
{
    (void)unused;
    statistics("points, natural noise", 1 / sqrt(2), 1, true);
}
/* What the errors of DSA-110's beam must be: its axes differ by two. */
static void test_points_elongated(void **unused)
{
    (void)unused;
    beam_x = 2 * BEAM;
    statistics("points, elongated beam", 1, 1, false);
    statistics("resolved, elongated beam", 1, 3, false);
    beam_x = BEAM;
}
static void test_resolved(void **unused)
{
    (void)unused;
    statistics("resolved", 1, 3, false);
}

static void test_forced(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < 2; kind++) {
        ci_fits_header h = header();
        size_t n = (size_t)SIDE * SIDE;
        float *image = calloc(2 * n, sizeof(float)), *noise = image + n;
        truth *t = calloc(1, sizeof *t);
        add_noise(image, kind ? 1 / sqrt(2) : 1, 77);
        paint_truth(image, t, 78, 1);
        for (size_t i = 0; i < n; i++)
            noise[i] = (float)SIGMA;
        for (size_t y = 0; y < 100; y++)
            for (size_t x = 0; x < 100; x++)
                image[y * SIDE + x] = noise[y * SIDE + x] = NAN;
        assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
        assert_int_equal(ci_fits_write(noise_path, &h, noise), CI_OK);
        /* At the sources, and at the empty corners between them. */
        enum
        {
            N = 2 * N_TRUE
        };
        static double ra[N + 2], dec[N + 2], x[N], y[N], flux[N + 2], err[N + 2], v[N];
        ci_fits_wcs *wcs = NULL;
        for (int i = 0; i < N_TRUE; i++) {
            x[i] = t->x[i];
            y[i] = t->y[i];
            x[N_TRUE + i] = (i % GRID + 0.05) * SIDE / GRID + 2;
            y[N_TRUE + i] = (i / GRID + 0.05) * SIDE / GRID + 3;
        }
        assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
        assert_int_equal(ci_fits_wcs_to_sky(wcs, N, x, y, ra, dec), CI_OK);
        ci_fits_wcs_free(wcs);
        ra[N] = h.ra_rad + 1; /* outside */
        dec[N] = h.dec_rad;
        ra[N + 1] = h.ra_rad + CI_PI; /* behind */
        dec[N + 1] = -h.dec_rad;
        assert_int_equal(ci_phot_forced(image_path, noise_path, N + 2, ra, dec, flux, err), CI_OK);
        assert_true(isnan(flux[N]) && isnan(flux[N + 1]) && isnan(err[N + 1]));
        size_t n_used = 0;
        double mean_err = 0;
        for (int i = 0; i < N; i++) {
            bool is_blank = x[i] < 97 && y[i] < 97;
            if (is_blank) assert_true(isnan(flux[i]) || x[i] > 92 || y[i] > 92);
            if (isnan(flux[i])) continue;
            double true_flux = i < N_TRUE ? t->flux[i] : 0;
            v[n_used++] = (flux[i] - true_flux) / err[i];
            mean_err += err[i];
        }
        assert_true(n_used > 430);
        check_pull(kind ? "forced, natural noise" : "forced, smoothed noise", "flux", v, n_used,
                   0.15);
        printf("mean error %.3f of the rms\n", mean_err / (double)n_used / SIGMA);
        free(image);
        free(t);
    }
    assert_int_equal(ci_mem_now(), 0);
}

static void test_blends(void **unused)
{
    (void)unused;
    ci_fits_header h = header();
    size_t n = (size_t)SIDE * SIDE;
    float *image = calloc(n, sizeof(float));
    add_noise(image, 1, 5);
    /* Pairs 1.6 to 2.5 beams apart, 100 and 60 rms; triplets. */
    enum
    {
        N_PAIR = 40
    };
    double px[N_PAIR][2], py[N_PAIR][2];
    state = 6;
    for (int k = 0; k < N_PAIR; k++) {
        double x = 60 + 120 * (k % 7) + uniform(), y = 60 + 120 * (k / 7) + uniform();
        double apart = BEAM * (1.6 + 0.9 * uniform()), angle = CI_TWO_PI * uniform();
        for (int i = 0; i < 2; i++) {
            px[k][i] = x + (i ? apart * cos(angle) : 0);
            py[k][i] = y + (i ? apart * sin(angle) : 0);
            ci_num_gaussian g = {.peak = SIGMA * (i ? 60 : 100),
                                 .x = px[k][i],
                                 .y = py[k][i],
                                 .major = BEAM,
                                 .minor = BEAM};
            paint(image, &g);
        }
    }
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    free(image);
    ci_phot_list *list = NULL;
    ci_phot_options options;
    ci_phot_options_default(&options);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_OK);
    ci_fits_wcs *wcs = NULL;
    assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
    size_t n_right = 0;
    for (int k = 0; k < N_PAIR; k++)
        for (int i = 0; i < 2; i++)
            for (size_t s = 0; s < list->n_source; s++) {
                double x, y, want = SIGMA * (i ? 60 : 100);
                assert_int_equal(ci_fits_wcs_to_pixel(wcs, 1, &list->source[s].ra_rad,
                                                      &list->source[s].dec_rad, &x, &y),
                                 CI_OK);
                if (hypot(x - px[k][i], y - py[k][i]) > 0.3) continue;
                n_right += fabs(list->source[s].flux_jy / want - 1) < 0.1;
            }
    printf("blends: %zu sources found, %zu of %d right in place and flux\n", list->n_source,
           n_right, 2 * N_PAIR);
    assert_true(n_right >= 2 * N_PAIR * 9 / 10);
    assert_true(list->n_source <= 2 * N_PAIR + 2);
    ci_phot_list_free(list);
    ci_fits_wcs_free(wcs);
    assert_int_equal(ci_mem_now(), 0);
}

/* In a mosaic the beam is constant on the sky: 6 degrees off, pixels see it narrowed. */
static void test_beam_on_sky(void **unused)
{
    (void)unused;
    ci_fits_header h = header();
    h.beam_major_rad = 6 * CELL;
    h.beam_minor_rad = 4.5 * CELL;
    h.beam_pa_rad = 0.5;
    h.x_ref = 512 + 6 / 57.2958 / CELL; /* the image lies 6 degrees from the centre */
    assert_int_equal(ci_fits_card_set_text(&h, "BMFRAME", "sky", NULL), CI_OK);
    double n = sqrt(1 - pow(6 / 57.2958, 2));
    /* Shape in pixels: x scaled by n. As a sum of squares: brute force by the fit itself. */
    float *image = calloc((size_t)SIDE * SIDE, sizeof(float));
    add_noise(image, 1, 9);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            ci_num_gaussian g = {.peak = 1, .major = 6, .minor = 4.5, .pa_rad = 0.5};
            double dx = ((double)x - 512.3) / n, dy = (double)y - 511.6;
            if (fabs(dx) < 40 && fabs(dy) < 40)
                image[y * SIDE + x] += (float)ci_num_gaussian_value(&g, dx, dy);
        }
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    ci_phot_list *list = NULL;
    ci_phot_options options;
    ci_phot_options_default(&options);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_OK);
    assert_int_equal(list->n_source, 1);
    const ci_phot_source *s = &list->source[0];
    assert_false(s->is_resolved);
    near(s->flux_jy, 1, 0.005);
    near(s->major_rad / CELL, 6, 0.01);
    near(s->minor_rad / CELL, 4.5, 0.01);
    /* The angle is counted from the north there: meridians converge by dl tan(dec). */
    double dra = remainder(s->ra_rad - h.ra_rad, CI_TWO_PI);
    near(remainder(s->pa_rad - (0.5 + atan2(sin(dra) * sin(s->dec_rad), cos(dra))), CI_PI), 0,
         0.003);
    ci_phot_list_free(list);
    ci_fits_header_clear(&h);
    free(image);
    assert_int_equal(ci_mem_now(), 0);
}

static void test_nothing_and_extended(void **unused)
{
    (void)unused;
    ci_fits_header h = header();
    size_t n = (size_t)SIDE * SIDE;
    float *image = calloc(n, sizeof(float));
    ci_phot_list *list = NULL;
    ci_phot_options options;
    ci_phot_options_default(&options);
    add_noise(image, 1, 123);
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_OK);
    printf("noise alone, %d beams: %zu sources\n", (int)(SIDE * SIDE / (1.133 * BEAM * BEAM)),
           list->n_source);
    assert_true(list->n_source <= 1);
    ci_phot_list_free(list);
    /* A shell larger than any beam, with blank corners: ends, and finds it. */
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double r = hypot((double)x - 500, (double)y - 500);
            if (fabs(r - 150) < 12)
                image[y * SIDE + x] += (float)(30 * SIGMA * (1 + 0.5 * sin(r + (double)x / 9)));
            if (r > 600) image[y * SIDE + x] = NAN;
        }
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_OK);
    assert_true(list->n_source >= 10 && list->n_source < 600);
    ci_phot_list_free(list);
    for (size_t i = 0; i < n; i++)
        image[i] = NAN;
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_OK);
    assert_int_equal(list->n_source, 0);
    ci_phot_list_free(list);
    h.beam_major_rad = 0;
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "BMAJ"));
    options.grow_sigma = 7;
    assert_int_equal(ci_phot_find(&list, image_path, NULL, &options), CI_ERR_USAGE);
    free(image);
    assert_int_equal(ci_mem_now(), 0);
}

static void name_is(double ra_deg, double dec_deg, const char *want)
{
    char name[32];
    ci_phot_name(name, ra_deg * CI_DEG_TO_RAD, dec_deg * CI_DEG_TO_RAD);
    assert_string_equal(name, want);
}

/* Rings of 4 sigma around a bright source, which the noise map does not know of. */
static void test_artefacts(void **unused)
{
    (void)unused;
    ci_fits_header h = header();
    float *image = calloc((size_t)SIDE * SIDE, sizeof(float));
    float *noise = calloc((size_t)SIDE * SIDE, sizeof(float));
    add_noise(image, 1, 321);
    ci_num_gaussian g = {.peak = 12.7, .x = 500, .y = 520, .major = BEAM, .minor = BEAM};
    paint(image, &g);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double r = hypot((double)x - 500, (double)y - 520);
            double angle = atan2((double)y - 520, (double)x - 500);
            noise[y * SIDE + x] = (float)SIGMA;
            if (r > 10 && r < 200)
                image[y * SIDE + x] += (float)(4 * SIGMA * sin(r / 3) * cos(9 * angle));
        }
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    assert_int_equal(ci_fits_write(noise_path, &h, noise), CI_OK);
    free(image);
    free(noise);
    ci_phot_list *list = NULL;
    ci_phot_options options;
    ci_phot_options_default(&options);
    assert_int_equal(ci_phot_find(&list, image_path, noise_path, &options), CI_OK);
    printf("rings about a bright source: %zu sources\n", list->n_source);
    assert_true(list->n_source >= 1 && list->n_source <= 3);
    near(list->source[0].flux_jy, 12.7, 0.02);
    ci_phot_list_free(list);
    assert_int_equal(ci_mem_now(), 0);
}

/* A source over noise that grows by 8e-4 a pixel to the right and 4e-4 downwards, seen as a mosaic
 * shows it: its fit alone would be 4e-3 pixels off. A tile that ends beside it makes a step of the
 * noise, and changes nothing of the source. */
static void test_place_on_a_slope(void **unused)
{
    (void)unused;
    const double x_slope = 8e-4, y_slope = -4e-4, at_x = 700.3, at_y = 410.6;
    ci_fits_header h = header();
    float *image = calloc((size_t)SIDE * SIDE, sizeof(float));
    float *noise = calloc((size_t)SIDE * SIDE, sizeof(float));
    ci_num_gaussian g = {.peak = 12.7, .x = at_x, .y = at_y, .major = BEAM, .minor = BEAM};
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double dx = (double)x - at_x, dy = (double)y - at_y, turn = x_slope * dx + y_slope * dy;
            noise[y * SIDE + x] = (float)(1e-4 * exp(turn));
            image[y * SIDE + x] =
                (float)(ci_num_gaussian_value(&g, (double)x, (double)y) * (1 + turn));
        }
    assert_int_equal(ci_fits_write(image_path, &h, image), CI_OK);
    double off[3];
    for (int kind = 0; kind < 3; kind++) {
        ci_phot_list *list = NULL;
        ci_phot_options options;
        ci_fits_wcs *wcs = NULL;
        double x, y;
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
            image[i] = (kind > 0 ? noise[i] : 1e-4f) * (kind == 2 && i % SIDE > 701 ? 1.04f : 1);
        assert_int_equal(ci_fits_write(noise_path, &h, image), CI_OK);
        ci_phot_options_default(&options);
        assert_int_equal(ci_phot_find(&list, image_path, noise_path, &options), CI_OK);
        assert_int_equal(list->n_source, 1);
        assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
        assert_int_equal(
            ci_fits_wcs_to_pixel(wcs, 1, &list->source[0].ra_rad, &list->source[0].dec_rad, &x, &y),
            CI_OK);
        off[kind] = hypot(x - at_x, y - at_y);
        ci_fits_wcs_free(wcs);
        ci_phot_list_free(list);
    }
    free(image);
    free(noise);
    printf("on a slope: %.5f pixels off, set back by its slope %.5f, beside a step %.5f\n", off[0],
           off[1], off[2]);
    assert_true(off[0] > 3e-3 && off[1] < 0.02 * off[0] && off[2] < 0.02 * off[0]);
    assert_int_equal(ci_mem_now(), 0);
}

static void test_names_and_lists(void **unused)
{
    (void)unused;
    name_is((5 + 21 / 60.0 + 9.97 / 3600) * 15, 16 + 38 / 60.0 + 22.9 / 3600, "J052109.9+163822");
    name_is(0, 0, "J000000.0+000000");
    name_is(359.99999, -0.0001, "J235959.9-000000");
    name_is(-15, -89.99999, "J230000.0-895959");
    name_is(45, 30, "J030000.0+300000");
    ci_phot_source s[2] = {{.name = "J030000.0+300000",
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
    ci_phot_list list = {.n_source = 2, .source = s}, *back = NULL;
    assert_int_equal(ci_phot_list_write(&list, csv_path), CI_OK);
    assert_int_equal(ci_phot_list_read(&back, csv_path), CI_OK);
    assert_int_equal(back->n_source, 2);
    const ci_phot_source *b = &back->source[0];
    assert_string_equal(b->name, s[0].name);
    near(b->ra_rad, s[0].ra_rad, 1e-9);
    near(b->dec_rad, s[0].dec_rad, 1e-9);
    near(b->dec_err_rad, 2e-6, 1e-9);
    near(b->flux_jy, 0.02, 1e-8);
    near(b->flux_err_jy, 3e-4, 1e-7);
    near(b->major_rad, 1e-4, 1e-8);
    near(b->pa_rad, 1.1, 1e-4);
    assert_int_equal(b->island, 7);
    assert_true(b->is_resolved && !back->source[1].is_resolved);
    near(back->source[1].peak_jy, 12.7, 1e-6);
    ci_phot_list_free(back);
    assert_int_equal(ci_file_write(csv_path, "name,ra_deg\nx,1\n", 16), CI_OK);
    assert_int_equal(ci_phot_list_read(&back, csv_path), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "dec_deg"));
    assert_int_equal(ci_phot_list_write(&list, csv_path), CI_OK);
    char *text;
    size_t n;
    assert_int_equal(ci_file_read(&text, &n, csv_path), CI_OK);
    strstr(text, "1.27")[0] = 'x';
    assert_int_equal(ci_file_write(csv_path, text, n), CI_OK);
    ci_mem_free(text);
    assert_int_equal(ci_phot_list_read(&back, csv_path), CI_ERR_INPUT);
    assert_non_null(strstr(ci_error_text(), "line 3: peak_jy"));
    assert_null(back);
    assert_int_equal(ci_mem_now(), 0);
}

static void test_compare(void **unused)
{
    (void)unused;
    /* Found fluxes are 1.07 x the catalogue's at 1.4 GHz with 3 % scatter; two outliers, one
     * pair too close, one without a partner. */
    enum
    {
        N = 60
    };
    static ci_sky_source sky[N];
    static ci_phot_source found[N];
    state = 42;
    for (size_t i = 0; i < N; i++) {
        double flux = 0.01 * pow(100, uniform());
        sky[i] = (ci_sky_source){.ra_rad = fmod(6.25 + 0.002 * (double)i, CI_TWO_PI),
                                 .dec_rad = 0.3,
                                 .flux_jy = flux * pow(0.5, -0.7),
                                 .ref_freq_hz = 0.7e9,
                                 .spectral_index = -0.7};
        double got = 1.07 * flux * (1 + 0.03 * normal());
        if (i == 5 || i == 9) got *= 3;
        found[i] = (ci_phot_source){.ra_rad = sky[i].ra_rad + 1e-5 * normal(),
                                    .dec_rad = 0.3 + 1e-5 * normal(),
                                    .flux_jy = got,
                                    .peak_jy = got,
                                    .flux_err_jy = 0.02 * got,
                                    .rms_jy = 1e-4};
    }
    sky[20].ra_rad = sky[21].ra_rad + 3e-4; /* too close to 21 */
    found[30].dec_rad += 0.01;
    ci_phot_list list = {.n_source = N, .source = found};
    ci_sky_model model = {.n_source = N, .source = sky};
    ci_phot_compare *c = NULL;
    assert_int_equal(ci_phot_compare_new(&c, &list, &model, 1.4e9, 1e-4, 5e-4), CI_OK);
    printf("compare: %zu matches, gain %.4f, scatter %.4f, median ratio %.4f\n", c->n_match,
           c->gain, c->scatter, c->median_ratio);
    assert_true(c->n_match == N - 3 || c->n_match == N - 2);
    near(c->gain, 1.07, 0.015);
    near(c->scatter, 0.03, 0.012);
    near(c->median_ratio, 1.07, 0.02);
    near(c->median_separation_rad, 1.18e-5, 4e-6);
    for (size_t k = 0; k < c->n_match; k++) {
        assert_int_equal(c->match[k].i_found, c->match[k].i_true);
        assert_int_not_equal(c->match[k].i_true, 21);
        assert_int_not_equal(c->match[k].i_true, 30);
    }
    ci_phot_compare_free(c);
    list.n_source = 0;
    assert_int_equal(ci_phot_compare_new(&c, &list, &model, 1.4e9, 1e-4, 5e-4), CI_OK);
    assert_true(c->n_match == 0 && isnan(c->gain));
    ci_phot_compare_free(c);
    assert_int_equal(ci_mem_now(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_smoothed),  cmocka_unit_test(test_points_natural),
        cmocka_unit_test(test_points_elongated), cmocka_unit_test(test_resolved),
        cmocka_unit_test(test_forced),           cmocka_unit_test(test_blends),
        cmocka_unit_test(test_beam_on_sky),      cmocka_unit_test(test_nothing_and_extended),
        cmocka_unit_test(test_artefacts),        cmocka_unit_test(test_place_on_a_slope),
        cmocka_unit_test(test_names_and_lists),  cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
