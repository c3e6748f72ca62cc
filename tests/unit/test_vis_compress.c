/* vis: compression of samples to Gauss nodes, against direct sums over the samples themselves. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above first. */
#include <cmocka.h>

#include "vis/compress.h"
#include "random.h"

enum
{
    N_TIME = 24,
    N_CHAN = 48
};
#define HALF_WIDTH 0.0305 /* 1.75 degrees */
#define ERROR 1e-4

/* A baseline of 2.6 km at Dec 33 over 309 s, 48 channels of 244 kHz at 1.4 GHz. */
typedef struct scene
{
    double time_mjd_s[N_TIME], uvw_m[3 * N_TIME], freq_hz[N_CHAN];
    ci_c32 value[N_TIME * N_CHAN];
    float weight[N_TIME * N_CHAN];
    ci_vis_dynspec dynspec;
    ci_vis_compressor *compressor;
} scene;

static double path_of(const double *uvw_m, double l, double m)
{
    return uvw_m[0] * l + uvw_m[1] * m + uvw_m[2] * (sqrt(1 - l * l - m * m) - 1);
}

static void geometry_set(scene *s, double length_m)
{
    const double rate = 7.2921e-5, dec = 33 * CI_DEG_TO_RAD;
    for (int i = 0; i < N_TIME; i++) {
        double h = rate * 12.88 * (i - N_TIME / 2) - 0.4;
        s->time_mjd_s[i] = 5.2e9 + 12.88 * i;
        double x = 0.3 * length_m, y = 0.9 * length_m, z = 0.3 * length_m;
        s->uvw_m[3 * i] = sin(h) * x + cos(h) * y;
        s->uvw_m[3 * i + 1] = -sin(dec) * cos(h) * x + sin(dec) * sin(h) * y + cos(dec) * z;
        s->uvw_m[3 * i + 2] = cos(dec) * cos(h) * x - cos(dec) * sin(h) * y + sin(dec) * z;
    }
    for (int k = 0; k < N_CHAN; k++)
        s->freq_hz[k] = 1.4e9 + 244140.625 * k;
}

/* A place on the edge of the square field, at an angle: its corners among them. */
static void edge_place(double angle, double *l, double *m)
{
    double c = cos(angle), s = sin(angle), longest = fmax(fabs(c), fabs(s));
    *l = HALF_WIDTH * c / longest;
    *m = HALF_WIDTH * s / longest;
}

/* A point of 1 Jy; weights a product over time and channel. */
static void source_set(scene *s, double l, double m)
{
    for (int i = 0; i < N_TIME; i++)
        for (int k = 0; k < N_CHAN; k++) {
            double phase = CI_TWO_PI * s->freq_hz[k] / CI_C_M_S * path_of(s->uvw_m + 3 * i, l, m);
            s->value[i * N_CHAN + k] = (ci_c32)cexp(I * phase);
            s->weight[i * N_CHAN + k] =
                (float)((1 + 0.2 * sin(0.9 * k)) * (1 + 0.1 * cos(1.7 * i)));
        }
}

static int begin(void **state)
{
    scene *s = calloc(1, sizeof *s);
    if (!s || ci_vis_compressor_new(&s->compressor, N_TIME, N_CHAN, ERROR, HALF_WIDTH) != CI_OK)
        return -1;
    s->dynspec = (ci_vis_dynspec){.n_time = N_TIME,
                                  .n_chan = N_CHAN,
                                  .time_mjd_s = s->time_mjd_s,
                                  .uvw_m = s->uvw_m,
                                  .freq_hz = s->freq_hz,
                                  .value = s->value,
                                  .weight = s->weight};
    geometry_set(s, 2600);
    source_set(s, 0.7 * HALF_WIDTH, -0.7 * HALF_WIDTH);
    *state = s;
    return 0;
}

static int end(void **state)
{
    scene *s = *state;
    ci_vis_compressor_free(s->compressor);
    free(s);
    return 0;
}

/* sum w V exp(-2 pi i nu / c path) towards (l, m), and sum w. */
static ci_c64 samples_sum(const scene *s, double l, double m, double *weight)
{
    ci_c64 sum = 0;
    *weight = 0;
    for (int i = 0; i < N_TIME; i++)
        for (int k = 0; k < N_CHAN; k++) {
            double w = s->weight[i * N_CHAN + k];
            double phase = CI_TWO_PI * s->freq_hz[k] / CI_C_M_S * path_of(s->uvw_m + 3 * i, l, m);
            sum += w * s->value[i * N_CHAN + k] * cexp(-I * phase);
            *weight += w;
        }
    return sum;
}

