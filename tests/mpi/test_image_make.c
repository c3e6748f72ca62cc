/* A tile from visibilities to files: a 12.7 Jy source and 120 of 5 to 400 mJy with noise are
 * cleaned to the thermal noise with their fluxes right, and all files have the same pixels and
 * cards whether one process or several make them.
 * ci-test: timeout=300 */
#include "contimg/image.h"
#include "check.h"
#include "image_run.h"
#include "image_set.h"

#include <stdlib.h>
#include <unistd.h>

enum
{
    N_SOURCE = 121,
    SIZE = 400
};
static fake_source sources[N_SOURCE];
static const double cell = 6 * CI_ARCSEC_TO_RAD;

/* Sources on a jittered lattice, so that none lies in another's beam; off the pixels. */
static void sources_draw(void)
{
    for (size_t i = 0; i < N_SOURCE; i++) {
        double x = (double)(i % 11) - 5 + 0.5 * (test_random_uniform(9000 + 3 * i) - 0.5);
        double y = (double)(i / 11) - 5 + 0.5 * (test_random_uniform(9001 + 3 * i) - 0.5);
        double flux = 0.005 * pow(80, test_random_uniform(9002 + 3 * i));
        sources[i] = (fake_source){flux, x * 34 * cell, y * 34 * cell};
    }
    sources[37].flux_jy = 12.7;
}

static fake_sky tile(void)
{
    return (fake_sky){.n_antenna = 40,
                      .n_time = 8,
                      .n_sub_band = 3,
                      .n_chan = 4,
                      .n_pol = 2,
                      .pol = {-5, -6},
                      .size_m = 1500,
                      .height_m = 4,
                      .freq_hz = 1.3e9,
                      .width_hz = 4e6,
                      .sigma_jy = 0.4,
                      .n_source = N_SOURCE,
                      .source = sources};
}

/* Asked how often; the highest rank says yes from the time `stop_after` on. */
static int n_asked, stop_after;
static bool stop_on_one(void)
{
    return ++n_asked > stop_after && stop_after > 0;
}

static bool stop_never(void)
{
    n_asked++;
    return false;
}

static ci_status make_until(ci_comm *comm, const char *prefix, bool (*stop)(void),
                            ci_image_stats *stats)
{
    fake_sky sky = tile();
    ci_vis_set *set = NULL;
    CI_TRY(fake_set_new(&set, &sky, ci_comm_size(comm), ci_comm_rank(comm)));
    ci_image_options o;
    ci_image_options_default(&o);
    o.weighting = CI_IMAGE_BRIGGS;
    o.robust = 0.5;
    o.n_pixel = SIZE;
    o.cell_rad = cell;
    o.stop = stop;
    ci_sky_pointing pointing = {.ra_rad = 1, .dec_rad = 0.3};
    ci_sky_field where = {.pointing = &pointing, .ra_rad = 1, .dec_rad = 0.3};
    ci_fits_header header = {.object = "made up"};
    ci_status status = images_make(
        comm, set, &(ci_image_setup){&where, &o, &header, true, NULL, {0}}, prefix, stats);
    ci_vis_set_free(set);
    return status;
}

static ci_status make(ci_comm *comm, const char *prefix, ci_image_stats *stats)
{
    return make_until(comm, prefix, NULL, stats);
}

/* One rank is asked to stop between major cycles 2 and 3: all end there. */
static void stop_check(ci_comm *world, const char *prefix)
{
    ci_image_stats stats;
    bool is_last = ci_comm_rank(world) == ci_comm_size(world) - 1;
    n_asked = 0;
    stop_after = 4; /* before the PSF, before cleaning, before cycles 1 and 2 */
    ci_status status = make_until(world, prefix, is_last ? stop_on_one : stop_never, &stats);
    CHECK(status == CI_ERR_STOPPED && strstr(ci_error_text(), "stopped on request") != NULL);
    CHECK(n_asked == 5 && stats.clean.n_major == 2);
}

/* ---- what the files hold --------------------------------------------------------------- */

static float *pixels_read(const char *prefix, const char *name, ci_fits_header *header)
{
    char path[512];
    ci_fits_reader *reader = NULL;
    float *pixels = malloc(SIZE * SIZE * sizeof *pixels);
    snprintf(path, sizeof path, "%s%s.fits", prefix, name);
    CHECK_OK(ci_fits_verify(path));
    CHECK_OK(ci_fits_reader_open(&reader, path));
    if (!reader) return pixels;
    CHECK_OK(ci_fits_header_copy(header, ci_fits_reader_header(reader)));
    CHECK(header->n_x == SIZE && header->n_y == SIZE);
    CHECK_OK(ci_fits_reader_rows(reader, 0, SIZE, pixels));
    ci_fits_reader_close(reader);
    return pixels;
}

static bool is_volatile(const char *key)
{
    for (size_t i = 0; ci_fits_volatile[i]; i++)
        if (strcmp(ci_fits_volatile[i], key) == 0) return true;
    return false;
}

static void headers_compare(const ci_fits_header *a, const ci_fits_header *b)
{
    CHECK(a->n_card == b->n_card);
    for (size_t i = 0; i < a->n_card && i < b->n_card; i++) {
        const ci_fits_card *p = &a->card[i], *q = &b->card[i];
        CHECK(strcmp(p->key, q->key) == 0);
        if (is_volatile(p->key)) continue;
        CHECK(strcmp(p->text ? p->text : "", q->text ? q->text : "") == 0 &&
              p->number == q->number);
    }
    CHECK(a->beam_major_rad == b->beam_major_rad && a->beam_pa_rad == b->beam_pa_rad);
    CHECK(a->freq_hz == b->freq_hz && a->time_mjd_s == b->time_mjd_s);
    CHECK(strcmp(a->bunit, b->bunit) == 0 && a->stokes == b->stokes);
}

