/* Phasors of points over channels, for several instruction sets. */
#include "clean/terms_kernel.h"

enum
{
    LANES = CI_CLEAN_TERMS_LANES
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

/* Channels c ... c + n - 1 into their lanes. */
CI_ISA_INLINE void lanes_add(size_t n, const float *weight, const float *vis, const double *re,
                             const double *im, const double *x, const double *g,
                             double lane[CI_CLEAN_TERMS_SUMS][LANES])
{
    for (size_t j = 0; j < n; j++) {
        double w = weight[j], r = vis[2 * j], i = vis[2 * j + 1];
        double a = w * (r * re[j] + i * im[j]), b = w * (i * re[j] - r * im[j]);
        double norm = w * (re[j] * re[j] + im[j] * im[j]);
        lane[CI_CLEAN_TERMS_A][j] += a;
        lane[CI_CLEAN_TERMS_A_X][j] += a * x[j];
        lane[CI_CLEAN_TERMS_B_G][j] += b * g[j];
        lane[CI_CLEAN_TERMS_N][j] += norm;
        lane[CI_CLEAN_TERMS_N_X][j] += norm * x[j];
        lane[CI_CLEAN_TERMS_N_XX][j] += norm * x[j] * x[j];
        lane[CI_CLEAN_TERMS_N_GG][j] += norm * g[j] * g[j];
    }
}

CI_ISA_INLINE void sums(size_t n, const float *weight, const float *vis, const double *re,
                        const double *im, const double *x, const double *g, double *out)
{
    double lane[CI_CLEAN_TERMS_SUMS][LANES] = {{0}};
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        lanes_add(LANES, weight + c, vis + 2 * c, re + c, im + c, x + c, g + c, lane);
    lanes_add(n - c, weight + c, vis + 2 * c, re + c, im + c, x + c, g + c, lane);
    for (int k = 0; k < CI_CLEAN_TERMS_SUMS; k++) {
        out[k] = 0;
        for (size_t j = 0; j < LANES; j++)
            out[k] += lane[k][j];
    }
}

CI_ISA_INSTANCES(fill,
                 (size_t n, const double *start, const double *turn, const double *lagrange,
                  size_t stride, const double *node, double *re, double *im),
                 (n, start, turn, lagrange, stride, node, re, im))
CI_ISA_INSTANCES(sums,
                 (size_t n, const float *weight, const float *vis, const double *re,
                  const double *im, const double *x, const double *g, double *out),
                 (n, weight, vis, re, im, x, g, out))

ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa)
{
    static const ci_clean_terms_fill fills[CI_ISA_COUNT] = CI_ISA_TABLE(fill);
    static const ci_clean_terms_sums sum[CI_ISA_COUNT] = CI_ISA_TABLE(sums);
    return (ci_clean_terms_kernel){fills[isa], sum[isa]};
}
