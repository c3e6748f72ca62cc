/* Rounds of bandpass and gains, and the tables that come of them. */
#include "cal/sums.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    N_START = 4 /* channels that the first gains are solved on */
};

static const double start_snr = 10; /* that they need */

void ci_cal_options_default(ci_cal_options *options)
{
    *options = (ci_cal_options){.gain_interval_s = CI_CAL_INTERVAL_AUTO,
                                .tolerance = 1e-6,
                                .max_iteration = 200,
                                .min_snr = 3,
                                .min_baselines = 4,
                                .n_round = 3,
                                .huber_sigma = 3};
}

static ci_status antennas_check(const ci_cal_problem *p)
{
    size_t most = 0;
    for (size_t h = 0; h < p->n_feed; h++) {
        size_t n = 0;
        for (size_t a = 0; a < p->n_antenna; a++)
            n += p->good_antenna[h * p->n_antenna + a] > 0;
        if (n > most) most = n;
    }
    if (most <= (size_t)p->options->min_baselines)
        return ci_error(CI_ERR_INPUT,
                        "calibration: %zu antennas have unflagged data; a gain needs %d baselines, "
                        "so at least %d antennas",
                        most, p->options->min_baselines, p->options->min_baselines + 1);
    return CI_OK;
}

static bool feed_is_dead(const ci_cal_problem *p, size_t h)
{
    for (size_t c = 0; c < p->n_chan; c++)
        if (p->good_chan[h * p->n_chan + c] > 0) return false;
    return true;
}

/* The few channels that the first gains are solved on: the middle of the sub-band that has most
 * data there, of all feeds that have any; p->n_chan: none. */
static size_t start_channels(const ci_cal_problem *p, size_t *n)
{
    size_t best = p->n_chan, first = 0;
    int64_t most = 0;
    for (size_t s = 0; s < p->meta->n_sub_band; s++) {
        size_t n_chan = p->meta->sub_band[s].n_chan, n_here = n_chan < N_START ? n_chan : N_START;
        size_t at = first + (n_chan - n_here) / 2;
        int64_t good = INT64_MAX;
        for (size_t h = 0; h < p->n_feed; h++)
            for (size_t c = at; c < at + n_here && !feed_is_dead(p, h); c++)
                if (p->good_chan[h * p->n_chan + c] < good) good = p->good_chan[h * p->n_chan + c];
        if (good > most && good < INT64_MAX) {
            most = good;
            best = at;
            *n = n_here;
        }
        first += n_chan;
    }
    return best;
}

/* The first gains of one receptor: as they were found; 1 where it has none at all. One that has
 * some stays flagged where it has none, as it may be dead there: a gain of 1 would promise power
 * that the data lack, by the square of what a unit of the data is, and no bandpass would come of
 * it. */
static void start_fill(ci_cal_problem *p, size_t h, size_t a, bool is_found)
{
    bool has_any = false;
    for (size_t t = 0; is_found && t < p->n_interval; t++) {
        size_t i = (h * p->n_interval + t) * p->n_antenna + a;
        has_any |= p->gain_flag[i] == 0 && p->gain[i] != 0;
    }
    for (size_t t = 0; t < p->n_interval; t++) {
        size_t i = (h * p->n_interval + t) * p->n_antenna + a;
        bool is_good = has_any && p->gain_flag[i] == 0 && p->gain[i] != 0;
        p->gain_flag[i] = has_any && !is_good ? CI_CAL_FAILED : 0;
        if (!is_good) p->gain[i] = has_any ? 0 : 1;
    }
}

/* Gains of each interval on channels so few that no delay changes phases over them: without them
 * phases that drift through a turn would cancel in the first bandpass. */
static ci_status gains_start(ci_cal_problem *p)
{
    size_t n = 0, at = start_channels(p, &n), n_gain = p->n_feed * p->n_interval * p->n_antenna;
    size_t n_all = p->n_feed * p->n_chan * p->n_antenna, n_weak = 0;
    if (at < p->n_chan) {
        for (size_t i = 0; i < n_all; i++) {
            size_t c = i / p->n_antenna % p->n_chan;
            p->bandpass[i] = 1;
            p->bandpass_flag[i] = c < at || c >= at + n ? CI_CAL_FAILED : 0;
        }
        CI_TRY(ci_cal_gain_solve(p));
        for (size_t i = 0; i < n_all; i++) {
            p->bandpass[i] = 0;
            p->bandpass_flag[i] = 0;
        }
    }
    for (size_t i = 0; i < n_gain; i++)
        n_weak += p->gain_flag[i] != CI_CAL_NO_DATA && !((double)p->gain_snr[i] > start_snr);
    bool is_found = at < p->n_chan && 10 * n_weak <= n_gain;
    for (size_t i = 0; i < p->n_feed * p->n_antenna; i++)
        start_fill(p, i / p->n_antenna, i % p->n_antenna, is_found);
    return CI_OK;
}

