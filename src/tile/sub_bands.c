/* Sub-bands that gains of another tile do not fit: the tile's own sources have another flux there
 * than in the others, beyond what spectra and the beam make. */
#include "tile/coherence.h"

#include "contimg/num.h"

#include <math.h>

enum
{
    MIN_SUB_BAND = 3,   /* that tell which of them is off */
    SLOPE_SUB_BAND = 5, /* that tell a slope from one that is off */
    MAX = CI_CLEAN_MAX_RESPONSE
};
static const double odd_sigma = 5, odd_part = 0.1;
/* Above the others by so much, it may be that it alone is right. */
static const double most_above = 1;
/* Of flux with ln frequency: sources, and the beam that is narrower. */
static const double least_slope = -6, most_slope = 3, slope_step = 0.25, usual_slope = 4;

/* The sub-bands with data. */
typedef struct spectrum
{
    size_t n;
    size_t i[MAX]; /* of the data's */
    double x[MAX]; /* ln of frequency, about their median */
    double jy[MAX], sigma_jy[MAX];
    double flux;      /* at x = 0 */
    double off[MAX];  /* from flux and slope, relative */
    double least_off; /* median of |off| */
} spectrum;

static void spectrum_take(const ci_image_stats *stats, spectrum *s)
{
    double scratch[MAX];
    s->n = 0;
    for (int k = 0; k < stats->n_response; k++) {
        const ci_clean_response *r = &stats->response[k];
        if (!isfinite(r->jy) || !(r->sigma_jy > 0)) continue;
        s->i[s->n] = (size_t)k;
        s->x[s->n] = scratch[s->n] = log(r->freq_hz);
        s->jy[s->n] = r->jy;
        s->sigma_jy[s->n++] = r->sigma_jy;
    }
    double middle = ci_num_median(scratch, s->n);
    for (size_t k = 0; k < s->n; k++)
        s->x[k] -= middle;
}

/* Of one slope: flux and what is off, if that is less than of those before. */
static void slope_try(spectrum *s, double slope)
{
    double at_0[MAX] = {0}, scratch[MAX];
    for (size_t k = 0; k < s->n; k++)
        at_0[k] = scratch[k] = s->jy[k] * exp(-slope * s->x[k]);
    double flux = ci_num_median(scratch, s->n);
    for (size_t k = 0; k < s->n; k++)
        scratch[k] = fabs(at_0[k] / flux - 1);
    double off = ci_num_median(scratch, s->n);
    if (!(flux > 0) || !(off < s->least_off)) return;
    s->least_off = off;
    s->flux = flux;
    for (size_t k = 0; k < s->n; k++)
        s->off[k] = at_0[k] / flux - 1;
}

/* Half of them may be anything; so few that a slope could be one that is off have none. */
static void slope_fit(spectrum *s)
{
    s->least_off = INFINITY;
    s->flux = 0;
    slope_try(s, 0);
    for (double a = least_slope; s->n >= SLOPE_SUB_BAND && a <= most_slope; a += slope_step)
        slope_try(s, a);
}

uint64_t ci_tile_sub_bands_odd(ci_comm *comm, const ci_image_stats *stats)
{
    spectrum s;
    uint64_t odd = 0;
    size_t n_odd = 0;
    bool is_sure = true;
    spectrum_take(stats, &s);
    if (s.n < MIN_SUB_BAND) return 0;
    slope_fit(&s);
    /* Sidelobes that are left in the image are no noise of samples. */
    double ratio = stats->rms_jy / stats->thermal_jy, excess = ratio > 1 ? ratio : 1;
    for (size_t k = 0; s.flux > 0 && k < s.n; k++) {
        double least = odd_part + (s.n < SLOPE_SUB_BAND ? usual_slope * fabs(s.x[k]) : 0);
        double sigma = excess * s.sigma_jy[k] / s.flux;
        if (!(fabs(s.off[k]) > fmax(least, odd_sigma * sigma))) continue;
        odd |= (uint64_t)1 << s.i[k];
        n_odd++;
        is_sure = is_sure && s.off[k] < most_above;
        if (ci_comm_rank(comm) == 0)
            ci_log_warning("sub-band at %.3f MHz: the tile's own sources have %.3f +- %.3f of "
                           "their flux in the others: gains of another tile do not fit it",
                           1e-6 * stats->response[s.i[k]].freq_hz, 1 + s.off[k], sigma);
    }
    bool is_few = 3 * n_odd <= s.n && is_sure;
    if (n_odd > 0 && ci_comm_rank(comm) == 0)
        ci_log_warning("%zu of %zu sub-bands %s", n_odd, s.n,
                       is_few ? "left out: the tile is made without them"
                              : "differ, and which are right is not known: fluxes may be wrong");
    return is_few ? odd : 0;
}

void ci_tile_sub_bands_flag(uint64_t odd, ci_tile_data *data)
{
    ci_vis_set *set = data->set;
    if (odd == 0) return; /* else there are MAX at most */
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *b = set->block[i];
        size_t n = b->n_row * b->n_chan * b->n_pol;
        if (!(odd >> b->part.i_sub_band & 1)) continue;
        for (size_t k = 0; k < n; k++)
            b->flags[k] |= CI_VIS_FLAG_CAL;
    }
    for (size_t s = 0; s < set->meta->n_sub_band; s++)
        data->n_empty_sub_band += odd >> s & 1;
}
