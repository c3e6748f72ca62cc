/* Entries of phase_center_catalog: a group for each id, or a JSON text for each name. */
#include "uvh5/uvh5_private.h"

#include "contimg/num.h"
#include "contimg/sky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One entry, as far as it is needed, from either form. */
typedef struct entry
{
    char *what; /* for errors */
    char *name, *type, *frame;
    double epoch, pm_ra_mas_yr, pm_dec_mas_yr, distance_pc, vrad_km_s; /* 0: not given */
    size_t n_point;
    double *time, *lon, *lat; /* [n_point]; time NULL where not given */
} entry;

static void entry_clear(entry *e)
{
    ci_mem_free(e->what);
    ci_mem_free(e->name);
    ci_mem_free(e->type);
    ci_mem_free(e->frame);
    ci_mem_free(e->time);
    ci_mem_free(e->lon);
    ci_mem_free(e->lat);
}

static ci_status points_read(ci_uvh5_file *file, const char *group, entry *e)
{
    enum
    {
        MAX_POINTS = 1 << 24
    };
    char name[160];
    ci_h5_info info;
    snprintf(name, sizeof name, "%s/cat_lon", group);
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    uint64_t n = ci_h5_info_count(&info);
    if (n < 1 || n > MAX_POINTS) {
        return ci_uvh5_refuse(file, name, "%llu values: correct it", (unsigned long long)n);
    }
    e->n_point = (size_t)n;
    CI_TRY(ci_mem_alloc(&e->lon, e->n_point, sizeof(double), "phase centre"));
    CI_TRY(ci_mem_alloc(&e->lat, e->n_point, sizeof(double), "phase centre"));
    CI_TRY(ci_h5_read_double(file->h5, name, e->lon, e->n_point));
    snprintf(name, sizeof name, "%s/cat_lat", group);
    CI_TRY(ci_h5_read_double(file->h5, name, e->lat, e->n_point));
    snprintf(name, sizeof name, "%s/cat_times", group);
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_mem_alloc(&e->time, e->n_point, sizeof(double), "phase centre"));
    return ci_h5_read_double(file->h5, name, e->time, e->n_point);
}

/* An optional number; one for each point of an ephemeris counts as there. */
static ci_status number_read(ci_uvh5_file *file, const char *group, const char *member, double *out)
{
    char name[160];
    ci_h5_info info;
    double value = 0;
    snprintf(name, sizeof name, "%s/%s", group, member);
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    if (ci_h5_info_count(&info) != 1) {
        *out = NAN;
        return CI_OK;
    }
    CI_TRY(ci_h5_read_double(file->h5, name, &value, 1));
    *out = value;
    return CI_OK;
}

static ci_status group_read(ci_uvh5_file *file, const char *group, entry *e)
{
    const struct
    {
        const char *member;
        char **text;
    } texts[] = {{"cat_name", &e->name}, {"cat_type", &e->type}, {"cat_frame", &e->frame}};
    const struct
    {
        const char *member;
        double *value;
    } numbers[] = {{"cat_epoch", &e->epoch},
                   {"cat_pm_ra", &e->pm_ra_mas_yr},
                   {"cat_pm_dec", &e->pm_dec_mas_yr},
                   {"cat_dist", &e->distance_pc},
                   {"cat_vrad", &e->vrad_km_s}};
    char name[160];
    CI_TRY(ci_str_copy(&e->what, group));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(name, sizeof name, "%s/%s", group, texts[i].member);
        CI_TRY(ci_uvh5_header_text_copy(file, name, texts[i].text));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CI_TRY(number_read(file, group, numbers[i].member, numbers[i].value));
    if (strcasecmp(e->type, "unprojected") == 0) return CI_OK;
    return points_read(file, group, e);
}

