/* Weights as integers, whose sums are exact in any order. */
#include "contimg/num.h"

#include <math.h>

int ci_num_fixed_exponent(double max, int64_t n)
{
    int e_max = 0, e_n = 0;
    frexp(max, &e_max);
    frexp((double)(n < 1 ? 1 : n), &e_n);
    return 61 - e_max - e_n;
}

int64_t ci_num_fixed(double value, int exponent)
{
    return (int64_t)llrint(ldexp(value, exponent));
}
