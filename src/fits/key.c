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
        return ci_error(CI_ERR_INPUT, "%s: %s: %s: not a number: correct it", path, key, text);
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

/* ---- texts that go on in CONTINUE cards ------------------------------------------------- */

/* A text as it is put together. */
typedef struct long_text
{
    char *text;
    size_t n;
    bool is_half; /* of a quote, which stands as two, the first ended the card before */
} long_text;

/* One card's part of it, `c` behind the opening quote. *goes_on where it ends with '&'. Writers
 * that cut between the two of a quote leave "'&'" at the end, which no whole text can have. */
static void part_add(long_text *t, const char *c, bool *goes_on)
{
    *goes_on = false;
    if (t->is_half && *c == '\'') t->text[t->n++] = *c++;
    t->is_half = false;
    for (; *c != '\0'; c++) {
        if (*c == '\'' && c[1] == '&' && c[2] == '\'' && c[3 + strspn(c + 3, " ")] == '\0') {
            t->is_half = *goes_on = true;
            return;
        }
        if (*c == '\'' && *++c != '\'') break;
        t->text[t->n++] = *c;
    }
    *goes_on = t->n > 0 && t->text[t->n - 1] == '&';
}

/* The text that begins at `card`, an opening quote, and goes on in the CONTINUE cards at i_card and
 * behind it. */
static ci_status parts_read(fitsfile *file, int i_card, const char *card, long_text *t)
{
    bool goes_on;
    char next[FLEN_CARD] = "";
    for (const char *quote = card; quote; i_card++) {
        int code = 0;
        CI_TRY(ci_mem_resize(&t->text, t->n + FLEN_CARD + 1, 1, "FITS card"));
        part_add(t, quote + 1, &goes_on);
        if (!goes_on || fits_read_record(file, i_card, next, &code) ||
            strncmp(next, "CONTINUE", 8) != 0)
            break;
        if (!t->is_half) t->n--; /* the '&' */
        quote = strchr(next, '\'');
    }
    fits_clear_errmsg();
    while (t->n > 0 && t->text[t->n - 1] == ' ')
        t->n--;
    t->text[t->n] = '\0';
    return CI_OK;
}

ci_status ci_fits_long_text_read(fitsfile *file, const char *path, const char *key, char **out)
{
    char card[FLEN_CARD] = "", value[FLEN_VALUE] = "";
    int code = 0, n_card = 0, i_card = 0;
    long_text t = {0};
    *out = NULL;
    if (fits_read_card(file, key, card, &code) || fits_get_hdrpos(file, &n_card, &i_card, &code)) {
        fits_clear_errmsg();
        return code == KEY_NO_EXIST ? CI_OK : ci_fits_fault(code, path, key);
    }
    const char *first = card + (strlen(card) < 10 ? strlen(card) : 10);
    first += strspn(first, " ");
    if (*first != '\'') { /* a number where a text is due */
        ci_fits_text_read(file, key, value, sizeof value);
        return value[0] ? ci_str_set(out, value) : CI_OK;
    }
    ci_status status = parts_read(file, i_card, first, &t);
    if (status == CI_OK) status = ci_str_set(out, t.text);
    ci_mem_free(t.text);
    return status;
}
