#include "pipeline/steps.h"

#include <math.h>
#include <string.h>

/* Less than the first sidelobe of an Airy pattern: beyond the main lobe. */
static const double least_power_of_centre = 0.02;

void ci_pipeline_data_free(ci_pipeline_data *data)
{
    ci_vis_set_free(data->set);
    ci_sky_eop_free(data->eop);
    ci_sky_beam_free(data->beam);
    ci_flag_report_free(data->flags);
    memset(data, 0, sizeof *data);
}

/* What follows from header and options alone, before any data are touched. Local. */
static ci_status prepare(const ci_pipeline_options *options, const ci_vis_meta *meta,
                         ci_pipeline_data *out)
{
    ci_sky_pointing_from(meta, &out->pointing);
    CI_TRY(ci_sky_beam_new(&out->beam, options->beam, &meta->array));
    if (!options->centre_given)
        return ci_sky_centre_default(out->eop, meta, &out->ra_rad, &out->dec_rad);
    out->ra_rad = options->ra_rad;
    out->dec_rad = options->dec_rad;
    return CI_OK;
}

/* What the array saw of a place at one of its times. */
static ci_status seen_at(const ci_pipeline_data *data, double time_mjd_s, double ra_rad,
                         double dec_rad, double *sine, double *power)
{
    const ci_vis_meta *meta = data->set->meta;
    double freq = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2], ha, dec;
    double latitude = meta->array.lat_rad;
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_sky_frame_new(&frame, data->eop, &meta->array, time_mjd_s, meta->dut1_s));
    ci_sky_apparent(frame, ra_rad, dec_rad, &ha, &dec);
    *sine = fmax(*sine, sin(latitude) * sin(dec) + cos(latitude) * cos(dec) * cos(ha));
    *power =
        fmax(*power, ci_sky_beam_power(data->beam, &data->pointing, frame, ra_rad, dec_rad, freq));
    ci_sky_frame_free(frame);
    return CI_OK;
}

/* A centre that was asked for: refused where it never rose, warned of where the beam hardly sees
 * it. */
static ci_status centre_check(const ci_pipeline_data *data, bool warns)
{
    const ci_vis_meta *meta = data->set->meta;
    double sine = -1, power = 0, ra = data->ra_rad * CI_RAD_TO_DEG;
    double dec = data->dec_rad * CI_RAD_TO_DEG;
    double begin = meta->time_mjd_s[0], length = meta->time_mjd_s[meta->n_time - 1] - begin;
    for (int i = 0; i <= 4; i++)
        CI_TRY(
            seen_at(data, begin + 0.25 * i * length, data->ra_rad, data->dec_rad, &sine, &power));
    if (sine <= 0)
        return ci_error(CI_ERR_USAGE,
                        "--phase-center %.6g,%.6g: %.3g degrees below the horizon while these data "
                        "were taken: give a centre that the array saw",
                        ra, dec, -asin(fmax(sine, -1)) * CI_RAD_TO_DEG);
    if (warns && power < least_power_of_centre)
        ci_log_warning("--phase-center %.6g,%.6g lies outside the primary beam, which sees it at "
                       "%.2g of its flux: is this the field of these data?",
                       ra, dec, power);
    return CI_OK;
}

ci_status ci_pipeline_load(ci_comm *comm, const ci_pipeline_options *options,
                           const char *const *paths, size_t n_path, ci_pipeline_data *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->gains, sizeof out->gains, "none");
    ci_uvh5_set *files = NULL;
    ci_status status = ci_par_agree(comm, ci_sky_eop_load(&out->eop, options->earth_orientation));
    if (status == CI_OK) status = ci_uvh5_set_open(comm, &files, paths, n_path, &options->uvh5);
    if (status == CI_OK) status = ci_uvh5_set_read(comm, files, &out->set);
    ci_uvh5_set_free(files);
    if (status == CI_OK) status = ci_par_agree(comm, prepare(options, out->set->meta, out));
    if (status == CI_OK && options->centre_given)
        status = ci_par_agree(comm, centre_check(out, ci_comm_rank(comm) == 0));
    if (status == CI_OK)
        status =
            ci_par_agree(comm, ci_sky_set_rephase(out->eop, out->set, out->ra_rad, out->dec_rad));
    if (status != CI_OK) ci_pipeline_data_free(out);
    return status;
}

