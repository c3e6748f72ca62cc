/* A model that cycles made is saved and loaded: its visibilities and its file are the same, on as
 * many ranks as made it and on one, and so is the image that is written of it; a file of another
 * image is refused.
 * ci-test: timeout=300 */
#include "contimg/h5.h"
#include "contimg/image.h"
#include "check.h"
#include "image_set.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
    N_PIXEL = 400
};
static const fake_source sources[] = {{5, 0.0021, -0.0013}, {0.4, -0.003, 0.0024}, {0.2, 0, 0.001}};

/* Thrice all flux in one integration: the model needs what is beside the mean. */
static void burst_add(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *b = set->block[i];
        size_t n = b->n_chan * b->n_pol;
        for (size_t k = 0; k < b->n_row * n; k++)
            if (b->i_time[k / n] == 2) b->data[k] *= 3;
    }
}

/* A maker of a small tile with its dirty image made; the options live as long as the program. */
static ci_image_maker *begin(ci_comm *comm, size_t n_pixel)
{
    static ci_image_options options;
    static const ci_sky_pointing pointing = {.ra_rad = 1, .dec_rad = 0.3};
    static const ci_sky_field field = {.pointing = &pointing, .ra_rad = 1, .dec_rad = 0.3};
    static const ci_fits_header header = {.cell_rad = 0};
    const fake_sky sky = {.n_antenna = 20,
                          .n_time = 4,
                          .n_sub_band = 2,
                          .n_chan = 4,
                          .n_pol = 2,
                          .pol = {-5, -6},
                          .size_m = 1500,
                          .height_m = 4,
                          .freq_hz = 1.3e9,
                          .width_hz = 4e6,
                          .sigma_jy = 0.2,
                          .n_source = 3,
                          .source = sources};
    ci_vis_set *set = NULL;
    ci_image_maker *maker = NULL;
    ci_image_options_default(&options);
    options.n_pixel = n_pixel;
    options.cell_rad = 6 * CI_ARCSEC_TO_RAD;
    const ci_image_setup setup = {&field, &options, &header, true, NULL, {0}};
    CHECK_OK(fake_set_new(&set, &sky, ci_comm_size(comm), ci_comm_rank(comm)));
    burst_add(set);
    CHECK_OK(ci_image_maker_new(comm, &maker, set, &setup));
    CHECK_OK(ci_image_maker_dirty(comm, maker));
    ci_vis_set_free(set);
    return maker;
}

/* The model's visibilities on this rank. */
static ci_c32 *predicted(ci_comm *comm, ci_image_maker *maker, size_t *n)
{
    const ci_vis_samples *samples = NULL;
    CHECK_OK(ci_image_maker_predict(comm, maker, &samples));
    *n = samples->n_sample;
    ci_c32 *copy = malloc((*n + 1) * sizeof *copy);
    memcpy(copy, samples->computed, *n * sizeof *copy);
    return copy;
}

static void files_compare(const char *one, const char *other)
{
    ci_h5_file *a = NULL, *b = NULL;
    int64_t n[2] = {0, 0};
    CHECK_OK(ci_h5_open(&a, one));
    CHECK_OK(ci_h5_open(&b, other));
    CHECK_OK(ci_h5_read_int(a, "n_component", &n[0], 1));
    CHECK_OK(ci_h5_read_int(b, "n_component", &n[1], 1));
    CHECK(n[0] == n[1] && n[0] > 3);
    size_t count = (size_t)n[0];
    double *p = malloc(count * sizeof *p), *q = malloc(count * sizeof *q);
    static const char *const names[] = {"component_index", "component_flux_jy"};
    for (int i = 0; i < 2; i++) {
        CHECK_OK(ci_h5_read_double(a, names[i], p, count));
        CHECK_OK(ci_h5_read_double(b, names[i], q, count));
        CHECK(memcmp(p, q, count * sizeof *p) == 0);
    }
    CHECK_OK(ci_h5_read_int(a, "n_variation", &n[0], 1));
    CHECK_OK(ci_h5_read_int(b, "n_variation", &n[1], 1));
    CHECK(n[0] == n[1] && n[0] > 0);
    static double amplitude[2][8 * 4 * 8];
    CHECK_OK(ci_h5_read_double(a, "variation_jy", amplitude[0], (size_t)n[0] * 4 * 8));
    CHECK_OK(ci_h5_read_double(b, "variation_jy", amplitude[1], (size_t)n[0] * 4 * 8));
    CHECK(memcmp(amplitude[0], amplitude[1], (size_t)n[0] * 4 * 8 * sizeof(double)) == 0);
    free(p);
    free(q);
    CHECK_OK(ci_h5_close(a));
    CHECK_OK(ci_h5_close(b));
}

