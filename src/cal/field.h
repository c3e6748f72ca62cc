/* What corrections of gains may change that a field's own sources give. */
#ifndef CI_CAL_FIELD_H
#define CI_CAL_FIELD_H

#include "cal/sums.h"

/* Corrections [n_feed][n_interval][n_antenna] of a problem's present intervals. A receptor without
 * a solution in an interval has the one nearest in time, without any the correction 1. */
typedef struct ci_cal_held
{
    double *place;   /* [n_antenna][2] east and north of the source looked at, m */
    ci_c64 *phasor;  /* of modulus 1, about their mean over a feed's receptors */
    double slope[2]; /* of phase over place, rad/m: the sky's shift, which is in the phasors ... */
    bool holds_position;   /* ... or is not: taken out of them */
    double *log_amplitude; /* about their mean over all receptors */
} ci_cal_held;
/* Room for the problem's integrations; `east` and `north` are unit vectors. To be cleared whatever
 * the status. Local. */
ci_status ci_cal_held_new(const ci_cal_problem *problem, const double east[3],
                          const double north[3], ci_cal_held *out);
/* Frees what it owns. Local. */
void ci_cal_held_clear(ci_cal_held *held);
/* Phasors and their slope, of the problem's gains and flags. Local. */
void ci_cal_held_phases(const ci_cal_problem *problem, ci_cal_held *held);
/* What the scatter of phases costs, of the phasors of what has a solution. */
typedef struct ci_cal_scatter
{
    double coherence; /* mean of cos(phase of a - phase of b) over pairs of receptors of a feed;
                       * NaN: fewer than half have a solution */
    double noise2;    /* mean variance that the S/N of the solutions gives a phase, rad^2 */
    double n;         /* of solutions */
} ci_cal_scatter;
/* After ci_cal_held_phases, while the problem's gains and flags are the same. Local. */
ci_cal_scatter ci_cal_held_scatter(const ci_cal_problem *problem, const ci_cal_held *held);
/* The part of the coherence that is lost by it, but for what is the solutions' own noise. *sigma:
 * its error, a tenth of what is taken off for noise in it. Local. */
double ci_cal_scatter_loss(const ci_cal_scatter *scatter, double *sigma);
/* Amplitudes, likewise. Their mean leaves out what is off by more than four deviations: an antenna
 * that changed moves no flux. scratch [2 n_feed n_antenna]. Local. */
void ci_cal_held_amplitudes(const ci_cal_problem *problem, double *scratch, ci_cal_held *held);

/* silent.c. Whether a receptor shows a field's sources. */
typedef enum ci_cal_shown
{
    CI_CAL_SHOWN_UNKNOWN, /* too faint to say */
    CI_CAL_SHOWN_WELL,
    CI_CAL_SHOWN_HARDLY, /* no, but that it is the receptor is not sure enough */
    CI_CAL_SHOWN_NOT     /* it is silent */
} ci_cal_shown;
/* What the problem's present solutions say, if they do, into shown [n_feed][n_antenna] of
 * ci_cal_shown; is_image: the model lacks nothing that is seen. scratch [n_antenna + n_interval].
 * Shorter intervals come later. Local. */
void ci_cal_shown_judge(const ci_cal_problem *problem, bool is_image, double *scratch,
                        uint8_t *shown);
typedef struct ci_cal_silent
{
    size_t n;    /* receptors */
    double loss; /* of the flux, by these and those that hardly show */
} ci_cal_silent;
/* Of what was judged: silent ones that it cannot be sure of, too many, or farther out than all that
 * show (place of ci_cal_held), become CI_CAL_SHOWN_HARDLY. scratch [n_antenna]. Local. */
ci_cal_silent ci_cal_silent_find(const ci_cal_problem *problem, const double *place,
                                 double *scratch, uint8_t *shown);
#endif
