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

/* Sky: a source of `flux` whose phase turns so often over times and channels, and `curve` turns
 * more by a parabola in time; another of `flux_b`. */
typedef struct sky
{
    double flux, turns_time, turns_chan, sigma;
    double curve, flux_b, turns_time_b, turns_chan_b;
} sky;

static void fill(ci_flag_dynspec *p, const sky *s)
{
    double start = uniform();
    for (size_t i = 0; i < N; i++) {
        double t = (double)(i / N_CHAN) / N_TIME, c = (double)(i % N_CHAN) / N_CHAN;
        double turn =
            CI_TWO_PI * (start + s->turns_time * t + s->curve * t * t + s->turns_chan * c);
        double other = CI_TWO_PI * (2 * start + s->turns_time_b * t + s->turns_chan_b * c);
        double complex v = s->flux * (1 + 0.1 * (t - 0.5)) * (cos(turn) + I * sin(turn));
        v += s->flux_b * (cos(other) + I * sin(other));
        v += s->sigma * normal();
        p->re[i] = (float)creal(v);
        p->im[i] = (float)cimag(v);
        p->search.mark[i] = CI_FLAG_MARK_GOOD;
    }
    p->n_good = N;
}

/* Interference of a phase of its own in each sample, or of one that turns slowly, in a part of the
 * times and channels. */
typedef struct part
{
    size_t t_first, t_end, c_first, c_end, c_step;
    double amplitude;
    bool is_even;
} part;

static void part_hit(ci_flag_dynspec *p, const part *r, uint8_t *is_hit)
{
    for (size_t t = r->t_first; t < r->t_end; t++) {
        for (size_t c = r->c_first; c < r->c_end; c += r->c_step) {
            size_t i = t * N_CHAN + c;
            double turn = r->is_even ? 0.1 * (double)t + 0.2 * (double)c : CI_TWO_PI * uniform();
            p->re[i] += (float)(r->amplitude * cos(turn));
            p->im[i] += (float)(r->amplitude * sin(turn));
            is_hit[i] = 1;
        }
    }
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

/* Shares of samples with interference (a run, a part, or none) that are found, and of others that
 * are flagged. */
static void measure(const sky *s, const run *r, const part *q, size_t n_dynspec, double *found,
                    double *wrong)
{
    ci_flag_dynspec *p = NULL;
    assert_int_equal(ci_flag_dynspec_new(&p, N_TIME, N_CHAN), CI_OK);
    p->search.isa = ci_isa_widest();
    size_t n_hit = 0, n_found = 0, n_wrong = 0;
    for (size_t k = 0; k < n_dynspec; k++) {
        uint8_t is_hit[N] = {0};
        fill(p, s);
        if (r) hit(p, r, is_hit);
        if (q) part_hit(p, q, is_hit);
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
    {.sigma = 3.3},                                                           /* noise */
    {.flux = 12.7, .sigma = 3.3},                                             /* a calibrator */
    {.flux = 12.7, .turns_time = 2, .turns_chan = 2.5, .sigma = 3.3},         /* at the edge */
    {.flux = 12.7, .turns_time = 0.3, .turns_chan = 11.7, .sigma = 3.3},      /* a delay: 1000 ns */
    {.flux = 12.7, .turns_time = 2, .turns_chan = -2.5, .sigma = 0.01},       /* nearly no noise */
    {.flux = 200, .curve = 30, .flux_b = 2, .turns_time_b = 5, .sigma = 0.1}, /* for hours */
    {.flux = 200, .flux_b = 100, .turns_time_b = 8, .turns_chan_b = 1, .sigma = 0.1},
    {.flux = 200, .turns_time = 1, .flux_b = 2, .turns_time_b = -5, .sigma = 0.1},
    {.flux = 5, .flux_b = 3, .turns_time_b = 2, .turns_chan_b = -2, .sigma = 0.1},
    {.flux = 12.7, .flux_b = 8, .turns_time_b = -1.5, .turns_chan_b = -2, .sigma = 3.3},
};

static void test_clean(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof skies / sizeof *skies; i++) {
        double found, wrong;
        measure(&skies[i], NULL, NULL, 600, &found, &wrong);
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
            measure(&skies[i], &r, NULL, 400, &found, &wrong);
            print_message("sky %zu, %zu samples along %s of %g sigma: %.2f %% found, %.3f %% of "
                          "others flagged\n",
                          i, r.length, r.along_chan ? "channels" : "times", runs[k].amplitude,
                          100 * found, 100 * wrong);
            assert_true(found >= 0.99);
            assert_true(wrong < 1e-2);
        }
    }
}

/* In many channels or times, side by side or not, at the ends or not, on a calm and on a moving
 * sky: no median over them says what is usual. */
