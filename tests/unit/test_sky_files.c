/* Files whose sky is known, read by uvh5 and predicted by sky: the whole chain of signs.
 * ci-test: timeout=300 */
#include "sky_data.h"

#include <complex.h>
#include <stdlib.h>

#include "contimg/uvh5.h"

/* A sample file's path; NULL, after saying so, where there are none. */
static char *sample(const char *name)
{
    const char *folder = getenv("CONTIMG_TEST_DATA"), *source = getenv("CONTIMG_SOURCE");
    char *path = NULL;
    OK(folder ? ci_str_format(&path, "%s/%s", folder, name)
              : ci_str_format(&path, "%s/../shared/data/%s", source ? source : ".", name));
    if (ci_path_exists(path)) return path;
    print_message("skipped: no %s (set CONTIMG_TEST_DATA)\n", path);
    ci_mem_free(path);
    return NULL;
}

static ci_vis_set *read_set(const char *const *paths, size_t n)
{
    ci_comm *self = NULL;
    ci_uvh5_set *files = NULL;
    ci_vis_set *set = NULL;
    ci_uvh5_options options = {0};
    OK(ci_comm_self(&self));
    OK(ci_uvh5_set_open(self, &files, paths, n, &options));
    OK(ci_uvh5_set_read(self, files, &set));
    ci_uvh5_set_free(files);
    ci_comm_free(self);
    return set;
}

static ci_sky_model *truth_of(const char *path, double *dec_rad)
{
    ci_json *truth = NULL;
    ci_sky_model *model = NULL;
    OK(ci_json_read_file(&truth, path));
    OK(ci_sky_model_new(&model));
    *dec_rad = ci_json_get_number(truth, "pt_dec_rad", NAN);
    const ci_json *list = ci_json_get(truth, "sources");
    for (size_t i = 0; i < ci_json_length(list); i++) {
        const ci_json *s = ci_json_at(list, i);
        ci_sky_source source = {.ra_rad = ci_json_get_number(s, "ra_icrs_deg", NAN) * CI_DEG_TO_RAD,
                                .dec_rad =
                                    ci_json_get_number(s, "dec_icrs_deg", NAN) * CI_DEG_TO_RAD,
                                .flux_jy = ci_json_get_number(s, "flux_jy", NAN),
                                .ref_freq_hz = 1.4e9};
        OK(ci_sky_model_append(model, &source));
    }
    ci_json_free(truth);
    return model;
}

/* Largest difference between data and prediction, over the largest datum. */
static double worst_of(const ci_sky_eop *eop, const ci_vis_set *set, const ci_sky_model *model)
{
    double worst = 0, peak = 0;
    for (size_t k = 0; k < set->n_block; k++) {
        const ci_vis_block *block = set->block[k];
        size_t size = block->n_row * block->n_chan;
        ci_c32 *v = sky_data_alloc(size, sizeof *v);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, v));
        for (size_t i = 0; i < size * block->n_pol; i++) {
            worst = fmax(worst, cabsf(block->data[i] - v[i / block->n_pol]));
            peak = fmax(peak, cabsf(block->data[i]));
        }
        ci_mem_free(v);
    }
    return worst / peak;
}

/* DSA-110's layout: reproduced from its header and truth, on the meridian as it stands and
 * after the move to its default centre; read as unprojected it is not. */
