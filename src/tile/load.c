/* Reads one observation and phases it to the centre of its image. */
#include "contimg/tile.h"

#include <math.h>
#include <string.h>

/* Less than the first sidelobe of an Airy pattern: beyond the main lobe. */
static const double least_power_of_centre = 0.02;

void ci_tile_data_free(ci_tile_data *data)
{
    ci_vis_set_free(data->set);
    ci_sky_eop_free(data->eop);
    ci_sky_beam_free(data->beam);
    ci_flag_report_free(data->flags);
    ci_sky_pointing_clear(&data->pointing);
    memset(data, 0, sizeof *data);
}

/* Whether two phase centres are positions that a dish must move between. */
static bool is_elsewhere(const ci_vis_phase_centre *a, const ci_vis_phase_centre *b)
{
    const double same_rad = 1 * CI_ARCSEC_TO_RAD;
    if (a->i_field == b->i_field) return false;
    if (a->kind != b->kind) return true;
    double ra = a->kind == CI_VIS_PHASING_SIDEREAL ? a->ra_rad - b->ra_rad : 0;
    return a->kind != CI_VIS_PHASING_UNPROJECTED &&
           ci_sky_separation_rad(ra, a->dec_rad, 0, b->dec_rad) > same_rad;
}

/* Rows of one integration have one pointing: where they are phased to several fields, nothing says
 * at which the dishes looked. Without a beam each row is phased by its own centre, and that is
 * all. */
static ci_status fields_check(const ci_vis_meta *meta, const ci_sky_beam *beam)
{
    bool is_mixed = false;
    for (size_t i = 0; !is_mixed && meta->time_phase && i < meta->n_time; i++)
        is_mixed = meta->time_phase[i] == CI_VIS_PHASE_MIXED;
    size_t i = 1;
    while (i < meta->n_phase && !is_elsewhere(&meta->phase[0], &meta->phase[i]))
        i++;
    if (!is_mixed || i >= meta->n_phase || ci_sky_beam_is_none(beam)) return CI_OK;
    const ci_vis_field *a = &meta->field[meta->phase[0].i_field];
    const ci_vis_field *b = &meta->field[meta->phase[i].i_field];
    return ci_error(
        CI_ERR_INPUT,
        "Header/phase_center_id_array: rows of one time in several of the %zu fields, %lld \"%s\" "
        "at %.5f %+.5f deg, %lld \"%s\" at %.5f %+.5f deg ...: where the primary beam lay then is "
        "not known: choose one by --field (contimg inspect lists them), or give --beam none",
        meta->n_field, (long long)a->id, a->name, meta->phase[0].ra_rad * CI_RAD_TO_DEG,
        meta->phase[0].dec_rad * CI_RAD_TO_DEG, (long long)b->id, b->name,
        meta->phase[i].ra_rad * CI_RAD_TO_DEG, meta->phase[i].dec_rad * CI_RAD_TO_DEG);
}

/* What follows from header and options alone, before any data are touched. Local. */
static ci_status prepare(const ci_tile_options *options, const ci_vis_meta *meta, ci_tile_data *out)
{
    CI_TRY(ci_sky_pointing_from(meta, &out->pointing));
    CI_TRY(ci_sky_beam_new(&out->beam, options->beam, &meta->array));
    CI_TRY(fields_check(meta, out->beam));
    if (!options->centre_given)
        return ci_sky_centre_default(out->eop, meta, &out->ra_rad, &out->dec_rad);
    out->ra_rad = options->ra_rad;
    out->dec_rad = options->dec_rad;
    return CI_OK;
}

