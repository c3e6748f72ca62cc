/* cal on a field's own sources: corrections of gains that have drifted, and when there are none;
 * fluxes that are not the model's. Truth: the corrections that the data were made with. The same
 * bytes on all ranks together as on one alone. ci-test: timeout=240 */
#include "cal_solve.h"

#include "contimg/num.h"

/* What the data need: an antenna that jumped (-1: none), sizes of phase and amplitude, and the
 * second source's flux over the model's; samples of antenna 3 in the second half are flagged where
 * asked. */
typedef struct field_sim
{
    cal_sim s;
    double phase_rad, amplitude, second;
    int jumped;
    bool has_gap;
    bool is_silent[16]; /* antennas that give their noise alone */
} field_sim;

static ci_c64 true_correction(const field_sim *f, size_t a, size_t h, double part)
{
    double slow = 0.1 * (2 * sim_uniform(32, a, h) - 1) * (part - 0.5);
    double phase = f->phase_rad * (2 * sim_uniform(31, a, h) - 1 + slow);
    double log_amplitude = f->amplitude * (2 * sim_uniform(33, a, h) - 1);
    return exp(log_amplitude + ((int)a == f->jumped ? log(1.5) : 0)) * cexp(I * phase);
}

/* One of the two sources of cal_sim's model. */
typedef struct one_source
{
    const field_sim *f;
    int which;
} one_source;

static ci_status one_predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    const one_source *one = context;
    CHECK_OK(sim_predict((void *)&one->f->s, block, out));
    for (size_t i = 0; i < block->n_row * block->n_chan; i++) {
        ci_c32 first = (ci_c32)one->f->s.flux_jy;
        out[i] = one->which == 0 ? first : out[i] - first;
    }
    return CI_OK;
}

static void block_fill(const field_sim *f, ci_vis_block *block)
{
    const cal_sim *s = &f->s;
    for (size_t r = 0; r < block->n_row; r++) {
        size_t b = (size_t)block->i_baseline[r], t = (size_t)block->i_time[r];
        size_t a1 = (size_t)block->meta->baseline_ant1[b];
        size_t a2 = (size_t)block->meta->baseline_ant2[b];
        double part = ((double)t + 0.5) / (double)s->n_time;
        bool is_gap = f->has_gap && part > 0.5 && (a1 == 3 || a2 == 3);
        for (size_t i = 0; i < s->n_chan * s->n_pol; i++) {
            size_t c = i / s->n_pol, h = i % s->n_pol, at = r * s->n_chan * s->n_pol + i;
            ci_c64 model = sim_model(s, b, block->freq_hz[c]);
            uint64_t cell = (((block->part.i_sub_band * s->n_chan + c) * s->n_time + t) * 4) + h;
            ci_c64 sky = s->flux_jy + f->second * (model - s->flux_jy);
            if (f->is_silent[a1] || f->is_silent[a2]) sky = 0;
            block->data[at] = (ci_c32)(true_correction(f, a1, h, part) *
                                           conj(true_correction(f, a2, h, part)) * sky +
                                       s->sigma_jy * sim_normal(41, b, cell));
            block->flags[at] = is_gap ? CI_VIS_FLAG_RFI : 0;
        }
    }
}

static ci_vis_set *field_set(ci_comm *comm, const field_sim *f)
{
    ci_vis_set *set = sim_set(comm, &f->s);
    for (size_t i = 0; i < set->n_block; i++)
        block_fill(f, set->block[i]);
    return set;
}

static field_sim drifted(void)
{
    field_sim f = {.s = plain, .phase_rad = 0.4, .amplitude = 0.08, .second = 1, .jumped = -1};
    f.s.offset_source = true;
    f.s.sigma_jy = 10;
    return f;
}

/* NaN, too. */
static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* With all ranks, and alone: every byte must agree. The table is the caller's. */
static ci_cal_corrections solve_field(ci_comm *world, const field_sim *f, bool with_amplitude)
{
    ci_comm *self = NULL;
    ci_cal_options options;
    ci_cal_corrections both[2];
    ci_cal_field field = {.model = {sim_predict, (void *)&f->s},
                          .east = {0, 1, 0},
                          .north = {0, 0, 1},
                          .with_amplitude = with_amplitude};
    ci_cal_options_default(&options);
    CHECK_OK(ci_comm_self(&self));
    for (int i = 0; i < 2; i++) {
        ci_comm *comm = i == 0 ? world : self;
        ci_vis_set *set = field_set(comm, f);
        CHECK_OK(ci_cal_field_solve(comm, set, &field, &options, &both[i]));
        ci_vis_set_free(set);
    }
    CHECK(both[0].snr == both[1].snr && both[0].chi2 == both[1].chi2);
    CHECK(both[0].n_silent == both[1].n_silent && both[0].silent_loss == both[1].silent_loss);
    CHECK(same_number(both[0].loss, both[1].loss));
    CHECK(same_number(both[0].loss_sigma, both[1].loss_sigma));
    CHECK((both[0].table != NULL) == (both[1].table != NULL));
    if (both[0].table && both[1].table) CHECK(same_table(both[0].table, both[1].table));
    ci_cal_table_free(both[1].table);
    ci_comm_free(self);
    return both[0];
}

