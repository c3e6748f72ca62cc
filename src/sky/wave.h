/* wave.h: phasors over channels, by recurrence. All functions are local. */
#ifndef CI_SKY_WAVE_H
#define CI_SKY_WAVE_H

#include <stddef.h>

/* A run of channels, and how far it is from evenly spaced. */
typedef struct ci_sky_run
{
    const double *freq_hz; /* borrowed */
    size_t n;
    double step_hz, uneven_hz;
} ci_sky_run;
ci_sky_run ci_sky_run_make(const double *freq_hz, size_t n);

/* amplitude[c] exp(2 pi i nu_c delay_m / c): re [n], im [n]. Over evenly spaced channels a
 * phasor recurrence in double, seeded anew every 64: 1e-14; else sine and cosine of each. */
void ci_sky_wave(const ci_sky_run *run, double delay_m, const double *amplitude, float *re,
                 float *im);

#endif
