/* bright.h: what the files on bright sources share. The gridder's model is constant in time
 * and frequency, at the mean beam, and stands on pixels. Bright sources show where that is wrong:
 * the beam moves over them (drift.c), their spectra are not flat and they lie between pixels
 * (sources.c, source_fit.c). All these are sums over points whose flux depends on integration
 * and frequency (points.c). */
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

/* A source of flux (own + its components) (nu / ref_hz)^slope. */
typedef struct ci_image_source
{
    double l, m;    /* of itself where it is held between pixels, else of its flux's centre */
    double flux;    /* Jy, of the components and its own, times the mean beam `beam` */
    double own;     /* of it: in no component. 0 where not held */
    bool is_held;   /* a point between pixels, with place and flux found by least squares */
    bool is_barred; /* no point, as was seen: never to be held again */
    bool has_slope; /* bright enough for one to be told */
    double beam, slope;
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
    double ref_hz;       /* fluxes of the model are meant there */
    double rms_log;      /* of ln(nu / ref_hz) with imaging weights */
    double *node_weight; /* [n_frame][NODES]: sums of imaging weights times Lagrange's weights of
                            the nodes, in arbitrary but common units */
    double rms, peak;    /* of the residual image of the cycle before: peak of |residual| */
    bool none_held;      /* holding did harm: none from now on */
    ci_image_source *source, *kept; /* [n_source], [n_kept]: the same on every rank, owned */
    size_t n_source, n_kept;
};

/* Direction cosines of a place in pixels from 0, and of a pixel by its index y n_x + x. */
void ci_image_bright_place(const ci_image_bright *bright, double x, double y, double *l, double *m);
void ci_image_bright_pixel(const ci_image_bright *bright, int64_t index, double *l, double *m);
/* Beam over mean beam at (l, m): [n_frame][CI_BRIGHT_NODES]. Local. */
void ci_image_bright_ratio(const ci_image_bright *bright, double l, double m, double beam,
                           double *ratio);
/* The same over its own mean, which it returns; 1 where that is next to nothing. Local. */
double ci_image_bright_profile(const ci_image_bright *bright, double l, double m, double *ratio);
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
/* What the change of a point's visibilities P with flux, ln nu and place has to do with the
 * residual R: sums of w Re(R conj dP) and w |dP|^2; u', v' = 2 pi (u - w l/n, v - w m/n). */
enum
{
    CI_FIT_DOT,   /* w Re(R conj P) */
    CI_FIT_DOT_X, /* w x Re(R conj P), x = ln(nu / ref_hz) */
    CI_FIT_DOT_L, /* w u' Im(R conj P) */
    CI_FIT_DOT_M,
    CI_FIT_NORM, /* w |P|^2 */
    CI_FIT_NORM_X,
    CI_FIT_NORM_XX,
    CI_FIT_NORM_LL, /* w u' u' |P|^2 */
    CI_FIT_NORM_LM,
    CI_FIT_NORM_MM,
    CI_FIT_SUMS
};
/* These sums of each point with the residual in samples->work: sums [n][CI_FIT_SUMS], the same at
 * any number of ranks. Collective. */
CI_MUST_CHECK ci_status ci_image_points_correlate(ci_comm *comm, const ci_image_bright *bright,
                                                  const ci_image_samples *samples,
                                                  const ci_image_points *points, double *sums);
/* Of all points' visibilities together: CI_FIT_DOT and CI_FIT_NORM. Collective. */
CI_MUST_CHECK ci_status ci_image_points_project(ci_comm *comm, const ci_image_bright *bright,
                                                const ci_image_samples *samples,
                                                const ci_image_points *points, double *dot,
                                                double *norm);

/* ---- the corrections ----------------------------------------------------------------------- */

/* Adds to samples->work what the beam's change takes from and gives to the components where
 * that shows. Collective. */
CI_MUST_CHECK ci_status ci_image_drift_add(ci_comm *comm, const ci_image_bright *bright,
                                           const ci_image_clean *clean);
/* Finds the bright sources in the model as it stands. Those found before keep their places in the
 * list; others than held ones stay down to half of what a new one needs. A bright compact one is
 * held from now on: its components leave the model. One that is held, but needs many components
 * beside it, is none: it is painted on pixels again. Collective. */
CI_MUST_CHECK ci_status ci_image_sources_find(ci_comm *comm, ci_image_bright *bright,
                                              const ci_image_clean *clean);
/* A held source as a spot; its end as one: its own flux is painted on this rank's slab of the
 * model. Local. */
ci_image_spot ci_image_source_spot(const ci_image_bright *bright, const ci_image_source *source);
void ci_image_source_paint(const ci_image_bright *bright, ci_image_source *source, double *model);
/* The points that sources are beside their components, times their beams over the mean: those of
 * `from`, [n] sources, at points i_first on. Local. */
void ci_image_sources_points(const ci_image_bright *bright, const ci_image_source *from, size_t n,
                             size_t i_first, ci_image_points *points);
/* Adds to samples->work what sources are beside their components. Local. */
CI_MUST_CHECK ci_status ci_image_sources_add(const ci_image_bright *bright,
                                             const ci_image_samples *samples);

#endif
