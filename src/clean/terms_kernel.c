/* Phasors of points over samples, and sums of them, for several instruction sets. */
#include "clean/terms_kernel.h"
#include "contimg/num.h"

enum
{
    SUM_LANES = 4,
    NODES = CI_CLEAN_FLUX_NODES
};

/* A point's flux at the nodes in frequency, at a row's time. */
CI_ISA_INLINE void row_nodes(const ci_clean_terms_point *p, const ci_vis_time_taps *taps,
                             double node[NODES])
{
    for (size_t f = 0; f < NODES; f++)
        node[f] = taps->weight[0] * p->flux[taps->first * NODES + f];
    for (size_t k = 1; k < taps->n; k++)
        for (size_t f = 0; f < NODES; f++)
            node[f] += taps->weight[k] * p->flux[(taps->first + k) * NODES + f];
}

CI_ISA_INLINE void flux_fill(const ci_clean_terms_run *run, const ci_clean_terms_point *p)
{
    size_t i = 0;
    double node[NODES];
    for (size_t f = 0; f < NODES; f++)
        node[f] = p->flux[f];
    for (size_t row = 0; row < run->n_row; row++) {
        if (p->n_frame > 1) row_nodes(p, &run->taps[row], node);
        for (; i < run->row_end[row]; i++) {
            const double *weight = run->lagrange + NODES * i;
            run->flux[i] = (float)((weight[0] * node[0] + weight[1] * node[1]) +
                                   (weight[2] * node[2] + weight[3] * node[3]));
        }
    }
}

CI_ISA_INLINE void fill(const ci_clean_terms_run *run, const ci_clean_terms_point *p)
{
    const double *restrict u = run->u, *restrict v = run->v, *restrict w = run->w;
    const float *restrict flux = run->flux;
    float *restrict re = run->p_re, *restrict im = run->p_im, *restrict turns = run->turns;
    const double l = p->lmn[0], m = p->lmn[1], n1 = p->lmn[2];
    flux_fill(run, p);
    for (size_t i = 0; i < run->n; i++)
        turns[i] = (float)ci_num_turns_fraction(u[i] * l + v[i] * m + w[i] * n1);
    for (size_t i = 0; i < run->n; i++) {
        float c, s;
        ci_num_turns_cos_sin32(turns[i], &c, &s);
        re[i] = flux[i] * c;
        im[i] = flux[i] * s;
    }
}

/* Samples i ... i + SUM_LANES - 1, each into its lane. */
CI_ISA_INLINE void lanes_add(const ci_clean_terms_run *run, size_t i, double l_n, double m_n,
                             double lane[CI_FIT_SUMS][SUM_LANES])
{
    const double *re = run->re + i, *im = run->im + i, *x = run->x + i, *weight = run->weight + i;
    const float *point_re = run->p_re + i, *point_im = run->p_im + i;
    const double *u = run->u + i, *v = run->v + i, *w = run->w + i;
    for (size_t j = 0; j < SUM_LANES; j++) {
        double p_re = point_re[j], p_im = point_im[j];
        double a = weight[j] * (re[j] * p_re + im[j] * p_im);
        double b = weight[j] * (im[j] * p_re - re[j] * p_im);
        double norm = weight[j] * (p_re * p_re + p_im * p_im);
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
    double lane[CI_FIT_SUMS][SUM_LANES] = {{0}};
    double l_n = lmn[0] / (1 + lmn[2]), m_n = lmn[1] / (1 + lmn[2]); /* dn/dl = -l/n */
    for (size_t i = 0; i < run->n; i += SUM_LANES)
        lanes_add(run, i, l_n, m_n, lane);
    for (int k = 0; k < CI_FIT_SUMS; k++) {
        out[k] = 0;
        for (size_t j = 0; j < SUM_LANES; j++)
            out[k] += lane[k][j];
    }
}

CI_ISA_INSTANCES(fill, (const ci_clean_terms_run *run, const ci_clean_terms_point *p), (run, p))
CI_ISA_INSTANCES(sums, (const ci_clean_terms_run *run, const double *lmn, double *out),
                 (run, lmn, out))

ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa)
{
    return (ci_clean_terms_kernel){CI_ISA_KERNEL(fill, isa), CI_ISA_KERNEL(sums, isa)};
}
