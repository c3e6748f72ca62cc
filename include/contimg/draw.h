/* draw: plots and quick looks (cairo). All functions are local. */
#ifndef CONTIMG_DRAW_H
#define CONTIMG_DRAW_H

#include "contimg/base.h"

/* PNG of a FITS image: colour scale by robust statistics (asinh), colour bar, RA/Dec grid,
 * beam ellipse; at most max_pixel wide. Written by .part and rename. */
CI_MUST_CHECK ci_status ci_draw_fits(const char *fits_path, const char *png_path, size_t max_pixel,
                                     const char *title);

#endif
