/* clean: polynomial spectra of a model's components, fitted when CLEAN has ended, and what a model
 * is in parts of the band (docs/adr/0009). */
#ifndef CONTIMG_CLEAN_SPECTRA_H
#define CONTIMG_CLEAN_SPECTRA_H

#include "contimg/clean.h"

#define CI_CLEAN_SPECTRA_MAX 4 /* most terms of a polynomial */

/* What pixel components have beside one flux for all frequencies: polynomials of ln(nu / reference)
 * that are orthogonal under the imaging weights, with a slab of coefficients each. */
typedef struct ci_clean_spectra ci_clean_spectra;
/* Of a CLEAN that has ended, which is borrowed; n_term: with the constant, at most
 * CI_CLEAN_SPECTRA_MAX; fewer where the samples cannot tell so many. Collective. */
CI_MUST_CHECK ci_status ci_clean_spectra_new(ci_comm *comm, ci_clean_spectra **out, ci_clean *clean,
                                             int n_term);
/* NULL-safe. Local. */
void ci_clean_spectra_free(ci_clean_spectra *spectrum);
/* Takes what components' spectra leave in the residual out of it, exactly: out of the data as CLEAN
 * sees them too, so that it can go on. *changed where anything was found. Collective. */
CI_MUST_CHECK ci_status ci_clean_spectra_fit(ci_comm *comm, ci_clean_spectra *spectrum,
                                             bool *changed);
/* Adds to this rank's slab [n_here][n_x] what pixel components have beside their mean flux where
 * the means of ln(nu / reference)^k are power [CI_CLEAN_SPECTRA_MAX]. Local. */
void ci_clean_spectra_add(const ci_clean_spectra *spectrum, const double *power, double *slab);

/* Parts of the band: frequencies from edge_hz[k] to below edge_hz[k + 1]. */
typedef struct ci_clean_bands
{
    size_t n;
    const double *edge_hz; /* [n + 1] ascending; borrowed */
} ci_clean_bands;
/* What the model is beside its pixel components: *out [n][*n_point] points with their mean flux
 * under the imaging weights in each part of the band, the same on every rank, to ci_mem_free.
 * Without what varies, and without sources outside the image. Collective. */
CI_MUST_CHECK ci_status ci_clean_band_points(ci_comm *comm, const ci_clean *clean,
                                             const ci_clean_bands *bands, ci_clean_point **out,
                                             size_t *n_point);

#endif
