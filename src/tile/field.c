/* Gains of a tile by its own sources, after tables that were solved on another tile: which sources
 * of the catalogue they are solved on, with which fluxes. A source that is brighter in the data
 * than in the catalogue is one that varies, and no gain: its flux in the model becomes the data's
 * before amplitudes are solved for. Phases first, so that fluxes are measured with good ones. What
 * gains may not change is held by ci_cal_field_solve. Decisions: docs/adr/0008. */
#include "contimg/tile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    MOST_SOURCES = 300, /* of the model */
    MOST_FLUXES = 12,   /* that are measured */
    MOST_ROUNDS = 4     /* of fluxes and gains */
};

/* Of the power of all sources: what those may have together that the model leaves out. */
static const double least_power = 1e-3;
static const double least_flux = 0.1; /* of the brightest, of those that are measured */
static const double flux_sigma = 5;   /* by which a flux is another one */
static const double least_scale = 1e-3, least_change = 0.003;

/* The sources that a tile is solved on, as the array sees them. */
typedef struct tile_field
{
    ci_sky_model *model; /* owned: brightest first */
    size_t n_flux;
    double scale[MOST_FLUXES];      /* their fluxes over the catalogue's */
    ci_sky_model *one[MOST_FLUXES]; /* owned: the brightest, one by one */
    ci_sky_scene scene, scene_of[MOST_FLUXES];
    ci_cal_field cal;
} tile_field;

typedef struct seen_source
{
    double flux_jy;
    size_t i;
} seen_source;

static void field_clear(tile_field *f)
{
    ci_sky_model_free(f->model);
    for (size_t k = 0; k < f->n_flux; k++)
        ci_sky_model_free(f->one[k]);
}

static ci_status predict(void *context, const ci_vis_block *block, ci_c32 *out)
{
    return ci_sky_predict(context, block, out);
}

/* ---- the sources ------------------------------------------------------------------------------
 */

static int brighter_first(const void *a, const void *b)
{
    const seen_source *x = a, *y = b;
    if (x->flux_jy != y->flux_jy) return x->flux_jy < y->flux_jy ? 1 : -1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* How many of the n brightest have all but a little of the power. */
static size_t enough(const seen_source *seen, size_t n)
{
    double all = 0, sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        all += seen[i].flux_jy * seen[i].flux_jy;
    for (; k < n && k < MOST_SOURCES && sum < (1 - least_power) * all; k++)
        sum += seen[k].flux_jy * seen[k].flux_jy;
    return k;
}

/* Apparent fluxes at mid tile; the frame gives the directions in which phases shift the sky, too.
 */
static ci_status seen_find(const ci_tile_data *data, const ci_sky_model *near, tile_field *f,
                           seen_source *seen)
{
    const ci_vis_meta *meta = data->set->meta;
    double mid = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]), basis[3][3];
    double freq_hz = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2];
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_sky_frame_new(&frame, data->eop, &meta->array, mid, meta->dut1_s));
    const ci_sky_pointing *pointing = ci_sky_pointing_at(&data->pointing, mid);
    for (size_t i = 0; i < near->n_source; i++) {
        const ci_sky_source *s = &near->source[i];
        double power =
            ci_sky_beam_power(data->beam, pointing, frame, s->ra_rad, s->dec_rad, freq_hz);
        seen[i] = (seen_source){power * fabs(ci_sky_source_flux_jy(s, freq_hz)), i};
        if (!isfinite(seen[i].flux_jy)) seen[i].flux_jy = 0;
    }
    ci_sky_uvw_basis(frame, data->ra_rad, data->dec_rad, basis);
    memcpy(f->cal.east, basis[0], sizeof f->cal.east);
    memcpy(f->cal.north, basis[1], sizeof f->cal.north);
    ci_sky_frame_free(frame);
    qsort(seen, near->n_source, sizeof *seen, brighter_first);
    return CI_OK;
}

