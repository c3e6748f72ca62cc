#include "image/points_kernel.h"

enum
{
    LANES = CI_POINTS_LANES
};

/* z *= w */
CI_ISA_INLINE void turn_by(double z[2], const double w[2])
{
    double re = z[0] * w[0] - z[1] * w[1];
    z[1] = z[0] * w[1] + z[1] * w[0];
    z[0] = re;
}

CI_ISA_INLINE void fluxes_times(size_t n, const double *lagrange, size_t stride, const double *node,
                                const double *lane_re, const double *lane_im, double *re,
                                double *im)
{
    for (size_t j = 0; j < n; j++) {
        double flux = lagrange[j] * node[0] + lagrange[stride + j] * node[1] +
                      lagrange[2 * stride + j] * node[2] + lagrange[3 * stride + j] * node[3];
        re[j] = flux * lane_re[j];
        im[j] = flux * lane_im[j];
    }
}

CI_ISA_INLINE void fill(size_t n, const double *start, const double *turn, const double *lagrange,
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

CI_ISA_TARGET_AVX2 static void kernel_avx2(size_t n, const double *start, const double *turn,
                                           const double *lagrange, size_t stride,
                                           const double *node, double *re, double *im)
{
    fill(n, start, turn, lagrange, stride, node, re, im);
}

CI_ISA_TARGET_AVX512 static void kernel_avx512(size_t n, const double *start, const double *turn,
                                               const double *lagrange, size_t stride,
                                               const double *node, double *re, double *im)
{
    fill(n, start, turn, lagrange, stride, node, re, im);
}

ci_points_kernel ci_points_kernel_get(ci_isa isa)
{
    static const ci_points_kernel kernels[CI_ISA_COUNT] = {kernel_plain, kernel_avx2,
                                                           kernel_avx512};
    return ci_isa_has(isa) ? kernels[isa] : NULL;
}

ci_points_kernel ci_points_kernel_pick(void)
{
    return ci_points_kernel_get(ci_isa_widest());
}