/* rms of log amplitude and phase of a table against the truth, which has the same mean, but for one
 * antenna; *mean: of the table's log amplitudes. */
static void errors_of(const field_sim *f, const ci_cal_table *table, int skip, double rms[2],
                      double *mean)
{
    size_t n_antenna = f->s.n_antenna, n = 0;
    double first = 60700 * CI_DAY_S - 0.5 * f->s.interval_s;
    double span = (double)f->s.n_time * f->s.interval_s;
    rms[0] = rms[1] = *mean = 0;
    for (size_t t = 0; t < table->n_time; t++) {
        ci_c64 turn[2] = {0, 0};
        double log_mean = 0, part = (table->time_mjd_s[t] - first) / span;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < 2 * n_antenna; k++) {
                size_t a = k / 2, h = k % 2;
                ci_c64 g = table->gain[ci_cal_index(table, t, 0, a, h)];
                ci_c64 ratio = g / true_correction(f, a, h, part);
                if (pass == 0) *mean += log(cabs(g)) / (double)(2 * n_antenna * table->n_time);
                if ((int)a == skip) continue;
                if (pass == 0) {
                    turn[h] += ratio / cabs(ratio);
                    log_mean += log(cabs(ratio)) / (double)(2 * (n_antenna - (skip >= 0)));
                    continue;
                }
                double la = log(cabs(ratio)) - log_mean, ph = carg(ratio * conj(turn[h]));
                rms[0] += la * la;
                rms[1] += ph * ph;
                n++;
            }
    }
    rms[0] = sqrt(rms[0] / (double)n);
    rms[1] = sqrt(rms[1] / (double)n);
}

/* Error of one real number of a receptor that `n_time` integrations give. */
static double least_error(const field_sim *f, double n_time)
{
    double flux = f->s.flux_jy * sqrt(1 + 0.3 * 0.3);
    return f->s.sigma_jy /
           (flux * sqrt((double)((f->s.n_antenna - 1) * f->s.n_sub_band * f->s.n_chan) * n_time));
}

static void test_drifted(ci_comm *world)
{
    field_sim f = drifted();
    double rms[2], mean, n_time = (double)f.s.n_time;
    ci_cal_corrections x = solve_field(world, &f, true);
    CHECK(x.table && x.has_phase && x.has_amplitude);
    if (!x.table) return;
    errors_of(&f, x.table, -1, rms, &mean);
    double least[2] = {least_error(&f, n_time), least_error(&f, n_time / (double)x.table->n_time)};
    if (ci_comm_rank(world) == 0)
        printf("drifted: S/N %.0f (%.0f), %zu intervals, errors %.4f %.4f (least %.4f %.4f), mean "
               "amplitude %.1e, shift %.2f arcsec\n",
               x.snr, 1 / least[0], x.table->n_time, rms[0], rms[1], least[0], least[1], mean,
               x.shift_rad * CI_RAD_TO_ARCSEC);
    CHECK(fabs(x.snr * least[0] - 1) < 0.1);
    CHECK(rms[0] < 1.3 * least[0] && rms[1] < 1.3 * least[1] + 0.005);
    CHECK(fabs(mean) < 1e-12);
    CHECK(fabs(x.chi2 / (f.s.sigma_jy * f.s.sigma_jy) - 1) < 0.02);
    ci_cal_table_free(x.table);
}

/* 1 - |mean over pairs of receptors of exp(i (phase - phase'))|, of the corrections in mid time. */
static double true_loss(const field_sim *f)
{
    double sum = 0;
    size_t n = f->s.n_antenna;
    for (size_t h = 0; h < 2; h++) {
        ci_c64 all = 0;
        for (size_t a = 0; a < n; a++) {
            ci_c64 g = true_correction(f, a, h, 0.5);
            all += g / cabs(g);
        }
        sum += (creal(all * conj(all)) - (double)n) / (double)(n * (n - 1));
    }
    return 1 - 0.5 * sum;
}

