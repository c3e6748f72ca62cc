/* phot: statistics of found sources and forced fluxes against the truth, in correlated noise of
 * two kinds, for points and resolved sources.
 * ci-test: timeout=300 cost=15 */
#include "phot_case.h"

typedef struct pulls
{
    double floor; /* part of a flux that counts as its error beside the fitted one */
    size_t n, n_bright, n_found, n_false, n_seven, n_resolved;
    double v[4][8 * N_TRUE]; /* flux, ra, dec, all of a seed */
} pulls;

static void collect(const ci_phot_list *list, const phot_truth *t, pulls *p)
{
    bool used[N_TRUE] = {false};
    for (size_t k = 0; k < list->n_source; k++) {
        const ci_phot_source *s = &list->source[k];
        size_t best = N_TRUE;
        double least = BEAM * CELL;
        for (size_t i = 0; i < N_TRUE; i++) {
            double d = ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra[i], t->dec[i]);
            if (d < least) {
                least = d;
                best = i;
            }
        }
        bool is_seven = s->peak_jy > 7 * s->rms_jy;
        p->n_seven += is_seven;
        if (best == N_TRUE || used[best]) {
            p->n_false += is_seven;
            continue;
        }
        used[best] = true;
        p->n_resolved += s->is_resolved;
        if (t->flux[best] < 10 * SIGMA) continue;
        double scale = cos(t->dec[best]);
        p->v[0][p->n] = (s->flux_jy - t->flux[best]) / hypot(s->flux_err_jy, p->floor * s->flux_jy);
        p->v[1][p->n] = remainder(s->ra_rad - t->ra[best], CI_TWO_PI) * scale / s->ra_err_rad;
        p->v[2][p->n] = (s->dec_rad - t->dec[best]) / s->dec_err_rad;
        p->n++;
    }
    for (size_t i = 0; i < N_TRUE; i++) {
        p->n_bright += t->flux[i] > 10 * SIGMA;
        p->n_found += t->flux[i] > 10 * SIGMA && used[i];
    }
}

typedef struct phot_trial
{
    const char *name;
    phot_beam beam;
    double noise_width, widen; /* of the noise's kernel over the beam; a source's area over it */
    bool with_map;
} phot_trial;

/* Finds the sources of one image and adds what came of them. */
static void run_trial(void **state, const phot_trial *trial, uint64_t seed, pulls *p)
{
    ci_fits_header h = phot_header(trial->beam);
    phot_truth *t = calloc(1, sizeof *t);
    float *image = calloc(PIXEL, sizeof(float));
    phot_add_noise(image, trial->beam, trial->noise_width, seed);
    phot_add_truth(image, t, trial->beam, seed + 1, trial->widen);
    phot_write(state, "image.fits", &h, image);
    phot_write_value(state, "noise.fits", &h, (float)SIGMA);
    free(image);
    ci_phot_list *list = phot_found(state, trial->with_map);
    collect(list, t, p);
    ci_phot_list_free(list);
    free(t);
}

static void statistics(void **state, phot_trial trial)
{
    static const uint64_t seeds[3] = {20260125, 31415926, 27182818};
    static pulls p;
    const char *name = trial.name;
    /* The fits of resolved sources are judged by their own errors. */
    p = (pulls){.floor = trial.widen > 1 ? 0 : 0.01};
    for (int k = 0; k < 3; k++)
        run_trial(state, &trial, seeds[k], &p);
    printf("%s: %zu of %zu above 10 sigma found, %zu of %zu above 7 sigma false, %zu resolved\n",
           name, p.n_found, p.n_bright, p.n_false, p.n_seven, p.n_resolved);
    assert_true(p.n_bright >= 100);
    assert_true((double)p.n_found >= 0.99 * (double)p.n_bright);
    assert_true((double)p.n_false <= 0.01 * (double)p.n_seven);
    phot_check_pull(name, "flux", p.v[0], p.n, 0.3);
    phot_check_pull(name, "RA", p.v[1], p.n, 0.3);
    phot_check_pull(name, "Dec", p.v[2], p.n, 0.3);
    if (trial.widen > 1)
        assert_true(p.n_resolved > p.n_bright * 9 / 10);
    else
        assert_true(p.n_resolved < p.n_bright / 50);
}

/* Noise smoothed by the beam itself, and noise whose correlation is the beam (what natural
 * weights give). */
static void test_points_smoothed(void **state)
{
    statistics(state, (phot_trial){"points, smoothed noise", phot_round, 1, 1, false});
}

static void test_points_natural(void **state)
{
    statistics(state, (phot_trial){"points, natural noise", phot_round, 1 / sqrt(2), 1, true});
}

/* What the errors of DSA-110's beam must be: its axes differ by two. */
static const phot_beam elongated = {2 * BEAM, BEAM};

