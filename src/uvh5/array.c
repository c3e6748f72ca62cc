/* The array: site, antennas, text facts about the telescope. */
#include "contimg/sky.h"
#include "uvh5/uvh5_private.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* Of stations on the Earth, above WGS84: the shore of the Dead Sea is at -430 m, Everest at 8820 m.
 */
static const double least_height_m = -500, most_height_m = 9000;

static bool is_height(double height_m)
{
    return height_m >= least_height_m && height_m <= most_height_m;
}

static ci_status site_read(ci_uvh5_file *file)
{
    static const char *const names[] = {"Header/latitude", "Header/longitude", "Header/altitude"};
    double value[3];
    char frame[16];
    ci_vis_array *array = &file->meta->array;
    for (int i = 0; i < 3; i++) {
        CI_TRY(ci_h5_read_double(file->h5, names[i], &value[i], 1));
        if (i < 2 && !(fabs(value[i]) <= (i == 0 ? 90 : 360)))
            return ci_uvh5_refuse(file, names[i], "%g is no angle in degrees: correct it",
                                  value[i]);
    }
    if (!is_height(value[2]))
        return ci_uvh5_refuse(file, names[2],
                              "%g: a station lies between %g and %g m above the ellipsoid: correct "
                              "it (in metres)",
                              value[2], least_height_m, most_height_m);
    array->lat_rad = value[0] * CI_DEG_TO_RAD;
    array->lon_rad = value[1] * CI_DEG_TO_RAD;
    array->height_m = value[2];
    CI_TRY(ci_uvh5_header_text(file, "Header/telescope_frame", frame, sizeof frame));
    if (frame[0] != '\0' && strcasecmp(frame, "itrs") != 0) {
        return ci_uvh5_refuse(file, "Header/telescope_frame",
                              "\"%s\": only \"itrs\" is understood: convert the positions", frame);
    }
    return CI_OK;
}

/* Refuses antenna numbers that appear twice. */
static ci_status numbers_check(const ci_uvh5_file *file, const int64_t *number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (number[i] == number[j]) {
                return ci_uvh5_refuse(file, "Header/antenna_numbers",
                                      "%lld appears twice: numbers tell "
                                      "antennas apart, each must be unique",
                                      (long long)number[i]);
            }
        }
    }
    return CI_OK;
}

static ci_status positions_set(ci_uvh5_file *file, const double *position)
{
    const double most_m = 1e8; /* eight times the Earth's diameter */
    ci_vis_array *array = &file->meta->array;
    double origin[3];
    ci_sky_geodetic_to_ecef(array->lat_rad, array->lon_rad, array->height_m, origin);
    for (size_t i = 0; i < array->n_antenna; i++) {
        for (int k = 0; k < 3; k++) {
            double x = position[3 * i + (size_t)k];
            if (!(fabs(x) <= most_m)) {
                return ci_uvh5_refuse(file, "Header/antenna_positions",
                                      "antenna %lld: %g m from the array's position: not near the "
                                      "Earth: correct it (metres)",
                                      (long long)array->antenna[i].number, x);
            }
            array->antenna[i].pos_ecef_m[k] = origin[k] + x;
        }
    }
    return CI_OK;
}

static double height_of(const double pos_ecef_m[3])
{
    double lat_rad, lon_rad, height_m;
    ci_sky_ecef_to_geodetic(pos_ecef_m, &lat_rad, &lon_rad, &height_m);
    return height_m;
}

/* Positions that are not differences from the array's position, but from the Earth's centre. */
static bool is_geocentric(const ci_vis_array *array, size_t i)
{
    double own[3], origin[3];
    ci_sky_geodetic_to_ecef(array->lat_rad, array->lon_rad, array->height_m, origin);
    for (int k = 0; k < 3; k++)
        own[k] = array->antenna[i].pos_ecef_m[k] - origin[k];
    return is_height(height_of(own));
}

ci_status ci_uvh5_heights_check(ci_uvh5_file *file)
{
    static const char name[] = "Header/antenna_positions";
    const ci_vis_meta *meta = file->meta;
    const ci_vis_array *array = &meta->array;
    for (size_t b = 0; b < meta->n_baseline; b++) {
        const int32_t pair[2] = {meta->baseline_ant1[b], meta->baseline_ant2[b]};
        for (int k = 0; k < 2; k++) {
            size_t i = (size_t)pair[k];
            double height_m = height_of(array->antenna[i].pos_ecef_m);
            if (is_height(height_m)) continue;
            return ci_uvh5_refuse(
                file, name,
                "antenna %lld lies %.6g m above the ellipsoid, not between %g and %g m: %s",
                (long long)array->antenna[i].number, height_m, least_height_m, most_height_m,
                is_geocentric(array, i)
                    ? "the positions are geocentric: subtract that of latitude, longitude, altitude"
                    : "correct the positions (metres from the array's reference position, axes of "
                      "ITRF), or "
                      "latitude, longitude, altitude");
        }
    }
    return CI_OK;
}

/* The primary beam comes from them: 0 and NaN say that a diameter is not known; 465 or 4650 are
 * 4.65 m in cm or mm. */
