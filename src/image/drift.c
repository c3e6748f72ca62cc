/* Bright components under a beam that moves over them. The gridder's model is constant in
 * time and frequency, at the mean beam; for components where that matters the difference to
 * the beam of each integration and channel is added by a direct sum (docs/science.md). */
#include "image/product.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    NODES = 4, /* of the beam in frequency: cubic between them */
    COMPONENTS_MIN = 64,
    COMPONENTS_MAX = 4096,
    RESEED = 128 /* channels after which the phasor is computed anew */
};
static const double work_max = 1e10;      /* component x sample of one major cycle */
static const double importance_min = 1.0; /* in units of the residual's rms */
static const double beam_min = 1e-3;      /* of the mean beam: below it no ratio is formed */

struct ci_image_drift
{
    const ci_image_sky *sky;       /* borrowed */
    const ci_image_layout *layout; /* borrowed */
    const float *pb;               /* slab, borrowed */
    double cell_rad;
    size_t n_frame; /* integrations; 1 where the beam follows the sky */
    ci_sky_frame **frame;
    double node_hz[NODES];
};

typedef struct component
{
    int64_t index; /* y n_x + x */
    double flux, beam, importance;
} component;

/* ---- making ------------------------------------------------------------------------------ */

void ci_image_drift_free(ci_image_drift *drift)
{
    if (!drift) return;
    for (size_t i = 0; drift->frame && i < drift->n_frame; i++)
        ci_sky_frame_free(drift->frame[i]);
    ci_mem_free(drift->frame);
    ci_mem_free(drift);
}

/* Chebyshev nodes over the whole band. */
static void nodes_set(ci_image_drift *d, const ci_vis_meta *meta)
{
    const ci_vis_sub_band *last = &meta->sub_band[meta->n_sub_band - 1];
    double low = meta->sub_band[0].freq_hz[0], high = last->freq_hz[last->n_chan - 1];
    if (!(high - low > 1e-6 * low)) high = low * (1 + 1e-6);
    for (int i = 0; i < NODES; i++)
        d->node_hz[i] = 0.5 * (low + high) - 0.5 * (high - low) * cos(CI_PI * (i + 0.5) / NODES);
}

ci_status ci_image_drift_new(ci_image_drift **out, const ci_image_sky *sky, const ci_vis_meta *meta,
                             const ci_image_layout *layout, const float *pb, double cell_rad)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "drifting beam"));
    ci_image_drift *d = *out;
    *d = (ci_image_drift){.sky = sky, .layout = layout, .pb = pb, .cell_rad = cell_rad};
    size_t n = sky->pointing->is_fixed ? meta->n_time : 1;
    nodes_set(d, meta);
    ci_status status = ci_mem_alloc(&d->frame, n, sizeof *d->frame, "drifting beam");
    for (; status == CI_OK && d->n_frame < n; d->n_frame += status == CI_OK)
        status = ci_sky_frame_new(&d->frame[d->n_frame], sky->eop, &meta->array,
                                  meta->time_mjd_s[n == 1 ? meta->n_time / 2 : d->n_frame],
                                  meta->dut1_s);
    if (status == CI_OK) return CI_OK;
    ci_image_drift_free(d);
    *out = NULL;
    return status;
}

/* ---- which components -------------------------------------------------------------------- */

static void place_of(const ci_image_drift *d, int64_t index, double *l, double *m)
{
    size_t x = (size_t)index % d->layout->n_x, y = (size_t)index / d->layout->n_x;
    *l = -((double)x - (double)(d->layout->n_x / 2)) * d->cell_rad;
    *m = ((double)y - (double)(d->layout->n_y / 2)) * d->cell_rad;
}

/* Greatest relative change of the beam at a place: first, middle and last integration, ends
 * of the band. */
