/* frame.h: one time over one site: what ERFA computed, kept. All functions are local. */
#ifndef CI_SKY_FRAME_H
#define CI_SKY_FRAME_H

#include "contimg/sky.h"

/* Unit vector in ICRS axes of a position, and in ITRS axes of an ICRS unit vector: light
 * deflection, aberration (annual and diurnal), precession-nutation, Earth rotation, polar
 * motion. */
void ci_sky_unit(double ra_rad, double dec_rad, double unit[3]);
void ci_sky_direction_unit(const ci_sky_frame *frame, const double icrs[3], double s_itrs[3]);
/* ICRS unit vectors to the east (l) and north (m) at a position. */
void ci_sky_axes(double ra_rad, double dec_rad, double east[3], double north[3]);
/* Frame of one time of a data set. */
ci_status ci_sky_frame_of(ci_sky_frame **out, const ci_sky_eop *eop, const ci_vis_meta *meta,
                          double time_mjd_s);
double ci_sky_frame_time(const ci_sky_frame *frame);
/* ITRS direction of a phase centre at the frame's time; zero for UNPROJECTED. */
void ci_sky_phase_direction(const ci_sky_frame *frame, const ci_vis_phase_centre *phase,
                            double s_itrs[3]);

#endif
