/* Samples compressed for an image hold the sky and the PSF of all visibilities, by direct sums over
 * these, flags of every shape included; and they are the same on any number of ranks. */
#include "../../src/grid/direct.h"
#include "../../src/image/stokes.h"
#include "check.h"
#include "image_set.h"

enum
{
    N = 65,   /* pixels a side */
    STEP = 8, /* every so many of them are compared */
    N_TIME = 24,
    N_CHAN = 48
};
static const double radius = 0.025; /* of the image's edge */
static const double error = 1e-4;
static const fake_source sources[] = {{2.0, 0.024, -0.005}, {1.0, -0.01, 0.02}, {0.5, 0, 0}};
static const double total_jy = 3.5;

static const fake_sky sky = {.n_antenna = 11,
                             .n_time = N_TIME,
                             .n_sub_band = 3,
                             .n_chan = N_CHAN,
                             .n_pol = 2,
                             .pol = {-5, -6},
                             .size_m = 160,
                             .height_m = 20,
                             .freq_hz = 1.3e9,
                             .width_hz = 2.5e6,
                             .n_source = 3,
                             .source = sources};

/* Flags of a row by its baseline: none, a dead channel, half of the channels in half of the times,
 * an integration, single samples anywhere, nearly all. */
static bool is_flagged(int32_t i_baseline, int32_t i_time, size_t i_chan)
{
    uint64_t key = ((uint64_t)i_baseline * N_TIME + (uint64_t)i_time) * N_CHAN + i_chan;
    switch (i_baseline % 6) {
    case 1:
        return i_chan == 17;
    case 2:
        return i_time < N_TIME / 2 && i_chan >= N_CHAN / 2;
    case 3:
        return i_time == 5 || i_time == 6;
    case 4:
        return test_random_uniform(key) < 0.02;
    case 5:
        return test_random_uniform(key) < 0.97;
    default:
        return false;
    }
}

/* Flags and weights that differ from sample to sample as gains and bandpasses make them. */
static void block_spoil(ci_vis_block *b)
{
    for (size_t r = 0; r < b->n_row; r++)
        for (size_t c = 0; c < b->n_chan; c++)
            for (size_t p = 0; p < b->n_pol; p++) {
                size_t s = ci_vis_sample(b, r, c, p);
                b->weight[s] *= (float)((1 + 0.3 * sin(0.8 * (double)c + b->i_baseline[r])) *
                                        (1 + 0.2 * cos(1.3 * b->i_time[r])));
                if (is_flagged(b->i_baseline[r], b->i_time[r], c)) {
                    b->flags[s] = CI_VIS_FLAG_RFI;
                    b->data[s] = 1e6f;
                }
            }
}

static void set_new(ci_vis_set **out, ci_comm *comm)
{
    CHECK_OK(fake_set_new(out, &sky, ci_comm_size(comm), ci_comm_rank(comm)));
    for (size_t i = 0; i < (*out)->n_block; i++)
        block_spoil((*out)->block[i]);
}

/* Sums at every STEPth pixel towards data or, unit, towards 1. */
static void image_sum(const ci_vis_samples *s, bool unit, double *image, size_t *n_pixel)
{
    const ci_grid_geometry geometry = {N, N, 2 * radius / (N - 1), 1e-6, false};
    size_t pixel[N * N];
    ci_c64 *vis = NULL;
    CHECK_OK(ci_mem_alloc(&vis, s->n_sample, sizeof *vis, "visibilities"));
    for (size_t i = 0; i < s->n_sample; i++)
        vis[i] = unit ? 1 : s->data[i];
    *n_pixel = 0;
    for (size_t y = 0; y < N; y += STEP)
        for (size_t x = 0; x < N; x += STEP)
            pixel[(*n_pixel)++] = y * N + x;
    ci_grid_direct_image(&geometry, s, vis, pixel, *n_pixel, image);
    ci_mem_free(vis);
}

static double weight_sum(const ci_vis_samples *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->n_sample; i++)
        sum += s->weight[i];
    return sum;
}

/* The greatest difference of images per sum of weights. */
static double miss(const ci_vis_samples *raw, const ci_vis_samples *nodes, bool unit)
{
    static double a[N * N], b[N * N];
    size_t n;
    double most = 0, weight = weight_sum(raw);
    image_sum(raw, unit, a, &n);
    image_sum(nodes, unit, b, &n);
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]) / weight);
    return most;
}

static void compare_with_raw(const ci_vis_samples *nodes, ci_comm *self)
{
    ci_vis_set *set = NULL;
    ci_vis_samples *raw = NULL;
    ci_image_options o;
    ci_image_options_default(&o);
    set_new(&set, self);
    CHECK_OK(ci_image_samples_new(self, &raw, set, &o));
    CHECK(raw->n_good == raw->n_visibility && raw->n_good == nodes->n_visibility);
    CHECK(nodes->n_good < raw->n_good / 4);
    CHECK(nodes->freq_min_hz == raw->freq_min_hz && nodes->freq_max_hz == raw->freq_max_hz);
    CHECK(fabs(weight_sum(nodes) / weight_sum(raw) - 1) < 1e-6);
    double sky_miss = miss(raw, nodes, false), psf_miss = miss(raw, nodes, true);
    printf("%lld of %lld samples; sky %.2g of %.2g Jy, PSF %.2g\n", (long long)nodes->n_good,
           (long long)raw->n_good, sky_miss, total_jy, psf_miss);
    CHECK(sky_miss < error * total_jy);
    CHECK(psf_miss < error);
    ci_vis_samples_free(raw);
    ci_vis_set_free(set);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK || ci_comm_self(&self) != CI_OK) return 1;
    ci_vis_set *set = NULL, *all = NULL;
    ci_vis_samples *here = NULL, *whole = NULL;
    ci_image_options o;
    ci_image_options_default(&o);
    const ci_image_reading freed = {0};
    o.compression = error;
    set_new(&set, world);
    set_new(&all, self);
    CHECK_OK(ci_image_samples_take(world, &here, set, &o, radius, &freed));
    CHECK_OK(ci_image_samples_take(self, &whole, all, &o, radius, &freed));
    CHECK(here->n_good == whole->n_good && here->max_u_lambda == whole->max_u_lambda);
    size_t first = 0; /* this rank's rows follow each other in the whole */
    while (
        here->n_row > 0 && first < whole->n_row &&
        (whole->axis[whole->i_axis[first]].i_sub_band != here->axis[here->i_axis[0]].i_sub_band ||
         whole->i_baseline[first] != here->i_baseline[0]))
        first++;
    CHECK(first + here->n_row <= whole->n_row);
    size_t at = here->n_row > 0 ? whole->first[first] : 0;
    CHECK(memcmp(here->data, whole->data + at, here->n_sample * sizeof *here->data) == 0);
    CHECK(memcmp(here->weight, whole->weight + at, here->n_sample * sizeof(float)) == 0);
    CHECK(memcmp(here->uvw_m, whole->uvw_m + 3 * first, 3 * here->n_row * sizeof(double)) == 0);
    if (ci_comm_rank(world) == 0) compare_with_raw(whole, self);
    ci_vis_samples_free(here);
    ci_vis_samples_free(whole);
    ci_vis_set_free(set);
    ci_vis_set_free(all);
    ci_comm_free(self);
    return check_end(world);
}
