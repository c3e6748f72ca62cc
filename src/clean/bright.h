/* bright.h: what the files on bright sources share. The gridder's model is constant in time
 * and frequency, at the mean beam, and stands on pixels. Bright sources show where that is wrong:
 * the beam moves over them (drift.c), their spectra are not flat and they lie between pixels
 * (sources.c, source_fit.c). All these are sums over points whose flux depends on integration
 * and frequency (points.c). */
#ifndef CI_IMAGE_BRIGHT_H
#define CI_IMAGE_BRIGHT_H

#include "clean/points_kernel.h"
#include "contimg/clean.h"

enum
{
    CI_BRIGHT_NODES = CI_CLEAN_POINTS_NODES /* of a flux in frequency: cubic between them */
};

/* One non-zero pixel of the model. */
typedef struct ci_clean_component
{
    int64_t index;     /* y n_x + x */
    double flux, beam; /* Jy; the mean beam there */
    double importance; /* of its error, Jy */
} ci_clean_component;

/* A source of flux (own + its components) (nu / ref_hz)^slope. */
typedef struct ci_clean_source
{
    double l, m;    /* of itself where it is held between pixels, else of its flux's centre */
    double flux;    /* Jy, of the components and its own, times the mean beam `beam` */
    double own;     /* of it: in no component. 0 where not held */
    bool is_held;   /* a point between pixels, with place and flux found by least squares */
    bool is_barred; /* no point, as was seen: never to be held again */
    bool has_slope; /* bright enough for one to be told */
    double beam, slope;
} ci_clean_source;

struct ci_clean_bright
{
    const ci_sky_field *sky;      /* borrowed */
    const ci_grid_layout *layout; /* borrowed */
    const float *pb;              /* slab, borrowed */
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
    ci_clean_source *source, *kept; /* [n_source], [n_kept]: the same on every rank, owned */
    size_t n_source, n_kept;
};

/* Direction cosines of a place in pixels from 0, and of a pixel by its index y n_x + x. */
void ci_clean_bright_place(const ci_clean_bright *bright, double x, double y, double *l, double *m);
void ci_clean_bright_pixel(const ci_clean_bright *bright, int64_t index, double *l, double *m);
/* Beam over mean beam at (l, m): [n_frame][CI_BRIGHT_NODES]. Local. */
void ci_clean_bright_ratio(const ci_clean_bright *bright, double l, double m, double beam,
                           double *ratio);
/* The same over its own mean, which it returns; 1 where that is next to nothing. Local. */
double ci_clean_bright_profile(const ci_clean_bright *bright, double l, double m, double *ratio);
/* Lagrange's weight of node i at a frequency. */
double ci_clean_bright_lagrange(const ci_clean_bright *bright, int i, double freq_hz);
/* All ranks' components of at least `least` importance where the mean beam is not nothing, on
 * every rank in scan order. importance NULL: |flux|. All arguments but `model`, this rank's slab,
 * equal on all ranks. *out by ci_mem_free. Collective. */
typedef double (*ci_clean_importance)(const ci_clean_bright *bright,
                                      const ci_clean_component *component);
CI_MUST_CHECK ci_status ci_clean_components_gather(ci_comm *comm, const ci_clean_bright *bright,
                                                   const double *model,
                                                   ci_clean_importance importance, double least,
                                                   ci_clean_component **out, size_t *n_out);

/* ---- in major cycles ------------------------------------------------------------------------ */

/* Finds the bright sources in the model; takes from it the components of those that are held
 * between pixels from now on. Collective. */
CI_MUST_CHECK ci_status ci_clean_bright_find(ci_comm *comm, ci_clean_bright *bright,
                                             const ci_clean *clean);
/* Adds to samples->work, which holds the model constant in time and frequency, what bright
 * sources differ from it. Collective. */
CI_MUST_CHECK ci_status ci_clean_bright_add(ci_comm *comm, const ci_clean_bright *bright,
                                            const ci_clean *clean);
