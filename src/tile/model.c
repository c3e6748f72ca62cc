/* The model that an observation is calibrated on: where it comes from, and how the array sees it.
 */
#include "contimg/tile.h"

#include <math.h>
#include <string.h>

static const char list_word[] = "calibrators"; /* in place of a file */
/* Seen flux that a calibrator of the list needs. */
static const double least_calibrator_jy = 2;
/* Beyond it a beam has only far sidelobes: sources of another declination. */
static const double near_deg = 8;
/* Of the flux seen, from sources whose own is approximate: from there on the scale is. */
static const double approximate_share = 0.1;

bool ci_tile_model_is_list(const char *name)
{
    return strcmp(name, list_word) == 0;
}

ci_status ci_tile_model_read(ci_sky_model **out, const char *name)
{
    *out = NULL;
    if (ci_tile_model_is_list(name)) return ci_sky_catalog_calibrators(out);
    CI_TRY(ci_sky_model_read(out, name));
    return ci_sky_model_points_check(*out, name);
}

double ci_tile_model_least_jy(const char *name)
{
    return ci_tile_model_is_list(name) ? least_calibrator_jy : 0;
}

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
    bool is_list = ci_tile_model_is_list(name);
    if (level >= CI_TILE_MIN_BEAM_LEVEL && flux_jy > (is_list ? least_calibrator_jy : 0))
        return CI_OK;
    if (is_list)
        return ci_error(CI_ERR_INPUT,
                        "--model %s: no calibrator transits in these data: all listed sources "
                        "together are seen at %.2g Jy, %.2g are needed: give a model of this field",
                        name, flux_jy, least_calibrator_jy);
    return ci_error(CI_ERR_INPUT,
                    "--model %s: none of its %zu source%s is in the beam, the best placed is seen "
                    "at %.2g of its flux, all together at %.2g Jy: give the sources of this field",
                    name, model->n_source, ci_plural(model->n_source), level, flux_jy);
}

/* ICRS position that the dishes look at in mid tile. */
static ci_status looked_at(const ci_tile_data *data, double *ra_rad, double *dec_rad)
{
    const ci_vis_meta *meta = data->set->meta;
    const ci_sky_pointing *pointing = &data->pointing;
    double mid = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    ci_sky_frame *frame = NULL;
    *ra_rad = pointing->ra_rad;
    *dec_rad = pointing->dec_rad;
    if (!pointing->is_fixed) return CI_OK;
    CI_TRY(ci_sky_frame_new(&frame, data->eop, &meta->array, mid, meta->dut1_s));
    ci_sky_icrs(frame, pointing->ha_rad, pointing->dec_app_rad, ra_rad, dec_rad);
    ci_sky_frame_free(frame);
    return CI_OK;
}

ci_status ci_tile_model_near(ci_sky_model **out, const ci_tile_data *data,
                             const ci_sky_model *model)
{
    double ra, dec, radius = near_deg * CI_DEG_TO_RAD;
    CI_TRY(looked_at(data, &ra, &dec));
    if (ci_sky_beam_is_none(data->beam) || data->pointing.n_move > 0) radius = CI_PI;
    return ci_sky_model_select(out, model, ra, dec, radius);
}

ci_status ci_tile_model_scale(const ci_tile_data *data, const ci_sky_model *model,
                              bool *is_approximate)
{
    double all_jy = 0, of_jy = 0, level;
    ci_sky_model *of = NULL;
    CI_TRY(ci_sky_model_new(&of));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < model->n_source; i++)
        if (model->source[i].is_flux_approximate)
            status = ci_sky_model_append(of, &model->source[i]);
    const ci_vis_meta *meta = data->set->meta;
    if (status == CI_OK)
        status = ci_tile_model_seen(data->eop, meta, data->beam, model, &all_jy, &level);
    if (status == CI_OK && of->n_source > 0)
        status = ci_tile_model_seen(data->eop, meta, data->beam, of, &of_jy, &level);
    *is_approximate = status == CI_OK && of_jy > approximate_share * all_jy;
    ci_sky_model_free(of);
    return status;
}
