/* What channels lose by the delays of a solve's receptors. */
#include "cal/delay.h"
#include "cal/sums.h"

#include <math.h>

/* Delays of no effect: 3 degrees over the band. */
static const double least_cycles = 3.0 / 360;
/* On the baseline that loses most; less is not worth another round. */
static const double least_loss = 1e-4;

static void band_fill(const ci_vis_meta *meta, double *freq_hz, double *width_hz)
{
    size_t c = 0;
    for (size_t s = 0; s < meta->n_sub_band; s++)
        for (size_t i = 0; i < meta->sub_band[s].n_chan; i++, c++) {
            freq_hz[c] = meta->sub_band[s].freq_hz[i];
            width_hz[c] = meta->sub_band[s].width_hz[i];
        }
}

/* band: frequencies, then widths. Returns the longest difference of two delays of a feed. */
static double delays_fill(ci_cal_problem *p, const double *band, double *delay_s)
{
    double longest = 0, span_hz = fabs(band[p->n_chan - 1] - band[0]);
    ci_cal_spectrum s = {
        .n_chan = p->n_chan, .stride = p->n_antenna, .freq_hz = band, .width_hz = band + p->n_chan};
    for (size_t h = 0; h < p->n_feed; h++) {
        double low = 0, high = 0;
        for (size_t a = 0; a < p->n_antenna; a++) {
            s.gain = p->bandpass + h * p->n_chan * p->n_antenna + a;
            s.flag = p->bandpass_flag + h * p->n_chan * p->n_antenna + a;
            double delay = ci_cal_spectrum_delay(&s);
            if (!(fabs(delay) * span_hz > least_cycles)) continue; /* NaN, too */
            delay_s[h * p->n_antenna + a] = delay;
            low = fmin(low, delay);
            high = fmax(high, delay);
        }
        longest = fmax(longest, high - low);
    }
    return longest;
}

ci_status ci_cal_delays_find(ci_cal_problem *p)
{
    double *band = NULL, *delay_s = NULL, widest = 0;
    CI_TRY(ci_mem_alloc(&band, 2 * p->n_chan, sizeof *band, "band"));
    ci_status status = ci_mem_alloc(&delay_s, p->n_feed * p->n_antenna, sizeof *delay_s, "delays");
    if (status == CI_OK) {
        band_fill(p->meta, band, band + p->n_chan);
        double longest = delays_fill(p, band, delay_s);
        for (size_t c = 0; c < p->n_chan; c++)
            widest = fmax(widest, band[p->n_chan + c]);
        if (ci_cal_delay_loss(widest, longest) < 1 - least_loss) {
            p->delay_s = delay_s;
            delay_s = NULL;
        }
    }
    ci_mem_free(band);
    ci_mem_free(delay_s);
    return status;
}

double ci_cal_loss(const ci_cal_problem *p, size_t i_sub_band, size_t i_feed, size_t ant1,
                   size_t ant2)
{
    if (!p->delay_s) return 1;
    const double *delay_s = p->delay_s + i_feed * p->n_antenna;
    const ci_vis_sub_band *band = &p->meta->sub_band[i_sub_band];
    return ci_cal_delay_loss(band->width_hz[band->n_chan / 2], delay_s[ant1] - delay_s[ant2]);
}
