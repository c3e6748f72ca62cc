/* The minor cycle, on the list of pixels that can matter. All functions are local. */
#ifndef CLEAN_MINOR_H
#define CLEAN_MINOR_H

#include "contimg/clean.h"

/* Pixels that can matter, by scale and in scan order. */
typedef struct ci_clean_active
{
    int32_t x, y;
    float value;        /* residual; in and out */
    float threshold;    /* not cleaned at or below this ... */
    float threshold_in; /* ... or this, once it holds a component */
    bool no_negative;   /* below 0 not cleaned before it holds a component */
    int32_t scale;      /* of its value; 0: points */
} ci_clean_active;

typedef struct ci_clean_minor_limits
{
    double gain, stop; /* stop: |value| down to which this cycle goes */
    int64_t max_iteration;
    size_t n_scale;     /* of the PSF; 0, as 1: points alone */
    const float *ratio; /* [n_scale][n_scale] by which it is taken; NULL: 1 */
} ci_clean_minor_limits;

typedef struct ci_clean_minor_result
{
    int64_t n_iteration;
    bool diverged;
} ci_clean_minor_result;

/* Clark's minor cycle: moves flux from active[].value to flux[n] (zeroed by the caller), in units
 * of the values. psf [n_scale][n_scale]: of a component of the first scale in the values of the
 * second. Local, run on rank 0. */
CI_MUST_CHECK ci_status ci_clean_minor_clark(const ci_clean_patch *psf, size_t n,
                                             ci_clean_active *active, double *flux,
                                             const ci_clean_minor_limits *limits,
                                             ci_clean_minor_result *result);

#endif
