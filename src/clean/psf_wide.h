/* The PSF far from its centre, and the largest image of which its whole surroundings are computed.
 */
#ifndef CI_CLEAN_PSF_WIDE_H
#define CI_CLEAN_PSF_WIDE_H

#include "contimg/grid.h"

enum
{
    CLEAN_PSF_WIDE_PIXELS = 1 << 23
};

/* Greatest |PSF| of this rank's slab further than `half` pixels from the centre, along x or y.
 * Local. */
double ci_clean_psf_beyond(const ci_grid_layout *layout, const double *psf, size_t half);

#endif
