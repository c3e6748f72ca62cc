/* Sines and cosines of channels, for several instruction sets. */
#include "sky/wave.h"

enum
{
    N = CI_SKY_LANES
};

/* sin and cos of x quarter turns, |x| <= 1/2: the series of pi x / 2, the first terms left out 2e-9
 * and 3e-8. */
CI_ISA_INLINE float quarter_sine(float x)
{
    float y = x * x;
    return x *
           (1.5707963268F +
            y * (-0.6459640975F + y * (0.0796926262F + y * (-0.0046817541F + y * 0.0001604412F))));
}

CI_ISA_INLINE float quarter_cosine(float x)
{
    float y = x * x;
    return 1.0F +
           y * (-1.2337005501F + y * (0.2536695079F + y * (-0.0208634808F + y * 0.0009192603F)));
}

/* Adding it to a double of less than 2^51, and taking it off again, leaves the nearest integer. */
static const double to_integer = 6755399441055744.0;

CI_ISA_INLINE void wave_fill(const ci_sky_wave *w)
{
    for (size_t k = 0; k < w->n_source; k++) {
        float *restrict out = w->out + k * 2 * N, x[N], q[N];
        const float *restrict amplitude = w->amplitude + k * w->stride;
        double per_hz = w->per_hz[k];
        for (size_t j = 0; j < N; j++) {
            double turns = w->freq_hz[j] * per_hz;
            double left = 4 * (turns - ((turns + to_integer) - to_integer));
            double quarters = (left + to_integer) - to_integer; /* -2 to 2 */
            x[j] = (float)(left - quarters);
            q[j] = (float)quarters;
        }
        for (size_t j = 0; j < N; j++) {
            float s = amplitude[j] * quarter_sine(x[j]), c = amplitude[j] * quarter_cosine(x[j]);
            float size = q[j] < 0 ? -q[j] : q[j];
            float cq = 1 - size, sq = q[j] * (2 - size); /* of whole quarters: 0 or +-1 */
            out[j] = cq * c - sq * s;
            out[N + j] = cq * s + sq * c;
        }
    }
}

CI_ISA_INSTANCES(wave_fill, (const ci_sky_wave *w), (w))

ci_sky_wave_kernel ci_sky_wave_get(ci_isa isa)
{
    return CI_ISA_KERNEL(wave_fill, isa);
}
