/* mosaic: one and two small tiles: pixels that come back as they were, what counts as one
 * observation, and tiles that every rank must refuse by name.
 * ci-test: timeout=300 */
#include "mosaic_case.h"

enum
{
    SMALL = 120
};

/* One small tile (fewer blocks of rows than ranks). */
typedef struct small_tile
{
    float image[SMALL * SMALL], pb[SMALL * SMALL];
    char image_path[96], pb_path[96];
} small_tile;

static void write_small_tile(const tiling *p, small_tile *tile)
{
    ci_fits_header h = {.n_x = SMALL,
                        .n_y = SMALL,
                        .x_ref = 60,
                        .y_ref = 58,
                        .cell_rad = CELL,
                        .ra_rad = 3,
                        .dec_rad = -0.7,
                        .bunit = "JY/BEAM",
                        .stokes = CI_VIS_POL_XX,
                        .beam_major_rad = 4 * CELL,
                        .beam_minor_rad = 3 * CELL,
                        .beam_pa_rad = 0.4};
    random_state random = {12345};
    tile_paths(p, 90, tile->image_path, tile->pb_path);
    for (size_t i = 0; i < SMALL * SMALL; i++) {
        double r = hypot((double)(i % SMALL) - 60, (double)(i / SMALL) - 58);
        tile->image[i] = (float)(uniform(&random) - 0.5);
        tile->pb[i] = (float)exp(-r * r / 1000);
    }
    tile->image[50 * SMALL + 70] = NAN;
    if (ci_comm_rank(p->world) == 0) {
        CHECK_OK(ci_fits_write(tile->image_path, &h, tile->image));
        h.bunit[0] = '\0';
        CHECK_OK(ci_fits_write(tile->pb_path, &h, tile->pb));
    }
    CHECK_OK(ci_par_barrier(p->world));
}

/* Pixel for pixel the tile over its primary beam, cut where that is too low: only the reference
 * pixel has moved. Nothing is between pixels to be found, so that one without a value leaves its
 * neighbours theirs. */
static void check_single(const tiling *p, const small_tile *tile, const ci_mosaic_stats *stats)
{
    ci_fits_header m;
    float *out = read_image(p, "single", "mosaic", &m);
    double worst = 0;
    size_t n_wrong = 0;
    for (size_t y = 0; y < m.n_y; y++)
        for (size_t x = 0; x < m.n_x; x++) {
            size_t tx = (size_t)lrint((double)x - m.x_ref + 60);
            size_t ty = (size_t)lrint((double)y - m.y_ref + 58), i = ty * SMALL + tx;
            double got = out[y * m.n_x + x], want = (double)(tile->image[i] / tile->pb[i]);
            bool has_value = tile->pb[i] >= 0.2f && !isnan(tile->image[i]);
            n_wrong += isnan(got) == has_value;
            if (has_value) worst = fmax(worst, fabs(got - want));
        }
    /* exp(-r^2 / 1000) = 0.2 at r = 40.1 */
    CHECK(m.n_x == 81 && m.n_y == 81);
    CHECK(m.beam_major_rad == stats->beam_major_rad && m.stokes == CI_VIS_POL_XX);
    CHECK(fabs(m.beam_pa_rad - 0.4) < 1e-6 && fabs(m.ra_rad - 3) < 1e-12);
    printf("one tile: %zu x %zu pixels, worst difference %.1e\n", m.n_x, m.n_y, worst);
    CHECK(worst < 1e-6 && n_wrong == 0);
    CHECK(stats->tile[0].weight_fraction == 1);
    ci_fits_header_clear(&m);
    free(out);
}

static void test_single(tiling *p)
{
    static small_tile tile;
    char prefix[96];
    ci_mosaic_options options;
    ci_mosaic_stats stats;
    write_small_tile(p, &tile);
    const char *images[1] = {tile.image_path}, *pbs[1] = {tile.pb_path};
    snprintf(prefix, sizeof prefix, "%s/single.", p->folder);
    ci_mosaic_options_default(&options);
    CHECK_OK(ci_mosaic_make(p->world, &(ci_mosaic_inputs){images, pbs, 1}, &options, NULL, prefix,
                            &stats));
    if (ci_comm_rank(p->world) == 0) check_single(p, &tile, &stats);
    ci_mosaic_stats_clear(&stats);
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
    bool has_no_pb;
    double pb_cut;  /* of the mosaic; 0: the default */
    double beam[2]; /* pixels; 0: 4 */
} spoilt;

static ci_fits_header pair_header(const spoilt *second, bool is_pb, bool is_second)
{
    double freq_hz = is_pb ? second->pb_freq_hz : second->freq_hz;
    ci_fits_header h = {.n_x = PAIR_SIDE,
                        .n_y = PAIR_SIDE,
                        .x_ref = PAIR_SIDE / 2,
                        .y_ref = PAIR_SIDE / 2,
                        .cell_rad = CELL,
                        .ra_rad = is_second ? second->ra_rad : 1,
                        .bunit = "Jy/beam",
                        .stokes = CI_VIS_POL_I,
                        .beam_major_rad = 4 * CELL,
                        .beam_minor_rad = 4 * CELL,
                        .freq_hz = is_second ? freq_hz : 1.4e9,
                        .bandwidth_hz = second->bandwidth_hz,
                        .time_mjd_s = 60000 * CI_DAY_S + (is_second ? second->time_s : 0),
                        .telescope = "FIRST"};
    if (is_second && second->telescope) h.telescope = (char *)second->telescope;
    if (is_second && second->beam[0] > 0) {
        h.beam_major_rad = second->beam[0] * CELL;
        h.beam_minor_rad = second->beam[1] * CELL;
    }
    return h;
}