static double change_at(const ci_image_drift *d, int64_t index, double beam)
{
    double l, m, ra, dec, greatest = 0;
    place_of(d, index, &l, &m);
    ci_sky_lm_inverse(d->sky->ra_rad, d->sky->dec_rad, l, m, &ra, &dec);
    size_t times[3] = {0, d->n_frame / 2, d->n_frame - 1};
    for (int t = 0; t < 3; t++)
        for (int f = 0; f < NODES; f += NODES - 1) {
            double power = ci_sky_beam_power(d->sky->beam, d->sky->pointing, d->frame[times[t]], ra,
                                             dec, d->node_hz[f]);
            greatest = fmax(greatest, fabs(power / beam - 1));
        }
    return greatest;
}

/* This rank's components whose error would show; list may be NULL to count. */
static size_t candidates(const ci_image_drift *d, const double *model, double least,
                         component *list)
{
    size_t n = 0, n_x = d->layout->n_x;
    for (size_t i = 0; i < d->layout->n_here * n_x; i++) {
        double beam = d->pb[i];
        if (model[i] == 0 || !(beam >= beam_min)) continue;
        int64_t index = (int64_t)(d->layout->y_first * n_x + i);
        double importance = fabs(model[i]) * change_at(d, index, beam);
        if (importance < least) continue;
        if (list) list[n] = (component){index, model[i], beam, importance};
        n++;
    }
    return n;
}

