/* Sources that vary about a mean of about nothing: no peak of the mean image shows them, their
 * sidelobes spoil it all the same. They are sought in images of the residual with signs: one half
 * of the times less the other, and so on (docs/science.md "CLEAN"). */
#include "clean/state.h"

#include <math.h>
#include <string.h>

static const double noise_enough = 1.3; /* rms over the noise: nothing is hidden in less */
static const double peak_sigma = 7;     /* of an image with signs, over its rms */
static const double effect_min = 3;     /* ... over the residual's rms */

/* Signs of time cells times signs of frequency cells. */
enum
{
    SIGNS_ALL,
    SIGNS_HALVES,
    SIGNS_MIDDLE,   /* outer quarters less inner ones */
    SIGNS_QUARTERS, /* the first and third less the others */
    SIGNS_STRONGEST /* 1 at the cell of the greatest power, 0 elsewhere */
};
typedef struct pattern
{
    int time, freq;
} pattern;
static const pattern patterns[] = {
    {SIGNS_HALVES, SIGNS_ALL},    {SIGNS_ALL, SIGNS_HALVES},    {SIGNS_MIDDLE, SIGNS_ALL},
    {SIGNS_ALL, SIGNS_MIDDLE},    {SIGNS_QUARTERS, SIGNS_ALL},  {SIGNS_ALL, SIGNS_QUARTERS},
    {SIGNS_HALVES, SIGNS_HALVES}, {SIGNS_STRONGEST, SIGNS_ALL}, {SIGNS_ALL, SIGNS_STRONGEST},
};
enum
{
    N_PATTERN = sizeof patterns / sizeof patterns[0]
};

typedef struct seek
{
    ci_clean *clean;
    ci_clean_cells *cells;
    double *power; /* [n_time][n_freq] of the residual, over the weights */
    double *time, *freq;
    double *slab;
} seek;

static ci_status seek_new(ci_comm *comm, seek *k)
{
    static const char what[] = "sources of no mean flux";
    const ci_grid_layout *layout = k->clean->layout;
    size_t n_time = k->cells->time.n, n_freq = k->cells->freq.n;
    ci_clean *c = k->clean;
    ci_status status = ci_mem_alloc(&k->power, 2 * n_time * n_freq, sizeof *k->power, what);
    if (status == CI_OK) status = ci_mem_alloc(&k->time, n_time, sizeof *k->time, what);
    if (status == CI_OK) status = ci_mem_alloc(&k->freq, n_freq, sizeof *k->freq, what);
    if (status == CI_OK)
        status = ci_mem_alloc(&k->slab, layout->n_here * layout->n_x, sizeof *k->slab, what);
    if (status == CI_OK && !c->predicted)
        status = ci_mem_alloc(&c->predicted, c->setup.samples->n_sample, sizeof *c->predicted,
                              "model visibilities");
    return ci_par_agree(comm, status);
}

static void seek_free(seek *k)
{
    ci_mem_free(k->power);
    ci_mem_free(k->time);
    ci_mem_free(k->freq);
    ci_mem_free(k->slab);
}

/* ---- signs ----------------------------------------------------------------------------------- */

/* The cell of an axis whose power over weight is greatest; step: from one cell to the next. */
static size_t strongest(const seek *k, bool of_time)
{
    size_t n_time = k->cells->time.n, n_freq = k->cells->freq.n, best = 0;
    const double *power = k->power, *weight = k->power + n_time * n_freq;
    double most = 0;
    for (size_t i = 0; i < (of_time ? n_time : n_freq); i++) {
        double sum[2] = {0};
        for (size_t j = 0; j < (of_time ? n_freq : n_time); j++) {
            size_t at = of_time ? i * n_freq + j : j * n_freq + i;
            sum[0] += power[at];
            sum[1] += weight[at];
        }
        if (!(sum[1] > 0) || sum[0] / sum[1] <= most) continue;
        most = sum[0] / sum[1];
        best = i;
    }
    return best;
}

static void signs_set(const seek *k, int kind, bool of_time)
{
    size_t n = of_time ? k->cells->time.n : k->cells->freq.n;
    double *out = of_time ? k->time : k->freq;
    size_t best = kind == SIGNS_STRONGEST ? strongest(k, of_time) : 0;
    for (size_t i = 0; i < n; i++) {
        double x = ((double)i + 0.5) / (double)n;
        double half = x < 0.5 ? 1 : -1, middle = fabs(x - 0.5) < 0.25 ? -1 : 1;
        out[i] = kind == SIGNS_ALL         ? 1
                 : kind == SIGNS_HALVES    ? half
                 : kind == SIGNS_MIDDLE    ? middle
                 : kind == SIGNS_STRONGEST ? i == best
                                           : half * middle;
    }
}

/* ---- images with signs ----------------------------------------------------------------------- */

