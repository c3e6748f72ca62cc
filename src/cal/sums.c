/* The one pass over the data, and the description of the problem. */
#include "cal/sums.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* Of the gains that go with the bandpass, where the final ones follow the signal. */

static ci_status feeds_find(ci_cal_problem *p)
{
    static const int feeds[2][2] = {{CI_VIS_POL_XX, CI_VIS_POL_YY}, {CI_VIS_POL_RR, CI_VIS_POL_LL}};
    for (int kind = 0; kind < 2 && p->n_feed == 0; kind++) {
        for (int feed = 0; feed < 2; feed++) {
            int i = ci_vis_pol_find(p->meta, feeds[kind][feed]);
            if (i < 0) continue;
            p->i_pol[p->n_feed] = (size_t)i;
            p->jones[p->n_feed++] = feeds[kind][feed];
        }
    }
    if (p->n_feed == 0)
        return ci_error(CI_ERR_INPUT,
                        "calibration: the data have no parallel hand (XX, YY, RR or LL; first "
                        "polarisation is %d): gains cannot be solved for: give data with one",
                        p->meta->pol[0]);
    return CI_OK;
}

/* Equal intervals over the whole span, as near to the asked length as divides it; those
 * without data are left out. */
static ci_status intervals_find(ci_cal_problem *p)
{
    const ci_vis_meta *meta = p->meta;
    double first = meta->time_mjd_s[0] - 0.5 * meta->interval_s;
    double span = meta->time_mjd_s[meta->n_time - 1] + 0.5 * meta->interval_s - first;
    double asked = p->options->gain_interval_s;
    if (asked == CI_CAL_INTERVAL_AUTO) asked = CI_CAL_COARSE_INTERVAL_S;
    double n_whole = asked > 0 ? floor(span / asked + 0.5) : 1;
    if (n_whole < 1) n_whole = 1;
    p->interval_s = span > 0 ? span / n_whole : asked;
    CI_TRY(ci_mem_alloc(&p->i_interval, meta->n_time, sizeof(size_t), "solution intervals"));
    CI_TRY(ci_mem_alloc(&p->interval_mjd_s, meta->n_time, sizeof(double), "solution intervals"));
    double before = -1, sum = 0;
    size_t n_in = 0;
    for (size_t t = 0; t < meta->n_time; t++) {
        double which = p->interval_s > 0 ? floor((meta->time_mjd_s[t] - first) / p->interval_s) : 0;
        if (t == 0 || which != before) {
            p->n_interval++;
            sum = 0;
            n_in = 0;
        }
        before = which;
        p->i_interval[t] = p->n_interval - 1;
        sum += meta->time_mjd_s[t] - first;
        n_in++;
        p->interval_mjd_s[p->n_interval - 1] = first + sum / (double)n_in;
    }
    return CI_OK;
}

size_t ci_cal_interval_first(const ci_cal_problem *p, size_t i_interval)
{
    size_t low = 0, high = p->meta->n_time;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->i_interval[middle] < i_interval)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Channels of a row that lie within the limits of uv distance: a run, as frequency ascends. */
void ci_cal_chan_limits(const ci_cal_options *o, const ci_vis_block *block, size_t i_row,
                        size_t *first, size_t *end)
{
    *first = 0;
    *end = block->n_chan;
    if (!(o->min_uv_lambda > 0) && !(o->max_uv_lambda > 0)) return;
    const double *uvw = block->uvw_m + 3 * i_row;
    double per_hz = sqrt(uvw[0] * uvw[0] + uvw[1] * uvw[1]) / CI_C_M_S;
    while (*first < *end && per_hz * block->freq_hz[*first] < o->min_uv_lambda)
        ++*first;
    if (!(o->max_uv_lambda > 0)) return;
    while (*end > *first && per_hz * block->freq_hz[*end - 1] > o->max_uv_lambda)
        --*end;
}

ci_cal_row ci_cal_row_of(const ci_vis_block *block, size_t i_row, const ci_c32 *model, size_t first,
                         size_t end, float *scratch)
{
    size_t at = ci_vis_sample(block, i_row, first, 0);
    const float *weight = ci_vis_weights_row(block, i_row, scratch);
    return (ci_cal_row){.n_chan = end - first,
                        .n_pol = block->n_pol,
                        .data = block->data + at,
                        .model = model + i_row * block->n_chan + first,
                        .flags = block->flags + at,
                        .weight = weight + first * block->n_pol};
}

