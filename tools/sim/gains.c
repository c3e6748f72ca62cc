/* The true gains of the simulated receptors. */
#include "gains.h"
#include "rng.h"

#include <complex.h>
#include <string.h>

#define DEAD_AMP 1e-3
#define BAND_LOW_HZ 1.28e9
#define BAND_HIGH_HZ 1.53e9

static void draw_receptor(sim_receptor *r, const sim_options *o, bool is_random, double phase_rms,
                          double scale, uint64_t number, uint64_t pol)
{
    sim_rng rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_GAIN, number, pol, 0, 0);
    double two[2];
    r->amp = 1 + o->gain_amp_rms * sim_rng_normal(&rng);
    if (r->amp < 0.2) r->amp = 0.2;
    r->amp *= sqrt(scale);
    r->phase_rad = is_random ? CI_TWO_PI * (sim_rng_uniform(&rng) - 0.5)
                             : phase_rms * CI_DEG_TO_RAD * sim_rng_normal(&rng);
    r->delay_s = o->delay_max_ns * 1e-9 * (2 * sim_rng_uniform(&rng) - 1);
    rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_DRIFT, number, pol, 0, 0);
    sim_rng_normal2(&rng, two);
    r->drift_amp_per_hour = o->drift_amp * two[0];
    r->drift_phase_rad_per_hour = o->drift_phase_deg * CI_DEG_TO_RAD * two[1];
    rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_RIPPLE, number, pol, 0, 0);
    for (int k = 0; k < SIM_N_RIPPLE; k++) {
        /* cos has a mean square of 1/2, and there are SIM_N_RIPPLE of them */
        double size = o->ripple * sqrt(2.0 / SIM_N_RIPPLE);
        sim_rng_normal2(&rng, two);
        r->ripple_amp[k] = size * two[0];
        r->ripple_phase[k] = size * two[1];
        r->ripple_shift[k] = CI_TWO_PI * sim_rng_uniform(&rng);
    }
}

/* The antennas with the lowest n random numbers, of those not chosen before. */
static void kill_some(sim_gains *g, const sim_options *o, const int64_t *antenna, int64_t n,
                      bool both)
{
    for (int64_t k = 0; k < n; k++) {
        size_t best = g->n_antenna;
        double lowest = 2, u;
        for (size_t i = 0; i < g->n_antenna; i++) {
            sim_rng rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_DEAD, (uint64_t)antenna[i],
                                     (uint64_t)both, 0, 0);
            u = sim_rng_uniform(&rng);
            if (g->receptor[2 * i].is_dead || g->receptor[2 * i + 1].is_dead || u >= lowest)
                continue;
            lowest = u;
            best = i;
        }
        if (best == g->n_antenna) return;
        for (size_t p = 0; p < SIM_N_POL; p++) {
            sim_receptor *r = &g->receptor[2 * best + p];
            if (!both && p != (size_t)antenna[best] % 2) continue;
            r->is_dead = true;
            r->amp *= DEAD_AMP;
        }
    }
}

ci_status sim_gains_new(sim_gains **out, const sim_options *o, size_t n_antenna,
                        const int64_t *antenna)
{
    sim_gains *g = NULL;
    bool is_random = strcmp(o->gain_phase, "random") == 0;
    double phase_rms = 0;
    ci_status status;
    *out = NULL;
    if (!is_random) CI_TRY(ci_parse_double(o->gain_phase, "--gain-phase", &phase_rms));
    CI_TRY(ci_mem_alloc(&g, 1, sizeof *g, "gains"));
    g->n_antenna = n_antenna;
    g->band_low_hz = BAND_LOW_HZ;
    g->band_high_hz = BAND_HIGH_HZ;
    g->scale = o->is_raw ? o->raw_scale : 1;
    status = ci_mem_alloc(&g->receptor, SIM_N_POL * n_antenna, sizeof *g->receptor, "gains");
    if (status != CI_OK) {
        sim_gains_free(g);
        return status;
    }
    for (size_t i = 0; i < n_antenna; i++)
        for (size_t p = 0; p < SIM_N_POL; p++)
            draw_receptor(&g->receptor[SIM_N_POL * i + p], o, is_random, phase_rms, g->scale,
                          (uint64_t)antenna[i], p);
    kill_some(g, o, antenna, o->n_dead, true);
    kill_some(g, o, antenna, o->n_dead_pol, false);
    *out = g;
    return CI_OK;
}

void sim_gains_free(sim_gains *g)
{
    if (g == NULL) return;
    ci_mem_free(g->receptor);
    ci_mem_free(g);
}

static ci_c64 gain(const sim_gains *g, const sim_receptor *r, double hour, double freq_hz)
{
    double x = (freq_hz - g->band_low_hz) / (g->band_high_hz - g->band_low_hz);
    double turns = r->delay_s * freq_hz, log_amp = 0;
    double phase = r->phase_rad + r->drift_phase_rad_per_hour * hour;
    double amp = r->amp * (1 + r->drift_amp_per_hour * hour);
    for (int k = 0; k < SIM_N_RIPPLE; k++) {
        double wave = cos(CI_TWO_PI * (k + 1) * x + r->ripple_shift[k]);
        log_amp += r->ripple_amp[k] * wave;
        phase += r->ripple_phase[k] * wave;
    }
    phase += CI_TWO_PI * (turns - rint(turns));
    return amp * exp(log_amp) * (cos(phase) + I * sin(phase));
}

void sim_gains_at(const sim_gains *g, double hour, size_t n_chan, const double *freq_hz,
                  ci_c64 *out)
{
    for (size_t i = 0; i < g->n_antenna; i++)
        for (size_t c = 0; c < n_chan; c++)
            for (size_t p = 0; p < SIM_N_POL; p++)
                out[(i * n_chan + c) * SIM_N_POL + p] =
                    gain(g, &g->receptor[SIM_N_POL * i + p], hour, freq_hz[c]);
}