/* The residual image with signs, Jy/beam, into the slab. */
static ci_status image_make(ci_comm *comm, seek *k, const pattern *p)
{
    ci_clean *c = k->clean;
    const ci_vis_samples *s = c->setup.samples;
    signs_set(k, p->time, true);
    signs_set(k, p->freq, false);
    for (size_t r = 0; r < s->n_row; r++) {
        const uint32_t *freq;
        double sign = k->time[ci_clean_cells_of_row(k->cells, s, r, &freq) / k->cells->freq.n];
        for (size_t i = 0; i < ci_vis_row_n_chan(s, r); i++)
            c->predicted[s->first[r] + i] =
                (float)(sign * k->freq[freq[i]]) * s->computed[s->first[r] + i];
    }
    CI_TRY(ci_grid_image(comm, c->setup.gridder, c->predicted, k->slab));
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        k->slab[i] /= c->setup.sum_weight;
    return CI_OK;
}

/* The peak of an image with signs, if it is one. */
static ci_status peak_find(ci_comm *comm, const seek *k, ci_clean_hidden *list, size_t *n)
{
    const ci_grid_layout *layout = k->clean->layout;
    const ci_clean_model *b = k->clean->setup.model;
    double peak = -1, rms;
    int64_t at = -1;
    const uint8_t *mask =
        k->clean->setup.mask; /* the user's: nothing is taken for a source elsewhere */
    for (size_t i = 0; i < layout->n_here * layout->n_x; i++)
        if (fabs(k->slab[i]) > peak && (!mask || mask[i])) {
            peak = fabs(k->slab[i]);
            at = (int64_t)(layout->y_first * layout->n_x + i);
        }
    CI_TRY(ci_par_argmax(comm, &peak, &at));
    CI_TRY(ci_grid_slab_rms(comm, layout, k->slab, &rms));
    if (at < 0 || !(peak > peak_sigma * rms) || !(peak > effect_min * b->residual_rms))
        return CI_OK;
    ci_clean_hidden *h = &list[(*n)++];
    h->effect_jy = peak;
    ci_clean_model_pixel(b, at, &h->l, &h->m);
    return CI_OK;
}

/* Greatest first. */
static void list_sort(ci_clean_hidden *list, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && list[j].effect_jy > list[j - 1].effect_jy; j--) {
            ci_clean_hidden swap = list[j];
            list[j] = list[j - 1];
            list[j - 1] = swap;
        }
}

static ci_status patterns_look(ci_comm *comm, seek *k, ci_clean_hidden *list, size_t *n)
{
    size_t n_time = k->cells->time.n, n_freq = k->cells->freq.n;
    const ci_clean_setup *setup = &k->clean->setup;
    CI_TRY(ci_clean_cells_power(comm, setup->model, setup->samples, k->power));
    CI_TRY(
        ci_clean_cells_weigh(comm, setup->model, setup->samples, k->power + n_time * n_freq, NULL));
    for (size_t i = 0; i < N_PATTERN; i++) {
        const pattern *p = &patterns[i];
        if ((p->time != SIGNS_ALL && n_time < 2) || (p->freq != SIGNS_ALL && n_freq < 2)) continue;
        CI_TRY(image_make(comm, k, p));
        CI_TRY(peak_find(comm, k, list, n));
    }
    list_sort(list, *n);
    return CI_OK;
}

/* The residual visibilities of a CLEAN that has not found anything to begin with. */
static ci_status computed_ensure(ci_comm *comm, ci_clean *c)
{
    ci_vis_samples *s = c->setup.samples;
    bool is_begun = c->stats.n_major > 0 || c->is_exact;
    if (is_begun || (c->is_outside_begun && s->computed)) return CI_OK;
    CI_AGREE(comm, ci_vis_samples_computed_alloc(s));
    memcpy(s->computed, s->data, s->n_sample * sizeof *s->computed);
    return CI_OK;
}

ci_status ci_clean_hidden_seek(ci_comm *comm, ci_clean *c, int *n_new)
{
    ci_clean_model *b = c->setup.model;
    ci_clean_hidden list[N_PATTERN];
    size_t n = 0;
    *n_new = 0;
    if (b->residual_rms <= noise_enough * c->setup.noise_jy) return CI_OK;
    if (b->n_variation >= CI_CLEAN_MAX_VARIABLE || b->cells.time.n * b->cells.freq.n < 2)
        return CI_OK;
    CI_TRY(computed_ensure(comm, c));
    seek k = {.clean = c, .cells = &b->cells};
    ci_status status = seek_new(comm, &k);
    if (status == CI_OK) status = patterns_look(comm, &k, list, &n);
    if (status == CI_OK && n > 0)
        status = ci_clean_variations_look(comm, b, &c->variability, &c->sources, c->setup.samples,
                                          list, n, n_new);
    seek_free(&k);
    return status;
}
