/* Do the stored uvw and sidereal times agree with positions and times? Nothing here is
 * used: contimg computes its own. A file that differs is worth a warning, because its
 * writer may have differed in the data too. */
#include "uvh5/uvh5_private.h"

#include "contimg/sky.h"

#include <math.h>
#include <string.h>

static const double sidereal_day_s = 86164.0905;

/* Axes that positions are mistaken to have instead of those of ITRF. */
enum
{
    AXES_ENU,   /* east, north, up */
    AXES_LOCAL, /* x through the array's meridian, as in UVFITS */
    N_AXES
};

typedef struct differences
{
    double worst_m, worst_flipped_m; /* of any axis, against +uvw and -uvw of the file */
    double worst_axes_m[N_AXES];     /* the same, had the positions these axes */
    double worst_length_m;
    double least_ratio, greatest_ratio; /* lengths of the file's uvw in baselines */
    size_t n;
    bool fits_times;    /* also look for the times that the file's uvw are of */
    double worst_fit_m; /* of any row at its best time */
    double worst_row_m,
        rotation_rad; /* of the row that differs most: by how much, and its best time */
    size_t i_worst_row;
} differences;

static double length(const double v[3])
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

static void project(const double basis[3][3], const double v[3], double out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = basis[k][0] * v[0] + basis[k][1] * v[1] + basis[k][2] * v[2];
}

