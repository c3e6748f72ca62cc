/* Bright sources, for which flux constant in time and frequency is not good enough: what the
 * corrections share, and their order (docs/science.md "CLEAN"). */
#include "clean/bright.h"

#include <math.h>
#include <stdlib.h>

static const double beam_min = 1e-3; /* of the mean beam: below it no ratio is formed */

/* ---- making ------------------------------------------------------------------------------ */

void ci_clean_bright_free(ci_clean_bright *bright)
{
    if (!bright) return;
    for (size_t i = 0; bright->frame && i < bright->n_frame; i++)
        ci_sky_frame_free(bright->frame[i]);
    ci_mem_free(bright->frame);
    ci_mem_free(bright->node_weight);
    ci_mem_free(bright->source);
    ci_mem_free(bright->kept);
    ci_mem_free(bright);
}

/* Chebyshev nodes over the whole band. */
static void nodes_set(ci_clean_bright *b, const ci_vis_meta *meta)
{
    const ci_vis_sub_band *last = &meta->sub_band[meta->n_sub_band - 1];
    double low = meta->sub_band[0].freq_hz[0], high = last->freq_hz[last->n_chan - 1];
    if (!(high - low > 1e-6 * low)) high = low * (1 + 1e-6);
    for (int i = 0; i < CI_BRIGHT_NODES; i++)
        b->node_hz[i] =
            0.5 * (low + high) - 0.5 * (high - low) * cos(CI_PI * (i + 0.5) / CI_BRIGHT_NODES);
}

double ci_clean_bright_lagrange(const ci_clean_bright *b, int i, double freq_hz)
{
    double w = 1;
    for (int j = 0; j < CI_BRIGHT_NODES; j++)
        if (j != i) w *= (freq_hz - b->node_hz[j]) / (b->node_hz[i] - b->node_hz[j]);
    return w;
}

/* Adds one channel of weight w to its integration's. */
static void node_weight_add(ci_clean_bright *b, size_t i_time, double freq_hz, double w)
{
    double *sum = b->node_weight + (b->n_frame == 1 ? 0 : i_time) * CI_BRIGHT_NODES;
    for (int i = 0; i < CI_BRIGHT_NODES; i++)
        sum[i] += w * ci_clean_bright_lagrange(b, i, freq_hz);
}

/* Weights of the nodes and rms of ln(nu / ref_hz); the imaging weights are exact integers. */
static ci_status weights_set(ci_comm *comm, ci_clean_bright *b, const ci_vis_samples *samples)
{
    const ci_vis_meta *meta = samples->set->meta;
    int64_t *weight = NULL;
    size_t n_chan = 0, i = 0;
    double sum[3] = {0};
    CI_TRY(ci_vis_samples_weight_by_time(comm, samples, &weight, &n_chan));
    for (size_t s = 0; s < meta->n_sub_band; s++)
        for (size_t k = 0; k < meta->sub_band[s].n_chan; k++, i++) {
            double f = meta->sub_band[s].freq_hz[k], x = log(f / b->ref_hz);
            for (size_t t = 0; t < meta->n_time; t++) {
                double w = (double)weight[t * n_chan + i];
                node_weight_add(b, t, f, w);
                sum[0] += w;
                sum[1] += w * x;
                sum[2] += w * x * x;
            }
        }
    ci_mem_free(weight);
    if (!(sum[0] > 0)) return CI_OK;
    double mean = sum[1] / sum[0];
    b->rms_log = sqrt(fmax(0, sum[2] / sum[0] - mean * mean));
    return CI_OK;
}

static ci_status frames_new(ci_clean_bright *b, const ci_vis_meta *meta)
{
    b->n_frame = b->has_beam && b->sky->pointing->is_fixed ? meta->n_time : 1;
    CI_TRY(ci_mem_alloc(&b->node_weight, b->n_frame * CI_BRIGHT_NODES, sizeof *b->node_weight,
                        "bright sources"));
    if (!b->has_beam) return CI_OK;
    CI_TRY(ci_mem_alloc(&b->frame, b->n_frame, sizeof *b->frame, "bright sources"));
    for (size_t i = 0; i < b->n_frame; i++)
        CI_TRY(ci_sky_frame_new(&b->frame[i], b->sky->eop, &meta->array,
                                meta->time_mjd_s[b->n_frame == 1 ? meta->n_time / 2 : i],
                                meta->dut1_s));
    return CI_OK;
}

