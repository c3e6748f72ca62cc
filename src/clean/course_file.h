/* How far CLEAN had come, and what it was of, in the file of a model. */
#ifndef CLEAN_COURSE_FILE_H
#define CLEAN_COURSE_FILE_H

#include "clean/model.h"
#include "contimg/h5.h"

/* Both, beside a model's own content. Local. */
CI_MUST_CHECK ci_status ci_clean_course_write(ci_h5_file *file, const ci_clean_model *model);
/* CI_ERR_INPUT where the file is of other visibilities or options than the model's. Local. */
CI_MUST_CHECK ci_status ci_clean_origin_check(const ci_h5_file *file, const ci_clean_model *model);
/* How far CLEAN had come, into *out, to be cleared by the caller, whatever the status. Local. */
CI_MUST_CHECK ci_status ci_clean_course_read(const ci_h5_file *file, const ci_clean_model *model,
                                             ci_clean_course *out);
/* Rank 0's for all. Collective. */
CI_MUST_CHECK ci_status ci_clean_course_share(ci_comm *comm, ci_clean_course *course);

#endif
