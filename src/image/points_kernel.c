#include "image/points_kernel.h"

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

enum
{
    LANES = CI_POINTS_LANES
};

/* z *= w */
INLINE void turn_by(double z[2], const double w[2])
{
    double re = z[0] * w[0] - z[1] * w[1];
    z[1] = z[0] * w[1] + z[1] * w[0];
    z[0] = re;
}

INLINE void fluxes_times(size_t n, const double *lagrange, size_t stride, const double *node,
                         const double *lane_re, const double *lane_im, double *re, double *im)
{
    for (size_t j = 0; j < n; j++) {
        double flux = lagrange[j] * node[0] + lagrange[stride + j] * node[1] +
                      lagrange[2 * stride + j] * node[2] + lagrange[3 * stride + j] * node[3];
        re[j] = flux * lane_re[j];
        im[j] = flux * lane_im[j];
    }
}

INLINE void fill(size_t n, const double *start, const double *turn, const double *lagrange,
                 size_t stride, const double *node, double *restrict re, double *restrict im)
{
    double lane_re[LANES], lane_im[LANES], z[2] = {start[0], start[1]}, step[2] = {1, 0};
    for (size_t j = 0; j < LANES; j++) {
        lane_re[j] = z[0];
        lane_im[j] = z[1];
        turn_by(z, turn);
        turn_by(step, turn);
    }
    size_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        fluxes_times(LANES, lagrange + c, stride, node, lane_re, lane_im, re + c, im + c);
        for (size_t j = 0; j < LANES; j++) {
            double next = lane_re[j] * step[0] - lane_im[j] * step[1];
            lane_im[j] = lane_re[j] * step[1] + lane_im[j] * step[0];
            lane_re[j] = next;
        }
    }
    fluxes_times(n - c, lagrange + c, stride, node, lane_re, lane_im, re + c, im + c);
}

static void kernel_plain(size_t n, const double *start, const double *turn, const double *lagrange,
                         size_t stride, const double *node, double *re, double *im)
{
    fill(n, start, turn, lagrange, stride, node, re, im);
}

#if defined(__GNUC__) && defined(__x86_64__)
#if defined(__clang__)
#define WIDEST "avx512f"
#else
#define WIDEST "avx512f,prefer-vector-width=512"
#endif
__attribute__((target("avx2"))) static void kernel_avx2(size_t n, const double *start,
                                                        const double *turn, const double *lagrange,
                                                        size_t stride, const double *node,
                                                        double *re, double *im)
{
    fill(n, start, turn, lagrange, stride, node, re, im);
}

__attribute__((target(WIDEST))) static void
kernel_avx512(size_t n, const double *start, const double *turn, const double *lagrange,
              size_t stride, const double *node, double *re, double *im)
{
    fill(n, start, turn, lagrange, stride, node, re, im);
}

ci_points_kernel ci_points_kernel_get(int i)
{
    if (i == 0) return kernel_plain;
    if (i == 1 && __builtin_cpu_supports("avx2")) return kernel_avx2;
    if (i == 2 && __builtin_cpu_supports("avx512f")) return kernel_avx512;
    return NULL;
}
#else
ci_points_kernel ci_points_kernel_get(int i)
{
    return i == 0 ? kernel_plain : NULL;
}
#endif

ci_points_kernel ci_points_kernel_pick(void)
{
    ci_points_kernel best = ci_points_kernel_get(0);
    for (int i = 1; i <= 2; i++) {
        ci_points_kernel wider = ci_points_kernel_get(i);
        if (wider) best = wider;
    }
    return best;
}
