/* What a mosaic costs, for who plans it. */
#include "contimg/mosaic.h"

enum
{
    TILE_PIXEL_BYTES = 48, /* a tile convolved and reprojected */
    SUM_BYTES = 8,         /* flux and weight */
    N_FILE = 3,
    FILE_PIXEL_BYTES = 4
};
static const double pixel_s = 4.8e-7;

double ci_mosaic_bytes(double n_pixel, double n_tile_pixel)
{
    return n_tile_pixel * TILE_PIXEL_BYTES + n_pixel * SUM_BYTES;
}

double ci_mosaic_seconds(double n_pixel)
{
    return n_pixel * pixel_s;
}

double ci_mosaic_file_bytes(double n_pixel)
{
    return N_FILE * FILE_PIXEL_BYTES * n_pixel;
}
