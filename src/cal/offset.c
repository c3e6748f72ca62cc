/* How fast gains' phases turn, antenna by antenna, and by which offset of the model the Earth's
 * rotation would turn them so. */
#include "cal/offset.h"

#include <complex.h>
#include <math.h>

/* Times at which a receptor has a solution, of the table's: fewer tell no rate. */
static const double least_times = 0.5;
/* Nearer to the equator than so (sine of the declination) a shift to the north turns nothing. */
static const double least_lever = 0.01;
/* Of the turning by which parts of the time surely differ, at so many sigma: no offset does that.
 */
static const double uneven_part = 1.0 / 3, uneven_sigma = 3;

enum
{
    MOST_PARTS = 3 /* of the time, of two intervals or more each */
};

typedef struct turn_room
{
    const ci_cal_table *gain;
    const double *axes;
    double middle[3]; /* of the antennas, m */
    double lever[2];  /* 0: turns nothing */
    size_t from, to;  /* the table's times that are looked at */
    ci_c64 *common;   /* [n_time] phase that the antennas have in common, of one feed */
    double *time, *phase;
    size_t *index; /* [n_time] of the table's times */
} turn_room;

void ci_cal_offset_none(ci_cal_offset *out)
{
    *out = (ci_cal_offset){.east_rad = NAN,
                           .north_rad = NAN,
                           .sigma_rad = {INFINITY, INFINITY},
                           .lever = {1, 1},
                           .freq_hz = NAN};
}

/* By how much the antennas that have both times turned from one to the other; 0: none has. */
static ci_c64 step_of(const ci_cal_table *t, size_t from, size_t to, size_t h)
{
    ci_c64 sum = 0;
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        size_t i = ci_cal_index(t, from, 0, a, h), k = ci_cal_index(t, to, 0, a, h);
        ci_c64 step = t->gain[k] * conj(t->gain[i]);
        if (t->flag[i] == 0 && t->flag[k] == 0 && cabs(step) > 0) sum += step / cabs(step);
    }
    return cabs(sum) > 0 ? sum / cabs(sum) : 0;
}

/* Whatever the reference antenna does is in all phases. */
static void common_find(const turn_room *r, size_t h)
{
    for (size_t t = 0; t < r->gain->n_time; t++) {
        r->common[t] = 1;
        for (size_t d = 1; d <= t; d++) {
            ci_c64 step = step_of(r->gain, t - d, t, h);
            if (step == 0) continue;
            r->common[t] = r->common[t - d] * step;
            break;
        }
    }
}

/* A receptor's phases, without turns, and their times (s); returns how many. */
static size_t phases_of(const turn_room *r, size_t a, size_t h)
{
    const ci_cal_table *t = r->gain;
    size_t n = 0;
    for (size_t i = r->from; i < r->to; i++) {
        size_t k = ci_cal_index(t, i, 0, a, h);
        if (t->flag[k] || !(cabs(t->gain[k]) > 0)) continue;
        r->time[n] = t->time_mjd_s[i] - t->time_mjd_s[0];
        r->phase[n] = carg(t->gain[k] * conj(r->common[i]));
        if (n > 0) r->phase[n] += CI_TWO_PI * round((r->phase[n - 1] - r->phase[n]) / CI_TWO_PI);
        r->index[n++] = i;
    }
    return n;
}

/* The phase that an offset of 1 rad over its lever along an axis gives an antenna: gains are
 * exp(-2 pi i nu/c r.ds). */
static double phase_per_rad(const turn_room *r, size_t a, size_t i_time, int axis)
{
    const double *to = r->axes + (2 * i_time + (size_t)axis) * 3;
    const double *at = r->gain->array.antenna[a].pos_ecef_m;
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += (at[k] - r->middle[k]) * to[k];
    if (!(r->lever[axis] > 0)) return 0;
    return -CI_TWO_PI * r->gain->freq_hz[0] / CI_C_M_S * sum / r->lever[axis];
}

