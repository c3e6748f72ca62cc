/* A primary beam that comes as a FITS image, interpolated. */
#include <math.h>

#include "contimg/fits.h"
#include "contimg/base_log.h"
#include "sky/beam.h"

/* What is not the power of a beam of total intensity. */
static ci_status check_kind(const ci_fits_header *h, const char *path)
{
    if (h->stokes && h->stokes != CI_VIS_POL_I)
        return ci_error(CI_ERR_INPUT, "%s: STOKES: %s: a beam must be of Stokes I", path,
                        ci_vis_pol_name(h->stokes));
    if (!ci_fits_is_power_unit(h->bunit))
        return ci_error(CI_ERR_INPUT,
                        "%s: BUNIT: '%s': a beam must be its power, a plain number (1 at its "
                        "centre): give a beam, or remove BUNIT where it is one",
                        path, h->bunit);
    if (!(h->freq_hz > 0))
        ci_log_warning_shared(
            "%s: no FREQ axis, no frequency: the beam is taken to be the same at all "
            "frequencies",
            path);
    return CI_OK;
}

/* A power is above 0 (an interpolated one may fall a little below it) and greatest near the
 * pointing. Divided by the value at the centre. */
static ci_status check_values(ci_sky_beam *beam, const char *path)
{
    static const double least = -0.01, odd = 1.01, most = 2;
    size_t n = beam->n_x * beam->n_y, low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(beam->pixel[i])) beam->pixel[i] = 0; /* nothing is known there */
        if (beam->pixel[i] < beam->pixel[low]) low = i;
        if (beam->pixel[i] > beam->pixel[high]) high = i;
    }
    double centre = ci_sky_beam_image_power(beam, 0, 0, beam->freq_hz);
    if (!(centre > 0 && isfinite(centre)))
        return ci_error(CI_ERR_INPUT, "%s: the beam is %g at its reference pixel: must be above 0",
                        path, centre);
    double lowest = (double)beam->pixel[low] / centre, highest = (double)beam->pixel[high] / centre;
    if (lowest < least)
        return ci_error(
            CI_ERR_INPUT,
            "%s: the beam is %.4g of its centre at pixel (%zu, %zu): a power is not "
            "negative: give the square of a voltage pattern, NaN where nothing is known",
            path, lowest, low % beam->n_x + 1, low / beam->n_x + 1);
    if (highest > most)
        return ci_error(CI_ERR_INPUT,
                        "%s: the beam is %.4g times its centre at pixel (%zu, %zu): its greatest "
                        "power is to be near the reference pixel, where the dishes look: correct "
                        "CRPIX or that value",
                        path, highest, high % beam->n_x + 1, high / beam->n_x + 1);
    if (highest > odd)
        ci_log_warning_shared("%s: the beam is %.4g times its centre at pixel (%zu, %zu): used so",
                              path, highest, high % beam->n_x + 1, high / beam->n_x + 1);
    if (fabs(centre - 1) > 1e-3)
        ci_log_warning_shared("%s: the beam is %.4g at its centre, not 1: divided by that", path,
                              centre);
    for (size_t i = 0; i < n; i++)
        beam->pixel[i] = (float)(fmax((double)beam->pixel[i], 0) / centre);
    return CI_OK;
}

static ci_status read_pixels(ci_sky_beam *beam, ci_fits_reader *reader, const char *path)
{
    const ci_fits_header *h = ci_fits_reader_header(reader);
    CI_TRY(check_kind(h, path));
    if (!(h->cell_rad > 0) || !(h->x_ref >= 0 && h->x_ref <= (double)h->n_x - 1) ||
        !(h->y_ref >= 0 && h->y_ref <= (double)h->n_y - 1))
        return ci_error(CI_ERR_INPUT,
                        "%s: the reference pixel (%.1f, %.1f) of a beam must lie in the image",
                        path, h->x_ref + 1, h->y_ref + 1);
    beam->n_x = h->n_x;
    beam->n_y = h->n_y;
    beam->x_ref = h->x_ref;
    beam->y_ref = h->y_ref;
    beam->cell_rad = h->cell_rad;
    beam->slant_a = h->slant_a;
    beam->slant_b = h->slant_b;
    beam->freq_hz = h->freq_hz;
    CI_TRY(ci_mem_alloc(&beam->pixel, h->n_x * h->n_y, sizeof *beam->pixel, "beam image"));
    CI_TRY(ci_fits_reader_rows(reader, 0, h->n_y, beam->pixel));
    CI_TRY(check_values(beam, path));
    return ci_sky_beam_cover(beam);
}

ci_status ci_sky_beam_image_read(ci_sky_beam *beam, const char *path)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, path));
    ci_status status = read_pixels(beam, reader, path);
    ci_fits_reader_close(reader);
    return status;
}

/* Keys (1981): cubic convolution, a = -1/2; exact for quadratics. */
static void cubic(double f, double weight[4])
{
    weight[0] = f * (-0.5 + f * (1 - 0.5 * f));
    weight[1] = 1 + f * f * (-2.5 + 1.5 * f);
    weight[2] = f * (0.5 + f * (2 - 1.5 * f));
    weight[3] = f * f * (-0.5 + 0.5 * f);
}

