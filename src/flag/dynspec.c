/* Memory of one baseline's dynamic spectrum, and its samples out of a block. */
#include "flag/dynspec.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static size_t n_box_most(const ci_flag_dynspec *p)
{
    size_t most = 0;
    for (size_t k = 0; k < CI_FLAG_N_SURFACE; k++) {
        size_t n = p->axis[k][0].n_box * p->axis[k][1].n_box;
        if (n > most) most = n;
    }
    return most;
}

static ci_status arrays_new(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan, n_line = p->n_time + p->n_chan, n_box = n_box_most(p);
    float *f = NULL;
    size_t n_windows = CI_FLAG_N_WINDOWS * CI_FLAG_WINDOWS_SIZE(p->n_time, p->n_chan);
    CI_TRY(ci_mem_alloc(
        &f, 8 * n + n_windows + 6 * n_box + CI_FLAG_BOX_LANES + 5 * p->n_chan + 6 * n_line,
        sizeof(float), "flagging: a baseline's dynamic spectrum"));
    p->all = f;
    p->re = f;
    p->im = (f += n);
    p->weight = (f += n);
    p->gain = (f += n);
    p->search.value = (f += n);
    p->left[0] = (f += n);
    p->left[1] = (f += n);
    p->search.scratch = (f += n);
    p->search.windows = (f += n);
    p->box = (f += n_windows);
    p->line = (f += 6 * n_box + CI_FLAG_BOX_LANES);
    p->fringe = (f += 5 * p->n_chan);
    p->lag[0] = (f += 2 * n_line);
    p->lag[1] = f + 4 * p->n_chan;
    CI_TRY(ci_mem_alloc(&p->search.mark, 2 * n, 1, "flagging: a baseline's dynamic spectrum"));
    p->search.mask = p->search.mark + n;
    return CI_OK;
}

static ci_status axes_new(ci_flag_dynspec *p)
{
    static const size_t box[CI_FLAG_N_SURFACE][2] = {
        [CI_FLAG_SURFACE_BOTH] = {CI_FLAG_BOX_TIME, CI_FLAG_BOX_CHAN},
        [CI_FLAG_SURFACE_CHAN] = {1, CI_FLAG_BOX_CHAN},
        [CI_FLAG_SURFACE_TIME] = {CI_FLAG_BOX_TIME, 1},
        [CI_FLAG_SURFACE_FINE] = {CI_FLAG_BOX_TIME / 2, CI_FLAG_BOX_CHAN / 2}};
    for (int k = 0; k < CI_FLAG_N_SURFACE; k++) {
        bool by_time = k == CI_FLAG_SURFACE_CHAN, by_chan = k == CI_FLAG_SURFACE_TIME;
        CI_TRY(ci_flag_axis_new(&p->axis[k][0], p->n_time, box[k][0], by_time));
        CI_TRY(ci_flag_axis_new(&p->axis[k][1], p->n_chan, box[k][1], by_chan));
    }
    return CI_OK;
}

ci_status ci_flag_dynspec_new(ci_flag_dynspec **out, size_t n_time, size_t n_chan)
{
    static const double n_sigma[CI_FLAG_N_LENGTH] = {6.1, 6.0, 5.0, 5.2, 5.0, 5.0};
    ci_flag_dynspec *p = NULL;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&p, 1, sizeof *p, "flagging: a baseline's dynamic spectrum"));
    p->n_time = p->search.n_time = n_time;
    p->n_chan = p->search.n_chan = n_chan;
    ci_status status = axes_new(p);
    if (status == CI_OK) status = arrays_new(p);
    if (status != CI_OK) {
        ci_flag_dynspec_free(p);
        return status;
    }
    p->search.centre = CI_FLAG_RAYLEIGH_MEAN;
    p->search.sigma = CI_FLAG_RAYLEIGH_RMS;
    memcpy(p->search.n_sigma, n_sigma, sizeof n_sigma);
    ci_flag_surface_set(p, CI_FLAG_SURFACE_BOTH, 1);
    *out = p;
    return CI_OK;
}

void ci_flag_dynspec_free(ci_flag_dynspec *p)
{
    if (!p) return;
    for (size_t k = 0; k < CI_FLAG_N_SURFACE; k++)
        for (size_t i = 0; i < 2; i++)
            ci_flag_axis_clear(&p->axis[k][i]);
    ci_mem_free(p->search.mark);
    ci_mem_free(p->all);
    ci_mem_free(p);
}

CI_ISA_INLINE void load_strided(ci_flag_dynspec *p, const float *restrict data,
                                const uint8_t *restrict flags, size_t n_pol)
{
    size_t n = p->n_time * p->n_chan;
    float *restrict re = p->re, *restrict im = p->im;
    uint8_t *restrict mark = p->search.mark;
    uint32_t n_good = 0;
    for (size_t i = 0; i < n; i++) {
        bool good = flags[i * n_pol] == 0;
        mark[i] = good ? CI_FLAG_MARK_GOOD : CI_FLAG_MARK_ABSENT;
        re[i] = good ? data[2 * i * n_pol] : 0;
        im[i] = good ? data[2 * i * n_pol + 1] : 0;
        n_good += good;
    }
    p->n_good = n_good;
}

CI_ISA_INLINE void load(ci_flag_dynspec *p, const float *data, const uint8_t *flags, size_t n_pol)
{
    if (n_pol == 2)
        load_strided(p, data, flags, 2);
    else
        load_strided(p, data, flags, n_pol);
}

CI_ISA_INSTANCES(load, (ci_flag_dynspec * p, const float *data, const uint8_t *flags, size_t n_pol),
                 (p, data, flags, n_pol))

void ci_flag_dynspec_fill(ci_flag_dynspec *p, const ci_vis_block *block, size_t first, size_t i_pol,
                          ci_isa isa)
{
    size_t at = ci_vis_sample(block, first, 0, i_pol);
    p->search.isa = isa;
    CI_ISA_KERNEL(load, isa)(p, (const float *)(block->data + at), block->flags + at, block->n_pol);
}
