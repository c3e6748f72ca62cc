/* The point spread function and the restoring beam. */
#include "image/beam_fit.h"
#include "image/maker.h"
#include "image/pbeam.h"

#include <math.h>

static const double ambiguous_sidelobe = 0.9;
static const double few_pixels = 2; /* the beam's minor axis */

ci_status ci_image_slabs_new(ci_comm *comm, ci_image_maker *m)
{
    size_t y_first, n_here, n;
    ci_grid_operator_slab(m->gridder, &y_first, &n_here);
    CI_TRY(ci_grid_layout_new(comm, &m->layout, m->geometry.n_x, m->geometry.n_y, y_first, n_here));
    n = ci_image_maker_slab(m);
    ci_status status = ci_mem_alloc(&m->residual, n, sizeof(double), "dirty image");
    if (status == CI_OK) status = ci_mem_alloc(&m->psf, n, sizeof(double), "PSF");
    if (status == CI_OK) status = ci_mem_alloc(&m->out, n, sizeof(float), "image");
    if (status == CI_OK) status = ci_mem_alloc(&m->pb, n, sizeof(float), "primary beam");
    CI_TRY(ci_par_agree(comm, status));
    return ci_image_pb(comm, m->samples, m->setup.field, m->layout, m->geometry.cell_rad, NULL,
                       m->pb);
}

static ci_status psf_grid(ci_comm *comm, ci_image_maker *m)
{
    float *centre = NULL;
    CI_TRY(ci_grid_psf(comm, m->gridder, m->psf));
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        m->psf[i] /= m->sum_weight;
    /* The centre is 1 within the gridder's accuracy; made 1 as float pixels have it. */
    CI_TRY(ci_grid_slab_cut(comm, m->layout, m->psf,
                            (ci_grid_rectangle){m->layout->n_x / 2, m->layout->n_y / 2, 1, 1}, -1,
                            &centre));
    double peak = centre[0];
    ci_mem_free(centre);
    if (!(fabs(peak - 1) < 0.1))
        return ci_error(CI_ERR_INTERNAL, "PSF: %g at its centre instead of 1", peak);
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        m->psf[i] /= peak;
    return ci_image_sidelobe(comm, m->layout, m->psf, &m->stats.psf_sidelobe);
}

/* On a larger patch where it fills the first. */
ci_status ci_image_beam_of(ci_comm *comm, const ci_image_maker *m, const double *psf,
                           ci_image_beam_fit *fit)
{
    size_t c = m->geometry.n_x / 2, max_half = m->geometry.n_x - 1 - c;
    if (c < max_half) max_half = c;
    *fit = (ci_image_beam_fit){.touches_edge = true};
    for (size_t half = 64; fit->touches_edge; half *= 4) {
        if (half > max_half) half = max_half;
        float *patch = NULL;
        CI_TRY(ci_grid_slab_cut(comm, m->layout, psf,
                                (ci_grid_rectangle){c - half, c - half, 2 * half + 1, 2 * half + 1},
                                -1, &patch));
        ci_status status = ci_par_agree(comm, ci_image_beam_fit_patch(patch, 2 * half + 1, fit));
        ci_mem_free(patch);
        CI_TRY(status);
        if (half == max_half) break;
    }
    return CI_OK;
}

/* Fits the restoring beam. */
static ci_status beam_fit(ci_comm *comm, ci_image_maker *m)
{
    ci_image_beam_fit fit;
    CI_TRY(ci_image_beam_of(comm, m, m->psf, &fit));
    bool is_root = ci_comm_rank(comm) == 0;
    if (is_root && fit.touches_edge)
        ci_log_warning("the beam is larger than the image: its axes are not well known");
    if (is_root && fit.is_guess)
        ci_log_warning("the beam cannot be fitted: the PSF has no core of several pixels; taken "
                       "as 2 pixels: choose a smaller --cell-arcsec");
    if (is_root && !fit.is_guess && fit.minor < few_pixels)
        ci_log_warning("the beam is %.2g pixels wide: sources between pixels lose flux, and the "
                       "noise rises: choose --cell-arcsec %.3g",
                       fit.minor, fit.minor * m->geometry.cell_rad * CI_RAD_TO_ARCSEC / 4);
    double sidelobe = fmax(m->stats.psf_sidelobe, m->psf_far);
    if (is_root && sidelobe > ambiguous_sidelobe)
        ci_log_warning("the PSF has a sidelobe of %.3f: an array too sparse to tell a source from "
                       "its grating responses; positions and fluxes of sources are ambiguous",
                       sidelobe);
    m->stats.beam_major_rad = fit.major * m->geometry.cell_rad;
    m->stats.beam_minor_rad = fit.minor * m->geometry.cell_rad;
    m->stats.beam_pa_rad = fit.pa_rad;
    ci_log_info("beam %.4g x %.4g arcsec, position angle %.4g deg, greatest sidelobe %.3g",
                m->stats.beam_major_rad * CI_RAD_TO_ARCSEC,
                m->stats.beam_minor_rad * CI_RAD_TO_ARCSEC, fit.pa_rad * CI_RAD_TO_DEG,
                m->stats.psf_sidelobe);
    return CI_OK;
}

ci_status ci_image_psf_make(ci_comm *comm, ci_image_maker *m)
{
    CI_TRY(psf_grid(comm, m));
    return beam_fit(comm, m);
}
