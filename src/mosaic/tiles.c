/* Tiles: headers read and checked, geometry of the mosaic, common beam. */
#include "mosaic/internal.h"

#include <math.h>
#include <strings.h>

/* Beams interpolated or measured pass 0 and 1 by a little. */
static const double greatest_power = 1.05, least_power = -0.01;

/* Least width of a beam and most of a mosaic, in pixels. */
static const double finest_beam = 0.1, most_side = 1e6;

size_t ci_mosaic_block_edge(size_t n_row, size_t n_block, size_t b)
{
    return n_row * b / n_block;
}

mosaic_rows ci_mosaic_rows_split(const ci_comm *comm, size_t n_row, size_t box)
{
    mosaic_rows r = {.n_block = n_row / box ? n_row / box : 1};
    ci_par_split(r.n_block, ci_comm_size(comm), ci_comm_rank(comm), &r.block_first,
                 &r.n_block_here);
    r.first = ci_mosaic_block_edge(n_row, r.n_block, r.block_first);
    r.n = ci_mosaic_block_edge(n_row, r.n_block, r.block_first + r.n_block_here) - r.first;
    return r;
}

void ci_mosaic_tiles_clear(mosaic_job *job)
{
    for (size_t t = 0; job->tile && t < job->n_tile; t++) {
        ci_fits_header_clear(&job->tile[t].header);
        ci_fits_wcs_free(job->tile[t].wcs);
    }
    ci_mem_free(job->tile);
    job->tile = NULL;
}

/* A beam that an image can have: no wider than the image itself, not much finer than a pixel.
 * Others make kernels and boxes of senseless sizes. */
static ci_status check_beam(const mosaic_tile *tile)
{
    const ci_fits_header *h = &tile->header;
    double major = h->beam_major_rad, minor = h->beam_minor_rad;
    double wide = h->cell_rad * (double)(h->n_x > h->n_y ? h->n_x : h->n_y);
    if (!(major > 0))
        return ci_error(CI_ERR_INPUT, "%s: BMAJ: missing: a tile needs its beam", tile->image_path);
    if (!(major <= wide))
        return ci_error(CI_ERR_INPUT,
                        "%s: BMAJ: %g deg: wider than the image, which is %g deg wide: give the "
                        "image with its own beam",
                        tile->image_path, major * CI_RAD_TO_DEG, wide * CI_RAD_TO_DEG);
    if (!(minor >= finest_beam * h->cell_rad))
        return ci_error(CI_ERR_INPUT,
                        "%s: BMIN: %g deg: less than %g of a pixel of %g deg: give the image with "
                        "its own beam",
                        tile->image_path, minor * CI_RAD_TO_DEG, finest_beam,
                        h->cell_rad * CI_RAD_TO_DEG);
    if (!(fabs(h->beam_pa_rad) <= CI_TWO_PI))
        return ci_error(CI_ERR_INPUT, "%s: BPA: %g deg: must lie between -360 and 360",
                        tile->image_path, h->beam_pa_rad * CI_RAD_TO_DEG);
    return CI_OK;
}

static const char *stokes_text(const ci_fits_header *h)
{
    return h->stokes ? ci_vis_pol_name(h->stokes) : "not said";
}

static ci_status check_image(const mosaic_tile *tile, const mosaic_tile *first)
{
    const ci_fits_header *h = &tile->header;
    if (strcasecmp(h->bunit, "Jy/beam") != 0)
        return ci_error(CI_ERR_INPUT, "%s: BUNIT: '%s': a tile must be in Jy/beam",
                        tile->image_path, h->bunit);
    CI_TRY(check_beam(tile));
    if (h->stokes != first->header.stokes)
        return ci_error(CI_ERR_INPUT, "%s: STOKES: %s, but %s: %s: tiles must be alike",
                        tile->image_path, stokes_text(h), first->image_path,
                        stokes_text(&first->header));
    return CI_OK;
}

static void what_lacks_tell(const mosaic_tile *tile)
{
    ci_fits_notes_warn(tile->image_path, &tile->header);
    if (!(tile->header.freq_hz > 0))
        ci_log_warning("%s: no FREQ axis: it may be of another band than the other tiles",
                       tile->image_path);
}

/* Whether two images may be of one band, as far as they say: their frequencies lie within a band,
 * or within what no spectrum shows. */
