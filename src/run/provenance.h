/* A product's provenance.json. */
#ifndef CONTIMG_RUN_PROVENANCE_H
#define CONTIMG_RUN_PROVENANCE_H

#include "run/context.h"

/* Everything that says how a mosaic of these tiles came to be, as JSON; free with ci_mem_free.
 * Local. */
CI_MUST_CHECK ci_status ci_run_provenance_text(char **out, const ci_run *run,
                                               const char *const *tile_id, size_t n_tile,
                                               const ci_run_group_record *record);

#endif