/* Whether no gain has moved from `before` by more than its error: the next round would move it by a
 * tenth of that or less. */
static bool gains_stay(const ci_cal_problem *p, const ci_c64 *before)
{
    for (size_t i = 0; i < p->n_feed * p->n_interval * p->n_antenna; i++) {
        double most = cabs(p->gain[i]) / (double)p->gain_snr[i];
        if (p->gain_flag[i] == 0 && !(cabs(p->gain[i] - before[i]) <= most)) return false;
    }
    return true;
}

/* Rounds of bandpass and gains until another would change nothing that counts; the first says
 * which delays there are, and where channels lose by them there is one more. before: scratch for
 * the gains. */
static ci_status rounds_iterate(ci_cal_problem *p, int n_round, ci_c64 *before)
{
    size_t n_gain = p->n_feed * p->n_interval * p->n_antenna;
    for (int round = 0; round < n_round + (p->delay_s != NULL); round++) {
        memcpy(before, p->gain, n_gain * sizeof *before);
        p->n_iteration = 0;
        p->n_unconverged = 0;
        CI_TRY(ci_cal_bandpass_solve(p));
        if (round == 0) CI_AGREE(p->comm, ci_cal_delays_find(p));
        CI_TRY(ci_cal_gain_solve(p));
        if (gains_stay(p, before) && (round > 0 || !p->delay_s)) break;
    }
    return CI_OK;
}

/* The same on all ranks: with one interval nothing is left to alternate. */
static ci_status rounds_run(ci_cal_problem *p)
{
    ci_c64 *before = NULL;
    bool is_once = p->n_interval == 1 || p->n_chan == 1;
    int n_round = is_once || p->options->n_round < 1 ? 1 : p->options->n_round;
    for (size_t i = 0; i < p->n_feed * p->n_interval * p->n_antenna; i++)
        p->gain[i] = 1;
    if (!is_once) CI_TRY(gains_start(p));
    CI_TRY(ci_par_alloc(p->comm, &before, p->n_feed * p->n_interval * p->n_antenna, sizeof *before,
                        "gains of the last round"));
    ci_status status = rounds_iterate(p, n_round, before);
    ci_mem_free(before);
    return status;
}

/* What each rank counted of its own solves. */
static ci_status counts_agree(ci_cal_problem *p)
{
    int64_t steps = p->n_iteration, failed = (int64_t)p->n_unconverged;
    CI_TRY(ci_par_max_int(p->comm, &steps, 1));
    CI_TRY(ci_par_sum_int(p->comm, &failed, 1));
    p->n_iteration = (int)steps;
    p->n_unconverged = (size_t)failed;
    return CI_OK;
}

/* Flags that say whether there were any data, and a bandpass of one channel. */
static void flags_finish(ci_cal_problem *p)
{
    for (size_t h = 0; h < p->n_feed; h++) {
        for (size_t a = 0; a < p->n_antenna; a++) {
            bool is_absent = p->good_antenna[h * p->n_antenna + a] == 0, has_gain = false;
            for (size_t t = 0; t < p->n_interval; t++) {
                uint8_t *flag = &p->gain_flag[(h * p->n_interval + t) * p->n_antenna + a];
                if (*flag)
                    *flag = is_absent || p->good_interval[h * p->n_interval + t] == 0
                                ? CI_CAL_NO_DATA
                                : CI_CAL_FAILED;
                has_gain |= *flag == 0;
            }
            for (size_t c = 0; c < p->n_chan; c++) {
                size_t i = h * p->n_chan + c;
                uint8_t *flag = &p->bandpass_flag[i * p->n_antenna + a];
                if (!has_gain && *flag == 0) *flag = CI_CAL_FAILED;
                if (*flag && (is_absent || p->good_chan[i] == 0))
                    *flag = CI_CAL_NO_DATA;
                else if (*flag == CI_CAL_NO_DATA)
                    *flag = CI_CAL_GAP;
                if (p->n_chan == 1)
                    p->bandpass_snr[i * p->n_antenna + a] =
                        p->gain_snr[h * p->n_interval * p->n_antenna + a];
            }
        }
    }
}

