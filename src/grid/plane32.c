/* The planes in single precision. */
#include "grid/plane.h"
#include "contimg/num.h"

#include <complex.h>
#include <string.h>

#define REAL float
#define CPLX ci_c32
#define NAME(x) x##32
#define COEF coef32
#define TWICE_LOW(k) __builtin_shufflevector(k, k, 0, 0, 1, 1)
#define TWICE_HIGH(k) __builtin_shufflevector(k, k, 2, 2, 3, 3)
#define SPREAD(re, im)                                                                             \
    {                                                                                              \
        re, im, re, im                                                                             \
    }
#define FFT_RUN ci_fft_rows_run32
#define COS_SIN ci_num_turns_cos_sin32
#include "grid/taps.h"
#include "grid/plane_template.h"
#include "grid/values_template.h"