static ci_status diameters_read(ci_uvh5_file *file, double *buffer)
{
    static const char name[] = "Header/antenna_diameters";
    ci_vis_array *array = &file->meta->array;
    size_t n_known = 0;
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_uvh5_header_doubles(file, name, buffer, array->n_antenna));
    for (size_t i = 0; i < array->n_antenna; i++) {
        double d = buffer[i];
        bool is_wrong = d != 0 && (d < CI_SKY_DISH_LEAST_M || d > CI_SKY_DISH_MOST_M);
        if (is_wrong)
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: %g for antenna %s: must lie between %g and %g m, 0 where it "
                            "is not known: correct it (in metres) or remove the dataset",
                            ci_h5_path(file->h5), name, d, array->antenna[i].name,
                            CI_SKY_DISH_LEAST_M, CI_SKY_DISH_MOST_M);
        array->antenna[i].diameter_m = isfinite(d) && d > 0 ? d : 0;
        n_known += array->antenna[i].diameter_m > 0;
    }
    if (n_known > 0 && n_known < array->n_antenna)
        ci_uvh5_warning_add(file,
                            "%s: not known of %zu of %zu antennas: taken to be as the others for "
                            "the primary beam",
                            name, array->n_antenna - n_known, array->n_antenna);
    return CI_OK;
}

/* Telescope, instrument and antenna names, whole, into the array. */
static ci_status texts_read(ci_uvh5_file *file)
{
    ci_vis_array *array = &file->meta->array;
    char *part[3] = {NULL}, *texts = NULL;
    size_t n_byte[3] = {0};
    CI_TRY(ci_h5_read_string_list(file->h5, "Header/antenna_names", array->n_antenna, &part[2],
                                  &n_byte[2]));
    ci_status status = ci_uvh5_header_text_copy(file, "Header/telescope_name", &part[0]);
    if (status == CI_OK) status = ci_uvh5_header_text_copy(file, "Header/instrument", &part[1]);
    for (int k = 0; status == CI_OK && k < 2; k++)
        n_byte[k] = strlen(part[k]) + 1;
    if (status == CI_OK)
        status = ci_mem_alloc(&texts, n_byte[0] + n_byte[1] + n_byte[2], 1, "names of antennas");
    if (status == CI_OK) {
        char *at = texts;
        for (int k = 0; k < 3; k++) {
            memcpy(at, part[k], n_byte[k]);
            at += n_byte[k];
        }
        for (char *c = texts; c < at; c++)
            if (*c != '\0' && ((unsigned char)*c < 0x20 || *c == 0x7f)) *c = ' ';
        ci_vis_array_texts_set(array, texts, (size_t)(at - texts));
    }
    for (int k = 0; k < 3; k++)
        ci_mem_free(part[k]);
    return status;
}

/* Names tell antennas apart for users: said where they do not. Numbers do in any case. */
static void names_check(ci_uvh5_file *file)
{
    const ci_vis_array *array = &file->meta->array;
    size_t n_empty = 0, n_same = 0;
    const char *same = "";
    for (size_t i = 0; i < array->n_antenna; i++) {
        const char *name = array->antenna[i].name;
        n_empty += name[0] == '\0';
        for (size_t j = 0; name[0] != '\0' && j < i; j++) {
            if (strcmp(name, array->antenna[j].name) != 0) continue;
            same = name;
            n_same++;
            break;
        }
    }
    if (n_empty == 0 && n_same == 0) return;
    ci_uvh5_warning_add(file,
                        "Header/antenna_names: %zu of %zu are empty, %zu repeat another (\"%s\"): "
                        "such antennas are told apart by antenna_numbers",
                        n_empty, array->n_antenna, n_same, same);
}

static ci_status antennas_fill(ci_uvh5_file *file, int64_t *number, double *position)
{
    ci_vis_array *array = &file->meta->array;
    size_t n = array->n_antenna;
    CI_TRY(ci_h5_read_int(file->h5, "Header/antenna_numbers", number, n));
    CI_TRY(ci_h5_read_double(file->h5, "Header/antenna_positions", position, 3 * n));
    CI_TRY(numbers_check(file, number, n));
    CI_TRY(texts_read(file));
    names_check(file);
    for (size_t i = 0; i < n; i++)
        array->antenna[i].number = number[i];
    CI_TRY(positions_set(file, position));
    return diameters_read(file, position);
}

ci_status ci_uvh5_array_read(ci_uvh5_file *file)
{
    ci_vis_array *array = &file->meta->array;
    size_t n = array->n_antenna;
    ci_h5_info info;
    CI_TRY(site_read(file));
    CI_TRY(ci_uvh5_header_info(file, "Header/antenna_positions", &info));
    if (info.rank != 2 || info.dim[0] != n || info.dim[1] != 3) {
        char shape[128];
        ci_h5_info_shape(&info, shape);
        return ci_uvh5_refuse(file, "Header/antenna_positions", "shape %s, needs %zu x 3", shape,
                              n);
    }
    int64_t *number = NULL;
    double *position = NULL;
    ci_status status = ci_mem_alloc(&array->antenna, n, sizeof *array->antenna, "antennas");
    if (status == CI_OK) status = ci_mem_alloc(&number, n, sizeof *number, "antennas");
    if (status == CI_OK) status = ci_mem_alloc(&position, n, 3 * sizeof *position, "antennas");
    if (status == CI_OK) status = antennas_fill(file, number, position);
    ci_mem_free(position);
    ci_mem_free(number);
    return status;
}