/* Beyond the last pixel the beam goes on as seen through a point: what is on the other side of the
 * last one, as much above it as below. */
static double pixel_value(const ci_sky_beam *beam, double x, double y)
{
    double max_x = (double)beam->n_x - 1, max_y = (double)beam->n_y - 1;
    double cx = fmin(fmax(x, 0), max_x), cy = fmin(fmax(y, 0), max_y);
    double edge = (double)beam->pixel[(size_t)cy * beam->n_x + (size_t)cx];
    if (cx == x && cy == y) return edge;
    double rx = fmin(fmax(2 * cx - x, 0), max_x), ry = fmin(fmax(2 * cy - y, 0), max_y);
    return 2 * edge - (double)beam->pixel[(size_t)ry * beam->n_x + (size_t)rx];
}

static double interpolate(const ci_sky_beam *beam, double x, double y)
{
    double x0 = floor(x), y0 = floor(y), wx[4], wy[4], sum = 0;
    cubic(x - x0, wx);
    cubic(y - y0, wy);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++)
            sum += wx[i] * wy[j] * pixel_value(beam, x0 + i - 1, y0 + j - 1);
    return sum;
}

/* Pixels from a place to where nothing is known, below 0 from where nothing is known to where
 * something is. A place is known where all pixels around it are. */
static double margin_at(const ci_sky_beam *beam, double x, double y)
{
    double max_x = (double)beam->n_x - 1, max_y = (double)beam->n_y - 1;
    double edge = fmin(fmin(x, max_x - x), fmin(y, max_y - y));
    if (!beam->margin) return edge;
    double least = INFINITY;
    for (int k = 0; k < 4; k++) {
        double px = k % 2 ? ceil(x) : floor(x), py = k / 2 ? ceil(y) : floor(y);
        px = fmin(fmax(px, 0), max_x);
        py = fmin(fmax(py, 0), max_y);
        least = fmin(least, (double)beam->margin[(size_t)py * beam->n_x + (size_t)px]);
    }
    /* Of pixels' centres, the place is within one and a half of them. */
    least = least > 0 ? fmax(least - 1.5, 0) : fmin(least + 1.5, -1e-9);
    return fmin(least, edge);
}

double ci_sky_beam_image_beyond(const ci_sky_beam *beam, double l, double m, double freq_hz,
                                double *margin_rad)
{
    double scale = beam->freq_hz > 0 && freq_hz > 0 ? freq_hz / beam->freq_hz : 1;
    l *= scale;
    m *= scale;
    double r = hypot(l, m);
    if (!(r <= 1)) {
        *margin_rad = -(r - 1) / scale - 1e-12;
        return 0;
    }
    double depth = sqrt(1 - r * r) - 1; /* of a slanted projection */
    double x = beam->x_ref - (l + beam->slant_a * depth) / beam->cell_rad; /* east: smaller x */
    double y = beam->y_ref + (m + beam->slant_b * depth) / beam->cell_rad;
    double max_x = (double)beam->n_x - 1, max_y = (double)beam->n_y - 1;
    *margin_rad = margin_at(beam, x, y) * beam->cell_rad / scale;
    double cx = fmin(fmax(x, 0), max_x), cy = fmin(fmax(y, 0), max_y);
    double edge = interpolate(beam, cx, cy);
    if (cx == x && cy == y) return edge;
    return 2 * edge -
           interpolate(beam, fmin(fmax(2 * cx - x, 0), max_x), fmin(fmax(2 * cy - y, 0), max_y));
}

double ci_sky_beam_image_power(const ci_sky_beam *beam, double l, double m, double freq_hz)
{
    double margin_rad, power = ci_sky_beam_image_beyond(beam, l, m, freq_hz, &margin_rad);
    return margin_rad >= 0 ? fmax(power, 0) : 0;
}

double ci_sky_beam_image_range(const ci_sky_beam *beam, double range[2])
{
    enum
    {
        N_RADIUS = 24,
        N_ANGLE = 24
    };
    double half = 0.5 * (double)(beam->n_x < beam->n_y ? beam->n_x : beam->n_y) * beam->cell_rad;
    double at = 0;
    range[0] = range[1] = 1;
    for (int i = 1; i <= N_RADIUS; i++) {
        double r = half * i / N_RADIUS, least = INFINITY, most = -INFINITY, margin_rad;
        for (int k = 0; k < N_ANGLE; k++) {
            double angle = CI_TWO_PI * k / N_ANGLE;
            double power = ci_sky_beam_image_beyond(beam, r * cos(angle), r * sin(angle),
                                                    beam->freq_hz, &margin_rad);
            if (margin_rad < 0) continue;
            least = fmin(least, power);
            most = fmax(most, power);
        }
        if (!(most - least > range[1] - range[0])) continue;
        range[0] = least;
        range[1] = most;
        at = r;
    }
    return at;
}
