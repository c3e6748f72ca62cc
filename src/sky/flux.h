/* flux.h: fluxes of sources, for prediction. */
#ifndef CI_SKY_FLUX_H
#define CI_SKY_FLUX_H

#include "contimg/sky.h"

/* out: |flux| of source k at k * stride, [n], Jy. CI_ERR_INPUT names a source that has none at one
 * of the frequencies, or more than any has. Local. */
ci_status ci_sky_fluxes(const ci_sky_source *const *source, size_t n_source, const double *freq_hz,
                        size_t n, double *out, size_t stride);

#endif
