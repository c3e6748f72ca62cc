/* cal on real data: the Sun as AAVS2 saw it, 256 stations, one time, one channel, raw. Dead
 * receptors and residuals as real_sky/README.md gives them, the same bytes at any rank count.
 * Skipped without sample data.
 * ci-test: timeout=240 */
#include "check.h"

#include "contimg/qa.h"
#include "contimg/flag.h"
#include "contimg/sky.h"
#include "contimg/uvh5.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct model
{
    ci_sky_eop *eop;
    ci_sky_model *sun;
    ci_sky_pointing pointing;
    ci_isa isa;
} model;

static ci_status predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    model *m = context;
    return ci_sky_predict(&(ci_sky_scene){m->eop, m->sun, NULL, &m->pointing, m->isa, NULL}, block,
                          out);
}

/* A data set read, flagged, moved to its own centre, weights 1 (one number has no noise). */
static ci_vis_set *prepare(ci_comm *comm, const char *path, model *m, ci_flag_report **report)
{
    ci_uvh5_options options = {0};
    ci_flag_options flags;
    ci_uvh5_set *files = NULL;
    ci_vis_set *set = NULL;
    ci_cal_noise noise = {0};
    ci_flag_options_default(&flags);
    CHECK_OK(ci_uvh5_set_open(comm, &files, &path, 1, &options));
    if (!files) return NULL;
    CHECK_OK(ci_uvh5_set_read(comm, files, &set));
    ci_uvh5_set_free(files);
    if (!set) return NULL;
    CHECK_OK(ci_flag_run(comm, set, &flags, report));
    for (size_t i = 0; i < set->n_block; i++) {
        CHECK_OK(ci_cal_weights(set->block[i], CI_CAL_WEIGHTS_SIGMA, 0, ci_isa_widest(), &noise));
        CHECK(!noise.is_known);
    }
    ci_sky_source sun = {.name = "Sun", .flux_jy = 1, .ref_freq_hz = 159.375e6};
    CHECK_OK(ci_sky_pointing_from(set->meta, &m->pointing));
    CHECK_OK(ci_sky_centre_default(m->eop, set->meta, &sun.ra_rad, &sun.dec_rad));
    CHECK_OK(ci_sky_set_rephase(m->eop, set, sun.ra_rad, sun.dec_rad, ci_isa_widest()));
    CHECK_OK(ci_sky_model_new(&m->sun));
    CHECK_OK(ci_sky_model_append(m->sun, &sun));
    return set;
}

/* The natural dirty image of the calibrated Sun at its own place: 1 Jy within 5 %. */
static void check_applied(ci_comm *world, ci_vis_set *set, const ci_cal_table *bandpass,
                          const ci_cal_table *gain)
{
    double here[4] = {0}, peak[2], *all;
    void *whole = NULL;
    size_t n_byte = 0;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        CHECK_OK(ci_cal_apply(bandpass, block));
        CHECK_OK(ci_cal_apply(gain, block));
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r];
            if (set->meta->baseline_ant1[b] == set->meta->baseline_ant2[b]) continue;
            for (size_t p = 0; p < 2; p++) {
                size_t k = ci_vis_sample(block, r, 0, p);
                if (block->flags[k]) continue;
                here[2 * p] += (double)(crealf(block->data[k]) * block->weight[k]);
                here[2 * p + 1] += (double)block->weight[k];
            }
        }
    }
    CHECK_OK(ci_par_gather(world, here, sizeof here, -1, &whole, &n_byte));
    all = whole;
    for (int p = 0; p < 2; p++) {
        double sum = 0, weight = 0;
        for (size_t i = 0; i < n_byte / sizeof here; i++) {
            sum += all[4 * i + (size_t)(2 * p)];
            weight += all[4 * i + (size_t)(2 * p + 1)];
        }
        peak[p] = sum / weight;
        CHECK(fabs(peak[p] - 1) < 0.05);
    }
    if (ci_comm_rank(world) == 0) printf("AAVS2: the Sun at %.4f %.4f Jy\n", peak[0], peak[1]);
    ci_mem_free(whole);
}

/* Baselines shorter than a number of wavelengths flagged; the README means their length. */
static void short_flag(ci_vis_set *set, double lambdas)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t r = 0; r < block->n_row; r++) {
            const double *u = block->uvw_m + 3 * r;
            double length = sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
            if (length * block->freq_hz[0] / CI_C_M_S >= lambdas) continue;
            for (size_t p = 0; p < block->n_pol; p++)
                block->flags[ci_vis_sample(block, r, 0, p)] |= CI_VIS_FLAG_USER;
        }
    }
}

