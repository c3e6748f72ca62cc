/* What is done with a mosaic that stands in staging: sources, registration, publishing. */
#ifndef CONTIMG_RUN_PRODUCT_H
#define CONTIMG_RUN_PRODUCT_H

#include "contimg/phot.h"
#include "run/context.h"

typedef struct ci_run_product
{
    const ci_run_group *group;
    size_t n_tile;
    const char *const *tile_id; /* [n_tile] that passed */
    double thermal_jy;          /* of the best of them */
    const ci_phot_list *sources;
} ci_run_product;
/* Source list and comparison with the model, into the group's record, by rank 0; the picture by the
 * last rank meanwhile. record: NULL on other ranks; *sources: rank 0's. Collective. */
CI_MUST_CHECK ci_status ci_run_product_look(const ci_run *run, const ci_run_group *group,
                                            ci_report_group *record, ci_phot_list **sources);
/* Registration, staging and publishing of the mosaic that stands in record->folder; fills the
 * group's record. Rank 0 only. Local. */
CI_MUST_CHECK ci_status ci_run_product_finish(ci_run *run, const ci_run_product *product,
                                              ci_report_group *record);

#endif
