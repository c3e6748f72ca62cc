/* Gains of a tile by its own sources, after tables that were solved on another tile: which sources
 * of the catalogue they are solved on, with which fluxes. A source that is brighter in the data
 * than in the catalogue is one that varies, and no gain: its flux in the model becomes the data's
 * before amplitudes are solved for. Phases first, so that fluxes are measured with good ones. What
 * gains may not change is held by ci_cal_field_solve. Decisions: docs/adr/0008. */
#include "contimg/phot.h"
#include "tile/coherence.h"
#include "tile/offset.h"

#include <math.h>
#include <string.h>

enum
{
    MOST_ROUNDS = 4 /* of fluxes and gains */
};

/* Of a catalogue. */
static const ci_tile_choice choice = {300, 1e-3};
static const double flux_sigma = 5; /* by which a flux is another one */
/* Of the flux of one source: what is not known of it at least. Of their median: at most. */
static const double least_error = 0.02, most_error = 0.02;
static const double least_scale = 1e-3, least_change = 0.003;
/* By which corrections may move a field; more below 1.4 GHz, as the ionosphere does. */
static const double most_shift_arcsec = 10, ionosphere_hz = 1.4e9;

/* ---- their fluxes ------------------------------------------------------------------------------
 */

static void flux_scale(ci_sky_source *source, double factor)
{
    source->flux_jy *= factor;
    if (source->n_poly > 0) source->poly[0] += log10(factor);
}

/* Fluxes that are not the model's become the data's, with corrections taken out; whether any is
 * another one than before. Collective. */
static ci_status fluxes_take(ci_comm *comm, const ci_tile_data *data, const ci_cal_corrections *c,
                             ci_tile_sources *f, bool *changes)
{
    double scale[CI_TILE_FLUXES], sigma[CI_TILE_FLUXES];
    ci_cal_model one[CI_TILE_FLUXES];
    for (size_t k = 0; k < f->n_flux; k++)
        one[k] = (ci_cal_model){ci_tile_sources_predict, &f->scene_of[k]};
    *changes = false;
    CI_TRY(ci_cal_source_scales(comm, data->set, c->table, f->cal.model, one, f->n_flux, scale,
                                sigma));
    for (size_t k = 0; k < f->n_flux; k++) {
        double least = fmax(flux_sigma * sigma[k] * sqrt(c->chi2), least_change);
        if (!(fabs(scale[k] - 1) > least)) continue;
        *changes = true;
        flux_scale(&f->model->source[k], fmax(scale[k], least_scale));
        flux_scale(&f->one[k]->source[0], fmax(scale[k], least_scale));
        f->scale[k] *= fmax(scale[k], least_scale);
    }
    return CI_OK;
}

/* Multiplies the values of this rank's blocks; weights are 1 / sigma^2. */
static void blocks_multiply(ci_vis_set *set, double factor)
{
    double of_weights = 1 / (factor * factor);
    for (size_t i = 0; i < set->n_block; i++) {
        ci_vis_block *b = set->block[i];
        size_t n = b->n_row * b->n_chan * b->n_pol;
        for (size_t k = 0; k < n; k++)
            b->data[k] *= (float)factor;
        for (size_t k = 0; b->weight && k < n; k++)
            b->weight[k] *= (float)of_weights;
        for (size_t k = 0; b->row_weight && k < b->n_row * b->n_pol; k++)
            b->row_weight[k] *= of_weights;
    }
}

/* With --flux-scale field, of data that corrections were applied to: their fluxes become the
 * catalogue's. *out: what they were of it. Collective. */
static ci_status scale_take(ci_comm *comm, const ci_cal_corrections *c, ci_tile_sources *f,
                            ci_tile_data *data, ci_phot_scale *out)
{
    double scale[CI_TILE_FLUXES], sigma[CI_TILE_FLUXES];
    ci_cal_model one[CI_TILE_FLUXES];
    for (size_t k = 0; k < f->n_flux; k++)
        one[k] = (ci_cal_model){ci_tile_sources_predict, &f->scene_of[k]};
    CI_TRY(ci_cal_source_scales(comm, data->set, NULL, f->cal.model, one, f->n_flux, scale, sigma));
    for (size_t k = 0; k < f->n_flux; k++) {
        scale[k] *= f->scale[k];
        sigma[k] = hypot(sigma[k] * sqrt(c->chi2) * f->scale[k], least_error);
    }
    *out = ci_phot_scale_of(scale, sigma, f->n_flux);
    if (!(out->ratio > 0) || !(out->sigma <= most_error)) return CI_OK;
    data->flux_scale = out->ratio;
    blocks_multiply(data->set, 1 / out->ratio);
    return CI_OK;
}

