/* What a tile takes, before any data are read. The image's size hangs on the beam, and that on the
 * array and on how densely it covers the uv plane: the chooser itself is asked, on a set that is
 * thinned in time and frequency. */
#include "contimg/tile.h"

#include <math.h>
#include <string.h>

/* Enough for weights as the whole set has them, read in about a second. */
static const double most_samples = 2e6;

typedef struct
{
    size_t n_time, n_chan; /* kept: of all, of a sub-band */
} thinning;

static thinning thinning_of(const ci_vis_meta *meta)
{
    size_t n_chan = 1;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        if (meta->sub_band[i].n_chan > n_chan) n_chan = meta->sub_band[i].n_chan;
    double n_left = most_samples / ((double)meta->n_baseline * (double)meta->n_sub_band);
    double times = fmin((double)meta->n_time, fmax(1, floor(sqrt(n_left))));
    double chans = fmin((double)n_chan, fmax(1, floor(n_left / times)));
    times = fmin((double)meta->n_time, fmax(1, floor(n_left / chans)));
    return (thinning){(size_t)times, (size_t)chans};
}

/* Item k of n_kept that spread over n, the ends among them; the middle one alone. */
static size_t spread(size_t k, size_t n_kept, size_t n)
{
    return n_kept == 1 ? n / 2 : k * (n - 1) / (n_kept - 1);
}

static ci_status thin_meta(ci_vis_meta **out, const ci_vis_meta *meta)
{
    thinning t = thinning_of(meta);
    CI_TRY(ci_vis_meta_copy(out, meta));
    ci_vis_meta *thin = *out;
    for (size_t k = 0; k < t.n_time; k++)
        thin->time_mjd_s[k] = meta->time_mjd_s[spread(k, t.n_time, meta->n_time)];
    for (size_t k = 0; thin->time_phase && k < t.n_time; k++)
        thin->time_phase[k] = meta->time_phase[spread(k, t.n_time, meta->n_time)];
    thin->n_time = t.n_time;
    for (size_t i = 0; i < thin->n_sub_band; i++) {
        const ci_vis_sub_band *from = &meta->sub_band[i];
        ci_vis_sub_band *to = &thin->sub_band[i];
        if (from->n_chan <= t.n_chan) continue;
        for (size_t k = 0; k < t.n_chan; k++) {
            to->freq_hz[k] = from->freq_hz[spread(k, t.n_chan, from->n_chan)];
            to->width_hz[k] = from->width_hz[spread(k, t.n_chan, from->n_chan)];
        }
        to->n_chan = t.n_chan;
    }
    return CI_OK;
}

static ci_status ones_block(ci_vis_block **out, const ci_vis_meta *meta, size_t i_sub_band)
{
    ci_vis_part part = {i_sub_band, 0, meta->n_baseline};
    CI_TRY(ci_vis_block_new(out, meta, part, meta->n_baseline * meta->n_time));
    ci_vis_block *block = *out;
    for (size_t i = 0; i < block->n_row; i++) {
        block->i_baseline[i] = (int32_t)(i / meta->n_time);
        block->i_time[i] = (int32_t)(i % meta->n_time);
        block->interval_s[i] = meta->interval_s;
    }
    for (size_t i = 0; i < block->n_row * block->n_chan * block->n_pol; i++) {
        block->data[i] = 1;
        block->weight[i] = 1;
    }
    return CI_OK;
}

static ci_status thin_set(ci_vis_set **out, const ci_vis_meta *meta)
{
    ci_vis_set *set = NULL;
    CI_TRY(ci_mem_alloc(&set, 1, sizeof *set, "visibilities"));
    ci_status status = thin_meta(&set->meta, meta);
    if (status == CI_OK)
        status = ci_mem_alloc(&set->block, meta->n_sub_band, sizeof *set->block, "blocks");
    for (size_t i = 0; status == CI_OK && i < meta->n_sub_band; i++) {
        status = ones_block(&set->block[i], set->meta, i);
        set->n_block = i + (status == CI_OK);
    }
    if (status == CI_OK)
        *out = set;
    else
        ci_vis_set_free(set);
    return status;
}

