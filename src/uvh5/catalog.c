/* Entries of phase_center_catalog: a group for each id, or a JSON text for each name. */
#include "uvh5/uvh5_private.h"

#include "contimg/sky.h"

#include <math.h>
#include <string.h>
#include <strings.h>

ci_status ci_uvh5_frame_to_icrs(const ci_uvh5_file *file, const char *what, uvh5_frame frame,
                                double *lon_rad, double *lat_rad)
{
    if (!isfinite(*lon_rad) || !isfinite(*lat_rad) || fabs(*lat_rad) > CI_PI / 2 + 1e-9) {
        return ci_uvh5_refuse(file, what, "phase centre %g, %g rad is no place", *lon_rad,
                              *lat_rad);
    }
    if (strcasecmp(frame.name, "icrs") == 0 || frame.name[0] == '\0') return CI_OK;
    if (strcasecmp(frame.name, "gcrs") == 0) {
        ci_sky_gcrs_to_icrs(frame.time_mjd_s, lon_rad, lat_rad);
        return CI_OK;
    }
    if (strcasecmp(frame.name, "fk5") == 0 && fabs(frame.epoch - 2000) < 1e-6) {
        ci_sky_fk5_to_icrs(lon_rad, lat_rad);
        return CI_OK;
    }
    return ci_uvh5_refuse(
        file, what,
        "phase centre in frame \"%s\", epoch %g: only icrs, gcrs and fk5 of 2000 "
        "are understood: rephase the data (pyuvdata: phase with phase_frame icrs)",
        frame.name, frame.epoch);
}

double ci_uvh5_mid_time(const ci_uvh5_file *file)
{
    const ci_vis_meta *meta = file->meta;
    return 0.5 * (meta->time_mjd_s[0] + meta->time_mjd_s[meta->n_time - 1]);
}

/* One entry, as far as it is needed, from either form. */
typedef struct entry
{
    char what[128]; /* for errors */
    char name[64], type[24], frame[16];
    double epoch, pm_ra_mas_yr, pm_dec_mas_yr;
    size_t n_point;
    double *time, *lon, *lat; /* [n_point]; time NULL where not given */
} entry;

static void entry_clear(entry *e)
{
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
        return ci_uvh5_refuse(file, name, "%llu values", (unsigned long long)n);
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

static ci_status group_read(ci_uvh5_file *file, const char *group, entry *e)
{
    char name[160];
    snprintf(e->what, sizeof e->what, "%s", group);
    snprintf(name, sizeof name, "%s/cat_name", group);
    ci_uvh5_header_text(file, name, e->name, sizeof e->name);
    snprintf(name, sizeof name, "%s/cat_type", group);
    ci_uvh5_header_text(file, name, e->type, sizeof e->type);
    snprintf(name, sizeof name, "%s/cat_frame", group);
    ci_uvh5_header_text(file, name, e->frame, sizeof e->frame);
    snprintf(name, sizeof name, "%s/cat_epoch", group);
    e->epoch = 2000;
    ci_uvh5_header_double(file, name, &e->epoch);
    snprintf(name, sizeof name, "%s/cat_pm_ra", group);
    ci_uvh5_header_double(file, name, &e->pm_ra_mas_yr);
    snprintf(name, sizeof name, "%s/cat_pm_dec", group);
    ci_uvh5_header_double(file, name, &e->pm_dec_mas_yr);
    if (strcmp(e->type, "unprojected") == 0) return CI_OK;
    return points_read(file, group, e);
}

static ci_status json_fill(const ci_json *json, entry *e)
{
    snprintf(e->type, sizeof e->type, "%s", ci_json_get_string(json, "cat_type", ""));
    snprintf(e->frame, sizeof e->frame, "%s", ci_json_get_string(json, "cat_frame", ""));
    e->epoch = ci_json_get_number(json, "cat_epoch", 2000);
    e->pm_ra_mas_yr = ci_json_get_number(json, "cat_pm_ra", 0);
    e->pm_dec_mas_yr = ci_json_get_number(json, "cat_pm_dec", 0);
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
    char name[192];
    char *text = NULL;
    ci_json *json = NULL;
    *is_it = false;
    snprintf(name, sizeof name, "Header/phase_center_catalog/%s", member);
    if (ci_h5_kind_of(file->h5, name) != CI_H5_DATASET) return CI_OK;
    CI_TRY(ci_h5_read_string(file->h5, name, &text));
    ci_status status = ci_json_parse(&json, text, name);
    ci_mem_free(text);
    if (status != CI_OK) {
        return ci_uvh5_refuse(file, name, "neither a group nor JSON text");
    }
    if (ci_json_get_number(json, "cat_id", NAN) == (double)id) {
        *is_it = true;
        snprintf(e->what, sizeof e->what, "%.127s", name);
        snprintf(e->name, sizeof e->name, "%.63s", member);
        status = json_fill(json, e);
    }
    ci_json_free(json);
    return status;
}

static ci_status entry_read(ci_uvh5_file *file, int64_t id, entry *e)
{
    char group[96];
    char **members = NULL;
    size_t n = 0;
    bool is_it = false;
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
                              "id %lld is not in phase_center_catalog", (long long)id);
    }
    return status;
}

