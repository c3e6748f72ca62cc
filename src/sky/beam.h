#ifndef CI_SKY_BEAM_H
#define CI_SKY_BEAM_H

#include "contimg/sky.h"

/* Direction cosines of an ITRS direction about the pointing: l to the east, m to the north
 * of the apparent equator; false behind it, where no beam looks. */
typedef struct ci_sky_beam_axes
{
    double centre[3], east[3], north[3]; /* ITRS */
} ci_sky_beam_axes;
void ci_sky_beam_axes_at(ci_sky_beam_axes *out, const ci_sky_pointing *pointing,
                         const ci_sky_frame *frame);
bool ci_sky_beam_offset(const ci_sky_beam_axes *axes, const double s_itrs[3], double *l, double *m);

#endif
