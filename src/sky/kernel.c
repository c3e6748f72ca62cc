#include "sky/kernel.h"

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE void point_lanes(const float *wave1, const float *wave2, size_t n_source, size_t n_lane,
                        float *sum_re, float *sum_im)
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

INLINE void extended_lanes(const float *wave1, const float *wave2, const float *envelope,
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

INLINE void sum_tile(const float *wave1, const float *wave2, const float *envelope, size_t n_source,
                     size_t n_lane, float *sum_re, float *sum_im)
{
    for (size_t c = 0; c < n_lane; c += CI_SKY_LANES) {
        if (envelope)
            extended_lanes(wave1 + c, wave2 + c, envelope + c, n_source, n_lane, sum_re + c,
                           sum_im + c);
        else
            point_lanes(wave1 + c, wave2 + c, n_source, n_lane, sum_re + c, sum_im + c);
    }
}

static void kernel_plain(const float *wave1, const float *wave2, const float *envelope,
                         size_t n_source, size_t n_lane, float *sum_re, float *sum_im)
{
    sum_tile(wave1, wave2, envelope, n_source, n_lane, sum_re, sum_im);
}

#if defined(__GNUC__) && defined(__x86_64__)
#if defined(__clang__)
#define WIDEST "avx512f"
#else
#define WIDEST "avx512f,prefer-vector-width=512"
#endif
__attribute__((target("avx2"))) static void kernel_avx2(const float *wave1, const float *wave2,
                                                        const float *envelope, size_t n_source,
                                                        size_t n_lane, float *sum_re, float *sum_im)
{
    sum_tile(wave1, wave2, envelope, n_source, n_lane, sum_re, sum_im);
}

__attribute__((target(WIDEST))) static void kernel_avx512(const float *wave1, const float *wave2,
                                                          const float *envelope, size_t n_source,
                                                          size_t n_lane, float *sum_re,
                                                          float *sum_im)
{
    sum_tile(wave1, wave2, envelope, n_source, n_lane, sum_re, sum_im);
}

ci_sky_kernel ci_sky_kernel_get(int i)
{
    if (i == 0) return kernel_plain;
    if (i == 1 && __builtin_cpu_supports("avx2")) return kernel_avx2;
    if (i == 2 && __builtin_cpu_supports("avx512f")) return kernel_avx512;
    return NULL;
}
#else
ci_sky_kernel ci_sky_kernel_get(int i)
{
    return i == 0 ? kernel_plain : NULL;
}
#endif

ci_sky_kernel ci_sky_kernel_pick(void)
{
    ci_sky_kernel best = ci_sky_kernel_get(0);
    for (int i = 1; i <= 2; i++) {
        ci_sky_kernel wider = ci_sky_kernel_get(i);
        if (wider) best = wider;
    }
    return best;
}
