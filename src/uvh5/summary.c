/* What ingest wants to know of a file before it groups it. */
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <string.h>

ci_status ci_uvh5_summary_read(ci_uvh5_summary *out, const char *path)
{
    ci_uvh5_file *file = NULL;
    memset(out, 0, sizeof *out);
    CI_TRY(ci_uvh5_file_open(&file, path, NULL, UVH5_LOOK, true));
    ci_status status = ci_uvh5_stamp_check(&file->stamp, path);
    const ci_vis_meta *meta = file->meta;
    const ci_vis_sub_band *low = &meta->sub_band[0];
    out->first_time_mjd_s = meta->time_mjd_s[0];
    out->last_time_mjd_s = meta->time_mjd_s[meta->n_time - 1];
    out->interval_s = meta->interval_s;
    out->freq_low_hz = low->freq_hz[0];
    for (size_t i = 0; i < meta->n_sub_band; i++) {
        const ci_vis_sub_band *s = &meta->sub_band[i];
        out->freq_high_hz = fmax(out->freq_high_hz, s->freq_hz[s->n_chan - 1]);
    }
    out->n_time = meta->n_time;
    out->n_chan = file->n_chan;
    out->n_pol = meta->n_pol;
    int64_t n_antenna = 0;
    if (ci_uvh5_header_int(file, "Header/Nants_data", &n_antenna) != CI_OK) ci_error_clear();
    out->n_antenna = n_antenna > 0 ? (size_t)n_antenna : meta->array.n_antenna;
    out->dec_known = meta->phase[0].kind != CI_VIS_PHASING_UNPROJECTED;
    out->dec_rad = out->dec_known ? meta->phase[0].dec_rad : 0;
    ci_uvh5_close(file);
    return ci_h5_refusal_check(path, status);
}
