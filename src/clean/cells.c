/* Cells of time and frequency: which of them each time and channel of samples is in. */
#include "clean/cells.h"
#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    CELL_TIMES_MAX = 512,
    CELL_FREQS_MAX = 2048
};

/* The cell of each of n values: one for each that is distinct among the first n_own, or `most` of
 * equal width; the nearest one for those that follow. */
static ci_status axis_new(ci_clean_axis *out, const double *value, size_t n_own, size_t n,
                          size_t most)
{
    double *sorted = NULL;
    CI_TRY(ci_mem_alloc(&out->of, n, sizeof *out->of, "cells of time and frequency"));
    CI_TRY(ci_mem_alloc(&sorted, n_own, sizeof *sorted, "cells of time and frequency"));
    memcpy(sorted, value, n_own * sizeof *sorted);
    qsort(sorted, n_own, sizeof *sorted, ci_num_compare_doubles);
    size_t n_distinct = 0;
    for (size_t i = 0; i < n_own; i++)
        if (i == 0 || sorted[i] > sorted[n_distinct - 1]) sorted[n_distinct++] = sorted[i];
    double first = sorted[0], span = sorted[n_distinct - 1] - first;
    bool is_single = n_distinct <= most;
    out->n = is_single ? n_distinct : most;
    ci_status status = ci_mem_alloc(&out->low, 2 * out->n, sizeof *out->low, "cells");
    out->high = out->low + out->n;
    for (size_t k = 0; status == CI_OK && k < out->n; k++) {
        out->low[k] = is_single ? sorted[k] : first + span * (double)k / (double)most;
        out->high[k] = is_single ? sorted[k] : first + span * (double)(k + 1) / (double)most;
    }
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        size_t k = (size_t)(fmax(0, value[i] - first) / span * (double)most);
        out->of[i] = (uint32_t)(is_single  ? ci_num_nearest(sorted, n_distinct, value[i])
                                : k < most ? k
                                           : most - 1);
    }
    ci_mem_free(sorted);
    return status;
}

ci_status ci_clean_cells_new(ci_clean_cells *out, const ci_vis_samples *s)
{
    *out = (ci_clean_cells){0};
    if (s->n_time == 0 || s->n_freq == 0) return CI_OK;
    CI_TRY(axis_new(&out->time, s->time_mjd_s, s->n_time, s->n_time, CELL_TIMES_MAX));
    return axis_new(&out->freq, s->freq_hz, s->n_freq, s->n_axis_freq, CELL_FREQS_MAX);
}

void ci_clean_cells_clear(ci_clean_cells *cells)
{
    ci_clean_axis *const axis[2] = {&cells->time, &cells->freq};
    for (int i = 0; i < 2; i++) {
        ci_mem_free(axis[i]->of);
        ci_mem_free(axis[i]->low);
    }
    *cells = (ci_clean_cells){0};
}

size_t ci_clean_cells_of_row(const ci_clean_cells *cells, const ci_vis_samples *s, size_t i_row,
                             const uint32_t **freq)
{
    *freq = cells->freq.of + s->axis[s->i_axis[i_row]].first;
    size_t i_time = ci_num_nearest(s->time_mjd_s, s->n_time, s->row_mjd_s[i_row]);
    return cells->time.of[i_time] * cells->freq.n;
}
