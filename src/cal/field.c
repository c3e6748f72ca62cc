/* Corrections of gains by a field's own sources, on data that have gains already: phases of
 * intervals as long as the data allow, amplitudes of a tile or of as long as their S/N asks for.
 * What does not lower chi^2 by more than its own freedom does is left out. */
#include "cal/field.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>
#include <string.h>

/* S/N of a receptor that an interval is to have: of a phase (3 degrees), of an amplitude (1 %). */
static const double phase_snr = CI_CAL_FIELD_SNR, amplitude_snr = 100;
/* Error of the loss by phases that is good enough. */
static const double loss_sigma = 0.0025;
/* By how much a number that is solved for has to lower chi^2: noise lowers it by 1. */
static const double least_gain = 3;

typedef struct field_solve
{
    ci_cal_problem *p;
    ci_cal_held held;
    double *scratch;      /* [n_feed][n_time + 2][n_antenna] */
    ci_c64 *solved;       /* [n_feed][n_interval][n_antenna] as the solver left them */
    uint8_t *solved_flag; /* the same shape */
    uint8_t *shown;       /* [n_feed][n_antenna] of ci_cal_shown */
    ci_cal_silent silent;
    double part_left;    /* of the good samples, without silent receptors */
    double scale2;       /* chi^2 that noise gives one number; 1 where the weights are right */
    double snr;          /* of a receptor over all times */
    double interval_snr; /* of the phases, or, without, of the longest interval tried */
    double fall;         /* of chi^2 in units of scale2 */
    double loss, loss_sigma;
    bool has_phase, has_amplitude;
} field_solve;

static ci_status predict_one(void *context, const ci_vis_block *block, ci_c32 *out)
{
    (void)context;
    for (size_t i = 0; i < block->n_row * block->n_chan; i++)
        out[i] = 1;
    return CI_OK;
}

static size_t n_of(const ci_cal_problem *p)
{
    return p->n_feed * p->n_interval * p->n_antenna;
}

/* ---- solving, and what it is worth ------------------------------------------------------------
 */

/* Median S/N that the receptors' solutions would have with the amplitude 1, which is known about (a
 * model that is not what the data show has gains of any size); 0 where fewer than half have one. */
static double snr_measure(const field_solve *f)
{
    const ci_cal_problem *p = f->p;
    size_t n = 0, n_all = 0;
    for (size_t i = 0; i < n_of(p); i++) {
        size_t a = i % p->n_antenna, h = i / (p->n_interval * p->n_antenna);
        if (p->good_antenna[h * p->n_antenna + a] == 0) continue;
        n_all++;
        if (f->solved_flag[i] == 0) f->scratch[n++] = (double)p->gain_snr[i] / cabs(f->solved[i]);
    }
    return 2 * n >= n_all ? ci_num_median(f->scratch, n) : 0;
}

/* Integrations that have the S/N asked for. */
static size_t length_for(const field_solve *f, double wanted)
{
    double n_time = (double)f->p->meta->n_time;
    double need = f->snr > 0 ? ceil(n_time * pow(wanted / f->snr, 2)) : n_time;
    return (size_t)fmax(1, fmin(need, n_time));
}

/* Silent receptors have no solution. */
static void silent_leave_out(const field_solve *f)
{
    ci_cal_problem *p = f->p;
    for (size_t i = 0; i < n_of(p); i++) {
        size_t a = i % p->n_antenna, h = i / (p->n_interval * p->n_antenna);
        if (p->good_antenna[h * p->n_antenna + a] > 0) continue;
        p->gain_flag[i] = CI_CAL_NO_DATA;
        p->gain_snr[i] = 0;
    }
}

