/* The planes in single precision, for any machine. */
#include "grid/plane.h"

#define NAME(x) x##32
#include "grid/plane_single.h"
