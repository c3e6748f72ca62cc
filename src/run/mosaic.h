/* The mosaic of a group, by all ranks. */
#ifndef CONTIMG_RUN_MOSAIC_H
#define CONTIMG_RUN_MOSAIC_H

#include "run/context.h"

/* From the tiles with has_passed[i], the same on all ranks, into staging/mosaics/<id>, made new.
 * Rank 0: folder and numbers into `record`, NULL elsewhere. Over the world. Collective. */
CI_MUST_CHECK ci_status ci_run_mosaic_make(ci_run *run, const ci_run_group *group,
                                           const int64_t *has_passed, ci_tile_gains gains,
                                           ci_report_group *record);

#endif