/* What became of --flux-scale field. */
static void scale_told(ci_comm *comm, const ci_tile_data *data, const ci_phot_scale *scale)
{
    if (ci_comm_rank(comm) != 0) return;
    if (data->flux_scale > 0)
        ci_log_info("flux scale of the field's catalogue: fluxes were %.4f +- %.4f of it, by %zu "
                    "sources",
                    scale->ratio, scale->sigma, scale->n);
    else
        ci_log_warning("--flux-scale field: not done: %s",
                       data->field_why[0] ? data->field_why
                                          : "its sources are too few or do not agree: its fluxes "
                                            "are in the calibrator's scale");
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* How many fluxes are not the catalogue's; each is told in the log of DEBUG. */
static size_t others_count(ci_comm *comm, const ci_tile_sources *f)
{
    size_t n = 0;
    for (size_t k = 0; k < f->n_flux; k++) {
        if (f->scale[k] == 1) continue;
        n++;
        if (ci_comm_rank(comm) == 0)
            ci_log_debug("field: %s has %.4f of its flux in the catalogue",
                         ci_vis_text(f->model->source[k].name), f->scale[k]);
    }
    return n;
}

/* Neither drifts of antennas nor the air move a field so far between two tiles: the field's
 * catalogue and the calibrator's do not agree. */
static void shift_judge(const ci_cal_corrections *c, ci_tile_data *data)
{
    if (!c->table || !c->has_phase) return;
    double growth = fmax(1, pow(ionosphere_hz / c->table->freq_hz[0], 2));
    data->field_shift_arcsec = c->shift_rad * CI_RAD_TO_ARCSEC;
    if (data->field_shift_arcsec > most_shift_arcsec * growth)
        snprintf(data->field_shift_why, sizeof data->field_shift_why,
                 "the field's catalogue has moved it by %.1f arcsec: its positions or the "
                 "calibrator's are wrong",
                 data->field_shift_arcsec);
}

static void told(ci_comm *comm, const ci_tile_sources *f, const ci_cal_corrections *c,
                 ci_tile_data *data)
{
    size_t n_other = others_count(comm, f);
    shift_judge(c, data);
    data->field = ci_tile_field_of(c->has_phase, c->has_amplitude);
    if (data->field == CI_TILE_FIELD_NONE && !data->field_why[0])
        snprintf(data->field_why, sizeof data->field_why,
                 "%s: S/N %.2g of a receptor by %zu source%s",
                 c->table || c->snr >= CI_CAL_FIELD_SNR ? "nothing is gained" : "too faint", c->snr,
                 f->model->n_source, ci_plural(f->model->n_source));
    if (ci_comm_rank(comm) != 0) return;
    if (data->field == CI_TILE_FIELD_NONE)
        ci_log_info("gains by the tile's own field: none: %s", data->field_why);
    else
        ci_log_info("gains by the tile's own field: %s: %zu source%s, %zu with another flux than "
                    "the catalogue's; S/N of a receptor %.0f; phases of %.3g s, amplitudes of %.3g "
                    "s; positions by %.2f arcsec to the catalogue's",
                    ci_tile_field_word(data->field), f->model->n_source,
                    ci_plural(f->model->n_source), n_other, c->snr, c->phase_s, c->amplitude_s,
                    c->shift_rad * CI_RAD_TO_ARCSEC);
    if (data->field_shift_why[0])
        ci_log_warning("gains by the tile's own field: %s", data->field_shift_why);
}

/* Phases, then fluxes and all of it in turn until no flux changes; the corrections of the last
 * solve in *out. Collective. */
static ci_status field_solve(ci_comm *comm, const ci_tile_options *options,
                             const ci_tile_data *data, ci_tile_sources *f, ci_cal_corrections *out)
{
    bool changes = true;
    CI_TRY(ci_cal_field_solve(comm, data->set, &f->cal, &options->cal, out));
    for (int round = 0; round < MOST_ROUNDS && out->snr >= CI_CAL_FIELD_SNR; round++) {
        CI_TRY(fluxes_take(comm, data, out, f, &changes));
        bool is_last = f->cal.with_amplitude || options->field == CI_TILE_FIELD_PHASE;
        if (!changes && is_last) break;
        f->cal.with_amplitude = options->field == CI_TILE_FIELD_ALL;
        ci_cal_table_free(out->table);
        CI_TRY(ci_cal_field_solve(comm, data->set, &f->cal, &options->cal, out));
    }
    return CI_OK;
}

/* A catalogue that lies elsewhere than the sky would take the tile there: as a model that gains are
 * solved on is refused, so are these. Collective. */
static ci_status position_judge(ci_comm *comm, const ci_tile_options *options, ci_tile_data *data,
                                const ci_tile_sources *f, ci_cal_corrections *c)
{
    ci_cal_offset offset;
    ci_qa_limits limits;
    if (!c->table || !c->has_phase) return CI_OK;
    CI_AGREE(comm, ci_tile_offset_find(data, f->model, c->table, &offset));
    ci_tile_qa_limits(&limits, options->conf);
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) == 0)
        status =
            ci_qa_offset_judge(&offset, &limits, ci_conf_text(options->conf, CI_CONF_OPT_MODEL));
    if (status == CI_ERR_GATE)
        ci_log_warning("gains by the tile's own field are not taken: %s", ci_error_text());
    status = ci_par_agree(comm, status);
    if (status != CI_ERR_GATE) return status;
    ci_error_clear();
    ci_cal_table_free(c->table);
    c->table = NULL;
    c->has_phase = c->has_amplitude = false;
    c->n_silent = 0;
    c->snr = 0; /* nor are its fluxes taken from there */
    snprintf(data->field_why, sizeof data->field_why,
             "gate position: the sources of the catalogue lie about %.0f arcsec off",
             hypot(offset.east_rad, offset.north_rad) * CI_RAD_TO_ARCSEC);
    return CI_OK;
}