/* What the array saw of a position at one of its times. */
static ci_status seen_at(const ci_tile_data *data, double time_mjd_s, double ra_rad, double dec_rad,
                         double *sine, double *power)
{
    const ci_vis_meta *meta = data->set->meta;
    double freq = meta->sub_band[0].freq_hz[meta->sub_band[0].n_chan / 2], ha, dec;
    double latitude = meta->array.lat_rad;
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_sky_frame_new(&frame, data->eop, &meta->array, time_mjd_s, meta->dut1_s));
    ci_sky_apparent(frame, ra_rad, dec_rad, &ha, &dec);
    *sine = fmax(*sine, sin(latitude) * sin(dec) + cos(latitude) * cos(dec) * cos(ha));
    *power =
        fmax(*power, ci_sky_beam_power(data->beam, &data->pointing, frame, ra_rad, dec_rad, freq));
    ci_sky_frame_free(frame);
    return CI_OK;
}

/* A centre that was asked for: refused where it never rose, warned of where the beam hardly sees
 * it. */
static ci_status centre_check(const ci_tile_data *data, bool warns)
{
    const ci_vis_meta *meta = data->set->meta;
    double sine = -1, power = 0, ra = data->ra_rad * CI_RAD_TO_DEG;
    double dec = data->dec_rad * CI_RAD_TO_DEG;
    double begin = meta->time_mjd_s[0], length = meta->time_mjd_s[meta->n_time - 1] - begin;
    for (int i = 0; i <= 4; i++)
        CI_TRY(
            seen_at(data, begin + 0.25 * i * length, data->ra_rad, data->dec_rad, &sine, &power));
    if (sine <= 0)
        return ci_error(CI_ERR_USAGE,
                        "--phase-center %.6g,%.6g: %.3g degrees below the horizon while these data "
                        "were taken: give a centre that the array saw",
                        ra, dec, -asin(fmax(sine, -1)) * CI_RAD_TO_DEG);
    if (warns && power < least_power_of_centre)
        ci_log_warning("--phase-center %.6g,%.6g lies outside the primary beam, which sees it at "
                       "%.2g of its flux: is this the field of these data?",
                       ra, dec, power);
    return CI_OK;
}

/* The memo makes directions of feeds optional: where they are assumed that is said, and warned of
 * where a sign depends on it. */
static void feeds_tell(const ci_tile_options *options, const ci_vis_meta *meta)
{
    ci_vis_pol_kind kind = ci_vis_pol_kind_of(meta->pol[0]);
    int stokes = options->image.stokes;
    bool is_linear = kind == CI_VIS_POL_LINEAR;
    if (meta->x_is_known || kind == CI_VIS_POL_STOKES) return;
    const char *text = is_linear
                           ? "x_orientation: not in the files: X feeds to the east are assumed; Q "
                             "and V have the other sign where they lie to the north "
                             "(--x-orientation)"
                           : "feed_angle: not in the files: R and L at 0 degrees are assumed; Q "
                             "and U have the other sign where their angles add up to 180";
    if (stokes == CI_VIS_POL_Q || stokes == (is_linear ? CI_VIS_POL_V : CI_VIS_POL_U))
        ci_log_warning("%s", text);
    else
        ci_log_info("%s", text);
}

ci_status ci_tile_load(ci_comm *comm, const ci_tile_options *options, const char *const *paths,
                       size_t n_path, ci_tile_data *out)
{
    memset(out, 0, sizeof *out);
    ci_uvh5_set *files = NULL;
    ci_status status = ci_par_agree(comm, ci_sky_eop_load(&out->eop, options->earth_orientation));
    if (status == CI_OK) status = ci_uvh5_set_open(comm, &files, paths, n_path, &options->uvh5);
    if (status == CI_OK) status = ci_uvh5_set_read(comm, files, &out->set);
    ci_uvh5_set_free(files);
    if (status == CI_OK && ci_comm_rank(comm) == 0) feeds_tell(options, out->set->meta);
    if (status == CI_OK) status = ci_par_agree(comm, prepare(options, out->set->meta, out));
    if (status == CI_OK && options->centre_given)
        status = ci_par_agree(comm, centre_check(out, ci_comm_rank(comm) == 0));
    if (status == CI_OK)
        status = ci_par_agree(comm, ci_sky_set_rephase(out->eop, out->set, out->ra_rad,
                                                       out->dec_rad, ci_comm_isa(comm)));
    if (status != CI_OK) ci_tile_data_free(out);
    return status;
}
