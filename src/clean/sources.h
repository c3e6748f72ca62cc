/* Bright sources of a model: which there are, and what they are beside their pixel components. */
#ifndef CLEAN_SOURCES_H
#define CLEAN_SOURCES_H

#include "clean/model.h"

enum
{
    CI_CLEAN_SLOPE_MAX = 5 /* |slope| of a source: no continuum is steeper */
};

/* What the search and the fit need besides the model. */
typedef struct ci_clean_sources_setup
{
    const ci_vis_samples *samples;
    ci_num_beam beam; /* restoring, pixels */
    double sum_weight;
} ci_clean_sources_setup;

/* Finds the bright sources in the model as it stands; residual: this rank's slab, for its rms and
 * peak. Those found before keep their indices in the list; others than points stay down to half of
 * what a new one needs. A bright compact one becomes a point component from now on: its pixel
 * components leave the model. One that is a point, but needs many components beside it, is none:
 * it becomes pixel components again. Collective. */
CI_MUST_CHECK ci_status ci_clean_sources_find(ci_comm *comm, ci_clean_model *model,
                                              const ci_clean_sources_setup *setup);
/* Steps of least squares on the residual in samples->computed towards better slopes, positions and
 * fluxes of the sources; takes what they change from it. Collective. */
CI_MUST_CHECK ci_status ci_clean_sources_fit(ci_comm *comm, ci_clean_model *model,
                                             const ci_clean_sources_setup *setup,
                                             ci_vis_samples *samples);
/* Whether any is a point component. Local. */
bool ci_clean_sources_have_points(const ci_clean_model *model);
/* Where point components did harm: all become pixel components, and none is made again. Local. */
void ci_clean_sources_release(ci_clean_model *model);
/* The points that sources are beside their pixel components, times their beams over the mean:
 * those of `from`, [n] sources, at points i_first on. Local. */
void ci_clean_sources_points(const ci_clean_model *model, const ci_clean_source *from, size_t n,
                             size_t i_first, ci_clean_points *points);
/* Pixel components whose drift is in the residual, by index, with the fluxes that it has there: the
 * same on every rank. */
typedef struct ci_clean_drifted
{
    ci_clean_component *list; /* [n] */
    size_t n;
} ci_clean_drifted;
/* Frees what it owns. Local. */
void ci_clean_drifted_clear(ci_clean_drifted *known);
/* What the beam's change gives to those that are known; *out to be cleared by the caller. Local. */
CI_MUST_CHECK ci_status ci_clean_drifted_points(const ci_clean_model *model,
                                                const ci_clean_drifted *known,
                                                ci_clean_points *out);
/* What the beam's change takes from and gives to pixel components where that shows, beside what is
 * known, which becomes known as well; *out to be cleared by the caller, whatever the status.
 * n_sample: of all ranks, for the work. Collective. */
CI_MUST_CHECK ci_status ci_clean_drift_points(ci_comm *comm, const ci_clean_model *model,
                                              int64_t n_sample, ci_clean_drifted *known,
                                              ci_clean_points *out);
/* All of the model's visibilities into samples->computed; *known becomes what of it drifts.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_model_compute(ci_comm *comm, const ci_clean_model *model,
                                               ci_grid_operator *gridder, ci_vis_samples *samples,
                                               ci_clean_drifted *known);

#endif