/* Solutions of intervals of `length` integrations. Collective. */
static ci_status gains_solve(field_solve *f, size_t length)
{
    ci_cal_problem *p = f->p;
    CI_AGREE(p->comm, ci_cal_fine_intervals(p, length));
    for (size_t i = 0; i < n_of(p); i++)
        p->gain[i] = 1;
    CI_TRY(ci_cal_gain_solve(p));
    silent_leave_out(f);
    memcpy(f->solved, p->gain, n_of(p) * sizeof *f->solved);
    memcpy(f->solved_flag, p->gain_flag, n_of(p));
    ci_cal_held_phases(p, &f->held);
    return CI_OK;
}

/* Amplitudes of `length` intervals from what was solved. */
static void amplitudes_find(field_solve *f, size_t length)
{
    ci_cal_problem *p = f->p;
    memcpy(p->gain, f->solved, n_of(p) * sizeof *f->solved);
    memcpy(p->gain_flag, f->solved_flag, n_of(p));
    ci_cal_fine_amplitudes(p, length);
    ci_cal_held_amplitudes(p, f->scratch, &f->held);
}

/* Corrections of every receptor with data into the problem's gains. */
static void gains_set(field_solve *f, bool with_phase, bool with_amplitude)
{
    ci_cal_problem *p = f->p;
    for (size_t i = 0; i < n_of(p); i++) {
        size_t a = i % p->n_antenna, h = i / (p->n_interval * p->n_antenna);
        bool is_absent = p->good_antenna[h * p->n_antenna + a] == 0;
        bool is_silent = is_absent && f->shown[h * p->n_antenna + a] == CI_CAL_SHOWN_NOT;
        p->gain[i] = with_phase ? f->held.phasor[i] : 1;
        if (with_amplitude) p->gain[i] *= exp(f->held.log_amplitude[i]);
        p->gain_flag[i] = is_silent ? CI_CAL_FAILED : is_absent ? CI_CAL_NO_DATA : 0;
    }
}

/* chi^2 against the model in units of the weights. Collective. */
static ci_status chi2_find(field_solve *f, bool with_phase, bool with_amplitude, double *chi2)
{
    void *whole = NULL;
    size_t n = 0;
    gains_set(f, with_phase, with_amplitude);
    CI_TRY(ci_cal_powers_gather(f->p, &whole, &n));
    *chi2 = 0;
    for (size_t i = 0; i < n; i += 2)
        *chi2 += ((const double *)whole)[i];
    ci_mem_free(whole);
    return CI_OK;
}

/* Numbers that the present solve has found: receptors by interval. */
static double n_solved(const field_solve *f)
{
    double n = 0;
    for (size_t i = 0; i < n_of(f->p); i++)
        n += f->solved_flag[i] == 0;
    return n;
}

/* Phases of one length of interval. */
typedef struct phase_try
{
    size_t length;
    double before, after, n, snr;
    ci_cal_scatter scatter;
} phase_try;

/* Collective. */
static ci_status phases_try(field_solve *f, size_t length, phase_try *out)
{
    out->length = length;
    CI_TRY(gains_solve(f, length));
    ci_cal_shown_judge(f->p, f->held.holds_position, f->scratch, f->shown);
    out->snr = snr_measure(f);
    out->scatter = ci_cal_held_scatter(f->p, &f->held);
    out->n = n_solved(f) - (double)(f->p->n_feed * f->p->n_interval);
    CI_TRY(chi2_find(f, false, false, &out->before));
    return chi2_find(f, true, false, &out->after);
}

static int64_t n_good_of(const ci_cal_problem *p)
{
    int64_t n = 0;
    for (size_t i = 0; i < p->n_feed * p->meta->n_time; i++)
        n += p->good_time[i];
    return n;
}

/* What the phases found cost: of the shortest intervals that tell it, which come last. */
static void loss_find(field_solve *f, const phase_try *tried, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sigma, loss = ci_cal_scatter_loss(&tried[i].scatter, &sigma);
        if (i > 0 && !(sigma <= loss_sigma)) continue;
        f->loss = loss;
        f->loss_sigma = sigma;
    }
}

