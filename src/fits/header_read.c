/* A header's cards, read and checked. */
#include "fits/cfitsio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A unit; the spellings of Jy/beam (FITS 4.0, 4.3: "Jy beam-1", "Jy.beam**(-1)") become that. */
static void read_unit(fitsfile *file, ci_fits_header *h)
{
    static const char *const same[] = {"jy/beam", "jybeam-1", "beam-1jy", "jansky/beam"};
    char unit[FLEN_VALUE], plain[FLEN_VALUE];
    size_t n = 0;
    ci_fits_text_read(file, "BUNIT", unit, sizeof unit);
    for (const char *c = unit; *c != '\0'; c++)
        if (strchr(" .*^()", *c) == NULL) plain[n++] = *c;
    plain[n] = '\0';
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (strcasecmp(plain, same[i]) == 0) snprintf(unit, sizeof unit, "Jy/beam");
    snprintf(h->bunit, sizeof h->bunit, "%.*s", (int)(sizeof h->bunit - 1), unit);
}

static ci_status read_known(fitsfile *file, const char *path, ci_fits_header *h)
{
    double major, minor, pa;
    CI_TRY(ci_fits_number_read(file, path, "BMAJ", 0, &major));
    CI_TRY(ci_fits_number_read(file, path, "BMIN", 0, &minor));
    /* Of a round beam the angle says nothing. */
    CI_TRY(ci_fits_number_read(file, path, "BPA", -1e9, &pa));
    if (pa == -1e9 && minor > 0 && minor < major * (1 - 1e-3))
        return ci_error(CI_ERR_INPUT, "%s: BPA: missing: the beam is %g x %g deg: add its angle",
                        path, major, minor);
    if (pa == -1e9) pa = 0;
    if (major < 0 || minor < 0 || minor > major * (1 + 1e-9) || (major > 0 && !(minor > 0)))
        return ci_error(CI_ERR_INPUT, "%s: BMAJ, BMIN: %g, %g: not a beam: correct them (degrees)",
                        path, major, minor);
    h->beam_major_rad = major * CI_DEG_TO_RAD;
    h->beam_minor_rad = minor * CI_DEG_TO_RAD;
    h->beam_pa_rad = pa * CI_DEG_TO_RAD;
    read_unit(file, h);
    CI_TRY(ci_fits_long_text_read(file, path, "TELESCOP", &h->telescope));
    CI_TRY(ci_fits_long_text_read(file, path, "OBJECT", &h->object));
    return ci_fits_time_read(file, path, h);
}

static ci_status add_text(ci_fits_header *h, fitsfile *file, const char *path, const char *key,
                          const char *comment)
{
    char *text = NULL;
    CI_TRY(ci_fits_long_text_read(file, path, key, &text));
    ci_status status = ci_fits_card_set_text(h, key, text ? text : "", comment);
    ci_mem_free(text);
    return status;
}

static ci_status add_number(ci_fits_header *h, const char *key, char *value, const char *comment,
                            char type)
{
    if (type == 'I') return ci_fits_card_set_int(h, key, strtoll(value, NULL, 10), comment);
    if (type != 'F') return ci_fits_card_set_text(h, key, value, comment);
    for (char *p = value; *p; p++)
        if (*p == 'D' || *p == 'd') *p = 'E';
    return ci_fits_card_set_number(h, key, strtod(value, NULL), comment);
}

static ci_status read_cards(fitsfile *file, const char *path, ci_fits_header *h)
{
    int n = 0, code = 0;
    fits_get_hdrspace(file, &n, NULL, &code);
    for (int i = 1; i <= n && !code; i++) {
        char key[FLEN_KEYWORD], value[FLEN_VALUE], comment[FLEN_COMMENT];
        if (fits_read_keyn(file, i, key, value, comment, &code)) break;
        size_t length = strlen(key);
        /* HIERARCH, CONTINUE and characters that FITS does not allow are left out. */
        if (length == 0 || length > 8 || strcmp(key, "CONTINUE") == 0 || ci_fits_key_is_own(key) ||
            strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != length)
            continue;
        char type = 0;
        int type_code = 0;
        if (strcmp(key, "HISTORY") == 0)
            CI_TRY(ci_fits_card_set_text(h, key, comment, NULL));
        else if (value[0] == '\0' || fits_get_keytype(value, &type, &type_code))
            continue;
        else if (type == 'C')
            CI_TRY(add_text(h, file, path, key, comment));
        else
            CI_TRY(add_number(h, key, value, comment, type));
    }
    return code ? ci_fits_fault(code, path, "header") : CI_OK;
}

void ci_fits_notes_warn(const char *path, const ci_fits_header *h)
{
    if (h->freq_note[0]) ci_log_warning("%s: %s", path, h->freq_note);
    if (h->time_note[0]) ci_log_warning("%s: %s", path, h->time_note);
}

ci_status ci_fits_header_read(fitsfile *file, const char *path, ci_fits_header *h)
{
    int n_axis = 0, code = 0, bitpix = 0;
    LONGLONG size[9] = {0};
    *h = (ci_fits_header){0};
    fits_get_img_paramll(file, 9, &bitpix, &n_axis, size, &code);
    if (code) return ci_fits_fault(code, path, "header");
    for (int i = 2; i < n_axis && i < 9; i++)
        if (size[i] != 1)
            return ci_error(CI_ERR_INPUT,
                            "%s: NAXIS%d: %lld: only one image plane can be read: cut one out",
                            path, i + 1, (long long)size[i]);
    if (n_axis < 2 || n_axis > 9 || size[0] < 1 || size[1] < 1)
        return ci_error(CI_ERR_INPUT,
                        "%s: NAXIS: %d axes, %lld x %lld: not an image: give one of two axes", path,
                        n_axis, (long long)size[0], (long long)size[1]);
    h->n_x = (size_t)size[0];
    h->n_y = (size_t)size[1];
    ci_status status = ci_fits_world_read(file, path, h);
    if (status == CI_OK) status = read_known(file, path, h);
    if (status == CI_OK) status = read_cards(file, path, h);
    if (status != CI_OK) ci_fits_header_clear(h);
    return status;
}
