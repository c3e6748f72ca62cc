/* Solves for the gains of an observation on a model, judges and applies them. */
#include "contimg/tile.h"

#include <string.h>

/* Flux of the model in the beam of one time, and the greatest power that a source has there. */
static void seen_at(const ci_sky_frame *frame, const ci_sky_scene *scene, double freq_hz,
                    double *flux_jy, double *level)
{
    *flux_jy = *level = 0;
    for (size_t i = 0; i < scene->model->n_source; i++) {
        const ci_sky_source *s = &scene->model->source[i];
        double power =
            ci_sky_beam_power(scene->beam, scene->pointing, frame, s->ra_rad, s->dec_rad, freq_hz);
        *flux_jy += power * ci_sky_source_flux_jy(s, freq_hz);
        if (power > *level) *level = power;
    }
}

ci_status ci_tile_model_seen(const ci_sky_eop *eop, const ci_vis_meta *meta,
                             const ci_sky_beam *beam, const ci_sky_model *model, double *flux_jy,
                             double *level)
{
    enum
    {
        MOST_TIMES = 32 /* of dishes that move; else the middle */
    };
    ci_sky_pointing pointing;
    double mid = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    double freq = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2];
    *flux_jy = *level = 0;
    CI_TRY(ci_sky_pointing_from(meta, &pointing));
    const ci_sky_scene scene = {.model = model, .beam = beam, .pointing = &pointing};
    size_t n = pointing.n_move > MOST_TIMES ? MOST_TIMES
               : pointing.n_move > 0        ? pointing.n_move
                                            : 1;
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        double flux = 0, most = 0;
        ci_sky_frame *frame = NULL;
        double time = pointing.n_move > 0 ? pointing.move_mjd_s[i * pointing.n_move / n] : mid;
        status = ci_sky_frame_new(&frame, eop, &meta->array, time, meta->dut1_s);
        if (status == CI_OK) seen_at(frame, &scene, freq, &flux, &most);
        if (i == 0 || flux > *flux_jy) *flux_jy = flux;
        if (most > *level) *level = most;
        ci_sky_frame_free(frame);
    }
    ci_sky_pointing_clear(&pointing);
    return status;
}

ci_status ci_tile_model_check(const ci_tile_data *data, const ci_sky_model *model, const char *name)
{
    double flux_jy, level;
    CI_TRY(ci_tile_model_seen(data->eop, data->set->meta, data->beam, model, &flux_jy, &level));
    if (level >= CI_TILE_MIN_BEAM_LEVEL && flux_jy > 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "--model %s: none of its %zu source%s is in the beam, the best placed is seen "
                    "at %.2g of its flux, all together at %.2g Jy: give the sources of this field",
                    name, model->n_source, ci_plural(model->n_source), level, flux_jy);
}

ci_status ci_tile_tables_judge(const ci_conf *conf, const ci_cal_table *bandpass,
                               const ci_cal_table *gain)
{
    ci_qa_limits limits;
    ci_tile_qa_limits(&limits, conf);
    ci_status status = ci_qa_table_judge(bandpass, &limits, "bandpass");
    if (status == CI_OK) status = ci_qa_table_judge(gain, &limits, "gains");
    if (status == CI_OK) return CI_OK;
    return ci_error(status, "%s: is this the right model?", ci_error_text());
}

static ci_status predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    return ci_sky_predict(context, block, out);
}

ci_status ci_tile_solve(ci_comm *comm, const ci_tile_options *options, const ci_tile_data *data,
                        const ci_sky_model *model, ci_cal_table **bandpass, ci_cal_table **gain,
                        ci_cal_quality *quality)
{
    ci_sky_scene scene = {data->eop, model, data->beam, &data->pointing, ci_comm_isa(comm)};
    CI_AGREE(comm, ci_vis_feeds_check(data->set->meta, "I"));
    return ci_cal_solve(comm, data->set, predict, &scene, &options->cal, bandpass, gain, quality);
}

static ci_status apply_blocks(const ci_cal_table *table, ci_vis_set *set)
{
    for (size_t i = 0; table && i < set->n_block; i++)
        CI_TRY(ci_cal_apply(table, set->block[i]));
    return CI_OK;
}

static ci_status tables_check(const ci_tile_options *options, const ci_cal_table *const table[2],
                              const ci_vis_meta *meta, bool tells)
{
    for (int i = 0; i < 2; i++)
        if (table[i]) CI_TRY(ci_cal_table_check(table[i], meta, &options->validity, tells));
    bool both = table[0] && table[1] && table[0]->has_convention && table[1]->has_convention;
    if (both && table[0]->stokes_is_sum != table[1]->stokes_is_sum)
        return ci_error(CI_ERR_INPUT,
                        "%s and %s: Header/pol_convention: \"sum\" in one, \"avg\" in the other: "
                        "give tables that belong together",
                        ci_vis_text(table[0]->path), ci_vis_text(table[1]->path));
    return CI_OK;
}

ci_status ci_tile_apply(ci_comm *comm, const ci_tile_options *options, const ci_cal_table *bandpass,
                        const ci_cal_table *gain, ci_tile_gains gains, ci_tile_data *data)
{
    const ci_cal_table *const table[2] = {bandpass, gain};
    CI_PAR_EQUAL(comm, "applying tables: which, or their origin", bandpass != NULL, gain != NULL,
                 gains);
    CI_AGREE(comm, tables_check(options, table, data->set->meta, ci_comm_rank(comm) == 0));
    if (bandpass) data->n_empty_sub_band += ci_cal_table_sub_bands_out(bandpass, data->set->meta);
    CI_AGREE(comm, apply_blocks(bandpass, data->set));
    CI_AGREE(comm, apply_blocks(gain, data->set));
    if (!bandpass && !gain) return CI_OK;
    data->set->meta->units = CI_VIS_UNITS_JY;
    for (int i = 0; i < 2; i++)
        if (table[i] && table[i]->has_convention)
            data->set->meta->stokes_is_sum = table[i]->stokes_is_sum;
    data->gains = gains;
    data->is_approximate = gain && gain->is_approximate;
    return CI_OK;
}
