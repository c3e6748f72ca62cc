/* The inner loops of direct sums over points, as a template over how many are worked on at once:
 * LANES of the CI_CLEAN_POINTS_LANES of a batch, from lane `lane` on. All functions are local. */
#include "clean/points_run.h"
#include "contimg/num.h"

/* gcc and clang make of it what the target has. */
typedef float NAME(lanes)
    __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* What the samples of a row have in common, of each point. */
typedef struct NAME(row_points)
{
    NAME(lanes) re, im;      /* phasor at the run's frequency */
    NAME(lanes) change;      /* of the path since the base, radians per Hz */
    NAME(lanes) node[NODES]; /* flux at the nodes in frequency, Jy */
    size_t channel;          /* the first of the run's arrays */
} NAME(row_points);

/* ---- one row --------------------------------------------------------------------------------- */

CI_ISA_INLINE void NAME(paths_find)(const ci_clean_points_row *row, const ci_clean_points_batch *g,
                                    size_t lane, double path_s[LANES])
{
    const double *l = g->l + lane, *m = g->m + lane, *n = g->n + lane;
    for (int j = 0; j < LANES; j++)
        path_s[j] = (row->uvw_s[0] * l[j] + row->uvw_s[1] * m[j]) + row->uvw_s[2] * n[j];
}

CI_ISA_INLINE void NAME(phasors_put)(const float turns[LANES], float *re, float *im)
{
    for (int j = 0; j < LANES; j++)
        ci_num_turns_cos_sin32(turns[j], &re[j], &im[j]);
}

/* Phasors of a base's n channels beside the run's frequency. */
CI_ISA_INLINE void NAME(base_make)(const ci_clean_points_run *run, size_t lane, size_t channel,
                                   size_t n, const double path_s[LANES])
{
    float path[LANES], turns[LANES];
    for (int j = 0; j < LANES; j++)
        path[j] = (float)path_s[j];
    for (size_t k = 0; k < n; k++) {
        size_t at = k * ALL_LANES + lane;
        for (int j = 0; j < LANES; j++)
            turns[j] = ci_num_turns_fraction32(path[j] * run->offset_hz[channel + k]);
        NAME(phasors_put)(turns, run->base_re + at, run->base_im + at);
    }
}

/* Fluxes at the nodes in frequency, at a row's time. */
CI_ISA_INLINE void NAME(nodes_find)(const ci_clean_points_batch *g, size_t lane,
                                    const ci_vis_time_taps *taps, NAME(lanes) node[NODES])
{
    size_t n = g->n_frame > 1 ? taps->n : 1;
    const float *flux = g->flux + (g->n_frame > 1 ? taps->first * NODES * ALL_LANES : 0) + lane;
    for (int f = 0; f < NODES; f++, flux += ALL_LANES)
        node[f] = *(const NAME(lanes) *)flux;
    if (n == 1) return;
    for (int f = 0; f < NODES; f++)
        node[f] *= (float)taps->weight[0];
    for (size_t k = 1; k < n; k++)
        for (int f = 0; f < NODES; f++, flux += ALL_LANES)
            node[f] += (float)taps->weight[k] * *(const NAME(lanes) *)flux;
}

/* Of row r, whose samples begin at `first`; base_s: paths of the last base. */
CI_ISA_INLINE void NAME(row_begin)(const ci_clean_points_run *run, const ci_clean_points_batch *g,
                                   size_t lane, size_t r, size_t first, double base_s[LANES],
                                   NAME(row_points) * out)
{
    const ci_clean_points_row *row = &run->row[r];
    double path_s[LANES];
    float turns[LANES], re[LANES], im[LANES], change[LANES];
    NAME(paths_find)(row, g, lane, path_s);
    if (row->is_base) {
        NAME(base_make)(run, lane, row->channel, row->end - first, path_s);
        for (int j = 0; j < LANES; j++)
            base_s[j] = path_s[j];
    }
    for (int j = 0; j < LANES; j++) {
        turns[j] = (float)ci_num_turns_fraction(path_s[j] * run->freq_hz);
        change[j] = (float)(CI_TWO_PI * (path_s[j] - base_s[j]));
    }
    NAME(phasors_put)(turns, re, im);
    out->re = *(const NAME(lanes) *)re;
    out->im = *(const NAME(lanes) *)im;
    out->change = *(const NAME(lanes) *)change;
    NAME(nodes_find)(g, lane, &row->taps, out->node);
    out->channel = row->channel;
}

/* ---- one sample ------------------------------------------------------------------------------ */

/* P of the k-th sample of a row: the row's phasor times the base's at this channel times that of
 * the small angle e between them, by its series (to 4e-7); its flux. */