static bool is_one_band(const ci_fits_header *a, const ci_fits_header *b)
{
    if (!(a->freq_hz > 0 && b->freq_hz > 0)) return true;
    double band = fmax(a->bandwidth_hz, b->bandwidth_hz);
    return fabs(a->freq_hz - b->freq_hz) <= fmax(band, 0.01 * fmin(a->freq_hz, b->freq_hz));
}

/* Whether both have the same reference position. */
static bool is_one_centre(const ci_fits_header *a, const ci_fits_header *b)
{
    double tolerance = 1e-3 * a->cell_rad;
    return fabs(a->dec_rad - b->dec_rad) <= tolerance &&
           fabs(remainder(a->ra_rad - b->ra_rad, CI_TWO_PI)) * cos(a->dec_rad) <= tolerance;
}

/* The beam image has the geometry of its tile. */
static ci_status check_pb(const mosaic_tile *tile)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, tile->pb_path));
    const ci_fits_header *a = &tile->header, *b = ci_fits_reader_header(reader);
    ci_status status = CI_OK;
    if (a->n_x != b->n_x || a->n_y != b->n_y)
        status = ci_error(CI_ERR_INPUT, "%s: NAXIS: %zu x %zu, but %s: %zu x %zu", tile->pb_path,
                          b->n_x, b->n_y, tile->image_path, a->n_x, a->n_y);
    else if (fabs(a->cell_rad - b->cell_rad) > 1e-9 * a->cell_rad || !is_one_centre(a, b) ||
             fabs(a->x_ref - b->x_ref) > 1e-3 || fabs(a->y_ref - b->y_ref) > 1e-3 ||
             fabs(a->slant_a - b->slant_a) > 1e-6 || fabs(a->slant_b - b->slant_b) > 1e-6)
        status = ci_error(CI_ERR_INPUT, "%s: world coordinates differ from those of %s",
                          tile->pb_path, tile->image_path);
    else if (b->stokes && b->stokes != CI_VIS_POL_I && b->stokes != a->stokes)
        status = ci_error(CI_ERR_INPUT, "%s: STOKES: %s, but %s: %s: the beam of another",
                          tile->pb_path, stokes_text(b), tile->image_path, stokes_text(a));
    else if (!ci_fits_is_power_unit(b->bunit))
        status = ci_error(CI_ERR_INPUT,
                          "%s: BUNIT: '%s': a primary beam must be a plain number: "
                          "remove BUNIT where it is",
                          tile->pb_path, b->bunit);
    else if (!is_one_band(a, b))
        status = ci_error(CI_ERR_INPUT,
                          "%s: FREQ axis: %.6g MHz, but %s: %.6g MHz: the beam of another band",
                          tile->pb_path, b->freq_hz * 1e-6, tile->image_path, a->freq_hz * 1e-6);
    ci_fits_reader_close(reader);
    return status;
}

/* Local; `tells`: on one rank. */
static ci_status tile_open(mosaic_tile *tile, const mosaic_tile *first, bool tells)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_fits_reader_open(&reader, tile->image_path));
    ci_status status = ci_fits_header_copy(&tile->header, ci_fits_reader_header(reader));
    ci_fits_reader_close(reader);
    if (status == CI_OK) status = check_image(tile, first);
    if (status == CI_OK && tells) what_lacks_tell(tile);
    if (status == CI_OK) status = check_pb(tile);
    if (status == CI_OK) status = ci_fits_wcs_new(&tile->wcs, &tile->header);
    return status;
}

/* ---- what may not be added up ---------------------------------------------------------- */

ci_status ci_mosaic_tiles_verify(mosaic_job *job)
{
    size_t first, n;
    ci_status status = CI_OK;
    ci_par_split(job->n_tile, ci_comm_size(job->comm), ci_comm_rank(job->comm), &first, &n);
    for (size_t t = first; t < first + n && status == CI_OK; t++) {
        status = ci_fits_verify_given(job->tile[t].image_path);
        if (status == CI_OK) status = ci_fits_verify_given(job->tile[t].pb_path);
    }
    return ci_par_agree(job->comm, status);
}

