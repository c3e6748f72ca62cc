/* Sums of a prediction that the next one of the same block takes. All functions are local. */
#ifndef CI_SKY_KEPT_H
#define CI_SKY_KEPT_H

#include "contimg/sky.h"

/* Begins a prediction of a block; `n_byte` is the most that it may keep: where that is much of the
 * memory budget nothing is kept. True where sums go through `kept` until ci_sky_kept_end. */
bool ci_sky_kept_begin(ci_sky_kept *kept, const ci_vis_block *block, size_t n_byte);
/* The next n sums: those of the prediction before (*is_known), or zeros to be filled. Borrowed. */
ci_status ci_sky_kept_next(ci_sky_kept *kept, size_t n, float **sum, bool *is_known);
/* Ends it; what was taken is freed. */
void ci_sky_kept_end(ci_sky_kept *kept, ci_status status);

#endif