static int by_importance(const void *a, const void *b)
{
    const component *p = a, *q = b;
    if (p->importance != q->importance) return p->importance < q->importance ? 1 : -1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int by_index(const void *a, const void *b)
{
    const component *p = a, *q = b;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* The components that matter most, as many as the work allows, in scan order on all ranks. */
static ci_status choose(ci_comm *comm, const ci_image_drift *d, const ci_image_clean *c,
                        component **out, size_t *n_out)
{
    double rms = 0;
    component *here = NULL;
    size_t n_byte = 0;
    CI_TRY(ci_image_slab_rms(comm, d->layout, c->residual, &rms));
    size_t n = candidates(d, c->model, importance_min * rms, NULL);
    CI_AGREE(comm, ci_mem_alloc(&here, n, sizeof *here, "bright components"));
    candidates(d, c->model, importance_min * rms, here);
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, -1, (void **)out, &n_byte);
    ci_mem_free(here);
    CI_TRY(status);
    double most = work_max / (double)c->samples->n_sample;
    most = fmin(fmax(most, COMPONENTS_MIN), COMPONENTS_MAX);
    *n_out = n_byte / sizeof **out;
    qsort(*out, *n_out, sizeof **out, by_importance);
    if ((double)*n_out > most) *n_out = (size_t)most;
    qsort(*out, *n_out, sizeof **out, by_index);
    return CI_OK;
}

/* ---- their visibilities --------------------------------------------------------------------- */

/* What the sum over components needs of each. */
typedef struct bright
{
    double l, m, n_minus_1;
    const double *excess; /* [n_frame][NODES]: flux (beam / mean beam - 1) */
} bright;

static void excess_fill(const ci_image_drift *d, const component *c, double *excess)
{
    double l, m, ra, dec;
    place_of(d, c->index, &l, &m);
    ci_sky_lm_inverse(d->sky->ra_rad, d->sky->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < d->n_frame; t++)
        for (int f = 0; f < NODES; f++)
            excess[t * NODES + (size_t)f] =
                c->flux * (ci_sky_beam_power(d->sky->beam, d->sky->pointing, d->frame[t], ra, dec,
                                             d->node_hz[f]) /
                               c->beam -
                           1);
}

/* Lagrange's weights of the nodes at every channel: [n_chan][NODES]. */
static void lagrange_fill(const ci_image_drift *d, const double *freq_hz, size_t n_chan,
                          double *weight)
{
    for (size_t k = 0; k < n_chan; k++)
        for (int i = 0; i < NODES; i++) {
            double w = 1;
            for (int j = 0; j < NODES; j++)
                if (j != i) w *= (freq_hz[k] - d->node_hz[j]) / (d->node_hz[i] - d->node_hz[j]);
            weight[k * NODES + (size_t)i] = w;
        }
}

/* Even spacing lets a phasor be carried from channel to channel. */
static bool is_even(const double *freq_hz, size_t n_chan)
{
    for (size_t k = 2; k < n_chan; k++)
        if (fabs((freq_hz[k] - freq_hz[k - 1]) - (freq_hz[1] - freq_hz[0])) > 1e-3) return false;
    return true;
}

static void row_add(const bright *b, const double *uvw_m, const double *excess,
                    const ci_image_rows *rows, const double *lagrange, bool even, ci_c32 *vis)
{
    double path =
        CI_TWO_PI / CI_C_M_S * (uvw_m[0] * b->l + uvw_m[1] * b->m + uvw_m[2] * b->n_minus_1);
    double turn = rows->n_chan > 1 ? path * (rows->freq_hz[1] - rows->freq_hz[0]) : 0;
    double step_re = cos(turn), step_im = sin(turn), re = 0, im = 0;
    for (size_t k = 0; k < rows->n_chan; k++) {
        if (!even || k % RESEED == 0) {
            double phase = path * rows->freq_hz[k];
            re = cos(phase);
            im = sin(phase);
        }
        const double *w = lagrange + k * NODES;
        double flux = w[0] * excess[0] + w[1] * excess[1] + w[2] * excess[2] + w[3] * excess[3];
        float *value = (float *)&vis[k];
        value[0] += (float)(flux * re);
        value[1] += (float)(flux * im);
        double next = re * step_re - im * step_im;
        im = re * step_im + im * step_re;
        re = next;
    }
}

static ci_status rows_add(const ci_image_drift *d, const ci_image_samples *s, size_t i_rows,
                          const bright *list, size_t n)
{
    const ci_image_rows *rows = &s->rows[i_rows];
    const ci_vis_block *block = s->set->block[i_rows];
    double *lagrange = NULL;
    CI_TRY(ci_mem_alloc(&lagrange, rows->n_chan * NODES, sizeof *lagrange, "drifting beam"));
    lagrange_fill(d, rows->freq_hz, rows->n_chan, lagrange);
    bool even = is_even(rows->freq_hz, rows->n_chan);
    for (size_t r = 0; r < rows->n_row; r++) {
        size_t t = d->n_frame == 1 ? 0 : (size_t)block->i_time[r];
        ci_c32 *vis = s->work[i_rows] + r * rows->n_chan;
        for (size_t k = 0; k < n; k++)
            row_add(&list[k], rows->uvw_m + 3 * r, list[k].excess + t * NODES, rows, lagrange, even,
                    vis);
    }
    ci_mem_free(lagrange);
    return CI_OK;
}

static ci_status bright_fill(const ci_image_drift *d, const component *chosen, size_t n,
                             bright **list, double **excess)
{
    CI_TRY(ci_mem_alloc(list, n, sizeof **list, "bright components"));
    CI_TRY(ci_mem_alloc(excess, n * d->n_frame * NODES, sizeof **excess, "bright components"));
    for (size_t k = 0; k < n; k++) {
        double *own = *excess + k * d->n_frame * NODES;
        bright *b = &(*list)[k];
        place_of(d, chosen[k].index, &b->l, &b->m);
        double rr = b->l * b->l + b->m * b->m;
        b->n_minus_1 = -rr / (1 + sqrt(1 - rr));
        b->excess = own;
        excess_fill(d, &chosen[k], own);
    }
    return CI_OK;
}

ci_status ci_image_drift_add(ci_comm *comm, const ci_image_drift *drift,
                             const ci_image_clean *clean)
{
    component *chosen = NULL;
    bright *list = NULL;
    double *excess = NULL;
    size_t n = 0;
    ci_status status = choose(comm, drift, clean, &chosen, &n);
    if (status == CI_OK) status = bright_fill(drift, chosen, n, &list, &excess);
    for (size_t i = 0; status == CI_OK && n > 0 && i < clean->samples->n_rows; i++)
        status = rows_add(drift, clean->samples, i, list, n);
    ci_mem_free(chosen);
    ci_mem_free(list);
    ci_mem_free(excess);
    return ci_par_agree(comm, status);
}