/* A tile with those before it: a source has another flux at another frequency. */
static ci_status check_pairs(const mosaic_job *job, const mosaic_tile *tile)
{
    const ci_fits_header *a = &tile->header;
    for (const mosaic_tile *other = job->tile; other < tile; other++) {
        const ci_fits_header *b = &other->header;
        if (!is_one_band(a, b))
            return ci_error(
                CI_ERR_INPUT,
                "%s: FREQ axis: %.6g MHz, but %s: %.6g MHz: tiles of one mosaic must be "
                "of one band: make a mosaic of each",
                tile->image_path, a->freq_hz * 1e-6, other->image_path, b->freq_hz * 1e-6);
        if (ci_comm_rank(job->comm) == 0 && a->freq_hz > 0 && b->freq_hz > 0 &&
            fabs(a->freq_hz - b->freq_hz) > 0.01 * b->freq_hz)
            ci_log_warning("%s: %.6g MHz, but %s: %.6g MHz: the mosaic's frequency is not the same "
                           "everywhere",
                           tile->image_path, a->freq_hz * 1e-6, other->image_path,
                           b->freq_hz * 1e-6);
    }
    return CI_OK;
}

/* range: greatest and negative least value. The power of a beam lies between 0 and 1; NaN where it
 * is not known. */
static ci_status check_power(const mosaic_tile *tile, const double range[2])
{
    if (range[0] > 0 && range[0] <= greatest_power && -range[1] >= least_power) return CI_OK;
    if (range[0] < -1e299)
        return ci_error(CI_ERR_INPUT, "%s: no pixel has a value: not a primary beam",
                        tile->pb_path);
    return ci_error(CI_ERR_INPUT,
                    "%s: values from %.4g to %.4g: not a primary beam, which lies between 0 and 1",
                    tile->pb_path, -range[1], range[0]);
}

ci_status ci_mosaic_tiles_open(mosaic_job *job, const char *const *image_paths,
                               const char *const *pb_paths)
{
    if (job->n_tile == 0) return ci_error(CI_ERR_USAGE, "mosaic: no tiles given");
    CI_TRY(ci_mem_alloc(&job->tile, job->n_tile, sizeof *job->tile, "tiles of a mosaic"));
    for (size_t t = 0; t < job->n_tile; t++) {
        job->tile[t].image_path = image_paths[t];
        job->tile[t].pb_path = pb_paths[t];
        CI_TRY(tile_open(&job->tile[t], &job->tile[0], ci_comm_rank(job->comm) == 0));
        CI_TRY(check_pairs(job, &job->tile[t]));
    }
    return CI_OK;
}

/* ---- geometry ----------------------------------------------------------------------- */

/* Direction of the mean of the tiles' unit vectors: knows no seam at RA 0 and no pole. */
static ci_status find_centre(mosaic_job *job)
{
    double x = 0, y = 0, z = 0;
    for (size_t t = 0; t < job->n_tile; t++) {
        const ci_fits_header *h = &job->tile[t].header;
        x += cos(h->dec_rad) * cos(h->ra_rad);
        y += cos(h->dec_rad) * sin(h->ra_rad);
        z += sin(h->dec_rad);
    }
    double length = sqrt(x * x + y * y + z * z);
    job->out.ra_rad = atan2(y, x) < 0 ? atan2(y, x) + CI_TWO_PI : atan2(y, x);
    job->out.dec_rad = atan2(z, hypot(x, y));
    for (size_t t = 0; t < job->n_tile; t++) {
        const ci_fits_header *h = &job->tile[t].header;
        double cosine = (x * cos(h->dec_rad) * cos(h->ra_rad) +
                         y * cos(h->dec_rad) * sin(h->ra_rad) + z * sin(h->dec_rad)) /
                        length;
        if (!(cosine > 0.5))
            return ci_error(CI_ERR_INPUT,
                            "%s: CRVAL1, CRVAL2: %g, %g: more than 60 deg from the middle of the "
                            "tiles: one mosaic cannot hold them",
                            job->tile[t].image_path, h->ra_rad * CI_RAD_TO_DEG,
                            h->dec_rad * CI_RAD_TO_DEG);
    }
    return CI_OK;
}

/* bounds: -x_min, x_max, -y_min, y_max; widened by n positions of a tile. */
static ci_status widen(const mosaic_job *job, const mosaic_tile *tile, size_t n, const double *x,
                       const double *y, double bounds[4])
{
    double ra[2], dec[2], px[2], py[2];
    CI_TRY(ci_fits_wcs_to_sky(tile->wcs, n, x, y, ra, dec));
    CI_TRY(ci_fits_wcs_to_pixel(job->wcs, n, ra, dec, px, py));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(px[i])) continue;
        bounds[0] = fmax(bounds[0], -px[i]);
        bounds[1] = fmax(bounds[1], px[i]);
        bounds[2] = fmax(bounds[2], -py[i]);
        bounds[3] = fmax(bounds[3], py[i]);
    }
    return CI_OK;
}

