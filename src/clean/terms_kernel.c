/* Phasors of points over samples, and sums of them, for several instruction sets. */
#include "clean/terms_kernel.h"
#include "contimg/num.h"

enum
{
    LANES = CI_CLEAN_TERMS_LANES,
    NODES = CI_CLEAN_FLUX_NODES
};

/* Neighbours that are worked on at once: gcc and clang make of it what the target has. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

typedef double flux_nodes
    __attribute__((vector_size(NODES * sizeof(double)), aligned(8), may_alias));

/* A point's flux at the nodes in frequency, at a row's time. */
CI_ISA_INLINE void row_nodes(const ci_clean_terms_point *p, const ci_vis_time_taps *taps,
                             float node[NODES])
{
    const flux_nodes *flux =
        (const flux_nodes *)(p->n_frame > 1 ? p->flux + taps->first * NODES : p->flux);
    flux_nodes sum = flux[0];
    if (p->n_frame > 1 && taps->n > 1) {
        sum *= taps->weight[0];
        for (size_t k = 1; k < taps->n; k++)
            sum += taps->weight[k] * flux[k];
    }
    for (size_t f = 0; f < NODES; f++)
        node[f] = (float)sum[f];
}

/* Turns and flux of a row's samples from `first` on, in whole lanes: what is written past its end
 * the next row, or the padding, writes over. */
CI_ISA_INLINE void row_fill(const ci_clean_terms_run *run, size_t first,
                            const ci_clean_terms_row *row, const ci_clean_terms_point *p)
{
    float node[NODES];
    double path_s =
        (row->uvw_s[0] * p->lmn[0] + row->uvw_s[1] * p->lmn[1]) + row->uvw_s[2] * p->lmn[2];
    float middle = (float)ci_num_turns_fraction(path_s * row->freq_hz), per_hz = (float)path_s;
    row_nodes(p, &row->taps, node);
    for (size_t i = first; i < row->end; i += LANES) {
        const lanes *offset = (const lanes *)(run->offset_hz + i);
        const lanes *a = (const lanes *)(run->lagrange[0] + i);
        const lanes *b = (const lanes *)(run->lagrange[1] + i);
        const lanes *c = (const lanes *)(run->lagrange[2] + i);
        const lanes *d = (const lanes *)(run->lagrange[3] + i);
        *(lanes *)(run->turns + i) = middle + per_hz * *offset;
        *(lanes *)(run->flux + i) = (*a * node[0] + *b * node[1]) + (*c * node[2] + *d * node[3]);
    }
}

CI_ISA_INLINE void rows_fill(const ci_clean_terms_run *run, const ci_clean_terms_point *p)
{
    size_t first = 0;
    for (size_t r = 0; r < run->n_row; r++) {
        row_fill(run, first, &run->row[r], p);
        first = run->row[r].end;
    }
    for (size_t i = first; i < run->n; i++)
        run->turns[i] = run->flux[i] = 0;
}

/* A point's visibilities into re, im, or added to them. */
CI_ISA_INLINE void point_put(const ci_clean_terms_run *run, const ci_clean_terms_point *p,
                             bool is_sum, float *restrict re, float *restrict im)
{
    const float *restrict flux = run->flux, *restrict turns = run->turns;
    rows_fill(run, p);
    for (size_t i = 0; i < run->n; i++) {
        float c, s;
        ci_num_turns_cos_sin32(ci_num_turns_fraction32(turns[i]), &c, &s);
        re[i] = is_sum ? re[i] + flux[i] * c : flux[i] * c;
        im[i] = is_sum ? im[i] + flux[i] * s : flux[i] * s;
    }
}

CI_ISA_INLINE void fill(const ci_clean_terms_run *run, const ci_clean_terms_point *p)
{
    point_put(run, p, false, run->p_re, run->p_im);
}

CI_ISA_INLINE void add(const ci_clean_terms_run *run, const ci_clean_terms_point *p)
{
    point_put(run, p, true, run->sum_re, run->sum_im);
}

/* Samples i ... i + LANES - 1, each into its lane. */
CI_ISA_INLINE void lanes_add(const ci_clean_terms_run *run, size_t i, float l_n, float m_n,
                             float lane[CI_FIT_SUMS][LANES])
{
    const float *re = run->re + i, *im = run->im + i, *x = run->x + i, *weight = run->weight + i;
    const float *p_re = run->p_re + i, *p_im = run->p_im + i;
    const float *u = run->u + i, *v = run->v + i, *w = run->w + i;
    for (size_t j = 0; j < LANES; j++) {
        float a = weight[j] * (re[j] * p_re[j] + im[j] * p_im[j]);
        float b = weight[j] * (im[j] * p_re[j] - re[j] * p_im[j]);
        float norm = weight[j] * (p_re[j] * p_re[j] + p_im[j] * p_im[j]);
        float du = u[j] - w[j] * l_n, dv = v[j] - w[j] * m_n;
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

/* Sums with du, dv in wavelengths become those with 2 pi du, 2 pi dv. */
static void places_scale(double out[CI_FIT_SUMS])
{
    static const int once[] = {CI_FIT_DOT_L, CI_FIT_DOT_M};
    static const int twice[] = {CI_FIT_NORM_LL, CI_FIT_NORM_LM, CI_FIT_NORM_MM};
    for (size_t k = 0; k < sizeof once / sizeof *once; k++)
        out[once[k]] *= CI_TWO_PI;
    for (size_t k = 0; k < sizeof twice / sizeof *twice; k++)
        out[twice[k]] *= CI_TWO_PI * CI_TWO_PI;
}

CI_ISA_INLINE void sums(const ci_clean_terms_run *run, const double *lmn, double *out)
{
    float lane[CI_FIT_SUMS][LANES] = {{0}};
    float l_n = (float)(lmn[0] / (1 + lmn[2])); /* dn/dl = -l/n */
    float m_n = (float)(lmn[1] / (1 + lmn[2]));
    for (size_t i = 0; i < run->n; i += LANES)
        lanes_add(run, i, l_n, m_n, lane);
    for (int k = 0; k < CI_FIT_SUMS; k++) {
        out[k] = 0;
        for (size_t j = 0; j < LANES; j++)
            out[k] += (double)lane[k][j];
    }
    places_scale(out);
}

CI_ISA_INSTANCES(fill, (const ci_clean_terms_run *run, const ci_clean_terms_point *p), (run, p))
CI_ISA_INSTANCES(add, (const ci_clean_terms_run *run, const ci_clean_terms_point *p), (run, p))
CI_ISA_INSTANCES(sums, (const ci_clean_terms_run *run, const double *lmn, double *out),
                 (run, lmn, out))

ci_clean_terms_kernel ci_clean_terms_kernel_get(ci_isa isa)
{
    return (ci_clean_terms_kernel){CI_ISA_KERNEL(fill, isa), CI_ISA_KERNEL(add, isa),
                                   CI_ISA_KERNEL(sums, isa)};
}
