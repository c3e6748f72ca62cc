/* The fit of a source's structure: what structure.c makes of baselines and structure_fit.c solves.
 */
#ifndef CI_CAL_STRUCTURE_H
#define CI_CAL_STRUCTURE_H

#include "contimg/cal.h"

enum
{
    CI_CAL_MOMENTS = 3, /* of the sky: l l, l m, m m, arcsec^2 */
    CI_CAL_COLUMNS = 4  /* moments, and the logarithm of the amplitude */
};

/* A baseline, over all its times and channels. */
typedef struct ci_cal_span
{
    size_t ant1, ant2;
    double weight, huber;        /* 0: left out */
    double x[CI_CAL_COLUMNS];    /* log |V/M| by moment; log |V/M| */
    double left[CI_CAL_COLUMNS]; /* the same without what gains of antennas explain */
    double uu, uv, vv, cell[2];
} ci_cal_span;

typedef struct ci_cal_fit
{
    size_t n, n_antenna;
    ci_cal_span *each; /* [n] by cells */
    double *normal;    /* [n_antenna][n_antenna], decomposed in place */
    double *antenna;   /* [CI_CAL_COLUMNS][n_antenna] right sides, then gains (log) that explain a
                          column */
    bool *is_used;     /* [n_antenna] */
    double *scratch;   /* [n] */
    double length2;    /* longest that is used, wavelengths^2 */
    double half_band;  /* of the band over its middle frequency */
    size_t n_used, n_free, n_cell;
} ci_cal_fit;

/* structure_fit.c. What baselines [n], sorted by cells, show. Local. */
void ci_cal_structure_fit(ci_cal_fit *fit, ci_cal_structure *out);
/* Its steps. Uses baselines up to a length, alike; false where they are too few. Local. */
bool ci_cal_fit_use(ci_cal_fit *fit, double length2);
/* The moments that explain most of what gains leave; raw: sums of w x x of them. Local. */
void ci_cal_fit_moments(ci_cal_fit *fit, double raw[CI_CAL_MOMENTS], ci_cal_structure *out);
/* What gains of antennas leave of a column, after ci_cal_fit_moments. Local. */
void ci_cal_fit_project(ci_cal_fit *fit, size_t column);

/* structure_neighbour.c. A source beside the model's that explains amplitudes of baselines up to
 * 2500 wavelengths. Changes the columns of the moments. Local. */
void ci_cal_neighbour_fit(ci_cal_fit *fit, ci_cal_structure *out);

#endif
