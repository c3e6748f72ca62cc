/* Lists and maps from files. */
#include "compare.h"

#include <fitsio.h>
#include <math.h>
#include <string.h>

enum
{
    NAME,
    RA,
    DEC,
    FLUX,
    ERR,
    PEAK,
    INDEX,
    FREQ,
    N_COLUMN,
    MAX_FIELD = 64
};
static const char *const column_name[N_COLUMN] = {"name",           "ra_deg",      "dec_deg",
                                                  "flux_jy",        "flux_err_jy", "peak_jy",
                                                  "spectral_index", "ref_freq_hz"};

static size_t cut(char *line, char **field)
{
    size_t n = 0;
    line[strcspn(line, "\r")] = '\0';
    for (char *p = line; p != NULL && n < MAX_FIELD;) {
        field[n++] = p;
        p = strchr(p, ',');
        if (p != NULL) *p++ = '\0';
    }
    return n;
}

static ci_status read_head(char *line, const char *path, bool is_truth, int *column)
{
    char *field[MAX_FIELD];
    size_t n = cut(line, field);
    for (int c = 0; c < N_COLUMN; c++) {
        bool is_needed = c <= FLUX || (is_truth ? c >= INDEX : c == ERR || c == PEAK);
        column[c] = -1;
        for (size_t i = 0; i < n; i++)
            if (strcmp(field[i], column_name[c]) == 0) column[c] = (int)i;
        if (column[c] < 0 && is_needed)
            return ci_error(CI_ERR_INPUT, "%s: column '%s' is missing", path, column_name[c]);
    }
    return CI_OK;
}

static ci_status read_row(char *line, const char *path, const int *column, cmp_row *row)
{
    char *field[MAX_FIELD];
    double value[N_COLUMN] = {0};
    size_t n = cut(line, field);
    for (int c = 0; c < N_COLUMN; c++) {
        if (column[c] < 0) continue;
        if ((size_t)column[c] >= n)
            return ci_error(CI_ERR_INPUT, "%s: row '%s': no %s", path, field[0], column_name[c]);
        if (c == NAME)
            snprintf(row->name, sizeof row->name, "%s", field[column[c]]);
        else if (ci_parse_double(field[column[c]], column_name[c], &value[c]) != CI_OK)
            return ci_error_prefix(CI_ERR_INPUT, "%s", path);
    }
    row->ra_rad = value[RA] * CI_DEG_TO_RAD;
    row->dec_rad = value[DEC] * CI_DEG_TO_RAD;
    row->flux_jy = value[FLUX];
    row->err_jy = value[ERR];
    row->peak_jy = value[PEAK];
    row->index = value[INDEX];
    row->ref_freq_hz = value[FREQ];
    return CI_OK;
}

static ci_status read_rows(cmp_list *out, char *text, const char *path, bool is_truth)
{
    int column[N_COLUMN];
    bool has_head = false;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#') continue;
        if (!has_head) {
            CI_TRY(read_head(line, path, is_truth, column));
            has_head = true;
            continue;
        }
        CI_TRY(ci_mem_resize(&out->row, out->n + 1, sizeof *out->row, "source list"));
        CI_TRY(read_row(line, path, column, &out->row[out->n]));
        out->n++;
    }
    return has_head ? CI_OK : ci_error(CI_ERR_INPUT, "%s: empty", path);
}

ci_status cmp_list_read(cmp_list *out, const char *path, bool is_truth)
{
    char *text = NULL;
    ci_status status;
    memset(out, 0, sizeof *out);
    CI_TRY(ci_file_read(&text, NULL, path));
    status = read_rows(out, text, path, is_truth);
    ci_mem_free(text);
    if (status != CI_OK) cmp_list_free(out);
    return status;
}

void cmp_list_free(cmp_list *list)
{
    ci_mem_free(list->row);
    memset(list, 0, sizeof *list);
}

static double key(fitsfile *file, const char *name, double missing)
{
    double value = missing;
    int status = 0;
    if (fits_read_key(file, TDOUBLE, name, &value, NULL, &status) != 0) return missing;
    return value;
}

static ci_status ci_fits_fault(const char *path, int status)
{
    char text[FLEN_STATUS];
    fits_get_errstatus(status, text);
    return ci_error(CI_ERR_INPUT, "%s: not a FITS image that can be read: %s", path, text);
}