CI_ISA_INLINE void NAME(sample_find)(const ci_clean_points_run *run, size_t lane,
                                     const NAME(row_points) * row, size_t k, NAME(lanes) * re,
                                     NAME(lanes) * im, NAME(lanes) * flux)
{
    size_t at = k * ALL_LANES + lane, i = row->channel + k;
    NAME(lanes) b_re = *(const NAME(lanes) *)(run->base_re + at);
    NAME(lanes) b_im = *(const NAME(lanes) *)(run->base_im + at);
    NAME(lanes) e = row->change * run->offset_hz[i], q = e * e;
    NAME(lanes) c = 1.0f - q * (0.5f - q * (1.0f / 24));
    NAME(lanes) s = e * (1.0f - q * (1.0f / 6 - q * (1.0f / 120)));
    NAME(lanes) z_re = row->re * b_re - row->im * b_im, z_im = row->re * b_im + row->im * b_re;
    *flux = (row->node[0] * run->lagrange[0][i] + row->node[1] * run->lagrange[1][i]) +
            (row->node[2] * run->lagrange[2][i] + row->node[3] * run->lagrange[3][i]);
    *re = *flux * (z_re * c - z_im * s);
    *im = *flux * (z_re * s + z_im * c);
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Both take the run by value, for the compiler to know that what they write does not change it. */
CI_ISA_INLINE void NAME(run_add)(const ci_clean_points_run run, const ci_clean_points_batch *g,
                                 size_t lane)
{
    double base_s[LANES] = {0};
    size_t first = 0;
    for (size_t r = 0, end; r < run.n_row; r++, first = end) {
        NAME(row_points) row;
        end = run.row[r].end;
        NAME(row_begin)(&run, g, lane, r, first, base_s, &row);
        for (size_t i = first; i < end; i++) {
            NAME(lanes) re, im, flux;
            NAME(sample_find)(&run, lane, &row, i - first, &re, &im, &flux);
            *(NAME(lanes) *)(run.sum_re + i * ALL_LANES + lane) += re;
            *(NAME(lanes) *)(run.sum_im + i * ALL_LANES + lane) += im;
        }
    }
}

/* Sums over the samples of a row, of which u' and v' are f times the row's own. */
typedef struct NAME(row_sums)
{
    NAME(lanes) dot, dot_x, dot_f, norm, norm_x, norm_xx, norm_ff;
} NAME(row_sums);

CI_ISA_INLINE void NAME(sample_add)(const ci_clean_points_run *run, size_t lane,
                                    const NAME(row_points) * row, size_t i, size_t k,
                                    NAME(row_sums) * sum)
{
    NAME(lanes) re, im, flux;
    NAME(sample_find)(run, lane, row, k, &re, &im, &flux);
    float w_re = run->weight[i] * run->re[i], w_im = run->weight[i] * run->im[i];
    float x = run->x[row->channel + k], f = run->relative[row->channel + k];
    NAME(lanes) a = w_re * re + w_im * im, b = w_im * re - w_re * im;
    NAME(lanes) norm = run->weight[i] * (flux * flux), norm_x = norm * x;
    sum->dot += a;
    sum->dot_x += a * x;
    sum->dot_f += b * f;
    sum->norm += norm;
    sum->norm_x += norm_x;
    sum->norm_xx += norm_x * x;
    sum->norm_ff += norm * (f * f);
}

/* Adds a row's sums to those of its run; position: l/n, m/n (dn/dl = -l/n). */
CI_ISA_INLINE void NAME(row_add)(const ci_clean_points_run *run, const ci_clean_points_row *row,
                                 const NAME(row_sums) * sum, const NAME(lanes) position[2],
                                 NAME(lanes) total[CI_FIT_SUMS])
{
    float u = (float)(row->uvw_s[0] * run->freq_hz), v = (float)(row->uvw_s[1] * run->freq_hz);
    float w = (float)(row->uvw_s[2] * run->freq_hz);
    NAME(lanes) du = u - w * position[0], dv = v - w * position[1];
    NAME(lanes) norm_u = sum->norm_ff * du;
    total[CI_FIT_DOT] += sum->dot;
    total[CI_FIT_DOT_X] += sum->dot_x;
    total[CI_FIT_DOT_L] += sum->dot_f * du;
    total[CI_FIT_DOT_M] += sum->dot_f * dv;
    total[CI_FIT_NORM] += sum->norm;
    total[CI_FIT_NORM_X] += sum->norm_x;
    total[CI_FIT_NORM_XX] += sum->norm_xx;
    total[CI_FIT_NORM_LL] += norm_u * du;
    total[CI_FIT_NORM_LM] += norm_u * dv;
    total[CI_FIT_NORM_MM] += sum->norm_ff * dv * dv;
}

/* Sums with du, dv in wavelengths become those with 2 pi du, 2 pi dv. */
CI_ISA_INLINE void NAME(sums_put)(const NAME(lanes) total[CI_FIT_SUMS], double *out)
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

CI_ISA_INLINE void NAME(run_correlate)(const ci_clean_points_run run,
                                       const ci_clean_points_batch *g, size_t lane, double *out)
{
    double base_s[LANES] = {0};
    float l_n[LANES], m_n[LANES];
    NAME(lanes) total[CI_FIT_SUMS] = {{0}};
    for (size_t j = 0; j < LANES; j++) {
        l_n[j] = (float)(g->l[lane + j] / (1 + g->n[lane + j]));
        m_n[j] = (float)(g->m[lane + j] / (1 + g->n[lane + j]));
    }
    const NAME(lanes) position[2] = {*(const NAME(lanes) *)l_n, *(const NAME(lanes) *)m_n};
    size_t first = 0;
    for (size_t r = 0, end; r < run.n_row; r++, first = end) {
        NAME(row_points) row;
        NAME(row_sums) sum = {{0}, {0}, {0}, {0}, {0}, {0}, {0}};
        end = run.row[r].end;
        NAME(row_begin)(&run, g, lane, r, first, base_s, &row);
        for (size_t i = first; i < end; i++)
            NAME(sample_add)(&run, lane, &row, i, i - first, &sum);
        NAME(row_add)(&run, &run.row[r], &sum, position, total);
    }
    NAME(sums_put)(total, out + lane * CI_FIT_SUMS);
}

#undef NAME
#undef LANES
