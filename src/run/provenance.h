/* A product's provenance.json. */
#ifndef CONTIMG_RUN_PROVENANCE_H
#define CONTIMG_RUN_PROVENANCE_H

#include "run/product.h"

/* Everything that says how the product came to be, as JSON; free with ci_mem_free. Local. */
CI_MUST_CHECK ci_status ci_run_provenance_text(char **out, const ci_run *run,
                                               const ci_run_product *product,
                                               const ci_run_group_record *record);

#endif
