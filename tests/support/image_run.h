/* Images of a set in one call. */
#ifndef TEST_IMAGE_RUN_H
#define TEST_IMAGE_RUN_H

#include "contimg/image.h"

static inline ci_status images_make(ci_comm *comm, ci_vis_set *set, const ci_image_setup *setup,
                                    const char *prefix, ci_image_stats *stats)
{
    ci_image_maker *maker = NULL;
    CI_TRY(ci_image_maker_new(comm, &maker, set, setup));
    ci_status status = ci_image_maker_run(comm, maker, prefix);
    *stats = *ci_image_maker_stats(maker);
    ci_image_maker_free(maker);
    return status;
}

#endif
