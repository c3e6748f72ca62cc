/* gains: the electronics' complex gain of each receptor over time and frequency.
 * Observed = g1 conj(g2) true. All functions are local. */
#ifndef SIM_GAINS_H
#define SIM_GAINS_H

#include "options.h"

enum
{
    SIM_N_POL = 2,
    SIM_N_RIPPLE = 3
};

/* g(t, nu) = amp (1 + drift_amp h) exp(i (phase + drift_phase h)) B(nu) exp(2 pi i delay nu),
 * h hours from the first integration, B(nu) = exp(sum_k (a_k + i p_k) cos(2 pi k x + q_k)),
 * x = 0..1 from band_low_hz to band_high_hz; amp holds the square root of the raw scale. */
typedef struct sim_receptor
{
    double amp, phase_rad, delay_s, drift_amp_per_hour, drift_phase_rad_per_hour;
    double ripple_amp[SIM_N_RIPPLE], ripple_phase[SIM_N_RIPPLE], ripple_shift[SIM_N_RIPPLE];
    bool is_dead;
} sim_receptor;

typedef struct sim_gains
{
    size_t n_antenna;
    double band_low_hz, band_high_hz, scale;
    sim_receptor *receptor; /* [n_antenna][SIM_N_POL] */
} sim_gains;

/* antenna: numbers, [n_antenna]: a gain belongs to a station, not to its index in a list. */
CI_MUST_CHECK ci_status sim_gains_new(sim_gains **out, const sim_options *options, size_t n_antenna,
                                      const int64_t *antenna);
void sim_gains_free(sim_gains *gains);
/* g at a time: out [n_antenna][n_chan][SIM_N_POL]. */
void sim_gains_at(const sim_gains *gains, double hour, size_t n_chan, const double *freq_hz,
                  ci_c64 *out);

#endif
