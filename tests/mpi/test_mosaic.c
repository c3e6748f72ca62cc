/* mosaic: ten overlapping tiles painted analytically, with different centres and beams, at
 * declination 16, across RA 0h and at declination 75: positions to 0.01 pixel, fluxes to 0.1 %;
 * with noise: the noise map against the measured rms, and a bright source that must not lower
 * its tiles' weights; the same bytes at any number of ranks.
 * ci-test: timeout=300 */
#include "check.h"

#include "contimg/mosaic.h"
#include "contimg/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_TILE 10
#define SIDE 720
#define CELL (14 * CI_ARCSEC_TO_RAD)
#define PB_WIDTH 694.0 /* full width at half power, pixels */
#define N_SOURCE 60
#define PIXEL ((size_t)SIDE * SIDE)

typedef struct scene
{
    const char *name;
    double ra_deg, dec_deg, noise_jy; /* noise 0: none but a trace, that s has a value */
    bool is_bright, is_round;         /* 12.7 Jy in the middle; all beams alike and round */
    double hole;                      /* side of a square without values in tile 4 */
    bool is_slanted;
} scene;

static char folder[64];
static double source_ra[N_SOURCE], source_dec[N_SOURCE], source_flux[N_SOURCE];

static uint64_t state;
static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double tile_noise(const scene *s, size_t t)
{
    return s->noise_jy * (1 + 0.1 * (double)(t % 4));
}

static ci_fits_header tile_header(const scene *s, size_t t)
{
    ci_fits_header h = {.n_x = SIDE,
                        .n_y = SIDE,
                        .x_ref = SIDE / 2,
                        .y_ref = SIDE / 2,
                        .cell_rad = CELL,
                        .bunit = "Jy/beam",
                        .stokes = "I"};
    /* The sky drifts by 309 s of right ascension a tile. */
    double step = 309.0 / 240 * CI_DEG_TO_RAD * ((double)t - 4.5);
    h.ra_rad = fmod(s->ra_deg * CI_DEG_TO_RAD + step + CI_TWO_PI, CI_TWO_PI);
    h.dec_rad = s->dec_deg * CI_DEG_TO_RAD + 30 * CI_ARCSEC_TO_RAD * (double)(t % 3);
    if (s->is_slanted) {
        h.slant_a = 0.05 + 0.01 * (double)t;
        h.slant_b = -0.3;
    }
    h.beam_major_rad = (s->is_round ? 5.0 : 5.2 + 0.04 * (double)t) * CELL;
    h.beam_minor_rad = (s->is_round ? 5.0 : 4.6 - 0.03 * (double)(t % 5)) * CELL;
    h.beam_pa_rad = s->is_round ? 0 : 0.2 + 0.03 * (double)t;
    h.freq_hz = 1.405e9 + 1e6 * (double)t;
    h.bandwidth_hz = 187.5e6;
    h.time_mjd_s = 61000 * CI_DAY_S + 309 * (double)(N_TILE - t);
    return h;
}

static double beam_power(double x, double y)
{
    double dx = x - SIDE / 2, dy = y - SIDE / 2;
    return exp(-4 * log(2) * (dx * dx + dy * dy) / (PB_WIDTH * PB_WIDTH));
}

/* Sources along the strip of tiles, from one end to the other, none near another. */
static void make_sources(const scene *s)
{
    for (size_t i = 0; i < N_SOURCE; i++) {
        double along = ((double)i + 0.5) / N_SOURCE * 12.2 - 6.1; /* degrees of RA */
        double across = 0.95 * sin((double)i * 2.4);
        source_ra[i] = fmod((s->ra_deg + along) * CI_DEG_TO_RAD + CI_TWO_PI, CI_TWO_PI);
        source_dec[i] = (s->dec_deg + across) * CI_DEG_TO_RAD;
        source_flux[i] = 0.05 * (1 + (double)(i % 7));
    }
    if (s->is_bright) source_flux[N_SOURCE / 2] = 12.7;
}