static const char *why_not(const ci_tile_options *options, const ci_sky_model *model)
{
    if (options->field == CI_TILE_FIELD_NONE) return "--field-gains none";
    if (!model) return "no catalogue of the field: --model FILE gives one";
    return NULL;
}

ci_status ci_tile_field_apply(ci_comm *comm, const ci_tile_options *options,
                              const ci_sky_model *model, ci_tile_data *data)
{
    ci_tile_sources f = {0};
    ci_cal_corrections corrections = {0};
    ci_phot_scale scale = {0};
    const char *why = why_not(options, model);
    data->field = CI_TILE_FIELD_NONE;
    snprintf(data->field_why, sizeof data->field_why, "%s", why ? why : "");
    data->field_shift_arcsec = data->flux_scale = 0;
    data->field_shift_why[0] = '\0';
    if (why && options->scales_by_field) scale_told(comm, data, &scale);
    if (why) return CI_OK;
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "field gains");
    ci_status status =
        ci_par_agree(comm, ci_tile_sources_new(data, model, &choice, ci_comm_isa(comm), &f));
    if (status == CI_OK && f.model->n_source > 0)
        status = field_solve(comm, options, data, &f, &corrections);
    if (status == CI_OK) status = position_judge(comm, options, data, &f, &corrections);
    const ci_cal_table *const tables[2] = {corrections.table, NULL};
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_tile_blocks_apply(tables, ci_comm_isa(comm), data->set));
    if (status == CI_OK) ci_tile_silent_tell(comm, &corrections);
    if (status == CI_OK) told(comm, &f, &corrections, data);
    if (status == CI_OK && options->scales_by_field) {
        if (corrections.snr >= CI_CAL_FIELD_SNR)
            status = scale_take(comm, &corrections, &f, data, &scale);
        if (status == CI_OK) scale_told(comm, data, &scale);
    }
    ci_timer_end(ci_comm_timer(comm), mark);
    ci_cal_table_free(corrections.table);
    ci_tile_sources_clear(&f);
    return status;
}
