/* The collective parts of imaging give, on any number of ranks, bit for bit what one process
 * gives: every rank holds its part of a set or an image and the whole of it beside. */
#include "../../src/clean/rms.h"
#include "../../src/image/beam_fit.h"
#include "../../src/image/choose.h"
#include "../../src/image/restore.h"
#include "../../src/image/stokes.h"
#include "../../src/image/weight.h"
#include "check.h"
#include "image_set.h"

static const fake_source sources[] = {{2.0, 0.001, -0.002}, {0.3, -0.004, 0.001}};

static void check_weights(ci_comm *world, ci_comm *self, ci_image_weighting weighting,
                          double taper_rad)
{
    fake_sky sky = {.n_antenna = 8,
                    .n_time = 4,
                    .n_sub_band = 3,
                    .n_chan = 5,
                    .n_pol = 2,
                    .pol = {-5, -6},
                    .size_m = 900,
                    .freq_hz = 1.3e9,
                    .width_hz = 1e6,
                    .sigma_jy = 0.7,
                    .n_source = 2,
                    .source = sources};
    ci_image_options o;
    ci_image_options_default(&o);
    o.weighting = weighting;
    o.robust = 0.5;
    o.taper_rad = taper_rad;
    ci_vis_set *set = NULL, *all = NULL;
    CHECK_OK(fake_set_new(&set, &sky, ci_comm_size(world), ci_comm_rank(world)));
    CHECK_OK(fake_set_new(&all, &sky, 1, 0));
    ci_vis_samples *here = NULL, *whole = NULL;
    CHECK_OK(ci_image_samples_new(world, &here, set, &o));
    CHECK_OK(ci_image_samples_new(self, &whole, all, &o));
    CHECK(here->n_good == whole->n_good && here->max_u_lambda == whole->max_u_lambda);
    CHECK_OK(ci_image_weights_set(world, here, &o, 0.01));
    CHECK_OK(ci_image_weights_set(self, whole, &o, 0.01));
    /* This rank's rows follow each other in the whole. */
    size_t first = 0;
    while (here->n_row > 0 && first < whole->n_row &&
           (whole->i_axis[first] != here->i_axis[0] ||
            whole->i_baseline[first] != here->i_baseline[0]))
        first++;
    CHECK(first + here->n_row <= whole->n_row);
    CHECK(memcmp(here->weight, whole->weight + whole->first[first],
                 here->n_sample * sizeof(float)) == 0);
    ci_image_sums a, b;
    CHECK_OK(ci_image_sums_get(world, here, &a));
    CHECK_OK(ci_image_sums_get(self, whole, &b));
    CHECK(memcmp(&a, &b, sizeof a) == 0 && a.weight > 0);
    int64_t *t_here = NULL, *t_whole = NULL;
    CHECK_OK(ci_vis_samples_weight_by_time(world, here, &t_here));
    CHECK_OK(ci_vis_samples_weight_by_time(self, whole, &t_whole));
    CHECK(here->n_freq == 15 && memcmp(t_here, t_whole, 4 * here->n_freq * sizeof *t_here) == 0);
    ci_grid_geometry ga, gb;
    ci_sky_field where = {.ra_rad = 1, .dec_rad = 0.3};
    CHECK_OK(ci_image_geometry_choose(world, here, &where, &o, &ga));
    CHECK_OK(ci_image_geometry_choose(self, whole, &where, &o, &gb));
    CHECK(ga.cell_rad == gb.cell_rad && ga.n_x == gb.n_x && ga.cell_rad > 0);
    ci_mem_free(t_here);
    ci_mem_free(t_whole);
    ci_vis_samples_free(here);
    ci_vis_samples_free(whole);
    ci_vis_set_free(set);
    ci_vis_set_free(all);
}

enum
{
    NX = 131,
    NY = 118
};
static double image[NX * NY], model[NX * NY];

