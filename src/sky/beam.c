/* The primary beam: an Airy pattern, none, or an image; where a source lies in it. */
#include "contimg/base_log.h"
#include "sky/beam.h"

#include <erfa.h>
#include <math.h>
#include <string.h>

#include "sky/frame.h"

/* The one diameter of all antennas that have one; 0 where unknown or mixed. */
static double common_diameter(const ci_vis_array *array)
{
    double diameter = 0;
    for (size_t a = 0; a < array->n_antenna; a++) {
        double d = array->antenna[a].diameter_m;
        if (!(d > 0)) continue;
        if (diameter > 0 && fabs(d - diameter) > 0.01 * diameter) {
            ci_log_warning_shared(
                "antenna diameters differ (%g and %g m): no primary beam is assumed, "
                "give --beam",
                diameter, d);
            return 0;
        }
        if (diameter == 0) diameter = d;
    }
    return diameter;
}

static bool is_any_rotating(const ci_vis_array *array)
{
    for (size_t a = 0; array && a < array->n_antenna; a++)
        if (array->antenna[a].is_rotating) return true;
    return false;
}

/* An image is not turned by the parallactic angle, as a beam on such a mount is on the sky. */
static ci_status mounts_check(const ci_sky_beam *beam, const char *path, const ci_vis_array *array)
{
    static const double most_uneven = 0.02;
    double range[2], at;
    if (!is_any_rotating(array)) return CI_OK;
    at = ci_sky_beam_image_range(beam, range);
    if (range[1] - range[0] <= most_uneven) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: the beam is not round (%.3g to %.3g at %.3g deg from its centre), and "
                    "mounts of Header/mount_type alt-az turn it on the sky with the parallactic "
                    "angle, which is not taken into account: give a round one, or airy:D or none, "
                    "or correct mount_type",
                    path, range[0], range[1], at * CI_RAD_TO_DEG);
}

static ci_status parse(ci_sky_beam *beam, const char *spec, const ci_vis_array *array)
{
    if (strcmp(spec, "auto") == 0)
        beam->diameter_m = array ? common_diameter(array) : 0;
    else if (strncmp(spec, "airy:", 5) == 0) {
        if (ci_parse_double(spec + 5, "beam", &beam->diameter_m) != CI_OK ||
            !(beam->diameter_m >= CI_SKY_DISH_LEAST_M && beam->diameter_m <= CI_SKY_DISH_MOST_M))
            return ci_error(CI_ERR_USAGE,
                            "beam \"%s\": give a diameter in m, as airy:4.65, between %g and %g m: "
                            "no dish is smaller or larger",
                            spec, CI_SKY_DISH_LEAST_M, CI_SKY_DISH_MOST_M);
    } else if (strcmp(spec, "none") != 0) {
        if (!ci_path_exists(spec))
            return ci_error(CI_ERR_USAGE, "beam \"%s\": give none, auto, airy:D or a FITS file",
                            spec);
        beam->kind = BEAM_IMAGE;
        CI_TRY(ci_str_copy(&beam->text, ci_path_base(spec)));
        CI_TRY(ci_sky_beam_image_read(beam, spec));
        return mounts_check(beam, spec, array);
    }
    beam->kind = beam->diameter_m > 0 ? BEAM_AIRY : BEAM_NONE;
    if (beam->kind == BEAM_AIRY) return ci_str_format(&beam->text, "airy:%.6g", beam->diameter_m);
    return ci_str_copy(&beam->text, "none");
}

ci_status ci_sky_beam_new(ci_sky_beam **out, const char *spec, const ci_vis_array *array)
{
    *out = NULL;
    ci_sky_beam *beam = NULL;
    CI_TRY(ci_mem_alloc(&beam, 1, sizeof *beam, "beam"));
    ci_status status = parse(beam, spec, array);
    if (status == CI_OK)
        *out = beam;
    else
        ci_sky_beam_free(beam);
    return status;
}

void ci_sky_beam_free(ci_sky_beam *beam)
{
    if (!beam) return;
    ci_mem_free(beam->pixel);
    ci_mem_free(beam->margin);
    ci_mem_free(beam->text);
    ci_mem_free(beam);
}

