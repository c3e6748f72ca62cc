/* Size and cell of an image that is not made yet. */
#include "image/choose.h"
#include "image/stokes.h"

ci_status ci_image_geometry_find(ci_comm *comm, const ci_vis_set *set, const ci_sky_field *sky,
                                 const ci_image_options *options, ci_grid_geometry *out)
{
    ci_vis_samples *samples = NULL;
    CI_TRY(ci_image_samples_new(comm, &samples, set, options));
    ci_status status = ci_image_geometry_choose(comm, samples, sky, options, out);
    ci_vis_samples_free(samples);
    return status;
}
