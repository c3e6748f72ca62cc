/* Size and cell of an image that is not made yet. */
#include "image/product.h"

ci_status ci_image_geometry_find(ci_comm *comm, const ci_vis_set *set, const ci_image_sky *sky,
                                 const ci_image_options *options, ci_image_geometry *out)
{
    ci_image_samples *samples = NULL;
    CI_TRY(ci_image_samples_new(comm, &samples, set, options));
    ci_status status = ci_image_geometry_choose(comm, samples, sky, options, out);
    ci_image_samples_free(samples);
    return status;
}
