/* The primary beam of a tile: the weighted mean over every time and channel to 1e-4, the sky
 * drifting through a fixed beam; the automatic size; the same on any number of ranks. */
#include "../../src/image/choose.h"
#include "../../src/image/pbeam.h"
#include "../../src/image/stokes.h"
#include "check.h"
#include "image_set.h"

static const fake_source source[] = {{1.0, 0.001, -0.002}};
static ci_sky_eop *eop;

typedef struct scene
{
    ci_vis_set *set;
    ci_vis_samples *samples;
    ci_sky_beam *beam;
    ci_sky_pointing pointing;
    ci_sky_field sky;
} scene;

static void scene_new(scene *s, ci_comm *comm, bool is_fixed, const char *beam)
{
    fake_sky sky = {.n_antenna = 6,
                    .n_time = 24,
                    .n_sub_band = 4,
                    .n_chan = 12,
                    .n_pol = 2,
                    .pol = {-5, -6},
                    .size_m = 500,
                    .freq_hz = 1.28e9,
                    .width_hz = 4e6,
                    .sigma_jy = 1,
                    .n_source = 1,
                    .source = source};
    *s = (scene){0};
    CHECK_OK(fake_set_new(&s->set, &sky, ci_comm_size(comm), ci_comm_rank(comm)));
    ci_vis_array *array = &s->set->meta->array;
    array->lat_rad = 37.23 * CI_DEG_TO_RAD;
    array->lon_rad = -118.28 * CI_DEG_TO_RAD;
    array->height_m = 1200;
    ci_image_options o;
    ci_image_options_default(&o);
    CHECK_OK(ci_image_samples_new(comm, &s->samples, s->set, &o));
    /* Weights that lean to late times and low channels: the mean is not the middle. */
    const double *time_s = s->set->meta->time_mjd_s;
    for (size_t r = 0; r < s->samples->n_row; r++) {
        double i_time = (s->samples->row_mjd_s[r] - time_s[0]) / (time_s[1] - time_s[0]);
        for (size_t c = 0; c < 12; c++)
            s->samples->weight[s->samples->first[r] + c] *=
                (float)((1 + i_time) * (1 + (double)c / 12));
    }
    CHECK_OK(ci_sky_beam_new(&s->beam, beam, array));
    double mid_s = s->set->meta->time_mjd_s[12];
    ci_sky_frame *frame = NULL;
    CHECK_OK(ci_sky_frame_new(&frame, eop, array, mid_s, 0));
    s->pointing = (ci_sky_pointing){.is_fixed = is_fixed, .ha_rad = 0, .dec_app_rad = 0.3};
    double ra = 0, dec = 0;
    ci_sky_icrs(frame, 0, 0.3, &ra, &dec);
    s->pointing.ra_rad = ra;
    s->pointing.dec_rad = dec;
    ci_sky_frame_free(frame);
    /* the image's centre a little off the beam's */
    s->sky = (ci_sky_field){.eop = eop,
                            .beam = s->beam,
                            .pointing = &s->pointing,
                            .ra_rad = ra + 0.004,
                            .dec_rad = dec - 0.003};
}

static void scene_free(scene *s)
{
    ci_vis_samples_free(s->samples);
    ci_sky_beam_free(s->beam);
    ci_vis_set_free(s->set);
}

static double direct_beam(const scene *s, double l, double m)
{
    double ra, dec, top = 0, bottom = 0;
    const ci_vis_meta *meta = s->set->meta;
    ci_sky_lm_inverse(s->sky.ra_rad, s->sky.dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < meta->n_time; t++) {
        ci_sky_frame *frame = NULL;
        CHECK_OK(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[t], 0));
        for (size_t c = 0; c < 48; c++) {
            double w = (double)(1 + t) * (1 + (double)(c % 12) / 12);
            double f = meta->sub_band[c / 12].freq_hz[c % 12];
            top += w * ci_sky_beam_power(s->beam, &s->pointing, frame, ra, dec, f);
            bottom += w;
        }
        ci_sky_frame_free(frame);
    }
    return top / bottom;
}

enum
{
    SIZE = 300
};
static float pb[SIZE * SIZE], whole[SIZE * SIZE];

static void check_beam(ci_comm *world, ci_comm *self, bool is_fixed, double extent_rad)
{
    double cell = extent_rad / SIZE;
    scene here, alone;
    scene_new(&here, world, is_fixed, "airy:4.65");
    scene_new(&alone, self, is_fixed, "airy:4.65");
    size_t first, count;
    ci_par_split(SIZE, ci_comm_size(world), ci_comm_rank(world), &first, &count);
    ci_grid_layout *l = NULL, *w = NULL;
    CHECK_OK(ci_grid_layout_new(world, &l, SIZE, SIZE, first, count));
    CHECK_OK(ci_grid_layout_new(self, &w, SIZE, SIZE, 0, SIZE));
    CHECK_OK(ci_image_pb(world, here.samples, &here.sky, l, cell, NULL, pb));
    CHECK_OK(ci_image_pb(self, alone.samples, &alone.sky, w, cell, NULL, whole));
    CHECK(memcmp(pb, whole + l->y_first * SIZE, l->n_here * SIZE * sizeof *pb) == 0);
    double worst = 0;
    for (uint64_t k = 0; k < 60; k++) {
        size_t x = test_random_mix(2 * k) % SIZE, y = test_random_mix(2 * k + 1) % SIZE;
        if (k < 4) {
            x = k % 2 ? SIZE - 1 : 0;
            y = k / 2 ? SIZE - 1 : 0;
        }
        double want =
            direct_beam(&alone, -((double)x - SIZE / 2) * cell, ((double)y - SIZE / 2) * cell);
        worst = fmax(worst, fabs(want - whole[y * SIZE + x]));
    }
    if (ci_comm_rank(world) == 0)
        printf("beam over %.3g rad, %s: worst miss %.2g\n", extent_rad,
               is_fixed ? "drifting sky" : "tracked", worst);
    CHECK(worst < 1e-4);
    ci_grid_layout_free(l);
    ci_grid_layout_free(w);
    scene_free(&here);
    scene_free(&alone);
}

static void check_size(ci_comm *world)
{
    scene s;
    scene_new(&s, world, true, "airy:4.65");
    ci_image_options o;
    ci_image_options_default(&o);
    ci_grid_geometry g = {0};
    CHECK_OK(ci_image_geometry_choose(world, s.samples, &s.sky, &o, &g));
    /* (2 J1(x)/x)^2 = 0.2 at x = 2.3612, x = pi D sin(theta)/lambda */
    double half = 2.3612 / CI_PI * CI_C_M_S / (1.374e9 * 4.65);
    CHECK(fabs((double)g.n_x * g.cell_rad / (2 * half) - 1) < 0.01);
    scene_free(&s);
    scene_new(&s, world, true, "none");
    CHECK_OK(ci_image_geometry_choose(world, s.samples, &s.sky, &o, &g));
    CHECK(g.n_x == 1024);
    scene_free(&s);
}

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    if (ci_par_start(&world) != CI_OK || ci_comm_self(&self) != CI_OK) return 1;
    CHECK_OK(ci_sky_eop_load(&eop, NULL));
    check_beam(world, self, true, 0.06);
    check_beam(world, self, false, 0.06);
    check_beam(world, self, true, 0.2); /* beyond the second null */
    check_size(world);
    ci_sky_eop_free(eop);
    ci_comm_free(self);
    return check_end(world);
}