static ci_status json_fill(const ci_json *json, entry *e)
{
    CI_TRY(ci_str_copy(&e->type, ci_json_get_string(json, "cat_type", "")));
    CI_TRY(ci_str_copy(&e->frame, ci_json_get_string(json, "cat_frame", "")));
    e->epoch = ci_json_get_number(json, "cat_epoch", 2000);
    e->pm_ra_mas_yr = ci_json_get_number(json, "cat_pm_ra", 0);
    e->pm_dec_mas_yr = ci_json_get_number(json, "cat_pm_dec", 0);
    e->distance_pc = ci_json_get_number(json, "cat_dist", 0);
    e->vrad_km_s = ci_json_get_number(json, "cat_vrad", 0);
    const ci_json *lon = ci_json_get(json, "cat_lon"), *lat = ci_json_get(json, "cat_lat");
    const ci_json *time = ci_json_get(json, "cat_times");
    size_t n = ci_json_length(lon);
    e->n_point = n > 0 ? n : 1;
    CI_TRY(ci_mem_alloc(&e->lon, e->n_point, sizeof(double), "phase centre"));
    CI_TRY(ci_mem_alloc(&e->lat, e->n_point, sizeof(double), "phase centre"));
    for (size_t i = 0; i < e->n_point; i++) {
        e->lon[i] = ci_json_number(n > 0 ? ci_json_at(lon, i) : lon, NAN);
        e->lat[i] = ci_json_number(n > 0 ? ci_json_at(lat, i) : lat, NAN);
    }
    if (n == 0 || ci_json_length(time) != n) return CI_OK;
    CI_TRY(ci_mem_alloc(&e->time, n, sizeof(double), "phase centre"));
    for (size_t i = 0; i < n; i++)
        e->time[i] = ci_json_number(ci_json_at(time, i), NAN);
    return CI_OK;
}

/* A form between versions 1.0 and 1.1: the member is called by the centre's name and holds
 * JSON with its id. */
static ci_status json_read(ci_uvh5_file *file, const char *member, int64_t id, entry *e,
                           bool *is_it)
{
    char *name = NULL, *text = NULL;
    ci_json *json = NULL;
    *is_it = false;
    CI_TRY(ci_str_format(&name, "Header/phase_center_catalog/%s", member));
    ci_status status = CI_OK;
    if (ci_h5_kind_of(file->h5, name) == CI_H5_DATASET) {
        status = ci_h5_read_string(file->h5, name, &text);
        if (status == CI_OK && ci_json_parse(&json, text, name) != CI_OK)
            status = ci_uvh5_refuse(file, name, "neither a group nor JSON text: correct it");
    }
    ci_mem_free(text);
    if (status == CI_OK && json && ci_json_get_number(json, "cat_id", NAN) == (double)id) {
        *is_it = true;
        status = ci_str_copy(&e->what, name);
        if (status == CI_OK) status = ci_str_copy(&e->name, member);
        if (status == CI_OK) status = json_fill(json, e);
    }
    ci_json_free(json);
    ci_mem_free(name);
    return status;
}

static ci_status entry_read(ci_uvh5_file *file, int64_t id, entry *e)
{
    char group[96];
    char **members = NULL;
    size_t n = 0;
    bool is_it = false;
    e->epoch = 2000;
    snprintf(group, sizeof group, "Header/phase_center_catalog/%lld", (long long)id);
    if (ci_h5_kind_of(file->h5, group) == CI_H5_GROUP) return group_read(file, group, e);
    CI_TRY(ci_h5_members(file->h5, "Header/phase_center_catalog", &members, &n));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && !is_it && i < n; i++) {
        status = json_read(file, members[i], id, e, &is_it);
    }
    ci_mem_free(members);
    if (status == CI_OK && !is_it) {
        return ci_uvh5_refuse(file, "Header/phase_center_id_array",
                              "id %lld is not in phase_center_catalog: correct one of the two",
                              (long long)id);
    }
    return status;
}

/* Proper motion is counted from the epoch of the entry. pyuvdata writes that epoch, but counts
 * from 2000 when it phases: where the apparent places of the rows say so, they are right. */
static ci_status star_place(ci_uvh5_file *file, const entry *e, size_t i_row, ci_sky_star *star,
                            uvh5_centre *out)
{
    const double least_rad = 0.05 * CI_ARCSEC_TO_RAD;
    double time = file->meta->time_mjd_s[file->row_time[i_row]], ra, dec, off[2];
    const double epoch[2] = {e->epoch, 2000};
    for (int k = 0; k < 2; k++) {
        star->epoch_year = epoch[k];
        ci_sky_star_place(star, time, &ra, &dec);
        CI_TRY(ci_uvh5_apparent_offset(file, i_row, ra, dec, &off[k]));
    }
    bool is_2000 = off[1] + least_rad < off[0];
    if (is_2000) {
        ci_uvh5_warning_add(file,
                            "%s: cat_epoch %g: the rows' apparent places say that the proper "
                            "motion was counted from 2000: so it is",
                            e->what, e->epoch);
    }
    star->epoch_year = epoch[is_2000];
    ci_sky_star_place(star, ci_uvh5_mid_time(file), &out->position.ra_rad, &out->position.dec_rad);
    return CI_OK;
}

