/* Cotton-Schwab major cycles: the residual is always exact for the model as it stands; the
 * minor cycles work on the pixels that can matter, on rank 0. */
#include "clean/state.h"

#include <math.h>
#include <string.h>

static const double growth_refused = 1.2; /* of the residual's peak in one major cycle */
static const double idle_gain = 0.99, idle_excess = 0.9; /* what counts as better */
static const int idle_max = 2;
static const double settled = 0.75; /* of the rms before: noise, not sidelobes */

/* ---- making ---------------------------------------------------------------------------------- */

/* Where the model has pixel components, point components that became such among them. */
static void components_mark(ci_clean *c)
{
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        if (c->pixels[i] != 0) c->mask[i] = CI_CLEAN_MASK_COMPONENT;
}

void ci_clean_free(ci_clean *c)
{
    if (!c) return;
    ci_clean_scales_clear(&c->scales);
    ci_mem_free(c->saved_mask);
    ci_mem_free(c->patch_value);
    ci_mem_free(c->predicted);
    ci_clean_drifted_clear(&c->drifted);
    ci_clean_snapshot_free(c->saved_model);
    ci_mem_free(c->variability.weight);
    ci_mem_free(c->variability.variance);
    ci_clean_outside_search_free(c->search);
    ci_mem_free(c);
}

/* The widths that components may have, after the PSF's patch. */
static ci_status scales_new(ci_comm *comm, ci_clean *c)
{
    const ci_clean_scales_setup setup = {.layout = c->layout,
                                         .samples = c->setup.samples,
                                         .options = c->setup.options,
                                         .psf = c->setup.psf,
                                         .beam = c->setup.beam,
                                         .cell_rad = c->setup.model->cell_rad,
                                         .patch = &c->patch};
    CI_TRY(ci_clean_scales_new(comm, &c->scales, &setup));
    c->hidden = fmax(c->hidden, c->scales.hidden);
    c->mask = c->scales.scale[0].mask;
    c->stats.n_scale = (int)c->scales.n - 1;
    for (size_t i = 1; i < c->scales.n; i++)
        c->stats.scale_px[i - 1] = c->scales.scale[i].width;
    CI_AGREE(comm, ci_mem_alloc(&c->saved_mask, c->scales.n * c->layout->n_here * c->layout->n_x, 1,
                                "clean mask"));
    return CI_OK;
}

