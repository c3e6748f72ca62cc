/* Weights of one baseline after the other, from the noise of its data. All functions are local. */
#ifndef CI_CAL_WEIGHTS_H
#define CI_CAL_WEIGHTS_H

#include "contimg/cal.h"

typedef struct ci_cal_weigher ci_cal_weigher;
/* As ci_cal_weights with CI_CAL_WEIGHTS_SIGMA; *noise is begun, and counts on. */
CI_MUST_CHECK ci_status ci_cal_weigher_new(ci_cal_weigher **out, ci_vis_block *block,
                                           double sefd_jy, ci_isa isa, ci_cal_noise *noise);
void ci_cal_weigher_free(ci_cal_weigher *weigher);
/* The weights of rows [first, end), those of one baseline. */
void ci_cal_weigher_set(ci_cal_weigher *weigher, size_t first, size_t end);

#endif
