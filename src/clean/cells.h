/* Cells of time and frequency: in each, a flux that varies is one number. All functions are local.
 */
#ifndef CLEAN_CELLS_H
#define CLEAN_CELLS_H

#include "contimg/vis.h"

/* An axis of cells: each of the samples' times, or frequencies, is in one. */
typedef struct ci_clean_axis
{
    size_t n;
    uint32_t *of;       /* [the samples' n_time or n_freq] its cell */
    double *low, *high; /* [n] range of its values; low owns both */
} ci_clean_axis;
typedef struct ci_clean_cells
{
    ci_clean_axis time, freq;
} ci_clean_cells;

/* The cells of these samples: one for each time and frequency, or equal parts where there are too
 * many. */
CI_MUST_CHECK ci_status ci_clean_cells_new(ci_clean_cells *out, const ci_vis_samples *samples);
void ci_clean_cells_clear(ci_clean_cells *cells);
/* Where the cells of a row's time begin; *freq: of each of its channels the cell in frequency. */
size_t ci_clean_cells_of_row(const ci_clean_cells *cells, const ci_vis_samples *samples,
                             size_t i_row, const uint32_t **freq);

#endif
