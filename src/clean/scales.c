/* Scales of components: how much of each the data see, what they do to each other, and the residual
 * as each sees it. */
#include "clean/psf_wide.h"
#include "clean/scales.h"
#include "contimg/fft.h"

#include <math.h>
#include <string.h>

enum
{
    PATCH_HALF = 512,
    AUTO_FIRST = 2,   /* of the beam: the first of them; each is twice the one before */
    AUTO_LARGEST = 4, /* of the image's width: none is wider than one part in so many */
    BEAMS_OFF = 3     /* from the rim of a component to the image's edge: what restoring needs */
};
static const double norm_least = 1e-3;  /* a scale of less is not in these data */
static const double bias_step = 0.8;    /* of values, from one scale to one of twice the width */
static const double half_power = 0.454; /* full width at half maximum of a shape of width 1 */

/* ---- making ---------------------------------------------------------------------------------- */

void ci_clean_scales_clear(ci_clean_scales *s)
{
    for (size_t i = 0; s->scale && i < s->n; i++) {
        ci_mem_free(s->scale[i].shape);
        ci_mem_free(s->scale[i].value);
        ci_mem_free(s->scale[i].mask);
    }
    for (size_t i = 1; s->patch && i < s->n * s->n; i++)
        if (i / s->n <= i % s->n) ci_mem_free(s->patch[i].value);
    ci_mem_free(s->scale);
    ci_mem_free(s->patch);
    ci_mem_free(s->ratio);
    ci_mem_free(s->transform.value);
    ci_mem_free(s->row);
    ci_mem_free(s->slab);
    *s = (ci_clean_scales){0};
}

/* Pixels from the edge in which a centre may not be. */
static size_t margin_of(const ci_clean_scales_setup *setup, double width)
{
    return width > 0 ? (size_t)ceil(width / 2 + BEAMS_OFF * setup->beam.major) : 0;
}

static size_t least_side(const ci_clean_scales_setup *setup)
{
    const ci_grid_layout *l = setup->layout;
    return l->n_x < l->n_y ? l->n_x : l->n_y;
}

/* Widths of the options, or those that the beam and the image suggest, into width [*n]. */
static ci_status widths_choose(const ci_clean_scales_setup *setup, double *width, size_t *n)
{
    const ci_clean_options *o = setup->options;
    size_t side = least_side(setup);
    *n = 0;
    if (o->auto_scales) {
        double w = AUTO_FIRST * setup->beam.major;
        for (; *n < CI_CLEAN_AUTO_SCALE && w * AUTO_LARGEST <= (double)side; w *= 2)
            if (2 * margin_of(setup, w) < side) width[(*n)++] = w;
        return CI_OK;
    }
    for (int i = 0; i < o->n_scale; i++) {
        width[(*n)++] = o->scale_px[i];
        if (2 * margin_of(setup, o->scale_px[i]) >= side)
            return ci_error(CI_ERR_USAGE,
                            "--scales %g: wider than fits into an image of %zu x %zu pixels with "
                            "%d beams around it: give less than %.4g pixels, or a larger --size",
                            o->scale_px[i], setup->layout->n_x, setup->layout->n_y, BEAMS_OFF,
                            fmax(0, (double)side - 2 * BEAMS_OFF * setup->beam.major - 2));
    }
    return CI_OK;
}

static ci_status list_new(ci_clean_scales *s, const ci_clean_scales_setup *setup,
                          const double *width, size_t n)
{
    CI_TRY(ci_mem_alloc(&s->scale, n + 1, sizeof *s->scale, "scales"));
    s->n = n + 1;
    s->scale[0] = (ci_clean_scale){.norm = 1, .bias = 1, .noise = 1};
    for (size_t i = 1; i < s->n; i++) {
        double w = width[i - 1];
        s->scale[i] =
            (ci_clean_scale){.width = w,
                             .margin = margin_of(setup, w),
                             .bias = pow(bias_step, log2(1 + w / (2 * setup->beam.major)))};
    }
    for (size_t i = 0; i < s->n; i++)
        s->scale[i].radius =
            (int32_t)ceil(hypot(setup->beam.major, half_power * s->scale[i].width) / 2);
    return CI_OK;
}

static ci_status arrays_new(ci_clean_scales *s, const ci_clean_scales_setup *setup)
{
    size_t n_pixel = setup->layout->n_here * setup->layout->n_x;
    CI_TRY(ci_mem_alloc(&s->patch, s->n * s->n, sizeof *s->patch, "PSF of scales"));
    s->patch[0] = *setup->patch;
    for (size_t i = 0; i < s->n; i++)
        CI_TRY(ci_mem_alloc(&s->scale[i].mask, n_pixel, 1, "clean mask"));
    if (s->n == 1) return CI_OK;
    for (size_t i = 1; i < s->n; i++)
        CI_TRY(ci_mem_alloc(&s->scale[i].value, n_pixel, sizeof *s->scale[i].value,
                            "residual of a scale"));
    CI_TRY(ci_mem_alloc(&s->ratio, s->n * s->n, sizeof *s->ratio, "PSF of scales"));
    CI_TRY(ci_mem_alloc(&s->slab, n_pixel, sizeof *s->slab, "residual of a scale"));
    return ci_mem_alloc(&s->row, setup->layout->n_x, sizeof *s->row, "residual of a scale");
}

