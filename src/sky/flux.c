/* Fluxes of a model's sources at given frequencies. */
#include "sky/flux.h"

#include <math.h>

static ci_status flux_fault(const ci_sky_source *s, double freq_hz, double flux_jy)
{
    if (s->n_poly > 0)
        return ci_error(
            CI_ERR_INPUT,
            "--model: source %s has no flux at %.3f MHz: its spectrum is known from %g to "
            "%g MHz: give a model with a spectral_index",
            s->name, freq_hz * 1e-6, s->poly_min_hz * 1e-6, s->poly_max_hz * 1e-6);
    return ci_error(
        CI_ERR_INPUT,
        "--model: source %s: flux_jy %g at ref_freq_hz %g with spectral_index %g is %.3g "
        "Jy at %.3f MHz: no source is: correct them",
        s->name, s->flux_jy, s->ref_freq_hz, s->spectral_index, flux_jy, freq_hz * 1e-6);
}

ci_status ci_sky_fluxes(const ci_sky_source *const *source, size_t n_source, const double *freq_hz,
                        size_t n, double *out, size_t stride)
{
    for (size_t k = 0; k < n_source; k++)
        for (size_t c = 0; c < n; c++) {
            double flux = ci_sky_source_flux_jy(source[k], freq_hz[c]);
            if (!(fabs(flux) <= CI_SKY_FLUX_MAX_JY)) return flux_fault(source[k], freq_hz[c], flux);
            out[k * stride + c] = fabs(flux);
        }
    return CI_OK;
}
