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
    for (size_t i = 0; i < h->n_x * h->n_y; i++)
        if (!(beam->pixel[i] > 0)) beam->pixel[i] = 0; /* NaN too: nothing is known there */
    double centre = ci_sky_beam_image_power(beam, 0, 0, beam->freq_hz);
    if (!(centre > 0 && isfinite(centre)))
        return ci_error(CI_ERR_INPUT, "%s: the beam is %g at its reference pixel: must be above 0",
                        path, centre);
    if (fabs(centre - 1) > 1e-3)
        ci_log_warning_shared("%s: the beam is %.4g at its centre, not 1: divided by that", path,
                              centre);
    for (size_t i = 0; i < h->n_x * h->n_y; i++)
        beam->pixel[i] = (float)(beam->pixel[i] / centre);
    return CI_OK;
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

double ci_sky_beam_image_power(const ci_sky_beam *beam, double l, double m, double freq_hz)
{
    double scale = beam->freq_hz > 0 && freq_hz > 0 ? freq_hz / beam->freq_hz : 1;
    l *= scale;
    m *= scale;
    if (!(l * l + m * m <= 1)) return 0;
    double depth = sqrt(1 - l * l - m * m) - 1; /* of a slanted projection */
    double x = beam->x_ref - (l + beam->slant_a * depth) / beam->cell_rad; /* east: smaller x */
    double y = beam->y_ref + (m + beam->slant_b * depth) / beam->cell_rad;
    double max_x = (double)beam->n_x - 1, max_y = (double)beam->n_y - 1;
    if (!(x >= 0 && x <= max_x && y >= 0 && y <= max_y)) return 0;
    double x0 = floor(x), y0 = floor(y), wx[4], wy[4], sum = 0;
    cubic(x - x0, wx);
    cubic(y - y0, wy);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
            double px = fmin(fmax(x0 + i - 1, 0), max_x), py = fmin(fmax(y0 + j - 1, 0), max_y);
            sum += wx[i] * wy[j] * (double)beam->pixel[(size_t)py * beam->n_x + (size_t)px];
        }
    return fmax(sum, 0);
}
