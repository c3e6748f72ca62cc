/* Receptors that are silent: a field's sources would show in them, as they do in others, and do
 * not. */
#include "cal/field.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

/* S/N that a receptor is to have in every interval to be flagged, or else counted, where its power
 * over the usual one, without what noise makes of none, is less: 0.3 of the amplitude, which a good
 * one exceeds by 5.2, or 4.5, deviations of one interval. */
static const double flag_snr = 8, count_snr = 7, least_power = 0.3 * 0.3;
/* The S/N of the first word on a receptor where the model may lack sources as bright as its own:
 * they are in the misfits, which then are less than a quarter of it. */
static const double first_snr = 20;
/* Either way from 1: a usual amplitude beyond it is that of another sky than the model's. */
static const double most_usual = 2;
/* Of a feed's receptors: where there are more it is the model. */
static const double most_silent = 0.25;

enum
{
    LEAST_FARTHER = 3 /* receptors that are as far out and show: a source that is resolved fades
                       * from the farthest inwards */
};

/* Median amplitude of a feed's solutions in an interval; 0: fewer than half have one, or the model
 * is none of theirs. */
static double usual_amplitude(const ci_cal_problem *p, size_t h, size_t t, double *scratch)
{
    const int64_t *good = p->good_antenna + h * p->n_antenna;
    size_t n = 0, n_all = 0, first = (h * p->n_interval + t) * p->n_antenna;
    for (size_t a = 0; a < p->n_antenna; a++) {
        if (good[a] == 0) continue;
        n_all++;
        if (p->gain_flag[first + a] == 0) scratch[n++] = cabs(p->gain[first + a]);
    }
    double usual = n > 0 && 2 * n >= n_all ? ci_num_median(scratch, n) : 0;
    return usual * most_usual >= 1 && usual <= most_usual ? usual : 0;
}

/* What one length of intervals says of a receptor, if it has this S/N; usual [n_interval]. */
static ci_cal_shown shown_of(const ci_cal_problem *p, size_t h, size_t a, const double *usual,
                             double needed)
{
    double least_snr = INFINITY, power = 0, n = 0;
    for (size_t t = 0; t < p->n_interval; t++) {
        size_t i = (h * p->n_interval + t) * p->n_antenna + a;
        if (p->gain_flag[i] == CI_CAL_NO_DATA) continue;
        double amplitude = cabs(p->gain[i]);
        if (!(amplitude > 0) || !(usual[t] > 0)) return CI_CAL_SHOWN_UNKNOWN;
        double snr = (double)p->gain_snr[i] / amplitude * fmin(usual[t], 1);
        least_snr = fmin(least_snr, snr);
        power += pow(amplitude / usual[t], 2) - 2 / (snr * snr);
        n++;
    }
    if (!(least_snr >= needed && n > 0)) return CI_CAL_SHOWN_UNKNOWN;
    if (power >= least_power * n) return CI_CAL_SHOWN_WELL;
    return least_snr >= flag_snr ? CI_CAL_SHOWN_NOT : CI_CAL_SHOWN_HARDLY;
}

void ci_cal_shown_judge(const ci_cal_problem *p, bool is_image, double *scratch, uint8_t *shown)
{
    double *usual = scratch + p->n_antenna;
    for (size_t h = 0; h < p->n_feed; h++) {
        for (size_t t = 0; t < p->n_interval; t++)
            usual[t] = usual_amplitude(p, h, t, scratch);
        for (size_t a = 0; a < p->n_antenna; a++) {
            size_t i = h * p->n_antenna + a;
            bool is_first = shown[i] == CI_CAL_SHOWN_UNKNOWN && !is_image;
            double needed = is_first ? first_snr : count_snr;
            ci_cal_shown found = p->good_antenna[i] > 0 ? shown_of(p, h, a, usual, needed) : 0;
            bool is_known = found == CI_CAL_SHOWN_HARDLY && shown[i] == CI_CAL_SHOWN_NOT;
            if (found != CI_CAL_SHOWN_UNKNOWN && !is_known) shown[i] = (uint8_t)found;
        }
    }
}

static void middle_find(const ci_cal_problem *p, const double *place, double *scratch,
                        double middle[2])
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t a = 0; a < p->n_antenna; a++)
            scratch[a] = place[2 * a + i];
        middle[i] = ci_num_median(scratch, p->n_antenna);
    }
}

/* Receptors of one feed that show and stand at least as far out as antenna `a`. */
static size_t farther_count(const ci_cal_problem *p, const double *distance, size_t a,
                            const uint8_t *shown)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_antenna; i++)
        n += shown[i] == CI_CAL_SHOWN_WELL && distance[i] >= distance[a];
    return n;
}

ci_cal_silent ci_cal_silent_find(const ci_cal_problem *p, const double *place, double *scratch,
                                 uint8_t *shown)
{
    ci_cal_silent out = {0};
    double middle[2], *distance = scratch, n_all = 0, n_lost = 0;
    middle_find(p, place, scratch, middle);
    for (size_t a = 0; a < p->n_antenna; a++)
        distance[a] = hypot(place[2 * a] - middle[0], place[2 * a + 1] - middle[1]);
    for (size_t h = 0; h < p->n_feed; h++) {
        uint8_t *of = shown + h * p->n_antenna;
        double n_good = 0, n_not = 0;
        for (size_t a = 0; a < p->n_antenna; a++) {
            n_good += p->good_antenna[h * p->n_antenna + a] > 0;
            n_not += of[a] == CI_CAL_SHOWN_NOT;
            n_lost += of[a] == CI_CAL_SHOWN_NOT || of[a] == CI_CAL_SHOWN_HARDLY;
        }
        n_all += n_good;
        for (size_t a = 0; a < p->n_antenna; a++) {
            if (of[a] != CI_CAL_SHOWN_NOT) continue;
            if (n_not > most_silent * n_good || farther_count(p, distance, a, of) < LEAST_FARTHER)
                of[a] = CI_CAL_SHOWN_HARDLY;
            out.n += of[a] == CI_CAL_SHOWN_NOT;
        }
    }
    out.loss = n_all > 0 ? 1 - pow(1 - n_lost / n_all, 2) : 0;
    return out;
}
