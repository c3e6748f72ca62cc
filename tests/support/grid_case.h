/* Samples of a made-up array for tests of the gridder: rows of several sub-bands in global
 * order, any rank's share of them. Include in one file only. */
#ifndef TEST_GRID_CASE_H
#define TEST_GRID_CASE_H

#include "contimg/grid.h"

#include <complex.h>
#include <math.h>
#include <string.h>

typedef struct grid_case
{
    size_t n_sub_band, n_row, n_chan; /* rows per sub-band */
    double freq_hz, width_hz;         /* first channel of the first sub-band, step */
    double u_m, v_m, w_m;             /* half-widths of a uniform cloud */
    bool no_weights;                  /* all 1 */
} grid_case;

/* Uniform in [-1, 1) from a counter: the same on every rank. */
static inline double grid_random(uint64_t i)
{
    i += 0x9e3779b97f4a7c15ULL;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9ULL;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebULL;
    i ^= i >> 31;
    return (double)(i >> 11) * 0x1p-52 - 1.0;
}

typedef struct grid_share
{
    size_t n_rows;
    ci_vis_rows rows[16];
} grid_share;

/* Rows [first, first + count) of n_sub_band x n_row. Baselines are the same in each
 * sub-band; one sample in eleven is flagged (and not a number), a run of channels too. */
static inline ci_status grid_share_make(const grid_case *c, size_t first, size_t count,
                                        grid_share *out)
{
    memset(out, 0, sizeof *out);
    for (size_t b = 0; b < c->n_sub_band; b++) {
        size_t low = first > b * c->n_row ? first : b * c->n_row;
        size_t high = first + count < (b + 1) * c->n_row ? first + count : (b + 1) * c->n_row;
        if (high <= low) continue;
        ci_vis_rows *rows = &out->rows[out->n_rows++];
        double *uvw = NULL, *freq = NULL;
        float *weight = NULL;
        rows->n_row = high - low;
        rows->n_chan = c->n_chan;
        size_t n = rows->n_row * c->n_chan;
        CI_TRY(ci_mem_alloc(&uvw, 3 * rows->n_row, sizeof *uvw, "test"));
        CI_TRY(ci_mem_alloc(&freq, c->n_chan, sizeof *freq, "test"));
        CI_TRY(ci_mem_alloc(&weight, n, sizeof *weight, "test"));
        CI_TRY(ci_mem_alloc(&rows->vis, n, sizeof *rows->vis, "test"));
        CI_TRY(ci_mem_alloc(&rows->vis_double, n, sizeof *rows->vis_double, "test"));
        rows->uvw_m = uvw;
        rows->freq_hz = freq;
        rows->weight = weight;
        for (size_t k = 0; k < c->n_chan; k++)
            freq[k] = c->freq_hz + (double)(b * c->n_chan + k) * c->width_hz;
        for (size_t i = low; i < high; i++) {
            uint64_t row = i - b * c->n_row;
            double *to = uvw + 3 * (i - low);
            to[0] = c->u_m * grid_random(3 * row);
            to[1] = c->v_m * grid_random(3 * row + 1);
            to[2] = c->w_m * grid_random(3 * row + 2);
            for (size_t k = 0; k < c->n_chan; k++) {
                uint64_t id = 1000000 + 3 * (i * c->n_chan + k);
                size_t at = (i - low) * c->n_chan + k;
                bool is_flagged = id % 11 == 0 || (row % 5 == 0 && k > 2 && k < 12);
                weight[at] = c->no_weights ? 1.0f : (float)(1.0 + 0.5 * grid_random(id + 2));
                rows->vis[at] = (float)grid_random(id) + I * (float)grid_random(id + 1);
                if (is_flagged) {
                    weight[at] = 0.0f;
                    rows->vis[at] = NAN;
                }
                rows->vis_double[at] = rows->vis[at];
            }
        }
    }
    return CI_OK;
}

static inline void grid_share_free(grid_share *share)
{
    for (size_t i = 0; i < share->n_rows; i++) {
        ci_mem_free((void *)share->rows[i].uvw_m);
        ci_mem_free((void *)share->rows[i].freq_hz);
        ci_mem_free((void *)share->rows[i].weight);
        ci_mem_free(share->rows[i].vis);
        ci_mem_free(share->rows[i].vis_double);
    }
    memset(share, 0, sizeof *share);
}

#endif
