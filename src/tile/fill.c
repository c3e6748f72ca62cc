/* Fills the record of a tile from its data, its flags and its images. */
#include "tile/fill.h"

#include <math.h>
#include <string.h>

/* ---- images, flags, calibration -------------------------------------------------------------- */

/* Bright sources that were cleaned with a slope of their own, or outside the image. */
static size_t slopes_fill(const ci_clean_slope *from, int n, ci_tile_slope *out)
{
    for (int i = 0; i < n; i++)
        out[i] = (ci_tile_slope){.ra_deg = from[i].ra_rad * CI_RAD_TO_DEG,
                                 .dec_deg = from[i].dec_rad * CI_RAD_TO_DEG,
                                 .flux_jy = from[i].flux_jy,
                                 .beam = from[i].beam,
                                 .slope = from[i].slope};
    return (size_t)n;
}

/* Bright sources that are not constant. */
static void variables_fill(const ci_image_stats *s, ci_tile_images *images)
{
    images->n_variable = (size_t)s->clean.n_variable;
    for (int i = 0; i < s->clean.n_variable; i++) {
        const ci_clean_variable *v = &s->clean.variable[i];
        images->variable[i] = (ci_tile_variable){.ra_deg = v->ra_rad * CI_RAD_TO_DEG,
                                                 .dec_deg = v->dec_rad * CI_RAD_TO_DEG,
                                                 .flux_jy = v->flux_jy,
                                                 .excess_jy = v->excess_jy,
                                                 .sigma = v->sigma,
                                                 .first_mjd_s = v->time_mjd_s[0],
                                                 .last_mjd_s = v->time_mjd_s[1],
                                                 .first_hz = v->freq_hz[0],
                                                 .last_hz = v->freq_hz[1]};
    }
}

static ci_status images_new(ci_tile_images **out, const ci_image_stats *s, const ci_tile_data *data)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    ci_tile_images *images = *out;
    images->n_x = (int64_t)s->n_x;
    images->n_y = (int64_t)s->n_y;
    images->cell_arcsec = s->cell_rad * CI_RAD_TO_ARCSEC;
    images->ra_deg = data->ra_rad * CI_RAD_TO_DEG;
    images->dec_deg = data->dec_rad * CI_RAD_TO_DEG;
    images->beam_major_arcsec = s->beam_major_rad * CI_RAD_TO_ARCSEC;
    images->beam_minor_arcsec = s->beam_minor_rad * CI_RAD_TO_ARCSEC;
    images->beam_pa_deg = s->beam_pa_rad * CI_RAD_TO_DEG;
    images->psf_sidelobe = s->psf_sidelobe;
    images->rms_jy = s->rms_jy;
    images->thermal_jy = s->thermal_jy;
    images->peak_jy = s->peak_jy;
    images->dirty_peak_jy = s->dirty_peak_jy;
    images->model_flux_jy = s->model_flux_jy;
    images->freq_hz = s->freq_hz;
    images->bandwidth_hz = s->bandwidth_hz;
    images->n_sample = s->n_sample;
    images->n_gridded = s->n_node;
    images->flux_ratio = images->flux_ratio_err = NAN;
    images->taper_arcsec = s->taper_rad * CI_RAD_TO_ARCSEC;
    images->compression = s->compression;
    images->n_major = s->clean.n_major;
    images->n_minor = s->clean.n_minor;
    images->n_plane = s->n_plane;
    images->n_point_component = s->clean.n_point;
    images->is_pseudo_i = s->is_pseudo_i;
    snprintf(images->stop_reason, sizeof images->stop_reason, "%s", s->clean.stop_reason);
    ci_image_scales_text(&s->clean, images->scales, sizeof images->scales);
    variables_fill(s, images);
    images->n_slope = slopes_fill(s->clean.slope, s->clean.n_slope, images->slope);
    images->n_outside = slopes_fill(s->clean.outside, s->clean.n_outside, images->outside);
    return CI_OK;
}

