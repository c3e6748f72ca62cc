/* The planes in single precision, for machines with AVX2. */
#include "grid/plane.h"
#include "grid/target_avx2.h"

#define NAME(x) x##32_avx2
#include "grid/plane_single.h"

#include "grid/target_end.h"
