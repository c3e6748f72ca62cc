/* Images of an observation, with the cards that say where they come from. */
#include "tile/imager.h"

#include <string.h>

bool ci_tile_is_calibrated(const ci_tile_options *options, const ci_tile_data *data)
{
    return options->is_calibrated || data->set->meta->units == CI_VIS_UNITS_JY;
}

/* Whose fluxes the data's are: card FLUXSCAL. */
typedef enum flux_scale
{
    SCALE_MODEL,
    SCALE_APPROXIMATE,
    SCALE_GIVEN,
    SCALE_FIELD,
    SCALE_NONE
} flux_scale;
static const char *const scale_words[] = {"model", "approximate", "given", "field", "none"};

static flux_scale flux_scale_of(const ci_tile_options *options, const ci_tile_data *data)
{
    if (data->flux_scale > 0) return SCALE_FIELD;
    if (data->gains != CI_TILE_GAINS_NONE)
        return data->is_approximate ? SCALE_APPROXIMATE : SCALE_MODEL;
    return ci_tile_is_calibrated(options, data) ? SCALE_GIVEN : SCALE_NONE;
}

/* Cards that say where an image comes from. */
static ci_status header_fill(const ci_tile_options *options, const ci_tile_data *data,
                             const char *prefix, ci_fits_header *header)
{
    unsigned judged = CI_CONF_JUDGES_IMAGES | (data->is_solved_here ? CI_CONF_JUDGES_TABLES : 0);
    const ci_vis_meta *meta = data->set->meta;
    memset(header, 0, sizeof *header);
    header->ra_rad = data->ra_rad;
    header->dec_rad = data->dec_rad;
    header->time_mjd_s = meta->time_mjd_s[0];
    CI_TRY(ci_str_set(&header->telescope, meta->array.telescope));
    CI_TRY(ci_str_set(&header->object, ci_vis_phase_name(meta, 0)[0] ? ci_vis_phase_name(meta, 0)
                                                                     : ci_path_base(prefix)));
    CI_TRY(ci_fits_card_set_text(header, "CIVERS", ci_version(), "contimg version"));
    CI_TRY(ci_fits_card_set_text(header, "GAINS", ci_tile_gains_word(data->gains),
                                 "origin of the gains"));
    CI_TRY(ci_fits_card_set_text(header, "FIELDCAL", ci_tile_field_word(data->field),
                                 "gains by own field: none, phase, amplitude, all"));
    CI_TRY(ci_fits_card_set_text(header, "SELFCAL", ci_tile_field_word(data->self),
                                 "self-calibration: none, phase, amplitude, all"));
    flux_scale scale = flux_scale_of(options, data);
    /* Correlator units become Jy by gains only. */
    snprintf(header->bunit, sizeof header->bunit, scale == SCALE_NONE ? "count" : "Jy");
    CI_TRY(ci_fits_card_set_text(header, "FLUXSCAL", scale_words[scale],
                                 "flux scale: model, approximate, given, field, none"));
    if (data->flux_scale > 0)
        CI_TRY(ci_fits_card_set_number(header, "FLUXDIV", data->flux_scale,
                                       "by the catalogue: fluxes were divided by it"));
    CI_TRY(ci_tile_relaxed_cards(header, options->conf, judged));
    CI_TRY(ci_fits_card_set_int(header, "NSUBBAND", (int64_t)meta->n_sub_band, "sub-bands imaged"));
    return ci_fits_card_set_number(header, "EXPTIME",
                                   meta->time_mjd_s[meta->n_time - 1] - meta->time_mjd_s[0] +
                                       meta->interval_s,
                                   "[s] first to last integration");
}

void ci_tile_imager_clear(ci_tile_imager *imager)
{
    ci_image_maker_free(imager->maker);
    ci_fits_header_clear(&imager->header);
    ci_mem_free(imager->made_with);
}

ci_status ci_tile_imager_new(ci_comm *comm, ci_tile_imager *out, const ci_tile_options *options,
                             ci_tile_data *data, const char *prefix, ci_image_reading reading)
{
    *out = (ci_tile_imager){.image = options->image};
    out->sky = (ci_sky_field){data->eop, data->beam, &data->pointing, data->ra_rad, data->dec_rad};
    CI_AGREE(comm, header_fill(options, data, prefix, &out->header));
    if (out->image.keeps_model)
        CI_AGREE(comm, ci_comm_rank(comm) == 0 ? ci_tile_made_with(&out->made_with, options->conf)
                                               : CI_OK);
    const ci_image_setup setup = {&out->sky,           &out->image,    &out->header,
                                  data->weights_known, out->made_with, reading};
    if (data->pointing.jumps && !ci_sky_beam_is_none(data->beam)) {
        /* Samples between integrations would see beams of several fields. */
        out->image.compression = 0;
        if (ci_comm_rank(comm) == 0)
            ci_log_info("the dishes move between fields: each integration has the beam of its own "
                        "field, and samples are not averaged");
    }
    return ci_image_maker_new(comm, &out->maker, data->set, &setup);
}

ci_status ci_tile_image(ci_comm *comm, const ci_tile_options *options, ci_tile_data *data,
                        const char *prefix, ci_image_stats *stats)
{
    ci_tile_imager imager;
    ci_status status =
        ci_tile_imager_new(comm, &imager, options, data, prefix, (ci_image_reading){0});
    if (status == CI_OK) status = ci_image_maker_run(comm, imager.maker, prefix);
    if (imager.maker) *stats = *ci_image_maker_stats(imager.maker);
    ci_tile_imager_clear(&imager);
    return status;
}