/* The greatest difference of any axis. */
static double apart(const double a[3], const double b[3], double sign)
{
    double worst = 0;
    for (int k = 0; k < 3; k++)
        worst = fmax(worst, fabs(a[k] - sign * b[k]));
    return worst;
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

/* What a vector of those axes is in the axes of ITRF. */
static void axes_rotate(const ci_vis_array *array, int axes, const double v[3], double out[3])
{
    double enu[3][3], slon = sin(array->lon_rad), clon = cos(array->lon_rad);
    enu_basis(array, enu);
    for (int k = 0; k < 3; k++)
        out[k] = enu[0][k] * v[0] + enu[1][k] * v[1] + enu[2][k] * v[2];
    if (axes == AXES_ENU) return;
    out[0] = clon * v[0] - slon * v[1];
    out[1] = slon * v[0] + clon * v[1];
    out[2] = v[2];
}

/* How far the file's uvw are from those of the baseline rotated about the pole, at best, and by
 * what angle: a later time rotates it east. uvw of a rotated baseline are still + east cos + north
 * sin. */
static double rotation_fit(const double basis[3][3], const double baseline[3], const double uvw[3],
                           double *rotation_rad)
{
    enum
    {
        N_SCAN = 240,
        N_REFINE = 40
    };
    const double parts[3][3] = {
        {0, 0, baseline[2]}, {baseline[0], baseline[1], 0}, {-baseline[1], baseline[0], 0}};
    double still[3], east[3], north[3], best = INFINITY, step = CI_TWO_PI / N_SCAN;
    project(basis, parts[0], still);
    project(basis, parts[1], east);
    project(basis, parts[2], north);
    *rotation_rad = 0;
    for (int i = 0; i < N_SCAN + 2 * N_REFINE; i++) {
        double angle = i * step, left[3];
        if (i >= N_SCAN) {
            if (i % 2 == 0) step *= 0.7;
            angle = *rotation_rad + (i % 2 ? step : -step);
        }
        for (int k = 0; k < 3; k++)
            left[k] = still[k] + east[k] * cos(angle) + north[k] * sin(angle) - uvw[k];
        if (!(length(left) < best)) continue;
        best = length(left);
        *rotation_rad = angle;
    }
    *rotation_rad = remainder(*rotation_rad, CI_TWO_PI);
    return best;
}

static void row_fit(const double basis[3][3], const double baseline[3], const double uvw[3],
                    size_t i_row, differences *d)
{
    double own[3], rotation_rad;
    project(basis, baseline, own);
    d->worst_fit_m = fmax(d->worst_fit_m, rotation_fit(basis, baseline, uvw, &rotation_rad));
    if (!(apart(uvw, own, 1) > d->worst_row_m)) return;
    d->worst_row_m = apart(uvw, own, 1);
    d->rotation_rad = rotation_rad;
    d->i_worst_row = i_row;
}

static void row_compare(const ci_uvh5_file *file, const double basis[3][3], size_t i_row,
                        differences *d)
{
    const ci_vis_meta *meta = file->meta;
    int32_t b = file->row_baseline[i_row];
    const double *r1 = meta->array.antenna[meta->baseline_ant1[b]].pos_ecef_m;
    const double *r2 = meta->array.antenna[meta->baseline_ant2[b]].pos_ecef_m;
    double sign = file->row_reversed[i_row] != 0 ? -1 : 1;
    double uvw[3], own[3], baseline[3], rotated[3];
    for (int k = 0; k < 3; k++) {
        baseline[k] = r2[k] - r1[k];
        uvw[k] = sign * file->row_uvw[3 * i_row + (size_t)k];
    }
    if (d->fits_times) {
        row_fit(basis, baseline, uvw, i_row, d);
        return;
    }
    project(basis, baseline, own);
    d->worst_m = fmax(d->worst_m, apart(uvw, own, 1));
    d->worst_flipped_m = fmax(d->worst_flipped_m, apart(uvw, own, -1));
    for (int axes = 0; axes < N_AXES; axes++) {
        axes_rotate(&meta->array, axes, baseline, rotated);
        project(basis, rotated, own);
        d->worst_axes_m[axes] = fmax(d->worst_axes_m[axes], apart(uvw, own, 1));
    }
    if (length(baseline) > 0 && fmax(length(uvw), length(baseline)) > 1) {
        double ratio = length(uvw) / length(baseline);
        d->least_ratio = d->greatest_ratio > 0 ? fmin(d->least_ratio, ratio) : ratio;
        d->greatest_ratio = fmax(d->greatest_ratio, ratio);
    }
    d->worst_length_m = fmax(d->worst_length_m, fabs(length(uvw) - length(baseline)));
    if (!isfinite(length(uvw))) {
        d->worst_m = d->worst_flipped_m = d->worst_length_m = INFINITY;
        for (int axes = 0; axes < N_AXES; axes++)
            d->worst_axes_m[axes] = INFINITY;
    }
    d->n++;
}

/* Rows of one time are compared with one frame; files may have thousands of times. */
static ci_status times_compare(const ci_uvh5_file *file, const ci_sky_eop *eop, differences *d)
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
            if ((size_t)file->row_time[i] != i_time || file->row_phase[i] < 0) continue;
            if (file->row_phase[i] != i_phase) {
                i_phase = file->row_phase[i];
                const ci_vis_phase_centre *centre = &meta->phase[i_phase];
                if (centre->kind == CI_VIS_PHASING_SIDEREAL) {
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

/* Positions of other axes or another unit than the file's own uvw say so by fitting them. */
static ci_status axes_check(const ci_uvh5_file *file, const differences *d)
{
    static const char name[] = "Header/antenna_positions";
    static const char *const axes_names[N_AXES] = {
        "east, north, up", "x through the array's meridian, z to the pole (UVFITS)"};
    const double limit_m = 1, same = 1e-3;
    double ratio = d->greatest_ratio;
    /* Of data that are not projected, uvw may be the positions' differences as they are. */
    bool is_projected = file->meta->phase[0].kind == CI_VIS_PHASING_SIDEREAL;
    for (int axes = 0; axes < N_AXES && is_projected && d->worst_m > limit_m; axes++) {
        if (d->worst_axes_m[axes] > limit_m || d->worst_axes_m[axes] > 0.01 * d->worst_m) continue;
        return ci_uvh5_refuse(
            file, name,
            "differ from uvw_array by %.6g m, and by %.2g m if their axes are %s: "
            "rotate them to the axes of ITRF",
            d->worst_m, d->worst_axes_m[axes], axes_names[axes]);
    }
    bool is_one_ratio = ratio > 0 && d->least_ratio > (1 - same) * ratio;
    if (is_one_ratio && d->worst_length_m > limit_m && fabs(ratio - 1) > 0.01)
        return ci_uvh5_refuse(
            file, name,
            "uvw_array is %.6g times as long on every baseline: one of the two is "
            "not in metres: correct it",
            ratio);
    return CI_OK;
}

/* Meridian data: DSA-110's uvw are of another epoch, only their lengths can be held to. */
static void differences_tell(ci_uvh5_file *file, const differences *d)
{
    const double limit_m = 1;
    bool is_meridian = file->meta->phase[0].kind == CI_VIS_PHASING_MERIDIAN;
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

/* Seconds by which the header's sidereal time of row i is off ours. */
static ci_status lst_off(const ci_uvh5_file *file, const ci_sky_eop *eop, const double *lst,
                         size_t i_row, double *off_s)
{
    const ci_vis_meta *meta = file->meta;
    ci_sky_frame *frame = NULL;
    CI_TRY(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[file->row_time[i_row]],
                            meta->dut1_s));
    *off_s = remainder(lst[i_row] - ci_sky_frame_last_rad(frame), CI_TWO_PI) / CI_TWO_PI *
             sidereal_day_s;
    ci_sky_frame_free(frame);
    return CI_OK;
}

/* Times and position say what the apparent sidereal time is. 5 ms is what writers reach; a second
 * is more than any UT1 can explain, and moves sources by 15 arcsec: then one of the three is wrong.
 */
static ci_status lst_compare(ci_uvh5_file *file, const ci_sky_eop *eop)
{
    const double most_s = 1, usual_s = 5e-3;
    double *lst = NULL, worst_s = 0;
    size_t worst = 0, n_without = 0, step = file->n_row / 64 + 1;
    if (!ci_h5_has(file->h5, "Header/lst_array")) return CI_OK;
    CI_TRY(ci_mem_alloc(&lst, file->n_row, sizeof *lst, "sidereal times"));
    if (ci_h5_read_double(file->h5, "Header/lst_array", lst, file->n_row) != CI_OK) {
        ci_uvh5_warning_add(file, "Header/lst_array: %s", ci_error_text());
        ci_error_clear();
        ci_mem_free(lst);
        return CI_OK;
    }
    for (size_t i = 0; i < file->n_row; i++)
        n_without += !isfinite(lst[i]);
    if (n_without > 0) {
        ci_uvh5_warning_add(file, "Header/lst_array: no number in %zu of %zu rows: not compared",
                            n_without, file->n_row);
        step = 1;
    }
    ci_status status = CI_OK;
    for (size_t i = 0, n = 0; status == CI_OK && i < file->n_row && n < 64; i += step) {
        double off_s;
        if (file->row_phase[i] < 0 || !isfinite(lst[i])) continue;
        n++;
        status = lst_off(file, eop, lst, i, &off_s);
        if (status == CI_OK && fabs(off_s) > worst_s) {
            worst_s = fabs(off_s);
            worst = i;
        }
    }
    if (status == CI_OK && worst_s > most_s) {
        status = ci_uvh5_refuse(
            file, "Header/lst_array",
            "row %zu: %.6f rad is %.3f s of sidereal time off what time_array (as UTC) and "
            "longitude give: one of the three is wrong (37 s: times in TAI, say so by timesys): "
            "correct it, or remove lst_array",
            worst, lst[worst], worst_s);
    } else if (status == CI_OK && worst_s > usual_s) {
        ci_uvh5_warning_add(
            file,
            "Header/lst_array: row %zu: %.3f s off the apparent sidereal time of its time; "
            "not used",
            worst, worst_s);
    }
    ci_mem_free(lst);
    return status;
}

/* The apparent place that a row was phased to, by the header; false where it gives none. */
static bool apparent_read(const ci_uvh5_file *file, size_t i_row, double position[2])
{
    static const char *const names[] = {"Header/phase_center_app_ra",
                                        "Header/phase_center_app_dec"};
    double *values = NULL;
    bool is_there = true;
    if (ci_mem_alloc(&values, file->n_row, sizeof *values, "apparent places") != CI_OK) {
        ci_error_clear();
        return false;
    }
    for (int k = 0; k < 2 && is_there; k++) {
        is_there = ci_h5_has(file->h5, names[k]) &&
                   ci_h5_read_double(file->h5, names[k], values, file->n_row) == CI_OK;
        position[k] = values[i_row];
        is_there = is_there && isfinite(position[k]);
    }
    ci_mem_free(values);
    ci_error_clear();
    return is_there;
}

ci_status ci_uvh5_apparent_offset(const ci_uvh5_file *file, size_t i_row, double ra_rad,
                                  double dec_rad, double *offset_rad)
{
    const ci_vis_meta *meta = file->meta;
    double position[2], ha, dec;
    ci_sky_eop *eop = NULL;
    ci_sky_frame *frame = NULL;
    *offset_rad = 0;
    if (!apparent_read(file, i_row, position)) return CI_OK;
    CI_TRY(ci_sky_eop_load(&eop, file->options.earth_orientation));
    ci_status status = ci_sky_frame_new(&frame, eop, &meta->array,
                                        meta->time_mjd_s[file->row_time[i_row]], meta->dut1_s);
    if (status == CI_OK) {
        ci_sky_apparent(frame, ra_rad, dec_rad, &ha, &dec);
        *offset_rad =
            ci_sky_separation_rad(ci_sky_frame_last_rad(frame) - ha, dec, position[0], position[1]);
    }
    ci_sky_frame_free(frame);
    ci_sky_eop_free(eop);
    return status;
}

/* Phased by the apparent places of the header, the data are where those say. A centre that neither
 * they nor uvw_array know is wrong. */
static ci_status apparent_compare(ci_uvh5_file *file, const differences *d)
{
    const double most_rad = 1 * CI_ARCSEC_TO_RAD, wrong_rad = 60 * CI_ARCSEC_TO_RAD, wrong_m = 1;
    const ci_vis_meta *meta = file->meta;
    size_t i_row = 0;
    double off;
    while (i_row + 1 < file->n_row && file->row_phase[i_row] < 0)
        i_row++;
    const ci_vis_phase_centre *centre = &meta->phase[file->row_phase[i_row]];
    if (centre->kind != CI_VIS_PHASING_SIDEREAL) return CI_OK;
    CI_TRY(ci_uvh5_apparent_offset(file, i_row, centre->ra_rad, centre->dec_rad, &off));
    if (off > wrong_rad && d->worst_m > wrong_m)
        return ci_uvh5_refuse(file, "Header/phase_center_catalog",
                              "the phase centre at %.6f, %.6f rad is %.2f arcsec from the apparent "
                              "place of row %zu, and uvw_array differs from it by up to %.1f m: "
                              "correct cat_lon, cat_lat (in radians)",
                              centre->ra_rad, centre->dec_rad, off * CI_RAD_TO_ARCSEC, i_row,
                              d->worst_m);
    if (off > most_rad)
        ci_uvh5_warning_add(file,
                            "Header/phase_center_app_ra, _dec: row %zu: %.2f arcsec from the "
                            "apparent place of its phase centre; not used",
                            i_row, off * CI_RAD_TO_ARCSEC);
    return CI_OK;
}

/* uvw that fit the positions at other times on every baseline, and not at these, say that the times
 * are wrong: phased data would be rotated about their centre. Minutes may be uvw of another epoch.
 */
static ci_status times_check(const ci_uvh5_file *file, const ci_sky_eop *eop, double worst_m)
{
    const double limit_m = 1, least_s = 600, share = 0.01;
    differences d = {.fits_times = true};
    bool is_projected = file->meta->phase[0].kind == CI_VIS_PHASING_SIDEREAL;
    if (!is_projected || !(worst_m > limit_m) || !isfinite(worst_m)) return CI_OK;
    CI_TRY(times_compare(file, eop, &d));
    double off_s = d.rotation_rad / CI_TWO_PI * sidereal_day_s;
    if (d.worst_fit_m > share * d.worst_row_m || fabs(off_s) < least_s) return CI_OK;
    double time_mjd_s = file->meta->time_mjd_s[file->row_time[d.i_worst_row]];
    return ci_uvh5_refuse(
        file, "Header/time_array",
        "row %zu: %.5f: uvw_array differs from the antenna positions at this time by %.1f m, and "
        "fits them at a time %.0f s %s, on every baseline: correct time_array (Julian dates, UTC, "
        "in double precision); if the times are right, the phase centre or longitude, or uvw_array",
        d.i_worst_row, time_mjd_s / CI_DAY_S + CI_TIME_JD_OF_MJD, d.worst_row_m, fabs(off_s),
        off_s > 0 ? "later" : "earlier");
}

ci_status ci_uvh5_geometry_check(ci_uvh5_file *file)
{
    differences d = {0};
    ci_sky_eop *eop = NULL;
    if (ci_sky_eop_load(&eop, file->options.earth_orientation) != CI_OK) {
        ci_uvh5_warning_add(file, "uvw and sidereal times not compared: %s", ci_error_text());
        ci_error_clear();
        return CI_OK;
    }
    ci_status status = times_compare(file, eop, &d);
    if (status == CI_OK) status = axes_check(file, &d);
    if (status == CI_OK) {
        differences_tell(file, &d);
        status = lst_compare(file, eop);
    }
    if (status == CI_OK) status = apparent_compare(file, &d);
    if (status == CI_OK) status = times_check(file, eop, d.worst_m);
    ci_sky_eop_free(eop);
    return status;
}
