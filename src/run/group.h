/* One group, from its claim to a published mosaic. */
#ifndef CONTIMG_RUN_GROUP_H
#define CONTIMG_RUN_GROUP_H

#include "run/context.h"

/* Into run->record; the listener is told. *is_busy: another run has it, which is the error. Over
 * the world. Collective. */
CI_MUST_CHECK ci_status ci_run_group_make(ci_run *run, const ci_run_group *group, bool *is_busy);

#endif
