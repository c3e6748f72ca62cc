/* run: from files or arrived groups to published products: claims, groups, teams of ranks,
 * products and the record of a run. */
#ifndef CONTIMG_RUN_H
#define CONTIMG_RUN_H

#include "contimg/conf.h"
#include "contimg/ingest.h"
#include "contimg/par.h"

/* From files, or the oldest complete groups of the input folder, to published products
 * and a report. A DEGRADED product is CI_OK, with --strict CI_ERR_GATE. */
CI_MUST_CHECK ci_status ci_run_execute(ci_comm *world, const ci_conf *conf);

/* How files become observations and groups, as the options say. Local. */
void ci_run_ingest_options(const ci_conf *conf, ci_ingest_options *options);

/* CI_OK where `run` would take the files named: they are of one array, and each observation has
 * enough of its sub-bands. Errors as `run` gives them. Local, no database. */
CI_MUST_CHECK ci_status ci_run_check_named(const ci_conf *conf);

#endif
