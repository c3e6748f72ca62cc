/* The planes in single precision. */
#include "grid/plane.h"

#define NAME(x) x##32
#define REAL float
#define CPLX ci_c32
#define COEF coef32
#define HALF_LOW(k) __builtin_shufflevector(k, k, 0, 0, 1, 1, 2, 2, 3, 3)
#define HALF_HIGH(k) __builtin_shufflevector(k, k, 4, 4, 5, 5, 6, 6, 7, 7)
#define QUARTER_0(k) __builtin_shufflevector(k, k, 0, 0, 0, 0, 1, 1, 1, 1)
#define QUARTER_1(k) __builtin_shufflevector(k, k, 2, 2, 2, 2, 3, 3, 3, 3)
#define QUARTER_2(k) __builtin_shufflevector(k, k, 4, 4, 4, 4, 5, 5, 5, 5)
#define QUARTER_3(k) __builtin_shufflevector(k, k, 6, 6, 6, 6, 7, 7, 7, 7)
#define REPEAT_1(v) __builtin_shufflevector(v, v, 0, 1, 0, 1, 0, 1, 0, 1)
#define REPEAT_2(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 0, 1, 2, 3)
#define FFT_RUN ci_fft_rows_run32
#define COS_SIN ci_num_turns_cos_sin32
#define CONJUGATE conjf
#include "grid/plane_template.h"
