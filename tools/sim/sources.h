/* sources: the true sky. All functions are local. */
#ifndef SIM_SOURCES_H
#define SIM_SOURCES_H

#include "options.h"

typedef enum sim_role
{
    SIM_ROLE_LISTED,
    SIM_ROLE_CALIBRATOR,
    SIM_ROLE_INSIDE,
    SIM_ROLE_OUTSIDE
} sim_role;

typedef struct sim_source
{
    char name[40];
    double ra_rad, dec_rad, flux_jy, ref_freq_hz, index;
    sim_role role;
} sim_source;

typedef struct sim_sources
{
    size_t n;
    sim_source *list;
} sim_sources;

/* The list that the options ask for; centres [n_tile][2] are the tiles' ICRS centres. */
CI_MUST_CHECK ci_status sim_sources_new(sim_sources **out, const sim_options *options,
                                        const double *centre_rad);
void sim_sources_free(sim_sources *sources);
/* Model CSV; role < 0: all. Nothing is written where none is of the role. */
CI_MUST_CHECK ci_status sim_sources_write(const sim_sources *sources, const char *path, int role);
/* What a survey would list of them: errors of flux, a flux limit; calibrators are exact. */
CI_MUST_CHECK ci_status sim_sources_survey(const sim_sources *sources, const sim_options *options,
                                           const char *path);
const char *sim_role_name(sim_role role);
double sim_separation_rad(double ra1, double dec1, double ra2, double dec2);

#endif