static ci_status antenna_fill(const ci_flag_report *flags, const ci_vis_meta *meta, size_t i,
                              ci_tile_antenna *antenna)
{
    antenna->fraction = flags->antenna_fraction[i];
    antenna->n_pol = flags->n_pol;
    for (size_t p = 0; p < flags->n_pol; p++)
        antenna->dead[p] = flags->dead[i * flags->n_pol + p] != 0;
    return ci_str_copy(&antenna->name, ci_vis_text(meta->array.antenna[i].name));
}

static ci_status flags_new(ci_tile_flags **out, const ci_flag_report *flags,
                           const ci_vis_meta *meta)
{
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "tile record"));
    ci_tile_flags *to = *out;
    to->counts = flags->counts;
    CI_TRY(ci_mem_alloc(&to->antenna, flags->n_antenna, sizeof *to->antenna, "tile record"));
    for (size_t a = 0; a < flags->n_antenna; a++) {
        if (isnan(flags->antenna_fraction[a])) continue; /* not in the data */
        CI_TRY(antenna_fill(flags, meta, a, &to->antenna[to->n_antenna++]));
    }
    CI_TRY(ci_mem_alloc(&to->channel_fraction, flags->n_chan, sizeof *to->channel_fraction,
                        "tile record"));
    to->n_chan = flags->n_chan;
    memcpy(to->channel_fraction, flags->channel_fraction,
           flags->n_chan * sizeof *to->channel_fraction);
    return CI_OK;
}

ci_status ci_tile_record_fill_calibration(const ci_tile_tables *tables, const ci_tile_data *data,
                                          ci_tile_record *record)
{
    CI_TRY(ci_mem_alloc(&record->calibration, 1, sizeof *record->calibration, "tile record"));
    ci_tile_calibration *to = record->calibration;
    to->gains = data->gains;
    to->is_approximate = data->is_approximate;
    to->field = data->field;
    memcpy(to->field_why, data->field_why, sizeof to->field_why);
    to->field_shift_arcsec = data->field_shift_arcsec;
    memcpy(to->field_shift_why, data->field_shift_why, sizeof to->field_shift_why);
    to->flux_scale = data->flux_scale;
    to->self = data->self;
    memcpy(to->self_rounds, data->self_rounds, sizeof to->self_rounds);
    to->coherence = data->coherence;
    if (tables->quality_known) {
        to->n_residual = tables->gain->n_feed;
        for (size_t i = 0; i < to->n_residual; i++)
            to->residual[i] = tables->quality.cal.residual[i];
        to->flagged_fraction = tables->quality.cal.flagged_fraction;
        to->phase_scatter_deg = tables->quality.cal.phase_scatter_deg;
        const ci_cal_structure *s = &tables->quality.cal.structure;
        bool is_told = !ci_cal_structure_has_neighbour(s); /* else it is none of moments */
        to->structure = is_told ? s->flux : NAN;
        to->structure_sigma = is_told ? s->flux_sigma : NAN;
        const ci_cal_offset *offset = &tables->quality.cal.offset;
        to->offset_arcsec[0] = offset->east_rad * CI_RAD_TO_ARCSEC;
        to->offset_arcsec[1] = offset->north_rad * CI_RAD_TO_ARCSEC;
        for (int k = 0; k < 2; k++)
            to->offset_sigma[k] = offset->sigma_rad[k] * CI_RAD_TO_ARCSEC;
    }
    CI_TRY(ci_str_copy(&to->model, tables->gain ? ci_vis_text(tables->gain->model) : ""));
    CI_TRY(ci_str_copy(&to->bandpass, tables->bandpass_path ? tables->bandpass_path : ""));
    return ci_str_copy(&to->gain, tables->gain_path ? tables->gain_path : "");
}

/* ---- uv coverage ------------------------------------------------------------------- */

enum
{
    UV_POINTS = 3000
};