/* Values of row y into the range and the peak of a tile's beam. */
static void widen_range(mosaic_tile *tile, size_t y, const float *row, double range[2])
{
    size_t n_x = tile->header.n_x;
    for (size_t x = 0; x < n_x; x++) {
        if (isnan(row[x])) continue;
        if (tile->i_peak < 0 || row[x] > tile->peak) {
            tile->i_peak = (int64_t)(y * n_x + x);
            tile->peak = row[x];
        }
        range[0] = fmax(range[0], row[x]);
        range[1] = fmax(range[1], -row[x]);
    }
}

/* The outline of PB >= cut: the ends of each row of it. */
static ci_status outline(const mosaic_job *job, mosaic_tile *tile, double bounds[4],
                         double range[2])
{
    size_t first, n, n_x = tile->header.n_x;
    ci_par_split(tile->header.n_y, ci_comm_size(job->comm), ci_comm_rank(job->comm), &first, &n);
    ci_fits_reader *reader = NULL;
    float *row = NULL;
    CI_TRY(ci_fits_reader_open(&reader, tile->pb_path));
    ci_status status = ci_mem_alloc(&row, n_x, sizeof *row, "row of a primary beam");
    tile->i_peak = -1;
    for (size_t y = first; y < first + n && status == CI_OK; y++) {
        status = ci_fits_reader_rows(reader, y, 1, row);
        if (status != CI_OK) break;
        widen_range(tile, y, row, range);
        size_t left = 0, right = n_x;
        while (left < n_x && !(row[left] >= job->options.pb_cut))
            left++;
        if (left == n_x) continue;
        while (!(row[right - 1] >= job->options.pb_cut))
            right--;
        double x[2] = {(double)left, (double)(right - 1)}, ys[2] = {(double)y, (double)y};
        status = widen(job, tile, 2, x, ys, bounds);
    }
    ci_mem_free(row);
    ci_fits_reader_close(reader);
    return status;
}

/* Rotation of a tile's axes: where a small step along its +y goes. */
static ci_status find_rotation(const mosaic_job *job, mosaic_tile *tile)
{
    const ci_fits_header *h = &tile->header;
    double step = 1e-4 / h->cell_rad, ra[2], dec[2], px[2], py[2];
    double x[2] = {h->x_ref, h->x_ref}, y[2] = {h->y_ref - step, h->y_ref + step};
    CI_TRY(ci_fits_wcs_to_sky(tile->wcs, 2, x, y, ra, dec));
    CI_TRY(ci_fits_wcs_to_pixel(job->wcs, 2, ra, dec, px, py));
    tile->rotation_rad = atan2(px[0] - px[1], py[1] - py[0]);
    return CI_OK;
}

/* range: [n_tile][2]. */
static ci_status geometry_local(mosaic_job *job, double bounds[4], double *range)
{
    CI_TRY(find_centre(job));
    job->out.cell_rad = job->options.cell_rad;
    /* The finest of the tiles' own, unless asked otherwise. */
    for (size_t t = 0; t < job->n_tile && !(job->options.cell_rad > 0); t++)
        if (t == 0 || job->tile[t].header.cell_rad < job->out.cell_rad)
            job->out.cell_rad = job->tile[t].header.cell_rad;
    CI_TRY(ci_fits_wcs_new(&job->wcs, &job->out));
    for (size_t t = 0; t < job->n_tile; t++) {
        CI_TRY(find_rotation(job, &job->tile[t]));
        CI_TRY(outline(job, &job->tile[t], bounds, range + 2 * t));
    }
    return CI_OK;
}

/* Bounds of the mosaic, over all ranks; beams that are none are refused. */
static ci_status bounds_find(mosaic_job *job, double bounds[4])
{
    double *range = NULL;
    CI_TRY(ci_par_alloc(job->comm, &range, 2 * job->n_tile, sizeof *range, "values of beams"));
    for (size_t i = 0; i < 2 * job->n_tile; i++)
        range[i] = -1e300;
    ci_status status = ci_par_agree(job->comm, geometry_local(job, bounds, range));
    if (status == CI_OK) status = ci_par_max_double(job->comm, range, 2 * job->n_tile);
    for (size_t t = 0; status == CI_OK && t < job->n_tile; t++)
        status = check_power(&job->tile[t], range + 2 * t);
    ci_mem_free(range);
    CI_TRY(status);
    CI_TRY(ci_mosaic_repeats_check(job));
    return ci_par_max_double(job->comm, bounds, 4);
}