/* A sample that is exactly zero is suspect, but where nobody asked for flagging it is data. */
static void keep_zeros(ci_vis_set *set)
{
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *block = set->block[i];
        size_t n = block->n_row * block->n_chan * block->n_pol;
        for (size_t k = 0; k < n; k++)
            block->flags[k] &= (uint8_t)~CI_FLAG_ZERO;
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
static void empty_find(ci_pipeline_data *data, bool warns)
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

static ci_status flag_or_count(ci_comm *comm, const ci_pipeline_options *options, bool find,
                               ci_pipeline_data *data)
{
    if (!find) keep_zeros(data->set);
    if (find) return ci_flag_run(comm, data->set, &options->flag, &data->flags);
    CI_TRY(ci_flag_count(comm, data->set, &data->flags));
    if (data->flags->counts.n_good > 0) return CI_OK;
    return ci_error(CI_ERR_NO_DATA, "no data left after flags: every sample of the files given is "
                                    "flagged, not finite or exactly zero");
}

ci_status ci_pipeline_flag(ci_comm *comm, const ci_pipeline_options *options, bool find,
                           ci_pipeline_data *data)
{
    ci_flag_report_free(data->flags);
    data->flags = NULL;
    CI_TRY(flag_or_count(comm, options, find, data));
    empty_find(data, ci_comm_rank(comm) == 0);
    return CI_OK;
}

bool ci_pipeline_is_calibrated(const ci_pipeline_options *options, const ci_pipeline_data *data)
{
    return options->is_calibrated || data->set->meta->units == CI_UNITS_JY;
}

static ci_status weigh_blocks(ci_pipeline_data *data, ci_cal_weighting how, double sefd_jy)
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

ci_status ci_pipeline_weigh(ci_comm *comm, const ci_pipeline_options *options,
                            bool to_be_calibrated, ci_pipeline_data *data)
{
    ci_cal_weighting how = CI_WEIGHTS_SIGMA;
    if (options->weights_given)
        how = options->weights;
    else if (!to_be_calibrated)
        how = data->set->meta->has_valid_nsamples ? CI_WEIGHTS_NSAMPLES : CI_WEIGHTS_UNIT;
    CI_AGREE(comm, weigh_blocks(data, how, options->sefd_jy));
    /* Known only where known on every rank. */
    int64_t unknown = !data->weights_known;
    CI_TRY(ci_par_max_int(comm, &unknown, 1));
    data->weights_known = how == CI_WEIGHTS_SIGMA && !unknown;
    if (how == CI_WEIGHTS_SIGMA && unknown) {
        if (ci_comm_rank(comm) == 0)
            ci_log_info("noise cannot be measured from these data and --sefd is not given: "
                        "weights are relative, thermal noise is unknown");
    }
    return CI_OK;
}

ci_status ci_pipeline_model_seen(const ci_sky_eop *eop, const ci_vis_meta *meta,
                                 const ci_sky_beam *beam, const ci_sky_model *model,
                                 double *flux_jy, double *level)
{
    ci_sky_frame *frame = NULL;
    ci_sky_pointing pointing;
    double time = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    double freq = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2];
    *flux_jy = *level = 0;
    ci_sky_pointing_from(meta, &pointing);
    CI_TRY(ci_sky_frame_new(&frame, eop, &meta->array, time, meta->dut1_s));
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        double power = ci_sky_beam_power(beam, &pointing, frame, s->ra_rad, s->dec_rad, freq);
        *flux_jy += power * ci_sky_source_flux_jy(s, freq);
        if (power > *level) *level = power;
    }
    ci_sky_frame_free(frame);
    return CI_OK;
}

ci_status ci_pipeline_model_check(const ci_pipeline_data *data, const ci_sky_model *model,
                                  const char *name)
{
    double flux_jy, level;
    CI_TRY(ci_pipeline_model_seen(data->eop, data->set->meta, data->beam, model, &flux_jy, &level));
    if (level >= CI_PIPELINE_LEAST_LEVEL && flux_jy > 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "--model %s: none of its %zu source%s is in the beam, the best placed is seen "
                    "at %.2g of its flux, all together at %.2g Jy: give the sources of this field",
                    name, model->n_source, ci_plural(model->n_source), level, flux_jy);
}

ci_status ci_pipeline_tables_judge(const ci_conf *conf, const ci_cal_table *bandpass,
                                   const ci_cal_table *gain)
{
    ci_cal_limits limits;
    ci_cal_limits_default(&limits);
    limits.max_flagged = ci_conf_double(conf, CI_OPT_QA_CAL_MAX_FLAGGED);
    limits.min_amplitude = ci_conf_double(conf, CI_OPT_QA_CAL_MIN_AMP);
    limits.max_amplitude = ci_conf_double(conf, CI_OPT_QA_CAL_MAX_AMP);
    limits.max_phase_scatter_deg = ci_conf_double(conf, CI_OPT_QA_CAL_MAX_PHASE_SCATTER);
    ci_status status = ci_cal_table_gate(bandpass, &limits, "bandpass");
    if (status == CI_OK) status = ci_cal_table_gate(gain, &limits, "gains");
    if (status == CI_OK) return CI_OK;
    return ci_error(status, "%s: is this the right model? (--qa-cal-... set the limits)",
                    ci_error_text());
}

