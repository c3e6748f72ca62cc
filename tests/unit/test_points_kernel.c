/* The kernels of direct sums over points: against the formula, and the same bits with every
 * instruction set. */
#include "../../src/clean/points_kernel.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum
{
    LANES = CI_CLEAN_POINTS_LANES,
    NODES = CI_CLEAN_FLUX_NODES,
    N_ROW = 4,
    N_CHAN = 13, /* of a row */
    N = N_ROW * N_CHAN,
    N_FRAME = 2,
    N_ARRAY = 10
};

/* The last row is near the one before it. */
static const double uvw_s[N_ROW][3] = {
    {6.1e-6, -2.3e-6, 1e-6}, {-5e-7, 4e-7, -3e-8}, {1e-8, 5.5e-6, -2e-6}, {9e-8, 5.6e-6, -2.1e-6}};
static const bool is_base[N_ROW] = {true, true, true, false};
static const ci_vis_time_taps taps[N_ROW] = {
    {0, 1, {1}}, {0, 2, {0.75, 0.25}}, {1, 1, {1}}, {0, 2, {-0.25, 1.25}}};

typedef struct scene
{
    float array[N_ARRAY][N], base[2][N * LANES], sum[2][N * LANES];
    float flux[N_FRAME * NODES * LANES];
    ci_clean_points_row row[N_ROW];
    ci_clean_points_run run;
    ci_clean_points_batch batch;
    double sums[LANES * CI_FIT_SUMS];
} scene;

static void run_set(scene *s)
{
    float(*a)[N] = s->array;
    s->run = (ci_clean_points_run){.n = N,
                                   .n_row = N_ROW,
                                   .row = s->row,
                                   .freq_hz = 1.4e9,
                                   .offset_hz = a[0],
                                   .lagrange = {a[1], a[2], a[3], a[4]},
                                   .relative = a[5],
                                   .x = a[6],
                                   .weight = a[7],
                                   .re = a[8],
                                   .im = a[9],
                                   .base_re = s->base[0],
                                   .base_im = s->base[1],
                                   .sum_re = s->sum[0],
                                   .sum_im = s->sum[1]};
    for (size_t r = 0; r < N_ROW; r++) {
        s->row[r] = (ci_clean_points_row){.end = (r + 1) * N_CHAN,
                                          .channel = (is_base[r] ? r : r - 1) * N_CHAN,
                                          .is_base = is_base[r],
                                          .taps = taps[r]};
        memcpy(s->row[r].uvw_s, uvw_s[r], sizeof uvw_s[r]);
    }
}

static void samples_set(scene *s)
{
    const ci_clean_points_run *r = &s->run;
    for (size_t i = 0; i < N; i++) {
        r->offset_hz[i] = (float)(6e6 * sin(0.9 * (double)i));
        r->relative[i] = (float)(1 + (double)r->offset_hz[i] / r->freq_hz);
        r->x[i] = (float)(-0.07 + 1e-3 * (double)i);
        r->weight[i] = (float)(1.5 + sin(3.1 * (double)i));
        r->re[i] = (float)cos(0.3 * (double)(i * i));
        r->im[i] = (float)sin(1.7 * (double)i);
        for (size_t k = 0; k < NODES; k++)
            r->lagrange[k][i] = (float)sin(0.41 * (double)(i + 7 * k));
    }
}

/* Points out to 3 degrees, of fluxes up to some Jy; one lane without a point. */
static void points_set(scene *s)
{
    ci_clean_points_batch *g = &s->batch;
    g->n_point = LANES;
    g->n_frame = N_FRAME;
    g->flux = s->flux;
    for (int j = 0; j < LANES - 1; j++) {
        g->l[j] = 0.05 * cos(2.1 * j);
        g->m[j] = 0.05 * sin(1.3 * j);
        g->n[j] = sqrt(1 - g->l[j] * g->l[j] - g->m[j] * g->m[j]) - 1;
        for (int k = 0; k < N_FRAME * NODES; k++)
            s->flux[k * LANES + j] = (float)(2 * cos(0.7 * k + j));
    }
}

