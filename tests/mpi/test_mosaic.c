/* mosaic: ten tiles without noise at declination 16, across RA 0h and at declination 75: positions
 * to 0.01 pixel, fluxes to 0.1 %, what it covers, its memory, the same bytes at any number of
 * ranks. ci-test: timeout=300 cost=25 */
#include "mosaic_case.h"

/* Largest primary beam of any tile at a place, and the tiles that see it above the cut. */
static double best_power(const scene *s, double ra, double dec, size_t *n_tile)
{
    double best = 0;
    *n_tile = 0;
    for (size_t t = 0; t < N_TILE; t++) {
        ci_fits_header h = tile_header(s, t);
        ci_fits_wcs *wcs = NULL;
        double x, y;
        CHECK_OK(ci_fits_wcs_new(&wcs, &h));
        CHECK_OK(ci_fits_wcs_to_pixel(wcs, 1, &ra, &dec, &x, &y));
        ci_fits_wcs_free(wcs);
        if (!(x > 15 && y > 15 && x < SIDE - 16 && y < SIDE - 16)) continue;
        best = fmax(best, beam_power(x, y));
        *n_tile += beam_power(x, y) >= 0.2;
    }
    return best;
}

/* Places and fluxes of the sources in the mosaic, each fitted in a window of its own. */
static void check_sources(const tiling *p, const scene *s, const ci_mosaic_stats *stats)
{
    ci_fits_header h;
    float *image = read_image(p, "world", "mosaic", &h);
    ci_fits_wcs *wcs = NULL;
    double x[N_SOURCE], y[N_SOURCE], worst_place = 0, worst_flux = 0, worst_area = 0;
    size_t n_fit = 0, n_shared = 0;
    CHECK_OK(ci_fits_wcs_new(&wcs, &h));
    CHECK_OK(ci_fits_wcs_to_pixel(wcs, N_SOURCE, p->ra, p->dec, x, y));
    for (size_t i = 0; i < N_SOURCE; i++) {
        size_t n_tile;
        if (best_power(s, p->ra[i], p->dec[i], &n_tile) < 0.25) continue;
        double px[15 * 15], py[15 * 15], value[15 * 15];
        for (int k = 0; k < 15 * 15; k++) {
            px[k] = floor(x[i]) + k % 15 - 7;
            py[k] = floor(y[i]) + k / 15 - 7;
            value[k] = image[(size_t)py[k] * h.n_x + (size_t)px[k]];
        }
        ci_num_gaussian g = {.peak = p->flux[i],
                             .x = x[i],
                             .y = y[i],
                             .major = stats->beam_major_rad / CELL,
                             .minor = stats->beam_minor_rad / CELL,
                             .pa_rad = stats->beam_pa_rad};
        CHECK_OK(ci_num_gaussian_fit(&(ci_num_pixels){px, py, value, NULL, 15 * 15}, &g, 1, false,
                                     NULL));
        /* Off the middle the projection narrows the beam by n = cos(distance). */
        double l = (x[i] - h.x_ref) * CELL, m = (y[i] - h.y_ref) * CELL,
               n = sqrt(1 - l * l - m * m);
        double area =
            g.major * g.minor * CELL * CELL / (n * stats->beam_major_rad * stats->beam_minor_rad);
        worst_place = fmax(worst_place, hypot(g.x - x[i], g.y - y[i]));
        worst_flux = fmax(worst_flux, fabs(g.peak / p->flux[i] - 1));
        worst_area = fmax(worst_area, fabs(area - 1));
        n_fit++;
        n_shared += n_tile > 1;
    }
    printf("%s: %zu x %zu pixels, %zu sources, %zu in two tiles or more: worst place %.4f pixel, "
           "worst flux %.4f %%, worst area %.2f %%\n",
           s->name, h.n_x, h.n_y, n_fit, n_shared, worst_place, 100 * worst_flux, 100 * worst_area);
    CHECK(n_fit >= 50 && n_shared >= 30);
    CHECK(worst_place < 0.01);
    CHECK(worst_flux < 1e-3);
    /* Painted constant in a slanted tile's pixels, a beam differs on the sky by b m = 0.5 %. */
    CHECK(worst_area < (s->is_slanted ? 0.01 : 0.002));
    ci_fits_wcs_free(wcs);
    ci_fits_header_clear(&h);
    free(image);
}

