/* A tile's images step by step: plan, dirty image, major cycles, files. */
#include "image/maker.h"

#include "image/choose.h"
#include "image/origin.h"
#include "image/stokes.h"
#include "image/weight.h"
#include "image/write.h"

#include <float.h>
#include <math.h>

/* ---- options -------------------------------------------------------------------------------- */

void ci_image_options_default(ci_image_options *options)
{
    *options = (ci_image_options){.weighting = CI_IMAGE_BRIGGS,
                                  .robust = 0,
                                  .stokes = CI_VIS_POL_I,
                                  .accuracy = 1e-4,
                                  .compression = 1e-4,
                                  .clean = {.max_iteration = 100000,
                                            .gain = 0.1,
                                            .major_gain = 0.8,
                                            .auto_mask = 5,
                                            .auto_threshold = 1,
                                            .max_major = 40},
                                  .pb_cut = 0.2,
                                  .n_channel = 1,
                                  .n_term = 1};
}

/* ---- planning -------------------------------------------------------------------------------- */

/* Samples, and the size and cell of their image. Where the image's size hangs on the samples
 * themselves, it is chosen from them as they are, before they are compressed for it. An image is no
 * larger than what they were compressed for. */
static ci_status samples_take(ci_comm *comm, ci_image_maker *m, ci_vis_set *set)
{
    const ci_sky_field *field = m->setup.field;
    ci_image_options options = *m->setup.options;
    double half_width = 0;
    CI_TRY(ci_image_half_width_bound(comm, set, field, &options, &half_width));
    if (options.compression > 0 && !(half_width > 0)) {
        CI_TRY(ci_image_geometry_find(comm, set, field, &options, &m->geometry));
        options.n_pixel = m->geometry.n_x;
        options.cell_rad = m->geometry.cell_rad;
        CI_TRY(ci_image_half_width_bound(comm, set, field, &options, &half_width));
    }
    CI_TRY(ci_image_samples_take(comm, &m->samples, set, &options, half_width, &m->setup.reading));
    CI_TRY(ci_image_geometry_choose(comm, m->samples, field, &options, &m->geometry));
    if (!(options.compression > 0)) return CI_OK;
    m->stats.compression = options.compression;
    m->stats.compression_half_width = half_width;
    double cell = m->geometry.cell_rad;
    if ((double)m->geometry.n_x * cell <= 2 * half_width) return CI_OK;
    options.cell_rad = cell;
    options.n_pixel = (size_t)(half_width / cell) * 2;
    return ci_image_geometry_choose(comm, m->samples, field, &options, &m->geometry);
}

static void plan_log(const ci_image_maker *m)
{
    const ci_image_stats *s = &m->stats;
    ci_log_info("image: Stokes %s, %zu x %zu pixels of %.4g arcsec, %lld visibilit%s, %.4g MHz",
                ci_vis_pol_name(m->setup.options->stokes), s->n_x, s->n_y,
                s->cell_rad * CI_RAD_TO_ARCSEC, (long long)s->n_sample,
                s->n_sample == 1 ? "y" : "ies", s->freq_hz * 1e-6);
    if (s->compression > 0)
        ci_log_info(
            "compressed to %lld sample%s, 1 of %.3g: a source within %.3g degrees of the centre, "
            "along l and along m, loses less than %.2g of its flux",
            (long long)s->n_node, ci_plural(s->n_node), (double)s->n_sample / (double)s->n_node,
            s->compression_half_width * CI_RAD_TO_DEG, s->compression);
}

/* The gridder, and how evenly its samples are shared among the ranks. */
static ci_status gridder_make(ci_comm *comm, ci_image_maker *m)
{
    ci_grid_numbers numbers;
    CI_TRY(ci_grid_operator_new(comm, &m->gridder, &m->geometry, m->samples));
    ci_grid_operator_numbers(m->gridder, &numbers);
    m->stats.n_plane = numbers.n_plane;
    if (ci_comm_size(comm) > 1)
        ci_log_info("gridding: the busiest of %d ranks has %.3f times the mean work",
                    ci_comm_size(comm), numbers.balance);
    return CI_OK;
}

