/* What a group is made from: groups are known by their times, and other data may have the same. */
#ifndef CONTIMG_RUN_INPUTS_H
#define CONTIMG_RUN_INPUTS_H

#include "run/context.h"

/* Of the sizes and samples of the content of a group's files, in order. Local. */
CI_MUST_CHECK ci_status ci_run_group_inputs_hash(const ci_run_group *group,
                                                 char out[CI_SHA256_HEX]);
/* How the making of a product differs from what this run would do with files of that hash: "it was
 * made with other options" or "... from other files of these times"; NULL where it does not, or
 * does not say. Local. */
CI_MUST_CHECK ci_status ci_run_made_from(const ci_run *run, const ci_registry_product *product,
                                         const char *inputs_sha256, const char **difference);
/* run->options_sha256 and choices_sha256. Local. */
CI_MUST_CHECK ci_status ci_run_options_hash(ci_run *run);

#endif