/* All of every tile with PB >= cut lies inside, and all of it has a value. */
static void check_cover(const tiling *p, const scene *s)
{
    ci_fits_header h;
    float *image = read_image(p, "world", "mosaic", &h);
    ci_fits_wcs *wcs = NULL;
    CHECK_OK(ci_fits_wcs_new(&wcs, &h));
    size_t n_outside = 0, n_blank = 0;
    for (size_t t = 0; t < N_TILE; t++) {
        ci_fits_header tile = tile_header(s, t);
        ci_fits_wcs *from = NULL;
        CHECK_OK(ci_fits_wcs_new(&from, &tile));
        for (double ty = 16; ty < SIDE - 16; ty += 7)
            for (double tx = 16; tx < SIDE - 16; tx += 7) {
                double ra, dec, x, y;
                if (beam_power(tx, ty) < 0.21) continue;
                CHECK_OK(ci_fits_wcs_to_sky(from, 1, &tx, &ty, &ra, &dec));
                CHECK_OK(ci_fits_wcs_to_pixel(wcs, 1, &ra, &dec, &x, &y));
                if (!(x >= 0 && y >= 0 && x <= (double)h.n_x - 1 && y <= (double)h.n_y - 1))
                    n_outside++;
                else if (s->hole == 0 &&
                         isnan(image[(size_t)(y + 0.5) * h.n_x + (size_t)(x + 0.5)]))
                    n_blank++;
            }
        ci_fits_wcs_free(from);
    }
    CHECK(n_outside == 0 && n_blank == 0);
    /* Not larger than needed: every edge touches a value within the interpolation's reach. */
    size_t n_edge = 0;
    for (size_t y = 0; y < h.n_y; y++)
        for (size_t x = 0; x < 16; x++)
            n_edge += isfinite(image[y * h.n_x + x]);
    CHECK(n_edge > 0);
    ci_fits_wcs_free(wcs);
    ci_fits_header_clear(&h);
    free(image);
}

/* Every rank, rank 0 too, holds its part of the sums (two floats a pixel) and of one tile
 * (transforms in double precision, copies for the exchange), and little else. */
static void check_memory(const tiling *p, const ci_mosaic_stats *stats)
{
    double pixels = (double)stats->n_x * (double)stats->n_y, n = ci_comm_size(p->world);
    double part = (8 * pixels + 20.0 * (double)PIXEL) / n, fixed = 4e6;
    double peak = (double)(ci_mem_peak() - p->n_byte_before);
    if (ci_comm_rank(p->world) == 0)
        printf("counted memory of rank 0: %.1f MB, allowed %.1f\n", peak / 1e6,
               (part + fixed) / 1e6);
    CHECK(peak < part + fixed);
}

static void test_tiling(tiling *p, const scene *s, bool checks_memory)
{
    ci_mosaic_stats stats = {0};
    run_scene(p, s, &stats);
    if (checks_memory) check_memory(p, &stats);
    if (ci_comm_rank(p->world) == 0) {
        check_sources(p, s, &stats);
        check_cover(p, s);
    }
    check_bytes(p, 0.2);
    ci_mosaic_stats_clear(&stats);
}

int main(void)
{
    static const scene scenes[] = {
        {.name = "dec 16", .ra_deg = 80, .dec_deg = 16.6},
        {.name = "RA 0h", .ra_deg = 0.3, .dec_deg = -30, .is_slanted = true},
        {.name = "dec 75", .ra_deg = 200, .dec_deg = 75}};
    tiling p;
    if (!tiling_begin(&p)) return 1;
    for (size_t i = 0; i < 3; i++)
        test_tiling(&p, &scenes[i], i == 0); /* nothing has raised the peak before */
    return tiling_end(&p);
}
