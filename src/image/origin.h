/* What tells the samples of an image from others. */
#ifndef IMAGE_ORIGIN_H
#define IMAGE_ORIGIN_H

#include "contimg/clean.h"

/* Sums over the samples, into out->sum. Collective. */
CI_MUST_CHECK ci_status ci_image_origin_find(ci_comm *comm, const ci_vis_samples *samples,
                                             ci_clean_origin *out);

#endif