bool ci_sky_beam_is_none(const ci_sky_beam *beam)
{
    return !beam || beam->kind == BEAM_NONE;
}

const char *ci_sky_beam_text(const ci_sky_beam *beam)
{
    return beam ? beam->text : "none";
}

/* (2 J1(x)/x)^2, x = pi D sin(theta) / lambda. */
static double airy(double diameter_m, double sin_theta, double freq_hz)
{
    double x = CI_PI * diameter_m * sin_theta * freq_hz / CI_C_M_S;
    if (x < 1e-4) return 1 - 0.25 * x * x;
    double v = 2 * j1(x) / x;
    return v * v;
}

double ci_sky_beam_power_lm(const ci_sky_beam *beam, double l, double m, double freq_hz)
{
    if (ci_sky_beam_is_none(beam)) return 1;
    if (beam->kind == BEAM_IMAGE) return ci_sky_beam_image_power(beam, l, m, freq_hz);
    return airy(beam->diameter_m, hypot(l, m), freq_hz);
}

bool ci_sky_beam_is_smooth(const ci_sky_beam *beam)
{
    return ci_sky_beam_is_none(beam) || beam->kind == BEAM_AIRY;
}

void ci_sky_beam_axes_at(ci_sky_beam_axes *out, const ci_sky_pointing *pointing,
                         const ci_sky_frame *frame)
{
    const ci_sky_pointing *p = ci_sky_pointing_at(pointing, ci_sky_frame_time(frame));
    if (p->is_fixed)
        ci_sky_direction_apparent(frame, p->ha_rad, p->dec_app_rad, out->centre);
    else
        ci_sky_direction(frame, p->ra_rad, p->dec_rad, out->centre);
    double theta, phi;
    eraC2s(out->centre, &theta, &phi);
    ci_sky_axes(theta, phi, out->east, out->north);
}

bool ci_sky_beam_offset(const ci_sky_beam_axes *axes, const double s_itrs[3], double *l, double *m)
{
    *l = *m = 0;
    double n = 0;
    for (int i = 0; i < 3; i++) {
        *l += s_itrs[i] * axes->east[i];
        *m += s_itrs[i] * axes->north[i];
        n += s_itrs[i] * axes->centre[i];
    }
    return n > 0;
}

bool ci_sky_beam_lm(const ci_sky_pointing *pointing, const ci_sky_frame *frame, double ra_rad,
                    double dec_rad, double *l, double *m)
{
    ci_sky_beam_axes axes;
    double s[3];
    ci_sky_beam_axes_at(&axes, pointing, frame);
    ci_sky_direction(frame, ra_rad, dec_rad, s);
    return ci_sky_beam_offset(&axes, s, l, m);
}

double ci_sky_beam_power(const ci_sky_beam *beam, const ci_sky_pointing *pointing,
                         const ci_sky_frame *frame, double ra_rad, double dec_rad, double freq_hz)
{
    double l, m;
    if (ci_sky_beam_is_none(beam)) return 1;
    if (!ci_sky_beam_lm(pointing, frame, ra_rad, dec_rad, &l, &m)) return 0;
    return ci_sky_beam_power_lm(beam, l, m, freq_hz);
}

double ci_sky_beam_beyond(const ci_sky_beam *beam, const ci_sky_pointing *pointing,
                          const ci_sky_frame *frame, double ra_rad, double dec_rad, double freq_hz,
                          double *margin_rad)
{
    double l, m;
    *margin_rad = INFINITY;
    if (ci_sky_beam_is_none(beam) || beam->kind != BEAM_IMAGE)
        return ci_sky_beam_power(beam, pointing, frame, ra_rad, dec_rad, freq_hz);
    if (ci_sky_beam_lm(pointing, frame, ra_rad, dec_rad, &l, &m))
        return ci_sky_beam_image_beyond(beam, l, m, freq_hz, margin_rad);
    *margin_rad = -1e-12; /* behind the dishes */
    return 0;
}
