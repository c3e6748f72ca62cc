/* array: stations of DSA-110, the ones in use, their baselines. All functions are local. */
#ifndef SIM_ARRAY_H
#define SIM_ARRAY_H

#include "contimg/base.h"

#define SIM_N_STATION 117

typedef struct sim_array
{
    double lat_rad, lon_rad, height_m;    /* site: the tee's centre, as in the headers */
    double origin_m[3];                   /* its ECEF */
    double position_m[SIM_N_STATION * 3]; /* ECEF minus origin */
    bool is_active[SIM_N_STATION];
    size_t n_antenna;
    int64_t antenna[SIM_N_STATION]; /* numbers (station - 1), in the files' order */
    size_t n_baseline;              /* with autocorrelations */
    int32_t *first, *second;        /* [n_baseline] indices in antenna[]; second >= first */
    int64_t *ant_1, *ant_2;         /* [n_baseline] numbers */
    double *vector_m;               /* [n_baseline][3], antenna 2 minus antenna 1, ECEF */
} sim_array;

/* stations: a count or a list; is_mixed: the order of antennas is not that of numbers. */
CI_MUST_CHECK ci_status sim_array_new(sim_array **out, const char *stations, bool is_mixed);
void sim_array_free(sim_array *array);

#endif