/* Adds one receptor's slopes over time; false: it has too few times. */
static bool receptor_add(const turn_room *r, size_t a, size_t h, ci_cal_turn *sum)
{
    size_t n = phases_of(r, a, h);
    double mean = 0, square = 0;
    if (n < 2 || (double)n < least_times * (double)(r->to - r->from)) return false;
    for (size_t i = 0; i < n; i++)
        mean += r->time[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (r->time[i] - mean) * (r->time[i] - mean);
    if (!(square > 0)) return false;
    for (size_t i = 0; i < n; i++) {
        double part = (r->time[i] - mean) / square;
        sum->rate += part * r->phase[i];
        for (int k = 0; k < 2; k++)
            sum->per_rad[k] += part * phase_per_rad(r, a, r->index[i], k);
    }
    return true;
}

/* Of each antenna with rates between two times; both feeds are one sample: they drift alike. */
static void turns_find(turn_room *r, size_t from, size_t to, double *n_feed, ci_cal_turn *turn)
{
    const ci_cal_table *t = r->gain;
    r->from = from;
    r->to = to;
    for (size_t h = 0; h < t->n_feed; h++) {
        common_find(r, h);
        for (size_t a = 0; a < t->array.n_antenna; a++)
            n_feed[a] += receptor_add(r, a, h, &turn[a]);
    }
    for (size_t a = 0; a < t->array.n_antenna; a++) {
        if (n_feed[a] == 0) continue;
        turn[a].rate /= n_feed[a];
        for (int k = 0; k < 2; k++)
            turn[a].per_rad[k] /= n_feed[a];
    }
}

/* By how much antennas turn faster in one part of the time than in another; of these with both. */
static size_t turns_differ(const double *const n_feed[2], const ci_cal_turn *const turn[2],
                           size_t n_antenna, ci_cal_turn *out)
{
    size_t n = 0;
    for (size_t a = 0; a < n_antenna; a++) {
        if (n_feed[0][a] == 0 || n_feed[1][a] == 0) continue;
        out[n].rate = turn[1][a].rate - turn[0][a].rate;
        for (int k = 0; k < 2; k++)
            out[n].per_rad[k] = 0.5 * (turn[0][a].per_rad[k] + turn[1][a].per_rad[k]);
        n++;
    }
    return n;
}

/* A steady drift of each antenna is in all parts, and so is an offset's turning; what the air does
 * comes and goes. length_rad is the offset's, with levers. */
static ci_status uneven_find(turn_room *r, double length_rad, bool *out)
{
    static const char what[] = "offset of gains";
    size_t n_antenna = r->gain->array.n_antenna, n_time = r->gain->n_time;
    size_t n_part = n_time / 2 < MOST_PARTS ? n_time / 2 : MOST_PARTS;
    ci_cal_turn *turn = NULL, *room = NULL;
    double *n_feed = NULL;
    ci_status status = ci_mem_alloc(&turn, n_part * n_antenna, sizeof *turn, what);
    if (status == CI_OK) status = ci_mem_alloc(&room, n_antenna, sizeof *room, what);
    if (status == CI_OK) status = ci_mem_alloc(&n_feed, n_part * n_antenna, sizeof *n_feed, what);
    for (size_t p = 0; status == CI_OK && p < n_part; p++)
        turns_find(r, p * n_time / n_part, (p + 1) * n_time / n_part, n_feed + p * n_antenna,
                   turn + p * n_antenna);
    for (size_t p = 0; status == CI_OK && p < n_part; p++)
        for (size_t q = 0; status == CI_OK && q < p; q++) {
            const double *const feeds[2] = {n_feed + q * n_antenna, n_feed + p * n_antenna};
            const ci_cal_turn *const turns[2] = {turn + q * n_antenna, turn + p * n_antenna};
            double sure_rad;
            size_t n = turns_differ(feeds, turns, n_antenna, room);
            status = ci_cal_offset_sure(room, n, uneven_sigma, &sure_rad);
            if (sure_rad > uneven_part * length_rad) *out = true;
        }
    ci_mem_free(turn);
    ci_mem_free(room);
    ci_mem_free(n_feed);
    return status;
}

static void middle_find(turn_room *r)
{
    const ci_vis_array *array = &r->gain->array;
    for (size_t a = 0; a < array->n_antenna; a++)
        for (int k = 0; k < 3; k++)
            r->middle[k] += array->antenna[a].pos_ecef_m[k] / (double)array->n_antenna;
}

/* How much either axis turns while east does by 1. */
static void levers_find(turn_room *r)
{
    const double *first = r->axes, *last = r->axes + 6 * (r->gain->n_time - 1);
    double turned[2] = {0};
    for (int k = 0; k < 6; k++)
        turned[k / 3] += pow(last[k] - first[k], 2);
    r->lever[0] = 1;
    r->lever[1] = turned[0] > 0 ? sqrt(turned[1] / turned[0]) : 1;
    if (r->lever[1] < least_lever) r->lever[1] = 0;
}

static ci_status whole_find(turn_room *r, ci_cal_offset *out)
{
    static const char what[] = "offset of gains";
    size_t n_antenna = r->gain->array.n_antenna, n = 0;
    ci_cal_turn *turn = NULL;
    double *n_feed = NULL;
    ci_status status = ci_mem_alloc(&turn, n_antenna, sizeof *turn, what);
    if (status == CI_OK) status = ci_mem_alloc(&n_feed, n_antenna, sizeof *n_feed, what);
    if (status == CI_OK) {
        turns_find(r, 0, r->gain->n_time, n_feed, turn);
        for (size_t a = 0; a < n_antenna; a++)
            if (n_feed[a] > 0) turn[n++] = turn[a];
        status = ci_cal_offset_fit(turn, n, out);
    }
    if (status == CI_OK && isfinite(out->east_rad)) {
        status = uneven_find(r, hypot(out->east_rad, out->north_rad), &out->is_uneven);
        out->north_rad /= out->lever[1];
        out->sigma_rad[1] /= out->lever[1];
    }
    ci_mem_free(turn);
    ci_mem_free(n_feed);
    return status;
}

ci_status ci_cal_offset_find(const ci_cal_table *gain, const double *axes, ci_cal_offset *out)
{
    static const char what[] = "offset of gains";
    turn_room r = {.gain = gain, .axes = axes};
    ci_cal_offset_none(out);
    out->n_time = gain->n_time;
    out->freq_hz = gain->freq_hz[0];
    if (gain->n_time < 2) return CI_OK;
    middle_find(&r);
    levers_find(&r);
    out->lever[1] = fmax(r.lever[1], least_lever);
    ci_status status = ci_mem_alloc(&r.common, gain->n_time, sizeof *r.common, what);
    if (status == CI_OK) status = ci_mem_alloc(&r.time, gain->n_time, sizeof *r.time, what);
    if (status == CI_OK) status = ci_mem_alloc(&r.phase, gain->n_time, sizeof *r.phase, what);
    if (status == CI_OK) status = ci_mem_alloc(&r.index, gain->n_time, sizeof *r.index, what);
    if (status == CI_OK) status = whole_find(&r, out);
    ci_mem_free(r.common);
    ci_mem_free(r.time);
    ci_mem_free(r.phase);
    ci_mem_free(r.index);
    return status;
}