static ci_status sources_take(const ci_sky_model *near, const seen_source *seen, tile_field *f)
{
    size_t n = enough(seen, near->n_source);
    CI_TRY(ci_sky_model_new(&f->model));
    for (size_t k = 0; k < n; k++) {
        const ci_sky_source *source = &near->source[seen[k].i];
        CI_TRY(ci_sky_model_append(f->model, source));
        if (k == MOST_FLUXES || f->n_flux < k || seen[k].flux_jy < least_flux * seen[0].flux_jy)
            continue;
        f->scale[k] = 1;
        CI_TRY(ci_sky_model_new(&f->one[f->n_flux++]));
        CI_TRY(ci_sky_model_append(f->one[k], source));
    }
    return CI_OK;
}

/* The model's sources near the tile; none where the catalogue has none that is seen. Local. */
static ci_status field_new(const ci_tile_data *data, const ci_sky_model *catalogue, ci_isa isa,
                           tile_field *f)
{
    ci_sky_model *near = NULL;
    seen_source *seen = NULL;
    ci_status status = ci_tile_model_near(&near, data, catalogue);
    if (status == CI_OK) status = ci_mem_alloc(&seen, near->n_source, sizeof *seen, "sources");
    if (status == CI_OK) status = seen_find(data, near, f, seen);
    if (status == CI_OK) status = sources_take(near, seen, f);
    ci_mem_free(seen);
    ci_sky_model_free(near);
    CI_TRY(status);
    f->scene = (ci_sky_scene){data->eop, f->model, data->beam, &data->pointing, isa};
    for (size_t k = 0; k < f->n_flux; k++) {
        f->scene_of[k] = f->scene;
        f->scene_of[k].model = f->one[k];
    }
    f->cal.model = (ci_cal_model){predict, &f->scene};
    return CI_OK;
}

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
                             tile_field *f, bool *changes)
{
    double scale[MOST_FLUXES], sigma[MOST_FLUXES];
    ci_cal_model one[MOST_FLUXES];
    for (size_t k = 0; k < f->n_flux; k++)
        one[k] = (ci_cal_model){predict, &f->scene_of[k]};
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

/* ---- the whole ------------------------------------------------------------------------------- */

/* How many fluxes are not the catalogue's; each is told in the log of DEBUG. */
static size_t others_count(ci_comm *comm, const tile_field *f)
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

static void told(ci_comm *comm, const tile_field *f, const ci_cal_corrections *c,
                 ci_tile_data *data)
{
    size_t n_other = others_count(comm, f);
    data->field = c->has_phase && c->has_amplitude ? CI_TILE_FIELD_ALL
                  : c->has_phase                   ? CI_TILE_FIELD_PHASE
                  : c->has_amplitude               ? CI_TILE_FIELD_AMPLITUDE
                                                   : CI_TILE_FIELD_NONE;
    if (data->field == CI_TILE_FIELD_NONE)
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
}

/* Phases, then fluxes and all of it in turn until no flux changes; the corrections of the last
 * solve in *out. Collective. */
static ci_status field_solve(ci_comm *comm, const ci_tile_options *options,
                             const ci_tile_data *data, tile_field *f, ci_cal_corrections *out)
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

static ci_status apply_blocks(const ci_cal_table *table, ci_vis_set *set)
{
    for (size_t i = 0; table && i < set->n_block; i++)
        CI_TRY(ci_cal_apply(table, set->block[i]));
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
    tile_field f = {0};
    ci_cal_corrections corrections = {0};
    const char *why = why_not(options, model);
    data->field = CI_TILE_FIELD_NONE;
    snprintf(data->field_why, sizeof data->field_why, "%s", why ? why : "");
    if (why) return CI_OK;
    size_t mark = ci_timer_begin(ci_comm_timer(comm), "field gains");
    ci_status status = ci_par_agree(comm, field_new(data, model, ci_comm_isa(comm), &f));
    if (status == CI_OK && f.model->n_source > 0)
        status = field_solve(comm, options, data, &f, &corrections);
    if (status == CI_OK) status = ci_par_agree(comm, apply_blocks(corrections.table, data->set));
    if (status == CI_OK) told(comm, &f, &corrections, data);
    ci_timer_end(ci_comm_timer(comm), mark);
    ci_cal_table_free(corrections.table);
    field_clear(&f);
    return status;
}
