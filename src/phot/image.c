/* An image with its noise, and the shape of the beam at a position in it. */
#include "phot/internal.h"

#include <math.h>
#include <string.h>

void ci_phot_image_clear(phot_image *im)
{
    ci_fits_header_clear(&im->header);
    ci_fits_wcs_free(im->wcs);
    ci_mem_free(im->pixel);
    ci_mem_free(im->rms);
    ci_mem_free(im->noise);
    *im = (phot_image){0};
}

static ci_status read_noise(phot_image *im, const char *noise_path)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, noise_path));
    const ci_fits_header *h = ci_fits_reader_header(reader);
    ci_status status;
    if (h->n_x != im->n_x || h->n_y != im->n_y)
        status = ci_error(CI_ERR_INPUT, "%s: NAXIS: %zu x %zu, but %s: %zu x %zu", noise_path,
                          h->n_x, h->n_y, im->path, im->n_x, im->n_y);
    else
        status = ci_fits_reader_rows(reader, 0, im->n_y, im->rms);
    ci_fits_reader_close(reader);
    size_t size = im->n_x * im->n_y * sizeof(float);
    if (status == CI_OK) status = ci_mem_alloc(&im->noise, size, 1, "noise for photometry");
    if (status == CI_OK) memcpy(im->noise, im->rms, size);
    return status;
}

static ci_status load_pixels(phot_image *im)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, im->path));
    ci_status status = ci_fits_header_copy(&im->header, ci_fits_reader_header(reader));
    im->n_x = im->header.n_x;
    im->n_y = im->header.n_y;
    if (status == CI_OK && !(im->header.beam_major_rad > 0))
        status = ci_error(CI_ERR_INPUT, "%s: BMAJ: missing: photometry needs the beam", im->path);
    if (status == CI_OK)
        status = ci_mem_alloc(&im->pixel, im->n_x * im->n_y, sizeof(float), "image for photometry");
    if (status == CI_OK) status = ci_fits_reader_rows(reader, 0, im->n_y, im->pixel);
    ci_fits_reader_close(reader);
    return status;
}

ci_status ci_phot_image_load(phot_image *im, const char *image_path, const char *noise_path,
                             size_t box, double rms_jy)
{
    *im = (phot_image){.path = image_path};
    ci_status status = load_pixels(im);
    const ci_fits_header *h = &im->header;
    if (status == CI_OK) status = ci_fits_wcs_new(&im->wcs, h);
    if (status == CI_OK)
        status = ci_mem_alloc(&im->rms, im->n_x * im->n_y, sizeof(float), "noise for photometry");
    if (status == CI_OK) {
        const ci_fits_card *frame = ci_fits_card_get(h, "BMFRAME");
        im->is_beam_on_sky = frame && frame->is_text && strcmp(frame->text, "sky") == 0;
        im->beam = (ci_num_beam){h->beam_major_rad / h->cell_rad, h->beam_minor_rad / h->cell_rad,
                                 h->beam_pa_rad};
        if (box == 0) box = (size_t)(20 * im->beam.major) + 1;
        for (size_t i = 0; rms_jy > 0 && i < im->n_x * im->n_y; i++)
            im->rms[i] = (float)rms_jy;
        if (noise_path)
            status = read_noise(im, noise_path);
        else if (!(rms_jy > 0))
            status = ci_num_local_rms(im->pixel, im->n_y, im->n_x, box, im->rms, NULL);
    }
    if (status != CI_OK) ci_phot_image_clear(im);
    return status;
}

/* Scales a shape along one direction (ux, uy) by `factor`. */
static ci_num_beam stretch(ci_num_beam b, double ux, double uy, double factor)
{
    double s = sin(b.pa_rad), c = cos(b.pa_rad), a2 = b.major * b.major, b2 = b.minor * b.minor;
    double xx = a2 * s * s + b2 * c * c, xy = (b2 - a2) * s * c, yy = a2 * c * c + b2 * s * s;
    double f = factor - 1, jxx = 1 + f * ux * ux, jxy = f * ux * uy, jyy = 1 + f * uy * uy;
    double ax = jxx * xx + jxy * xy, ay = jxx * xy + jxy * yy;
    double bx = jxy * xx + jyy * xy, by = jxy * xy + jyy * yy;
    xx = ax * jxx + ay * jxy;
    xy = ax * jxy + ay * jyy;
    yy = bx * jxy + by * jyy;
    double half = 0.5 * (xx + yy), root = hypot(0.5 * (yy - xx), xy);
    double pa = root > 1e-14 * half ? 0.5 * atan2(-2 * xy, yy - xx) : 0;
    return (ci_num_beam){sqrt(half + root), sqrt(half - root > 0 ? half - root : 0),
                         pa < 0 ? pa + CI_PI : pa};
}