/* Loads `path` on comm; its visibilities are `want` [n] where that is not NULL. Saves it again. */
static void load_check(ci_comm *comm, const char *path, const char *again, const ci_c32 *want,
                       size_t n)
{
    ci_image_maker *maker = begin(comm, N_PIXEL);
    CHECK_OK(ci_image_maker_load(comm, maker, path));
    size_t n_here = 0;
    ci_c32 *got = predicted(comm, maker, &n_here);
    if (want) CHECK(n == n_here && memcmp(want, got, n * sizeof *got) == 0);
    CHECK_OK(ci_image_maker_save(comm, maker, again));
    bool is_done = false;
    CHECK_OK(ci_image_maker_cycle(comm, maker, &is_done)); /* it goes on from there */
    CHECK(!ci_image_maker_stats(maker)->clean.diverged);
    free(got);
    ci_image_maker_free(maker);
}

/* The pixels of FOLDER/NAME.image.fits, the end of the file but for its padding. */
static float *pixels_read(const char *folder, const char *name)
{
    const size_t n_byte = 4 * N_PIXEL * N_PIXEL, padded = (n_byte + 2879) / 2880 * 2880;
    char path[160];
    unsigned char *byte = malloc(n_byte);
    float *out = calloc(N_PIXEL * N_PIXEL, sizeof *out);
    snprintf(path, sizeof path, "%s/%s.image.fits", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file && fseek(file, -(long)padded, SEEK_END) == 0);
    CHECK(file && fread(byte, 1, n_byte, file) == n_byte);
    for (size_t i = 0; i < N_PIXEL * N_PIXEL; i++) {
        const unsigned char *b = byte + 4 * i;
        uint32_t bits = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        memcpy(&out[i], &bits, sizeof bits);
    }
    if (file) fclose(file);
    free(byte);
    return out;
}

/* Writes the images of a maker as FOLDER/NAME.*, and frees it. */
static void write_and_free(ci_comm *comm, ci_image_maker *maker, const char *folder,
                           const char *name)
{
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s/%s.", folder, name);
    CHECK_OK(ci_image_maker_write(comm, maker, prefix));
    ci_image_maker_free(maker);
}

static void load_and_write(ci_comm *comm, const char *path, const char *folder, const char *name)
{
    ci_image_maker *maker = begin(comm, N_PIXEL);
    CHECK_OK(ci_image_maker_load(comm, maker, path));
    write_and_free(comm, maker, folder, name);
}

/* The restored image of the loaded model is that of the cycles, and the same on one rank. */
static void images_compare(const char *folder)
{
    float *made = pixels_read(folder, "made"), *loaded = pixels_read(folder, "loaded");
    float *alone = pixels_read(folder, "alone"), peak = 0, apart = 0;
    for (size_t i = 0; i < N_PIXEL * N_PIXEL; i++) {
        peak = fmaxf(peak, made[i]);
        apart = fmaxf(apart, fabsf(made[i] - loaded[i]));
    }
    CHECK(peak > 5 && apart < 1e-3f * peak);
    CHECK(memcmp(loaded, alone, N_PIXEL * N_PIXEL * sizeof *loaded) == 0);
    free(made);
    free(loaded);
    free(alone);
}

static void other_image_is_refused(ci_comm *comm, const char *path)
{
    ci_image_maker *maker = begin(comm, 360);
    CHECK(ci_image_maker_load(comm, maker, path) == CI_ERR_INPUT);
    CHECK(strstr(ci_error_text(), "n_x") != NULL);
    ci_image_maker_free(maker);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK || ci_comm_self(&self) != CI_OK) return 1;
    char folder[64] = "/tmp/contimg-test-XXXXXX", path[3][128], command[128];
    bool is_root = ci_comm_rank(world) == 0;
    if (is_root) CHECK(mkdtemp(folder) != NULL);
    CHECK_OK(ci_par_bcast(world, folder, sizeof folder, 0));
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/%d.h5", folder, i);
    ci_image_maker *maker = begin(world, N_PIXEL);
    bool is_done = false;
    for (int i = 0; i < 30 && !is_done; i++)
        CHECK_OK(ci_image_maker_cycle(world, maker, &is_done));
    CHECK(ci_image_maker_stats(maker)->clean.n_major > 1);
    CHECK_OK(ci_image_maker_save(world, maker, path[0]));
    size_t n = 0;
    ci_c32 *want = predicted(world, maker, &n);
    load_check(world, path[0], path[1], want, n);
    other_image_is_refused(world, path[0]);
    load_and_write(world, path[0], folder, "loaded");
    write_and_free(world, maker, folder, "made");
    if (is_root) {
        load_check(self, path[0], path[2], NULL, 0);
        files_compare(path[0], path[1]);
        files_compare(path[0], path[2]);
        load_and_write(self, path[0], folder, "alone");
        images_compare(folder);
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(system(command) == 0);
    }
    free(want);
    ci_comm_free(self);
    return check_end(world);
}