static void table_fill(const ci_cal_problem *p, ci_cal_table *table, const ci_c64 *gain,
                       const uint8_t *flag, const float *snr)
{
    size_t n_step = table->n_time * table->n_chan;
    for (size_t i = 0; i < n_step; i++) {
        for (size_t a = 0; a < p->n_antenna; a++) {
            for (size_t h = 0; h < p->n_feed; h++) {
                size_t from = (h * n_step + i) * p->n_antenna + a;
                size_t to = (i * p->n_antenna + a) * p->n_feed + h;
                table->flag[to] = flag[from];
                table->gain[to] = flag[from] ? 1 : gain[from];
                table->snr[to] = flag[from] ? 0 : snr[from];
            }
        }
    }
    table->i_ref_antenna = p->i_ref;
    table->x_is_north = p->meta->x_is_north;
    table->x_is_known = p->meta->x_is_known;
    table->is_circular = p->jones[0] > -5;
    table->has_delay_loss = table->kind == CI_CAL_BANDPASS && p->delay_s;
    table->has_convention = true; /* models predict XX = YY = I */
    table->stokes_is_sum = false;
    memcpy(table->jones, p->jones, sizeof p->jones);
}

static ci_status bandpass_table(const ci_cal_problem *p, ci_cal_table **out)
{
    const ci_vis_meta *meta = p->meta;
    CI_TRY(ci_cal_table_new(out, CI_CAL_BANDPASS, &meta->array, 1, p->n_chan, p->n_feed));
    ci_cal_table *table = *out;
    size_t c = 0;
    for (size_t s = 0; s < meta->n_sub_band; s++) {
        for (size_t i = 0; i < meta->sub_band[s].n_chan; i++, c++) {
            table->freq_hz[c] = meta->sub_band[s].freq_hz[i];
            table->width_hz[c] = meta->sub_band[s].width_hz[i];
        }
    }
    double first = meta->time_mjd_s[0], last = meta->time_mjd_s[meta->n_time - 1];
    table->time_mjd_s[0] = 0.5 * (first + last);
    table->interval_s = last - first + meta->interval_s;
    CI_TRY(ci_str_set(&table->history,
                      p->n_chan == 1
                          ? "Bandpass of a single channel: 1 by definition, all is in the gains."
                          : "Bandpass by StEFCal, a channel at a time; mean amplitude over the "
                            "band 1, mean phase 0; phase of the reference antenna 0 in each "
                            "feed; gaps of up to 3 channels interpolated; what channels lose by "
                            "delays is not in it."));
    table_fill(p, table, p->bandpass, p->bandpass_flag, p->bandpass_snr);
    return CI_OK;
}

ci_status ci_cal_gain_table(const ci_cal_problem *p, ci_cal_table **out)
{
    const ci_vis_meta *meta = p->meta;
    CI_TRY(ci_cal_table_new(out, CI_CAL_GAIN, &meta->array, p->n_interval, 1, p->n_feed));
    ci_cal_table *table = *out;
    double low = INFINITY, high = 0;
    for (size_t s = 0; s < meta->n_sub_band; s++) {
        for (size_t i = 0; i < meta->sub_band[s].n_chan; i++) {
            double half = 0.5 * meta->sub_band[s].width_hz[i], f = meta->sub_band[s].freq_hz[i];
            if (f - half < low) low = f - half;
            if (f + half > high) high = f + half;
        }
    }
    for (size_t t = 0; t < p->n_interval; t++)
        table->time_mjd_s[t] = p->interval_mjd_s[t];
    table->interval_s = p->interval_s;
    table->freq_hz[0] = p->freq_mean_hz;
    /* about the mean, so that it holds the whole band */
    table->width_hz[0] = 2 * fmax(high - p->freq_mean_hz, p->freq_mean_hz - low);
    CI_TRY(ci_str_set(&table->history,
                      "Gains by StEFCal over the whole band; phase of the reference antenna 0 "
                      "in each feed (the phase between feeds is not known)."));
    table_fill(p, table, p->gain, p->gain_flag, p->gain_snr);
    return CI_OK;
}

