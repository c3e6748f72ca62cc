/* earth: where a source stands over the array at a UTC. Own calls of ERFA, on purpose not
 * the ones of the program that is tested. All functions are local. */
#ifndef SIM_EARTH_H
#define SIM_EARTH_H

#include "contimg/base.h"

typedef struct sim_earth sim_earth;
/* Reads share/earth_orientation.csv; the site is geodetic WGS84. */
CI_MUST_CHECK ci_status sim_earth_new(sim_earth **out, double lat_rad, double lon_rad,
                                      double height_m);
void sim_earth_free(sim_earth *earth);
/* Moves to a time: JD of UTC. Outside the table's dates: an error that names them. */
CI_MUST_CHECK ci_status sim_earth_set(sim_earth *earth, double time_jd);
/* Topocentric apparent hour angle and declination (no refraction) of an ICRS position. */
void sim_earth_hadec(const sim_earth *earth, double ra_rad, double dec_rad, double *ha_rad,
                     double *dec_app_rad);
/* And back. */
void sim_earth_icrs(const sim_earth *earth, double ha_rad, double dec_app_rad, double *ra_rad,
                    double *dec_rad);
/* Unit vector, ITRS axes, towards an hour angle and apparent declination at the site. */
void sim_earth_vector(const sim_earth *earth, double ha_rad, double dec_app_rad, double s[3]);

#endif
