/* The planes in double precision. */
#include "grid/plane.h"
#include "contimg/num.h"

#include <complex.h>
#include <string.h>

#define REAL double
#define CPLX ci_c64
#define NAME(x) x##64
#define COEF coef64
#define TWICE_LOW(k) __builtin_shufflevector(k, k, 0, 0)
#define TWICE_HIGH(k) __builtin_shufflevector(k, k, 1, 1)
#define SPREAD(re, im)                                                                             \
    {                                                                                              \
        re, im                                                                                     \
    }
#define FFT_RUN ci_fft_rows_run64
#define COS_SIN ci_num_turns_cos_sin64
#include "grid/taps.h"
#include "grid/plane_template.h"
#include "grid/values_template.h"