static void quality_join(const ci_cal_problem *p, const ci_cal_quality *bandpass,
                         const ci_cal_quality *gain, ci_cal_quality *out)
{
    out->flagged_fraction = fmax(bandpass->flagged_fraction, gain->flagged_fraction);
    ci_cal_offset_none(&out->offset);
    out->phase_scatter_deg = gain->phase_scatter_deg;
    out->min_amplitude = fmin(bandpass->min_amplitude, gain->min_amplitude);
    out->max_amplitude = fmax(bandpass->max_amplitude, gain->max_amplitude);
    out->n_solution = gain->n_solution + bandpass->n_solution;
    out->n_failed = gain->n_failed + bandpass->n_failed;
    out->n_antenna = gain->n_antenna;
    out->n_iteration = p->n_iteration;
    for (size_t h = 0; h < p->n_feed; h++)
        for (size_t a = 0; a < p->n_antenna; a++)
            out->n_receptor[h] += p->good_antenna[h * p->n_antenna + a] > 0;
}

/* A table without a single solution is no table. */
static ci_status solutions_check(const ci_cal_problem *p, const ci_cal_quality *bandpass,
                                 const ci_cal_quality *gain, const ci_cal_quality *q)
{
    if (bandpass->n_solution > 0 && gain->n_solution > 0) return CI_OK;
    return ci_error(CI_ERR_GATE,
                    "calibration: no solution: bandpass %zu of %zu, gains %zu of %zu, %zu solves "
                    "did not converge in %d steps, for %zu receptors with data (S/N >= %g and %d "
                    "baselines are asked for): is the model in the field and bright enough?",
                    bandpass->n_solution, bandpass->n_solution + bandpass->n_failed,
                    gain->n_solution, gain->n_solution + gain->n_failed, p->n_unconverged,
                    p->options->max_iteration, q->n_receptor[0] + q->n_receptor[1],
                    p->options->min_snr, p->options->min_baselines);
}

static ci_status tables_make(const ci_cal_problem *p, ci_cal_table **bandpass, ci_cal_table **gain,
                             ci_cal_quality *quality)
{
    ci_cal_quality of_bandpass, of_gain;
    CI_TRY(bandpass_table(p, bandpass));
    CI_TRY(ci_cal_gain_table(p, gain));
    CI_TRY(ci_cal_table_quality(*bandpass, &of_bandpass));
    CI_TRY(ci_cal_table_quality(*gain, &of_gain));
    quality_join(p, &of_bandpass, &of_gain, quality);
    return solutions_check(p, &of_bandpass, &of_gain, quality);
}

ci_status ci_cal_solve(ci_comm *comm, const ci_vis_set *set, ci_cal_model model,
                       const ci_cal_options *options, ci_cal_table **bandpass, ci_cal_table **gain,
                       ci_cal_quality *quality)
{
    ci_cal_problem *p = NULL;
    ci_cal_quality found = {0};
    *bandpass = NULL;
    *gain = NULL;
    CI_PAR_EQUAL(comm, "calibration: an option", options->gain_interval_s, options->min_uv_lambda,
                 options->max_uv_lambda, options->tolerance, options->max_iteration,
                 options->min_snr, options->min_baselines, options->n_round, options->huber_sigma);
    CI_TRY(ci_cal_problem_new(comm, set, model.predict, model.context, options, &p));
    if (ci_comm_rank(comm) == 0) ci_cal_reference_tell(p);
    ci_status status = ci_par_agree(comm, antennas_check(p));
    if (status == CI_OK) status = rounds_run(p);
    if (status == CI_OK) status = ci_cal_misfits_flag(p);
    if (status == CI_OK && options->gain_interval_s == CI_CAL_INTERVAL_AUTO)
        status = ci_cal_fine_solve(p, set, model.predict, model.context);
    if (status == CI_OK) status = ci_cal_residual(p, found.residual);
    if (status == CI_OK) status = ci_cal_structure_find(p, set, &found.structure);
    if (status == CI_OK) status = counts_agree(p);
    if (status == CI_OK) flags_finish(p);
    if (status == CI_OK) {
        ci_cal_bandpass_fill(p);
        status = ci_par_agree(comm, tables_make(p, bandpass, gain, &found));
    }
    ci_cal_problem_free(p);
    if (status != CI_OK) {
        ci_cal_table_free(*bandpass);
        ci_cal_table_free(*gain);
        *bandpass = *gain = NULL;
        return status;
    }
    if (quality) *quality = found;
    return CI_OK;
}