ci_status ci_clean_bright_new(ci_comm *comm, ci_clean_bright **out, const ci_sky_field *sky,
                              const ci_vis_samples *samples, const ci_grid_layout *layout,
                              const float *pb, bool is_positive, double cell_rad, double ref_hz)
{
    *out = NULL;
    ci_clean_bright *b = NULL;
    ci_status status = ci_mem_alloc(&b, 1, sizeof *b, "bright sources");
    if (status == CI_OK) {
        *b = (ci_clean_bright){.sky = sky,
                               .layout = layout,
                               .pb = pb,
                               .cell_rad = cell_rad,
                               .has_beam = sky->beam && !ci_sky_beam_is_none(sky->beam),
                               .is_positive = is_positive,
                               .ref_hz = ref_hz};
        nodes_set(b, samples->set->meta);
        status = frames_new(b, samples->set->meta);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = weights_set(comm, b, samples);
    if (status == CI_OK)
        *out = b;
    else
        ci_clean_bright_free(b);
    return status;
}

/* ---- places and beams ---------------------------------------------------------------------- */

void ci_clean_bright_place(const ci_clean_bright *b, double x, double y, double *l, double *m)
{
    *l = -(x - (double)(b->layout->n_x / 2)) * b->cell_rad;
    *m = (y - (double)(b->layout->n_y / 2)) * b->cell_rad;
}

void ci_clean_bright_pixel(const ci_clean_bright *b, int64_t index, double *l, double *m)
{
    int64_t n_x = (int64_t)b->layout->n_x;
    ci_clean_bright_place(b, (double)(index % n_x), (double)(index / n_x), l, m);
}

void ci_clean_bright_ratio(const ci_clean_bright *b, double l, double m, double beam, double *ratio)
{
    double ra, dec;
    ci_sky_lm_inverse(b->sky->ra_rad, b->sky->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < b->n_frame; t++)
        for (int f = 0; f < CI_BRIGHT_NODES; f++, ratio++)
            *ratio = b->has_beam ? ci_sky_beam_power(b->sky->beam, b->sky->pointing, b->frame[t],
                                                     ra, dec, b->node_hz[f]) /
                                       beam
                                 : 1;
}

double ci_clean_bright_profile(const ci_clean_bright *b, double l, double m, double *ratio)
{
    size_t n_node = b->n_frame * CI_BRIGHT_NODES;
    double sum = 0, weight = 0;
    ci_clean_bright_ratio(b, l, m, 1, ratio);
    for (size_t i = 0; i < n_node; i++) {
        sum += b->node_weight[i] * ratio[i];
        weight += b->node_weight[i];
    }
    double mean = weight > 0 ? sum / weight : 1;
    for (size_t i = 0; i < n_node; i++)
        ratio[i] = mean > beam_min / 2 ? ratio[i] / mean : 1;
    return mean;
}

/* ---- components ------------------------------------------------------------------------------ */

/* This rank's components; list may be NULL to count. */
static size_t components_here(const ci_clean_bright *b, const double *model,
                              ci_clean_importance importance, double least,
                              ci_clean_component *list)
{
    size_t n = 0, n_x = b->layout->n_x;
    for (size_t i = 0; i < b->layout->n_here * n_x; i++) {
        if (model[i] == 0 || !(b->pb[i] >= beam_min)) continue;
        ci_clean_component c = {(int64_t)(b->layout->y_first * n_x + i), model[i], b->pb[i],
                                fabs(model[i])};
        if (importance) c.importance = importance(b, &c);
        if (c.importance < least) continue;
        if (list) list[n] = c;
        n++;
    }
    return n;
}

ci_status ci_clean_components_gather(ci_comm *comm, const ci_clean_bright *b, const double *model,
                                     ci_clean_importance importance, double least,
                                     ci_clean_component **out, size_t *n_out)
{
    ci_clean_component *here = NULL;
    size_t n_byte = 0, n = components_here(b, model, importance, least, NULL);
    CI_TRY(ci_par_alloc(comm, &here, n, sizeof *here, "bright components"));
    components_here(b, model, importance, least, here);
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, -1, (void **)out, &n_byte);
    ci_mem_free(here);
    *n_out = n_byte / sizeof **out;
    return status;
}

/* ---- in CLEAN ---------------------------------------------------------------------------- */

