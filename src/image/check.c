/* What an image may be asked for, and whether it can be held. */
#include "image/maker.h"

#include <math.h>

ci_status ci_image_options_check(const ci_image_options *o)
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
    if (o->n_channel < 1 || o->n_term < 1 || o->n_term > CI_CLEAN_SPECTRA_MAX)
        return ci_error(CI_ERR_USAGE,
                        "--channels-out %d, --spectral-terms %d: must be positive, terms at most "
                        "%d",
                        o->n_channel, o->n_term, CI_CLEAN_SPECTRA_MAX);
    if (o->n_channel > 1 && o->n_term > o->n_channel)
        return ci_error(CI_ERR_USAGE,
                        "--spectral-terms %d: %d output channels tell at most %d: give fewer terms "
                        "or more --channels-out",
                        o->n_term, o->n_channel, o->n_channel);
    if (o->max_uv_lambda > 0 && o->max_uv_lambda <= o->min_uv_lambda)
        return ci_error(CI_ERR_USAGE, "--uv-range %g-%g: is empty", o->min_uv_lambda,
                        o->max_uv_lambda);
    return CI_OK;
}

/* What an image needs at the very least, before hours go into one that cannot be held: the slabs
 * of a product and the grid. */
ci_status ci_image_memory_check(ci_comm *comm, const ci_image_maker *m)
{
    double n_pixel = (double)m->geometry.n_x * (double)m->geometry.n_y;
    double slabs =
        (m->setup.options->clean.max_iteration > 0 ? 3 : 2) * sizeof(double) + 2 * sizeof(float);
    double need = n_pixel *
                  (slabs + ci_image_channel_bytes(m->setup.options) + sizeof(ci_c32) / 2.0) /
                  ci_comm_size(comm);
    double budget = (double)ci_mem_budget(), now = (double)ci_mem_now();
    ci_status status = CI_OK;
    if (budget > 0 && now + need > budget)
        status = ci_error(CI_ERR_MEMORY,
                          "image of %zu x %zu pixels of %.4g arcsec: needs more than %.3g GB on "
                          "each of %d rank%s, %.3g GB are left: give a smaller --size, a larger "
                          "--cell-arcsec, more --memory or more ranks",
                          m->geometry.n_x, m->geometry.n_y, m->geometry.cell_rad * CI_RAD_TO_ARCSEC,
                          need * 1e-9, ci_comm_size(comm), ci_plural(ci_comm_size(comm)),
                          fmax(budget - now, 0) * 1e-9);
    return ci_par_agree(comm, status);
}