static ci_c64 nodes_sum(const ci_vis_nodes *n, double l, double m, double *weight)
{
    ci_c64 sum = 0;
    *weight = 0;
    for (size_t r = 0, i = 0; r < n->n_row; r++)
        for (size_t k = 0; k < n->n_chan[r]; k++, i++) {
            double phase = CI_TWO_PI * n->freq_hz[i] / CI_C_M_S * path_of(n->uvw_m + 3 * r, l, m);
            assert_true(n->weight[i] > 0);
            sum += (double)n->weight[i] * n->value[i] * cexp(-I * phase);
            *weight += n->weight[i];
        }
    return sum;
}

/* Compresses, and compares the sums over the field: at the source's place to the asked error,
 * anywhere (sidelobes of a source at the edge seen at the opposite edge) to a few times that. */
static size_t compressed_as_asked(scene *s, double l, double m)
{
    const ci_vis_nodes *nodes = NULL;
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK);
    for (int a = 0; a <= 8; a++) {
        double la = l, ma = m, weight, nodes_weight;
        if (a < 8) edge_place(a * CI_PI / 4, &la, &ma);
        ci_c64 want = samples_sum(s, la, ma, &weight),
               got = nodes_sum(nodes, la, ma, &nodes_weight);
        assert_true(fabs(nodes_weight / weight - 1) < 1e-6);
        double error = cabs(got - want) / weight;
        if (!(error <= (a == 8 ? 1.1 : 10) * ERROR))
            fail_msg("direction %d: %.3g of the flux, %zu nodes", a, error, nodes->n_sample);
    }
    return nodes->n_sample;
}

/* As where nsamples differ from sample to sample: two axes' rules know nothing of that. */
static void weights_that_are_no_products_keep_the_bound(void **state)
{
    scene *s = *state;
    geometry_set(s, 1300);
    source_set(s, HALF_WIDTH, HALF_WIDTH);
    for (size_t i = 0; i < N_TIME * N_CHAN; i++)
        s->weight[i] = test_random_uniform(i) < 0.5 ? 1 : 100;
    assert_int_equal(compressed_as_asked(s, HALF_WIDTH, HALF_WIDTH), N_TIME * N_CHAN);
}

static void whole_spectra_are_compressed(void **state)
{
    scene *s = *state;
    static const double length_m[] = {2600, 1300, 400, 50, 0};
    static const size_t greatest[] = {230, 104, 30, 6, 6}; /* of 1152 samples */
    for (size_t i = 0; i < sizeof length_m / sizeof *length_m; i++) {
        geometry_set(s, length_m[i]);
        for (int a = 0; a < 8; a++) {
            double l, m;
            edge_place(a * CI_PI / 4, &l, &m);
            source_set(s, l, m);
            size_t n = compressed_as_asked(s, l, m);
            assert_true(n <= greatest[i]);
        }
    }
}

/* What is a polynomial in a bent coordinate misses sources between the centre and the edge too. */
static void sources_inside_lose_no_more(void **state)
{
    scene *s = *state;
    for (double length_m = 40; length_m < 3000; length_m *= 1.3) {
        geometry_set(s, length_m);
        for (double share = 0.2; share < 1; share += 0.2)
            for (int a = 0; a < 8; a++) {
                double l, m;
                edge_place(a * CI_PI / 4, &l, &m);
                source_set(s, share * l, share * m);
                compressed_as_asked(s, share * l, share * m);
            }
    }
}

static void flag(scene *s, int time_first, int n_time, int chan_first, int n_chan)
{
    for (int i = time_first; i < time_first + n_time; i++)
        for (int k = chan_first; k < chan_first + n_chan; k++) {
            s->weight[i * N_CHAN + k] = 0;
            s->value[i * N_CHAN + k] = (ci_c32)(1e6 * I);
        }
}