ci_status ci_clean_new(ci_comm *comm, ci_clean **out, const ci_clean_setup *setup)
{
    *out = NULL;
    CI_PAR_EQUAL(comm, "CLEAN: an option, weight, beam or PSF", setup->options->max_iteration,
                 setup->options->gain, setup->options->major_gain, setup->options->auto_mask,
                 setup->options->auto_threshold, setup->options->max_major, setup->options->outside,
                 setup->options->known ? setup->options->known->n_source : 0,
                 setup->options->auto_scales, setup->options->n_scale, setup->sum_weight,
                 setup->beam.major, setup->beam.minor, setup->beam.pa_rad, setup->psf_far,
                 (double)setup->psf_wide.half, setup->is_positive);
    ci_clean *c = NULL;
    ci_status status = ci_mem_alloc(&c, 1, sizeof *c, "clean");
    if (status == CI_OK) {
        *c = (ci_clean){.setup = *setup,
                        .sources = {.samples = setup->samples,
                                    .beam = setup->beam,
                                    .sum_weight = setup->sum_weight},
                        .outside = {.model = setup->model,
                                    .samples = setup->samples,
                                    .beam = setup->beam,
                                    .sum_weight = setup->sum_weight,
                                    .known = setup->options->outside ? NULL : setup->options->known,
                                    .noise_jy = setup->noise_jy},
                        .searched_peak = INFINITY,
                        .layout = setup->layout,
                        .pixels = ci_clean_model_pixels(setup->model),
                        .best = {.rms = INFINITY, .excess = INFINITY},
                        .inner = 1,
                        .last_rms = INFINITY,
                        .level = INFINITY};
        status = ci_clean_model_snapshot(c->setup.model, &c->saved_model);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_clean_patch_cut(comm, c);
    if (status == CI_OK) status = scales_new(comm, c);
    if (status == CI_OK) ci_clean_course_take(c);
    if (status == CI_OK) components_mark(c);
    if (status == CI_OK)
        *out = c;
    else
        ci_clean_free(c);
    return status;
}

const ci_clean_stats *ci_clean_stats_get(const ci_clean *c)
{
    return &c->stats;
}

/* ---- one major cycle ------------------------------------------------------------------------- */

static void stop_set(ci_clean *c, const char *reason)
{
    snprintf(c->stats.stop_reason, sizeof c->stats.stop_reason, "%s", reason);
}

/* The model before a cycle, and back to it. */
static ci_status state_save(ci_comm *comm, ci_clean *c)
{
    return ci_par_agree(comm, ci_clean_model_snapshot(c->setup.model, &c->saved_model));
}

static ci_status state_restore(ci_comm *comm, ci_clean *c)
{
    ci_clean_residual_forget(c);
    return ci_par_agree(comm, ci_clean_model_restore(c->setup.model, c->saved_model));
}

/* A cycle that made things worse is undone. Where it had point components, they may be why: they
 * become pixel components for good (*again), once; else CLEAN ends. */
static ci_status cycle_undo(ci_comm *comm, ci_clean *c, ci_clean_scan before, double peak_all,
                            bool *again)
{
    *again = ci_clean_sources_have_points(c->setup.model);
    CI_TRY(state_restore(comm, c));
    if (*again) {
        ci_log_info(
            "clean: the residual's peak grew from %.4g to %.4g Jy/beam: all point components "
            "become pixel components",
            before.peak_all, peak_all);
        ci_clean_sources_release(c->setup.model);
        components_mark(c);
        return ci_clean_residual(comm, c);
    }
    c->stats.diverged = true;
    stop_set(c, "diverged");
    if (ci_comm_rank(comm) == 0)
        ci_log_warning("clean: diverged: the residual's peak grew from %.4g to %.4g Jy/beam in "
                       "major cycle %d, whose components are left out",
                       before.peak_all, peak_all, c->stats.n_major);
    return ci_clean_residual_plain(comm, c);
}

/* What a cycle made of the residual. */
static ci_status cycle_judge(ci_comm *comm, ci_clean *c, ci_clean_scan before, bool *is_done)
{
    ci_clean_stats *stats = &c->stats;
    double peak_all = c->setup.model->residual_peak;
    ci_log_info("clean: major cycle %d: %d component%s, residual peak %.4g -> %.4g Jy/beam",
                stats->n_major, stats->n_minor, ci_plural(stats->n_minor), before.peak_all,
                peak_all);
    if (!(peak_all <= growth_refused * before.peak_all)) {
        bool again;
        CI_TRY(cycle_undo(comm, c, before, peak_all, &again));
        *is_done = !again;
    } else if (stats->n_minor >= c->setup.options->max_iteration) {
        stop_set(c, "iteration limit");
        c->is_cut = true;
        *is_done = true;
    } else if (stats->n_major - c->n_major_before >= c->setup.options->max_major) {
        stop_set(c, "major cycle limit");
        *is_done = true;
    }
    return CI_OK;
}

/* No component yet; the mean flux of a source that varies may be of either sign. */
static void mask_restart(ci_clean *c)
{
    for (size_t i = 0; i < c->scales.n; i++)
        memset(c->scales.scale[i].mask, CI_CLEAN_MASK_NONE, c->layout->n_here * c->layout->n_x);
    ci_clean_variations_mark(c);
}

/* Sources that prove not to be constant: what they are beside their means is in the model now,
 * and CLEAN begins again, without the components that stood on their sidelobes. */
static ci_status variations_judge(ci_comm *comm, ci_clean *c, bool is_last, bool *again)
{
    int n_new = 0;
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "direct sums");
    ci_status status = is_last ? ci_clean_hidden_seek(comm, c, &n_new) : CI_OK;
    if (status == CI_OK && n_new == 0)
        status = ci_clean_variations_find(comm, c->setup.model, &c->variability, &c->sources,
                                          c->setup.samples, is_last, &n_new);
    ci_timer_end(ci_comm_timer(comm), mark);
    *again = n_new > 0;
    if (status != CI_OK || !*again) return status;
    ci_log_info("clean: %d source%s not constant in time or frequency: begun again with "
                "what differs from the mean taken out",
                n_new, n_new == 1 ? " is" : "s are");
    ci_clean_model_restart(c->setup.model);
    ci_clean_residual_forget(c);
    mask_restart(c);
    c->best = (ci_clean_progress){.rms = INFINITY, .excess = INFINITY};
    c->level = c->last_rms = INFINITY;
    c->inner = 1;
    c->stats.n_major = c->stats.n_minor = c->n_major_before = 0;
    return ci_clean_residual(comm, c);
}