static void add_sources(const ci_fits_header *h, float *image)
{
    ci_fits_wcs *wcs = NULL;
    double x[N_SOURCE], y[N_SOURCE];
    CHECK_OK(ci_fits_wcs_new(&wcs, h));
    CHECK_OK(ci_fits_wcs_to_pixel(wcs, N_SOURCE, source_ra, source_dec, x, y));
    for (size_t i = 0; i < N_SOURCE; i++) {
        if (!(x[i] > -20 && y[i] > -20 && x[i] < SIDE + 20 && y[i] < SIDE + 20)) continue;
        ci_num_gaussian g = {.peak = source_flux[i],
                             .x = x[i],
                             .y = y[i],
                             .major = h->beam_major_rad / CELL,
                             .minor = h->beam_minor_rad / CELL,
                             .pa_rad = h->beam_pa_rad};
        for (int dy = -20; dy <= 20; dy++)
            for (int dx = -20; dx <= 20; dx++) {
                double px = floor(x[i]) + dx, py = floor(y[i]) + dy;
                if (px < 0 || py < 0 || px >= SIDE || py >= SIDE) continue;
                image[(size_t)py * SIDE + (size_t)px] +=
                    (float)(beam_power(px, py) * ci_num_gaussian_value(&g, px, py));
            }
    }
    ci_fits_wcs_free(wcs);
}

/* White noise smoothed by a round Gaussian of 5 pixels, unit variance times sigma. */
static void add_noise(size_t t, double sigma, float *image)
{
    double kernel[17], sum2 = 0;
    for (int k = 0; k < 17; k++) {
        kernel[k] = exp(-4 * log(2) * (k - 8) * (k - 8) / 25.0);
        sum2 += kernel[k] * kernel[k];
    }
    float *white = calloc(2 * PIXEL, sizeof(float)), *half = white + PIXEL;
    state = 1000003 * (t + 1);
    for (int i = 0; i < 20; i++)
        uniform();
    for (size_t i = 0; i < PIXEL; i++)
        white[i] = (float)(sqrt(-2 * log(uniform())) * cos(CI_TWO_PI * uniform()));
    /* Around the edges: the noise has no border. */
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            for (size_t k = 0; k < 17; k++)
                half[y * SIDE + x] +=
                    (float)kernel[k] * white[y * SIDE + (x + SIDE + k - 8) % SIDE];
    for (size_t y = 0; y < SIDE; y++)
        for (size_t k = 0; k < 17; k++) {
            float w = (float)(kernel[k] * sigma / sum2);
            const float *row = half + (y + SIDE + k - 8) % SIDE * SIDE;
            for (size_t x = 0; x < SIDE; x++)
                image[y * SIDE + x] += w * row[x];
        }
    free(white);
}

static void tile_paths(size_t t, char *image, char *pb)
{
    snprintf(image, 96, "%s/tile%02zu.image.fits", folder, t);
    snprintf(pb, 96, "%s/tile%02zu.pb.fits", folder, t);
}

static void paint_tile(const scene *s, size_t t)
{
    char image_path[96], pb_path[96];
    tile_paths(t, image_path, pb_path);
    ci_fits_header h = tile_header(s, t);
    float *image = calloc(2 * PIXEL, sizeof(float)), *pb = image + PIXEL;
    add_sources(&h, image);
    add_noise(t, s->noise_jy > 0 ? tile_noise(s, t) : 1e-6, image);
    for (size_t i = 0; i < PIXEL; i++)
        pb[i] = (float)beam_power((double)(i % SIDE), (double)(i / SIDE));
    for (size_t y = 0; y < SIDE && t == 4; y++)
        for (size_t x = 0; x < SIDE; x++)
            if (fabs((double)x - 300) < 0.5 * s->hole && fabs((double)y - 300) < 0.5 * s->hole)
                image[y * SIDE + x] = NAN;
    CHECK_OK(ci_fits_write(image_path, &h, image));
    h.bunit[0] = '\0';
    h.beam_major_rad = 0;
    CHECK_OK(ci_fits_write(pb_path, &h, pb));
    free(image);
}

