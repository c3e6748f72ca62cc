/* Gains of every integration: a second pass over the data sums each baseline over channels with the
 * bandpass known, so that the interval may be as short as the signal allows. */
#include "cal/sums.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* S/N of a receptor that a solution interval is to have: of a phase (3 degrees), of an amplitude
 * (1 %). */
static const double phase_snr = 20, amplitude_snr = 100;
static const double longest_s = 60;
static const double step_sigma = 6; /* a step in amplitude that splits an interval */

/* Sums of one row over the channels of its sub-band: w V conj(b1 conj(b2) M), w |b1 b2 M|^2,
 * w |V|^2. gain [3][n_chan][n_pol] of ci_cal_gain_spread, scratch [n_chan][n_pol]. */
static void row_sum(ci_cal_problem *p, const ci_cal_sums *s, const ci_vis_block *block,
                    size_t i_row, const float *gain, float *scratch)
{
    size_t b = (size_t)block->i_baseline[i_row], t = (size_t)block->i_time[i_row], first, end;
    double sum[4][CI_CAL_FINE];
    int64_t n[4];
    ci_cal_chan_limits(p->options, block, i_row, &first, &end);
    ci_cal_row row = ci_cal_row_of(block, i_row, p->model, first, end, scratch);
    ci_cal_row_sum(ci_comm_isa(p->comm), &row, gain + first * block->n_pol,
                   block->n_chan * block->n_pol, sum, n);
    for (size_t h = 0; h < p->n_feed; h++) {
        size_t at = ((b - block->part.i_baseline_first) * p->n_feed + h) * p->meta->n_time + t;
        for (size_t k = 0; k < CI_CAL_FINE; k++)
            s->fine[CI_CAL_FINE * at + k] += sum[p->i_pol[h]][k];
        p->good_time[h * p->meta->n_time + t] += n[p->i_pol[h]];
    }
}

/* Bandpass of one baseline in both feeds, with what channels lose; 0 in polarisations that are not
 * solved for. */
static void baseline_gains(const ci_cal_problem *p, const ci_cal_bandpass_parts *parts,
                           size_t i_part, size_t b, size_t n_pol, float *gain)
{
    size_t n_chan = p->part[i_part].n_chan;
    size_t ant1 = (size_t)p->meta->baseline_ant1[b], ant2 = (size_t)p->meta->baseline_ant2[b];
    for (size_t h = 0; h < p->n_feed; h++) {
        ci_cal_gain_spread(ci_cal_bandpass_of(parts, i_part, n_chan, h, ant1),
                           ci_cal_bandpass_of(parts, i_part, n_chan, h, ant2), n_chan, n_pol,
                           p->i_pol[h], gain);
        float loss = (float)ci_cal_loss(p, p->part[i_part].part.i_sub_band, h, ant1, ant2);
        for (size_t i = p->i_pol[h]; p->delay_s && i < 2 * n_chan * n_pol; i += n_pol)
            gain[i] *= loss; /* real and imaginary parts */
    }
}

static ci_status part_sum(ci_cal_problem *p, const ci_cal_bandpass_parts *parts, size_t i_part,
                          const ci_vis_block *block)
{
    ci_cal_sums *s = &p->part[i_part];
    float *gain = NULL;
    CI_TRY(ci_mem_alloc(&s->fine,
                        block->part.n_baseline * p->n_feed * p->meta->n_time * CI_CAL_FINE,
                        sizeof(double), "sums of integrations"));
    CI_TRY(ci_mem_alloc(&gain, 4 * block->n_chan * block->n_pol, sizeof *gain,
                        "bandpass of a baseline"));
    for (size_t first = 0, end; first < block->n_row; first = end) {
        size_t b = (size_t)block->i_baseline[first];
        end = ci_vis_baseline_end(block, first);
        if (ci_vis_baseline_is_auto(p->meta, b)) continue;
        baseline_gains(p, parts, i_part, b, block->n_pol, gain);
        for (size_t r = first; r < end; r++)
            row_sum(p, s, block, r, gain, gain + 3 * block->n_chan * block->n_pol);
    }
    ci_mem_free(gain);
    return CI_OK;
}

/* The usual step from one integration to the next, which may be longer than an integration. */
static double usual_step(const ci_vis_meta *meta)
{
    double least = INFINITY;
    for (size_t t = 1; t < meta->n_time; t++)
        least = fmin(least, meta->time_mjd_s[t] - meta->time_mjd_s[t - 1]);
    return isfinite(least) ? fmax(least, meta->interval_s) : meta->interval_s;
}

