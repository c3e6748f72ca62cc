/* How a run's ranks are split into teams for the tiles of a group. */
#ifndef CONTIMG_RUN_TEAMS_H
#define CONTIMG_RUN_TEAMS_H

#include "run/context.h"

/* The split that `contimg plan` would choose for this work, these ranks and their memory; where no
 * split fits, a warning and the one that needs the least. Collective. */
CI_MUST_CHECK ci_status ci_run_teams_choose(const ci_run *run, const ci_run_group *group,
                                            ci_plan_teams *teams);

#endif
