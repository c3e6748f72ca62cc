/* Source lists as CSV. */
#include "phot/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
    NAME,
    RA,
    DEC,
    RA_ERR,
    DEC_ERR,
    PEAK,
    PEAK_ERR,
    FLUX,
    FLUX_ERR,
    MAJOR,
    MINOR,
    PA,
    RMS,
    ISLAND,
    RESOLVED,
    N_COLUMN
};
static const char *const column_name[N_COLUMN] = {
    "name",         "ra_deg",      "dec_deg", "ra_err_arcsec", "dec_err_arcsec",
    "peak_jy",      "peak_err_jy", "flux_jy", "flux_err_jy",   "major_arcsec",
    "minor_arcsec", "pa_deg",      "rms_jy",  "island",        "resolved"};

ci_status ci_phot_list_write(const ci_phot_list *list, const char *csv_path)
{
    ci_text text = {0};
    ci_status status = CI_OK;
    for (int c = 0; c < N_COLUMN && status == CI_OK; c++)
        status = ci_text_append(&text, "%s%s", column_name[c], c + 1 < N_COLUMN ? "," : "\n");
    for (size_t i = 0; i < list->n_source && status == CI_OK; i++) {
        const ci_phot_source *s = &list->source[i];
        status = ci_text_append(
            &text, "%s,%.7f,%.7f,%.4f,%.4f,%.6e,%.3e,%.6e,%.3e,%.3f,%.3f,%.2f,%.4e,%d,%d\n",
            s->name, s->ra_rad * CI_RAD_TO_DEG, s->dec_rad * CI_RAD_TO_DEG,
            s->ra_err_rad * CI_RAD_TO_ARCSEC, s->dec_err_rad * CI_RAD_TO_ARCSEC, s->peak_jy,
            s->peak_err_jy, s->flux_jy, s->flux_err_jy, s->major_rad * CI_RAD_TO_ARCSEC,
            s->minor_rad * CI_RAD_TO_ARCSEC, s->pa_rad * CI_RAD_TO_DEG, s->rms_jy, s->island,
            s->is_resolved ? 1 : 0);
    }
    if (status == CI_OK) status = ci_file_write(csv_path, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

/* Cuts a line at its commas, in place; at most `max` fields. */
static size_t cut_fields(char *line, char **field, size_t max)
{
    size_t n = 0;
    for (char *p = line; p && n < max;) {
        field[n++] = p;
        p = strchr(p, ',');
        if (p) *p++ = '\0';
    }
    return n;
}

static ci_status read_header(const char *path, char *line, int *column, size_t *n_field)
{
    char *field[64];
    *n_field = cut_fields(line, field, 64);
    for (int c = 0; c < N_COLUMN; c++) {
        column[c] = -1;
        for (size_t i = 0; i < *n_field; i++)
            if (strcmp(field[i], column_name[c]) == 0) column[c] = (int)i;
        if (column[c] < 0)
            return ci_error(CI_ERR_INPUT, "%s: column %s: missing: not a source list", path,
                            column_name[c]);
    }
    return CI_OK;
}

static ci_status read_line(const char *path, size_t i_line, char *line, const int *column,
                           size_t n_field, ci_phot_source *s)
{
    char *field[64];
    double v[N_COLUMN] = {0};
    size_t n = cut_fields(line, field, 64);
    if (n != n_field)
        return ci_error(CI_ERR_INPUT, "%s: line %zu: %zu fields, the header has %zu", path, i_line,
                        n, n_field);
    for (int c = 1; c < N_COLUMN; c++)
        if (ci_parse_double(field[column[c]], column_name[c], &v[c]) != CI_OK)
            return ci_error(CI_ERR_INPUT, "%s: line %zu: %s: '%s': not a number", path, i_line,
                            column_name[c], field[column[c]]);
    *s = (ci_phot_source){.ra_rad = v[RA] * CI_DEG_TO_RAD,
                          .dec_rad = v[DEC] * CI_DEG_TO_RAD,
                          .ra_err_rad = v[RA_ERR] * CI_ARCSEC_TO_RAD,
                          .dec_err_rad = v[DEC_ERR] * CI_ARCSEC_TO_RAD,
                          .peak_jy = v[PEAK],
                          .peak_err_jy = v[PEAK_ERR],
                          .flux_jy = v[FLUX],
                          .flux_err_jy = v[FLUX_ERR],
                          .major_rad = v[MAJOR] * CI_ARCSEC_TO_RAD,
                          .minor_rad = v[MINOR] * CI_ARCSEC_TO_RAD,
                          .pa_rad = v[PA] * CI_DEG_TO_RAD,
                          .rms_jy = v[RMS],
                          .island = (int32_t)v[ISLAND],
                          .is_resolved = v[RESOLVED] != 0};
    snprintf(s->name, sizeof s->name, "%s", field[column[NAME]]);
    return CI_OK;
}

static ci_status read_lines(const char *path, char *text, ci_phot_list *list)
{
    int column[N_COLUMN];
    size_t n_field = 0, i_line = 0;
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\r\n"), *next = end + strspn(end, "\r\n");
        *end = '\0';
        i_line++;
        if (i_line == 1)
            CI_TRY(read_header(path, line, column, &n_field));
        else {
            CI_TRY(ci_mem_resize(&list->source, list->n_source + 1, sizeof *list->source,
                                 "source list"));
            CI_TRY(read_line(path, i_line, line, column, n_field, &list->source[list->n_source]));
            list->n_source++;
        }
        line = next;
    }
    if (i_line == 0) return ci_error(CI_ERR_INPUT, "%s: empty: not a source list", path);
    return CI_OK;
}

ci_status ci_phot_list_read(ci_phot_list **out, const char *csv_path)
{
    *out = NULL;
    char *text = NULL;
    ci_phot_list *list = NULL;
    CI_TRY(ci_file_read(&text, NULL, csv_path));
    ci_status status = ci_mem_alloc(&list, 1, sizeof *list, "source list");
    if (status == CI_OK) status = read_lines(csv_path, text, list);
    ci_mem_free(text);
    if (status != CI_OK) {
        ci_phot_list_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}