static ci_status sidereal_make(ci_uvh5_file *file, const entry *e, size_t i_row, uvh5_centre *out)
{
    const uvh5_frame frame = {e->frame, e->epoch, ci_uvh5_mid_time(file)};
    double ra = e->lon[0], dec = e->lat[0];
    CI_TRY(ci_uvh5_frame_to_icrs(file, e->what, frame, &ra, &dec));
    if (!isfinite(e->pm_ra_mas_yr) || !isfinite(e->pm_dec_mas_yr) || !isfinite(e->distance_pc) ||
        !isfinite(e->vrad_km_s) || !isfinite(e->epoch) || e->distance_pc < 0) {
        return ci_uvh5_refuse(file, e->what,
                              "epoch %g, proper motion %g, %g mas/yr, distance %g pc, velocity %g "
                              "km/s: one finite number each is needed, the distance not negative",
                              e->epoch, e->pm_ra_mas_yr, e->pm_dec_mas_yr, e->distance_pc,
                              e->vrad_km_s);
    }
    out->position.kind = CI_VIS_PHASING_SIDEREAL;
    out->position.ra_rad = ra;
    out->position.dec_rad = dec;
    ci_sky_star star = {.ra_rad = ra,
                        .dec_rad = dec,
                        .epoch_year = e->epoch,
                        .pm_ra_mas_yr = e->pm_ra_mas_yr,
                        .pm_dec_mas_yr = e->pm_dec_mas_yr,
                        .distance_pc = e->distance_pc,
                        .vrad_km_s = e->vrad_km_s};
    bool moves = star.pm_ra_mas_yr != 0 || star.pm_dec_mas_yr != 0;
    if (!moves && star.distance_pc == 0) return CI_OK;
    if (moves && fabs(e->epoch - 2000) > 1e-9) return star_place(file, e, i_row, &star, out);
    ci_sky_star_place(&star, ci_uvh5_mid_time(file), &out->position.ra_rad, &out->position.dec_rad);
    return CI_OK;
}

/* An ephemeris ready for use: points by time, right ascensions without jumps of a turn. */
typedef struct track
{
    size_t n;
    double *time_jd, *lon, *lat; /* [n] */
    double *lon_second, *lat_second;
} track;

static void track_clear(track *t)
{
    ci_mem_free(t->time_jd);
    ci_mem_free(t->lon_second);
    ci_mem_free(t->lat_second);
}

static ci_status track_new(const ci_uvh5_file *file, const entry *e, track *t)
{
    double(*point)[3] = NULL;
    size_t n = t->n = e->n_point;
    CI_TRY(ci_mem_alloc(&t->time_jd, 3 * n, sizeof *t->time_jd, "ephemeris"));
    t->lon = t->time_jd + n;
    t->lat = t->lon + n;
    CI_TRY(ci_mem_alloc(&point, n, sizeof *point, "ephemeris"));
    for (size_t i = 0; i < n; i++) {
        point[i][0] = e->time[i];
        point[i][1] = e->lon[i];
        point[i][2] = e->lat[i];
    }
    qsort(point, n, sizeof *point, ci_num_compare_doubles);
    bool is_good = true;
    for (size_t i = 0; i < n; i++) {
        t->time_jd[i] = point[i][0];
        t->lon[i] = i == 0 ? point[0][1]
                           : t->lon[i - 1] + remainder(point[i][1] - t->lon[i - 1], CI_TWO_PI);
        t->lat[i] = point[i][2];
        is_good = is_good && isfinite(point[i][0]) && isfinite(point[i][1]) &&
                  isfinite(point[i][2]) && (i == 0 || point[i][0] > point[i - 1][0]);
    }
    ci_mem_free(point);
    if (!is_good)
        return ci_uvh5_refuse(file, e->what,
                              "ephemeris: cat_times must be finite and all different, cat_lon and "
                              "cat_lat finite");
    CI_TRY(ci_num_spline_new(&t->lon_second, t->time_jd, t->lon, n));
    return ci_num_spline_new(&t->lat_second, t->time_jd, t->lat, n);
}

