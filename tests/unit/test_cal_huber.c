/* Misfits, their scale and Huber's weights of the baselines of a gain solve, by their formulas. */
#include "unit_case.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/cal/huber.h"

enum
{
    N_GAIN = 20,
    N_ALL = N_GAIN * (N_GAIN - 1) / 2,
    EVERY = 7 /* baseline without data */
};

static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(CI_TWO_PI * uniform());
}

/* Sums of all baselines in some unit: the model times the gains, and noise of weight b. */
typedef struct sums
{
    double g_re[N_GAIN], g_im[N_GAIN], re[N_ALL], im[N_ALL], b[N_ALL];
    double want[N_ALL]; /* misfit */
    double power;
    size_t n;
} sums;

static void sums_make(sums *out, ci_cal_huber *huber, double unit, double noise)
{
    size_t i = 0;
    *out = (sums){.n = 0};
    state = 314159265358979323u;
    for (size_t a = 0; a < N_GAIN; a++) {
        out->g_re[a] = 1 + 0.2 * normal();
        out->g_im[a] = normal();
    }
    for (int32_t p = 0; p < N_GAIN; p++)
        for (int32_t q = p + 1; q < N_GAIN; q++, i++) {
            double complex g =
                (out->g_re[p] + I * out->g_im[p]) * (out->g_re[q] - I * out->g_im[q]);
            double b = 1 + uniform(), x = noise * normal(), y = noise * normal();
            if (i % 11 == 3) x *= 50; /* far off */
            out->b[i] = b * unit;
            out->re[i] = unit * (b * creal(g) + sqrt(b) * x);
            out->im[i] = unit * (b * cimag(g) + sqrt(b) * y);
            if (i % EVERY == 0) continue;
            huber->used[out->n] = (int32_t)i;
            huber->first[out->n] = p;
            huber->second[out->n] = q;
            out->power +=
                unit * (pow(b * creal(g) + sqrt(b) * x, 2) + pow(b * cimag(g) + sqrt(b) * y, 2)) /
                b;
            out->want[out->n++] = unit * (x * x + y * y);
        }
    huber->n = out->n;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of chi^2 of two degrees is 2 log 2, of which the gains take their part. */
static double scale_wanted(const sums *s)
{
    double sorted[N_ALL], n = (double)s->n;
    memcpy(sorted, s->want, sizeof sorted);
    qsort(sorted, s->n, sizeof *sorted, by_size);
    double middle = 0.5 * (sorted[(s->n - 1) / 2] + sorted[s->n / 2]);
    return middle / (2 * log(2)) * (2 * n) / (2 * n - 2 * N_GAIN + 1);
}

/* In units so small and so large that single precision does not hold them. */
static void scales_and_weights(void **unused)
{
    (void)unused;
    static sums s;
    double weight[N_ALL];
    for (int k = 0; k < 3; k++) {
        for (int isa = 0; isa < CI_ISA_COUNT; isa++) {
            ci_cal_huber huber;
            if (!ci_isa_has((ci_isa)isa)) continue;
            assert_int_equal(ci_cal_huber_new(&huber, N_ALL), CI_OK);
            sums_make(&s, &huber, pow(10, 50.0 * (k - 1)), 0.01);
            ci_cal_huber_take(&huber, s.re, s.im, s.b);
            assert_true(fabs(huber.power / s.power - 1) < 1e-12);
            double scale2 = ci_cal_huber_misfits(&huber, (ci_isa)isa, s.g_re, s.g_im, N_GAIN);
            double want = scale_wanted(&s);
            assert_true(fabs(scale2 / want - 1) < 1e-6);
            assert_true(ci_cal_huber_reweight(&huber, (ci_isa)isa, 3, scale2));
            size_t n_less = 0;
            for (size_t i = 0; i < huber.n; i++) {
                double u = fmin(1, sqrt(9 * want / s.want[i]));
                assert_true(fabs(huber.misfit[i] - s.want[i]) < 1e-9 * s.want[i] + 1e-15 * want);
                assert_true(fabs(huber.weight[i] - u) < 1e-6);
                n_less += u < 0.9;
            }
            assert_true(n_less > 10);
            /* nothing changes by the same again */
            assert_false(ci_cal_huber_reweight(&huber, (ci_isa)isa, 3, scale2));
            if (isa > 0) assert_memory_equal(weight, huber.weight, huber.n * sizeof *weight);
            memcpy(weight, huber.weight, huber.n * sizeof *weight);
            ci_cal_huber_clear(&huber);
        }
    }
}

/* Noiseless data: what rounding leaves is not taken for noise. */
static void without_noise(void **unused)
{
    (void)unused;
    static sums s;
    ci_cal_huber huber;
    assert_int_equal(ci_cal_huber_new(&huber, N_ALL), CI_OK);
    sums_make(&s, &huber, 1, 0);
    ci_cal_huber_take(&huber, s.re, s.im, s.b);
    double scale2 = ci_cal_huber_misfits(&huber, CI_ISA_PLAIN, s.g_re, s.g_im, N_GAIN);
    assert_true(fabs(scale2 / (1e-14 * s.power / (double)s.n) - 1) < 1e-9);
    assert_false(ci_cal_huber_reweight(&huber, CI_ISA_PLAIN, 3, scale2));
    ci_cal_huber_clear(&huber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_and_weights),
        cmocka_unit_test(without_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
