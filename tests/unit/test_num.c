/* num: medians, local rms, islands, Gaussians, beams, interpolation. */
#include "unit_case.h"
#include "random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "contimg/num.h"

#define DEG (CI_PI / 180)

static uint64_t state;
static double uniform(void)
{
    return test_random_next(&state);
}
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(CI_TWO_PI * uniform());
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The same with each instruction set, of few values and of many, alike ones and ones of all sizes
 * and signs; the n-th of them. */
static void test_median_by(void **unused)
{
    enum
    {
        MOST = 9000
    };
    (void)unused;
    float v[MOST], sorted[MOST], one[MOST];
    double in_double[MOST];
    state = 271828182845904523u;
    for (int trial = 0; trial < 600; trial++) {
        size_t n = 1 + (size_t)(uniform() * (trial % 3 == 0 ? MOST - 1 : 400));
        for (size_t i = 0; i < n; i++) {
            double x = normal();
            if (trial % 4 == 1) x = floor(x);
            if (trial % 4 == 2) x = fabs(x);
            if (trial % 4 == 3) x *= pow(10, 60 * uniform() - 30);
            sorted[i] = v[i] = (float)x;
            in_double[i] = (double)v[i];
        }
        qsort(sorted, n, sizeof(float), by_size);
        double want = (double)sorted[n / 2], lower = (double)sorted[n % 2 ? n / 2 : n / 2 - 1];
        for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
            if (!ci_isa_has((ci_isa)isa)) continue;
            memcpy(one, v, n * sizeof(float));
            near((double)ci_num_median_by(one, n, (ci_isa)isa),
                 (double)(float)(0.5 * (lower + want)), 0);
        }
        size_t k = (size_t)(uniform() * (double)n);
        near(ci_num_nth(in_double, n, k), (double)sorted[k], 0);
    }
}

static void test_median(void **unused)
{
    (void)unused;
    double odd[] = {5, 1, 4, NAN, 2, 3}, even[] = {4, 1, 3, 2}, none[] = {NAN};
    near(ci_num_median(odd, 6), 3, 0);
    near(ci_num_median(even, 4), 2.5, 0);
    assert_true(isnan(ci_num_median(none, 1)));
    assert_true(isnan(ci_num_median(none, 0)));
    float floats[] = {4, 1, 3, 2};
    near(ci_num_median_float(floats, 4), 2.5, 0);
    double dev[] = {1, 1, 2, 2, 4, 6, 9}; /* median 2, |x - 2| = 1 1 0 0 2 4 7: median 1 */
    near(ci_num_mad_sigma(dev, 7), 1.482602218505602, 1e-15);

    state = 88172645463325252u;
    double v[301], sorted[301];
    for (int trial = 0; trial < 2000; trial++) {
        size_t n = 1 + (size_t)(uniform() * 300);
        bool many_ties = trial % 2;
        for (size_t i = 0; i < n; i++)
            sorted[i] = v[i] = many_ties ? floor(uniform() * 6) : normal();
        qsort(sorted, n, sizeof(double), by_value);
        double want = n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
        near(ci_num_median(v, n), want, 0);
        qsort(v, n, sizeof(double), by_value);
        assert_memory_equal(v, sorted, n * sizeof(double)); /* a permutation only */
    }
}

static void test_mad_of_noise(void **unused)
{
    (void)unused;
    state = 4711;
    size_t n = 200000;
    float *v = calloc(2 * n, sizeof(float));
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(3 + 0.5 * normal());
    for (size_t i = 0; i < n; i += 200)
        v[i] = 1000; /* half a per cent of sources */
    float centre, sigma;
    size_t left = ci_num_clipped_float(v, v + n, n, &centre, &sigma);
    near(centre, 3, 0.01);
    near(sigma, 0.5, 0.005);
    assert_true(left > n * 99 / 100 - 1000 && left <= n - n / 200);
    free(v);
}

