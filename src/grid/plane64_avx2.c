/* The planes in double precision, for machines with AVX2. */
#include "grid/plane.h"
#include "grid/target_avx2.h"

#define NAME(x) x##64_avx2
#include "grid/plane_double.h"

#include "grid/target_end.h"
