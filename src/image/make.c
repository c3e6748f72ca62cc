/* ci_image_make: the images of one tile as files. */
#include "image/beam_fit.h"
#include "image/choose.h"
#include "image/pbeam.h"
#include "image/restore.h"
#include "image/stokes.h"
#include "image/weight.h"
#include "image/write.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double ambiguous_sidelobe = 0.9;

void ci_image_options_default(ci_image_options *options)
{
    *options = (ci_image_options){.weighting = CI_IMAGE_BRIGGS,
                                  .robust = 0,
                                  .stokes = "I",
                                  .accuracy = 1e-4,
                                  .clean = {.max_iteration = 100000,
                                            .gain = 0.1,
                                            .major_gain = 0.8,
                                            .auto_mask = 5,
                                            .auto_threshold = 1,
                                            .max_major = 40},
                                  .pb_cut = 0.2};
}

static ci_status options_check(const ci_image_options *o)
{
    if (o->n_pixel > 0 && o->n_pixel < 16)
        return ci_error(CI_ERR_USAGE, "--size %zu: at least 16 pixels", o->n_pixel);
    if (o->cell_rad < 0 || !isfinite(o->cell_rad))
        return ci_error(CI_ERR_USAGE, "--cell-arcsec %g: must be positive",
                        o->cell_rad * CI_RAD_TO_ARCSEC);
    if (!(o->accuracy >= 1e-12 && o->accuracy <= 1e-2))
        return ci_error(CI_ERR_USAGE, "--accuracy %g: must lie between 1e-12 and 1e-2",
                        o->accuracy);
    if (!(o->clean.gain > 0 && o->clean.gain <= 1) ||
        !(o->clean.major_gain > 0 && o->clean.major_gain <= 1))
        return ci_error(CI_ERR_USAGE, "clean gains %g and %g: must lie in (0, 1]", o->clean.gain,
                        o->clean.major_gain);
    if (o->clean.max_iteration < 0 || o->clean.max_major < 0)
        return ci_error(CI_ERR_USAGE, "--niter %d: must not be negative", o->clean.max_iteration);
    if (!(o->clean.auto_mask > 0) || !(o->clean.auto_threshold > 0) ||
        o->clean.auto_threshold > o->clean.auto_mask)
        return ci_error(CI_ERR_USAGE,
                        "--auto-threshold %g, --auto-mask %g: must be positive, the mask not "
                        "below the threshold",
                        o->clean.auto_threshold, o->clean.auto_mask);
    if (o->max_uv_lambda > 0 && o->max_uv_lambda <= o->min_uv_lambda)
        return ci_error(CI_ERR_USAGE, "--uv-range %g-%g: is empty", o->min_uv_lambda,
                        o->max_uv_lambda);
    return CI_OK;
}

static ci_status stop_check(ci_comm *comm, const ci_image_options *options)
{
    if (!options->stop) return CI_OK;
    return ci_par_agree(comm,
                        options->stop() ? ci_error(CI_ERR_STOPPED, "stopped on request") : CI_OK);
}

/* All that one call of ci_image_make holds. */
typedef struct product
{
    const ci_sky_field *sky;
    const ci_image_options *options;
    const char *prefix;
    ci_image_stats *stats;
    ci_vis_samples *samples;
    ci_grid_geometry geometry;
    ci_grid_operator *gridder;
    ci_grid_layout *layout;
    ci_fits_header header;
    double *residual, *psf; /* slabs */
    ci_clean_model *model;
    float *out; /* slab for files */
    float *pb;  /* slab, mean primary beam */
    double sum_weight, psf_far;
    ci_clean_patch psf_wide;
    char unit[8]; /* of fluxes: "Jy" */
} product;

static void product_clear(product *p)
{
    ci_grid_operator_free(p->gridder);
    ci_vis_samples_free(p->samples);
    ci_grid_layout_free(p->layout);
    ci_fits_header_clear(&p->header);
    ci_mem_free(p->residual);
    ci_mem_free(p->psf);
    ci_clean_model_free(p->model);
    ci_mem_free(p->out);
    ci_mem_free(p->pb);
    ci_mem_free(p->psf_wide.value);
}

static size_t slab_size(const product *p)
{
    return p->layout->n_here * p->layout->n_x;
}

