/* cal: closure phases are those put into the baselines, whatever the gains; their noise is that of
 * the baselines; the same bytes on all ranks together as on one alone. ci-test: timeout=120 */
#include "cal_solve.h"

#include "contimg/num.h"

enum
{
    REF = 3,
    N = 14, /* antennas of `plain`: 13 others, k is the sixth after j */
    APART = 6
};

static const double none_flagged[N] = {0};

/* Phase that a baseline gets, of V_ab. */
static double phase_of(const ci_vis_meta *meta, int32_t a, int32_t b)
{
    for (size_t i = 0; i < meta->n_baseline; i++) {
        if (meta->baseline_ant1[i] == a && meta->baseline_ant2[i] == b)
            return CI_TWO_PI * sim_uniform(77, i, 0);
        if (meta->baseline_ant1[i] == b && meta->baseline_ant2[i] == a)
            return -CI_TWO_PI * sim_uniform(77, i, 0);
    }
    return NAN;
}

/* Phases that do not close; or, of noisy data, none: the gains taken out, and weights by the noise.
 */
static void spoil(const cal_sim *s, ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        for (size_t j = 0; j < block->n_row * block->n_chan * block->n_pol; j++) {
            size_t p = j % block->n_pol, c = j / block->n_pol % block->n_chan;
            size_t r = j / block->n_pol / block->n_chan, i_band = block->part.i_sub_band;
            size_t b = (size_t)block->i_baseline[r];
            size_t a1 = (size_t)meta->baseline_ant1[b], a2 = (size_t)meta->baseline_ant2[b];
            double part = ((double)block->i_time[r] + 0.5) / (double)s->n_time;
            ci_c64 factor = cexp(I * CI_TWO_PI * sim_uniform(77, b, 0));
            if (s->sigma_jy > 0) {
                ci_c64 g1 = sim_gain(s, a1, p, part) * sim_bandpass(s, a1, p, i_band, c);
                ci_c64 g2 = sim_gain(s, a2, p, part) * sim_bandpass(s, a2, p, i_band, c);
                factor = 1 / (g1 * conj(g2));
                block->weight[j] = (float)pow(s->sigma_jy, -2);
            }
            block->data[j] = (ci_c32)(block->data[j] * factor);
        }
    }
}

static bool same_doubles(const double *a, const double *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

/* By all ranks, and by each alone: the same on rank 0, nothing elsewhere. */
static void find_both(ci_comm *world, const cal_sim *s, const double *fraction, int32_t i_ref,
                      ci_cal_closures *out)
{
    ci_comm *self = NULL;
    ci_cal_closures there;
    CHECK_OK(ci_comm_self(&self));
    ci_vis_set *set = sim_set(world, s), *whole = sim_set(self, s);
    spoil(s, set);
    spoil(s, whole);
    bool known = s->sigma_jy > 0;
    CHECK_OK(ci_cal_closures_find(world, set, i_ref, fraction, known, &there));
    CHECK_OK(ci_cal_closures_find(self, whole, i_ref, fraction, known, out));
    if (ci_comm_rank(world) == 0) {
        size_t n = out->n_triangle * out->n_time;
        CHECK(there.n_triangle == out->n_triangle && there.n_time == out->n_time);
        CHECK(n > 0 && same_doubles(there.phase_rad, out->phase_rad, n));
        CHECK(same_doubles(there.sigma_rad, out->sigma_rad, n));
    } else {
        CHECK(there.n_triangle == 0 && !there.phase_rad);
    }
    ci_cal_closures_clear(&there);
    ci_vis_set_free(set);
    ci_vis_set_free(whole);
    ci_comm_free(self);
}

/* One channel: gains are factors, and cancel. */
static void test_phases(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_closures c;
    s.n_chan = 1;
    s.drift = 0.4;
    find_both(world, &s, none_flagged, REF, &c);
    ci_vis_meta *meta = sim_meta(&s);
    CHECK(c.i_ref == REF && c.n_triangle == N - 1 && c.n_time == s.n_time);
    double worst = 0;
    for (size_t i = 0; i < c.n_triangle; i++) {
        int32_t j = c.antenna[i], k = c.antenna[(i + APART) % (N - 1)];
        double want = phase_of(meta, REF, j) + phase_of(meta, j, k) + phase_of(meta, k, REF);
        for (size_t t = 0; t < c.n_time; t++) {
            double off = remainder(c.phase_rad[i * c.n_time + t] - want, CI_TWO_PI);
            worst = fmax(worst, fabs(off));
            CHECK(isnan(c.sigma_rad[i * c.n_time + t]));
        }
    }
    CHECK(worst < 1e-5);
    CHECK(c.time_mjd_s[1] == meta->time_mjd_s[1]);
    ci_cal_closures_clear(&c);
    ci_vis_meta_free(meta);
}

/* Noise of a product of three means of 16 channels, the mean over 3 sub-bands and 2 feeds. */
static void test_noise(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_closures c;
    s.sigma_jy = 6;
    find_both(world, &s, none_flagged, REF, &c);
    double square = 0, want = sqrt(3.0 / 6) * s.sigma_jy / sqrt(16.0) / s.flux_jy;
    size_t n = c.n_triangle * c.n_time;
    for (size_t i = 0; i < n; i++)
        square += c.phase_rad[i] * c.phase_rad[i];
    double rms = sqrt(square / (double)n), sigma = ci_num_median(c.sigma_rad, n);
    if (ci_comm_rank(world) == 0)
        printf("noise %.4f rad, by the weights %.4f, by theory %.4f\n", rms, sigma, want);
    CHECK(fabs(sigma / want - 1) < 0.05);
    CHECK(fabs(rms / want - 1) < 3 / sqrt(2 * (double)n) + 0.05);
    ci_cal_closures_clear(&c);
}

/* Without signal noise is as strong as what is seen, of more than half of the products. */
static void test_nothing(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_closures c;
    s.sigma_jy = 1000;
    s.flux_jy = 1e-3;
    find_both(world, &s, none_flagged, REF, &c);
    CHECK(isinf(ci_num_median(c.sigma_rad, c.n_triangle * c.n_time)));
    ci_cal_closures_clear(&c);
}

/* Antennas without data are in no triangle, and no reference. */
static void test_missing(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_closures c;
    double fraction[N] = {0.2, 0.1};
    for (int a = 4; a < N; a++)
        fraction[a] = a % 2 ? NAN : 1;
    fraction[REF] = NAN;
    find_both(world, &s, fraction, REF, &c);
    CHECK(c.i_ref == 2 && c.n_triangle == 1 && c.antenna[0] == 0);
    ci_cal_closures_clear(&c);
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_ERROR);
    size_t before = ci_mem_now();
    test_phases(world);
    test_noise(world);
    test_nothing(world);
    test_missing(world);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}
