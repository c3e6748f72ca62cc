/* Phasors of points over samples, and sums of them, for several instruction sets. */
#include "clean/terms_kernel.h"
#include "contimg/num.h"

enum
{
    LANES = CI_CLEAN_TERMS_LANES
};

CI_ISA_INLINE void fill(const ci_clean_terms_run *run, const double *lmn)
{
    const double *restrict u = run->u, *restrict v = run->v, *restrict w = run->w;
    const double *restrict flux = run->flux;
    double *restrict re = run->fill_re, *restrict im = run->fill_im;
    const double l = lmn[0], m = lmn[1], n1 = lmn[2];
    for (size_t i = 0; i < run->n; i++) {
        double c, s;
        ci_num_turns_cos_sin(u[i] * l + v[i] * m + w[i] * n1, &c, &s);
        re[i] = flux[i] * c;
        im[i] = flux[i] * s;
    }
}

/* Samples i ... i + LANES - 1, each into its lane. */
CI_ISA_INLINE void lanes_add(const ci_clean_terms_run *run, size_t i, double l_n, double m_n,
                             double lane[CI_FIT_SUMS][LANES])
{
    const double *re = run->re + i, *im = run->im + i, *x = run->x + i, *weight = run->weight + i;
    const double *p_re = run->fill_re + i, *p_im = run->fill_im + i;
    const double *u = run->u + i, *v = run->v + i, *w = run->w + i;
    for (size_t j = 0; j < LANES; j++) {
        double a = weight[j] * (re[j] * p_re[j] + im[j] * p_im[j]);
        double b = weight[j] * (im[j] * p_re[j] - re[j] * p_im[j]);
        double norm = weight[j] * (p_re[j] * p_re[j] + p_im[j] * p_im[j]);
        double du = CI_TWO_PI * (u[j] - w[j] * l_n), dv = CI_TWO_PI * (v[j] - w[j] * m_n);
        lane[CI_FIT_DOT][j] += a;
        lane[CI_FIT_DOT_X][j] += a * x[j];
        lane[CI_FIT_DOT_L][j] += b * du;
        lane[CI_FIT_DOT_M][j] += b * dv;
        lane[CI_FIT_NORM][j] += norm;
        lane[CI_FIT_NORM_X][j] += norm * x[j];
        lane[CI_FIT_NORM_XX][j] += norm * x[j] * x[j];
        lane[CI_FIT_NORM_LL][j] += norm * du * du;
        lane[CI_FIT_NORM_LM][j] += norm * du * dv;
        lane[CI_FIT_NORM_MM][j] += norm * dv * dv;
    }
}

CI_ISA_INLINE void sums(const ci_clean_terms_run *run, const double *lmn, double *out)
{
    double lane[CI_FIT_SUMS][LANES] = {{0}};
    double l_n = lmn[0] / (1 + lmn[2]), m_n = lmn[1] / (1 + lmn[2]); /* dn/dl = -l/n */
    for (size_t i = 0; i < run->n; i += LANES)
        lanes_add(run, i, l_n, m_n, lane);
    for (int k = 0; k < CI_FIT_SUMS; k++) {
        out[k] = 0;
        for (size_t j = 0; j < LANES; j++)
            out[k] += lane[k][j];
    }
}

CI_ISA_INSTANCES(fill, (const ci_clean_terms_run *run, const double *lmn), (run, lmn))
CI_ISA_INSTANCES(sums, (const ci_clean_terms_run *run, const double *lmn, double *out),
                 (run, lmn, out))

ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa)
{
    static const ci_clean_terms_fill fills[CI_ISA_COUNT] = CI_ISA_TABLE(fill);
    static const ci_clean_terms_sums sum[CI_ISA_COUNT] = CI_ISA_TABLE(sums);
    return (ci_clean_terms_kernel){fills[isa], sum[isa]};
}