static void test_filled(void **unused)
{
    (void)unused;
    static const sky all[] = {
        {.flux = 2, .sigma = 0.1},
        {.flux = 200, .turns_time = 1, .flux_b = 2, .turns_time_b = -5, .sigma = 0.1}};
    static const part parts[] = {
        {0, N_TIME, 0, 15, 1, 30, false},      /* a third of the channels, first ones */
        {0, N_TIME, 16, 32, 1, 30, false},     /* and in the middle */
        {0, N_TIME, 0, N_CHAN, 2, 30, false},  /* half of them */
        {0, N_TIME, 24, N_CHAN, 1, 30, false}, /* side by side */
        {0, 12, 0, N_CHAN, 1, 30, false},      /* half of the times */
        {7, 16, 0, N_CHAN, 1, 30, false},      /* a burst of 9 of 24 times */
        {6, 18, 10, 34, 1, 30, false},         /* half of both */
        {0, 1, 0, 1, 1, 500, false},           /* one sample in the corner */
        {11, 12, 20, 21, 1, 500, false},       /* and one in the middle */
    };
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            double found, wrong;
            part here = parts[k];
            here.amplitude *= i == 0 ? 1 : 4; /* a tenth of a sky is no interference to tell */
            measure(&all[i], NULL, &here, 100, &found, &wrong);
            print_message("sky %g Jy, part %zu: %.2f %% found, %.2f %% of others flagged\n",
                          all[i].flux, k, 100 * found, 100 * wrong);
            assert_true(found >= 0.99);
            assert_true(wrong < 0.13); /* beside them: a run of ten takes one more at each end */
        }
    }
    part even = {0, N_TIME, 24, N_CHAN, 1, 20, true}; /* a carrier with steps of its own */
    double found, wrong;
    measure(&all[0], NULL, &even, 100, &found, &wrong);
    assert_true(found >= 0.99 && wrong < 0.13);
}

/* Sources at the edge of the field of long baselines: each turns by up to a third from one
 * integration to the next, and none like another. */
static void fringes_fill(ci_flag_dynspec *p, const double *flux, size_t n_source, double sigma)
{
    double turns_time[5], turns_chan[5], start[5];
    for (size_t s = 0; s < n_source; s++) {
        turns_time[s] = 0.6 * (uniform() - 0.5);
        turns_chan[s] = 0.2 * (uniform() - 0.5);
        start[s] = uniform();
    }
    for (size_t i = 0; i < N; i++) {
        double t = (double)(i / N_CHAN), c = (double)(i % N_CHAN);
        double complex v = sigma * normal();
        for (size_t s = 0; s < n_source; s++) {
            /* the fringe rate is in proportion to the frequency: 12 of 1400 MHz */
            double turn = start[s] + turns_time[s] * t * (1 + 1.7e-4 * c) + turns_chan[s] * c;
            v += flux[s] * cexp(I * CI_TWO_PI * turn);
        }
        p->re[i] = (float)creal(v);
        p->im[i] = (float)cimag(v);
        p->search.mark[i] = CI_FLAG_MARK_GOOD;
    }
    p->n_good = N;
}

static void test_fringes(void **unused)
{
    (void)unused;
    static const double flux[][5] = {{5, 3}, {50, 30}, {120, 80}, {5, 3, 2}, {5, 5, 5, 5, 5}};
    static const size_t n_source[] = {2, 2, 2, 3, 5};
    ci_flag_dynspec *p = NULL;
    assert_int_equal(ci_flag_dynspec_new(&p, N_TIME, N_CHAN), CI_OK);
    p->search.isa = ci_isa_widest();
    for (size_t k = 0; k < 5; k++) {
        size_t n_wrong = 0, n_found = 0, n_dynspec = 150;
        for (size_t d = 0; d < 2 * n_dynspec; d++) {
            fringes_fill(p, flux[k], n_source[k], 0.1);
            size_t at = (size_t)(uniform() * N);
            if (d % 2) p->re[at] += (float)(10 * flux[k][0]);
            ci_flag_dynspec_search(p);
            for (size_t i = 0; d % 2 == 0 && i < N; i++)
                n_wrong += p->search.mark[i] == CI_FLAG_MARK_FOUND;
            n_found += d % 2 && p->search.mark[at] == CI_FLAG_MARK_FOUND;
        }
        print_message("%zu sources, %g Jy: false flags %.3f %%, %zu of %zu spikes found\n",
                      n_source[k], flux[k][0], 100 * (double)n_wrong / (double)(n_dynspec * N),
                      n_found, n_dynspec);
        assert_true((double)n_wrong < 5e-3 * (double)(n_dynspec * N));
        assert_true(100 * n_found >= 99 * n_dynspec);
    }
    ci_flag_dynspec_free(p);
}