static int setup(void **state)
{
    scene *s = calloc(1, sizeof *s);
    if (!s) return -1;
    run_set(s);
    samples_set(s);
    points_set(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Where the channel of sample i is. */
static size_t channel_at(const scene *s, size_t i)
{
    return s->row[i / N_CHAN].channel + i % N_CHAN;
}

static double flux_at(const scene *s, size_t i, int lane)
{
    double sum = 0;
    const ci_vis_time_taps *t = &taps[i / N_CHAN];
    for (size_t k = 0; k < t->n; k++)
        for (size_t f = 0; f < NODES; f++)
            sum += t->weight[k] * s->run.lagrange[f][channel_at(s, i)] *
                   s->flux[((t->first + k) * NODES + f) * LANES + (size_t)lane];
    return sum;
}

static double complex visibility(const scene *s, size_t i, int lane)
{
    const double *uvw = uvw_s[i / N_CHAN];
    const ci_clean_points_batch *g = &s->batch;
    double path_s = uvw[0] * g->l[lane] + uvw[1] * g->m[lane] + uvw[2] * g->n[lane];
    double freq_hz = s->run.freq_hz + (double)s->run.offset_hz[channel_at(s, i)];
    return flux_at(s, i, lane) * cexp(I * CI_TWO_PI * freq_hz * path_s);
}

static void sums_are_visibilities(void **state)
{
    scene *s = *state;
    for (int i = 0; i < N * LANES; i++)
        s->sum[0][i] = s->sum[1][i] = 1;
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).add(&s->run, &s->batch);
    for (size_t i = 0; i < N; i++)
        for (int j = 0; j < LANES; j++) {
            double complex z = visibility(s, i, j);
            assert_true(fabs(s->sum[0][i * LANES + (size_t)j] - 1 - creal(z)) < 1e-5);
            assert_true(fabs(s->sum[1][i * LANES + (size_t)j] - 1 - cimag(z)) < 1e-5);
        }
}

/* Adds one sample to the sums of a lane by the formula, and their sizes. */
static void want_add(const scene *s, size_t i, int lane, double *want, double *size)
{
    const ci_clean_points_run *r = &s->run;
    const ci_clean_points_batch *g = &s->batch;
    double complex p = visibility(s, i, lane), product = r->weight[i] * (r->re[i] + I * r->im[i]);
    product *= conj(p);
    double norm = r->weight[i] * creal(p * conj(p)), dot = creal(product), cross = cimag(product);
    const double *uvw = uvw_s[i / N_CHAN], x = r->x[channel_at(s, i)], n = 1 + g->n[lane];
    double turn_hz = CI_TWO_PI * (r->freq_hz + (double)r->offset_hz[channel_at(s, i)]);
    double du = turn_hz * (uvw[0] - uvw[2] * g->l[lane] / n);
    double dv = turn_hz * (uvw[1] - uvw[2] * g->m[lane] / n);
    const double term[CI_FIT_SUMS] = {
        dot,      dot * x,      cross * du,     cross * dv,     norm,
        norm * x, norm * x * x, norm * du * du, norm * du * dv, norm * dv * dv};
    for (int k = 0; k < CI_FIT_SUMS; k++) {
        want[k] += term[k];
        size[k] += fabs(term[k]);
    }
}

static void sums_with_the_residual(void **state)
{
    scene *s = *state;
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).correlate(&s->run, &s->batch, s->sums);
    for (int j = 0; j < LANES; j++) {
        double want[CI_FIT_SUMS] = {0}, size[CI_FIT_SUMS] = {0};
        for (size_t i = 0; i < N; i++)
            want_add(s, i, j, want, size);
        for (int k = 0; k < CI_FIT_SUMS; k++)
            assert_true(fabs(s->sums[j * CI_FIT_SUMS + k] - want[k]) <= 1e-5 * size[k]);
    }
}

static void steady_fluxes(void **state)
{
    scene *s = *state, *moving = NULL;
    assert_int_equal(setup((void **)&moving), 0);
    memcpy(moving->flux + NODES * LANES, moving->flux, NODES * LANES * sizeof(float));
    s->batch.n_frame = 1;
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).add(&s->run, &s->batch);
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).add(&moving->run, &moving->batch);
    double worst = 0;
    for (int i = 0; i < N * LANES; i++)
        worst = fmax(worst, fabsf(s->sum[0][i] - moving->sum[0][i]));
    teardown((void **)&moving);
    assert_true(worst < 1e-5);
}

static void same_bits(void **state)
{
    scene *plain = *state, *wide = NULL;
    int n_tried = 0;
    bool is_same = true;
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).add(&plain->run, &plain->batch);
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES)
        .correlate(&plain->run, &plain->batch, plain->sums);
    for (int i = 1; i < CI_ISA_COUNT; i++) {
        if (!ci_isa_has((ci_isa)i)) continue;
        ci_clean_points_kernel kernel = ci_clean_points_kernel_get((ci_isa)i, LANES);
        assert_int_equal(setup((void **)&wide), 0);
        kernel.add(&wide->run, &wide->batch);
        kernel.correlate(&wide->run, &wide->batch, wide->sums);
        is_same = is_same && memcmp(plain->sum, wide->sum, sizeof plain->sum) == 0 &&
                  memcmp(plain->sums, wide->sums, sizeof plain->sums) == 0;
        teardown((void **)&wide);
        n_tried++;
    }
    print_message("%d wider instruction sets on this machine\n", n_tried);
    assert_true(is_same);
}

/* A batch that is not full, up to half and beyond: its points' sums are those of the full one. */
static void few_points(void **state)
{
    static const size_t few[] = {5, 11};
    scene *full = *state, *part = NULL;
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).add(&full->run, &full->batch);
    ci_clean_points_kernel_get(CI_ISA_PLAIN, LANES).correlate(&full->run, &full->batch, full->sums);
    for (int i = 0; i < CI_ISA_COUNT; i++)
        for (size_t k = 0; k < sizeof few / sizeof *few && ci_isa_has((ci_isa)i); k++) {
            ci_clean_points_kernel kernel = ci_clean_points_kernel_get((ci_isa)i, few[k]);
            bool is_same = true;
            assert_int_equal(setup((void **)&part), 0);
            part->batch.n_point = few[k];
            kernel.add(&part->run, &part->batch);
            kernel.correlate(&part->run, &part->batch, part->sums);
            for (size_t n = 0; n < N; n++)
                for (int a = 0; a < 2; a++)
                    is_same = is_same && memcmp(part->sum[a] + n * LANES, full->sum[a] + n * LANES,
                                                few[k] * sizeof(float)) == 0;
            is_same = is_same && memcmp(part->sums, full->sums,
                                        few[k] * CI_FIT_SUMS * sizeof *full->sums) == 0;
            teardown((void **)&part);
            assert_true(is_same);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_are_visibilities, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_with_the_residual, setup, teardown),
        cmocka_unit_test_setup_teardown(steady_fluxes, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(few_points, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
