/* What the model does not explain: whole sub-bands, and antennas in a sub-band, are judged by the
 * share of their power that the solution explains, against the others. */
#include "cal/sums.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    MIN_SUB_BAND = 3, /* that tell which of them is off */
    MIN_ANTENNA = 5
};

static const double least_of_others = 0.5; /* of the share that others let expect */

/* Shares of power that the solution explains, [sub-band][feed][antenna + 1]: medians over an
 * antenna's baselines (a few of them may be spoiled), the last one over all baselines. */
typedef struct shares
{
    size_t n_sub_band, n_feed, n_antenna, n_baseline;
    double *share;
    double *baseline; /* [sub-band][feed][baseline]; NaN: no data */
    double *scratch;  /* [n_sub_band + n_antenna + n_baseline] */
} shares;

static double *share_at(const shares *k, size_t s, size_t h, size_t a)
{
    return &k->share[(s * k->n_feed + h) * (k->n_antenna + 1) + a];
}

static double *baseline_at(const shares *k, size_t s, size_t h, size_t b)
{
    return &k->baseline[(s * k->n_feed + h) * k->n_baseline + b];
}

static double median_share(const shares *k, const ci_vis_meta *meta, size_t s, size_t h, size_t a)
{
    size_t n = 0;
    for (size_t b = 0; b < k->n_baseline; b++) {
        bool is_of = a == k->n_antenna || (size_t)meta->baseline_ant1[b] == a ||
                     (size_t)meta->baseline_ant2[b] == a;
        double share = *baseline_at(k, s, h, b);
        if (is_of && isfinite(share)) k->scratch[n++] = share;
    }
    return ci_num_median(k->scratch, n);
}

/* in: of every part, baseline and feed, power not explained and all power. */
static void shares_fill(shares *k, const ci_cal_problem *p, const double *in)
{
    for (size_t i = 0; i < k->n_sub_band * k->n_feed * k->n_baseline; i++)
        k->baseline[i] = NAN;
    for (size_t i = 0; i < p->n_share; i++) {
        const ci_cal_share *share = &p->share[i];
        for (int64_t b = 0; b < share->n_baseline; b++)
            for (size_t h = 0; h < p->n_feed; h++, in += 2)
                if (in[1] > 0)
                    *baseline_at(k, (size_t)share->i_sub_band, h,
                                 (size_t)(share->i_baseline_first + b)) = 1 - in[0] / in[1];
    }
    for (size_t s = 0; s < k->n_sub_band; s++)
        for (size_t h = 0; h < k->n_feed; h++)
            for (size_t a = 0; a <= k->n_antenna; a++)
                *share_at(k, s, h, a) = median_share(k, p->meta, s, h, a);
}

/* Median share over the sub-bands that are not left out of one antenna, or of all (a = n_antenna).
 */
static double usual_of(const shares *k, size_t h, size_t a)
{
    size_t n = 0;
    for (size_t s = 0; s < k->n_sub_band; s++) {
        double share = *share_at(k, s, h, a);
        if (isfinite(share)) k->scratch[n++] = share;
    }
    return ci_num_median(k->scratch, n);
}

static void bandpass_flag(ci_cal_problem *p, size_t s, size_t h, size_t a, uint8_t flag)
{
    size_t first = ci_vis_chan_first(p->meta, s), end = ci_vis_chan_first(p->meta, s + 1);
    for (size_t c = first; c < end; c++)
        p->bandpass_flag[(h * p->n_chan + c) * p->n_antenna + a] = flag;
}

static void sub_band_leave_out(ci_cal_problem *p, size_t s, size_t h, double share, double usual)
{
    const ci_vis_sub_band *band = &p->meta->sub_band[s];
    size_t first = ci_vis_chan_first(p->meta, s);
    for (size_t a = 0; a < p->n_antenna; a++)
        bandpass_flag(p, s, h, a, CI_CAL_FAILED);
    for (size_t c = 0; c < band->n_chan; c++)
        p->good_chan[h * p->n_chan + first + c] = 0;
    if (ci_comm_rank(p->comm) == 0)
        ci_log_warning("calibration: sub-band at %.3f MHz, feed %zu: left out: the model explains "
                       "%.3g of its power, %.3g of the others': its phases have no order",
                       1e-6 * 0.5 * (band->freq_hz[0] + band->freq_hz[band->n_chan - 1]), h,
                       fmax(share, 0), usual);
}

