/* The raw weights of an observation. */
#include "tile/weigh.h"

void ci_tile_noise_add(ci_cal_noise *total, const ci_cal_noise *seen)
{
    total->is_known = total->is_known && seen->is_known;
    total->n_measured += seen->n_measured;
    total->n_rounding += seen->n_rounding;
}

static ci_status weigh_blocks(ci_comm *comm, ci_vis_set *set, ci_cal_weighting how, double sefd_jy,
                              ci_cal_noise *noise)
{
    *noise = (ci_cal_noise){.is_known = true};
    for (size_t i = 0; i < set->n_block; i++) {
        ci_cal_noise seen;
        CI_TRY(ci_cal_weights(set->block[i], how, sefd_jy, ci_comm_isa(comm), &seen));
        ci_tile_noise_add(noise, &seen);
    }
    return CI_OK;
}

/* What all ranks saw; known only where known on every rank. */
static ci_status noise_share(ci_comm *comm, ci_cal_noise *noise)
{
    int64_t sums[3] = {!noise->is_known, noise->n_measured, noise->n_rounding};
    CI_TRY(ci_par_sum_int(comm, sums, 3));
    *noise = (ci_cal_noise){sums[0] == 0, sums[1], sums[2]};
    return CI_OK;
}

/* Noise from the data; where most spectra have none, 1 for all: what weights the few others would
 * get says nothing. */
ci_status ci_tile_noise_take(ci_comm *comm, double sefd_jy, ci_cal_noise noise, ci_tile_data *data)
{
    bool tells = ci_comm_rank(comm) == 0;
    CI_TRY(noise_share(comm, &noise));
    bool is_free = !(sefd_jy > 0) && noise.n_rounding > noise.n_measured;
    data->weights_known = noise.is_known && !is_free;
    if (noise.is_known && is_free) {
        ci_cal_noise none;
        CI_AGREE(comm, weigh_blocks(comm, data->set, CI_CAL_WEIGHTS_UNIT, 0, &none));
    }
    if (tells && !data->weights_known)
        ci_log_info("noise cannot be measured from these data and --sefd is not given: "
                    "weights are relative, thermal noise is unknown");
    if (tells && data->weights_known && noise.n_rounding > 0)
        ci_log_warning(
            "weights: %lld of %lld baselines by polarisation have no noise but that of "
            "rounding: %s",
            (long long)noise.n_rounding, (long long)(noise.n_rounding + noise.n_measured),
            sefd_jy > 0 ? "weighted by --sefd" : "left out (--weights unit weighs all the same)");
    return CI_OK;
}

ci_cal_weighting ci_tile_weighting(const ci_tile_options *options, bool to_be_calibrated,
                                   const ci_vis_meta *meta)
{
    if (options->weights_given) return options->weights;
    if (to_be_calibrated) return CI_CAL_WEIGHTS_SIGMA;
    return meta->has_valid_nsamples ? CI_CAL_WEIGHTS_NSAMPLES : CI_CAL_WEIGHTS_UNIT;
}

ci_status ci_tile_weigh(ci_comm *comm, const ci_tile_options *options, bool to_be_calibrated,
                        ci_tile_data *data)
{
    ci_cal_noise noise;
    CI_PAR_EQUAL(comm, "weights: an option", options->weights_given, options->weights,
                 options->sefd_jy, to_be_calibrated);
    ci_cal_weighting how = ci_tile_weighting(options, to_be_calibrated, data->set->meta);
    CI_AGREE(comm, weigh_blocks(comm, data->set, how, options->sefd_jy, &noise));
    if (how == CI_CAL_WEIGHTS_SIGMA) return ci_tile_noise_take(comm, options->sefd_jy, noise, data);
    data->weights_known = false;
    return CI_OK;
}