/* Both images, then both primary beams; rank 0's work. */
static void pair_write(const spoilt *second, char path[4][96])
{
    float pixel[PAIR_SIDE * PAIR_SIDE];
    for (int i = 0; i < 4; i++) {
        bool is_pb = i >= 2, is_second = i % 2;
        ci_fits_header h = pair_header(second, is_pb, is_second);
        random_state random = {99};
        for (size_t k = 0; k < PAIR_SIDE * PAIR_SIDE; k++)
            pixel[k] = is_pb ? (is_second ? second->pb : 1) : (float)(uniform(&random) - 0.5);
        CHECK_OK(ci_fits_write(path[i], &h, pixel));
    }
    if (second->has_no_pb) CHECK(remove(path[3]) == 0);
    if (second->flip_at > 0) {
        FILE *file = fopen(path[1], "r+b");
        CHECK(file && fseek(file, second->flip_at, SEEK_SET) == 0 && fputc(0x3f, file) != EOF);
        CHECK(fclose(file) == 0);
    }
}

/* What comes of a mosaic of both. */
static ci_status pair_make(const tiling *p, spoilt second)
{
    const char *names[4] = {"a.image.fits", "b.image.fits", "a.pb.fits", "b.pb.fits"};
    char path[4][96], prefix[96];
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", p->folder, names[i]);
    snprintf(prefix, sizeof prefix, "%s/pair.", p->folder);
    if (ci_comm_rank(p->world) == 0) pair_write(&second, path);
    CHECK_OK(ci_par_barrier(p->world));
    const char *images[2] = {path[0], path[1]}, *pbs[2] = {path[2], path[3]};
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    if (second.pb_cut > 0) options.pb_cut = second.pb_cut;
    ci_mosaic_stats stats;
    ci_status status = ci_mosaic_make(p->world, &(ci_mosaic_inputs){images, pbs, 2}, &options, NULL,
                                      prefix, &stats);
    if (status != CI_OK) CHECK(stats.tile == NULL);
    ci_mosaic_stats_clear(&stats);
    CHECK_OK(ci_par_barrier(p->world));
    return status;
}

/* Another time and a slightly other frequency: fits the first in all. */
static const spoilt good = {.freq_hz = 1.45e9,
                            .bandwidth_hz = 1e8,
                            .pb_freq_hz = 1.45e9,
                            .time_s = 309,
                            .ra_rad = 1,
                            .pb = 0.9f};

/* Refused by every rank with a text that names both. */
static void pair_refused(const tiling *p, spoilt second, const char *file, const char *why)
{
    CHECK(pair_make(p, second) == CI_ERR_INPUT);
    bool is_named = strstr(ci_error_text(), file) && strstr(ci_error_text(), why);
    if (!is_named) printf("no '%s' and '%s' in '%s'\n", file, why, ci_error_text());
    CHECK(is_named);
}

static void test_fitting_pair(const tiling *p)
{
    CHECK_OK(pair_make(p, good));
    CHECK_OK(pair_make(p, (spoilt){.pb = 1.01f, .ra_rad = 1})); /* that says little of itself */
}

/* One observation counts once, however it was imaged; what else has its time or its band may be
 * added. */
static void test_one_observation(const tiling *p)
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
        ci_status status = pair_make(p, second);
        bool is_right = cases[i].is_refused ? status == CI_ERR_INPUT &&
                                                  strstr(ci_error_text(), "the same observation")
                                            : status == CI_OK;
        if (!is_right) printf("case %zu of one observation: %s\n", i, ci_error_text());
        CHECK(is_right);
    }
}

static void test_cut_above_one(const tiling *p)
{
    spoilt second = good;
    second.pb_cut = 1.5;
    CHECK(pair_make(p, second) == CI_ERR_USAGE);
}

static void test_missing_file(const tiling *p)
{
    spoilt second = good;
    second.has_no_pb = true;
    pair_refused(p, second, "b.pb.fits", "");
}

static void test_damaged_file(const tiling *p)
{
    spoilt second = good;
    second.flip_at = 5760 + 4000;
    pair_refused(p, second, "b.image.fits", "DATASUM: wrong");
}

static void test_another_band(const tiling *p)
{
    spoilt second = good;
    second.freq_hz = second.pb_freq_hz = 2.8e9;
    pair_refused(p, second, "b.image.fits: FREQ axis: 2800 MHz", "a.image.fits: 1400 MHz");
    second.freq_hz = 1.45e9;
    pair_refused(p, second, "b.pb.fits: FREQ axis: 2800 MHz", "b.image.fits: 1450 MHz");
}

static void test_senseless_beams(const tiling *p)
{
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
        spoilt second = good;
        memcpy(second.beam, beams[i].beam, sizeof second.beam);
        pair_refused(p, second, ".image.fits: ", beams[i].text);
    }
}

static void test_senseless_primary_beams(const tiling *p)
{
    const float senseless[] = {NAN, 0, -0.5f, 2, INFINITY};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        spoilt second = good;
        second.pb = senseless[i];
        pair_refused(p, second, "b.pb.fits: ", "not a primary beam");
    }
}

int main(void)
{
    tiling p;
    if (!tiling_begin(&p)) return 1;
    test_single(&p);
    test_fitting_pair(&p);
    test_one_observation(&p);
    test_cut_above_one(&p);
    test_missing_file(&p);
    test_damaged_file(&p);
    test_another_band(&p);
    test_senseless_beams(&p);
    test_senseless_primary_beams(&p);
    return tiling_end(&p);
}
