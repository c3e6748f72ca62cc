/* How the array sees sources in the middle of a tile. */
#include "tile/middle.h"

#include <math.h>

ci_status ci_tile_middle_new(const ci_tile_data *data, ci_tile_middle *out)
{
    const ci_vis_meta *meta = data->set->meta;
    double mid = 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
    *out = (ci_tile_middle){.beam = data->beam,
                            .pointing = ci_sky_pointing_at(&data->pointing, mid),
                            .freq_hz = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2]};
    return ci_sky_frame_new(&out->frame, data->eop, &meta->array, mid, meta->dut1_s);
}

void ci_tile_middle_clear(ci_tile_middle *middle)
{
    ci_sky_frame_free(middle->frame);
}

double ci_tile_middle_flux_jy(const ci_tile_middle *m, const ci_sky_source *s)
{
    double power =
        ci_sky_beam_power(m->beam, m->pointing, m->frame, s->ra_rad, s->dec_rad, m->freq_hz);
    double flux_jy = power * ci_sky_source_flux_jy(s, m->freq_hz);
    return isfinite(flux_jy) ? flux_jy : 0;
}