/* What the phases cost, also where they are too faint to be corrected, or none; without noise in
 * it.
 */
static void test_loss(ci_comm *world)
{
    static const double sigma_jy[] = {10, 90, 10}, phase_rad[] = {0.4, 0.4, 0};
    for (int i = 0; i < 3; i++) {
        field_sim f = drifted();
        f.s.sigma_jy = sigma_jy[i];
        f.phase_rad = phase_rad[i];
        ci_cal_corrections x = solve_field(world, &f, false);
        double truth = true_loss(&f);
        if (ci_comm_rank(world) == 0)
            printf("loss of coherence %.4f +- %.4f, truth %.4f; S/N %.0f\n", x.loss, x.loss_sigma,
                   truth, x.snr);
        CHECK(fabs(x.loss - truth) < 3 * x.loss_sigma + 0.03 * truth + 1e-4);
        CHECK(x.loss_sigma < 0.02 && x.loss_sigma > 0);
        CHECK(i != 1 || (x.snr < CI_CAL_FIELD_SNR && !x.table));
        ci_cal_table_free(x.table);
    }
}

static void test_phases_alone(ci_comm *world)
{
    field_sim f = drifted();
    ci_cal_corrections x = solve_field(world, &f, false);
    CHECK(x.table && x.has_phase && !x.has_amplitude);
    for (size_t i = 0; x.table && i < x.table->n_time * f.s.n_antenna * 2; i++)
        CHECK(fabs(cabs(x.table->gain[i]) - 1) < 1e-12);
    ci_cal_table_free(x.table);
}

/* What is right already, and what is too faint, stays. */
static void test_nothing_to_gain(ci_comm *world)
{
    field_sim f = drifted();
    f.phase_rad = f.amplitude = 0;
    ci_cal_corrections x = solve_field(world, &f, true);
    CHECK(!x.table && !x.has_phase && !x.has_amplitude && x.snr > 100);
    ci_cal_table_free(x.table);
    f = drifted();
    f.s.sigma_jy = 200;
    x = solve_field(world, &f, true);
    CHECK(!x.table && x.snr < CI_CAL_FIELD_SNR);
    ci_cal_table_free(x.table);
}

/* An antenna that changed by 1.5 moves the others, and the flux scale, by nothing; one without data
 * in the second half keeps what it had. */
static void test_one_antenna(ci_comm *world)
{
    field_sim f = drifted();
    double rms[2], mean;
    f.jumped = 5;
    f.has_gap = true;
    ci_cal_corrections x = solve_field(world, &f, true);
    CHECK(x.table && x.has_amplitude);
    if (!x.table) return;
    double sum = 0, truth = 0;
    for (size_t k = 0; k < 2 * f.s.n_antenna; k++) {
        size_t a = k / 2, h = k % 2, last = x.table->n_time - 1;
        ci_c64 g = x.table->gain[ci_cal_index(x.table, last, 0, a, h)];
        CHECK(x.table->flag[ci_cal_index(x.table, last, 0, a, h)] == 0);
        if (a == 3) CHECK(fabs(log(cabs(g / true_correction(&f, a, h, 0)))) < 0.05);
        if ((int)a == f.jumped) continue;
        sum += log(cabs(g));
        truth += log(cabs(true_correction(&f, a, h, 0)));
    }
    errors_of(&f, x.table, f.jumped, rms, &mean);
    if (ci_comm_rank(world) == 0)
        printf("one antenna x 1.5: mean of the others %.5f, of all %.5f\n",
               sum / (double)(2 * f.s.n_antenna - 2), mean);
    CHECK(fabs(sum) < 1e-10);
    CHECK(rms[0] < 2 * least_error(&f, (double)f.s.n_time));
    ci_cal_table_free(x.table);
}

/* Antennas by their distance from the middle of the array, as the field sees it. */
static void by_distance(ci_comm *world, const field_sim *f, size_t *order)
{
    ci_vis_set *set = field_set(world, f);
    size_t n = f->s.n_antenna;
    double at[2][16], sorted[16], distance[16];
    for (size_t k = 0; k < 2; k++) {
        for (size_t a = 0; a < n; a++)
            at[k][a] = sorted[a] = set->meta->array.antenna[a].pos_ecef_m[1 + k];
        double middle = ci_num_median(sorted, n);
        for (size_t a = 0; a < n; a++)
            at[k][a] -= middle;
    }
    for (size_t a = 0; a < n; a++) {
        distance[a] = hypot(at[0][a], at[1][a]);
        size_t i = a;
        for (; i > 0 && distance[order[i - 1]] > distance[a]; i--)
            order[i] = order[i - 1];
        order[i] = a;
    }
    ci_vis_set_free(set);
}

