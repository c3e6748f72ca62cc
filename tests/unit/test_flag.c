/* flag: what the search of one baseline's dynamic spectrum finds, and what it leaves, on noise and
 * sky with known truth. Sigma: rms of the real part of one visibility. */
#include "flag/dynspec.h"
#include "unit_case.h"
#include "random.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum
{
    N_TIME = 24,
    N_CHAN = 48,
    N = N_TIME * N_CHAN
};

static uint64_t state = 88172645463325252u;

static double uniform(void)
{
    return test_random_next(&state);
}

static double complex normal(void)
{
    double r = sqrt(-2 * log(uniform())), turn = CI_TWO_PI * uniform();
    return r * (cos(turn) + I * sin(turn));
}

/* Sky: a source of `flux` whose phase turns so often over times and channels. */
typedef struct sky
{
    double flux, turns_time, turns_chan, sigma;
} sky;

static void fill(ci_flag_dynspec *p, const sky *s)
{
    double start = uniform();
    for (size_t i = 0; i < N; i++) {
        double t = (double)(i / N_CHAN) / N_TIME, c = (double)(i % N_CHAN) / N_CHAN;
        double turn = CI_TWO_PI * (start + s->turns_time * t + s->turns_chan * c);
        double complex v = s->flux * (1 + 0.1 * (t - 0.5)) * (cos(turn) + I * sin(turn));
        v += s->sigma * normal();
        p->re[i] = (float)creal(v);
        p->im[i] = (float)cimag(v);
        p->search.mark[i] = CI_FLAG_MARK_GOOD;
    }
    p->n_good = N;
}

/* A run of interference of one amplitude and phase. */
typedef struct run
{
    size_t length;
    double amplitude;
    bool along_chan;
} run;

static void hit(ci_flag_dynspec *p, const run *r, uint8_t *is_hit)
{
    size_t n_t = r->along_chan ? N_TIME : N_TIME - r->length + 1;
    size_t n_c = r->along_chan ? N_CHAN - r->length + 1 : N_CHAN;
    size_t t = (size_t)(uniform() * (double)n_t), c = (size_t)(uniform() * (double)n_c);
    double turn = CI_TWO_PI * uniform();
    for (size_t k = 0; k < r->length; k++) {
        size_t i = r->along_chan ? t * N_CHAN + c + k : (t + k) * N_CHAN + c;
        p->re[i] += (float)(r->amplitude * cos(turn));
        p->im[i] += (float)(r->amplitude * sin(turn));
        is_hit[i] = 1;
    }
}

/* Shares of samples with interference that are found, and of others that are flagged. */
static void measure(const sky *s, const run *r, size_t n_dynspec, double *found, double *wrong)
{
    ci_flag_dynspec *p = NULL;
    assert_int_equal(ci_flag_dynspec_new(&p, N_TIME, N_CHAN), CI_OK);
    p->search.isa = ci_isa_widest();
    size_t n_hit = 0, n_found = 0, n_wrong = 0;
    for (size_t k = 0; k < n_dynspec; k++) {
        uint8_t is_hit[N] = {0};
        fill(p, s);
        if (r) hit(p, r, is_hit);
        ci_flag_dynspec_search(p);
        for (size_t i = 0; i < N; i++) {
            bool flagged = p->search.mark[i] == CI_FLAG_MARK_FOUND;
            n_hit += is_hit[i];
            n_found += is_hit[i] && flagged;
            n_wrong += !is_hit[i] && flagged;
        }
    }
    *found = n_hit ? (double)n_found / (double)n_hit : 1;
    *wrong = (double)n_wrong / (double)(n_dynspec * N - n_hit);
    ci_flag_dynspec_free(p);
}

static const sky skies[] = {
    {0, 0, 0, 3.3},         /* noise */
    {12.7, 0, 0, 3.3},      /* the calibrator in the centre */
    {12.7, 2, 2.5, 3.3},    /* at the field's edge, on a long baseline */
    {12.7, 0.3, 11.7, 3.3}, /* a delay of 1000 ns */
    {12.7, 2, -2.5, 0.01},  /* nearly without noise */
};

static void test_clean(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof skies / sizeof *skies; i++) {
        double found, wrong;
        measure(&skies[i], NULL, 600, &found, &wrong);
        print_message("sky %zu: false flags %.4f %%\n", i, 100 * wrong);
        assert_true(wrong < 5e-3);
    }
}

static void test_found(void **unused)
{
    (void)unused;
    static const run runs[] = {{1, 8, false}, {4, 5, false},   {4, 5, true},
                               {6, 5, false}, {12, 5, true},   {24, 5, false},
                               {48, 5, true}, {1, 1000, true}, {4, 100, false}};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
            double found, wrong;
            run r = runs[k];
            r.amplitude *= skies[i].sigma;
            measure(&skies[i], &r, 400, &found, &wrong);
            print_message("sky %zu, %zu samples along %s of %g sigma: %.2f %% found, %.3f %% of "
                          "others flagged\n",
                          i, r.length, r.along_chan ? "channels" : "times", runs[k].amplitude,
                          100 * found, 100 * wrong);
            assert_true(found >= 0.99);
            assert_true(wrong < 1e-2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clean), cmocka_unit_test(test_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
