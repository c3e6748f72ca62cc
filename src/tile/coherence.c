/* Whether gains that were solved on another tile have kept their phases: what is lost of the flux
 * where they have not. Noise tells when to ask; the phases that the tile's own sources have tell.
 */
#include "tile/coherence.h"

#include <math.h>

/* Of what CLEAN found, whose components are parts of sources. */
static const ci_tile_choice choice = {1000, 1e-5};
/* What CLEAN makes of a loss of coherence: it takes flux of sources for components on the sidelobes
 * that errors leave. A loss of 1 % became one of 4, 2.4 % of 8, 13 % of 26
 * (science/test_flux_scale). */
static const double of_fluxes = 4;
/* Errors of phases that cost the part f of the flux S leave an rms of about S sqrt(f / k) / n
 * between the sources of an image by n antennas: k was 6 to 11 where it was measured, and is
 * greater where wide bands smear their pattern, so less noise than by this one clears them. */
static const double noise_factor = 50;
/* Peak over noise below which no source says anything of phases. */
static const double least_peak = 10;

bool ci_tile_gains_are_own(const ci_tile_data *data, const ci_cal_table *gain)
{
    const ci_vis_meta *meta = data->set->meta;
    if (data->gains == CI_TILE_GAINS_NONE || data->gains == CI_TILE_GAINS_OWN) return true;
    if (data->gains != CI_TILE_GAINS_GIVEN || !gain) return false;
    for (size_t t = 0; t < gain->n_time; t++)
        if (gain->time_mjd_s[t] >= meta->time_mjd_s[0] - meta->interval_s &&
            gain->time_mjd_s[t] <= meta->time_mjd_s[meta->n_time - 1] + meta->interval_s)
            return true;
    return false;
}

/* Antennas of the baselines. */
static double antennas_of(const ci_vis_meta *meta)
{
    return 0.5 + sqrt(0.25 + 2 * (double)meta->n_baseline);
}

ci_tile_doubt ci_tile_coherence_doubt(const ci_tile_options *options, const ci_tile_data *data,
                                      const ci_cal_table *gain, const ci_image_stats *stats)
{
    ci_qa_limits limits;
    double ratio = stats->rms_jy / stats->thermal_jy, peak = stats->peak_jy / stats->thermal_jy;
    ci_tile_qa_limits(&limits, options->conf);
    if (!(limits.image.max_flux_loss < 1) || !isfinite(ratio)) return CI_TILE_DOUBT_NONE;
    bool has_phases = data->field == CI_TILE_FIELD_PHASE || data->field == CI_TILE_FIELD_ALL;
    if (has_phases || ci_tile_gains_are_own(data, gain)) return CI_TILE_DOUBT_NONE;
    if (ratio > limits.image.warn_noise_ratio) return CI_TILE_DOUBT_NOISE;
    if (!(peak > least_peak)) return CI_TILE_DOUBT_FAINT;
    double loss = noise_factor * (ratio * ratio - 1) * pow(antennas_of(data->set->meta) / peak, 2);
    return loss > limits.image.max_flux_loss ? CI_TILE_DOUBT_NOISE : CI_TILE_DOUBT_NONE;
}

ci_status ci_tile_coherence_find(ci_comm *comm, const ci_tile_options *options,
                                 const ci_sky_model *model, const ci_tile_data *data,
                                 ci_tile_coherence *out, ci_cal_corrections *found)
{
    ci_tile_sources sources = {0};
    *found = (ci_cal_corrections){.loss = NAN, .loss_sigma = NAN};
    ci_status status =
        ci_par_agree(comm, ci_tile_sources_new(data, model, &choice, ci_comm_isa(comm), &sources));
    sources.cal.holds_position = true;
    if (status == CI_OK && sources.model->n_source > 0)
        status = ci_cal_field_solve(comm, data->set, &sources.cal, &options->cal, found);
    out->loss = of_fluxes * found->loss + found->silent_loss;
    out->sigma = of_fluxes * found->loss_sigma;
    ci_tile_sources_clear(&sources);
    return status;
}
