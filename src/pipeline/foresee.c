/* A tile's work before any data are read. The image's size hangs on the beam, and that on the
 * array: the chooser itself is asked, on a set of one integration and few channels. */
#include "contimg/pipeline.h"
#include "pipeline/steps.h"

#include <string.h>

enum
{
    MOST_CHANNELS = 3 /* of a sub-band: first, middle, last */
};

/* One time, few channels of each sub-band. */
static ci_status thin_meta(ci_vis_meta **out, const ci_vis_meta *meta)
{
    CI_TRY(ci_vis_meta_copy(out, meta));
    ci_vis_meta *thin = *out;
    thin->time_mjd_s[0] = meta->time_mjd_s[meta->n_time / 2];
    thin->n_time = 1;
    for (size_t i = 0; i < thin->n_sub_band; i++) {
        ci_vis_sub_band *s = &thin->sub_band[i];
        if (s->n_chan <= MOST_CHANNELS) continue;
        for (size_t k = 0; k < MOST_CHANNELS; k++) {
            size_t from = k * (s->n_chan - 1) / (MOST_CHANNELS - 1);
            s->freq_hz[k] = s->freq_hz[from];
            s->width_hz[k] = s->width_hz[from];
        }
        s->n_chan = MOST_CHANNELS;
    }
    return CI_OK;
}

static ci_status unit_block(ci_vis_block **out, const ci_vis_meta *meta, size_t i_sub_band)
{
    ci_vis_part part = {i_sub_band, 0, meta->n_baseline};
    CI_TRY(ci_vis_block_new(out, meta, part, meta->n_baseline));
    ci_vis_block *block = *out;
    for (size_t i = 0; i < block->n_row; i++) {
        block->i_baseline[i] = (int32_t)i;
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
        status = unit_block(&set->block[i], set->meta, i);
        set->n_block = i + 1;
    }
    if (status == CI_OK)
        *out = set;
    else
        ci_vis_set_free(set);
    return status;
}

static ci_status geometry(ci_comm *self, const ci_pipeline_options *options,
                          const ci_vis_meta *meta, ci_pipeline_data *data, ci_image_geometry *out)
{
    CI_TRY(thin_set(&data->set, meta));
    CI_TRY(ci_sky_eop_load(&data->eop, options->earth_orientation));
    CI_TRY(ci_sky_beam_new(&data->beam, options->beam, &meta->array));
    ci_sky_pointing_from(data->set->meta, &data->pointing);
    data->ra_rad = options->ra_rad;
    data->dec_rad = options->dec_rad;
    if (!options->centre_given)
        CI_TRY(ci_sky_centre_default(data->eop, data->set->meta, &data->ra_rad, &data->dec_rad));
    CI_TRY(ci_sky_set_rephase(data->eop, data->set, data->ra_rad, data->dec_rad));
    ci_image_sky sky = {data->eop, data->beam, &data->pointing, data->ra_rad, data->dec_rad};
    return ci_image_geometry_find(self, data->set, &sky, &options->image, out);
}

static ci_status image_size(ci_comm *self, const ci_pipeline_options *options,
                            const ci_vis_meta *meta, size_t *out)
{
    ci_pipeline_data data = {0};
    ci_image_geometry found = {0};
    *out = options->image.n_pixel;
    if (*out > 0) return CI_OK;
    ci_status status = geometry(self, options, meta, &data, &found);
    ci_pipeline_data_free(&data);
    *out = found.n_x;
    return status;
}

static void shapes(const ci_vis_meta *meta, ci_plan_work *work)
{
    work->n_sub_band = meta->n_sub_band;
    work->n_baseline = meta->n_baseline;
    work->n_time = meta->n_time;
    work->n_pol = meta->n_pol;
    work->n_chan = 0;
    for (size_t i = 0; i < meta->n_sub_band; i++)
        work->n_chan += meta->sub_band[i].n_chan;
}

ci_status ci_pipeline_foresee(const ci_conf *conf, const char *const *paths, size_t n_path,
                              ci_plan_work *work)
{
    ci_pipeline_options options;
    ci_comm *self = NULL;
    ci_uvh5_set *files = NULL;
    CI_TRY(ci_pipeline_options_new(&options, conf));
    CI_TRY(ci_comm_self(&self));
    ci_status status = ci_uvh5_set_open(self, &files, paths, n_path, &options.uvh5);
    if (status == CI_OK) {
        const ci_vis_meta *meta = ci_uvh5_set_meta(files);
        shapes(meta, work);
        status = image_size(self, &options, meta, &work->image_size);
    }
    ci_uvh5_set_free(files);
    ci_comm_free(self);
    if (status == CI_OK) status = ci_plan_input_bytes(work, paths, n_path);
    return status;
}