static void test_local_rms(void **unused)
{
    (void)unused;
    state = 99;
    size_t n = 400;
    float *image = calloc(3 * n * n, sizeof(float)), *rms = image + n * n, *mean = rms + n * n;
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++)
            image[y * n + x] = (float)(0.25 + (1 + (double)x / (double)n) * normal());
    for (size_t k = 0; k < 100; k++)
        image[(k * 4 + 1) * n + (k * 37) % n] = 500;
    for (size_t y = 0; y < 100; y++)
        for (size_t x = 0; x < 100; x++)
            image[y * n + x] = NAN;
    assert_int_equal(ci_num_local_rms(image, n, n, 50, rms, mean), CI_OK);
    double worst = 0, worst_mean = 0;
    for (size_t y = 0; y < n; y++)
        for (size_t x = 25; x < n - 25; x++) {
            if (y < 140 && x < 140) continue; /* filled from the neighbours */
            double d = fabs(rms[y * n + x] / (1 + (double)x / (double)n) - 1);
            if (d > worst) worst = d;
            if (fabs(mean[y * n + x] - 0.25) > worst_mean)
                worst_mean = fabs(mean[y * n + x] - 0.25);
        }
    printf("local rms: worst ratio error %.3f, worst mean %.3f\n", worst, worst_mean);
    assert_true(worst < 0.12); /* 2500 pixels: 1.2 % by themselves; + the largest of 64 boxes */
    assert_true(worst_mean < 0.15);
    assert_true(isfinite(rms[0]) && rms[0] > 0.8 && rms[0] < 1.7);
    free(image);
    float all_nan[4] = {NAN, NAN, NAN, NAN}, out[4];
    assert_int_equal(ci_num_local_rms(all_nan, 2, 2, 50, out, NULL), CI_OK);
    assert_true(isnan(out[0]));
}

static void test_islands(void **unused)
{
    (void)unused;
    /* Two islands that touch by a corner are one; 4 is below seed; one pixel is NaN. */
    static const float image[5 * 8] = {
        6, 0, 0, 0, 0, 0,   0, 4, /* */
        0, 7, 0, 4, 0, 9,   0, 4, /* */
        0, 0, 0, 4, 4, 4,   0, 0, /* */
        0, 0, 0, 0, 0, 0,   0, 0, /* */
        3, 5, 0, 0, 8, NAN, 6, 6,
    };
    int32_t labels[5 * 8];
    ci_num_island *islands = NULL;
    size_t n = 0;
    assert_int_equal(
        ci_num_islands(&(ci_num_island_search){image, NULL, 5, 8, 5, 3}, labels, &islands, &n),
        CI_OK);
    assert_int_equal(n, 5);
    assert_int_equal(islands[0].n_pixel, 2);
    assert_int_equal(islands[1].n_pixel, 5); /* joined below: 4 4 4 4 9 */
    assert_int_equal(islands[1].x_min, 3);
    assert_int_equal(islands[1].x_max, 5);
    assert_int_equal(islands[1].x_peak, 5);
    assert_int_equal(islands[1].y_peak, 1);
    assert_int_equal(islands[1].label, 2);
    assert_int_equal(islands[2].n_pixel, 2); /* 3 5 */
    assert_int_equal(islands[3].n_pixel, 1);
    assert_int_equal(islands[4].n_pixel, 2);
    assert_int_equal(labels[7], 0); /* 4, 4 hold no seed */
    assert_int_equal(labels[1 * 8 + 1], 1);
    assert_int_equal(labels[4 * 8 + 5], 0);
    ci_mem_free(islands);
    float rms[40];
    for (int i = 0; i < 40; i++)
        rms[i] = i < 20 ? 1.0f : 2.0f;
    rms[0] = 0;
    assert_int_equal(
        ci_num_islands(&(ci_num_island_search){image, rms, 5, 8, 5, 3}, labels, &islands, &n),
        CI_OK);
    assert_int_equal(n, 2);
    assert_int_equal(islands[0].n_pixel, 1); /* its neighbour's rms is 0 */
    assert_int_equal(islands[1].n_pixel, 1); /* 9; the 4 below it is under 3 x 2 */
    assert_int_equal(islands[1].x_peak, 5);
    ci_mem_free(islands);
}

static void test_gaussian_value(void **unused)
{
    (void)unused;
    /* North (+y) through east (-x): a source elongated to the north-east, PA 45 degrees,
     * falls to half at half its major axis towards (-1, 1) / sqrt(2). */
    ci_num_gaussian g = {.peak = 2, .x = 10, .y = 20, .major = 8, .minor = 4, .pa_rad = 45 * DEG};
    near(ci_num_gaussian_value(&g, 10, 20), 2, 0);
    double d = 4 / sqrt(2.0);
    near(ci_num_gaussian_value(&g, 10 - d, 20 + d), 1, 1e-14);
    near(ci_num_gaussian_value(&g, 10 + d, 20 - d), 1, 1e-14);
    near(ci_num_gaussian_value(&g, 10 + d, 20 + d), 2 * pow(0.5, 4), 1e-14);
    g.pa_rad = 0;
    near(ci_num_gaussian_value(&g, 10, 24), 1, 1e-14);
    near(ci_num_gaussian_value(&g, 12, 20), 1, 1e-14);
    g.pa_rad = 90 * DEG;
    near(ci_num_gaussian_value(&g, 6, 20), 1, 1e-14);
}

