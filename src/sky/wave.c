/* Phases of regularly spaced channels, and runs of them in a list of frequencies. */
#include "sky/wave.h"

#include <math.h>

#include "contimg/base.h"

enum
{
    RESEED = 32
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

void ci_sky_wave(const ci_sky_run *run, double delay_m, const double *amplitude, float *re,
                 float *im)
{
    double per_hz = delay_m / CI_C_M_S; /* turns per Hz */
    bool even = CI_TWO_PI * run->uneven_hz * fabs(per_hz) < 1e-8;
    double step_re, step_im, x = 1, y = 0;
    phasor(run->step_hz * per_hz, &step_re, &step_im);
    for (size_t c = 0; c < run->n; c++) {
        if (!even || c % RESEED == 0) phasor(run->freq_hz[c] * per_hz, &x, &y);
        re[c] = (float)(amplitude[c] * x);
        im[c] = (float)(amplitude[c] * y);
        double next = x * step_re - y * step_im;
        y = x * step_im + y * step_re;
        x = next;
    }
}