/* Sums of the rows of one baseline and interval, [n_chan][n_pol]. */
typedef struct run_sums
{
    size_t n_lane;
    float *value, *weight; /* weight: scratch of a row */
    int32_t *count;
    ci_cal_normal normal; /* parts of value */
} run_sums;

static ci_status run_new(const ci_vis_block *block, run_sums *run)
{
    static const char what[] = "sums of a baseline";
    size_t n = block->n_chan * block->n_pol;
    *run = (run_sums){.n_lane = n};
    CI_TRY(ci_mem_alloc(&run->value, 5 * n, sizeof(float), what));
    run->weight = run->value + 4 * n;
    run->normal =
        (ci_cal_normal){run->value, run->value + n, run->value + 2 * n, run->value + 3 * n};
    return ci_mem_alloc(&run->count, n, sizeof *run->count, what);
}

static void run_clear(run_sums *run)
{
    ci_mem_free(run->value);
    ci_mem_free(run->count);
}

/* What a run adds to its baseline and interval, and to the numbers of good samples. */
static void run_put(ci_cal_problem *p, const ci_vis_block *block, const ci_cal_sums *sums,
                    const run_sums *run, size_t b, size_t t)
{
    size_t ant1 = (size_t)p->meta->baseline_ant1[b], ant2 = (size_t)p->meta->baseline_ant2[b];
    for (size_t h = 0; h < p->n_feed; h++) {
        size_t at = ci_cal_sum_index(p, sums, b - block->part.i_baseline_first, h, t);
        ci_cal_normal to = ci_cal_normal_at(sums, at);
        int64_t *good_chan = p->good_chan + h * p->n_chan + sums->i_chan_first, n = 0;
        for (size_t c = 0; c < block->n_chan; c++) {
            size_t i = c * block->n_pol + p->i_pol[h];
            to.a_re[c] += run->normal.a_re[i];
            to.a_im[c] += run->normal.a_im[i];
            to.b[c] += run->normal.b[i];
            to.c[c] += run->normal.c[i];
            good_chan[c] += run->count[i];
            n += run->count[i];
        }
        p->good_interval[h * p->n_interval + t] += n;
        p->good_antenna[h * p->n_antenna + ant1] += n;
        p->good_antenna[h * p->n_antenna + ant2] += n;
    }
}

/* The rows of one baseline and interval from i_row on; returns the row behind them. */
static size_t rows_sum(ci_cal_problem *p, const ci_vis_block *block, const ci_cal_sums *sums,
                       size_t i_row, run_sums *run)
{
    size_t b = (size_t)block->i_baseline[i_row], t = p->i_interval[block->i_time[i_row]], i = i_row;
    memset(run->value, 0, 4 * run->n_lane * sizeof *run->value);
    memset(run->count, 0, run->n_lane * sizeof *run->count);
    for (; i < block->n_row && (size_t)block->i_baseline[i] == b &&
           p->i_interval[block->i_time[i]] == t;
         i++) {
        size_t first, end;
        ci_cal_chan_limits(p->options, block, i, &first, &end);
        ci_cal_row row = ci_cal_row_of(block, i, p->model, first, end, run->weight);
        size_t at = first * block->n_pol;
        ci_cal_normal to = {run->normal.a_re + at, run->normal.a_im + at, run->normal.b + at,
                            run->normal.c + at};
        ci_cal_row_add(ci_comm_isa(p->comm), &row, &to, run->count + at);
    }
    run_put(p, block, sums, run, b, t);
    return i;
}

static ci_status sums_new(const ci_cal_problem *p, const ci_vis_block *block, ci_cal_sums *sums)
{
    static const char what[] = "normal sums of a sub-band";
    sums->part = block->part;
    sums->n_chan = block->n_chan;
    sums->i_chan_first = ci_vis_chan_first(p->meta, block->part.i_sub_band);
    size_t n = ci_cal_sum_index(p, sums, block->part.n_baseline, 0, 0);
    CI_TRY(ci_mem_alloc(&sums->a_re, n, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&sums->a_im, n, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&sums->b, n, sizeof(float), what));
    return ci_mem_alloc(&sums->c, n, sizeof(float), what);
}

static ci_status part_sum(ci_cal_problem *p, const ci_vis_block *block, ci_cal_predict predict,
                          void *context, ci_cal_sums *sums)
{
    run_sums run = {0};
    CI_TRY(sums_new(p, block, sums));
    CI_TRY(predict(context, block, p->model));
    ci_status status = run_new(block, &run);
    for (size_t i = 0, next; status == CI_OK && i < block->n_row; i = next) {
        next = i + 1;
        if (!ci_vis_baseline_is_auto(p->meta, (size_t)block->i_baseline[i]))
            next = rows_sum(p, block, sums, i, &run);
    }
    run_clear(&run);
    return status;
}