/* Whether integrations are missing before this one. */
static bool is_after_gap(const ci_vis_meta *meta, size_t i_time, double step_s)
{
    return meta->time_mjd_s[i_time] - meta->time_mjd_s[i_time - 1] > 1.5 * step_s;
}

/* Numbers the intervals: `length` integrations, fewer before a gap. Returns how many. */
static size_t intervals_number(const ci_cal_problem *p, size_t length)
{
    const ci_vis_meta *meta = p->meta;
    size_t n = 0, n_in = 0;
    double step_s = usual_step(meta);
    for (size_t t = 0; t < meta->n_time; t++, n_in++) {
        if (t == 0 || n_in == length || is_after_gap(meta, t, step_s)) {
            n++;
            n_in = 0;
        }
        p->i_interval[t] = n - 1;
    }
    return n;
}

/* Mean times and good samples of the intervals. */
static void intervals_fill(ci_cal_problem *p)
{
    const ci_vis_meta *meta = p->meta;
    for (size_t t = 0, end; t < meta->n_time; t = end) {
        size_t i = p->i_interval[t];
        double sum = 0;
        for (end = t; end < meta->n_time && p->i_interval[end] == i; end++) {
            sum += meta->time_mjd_s[end] - meta->time_mjd_s[0];
            for (size_t h = 0; h < p->n_feed; h++)
                p->fine_good[h * p->n_interval + i] += p->good_time[h * meta->n_time + end];
        }
        p->interval_mjd_s[i] = meta->time_mjd_s[0] + sum / (double)(end - t);
    }
}

ci_status ci_cal_fine_intervals(ci_cal_problem *p, size_t length)
{
    static const char what[] = "gains of integrations";
    size_t n_interval = intervals_number(p, length);
    size_t n = p->n_feed * n_interval * p->n_antenna;
    ci_mem_free(p->gain);
    ci_mem_free(p->gain_flag);
    ci_mem_free(p->gain_snr);
    ci_mem_free(p->fine_good);
    p->gain = NULL;
    p->gain_flag = NULL;
    p->gain_snr = NULL;
    p->fine_good = NULL;
    CI_TRY(ci_mem_alloc(&p->gain, n, sizeof(ci_c64), what));
    CI_TRY(ci_mem_alloc(&p->gain_flag, n, 1, what));
    CI_TRY(ci_mem_alloc(&p->gain_snr, n, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&p->fine_good, p->n_feed * n_interval, sizeof(int64_t), what));
    p->good_interval = p->fine_good;
    p->n_interval = n_interval;
    p->interval_s = (double)length * p->meta->interval_s;
    intervals_fill(p);
    return CI_OK;
}

/* Median S/N of the receptors' solutions; 0 where fewer than half have one. */
static double snr_measure(const ci_cal_problem *p, float *scratch)
{
    size_t n = 0, n_all = 0;
    for (size_t h = 0; h < p->n_feed; h++) {
        for (size_t i = 0; i < p->n_interval * p->n_antenna; i++) {
            size_t k = h * p->n_interval * p->n_antenna + i;
            if (p->good_antenna[h * p->n_antenna + i % p->n_antenna] == 0) continue;
            n_all++;
            if (p->gain_flag[k] == 0) scratch[n++] = p->gain_snr[k];
        }
    }
    return 2 * n >= n_all ? (double)ci_num_median_float(scratch, n) : 0;
}

/* Integrations of an interval that has the S/N asked for; no longer than the longest. */
static size_t length_for(const ci_cal_problem *p, double wanted, double snr_of_one)
{
    double most = floor(longest_s / p->meta->interval_s + 0.5);
    double need = snr_of_one > 0 ? ceil(pow(wanted / snr_of_one, 2)) : most;
    return (size_t)fmax(1, fmin(need, most));
}

/* Where the solutions [first, end) of one receptor step in amplitude, the split that fits best;
 * `end`: nowhere. */
static size_t step_find(const ci_cal_problem *p, size_t base, size_t first, size_t end)
{
    size_t best = end;
    double most = step_sigma;
    for (size_t m = first + 1; m < end; m++) {
        double sum[2] = {0}, weight[2] = {0};
        for (size_t t = first; t < end; t++) {
            size_t i = base + t * p->n_antenna;
            if (p->gain_flag[i]) continue;
            double w = (double)p->gain_snr[i] * (double)p->gain_snr[i];
            sum[t >= m] += w * log(cabs(p->gain[i]));
            weight[t >= m] += w;
        }
        if (!(weight[0] > 0 && weight[1] > 0)) continue;
        double step = fabs(sum[0] / weight[0] - sum[1] / weight[1]);
        double sigma = sqrt(1 / weight[0] + 1 / weight[1]);
        if (!(step > most * sigma)) continue;
        most = step / sigma;
        best = m;
    }
    return best;
}

