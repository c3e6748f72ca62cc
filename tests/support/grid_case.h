/* Samples of a made-up array for tests of the gridder: rows of several sub-bands in global
 * order, any rank's share of them. Include in one file only. */
#ifndef TEST_GRID_CASE_H
#define TEST_GRID_CASE_H

#include "contimg/grid.h"
#include "random.h"

#include <complex.h>
#include <math.h>
#include <string.h>

typedef struct grid_case
{
    size_t n_sub_band, n_row, n_chan; /* rows per sub-band */
    double freq_hz, width_hz;         /* first channel of the first sub-band, step */
    double u_m, v_m, w_m;             /* half-widths of a uniform cloud */
    bool no_weights;                  /* all 1 */
    double tilt;                      /* w is this times v more */
} grid_case;

/* Uniform in [-1, 1) from a counter: the same on every rank. */
static inline double grid_random(uint64_t i)
{
    return (double)(test_random_mix(i) >> 11) * 0x1p-52 - 1.0;
}

/* Samples with their visibilities, twice. */
typedef struct grid_share
{
    ci_vis_samples *samples;
    ci_c32 *vis;
    ci_c64 *vis_double;
} grid_share;

/* Sub-bands of the case. */
static inline ci_status grid_meta_new(ci_vis_meta **out, const grid_case *c)
{
    ci_vis_meta *m = NULL;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "test"));
    m = *out;
    CI_TRY(ci_mem_alloc(&m->sub_band, c->n_sub_band, sizeof *m->sub_band, "test"));
    m->n_sub_band = c->n_sub_band;
    for (size_t b = 0; b < c->n_sub_band; b++) {
        m->sub_band[b].n_chan = c->n_chan;
        CI_TRY(ci_mem_alloc(&m->sub_band[b].freq_hz, c->n_chan, sizeof(double), "test"));
        CI_TRY(ci_mem_alloc(&m->sub_band[b].width_hz, c->n_chan, sizeof(double), "test"));
        for (size_t k = 0; k < c->n_chan; k++) {
            m->sub_band[b].freq_hz[k] = c->freq_hz + (double)(b * c->n_chan + k) * c->width_hz;
            m->sub_band[b].width_hz[k] = c->width_hz;
        }
    }
    return CI_OK;
}

/* Row i of all; one sample in eleven is flagged (and not a number), a run of channels too. */
static inline void grid_row_fill(const grid_case *c, size_t i, grid_share *out)
{
    ci_vis_samples *s = out->samples;
    uint64_t row = i % c->n_row;
    const ci_vis_row one = {
        .uvw_m = {c->u_m * grid_random(3 * row), c->v_m * grid_random(3 * row + 1),
                  c->w_m * grid_random(3 * row + 2) + c->tilt * c->v_m * grid_random(3 * row + 1)},
        .i_baseline = (int32_t)row,
        .i_axis = (int32_t)(i / c->n_row)};
    for (size_t k = 0; k < c->n_chan; k++) {
        uint64_t id = 1000000 + 3 * (i * c->n_chan + k);
        size_t at = s->n_sample + k;
        bool is_flagged = id % 11 == 0 || (row % 5 == 0 && k > 2 && k < 12);
        s->natural[at] = c->no_weights ? 1.0f : (float)(1.0 + 0.5 * grid_random(id + 2));
        out->vis[at] = (float)grid_random(id) + I * (float)grid_random(id + 1);
        if (is_flagged) {
            s->natural[at] = 0.0f;
            out->vis[at] = NAN;
        }
        out->vis_double[at] = out->vis[at];
    }
    ci_vis_samples_add(s, &one);
}

/* Rows [first, first + count) of n_sub_band x n_row. Baselines are the same in each sub-band. */
static inline ci_status grid_share_make(const grid_case *c, size_t first, size_t count,
                                        grid_share *out)
{
    ci_vis_meta *meta = NULL;
    size_t n = count * c->n_chan;
    memset(out, 0, sizeof *out);
    CI_TRY(grid_meta_new(&meta, c));
    ci_status status = ci_vis_samples_new(&out->samples, meta, count, n);
    ci_vis_meta_free(meta);
    CI_TRY(status);
    CI_TRY(ci_mem_alloc(&out->vis, n, sizeof *out->vis, "test"));
    CI_TRY(ci_mem_alloc(&out->vis_double, n, sizeof *out->vis_double, "test"));
    for (size_t i = first; i < first + count; i++)
        grid_row_fill(c, i, out);
    return CI_OK;
}

static inline void grid_share_free(grid_share *share)
{
    ci_vis_samples_free(share->samples);
    ci_mem_free(share->vis);
    ci_mem_free(share->vis_double);
    memset(share, 0, sizeof *share);
}

#endif
