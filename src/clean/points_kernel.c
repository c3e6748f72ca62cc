/* Phasors of points over samples, and sums of them, for several instruction sets: a lane for each
 * point. */
#include "clean/points_kernel.h"
#include "contimg/num.h"

enum
{
    ALL_LANES = CI_CLEAN_POINTS_LANES,
    HALF = ALL_LANES / 2,
    NODES = CI_CLEAN_FLUX_NODES
};

#define NAME(x) x##_8
#define LANES 8
#include "clean/points_template.h"

#define NAME(x) x##_16
#define LANES 16
#include "clean/points_template.h"

/* Half of the lanes of a batch at once: as many as registers hold but with AVX-512. */
CI_ISA_INLINE void add_half(const ci_clean_points_run *run, const ci_clean_points_batch *g)
{
    run_add_8(*run, g, 0);
    if (g->n_point > HALF) run_add_8(*run, g, HALF);
}

CI_ISA_INLINE void correlate_half(const ci_clean_points_run *run, const ci_clean_points_batch *g,
                                  double *out)
{
    run_correlate_8(*run, g, 0, out);
    if (g->n_point > HALF) run_correlate_8(*run, g, HALF, out);
}

CI_ISA_INLINE void add_all(const ci_clean_points_run *run, const ci_clean_points_batch *g)
{
    run_add_16(*run, g, 0);
}

CI_ISA_INLINE void correlate_all(const ci_clean_points_run *run, const ci_clean_points_batch *g,
                                 double *out)
{
    run_correlate_16(*run, g, 0, out);
}

CI_ISA_INSTANCES(add_half, (const ci_clean_points_run *run, const ci_clean_points_batch *g),
                 (run, g))
CI_ISA_INSTANCES(correlate_half,
                 (const ci_clean_points_run *run, const ci_clean_points_batch *g, double *out),
                 (run, g, out))
CI_ISA_INSTANCE(CI_ISA_TARGET_AVX512, add_whole_avx512, add_all,
                (const ci_clean_points_run *run, const ci_clean_points_batch *g), (run, g))
CI_ISA_INSTANCE(CI_ISA_TARGET_AVX512, correlate_whole_avx512, correlate_all,
                (const ci_clean_points_run *run, const ci_clean_points_batch *g, double *out),
                (run, g, out))

ci_clean_points_kernel ci_clean_points_kernel_get(ci_isa isa, size_t n_point)
{
    if (isa == CI_ISA_AVX512 && n_point > HALF)
        return (ci_clean_points_kernel){add_whole_avx512, correlate_whole_avx512};
    return (ci_clean_points_kernel){CI_ISA_KERNEL(add_half, isa),
                                    CI_ISA_KERNEL(correlate_half, isa)};
}