/* One amplitude for the solutions [first, end) of one receptor, or, where it steps, two. */
static void amplitude_share(const ci_cal_problem *p, size_t base, size_t first, size_t end)
{
    size_t split = step_find(p, base, first, end);
    double sum = 0, weight = 0;
    if (split < end) {
        amplitude_share(p, base, first, split);
        amplitude_share(p, base, split, end);
        return;
    }
    for (size_t t = first; t < end; t++) {
        size_t i = base + t * p->n_antenna;
        double w = (double)p->gain_snr[i] * (double)p->gain_snr[i];
        if (p->gain_flag[i]) continue;
        sum += w * log(cabs(p->gain[i]));
        weight += w;
    }
    for (size_t t = first; t < end; t++) {
        size_t i = base + t * p->n_antenna;
        if (p->gain_flag[i] == 0) p->gain[i] *= exp(sum / weight) / cabs(p->gain[i]);
    }
}

/* End of the `length` intervals from `first` on, fewer before a gap. */
static size_t share_end(const ci_cal_problem *p, size_t first, size_t length, double step_s)
{
    size_t end = first + 1;
    while (end < p->n_interval && end < first + length &&
           !is_after_gap(p->meta, ci_cal_interval_first(p, end), step_s))
        end++;
    return end;
}

void ci_cal_fine_amplitudes(const ci_cal_problem *p, size_t length)
{
    double step_s = usual_step(p->meta);
    for (size_t first = 0, end; length > 1 && first < p->n_interval; first = end) {
        end = share_end(p, first, length, step_s);
        for (size_t h = 0; h < p->n_feed; h++)
            for (size_t a = 0; a < p->n_antenna; a++)
                amplitude_share(p, h * p->n_interval * p->n_antenna + a, first, end);
    }
}

static ci_status sums_fill(ci_cal_problem *p, const ci_vis_set *set, ci_cal_predict predict,
                           void *context)
{
    CI_TRY(ci_mem_alloc(&p->good_time, p->n_feed * p->meta->n_time, sizeof(int64_t),
                        "samples of integrations"));
    ci_cal_bandpass_parts parts = {0};
    ci_status status = ci_cal_bandpass_parts_new(p, &parts);
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++) {
        status = predict(context, set->block[i], p->model);
        if (status == CI_OK) status = part_sum(p, &parts, i, set->block[i]);
    }
    ci_cal_bandpass_parts_clear(&parts);
    return status;
}

ci_status ci_cal_fine_sums(ci_cal_problem *p, const ci_vis_set *set, ci_cal_predict predict,
                           void *context)
{
    size_t mark = ci_timer_begin(ci_comm_timer(p->comm), "sums of integrations");
    CI_AGREE(p->comm, sums_fill(p, set, predict, context));
    ci_timer_end(ci_comm_timer(p->comm), mark);
    return ci_par_sum_int(p->comm, p->good_time, p->n_feed * p->meta->n_time);
}

ci_status ci_cal_fine_solve(ci_cal_problem *p, const ci_vis_set *set, ci_cal_predict predict,
                            void *context)
{
    float *scratch = NULL;
    CI_TRY(ci_cal_fine_sums(p, set, predict, context));
    CI_AGREE(p->comm, ci_cal_fine_intervals(p, 1));
    CI_TRY(ci_cal_gain_solve(p));
    CI_TRY(ci_par_alloc(p->comm, &scratch, p->n_feed * p->n_interval * p->n_antenna, sizeof(float),
                        "S/N of gains"));
    double snr = snr_measure(p, scratch);
    size_t length = length_for(p, phase_snr, snr);
    ci_mem_free(scratch);
    if (length > 1) {
        CI_AGREE(p->comm, ci_cal_fine_intervals(p, length));
        CI_TRY(ci_cal_gain_solve(p));
    }
    size_t of_amplitude = length_for(p, amplitude_snr, snr);
    ci_cal_fine_amplitudes(p, (of_amplitude + length - 1) / length);
    if (ci_comm_rank(p->comm) == 0)
        ci_log_info("calibration: S/N of a receptor in one integration %.0f: phases of %.3g s, "
                    "amplitudes of %.3g s",
                    snr, p->interval_s,
                    p->interval_s * (double)((of_amplitude + length - 1) / length));
    return CI_OK;
}
