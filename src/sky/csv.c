/* CSV files with named columns, read line by line. */
#include "sky/csv.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* The next line that is no comment, NUL-terminated in place; NULL at the end. */
static char *next_line(ci_sky_csv *csv)
{
    while (*csv->next) {
        char *line = csv->next;
        size_t n = strcspn(line, "\n");
        csv->next = line + n + (line[n] == '\n');
        line[n] = '\0';
        csv->line++;
        line = trim(line);
        if (*line && *line != '#') return line;
    }
    return NULL;
}

/* Cuts a line at its commas; a field may stand in double quotes, a quote in it doubled. */
static ci_status cut(ci_sky_csv *csv, char *line, int *n_field)
{
    *n_field = 0;
    for (char *at = line;; (*n_field)++) {
        if (*n_field == CI_SKY_CSV_FIELDS)
            return ci_error(CI_ERR_INPUT, "%s: line %d: more than %d fields: remove some",
                            csv->path, csv->line, CI_SKY_CSV_FIELDS);
        while (*at == ' ' || *at == '\t')
            at++;
        char *to = at;
        csv->field[*n_field] = at;
        if (*at == '"') {
            for (at++; *at && !(at[0] == '"' && at[1] != '"'); at++) {
                if (*at == '"') at++;
                *to++ = *at;
            }
            if (!*at)
                return ci_error(CI_ERR_INPUT, "%s: line %d: a quote is not closed: close it",
                                csv->path, csv->line);
            at++;
        }
        while (*at && *at != ',')
            *to++ = *at++;
        bool last = *at == '\0';
        *to = '\0';
        csv->field[*n_field] = trim(csv->field[*n_field]);
        if (last) break;
        at++;
    }
    (*n_field)++;
    return CI_OK;
}

/* Says what is wrong with a column that is none of the names. */
static ci_status unknown_column(const ci_sky_csv *csv, const char *name)
{
    /* Tables that other programs write; a tab shows as what it is. */
    char mark = name[strcspn(name, ";\t|")];
    if (mark && csv->n_column == 1)
        return ci_error(CI_ERR_INPUT,
                        "%s: line %d: columns are separated by %s: separate them by commas",
                        csv->path, csv->line,
                        mark == ';'    ? "semicolons"
                        : mark == '\t' ? "tabs"
                                       : "'|'");
    const char *near = ci_str_nearest(name, csv->names, (size_t)csv->n_name);
    return ci_error(CI_ERR_INPUT, "%s: unknown column \"%s\"%s%s%s", csv->path, name,
                    near ? ": did you mean \"" : "", near ? near : "",
                    near ? "\"?" : ": remove it");
}

static ci_status header(ci_sky_csv *csv, int n_required)
{
    char *line = next_line(csv);
    if (!line)
        return ci_error(CI_ERR_INPUT, "%s: no header line: first line must name the columns",
                        csv->path);
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0) line += 3; /* some editors' byte-order mark */
    CI_TRY(cut(csv, line, &csv->n_column));
    for (int i = 0; i < csv->n_name; i++)
        csv->field_of[i] = -1;
    for (int f = 0; f < csv->n_column; f++) {
        int i = 0;
        while (i < csv->n_name && strcmp(csv->names[i], csv->field[f]) != 0)
            i++;
        if (i == csv->n_name) return unknown_column(csv, csv->field[f]);
        if (csv->field_of[i] >= 0)
            return ci_error(CI_ERR_INPUT, "%s: column \"%s\" is there twice: remove one", csv->path,
                            csv->names[i]);
        csv->field_of[i] = f;
    }
    for (int i = 0; i < n_required; i++)
        if (csv->field_of[i] < 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: column \"%s\" is missing from the header line: add it", csv->path,
                            csv->names[i]);
    return CI_OK;
}

ci_status ci_sky_csv_open(ci_sky_csv *csv, const char *path, const char *const *names, int n_name,
                          int n_required)
{
    memset(csv, 0, sizeof *csv);
    csv->path = path;
    csv->names = names;
    csv->n_name = n_name;
    if (n_name > CI_SKY_CSV_FIELDS)
        return ci_error(CI_ERR_INTERNAL, "%s: %d columns asked for", path, n_name);
    size_t n_byte;
    CI_TRY(ci_file_read(&csv->text, &n_byte, path));
    csv->next = csv->text;
    ci_status status = strlen(csv->text) == n_byte
                           ? header(csv, n_required)
                           : ci_error(CI_ERR_INPUT, "%s: not a text file: give a CSV file", path);
    if (status != CI_OK) ci_sky_csv_close(csv);
    return status;
}

/* Names go on into reports, tables and databases, which hold UTF-8 in lines: what a line would show
 * in another way is refused. */
static ci_status check_text(const ci_sky_csv *csv)
{
    ci_status status = CI_OK;
    for (int i = 0; status == CI_OK && i < csv->n_name; i++) {
        const char *text = ci_sky_csv_text(csv, i);
        char *shown = NULL;
        size_t k = 0;
        CI_TRY(ci_str_copy(&shown, text));
        ci_str_one_line(shown);
        while (text[k] && text[k] == shown[k])
            k++;
        if (text[k])
            status = ci_error(
                CI_ERR_INPUT,
                "%s: line %d: %s: '%s': byte %zu (0x%02x) is %s: write it as plain "
                "UTF-8 text",
                csv->path, csv->line, csv->names[i], shown, k + 1, (unsigned)(unsigned char)text[k],
                ci_str_utf8_length(text + k) > 0 ? "a control character" : "no UTF-8");
        ci_mem_free(shown);
    }
    return status;
}

ci_status ci_sky_csv_row(ci_sky_csv *csv, bool *end)
{
    char *line = next_line(csv);
    *end = line == NULL;
    if (!line) return CI_OK;
    int n_field;
    CI_TRY(cut(csv, line, &n_field));
    if (n_field != csv->n_column)
        return ci_error(CI_ERR_INPUT,
                        "%s: line %d: %d fields where the header has %d: give one for each column",
                        csv->path, csv->line, n_field, csv->n_column);
    return check_text(csv);
}

const char *ci_sky_csv_text(const ci_sky_csv *csv, int i_name)
{
    int f = csv->field_of[i_name];
    return f < 0 ? "" : csv->field[f];
}

ci_status ci_sky_csv_number(const ci_sky_csv *csv, int i_name, double missing, double *out)
{
    const char *text = ci_sky_csv_text(csv, i_name);
    *out = missing;
    if (!*text) {
        if (!isnan(missing)) return CI_OK;
        return ci_error(CI_ERR_INPUT, "%s: line %d: %s is empty: give a number", csv->path,
                        csv->line, csv->names[i_name]);
    }
    if (ci_parse_double(text, csv->names[i_name], out) != CI_OK || !isfinite(*out))
        return ci_error(CI_ERR_INPUT, "%s: line %d: %s: \"%s\" is not a finite number: correct it",
                        csv->path, csv->line, csv->names[i_name], text);
    return CI_OK;
}

void ci_sky_csv_close(ci_sky_csv *csv)
{
    ci_mem_free(csv->text);
    csv->text = csv->next = NULL;
}
