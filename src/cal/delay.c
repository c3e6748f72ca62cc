/* Delays of receptors, from the phases of their bandpass, and what a channel loses by them. */
#include "cal/delay.h"

#include <complex.h>
#include <math.h>

/* Mean phasor from one channel to the next of a spectrum that has a delay at all. */
static const double least_order = 0.7;

/* A delay (s), from the mean change of phase between channels `lag` apart, with `delay` taken out
 * before, and *order, the length of the mean phasor; NaN where no two such channels are good. */
static double delay_refine(const ci_cal_spectrum *s, size_t lag, double delay, double *order)
{
    ci_c64 sum = 0;
    double span_hz = 0;
    size_t n = 0;
    for (size_t i = 0; i + lag < s->n_chan; i++) {
        size_t from = i * s->stride, to = (i + lag) * s->stride;
        if (s->flag[from] || s->flag[to]) continue;
        double hz = s->freq_hz[i + lag] - s->freq_hz[i];
        if (lag == 1 && hz > 1.5 * s->width_hz[i]) continue; /* a gap in the band */
        ci_c64 step = s->gain[to] * conj(s->gain[from]);
        if (!(cabs(step) > 0)) continue;
        sum += step / cabs(step) * cexp(-I * CI_TWO_PI * hz * delay);
        span_hz += hz;
        n++;
    }
    *order = n ? cabs(sum) / (double)n : 0;
    return n ? delay + carg(sum) / (CI_TWO_PI * span_hz / (double)n) : NAN;
}

double ci_cal_spectrum_delay(const ci_cal_spectrum *s)
{
    double order, unused, delay = delay_refine(s, 1, 0, &order);
    if (order < least_order) return NAN;
    for (size_t lag = 8; lag <= s->n_chan / 2; lag *= 4) {
        double finer = delay_refine(s, lag, delay, &unused);
        if (isfinite(finer)) delay = finer;
    }
    return delay;
}

ci_status ci_cal_table_delays(double **out, const ci_cal_table *table, size_t i_feed)
{
    size_t n_antenna = table->array.n_antenna;
    ci_cal_spectrum s = {.n_chan = table->n_chan,
                         .stride = n_antenna * table->n_feed,
                         .freq_hz = table->freq_hz,
                         .width_hz = table->width_hz};
    CI_TRY(ci_mem_alloc(out, n_antenna, sizeof **out, "delays"));
    for (size_t a = 0; a < n_antenna; a++) {
        size_t first = ci_cal_index(table, 0, 0, a, i_feed);
        s.gain = table->gain + first;
        s.flag = table->flag + first;
        (*out)[a] = ci_cal_spectrum_delay(&s);
    }
    return CI_OK;
}

double ci_cal_delay_loss(double width_hz, double delay_s)
{
    double x = CI_PI * width_hz * delay_s;
    return fabs(x) < 1e-4 ? 1 : sin(x) / x;
}