static ci_status plan_make(ci_comm *comm, ci_image_maker *m, ci_vis_set *set)
{
    ci_image_stats *s = &m->stats;
    size_t n_channel = (size_t)m->setup.options->n_channel;
    if (n_channel > 1) CI_AGREE(comm, ci_image_bands_new(set->meta, n_channel, &m->band));
    CI_TRY(samples_take(comm, m, set));
    CI_TRY(ci_image_memory_check(comm, m));
    ci_image_sums sums;
    CI_TRY(ci_image_sums_get(comm, m->samples, &sums));
    m->sum_weight = s->sum_weight = sums.weight;
    s->taper_rad = m->setup.options->taper_rad;
    s->n_x = m->geometry.n_x;
    s->n_y = m->geometry.n_y;
    s->cell_rad = m->geometry.cell_rad;
    s->freq_hz = sums.freq_hz;
    s->bandwidth_hz = sums.freq_max_hz - sums.freq_min_hz;
    s->thermal_jy = m->setup.weights_known ? sums.thermal_jy : NAN;
    s->n_sample = m->samples->n_visibility;
    s->n_node = m->samples->n_good;
    s->is_pseudo_i = m->samples->is_pseudo_i;
    if (s->is_pseudo_i && ci_comm_rank(comm) == 0)
        ci_log_warning("Stokes I is made from one polarisation: the other is not in the file or "
                       "dead over the whole array");
    plan_log(m);
    if (m->setup.options->clean.max_iteration > 0)
        CI_TRY(ci_clean_psf_wide(comm, m->samples, &m->geometry, sums.weight,
                                 ci_clean_max_hidden_sidelobe(), &m->psf_wide, &m->psf_far));
    return gridder_make(comm, m);
}

void ci_image_maker_free(ci_image_maker *m)
{
    if (!m) return;
    ci_clean_spectra_free(m->spectra);
    ci_clean_free(m->clean);
    ci_clean_model_free(m->model);
    ci_grid_operator_free(m->gridder);
    ci_vis_samples_free(m->samples);
    ci_grid_layout_free(m->layout);
    ci_fits_header_clear(&m->header);
    ci_mem_free(m->residual);
    ci_mem_free(m->psf);
    ci_mem_free(m->out);
    ci_mem_free(m->pb);
    ci_mem_free(m->mask);
    ci_mem_free(m->psf_wide.value);
    ci_mem_free(m->band);
    ci_mem_free(m);
}

ci_status ci_image_maker_new(ci_comm *comm, ci_image_maker **out, ci_vis_set *set,
                             const ci_image_setup *setup)
{
    *out = NULL;
    CI_PAR_EQUAL(comm, "images: what weights are", setup->weights_known);
    CI_AGREE(comm, ci_image_options_check(setup->options));
    ci_image_maker *m = NULL;
    CI_TRY(ci_par_alloc(comm, &m, 1, sizeof *m, "images"));
    m->setup = *setup;
    m->stats = (ci_image_stats){.thermal_jy = NAN, .rms_jy = NAN};
    ci_status status = plan_make(comm, m, set);
    if (status == CI_OK) status = ci_par_agree(comm, ci_image_cards_begin(m));
    if (status == CI_OK)
        *out = m;
    else
        ci_image_maker_free(m);
    return status;
}

const ci_image_stats *ci_image_maker_stats(const ci_image_maker *m)
{
    return &m->stats;
}

/* ---- dirty image ----------------------------------------------------------------------------- */

static ci_status stop_check(ci_comm *comm, const ci_image_options *options)
{
    if (!options->stop) return CI_OK;
    return ci_par_agree(comm,
                        options->stop() ? ci_error(CI_ERR_STOPPED, "stopped on request") : CI_OK);
}

static ci_status dirty_grid(ci_comm *comm, ci_image_maker *m)
{
    CI_TRY(ci_grid_image(comm, m->gridder, m->samples->data, m->residual));
    bool is_finite = true;
    for (size_t i = 0; i < ci_image_maker_slab(m); i++) {
        m->residual[i] /= m->sum_weight;
        is_finite = is_finite && fabs(m->residual[i]) < FLT_MAX;
    }
    CI_AGREE(comm, is_finite
                       ? CI_OK
                       : ci_error(CI_ERR_INPUT, "the visibilities are so large that the image "
                                                "overflows: are these data calibrated, or "
                                                "damaged?"));
    return ci_grid_slab_peak(comm, m->layout, m->residual, NULL, &m->stats.dirty_peak_jy);
}