static void unit_set(product *p, const char *per)
{
    snprintf(p->header.bunit, sizeof p->header.bunit, "%s%s", *per ? p->unit : "", per);
}

/* per: "/beam", "/pixel", or "" for what has no unit. */
static ci_status image_write(ci_comm *comm, product *p, const double *slab, const char *name,
                             const char *per)
{
    for (size_t i = 0; i < slab_size(p); i++)
        p->out[i] = (float)slab[i];
    unit_set(p, per);
    return ci_image_slab_write(comm, p->layout, p->out, &p->header, p->prefix, name);
}

/* ---- dirty image, PSF, beam -------------------------------------------------------------- */

static ci_status slabs_new(ci_comm *comm, product *p)
{
    size_t y_first, n_here, n;
    ci_grid_operator_slab(p->gridder, &y_first, &n_here);
    CI_TRY(ci_grid_layout_new(comm, &p->layout, p->geometry.n_x, p->geometry.n_y, y_first, n_here));
    n = slab_size(p);
    ci_status status = ci_mem_alloc(&p->residual, n, sizeof(double), "dirty image");
    if (status == CI_OK) status = ci_mem_alloc(&p->psf, n, sizeof(double), "PSF");
    if (status == CI_OK) status = ci_mem_alloc(&p->out, n, sizeof(float), "image");
    if (status == CI_OK) status = ci_mem_alloc(&p->pb, n, sizeof(float), "primary beam");
    CI_TRY(ci_par_agree(comm, status));
    return ci_image_pb(comm, p->samples, p->sky, p->layout, p->geometry.cell_rad, p->pb);
}

static ci_status dirty_make(ci_comm *comm, product *p)
{
    CI_TRY(ci_grid_image(comm, p->gridder, p->samples->data, p->residual));
    bool is_finite = true;
    for (size_t i = 0; i < slab_size(p); i++) {
        p->residual[i] /= p->sum_weight;
        is_finite = is_finite && fabs(p->residual[i]) < FLT_MAX;
    }
    CI_AGREE(comm, is_finite
                       ? CI_OK
                       : ci_error(CI_ERR_INPUT, "the visibilities are so large that the image "
                                                "overflows: are these data calibrated, or "
                                                "damaged?"));
    return ci_grid_slab_peak(comm, p->layout, p->residual, NULL, &p->stats->dirty_peak_jy);
}

static ci_status psf_make(ci_comm *comm, product *p)
{
    float *centre = NULL;
    CI_TRY(ci_grid_psf(comm, p->gridder, p->psf));
    for (size_t i = 0; i < slab_size(p); i++)
        p->psf[i] /= p->sum_weight;
    /* The centre is 1 within the gridder's accuracy; made 1 as float pixels have it. */
    CI_TRY(ci_grid_slab_cut(comm, p->layout, p->psf, p->layout->n_x / 2, p->layout->n_y / 2, 1, 1,
                            -1, &centre));
    double peak = centre[0];
    ci_mem_free(centre);
    if (!(fabs(peak - 1) < 0.1))
        return ci_error(CI_ERR_INTERNAL, "PSF: %g at its centre instead of 1", peak);
    for (size_t i = 0; i < slab_size(p); i++)
        p->psf[i] /= peak;
    return ci_image_sidelobe(comm, p->layout, p->psf, &p->stats->psf_sidelobe);
}

