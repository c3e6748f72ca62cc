/* options: the command line of contimg-sim. One table gives names, defaults, --help and the man
 * page. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "contimg/base.h"

#define SIM_MAX_SUB_BAND 16
#define SIM_SUB_BAND_FINE 384 /* fine channels from one sub-band to the next */

typedef struct sim_options
{
    const char *out, *stations, *sub_bands, *start, *sources, *calibrator, *beam, *smear;
    const char *gain_phase, *units, *rfi, *missing_sub_band, *order, *spectral_index;
    double dec_deg, ref_mjd, radius_deg, outer_radius_deg, isolated_arcsec;
    double min_flux_jy, max_flux_jy, diameter_m, sefd_jy;
    double gain_amp_rms, ripple, delay_max_ns, drift_amp, drift_phase_deg, raw_scale;
    double catalogue_error, catalogue_min_jy, nan_fraction, rfi_jy, name_jitter_s, tile_step_s;
    int64_t n_chan, n_time, n_tile, n_random, n_outside, calibrator_tile, seed;
    int64_t n_dead, n_dead_pol, n_fine, n_int;
    bool noise_after, want_help, want_man, want_version;
    /* derived */
    bool is_beam_none, is_smear_off, is_raw;
    double start_mjd_s;
    bool sub_band_on[SIM_MAX_SUB_BAND];
} sim_options;

/* Defaults, then the command line, then checks. */
CI_MUST_CHECK ci_status sim_options_parse(sim_options *out, int argc, char **argv);
void sim_options_help(FILE *to);
/* The man page (roff). */
void sim_options_man(FILE *to);
/* "3,7-9" against 0..n_max-1 (or 1..): calls set for each number. */
CI_MUST_CHECK ci_status sim_options_list(const char *text, const char *what, int64_t low,
                                         int64_t high, bool *on);
/* All options with their values, for truth.json. */
void sim_options_json(const sim_options *options, ci_json *into);

#endif