ci_status ci_image_maker_dirty(ci_comm *comm, ci_image_maker *m)
{
    CI_TRY(ci_image_slabs_new(comm, m));
    CI_TRY(stop_check(comm, m->setup.options));
    ci_log_progress("image: PSF");
    CI_TRY(ci_image_psf_make(comm, m));
    CI_AGREE(comm, ci_image_cards_beam(m));
    CI_TRY(stop_check(comm, m->setup.options));
    ci_log_progress("image: dirty image");
    return dirty_grid(comm, m); /* may refuse the data: before a file is there */
}

/* ---- cleaning -------------------------------------------------------------------------------- */

static ci_status model_begin(ci_comm *comm, ci_image_maker *m, bool is_positive)
{
    const ci_image_options *o = m->setup.options;
    ci_clean_origin origin = {.made_with = m->setup.made_with};
    if (o->keeps_model || o->continues) CI_TRY(ci_image_origin_find(comm, m->samples, &origin));
    const ci_clean_model_setup setup = {.origin = origin,
                                        .field = m->setup.field,
                                        .layout = m->layout,
                                        .pb = m->pb,
                                        .cell_rad = m->geometry.cell_rad,
                                        .ref_hz = m->stats.freq_hz,
                                        .is_positive = is_positive,
                                        .has_extended =
                                            o->clean.n_scale > 0 || o->clean.auto_scales,
                                        .stokes = o->stokes};
    return ci_clean_model_new(comm, &m->model, &setup, m->samples);
}

static ci_status clean_begin(ci_comm *comm, ci_image_maker *m)
{
    bool is_positive = ci_image_stokes_is_positive(m->setup.options->stokes);
    if (!m->model) CI_TRY(model_begin(comm, m, is_positive));
    const ci_clean_setup setup = {.gridder = m->gridder,
                                  .samples = m->samples,
                                  .layout = m->layout,
                                  .options = &m->setup.options->clean,
                                  .model = m->model,
                                  .residual = m->residual,
                                  .psf = m->psf,
                                  .sum_weight = m->sum_weight,
                                  .beam = {m->stats.beam_major_rad / m->geometry.cell_rad,
                                           m->stats.beam_minor_rad / m->geometry.cell_rad,
                                           m->stats.beam_pa_rad},
                                  .psf_far = m->psf_far,
                                  .psf_wide = m->psf_wide,
                                  .mask = m->mask,
                                  .noise_jy = m->stats.thermal_jy,
                                  .is_positive = is_positive};
    return ci_clean_new(comm, &m->clean, &setup);
}

ci_status ci_image_maker_cycle(ci_comm *comm, ci_image_maker *m, bool *is_done)
{
    *is_done = false;
    if (!m->clean) CI_TRY(clean_begin(comm, m));
    CI_TRY(stop_check(comm, m->setup.options));
    ci_status status = ci_clean_cycle(comm, m->clean, is_done);
    m->stats.clean = *ci_clean_stats_get(m->clean);
    return status;
}

ci_status ci_image_maker_clean(ci_comm *comm, ci_image_maker *m)
{
    bool is_done = false;
    CI_TRY(ci_image_maker_dirty(comm, m));
    CI_TRY(ci_image_mask_read(comm, m));
    while (!is_done)
        CI_TRY(ci_image_maker_cycle(comm, m, &is_done));
    CI_TRY(ci_clean_model_flux(comm, m->model, &m->stats.model_flux_jy));
    return ci_grid_slab_rms(comm, m->layout, m->residual, &m->stats.rms_jy);
}

/* Errors of gains make as high hills as they make deep holes in an image. */
static const double holes = 1.5;

ci_status ci_image_maker_sources(ci_comm *comm, const ci_image_maker *m, ci_sky_model **out)
{
    double beam = m->stats.beam_minor_rad / m->geometry.cell_rad, hole_jy = 0;
    if (!m->model) return ci_error(CI_ERR_INTERNAL, "sources of a model that is not there");
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        hole_jy = fmax(hole_jy, -m->residual[i]);
    CI_TRY(ci_par_max_double(comm, &hole_jy, 1));
    return ci_clean_model_catalogue(comm, m->model, beam, holes * hole_jy, out);
}

