/* Waves against sines and cosines, and functions of frequency that a few nodes hold. */
#include "unit_case.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "../../src/sky/nodes.h"
#include "../../src/sky/wave.h"

enum
{
    N = CI_SKY_LANES,
    N_CHAN = 48
};

/* Delays of no turn up to 1e5 of them, and such that fall on quarter turns. */
static void waves(void **state)
{
    (void)state;
    double freq[N], per_hz[CI_SKY_CHUNK];
    float amplitude[CI_SKY_CHUNK * N], out[CI_ISA_COUNT][CI_SKY_CHUNK * 2 * N];
    for (size_t j = 0; j < N; j++)
        freq[j] = 1.4e9 + 244140.625 * (double)j;
    for (size_t k = 0; k < CI_SKY_CHUNK; k++) {
        per_hz[k] = k % 4 == 0 ? 0.25 * (double)k / freq[3]
                               : (k % 2 ? -1 : 1) * pow(10, 5.0 * (double)k / 31) / 1.4e9;
        for (size_t j = 0; j < N; j++)
            amplitude[k * N + j] = 1 + 0.1F * (float)(j + k);
    }
    for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
        if (!ci_isa_has((ci_isa)isa)) continue;
        ci_sky_wave_get((ci_isa)isa)(
            &(ci_sky_wave){CI_SKY_CHUNK, freq, per_hz, amplitude, N, out[isa]});
        assert_memory_equal(out[0], out[isa], sizeof out[0]);
    }
    double worst = 0;
    for (size_t k = 0; k < CI_SKY_CHUNK; k++)
        for (size_t j = 0; j < N; j++) {
            double turns = freq[j] * per_hz[k], size = amplitude[k * N + j];
            const float *got = out[0] + k * 2 * N + j;
            double angle = CI_TWO_PI * (turns - nearbyint(turns));
            worst = fmax(worst, fabs((double)got[0] / size - cos(angle)));
            worst = fmax(worst, fabs((double)got[N] / size - sin(angle)));
        }
    print_message("waves: worst difference %.2e\n", worst);
    assert_true(worst < 1.2e-7);
}

/* Channels of unequal steps. */
static void channels(double *freq_hz, size_t n)
{
    for (size_t c = 0; c < n; c++)
        freq_hz[c] = 1.31e9 + 2.4e5 * (double)c + (c % 5 == 2 ? 4e4 : 0);
}

static double complex phasor(const double *freq_hz, size_t n, double at_hz, double range)
{
    double x = (at_hz - freq_hz[0]) / (freq_hz[n - 1] - freq_hz[0]);
    return cos(range * x) + I * sin(range * x);
}

/* Greatest error of a phasor that goes through `range` radians. */
static double worst_of(size_t n, double range)
{
    static ci_sky_nodes nodes;
    double freq[CI_SKY_TILE], worst = 0;
    float sum[2 * N], out[CI_ISA_COUNT][2 * CI_SKY_TILE + 1];
    channels(freq, n);
    ci_sky_nodes_make(&nodes, freq, n);
    for (size_t k = 0; k < N; k++) {
        double complex v = phasor(freq, n, nodes.freq_hz[k], range);
        sum[k] = (float)creal(v);
        sum[N + k] = (float)cimag(v);
    }
    for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
        if (!ci_isa_has((ci_isa)isa)) continue;
        out[isa][2 * n] = 7; /* nothing is written behind the channels */
        ci_sky_spread_get((ci_isa)isa)(&nodes, sum, n, out[isa]);
        assert_memory_equal(out[0], out[isa], 2 * n * sizeof(float));
        assert_true(out[isa][2 * n] == 7);
    }
    for (size_t c = 0; c < n; c++) {
        double complex got = (double)out[0][2 * c] + I * (double)out[0][2 * c + 1];
        worst = fmax(worst, cabs(got - phasor(freq, n, freq[c], range)));
    }
    return worst;
}

static void interpolation(void **state)
{
    (void)state;
    double range = ci_sky_nodes_range_rad();
    assert_true(range > 9 && range < 11);
    for (size_t n = 17; n <= CI_SKY_TILE; n += 47) { /* and CI_SKY_TILE */
        double at = worst_of(n, range), half = worst_of(n, 0.5 * range);
        print_message("%zu channels: worst error %.2e, over half of the range %.2e\n", n, at, half);
        assert_true(at < 6e-7 && half < 5e-7);
    }
    assert_true(worst_of(N_CHAN, 1.2 * range) > 2e-6); /* it is no further than it says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(waves), cmocka_unit_test(interpolation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