ci_status ci_clean_bright_find(ci_comm *comm, ci_clean_bright *bright, const ci_clean *clean)
{
    CI_TRY(ci_grid_slab_rms(comm, bright->layout, clean->residual, &bright->rms));
    CI_TRY(ci_grid_slab_peak(comm, bright->layout, clean->residual, &bright->peak, NULL));
    return ci_clean_sources_find(comm, bright, clean);
}

ci_status ci_clean_bright_add(ci_comm *comm, const ci_clean_bright *bright, const ci_clean *clean)
{
    if (bright->has_beam) CI_TRY(ci_clean_drift_add(comm, bright, clean));
    return ci_par_agree(comm, ci_clean_sources_add(bright, clean->samples));
}

static ci_status sources_copy(ci_clean_source **to, size_t *n_to, const ci_clean_source *from,
                              size_t n)
{
    CI_TRY(ci_mem_resize(to, n, sizeof **to, "bright sources"));
    for (size_t i = 0; i < n; i++)
        (*to)[i] = from[i];
    *n_to = n;
    return CI_OK;
}

ci_status ci_clean_bright_keep(ci_clean_bright *b)
{
    return sources_copy(&b->kept, &b->n_kept, b->source, b->n_source);
}

ci_status ci_clean_bright_restore(ci_clean_bright *b)
{
    return sources_copy(&b->source, &b->n_source, b->kept, b->n_kept);
}

static int by_flux(const void *a, const void *b)
{
    const ci_clean_slope *p = a, *q = b;
    return fabs(p->flux_jy) < fabs(q->flux_jy) ? 1 : fabs(p->flux_jy) > fabs(q->flux_jy) ? -1 : 0;
}

bool ci_clean_bright_is_any_held(const ci_clean_bright *b)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (b->source[i].is_held) return true;
    return false;
}

void ci_clean_bright_let_go(ci_clean_bright *b, double *model)
{
    for (size_t i = 0; i < b->n_source; i++)
        if (b->source[i].is_held) ci_clean_source_paint(b, &b->source[i], model);
    b->none_held = true;
}

/* ---- what was found ---------------------------------------------------------------------- */

void ci_clean_bright_list(const ci_clean_bright *b, ci_clean_stats *stats)
{
    stats->n_slope = stats->n_held = 0;
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        stats->n_held += s->is_held;
        if (!s->has_slope || stats->n_slope >= CI_CLEAN_MAX_SLOPE) continue;
        ci_clean_slope *out = &stats->slope[stats->n_slope++];
        *out = (ci_clean_slope){.flux_jy = s->flux, .beam = s->beam, .slope = s->slope};
        ci_sky_lm_inverse(b->sky->ra_rad, b->sky->dec_rad, s->l, s->m, &out->ra_rad, &out->dec_rad);
    }
    qsort(stats->slope, (size_t)stats->n_slope, sizeof *stats->slope, by_flux);
    if (stats->n_held > 0)
        ci_log_info("clean: %d bright compact source%s held between pixels", stats->n_held,
                    stats->n_held == 1 ? " is" : "s are");
    if (stats->n_slope == 0) return;
    const ci_clean_slope *s = &stats->slope[0];
    ci_log_info("clean: %d bright source%s own; the brightest, %.4g "
                "Jy at %.4f %+.4f deg: %+.3f",
                stats->n_slope,
                stats->n_slope == 1 ? " has a spectral slope of its"
                                    : "s have spectral slopes of their",
                s->flux_jy, s->ra_rad * CI_RAD_TO_DEG, s->dec_rad * CI_RAD_TO_DEG, s->slope);
}

ci_clean_spot ci_clean_source_spot(const ci_clean_bright *b, const ci_clean_source *s)
{
    return (ci_clean_spot){(double)(b->layout->n_x / 2) - s->l / b->cell_rad,
                           (double)(b->layout->n_y / 2) + s->m / b->cell_rad, s->own};
}

void ci_clean_source_paint(const ci_clean_bright *b, ci_clean_source *s, double *model)
{
    ci_clean_spot spot = ci_clean_source_spot(b, s);
    ci_clean_spots_paint(b->layout, &spot, 1, model);
    s->own = 0;
    s->is_held = false;
    s->is_barred = true;
}

ci_status ci_clean_bright_spots(const ci_clean_bright *b, ci_clean_spot **out, size_t *n_out)
{
    CI_TRY(ci_mem_alloc(out, b->n_source, sizeof **out, "bright sources"));
    *n_out = 0;
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        if (!s->is_held) continue;
        (*out)[(*n_out)++] = ci_clean_source_spot(b, s);
    }
    return CI_OK;
}