static void dsa_like(void **state)
{
    (void)state;
    char *path[3] = {sample("synthetic/dsa110_like/2022-02-15T03:34:30_sb00.hdf5"),
                     sample("synthetic/dsa110_like/2022-02-15T03:34:30_sb01.hdf5"),
                     sample("synthetic/dsa110_like/truth.json")};
    if (!path[0] || !path[1] || !path[2]) skip();
    double dec, ra_centre, dec_centre;
    ci_sky_model *model = truth_of(path[2], &dec);
    ci_vis_set *set = read_set((const char *const *)path, 2);
    ci_sky_eop *eop = sky_data_eop();
    assert_int_equal(set->meta->phase->kind, CI_VIS_PHASING_MERIDIAN);
    assert_true(set->meta->phase->dec_rad == dec);
    double as_read = worst_of(eop, set, model);
    set->meta->phase->kind = CI_VIS_PHASING_UNPROJECTED;
    double unprojected = worst_of(eop, set, model);
    set->meta->phase->kind = CI_VIS_PHASING_MERIDIAN;
    OK(ci_sky_centre_default(eop, set->meta, &ra_centre, &dec_centre));
    OK(ci_sky_set_rephase(eop, set, ra_centre, dec_centre, ci_isa_widest()));
    double moved = worst_of(eop, set, model);
    print_message("dsa110_like: %.2e as read, %.2e moved to one centre, %.2f as unprojected\n",
                  as_read, moved, unprojected);
    assert_true(as_read < 1e-6 && moved < 1e-6 && unprojected > 0.5); /* what sky.h says */
    ci_vis_set_free(set);
    ci_sky_eop_free(eop);
    ci_sky_model_free(model);
    for (int i = 0; i < 3; i++)
        ci_mem_free(path[i]);
}

/* Phase of the one source in pyuvsim's file, baseline of antennas 1 and 3. */
static void single_source(void **state)
{
    (void)state;
    char *path = sample("uvh5_sim/testfile_singlesource.uvh5");
    if (!path) skip();
    ci_vis_set *set = read_set((const char *const *)&path, 1);
    ci_sky_eop *eop = sky_data_eop();
    ci_sky_model *model = NULL;
    OK(ci_sky_model_new(&model));
    ci_sky_source source = {.dec_rad = -30 * CI_DEG_TO_RAD, .flux_jy = 1, .ref_freq_hz = 1e8};
    OK(ci_sky_model_append(model, &source));
    const ci_vis_block *block = set->block[0];
    ci_c32 v[10];
    assert_int_equal(block->n_row, 10);
    OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block, v));
    size_t found = 0;
    for (size_t i = 0; i < 10; i++) {
        size_t b = (size_t)block->i_baseline[i];
        int64_t n1 = set->meta->array.antenna[set->meta->baseline_ant1[b]].number;
        int64_t n2 = set->meta->array.antenna[set->meta->baseline_ant2[b]].number;
        if (n1 != 1 || n2 != 3) continue;
        ci_c32 datum = block->data[ci_vis_sample(block, i, 0, 0)];
        print_message("single source: %.4f deg in the file, %.4f predicted\n",
                      cargf(datum) * CI_RAD_TO_DEG, cargf(v[i]) * CI_RAD_TO_DEG);
        assert_true(fabs(cargf(datum) * CI_RAD_TO_DEG - 110.8315) < 1e-3);
        assert_true(fabs(cargf(v[i]) - cargf(datum)) < 1e-4);
        assert_true(fabs(cabsf(datum) - 0.00190191) < 1e-8);
        found++;
    }
    assert_int_equal(found, 1);
    ci_sky_model_free(model);
    ci_sky_eop_free(eop);
    ci_vis_set_free(set);
    ci_mem_free(path);
}

/* Least squares of two fluxes to one polarisation; rms before and after, weights as read. */
static void fit_two(const ci_vis_block *block, const ci_c32 *const model[2], size_t i_pol,
                    double flux[2], double rms[2])
{
    double a00 = 0, a01 = 0, a11 = 0, b0 = 0, b1 = 0, power = 0, left = 0, n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < block->n_row * block->n_chan; i++) {
            size_t s = i * block->n_pol + i_pol;
            size_t b = (size_t)block->i_baseline[i / block->n_chan];
            if (block->flags[s] || block->meta->baseline_ant1[b] == block->meta->baseline_ant2[b])
                continue;
            double complex v = block->data[s], m0 = model[0][i], m1 = model[1][i];
            double w = ci_vis_weight(block, i / block->n_chan, i % block->n_chan, i_pol);
            if (pass == 1) {
                double complex rest = v - flux[0] * m0 - flux[1] * m1;
                left += w * creal(rest * conj(rest));
                continue;
            }
            a00 += w * creal(m0 * conj(m0));
            a01 += w * creal(m0 * conj(m1));
            a11 += w * creal(m1 * conj(m1));
            b0 += w * creal(v * conj(m0));
            b1 += w * creal(v * conj(m1));
            power += w * creal(v * conj(v));
            n += w;
        }
        double determinant = a00 * a11 - a01 * a01;
        flux[0] = (b0 * a11 - b1 * a01) / determinant;
        flux[1] = (b1 * a00 - b0 * a01) / determinant;
    }
    rms[0] = sqrt(power / n);
    rms[1] = sqrt(left / n);
}

