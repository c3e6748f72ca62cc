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
/* What is as near to the brightest source is of it: lobes, components of a model. */
static const double one_source_rad = 120 * CI_ARCSEC_TO_RAD;
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

bool ci_tile_model_is_faint(const char *name, double brightest_jy)
{
    return !ci_tile_model_is_list(name) && brightest_jy < least_calibrator_jy;
}

/* In the beam of one time. */
static void seen_at(const ci_sky_frame *frame, const ci_sky_scene *scene, double freq_hz,
                    ci_tile_seen *out)
{
    const ci_sky_source *best = NULL;
    double most_jy = 0;
    *out = (ci_tile_seen){0};
    for (int pass = 0; pass < 2; pass++) /* the second sums what is at the brightest */
        for (size_t i = 0; i < scene->model->n_source; i++) {
            const ci_sky_source *s = &scene->model->source[i];
            if (pass == 1 && (!best || ci_sky_separation_rad(best->ra_rad, best->dec_rad, s->ra_rad,
                                                             s->dec_rad) > one_source_rad))
                continue;
            double power = ci_sky_beam_power(scene->beam, scene->pointing, frame, s->ra_rad,
                                             s->dec_rad, freq_hz);
            double flux_jy = power * ci_sky_source_flux_jy(s, freq_hz);
            if (pass == 1) out->brightest_jy += flux_jy;
            if (pass == 1) continue;
            out->flux_jy += flux_jy;
            out->level = fmax(out->level, power);
            if (!(flux_jy > most_jy)) continue;
            most_jy = flux_jy;
            best = s;
        }
}

ci_status ci_tile_model_seen(const ci_sky_eop *eop, const ci_vis_meta *meta,
                             const ci_sky_beam *beam, const ci_sky_model *model, ci_tile_seen *out)
{
    enum
    {
        MOST_TIMES = 32 /* of dishes that move; else the middle */
    };
    ci_sky_pointing pointing;
    double mid = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    double freq = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2];
    *out = (ci_tile_seen){0};
    CI_TRY(ci_sky_pointing_from(meta, &pointing));
    const ci_sky_scene scene = {.model = model, .beam = beam, .pointing = &pointing};
    size_t n = pointing.n_move > MOST_TIMES ? MOST_TIMES
               : pointing.n_move > 0        ? pointing.n_move
                                            : 1;
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < n; i++) {
        ci_tile_seen now = {0};
        ci_sky_frame *frame = NULL;
        double time = pointing.n_move > 0 ? pointing.move_mjd_s[i * pointing.n_move / n] : mid;
        status = ci_sky_frame_new(&frame, eop, &meta->array, time, meta->dut1_s);
        if (status == CI_OK) seen_at(frame, &scene, freq, &now);
        if (i == 0 || now.flux_jy > out->flux_jy) out->flux_jy = now.flux_jy;
        out->level = fmax(out->level, now.level);
        out->brightest_jy = fmax(out->brightest_jy, now.brightest_jy);
        ci_sky_frame_free(frame);
    }
    ci_sky_pointing_clear(&pointing);
    return status;
}

ci_status ci_tile_model_check(const ci_tile_data *data, const ci_sky_model *model, const char *name)
{
    ci_tile_seen seen;
    CI_TRY(ci_tile_model_seen(data->eop, data->set->meta, data->beam, model, &seen));
    bool is_list = ci_tile_model_is_list(name);
    if (seen.level >= CI_TILE_MIN_BEAM_LEVEL && seen.flux_jy > (is_list ? least_calibrator_jy : 0))
        return CI_OK;
    if (is_list)
        return ci_error(CI_ERR_INPUT,
                        "--model %s: no calibrator transits in these data: all listed sources "
                        "together are seen at %.2g Jy, %.2g are needed: give a model of this field",
                        name, seen.flux_jy, least_calibrator_jy);
    return ci_error(CI_ERR_INPUT,
                    "--model %s: none of its %zu source%s is in the beam, the best placed is seen "
                    "at %.2g of its flux, all together at %.2g Jy: give the sources of this field",
                    name, model->n_source, ci_plural(model->n_source), seen.level, seen.flux_jy);
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
    ci_tile_seen all = {0}, listed = {0};
    ci_sky_model *of = NULL;
    CI_TRY(ci_sky_model_new(&of));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < model->n_source; i++)
        if (model->source[i].is_flux_approximate)
            status = ci_sky_model_append(of, &model->source[i]);
    const ci_vis_meta *meta = data->set->meta;
    if (status == CI_OK) status = ci_tile_model_seen(data->eop, meta, data->beam, model, &all);
    if (status == CI_OK && of->n_source > 0)
        status = ci_tile_model_seen(data->eop, meta, data->beam, of, &listed);
    *is_approximate = status == CI_OK && listed.flux_jy > approximate_share * all.flux_jy;
    ci_sky_model_free(of);
    return status;
}
