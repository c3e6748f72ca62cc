/* What a file that makes the planes in one precision needs. */
#ifndef GRID_PLANE_H
#define GRID_PLANE_H

#include "contimg/num.h"
#include "grid/plane_rows.h"
#include "grid/buffers.h"
#include "grid/slant.h"
#include "grid/transpose.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define UNROLL _Pragma("GCC unroll 16")

#endif