ci_status ci_mosaic_geometry_find(mosaic_job *job)
{
    double bounds[4] = {-1e300, -1e300, -1e300, -1e300};
    CI_TRY(bounds_find(job, bounds));
    if (bounds[1] < -1e299)
        return ci_error(CI_ERR_INPUT, "%s: no pixel reaches %g%s: nothing to make a mosaic of",
                        job->tile[0].pb_path, job->options.pb_cut,
                        job->n_tile > 1 ? ", nor in the other tiles" : "");
    /* A thousandth of a pixel is no reason for another row: rounding must not decide. */
    double x_min = floor(-bounds[0] + 1e-3), x_max = ceil(bounds[1] - 1e-3);
    double y_min = floor(-bounds[2] + 1e-3), y_max = ceil(bounds[3] - 1e-3);
    if (!(x_max - x_min <= most_side && y_max - y_min <= most_side))
        return ci_error(CI_ERR_INPUT, "mosaic of %g x %g pixels: too large: give a larger cell",
                        x_max - x_min + 1, y_max - y_min + 1);
    job->out.n_x = (size_t)(x_max - x_min) + 1;
    job->out.n_y = (size_t)(y_max - y_min) + 1;
    job->out.x_ref = -x_min;
    job->out.y_ref = -y_min;
    ci_fits_wcs_free(job->wcs);
    job->wcs = NULL;
    return ci_par_agree(job->comm, ci_fits_wcs_new(&job->wcs, &job->out));
}

/* ---- common beam ---------------------------------------------------------------------- */

static ci_num_beam beam_of(const ci_fits_header *h, double rotation_rad)
{
    return (ci_num_beam){h->beam_major_rad, h->beam_minor_rad, h->beam_pa_rad + rotation_rad};
}

/* A tile is border only where the beam of another is about as wide as all of it. */
static ci_status check_kernel(const mosaic_job *job, const mosaic_tile *tile)
{
    const ci_fits_header *h = &tile->header;
    double most = (double)(h->n_x < h->n_y ? h->n_x : h->n_y);
    if (2 * MOSAIC_REACH * tile->kernel.major < most) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: NAXIS: %zu x %zu: too small for the tiles' common beam, %g x %g arcsec: "
                    "leave out the tiles of coarse beams",
                    tile->image_path, h->n_x, h->n_y, job->common.major * CI_RAD_TO_ARCSEC,
                    job->common.minor * CI_RAD_TO_ARCSEC);
}

ci_status ci_mosaic_beam_find(mosaic_job *job)
{
    ci_num_beam *beams = NULL;
    CI_TRY(ci_mem_alloc(&beams, job->n_tile, sizeof *beams, "beams of tiles"));
    for (size_t t = 0; t < job->n_tile; t++)
        beams[t] = beam_of(&job->tile[t].header, job->tile[t].rotation_rad);
    job->common = ci_num_beam_common(beams, job->n_tile);
    ci_mem_free(beams);
    for (size_t t = 0; t < job->n_tile; t++) {
        mosaic_tile *tile = &job->tile[t];
        ci_num_beam own = beam_of(&tile->header, 0), to = job->common;
        to.pa_rad -= tile->rotation_rad;
        if (!ci_num_beam_deconvolve(to, own, &tile->kernel))
            return ci_error(
                CI_ERR_INTERNAL, "%s: common beam %g x %g arcsec does not hold its beam",
                tile->image_path, to.major * CI_RAD_TO_ARCSEC, to.minor * CI_RAD_TO_ARCSEC);
        tile->kernel.major /= tile->header.cell_rad;
        tile->kernel.minor /= tile->header.cell_rad;
        CI_TRY(check_kernel(job, tile));
        tile->beam_factor = to.major * to.minor / (own.major * own.minor);
        /* A hundredth of a pixel lowers a peak by 1e-5. */
        if (tile->kernel.major < 0.01) tile->kernel = (ci_num_beam){0};
    }
    job->out.beam_major_rad = job->common.major;
    job->out.beam_minor_rad = job->common.minor;
    job->out.beam_pa_rad = job->common.pa_rad;
    double beam_pixel = job->common.major / job->out.cell_rad;
    job->box = beam_pixel > 4 ? (size_t)fmin(16 * beam_pixel, most_side) : 64;
    return CI_OK;
}