/* Scratch for the model of any block, kept for the second pass: pages are touched once. */
static ci_status model_new(ci_cal_problem *p, const ci_vis_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n_block; i++)
        if (set->block[i]->n_row * set->block[i]->n_chan > n)
            n = set->block[i]->n_row * set->block[i]->n_chan;
    return ci_mem_alloc(&p->model, n, sizeof *p->model, "model visibilities");
}

static ci_status arrays_new(ci_cal_problem *p)
{
    static const char what[] = "calibration solutions";
    size_t n_b = p->n_feed * p->n_chan * p->n_antenna;
    size_t n_g = p->n_feed * p->n_interval * p->n_antenna;
    CI_TRY(ci_mem_alloc(&p->count, p->n_feed * (p->n_chan + p->n_interval + p->n_antenna),
                        sizeof(int64_t), what));
    p->good_chan = p->count;
    p->good_interval = p->good_chan + p->n_feed * p->n_chan;
    p->good_antenna = p->good_interval + p->n_feed * p->n_interval;
    CI_TRY(ci_mem_alloc(&p->bandpass, n_b, sizeof(ci_c64), what));
    CI_TRY(ci_mem_alloc(&p->bandpass_flag, n_b, 1, what));
    CI_TRY(ci_mem_alloc(&p->bandpass_snr, n_b, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&p->gain, n_g, sizeof(ci_c64), what));
    CI_TRY(ci_mem_alloc(&p->gain_flag, n_g, 1, what));
    CI_TRY(ci_mem_alloc(&p->gain_snr, n_g, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&p->factor, p->n_interval, sizeof *p->factor, what));
    const ci_cal_options *o = p->options;
    ci_cal_stefcal_options solver = {.tolerance = o->tolerance,
                                     .min_snr = o->min_snr,
                                     .huber_sigma = o->huber_sigma,
                                     .max_iteration = o->max_iteration,
                                     .min_baselines = o->min_baselines,
                                     .isa = ci_comm_isa(p->comm)};
    return ci_cal_stefcal_new(&p->solver, p->n_antenna, p->n_baseline, p->meta->baseline_ant1,
                              p->meta->baseline_ant2, &solver);
}

static ci_status set_sum(ci_cal_problem *p, const ci_vis_set *set, ci_cal_predict predict,
                         void *context)
{
    p->n_antenna = p->meta->array.n_antenna;
    p->n_baseline = p->meta->n_baseline;
    p->n_chan = ci_vis_chan_first(p->meta, p->meta->n_sub_band);
    if (p->meta->n_time == 0 || p->n_chan == 0 || p->n_baseline == 0)
        return ci_error(CI_ERR_NO_DATA, "calibration: the data set is empty");
    CI_TRY(feeds_find(p));
    CI_TRY(intervals_find(p));
    CI_TRY(arrays_new(p));
    CI_TRY(ci_mem_alloc(&p->part, set->n_block, sizeof *p->part, "normal sums"));
    p->n_part = set->n_block;
    CI_TRY(model_new(p, set));
    for (size_t i = 0; i < set->n_block; i++)
        CI_TRY(part_sum(p, set->block[i], predict, context, &p->part[i]));
    return CI_OK;
}

static ci_status shares_gather(ci_cal_problem *p)
{
    ci_cal_share *here = NULL;
    void *whole = NULL;
    size_t n_byte = 0;
    CI_TRY(ci_par_alloc(p->comm, &here, p->n_part, sizeof *here, "parts"));
    for (size_t i = 0; i < p->n_part; i++)
        here[i] = (ci_cal_share){ci_comm_rank(p->comm), (int64_t)p->part[i].part.i_sub_band,
                                 (int64_t)p->part[i].part.i_baseline_first,
                                 (int64_t)p->part[i].part.n_baseline};
    ci_status status = ci_par_gather(p->comm, here, p->n_part * sizeof *here, -1, &whole, &n_byte);
    ci_mem_free(here);
    p->share = whole;
    p->n_share = n_byte / sizeof(ci_cal_share);
    return status;
}