static ci_status read_noise(cmp_map *m, fitsfile *file, const char *path)
{
    long axis[4] = {1, 1, 1, 1}, first[4] = {1, 1, 1, 1};
    int status = 0, n_axis = 0, any_blank = 0;
    float blank = NAN;
    fits_get_img_dim(file, &n_axis, &status);
    if (status == 0 && (n_axis < 2 || n_axis > 4))
        return ci_error(CI_ERR_INPUT, "%s: %d axes, 2 to 4 are expected", path, n_axis);
    fits_get_img_size(file, 4, axis, &status);
    if (status != 0) return ci_fits_fault(path, status);
    m->n_x = axis[0];
    m->n_y = axis[1];
    CI_TRY(ci_mem_alloc(&m->noise, (size_t)m->n_x * (size_t)m->n_y, sizeof(float), "noise map"));
    fits_read_pix(file, TFLOAT, first, (LONGLONG)m->n_x * m->n_y, &blank, m->noise, &any_blank,
                  &status);
    if (status != 0) return ci_fits_fault(path, status);
    m->ra0_rad = key(file, "CRVAL1", NAN) * CI_DEG_TO_RAD;
    m->dec0_rad = key(file, "CRVAL2", NAN) * CI_DEG_TO_RAD;
    m->ref_x = key(file, "CRPIX1", NAN);
    m->ref_y = key(file, "CRPIX2", NAN);
    m->cell_x_rad = key(file, "CDELT1", NAN) * CI_DEG_TO_RAD;
    m->cell_y_rad = key(file, "CDELT2", NAN) * CI_DEG_TO_RAD;
    m->slant_x = key(file, "PV2_1", 0);
    m->slant_y = key(file, "PV2_2", 0);
    if (!isfinite(m->ra0_rad + m->dec0_rad + m->ref_x + m->ref_y + m->cell_x_rad + m->cell_y_rad))
        return ci_error(CI_ERR_INPUT, "%s: CRVAL, CRPIX or CDELT is missing", path);
    return CI_OK;
}

static ci_status read_beam(cmp_map *m, fitsfile *file, const char *path)
{
    m->beam_rad = key(file, "BMAJ", NAN) * CI_DEG_TO_RAD;
    m->freq_hz = key(file, "RESTFRQ", NAN);
    if (!(m->beam_rad > 0) || !(m->freq_hz > 0))
        return ci_error(CI_ERR_INPUT, "%s: BMAJ or RESTFRQ is missing", path);
    return CI_OK;
}

static ci_status with_file(cmp_map *m, const char *path,
                           ci_status (*read)(cmp_map *, fitsfile *, const char *))
{
    fitsfile *file = NULL;
    int status = 0;
    ci_status result;
    if (fits_open_diskfile(&file, path, READONLY, &status) != 0) return ci_fits_fault(path, status);
    result = read(m, file, path);
    status = 0;
    fits_close_file(file, &status);
    return result;
}

ci_status cmp_map_read(cmp_map *out, const char *noise_path, const char *image_path)
{
    ci_status status;
    memset(out, 0, sizeof *out);
    status = with_file(out, noise_path, read_noise);
    if (status == CI_OK) status = with_file(out, image_path, read_beam);
    if (status != CI_OK) cmp_map_free(out);
    return status;
}

void cmp_map_free(cmp_map *map)
{
    ci_mem_free(map->noise);
    memset(map, 0, sizeof *map);
}

double cmp_map_noise(const cmp_map *m, double ra_rad, double dec_rad)
{
    double a = ra_rad - m->ra0_rad;
    double l = cos(dec_rad) * sin(a);
    double up = sin(dec_rad) * cos(m->dec0_rad) - cos(dec_rad) * sin(m->dec0_rad) * cos(a);
    double n = sin(dec_rad) * sin(m->dec0_rad) + cos(dec_rad) * cos(m->dec0_rad) * cos(a);
    double x = m->ref_x - 1 + (l + m->slant_x * (1 - n)) / m->cell_x_rad;
    double y = m->ref_y - 1 + (up + m->slant_y * (1 - n)) / m->cell_y_rad;
    if (!(n > 0) || !(x > -0.5 && y > -0.5 && x < (double)m->n_x - 0.5 && y < (double)m->n_y - 0.5))
        return NAN;
    return m->noise[(size_t)(y + 0.5) * (size_t)m->n_x + (size_t)(x + 0.5)];
}

bool cmp_map_is_inside(const cmp_map *m, double ra_rad, double dec_rad, double radius_rad)
{
    enum
    {
        N_DIRECTION = 16
    };
    for (int i = 0; i < N_DIRECTION; i++) {
        double angle = CI_TWO_PI * i / N_DIRECTION;
        double noise = cmp_map_noise(m, ra_rad + radius_rad * sin(angle) / cos(dec_rad),
                                     dec_rad + radius_rad * cos(angle));
        if (!isfinite(noise) || !(noise > 0)) return false;
    }
    return isfinite(cmp_map_noise(m, ra_rad, dec_rad));
}