static ci_status track_follow(const ci_uvh5_file *file, const entry *e, const track *t,
                              uvh5_centre *out)
{
    const double slack_day = 1e-3 / CI_DAY_S; /* steps of a Julian date */
    const ci_vis_meta *meta = file->meta;
    CI_TRY(ci_mem_alloc(&out->moving, meta->n_time, 2 * sizeof(double), "phase centres"));
    for (size_t i = 0; i < meta->n_time; i++) {
        double *position = out->moving + 2 * i,
               jd = meta->time_mjd_s[i] / CI_DAY_S + CI_TIME_JD_OF_MJD;
        if (!(jd >= t->time_jd[0] - slack_day && jd <= t->time_jd[t->n - 1] + slack_day)) {
            return ci_uvh5_refuse(
                file, e->what,
                "ephemeris of %zu points from JD %.6f to %.6f does not cover JD %.6f of the rows: "
                "give one that covers them (pyuvdata: phase with cat_times around the data)",
                t->n, t->time_jd[0], t->time_jd[t->n - 1], jd);
        }
        position[0] = ci_num_spline_value(t->time_jd, t->lon, t->lon_second, t->n, jd);
        position[1] = ci_num_spline_value(t->time_jd, t->lat, t->lat_second, t->n, jd);
        const uvh5_frame frame = {e->frame, e->epoch, meta->time_mjd_s[i]};
        CI_TRY(ci_uvh5_frame_to_icrs(file, e->what, frame, &position[0], &position[1]));
    }
    return CI_OK;
}

/* The one point of an ephemeris is no track: it holds for the integration at its time. */
static ci_status point_check(const ci_uvh5_file *file, const entry *e)
{
    const ci_vis_meta *meta = file->meta;
    for (size_t i = 0; e->time && i < meta->n_time; i++) {
        double jd = meta->time_mjd_s[i] / CI_DAY_S + CI_TIME_JD_OF_MJD;
        if (fabs(jd - e->time[0]) * CI_DAY_S <= 0.5 * meta->interval_s + 1e-3) continue;
        return ci_uvh5_refuse(file, e->what,
                              "ephemeris of 1 point at JD %.6f does not cover JD %.6f of the rows: "
                              "give one of points before and after them, or cat_type sidereal "
                              "where the position is fixed",
                              e->time[0], jd);
    }
    return CI_OK;
}

static ci_status ephem_make(ci_uvh5_file *file, const entry *e, uvh5_centre *out)
{
    track t = {0};
    if (e->distance_pc != 0 || e->vrad_km_s != 0 || e->pm_ra_mas_yr != 0 || e->pm_dec_mas_yr != 0)
        ci_uvh5_warning_add(file,
                            "%s: cat_dist, cat_vrad and proper motion of an ephemeris are not "
                            "used: its points say where it is",
                            e->what);
    if (e->time == NULL && e->n_point > 1)
        return ci_uvh5_refuse(file, e->what, "ephemeris without cat_times: add them");
    if (e->time != NULL) CI_TRY(ci_uvh5_times_to_utc(file, e->time, e->n_point));
    out->position.kind = CI_VIS_PHASING_SIDEREAL;
    if (e->n_point == 1) {
        CI_TRY(point_check(file, e));
        const uvh5_frame frame = {e->frame, e->epoch, ci_uvh5_mid_time(file)};
        out->position.ra_rad = e->lon[0];
        out->position.dec_rad = e->lat[0];
        return ci_uvh5_frame_to_icrs(file, e->what, frame, &out->position.ra_rad,
                                     &out->position.dec_rad);
    }
    out->is_moving = true;
    ci_status status = track_new(file, e, &t);
    if (status == CI_OK) status = track_follow(file, e, &t, out);
    track_clear(&t);
    return status;
}

/* How far the header's apparent place of a row is from an hour angle and declination. */
static ci_status drift_offset(const ci_uvh5_file *file, const ci_sky_eop *eop, size_t i_row,
                              const double ha_dec[2], double *offset_rad)
{
    const ci_vis_meta *meta = file->meta;
    ci_sky_frame *frame = NULL;
    double ra, dec;
    CI_TRY(ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[file->row_time[i_row]],
                            meta->dut1_s));
    ci_sky_icrs(frame, ha_dec[0], ha_dec[1], &ra, &dec);
    ci_sky_frame_free(frame);
    return ci_uvh5_apparent_offset(file, i_row, ra, dec, offset_rad);
}

/* pyuvdata phases drift scans to sidereal time plus hour angle in place of minus, as far to the
 * other side of the meridian: where the apparent places of the rows say so, they are right. */
static ci_status drift_side_find(ci_uvh5_file *file, const ci_sky_eop *eop, const entry *e,
                                 size_t i_row, double *ha, double dec)
{
    const double most_rad = 1 * CI_ARCSEC_TO_RAD, mirrored[2] = {-*ha, dec}, given[2] = {*ha, dec};
    double off, off_mirrored;
    CI_TRY(drift_offset(file, eop, i_row, given, &off));
    CI_TRY(drift_offset(file, eop, i_row, mirrored, &off_mirrored));
    if (!(off > most_rad && off_mirrored < most_rad)) return CI_OK;
    *ha = -*ha;
    ci_uvh5_warning_add(file,
                        "%s: azimuth %.4f deg: the rows' apparent places say that they were phased "
                        "to as far on the other side of the meridian: so they are",
                        e->what, e->lon[0] * CI_RAD_TO_DEG);
    return CI_OK;
}

