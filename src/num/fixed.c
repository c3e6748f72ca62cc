/* Weights as integers, whose sums are exact in any order. */
#include "contimg/num.h"

#include <math.h>
#include <string.h>

int ci_num_fixed_exponent(double max, int64_t n)
{
    int e_max = 0, e_n = 0;
    frexp(max, &e_max);
    frexp((double)(n < 1 ? 1 : n), &e_n);
    return 61 - e_max - e_n;
}

/* Times a power of two, which its bits say: as ldexp where that is a normal number. */
int64_t ci_num_fixed(double value, int exponent)
{
    double scale = 0;
    if (exponent < -1022 || exponent > 1023) return (int64_t)llrint(ldexp(value, exponent));
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return (int64_t)llrint(value * scale);
}