ci_status ci_image_maker_predict(ci_comm *comm, ci_image_maker *m, const ci_vis_samples **out)
{
    *out = m->samples;
    if (!m->model)
        CI_TRY(model_begin(comm, m, ci_image_stokes_is_positive(m->setup.options->stokes)));
    if (m->clean) ci_clean_residual_forget(m->clean);
    return ci_clean_model_predict(comm, m->model, m->gridder, m->samples);
}

ci_status ci_image_maker_save(ci_comm *comm, const ci_image_maker *m, const char *path)
{
    if (!m->model) return ci_error(CI_ERR_INTERNAL, "%s: no model is there to save", path);
    if (m->clean) return ci_clean_save(comm, m->clean, path);
    return ci_clean_model_save(comm, m->model, path);
}

ci_status ci_image_maker_load(ci_comm *comm, ci_image_maker *m, const char *path)
{
    if (m->model) return ci_error(CI_ERR_INTERNAL, "%s: a model is there already", path);
    CI_TRY(model_begin(comm, m, ci_image_stokes_is_positive(m->setup.options->stokes)));
    CI_TRY(ci_clean_model_load(comm, m->model, path));
    CI_TRY(clean_begin(comm, m));
    int n_minor = ci_clean_stats_get(m->clean)->n_minor;
    int most = m->setup.options->clean.max_iteration;
    if (n_minor >= most)
        return ci_error(CI_ERR_USAGE,
                        "--niter %d: %s has %d components already: give more, or leave --continue "
                        "out",
                        most, path, n_minor);
    return ci_clean_residual_resume(comm, m->clean);
}

/* One line for each source that is not what a model can be. */
static void variables_warn(const ci_clean_stats *clean)
{
    for (int i = 0; i < clean->n_variable; i++) {
        const ci_clean_variable *v = &clean->variable[i];
        char from[32], to[32];
        ci_time_iso(from, v->time_mjd_s[0], 0, true);
        ci_time_iso(to, v->time_mjd_s[1], 0, true);
        ci_log_warning("clean: the source of %.4g Jy at %.4f %+.4f deg is not constant: %+.3g Jy "
                       "from %s to %s at %.6g to %.6g MHz (%.3g sigma): its mean flux is in the "
                       "image, what differs from it is left out",
                       v->flux_jy, v->ra_rad * CI_RAD_TO_DEG, v->dec_rad * CI_RAD_TO_DEG,
                       v->excess_jy, from, to, v->freq_hz[0] * 1e-6, v->freq_hz[1] * 1e-6,
                       v->sigma);
    }
}

