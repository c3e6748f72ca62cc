/* Phases of regularly spaced channels, and runs of them in a list of frequencies. */
#include "sky/wave.h"

#include <math.h>

#include "contimg/base.h"

enum
{
    N_LANE = 8, /* channels that are stepped at once */
    RESEED = 64
};

ci_sky_run ci_sky_run_make(const double *freq_hz, size_t n)
{
    ci_sky_run run = {.freq_hz = freq_hz, .n = n};
    if (n > 1) run.step_hz = (freq_hz[n - 1] - freq_hz[0]) / (double)(n - 1);
    for (size_t c = 0; c < n; c++)
        run.uneven_hz =
            fmax(run.uneven_hz, fabs(freq_hz[c] - freq_hz[0] - (double)c * run.step_hz));
    return run;
}

static void phasor(double turns, double *re, double *im)
{
    double angle = CI_TWO_PI * (turns - nearbyint(turns));
    *re = cos(angle);
    *im = sin(angle);
}

/* (x, y) *= (u, v) */
static inline void phasor_multiply(double *x, double *y, double u, double v)
{
    double next = *x * u - *y * v;
    *y = *x * v + *y * u;
    *x = next;
}

/* Phasors of N_LANE neighbours, all of them stepped by N_LANE channels at once. */
static void wave_even(const ci_sky_run *run, double per_hz, const double *amplitude, float *re,
                      float *im)
{
    double u, v, u_all = 1, v_all = 0, x[N_LANE], y[N_LANE];
    phasor(run->step_hz * per_hz, &u, &v);
    for (size_t j = 0; j < N_LANE; j++)
        phasor_multiply(&u_all, &v_all, u, v);
    for (size_t c = 0; c < run->n; c += N_LANE) {
        if (c % RESEED == 0) {
            phasor(run->freq_hz[c] * per_hz, &x[0], &y[0]);
            for (size_t j = 1; j < N_LANE; j++) {
                x[j] = x[j - 1];
                y[j] = y[j - 1];
                phasor_multiply(&x[j], &y[j], u, v);
            }
        }
        size_t n = run->n - c < N_LANE ? run->n - c : N_LANE;
        for (size_t j = 0; j < n; j++) {
            re[c + j] = (float)(amplitude[c + j] * x[j]);
            im[c + j] = (float)(amplitude[c + j] * y[j]);
        }
        for (size_t j = 0; j < N_LANE; j++)
            phasor_multiply(&x[j], &y[j], u_all, v_all);
    }
}

void ci_sky_wave(const ci_sky_run *run, double delay_m, const double *amplitude, float *re,
                 float *im)
{
    double per_hz = delay_m / CI_C_M_S; /* turns per Hz */
    if (CI_TWO_PI * run->uneven_hz * fabs(per_hz) < 1e-8) {
        wave_even(run, per_hz, amplitude, re, im);
        return;
    }
    for (size_t c = 0; c < run->n; c++) {
        double x, y;
        phasor(run->freq_hz[c] * per_hz, &x, &y);
        re[c] = (float)(amplitude[c] * x);
        im[c] = (float)(amplitude[c] * y);
    }
}