static void dead_channels_and_times_cost_nothing(void **state)
{
    scene *s = *state;
    flag(s, 0, N_TIME, 11, 1);
    flag(s, 0, N_TIME, 30, 9);
    flag(s, 3, 2, 0, N_CHAN);
    assert_true(compressed_as_asked(s, 0.7 * HALF_WIDTH, -0.7 * HALF_WIDTH) <= 230);
}

static void half_a_spectrum_is_compressed(void **state)
{
    scene *s = *state;
    flag(s, 0, N_TIME, 0, N_CHAN / 2);
    assert_true(compressed_as_asked(s, 0.7 * HALF_WIDTH, -0.7 * HALF_WIDTH) <= 175);
}

static void a_burst_splits_the_spectrum(void **state)
{
    scene *s = *state;
    flag(s, 5, 6, 20, 7);
    assert_true(compressed_as_asked(s, 0.7 * HALF_WIDTH, -0.7 * HALF_WIDTH) <= 250);
}

static void scattered_flags_keep_the_bound(void **state)
{
    scene *s = *state;
    for (int i = 0; i < 30; i++)
        flag(s, (i * 7) % N_TIME, 1, (i * 31) % N_CHAN, 1);
    assert_true(compressed_as_asked(s, 0.7 * HALF_WIDTH, -0.7 * HALF_WIDTH) <= 250);
}

static void nearly_nothing_left_is_kept(void **state)
{
    scene *s = *state;
    flag(s, 0, N_TIME, 0, N_CHAN);
    const ci_vis_nodes *nodes = NULL;
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK);
    assert_int_equal(nodes->n_sample, 0);
    source_set(s, 0, 0);
    flag(s, 0, N_TIME, 1, N_CHAN - 1);
    flag(s, 2, N_TIME - 2, 0, N_CHAN);
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK);
    assert_int_equal(nodes->n_sample, 2);
    assert_true(nodes->time_mjd_s[1] == s->time_mjd_s[1] && nodes->freq_hz[1] == s->freq_hz[0]);
}

/* A mean power of noise of variance 1 / weight stays 1 after compression. */
static void noise_keeps_its_weight(void **state)
{
    scene *s = *state;
    flag(s, 5, 6, 20, 7);
    double power = 0, n_sum = 0;
    uint64_t bits = 88172645463325252u;
    for (int trial = 0; trial < 200; trial++) {
        for (int i = 0; i < N_TIME * N_CHAN; i++) {
            double r = sqrt(-2 * log(test_random_next(&bits)));
            double t = CI_TWO_PI * test_random_next(&bits);
            if (s->weight[i] > 0) s->value[i] = (ci_c32)(r / sqrt(s->weight[i]) * cexp(I * t));
        }
        const ci_vis_nodes *nodes = NULL;
        assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK);
        for (size_t i = 0; i < nodes->n_sample; i++)
            power += nodes->weight[i] * pow(cabs(nodes->value[i]), 2) / 2;
        n_sum += (double)nodes->n_sample;
    }
    assert_true(n_sum > 5000);
    assert_true(fabs(power / n_sum - 1) < 5 / sqrt(n_sum));
}

/* East-west, Dec 0, half an hour about transit: the path of the last row is that of the first. */
static void a_path_that_returns_keeps_the_bound(void **state)
{
    scene *s = *state;
    for (int i = 0; i < N_TIME; i++) {
        double h = 7.2921e-5 * 80 * (i - 0.5 * (N_TIME - 1));
        s->time_mjd_s[i] = 5.2e9 + 80 * i;
        s->uvw_m[3 * i] = 2600 * cos(h);
        s->uvw_m[3 * i + 1] = 0;
        s->uvw_m[3 * i + 2] = -2600 * sin(h);
    }
    for (int a = 0; a < 8; a++) {
        double l, m;
        edge_place(a * CI_PI / 4, &l, &m);
        source_set(s, l, m);
        compressed_as_asked(s, l, m);
    }
}

static void weights_set(scene *s, float weight)
{
    for (int i = 0; i < N_TIME * N_CHAN; i++)
        s->weight[i] = weight;
}