static ci_status make_mosaic(ci_comm *comm, const char *name, double cut, ci_mosaic_stats *stats)
{
    char image[N_TILE][96], pb[N_TILE][96], prefix[96];
    const char *images[N_TILE], *pbs[N_TILE];
    for (size_t t = 0; t < N_TILE; t++) {
        tile_paths(t, image[t], pb[t]);
        images[t] = image[t];
        pbs[t] = pb[t];
    }
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    options.pb_cut = cut;
    snprintf(prefix, sizeof prefix, "%s/%s.", folder, name);
    ci_fits_header given = {.telescope = "TEST", .object = "strip"};
    ci_status status = ci_fits_card_set_text(&given, "GROUP", name, "mosaic group");
    if (status == CI_OK)
        status = ci_mosaic_make(comm, images, pbs, N_TILE, &options, &given, prefix, stats);
    ci_fits_header_clear(&given);
    return status;
}

static float *read_image(const char *name, const char *what, ci_fits_header *h)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.%s.fits", folder, name, what);
    ci_fits_reader *r = NULL;
    CHECK_OK(ci_fits_reader_open(&r, path));
    if (!r) exit(1);
    CHECK_OK(ci_fits_header_copy(h, ci_fits_reader_header(r)));
    float *pixels = calloc(h->n_x * h->n_y, sizeof(float));
    CHECK_OK(ci_fits_reader_rows(r, 0, h->n_y, pixels));
    ci_fits_reader_close(r);
    CHECK_OK(ci_fits_verify(path));
    return pixels;
}

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
static void check_sources(const scene *s, const ci_mosaic_stats *stats)
{
    ci_fits_header h;
    float *image = read_image("world", "mosaic", &h);
    ci_fits_wcs *wcs = NULL;
    double x[N_SOURCE], y[N_SOURCE], worst_place = 0, worst_flux = 0, worst_area = 0;
    size_t n_fit = 0, n_shared = 0;
    CHECK_OK(ci_fits_wcs_new(&wcs, &h));
    CHECK_OK(ci_fits_wcs_to_pixel(wcs, N_SOURCE, source_ra, source_dec, x, y));
    for (size_t i = 0; i < N_SOURCE; i++) {
        size_t n_tile;
        if (best_power(s, source_ra[i], source_dec[i], &n_tile) < 0.25) continue;
        double px[15 * 15], py[15 * 15], value[15 * 15];
        for (int k = 0; k < 15 * 15; k++) {
            px[k] = floor(x[i]) + k % 15 - 7;
            py[k] = floor(y[i]) + k / 15 - 7;
            value[k] = image[(size_t)py[k] * h.n_x + (size_t)px[k]];
        }
        ci_num_gaussian g = {.peak = source_flux[i],
                             .x = x[i],
                             .y = y[i],
                             .major = stats->beam_major_rad / CELL,
                             .minor = stats->beam_minor_rad / CELL,
                             .pa_rad = stats->beam_pa_rad};
        CHECK_OK(ci_num_gaussian_fit(px, py, value, NULL, 15 * 15, &g, 1, false, NULL));
        /* Off the middle the projection narrows the beam by n = cos(distance). */
        double l = (x[i] - h.x_ref) * CELL, m = (y[i] - h.y_ref) * CELL,
               n = sqrt(1 - l * l - m * m);
        double area =
            g.major * g.minor * CELL * CELL / (n * stats->beam_major_rad * stats->beam_minor_rad);
        worst_place = fmax(worst_place, hypot(g.x - x[i], g.y - y[i]));
        worst_flux = fmax(worst_flux, fabs(g.peak / source_flux[i] - 1));
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
static void check_cover(const scene *s)
{
    ci_fits_header h;
    float *image = read_image("world", "mosaic", &h);
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

static void check_noise(const scene *s, const ci_mosaic_stats *stats)
{
    ci_fits_header h, h2, h3;
    float *image = read_image("world", "mosaic", &h), *noise = read_image("world", "noise", &h2);
    float *weight = read_image("world", "weight", &h3);
    size_t n = h.n_x * h.n_y, n_value = 0;
    float *ratio = calloc(2 * n, sizeof(float)), centre, sigma;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        fits = fits && isnan(image[i]) == isnan(noise[i]) && isnan(noise[i]) == !(weight[i] > 0);
        if (isnan(image[i])) continue;
        fits = fits && fabs((double)noise[i] * sqrt((double)weight[i]) - 1) < 1e-6;
        ratio[n_value++] = image[i] / noise[i];
    }
    CHECK(fits);
    ci_num_clipped_float(ratio, ratio + n, n_value, &centre, &sigma);
    printf("%s: measured rms over the noise map: %.4f\n", s->name, sigma);
    CHECK(fabs(sigma - 1) < 0.05);
    double share = 0;
    for (size_t t = 0; t < N_TILE; t++) {
        double got = stats->tile[t].rms_jy / tile_noise(s, t);
        if (s->is_round) CHECK(fabs(got - 1) < 0.05);
        share += stats->tile[t].weight_fraction;
    }
    CHECK(fabs(share - 1) < 1e-12);
    CHECK(fabs(stats->rms_jy / stats->min_noise_jy - sigma) < 0.03);
    CHECK(strcmp(h.telescope, "TEST") == 0 && strcmp(h.object, "strip") == 0);
    CHECK(strcmp(h.bunit, "Jy/beam") == 0 && strcmp(h3.bunit, "beam2/Jy2") == 0);
    CHECK(ci_fits_card_get(&h, "GROUP") && ci_fits_card_get(&h, "NTILES")->number == N_TILE);
    CHECK(fabs(h.freq_hz - stats->freq_hz) < 1 && h.freq_hz > 1.406e9 && h.freq_hz < 1.413e9);
    CHECK(fabs(h.time_mjd_s - tile_header(s, N_TILE - 1).time_mjd_s) < 1e-3);
    ci_fits_header_clear(&h);
    ci_fits_header_clear(&h2);
    ci_fits_header_clear(&h3);
    free(ratio);
    free(image);
    free(noise);
    free(weight);
}

/* The same three files from one rank alone have the same pixels. */
static void check_bytes(ci_comm *world, double cut)
{
    ci_comm *alone = NULL;
    int rank = ci_comm_rank(world);
    CHECK_OK(ci_comm_split(world, rank == 0 ? 0 : -1, &alone));
    if (alone) {
        ci_mosaic_stats stats;
        CHECK_OK(make_mosaic(alone, "alone", cut, &stats));
        static const char *const what[] = {"mosaic", "noise", "weight"};
        for (int f = 0; f < 3; f++) {
            ci_fits_header a, b;
            float *one = read_image("alone", what[f], &a), *many = read_image("world", what[f], &b);
            CHECK(a.n_x == b.n_x && a.n_y == b.n_y && a.x_ref == b.x_ref && a.y_ref == b.y_ref);
            CHECK(a.freq_hz == b.freq_hz && a.beam_pa_rad == b.beam_pa_rad);
            if (a.n_x == b.n_x && a.n_y == b.n_y)
                CHECK(memcmp(one, many, a.n_x * a.n_y * sizeof *one) == 0);
            free(one);
            free(many);
            ci_fits_header_clear(&a);
            ci_fits_header_clear(&b);
        }
        ci_mosaic_stats_clear(&stats);
    }
    ci_comm_free(alone);
    CHECK_OK(ci_par_barrier(world));
}

/* Every rank, rank 0 too, holds its part of the sums (two floats a pixel) and of one tile
 * (transforms in double precision, copies for the exchange), and little else. */
static void check_memory(ci_comm *world, size_t before, const ci_mosaic_stats *stats)
{
    double pixels = (double)stats->n_x * (double)stats->n_y, n = ci_comm_size(world);
    double part = (8 * pixels + 20.0 * (double)PIXEL) / n, fixed = 4e6;
    double peak = (double)(ci_mem_peak() - before);
    if (ci_comm_rank(world) == 0)
        printf("counted memory of rank 0: %.1f MB, allowed %.1f\n", peak / 1e6,
               (part + fixed) / 1e6);
    CHECK(peak < part + fixed);
}

static void run_scene(ci_comm *world, const scene *s, ci_mosaic_stats *stats)
{
    make_sources(s);
    for (size_t t = 0; t < N_TILE; t++)
        if ((int)(t % (size_t)ci_comm_size(world)) == ci_comm_rank(world)) paint_tile(s, t);
    CHECK_OK(ci_par_barrier(world));
    double start = ci_clock_monotonic_s();
    CHECK_OK(make_mosaic(world, "world", 0.2, stats));
    if (ci_comm_rank(world) == 0)
        printf("%s: %d ranks, %.2f s\n", s->name, ci_comm_size(world),
               ci_clock_monotonic_s() - start);
}

/* One small tile (fewer blocks of rows than ranks): its own pixels come back, divided by the
 * primary beam, cut where that is too low. */
static void test_single(ci_comm *world)
{
    enum
    {
        SMALL = 120
    };
    char image_path[96], pb_path[96], prefix[96];
    const char *images[1] = {image_path}, *pbs[1] = {pb_path};
    tile_paths(90, image_path, pb_path);
    snprintf(prefix, sizeof prefix, "%s/single.", folder);
    ci_fits_header h = {.n_x = SMALL,
                        .n_y = SMALL,
                        .x_ref = 60,
                        .y_ref = 58,
                        .cell_rad = CELL,
                        .ra_rad = 3,
                        .dec_rad = -0.7,
                        .bunit = "JY/BEAM",
                        .stokes = "XX",
                        .beam_major_rad = 4 * CELL,
                        .beam_minor_rad = 3 * CELL,
                        .beam_pa_rad = 0.4};
    float image[SMALL * SMALL], pb[SMALL * SMALL];
    state = 12345;
    for (size_t i = 0; i < SMALL * SMALL; i++) {
        double r = hypot((double)(i % SMALL) - 60, (double)(i / SMALL) - 58);
        image[i] = (float)(uniform() - 0.5);
        pb[i] = (float)exp(-r * r / 1000);
    }
    if (ci_comm_rank(world) == 0) {
        CHECK_OK(ci_fits_write(image_path, &h, image));
        h.bunit[0] = '\0';
        CHECK_OK(ci_fits_write(pb_path, &h, pb));
    }
    CHECK_OK(ci_par_barrier(world));
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    ci_mosaic_stats stats;
    CHECK_OK(ci_mosaic_make(world, images, pbs, 1, &options, NULL, prefix, &stats));
    if (ci_comm_rank(world) == 0) {
        ci_fits_header m;
        float *out = read_image("single", "mosaic", &m);
        double worst = 0;
        size_t n_wrong = 0;
        for (size_t y = 0; y < m.n_y; y++)
            for (size_t x = 0; x < m.n_x; x++) {
                /* Pixel for pixel: only the reference pixel has moved. */
                size_t tx = (size_t)lrint((double)x - m.x_ref + 60);
                size_t ty = (size_t)lrint((double)y - m.y_ref + 58);
                float got = out[y * m.n_x + x], want = image[ty * SMALL + tx] / pb[ty * SMALL + tx];
                if (pb[ty * SMALL + tx] >= 0.2f)
                    worst = fmax(worst, fabs((double)got - (double)want));
                else
                    n_wrong += !isnan(got);
            }
        /* exp(-r^2 / 1000) = 0.2 at r = 40.1 */
        CHECK(m.n_x == 81 && m.n_y == 81);
        CHECK(m.beam_major_rad == stats.beam_major_rad && strcmp(m.stokes, "XX") == 0);
        CHECK(fabs(m.beam_pa_rad - 0.4) < 1e-6 && fabs(m.ra_rad - 3) < 1e-12);
        printf("one tile: %zu x %zu pixels, worst difference %.1e\n", m.n_x, m.n_y, worst);
        CHECK(worst < 1e-5 && n_wrong == 0);
        CHECK(stats.tile[0].weight_fraction == 1);
        ci_fits_header_clear(&m);
        free(out);
    }
    ci_mosaic_stats_clear(&stats);
}

/* What cannot be used is refused by every rank, with the file's name. */
static void test_refused(ci_comm *world)
{
    ci_mosaic_stats stats;
    CHECK(make_mosaic(world, "world", 1.5, &stats) == CI_ERR_USAGE);
    if (ci_comm_rank(world) == 0) {
        char image[96], pb[96];
        tile_paths(7, image, pb);
        remove(pb);
    }
    CHECK_OK(ci_par_barrier(world));
    CHECK(make_mosaic(world, "world", 0.2, &stats) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "tile07.pb.fits") != NULL);
    CHECK(stats.tile == NULL);
}

/* Two small tiles, alike but for what a case spoils of the second. */
enum
{
    PAIR_SIDE = 64
};

typedef struct spoilt
{
    double freq_hz, bandwidth_hz, pb_freq_hz, time_s, ra_rad;
    float pb; /* in every pixel */
    long flip_at;
    const char *telescope; /* NULL: the first one's */
    double beam[2];        /* pixels; 0: 4 */
} spoilt;

static ci_status pair_make(ci_comm *world, spoilt second)
{
    const char *names[4] = {"a.image.fits", "b.image.fits", "a.pb.fits", "b.pb.fits"};
    char path[4][96], prefix[96];
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    snprintf(prefix, sizeof prefix, "%s/pair.", folder);
    float pixel[PAIR_SIDE * PAIR_SIDE];
    for (int i = 0; i < 4 && ci_comm_rank(world) == 0; i++) {
        bool is_pb = i >= 2, is_second = i % 2;
        ci_fits_header h = {.n_x = PAIR_SIDE,
                            .n_y = PAIR_SIDE,
                            .x_ref = PAIR_SIDE / 2,
                            .y_ref = PAIR_SIDE / 2,
                            .cell_rad = CELL,
                            .ra_rad = is_second ? second.ra_rad : 1,
                            .bunit = "Jy/beam",
                            .stokes = "I",
                            .beam_major_rad = 4 * CELL,
                            .beam_minor_rad = 4 * CELL,
                            .freq_hz = !is_second ? 1.4e9
                                       : is_pb    ? second.pb_freq_hz
                                                  : second.freq_hz,
                            .bandwidth_hz = second.bandwidth_hz,
                            .time_mjd_s = 60000 * CI_DAY_S + (is_second ? second.time_s : 0),
                            .telescope = "FIRST"};
        if (is_second && second.telescope)
            snprintf(h.telescope, sizeof h.telescope, "%s", second.telescope);
        if (is_second && second.beam[0] > 0) {
            h.beam_major_rad = second.beam[0] * CELL;
            h.beam_minor_rad = second.beam[1] * CELL;
        }
        state = 99;
        for (size_t k = 0; k < PAIR_SIDE * PAIR_SIDE; k++)
            pixel[k] = is_pb ? (is_second ? second.pb : 1) : (float)(uniform() - 0.5);
        CHECK_OK(ci_fits_write(path[i], &h, pixel));
    }
    if (second.flip_at > 0 && ci_comm_rank(world) == 0) {
        FILE *file = fopen(path[1], "r+b");
        CHECK(file && fseek(file, second.flip_at, SEEK_SET) == 0 && fputc(0x3f, file) != EOF);
        CHECK(fclose(file) == 0);
    }
    CHECK_OK(ci_par_barrier(world));
    const char *images[2] = {path[0], path[1]}, *pbs[2] = {path[2], path[3]};
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    ci_mosaic_stats stats;
    ci_status status = ci_mosaic_make(world, images, pbs, 2, &options, NULL, prefix, &stats);
    ci_mosaic_stats_clear(&stats);
    CHECK_OK(ci_par_barrier(world));
    return status;
}

/* One observation counts once, however it was imaged; what else has its time or its band may be
 * added. */
static void test_one_observation(ci_comm *world)
{
    const spoilt same = {
        .freq_hz = 1.4e9, .bandwidth_hz = 1e8, .pb_freq_hz = 1.4e9, .ra_rad = 1, .pb = 0.9f};
    static const struct
    {
        double time_s, freq_hz, bandwidth_hz, cells;
        const char *telescope;
        bool is_refused;
    } cases[] = {{.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .is_refused = true},
                 /* Weights move the mean frequency, and a user the centre. */
                 {.freq_hz = 1.403e9, .bandwidth_hz = 1e8, .is_refused = true},
                 {.freq_hz = 1.401e9, .is_refused = true},
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .cells = 4, .is_refused = true},
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .cells = -30, .is_refused = true},
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .time_s = 5e-4, .is_refused = true},
                 /* Another time, a facet beside it, another sub-band, another telescope. */
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .time_s = 309},
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .cells = 40},
                 {.freq_hz = 1.46e9, .bandwidth_hz = 1e8},
                 {.freq_hz = 1.41e9},
                 {.freq_hz = 1.4e9, .bandwidth_hz = 1e8, .telescope = "SECOND"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoilt second = same;
        second.freq_hz = second.pb_freq_hz = cases[i].freq_hz;
        second.bandwidth_hz = cases[i].bandwidth_hz;
        second.time_s = cases[i].time_s;
        second.ra_rad += cases[i].cells * CELL;
        second.telescope = cases[i].telescope;
        ci_status status = pair_make(world, second);
        bool is_right = cases[i].is_refused ? status == CI_ERR_INPUT &&
                                                  strstr(ci_error_text(), "the same observation")
                                            : status == CI_OK;
        if (!is_right) printf("case %zu of one observation: %s\n", i, ci_error_text());
        CHECK(is_right);
    }
}

