/* Amplitudes and position of one source that is not constant, by sums with the residual. */
#ifndef CLEAN_VARIATION_FIT_H
#define CLEAN_VARIATION_FIT_H

#include "clean/sources.h"
#include "clean/variation.h"

typedef struct ci_clean_variation_fit
{
    ci_clean_model *model;
    ci_clean_variability *state;
    ci_vis_samples *samples;
    double *sum, *beam; /* owned, [n_cell]; beam: of the source that is looked at, over its mean */
    /* Such sums of sources that are looked at one after the other, while the residual stays: */
    double *ahead;                                   /* [CI_CLEAN_CELLS_AT_ONCE][n_cell] */
    size_t n_ahead, i_ahead[CI_CLEAN_CELLS_AT_ONCE]; /* of the list of a search */
    size_t n_cell;
    double total_weight, total_variance;
    double sum_weight, beam_rad; /* of imaging; minor */
} ci_clean_variation_fit;

/* Nothing is allocated yet. Local. */
ci_clean_variation_fit ci_clean_variation_fit_of(ci_clean_model *model, ci_clean_variability *state,
                                                 const ci_clean_sources_setup *setup,
                                                 ci_vis_samples *samples);
/* Its sums and the cells' weights; cleared by the caller, also where it fails. Collective. */
CI_MUST_CHECK ci_status ci_clean_variation_fit_new(ci_comm *comm, ci_clean_variation_fit *fit);
/* Local. */
void ci_clean_variation_fit_clear(ci_clean_variation_fit *fit);
/* One step of the i-th variation's amplitudes, and of its position; the residual follows.
 * Collective. */
CI_MUST_CHECK ci_status ci_clean_variation_fit_step(ci_comm *comm, ci_clean_variation_fit *fit,
                                                    size_t i);
/* The rms of its amplitudes, Jy. Local. */
double ci_clean_variation_fit_rms(const ci_clean_variation_fit *fit, size_t i);

#endif