/* sum of weight x |model|^2, and of that times frequency, per sub-band and baseline in order. */
static ci_status means_find(ci_cal_problem *p, double *sum)
{
    size_t n = 0, n_byte = 0;
    double *here = NULL;
    void *whole = NULL;
    for (size_t i = 0; i < p->n_part; i++)
        n += p->part[i].part.n_baseline;
    CI_TRY(ci_par_alloc(p->comm, &here, 2 * n, sizeof *here, "mean frequency"));
    n = 0;
    for (size_t i = 0; i < p->n_part; i++) {
        const ci_cal_sums *s = &p->part[i];
        const double *freq = p->meta->sub_band[s->part.i_sub_band].freq_hz;
        for (size_t b = 0; b < s->part.n_baseline; b++, n++) {
            const float *row = s->b + ci_cal_sum_index(p, s, b, 0, 0);
            for (size_t k = 0; k < p->n_feed * p->n_interval; k++, row += s->n_chan) {
                for (size_t c = 0; c < s->n_chan; c++) {
                    here[2 * n] += (double)row[c];
                    here[2 * n + 1] += (double)row[c] * freq[c];
                }
            }
        }
    }
    ci_status status = ci_par_gather(p->comm, here, 2 * n * sizeof *here, -1, &whole, &n_byte);
    double total = 0, moment = 0;
    const double *each = whole;
    for (size_t i = 0; status == CI_OK && i < n_byte / (2 * sizeof(double)); i++) {
        total += each[2 * i];
        moment += each[2 * i + 1];
    }
    ci_mem_free(here);
    ci_mem_free(whole);
    *sum = total;
    p->freq_mean_hz = moment / total;
    return status;
}

static ci_status data_check(const ci_cal_problem *p, double model_power)
{
    int64_t n_good = 0;
    for (size_t i = 0; i < p->n_feed * p->n_chan; i++)
        n_good += p->good_chan[i];
    if (n_good == 0)
        return ci_error(CI_ERR_NO_DATA,
                        "calibration: no unflagged cross-correlation of a parallel hand is left "
                        "(%zu baselines, %zu channels, %zu times): see the flags (contimg "
                        "inspect), or give other data",
                        p->n_baseline, p->n_chan, p->meta->n_time);
    if (!(model_power > 0) || !isfinite(model_power))
        return ci_error(
            CI_ERR_INPUT,
            "calibration: the model predicts %s for these data: its sources are not "
            "in the field, below the horizon or outside the beam: give the sources of this field",
            isfinite(model_power) ? "nothing" : "infinite flux");
    return CI_OK;
}

ci_status ci_cal_problem_new(ci_comm *comm, const ci_vis_set *set, ci_cal_predict predict,
                             void *context, const ci_cal_options *options, ci_cal_problem **out)
{
    ci_cal_problem *p = NULL;
    double model_power = 0;
    *out = NULL;
    CI_TRY(ci_par_alloc(comm, &p, 1, sizeof *p, "calibration"));
    p->comm = comm;
    p->meta = set->meta;
    p->options = options;
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "normal sums");
    ci_status status = ci_par_agree(comm, set_sum(p, set, predict, context));
    ci_timer_end(ci_comm_timer(comm), mark);
    if (status == CI_OK)
        status =
            ci_par_sum_int(comm, p->count, p->n_feed * (p->n_chan + p->n_interval + p->n_antenna));
    if (status == CI_OK) status = shares_gather(p);
    if (status == CI_OK) status = means_find(p, &model_power);
    if (status == CI_OK) status = ci_par_agree(comm, data_check(p, model_power));
    if (status == CI_OK) status = ci_par_agree(comm, ci_cal_reference_choose(p));
    if (status != CI_OK) {
        ci_cal_problem_free(p);
        return status;
    }
    *out = p;
    return CI_OK;
}

void ci_cal_problem_free(ci_cal_problem *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n_part; i++) {
        ci_mem_free(p->part[i].a_re);
        ci_mem_free(p->part[i].a_im);
        ci_mem_free(p->part[i].b);
        ci_mem_free(p->part[i].c);
        ci_mem_free(p->part[i].fine);
    }
    ci_mem_free(p->part);
    ci_mem_free(p->share);
    ci_mem_free(p->model);
    ci_mem_free(p->i_interval);
    ci_mem_free(p->interval_mjd_s);
    ci_mem_free(p->count);
    ci_mem_free(p->good_time);
    ci_mem_free(p->fine_good);
    ci_mem_free(p->bandpass);
    ci_mem_free(p->bandpass_flag);
    ci_mem_free(p->bandpass_snr);
    ci_mem_free(p->gain);
    ci_mem_free(p->gain_flag);
    ci_mem_free(p->gain_snr);
    ci_mem_free(p->delay_s);
    ci_mem_free(p->factor);
    ci_cal_stefcal_free(p->solver);
    ci_mem_free(p);
}