static void files_compare(const char *one, const char *other)
{
    static const char *const names[] = {"dirty", "psf", "image", "residual",
                                        "model", "pb",  "pbcor"};
    for (size_t i = 0; i < 7; i++) {
        ci_fits_header a = {0}, b = {0};
        float *p = pixels_read(one, names[i], &a), *q = pixels_read(other, names[i], &b);
        bool is_same = memcmp(p, q, SIZE * SIZE * sizeof *p) == 0;
        if (!is_same) fprintf(stderr, "%s differs\n", names[i]);
        CHECK(is_same);
        headers_compare(&a, &b);
        ci_fits_header_clear(&a);
        ci_fits_header_clear(&b);
        free(p);
        free(q);
    }
}

/* Flux of a point at a known place: least squares of the restoring beam. */
static double forced_flux(const float *image, const ci_fits_header *h, const fake_source *s)
{
    ci_num_gaussian g = {.peak = 1,
                         .x = SIZE / 2 - s->l / cell,
                         .y = SIZE / 2 + s->m / cell,
                         .major = h->beam_major_rad / cell,
                         .minor = h->beam_minor_rad / cell,
                         .pa_rad = h->beam_pa_rad};
    double top = 0, bottom = 0;
    for (int y = (int)g.y - 8; y <= (int)g.y + 9; y++)
        for (int x = (int)g.x - 8; x <= (int)g.x + 9; x++) {
            double k = ci_num_gaussian_value(&g, x, y);
            top += k * image[y * SIZE + x];
            bottom += k * k;
        }
    return top / bottom;
}

static void fluxes_check(const char *prefix, const ci_image_stats *stats)
{
    ci_fits_header h = {0};
    float *image = pixels_read(prefix, "image", &h);
    double chi2 = 0, worst = 0;
    for (size_t i = 0; i < N_SOURCE; i++) {
        double flux = forced_flux(image, &h, &sources[i]), truth = sources[i].flux_jy;
        double error = hypot(stats->thermal_jy, 0.01 * truth), miss = (flux - truth) / error;
        chi2 += miss * miss;
        worst = fmax(worst, fabs(miss));
        if (truth > 12) {
            printf("bright source: %.4f of %.4f Jy\n", flux, truth);
            CHECK(fabs(flux / truth - 1) < 0.002);
        }
    }
    printf("%d sources: rms of (S - S_true)/error %.2f, worst %.2f\n", N_SOURCE,
           sqrt(chi2 / N_SOURCE), worst);
    CHECK(sqrt(chi2 / N_SOURCE) < 1.3 && worst < 5);
    CHECK(fabs(h.card ? 1.0 : 0.0) > 0 && ci_fits_card_get(&h, "THERMAL") != NULL);
    CHECK(strcmp(h.bunit, "Jy/beam") == 0 && strcmp(h.object, "made up") == 0);
    ci_fits_header_clear(&h);
    free(image);
}

static void stats_check(const ci_image_stats *s)
{
    double sum = 0;
    for (size_t i = 0; i < N_SOURCE; i++)
        sum += sources[i].flux_jy;
    printf("thermal %.4g rms %.4g mJy, model %.4f of %.4f Jy, %d major, %d minor, %s, beam "
           "%.2f x %.2f pixels, sidelobe %.3f\n",
           s->thermal_jy * 1e3, s->rms_jy * 1e3, s->model_flux_jy, sum, s->clean.n_major,
           s->clean.n_minor, s->clean.stop_reason, s->beam_major_rad / cell,
           s->beam_minor_rad / cell, s->psf_sidelobe);
    CHECK(!s->clean.diverged && strstr(s->clean.stop_reason, "limit") == NULL);
    CHECK(s->rms_jy < 1.1 * s->thermal_jy && s->rms_jy > 0.9 * s->thermal_jy);
    CHECK(fabs(s->model_flux_jy / sum - 1) < 0.02);
    CHECK(s->n_sample == 780 * 8 * 12);
    CHECK(s->psf_sidelobe > 0.01 && s->psf_sidelobe < 0.5);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK || ci_comm_self(&self) != CI_OK) return 1;
    char folder[256] = "", many[300], one[300];
    bool is_root = ci_comm_rank(world) == 0;
    if (is_root) {
        snprintf(folder, sizeof folder, "/tmp/contimg-test-XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
    }
    CHECK_OK(ci_par_bcast(world, folder, sizeof folder, 0));
    snprintf(many, sizeof many, "%s/many.", folder);
    snprintf(one, sizeof one, "%s/one.", folder);
    sources_draw();
    ci_image_stats stats, alone;
    char stopped[300];
    snprintf(stopped, sizeof stopped, "%s/stopped.", folder);
    stop_check(world, stopped);
    CHECK_OK(make(world, many, &stats));
    if (is_root) {
        stats_check(&stats);
        fluxes_check(many, &stats);
        if (ci_comm_size(world) > 1) {
            CHECK_OK(make(self, one, &alone));
            files_compare(one, many);
            CHECK(stats.rms_jy == alone.rms_jy && stats.clean.n_minor == alone.clean.n_minor);
        }
        char command[320];
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(getenv("CONTIMG_TEST_KEEP") || system(command) == 0);
    }
    ci_comm_free(self);
    return check_end(world);
}