/* The one that is worth most of those with the S/N; n: none. */
static size_t phases_judge(field_solve *f, const phase_try *tried, size_t n)
{
    size_t best = n;
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < n; i++)
        least = fmin(least, tried[i].after);
    f->scale2 = least / (2 * (double)n_good_of(f->p) * f->part_left);
    for (size_t i = 0; i < n; i++) {
        double n_interval = (double)f->p->meta->n_time / (double)tried[i].length;
        double worth = (tried[i].before - tried[i].after) / f->scale2 - least_gain * tried[i].n;
        f->snr = fmax(f->snr, tried[i].snr * sqrt(n_interval));
        if (!(tried[i].snr >= phase_snr && worth > most)) continue;
        most = worth;
        best = i;
        f->fall = (tried[i].before - tried[i].after) / f->scale2;
    }
    return best;
}

/* Integrations of an interval of about so many seconds, of which equal ones fill the tile. */
static size_t length_of(const ci_cal_problem *p, double phase_s)
{
    double n_time = (double)p->meta->n_time;
    double n = fmax(1, round(n_time * p->meta->interval_s / phase_s));
    return (size_t)fmax(1, ceil(n_time / n));
}

/* Of the intervals asked for, else from the whole tile down to an integration. Collective. */
static ci_status lengths_try(field_solve *f, double phase_s, phase_try *tried, size_t *n_tried)
{
    size_t n = 0;
    if (phase_s > 0) CI_TRY(phases_try(f, length_of(f->p, phase_s), &tried[n++]));
    for (size_t length = f->p->meta->n_time; !(phase_s > 0) && length > 0; length /= 2)
        CI_TRY(phases_try(f, length, &tried[n++]));
    *n_tried = n;
    return CI_OK;
}

/* Silent receptors are from now on as those without data; whether there are any. */
static bool silent_take(field_solve *f)
{
    ci_cal_problem *p = f->p;
    double n = 0, n_all = 0;
    f->silent = ci_cal_silent_find(p, f->held.place, f->scratch, f->shown);
    for (size_t i = 0; i < p->n_feed * p->n_antenna; i++) {
        n_all += (double)p->good_antenna[i];
        if (f->shown[i] != CI_CAL_SHOWN_NOT) continue;
        n += (double)p->good_antenna[i];
        p->good_antenna[i] = 0;
    }
    if (f->silent.n == 0) return false;
    f->part_left = fmax(1 - 2 * n / n_all, 0.1); /* a sample is of two receptors */
    return true;
}

/* Phases of the intervals that are worth most. Collective. */
static ci_status phases_choose(field_solve *f, double phase_s)
{
    phase_try tried[64];
    size_t n = 0;
    CI_TRY(lengths_try(f, phase_s, tried, &n));
    if (silent_take(f)) CI_TRY(lengths_try(f, phase_s, tried, &n));
    size_t best = phases_judge(f, tried, n);
    loss_find(f, tried, n);
    f->has_phase = best < n;
    f->interval_snr = tried[f->has_phase ? best : 0].snr;
    return gains_solve(f, f->has_phase ? tried[best].length : tried[0].length);
}

