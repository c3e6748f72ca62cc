/* Do the stored uvw and sidereal times agree with positions and times? Nothing here is
 * used: contimg computes its own. A file that differs is worth a warning, because its
 * writer may have differed in the data too. */
#include "uvh5/uvh5_private.h"

#include "contimg/sky.h"

#include <math.h>
#include <string.h>

typedef struct differences
{
    double worst_m, worst_flipped_m; /* of any axis, against +uvw and -uvw of the file */
    double worst_length_m;
    size_t n;
} differences;

static double length(const double v[3])
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

static void row_compare(const ci_uvh5_file *file, const double basis[3][3], size_t i_row,
                        differences *d)
{
    const ci_vis_meta *meta = file->meta;
    int32_t b = file->row_baseline[i_row];
    const double *r1 = meta->array.antenna[meta->baseline_ant1[b]].pos_ecef_m;
    const double *r2 = meta->array.antenna[meta->baseline_ant2[b]].pos_ecef_m;
    double sign = file->row_reversed[i_row] != 0 ? -1 : 1;
    double uvw[3], minus[3], plus[3], baseline[3];
    for (int k = 0; k < 3; k++)
        baseline[k] = r2[k] - r1[k];
    for (int k = 0; k < 3; k++) {
        uvw[k] = sign * file->row_uvw[3 * i_row + (size_t)k];
        double own =
            basis[k][0] * baseline[0] + basis[k][1] * baseline[1] + basis[k][2] * baseline[2];
        minus[k] = uvw[k] - own;
        plus[k] = uvw[k] + own;
    }
    for (int k = 0; k < 3; k++) {
        d->worst_m = fmax(d->worst_m, fabs(minus[k]));
        d->worst_flipped_m = fmax(d->worst_flipped_m, fabs(plus[k]));
    }
    d->worst_length_m = fmax(d->worst_length_m, fabs(length(uvw) - length(baseline)));
    if (!isfinite(length(uvw))) d->worst_m = d->worst_flipped_m = d->worst_length_m = INFINITY;
    d->n++;
}

/* East, north, up at the array's origin. */
static void enu_basis(const ci_vis_array *array, double basis[3][3])
{
    double slat = sin(array->lat_rad), clat = cos(array->lat_rad);
    double slon = sin(array->lon_rad), clon = cos(array->lon_rad);
    const double enu[3][3] = {
        {-slon, clon, 0}, {-slat * clon, -slat * slon, clat}, {clat * clon, clat * slon, slat}};
    memcpy(basis, enu, sizeof enu);
}

/* Rows of one time are compared with one frame; files may have thousands of times. */
static ci_status times_compare(ci_uvh5_file *file, const ci_sky_eop *eop, differences *d)
{
    enum
    {
        N_LOOK = 8
    };
    const ci_vis_meta *meta = file->meta;
    size_t step = (meta->n_time + N_LOOK - 1) / N_LOOK;
    for (size_t i_time = 0; i_time < meta->n_time; i_time += step) {
        ci_sky_frame *frame = NULL;
        CI_TRY(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[i_time], meta->dut1_s));
        double basis[3][3];
        int32_t i_phase = -1;
        for (size_t i = 0; i < file->n_row; i++) {
            if ((size_t)file->row_time[i] != i_time) continue;
            if (file->row_phase[i] != i_phase) {
                i_phase = file->row_phase[i];
                const ci_vis_phase_centre *centre = &meta->phase[i_phase];
                if (centre->kind == CI_PHASING_SIDEREAL) {
                    ci_sky_uvw_basis(frame, centre->ra_rad, centre->dec_rad, basis);
                } else {
                    enu_basis(&meta->array, basis);
                }
            }
            row_compare(file, basis, i, d);
        }
        ci_sky_frame_free(frame);
    }
    return CI_OK;
}

/* Meridian data: DSA-110's uvw are of another epoch, only their lengths can be held to. */
static void differences_tell(ci_uvh5_file *file, const differences *d)
{
    const double limit_m = 1;
    bool is_meridian = file->meta->phase[0].kind == CI_PHASING_MERIDIAN;
    double worst = is_meridian ? d->worst_length_m : d->worst_m;
    if (!(worst > limit_m)) return;
    if (!is_meridian && d->worst_flipped_m < limit_m) {
        ci_uvh5_warning_add(file,
                            "Header/uvw_array: has the opposite sign of the antenna positions: the "
                            "visibilities may be conjugated; uvw are computed from the positions");
        return;
    }
    ci_uvh5_warning_add(
        file,
        "Header/uvw_array: differs from the antenna positions by up to %.1f m; uvw are "
        "computed from the positions",
        worst);
}

/* Apparent sidereal time within 5 ms of ours. */
static void lst_compare(ci_uvh5_file *file, const ci_sky_eop *eop)
{
    const ci_vis_meta *meta = file->meta;
    double *lst = NULL;
    ci_sky_frame *frame = NULL;
    if (!ci_h5_has(file->h5, "Header/lst_array")) return;
    if (ci_mem_alloc(&lst, file->n_row, sizeof *lst, "sidereal times") != CI_OK ||
        ci_h5_read_double(file->h5, "Header/lst_array", lst, file->n_row) != CI_OK) {
        ci_uvh5_warning_add(file, "Header/lst_array: %s", ci_error_text());
        ci_error_clear();
    } else if (ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[file->row_time[0]],
                                meta->dut1_s) == CI_OK) {
        double off_s =
            remainder(lst[0] - ci_sky_frame_last_rad(frame), CI_TWO_PI) / CI_TWO_PI * 86164.0905;
        if (!(fabs(off_s) <= 5e-3)) {
            ci_uvh5_warning_add(
                file,
                "Header/lst_array: %.3f s off the apparent sidereal time of its time; not "
                "used",
                off_s);
        }
    }
    ci_sky_frame_free(frame);
    ci_mem_free(lst);
}

void ci_uvh5_geometry_check(ci_uvh5_file *file)
{
    differences d = {0};
    ci_sky_eop *eop = NULL;
    ci_status status = ci_sky_eop_load(&eop, NULL);
    if (status == CI_OK) status = times_compare(file, eop, &d);
    if (status == CI_OK) {
        differences_tell(file, &d);
        lst_compare(file, eop);
    } else {
        ci_uvh5_warning_add(file, "uvw and sidereal times not compared: %s", ci_error_text());
        ci_error_clear();
    }
    ci_sky_eop_free(eop);
}