/* Fits the restoring beam, on a larger patch where it fills the first. */
static ci_status beam_fit(ci_comm *comm, product *p)
{
    size_t c = p->geometry.n_x / 2, scratch = p->geometry.n_x - 1 - c;
    if (c < scratch) scratch = c;
    ci_image_beam_fit fit = {.touches_edge = true};
    for (size_t half = 64; fit.touches_edge; half *= 4) {
        if (half > scratch) half = scratch;
        float *patch = NULL;
        CI_TRY(ci_grid_slab_cut(comm, p->layout, p->psf, c - half, c - half, 2 * half + 1,
                                2 * half + 1, -1, &patch));
        ci_status status = ci_par_agree(comm, ci_image_beam_fit_patch(patch, 2 * half + 1, &fit));
        ci_mem_free(patch);
        CI_TRY(status);
        if (half == scratch) break;
    }
    bool is_root = ci_comm_rank(comm) == 0;
    if (is_root && fit.touches_edge)
        ci_log_warning("the beam is larger than the image: its axes are not well known");
    if (is_root && fit.is_guess)
        ci_log_warning("the beam cannot be fitted: the PSF has no core of several pixels; taken "
                       "as 2 pixels: choose a smaller --cell-arcsec");
    double sidelobe = fmax(p->stats->psf_sidelobe, p->psf_far);
    if (is_root && sidelobe > ambiguous_sidelobe)
        ci_log_warning("the PSF has a sidelobe of %.3f: an array too sparse to tell a source from "
                       "its grating responses; places and fluxes of sources are ambiguous",
                       sidelobe);
    p->stats->beam_major_rad = fit.major * p->geometry.cell_rad;
    p->stats->beam_minor_rad = fit.minor * p->geometry.cell_rad;
    p->stats->beam_pa_rad = fit.pa_rad;
    ci_log_info("beam %.4g x %.4g arcsec, position angle %.4g deg, greatest sidelobe %.3g",
                p->stats->beam_major_rad * CI_RAD_TO_ARCSEC,
                p->stats->beam_minor_rad * CI_RAD_TO_ARCSEC, fit.pa_rad * CI_RAD_TO_DEG,
                p->stats->psf_sidelobe);
    return CI_OK;
}

/* ---- clean ---------------------------------------------------------------------------------- */

static ci_num_beam beam_pixels(const product *p)
{
    return (ci_num_beam){p->stats->beam_major_rad / p->geometry.cell_rad,
                         p->stats->beam_minor_rad / p->geometry.cell_rad, p->stats->beam_pa_rad};
}

/* The PSF is done with: its slab takes the restored image. Point components become pixels of the
 * model image that is written. */
static ci_status restored_make(ci_comm *comm, product *p)
{
    double *pixels = ci_clean_model_pixels(p->model);
    ci_clean_point *points = NULL;
    size_t n = 0;
    ci_status status = ci_par_agree(comm, ci_clean_model_points(p->model, &points, &n));
    if (status == CI_OK)
        status = ci_image_restore(comm, p->layout, pixels, points, n, p->residual, beam_pixels(p),
                                  p->psf);
    if (status == CI_OK) ci_clean_points_pixelise(p->layout, points, n, pixels);
    ci_mem_free(points);
    return status;
}

static ci_status cycles_run(ci_comm *comm, product *p, bool is_positive)
{
    const ci_clean_setup setup = {.gridder = p->gridder,
                                  .samples = p->samples,
                                  .layout = p->layout,
                                  .options = &p->options->clean,
                                  .model = p->model,
                                  .residual = p->residual,
                                  .psf = p->psf,
                                  .sum_weight = p->sum_weight,
                                  .beam = beam_pixels(p),
                                  .psf_far = p->psf_far,
                                  .psf_wide = p->psf_wide,
                                  .is_positive = is_positive};
    ci_clean *clean = NULL;
    bool is_done = false;
    CI_TRY(ci_clean_new(comm, &clean, &setup));
    ci_status status = CI_OK;
    while (status == CI_OK && !is_done) {
        status = stop_check(comm, p->options);
        if (status == CI_OK) status = ci_clean_cycle(comm, clean, &is_done);
    }
    p->stats->clean = *ci_clean_stats_get(clean);
    ci_clean_free(clean);
    return status;
}