#define SIDE 41
static double px[SIDE * SIDE], py[SIDE * SIDE], pv[SIDE * SIDE], ps[SIDE * SIDE];

static void paint(const ci_num_gaussian *g, size_t n, double noise)
{
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        px[i] = (double)(i % SIDE);
        py[i] = (double)(i / SIDE);
        ps[i] = noise > 0 ? noise : 1;
        pv[i] = noise * normal();
        for (size_t k = 0; k < n; k++)
            pv[i] += ci_num_gaussian_value(&g[k], px[i], py[i]);
    }
}

static void test_gaussian_fit_exact(void **unused)
{
    (void)unused;
    for (int k = 0; k < 12; k++) {
        ci_num_gaussian truth = {
            .peak = 3.5, .x = 20.3, .y = 18.8, .major = 7.5, .minor = 5, .pa_rad = k * 15 * DEG};
        paint(&truth, 1, 0);
        ci_num_gaussian g = {.peak = 3, .x = 20, .y = 19, .major = 6, .minor = 6};
        double chi2 = -1;
        assert_int_equal(ci_num_gaussian_fit(&(ci_num_pixels){px, py, pv, NULL, SIDE * SIDE}, &g, 1,
                                             false, &chi2),
                         CI_OK);
        near(g.peak, 3.5, 1e-8);
        near(g.x, 20.3, 1e-8);
        near(g.y, 18.8, 1e-8);
        near(g.major, 7.5, 1e-7);
        near(g.minor, 5, 1e-7);
        near(remainder(g.pa_rad - truth.pa_rad, CI_PI), 0, 1e-7);
        assert_true(g.pa_rad >= 0 && g.pa_rad < CI_PI && chi2 < 1e-12);
    }
    ci_num_gaussian two[2] = {{.peak = 3, .x = 16, .y = 20, .major = 6, .minor = 5, .pa_rad = 1},
                              {.peak = 1, .x = 24, .y = 22, .major = 6, .minor = 5, .pa_rad = 1}};
    paint(two, 2, 0);
    ci_num_gaussian guess[2] = {two[0], two[1]};
    guess[0].peak = 2.5;
    guess[0].x = 17;
    guess[1].x = 23;
    guess[1].peak = 1.4;
    assert_int_equal(
        ci_num_gaussian_fit(&(ci_num_pixels){px, py, pv, NULL, SIDE * SIDE}, guess, 2, true, NULL),
        CI_OK);
    for (int k = 0; k < 2; k++) {
        near(guess[k].peak, two[k].peak, 1e-8);
        near(guess[k].x, two[k].x, 1e-8);
        near(guess[k].major, 6, 0);
    }
    ci_num_gaussian few = {.peak = 1, .major = 2, .minor = 2};
    assert_int_equal(
        ci_num_gaussian_fit(&(ci_num_pixels){px, py, pv, NULL, 5}, &few, 1, false, NULL),
        CI_ERR_NO_DATA);
}

static void test_gaussian_fit_errors(void **unused)
{
    (void)unused;
    state = 20260125;
    enum
    {
        N_TRIAL = 400
    };
    double pull[6] = {0};
    for (int t = 0; t < N_TRIAL; t++) {
        ci_num_gaussian truth = {.peak = 1,
                                 .x = 20 + uniform(),
                                 .y = 20 + uniform(),
                                 .major = 8,
                                 .minor = 5,
                                 .pa_rad = 0.4};
        paint(&truth, 1, 0.05);
        ci_num_gaussian g = {
            .peak = 1.1, .x = 20.5, .y = 20.5, .major = 7, .minor = 6, .pa_rad = 0};
        assert_int_equal(
            ci_num_gaussian_fit(&(ci_num_pixels){px, py, pv, ps, SIDE * SIDE}, &g, 1, false, NULL),
            CI_OK);
        double z[6] = {(g.peak - 1) / g.peak_err,   (g.x - truth.x) / g.x_err,
                       (g.y - truth.y) / g.y_err,   (g.major - 8) / g.major_err,
                       (g.minor - 5) / g.minor_err, remainder(g.pa_rad - 0.4, CI_PI) / g.pa_err};
        for (int k = 0; k < 6; k++)
            pull[k] += z[k] * z[k];
    }
    for (int k = 0; k < 6; k++) {
        double rms = sqrt(pull[k] / N_TRIAL); /* expected 1 +- 0.035 */
        printf("pull of parameter %d: rms %.3f\n", k, rms);
        near(rms, 1, 0.15);
    }
}