static ci_status geometry(ci_comm *self, const ci_tile_options *options, const ci_vis_meta *meta,
                          ci_tile_data *data, ci_grid_geometry *out)
{
    CI_TRY(thin_set(&data->set, meta));
    CI_TRY(ci_sky_eop_load(&data->eop, options->earth_orientation));
    CI_TRY(ci_sky_beam_new(&data->beam, options->beam, &meta->array));
    CI_TRY(ci_sky_pointing_from(data->set->meta, &data->pointing));
    data->ra_rad = options->ra_rad;
    data->dec_rad = options->dec_rad;
    if (!options->centre_given)
        CI_TRY(ci_sky_centre_default(data->eop, data->set->meta, &data->ra_rad, &data->dec_rad));
    CI_TRY(
        ci_sky_set_rephase(data->eop, data->set, data->ra_rad, data->dec_rad, ci_comm_isa(self)));
    ci_sky_field sky = {data->eop, data->beam, &data->pointing, data->ra_rad, data->dec_rad};
    return ci_image_geometry_find(self, data->set, &sky, &options->image, out);
}

static ci_status image_size(ci_comm *self, const ci_tile_options *options, const ci_vis_meta *meta,
                            size_t *out)
{
    ci_tile_data data = {0};
    ci_grid_geometry found = {0};
    *out = options->image.n_pixel;
    if (*out > 0) return CI_OK;
    ci_status status = geometry(self, options, meta, &data, &found);
    ci_tile_data_free(&data);
    *out = found.n_x;
    return status;
}

static void shapes(const ci_vis_meta *meta, ci_plan_workload *workload)
{
    workload->n_sub_band = meta->n_sub_band;
    workload->n_baseline = meta->n_baseline;
    workload->n_time = meta->n_time;
    workload->n_pol = meta->n_pol;
    workload->n_chan = ci_vis_chan_first(meta, meta->n_sub_band);
    if (meta->n_time > 0)
        workload->span_s =
            meta->time_mjd_s[meta->n_time - 1] - meta->time_mjd_s[0] + meta->interval_s;
}

ci_status ci_tile_estimate(const ci_conf *conf, const char *const *paths, size_t n_path,
                           ci_plan_workload *workload)
{
    ci_tile_options options;
    ci_comm *self = NULL;
    ci_uvh5_set *files = NULL;
    CI_TRY(ci_tile_options_new(&options, conf));
    CI_TRY(ci_comm_self(&self));
    ci_status status = ci_uvh5_set_open(self, &files, paths, n_path, &options.uvh5);
    if (status == CI_OK) {
        const ci_vis_meta *meta = ci_uvh5_set_meta(files);
        shapes(meta, workload);
        workload->is_double = ci_grid_is_double(options.image.accuracy);
        workload->n_scale =
            options.image.clean.auto_scales ? CI_CLEAN_AUTO_SCALE : options.image.clean.n_scale;
        workload->is_compressed = options.image.compression > 0;
        workload->is_solved = !options.is_calibrated && meta->units != CI_VIS_UNITS_JY &&
                              !*ci_conf_text(conf, CI_CONF_OPT_CAL);
        const char *model = ci_conf_text(conf, CI_CONF_OPT_MODEL);
        workload->has_field = workload->is_solved && options.field != CI_TILE_FIELD_NONE &&
                              *model && !ci_tile_model_is_list(model);
        workload->is_self = options.self_calibrates;
        status = image_size(self, &options, meta, &workload->image_size);
    }
    ci_uvh5_set_free(files);
    ci_comm_free(self);
    if (status == CI_OK) status = ci_plan_input_bytes(workload, paths, n_path);
    return status;
}
