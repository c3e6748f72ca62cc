/* Solves for the gains of an observation on a model, judges and applies them. */
#include "tile/offset.h"
#include "tile/sources.h"
#include "tile/twins.h"
#include "tile/weigh.h"

#include <math.h>
#include <string.h>

ci_status ci_tile_tables_judge(const ci_conf *conf, const ci_cal_table *bandpass,
                               const ci_cal_table *gain, const ci_tile_quality *quality)
{
    char text[CI_TILE_DOUBT_TEXT];
    ci_qa_limits limits;
    ci_tile_qa_limits(&limits, conf);
    ci_status status = ci_qa_table_judge(bandpass, &limits, "bandpass");
    if (status == CI_OK) status = ci_qa_table_judge(gain, &limits, "gains");
    if (status == CI_OK)
        status = ci_qa_offset_judge(&quality->cal.offset, &limits,
                                    ci_conf_text(conf, CI_CONF_OPT_MODEL));
    ci_tile_doubt_text(quality, 0, text);
    if (status == CI_OK && quality->twins.verdict == CI_TILE_TWINS_ONE)
        return ci_error(CI_ERR_GATE, "%s", text);
    if (status == CI_OK) status = ci_qa_structure_judge(&quality->cal.structure, &limits);
    if (status == CI_OK && *text) ci_log_warning("%s", text);
    if (status == CI_OK) return CI_OK;
    return ci_error(status, "%s: is this the right model?", ci_error_text());
}

/* The strip of declination that dishes see which stand still; NaN: they follow the sky, and the
 * calibrator is elsewhere than the field. */
static double declination_of(const ci_tile_data *data)
{
    return data->pointing.is_fixed ? data->pointing.dec_app_rad : NAN;
}

static void structure_tell(const ci_cal_structure *s)
{
    if (s->n_baseline == 0)
        ci_log_info("calibration: structure of the source against its model: not known, too few "
                    "baselines");
    else if (ci_cal_structure_has_neighbour(s))
        ci_log_info("calibration: structure of the source against its model: a source beside it "
                    "explains %.0f %% of the amplitudes' variance, moments %.0f %%",
                    100 * s->neighbour.share, 100 * s->neighbour.moment_share);
    else
        ci_log_info("calibration: structure of the source against its model: fluxes off by %+.2f "
                    "+- %.2f %%, log amplitudes by %+.4f to %.0f wavelengths (%zu baselines)",
                    100 * s->flux, 100 * s->flux_sigma, s->fall, s->length_lambda, s->n_baseline);
}

ci_status ci_tile_solve(ci_comm *comm, const ci_tile_options *options, const ci_tile_data *data,
                        const ci_sky_model *model, ci_cal_table **bandpass, ci_cal_table **gain,
                        ci_tile_quality *quality)
{
    ci_sky_model *near = NULL;
    bool is_approximate = false;
    CI_AGREE(comm, ci_vis_feeds_check(data->set->meta, CI_VIS_POL_I));
    CI_AGREE(comm, ci_tile_model_near(&near, data, model));
    ci_status status = ci_par_agree(comm, ci_tile_model_scale(data, near, &is_approximate));
    ci_sky_scene scene = {data->eop, near, data->beam, &data->pointing, ci_comm_isa(comm), NULL};
    /* Gains of every integration are a second pass over the data. */
    if (status == CI_OK && options->cal.gain_interval_s == CI_CAL_INTERVAL_AUTO)
        status = ci_par_agree(comm, ci_sky_kept_new(&scene.kept));
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "solve");
    double start_s = ci_clock_monotonic_s();
    if (status == CI_OK)
        status = ci_cal_solve(comm, data->set, (ci_cal_model){ci_tile_sources_predict, &scene},
                              &options->cal, bandpass, gain, &quality->cal);
    ci_timer_end(ci_comm_timer(comm), mark);
    if (status == CI_OK && ci_comm_rank(comm) == 0)
        ci_log_info("calibration: bandpass and gains in %.2f s", ci_clock_monotonic_s() - start_s);
    if (status == CI_OK && ci_comm_rank(comm) == 0) structure_tell(&quality->cal.structure);
    if (status == CI_OK)
        status = ci_par_agree(
            comm, ci_tile_twins_find(data, near, &quality->cal.structure, &quality->twins));
    ci_sky_kept_free(scene.kept);
    if (status == CI_OK) {
        (*gain)->is_approximate = is_approximate;
        (*gain)->dec_rad = (*bandpass)->dec_rad = declination_of(data);
    }
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_tile_offset_find(data, near, *gain, &quality->cal.offset));
    ci_sky_model_free(near);
    return status;
}

