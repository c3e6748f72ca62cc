/* Delays of receptors and what a channel loses by them. All functions are local. */
#ifndef CI_CAL_DELAY_H
#define CI_CAL_DELAY_H

#include "contimg/cal.h"

/* Gains of one receptor over the band, `stride` from one channel to the next. */
typedef struct ci_cal_spectrum
{
    size_t n_chan, stride;
    const ci_c64 *gain;
    const uint8_t *flag;
    const double *freq_hz, *width_hz; /* [n_chan] */
} ci_cal_spectrum;

/* Delay (s) of a receptor whose gain is exp(+2 pi i delay nu); NaN where its phases have no order.
 * The nearest channels say it without ambiguity, those far apart precisely. */
double ci_cal_spectrum_delay(const ci_cal_spectrum *spectrum);
/* sinc: what is left of a signal, averaged over a channel, on a baseline whose receptors' delays
 * differ by delay_s. */
double ci_cal_delay_loss(double width_hz, double delay_s);

#endif
