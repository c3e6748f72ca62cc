/* bright.h: what the files on bright sources share. The gridder's model is constant in time
 * and frequency, at the mean beam. Bright sources show where that is wrong: the beam moves
 * over them (drift.c), their spectra are not flat (spectrum.c). Both are sums over points
 * whose flux depends on integration and frequency (points.c). */
#ifndef CI_IMAGE_BRIGHT_H
#define CI_IMAGE_BRIGHT_H

#include "image/points_kernel.h"
#include "image/product.h"

enum
{
    CI_BRIGHT_NODES = CI_POINTS_NODES /* of a flux in frequency: cubic between them */
};

/* One non-zero pixel of the model. */
typedef struct ci_image_component
{
    int64_t index;     /* y n_x + x */
    double flux, beam; /* Jy; the mean beam there */
    double importance; /* of its error, Jy */
} ci_image_component;

/* A source with a spectrum of its own: S (nu / ref_hz)^slope. */
typedef struct ci_image_source
{
    double l, m;       /* of its flux's centre */
    double flux, beam; /* Jy, times the mean beam `beam` */
    double slope;
} ci_image_source;

struct ci_image_bright
{
    const ci_image_sky *sky;       /* borrowed */
    const ci_image_layout *layout; /* borrowed */
    const float *pb;               /* slab, borrowed */
    double cell_rad;
    bool has_beam, is_positive; /* is_positive: the sky is, so sources are */
    size_t n_frame;       /* integrations; 1 where the beam follows the sky, or there is none */
    ci_sky_frame **frame; /* [n_frame]; NULL without a beam */
    double node_hz[CI_BRIGHT_NODES];
    double ref_hz;  /* fluxes of the model are meant there */
    double rms_log; /* of ln(nu / ref_hz) with imaging weights */
    double
        *moment; /* [n_frame][2][NODES][NODES]: sums of w L_i L_j and of w x L_i L_j, L Lagrange's
                    weights of the nodes, x = ln(nu / ref_hz); in arbitrary but common units */
    double rms;  /* of the residual image of the cycle before */
    ci_image_source *source, *kept; /* [n_source], [n_kept]: the same on every rank, owned */
    size_t n_source, n_kept;
};

/* Direction cosines of a place in pixels from 0, and of a pixel by its index y n_x + x. */
void ci_image_bright_place(const ci_image_bright *bright, double x, double y, double *l, double *m);
void ci_image_bright_pixel(const ci_image_bright *bright, int64_t index, double *l, double *m);
/* Beam over mean beam at (l, m): [n_frame][CI_BRIGHT_NODES]. Local. */
void ci_image_bright_ratio(const ci_image_bright *bright, double l, double m, double beam,
                           double *ratio);
/* Lagrange's weight of node i at a frequency. */
double ci_image_bright_lagrange(const ci_image_bright *bright, int i, double freq_hz);
/* All ranks' components of at least `least` importance where the mean beam is not nothing, on
 * every rank in scan order. importance NULL: |flux|. All arguments but `model`, this rank's slab,
 * equal on all ranks. *out by ci_mem_free. Collective. */
typedef double (*ci_image_importance)(const ci_image_bright *bright,
                                      const ci_image_component *component);
CI_MUST_CHECK ci_status ci_image_components_gather(ci_comm *comm, const ci_image_bright *bright,
                                                   const double *model,
                                                   ci_image_importance importance, double least,
                                                   ci_image_component **out, size_t *n_out);

/* ---- points -------------------------------------------------------------------------------- */

typedef struct ci_image_points
{
    size_t n, n_frame;
    double *lmn;  /* [n][3]: l, m, n - 1 */
    double *flux; /* [n][n_frame][CI_BRIGHT_NODES], Jy */
} ci_image_points;
CI_MUST_CHECK ci_status ci_image_points_new(ci_image_points *out, size_t n, size_t n_frame);
void ci_image_points_clear(ci_image_points *points);
void ci_image_points_place(ci_image_points *points, size_t i, double l, double m);
/* samples->work += scale x the points' visibilities. Local. */
CI_MUST_CHECK ci_status ci_image_points_add(const ci_image_bright *bright,
                                            const ci_image_samples *samples,
                                            const ci_image_points *points, double scale);
/* Of each point's visibilities D with the residual R in samples->work: sum w Re(R conj D) and
 * sum w |D|^2, dot [n], norm [n], the same at any number of ranks. Collective. */
CI_MUST_CHECK ci_status ci_image_points_correlate(ci_comm *comm, const ci_image_bright *bright,
                                                  const ci_image_samples *samples,
                                                  const ci_image_points *points, double *dot,
                                                  double *norm);
/* sum w |D|^2 of all points together. Collective. */
CI_MUST_CHECK ci_status ci_image_points_norm(ci_comm *comm, const ci_image_bright *bright,
                                             const ci_image_samples *samples,
                                             const ci_image_points *points, double *norm);

/* ---- the two corrections ------------------------------------------------------------------- */

/* Adds to samples->work what the beam's change takes from and gives to the components where
 * that shows. Collective. */
CI_MUST_CHECK ci_status ci_image_drift_add(ci_comm *comm, const ci_image_bright *bright,
                                           const ci_image_clean *clean);
/* Finds the sources whose slope can be measured in the model as it stands. Those found before
 * keep their places in the list, and their slopes, down to half of what a new one needs.
 * Collective. */
CI_MUST_CHECK ci_status ci_image_spectrum_find(ci_comm *comm, ci_image_bright *bright,
                                               const ci_image_clean *clean);
/* Adds to samples->work what the slopes change. Local. */
CI_MUST_CHECK ci_status ci_image_spectrum_add(const ci_image_bright *bright,
                                              const ci_image_samples *samples);
/* One step of least squares on the residual in samples->work towards better slopes; takes what
 * they change from it. Collective. */
CI_MUST_CHECK ci_status ci_image_spectrum_fit(ci_comm *comm, ci_image_bright *bright,
                                              const ci_image_clean *clean);

#endif