/* Single samples in a share of all, here and there, on noise and on a source. */
static void test_scattered(void **unused)
{
    (void)unused;
    static const double share[] = {0.1, 0.2, 0.3, 0.4};
    static const double amplitude[] = {8, 30, 1000};
    ci_flag_dynspec *p = NULL;
    assert_int_equal(ci_flag_dynspec_new(&p, N_TIME, N_CHAN), CI_OK);
    p->search.isa = ci_isa_widest();
    for (size_t k = 0; k < 24; k++) {
        sky s = {.flux = k % 2 ? 2 : 0, .sigma = 0.1};
        double fraction = share[k / 2 % 4], size = amplitude[k / 8] * s.sigma;
        size_t n_hit = 0, n_found = 0, n_wrong = 0;
        for (size_t d = 0; d < 40; d++) {
            uint8_t is_hit[N] = {0};
            fill(p, &s);
            for (size_t i = 0; i < N; i++) {
                if (uniform() >= fraction) continue;
                double turn = CI_TWO_PI * uniform();
                p->re[i] += (float)(size * cos(turn));
                p->im[i] += (float)(size * sin(turn));
                is_hit[i] = 1;
            }
            ci_flag_dynspec_search(p);
            for (size_t i = 0; i < N; i++) {
                bool flagged = p->search.mark[i] == CI_FLAG_MARK_FOUND;
                n_hit += is_hit[i];
                n_found += is_hit[i] && flagged;
                n_wrong += !is_hit[i] && flagged;
            }
        }
        print_message("%g of the samples at %g sigma: %.2f %% found, %.2f %% of others flagged\n",
                      fraction, amplitude[k / 8], 100 * (double)n_found / (double)n_hit,
                      100 * (double)n_wrong / (double)(40 * N - n_hit));
        assert_true((double)n_found >= 0.99 * (double)n_hit);
        assert_true((double)n_wrong < (fraction < 0.35 ? 0.015 : 0.06) * (40 * N));
    }
    ci_flag_dynspec_free(p);
}

/* A bandpass that falls to a tenth over a third of the channels, noise with it, is none. */
static void test_slope(void **unused)
{
    (void)unused;
    ci_flag_dynspec *p = NULL;
    size_t n_wrong = 0, n_dynspec = 200;
    assert_int_equal(ci_flag_dynspec_new(&p, N_TIME, N_CHAN), CI_OK);
    p->search.isa = ci_isa_widest();
    for (size_t k = 0; k < n_dynspec; k++) {
        fill(p, &skies[k % 3]);
        for (size_t i = 0; i < N; i++) {
            double c = (double)(i % N_CHAN);
            float gain = c < 32 ? 1 : (float)pow(0.1, (c - 32) / 16);
            p->re[i] *= gain;
            p->im[i] *= gain;
        }
        ci_flag_dynspec_search(p);
        for (size_t i = 0; i < N; i++)
            n_wrong += p->search.mark[i] == CI_FLAG_MARK_FOUND;
    }
    ci_flag_dynspec_free(p);
    print_message("slope of a bandpass: false flags %.4f %%\n",
                  100 * (double)n_wrong / (double)(n_dynspec * N));
    assert_true((double)n_wrong < 5e-3 * (double)(n_dynspec * N));
}

/* A source of 2 Jy, noise of 0.1 Jy, a tenth of the samples at 300 Jy, in few times and channels;
 * returns how many are loud. */
static size_t thin_fill(ci_flag_dynspec *p, uint8_t *is_hit)
{
    size_t n = p->n_time * p->n_chan, n_hit = 0;
    for (size_t i = 0; i < n; i++) {
        is_hit[i] = uniform() < 0.1;
        double complex v = 2 + 0.1 * normal();
        if (is_hit[i]) v += 300 * cexp(I * CI_TWO_PI * uniform());
        p->re[i] = (float)creal(v);
        p->im[i] = (float)cimag(v);
        p->search.mark[i] = CI_FLAG_MARK_GOOD;
        n_hit += is_hit[i];
    }
    p->n_good = n;
    return n_hit;
}

/* Any number of times and channels, down to one of each. */
static void test_thin(void **unused)
{
    (void)unused;
    enum
    {
        MOST = 20,
        N_DRAW = 40
    };
    for (size_t shape = 0; shape < MOST * MOST; shape++) {
        ci_flag_dynspec *p = NULL;
        size_t n_time = 1 + shape / MOST, n_chan = 1 + shape % MOST, n = n_time * n_chan;
        size_t hit_here = 0, found_here = 0, wrong_here = 0;
        assert_int_equal(ci_flag_dynspec_new(&p, n_time, n_chan), CI_OK);
        p->search.isa = ci_isa_widest();
        for (size_t k = 0; k < N_DRAW; k++) {
            uint8_t is_hit[MOST * MOST];
            hit_here += thin_fill(p, is_hit);
            size_t n_all = ci_flag_dynspec_search(p), n_mark = 0;
            for (size_t i = 0; i < n; i++) {
                bool flagged = p->search.mark[i] == CI_FLAG_MARK_FOUND;
                n_mark += flagged;
                found_here += is_hit[i] && flagged;
                wrong_here += !is_hit[i] && flagged;
                assert_int_equal(p->search.mask[i], 0);
            }
            assert_int_equal(n_all, n_mark);
        }
        if (n < CI_FLAG_MIN_GOOD) hit_here = 0; /* too few to search */
        assert_int_equal(found_here, hit_here);
        assert_true(wrong_here * 20 <= n * N_DRAW);
        ci_flag_dynspec_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),   cmocka_unit_test(test_found),
        cmocka_unit_test(test_filled),  cmocka_unit_test(test_slope),
        cmocka_unit_test(test_fringes), cmocka_unit_test(test_scattered),
        cmocka_unit_test(test_thin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
