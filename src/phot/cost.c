/* What finding sources costs, for who plans it. */
#include "contimg/phot.h"

static const double pixel_bytes = 16; /* image, noise, islands */

double ci_phot_find_bytes(double n_pixel)
{
    return n_pixel * pixel_bytes;
}
