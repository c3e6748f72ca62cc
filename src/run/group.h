/* One group, from its claim to a published mosaic. */
#ifndef CONTIMG_RUN_GROUP_H
#define CONTIMG_RUN_GROUP_H

#include "run/context.h"

/* Into run->record; the listener is told. Collective. */
CI_MUST_CHECK ci_status ci_run_group_make(ci_run *run, const ci_run_group *group);

#endif
