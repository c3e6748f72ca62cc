/* pipeline: the order of the stages; one tile, one group, one run. The stage commands and
 * `run` use the same steps. Everything here is collective over `world` unless said. */
#ifndef CONTIMG_PIPELINE_H
#define CONTIMG_PIPELINE_H

#include "contimg/conf.h"
#include "contimg/par.h"

/* One stage: files in, files out, no database. */
CI_MUST_CHECK ci_status ci_pipeline_calibrate(ci_comm *world, const ci_conf *conf);
CI_MUST_CHECK ci_status ci_pipeline_image(ci_comm *world, const ci_conf *conf);
CI_MUST_CHECK ci_status ci_pipeline_mosaic(ci_comm *world, const ci_conf *conf);

/* From files, or the oldest complete groups of the input folder, to published products
 * and a report. A DEGRADED product is CI_OK, with --strict CI_ERR_GATE. */
CI_MUST_CHECK ci_status ci_pipeline_run(ci_comm *world, const ci_conf *conf);

#endif