static void test_beams(void **unused)
{
    (void)unused;
    /* Round beams add in quadrature; 3-4-5. */
    ci_num_beam a = {3, 3, 0.3}, b = {4, 4, 1}, k;
    ci_num_beam c = ci_num_beam_convolve(a, b);
    near(c.major, 5, 1e-14);
    near(c.minor, 5, 1e-14);
    /* Along its own axes an ellipse keeps its angle: 4 x 3 with 3 x 4 (crossed) is 5 x 5. */
    c = ci_num_beam_convolve((ci_num_beam){4, 3, 0.5}, (ci_num_beam){4, 3, 0.5 + CI_PI / 2});
    near(c.major, 5, 1e-14);
    near(c.minor, 5, 1e-14);
    c = ci_num_beam_convolve((ci_num_beam){4, 3, 2.5}, (ci_num_beam){12, 4, 2.5});
    near(c.major, sqrt(160), 1e-13);
    near(c.minor, 5, 1e-13);
    near(c.pa_rad, 2.5, 1e-13);
    assert_true(ci_num_beam_deconvolve(c, (ci_num_beam){4, 3, 2.5}, &k));
    near(k.major, 12, 1e-12);
    near(k.minor, 4, 1e-12);
    near(k.pa_rad, 2.5, 1e-13);
    assert_false(ci_num_beam_deconvolve((ci_num_beam){4, 3, 0}, (ci_num_beam){4, 3, 0.1}, &k));
    assert_true(ci_num_beam_deconvolve((ci_num_beam){4, 3, 1}, (ci_num_beam){4, 3, 1}, &k));
    near(k.major, 0, 0);
}

static void test_beam_common(void **unused)
{
    (void)unused;
    /* Two crossed ellipses of axes 5 and 3: the round one of 5 is the least. */
    ci_num_beam crossed[2] = {{5, 3, 0.2}, {5, 3, 0.2 + CI_PI / 2}}, k;
    ci_num_beam c = ci_num_beam_common(crossed, 2);
    near(c.major, 5, 1e-7);
    near(c.minor, 5, 1e-7);
    ci_num_beam nested[3] = {{4, 3, 0}, {6, 5, 1}, {2, 1, 2}};
    c = ci_num_beam_common(nested, 3);
    near(c.major, 6, 1e-14);
    near(c.minor, 5, 1e-14);
    near(c.pa_rad, 1, 1e-14);

    state = 31415;
    for (int trial = 0; trial < 300; trial++) {
        ci_num_beam beams[12];
        size_t n = 1 + (size_t)(uniform() * 12);
        double spread = trial % 3 == 0 ? 1 : 0.02;
        for (size_t i = 0; i < n; i++) {
            beams[i].minor = 4 * (1 + spread * uniform());
            beams[i].major = beams[i].minor * (1 + uniform() * (trial % 5 ? 0.5 : 4));
            beams[i].pa_rad = trial % 3 == 0 ? CI_PI * uniform() : 3.1 + 0.1 * uniform();
        }
        c = ci_num_beam_common(beams, n);
        double largest = 0;
        for (size_t i = 0; i < n; i++) {
            assert_true(ci_num_beam_deconvolve(c, beams[i], &k));
            assert_true(k.major >= k.minor && k.minor >= 0 && isfinite(k.pa_rad));
            ci_num_beam back = ci_num_beam_convolve(k, beams[i]);
            near(back.major, c.major, 1e-9 * c.major);
            near(back.minor, c.minor, 1e-9 * c.major);
            largest = fmax(largest, beams[i].major);
        }
        /* Least: no ellipse near by that also holds all is smaller. */
        for (int probe = 0; probe < 2000; probe++) {
            double step = pow(10, -1 - 3 * uniform());
            ci_num_beam other = {c.major * (1 + step * normal()), c.minor * (1 + step * normal()),
                                 c.pa_rad + step * normal()};
            if (other.minor > other.major || other.major * other.minor > 0.9999 * c.major * c.minor)
                continue;
            bool holds = true;
            for (size_t i = 0; i < n && holds; i++)
                holds = ci_num_beam_deconvolve(other, beams[i], &k);
            assert_false(holds);
        }
        assert_true(c.major <= largest * 1.5);
    }
}

