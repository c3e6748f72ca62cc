/* Frames of phase centres, converted to ICRS. */
#include "uvh5/uvh5_private.h"

#include "contimg/sky.h"

#include <math.h>
#include <strings.h>

ci_status ci_uvh5_frame_to_icrs(const ci_uvh5_file *file, const char *what, uvh5_frame frame,
                                double *lon_rad, double *lat_rad)
{
    if (!isfinite(*lon_rad) || !isfinite(*lat_rad) || fabs(*lat_rad) > CI_PI / 2 + 1e-9) {
        return ci_uvh5_refuse(file, what, "phase centre %g, %g rad is no position: correct it",
                              *lon_rad, *lat_rad);
    }
    if (strcasecmp(frame.name, "icrs") == 0 || frame.name[0] == '\0') return CI_OK;
    if (strcasecmp(frame.name, "gcrs") == 0) {
        ci_sky_gcrs_to_icrs(frame.time_mjd_s, lon_rad, lat_rad);
        return CI_OK;
    }
    if (strcasecmp(frame.name, "fk5") == 0 && fabs(frame.epoch - 2000) < 1e-6) {
        ci_sky_fk5_to_icrs(lon_rad, lat_rad);
        return CI_OK;
    }
    return ci_uvh5_refuse(
        file, what,
        "phase centre in frame \"%s\", epoch %g: only icrs, gcrs and fk5 of 2000 "
        "are understood: rephase the data (pyuvdata: phase with phase_frame icrs)",
        frame.name, frame.epoch);
}

double ci_uvh5_mid_time(const ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    return 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
}
