/* layout: one UVH5 file with the datasets, types, chunks and order of creation of the
 * DSA-110 writer. Nothing here knows what the numbers mean. All functions are local. */
#ifndef SIM_LAYOUT_H
#define SIM_LAYOUT_H

#include "contimg/base.h"

/* What does not change from integration to integration. Arrays are borrowed. */
typedef struct sim_layout_header
{
    double latitude_deg, longitude_deg, altitude_m;
    double dec_app_rad;           /* pointing: phase centre at hour angle 0 */
    const char *history;          /* text, never the clock's time */
    size_t n_station;             /* Nants_telescope */
    const double *position_m;     /* [n_station][3], ECEF minus the site's ECEF */
    const double *diameter_m;     /* [n_station] */
    size_t n_antenna;             /* Nants_data */
    size_t n_baseline;            /* with autocorrelations */
    const int64_t *ant_1, *ant_2; /* [n_baseline], numbers (station - 1) */
    const float *uvw_m;           /* [n_baseline][3], the same for all times */
    size_t n_chan;
    const double *freq_hz; /* [n_chan] */
    double channel_width_hz, integration_s;
    size_t n_pol;
    const int64_t *pol; /* [n_pol] */
    float nsample;      /* put into every cell of nsamples */
} sim_layout_header;

typedef struct sim_layout sim_layout;
/* Makes the file; the writer's own habit of an "_incomplete" name is the caller's. */
CI_MUST_CHECK ci_status sim_layout_create(sim_layout **out, const char *path,
                                          const sim_layout_header *header);
/* One integration more. vis [n_baseline][n_chan][n_pol] pairs of r, i; time is JD UTC,
 * middle of the integration. */
CI_MUST_CHECK ci_status sim_layout_append(sim_layout *layout, double time_jd, const float *vis);
/* Closes and frees; the status tells whether the file is whole. NULL-safe. */
ci_status sim_layout_close(sim_layout *layout);
/* Whether a file could not be closed, so that the process must not let HDF5 try again. */
bool sim_layout_is_left_open(void);

#endif