/* The model that cycles have made, for stats and log. */
static ci_status model_sum_up(ci_comm *comm, ci_image_maker *m)
{
    const ci_clean_stats *clean = &m->stats.clean;
    ci_clean_model_summary(m->model, &m->stats.clean);
    if (ci_comm_rank(comm) == 0) variables_warn(clean);
    if (ci_comm_rank(comm) == 0 && clean->n_variable > 0 && m->stats.compression > 0)
        ci_log_warning(
            "clean: samples are averaged: away from the image's centre, sidelobes of sources that "
            "are not constant stay in the residual, and up to 3 %% of a line or burst in the first "
            "or last channel of a sub-band, or integration, may be lost; give --no-average");
    CI_TRY(ci_clean_model_flux(comm, m->model, &m->stats.model_flux_jy));
    CI_TRY(ci_grid_slab_rms(comm, m->layout, m->residual, &m->stats.rms_jy));
    ci_log_info("clean: stopped: %s; %d major cycle%s, %d component%s, %.4g Jy, rms %.4g Jy/beam",
                clean->stop_reason, clean->n_major, ci_plural(clean->n_major), clean->n_minor,
                ci_plural(clean->n_minor), m->stats.model_flux_jy, m->stats.rms_jy);
    return CI_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The images of the model as it stands, their files not yet in place. */
static ci_status restored_make(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    if (m->model) CI_TRY(model_sum_up(comm, m));
    CI_TRY(ci_image_channels_write(comm, m, prefix));
    return ci_image_restored_write(comm, m, prefix);
}

/* PREFIXclean.h5. A model alone is put in place at once; one of a set of files with the others. */
static ci_status model_keep(ci_comm *comm, const ci_image_maker *m, const char *prefix, bool alone)
{
    char *path = NULL;
    if (!m->setup.options->keeps_model || !m->model) return CI_OK;
    CI_AGREE(comm, ci_str_format(&path, "%sclean.h5%s", prefix, alone ? "" : ".part"));
    ci_status status = ci_image_maker_save(comm, m, path);
    if (status == CI_OK && alone && ci_comm_rank(comm) == 0)
        ci_log_info("clean: stopped on request after major cycle %d: %s has the model, from which "
                    "--continue goes on",
                    m->stats.clean.n_major, path);
    ci_mem_free(path);
    return status;
}

static ci_status model_continue(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    char *path = NULL;
    CI_AGREE(comm, ci_str_format(&path, "%sclean.h5", prefix));
    ci_status status = ci_image_maker_load(comm, m, path);
    double flux_jy = 0;
    if (status == CI_OK) status = ci_clean_model_flux(comm, m->model, &flux_jy);
    if (status == CI_OK) ci_log_info("clean: goes on from the model in %s, %.6g Jy", path, flux_jy);
    size_t n = status == CI_OK ? ci_clean_model_n_outside(m->model) : 0;
    if (n > 0 && !m->setup.options->clean.outside && !m->setup.options->clean.known)
        ci_log_info(
            "clean: its %zu source%s outside the image stay%s subtracted; without --outside "
            "no others are looked for",
            n, ci_plural((int64_t)n), n == 1 ? "s" : "");
    ci_mem_free(path);
    return status;
}

/* All cycles; where they are stopped on request, what they found is kept. */
static ci_status cycles_run(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    bool is_done = false;
    ci_status status = CI_OK;
    while (status == CI_OK && !is_done)
        status = ci_image_maker_cycle(comm, m, &is_done);
    if (status != CI_ERR_STOPPED || m->stats.clean.n_major == 0) return status;
    ci_error_saved saved = ci_error_save(status);
    if (model_keep(comm, m, prefix, true) != CI_OK)
        ci_log_warning("the model could not be kept: %s", ci_error_text());
    return ci_error_restore(&saved);
}

/* Spectra of components, and CLEAN again as long as these let it see more. */
static ci_status spectra_run(ci_comm *comm, ci_image_maker *m)
{
    enum
    {
        ROUNDS_MAX = 3
    };
    bool changed = true;
    for (int k = 0; k < ROUNDS_MAX && changed; k++) {
        int n_before = m->stats.clean.n_minor;
        bool is_done = false;
        CI_TRY(ci_image_spectra_fit(comm, m, &changed));
        while (changed && !is_done)
            CI_TRY(ci_image_maker_cycle(comm, m, &is_done));
        changed = m->stats.clean.n_minor != n_before;
    }
    return CI_OK;
}

static ci_status images_make(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    CI_TRY(ci_image_maker_dirty(comm, m));
    CI_TRY(ci_image_mask_read(comm, m)); /* may refuse it: before a file is there */
    CI_TRY(ci_image_dirty_write(comm, m, prefix));
    if (m->setup.options->clean.max_iteration == 0) {
        snprintf(m->stats.clean.stop_reason, sizeof m->stats.clean.stop_reason, "dirty image only");
        return restored_make(comm, m, prefix);
    }
    if (m->setup.options->continues) CI_TRY(model_continue(comm, m, prefix));
    CI_TRY(cycles_run(comm, m, prefix));
    if (m->clean)
        CI_TRY(ci_clean_response_find(comm, m->clean, m->stats.response, &m->stats.n_response));
    CI_TRY(model_keep(comm, m, prefix, false));
    CI_TRY(spectra_run(comm, m));
    return restored_make(comm, m, prefix);
}

typedef ci_status (*files_maker)(ci_comm *comm, ci_image_maker *m, const char *prefix);

/* All files that `make` makes, or none. */
static ci_status files_put(ci_comm *comm, ci_image_maker *m, const char *prefix, files_maker make)
{
    CI_TRY(ci_image_files_discard(comm, prefix)); /* of a killed run */
    ci_status status = make(comm, m, prefix);
    if (status == CI_OK) return ci_image_files_commit(comm, prefix);
    ci_error_saved saved = ci_error_save(status);
    if (ci_image_files_discard(comm, prefix) != CI_OK)
        ci_log_warning("files of the failed image could not be removed: %s", ci_error_text());
    return ci_error_restore(&saved);
}

ci_status ci_image_maker_write(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    return files_put(comm, m, prefix, restored_make);
}

ci_status ci_image_maker_run(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    return files_put(comm, m, prefix, images_make);
}
