/* Where the dishes look, at each integration. */
#include <math.h>
#include <string.h>

#include "contimg/sky.h"

void ci_sky_pointing_clear(ci_sky_pointing *pointing)
{
    ci_mem_free(pointing->move_mjd_s);
    ci_mem_free(pointing->move);
    memset(pointing, 0, sizeof *pointing);
}

static ci_sky_pointing of_phase(const ci_vis_meta *meta, const ci_vis_phase_centre *phase)
{
    if (phase->kind == CI_VIS_PHASING_SIDEREAL)
        return (ci_sky_pointing){.ra_rad = phase->ra_rad, .dec_rad = phase->dec_rad};
    bool is_meridian = phase->kind == CI_VIS_PHASING_MERIDIAN;
    return (ci_sky_pointing){.is_fixed = true,
                             .dec_app_rad = is_meridian ? phase->dec_rad : meta->array.lat_rad};
}

static const ci_vis_phase_centre *phase_at(const ci_vis_meta *meta, size_t i_time)
{
    int32_t i = meta->time_phase ? meta->time_phase[i_time] : 0;
    return &meta->phase[i < 0 ? 0 : i];
}

static bool is_same(const ci_sky_pointing *a, const ci_sky_pointing *b)
{
    const double same_rad = 0.1 * CI_ARCSEC_TO_RAD;
    if (a->is_fixed != b->is_fixed) return false;
    if (a->is_fixed) return fabs(a->dec_app_rad - b->dec_app_rad) <= same_rad;
    return ci_sky_separation_rad(a->ra_rad, a->dec_rad, b->ra_rad, b->dec_rad) <= same_rad;
}

static ci_status moves_new(const ci_vis_meta *meta, ci_sky_pointing *out)
{
    CI_TRY(ci_mem_alloc(&out->move_mjd_s, meta->n_time, sizeof(double), "pointings"));
    CI_TRY(ci_mem_alloc(&out->move, meta->n_time, sizeof *out->move, "pointings"));
    out->n_move = meta->n_time;
    for (size_t i = 0; i < meta->n_time; i++) {
        const ci_vis_phase_centre *phase = phase_at(meta, i);
        out->move_mjd_s[i] = meta->time_mjd_s[i];
        out->move[i] = of_phase(meta, phase);
        if (phase->i_field != phase_at(meta, 0)->i_field) out->jumps = true;
    }
    return CI_OK;
}

ci_status ci_sky_pointing_from(const ci_vis_meta *meta, ci_sky_pointing *out)
{
    *out = (ci_sky_pointing){.is_fixed = true, .dec_app_rad = meta->array.lat_rad};
    if (meta->n_phase == 0 || meta->n_time == 0) return CI_OK;
    *out = of_phase(meta, phase_at(meta, 0));
    bool moves = false;
    for (size_t i = 1; !moves && i < meta->n_time; i++) {
        ci_sky_pointing other = of_phase(meta, phase_at(meta, i));
        moves = !is_same(out, &other);
    }
    if (!moves) return CI_OK;
    ci_status status = moves_new(meta, out);
    if (status != CI_OK) ci_sky_pointing_clear(out);
    return status;
}

const ci_sky_pointing *ci_sky_pointing_at(const ci_sky_pointing *pointing, double time_mjd_s)
{
    const double *time = pointing->move_mjd_s;
    size_t low = 0, high = pointing->n_move;
    if (high == 0) return pointing;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (time[mid] <= time_mjd_s)
            low = mid;
        else
            high = mid;
    }
    if (high < pointing->n_move && time[high] - time_mjd_s < time_mjd_s - time[low]) low = high;
    return &pointing->move[low];
}
