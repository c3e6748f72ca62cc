/* Directions on the sky to which the offset of a model's positions is measured. */
#include "tile/offset.h"

#include "tile/middle.h"

#include <math.h>
#include <string.h>

/* Mean of the model's directions, by apparent flux at mid tile. */
static ci_status model_place(const ci_tile_data *data, const ci_sky_model *model, double *ra_rad,
                             double *dec_rad)
{
    double sum[3] = {0};
    ci_tile_middle middle;
    CI_TRY(ci_tile_middle_new(data, &middle));
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        double flux_jy = ci_tile_middle_flux_jy(&middle, s);
        if (!(flux_jy > 0)) continue;
        sum[0] += flux_jy * cos(s->dec_rad) * cos(s->ra_rad);
        sum[1] += flux_jy * cos(s->dec_rad) * sin(s->ra_rad);
        sum[2] += flux_jy * sin(s->dec_rad);
    }
    ci_tile_middle_clear(&middle);
    bool is_seen = sum[0] != 0 || sum[1] != 0 || sum[2] != 0;
    *ra_rad = is_seen ? atan2(sum[1], sum[0]) : data->ra_rad;
    *dec_rad = is_seen ? atan2(sum[2], hypot(sum[0], sum[1])) : data->dec_rad;
    return CI_OK;
}

/* East and north at each of the table's times. */
static ci_status axes_fill(const ci_tile_data *data, const ci_sky_model *model,
                           const ci_cal_table *gain, double *axes)
{
    double ra_rad, dec_rad, basis[3][3];
    const ci_vis_meta *meta = data->set->meta;
    CI_TRY(model_place(data, model, &ra_rad, &dec_rad));
    for (size_t t = 0; t < gain->n_time; t++) {
        ci_sky_frame *frame = NULL;
        CI_TRY(
            ci_sky_frame_new(&frame, data->eop, &meta->array, gain->time_mjd_s[t], meta->dut1_s));
        ci_sky_uvw_basis(frame, ra_rad, dec_rad, basis);
        ci_sky_frame_free(frame);
        memcpy(axes + 6 * t, basis, 6 * sizeof *axes);
    }
    return CI_OK;
}

ci_status ci_tile_offset_find(const ci_tile_data *data, const ci_sky_model *model,
                              const ci_cal_table *gain, ci_cal_offset *out)
{
    double *axes = NULL;
    ci_cal_offset_none(out);
    CI_TRY(ci_mem_alloc(&axes, 6 * gain->n_time, sizeof *axes, "directions"));
    ci_status status = axes_fill(data, model, gain, axes);
    if (status == CI_OK) status = ci_cal_offset_find(gain, axes, out);
    ci_mem_free(axes);
    return status;
}
