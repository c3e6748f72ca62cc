/* The raw weights of an observation. */
#include "contimg/tile.h"

static ci_status weigh_blocks(ci_tile_data *data, ci_cal_weighting how, double sefd_jy)
{
    bool all_known = true;
    for (size_t i = 0; i < data->set->n_block; i++) {
        bool known = false;
        CI_TRY(ci_cal_weights(data->set->block[i], how, sefd_jy, &known));
        all_known = all_known && known;
    }
    data->weights_known = all_known;
    return CI_OK;
}

ci_status ci_tile_weigh(ci_comm *comm, const ci_tile_options *options, bool to_be_calibrated,
                        ci_tile_data *data)
{
    ci_cal_weighting how = CI_CAL_WEIGHTS_SIGMA;
    CI_PAR_EQUAL(comm, "weights: an option", options->weights_given, options->weights,
                 options->sefd_jy, to_be_calibrated);
    if (options->weights_given)
        how = options->weights;
    else if (!to_be_calibrated)
        how = data->set->meta->has_valid_nsamples ? CI_CAL_WEIGHTS_NSAMPLES : CI_CAL_WEIGHTS_UNIT;
    CI_AGREE(comm, weigh_blocks(data, how, options->sefd_jy));
    /* Known only where known on every rank. */
    int64_t unknown = !data->weights_known;
    CI_TRY(ci_par_max_int(comm, &unknown, 1));
    data->weights_known = how == CI_CAL_WEIGHTS_SIGMA && !unknown;
    if (how == CI_CAL_WEIGHTS_SIGMA && unknown) {
        if (ci_comm_rank(comm) == 0)
            ci_log_info("noise cannot be measured from these data and --sefd is not given: "
                        "weights are relative, thermal noise is unknown");
    }
    return CI_OK;
}
