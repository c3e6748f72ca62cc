/* Steps and labels of a grid of right ascension and declination. All functions are local. */
#ifndef CONTIMG_DRAW_LABELS_H
#define CONTIMG_DRAW_LABELS_H

#include <stdbool.h>

/* Degrees between grid lines, for some five in a field: of right ascension a round number of
 * seconds of time. */
double ci_draw_grid_step(double field_deg, bool is_ra);
/* "05h21m" or "05h21m12s" or "05h21m12.3s", as fine as the step asks for. */
void ci_draw_ra_text(double ra_deg, double step_deg, char out[32]);
/* "+16°36'" or "+16°36'05\"". */
void ci_draw_dec_text(double dec_deg, double step_deg, char out[32]);

#endif
