/* The planes in double precision. */
#include "grid/plane.h"

#define NAME(x) x##64
#define REAL double
#define CPLX ci_c64
#define COEF coef64
#define HALF_LOW(k) __builtin_shufflevector(k, k, 0, 0, 1, 1)
#define HALF_HIGH(k) __builtin_shufflevector(k, k, 2, 2, 3, 3)
#define QUARTER_0(k) __builtin_shufflevector(k, k, 0, 0, 0, 0)
#define QUARTER_1(k) __builtin_shufflevector(k, k, 1, 1, 1, 1)
#define QUARTER_2(k) __builtin_shufflevector(k, k, 2, 2, 2, 2)
#define QUARTER_3(k) __builtin_shufflevector(k, k, 3, 3, 3, 3)
#define REPEAT_1(v) __builtin_shufflevector(v, v, 0, 1, 0, 1)
#define REPEAT_2(v) (v)
#define FFT_RUN ci_fft_rows_run64
#define COS_SIN ci_num_turns_cos_sin64
#define CONJUGATE conj
#include "grid/plane_template.h"
