/* Sources outside the image: points that no pixel can hold, whose sidelobes lie all over it. */
#ifndef CLEAN_OUTSIDE_H
#define CLEAN_OUTSIDE_H

#include "clean/model.h"

/* What the search and the fit need besides the model. Borrowed while the search lives. */
typedef struct ci_clean_outside_setup
{
    ci_clean_model *model;
    ci_vis_samples *samples;
    ci_num_beam beam; /* restoring, pixels */
    double sum_weight;
    const ci_sky_model *known; /* sources are sought where these are; NULL: everywhere */
    double noise_jy;           /* Jy/beam, of the visibilities alone; NaN: not known */
} ci_clean_outside_setup;
/* As far from the centre as sources are sought. */
#define CI_CLEAN_OUTSIDE_RADIUS_RAD (5 * CI_PI / 180)

/* What a source's columns are: table [CI_CLEAN_OUTSIDE_COLUMNS][n_time][CI_CLEAN_FLUX_NODES].
 * Local. */
void ci_clean_outside_columns(const ci_clean_model *model, const ci_vis_samples *samples, double l,
                              double m, double *table);
/* Points of the sources `from` [n] at points i_first on. Local. */
CI_MUST_CHECK ci_status ci_clean_outside_points(const ci_clean_model *model,
                                                const ci_vis_samples *samples,
                                                const ci_clean_outside *from, size_t n,
                                                size_t i_first, ci_clean_points *points);
/* The model's sources outside the image into samples->computed, times scale. Local. */
CI_MUST_CHECK ci_status ci_clean_outside_add(const ci_clean_model *model, ci_vis_samples *samples,
                                             double scale);
/* New sources: into the model, and out of the residual in samples->computed. Local. */
CI_MUST_CHECK ci_status ci_clean_outside_append(ci_clean_model *model, const ci_clean_outside *list,
                                                size_t n, ci_vis_samples *samples);
/* Sources that have come into the image, or have become nothing, leave the model, and are in
 * samples->computed again. Local. */
CI_MUST_CHECK ci_status ci_clean_outside_release(ci_clean_model *model, ci_vis_samples *samples);
/* What the summary says of a source. Local. */
void ci_clean_outside_describe(const ci_clean_model *model, const ci_clean_outside *source,
                               ci_clean_slope *out);
/* Whether a direction lies in the image. Local. */
bool ci_clean_outside_is_inside(const ci_clean_model *model, double l, double m);

/* ---- the fit (outside_fit.c) ---- */

/* Steps of least squares on the residual in samples->computed towards better fluxes and positions
 * of all sources outside the image; takes what they change from it. Collective. */
CI_MUST_CHECK ci_status ci_clean_outside_fit(ci_comm *comm, const ci_clean_outside_setup *setup);

/* ---- the search (outside_find.c) ---- */

typedef struct ci_clean_place
{
    double l, m;
} ci_clean_place;
/* Of the known sources, those that the beam may let in from outside the image: *out [*n], by
 * ci_mem_free. The same on every rank. Local. */
CI_MUST_CHECK ci_status ci_clean_outside_known(const ci_clean_outside_setup *setup,
                                               ci_clean_place **out, size_t *n);

/* A coarse image of the residual, as far out as sources are sought. */
typedef struct ci_clean_outside_search ci_clean_outside_search;
/* *out NULL where the image itself reaches so far, or none of the known sources may be seen.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_outside_search_new(ci_comm *comm, ci_clean_outside_search **out,
                                                    const ci_clean_outside_setup *setup);
/* NULL-safe. Local. */
void ci_clean_outside_search_free(ci_clean_outside_search *search);
/* What one search saw. */
typedef struct ci_clean_outside_found
{
    size_t n_new;
    double inside, outside; /* peaks that are left, Jy/beam; outside: but for the new ones */
    double sidelobe;        /* greatest of the PSF: what the one may be of the other */
    double threshold;       /* of a source, Jy/beam */
} ci_clean_outside_found;
/* Adds to the model what stands out of the residual in samples->computed outside the image and is
 * no sidelobe of what is left inside. Collective. */
CI_MUST_CHECK ci_status ci_clean_outside_find(ci_comm *comm, ci_clean_outside_search *search,
                                              ci_clean_outside_found *found);

#endif
