/* The model of CLEAN: pixel components and bright sources (docs/science.md "CLEAN"). */
#include "clean/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double beam_min = 1e-3; /* of the mean beam: below it no ratio is formed */

static size_t slab_size(const ci_clean_model *b)
{
    return b->layout->n_here * b->layout->n_x;
}

/* ---- making ------------------------------------------------------------------------------ */

void ci_clean_model_free(ci_clean_model *b)
{
    if (!b) return;
    for (size_t i = 0; b->frame && i < b->n_frame; i++)
        ci_sky_frame_free(b->frame[i]);
    ci_mem_free(b->frame);
    ci_mem_free(b->node_weight);
    ci_mem_free(b->pixels);
    ci_mem_free(b->extended);
    ci_mem_free(b->course.mark);
    ci_mem_free(b->source);
    ci_mem_free(b->variation);
    ci_mem_free(b->amplitude);
    ci_clean_cells_clear(&b->cells);
    ci_clean_flux_axis_clear(&b->axis);
    ci_mem_free(b->outside);
    ci_mem_free(b);
}

/* Chebyshev nodes over the whole band. */
static void nodes_set(ci_clean_model *b, const ci_vis_samples *s)
{
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < s->n_freq; i++) {
        low = fmin(low, s->freq_hz[i]);
        high = fmax(high, s->freq_hz[i]);
    }
    if (!(high - low > 1e-6 * low)) high = low * (1 + 1e-6);
    for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
        b->axis.node_hz[i] =
            0.5 * (low + high) - 0.5 * (high - low) * cos(CI_PI * (i + 0.5) / CI_CLEAN_FLUX_NODES);
}

/* Adds one channel of weight w to its integration's. */
static void node_weight_add(ci_clean_model *b, size_t i_time, double freq_hz, double w)
{
    double *sum = b->node_weight + (b->n_frame == 1 ? 0 : i_time) * CI_CLEAN_FLUX_NODES;
    for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
        sum[i] += w * ci_clean_flux_lagrange(&b->axis, i, freq_hz);
}