static ci_status clean_make(ci_comm *comm, product *p)
{
    bool is_positive = ci_image_stokes_is_positive(p->options->stokes);
    const ci_clean_model_setup setup = {.field = p->sky,
                                        .layout = p->layout,
                                        .pb = p->pb,
                                        .cell_rad = p->geometry.cell_rad,
                                        .ref_hz = p->stats->freq_hz,
                                        .is_positive = is_positive};
    CI_TRY(ci_clean_model_new(comm, &p->model, &setup, p->samples));
    CI_TRY(cycles_run(comm, p, is_positive));
    ci_clean_model_summary(p->model, &p->stats->clean);
    CI_TRY(ci_clean_model_flux(comm, p->model, &p->stats->model_flux_jy));
    CI_TRY(restored_make(comm, p));
    CI_TRY(ci_grid_slab_rms(comm, p->layout, p->residual, &p->stats->rms_jy));
    ci_log_info("clean: stopped: %s; %d major cycle%s, %d component%s, %.4g Jy, rms %.4g Jy/beam",
                p->stats->clean.stop_reason, p->stats->clean.n_major,
                ci_plural(p->stats->clean.n_major), p->stats->clean.n_minor,
                ci_plural(p->stats->clean.n_minor), p->stats->model_flux_jy, p->stats->rms_jy);
    return CI_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Cards of the run itself, the same in every file of the tile from then on. */
static ci_status cards_set(product *p, bool weights_known)
{
    static const char *const weightings[] = {"natural", "uniform", "briggs"};
    const ci_image_options *o = p->options;
    const ci_image_stats *s = p->stats;
    ci_fits_header *h = &p->header;
    const ci_sky_beam *beam = p->sky->beam;
    CI_TRY(ci_fits_card_set_text(h, "WEIGHT", weightings[o->weighting], "imaging weights"));
    if (o->weighting == CI_IMAGE_BRIGGS)
        CI_TRY(ci_fits_card_set_number(h, "ROBUST", o->robust, "Briggs robustness"));
    CI_TRY(ci_fits_card_set_int(h, "PSEUDOI", s->is_pseudo_i, "1: I from one polarisation only"));
    CI_TRY(
        ci_fits_card_set_text(h, "PBEAM", beam ? ci_sky_beam_text(beam) : "none", "primary beam"));
    CI_TRY(ci_fits_card_set_number(h, "PBCUT", o->pb_cut, "pbcor is NaN below this beam"));
    CI_TRY(ci_fits_card_set_number(h, "ACCURACY", o->accuracy, "of gridding, asked"));
    CI_TRY(ci_fits_card_set_int(h, "NSAMPLE", s->n_sample, "unflagged samples imaged"));
    CI_TRY(ci_fits_card_set_number(h, "SUMWT", s->sum_weight, "sum of imaging weights"));
    if (o->min_uv_lambda > 0)
        CI_TRY(ci_fits_card_set_number(h, "UVMIN", o->min_uv_lambda, "wavelengths"));
    if (o->max_uv_lambda > 0)
        CI_TRY(ci_fits_card_set_number(h, "UVMAX", o->max_uv_lambda, "wavelengths"));
    CI_TRY(ci_fits_card_set_int(h, "NITER", o->clean.max_iteration, "limit of clean components"));
    if (!weights_known)
        return ci_fits_card_set_text(h, "THERMAL", "unknown", "weights are not 1/sigma^2");
    return ci_fits_card_set_number(h, "THERMAL", s->thermal_jy, "[Jy/beam] expected noise");
}

/* Cards that are known once the beam is fitted, and once cleaning is over. */
static ci_status cards_beam(product *p)
{
    p->header.beam_major_rad = p->stats->beam_major_rad;
    p->header.beam_minor_rad = p->stats->beam_minor_rad;
    p->header.beam_pa_rad = p->stats->beam_pa_rad;
    return ci_fits_card_set_number(&p->header, "SIDELOBE", p->stats->psf_sidelobe,
                                   "greatest sidelobe of the PSF");
}

static ci_status cards_clean(product *p)
{
    const ci_image_options *o = p->options;
    const ci_image_stats *s = p->stats;
    ci_fits_header *h = &p->header;
    CI_TRY(ci_fits_card_set_number(h, "RMS", s->rms_jy, "[Jy/beam] 1.4826 MAD of the residual"));
    if (o->clean.max_iteration == 0) return CI_OK;
    CI_TRY(ci_fits_card_set_int(h, "NMINOR", s->clean.n_minor, "clean components"));
    CI_TRY(ci_fits_card_set_int(h, "NMAJOR", s->clean.n_major, "major cycles"));
    CI_TRY(ci_fits_card_set_int(h, "NSLOPE", s->clean.n_slope,
                                "sources cleaned with a slope of their own"));
    CI_TRY(ci_fits_card_set_int(h, "NPOINT", s->clean.n_point, "point components between pixels"));
    CI_TRY(ci_fits_card_set_text(h, "STOPPED", s->clean.stop_reason, "why clean ended"));
    CI_TRY(ci_fits_card_set_int(h, "DIVERGED", s->clean.diverged, "1: clean diverged"));
    CI_TRY(ci_fits_card_set_number(h, "GAIN", o->clean.gain, "minor cycle gain"));
    CI_TRY(ci_fits_card_set_number(h, "MGAIN", o->clean.major_gain, "major cycle gain"));
    CI_TRY(ci_fits_card_set_number(h, "AUTOMASK", o->clean.auto_mask, "[local rms] mask"));
    CI_TRY(ci_fits_card_set_number(h, "AUTOTHR", o->clean.auto_threshold, "[local rms] threshold"));
    return ci_fits_card_set_number(h, "MODELJY", s->model_flux_jy, "[Jy] sum of components");
}

static ci_status header_set(product *p, const ci_fits_header *header)
{
    ci_fits_header *h = &p->header;
    CI_TRY(ci_fits_header_copy(h, header));
    snprintf(p->unit, sizeof p->unit, "%.7s", header->bunit[0] ? header->bunit : "Jy");
    h->n_x = p->geometry.n_x;
    h->n_y = p->geometry.n_y;
    h->ra_rad = p->sky->ra_rad;
    h->dec_rad = p->sky->dec_rad;
    h->x_ref = (double)(p->geometry.n_x / 2);
    h->y_ref = (double)(p->geometry.n_y / 2);
    h->cell_rad = p->geometry.cell_rad;
    h->slant_a = h->slant_b = 0;
    h->freq_hz = p->stats->freq_hz;
    h->bandwidth_hz = p->stats->bandwidth_hz;
    if (h->time_mjd_s <= 0 && p->samples->n_time > 0) h->time_mjd_s = p->samples->time_mjd_s[0];
    snprintf(h->stokes, sizeof h->stokes, "%s", p->options->stokes);
    if (h->telescope[0] == '\0')
        snprintf(h->telescope, sizeof h->telescope, "%s", ci_vis_text(p->samples->array.telescope));
    return CI_OK;
}

/* image, pb, pbcor. */
static ci_status corrected_write(ci_comm *comm, product *p, const double *image)
{
    CI_TRY(ci_grid_slab_peak(comm, p->layout, image, NULL, &p->stats->peak_jy));
    CI_TRY(image_write(comm, p, image, "image", "/beam"));
    unit_set(p, "");
    CI_TRY(ci_image_slab_write(comm, p->layout, p->pb, &p->header, p->prefix, "pb"));
    for (size_t i = 0; i < slab_size(p); i++)
        p->out[i] = p->pb[i] >= p->options->pb_cut ? (float)(image[i] / p->pb[i]) : NAN;
    unit_set(p, "/beam");
    return ci_image_slab_write(comm, p->layout, p->out, &p->header, p->prefix, "pbcor");
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What an image needs at the very least, before hours go into one that cannot be held: the slabs
 * of a product and the grid. */
static ci_status memory_check(ci_comm *comm, const product *p)
{
    double n_pixel = (double)p->geometry.n_x * (double)p->geometry.n_y;
    double slabs =
        (p->options->clean.max_iteration > 0 ? 3 : 2) * sizeof(double) + 2 * sizeof(float);
    double need = n_pixel * (slabs + sizeof(ci_c32) / 2.0) / ci_comm_size(comm);
    double budget = (double)ci_mem_budget(), now = (double)ci_mem_now();
    ci_status status = CI_OK;
    if (budget > 0 && now + need > budget)
        status = ci_error(CI_ERR_MEMORY,
                          "image of %zu x %zu pixels of %.4g arcsec: needs more than %.3g GB on "
                          "each of %d rank%s, %.3g GB are left: give a smaller --size, a larger "
                          "--cell-arcsec, more --memory or more ranks",
                          p->geometry.n_x, p->geometry.n_y, p->geometry.cell_rad * CI_RAD_TO_ARCSEC,
                          need * 1e-9, ci_comm_size(comm), ci_plural(ci_comm_size(comm)),
                          fmax(budget - now, 0) * 1e-9);
    return ci_par_agree(comm, status);
}

static ci_status plan_make(ci_comm *comm, product *p, ci_vis_set *set, bool weights_known)
{
    ci_image_stats *s = p->stats;
    CI_TRY(ci_image_samples_take(comm, &p->samples, set, p->options));
    CI_TRY(ci_image_geometry_choose(comm, p->samples, p->sky, p->options, &p->geometry));
    CI_TRY(memory_check(comm, p));
    ci_image_sums sums;
    CI_TRY(ci_image_sums_get(comm, p->samples, &sums));
    p->sum_weight = s->sum_weight = sums.weight;
    s->n_x = p->geometry.n_x;
    s->n_y = p->geometry.n_y;
    s->cell_rad = p->geometry.cell_rad;
    s->freq_hz = sums.freq_hz;
    s->bandwidth_hz = sums.freq_max_hz - sums.freq_min_hz;
    s->thermal_jy = weights_known ? sums.thermal_jy : NAN;
    s->n_sample = p->samples->n_good;
    s->is_pseudo_i = p->samples->is_pseudo_i;
    if (s->is_pseudo_i && ci_comm_rank(comm) == 0)
        ci_log_warning("Stokes I is made from one polarisation: the other is not in the file or "
                       "dead over the whole array");
    ci_log_info("image: Stokes %s, %zu x %zu pixels of %.4g arcsec, %lld sample%s, %.4g MHz",
                p->options->stokes, s->n_x, s->n_y, s->cell_rad * CI_RAD_TO_ARCSEC,
                (long long)s->n_sample, ci_plural(s->n_sample), s->freq_hz * 1e-6);
    if (p->options->clean.max_iteration > 0)
        CI_TRY(ci_clean_psf_wide(comm, p->samples, &p->geometry, sums.weight,
                                 ci_clean_max_hidden_sidelobe(), &p->psf_wide, &p->psf_far));
    CI_TRY(ci_grid_operator_new(comm, &p->gridder, &p->geometry, p->samples));
    ci_grid_numbers numbers;
    ci_grid_operator_numbers(p->gridder, &numbers);
    s->n_plane = numbers.n_plane;
    s->n_strip = numbers.n_strip;
    return CI_OK;
}

static ci_status images_make(ci_comm *comm, product *p)
{
    CI_TRY(slabs_new(comm, p));
    CI_TRY(stop_check(comm, p->options));
    CI_TRY(psf_make(comm, p));
    CI_TRY(beam_fit(comm, p));
    CI_AGREE(comm, cards_beam(p));
    CI_TRY(stop_check(comm, p->options));
    CI_TRY(dirty_make(comm, p)); /* may refuse the data: before a file is there */
    CI_TRY(image_write(comm, p, p->psf, "psf", ""));
    CI_TRY(image_write(comm, p, p->residual, "dirty", "/beam"));
    if (p->options->clean.max_iteration == 0) {
        snprintf(p->stats->clean.stop_reason, sizeof p->stats->clean.stop_reason,
                 "dirty image only");
        CI_TRY(ci_grid_slab_rms(comm, p->layout, p->residual, &p->stats->rms_jy));
        CI_AGREE(comm, cards_clean(p));
        return corrected_write(comm, p, p->residual);
    }
    CI_TRY(clean_make(comm, p));
    CI_AGREE(comm, cards_clean(p));
    CI_TRY(image_write(comm, p, p->residual, "residual", "/beam"));
    CI_TRY(image_write(comm, p, ci_clean_model_pixels(p->model), "model", "/pixel"));
    return corrected_write(comm, p, p->psf); /* where restored_make put the image */
}

/* All files or none. */
static ci_status images_write(ci_comm *comm, product *p)
{
    char why[1024];
    ci_status status = images_make(comm, p);
    if (status == CI_OK) return ci_image_files_commit(comm, p->prefix);
    snprintf(why, sizeof why, "%s", ci_error_text());
    if (ci_image_files_discard(comm, p->prefix) != CI_OK)
        ci_log_warning("left-overs stay: %s", ci_error_text());
    return ci_error(status, "%s", why);
}

ci_status ci_image_make(ci_comm *comm, ci_vis_set *set, const ci_sky_field *sky,
                        const ci_image_options *options, bool weights_known,
                        const ci_fits_header *header, const char *prefix, ci_image_stats *stats)
{
    *stats = (ci_image_stats){.thermal_jy = NAN, .rms_jy = NAN};
    CI_AGREE(comm, options_check(options));
    product p = {.sky = sky, .options = options, .prefix = prefix, .stats = stats};
    ci_status status = plan_make(comm, &p, set, weights_known);
    if (status == CI_OK) status = ci_par_agree(comm, header_set(&p, header));
    if (status == CI_OK) status = ci_par_agree(comm, cards_set(&p, weights_known));
    if (status == CI_OK) status = ci_image_files_discard(comm, prefix); /* of a killed run */
    if (status == CI_OK) status = images_write(comm, &p);
    product_clear(&p);
    return status;
}
