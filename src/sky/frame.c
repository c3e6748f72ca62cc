/* The frame of one integration: ICRS, apparent places, hour angles, uvw axes (ERFA). */
#include "sky/frame.h"

#include <erfa.h>
#include <math.h>
#include <string.h>

#include "sky/eop.h"

struct ci_sky_frame
{
    eraASTROM astrom; /* ICRS to CIRS for this site and time, observer's velocity in it */
    double time_mjd_s, lon_rad, last_rad;
    double cirs_to_itrs[3][3];
};

/* CIRS (of the geocentre's axes) to ITRS: local Earth rotation, polar motion as
 * eraAtioq applies it, then from the site's meridian to Greenwich's. No diurnal aberration:
 * eraApco13 puts the observer's own velocity into astrom.v. */
static void rotation(ci_sky_frame *frame)
{
    const eraASTROM *a = &frame->astrom;
    double sx = sin(a->xpl), cx = cos(a->xpl), sy = sin(a->ypl), cy = cos(a->ypl);
    double polar[3][3] = {{cx, 0, sx}, {sx * sy, cy, -cx * sy}, {-sx * cy, sy, cx * cy}};
    double local[3][3], rotation[3][3];
    eraIr(local);
    eraRz(a->eral, local);
    eraRxr(polar, local, local);
    eraIr(rotation);
    eraRz(-frame->lon_rad, rotation);
    eraRxr(rotation, local, frame->cirs_to_itrs);
}

ci_status ci_sky_frame_new(ci_sky_frame **out, const ci_sky_eop *eop, const ci_vis_array *array,
                           double time_mjd_s, double dut1_header_s)
{
    *out = NULL;
    if (!isfinite(time_mjd_s))
        return ci_error(CI_ERR_INPUT, "time %g s (MJD, UTC) is not a time", time_mjd_s);
    double dut1_s, x_rad, y_rad, eo_rad;
    ci_sky_eop_at(eop, time_mjd_s, dut1_header_s, &dut1_s, &x_rad, &y_rad);
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_mem_alloc(&frame, 1, sizeof *frame, "sky frame"));
    frame->time_mjd_s = time_mjd_s;
    frame->lon_rad = array->lon_rad;
    /* Day and fraction apart: one double of MJD days would round the time to 0.6 us. */
    double day = floor(time_mjd_s / CI_DAY_S);
    int answer = eraApco13(CI_TIME_JD_OF_MJD + day, (time_mjd_s - day * CI_DAY_S) / CI_DAY_S,
                           dut1_s, array->lon_rad, array->lat_rad, array->height_m, x_rad, y_rad, 0,
                           0, 0, 1, &frame->astrom, &eo_rad);
    if (answer < 0) {
        ci_mem_free(frame);
        return ci_error(CI_ERR_INPUT,
                        "MJD %.6f (UTC) is no date that ERFA can use: correct the times",
                        time_mjd_s / CI_DAY_S);
    }
    frame->last_rad = eraAnp(frame->astrom.eral - eo_rad);
    rotation(frame);
    *out = frame;
    return CI_OK;
}

double ci_sky_frame_time(const ci_sky_frame *frame)
{
    return frame->time_mjd_s;
}

ci_status ci_sky_frame_of(ci_sky_frame **out, const ci_sky_eop *eop, const ci_vis_meta *meta,
                          double time_mjd_s)
{
    return ci_sky_frame_new(out, eop, &meta->array, time_mjd_s, meta->dut1_s);
}

void ci_sky_frame_free(ci_sky_frame *frame)
{
    ci_mem_free(frame);
}

double ci_sky_frame_last_rad(const ci_sky_frame *frame)
{
    return frame->last_rad;
}

void ci_sky_unit(double ra_rad, double dec_rad, double unit[3])
{
    eraS2c(ra_rad, dec_rad, unit);
}

void ci_sky_axes(double ra_rad, double dec_rad, double east[3], double north[3])
{
    double sa = sin(ra_rad), ca = cos(ra_rad), sd = sin(dec_rad), cd = cos(dec_rad);
    memcpy(east, (double[3]){-sa, ca, 0}, 3 * sizeof *east);
    memcpy(north, (double[3]){-sd * ca, -sd * sa, cd}, 3 * sizeof *north);
}

