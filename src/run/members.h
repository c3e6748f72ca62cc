/* Members of a group before it is made: files that came late, and how many there are. */
#ifndef CONTIMG_RUN_MEMBERS_H
#define CONTIMG_RUN_MEMBERS_H

#include "run/context.h"

/* A person asks for the one group of the list: late files of its members become theirs, and the
 * list is read again. Those of a member that was imaged only to make the group again, those of
 * files that were named never. Local. */
CI_MUST_CHECK ci_status ci_run_members_take_late(ci_run *run, ci_registry_groups **groups);
/* A tile with fewer sub-bands than an observation must have is a hole, one with fewer than it
 * should have DEGRADED, whatever recorded it; groups of named files are as they stand. Local. */
CI_MUST_CHECK ci_status ci_run_members_judge(ci_run *run, ci_run_groups *chosen);

#endif