/* Pixels of a shape, rank 0's for all. */
static ci_status shape_make(ci_comm *comm, ci_clean_scale *scale)
{
    scale->half = (size_t)floor(scale->width / 2);
    size_t side = 2 * scale->half + 1;
    double sum = 0, half = (double)scale->half;
    CI_AGREE(comm, ci_mem_alloc(&scale->shape, side * side, sizeof *scale->shape, "shape"));
    for (size_t i = 0; i < side * side; i++) {
        double r = hypot((double)(i % side) - half, (double)(i / side) - half);
        scale->shape[i] = ci_clean_shape(r / scale->width);
        sum += scale->shape[i];
    }
    for (size_t i = 0; i < side * side; i++)
        scale->shape[i] /= sum;
    return ci_par_bcast(comm, scale->shape, side * side * sizeof *scale->shape, 0);
}

/* ---- what the data see of each ----------------------------------------------------------------
 */

/* Sums of one summand's samples: of weights and of noise, times the squared transform of each
 * scale. */
static void sample_add(const ci_clean_scales *s, double q, double weight, double noise, double *sum)
{
    for (size_t i = 0; i < s->n; i++) {
        double t = i == 0 ? 1 : ci_clean_transform_at(&s->transform, q * s->scale[i].width);
        sum[2 * i] += weight * t * t;
        sum[2 * i + 1] += noise * t * t;
    }
}

static void row_add(const ci_clean_scales *s, const ci_clean_scales_setup *setup, size_t r,
                    double *sum)
{
    const ci_vis_samples *v = setup->samples;
    const double *uvw = v->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(v, r);
    double per_hz = hypot(uvw[0], uvw[1]) / CI_C_M_S * setup->cell_rad;
    for (size_t k = v->first[r]; k < v->first[r + 1]; k++) {
        double w = v->weight[k];
        if (w > 0) sample_add(s, per_hz * freq_hz[k - v->first[r]], w, w * w / v->natural[k], sum);
    }
}

static ci_status norms_find(ci_comm *comm, ci_clean_scales *s, const ci_clean_scales_setup *setup)
{
    const ci_vis_samples *v = setup->samples;
    double sum[2 * (CI_CLEAN_MAX_SCALE + 1)], *here = NULL;
    ci_par_pairwise *sums = NULL;
    CI_TRY(ci_par_pairwise_new(comm, &sums, ci_vis_samples_n_summand(v), 2 * s->n));
    for (size_t r = 0; r < v->n_row; r++) {
        if (ci_vis_samples_summand_begins(v, r)) here = ci_par_pairwise_next(sums);
        row_add(s, setup, r, here);
    }
    ci_status status = ci_par_pairwise_finish(comm, sums, sum);
    ci_par_pairwise_free(sums);
    for (size_t i = 1; status == CI_OK && i < s->n; i++) {
        s->scale[i].norm = sqrt(sum[2 * i] / sum[0]);
        s->scale[i].noise = sqrt(sum[2 * i + 1] / sum[1]) / s->scale[i].norm * s->scale[i].bias;
    }
    return status;
}

/* Of those that were chosen, what the data do not see is left out; of those that were given, it is
 * refused. */
static ci_status unseen_drop(ci_clean_scales *s, const ci_clean_options *o)
{
    for (size_t i = 1; i < s->n; i++) {
        const ci_clean_scale *scale = &s->scale[i];
        if (scale->norm >= norm_least) continue;
        if (!o->auto_scales)
            return ci_error(CI_ERR_USAGE,
                            "--scales %g: no baseline is short enough to see a component of this "
                            "width (%.2g of the weight): give smaller ones",
                            scale->width, scale->norm * scale->norm);
        s->n = i;
    }
    return CI_OK;
}

/* ---- what they do to each other ----------------------------------------------------------------
 */

/* The product of two scales' transforms, times a factor. */
typedef struct product
{
    const ci_clean_transform *transform;
    double width[2], factor;
} product;

static double product_transfer(void *context, double u, double v)
{
    const product *p = context;
    double q = hypot(u, v), value = p->factor;
    for (int i = 0; i < 2; i++)
        if (p->width[i] > 0) value *= ci_clean_transform_at(p->transform, q * p->width[i]);
    return value;
}

static ci_status slab_convolve(ci_comm *comm, const ci_grid_layout *l, float *slab, product *p)
{
    return ci_fft_convolve(comm, &(ci_fft_slab){l->n_y, l->n_x, l->y_first, l->n_here, slab},
                           product_transfer, p);
}

