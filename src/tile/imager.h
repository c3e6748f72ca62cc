/* What makes the images of a tile, with all that it borrows. */
#ifndef CI_TILE_IMAGER_H
#define CI_TILE_IMAGER_H

#include "contimg/tile.h"

/* Not to be moved: the maker points into it. */
typedef struct ci_tile_imager
{
    ci_sky_field sky;
    ci_image_options image;
    ci_fits_header header;
    char *made_with;       /* owned: as in ci_image_setup */
    ci_image_maker *maker; /* owned */
} ci_tile_imager;
/* Of the tile's data, the files to be PREFIX...; to be cleared whatever the status. Collective. */
CI_MUST_CHECK ci_status ci_tile_imager_new(ci_comm *comm, ci_tile_imager *out,
                                           const ci_tile_options *options, ci_tile_data *data,
                                           const char *prefix, ci_image_reading reading);
/* Frees what it owns. Local. */
void ci_tile_imager_clear(ci_tile_imager *imager);

#endif
