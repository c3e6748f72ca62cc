/* Geodetic and geocentric positions, and DSA-110's array. */
#include <erfa.h>
#include <math.h>
#include <string.h>

#include "contimg/sky.h"
#include "sky/csv.h"

void ci_sky_geodetic_to_ecef(double lat_rad, double lon_rad, double height_m, double ecef_m[3])
{
    (void)eraGd2gc(1, lon_rad, lat_rad, height_m, ecef_m); /* 1: WGS84, always known */
}

void ci_sky_ecef_to_geodetic(const double ecef_m[3], double *lat_rad, double *lon_rad,
                             double *height_m)
{
    double xyz[3] = {ecef_m[0], ecef_m[1], ecef_m[2]};
    (void)eraGc2gd(1, xyz, lon_rad, lat_rad, height_m);
}

static const char *const names[] = {"station", "lat_deg", "lon_deg", "height_m", "active"};

/* Names as ci_vis_array.texts wants them. */
typedef struct name_list
{
    char *texts;
    size_t n_byte;
} name_list;

static ci_status name_add(name_list *list, const char *name)
{
    size_t n = strlen(name) + 1;
    CI_TRY(ci_mem_resize(&list->texts, list->n_byte + n, 1, "stations"));
    memcpy(list->texts + list->n_byte, name, n);
    list->n_byte += n;
    return CI_OK;
}

static ci_status add_station(const ci_sky_csv *csv, ci_vis_array *array, name_list *names_out,
                             bool active_only)
{
    double v[5];
    for (int i = 0; i < 5; i++)
        CI_TRY(ci_sky_csv_number(csv, i, NAN, &v[i]));
    if (active_only && v[4] == 0) return CI_OK;
    CI_TRY(name_add(names_out, ci_sky_csv_text(csv, 0)));
    CI_TRY(
        ci_mem_resize(&array->antenna, array->n_antenna + 1, sizeof *array->antenna, "stations"));
    ci_vis_antenna *antenna = &array->antenna[array->n_antenna++];
    memset(antenna, 0, sizeof *antenna);
    antenna->number = (int64_t)v[0] - 1;
    antenna->diameter_m = 4.65;
    ci_sky_geodetic_to_ecef(v[1] * CI_DEG_TO_RAD, v[2] * CI_DEG_TO_RAD, v[3], antenna->pos_ecef_m);
    return CI_OK;
}

ci_status ci_sky_array_dsa110(ci_vis_array *out, bool active_only)
{
    /* The centre of the array's tee, the origin of its files. */
    *out = (ci_vis_array){
        .lat_rad = 0.6498455107238486, .lon_rad = -2.064427799136453, .height_m = 1188.0519};
    char *path = NULL;
    ci_sky_csv csv = {0};
    name_list list = {0};
    ci_status status = ci_path_share(&path, "dsa110_stations.csv");
    if (status == CI_OK) status = name_add(&list, "OVRO_MMA");
    if (status == CI_OK) status = name_add(&list, "DSA");
    if (status == CI_OK) status = ci_sky_csv_open(&csv, path, names, 5, 5);
    while (status == CI_OK) {
        bool end;
        status = ci_sky_csv_row(&csv, &end);
        if (status != CI_OK || end) break;
        status = add_station(&csv, out, &list, active_only);
    }
    ci_sky_csv_close(&csv);
    ci_mem_free(path);
    if (status == CI_OK) {
        ci_vis_array_texts_set(out, list.texts, list.n_byte);
        return CI_OK;
    }
    ci_mem_free(list.texts);
    ci_vis_array_clear(out);
    return status;
}