static ci_status tables_check(const ci_tile_options *options, const ci_cal_table *const table[2],
                              const ci_tile_data *data, bool tells)
{
    for (int i = 0; i < 2; i++) {
        if (!table[i]) continue;
        CI_TRY(ci_cal_strip_check(table[i], declination_of(data), &options->validity));
        CI_TRY(ci_cal_table_check(table[i], data->set->meta, &options->validity, tells));
    }
    bool both = table[0] && table[1] && table[0]->has_convention && table[1]->has_convention;
    if (both && table[0]->stokes_is_sum != table[1]->stokes_is_sum)
        return ci_error(CI_ERR_INPUT,
                        "%s and %s: Header/pol_convention: \"sum\" in one, \"avg\" in the other: "
                        "give tables that belong together",
                        ci_vis_text(table[0]->path), ci_vis_text(table[1]->path));
    return CI_OK;
}

static ci_status blocks_apply_and_weigh(const ci_cal_table *const table[2], ci_isa isa,
                                        double sefd_jy, ci_vis_set *set, ci_cal_noise *noise)
{
    *noise = (ci_cal_noise){.is_known = true};
    for (size_t i = 0; i < set->n_block; i++) {
        ci_cal_noise seen;
        CI_TRY(ci_cal_apply_weigh(table, isa, sefd_jy, set->block[i], &seen));
        ci_tile_noise_add(noise, &seen);
    }
    return CI_OK;
}

static void applied_note(const ci_cal_table *const table[2], ci_tile_gains gains,
                         ci_tile_data *data)
{
    data->set->meta->units = CI_VIS_UNITS_JY;
    for (int i = 0; i < 2; i++)
        if (table[i] && table[i]->has_convention)
            data->set->meta->stokes_is_sum = table[i]->stokes_is_sum;
    data->gains = gains;
    data->is_approximate = table[1] && table[1]->is_approximate;
}

ci_status ci_tile_apply(ci_comm *comm, const ci_tile_options *options, const ci_cal_table *bandpass,
                        const ci_cal_table *gain, ci_tile_gains gains, bool to_be_calibrated,
                        ci_tile_data *data)
{
    const ci_cal_table *const table[2] = {bandpass, gain};
    ci_isa isa = ci_comm_isa(comm);
    ci_cal_noise noise;
    CI_PAR_EQUAL(comm, "applying tables: an option, which, or their origin", bandpass != NULL,
                 gain != NULL, gains, to_be_calibrated, options->weights_given, options->weights,
                 options->sefd_jy);
    CI_AGREE(comm, tables_check(options, table, data, ci_comm_rank(comm) == 0));
    if (bandpass) data->n_empty_sub_band += ci_cal_table_sub_bands_out(bandpass, data->set->meta);
    if (!bandpass && !gain) return ci_tile_weigh(comm, options, to_be_calibrated, data);
    if (ci_tile_weighting(options, to_be_calibrated, data->set->meta) == CI_CAL_WEIGHTS_SIGMA) {
        CI_AGREE(comm, blocks_apply_and_weigh(table, isa, options->sefd_jy, data->set, &noise));
        applied_note(table, gains, data);
        return ci_tile_noise_take(comm, options->sefd_jy, noise, data);
    }
    CI_AGREE(comm, ci_tile_blocks_apply(table, isa, data->set));
    applied_note(table, gains, data);
    return ci_tile_weigh(comm, options, to_be_calibrated, data);
}