/* The patch of two scales, on rank 0. */
static ci_status pair_make(ci_comm *comm, ci_clean_scales *s, const ci_clean_scales_setup *setup,
                           size_t a, size_t b, double *psf)
{
    const ci_grid_layout *l = setup->layout;
    const ci_clean_scale *x = &s->scale[a], *y = &s->scale[b];
    size_t n = l->n_here * l->n_x, half = (least_side(setup) - 1) / 2;
    ci_clean_patch *patch = &s->patch[a * s->n + b];
    product p = {&s->transform, {x->width, y->width}, 1 / (x->norm * y->norm)};
    if (half > PATCH_HALF) half = PATCH_HALF;
    for (size_t i = 0; i < n; i++)
        s->slab[i] = (float)setup->psf[i];
    CI_TRY(slab_convolve(comm, l, s->slab, &p));
    for (size_t i = 0; i < n; i++)
        psf[i] = s->slab[i];
    if (a == b) s->hidden = fmax(s->hidden, ci_clean_psf_beyond(l, psf, half));
    patch->half = half;
    CI_TRY(ci_grid_slab_cut(
        comm, l, psf,
        (ci_grid_rectangle){l->n_x / 2 - half, l->n_y / 2 - half, 2 * half + 1, 2 * half + 1}, 0,
        &patch->value));
    s->patch[b * s->n + a] = *patch;
    return CI_OK;
}

static ci_status pairs_make(ci_comm *comm, ci_clean_scales *s, const ci_clean_scales_setup *setup)
{
    double *psf = NULL;
    size_t n = setup->layout->n_here * setup->layout->n_x;
    CI_AGREE(comm, ci_mem_alloc(&psf, n, sizeof *psf, "PSF of scales"));
    ci_status status = CI_OK;
    for (size_t a = 0; a < s->n; a++)
        for (size_t b = a; status == CI_OK && b < s->n; b++) {
            s->ratio[a * s->n + b] = (float)(s->scale[b].bias / s->scale[a].bias);
            s->ratio[b * s->n + a] = (float)(s->scale[a].bias / s->scale[b].bias);
            if (b > 0) status = pair_make(comm, s, setup, a, b, psf);
        }
    ci_mem_free(psf);
    return status == CI_OK ? ci_par_max_double(comm, &s->hidden, 1) : status;
}

static void scales_tell(const ci_clean_scales *s)
{
    for (size_t i = 1; i < s->n; i++)
        ci_log_info("clean: components of %.4g pixels: noise %.3g of that of points",
                    s->scale[i].width, s->scale[i].noise * s->scale[i].norm);
}

ci_status ci_clean_scales_new(ci_comm *comm, ci_clean_scales *s, const ci_clean_scales_setup *setup)
{
    double width[CI_CLEAN_MAX_SCALE];
    size_t n = 0;
    *s = (ci_clean_scales){0};
    CI_AGREE(comm, widths_choose(setup, width, &n));
    CI_AGREE(comm, list_new(s, setup, width, n));
    if (n > 0) CI_TRY(ci_clean_transform_new(comm, &s->transform));
    if (n > 0) CI_TRY(norms_find(comm, s, setup));
    CI_AGREE(comm, unseen_drop(s, setup->options));
    CI_AGREE(comm, arrays_new(s, setup));
    for (size_t i = 1; i < s->n; i++)
        CI_TRY(shape_make(comm, &s->scale[i]));
    scales_tell(s);
    return s->n > 1 ? pairs_make(comm, s, setup) : CI_OK;
}

/* ---- the residual as they see it
 * ----------------------------------------------------------------- */

ci_status ci_clean_scales_see(ci_comm *comm, const ci_clean_scales *s, const ci_grid_layout *l,
                              const double *residual)
{
    for (size_t i = 1; i < s->n; i++) {
        ci_clean_scale *scale = &s->scale[i];
        product p = {&s->transform, {scale->width, 0}, scale->bias / scale->norm};
        for (size_t k = 0; k < l->n_here * l->n_x; k++)
            scale->value[k] = (float)residual[k];
        CI_TRY(slab_convolve(comm, l, scale->value, &p));
    }
    return CI_OK;
}

const double *ci_clean_scales_row(const ci_clean_scales *s, size_t i_scale, const ci_grid_layout *l,
                                  const double *residual, size_t i)
{
    if (i_scale == 0) return residual + i * l->n_x;
    const float *value = s->scale[i_scale].value + i * l->n_x;
    for (size_t x = 0; x < l->n_x; x++)
        s->row[x] = value[x];
    return s->row;
}

void ci_clean_scale_add(const ci_clean_scale *scale, const ci_grid_layout *l, int32_t x, int32_t y,
                        double flux_jy, double *slab)
{
    size_t side = 2 * scale->half + 1;
    size_t first = (size_t)y - scale->half, left = (size_t)x - scale->half;
    for (size_t i = 0; i < side; i++) {
        if (first + i < l->y_first || first + i >= l->y_first + l->n_here) continue;
        double *row = slab + (first + i - l->y_first) * l->n_x + left;
        for (size_t k = 0; k < side; k++)
            row[k] += flux_jy * scale->shape[i * side + k];
    }
}
