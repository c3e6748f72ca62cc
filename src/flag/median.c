/* Median amplitude of a baseline. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, ci_isa isa,
                                int64_t *n_good)
{
    size_t first = ci_vis_sample(block, i_row_first, 0, i_pol);
    size_t end = ci_vis_sample(block, i_row_end, 0, i_pol), step = block->n_pol;
    int64_t count = 0;
    for (size_t i = first; i < end; i += step)
        count += block->flags[i] == 0;
    *n_good = count;
    if (count == 0) return NAN;
    size_t stride = ((size_t)count + n_scratch - 1) / n_scratch, n = 0, n_pass = 0;
    for (size_t i = first; i < end && n < n_scratch; i += step) {
        if (block->flags[i]) continue;
        if (n_pass > 0) {
            n_pass--;
            continue;
        }
        n_pass = stride - 1;
        double re = crealf(block->data[i]), im = cimagf(block->data[i]);
        scratch[n++] = (float)sqrt(re * re + im * im);
    }
    return (double)ci_num_median_by(scratch, n, isa);
}
