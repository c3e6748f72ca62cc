/* pipeline: the order of the stages; one tile, one group, one run. The stage commands and
 * `run` use the same steps. Everything here is collective over `world` unless said. */
#ifndef CONTIMG_PIPELINE_H
#define CONTIMG_PIPELINE_H

#include "contimg/conf.h"
#include "contimg/ingest.h"
#include "contimg/par.h"
#include "contimg/plan.h"

/* One stage: files in, files out, no database. */
CI_MUST_CHECK ci_status ci_pipeline_calibrate(ci_comm *world, const ci_conf *conf);
CI_MUST_CHECK ci_status ci_pipeline_image(ci_comm *world, const ci_conf *conf);
CI_MUST_CHECK ci_status ci_pipeline_mosaic(ci_comm *world, const ci_conf *conf);

/* From files, or the oldest complete groups of the input folder, to published products
 * and a report. A DEGRADED product is CI_OK, with --strict CI_ERR_GATE. */
CI_MUST_CHECK ci_status ci_pipeline_run(ci_comm *world, const ci_conf *conf);

/* How files become observations and groups, as the options say. Local. */
void ci_pipeline_ingest_options(const ci_conf *conf, ci_ingest_options *options);

/* CI_OK where `run` would take the files named: they are of one array, and each observation has
 * enough of its sub-bands. Errors as `run` gives them. Local, no database. */
CI_MUST_CHECK ci_status ci_pipeline_check_named(const ci_conf *conf);

/* What `run` would have to do for a tile of these files, from their headers alone: shapes and
 * bytes, and the image's size as the options and the array give it. n_group and n_tile are the
 * caller's. Local, starts no MPI. */
CI_MUST_CHECK ci_status ci_pipeline_estimate(const ci_conf *conf, const char *const *paths,
                                             size_t n_path, ci_plan_work *work);

#endif