/* One cycle on a measured residual. */
static ci_status cycle_run(ci_comm *comm, ci_clean *c, const ci_clean_rms_mesh *mesh,
                           ci_clean_scan before, bool *is_done)
{
    const ci_clean_options *o = c->setup.options;
    ci_clean_minor_result result = {0, false};
    CI_TRY(state_save(comm, c));
    c->level =
        fmax(ci_clean_depth(c, before.peak) * before.peak, ci_clean_outside_stop(c, before.peak));
    CI_TRY(ci_clean_components_find(comm, c, mesh, c->level,
                                    (int64_t)o->max_iteration - c->stats.n_minor, &result));
    c->stats.n_minor += (int)result.n_iteration;
    if (result.n_iteration == 0) {
        stop_set(c, "threshold");
        *is_done = true;
        return CI_OK;
    }
    CI_TRY(ci_clean_residual(comm, c));
    components_mark(c);
    c->stats.n_major++;
    bool again;
    CI_TRY(variations_judge(comm, c, false, &again));
    return again ? CI_OK : cycle_judge(comm, c, before, is_done);
}

/* What the model cannot describe (an extended source, one that varies in the tile's band or
 * time) stays above the thresholds for ever; cycles that better nothing are not worth their
 * time. */
static bool is_idle(ci_clean *c, ci_clean_scan now)
{
    double rms = c->setup.model->residual_rms;
    ci_clean_progress *best = &c->best;
    c->is_settled = rms > settled * c->last_rms;
    c->last_rms = rms;
    bool is_better = rms < idle_gain * best->rms || now.excess < idle_excess * best->excess;
    best->n_idle = is_better ? 0 : best->n_idle + 1;
    best->rms = fmin(best->rms, rms);
    best->excess = fmin(best->excess, now.excess);
    return best->n_idle >= idle_max;
}

/* On a mesh of the residual's local rms. */
static ci_status cycle_on_mesh(ci_comm *comm, ci_clean *c, const ci_clean_rms_mesh *mesh,
                               bool *is_done)
{
    ci_clean_scan now;
    CI_TRY(ci_clean_scan_make(comm, c, mesh, &now));
    if (now.excess <= 1) CI_TRY(ci_clean_scan_deeper(comm, c, mesh, &now));
    if (now.excess <= 1) {
        bool again;
        CI_TRY(ci_clean_residual_finish(comm, c, now.peak_all, &again));
        if (again) return CI_OK;
        stop_set(c, c->stats.n_major > 0 ? "threshold" : "nothing above the mask threshold");
        *is_done = true;
        return CI_OK;
    }
    *is_done = is_idle(c, now);
    if (!*is_done) return cycle_run(comm, c, mesh, now, is_done);
    stop_set(c, "no further progress");
    return CI_OK;
}

/* CLEAN has ended: is it that a source varies? */
static ci_status end_judge(ci_comm *comm, ci_clean *c, bool *is_done)
{
    bool again;
    CI_TRY(variations_judge(comm, c, true, &again));
    if (!again) return CI_OK;
    c->stats.diverged = false;
    *is_done = false;
    return CI_OK;
}

ci_status ci_clean_cycle(ci_comm *comm, ci_clean *c, bool *is_done)
{
    size_t box = (size_t)fmax(64, ceil(16 * c->setup.beam.major));
    ci_clean_rms_mesh *mesh = NULL;
    *is_done = c->is_cut = false;
    CI_TRY(ci_clean_residual_begin(comm, c));
    ci_clean_course_note(c);
    CI_TRY(ci_clean_scales_see(comm, &c->scales, c->layout, c->setup.residual));
    CI_TRY(ci_clean_rms_mesh_new(comm, &mesh, c->layout, c->setup.residual, box,
                                 c->setup.is_positive));
    ci_status status = cycle_on_mesh(comm, c, mesh, is_done);
    ci_clean_rms_mesh_free(mesh);
    return status == CI_OK && *is_done ? end_judge(comm, c, is_done) : status;
}