/* Weights of the nodes and rms of ln(nu / ref_hz); the imaging weights are exact integers. */
static ci_status weights_set(ci_comm *comm, ci_clean_model *b, const ci_vis_samples *s)
{
    int64_t *weight = NULL;
    double sum[3] = {0};
    CI_TRY(ci_vis_samples_weight_by_time(comm, s, &weight));
    for (size_t i = 0; i < s->n_freq; i++) {
        double f = s->freq_hz[i], x = log(f / b->axis.ref_hz);
        for (size_t t = 0; t < s->n_time; t++) {
            double w = (double)weight[t * s->n_freq + i];
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

static ci_status frames_new(ci_clean_model *b, const ci_vis_samples *s)
{
    const ci_sky_pointing *pointing = b->field->pointing;
    b->n_frame = b->has_beam && (pointing->is_fixed || pointing->n_move > 0) ? s->n_time : 1;
    CI_TRY(ci_mem_alloc(&b->node_weight, b->n_frame * CI_CLEAN_FLUX_NODES, sizeof *b->node_weight,
                        "bright sources"));
    if (!b->has_beam) return CI_OK;
    CI_TRY(ci_mem_alloc(&b->frame, b->n_frame, sizeof *b->frame, "bright sources"));
    for (size_t i = 0; i < b->n_frame; i++)
        CI_TRY(ci_sky_frame_new(&b->frame[i], b->field->eop, &s->array,
                                s->time_mjd_s[b->n_frame == 1 ? s->n_time / 2 : i], s->dut1_s));
    return CI_OK;
}

ci_status ci_clean_model_new(ci_comm *comm, ci_clean_model **out, const ci_clean_model_setup *setup,
                             const ci_vis_samples *samples)
{
    *out = NULL;
    CI_PAR_EQUAL(comm, "CLEAN's model: cell, frequency or sign", setup->cell_rad, setup->ref_hz,
                 setup->is_positive);
    ci_clean_model *b = NULL;
    const ci_sky_field *field = setup->field;
    ci_status status = ci_mem_alloc(&b, 1, sizeof *b, "model");
    if (status == CI_OK) {
        *b = (ci_clean_model){.origin = setup->origin,
                              .field = field,
                              .layout = setup->layout,
                              .pb = setup->pb,
                              .cell_rad = setup->cell_rad,
                              .stokes = setup->stokes,
                              .has_beam = field->beam && !ci_sky_beam_is_none(field->beam),
                              .is_positive = setup->is_positive,
                              .axis = {.ref_hz = setup->ref_hz, .isa = ci_comm_isa(comm)}};
        nodes_set(b, samples);
        status = ci_clean_flux_axis_tabulate(&b->axis, samples);
        if (status == CI_OK) status = frames_new(b, samples);
        if (status == CI_OK) status = ci_clean_cells_new(&b->cells, samples);
    }
    if (status == CI_OK)
        status = ci_mem_alloc(&b->pixels, slab_size(b), sizeof *b->pixels, "model image");
    if (status == CI_OK && setup->has_extended)
        status = ci_mem_alloc(&b->extended, slab_size(b), sizeof *b->extended, "model image");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = weights_set(comm, b, samples);
    if (status == CI_OK)
        *out = b;
    else
        ci_clean_model_free(b);
    return status;
}

double *ci_clean_model_pixels(ci_clean_model *b)
{
    return b->pixels;
}

const double *ci_clean_model_extended(const ci_clean_model *b)
{
    return b->extended;
}

/* ---- positions and beams --------------------------------------------------------------------- */

void ci_clean_model_place(const ci_clean_model *b, double x, double y, double *l, double *m)
{
    *l = -(x - (double)(b->layout->n_x / 2)) * b->cell_rad;
    *m = (y - (double)(b->layout->n_y / 2)) * b->cell_rad;
}

void ci_clean_model_pixel(const ci_clean_model *b, int64_t index, double *l, double *m)
{
    int64_t n_x = (int64_t)b->layout->n_x;
    ci_clean_model_place(b, (double)(index % n_x), (double)(index / n_x), l, m);
}

static double power_at(const ci_clean_model *b, double ra, double dec, size_t t, int f)
{
    if (!b->has_beam) return 1;
    return ci_sky_beam_power(b->field->beam, b->field->pointing, b->frame[t], ra, dec,
                             b->axis.node_hz[f]);
}

void ci_clean_model_beam_ratio(const ci_clean_model *b, double l, double m, double beam,
                               double *ratio)
{
    double ra, dec;
    ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < b->n_frame; t++)
        for (int f = 0; f < CI_CLEAN_FLUX_NODES; f++, ratio++)
            *ratio = b->has_beam ? power_at(b, ra, dec, t, f) / beam : 1;
}

double ci_clean_model_beam_mean(const ci_clean_model *b, double l, double m)
{
    double ra, dec, sum = 0, weight = 0;
    ci_sky_lm_inverse(b->field->ra_rad, b->field->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < b->n_frame; t++)
        for (int f = 0; f < CI_CLEAN_FLUX_NODES; f++) {
            double w = b->node_weight[t * CI_CLEAN_FLUX_NODES + (size_t)f];
            sum += w * power_at(b, ra, dec, t, f);
            weight += w;
        }
    return weight > 0 ? sum / weight : 1;
}

double ci_clean_model_beam_profile(const ci_clean_model *b, double l, double m, double *ratio)
{
    size_t n_node = b->n_frame * CI_CLEAN_FLUX_NODES;
    double sum = 0, weight = 0;
    ci_clean_model_beam_ratio(b, l, m, 1, ratio);
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

/* One pixel of the slab, less what is known of it; importance 0: no component. */
static ci_clean_component component_at(const ci_clean_model *b, const ci_clean_choice *choice,
                                       size_t i, double known)
{
    ci_clean_component c = {.index = (int64_t)(b->layout->y_first * b->layout->n_x + i),
                            .flux = b->pixels[i] - known,
                            .beam = b->pb[i]};
    if (c.flux == 0 || !(c.beam >= beam_min)) return c;
    c.importance = choice->importance ? choice->importance(b, &c) : fabs(c.flux);
    return c;
}

static ci_status component_append(ci_clean_component **list, size_t *n, size_t *n_max,
                                  const ci_clean_component *c)
{
    if (*n == *n_max) {
        *n_max = *n_max ? 2 * *n_max : 1024;
        CI_TRY(ci_mem_resize(list, *n_max, sizeof **list, "bright components"));
    }
    (*list)[(*n)++] = *c;
    return CI_OK;
}

/* This rank's components. */
static ci_status components_here(const ci_clean_model *b, const ci_clean_choice *choice,
                                 ci_clean_component **list, size_t *n)
{
    size_t n_max = 0, k = 0;
    int64_t first = (int64_t)(b->layout->y_first * b->layout->n_x);
    *n = 0;
    while (k < choice->n_known && choice->known[k].index < first)
        k++;
    for (size_t i = 0; i < slab_size(b); i++) {
        bool is_known = k < choice->n_known && choice->known[k].index == first + (int64_t)i;
        if (b->pixels[i] == 0 && !is_known) continue;
        ci_clean_component c = component_at(b, choice, i, is_known ? choice->known[k].flux : 0);
        if (is_known) k++;
        if (c.importance > 0 && c.importance >= choice->least)
            CI_TRY(component_append(list, n, &n_max, &c));
    }
    return CI_OK;
}

ci_status ci_clean_components_gather(ci_comm *comm, const ci_clean_model *b,
                                     const ci_clean_choice *choice, ci_clean_component **out,
                                     size_t *n_out)
{
    static const ci_clean_choice all = {0};
    ci_clean_component *here = NULL;
    size_t n_byte = 0, n = 0;
    ci_status status = ci_par_agree(comm, components_here(b, choice ? choice : &all, &here, &n));
    if (status == CI_OK)
        status = ci_par_gather(comm, here, n * sizeof *here, -1, (void **)out, &n_byte);
    ci_mem_free(here);
    *n_out = n_byte / sizeof **out;
    return status;
}

/* ---- snapshots ----------------------------------------------------------------------------- */

void ci_clean_snapshot_free(ci_clean_snapshot *s)
{
    if (!s) return;
    ci_mem_free(s->pixels);
    ci_mem_free(s->extended);
    ci_mem_free(s->source);
    ci_mem_free(s->variation);
    ci_mem_free(s->amplitude);
    ci_mem_free(s->outside);
    ci_mem_free(s);
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

static ci_status variations_copy(ci_clean_variation **to, double **to_amplitude, size_t *n_to,
                                 const ci_clean_model *b, const ci_clean_variation *from,
                                 const double *amplitude, size_t n)
{
    size_t n_value = n * b->cells.time.n * b->cells.freq.n;
    CI_TRY(ci_mem_resize(to, n, sizeof **to, "variable sources"));
    CI_TRY(ci_mem_resize(to_amplitude, n_value, sizeof **to_amplitude, "variable sources"));
    if (n > 0) memcpy(*to, from, n * sizeof **to);
    if (n > 0) memcpy(*to_amplitude, amplitude, n_value * sizeof **to_amplitude);
    *n_to = n;
    return CI_OK;
}

static ci_status outside_copy(ci_clean_outside **to, size_t *n_to, const ci_clean_outside *from,
                              size_t n)
{
    CI_TRY(ci_mem_resize(to, n, sizeof **to, "sources outside the image"));
    for (size_t i = 0; i < n; i++)
        (*to)[i] = from[i];
    *n_to = n;
    return CI_OK;
}

ci_status ci_clean_model_snapshot(const ci_clean_model *b, ci_clean_snapshot **snapshot)
{
    if (!*snapshot) CI_TRY(ci_mem_alloc(snapshot, 1, sizeof **snapshot, "model snapshot"));
    ci_clean_snapshot *s = *snapshot;
    if (!s->pixels)
        CI_TRY(ci_mem_alloc(&s->pixels, slab_size(b), sizeof *s->pixels, "model snapshot"));
    memcpy(s->pixels, b->pixels, slab_size(b) * sizeof *s->pixels);
    if (b->extended && !s->extended)
        CI_TRY(ci_mem_alloc(&s->extended, slab_size(b), sizeof *s->extended, "model snapshot"));
    if (b->extended) memcpy(s->extended, b->extended, slab_size(b) * sizeof *s->extended);
    s->points_off = b->points_off;
    s->residual_rms = b->residual_rms;
    s->residual_peak = b->residual_peak;
    CI_TRY(variations_copy(&s->variation, &s->amplitude, &s->n_variation, b, b->variation,
                           b->amplitude, b->n_variation));
    CI_TRY(outside_copy(&s->outside, &s->n_outside, b->outside, b->n_outside));
    return sources_copy(&s->source, &s->n_source, b->source, b->n_source);
}

ci_status ci_clean_model_restore(ci_clean_model *b, const ci_clean_snapshot *s)
{
    memcpy(b->pixels, s->pixels, slab_size(b) * sizeof *s->pixels);
    if (b->extended) memcpy(b->extended, s->extended, slab_size(b) * sizeof *s->extended);
    b->points_off = s->points_off;
    b->residual_rms = s->residual_rms;
    b->residual_peak = s->residual_peak;
    CI_TRY(variations_copy(&b->variation, &b->amplitude, &b->n_variation, b, s->variation,
                           s->amplitude, s->n_variation));
    CI_TRY(outside_copy(&b->outside, &b->n_outside, s->outside, s->n_outside));
    return sources_copy(&b->source, &b->n_source, s->source, s->n_source);
}

void ci_clean_model_swap(ci_clean_model *b, ci_clean_snapshot *s)
{
    ci_clean_snapshot was = {b->pixels,    b->extended,   b->source,       b->n_source,
                             b->variation, b->amplitude,  b->n_variation,  b->outside,
                             b->n_outside, b->points_off, b->residual_rms, b->residual_peak};
    b->pixels = s->pixels;
    b->extended = s->extended;
    b->source = s->source;
    b->n_source = s->n_source;
    b->variation = s->variation;
    b->amplitude = s->amplitude;
    b->n_variation = s->n_variation;
    b->outside = s->outside;
    b->n_outside = s->n_outside;
    b->points_off = s->points_off;
    b->residual_rms = s->residual_rms;
    b->residual_peak = s->residual_peak;
    *s = was;
}

void ci_clean_model_restart(ci_clean_model *b)
{
    memset(b->pixels, 0, slab_size(b) * sizeof *b->pixels);
    if (b->extended) memset(b->extended, 0, slab_size(b) * sizeof *b->extended);
    b->n_source = 0;
    b->points_off = false;
}

/* ---- points ---------------------------------------------------------------------------------- */

ci_clean_point ci_clean_source_point(const ci_clean_model *b, const ci_clean_source *s)
{
    return (ci_clean_point){(double)(b->layout->n_x / 2) - s->l / b->cell_rad,
                            (double)(b->layout->n_y / 2) + s->m / b->cell_rad, s->point_jy};
}

void ci_clean_source_pixelise(ci_clean_model *b, ci_clean_source *s)
{
    ci_clean_point point = ci_clean_source_point(b, s);
    ci_clean_points_pixelise(b->layout, &point, 1, b->pixels);
    s->point_jy = 0;
    s->is_point = false;
    s->is_rejected = true;
}

ci_status ci_clean_model_points(const ci_clean_model *b, ci_clean_point **out, size_t *n_out)
{
    CI_TRY(ci_mem_alloc(out, b->n_source, sizeof **out, "bright sources"));
    *n_out = 0;
    for (size_t i = 0; i < b->n_source; i++) {
        const ci_clean_source *s = &b->source[i];
        if (!s->is_point) continue;
        (*out)[(*n_out)++] = ci_clean_source_point(b, s);
    }
    return CI_OK;
}

size_t ci_clean_model_n_outside(const ci_clean_model *b)
{
    return b->n_outside;
}

ci_status ci_clean_model_flux(ci_comm *comm, const ci_clean_model *b, double *flux_jy)
{
    double *row = NULL;
    const ci_grid_layout *l = b->layout;
    CI_TRY(ci_par_alloc(comm, &row, l->n_here, sizeof *row, "model flux"));
    for (size_t i = 0; i < slab_size(b); i++)
        row[i / l->n_x] += b->pixels[i] + (b->extended ? b->extended[i] : 0);
    ci_status status = ci_par_sum_blocks(comm, l->n_y, l->y_first, l->n_here, 1, row, flux_jy);
    ci_mem_free(row);
    for (size_t i = 0; i < b->n_source; i++)
        *flux_jy += b->source[i].point_jy;
    return status;
}