/* SIN narrows lengths along the radius by n = cos(distance) and leaves those across it. */
static ci_num_beam radial(const phot_image *im, double x, double y, ci_num_beam b, bool to_sky)
{
    double dx = (x - im->header.x_ref) * im->header.cell_rad;
    double dy = (y - im->header.y_ref) * im->header.cell_rad, r = hypot(dx, dy);
    if (!im->is_beam_on_sky || r == 0 || r >= 1) return b;
    double n = sqrt(1 - r * r);
    return stretch(b, dx / r, dy / r, to_sky ? 1 / n : n);
}

ci_num_beam ci_phot_beam_at(const phot_image *im, double x, double y)
{
    return radial(im, x, y, im->beam, false);
}

ci_status ci_phot_shape_on_sky(const phot_image *im, double x, double y, ci_num_beam shape,
                               ci_num_beam *sky, double *north_rad)
{
    double ra, dec, step = im->header.cell_rad;
    CI_TRY(ci_fits_wcs_to_sky(im->wcs, 1, &x, &y, &ra, &dec));
    /* Towards the north at this position, in pixels; away from the south next to the pole. */
    double side = dec + step > 0.5 * CI_PI ? -1 : 1, ras[2] = {ra, ra};
    double decs[2] = {dec, dec + side * step}, px[2], py[2];
    CI_TRY(ci_fits_wcs_to_pixel(im->wcs, 2, ras, decs, px, py));
    *north_rad = atan2(side * (px[0] - px[1]), side * (py[1] - py[0]));
    *sky = radial(im, x, y, shape, true);
    sky->major *= im->header.cell_rad;
    sky->minor *= im->header.cell_rad;
    sky->pa_rad = fmod(sky->pa_rad - *north_rad, CI_PI);
    if (sky->pa_rad < 0) sky->pa_rad += CI_PI;
    return CI_OK;
}

enum
{
    SLOPE_REACH = 12, /* pixels at most on each side */
    SLOPE_LEAST = 3
};

/* Slope of ln N along an axis within half a beam; 0 where N ends. The median of the differences
 * of neighbours: where a tile ends N has a step, in which the source, a mean over the tiles, has no
 * part. */
static double noise_slope(const phot_image *im, size_t x, size_t y, bool along_y)
{
    double slope[2 * SLOPE_REACH];
    size_t at = along_y ? y : x, n = along_y ? im->n_y : im->n_x;
    size_t step = along_y ? im->n_x : 1, first = y * im->n_x + x;
    size_t reach = (size_t)fmax(SLOPE_LEAST, fmin(SLOPE_REACH, 0.5 * im->beam.major));
    if (at < reach || at + reach >= n) return 0;
    first -= reach * step;
    for (size_t i = 0; i < 2 * reach; i++) {
        double low = (double)im->noise[first + i * step];
        double high = (double)im->noise[first + (i + 1) * step];
        if (!(low > 0 && high > 0 && isfinite(low) && isfinite(high))) return 0;
        slope[i] = log(high / low);
    }
    return ci_num_median(slope, 2 * reach);
}

void ci_phot_place(const phot_image *im, const ci_num_gaussian *g, double *x, double *y)
{
    *x = g->x;
    *y = g->y;
    if (!im->noise || !(g->x > 0 && g->y > 0)) return;
    size_t i_x = (size_t)(g->x + 0.5), i_y = (size_t)(g->y + 0.5);
    if (i_x >= im->n_x || i_y >= im->n_y) return;
    double slope_x = noise_slope(im, i_x, i_y, false), slope_y = noise_slope(im, i_x, i_y, true);
    /* FWHM^2 = 8 ln 2 sigma^2; the major axis points to (-sin pa, cos pa). */
    double s = sin(g->pa_rad), c = cos(g->pa_rad), from_fwhm = 1 / (8 * log(2.0));
    double a = g->major * g->major * from_fwhm, b = g->minor * g->minor * from_fwhm;
    double xx = a * s * s + b * c * c, xy = (b - a) * s * c, yy = a * c * c + b * s * s;
    *x -= xx * slope_x + xy * slope_y;
    *y -= xy * slope_x + yy * slope_y;
}
