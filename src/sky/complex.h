/* Complex numbers from their parts: clang has no CMPLX with this C library, and x + I y is
 * wrong where y is infinite or -0. All functions are local. */
#ifndef CI_SKY_COMPLEX_H
#define CI_SKY_COMPLEX_H

#include <complex.h>

#include "contimg/base.h"

static inline ci_c64 ci_sky_c64(double re, double im)
{
    union
    {
        double part[2];
        ci_c64 z;
    } v = {{re, im}};
    return v.z;
}

#endif
