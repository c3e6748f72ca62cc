/* A sky of Gaussians in noise that is correlated as an image's is, for tests of phot. */
#ifndef TEST_PHOT_CASE_H
#define TEST_PHOT_CASE_H

#include "unit_case.h"
#include "random.h"

#include "contimg/phot.h"

#include <math.h>

#define SIDE 1024
#define PIXEL ((size_t)SIDE * SIDE)
#define CELL (4 * CI_ARCSEC_TO_RAD)
#define BEAM 5.0 /* pixels */
#define SIGMA 1e-3
#define GRID 15 /* sources a side */
#define N_TRUE (GRID * GRID)

/* A beam's widths along x and y, pixels; x not the smaller. */
typedef struct phot_beam
{
    double x, y;
} phot_beam;
static const phot_beam phot_round = {BEAM, BEAM};

typedef struct phot_random
{
    uint64_t state;
} phot_random;

static inline double phot_uniform(phot_random *r)
{
    return test_random_next(&r->state);
}

static inline double phot_normal(phot_random *r)
{
    double radius = sqrt(-2 * log(phot_uniform(r)));
    return radius * cos(CI_TWO_PI * phot_uniform(r));
}

static inline ci_fits_header phot_header(phot_beam beam)
{
    return (ci_fits_header){.n_x = SIDE,
                            .n_y = SIDE,
                            .ra_rad = 80.3 * CI_DEG_TO_RAD,
                            .dec_rad = 16.6 * CI_DEG_TO_RAD,
                            .x_ref = SIDE / 2,
                            .y_ref = SIDE / 2,
                            .cell_rad = CELL,
                            .bunit = "Jy/beam",
                            .stokes = CI_VIS_POL_I,
                            .beam_major_rad = beam.x * CELL,
                            .beam_minor_rad = beam.y * CELL,
                            .beam_pa_rad = beam.x > beam.y ? 0.5 * CI_PI : 0,
                            .freq_hz = 1.4e9};
}

enum
{
    PHOT_TAPS = 33,
    PHOT_MIDDLE = PHOT_TAPS / 2
};

/* Sum of squares. */
static inline double phot_kernel_set(double kernel[PHOT_TAPS], double width)
{
    double sum2 = 0;
    for (int k = 0; k < PHOT_TAPS; k++) {
        kernel[k] = exp(-4 * log(2) * (k - PHOT_MIDDLE) * (k - PHOT_MIDDLE) / (width * width));
        sum2 += kernel[k] * kernel[k];
    }
    return sum2;
}

/* White noise smoothed by the beam's shape, its widths times `widths`, unit variance times SIGMA,
 * without a border. */
static inline void phot_add_noise(float *image, phot_beam beam, double widths, uint64_t seed)
{
    double kernel_x[PHOT_TAPS], kernel_y[PHOT_TAPS];
    double norm = SIGMA / sqrt(phot_kernel_set(kernel_x, widths * beam.x) *
                               phot_kernel_set(kernel_y, widths * beam.y));
    float *white = calloc(2 * PIXEL, sizeof(float)), *half = white + PIXEL;
    phot_random random = {seed};
    for (size_t i = 0; i < PIXEL; i++)
        white[i] = (float)phot_normal(&random);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            for (size_t k = 0; k < PHOT_TAPS; k++)
                half[y * SIDE + x] +=
                    (float)kernel_x[k] * white[y * SIDE + (x + SIDE + k - PHOT_MIDDLE) % SIDE];
    for (size_t y = 0; y < SIDE; y++)
        for (size_t k = 0; k < PHOT_TAPS; k++) {
            float w = (float)(kernel_y[k] * norm);
            const float *row = half + (y + SIDE + k - PHOT_MIDDLE) % SIDE * SIDE;
            for (size_t x = 0; x < SIDE; x++)
                image[y * SIDE + x] += w * row[x];
        }
    free(white);
}

static inline void phot_add_gaussian(float *image, const ci_num_gaussian *g)
{
    for (int dy = -40; dy <= 40; dy++)
        for (int dx = -40; dx <= 40; dx++) {
            double px = floor(g->x) + dx, py = floor(g->y) + dy;
            if (px < 0 || py < 0 || px >= SIDE || py >= SIDE) continue;
            image[(size_t)py * SIDE + (size_t)px] += (float)ci_num_gaussian_value(g, px, py);
        }
}

typedef struct phot_truth
{
    double x[N_TRUE], y[N_TRUE], flux[N_TRUE], ra[N_TRUE], dec[N_TRUE];
} phot_truth;

/* One source a field of the grid, S/N 6 to 2000. widen: area over the beam's. */
static inline void phot_add_truth(float *image, phot_truth *t, phot_beam beam, uint64_t seed,
                                  double widen)
{
    phot_random random = {seed};
    double step = (double)SIDE / GRID;
    ci_fits_header h = phot_header(beam);
    ci_fits_wcs *wcs = NULL;
    for (size_t i = 0; i < N_TRUE; i++) {
        t->x[i] = ((double)(i % GRID) + 0.35 + 0.3 * phot_uniform(&random)) * step;
        t->y[i] = ((double)(i / GRID) + 0.35 + 0.3 * phot_uniform(&random)) * step;
        t->flux[i] = SIGMA * 6 * pow(333, pow(phot_uniform(&random), 2));
        if (widen > 1) t->flux[i] *= 2 * widen;
        ci_num_gaussian g = {.peak = t->flux[i] / widen,
                             .x = t->x[i],
                             .y = t->y[i],
                             .major = beam.x * pow(widen, 0.65),
                             .minor = beam.y * pow(widen, 0.35),
                             .pa_rad = CI_PI * phot_uniform(&random)};
        if (beam.x > beam.y) g.pa_rad = 0.5 * CI_PI;
        phot_add_gaussian(image, &g);
    }
    assert_int_equal(ci_fits_wcs_new(&wcs, &h), CI_OK);
    assert_int_equal(ci_fits_wcs_to_sky(wcs, N_TRUE, t->x, t->y, t->ra, t->dec), CI_OK);
    ci_fits_wcs_free(wcs);
}

/* Offsets over their errors: median, rms and the greatest, as of a normal distribution. */
static inline void phot_check_pull(const char *name, const char *what, const double *v, size_t n,
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

static inline void phot_write(void **state, const char *name, const ci_fits_header *h,
                              const float *image)
{
    UNIT_PATH(path, state, name);
    OK(ci_fits_write(path, h, image));
}

static inline void phot_write_value(void **state, const char *name, const ci_fits_header *h,
                                    float value)
{
    float *image = malloc(PIXEL * sizeof *image);
    for (size_t i = 0; i < PIXEL; i++)
        image[i] = value;
    phot_write(state, name, h, image);
    free(image);
}

/* ci_phot_find of image.fits, with noise.fits where with_map. */
static inline ci_phot_list *phot_found(void **state, bool with_map)
{
    UNIT_PATH(image_path, state, "image.fits");
    UNIT_PATH(noise_path, state, "noise.fits");
    ci_phot_list *list = NULL;
    ci_phot_options options;
    ci_phot_options_default(&options);
    OK(ci_phot_find(&list, image_path, with_map ? noise_path : NULL, &options));
    return list;
}

#endif
