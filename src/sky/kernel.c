/* The sum over sources of a direct prediction, for several instruction sets. */
#include "sky/kernel.h"

enum
{
    N = CI_SKY_LANES
};

CI_ISA_INLINE void sum_take(float sign, const float *re, const float *im, float *restrict out)
{
    for (size_t j = 0; j < N; j++)
        out[j] += sign * re[j];
    for (size_t j = 0; j < N; j++)
        out[N + j] += sign * im[j];
}

CI_ISA_INLINE void point_one(const ci_sky_sum *s, size_t i)
{
    float re[N] = {0}, im[N] = {0};
    const float *restrict a = s->wave1[i], *restrict b = s->wave2;
    for (size_t k = 0; k < s->n_source; k++, a += 2 * N, b += 2 * N) {
        for (size_t j = 0; j < N; j++) {
            float u = b[j] * a[j] + b[N + j] * a[N + j], v = b[N + j] * a[j] - b[j] * a[N + j];
            re[j] += u;
            im[j] += v;
        }
    }
    sum_take(s->sign, re, im, s->sum[i]);
}

/* As point_one of both: each wave is loaded once. */
CI_ISA_INLINE void point_two(const ci_sky_sum *s)
{
    float re0[N] = {0}, im0[N] = {0}, re1[N] = {0}, im1[N] = {0};
    const float *restrict a0 = s->wave1[0], *restrict a1 = s->wave1[1], *restrict b = s->wave2;
    for (size_t k = 0; k < s->n_source; k++, a0 += 2 * N, a1 += 2 * N, b += 2 * N) {
        for (size_t j = 0; j < N; j++) {
            float x = b[j], y = b[N + j];
            float u0 = x * a0[j] + y * a0[N + j], v0 = y * a0[j] - x * a0[N + j];
            float u1 = x * a1[j] + y * a1[N + j], v1 = y * a1[j] - x * a1[N + j];
            re0[j] += u0;
            im0[j] += v0;
            re1[j] += u1;
            im1[j] += v1;
        }
    }
    sum_take(s->sign, re0, im0, s->sum[0]);
    sum_take(s->sign, re1, im1, s->sum[1]);
}

CI_ISA_INLINE void extended_one(const ci_sky_sum *s)
{
    float re[N] = {0}, im[N] = {0};
    const float *restrict a = s->wave1[0], *restrict b = s->wave2, *restrict e = s->envelope;
    for (size_t k = 0; k < s->n_source; k++, a += 2 * N, b += 2 * N, e += N) {
        for (size_t j = 0; j < N; j++) {
            float u = e[j] * (b[j] * a[j] + b[N + j] * a[N + j]);
            float v = e[j] * (b[N + j] * a[j] - b[j] * a[N + j]);
            re[j] += u;
            im[j] += v;
        }
    }
    sum_take(s->sign, re, im, s->sum[0]);
}

CI_ISA_INLINE void sum_chunk(const ci_sky_sum *s)
{
    if (s->envelope)
        extended_one(s);
    else if (s->n_baseline == CI_SKY_PAIR)
        point_two(s);
    else
        point_one(s, 0);
}

CI_ISA_INSTANCES(sum_chunk, (const ci_sky_sum *s), (s))

ci_sky_kernel ci_sky_kernel_get(ci_isa isa)
{
    return CI_ISA_KERNEL(sum_chunk, isa);
}