/* splitmix64's finalizer: which points are kept repeats with no period of the data. */
static uint64_t scatter(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}

/* Whether a row's point is one of about UV_POINTS of the whole data set: from its position in that
 * alone, so that who holds the row is of no matter. An autocorrelation covers nothing. */
static bool uv_is_kept(const ci_vis_block *block, size_t i_row)
{
    const ci_vis_meta *meta = block->meta;
    size_t i_baseline = (size_t)block->i_baseline[i_row], i_time = (size_t)block->i_time[i_row];
    if (ci_vis_baseline_is_auto(meta, i_baseline)) return false;
    uint64_t n = (uint64_t)meta->n_sub_band * meta->n_baseline * meta->n_time;
    uint64_t i = (block->part.i_sub_band * meta->n_baseline + i_baseline) * meta->n_time + i_time;
    return scatter(i) % (n / UV_POINTS + 1) == 0;
}

static bool row_has_data(const ci_vis_block *block, size_t i_row)
{
    size_t n = block->n_chan * block->n_pol;
    for (size_t k = 0; k < n; k++)
        if (block->flags[i_row * n + k] == 0) return true;
    return false;
}

/* u, v of a block's kept rows at its middle frequency, to 0.1 wavelengths; their number. `uv`
 * may be NULL. */
static size_t uv_of_block(const ci_vis_block *block, double *uv)
{
    double per_m = block->freq_hz[block->n_chan / 2] / CI_C_M_S;
    size_t n = 0;
    for (size_t i = 0; i < block->n_row; i++) {
        if (!uv_is_kept(block, i) || !row_has_data(block, i)) continue;
        for (size_t k = 0; uv && k < 2; k++)
            uv[2 * n + k] = rint(block->uvw_m[3 * i + k] * per_m * 10) / 10;
        n++;
    }
    return n;
}

static ci_status uv_here(const ci_vis_set *set, double **out, size_t *n)
{
    size_t n_all = 0;
    *n = 0;
    for (size_t i = 0; i < set->n_block; i++)
        n_all += uv_of_block(set->block[i], NULL);
    CI_TRY(ci_mem_alloc(out, n_all, 2 * sizeof **out, "uv points"));
    for (size_t i = 0; i < set->n_block; i++)
        *n += uv_of_block(set->block[i], *out + 2 * *n);
    return CI_OK;
}

/* Ranks hold ascending runs of the global order: their points one after the other are the same
 * at any number of ranks. */
static ci_status uv_gather(ci_comm *comm, const ci_vis_set *set, double **out, size_t *n)
{
    double *here = NULL;
    size_t n_here = 0, n_byte = 0;
    ci_status status = ci_par_agree(comm, uv_here(set, &here, &n_here));
    if (status == CI_OK)
        status = ci_par_gather(comm, here, 2 * n_here * sizeof *here, 0, (void **)out, &n_byte);
    *n = n_byte / (2 * sizeof *here);
    ci_mem_free(here);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static ci_status root_fill(const ci_tile_data *data, const ci_image_stats *stats,
                           ci_tile_record *record)
{
    if (stats) CI_TRY(images_new(&record->images, stats, data));
    if (data->flags) CI_TRY(flags_new(&record->flags, data->flags, data->set->meta));
    return ci_mem_alloc(&record->uv, 1, sizeof *record->uv, "tile record");
}

ci_status ci_tile_record_fill(ci_comm *team, const ci_tile_data *data, const ci_image_stats *stats,
                              ci_tile_record *record)
{
    double *uv = NULL;
    size_t n_uv = 0;
    CI_TRY(uv_gather(team, data->set, &uv, &n_uv));
    if (!record) return ci_par_agree(team, CI_OK);
    ci_status status = root_fill(data, stats, record);
    if (status == CI_OK)
        *record->uv = (ci_tile_uv){n_uv, uv};
    else
        ci_mem_free(uv);
    return ci_par_agree(team, status);
}
