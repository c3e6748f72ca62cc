/* The planes in double precision, for any machine. */
#include "grid/plane.h"

#define NAME(x) x##64
#include "grid/plane_double.h"