static ci_status sidereal_make(const ci_uvh5_file *file, const entry *e, uvh5_centre *out)
{
    const uvh5_frame frame = {e->frame, e->epoch, ci_uvh5_mid_time(file)};
    double ra = e->lon[0], dec = e->lat[0];
    double n_year = 2000 + (ci_uvh5_mid_time(file) / CI_DAY_S - 51544.5) / 365.25 - e->epoch;
    const double mas = CI_ARCSEC_TO_RAD * 1e-3;
    CI_TRY(ci_uvh5_frame_to_icrs(file, e->what, frame, &ra, &dec));
    if (isfinite(e->pm_ra_mas_yr) && isfinite(e->pm_dec_mas_yr) && isfinite(n_year)) {
        if (e->pm_ra_mas_yr != 0) ra += e->pm_ra_mas_yr * mas * n_year / cos(dec);
        dec += e->pm_dec_mas_yr * mas * n_year;
    }
    out->place.kind = CI_PHASING_SIDEREAL;
    out->place.ra_rad = ra;
    out->place.dec_rad = dec;
    return CI_OK;
}

/* The place at JD `t`: linear between the table's points, held at its ends. */
static void ephem_at(const entry *e, double t, double *ra, double *dec)
{
    size_t i = 0;
    while (i + 2 < e->n_point && e->time[i + 1] <= t)
        i++;
    double span = e->time[i + 1] - e->time[i];
    double f = span > 0 ? (t - e->time[i]) / span : 0;
    f = f < 0 ? 0 : f > 1 ? 1 : f;
    double turn = remainder(e->lon[i + 1] - e->lon[i], CI_TWO_PI);
    *ra = e->lon[i] + f * turn;
    *dec = e->lat[i] + f * (e->lat[i + 1] - e->lat[i]);
}

static ci_status ephem_make(const ci_uvh5_file *file, const entry *e, uvh5_centre *out)
{
    const ci_vis_meta *meta = file->meta;
    if (e->n_point == 1 || e->time == NULL) {
        if (e->n_point > 1) return ci_uvh5_refuse(file, e->what, "ephemeris without cat_times");
        return sidereal_make(file, e, out);
    }
    out->place.kind = CI_PHASING_SIDEREAL;
    out->is_moving = true;
    CI_TRY(ci_mem_alloc(&out->moving, meta->n_time, 2 * sizeof(double), "phase centres"));
    for (size_t i = 0; i < meta->n_time; i++) {
        double *place = out->moving + 2 * i;
        ephem_at(e, meta->time_mjd_s[i] / CI_DAY_S + 2400000.5, &place[0], &place[1]);
        const uvh5_frame frame = {e->frame, e->epoch, meta->time_mjd_s[i]};
        CI_TRY(ci_uvh5_frame_to_icrs(file, e->what, frame, &place[0], &place[1]));
    }
    return CI_OK;
}

/* A fixed azimuth and elevation away from the meridian: the ICRS place of it at each time. */
static ci_status drift_places(const ci_uvh5_file *file, double ha, double dec, uvh5_centre *out)
{
    const ci_vis_meta *meta = file->meta;
    ci_sky_eop *eop = NULL;
    CI_TRY(ci_mem_alloc(&out->moving, meta->n_time, 2 * sizeof(double), "phase centres"));
    CI_TRY(ci_sky_eop_load(&eop, NULL));
    ci_status status = CI_OK;
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

static ci_status drift_make(const ci_uvh5_file *file, const entry *e, uvh5_centre *out)
{
    double az = e->lon[0], el = e->lat[0], lat = file->meta->array.lat_rad;
    if (!isfinite(az) || !(fabs(el) <= CI_PI / 2 + 1e-9)) {
        return ci_uvh5_refuse(file, e->what, "azimuth %g, elevation %g rad is no place", az, el);
    }
    double dec = asin(fmax(-1, fmin(1, sin(el) * sin(lat) + cos(el) * cos(lat) * cos(az))));
    double ha = atan2(-sin(az) * cos(el), cos(lat) * sin(el) - sin(lat) * cos(el) * cos(az));
    if (fabs(sin(az) * cos(el)) < 1e-9 && fabs(ha) < 1) {
        out->place.kind = CI_PHASING_MERIDIAN;
        out->place.dec_rad = dec;
        return CI_OK;
    }
    out->place.kind = CI_PHASING_SIDEREAL;
    out->is_moving = true;
    return drift_places(file, ha, dec, out);
}

static ci_status centre_make(const ci_uvh5_file *file, const entry *e, uvh5_centre *out)
{
    snprintf(out->place.name, sizeof out->place.name, "%s", e->name);
    if (strcmp(e->type, "unprojected") == 0) {
        out->place.kind = CI_PHASING_UNPROJECTED;
        return CI_OK;
    }
    if (strcmp(e->type, "sidereal") == 0) return sidereal_make(file, e, out);
    if (strcmp(e->type, "ephem") == 0) return ephem_make(file, e, out);
    if (strcmp(e->type, "driftscan") == 0) return drift_make(file, e, out);
    return ci_uvh5_refuse(file, e->what,
                          "cat_type \"%s\": only sidereal, ephem, driftscan and unprojected are "
                          "understood",
                          e->type);
}

ci_status ci_uvh5_catalog_read(ci_uvh5_file *file, int64_t id, uvh5_centre *out)
{
    entry e = {0};
    ci_status status = entry_read(file, id, &e);
    if (status == CI_OK) status = centre_make(file, &e, out);
    entry_clear(&e);
    return status;
}