static void test_points_elongated(void **state)
{
    statistics(state, (phot_trial){"points, elongated beam", elongated, 1, 1, false});
}

static void test_resolved_elongated(void **state)
{
    statistics(state, (phot_trial){"resolved, elongated beam", elongated, 1, 3, false});
}

static void test_resolved(void **state)
{
    statistics(state, (phot_trial){"resolved", phot_round, 1, 3, false});
}

/* ---- forced fluxes --------------------------------------------------------------------------- */

enum
{
    N_FORCED = 2 * N_TRUE, /* the sources, and the empty corners between them */
    N_BLANK = 100          /* side of a corner without values */
};

typedef struct forced
{
    phot_truth truth;
    double x[N_FORCED], y[N_FORCED];
    /* Two more: outside the image, and behind. */
    double ra[N_FORCED + 2], dec[N_FORCED + 2], flux[N_FORCED + 2], err[N_FORCED + 2];
} forced;

static void forced_images(void **state, forced *f, double noise_width)
{
    ci_fits_header h = phot_header(phot_round);
    float *image = calloc(2 * PIXEL, sizeof(float)), *noise = image + PIXEL;
    phot_add_noise(image, phot_round, noise_width, 77);
    phot_add_truth(image, &f->truth, phot_round, 78, 1);
    for (size_t i = 0; i < PIXEL; i++)
        noise[i] = (float)SIGMA;
    for (size_t y = 0; y < N_BLANK; y++)
        for (size_t x = 0; x < N_BLANK; x++)
            image[y * SIDE + x] = noise[y * SIDE + x] = NAN;
    phot_write(state, "image.fits", &h, image);
    phot_write(state, "noise.fits", &h, noise);
    free(image);
}

static void forced_positions(forced *f)
{
    ci_fits_header h = phot_header(phot_round);
    ci_fits_wcs *wcs = NULL;
    for (int i = 0; i < N_TRUE; i++) {
        f->x[i] = f->truth.x[i];
        f->y[i] = f->truth.y[i];
        f->x[N_TRUE + i] = (i % GRID + 0.05) * SIDE / GRID + 2;
        f->y[N_TRUE + i] = (i / GRID + 0.05) * SIDE / GRID + 3;
    }
    OK(ci_fits_wcs_new(&wcs, &h));
    OK(ci_fits_wcs_to_sky(wcs, N_FORCED, f->x, f->y, f->ra, f->dec));
    ci_fits_wcs_free(wcs);
    f->ra[N_FORCED] = h.ra_rad + 1;
    f->dec[N_FORCED] = h.dec_rad;
    f->ra[N_FORCED + 1] = h.ra_rad + CI_PI;
    f->dec[N_FORCED + 1] = -h.dec_rad;
}

static void forced_fluxes(void **state, const char *name, double noise_width)
{
    UNIT_PATH(image_path, state, "image.fits");
    UNIT_PATH(noise_path, state, "noise.fits");
    static forced f;
    static double pull[N_FORCED];
    size_t n_used = 0;
    double mean_err = 0;
    forced_images(state, &f, noise_width);
    forced_positions(&f);
    OK(ci_phot_forced(image_path, noise_path, N_FORCED + 2, f.ra, f.dec, f.flux, f.err));
    assert_true(isnan(f.flux[N_FORCED]) && isnan(f.flux[N_FORCED + 1]));
    assert_true(isnan(f.err[N_FORCED + 1]));
    for (int i = 0; i < N_FORCED; i++) {
        bool is_blank = f.x[i] < N_BLANK - 3 && f.y[i] < N_BLANK - 3;
        if (is_blank) assert_true(isnan(f.flux[i]) || f.x[i] > 92 || f.y[i] > 92);
        if (isnan(f.flux[i])) continue;
        pull[n_used++] = (f.flux[i] - (i < N_TRUE ? f.truth.flux[i] : 0)) / f.err[i];
        mean_err += f.err[i];
    }
    assert_true(n_used > 430);
    phot_check_pull(name, "flux", pull, n_used, 0.15);
    printf("mean error %.3f of the rms\n", mean_err / (double)n_used / SIGMA);
}

static void test_forced_smoothed(void **state)
{
    forced_fluxes(state, "forced, smoothed noise", 1);
}

static void test_forced_natural(void **state)
{
    forced_fluxes(state, "forced, natural noise", 1 / sqrt(2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_points_smoothed),  UNIT_TEST(test_points_natural),
        UNIT_TEST(test_points_elongated), UNIT_TEST(test_resolved_elongated),
        UNIT_TEST(test_resolved),         UNIT_TEST(test_forced_smoothed),
        UNIT_TEST(test_forced_natural),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
