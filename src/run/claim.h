/* Who works on a group: one run at a time, and one at a time on each of its tiles. */
#ifndef CONTIMG_RUN_CLAIM_H
#define CONTIMG_RUN_CLAIM_H

#include "run/context.h"

/* CI_ERR_INPUT where the group was published with another result. Rank 0 only. Local. */
CI_MUST_CHECK ci_status ci_run_check_published(ci_run *run, const ci_run_group *group);
/* Takes a group and its tiles, which neighbouring groups share, for this run; waits where another
 * run is at one of the tiles. *done where the group was made before: then the record (rank 0)
 * says what it is, and an error why that is no good end. Collective. */
CI_MUST_CHECK ci_status ci_run_claim(ci_run *run, const ci_run_group *group,
                                     ci_report_group *record, bool *done);
/* Gives them back, after making the group ended with `status`, which it returns, with its
 * text. Rank 0 only. Local. */
CI_MUST_CHECK ci_status ci_run_claim_end(ci_run *run, const ci_run_group *group, bool has_product,
                                         ci_status status);

#endif
