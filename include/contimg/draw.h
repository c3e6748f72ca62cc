/* draw: plots and quick looks (cairo). All functions are local. */
#ifndef CONTIMG_DRAW_H
#define CONTIMG_DRAW_H

#include "contimg/base.h"

/* PNG of a FITS image: colour scale by robust statistics (asinh), colour bar, RA/Dec grid,
 * beam ellipse; at most max_pixel wide. Written by .part and rename. */
CI_MUST_CHECK ci_status ci_draw_fits(const char *fits_path, const char *png_path, size_t max_pixel,
                                     const char *title);

/* A share of 0 (white) to 1 (black) in rows and columns, the first row on top; NaN: no data. */
typedef struct ci_draw_map
{
    const char *title, *x_label, *y_label;
    size_t n_x, n_y;
    const double *value;         /* [n_y][n_x] */
    double x_first, x_last;      /* of the first and the last column */
    double y_first, y_last;      /* of the rows, where they have no names */
    const char *const *row_name; /* [n_y], or NULL */
} ci_draw_map;
/* PNG of n maps, one below the other; many columns or rows are averaged to 1536 and 4000. Written
 * by .part and rename. */
CI_MUST_CHECK ci_status ci_draw_maps(const char *png_path, const ci_draw_map *map, size_t n);

/* A quantity's distribution at each of n places along an axis: a bar from low to high, a dark mark
 * at the middle, red marks at the middle +- expected. NaN: nothing is drawn. The y axis runs from
 * -most to most; what lies beyond is cut. */
typedef struct ci_draw_spread
{
    const char *title, *x_label, *y_label;
    size_t n;
    double x_first, x_last;                       /* of the first and the last place */
    const double *middle, *low, *high, *expected; /* [n] */
    double most;                                  /* > 0 */
} ci_draw_spread;
/* PNG of n of them, one below the other; of more than 1536 places every n-th. Written by .part and
 * rename.
 */
CI_MUST_CHECK ci_status ci_draw_spreads(const char *png_path, const ci_draw_spread *spread,
                                        size_t n);

#endif