static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 60; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}

static void test_lanczos(void **unused)
{
    (void)unused;
    double taps[CI_NUM_LANCZOS_TAPS];
    ci_num_lanczos_taps(0, taps);
    for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++)
        near(taps[k], k == 4, 0);
    ci_num_lanczos_taps(1e-12, taps);
    near(taps[4], 1, 1e-9);
    double worst = 0;
    for (double f = 0.01; f < 1; f += 0.07) {
        ci_num_lanczos_taps(f, taps);
        double sum = 0, raw = 0, want[CI_NUM_LANCZOS_TAPS];
        for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++) {
            double t = f + 4 - k, u = CI_PI * t;
            raw += want[k] = sin(u) / u * bessel_i0(7 * sqrt(1 - t * t / 25));
            sum += taps[k];
        }
        near(sum, 1, 1e-14);
        for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++)
            near(taps[k], want[k] / raw, 1e-13);
        /* A Gaussian four pixels wide at half power, read between pixels at its peak. */
        double value = 0;
        for (int k = 0; k < CI_NUM_LANCZOS_TAPS; k++)
            value += taps[k] * exp(-4 * log(2) * pow((k - 4 - f) / 4, 2));
        worst = fmax(worst, fabs(value - 1));
    }
    printf("Lanczos: worst error at the peak of a 4 pixel Gaussian %.1e\n", worst);
    assert_true(worst < 3e-4);
}

/* Keys ascend, items of one key stay in their order, starts say where keys begin. */
static void test_sort_by_key(void **unused)
{
    (void)unused;
    const uint32_t key[] = {3, 0, 3, 1, 0, 3};
    const size_t starts[] = {0, 2, 3, 3, 6, 6}, orders[] = {1, 4, 3, 0, 2, 5};
    size_t start[6], order[6];
    ci_num_sort_by_key(key, 6, 5, start, order);
    assert_memory_equal(start, starts, sizeof start);
    assert_memory_equal(order, orders, sizeof order);
    ci_num_sort_by_key(NULL, 0, 5, start, NULL);
    assert_int_equal(start[5], 0);
}

/* The nearest value, the lower of two as near, the outermost beyond the ends. */
static void test_nearest(void **unused)
{
    (void)unused;
    const double values[] = {-1, 0, 0.5, 4}, at[] = {-9, -0.6, -0.5, 0.1, 2.25, 2.3, 4, 99};
    const size_t expected[] = {0, 0, 0, 1, 2, 3, 3, 3};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        assert_int_equal(ci_num_nearest(values, 4, at[i]), expected[i]);
    assert_int_equal(ci_num_nearest(values, 1, 7), 0);
    assert_true(ci_num_compare_doubles(&values[0], &values[1]) < 0);
    assert_true(ci_num_compare_doubles(&values[1], &values[0]) > 0);
    assert_int_equal(ci_num_compare_doubles(&values[1], &values[1]), 0);
}

/* Against scipy.stats: t.isf(norm.sf(sigma), n_free). Wallace's is above it, by less with more. */
static void test_student(void **unused)
{
    (void)unused;
    static const struct
    {
        double sigma, n_free, want, part;
    } cases[] = {
        {3, 2, 19.206744211508592, 0.23}, {3, 4, 6.620205966815868, 0.03},
        {3, 7, 4.529973678733427, 0.006}, {3, 30, 3.2703338824733166, 2e-4},
        {5, 7, 17.102565846943975, 0.04}, {5, 30, 6.319213733782921, 0.0012},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = ci_num_student(cases[i].sigma, cases[i].n_free);
        assert_true(got > cases[i].want);
        near(got, cases[i].want, cases[i].part * cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_sort_by_key),
        UNIT_TEST(test_nearest),
        UNIT_TEST(test_median),
        UNIT_TEST(test_median_by),
        UNIT_TEST(test_mad_of_noise),
        UNIT_TEST(test_local_rms),
        UNIT_TEST(test_islands),
        UNIT_TEST(test_gaussian_value),
        UNIT_TEST(test_gaussian_fit_exact),
        UNIT_TEST(test_gaussian_fit_errors),
        UNIT_TEST(test_beams),
        UNIT_TEST(test_beam_common),
        UNIT_TEST(test_lanczos),
        UNIT_TEST(test_student),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
