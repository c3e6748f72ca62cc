/* Single cards of a header, read and checked. */
#include "fits/cfitsio.h"

#include <math.h>
#include <string.h>

ci_status ci_fits_number_read(fitsfile *file, const char *path, const char *key, double missing,
                              double *out)
{
    int code = 0;
    fits_read_key_dbl(file, key, out, NULL, &code);
    if (code == KEY_NO_EXIST && !isnan(missing)) {
        fits_clear_errmsg();
        *out = missing;
        return CI_OK;
    }
    if (code == KEY_NO_EXIST) {
        fits_clear_errmsg();
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: missing: the image needs world coordinates (SIN, RA and Dec)",
                        path, key);
    }
    char text[FLEN_VALUE] = "?";
    int text_code = 0;
    fits_read_keyword(file, key, text, NULL, &text_code);
    if (code || !isfinite(*out)) {
        fits_clear_errmsg();
        return ci_error(CI_ERR_INPUT, "%s: %s: %s: not a number", path, key, text);
    }
    return CI_OK;
}

void ci_fits_text_read(fitsfile *file, const char *key, char *out, size_t size)
{
    char value[FLEN_VALUE] = "";
    int code = 0;
    if (fits_read_key_str(file, key, value, NULL, &code)) value[0] = '\0';
    fits_clear_errmsg();
    snprintf(out, size, "%.*s", (int)(size - 1), value);
}

ci_status ci_fits_long_text_read(fitsfile *file, const char *path, const char *key, char **out)
{
    char *value = NULL;
    int code = 0, freed = 0;
    *out = NULL;
    fits_read_key_longstr(file, key, &value, NULL, &code);
    fits_clear_errmsg();
    if (code == MEMORY_ALLOCATION) return ci_fits_fault(code, path, key);
    ci_status status = code == 0 && value ? ci_str_set(out, value) : CI_OK;
    if (value) fits_free_memory(value, &freed);
    return status;
}