/* A fixed azimuth and elevation away from the meridian: the ICRS position of it at each time. */
static ci_status drift_places(ci_uvh5_file *file, const entry *e, size_t i_row, double ha,
                              double dec, uvh5_centre *out)
{
    const ci_vis_meta *meta = file->meta;
    ci_sky_eop *eop = NULL;
    CI_TRY(ci_mem_alloc(&out->moving, meta->n_time, 2 * sizeof(double), "phase centres"));
    CI_TRY(ci_sky_eop_load(&eop, file->options.earth_orientation));
    ci_status status = drift_side_find(file, eop, e, i_row, &ha, dec);
    for (size_t i = 0; status == CI_OK && i < meta->n_time; i++) {
        ci_sky_frame *frame = NULL;
        status = ci_sky_frame_new(&frame, eop, &meta->array, meta->time_mjd_s[i], meta->dut1_s);
        if (status == CI_OK) {
            ci_sky_icrs(frame, ha, dec, &out->moving[2 * i], &out->moving[2 * i + 1]);
        }
        ci_sky_frame_free(frame);
    }
    ci_sky_eop_free(eop);
    return status;
}

static ci_status drift_make(ci_uvh5_file *file, const entry *e, size_t i_row, uvh5_centre *out)
{
    double az = e->lon[0], el = e->lat[0], lat = file->meta->array.lat_rad;
    if (!isfinite(az) || !(fabs(el) <= CI_PI / 2 + 1e-9)) {
        return ci_uvh5_refuse(file, e->what,
                              "azimuth %g, elevation %g rad is no position: correct it", az, el);
    }
    double dec = asin(fmax(-1, fmin(1, sin(el) * sin(lat) + cos(el) * cos(lat) * cos(az))));
    double ha = atan2(-sin(az) * cos(el), cos(lat) * sin(el) - sin(lat) * cos(el) * cos(az));
    if (fabs(sin(az) * cos(el)) < 1e-9 && fabs(ha) < 1) {
        out->position.kind = CI_VIS_PHASING_MERIDIAN;
        out->position.dec_rad = dec;
        return CI_OK;
    }
    out->position.kind = CI_VIS_PHASING_SIDEREAL;
    out->is_moving = true;
    return drift_places(file, e, i_row, ha, dec, out);
}

static ci_status position_is_single(const ci_uvh5_file *file, const entry *e)
{
    if (e->n_point <= 1) return CI_OK;
    return ci_uvh5_refuse(file, e->what,
                          "cat_type \"%s\" with %zu values of cat_lon, cat_lat: give one of each, "
                          "or cat_type ephem with cat_times",
                          e->type, e->n_point);
}

static ci_status centre_make(ci_uvh5_file *file, const entry *e, size_t i_row, uvh5_centre *out)
{
    if (strcasecmp(e->type, "unprojected") == 0) {
        out->position.kind = CI_VIS_PHASING_UNPROJECTED;
        return CI_OK;
    }
    if (strcasecmp(e->type, "ephem") == 0) return ephem_make(file, e, out);
    if (strcasecmp(e->type, "sidereal") == 0 || strcasecmp(e->type, "driftscan") == 0) {
        CI_TRY(position_is_single(file, e));
        return (*e->type | 0x20) == 's' ? sidereal_make(file, e, i_row, out)
                                        : drift_make(file, e, i_row, out);
    }
    return ci_uvh5_refuse(file, e->what,
                          "cat_type \"%s\": only sidereal, ephem, driftscan and unprojected are "
                          "understood: correct it, or rephase the data",
                          e->type);
}

ci_status ci_uvh5_catalog_read(ci_uvh5_file *file, int64_t id, size_t i_row, uvh5_centre *out)
{
    entry e = {0};
    ci_status status = entry_read(file, id, &e);
    if (status == CI_OK) status = centre_make(file, &e, i_row, out);
    entry_clear(&e);
    return status;
}

ci_status ci_uvh5_catalog_name(ci_uvh5_file *file, int64_t id, char **name)
{
    entry e = {0};
    *name = NULL;
    ci_status status = entry_read(file, id, &e);
    if (status == CI_OK) {
        *name = e.name;
        e.name = NULL;
    }
    entry_clear(&e);
    return status;
}
