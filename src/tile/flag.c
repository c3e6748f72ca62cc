/* Flags an observation, or only counts the flags of its files. */
#include "contimg/tile.h"

/* A sample that is exactly zero is suspect, but where nobody asked for flagging it is data. */
static void keep_zeros(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        size_t n = block->n_row * block->n_chan * block->n_pol;
        for (size_t k = 0; k < n; k++)
            block->flags[k] &= (uint8_t)~CI_VIS_FLAG_ZERO;
    }
}

/* Whether flags leave nothing of these channels. */
static bool is_empty(const double *channel_fraction, size_t n_chan)
{
    for (size_t k = 0; k < n_chan; k++)
        if (channel_fraction[k] < 1) return false; /* NaN: no sample at all */
    return true;
}

/* A sub-band without data is as good as a file that did not come. */
static void empty_find(ci_tile_data *data, bool warns)
{
    const ci_vis_meta *meta = data->set->meta;
    size_t i_chan = 0;
    data->n_empty_sub_band = 0;
    for (size_t s = 0; s < meta->n_sub_band; s++) {
        const ci_vis_sub_band *band = &meta->sub_band[s];
        bool empty = is_empty(data->flags->channel_fraction + i_chan, band->n_chan);
        i_chan += band->n_chan;
        if (!empty) continue;
        data->n_empty_sub_band++;
        if (warns)
            ci_log_warning("sub-band at %.3f MHz: no data left after flags: every sample is "
                           "flagged, not finite or exactly zero",
                           1e-6 * 0.5 * (band->freq_hz[0] + band->freq_hz[band->n_chan - 1]));
    }
}

static ci_status flag_or_count(ci_comm *comm, const ci_tile_options *options, bool find,
                               ci_tile_data *data)
{
    if (!find) keep_zeros(data->set);
    if (find) return ci_flag_run(comm, data->set, &options->flag, &data->flags);
    CI_TRY(ci_flag_impossible_warn(comm, data->set));
    CI_TRY(ci_flag_count(comm, data->set, &data->flags));
    if (data->flags->counts.n_good > 0) return CI_OK;
    return ci_error(CI_ERR_NO_DATA, "no data left after flags: every sample of the files given is "
                                    "flagged, not finite or exactly zero");
}

ci_status ci_tile_flag(ci_comm *comm, const ci_tile_options *options, bool find, ci_tile_data *data)
{
    CI_PAR_EQUAL(comm, "flags: found or only counted", find);
    ci_flag_report_free(data->flags);
    data->flags = NULL;
    CI_TRY(flag_or_count(comm, options, find, data));
    empty_find(data, ci_comm_rank(comm) == 0);
    return CI_OK;
}
