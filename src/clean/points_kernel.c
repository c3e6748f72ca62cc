/* Phasors of points over samples, and sums of them, for several instruction sets: a lane for each
 * point. */
#include "clean/points_kernel.h"
#include "contimg/num.h"

enum
{
    LANES = CI_CLEAN_POINTS_LANES,
    NODES = CI_CLEAN_FLUX_NODES
};

/* Points that are worked on at once: gcc and clang make of it what the target has. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* What the samples of a row have in common, of each point. */
typedef struct row_points
{
    lanes re, im;      /* phasor at the run's frequency */
    lanes change;      /* of the path since the base, radians per Hz */
    lanes node[NODES]; /* flux at the nodes in frequency, Jy */
} row_points;

/* ---- one row --------------------------------------------------------------------------------- */

CI_ISA_INLINE void paths_find(const ci_clean_points_row *row, const ci_clean_points_batch *g,
                              double path_s[LANES])
{
    for (int j = 0; j < LANES; j++)
        path_s[j] = (row->uvw_s[0] * g->l[j] + row->uvw_s[1] * g->m[j]) + row->uvw_s[2] * g->n[j];
}

CI_ISA_INLINE void phasors_put(const float turns[LANES], float *re, float *im)
{
    for (int j = 0; j < LANES; j++)
        ci_num_turns_cos_sin32(turns[j], &re[j], &im[j]);
}

/* Phasors of the base's channels beside the run's frequency, [n_chan][LANES]. */
CI_ISA_INLINE void base_make(const ci_clean_points_run *run, size_t first, size_t end,
                             const double path_s[LANES])
{
    float path[LANES], turns[LANES];
    for (int j = 0; j < LANES; j++)
        path[j] = (float)path_s[j];
    for (size_t i = first; i < end; i++) {
        for (int j = 0; j < LANES; j++)
            turns[j] = ci_num_turns_fraction32(path[j] * run->offset_hz[i]);
        phasors_put(turns, run->base_re + (i - first) * LANES, run->base_im + (i - first) * LANES);
    }
}

/* Fluxes at the nodes in frequency, at a row's time. */
CI_ISA_INLINE void nodes_find(const ci_clean_points_batch *g, const ci_vis_time_taps *taps,
                              lanes node[NODES])
{
    const lanes *flux = (const lanes *)g->flux + (g->n_frame > 1 ? taps->first * NODES : 0);
    size_t n = g->n_frame > 1 ? taps->n : 1;
    for (int f = 0; f < NODES; f++)
        node[f] = flux[f];
    if (n == 1) return;
    for (int f = 0; f < NODES; f++)
        node[f] *= (float)taps->weight[0];
    for (size_t k = 1; k < n; k++)
        for (int f = 0; f < NODES; f++)
            node[f] += (float)taps->weight[k] * flux[k * NODES + (size_t)f];
}

/* Of row r, whose samples begin at `first`; base_s: paths of the last base. */
CI_ISA_INLINE void row_begin(const ci_clean_points_run *run, const ci_clean_points_batch *g,
                             size_t r, size_t first, double base_s[LANES], row_points *out)
{
    const ci_clean_points_row *row = &run->row[r];
    double path_s[LANES];
    float turns[LANES], re[LANES], im[LANES], change[LANES];
    paths_find(row, g, path_s);
    if (row->is_base) {
        base_make(run, first, row->end, path_s);
        for (int j = 0; j < LANES; j++)
            base_s[j] = path_s[j];
    }
    for (int j = 0; j < LANES; j++) {
        turns[j] = (float)ci_num_turns_fraction(path_s[j] * run->freq_hz);
        change[j] = (float)(CI_TWO_PI * (path_s[j] - base_s[j]));
    }
    phasors_put(turns, re, im);
    out->re = *(const lanes *)re;
    out->im = *(const lanes *)im;
    out->change = *(const lanes *)change;
    nodes_find(g, &row->taps, out->node);
}

/* ---- one sample ------------------------------------------------------------------------------ */

/* P of sample i, the k-th of its row: the row's phasor times the base's at this channel times that
 * of the small angle e between them, by its series (to 4e-7); its flux. */
