/* The simulator's own Earth: hour angle and declination by ERFA, apart from sky's code. */
#include "earth.h"

#include <erfa.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct day
{
    double mjd, dut1_s, x_arcsec, y_arcsec;
} day;

struct sim_earth
{
    double lat_rad, lon_rad, height_m;
    size_t n_day;
    day *days;
    eraASTROM astrom;
};

static ci_status parse_days(sim_earth *e, char *text, const char *path)
{
    size_t n_line = 0;
    for (const char *p = text; *p != '\0'; p++)
        n_line += *p == '\n';
    CI_TRY(ci_mem_alloc(&e->days, n_line + 1, sizeof *e->days, "earth orientation"));
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        day d;
        if (sscanf(line, "%lf,%lf,%lf,%lf", &d.mjd, &d.dut1_s, &d.x_arcsec, &d.y_arcsec) == 4)
            e->days[e->n_day++] = d;
    }
    if (e->n_day < 2)
        return ci_error(CI_ERR_INPUT, "%s: no rows mjd_utc,ut1_minus_utc_s,polar_x,polar_y", path);
    return CI_OK;
}

ci_status sim_earth_new(sim_earth **out, double lat_rad, double lon_rad, double height_m)
{
    sim_earth *e = NULL;
    char *path = NULL, *text = NULL;
    ci_status status;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&e, 1, sizeof *e, "earth"));
    e->lat_rad = lat_rad;
    e->lon_rad = lon_rad;
    e->height_m = height_m;
    status = ci_path_share(&path, "earth_orientation.csv");
    if (status == CI_OK) status = ci_file_read(&text, NULL, path);
    if (status == CI_OK) status = parse_days(e, text, path);
    ci_mem_free(text);
    ci_mem_free(path);
    if (status == CI_OK)
        *out = e;
    else
        sim_earth_free(e);
    return status;
}

void sim_earth_free(sim_earth *earth)
{
    if (earth == NULL) return;
    ci_mem_free(earth->days);
    ci_mem_free(earth);
}

ci_status sim_earth_set(sim_earth *e, double time_jd)
{
    double mjd = time_jd - 2400000.5, f, dut1, origins;
    const day *a, *b;
    size_t i;
    if (!(mjd >= e->days[0].mjd && mjd < e->days[e->n_day - 1].mjd))
        return ci_error(CI_ERR_USAGE,
                        "MJD %.3f: outside the earth orientation table (%.0f to %.0f): choose "
                        "another --start",
                        mjd, e->days[0].mjd, e->days[e->n_day - 1].mjd);
    i = (size_t)(mjd - e->days[0].mjd);
    while (i > 0 && e->days[i].mjd > mjd)
        i--;
    while (e->days[i + 1].mjd <= mjd)
        i++;
    a = &e->days[i];
    b = &e->days[i + 1];
    f = (mjd - a->mjd) / (b->mjd - a->mjd);
    /* A leap second at the day's end is a step of UT1-UTC, not a slope. */
    dut1 = a->dut1_s + f * (b->dut1_s - rint(b->dut1_s - a->dut1_s) - a->dut1_s);
    if (eraApco13(2400000.5, mjd, dut1, e->lon_rad, e->lat_rad, e->height_m,
                  (a->x_arcsec + f * (b->x_arcsec - a->x_arcsec)) * CI_ARCSEC_TO_RAD,
                  (a->y_arcsec + f * (b->y_arcsec - a->y_arcsec)) * CI_ARCSEC_TO_RAD, 0, 0, 0, 0,
                  &e->astrom, &origins) < 0)
        return ci_error(CI_ERR_USAGE, "MJD %.3f: not a date that ERFA takes", mjd);
    return CI_OK;
}

void sim_earth_hadec(const sim_earth *e, double ra_rad, double dec_rad, double *ha_rad,
                     double *dec_app_rad)
{
    eraASTROM astrom = e->astrom;
    double ri, di, azimuth, zenith, ra_observed;
    eraAtciq(ra_rad, dec_rad, 0, 0, 0, 0, &astrom, &ri, &di);
    eraAtioq(ri, di, &astrom, &azimuth, &zenith, ha_rad, dec_app_rad, &ra_observed);
}

void sim_earth_icrs(const sim_earth *e, double ha_rad, double dec_app_rad, double *ra_rad,
                    double *dec_rad)
{
    eraASTROM astrom = e->astrom;
    double ri, di;
    eraAtoiq("H", ha_rad, dec_app_rad, &astrom, &ri, &di);
    eraAticq(ri, di, &astrom, ra_rad, dec_rad);
}

void sim_earth_vector(const sim_earth *e, double ha_rad, double dec_app_rad, double s[3])
{
    double greenwich = ha_rad - e->lon_rad;
    s[0] = cos(dec_app_rad) * cos(greenwich);
    s[1] = -cos(dec_app_rad) * sin(greenwich);
    s[2] = sin(dec_app_rad);
}