/* Two that are silent are flagged, and the others' corrections are as right as without them; the
 * outermost, or half of all, might be the model's fault: they count as lost. */
static void test_silent(ci_comm *world)
{
    field_sim f = drifted();
    size_t order[16], n = f.s.n_antenna;
    by_distance(world, &f, order);
    f.is_silent[order[2]] = f.is_silent[order[5]] = true;
    for (int i = 0; i < 3; i++) {
        f.s.sigma_jy = i == 0 ? 2 : i == 1 ? 10 : 40;
        ci_cal_corrections x = solve_field(world, &f, true);
        CHECK(x.table && x.n_silent == 4);
        CHECK(fabs(x.silent_loss - (1 - pow(1 - 2.0 / (double)n, 2))) < 1e-12);
        for (size_t k = 0; x.table && k < x.table->n_time * n * 2; k++)
            CHECK((x.table->flag[k] != 0) == f.is_silent[k / 2 % n]);
        /* where noise is less, the drift within intervals shows */
        CHECK(i == 0 || fabs(x.chi2 / (f.s.sigma_jy * f.s.sigma_jy) - 1) < 0.03);
        ci_cal_table_free(x.table);
    }
    for (int i = 0; i < 2; i++) {
        f = drifted();
        for (size_t k = 0; k < n / 3; k++)
            f.is_silent[order[k]] = i == 1;
        f.is_silent[order[n - 1]] = true;
        ci_cal_corrections x = solve_field(world, &f, true);
        CHECK(x.n_silent == 0 && x.silent_loss > (i == 0 ? 0.1 : 0.5));
        ci_cal_table_free(x.table);
    }
}

/* Good ones never are, however faint or bright the field. */
static void test_none_silent(ci_comm *world)
{
    static const double sigma_jy[] = {1, 200, 400, 500, 600, 1000};
    for (size_t i = 0; i < sizeof sigma_jy / sizeof *sigma_jy; i++) {
        field_sim f = drifted();
        f.s.sigma_jy = sigma_jy[i];
        ci_cal_corrections x = solve_field(world, &f, true);
        CHECK(x.n_silent == 0 && x.silent_loss == 0);
        if (ci_comm_rank(world) == 0) printf("none silent: S/N %.1f\n", x.snr);
        ci_cal_table_free(x.table);
    }
}

static void test_fluxes(ci_comm *world)
{
    field_sim f = drifted();
    f.second = 1.2;
    ci_comm *self = NULL;
    ci_cal_corrections x = solve_field(world, &f, true);
    one_source one[2] = {{&f, 0}, {&f, 1}};
    const ci_cal_model source[2] = {{one_predict, &one[0]}, {one_predict, &one[1]}};
    double scale[2][2], sigma[2][2];
    CHECK_OK(ci_comm_self(&self));
    for (int i = 0; i < 2; i++) {
        ci_comm *comm = i == 0 ? world : self;
        ci_vis_set *set = field_set(comm, &f);
        CHECK_OK(ci_cal_source_scales(comm, set, x.table, (ci_cal_model){sim_predict, &f.s}, source,
                                      2, scale[i], sigma[i]));
        ci_vis_set_free(set);
    }
    CHECK(memcmp(scale[0], scale[1], sizeof scale[0]) == 0);
    double noise = f.s.sigma_jy * sigma[0][1];
    if (ci_comm_rank(world) == 0)
        printf("second source: %.4f +- %.4f, the first %.4f\n", scale[0][1], noise, scale[0][0]);
    /* the solve on the wrong flux has taken a little of it */
    CHECK(fabs(scale[0][1] - 1.2) < 5 * noise + 0.02 && noise < 0.02);
    CHECK(fabs(scale[0][0] - 1) < 0.01);
    ci_cal_table_free(x.table);
    ci_comm_free(self);
}

int main(void)
{
    ci_comm *world = NULL;
    if (ci_par_start(&world) != CI_OK) return 1;
    ci_log_set_level(CI_LOG_ERROR);
    size_t before = ci_mem_now();
    test_drifted(world);
    test_loss(world);
    test_phases_alone(world);
    test_nothing_to_gain(world);
    test_one_antenna(world);
    test_silent(world);
    test_none_silent(world);
    test_fluxes(world);
    CHECK(ci_mem_now() == before);
    return check_end(world);
}
