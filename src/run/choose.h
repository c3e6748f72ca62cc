/* Which groups a run does. */
#ifndef CONTIMG_RUN_CHOOSE_H
#define CONTIMG_RUN_CHOOSE_H

#include "run/context.h"

/* The files named, or the oldest complete groups; the same on all ranks. Empty where there is
 * nothing to do, which the listener is told. Collective. */
CI_MUST_CHECK ci_status ci_run_groups_choose(ci_run *run, ci_run_groups *chosen);

#endif