/* Westerbork, two sources: fluxes and what is left as found with other programs; with the
 * sign turned round the second source vanishes. */
static void westerbork(void **state)
{
    (void)state;
    char *path = sample("real_sky/wsrt_3c343.1.uvh5");
    if (!path) skip();
    const double place[2][2] = {{249.6175, 62 + 34 / 60.0 + 44 / 3600.0}, /* 16:38:28.2 */
                                {248 + 38 / 60.0 + 27 / 3600.0, 62.76}};  /* 16:34:33.8 +62:45:36 */
    const double expected[2][2] = {{2.920, 0.827}, {2.919, 0.794}};
    const double expected_rms[2][2] = {{3.041, 0.323}, {3.035, 0.351}};
    ci_vis_set *set = read_set((const char *const *)&path, 1);
    ci_sky_eop *eop = sky_data_eop();
    ci_vis_block *block = set->block[0];
    size_t size = block->n_row * block->n_chan;
    ci_c32 *v[2];
    for (int k = 0; k < 2; k++) {
        ci_sky_model *model = NULL;
        OK(ci_sky_model_new(&model));
        ci_sky_source source = {.ra_rad = place[k][0] * CI_DEG_TO_RAD,
                                .dec_rad = place[k][1] * CI_DEG_TO_RAD,
                                .flux_jy = 1,
                                .ref_freq_hz = 1.2e9};
        OK(ci_sky_model_append(model, &source));
        v[k] = sky_data_alloc(size, sizeof *v[k]);
        OK(ci_sky_predict(&(ci_sky_scene){eop, model, NULL, NULL, CI_ISA_PLAIN, NULL}, block,
                          v[k]));
        ci_sky_model_free(model);
    }
    for (size_t p = 0; p < 2; p++) {
        double flux[2], rms[2], wrong[2], wrong_rms[2];
        fit_two(block, (const ci_c32 *const *)v, p, flux, rms);
        for (size_t i = 0; i < size; i++)
            for (int k = 0; k < 2; k++)
                v[k][i] = conjf(v[k][i]);
        fit_two(block, (const ci_c32 *const *)v, p, wrong, wrong_rms);
        for (size_t i = 0; i < size; i++)
            for (int k = 0; k < 2; k++)
                v[k][i] = conjf(v[k][i]);
        print_message("Westerbork pol %zu: %.3f and %.3f Jy, rms %.3f of %.3f; sign turned: %.3f "
                      "Jy, %.3f\n",
                      p, flux[0], flux[1], rms[1], rms[0], wrong[1], wrong_rms[1]);
        for (int k = 0; k < 2; k++)
            assert_true(fabs(flux[k] - expected[p][k]) < 0.003);
        assert_true(fabs(rms[0] - expected_rms[p][0]) < 0.002);
        assert_true(fabs(rms[1] - expected_rms[p][1]) < 0.003);
        assert_true(fabs(wrong[1]) < 0.1 && wrong_rms[1] > 0.8);
    }
    ci_mem_free(v[0]);
    ci_mem_free(v[1]);
    ci_sky_eop_free(eop);
    ci_vis_set_free(set);
    ci_mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(dsa_like),
        UNIT_TEST(single_source),
        UNIT_TEST(westerbork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
