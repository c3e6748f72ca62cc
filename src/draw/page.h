/* What pictures have in common: colours, words, the file. All functions are local. */
#ifndef CI_DRAW_PAGE_H
#define CI_DRAW_PAGE_H

#include "contimg/base.h"

#include <cairo.h>

enum
{
    CI_DRAW_TEXT_SIZE = 12 /* of letters, pixels */
};

/* Colour of t, 0 black to 1 white. */
void ci_draw_colour(double t, double rgb[3]);
/* A font for ci_draw_text; its size is the caller's. */
void ci_draw_font(cairo_t *cr);
/* White, with the font and its usual size; to be given to cairo_destroy. */
cairo_t *ci_draw_page_begin(cairo_surface_t *surface);
/* Words whose base line is at y; align 0: they begin at x, 1: they end there. */
void ci_draw_text(cairo_t *cr, double x, double y, double align, const char *text);
/* The i-th tick of an axis that begins with `first`; false where it lies beyond `last`. Where it
 * lies, as a share of the axis, and its number. */
bool ci_draw_tick(double first, double last, int i, double *share, char text[32]);
/* Writes the file by .part and rename. */
CI_MUST_CHECK ci_status ci_draw_png(cairo_surface_t *surface, const char *path);

#endif