CI_ISA_INLINE void sample_find(const ci_clean_points_run *run, const row_points *row, size_t i,
                               size_t k, lanes *re, lanes *im, lanes *flux)
{
    lanes b_re = ((const lanes *)run->base_re)[k], b_im = ((const lanes *)run->base_im)[k];
    lanes e = row->change * run->offset_hz[i], q = e * e;
    lanes c = 1.0f - q * (0.5f - q * (1.0f / 24));
    lanes s = e * (1.0f - q * (1.0f / 6 - q * (1.0f / 120)));
    lanes z_re = row->re * b_re - row->im * b_im, z_im = row->re * b_im + row->im * b_re;
    *flux = (row->node[0] * run->lagrange[0][i] + row->node[1] * run->lagrange[1][i]) +
            (row->node[2] * run->lagrange[2][i] + row->node[3] * run->lagrange[3][i]);
    *re = *flux * (z_re * c - z_im * s);
    *im = *flux * (z_re * s + z_im * c);
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Both take the run by value, for the compiler to know that what they write does not change it. */
CI_ISA_INLINE void run_add(const ci_clean_points_run run, const ci_clean_points_batch *g)
{
    double base_s[LANES] = {0};
    size_t first = 0;
    for (size_t r = 0, end; r < run.n_row; r++, first = end) {
        row_points row;
        end = run.row[r].end;
        row_begin(&run, g, r, first, base_s, &row);
        for (size_t i = first; i < end; i++) {
            lanes re, im, flux;
            sample_find(&run, &row, i, i - first, &re, &im, &flux);
            ((lanes *)run.sum_re)[i] += re;
            ((lanes *)run.sum_im)[i] += im;
        }
    }
}

/* Adds sample i to the sums of its row; l_n, m_n: l/n, m/n (dn/dl = -l/n). */
CI_ISA_INLINE void sample_add(const ci_clean_points_run *run, const row_points *row, size_t i,
                              size_t k, const lanes position[2], lanes sum[CI_FIT_SUMS])
{
    lanes re, im, flux;
    sample_find(run, row, i, k, &re, &im, &flux);
    float w_re = run->weight[i] * run->re[i], w_im = run->weight[i] * run->im[i], x = run->x[i];
    lanes a = w_re * re + w_im * im, b = w_im * re - w_re * im;
    lanes norm = run->weight[i] * (flux * flux);
    lanes du = run->u[i] - run->w[i] * position[0], dv = run->v[i] - run->w[i] * position[1];
    lanes norm_u = norm * du, norm_x = norm * x;
    sum[CI_FIT_DOT] += a;
    sum[CI_FIT_DOT_X] += a * x;
    sum[CI_FIT_DOT_L] += b * du;
    sum[CI_FIT_DOT_M] += b * dv;
    sum[CI_FIT_NORM] += norm;
    sum[CI_FIT_NORM_X] += norm_x;
    sum[CI_FIT_NORM_XX] += norm_x * x;
    sum[CI_FIT_NORM_LL] += norm_u * du;
    sum[CI_FIT_NORM_LM] += norm_u * dv;
    sum[CI_FIT_NORM_MM] += norm * dv * dv;
}

/* Sums with du, dv in wavelengths become those with 2 pi du, 2 pi dv. */
CI_ISA_INLINE void sums_put(const lanes total[CI_FIT_SUMS], double *out)
{
    const double turn = CI_TWO_PI, square = turn * turn;
    static const int power[CI_FIT_SUMS] = {
        [CI_FIT_DOT_L] = 1,   [CI_FIT_DOT_M] = 1,   [CI_FIT_NORM_LL] = 2,
        [CI_FIT_NORM_LM] = 2, [CI_FIT_NORM_MM] = 2,
    };
    for (int j = 0; j < LANES; j++)
        for (int k = 0; k < CI_FIT_SUMS; k++) {
            double scale = power[k] == 0 ? 1 : power[k] == 1 ? turn : square;
            out[j * CI_FIT_SUMS + k] = scale * (double)total[k][j];
        }
}

CI_ISA_INLINE void run_correlate(const ci_clean_points_run run, const ci_clean_points_batch *g,
                                 double *out)
{
    double base_s[LANES] = {0};
    float l_n[LANES], m_n[LANES];
    lanes total[CI_FIT_SUMS] = {{0}};
    for (int j = 0; j < LANES; j++) {
        l_n[j] = (float)(g->l[j] / (1 + g->n[j]));
        m_n[j] = (float)(g->m[j] / (1 + g->n[j]));
    }
    const lanes position[2] = {*(const lanes *)l_n, *(const lanes *)m_n};
    size_t first = 0;
    for (size_t r = 0, end; r < run.n_row; r++, first = end) {
        row_points row;
        lanes sum[CI_FIT_SUMS] = {{0}};
        end = run.row[r].end;
        row_begin(&run, g, r, first, base_s, &row);
        for (size_t i = first; i < end; i++)
            sample_add(&run, &row, i, i - first, position, sum);
        for (int k = 0; k < CI_FIT_SUMS; k++)
            total[k] += sum[k];
    }
    sums_put(total, out);
}

CI_ISA_INLINE void add(const ci_clean_points_run *run, const ci_clean_points_batch *g)
{
    run_add(*run, g);
}

CI_ISA_INLINE void correlate(const ci_clean_points_run *run, const ci_clean_points_batch *g,
                             double *out)
{
    run_correlate(*run, g, out);
}

CI_ISA_INSTANCES(add, (const ci_clean_points_run *run, const ci_clean_points_batch *g), (run, g))
CI_ISA_INSTANCES(correlate,
                 (const ci_clean_points_run *run, const ci_clean_points_batch *g, double *out),
                 (run, g, out))

ci_clean_points_kernel ci_clean_points_kernel_get(ci_isa isa)
{
    return (ci_clean_points_kernel){CI_ISA_KERNEL(add, isa), CI_ISA_KERNEL(correlate, isa)};
}
