/* Tiles that are of one observation: what counts twice has not the noise that it is given. */
#include "mosaic/internal.h"

#include <math.h>
#include <string.h>

/* How far apart the peaks of two images of one beam may lie, in pixels. */
static const double peak_error = 3;

/* Whether the middles of two bands are less than half of the wider apart; without widths, whether
 * they are one frequency but for what weights do to its mean. Neighbouring sub-bands are not, a
 * sub-band in the middle of the whole band is. */
static bool is_overlapping(const ci_fits_header *a, const ci_fits_header *b)
{
    double apart = fabs(a->freq_hz - b->freq_hz);
    double band = fmax(a->bandwidth_hz, b->bandwidth_hz);
    return band > 0 ? apart < 0.5 * band : apart <= 1e-3 * fmax(a->freq_hz, b->freq_hz);
}

/* Whether the middle of `inner` lies within `outer`. */
static ci_status covers_middle(const mosaic_tile *outer, const mosaic_tile *inner, bool *out)
{
    double x = 0.5 * ((double)inner->header.n_x - 1), y = 0.5 * ((double)inner->header.n_y - 1);
    double ra, dec;
    CI_TRY(ci_fits_wcs_to_sky(inner->wcs, 1, &x, &y, &ra, &dec));
    CI_TRY(ci_fits_wcs_to_pixel(outer->wcs, 1, &ra, &dec, &x, &y));
    *out = x > -0.5 && y > -0.5 && x < (double)outer->header.n_x - 0.5 &&
           y < (double)outer->header.n_y - 0.5;
    return CI_OK;
}

static bool is_one_name(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The pixel at which the beam is greatest. At an edge the beam may go on rising, and a flat one has
 * its first: then false. */
static bool has_pointing(const mosaic_tile *tile, double *x, double *y)
{
    size_t n_x = tile->header.n_x, n_y = tile->header.n_y, i = (size_t)tile->i_peak;
    if (tile->i_peak < 0) return false;
    *x = (double)(i % n_x);
    *y = (double)(i / n_x);
    return i % n_x > 0 && i % n_x + 1 < n_x && i / n_x > 0 && i / n_x + 1 < n_y;
}

/* Whether the two were pointed at one position; `known`: whether their beams say so. */
static ci_status pointings_compare(const mosaic_tile *a, const mosaic_tile *b, bool *known,
                                   bool *same)
{
    double x[2], y[2], ra, dec;
    *known = has_pointing(a, &x[0], &y[0]) && has_pointing(b, &x[1], &y[1]);
    *same = false;
    if (!*known) return CI_OK;
    CI_TRY(ci_fits_wcs_to_sky(b->wcs, 1, &x[1], &y[1], &ra, &dec));
    CI_TRY(ci_fits_wcs_to_pixel(a->wcs, 1, &ra, &dec, &x[1], &y[1]));
    double coarser = fmax(a->header.cell_rad, b->header.cell_rad) / a->header.cell_rad;
    *same = hypot(x[1] - x[0], y[1] - y[0]) <= peak_error * coarser;
    return CI_OK;
}

/* Whether two tiles are of one observation: a copy, or the same data imaged twice, with other
 * weights or about a nearby centre. Facets side by side, sub-bands, what two telescopes saw at one
 * time and two pointings of one are not. */
static ci_status find_one_observation(const mosaic_tile *a, const mosaic_tile *b, const char **by)
{
    const ci_fits_header *x = &a->header, *y = &b->header;
    bool known = false, same = false, covers = false;
    *by = NULL;
    bool is_timed = x->time_mjd_s > 0 && y->time_mjd_s > 0 && !x->is_day && !y->is_day;
    if (!(is_timed && fabs(x->time_mjd_s - y->time_mjd_s) < 1e-3 &&
          is_one_name(x->telescope, y->telescope) && is_overlapping(x, y)))
        return CI_OK;
    CI_TRY(covers_middle(a, b, &covers));
    if (!covers) CI_TRY(covers_middle(b, a, &covers));
    if (!covers) return CI_OK;
    CI_TRY(pointings_compare(a, b, &known, &same));
    if (known && same) *by = "pointing, where the primary beam is greatest,";
    if (!known) *by = "field, with beams that show no pointing,";
    return CI_OK;
}

ci_status ci_mosaic_repeats_check(mosaic_job *job)
{
    for (size_t t = 0; t < job->n_tile; t++)
        CI_TRY(ci_par_argmax(job->comm, &job->tile[t].peak, &job->tile[t].i_peak));
    ci_status status = CI_OK;
    for (size_t t = 1; t < job->n_tile; t++)
        for (size_t k = 0; status == CI_OK && k < t; k++) {
            const mosaic_tile *tile = &job->tile[t], *other = &job->tile[k];
            const char *by;
            status = find_one_observation(tile, other, &by);
            if (status == CI_OK && by)
                status = ci_error(CI_ERR_INPUT,
                                  "%s: DATE-OBS, TELESCOP, band and %s are those of %s: the same "
                                  "observation, which counts once: give one of the two",
                                  tile->image_path, by, other->image_path);
        }
    return ci_par_agree(job->comm, status);
}