/* Sub-bands as a whole; how many are left out. */
static size_t sub_bands_judge(ci_cal_problem *p, const shares *k, size_t h)
{
    double usual = usual_of(k, h, k->n_antenna);
    size_t n = 0;
    for (size_t s = 0; s < k->n_sub_band && k->n_sub_band >= MIN_SUB_BAND; s++) {
        double share = *share_at(k, s, h, k->n_antenna);
        if (!(usual > 0 && share < least_of_others * usual)) continue;
        sub_band_leave_out(p, s, h, share, usual);
        for (size_t a = 0; a <= k->n_antenna; a++)
            *share_at(k, s, h, a) = NAN;
        n++;
    }
    return n;
}

/* Antennas in a sub-band that is not off as a whole; how many are flagged. */
static size_t antennas_judge(ci_cal_problem *p, const shares *k, size_t s, size_t h)
{
    double whole = *share_at(k, s, h, k->n_antenna), all = usual_of(k, h, k->n_antenna);
    size_t n = 0;
    for (size_t a = 0; a < p->n_antenna; a++) {
        double share = *share_at(k, s, h, a), usual = usual_of(k, h, a);
        double expected = usual * whole / all;
        if (!(expected > 0 && share < least_of_others * expected)) continue;
        bandpass_flag(p, s, h, a, CI_CAL_FAILED);
        n++;
        if (ci_comm_rank(p->comm) == 0)
            ci_log_warning("calibration: antenna %s in the sub-band at %.3f MHz, feed %zu: "
                           "flagged: the model explains %.3g of its power, %.3g are expected",
                           ci_vis_text(p->meta->array.antenna[a].name),
                           1e-6 * p->meta->sub_band[s].freq_hz[0], h, fmax(share, 0), expected);
    }
    return n;
}

static ci_status shares_new(shares *k, const ci_cal_problem *p)
{
    static const char what[] = "calibration: powers";
    *k = (shares){.n_sub_band = p->meta->n_sub_band,
                  .n_feed = p->n_feed,
                  .n_antenna = p->n_antenna,
                  .n_baseline = p->n_baseline};
    size_t n = k->n_sub_band * k->n_feed;
    CI_TRY(ci_mem_alloc(&k->share, n * (k->n_antenna + 1), sizeof(double), what));
    CI_TRY(ci_mem_alloc(&k->baseline, n * k->n_baseline, sizeof(double), what));
    return ci_mem_alloc(&k->scratch, k->n_sub_band + k->n_antenna + k->n_baseline, sizeof(double),
                        what);
}

static ci_status judge(ci_cal_problem *p, const double *gathered, size_t *n_flagged)
{
    shares k;
    ci_status status = shares_new(&k, p);
    if (status == CI_OK) shares_fill(&k, p, gathered);
    for (size_t h = 0; status == CI_OK && h < p->n_feed; h++) {
        *n_flagged += sub_bands_judge(p, &k, h);
        for (size_t s = 0; p->n_antenna >= MIN_ANTENNA && s < k.n_sub_band; s++)
            *n_flagged += antennas_judge(p, &k, s, h);
    }
    ci_mem_free(k.share);
    ci_mem_free(k.baseline);
    ci_mem_free(k.scratch);
    return status;
}

ci_status ci_cal_misfits_flag(ci_cal_problem *p)
{
    void *whole = NULL;
    size_t n = 0;
    CI_TRY(ci_cal_powers_gather(p, &whole, &n));
    size_t n_flagged = 0;
    ci_status status = ci_par_agree(p->comm, judge(p, whole, &n_flagged));
    ci_mem_free(whole);
    if (status == CI_OK && n_flagged > 0) status = ci_cal_gain_solve(p);
    return status;
}