static void image_paint(void)
{
    for (size_t i = 0; i < NX * NY; i++) {
        double x = (double)(i % NX) - NX / 2, y = (double)(i / NX) - NY / 2;
        image[i] = fake_normal(i) + 100 * exp(-(x * x + y * y) / 20);
        model[i] = test_random_mix(i) % 97 == 0 ? fake_normal(2 * i) : 0;
    }
}

/* Rank r's share: uneven, and none for the last of several. */
static void share(int n_rank, int rank, size_t *first, size_t *count)
{
    int n = n_rank > 2 ? n_rank - 1 : n_rank;
    *first = NY;
    *count = 0;
    if (rank >= n) return;
    *first = rank == 0 ? 0 : NY * (size_t)rank / (size_t)n + 3;
    *count = (rank == n - 1 ? NY : NY * (size_t)(rank + 1) / (size_t)n + 3) - *first;
}

static void check_slabs(ci_comm *world, ci_comm *self)
{
    static double a[NX * NY], b[NX * NY];
    size_t first, count;
    share(ci_comm_size(world), ci_comm_rank(world), &first, &count);
    ci_grid_layout *l = NULL, *w = NULL;
    CHECK_OK(ci_grid_layout_new(world, &l, NX, NY, first, count));
    CHECK_OK(ci_grid_layout_new(self, &w, NX, NY, 0, NY));
    const double *slab = image + l->y_first * NX;
    double p[3], q[3];
    CHECK_OK(ci_grid_slab_peak(world, l, slab, &p[0], &p[1]));
    CHECK_OK(ci_grid_slab_peak(self, w, image, &q[0], &q[1]));
    CHECK(p[0] == q[0] && p[1] == q[1] && p[0] > 95);
    CHECK_OK(ci_grid_slab_rms(world, l, slab, &p[0]));
    CHECK_OK(ci_grid_slab_rms(self, w, image, &q[0]));
    CHECK(p[0] == q[0] && p[0] > 0.9 && p[0] < 1.1);
    CHECK_OK(ci_image_sidelobe(world, l, slab, &p[0]));
    CHECK_OK(ci_image_sidelobe(self, w, image, &q[0]));
    CHECK(p[0] == q[0] && p[0] > 1);

    ci_clean_rms_mesh *ma = NULL, *mb = NULL;
    CHECK_OK(ci_clean_rms_mesh_new(world, &ma, l, slab, 20, true));
    CHECK_OK(ci_clean_rms_mesh_new(self, &mb, w, image, 20, true));
    CHECK(ma->n_box_x == 6 && ma->n_box_y == 5);
    CHECK(memcmp(ma->rms, mb->rms, 30 * sizeof(float)) == 0);
    ci_clean_rms_mesh_free(ma);
    ci_clean_rms_mesh_free(mb);

    float *cut = NULL;
    CHECK_OK(ci_grid_slab_cut(world, l, slab, (ci_grid_rectangle){7, 11, 50, 90}, -1, &cut));
    for (size_t i = 0; cut && i < 50 * 90; i++)
        CHECK(cut[i] == (float)image[(11 + i / 50) * NX + 7 + i % 50]);
    ci_mem_free(cut);

    ci_num_beam beam = {9, 5, 0.7};
    CHECK_OK(ci_image_restore(world, l, (ci_image_sky){model + l->y_first * NX, NULL, 0, NULL},
                              slab, beam, a));
    CHECK_OK(ci_image_restore(self, w, (ci_image_sky){model, NULL, 0, NULL}, image, beam, b));
    CHECK(memcmp(a, b + l->y_first * NX, l->n_here * NX * sizeof *a) == 0);
    ci_grid_layout_free(l);
    ci_grid_layout_free(w);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK || ci_comm_self(&self) != CI_OK) return 1;
    check_weights(world, self, CI_IMAGE_NATURAL, 0);
    check_weights(world, self, CI_IMAGE_UNIFORM, 1e-4);
    check_weights(world, self, CI_IMAGE_BRIGGS, 0);
    image_paint();
    check_slabs(world, self);
    ci_comm_free(self);
    return check_end(world);
}
