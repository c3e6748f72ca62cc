/* The sum over sources of a direct prediction, for several instruction sets. */
#include "sky/kernel.h"

CI_ISA_INLINE void point_lanes(const float *wave1, const float *wave2, size_t n_source,
                               size_t n_lane, float *sum_re, float *sum_im)
{
    float re[CI_SKY_LANES] = {0}, im[CI_SKY_LANES] = {0};
    for (size_t k = 0; k < n_source; k++) {
        const float *a = wave1 + 2 * k * n_lane, *b = wave2 + 2 * k * n_lane;
        for (size_t j = 0; j < CI_SKY_LANES; j++) {
            re[j] += b[j] * a[j] + b[n_lane + j] * a[n_lane + j];
            im[j] += b[n_lane + j] * a[j] - b[j] * a[n_lane + j];
        }
    }
    for (size_t j = 0; j < CI_SKY_LANES; j++) {
        sum_re[j] = re[j];
        sum_im[j] = im[j];
    }
}

CI_ISA_INLINE void extended_lanes(const float *wave1, const float *wave2, const float *envelope,
                                  size_t n_source, size_t n_lane, float *sum_re, float *sum_im)
{
    float re[CI_SKY_LANES] = {0}, im[CI_SKY_LANES] = {0};
    for (size_t k = 0; k < n_source; k++) {
        const float *a = wave1 + 2 * k * n_lane, *b = wave2 + 2 * k * n_lane;
        const float *e = envelope + k * n_lane;
        for (size_t j = 0; j < CI_SKY_LANES; j++) {
            re[j] += e[j] * (b[j] * a[j] + b[n_lane + j] * a[n_lane + j]);
            im[j] += e[j] * (b[n_lane + j] * a[j] - b[j] * a[n_lane + j]);
        }
    }
    for (size_t j = 0; j < CI_SKY_LANES; j++) {
        sum_re[j] = re[j];
        sum_im[j] = im[j];
    }
}

CI_ISA_INLINE void sum_tile(const float *wave1, const float *wave2, const float *envelope,
                            size_t n_source, size_t n_lane, float *sum_re, float *sum_im)
{
    for (size_t c = 0; c < n_lane; c += CI_SKY_LANES) {
        if (envelope)
            extended_lanes(wave1 + c, wave2 + c, envelope + c, n_source, n_lane, sum_re + c,
                           sum_im + c);
        else
            point_lanes(wave1 + c, wave2 + c, n_source, n_lane, sum_re + c, sum_im + c);
    }
}

CI_ISA_INSTANCES(sum_tile,
                 (const float *wave1, const float *wave2, const float *envelope, size_t n_source,
                  size_t n_lane, float *sum_re, float *sum_im),
                 (wave1, wave2, envelope, n_source, n_lane, sum_re, sum_im))

ci_sky_kernel ci_sky_kernel_get(ci_isa isa)
{
    return CI_ISA_KERNEL(sum_tile, isa);
}