/* Rules of equal weights are kept: baselines of all lengths stay within the bound, in any order. */
static void equal_weights_keep_the_bound(void **state)
{
    scene *s = *state;
    static const double length_m[] = {2600, 50, 1300, 400, 2600, 0, 1300, 5200};
    for (size_t i = 0; i < sizeof length_m / sizeof *length_m; i++) {
        geometry_set(s, length_m[i]);
        for (int k = 0; i % 3 == 2 && k < N_CHAN; k++)
            s->freq_hz[k] += 3e4 * sin(1.3 * k); /* channels at other places */
        for (int a = 0; a < 8; a++) {
            double l, m;
            edge_place(a * CI_PI / 4, &l, &m);
            source_set(s, l, m);
            weights_set(s, 0.37F * (float)(1 + a));
            compressed_as_asked(s, l, m);
        }
    }
}

/* What a compressor did before is of no matter: nodes are the same bytes. */
static void nodes_are_of_the_spectrum_alone(void **state)
{
    scene *s = *state;
    const ci_vis_nodes *nodes = NULL;
    ci_vis_compressor *other = NULL;
    weights_set(s, 0.37F);
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK); /* 1 */
    s->freq_hz[7] += 5e4;
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK); /* 2 */
    s->weight[100] = 0.4F;
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK); /* 3 */
    weights_set(s, 2.6F);
    s->freq_hz[7] -= 5e4;
    assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK); /* as 1 */
    size_t n = nodes->n_sample;
    double freq_hz[N_TIME * N_CHAN];
    float weight[N_TIME * N_CHAN];
    ci_c32 value[N_TIME * N_CHAN];
    memcpy(freq_hz, nodes->freq_hz, n * sizeof *freq_hz);
    memcpy(weight, nodes->weight, n * sizeof *weight);
    memcpy(value, nodes->value, n * sizeof *value);
    assert_int_equal(ci_vis_compressor_new(&other, N_TIME, N_CHAN, ERROR, HALF_WIDTH), CI_OK);
    assert_int_equal(ci_vis_compress(other, &s->dynspec, &nodes), CI_OK);
    assert_int_equal(nodes->n_sample, n);
    assert_memory_equal(nodes->freq_hz, freq_hz, n * sizeof *freq_hz);
    assert_memory_equal(nodes->weight, weight, n * sizeof *weight);
    assert_memory_equal(nodes->value, value, n * sizeof *value);
    ci_vis_compressor_free(other);
}

/* Each instruction set gives the same bytes, of whole spectra and of parts, of 5 channels too. */
static void instruction_sets_agree(void **state)
{
    scene *s = *state;
    for (int round = 0; round < 3; round++) {
        const ci_vis_nodes *nodes = NULL;
        ci_c32 value[N_TIME * N_CHAN];
        float weight[N_TIME * N_CHAN];
        size_t n = 0;
        if (round == 1) flag(s, 5, 6, 20, 7);
        if (round == 2) s->dynspec.n_chan = 5;
        for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
            if (!ci_isa_has((ci_isa)isa)) continue;
            s->dynspec.isa = (ci_isa)isa;
            assert_int_equal(ci_vis_compress(s->compressor, &s->dynspec, &nodes), CI_OK);
            assert_true(nodes->n_sample > 0 && (isa == 0 || nodes->n_sample == n));
            if (isa > 0) assert_memory_equal(nodes->value, value, n * sizeof *value);
            if (isa > 0) assert_memory_equal(nodes->weight, weight, n * sizeof *weight);
            n = nodes->n_sample;
            memcpy(value, nodes->value, n * sizeof *value);
            memcpy(weight, nodes->weight, n * sizeof *weight);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_spectra_are_compressed, begin, end),
        cmocka_unit_test_setup_teardown(sources_inside_lose_no_more, begin, end),
        cmocka_unit_test_setup_teardown(dead_channels_and_times_cost_nothing, begin, end),
        cmocka_unit_test_setup_teardown(half_a_spectrum_is_compressed, begin, end),
        cmocka_unit_test_setup_teardown(a_burst_splits_the_spectrum, begin, end),
        cmocka_unit_test_setup_teardown(scattered_flags_keep_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(nearly_nothing_left_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(noise_keeps_its_weight, begin, end),
        cmocka_unit_test_setup_teardown(weights_that_are_no_products_keep_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(a_path_that_returns_keeps_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(equal_weights_keep_the_bound, begin, end),
        cmocka_unit_test_setup_teardown(nodes_are_of_the_spectrum_alone, begin, end),
        cmocka_unit_test_setup_teardown(instruction_sets_agree, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
