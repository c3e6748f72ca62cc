/* Whether the group that a run works on is still its own. */
#ifndef CONTIMG_RUN_LEASE_H
#define CONTIMG_RUN_LEASE_H

#include "run/context.h"

/* Notes the group that rank 0 has claimed, on all ranks. Collective. */
CI_MUST_CHECK ci_status ci_run_lease_share(ci_run *run, const char *group_id);
/* CI_ERR_NOT_READY where another process has taken the group over: nothing of it may be written
 * any more. Asks the database: rank 0 by its handle, another rank by one for reading that it opens.
 * Local. */
CI_MUST_CHECK ci_status ci_run_lease_check(const ci_run *run);

#endif
