/* wave.h: phasors over channels. All functions are local. */
#ifndef CI_SKY_WAVE_H
#define CI_SKY_WAVE_H

#include "sky/kernel.h"

/* A chunk of sources at one antenna in one run of channels. */
typedef struct ci_sky_wave
{
    size_t n_source;        /* at most CHUNK */
    const double *freq_hz;  /* [LANES] */
    const double *per_hz;   /* [n_source] turns */
    const float *amplitude; /* of source k at k * stride, [LANES] */
    size_t stride;
    float *out; /* [n_source][2][LANES] real, imaginary */
} ci_sky_wave;

/* out = amplitude exp(2 pi i freq_hz per_hz): turns in double precision, what is left of whole
 * quarters in single: 1e-7. Lane by lane: the same bits whatever the instruction set. */
typedef void (*ci_sky_wave_kernel)(const ci_sky_wave *wave);
/* For a level that this machine has. */
ci_sky_wave_kernel ci_sky_wave_get(ci_isa isa);

#endif
