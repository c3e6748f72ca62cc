/* Sines and cosines of channels, for several instruction sets. */
#include "sky/wave.h"

enum
{
    N = CI_SKY_LANES
};

/* sin and cos of x quarter turns, |x| <= 1/2: the series of pi x / 2 to 1e-10. */
CI_ISA_INLINE double quarter_sine(double x)
{
    double y = x * x, p = -3.5988432352120855e-06;
    p = 1.6044118478735975e-04 + y * p;
    p = -4.6817541353186876e-03 + y * p;
    p = 7.9692626246167031e-02 + y * p;
    p = -6.4596409750624620e-01 + y * p;
    return x * (1.5707963267948966 + y * p);
}

CI_ISA_INLINE double quarter_cosine(double x)
{
    double y = x * x, p = -2.5202042373060601e-05;
    p = 9.1926027483942659e-04 + y * p;
    p = -2.0863480763352960e-02 + y * p;
    p = 2.5366950790104797e-01 + y * p;
    p = -1.2337005501361697 + y * p;
    return 1 + y * p;
}

/* Adding it to a double of less than 2^51, and taking it off again, leaves the nearest integer. */
static const double to_integer = 6755399441055744.0;

CI_ISA_INLINE void wave_fill(const ci_sky_wave *w)
{
    for (size_t k = 0; k < w->n_source; k++) {
        float *restrict out = w->out + k * 2 * N;
        const double *restrict amplitude = w->amplitude + k * w->stride;
        double per_hz = w->per_hz[k];
        for (size_t j = 0; j < N; j++) {
            double turns = w->freq_hz[j] * per_hz;
            double left = 4 * (turns - ((turns + to_integer) - to_integer));
            double quarters = (left + to_integer) - to_integer; /* -2 to 2 */
            double size = quarters < 0 ? -quarters : quarters;
            double cq = 1 - size, sq = quarters * (2 - size); /* of whole quarters: 0 or +-1 */
            double s = amplitude[j] * quarter_sine(left - quarters);
            double c = amplitude[j] * quarter_cosine(left - quarters);
            out[j] = (float)(cq * c - sq * s);
            out[N + j] = (float)(cq * s + sq * c);
        }
    }
}

CI_ISA_INSTANCES(wave_fill, (const ci_sky_wave *w), (w))

ci_sky_wave_kernel ci_sky_wave_get(ci_isa isa)
{
    return CI_ISA_KERNEL(wave_fill, isa);
}