void ci_sky_direction_unit(const ci_sky_frame *frame, const double icrs[3], double s_itrs[3])
{
    const eraASTROM *a = &frame->astrom;
    double bent[3], moved[3], cirs[3];
    double position[3] = {icrs[0], icrs[1], icrs[2]}, eh[3] = {a->eh[0], a->eh[1], a->eh[2]};
    double velocity[3] = {a->v[0], a->v[1], a->v[2]}, bpn[3][3], to_itrs[3][3];
    memcpy(bpn, a->bpn, sizeof bpn); /* ERFA takes no const */
    memcpy(to_itrs, frame->cirs_to_itrs, sizeof to_itrs);
    eraLdsun(position, eh, a->em, bent);
    eraAb(bent, velocity, a->em, a->bm1, moved);
    eraRxp(bpn, moved, cirs);
    eraRxp(to_itrs, cirs, s_itrs);
}

void ci_sky_direction(const ci_sky_frame *frame, double ra_rad, double dec_rad, double s_itrs[3])
{
    double unit[3];
    ci_sky_unit(ra_rad, dec_rad, unit);
    ci_sky_direction_unit(frame, unit, s_itrs);
}

void ci_sky_direction_apparent(const ci_sky_frame *frame, double ha_rad, double dec_app_rad,
                               double s_itrs[3])
{
    eraS2c(frame->lon_rad - ha_rad, dec_app_rad, s_itrs);
}

void ci_sky_apparent(const ci_sky_frame *frame, double ra_rad, double dec_rad, double *ha_rad,
                     double *dec_app_rad)
{
    double s[3], theta;
    ci_sky_direction(frame, ra_rad, dec_rad, s);
    eraC2s(s, &theta, dec_app_rad);
    *ha_rad = eraAnpm(frame->lon_rad - theta);
}

void ci_sky_icrs(const ci_sky_frame *frame, double ha_rad, double dec_app_rad, double *ra_rad,
                 double *dec_rad)
{
    double s[3], cirs[3], ri, di, to_itrs[3][3];
    eraASTROM astrom = frame->astrom;
    memcpy(to_itrs, frame->cirs_to_itrs, sizeof to_itrs);
    ci_sky_direction_apparent(frame, ha_rad, dec_app_rad, s);
    eraTrxp(to_itrs, s, cirs);
    eraC2s(cirs, &ri, &di);
    eraAticq(eraAnp(ri), di, &astrom, ra_rad, dec_rad);
}

void ci_sky_uvw_basis(const ci_sky_frame *frame, double ra_rad, double dec_rad, double basis[3][3])
{
    /* Central differences over +-1e-3 rad: aberration's third-order term leaves 1e-10 of a
     * row, rounding 1e-13. */
    const double h = 1e-3, n = sqrt(1 - h * h);
    double unit[3], axis[2][3];
    ci_sky_unit(ra_rad, dec_rad, unit);
    ci_sky_axes(ra_rad, dec_rad, axis[0], axis[1]);
    for (int k = 0; k < 2; k++) {
        double plus[3], minus[3], s_plus[3], s_minus[3];
        for (int i = 0; i < 3; i++) {
            plus[i] = n * unit[i] + h * axis[k][i];
            minus[i] = n * unit[i] - h * axis[k][i];
        }
        ci_sky_direction_unit(frame, plus, s_plus);
        ci_sky_direction_unit(frame, minus, s_minus);
        for (int i = 0; i < 3; i++)
            basis[k][i] = (s_plus[i] - s_minus[i]) / (2 * h);
    }
    ci_sky_direction_unit(frame, unit, basis[2]);
}

void ci_sky_phase_direction(const ci_sky_frame *frame, const ci_vis_phase_centre *phase,
                            double s_itrs[3])
{
    switch (phase->kind) {
    case CI_VIS_PHASING_SIDEREAL:
        ci_sky_direction(frame, phase->ra_rad, phase->dec_rad, s_itrs);
        return;
    case CI_VIS_PHASING_MERIDIAN:
        ci_sky_direction_apparent(frame, 0, phase->dec_rad, s_itrs);
        return;
    case CI_VIS_PHASING_UNPROJECTED:
        break;
    }
    memset(s_itrs, 0, 3 * sizeof *s_itrs);
}