/* Damaged files, another band, beams and primary beams that are none. */
static void test_spoilt(ci_comm *world)
{
    const spoilt good = {.freq_hz = 1.45e9,
                         .bandwidth_hz = 1e8,
                         .pb_freq_hz = 1.45e9,
                         .time_s = 309,
                         .ra_rad = 1,
                         .pb = 0.9f};
    spoilt second = good;
    CHECK_OK(pair_make(world, second));
    second = (spoilt){.pb = 1.01f, .ra_rad = 1}; /* that says little of itself */
    CHECK_OK(pair_make(world, second));

    second = good;
    second.flip_at = 5760 + 4000;
    CHECK(pair_make(world, second) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "b.image.fits: DATASUM: wrong") != NULL);

    second = good;
    second.freq_hz = second.pb_freq_hz = 2.8e9;
    CHECK(pair_make(world, second) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "b.image.fits: FREQ axis: 2800 MHz") != NULL);
    CHECK(strstr(ci_error_text(), "a.image.fits: 1400 MHz") != NULL);
    second.freq_hz = 1.45e9;
    CHECK(pair_make(world, second) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "b.pb.fits: FREQ axis: 2800 MHz") != NULL);
    CHECK(strstr(ci_error_text(), "b.image.fits: 1450 MHz") != NULL);

    static const struct
    {
        double beam[2];
        const char *text;
    } beams[] = {{{1e22, 4}, "BMAJ: "}, /* a box of that many pixels is none */
                 {{1e22, 1e22}, "BMAJ: "},
                 {{65, 4}, "BMAJ: "},
                 {{4, 0.05}, "BMIN: "},
                 {{4, 1e-290}, "BMIN: "},
                 {{64, 4}, "too small for the tiles' common beam"}};
    for (size_t i = 0; i < sizeof beams / sizeof *beams; i++) {
        second = good;
        memcpy(second.beam, beams[i].beam, sizeof second.beam);
        CHECK(pair_make(world, second) == CI_ERR_INPUT);
        CHECK(strstr(ci_error_text(), ".image.fits: ") != NULL);
        CHECK(strstr(ci_error_text(), beams[i].text) != NULL);
    }

    const float senseless[] = {NAN, 0, -0.5f, 2, INFINITY};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        second = good;
        second.pb = senseless[i];
        CHECK(pair_make(world, second) == CI_ERR_INPUT);
        CHECK(strstr(ci_error_text(), "b.pb.fits: ") != NULL);
        CHECK(strstr(ci_error_text(), "not a primary beam") != NULL);
    }
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_WARNING);
    size_t before = ci_mem_now();
    if (ci_comm_rank(world) == 0) {
        snprintf(folder, sizeof folder, "/tmp/contimg_mosaic_XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
    }
    CHECK_OK(ci_par_bcast(world, folder, sizeof folder, 0));

    static const scene clean[] = {
        {.name = "dec 16", .ra_deg = 80, .dec_deg = 16.6},
        {.name = "RA 0h", .ra_deg = 0.3, .dec_deg = -30, .is_slanted = true},
        {.name = "dec 75", .ra_deg = 200, .dec_deg = 75}};
    ci_mosaic_stats stats = {0};
    for (size_t i = 0; i < 3; i++) {
        run_scene(world, &clean[i], &stats);
        if (i == 0) check_memory(world, before, &stats);
        if (ci_comm_rank(world) == 0) {
            check_sources(&clean[i], &stats);
            check_cover(&clean[i]);
        }
        check_bytes(world, 0.2);
        ci_mosaic_stats_clear(&stats);
    }

    scene noisy = {.name = "noise", .ra_deg = 120, .dec_deg = 40, .noise_jy = 3e-4};
    ci_mosaic_stats faint = {0};
    noisy.is_round = true;
    run_scene(world, &noisy, &faint);
    if (ci_comm_rank(world) == 0) check_noise(&noisy, &faint);
    noisy.is_bright = true;
    noisy.name = "noise, 12.7 Jy";
    run_scene(world, &noisy, &stats);
    if (ci_comm_rank(world) == 0) {
        check_noise(&noisy, &stats);
        double worst = 0;
        for (size_t t = 0; t < N_TILE; t++)
            worst = fmax(worst, fabs(stats.tile[t].rms_jy / faint.tile[t].rms_jy - 1));
        printf("a 12.7 Jy source changes the noise of a tile by at most %.3f %%\n", 100 * worst);
        CHECK(worst < 0.005);
        CHECK(fabs(stats.peak_jy / 12.7 - 1) < 0.01);
    }
    ci_mosaic_stats_clear(&faint);
    ci_mosaic_stats_clear(&stats);
    noisy = (scene){.name = "noise, elliptical, hole",
                    .ra_deg = 0,
                    .dec_deg = 60,
                    .noise_jy = 3e-4,
                    .hole = 60};
    run_scene(world, &noisy, &stats);
    if (ci_comm_rank(world) == 0) check_noise(&noisy, &stats);
    check_bytes(world, 0.2);
    ci_mosaic_stats_clear(&stats);

    test_single(world);
    test_one_observation(world);
    test_spoilt(world);
    test_refused(world);
    CHECK(ci_mem_now() == before);
    CHECK_OK(ci_par_barrier(world));
    if (ci_comm_rank(world) == 0) {
        char command[96];
        printf("peak of counted memory on rank 0: %.1f MB\n", (double)ci_mem_peak() / 1e6);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        CHECK(system(command) == 0);
    }
    return check_end(world);
}