/* What to solve on and the residuals to reach; the last by a plain solve in numpy. */
typedef struct task
{
    const char *what;
    double min_uv_lambda, min_length_lambda, residual[2];
} task;

static void solve_and_check(ci_comm *world, ci_comm *self, const char *path, model *m,
                            const task *t)
{
    ci_flag_report *report = NULL, *report1 = NULL;
    ci_cal_table *bandpass = NULL, *gain = NULL, *bandpass1 = NULL, *gain1 = NULL;
    ci_cal_quality quality, quality1;
    ci_cal_options options;
    ci_qa_limits limits;
    model other = {.eop = m->eop};
    ci_vis_set *set = prepare(world, path, m, &report);
    ci_vis_set *whole = prepare(self, path, &other, &report1);
    if (!set || !whole || !report || !report1) return;
    CHECK(report->n_alive[0] == 203 && report->n_alive[1] == 207);
    CHECK(report->n_low[0] == 33 && report->n_low[1] == 35);
    short_flag(set, t->min_length_lambda);
    short_flag(whole, t->min_length_lambda);
    ci_cal_options_default(&options);
    ci_qa_limits_default(&limits);
    options.min_uv_lambda = t->min_uv_lambda;
    double start = ci_clock_monotonic_s();
    CHECK_OK(
        ci_cal_solve(world, set, (ci_cal_model){predict, m}, &options, &bandpass, &gain, &quality));
    double spent = ci_clock_monotonic_s() - start;
    CHECK_OK(ci_cal_solve(self, whole, (ci_cal_model){predict, &other}, &options, &bandpass1,
                          &gain1, &quality1));
    if (!gain || !gain1) return;
    if (ci_comm_rank(world) == 0)
        printf("AAVS2, %s: alive %zu %zu, dead %zu %zu, empty %zu %zu; residuals %.4f %.4f "
               "(expected %.4f %.4f), %d steps, %zu failed, amplitudes %.3f-%.3f, %.3f s\n",
               t->what, report->n_alive[0], report->n_alive[1], report->n_low[0], report->n_low[1],
               report->n_empty[0], report->n_empty[1], quality.residual[0], quality.residual[1],
               t->residual[0], t->residual[1], quality.n_iteration, quality.n_failed,
               quality.min_amplitude, quality.max_amplitude, spent);
    for (int h = 0; h < 2; h++)
        CHECK(fabs(quality.residual[h] - t->residual[h]) <= 0.002);
    CHECK(memcmp(gain->gain, gain1->gain, 512 * sizeof(ci_c64)) == 0);
    CHECK(memcmp(gain->flag, gain1->flag, 512) == 0);
    CHECK(memcmp(quality.residual, quality1.residual, sizeof quality.residual) == 0);
    CHECK(quality.n_receptor[0] == 203 && quality.n_receptor[1] == 207);
    CHECK(quality.n_failed == 0);
    CHECK_OK(ci_qa_table_judge(bandpass, &limits, "bandpass"));
    CHECK_OK(ci_qa_table_judge(gain, &limits, "gain"));
    check_applied(world, set, bandpass, gain);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
    ci_cal_table_free(bandpass1);
    ci_cal_table_free(gain1);
    ci_vis_set_free(set);
    ci_vis_set_free(whole);
    ci_flag_report_free(report);
    ci_flag_report_free(report1);
    ci_sky_model_free(m->sun);
    ci_sky_model_free(other.sun);
}

static const task tasks[3] = {{"all", 0, 0, {0.0532, 0.0763}},
                              {"baselines > 5 wavelengths", 0, 5, {0.0287, 0.0437}},
                              {"uv > 5 wavelengths", 5, 0, {0.0269, 0.0403}}};

int main(void)
{
    ci_comm *world = NULL, *self = NULL;
    model m = {0};
    char path[1024];
    const char *data = getenv("CONTIMG_TEST_DATA"), *source = getenv("CONTIMG_SOURCE");
    snprintf(path, sizeof path, "%s%s/real_sky/aavs2_sun.uvh5",
             data     ? data
             : source ? source
                      : ".",
             data ? "" : "/../shared/data");
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_ERROR);
    if (access(path, R_OK) != 0) {
        if (ci_comm_rank(world) == 0) printf("skipped: needs %s\n", path);
        return ci_par_end(world, CI_OK) == CI_OK ? 77 : 1;
    }
    CHECK_OK(ci_sky_eop_load(&m.eop, NULL));
    CHECK_OK(ci_comm_self(&self));
    m.isa = ci_comm_isa(world);
    for (int i = 0; i < 3 && m.eop; i++)
        solve_and_check(world, self, path, &m, &tasks[i]);
    ci_comm_free(self);
    ci_sky_eop_free(m.eop);
    return check_end(world);
}
