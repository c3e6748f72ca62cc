/* Solutions of a bandpass or of gains between ranks. */
#ifndef CI_CAL_SHARE_H
#define CI_CAL_SHARE_H

#include "contimg/par.h"

/* Solutions [n][n_antenna], borrowed. */
typedef struct ci_cal_solutions
{
    size_t n_antenna;
    ci_c64 *gain;
    float *snr;
    uint8_t *flag;
} ci_cal_solutions;
/* Doubles of one solution of all antennas, packed. Local. */
size_t ci_cal_solution_size(size_t n_antenna);
/* Solution i. Local. */
void ci_cal_solution_pack(const ci_cal_solutions *from, size_t i, double *out);
/* What all ranks packed, [n] here, into `to` on every rank. Collective. */
CI_MUST_CHECK ci_status ci_cal_solutions_share(ci_comm *comm, const double *packed, size_t n,
                                               const ci_cal_solutions *to);

#endif
