/* Median amplitude of a baseline. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

/* Amplitudes of n samples, `step` apart. */
CI_ISA_INLINE void amplitudes_take(const float *restrict data, size_t n, size_t step,
                                   float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        double re = (double)data[2 * step * i], im = (double)data[2 * step * i + 1];
        out[i] = (float)sqrt(re * re + im * im);
    }
}

CI_ISA_INSTANCES(amplitudes_take, (const float *data, size_t n, size_t step, float *out),
                 (data, n, step, out))

double ci_flag_median_amplitude(const ci_vis_block *block, size_t i_row_first, size_t i_row_end,
                                size_t i_pol, float *scratch, size_t n_scratch, ci_isa isa,
                                int64_t *n_good)
{
    size_t first = ci_vis_sample(block, i_row_first, 0, i_pol);
    size_t end = ci_vis_sample(block, i_row_end, 0, i_pol), step = block->n_pol;
    int64_t n_all = (int64_t)((end - first) / step);
    int64_t count = ci_vis_good_count(block->flags + first, (size_t)n_all, step, isa);
    *n_good = count;
    if (count == 0) return NAN;
    size_t stride = ((size_t)count + n_scratch - 1) / n_scratch, n = 0, n_pass = 0;
    if (count == n_all) {
        n = ((size_t)count + stride - 1) / stride;
        CI_ISA_KERNEL(amplitudes_take, isa)
        ((const float *)(block->data + first), n, step * stride, scratch);
        return (double)ci_num_median_by(scratch, n, isa);
    }
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