/* One amplitude for the tile, or several where these are worth more. Collective. */
static ci_status amplitudes_choose(field_solve *f, double *interval_s)
{
    ci_cal_problem *p = f->p;
    size_t of_interval = (p->meta->n_time + p->n_interval - 1) / p->n_interval, best = 0;
    size_t least = (length_for(f, amplitude_snr) + of_interval - 1) / of_interval;
    double before, after, most = 0;
    CI_TRY(chi2_find(f, f->has_phase, false, &before));
    for (size_t length = p->n_interval;; length = length / 2 > least ? length / 2 : least) {
        amplitudes_find(f, length);
        CI_TRY(chi2_find(f, f->has_phase, true, &after));
        double worth = (before - after) / f->scale2 - least_gain * n_solved(f) / (double)length;
        if (worth > most) {
            most = worth;
            best = length;
        }
        if (length <= least) break;
    }
    f->has_amplitude = best > 0;
    if (best > 0) {
        amplitudes_find(f, best);
        f->fall += most + least_gain * n_solved(f) / (double)best;
    }
    *interval_s = (double)best * p->interval_s;
    return CI_OK;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static ci_status room_new(field_solve *f, const ci_cal_field *field)
{
    static const char what[] = "corrections of a field";
    ci_cal_problem *p = f->p;
    size_t n = p->n_feed * p->meta->n_time * p->n_antenna;
    CI_TRY(ci_cal_held_new(p, field->east, field->north, &f->held));
    f->held.holds_position = field->holds_position;
    CI_TRY(ci_mem_alloc(&f->scratch, n + 2 * p->n_feed * p->n_antenna, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&f->solved, n, sizeof(ci_c64), what));
    CI_TRY(ci_mem_alloc(&f->solved_flag, n, 1, what));
    CI_TRY(ci_mem_alloc(&f->shown, p->n_feed * p->n_antenna, 1, what));
    f->part_left = 1;
    for (size_t i = 0; i < p->n_feed * p->n_chan * p->n_antenna; i++)
        p->bandpass[i] = 1;
    return CI_OK;
}

static ci_status solve(field_solve *f, const ci_vis_set *set, const ci_cal_field *field,
                       ci_cal_corrections *out)
{
    ci_cal_problem *p = f->p;
    CI_AGREE(p->comm, room_new(f, field));
    CI_TRY(ci_cal_fine_sums(p, set, field->model.predict, field->model.context));
    CI_TRY(phases_choose(f, field->phase_s));
    out->snr = f->snr;
    out->interval_snr = f->interval_snr;
    out->chi2 = f->scale2;
    out->loss = f->loss;
    out->loss_sigma = f->loss_sigma;
    out->n_silent = f->silent.n;
    out->silent_loss = f->silent.loss;
    if (f->snr >= phase_snr && field->with_amplitude)
        CI_TRY(amplitudes_choose(f, &out->amplitude_s));
    if (!f->has_phase && !f->has_amplitude && f->silent.n == 0) return CI_OK;
    out->fall = f->fall;
    out->has_phase = f->has_phase;
    out->has_amplitude = f->has_amplitude;
    out->phase_s = p->interval_s;
    double per_rad = CI_C_M_S / (CI_TWO_PI * p->freq_mean_hz);
    if (f->has_phase) out->shift_rad = per_rad * hypot(f->held.slope[0], f->held.slope[1]);
    gains_set(f, f->has_phase, f->has_amplitude);
    return ci_par_agree(p->comm, ci_cal_gain_table(p, &out->table));
}

ci_status ci_cal_field_solve(ci_comm *comm, const ci_vis_set *set, const ci_cal_field *field,
                             const ci_cal_options *options, ci_cal_corrections *out)
{
    field_solve f = {0};
    ci_cal_options own = *options;
    own.gain_interval_s = 0; /* of the sums by channel, which nothing is solved on */
    *out = (ci_cal_corrections){0};
    CI_PAR_EQUAL(comm, "gains of a field: an option", options->min_uv_lambda,
                 options->max_uv_lambda, options->tolerance, options->max_iteration,
                 options->min_snr, options->min_baselines, options->huber_sigma,
                 field->with_amplitude, field->phase_s, field->holds_position);
    CI_TRY(ci_cal_problem_new(comm, set, predict_one, NULL, &own, &f.p));
    ci_status status = solve(&f, set, field, out);
    ci_cal_held_clear(&f.held);
    ci_mem_free(f.scratch);
    ci_mem_free(f.solved);
    ci_mem_free(f.solved_flag);
    ci_mem_free(f.shown);
    ci_cal_problem_free(f.p);
    return status;
}
