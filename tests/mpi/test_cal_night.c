/* cal on a bad night: fast drifts, a faint model, phases without order, a hole in a bandpass; the
 * same bytes on all ranks together as on one alone. ci-test: timeout=240 */
#include "cal_solve.h"

#include "contimg/qa.h"

/* Strong drift: the interval follows the signal, to one integration. */
static void test_drift(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x;
    ci_cal_options_default(&options);
    s.drift = 0.4;
    s.sigma_jy = 1;
    solve_both(world, &s, &options, NULL, &x);
    if (!x.gain) return;
    error_stats e = compare(&s, &x, -1);
    double least = s.sigma_jy / (s.flux_jy * sqrt(13.0)) * sqrt(1.0 / 48 + 1.0 / 24);
    if (ci_comm_rank(world) == 0)
        printf("drift of 0.4 turns: amplitude error %.5f, phase %.5f (least %.5f)\n",
               e.amplitude_rms, e.phase_rms, least);
    CHECK(x.gain->n_time == 24 && e.phase_rms < 1.3 * least && e.amplitude_rms < 1.3 * least);
    solved_free(&x);
}

/* A faint model: phases of 60 s at most. */
static void test_faint(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x;
    ci_cal_options_default(&options);
    s.sigma_jy = 60;
    s.n_antenna = 30;
    options.min_snr = 1;
    solve_both(world, &s, &options, NULL, &x);
    if (!x.gain) return;
    CHECK(x.gain->n_time < 24 && x.gain->n_time >= 5);
    solved_free(&x);
}

/* Amplitudes of a third of the antennas jump by 30 % in mid tile. */
static void spoil_jump(ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        size_t n = block->n_chan * block->n_pol;
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r];
            double factor = 1;
            if (block->i_time[r] < 13) continue;
            if (meta->baseline_ant1[b] % 3 == 0) factor *= 1.3;
            if (meta->baseline_ant2[b] % 3 == 0) factor *= 1.3;
            for (size_t k = 0; k < n; k++)
                block->data[r * n + k] *= (float)factor;
        }
    }
}

/* A jump within 60 s, where the S/N asks for amplitudes of several integrations: it splits one. */
static void test_jump(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x;
    ci_cal_options_default(&options);
    s.sigma_jy = 12;
    s.n_antenna = 20;
    solve_both(world, &s, &options, spoil_jump, &x);
    if (!x.gain) return;
    CHECK(x.gain->n_time == 24);
    double step = 0;
    for (size_t a = 0; a < s.n_antenna; a += 3)
        for (size_t h = 0; h < 2; h++)
            step += log(cabs(x.gain->gain[ci_cal_index(x.gain, 13, 0, a, h)] /
                             x.gain->gain[ci_cal_index(x.gain, 12, 0, a, h)]));
    step = exp(step / 14);
    if (ci_comm_rank(world) == 0) printf("jump by 1.3: found as %.4f\n", step);
    CHECK(fabs(step / 1.3 - 1) < 0.03);
    solved_free(&x);
}

/* The middle sub-band's phases have no order; antenna 5 has a hole of two channels, antenna 6's
 * phases have no order in the last sub-band. */
static void spoil_order(ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        size_t s = block->part.i_sub_band, n = block->n_chan * block->n_pol;
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
            int32_t a1 = meta->baseline_ant1[b], a2 = meta->baseline_ant2[b];
            bool is_six = s == 2 && (a1 == 6 || a2 == 6);
            for (size_t k = 0; k < n; k++) {
                size_t c = k / block->n_pol;
                ci_c32 *v = &block->data[r * n + k];
                if (s == 1 || is_six)
                    *v *= (ci_c32)cexp(I * CI_TWO_PI * sim_uniform(91 + s, b, t * n + k));
                if (s == 0 && (a1 == 5 || a2 == 5) && (c == 7 || c == 8)) *v *= 1e-3f;
            }
        }
    }
}

static void test_order(ci_comm *world)
{
    cal_sim s = plain;
    solved x;
    s.sigma_jy = 3.3;
    solve_both(world, &s, NULL, spoil_order, &x);
    if (!x.gain) return;
    for (size_t i = 0; i < 48 * 14 * 2; i++) {
        size_t c = i / 28, a = i / 2 % 14;
        bool is_hole = a == 5 && (c == 7 || c == 8), is_six = a == 6 && c >= 32;
        bool is_out = c >= 16 && c < 32;
        CHECK((x.bandpass->flag[i] != 0) == (is_hole || is_six || is_out));
    }
    error_stats e = compare(&s, &x, -1);
    double one = s.sigma_jy / (s.flux_jy * sqrt((double)s.n_time * 12));
    if (ci_comm_rank(world) == 0)
        printf("without order: left out; amplitude error of the rest %.5f (least %.5f)\n",
               e.amplitude_rms, one);
    CHECK(e.amplitude_rms < 1.5 * one);
    solved_free(&x);
}

/* Phases of all antennas have no order: nothing that the model could explain. */
static void spoil_all_phases(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        size_t s = block->part.i_sub_band, n = block->n_chan * block->n_pol;
        for (size_t r = 0; r < block->n_row; r++) {
            size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
            for (size_t k = 0; k < n; k++)
                block->data[r * n + k] *=
                    (ci_c32)cexp(I * CI_TWO_PI * sim_uniform(17 + s, b, t * n + k));
        }
    }
}

/* All antennas bad: no tables, or tables that the gates refuse. */
static void test_all_bad(ci_comm *world)
{
    cal_sim s = plain;
    ci_cal_options options;
    solved x = {0};
    ci_qa_limits limits;
    ci_cal_options_default(&options);
    ci_qa_limits_default(&limits);
    ci_vis_set *set = sim_set(world, &s);
    spoil_all_phases(set);
    ci_status status = ci_cal_solve(world, set, (ci_cal_model){sim_predict, &s}, &options,
                                    &x.bandpass, &x.gain, &x.quality);
    if (status == CI_OK) status = ci_qa_table_judge(x.bandpass, &limits, "bandpass");
    if (status == CI_OK) status = ci_qa_table_judge(x.gain, &limits, "gains");
    CHECK(status == CI_ERR_GATE);
    if (ci_comm_rank(world) == 0) printf("all bad: %s\n", ci_error_text());
    ci_vis_set_free(set);
    solved_free(&x);
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_ERROR);
    size_t before = ci_mem_now();
    test_drift(world);
    test_faint(world);
    test_jump(world);
    test_order(world);
    test_all_bad(world);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}
