/* Shapes of extended components: tapered quadratics of width 1, and their transform. */
#include "clean/scales.h"

#include <math.h>

enum
{
    STEPS = 128,    /* of the table, in one cycle per width */
    CYCLES = 32,    /* beyond them it is nothing */
    INTERVALS = 256 /* of Simpson's rule, from the centre to the rim; even */
};

double ci_clean_shape(double r)
{
    if (r >= 0.5) return 0;
    return (1 - 4 * r * r) * (1 + cos(CI_TWO_PI * r)) / 2;
}

/* Integral of shape(r) J0(2 pi q r) r from the centre to the rim. */
static double hankel(double q)
{
    double sum = 0, step = 0.5 / INTERVALS;
    for (int i = 1; i < INTERVALS; i++) {
        double r = i * step;
        sum += (i % 2 ? 4 : 2) * ci_clean_shape(r) * j0(CI_TWO_PI * q * r) * r;
    }
    return sum * step / 3; /* both ends are 0 */
}

ci_status ci_clean_transform_new(ci_comm *comm, ci_clean_transform *out)
{
    out->n = STEPS * CYCLES + 1;
    CI_AGREE(comm, ci_mem_alloc(&out->value, out->n, sizeof *out->value, "transform of a shape"));
    double whole = hankel(0);
    if (ci_comm_rank(comm) == 0)
        for (size_t i = 0; i < out->n; i++)
            out->value[i] = hankel((double)i / STEPS) / whole;
    return ci_par_bcast(comm, out->value, out->n * sizeof *out->value, 0);
}

double ci_clean_transform_at(const ci_clean_transform *t, double q)
{
    double at = q * STEPS;
    size_t i = (size_t)at;
    if (!(at < (double)(t->n - 1))) return 0;
    return t->value[i] + (at - (double)i) * (t->value[i + 1] - t->value[i]);
}