/* Steps of least squares on the residual in samples->work towards better slopes, places and
 * fluxes of the sources; takes what they change from it. Collective. */
CI_MUST_CHECK ci_status ci_clean_bright_fit(ci_comm *comm, ci_clean_bright *bright,
                                            const ci_clean *clean);
/* Keeps the sources as they are, and goes back to them. Local. */
CI_MUST_CHECK ci_status ci_clean_bright_keep(ci_clean_bright *bright);
CI_MUST_CHECK ci_status ci_clean_bright_restore(ci_clean_bright *bright);
/* Whether any is held between pixels. Local. */
bool ci_clean_bright_is_any_held(const ci_clean_bright *bright);
/* Where that did harm: all are painted on this rank's slab of the model, and none is held again.
 * Local. */
void ci_clean_bright_let_go(ci_clean_bright *bright, double *model);

/* residual = (data - model's visibilities), gridded, over sum_weight: exact for the model as
 * it stands. Collective. */
CI_MUST_CHECK ci_status ci_clean_residual(ci_comm *comm, const ci_clean *clean);

/* ---- points -------------------------------------------------------------------------------- */

typedef struct ci_clean_points
{
    size_t n, n_frame;
    double *lmn;  /* [n][3]: l, m, n - 1 */
    double *flux; /* [n][n_frame][CI_BRIGHT_NODES], Jy */
} ci_clean_points;
CI_MUST_CHECK ci_status ci_clean_points_new(ci_clean_points *out, size_t n, size_t n_frame);
void ci_clean_points_clear(ci_clean_points *points);
void ci_clean_points_place(ci_clean_points *points, size_t i, double l, double m);
/* samples->work += scale x the points' visibilities. Local. */
CI_MUST_CHECK ci_status ci_clean_points_add(const ci_clean_bright *bright,
                                            const ci_vis_samples *samples,
                                            const ci_clean_points *points, double scale);
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
CI_MUST_CHECK ci_status ci_clean_points_correlate(ci_comm *comm, const ci_clean_bright *bright,
                                                  const ci_vis_samples *samples,
                                                  const ci_clean_points *points, double *sums);
/* Of all points' visibilities together: CI_FIT_DOT and CI_FIT_NORM. Collective. */
CI_MUST_CHECK ci_status ci_clean_points_project(ci_comm *comm, const ci_clean_bright *bright,
                                                const ci_vis_samples *samples,
                                                const ci_clean_points *points, double *dot,
                                                double *norm);

/* ---- the corrections ----------------------------------------------------------------------- */

/* Adds to samples->work what the beam's change takes from and gives to the components where
 * that shows. Collective. */
CI_MUST_CHECK ci_status ci_clean_drift_add(ci_comm *comm, const ci_clean_bright *bright,
                                           const ci_clean *clean);
/* Finds the bright sources in the model as it stands. Those found before keep their places in the
 * list; others than held ones stay down to half of what a new one needs. A bright compact one is
 * held from now on: its components leave the model. One that is held, but needs many components
 * beside it, is none: it is painted on pixels again. Collective. */
CI_MUST_CHECK ci_status ci_clean_sources_find(ci_comm *comm, ci_clean_bright *bright,
                                              const ci_clean *clean);
/* A held source as a spot; its end as one: its own flux is painted on this rank's slab of the
 * model. Local. */
ci_clean_spot ci_clean_source_spot(const ci_clean_bright *bright, const ci_clean_source *source);
void ci_clean_source_paint(const ci_clean_bright *bright, ci_clean_source *source, double *model);
/* The points that sources are beside their components, times their beams over the mean: those of
 * `from`, [n] sources, at points i_first on. Local. */
void ci_clean_sources_points(const ci_clean_bright *bright, const ci_clean_source *from, size_t n,
                             size_t i_first, ci_clean_points *points);
/* Adds to samples->work what sources are beside their components. Local. */
CI_MUST_CHECK ci_status ci_clean_sources_add(const ci_clean_bright *bright,
                                             const ci_vis_samples *samples);

#endif