typedef struct
{
    const ci_pipeline_data *data;
    const ci_sky_model *model;
} predict_context;

static ci_status predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    const predict_context *c = context;
    return ci_sky_predict(c->data->eop, c->model, c->data->beam, &c->data->pointing, block, out);
}

ci_status ci_pipeline_solve(ci_comm *comm, const ci_pipeline_options *options,
                            const ci_pipeline_data *data, const ci_sky_model *model,
                            ci_cal_table **bandpass, ci_cal_table **gain, ci_cal_quality *quality)
{
    predict_context context = {data, model};
    return ci_cal_solve(comm, data->set, predict, &context, &options->cal, bandpass, gain, quality);
}

static ci_status apply_blocks(const ci_cal_table *table, ci_vis_set *set)
{
    for (size_t i = 0; table && i < set->n_block; i++)
        CI_TRY(ci_cal_apply(table, set->block[i]));
    return CI_OK;
}

ci_status ci_pipeline_apply(ci_comm *comm, const ci_cal_table *bandpass, const ci_cal_table *gain,
                            const char *how, ci_pipeline_data *data)
{
    CI_AGREE(comm, apply_blocks(bandpass, data->set));
    CI_AGREE(comm, apply_blocks(gain, data->set));
    if (!bandpass && !gain) return CI_OK;
    data->set->meta->units = CI_UNITS_JY;
    snprintf(data->gains, sizeof data->gains, "%s", how);
    data->is_approximate = gain && gain->is_approximate;
    return CI_OK;
}

/* Whose fluxes the data's are. */
static const char *flux_scale(const ci_pipeline_options *options, const ci_pipeline_data *data)
{
    if (strcmp(data->gains, "none") != 0) return data->is_approximate ? "approximate" : "model";
    return ci_pipeline_is_calibrated(options, data) ? "given" : "none";
}

/* Cards that say where an image comes from. */
static ci_status header_fill(const ci_pipeline_options *options, const ci_pipeline_data *data,
                             const char *prefix, ci_fits_header *header)
{
    unsigned judged = CI_RELAXED_IMAGES | (data->is_solved_here ? CI_RELAXED_TABLES : 0);
    const ci_vis_meta *meta = data->set->meta;
    memset(header, 0, sizeof *header);
    header->ra_rad = data->ra_rad;
    header->dec_rad = data->dec_rad;
    header->time_mjd_s = meta->time_mjd_s[0];
    snprintf(header->telescope, sizeof header->telescope, "%s", meta->array.telescope);
    snprintf(header->object, sizeof header->object, "%s",
             meta->phase[0].name[0] ? meta->phase[0].name : ci_path_base(prefix));
    CI_TRY(ci_fits_card_set_text(header, "CIVERS", ci_version(), "contimg version"));
    CI_TRY(ci_fits_card_set_text(header, "GAINS", data->gains, "origin of the gains"));
    const char *scale = flux_scale(options, data);
    /* Correlator units become Jy by gains only. */
    snprintf(header->bunit, sizeof header->bunit, strcmp(scale, "none") == 0 ? "count" : "Jy");
    CI_TRY(ci_fits_card_set_text(header, "FLUXSCAL", scale,
                                 "flux scale: model, approximate, given, none"));
    CI_TRY(ci_pipeline_relaxed_cards(header, options->conf, judged));
    CI_TRY(ci_fits_card_set_int(header, "NSUBBAND", (int64_t)meta->n_sub_band, "sub-bands imaged"));
    return ci_fits_card_set_number(header, "EXPTIME",
                                   meta->time_mjd_s[meta->n_time - 1] - meta->time_mjd_s[0] +
                                       meta->interval_s,
                                   "[s] first to last integration");
}

ci_status ci_pipeline_make_image(ci_comm *comm, const ci_pipeline_options *options,
                                 const ci_pipeline_data *data, const char *prefix,
                                 ci_image_stats *stats)
{
    ci_image_sky sky = {data->eop, data->beam, &data->pointing, data->ra_rad, data->dec_rad};
    ci_fits_header header = {0};
    ci_status status = ci_par_agree(comm, header_fill(options, data, prefix, &header));
    if (status == CI_OK)
        status = ci_image_make(comm, data->set, &sky, &options->image, data->weights_known, &header,
                               prefix, stats);
    ci_fits_header_clear(&header);
    return status;
}
