/* A row of ten overlapping tiles with different centres and beams, whose sources are known, and
 * its mosaic. Each source of noise and sources is a function of the scene alone. */
#ifndef TEST_MOSAIC_CASE_H
#define TEST_MOSAIC_CASE_H

#include "check.h"
#include "random.h"

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

/* What a test file works with: its folder, the same on all ranks, and the sources of its scene. */
typedef struct tiling
{
    ci_comm *world;
    char folder[64];
    double ra[N_SOURCE], dec[N_SOURCE], flux[N_SOURCE];
    size_t n_byte_before;
} tiling;

typedef struct random_state
{
    uint64_t value;
} random_state;

static inline double uniform(random_state *r)
{
    return test_random_next(&r->value);
}

static inline double tile_noise(const scene *s, size_t t)
{
    return s->noise_jy * (1 + 0.1 * (double)(t % 4));
}

static inline ci_fits_header tile_header(const scene *s, size_t t)
{
    ci_fits_header h = {.n_x = SIDE,
                        .n_y = SIDE,
                        .x_ref = SIDE / 2,
                        .y_ref = SIDE / 2,
                        .cell_rad = CELL,
                        .bunit = "Jy/beam",
                        .stokes = CI_VIS_POL_I};
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

static inline double beam_power(double x, double y)
{
    double dx = x - SIDE / 2, dy = y - SIDE / 2;
    return exp(-4 * log(2) * (dx * dx + dy * dy) / (PB_WIDTH * PB_WIDTH));
}

/* Sources along the tiles, from one end to the other, none near another. */
static inline void make_sources(tiling *p, const scene *s)
{
    for (size_t i = 0; i < N_SOURCE; i++) {
        double along = ((double)i + 0.5) / N_SOURCE * 12.2 - 6.1; /* degrees of RA */
        double across = 0.95 * sin((double)i * 2.4);
        p->ra[i] = fmod((s->ra_deg + along) * CI_DEG_TO_RAD + CI_TWO_PI, CI_TWO_PI);
        p->dec[i] = (s->dec_deg + across) * CI_DEG_TO_RAD;
        p->flux[i] = 0.05 * (1 + (double)(i % 7));
    }
    if (s->is_bright) p->flux[N_SOURCE / 2] = 12.7;
}

static inline void add_sources(const tiling *p, const ci_fits_header *h, float *image)
{
    ci_fits_wcs *wcs = NULL;
    double x[N_SOURCE], y[N_SOURCE];
    CHECK_OK(ci_fits_wcs_new(&wcs, h));
    CHECK_OK(ci_fits_wcs_to_pixel(wcs, N_SOURCE, p->ra, p->dec, x, y));
    for (size_t i = 0; i < N_SOURCE; i++) {
        if (!(x[i] > -20 && y[i] > -20 && x[i] < SIDE + 20 && y[i] < SIDE + 20)) continue;
        ci_num_gaussian g = {.peak = p->flux[i],
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
static inline void add_noise(size_t t, double sigma, float *image)
{
    double kernel[17], sum2 = 0;
    for (int k = 0; k < 17; k++) {
        kernel[k] = exp(-4 * log(2) * (k - 8) * (k - 8) / 25.0);
        sum2 += kernel[k] * kernel[k];
    }
    float *white = calloc(2 * PIXEL, sizeof(float)), *half = white + PIXEL;
    random_state random = {1000003 * (t + 1)};
    for (int i = 0; i < 20; i++)
        uniform(&random);
    for (size_t i = 0; i < PIXEL; i++)
        white[i] = (float)(sqrt(-2 * log(uniform(&random))) * cos(CI_TWO_PI * uniform(&random)));
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

static inline void tile_paths(const tiling *p, size_t t, char *image, char *pb)
{
    snprintf(image, 96, "%s/tile%02zu.image.fits", p->folder, t);
    snprintf(pb, 96, "%s/tile%02zu.pb.fits", p->folder, t);
}

static inline void write_tile(const tiling *p, const scene *s, size_t t)
{
    char image_path[96], pb_path[96];
    tile_paths(p, t, image_path, pb_path);
    ci_fits_header h = tile_header(s, t);
    float *image = calloc(2 * PIXEL, sizeof(float)), *pb = image + PIXEL;
    add_sources(p, &h, image);
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

static inline ci_status make_mosaic(const tiling *p, ci_comm *comm, const char *name, double cut,
                                    ci_mosaic_stats *stats)
{
    char image[N_TILE][96], pb[N_TILE][96], prefix[96];
    const char *images[N_TILE], *pbs[N_TILE];
    for (size_t t = 0; t < N_TILE; t++) {
        tile_paths(p, t, image[t], pb[t]);
        images[t] = image[t];
        pbs[t] = pb[t];
    }
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    options.pb_cut = cut;
    snprintf(prefix, sizeof prefix, "%s/%s.", p->folder, name);
    ci_fits_header given = {.telescope = "TEST", .object = "tiling"};
    ci_status status = ci_fits_card_set_text(&given, "GROUP", name, "mosaic group");
    if (status == CI_OK)
        status = ci_mosaic_make(comm, &(ci_mosaic_inputs){images, pbs, N_TILE}, &options, &given,
                                prefix, stats);
    given.telescope = given.object = NULL; /* literals */
    ci_fits_header_clear(&given);
    return status;
}

static inline float *read_image(const tiling *p, const char *name, const char *what,
                                ci_fits_header *h)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.%s.fits", p->folder, name, what);
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

static inline void run_scene(tiling *p, const scene *s, ci_mosaic_stats *stats)
{
    make_sources(p, s);
    for (size_t t = 0; t < N_TILE; t++)
        if ((int)(t % (size_t)ci_comm_size(p->world)) == ci_comm_rank(p->world))
            write_tile(p, s, t);
    CHECK_OK(ci_par_barrier(p->world));
    double start = ci_clock_monotonic_s();
    CHECK_OK(make_mosaic(p, p->world, "world", 0.2, stats));
    if (ci_comm_rank(p->world) == 0)
        printf("%s: %d ranks, %.2f s\n", s->name, ci_comm_size(p->world),
               ci_clock_monotonic_s() - start);
}

/* The same three files from one rank alone have the same pixels. */
static inline void check_bytes(const tiling *p, double cut)
{
    ci_comm *alone = NULL;
    int rank = ci_comm_rank(p->world);
    CHECK_OK(ci_comm_split(p->world, rank == 0 ? 0 : -1, &alone));
    if (alone) {
        ci_mosaic_stats stats;
        CHECK_OK(make_mosaic(p, alone, "alone", cut, &stats));
        static const char *const what[] = {"mosaic", "noise", "weight"};
        for (int f = 0; f < 3; f++) {
            ci_fits_header a, b;
            float *one = read_image(p, "alone", what[f], &a),
                  *many = read_image(p, "world", what[f], &b);
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
    CHECK_OK(ci_par_barrier(p->world));
}

/* Starts MPI and makes the folder. */
static inline bool tiling_begin(tiling *p)
{
    memset(p, 0, sizeof *p);
    if (ci_par_start(&p->world) != CI_OK) return false;
    ci_log_set_level(CI_LOG_WARNING);
    p->n_byte_before = ci_mem_now();
    if (ci_comm_rank(p->world) == 0) {
        snprintf(p->folder, sizeof p->folder, "/tmp/contimg_mosaic_XXXXXX");
        CHECK(mkdtemp(p->folder) != NULL);
    }
    CHECK_OK(ci_par_bcast(p->world, p->folder, sizeof p->folder, 0));
    return true;
}

/* Removes the folder, ends MPI; the exit code. */
static inline int tiling_end(tiling *p)
{
    CHECK(ci_mem_now() == p->n_byte_before);
    CHECK_OK(ci_par_barrier(p->world));
    if (ci_comm_rank(p->world) == 0) {
        char command[96];
        snprintf(command, sizeof command, "rm -rf %s", p->folder);
        CHECK(system(command) == 0);
    }
    return check_end(p->world);
}

#endif
