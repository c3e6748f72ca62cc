/* A tile in the middle of its time, at a frequency of its first sub-band. All functions are local.
 */
#ifndef CI_TILE_MIDDLE_H
#define CI_TILE_MIDDLE_H

#include "contimg/tile.h"

typedef struct ci_tile_middle
{
    const ci_sky_beam *beam;         /* borrowed, like the pointing */
    const ci_sky_pointing *pointing; /* at that time */
    ci_sky_frame *frame;             /* owned */
    double freq_hz;
} ci_tile_middle;
/* To be cleared where it is made. */
CI_MUST_CHECK ci_status ci_tile_middle_new(const ci_tile_data *data, ci_tile_middle *out);
void ci_tile_middle_clear(ci_tile_middle *middle);
/* Apparent flux, Jy; 0 where that is no finite number. */
double ci_tile_middle_flux_jy(const ci_tile_middle *middle, const ci_sky_source *source);

#endif
