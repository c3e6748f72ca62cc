/* Publishing a product that a run has staged. */
#ifndef CONTIMG_RUN_PUBLISH_H
#define CONTIMG_RUN_PUBLISH_H

#include "run/context.h"

/* Publishes the product of record->id that is staged in `folder`, unless --no-publish; fills the
 * group's record. Rank 0 only. Local. */
CI_MUST_CHECK ci_status ci_run_publish(ci_run *run, const char *folder, ci_report_group *record);

#endif
