/* mosaic: ten tiles with noise: the noise map against the measured rms, and a bright source that
 * must not lower its tiles' weights.
 * ci-test: timeout=300 cost=15 */
#include "mosaic_case.h"

/* The three images of a mosaic, on rank 0. */
typedef struct product
{
    ci_fits_header header, noise_header, weight_header;
    float *image, *noise, *weight;
    size_t n;
} product;

static product product_read(const tiling *p)
{
    product m = {0};
    m.image = read_image(p, "world", "mosaic", &m.header);
    m.noise = read_image(p, "world", "noise", &m.noise_header);
    m.weight = read_image(p, "world", "weight", &m.weight_header);
    m.n = m.header.n_x * m.header.n_y;
    return m;
}

static void product_free(product *m)
{
    ci_fits_header_clear(&m->header);
    ci_fits_header_clear(&m->noise_header);
    ci_fits_header_clear(&m->weight_header);
    free(m->image);
    free(m->noise);
    free(m->weight);
}

/* All three are blank in the same pixels, and the noise is one over the root of the weight. */
static void check_images_agree(const product *m)
{
    bool agree = true;
    for (size_t i = 0; i < m->n; i++) {
        bool is_blank = isnan(m->image[i]);
        agree = agree && is_blank == isnan(m->noise[i]) && is_blank == !(m->weight[i] > 0);
        if (is_blank) continue;
        agree = agree && fabs((double)m->noise[i] * sqrt((double)m->weight[i]) - 1) < 1e-6;
    }
    CHECK(agree);
}

static void check_noise_map(const scene *s, const product *m, const ci_mosaic_stats *stats)
{
    float *ratio = calloc(2 * m->n, sizeof(float)), centre, sigma;
    size_t n_value = 0;
    for (size_t i = 0; i < m->n; i++)
        if (!isnan(m->image[i])) ratio[n_value++] = m->image[i] / m->noise[i];
    ci_num_clipped_float(ratio, ratio + m->n, n_value, &centre, &sigma);
    free(ratio);
    printf("%s: measured rms over the noise map: %.4f\n", s->name, sigma);
    CHECK(fabs(sigma - 1) < 0.05);
    CHECK(fabs(stats->rms_jy / stats->min_noise_jy - sigma) < 0.03);
}

static void check_tiles(const scene *s, const ci_mosaic_stats *stats)
{
    double share = 0;
    for (size_t t = 0; t < N_TILE; t++) {
        double got = stats->tile[t].rms_jy / tile_noise(s, t);
        if (s->is_round) CHECK(fabs(got - 1) < 0.05);
        share += stats->tile[t].weight_fraction;
    }
    CHECK(fabs(share - 1) < 1e-12);
}

static void check_cards(const scene *s, const product *m, const ci_mosaic_stats *stats)
{
    const ci_fits_header *h = &m->header;
    CHECK(strcmp(h->telescope, "TEST") == 0 && strcmp(h->object, "tiling") == 0);
    CHECK(strcmp(h->bunit, "Jy/beam") == 0 && strcmp(m->weight_header.bunit, "beam2/Jy2") == 0);
    CHECK(ci_fits_card_get(h, "GROUP") && ci_fits_card_get(h, "NTILES")->number == N_TILE);
    CHECK(fabs(h->freq_hz - stats->freq_hz) < 1 && h->freq_hz > 1.406e9 && h->freq_hz < 1.413e9);
    CHECK(fabs(h->time_mjd_s - tile_header(s, N_TILE - 1).time_mjd_s) < 1e-3);
}

static void noisy_scene(tiling *p, const scene *s, ci_mosaic_stats *stats)
{
    run_scene(p, s, stats);
    if (ci_comm_rank(p->world) != 0) return;
    product m = product_read(p);
    check_images_agree(&m);
    check_noise_map(s, &m, stats);
    check_tiles(s, stats);
    check_cards(s, &m, stats);
    product_free(&m);
}

static void test_bright_source_keeps_its_weight(tiling *p)
{
    scene s = {.name = "noise", .ra_deg = 120, .dec_deg = 40, .noise_jy = 3e-4, .is_round = true};
    ci_mosaic_stats faint = {0}, bright = {0};
    noisy_scene(p, &s, &faint);
    s.is_bright = true;
    s.name = "noise, 12.7 Jy";
    noisy_scene(p, &s, &bright);
    if (ci_comm_rank(p->world) == 0) {
        double worst = 0;
        for (size_t t = 0; t < N_TILE; t++)
            worst = fmax(worst, fabs(bright.tile[t].rms_jy / faint.tile[t].rms_jy - 1));
        printf("a 12.7 Jy source changes the noise of a tile by at most %.3f %%\n", 100 * worst);
        CHECK(worst < 0.005);
        CHECK(fabs(bright.peak_jy / 12.7 - 1) < 0.01);
    }
    ci_mosaic_stats_clear(&faint);
    ci_mosaic_stats_clear(&bright);
}

static void test_blank_square(tiling *p)
{
    const scene s = {.name = "noise, elliptical, hole",
                     .ra_deg = 0,
                     .dec_deg = 60,
                     .noise_jy = 3e-4,
                     .hole = 60};
    ci_mosaic_stats stats = {0};
    noisy_scene(p, &s, &stats);
    check_bytes(p, 0.2);
    ci_mosaic_stats_clear(&stats);
}

int main(void)
{
    tiling p;
    if (!tiling_begin(&p)) return 1;
    test_bright_source_keeps_its_weight(&p);
    test_blank_square(&p);
    return tiling_end(&p);
}
