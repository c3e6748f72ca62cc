/* A product's provenance: metadata_json of its row, and in its provenance.json. */
#ifndef CONTIMG_RUN_PROVENANCE_H
#define CONTIMG_RUN_PROVENANCE_H

#include "run/context.h"

/* What a later run asks of a product that was made before. */
typedef struct ci_run_provenance
{
    /* Of the content of its files, and of what was chosen; "": a contimg that did not write it
     * down. */
    char inputs_sha256[CI_SHA256_HEX], options_sha256[CI_SHA256_HEX];
    bool is_degraded;
    char degraded_why[512]; /* "" where it is not */
    int64_t version;        /* 1, and one more each time that it is made again; 0: not said */
} ci_run_provenance;
/* All "" where the product has none; CI_ERR_INPUT where it is no JSON. Local. */
CI_MUST_CHECK ci_status ci_run_provenance_read(ci_run_provenance *out,
                                               const ci_registry_product *product);

/* Everything that says how a mosaic of these tiles came to be, as JSON; free with ci_mem_free.
 * Local. */
CI_MUST_CHECK ci_status ci_run_provenance_text(char **out, const ci_run *run,
                                               const char *const *tile_id, size_t n_tile,
                                               const ci_report_group *record);

#endif
