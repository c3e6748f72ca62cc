/* A header's cards, read and checked. */
#include "fits/cfitsio.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 16

/* A number; absent keys give `missing` (NaN: the key must be there). */
static ci_status get_number(fitsfile *file, const char *path, const char *key, double missing,
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

/* A text, "" where absent; at most size - 1 characters. */
static void get_text(fitsfile *file, const char *key, char *out, size_t size)
{
    char value[FLEN_VALUE] = "";
    int code = 0;
    if (fits_read_key_str(file, key, value, NULL, &code)) value[0] = '\0';
    fits_clear_errmsg();
    snprintf(out, size, "%.*s", (int)(size - 1), value);
}

static ci_status check_type(fitsfile *file, const char *path, const char *key, const char *want)
{
    char type[FLEN_VALUE];
    get_text(file, key, type, sizeof type);
    if (type[0] == '\0')
        return ci_error(CI_ERR_INPUT, "%s: %s: missing: the image has no world coordinates", path,
                        key);
    if (strcmp(type, want) != 0)
        return ci_error(CI_ERR_INPUT, "%s: %s: %s: only %s can be read", path, key, type, want);
    return CI_OK;
}

static ci_status check_unit(fitsfile *file, const char *path, const char *key)
{
    char unit[FLEN_VALUE];
    get_text(file, key, unit, sizeof unit);
    if (unit[0] && strncmp(unit, "deg", 3) != 0 && strncmp(unit, "DEG", 3) != 0)
        return ci_error(CI_ERR_INPUT, "%s: %s: %s: only deg can be read", path, key, unit);
    return CI_OK;
}

static ci_status check_frame(fitsfile *file, const char *path)
{
    char frame[FLEN_VALUE];
    double equinox;
    get_text(file, "RADESYS", frame, sizeof frame);
    if (!frame[0]) get_text(file, "RADECSYS", frame, sizeof frame);
    if (frame[0] && strcmp(frame, "ICRS") != 0 && strcmp(frame, "FK5") != 0)
        return ci_error(CI_ERR_INPUT, "%s: RADESYS: %s: only ICRS and FK5 can be read", path,
                        frame);
    CI_TRY(get_number(file, path, "EQUINOX", 2000, &equinox));
    if (equinox != 2000)
        return ci_error(CI_ERR_INPUT, "%s: EQUINOX: %g: only 2000 can be read", path, equinox);
    return CI_OK;
}

/* Rotation or skew in whichever of its three forms. */
static ci_status check_rotation(fitsfile *file, const char *path)
{
    static const char *const off[] = {"CD1_2", "CD2_1", "PC1_2", "PC2_1", "CROTA1", "CROTA2"};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        double value;
        CI_TRY(get_number(file, path, off[i], 0, &value));
        if (fabs(value) > 1e-12)
            return ci_error(CI_ERR_INPUT, "%s: %s: %g: a rotated image cannot be read", path,
                            off[i], value);
    }
    double pole;
    CI_TRY(get_number(file, path, "LONPOLE", 180, &pole));
    if (fabs(pole - 180) > 1e-9)
        return ci_error(CI_ERR_INPUT, "%s: LONPOLE: %g: only 180 can be read", path, pole);
    return CI_OK;
}

static ci_status read_step(fitsfile *file, const char *path, int axis, double *out)
{
    char key[KEY_SIZE], pc_key[KEY_SIZE];
    double pc;
    snprintf(key, sizeof key, "CD%d_%d", axis, axis);
    CI_TRY(get_number(file, path, key, 0, out));
    if (*out != 0) return CI_OK;
    snprintf(key, sizeof key, "CDELT%d", axis);
    CI_TRY(get_number(file, path, key, NAN, out));
    snprintf(pc_key, sizeof pc_key, "PC%d_%d", axis, axis);
    CI_TRY(get_number(file, path, pc_key, 1, &pc));
    *out *= pc;
    return CI_OK;
}

static ci_status read_world(fitsfile *file, const char *path, ci_fits_header *h)
{
    double ra, dec, x, y, step_x, step_y, pv1, pv2;
    CI_TRY(check_type(file, path, "CTYPE1", "RA---SIN"));
    CI_TRY(check_type(file, path, "CTYPE2", "DEC--SIN"));
    CI_TRY(check_unit(file, path, "CUNIT1"));
    CI_TRY(check_unit(file, path, "CUNIT2"));
    CI_TRY(check_frame(file, path));
    CI_TRY(check_rotation(file, path));
    CI_TRY(get_number(file, path, "CRVAL1", NAN, &ra));
    CI_TRY(get_number(file, path, "CRVAL2", NAN, &dec));
    CI_TRY(get_number(file, path, "CRPIX1", NAN, &x));
    CI_TRY(get_number(file, path, "CRPIX2", NAN, &y));
    CI_TRY(read_step(file, path, 1, &step_x));
    CI_TRY(read_step(file, path, 2, &step_y));
    CI_TRY(get_number(file, path, "PV2_1", 0, &pv1));
    CI_TRY(get_number(file, path, "PV2_2", 0, &pv2));
    if (fabs(dec) > 90)
        return ci_error(CI_ERR_INPUT, "%s: CRVAL2: %g: not a declination", path, dec);
    if (!(step_y > 0) || step_y > 90)
        return ci_error(CI_ERR_INPUT, "%s: CDELT2: %g: must be positive degrees", path, step_y);
    if (fabs(step_x + step_y) > 1e-6 * step_y)
        return ci_error(CI_ERR_INPUT,
                        "%s: CDELT1: %g: must be -CDELT2 (%g): square pixels, east to "
                        "the left",
                        path, step_x, -step_y);
    h->ra_rad = ra * CI_DEG_TO_RAD;
    h->dec_rad = dec * CI_DEG_TO_RAD;
    h->x_ref = x - 1;
    h->y_ref = y - 1;
    h->cell_rad = step_y * CI_DEG_TO_RAD;
    /* No minus zero: it would show in the next file. */
    h->slant_a = pv1 != 0 ? -pv1 : 0;
    h->slant_b = pv2 != 0 ? -pv2 : 0;
    return CI_OK;
}

/* The FREQ and STOKES axes, wherever they stand. */
static ci_status read_spectral(fitsfile *file, const char *path, ci_fits_header *h)
{
    for (int axis = 3; axis <= 4; axis++) {
        char key[KEY_SIZE], type[FLEN_VALUE];
        double value, step;
        snprintf(key, sizeof key, "CTYPE%d", axis);
        get_text(file, key, type, sizeof type);
        if (strcmp(type, "FREQ") != 0 && strcmp(type, "STOKES") != 0) continue;
        snprintf(key, sizeof key, "CRVAL%d", axis);
        CI_TRY(get_number(file, path, key, 0, &value));
        if (type[0] == 'F') {
            snprintf(key, sizeof key, "CDELT%d", axis);
            CI_TRY(get_number(file, path, key, 0, &step));
            h->freq_hz = value;
            h->bandwidth_hz = fabs(step) > 1 ? fabs(step) : 0; /* 1 stands for unknown */
            continue;
        }
        const char *name = fabs(value) < 100 ? ci_fits_stokes_name((int)lrint(value)) : NULL;
        if (!name)
            return ci_error(CI_ERR_INPUT, "%s: %s: %g: not a Stokes parameter", path, key, value);
        snprintf(h->stokes, sizeof h->stokes, "%s", name);
    }
    double rest;
    CI_TRY(get_number(file, path, "RESTFRQ", 0, &rest));
    if (rest == 0) CI_TRY(get_number(file, path, "RESTFREQ", 0, &rest));
    if (rest > 0) h->freq_hz = rest;
    return CI_OK;
}

static ci_status read_known(fitsfile *file, const char *path, ci_fits_header *h)
{
    double major, minor, pa;
    CI_TRY(get_number(file, path, "BMAJ", 0, &major));
    CI_TRY(get_number(file, path, "BMIN", 0, &minor));
    CI_TRY(get_number(file, path, "BPA", 0, &pa));
    if (major < 0 || minor < 0 || minor > major * (1 + 1e-9) || (major > 0 && !(minor > 0)))
        return ci_error(CI_ERR_INPUT, "%s: BMAJ, BMIN: %g, %g: not a beam", path, major, minor);
    h->beam_major_rad = major * CI_DEG_TO_RAD;
    h->beam_minor_rad = minor * CI_DEG_TO_RAD;
    h->beam_pa_rad = pa * CI_DEG_TO_RAD;
    get_text(file, "BUNIT", h->bunit, sizeof h->bunit);
    get_text(file, "TELESCOP", h->telescope, sizeof h->telescope);
    get_text(file, "OBJECT", h->object, sizeof h->object);
    char date[FLEN_VALUE];
    get_text(file, "DATE-OBS", date, sizeof date);
    if (date[0] && ci_time_parse_iso(date, &h->time_mjd_s) != CI_OK) {
        ci_error_clear(); /* old forms of date are no reason to refuse an image */
        CI_TRY(get_number(file, path, "MJD-OBS", 0, &h->time_mjd_s));
        h->time_mjd_s *= CI_DAY_S;
    }
    return CI_OK;
}

static ci_status add_card(ci_fits_header *h, const char *key, char *value, const char *comment)
{
    if (strcmp(key, "HISTORY") == 0) return ci_fits_card_set_text(h, key, comment, NULL);
    char type = 0;
    int code = 0;
    if (value[0] == '\0' || fits_get_keytype(value, &type, &code)) return CI_OK;
    if (type == 'C') {
        /* Without its quotes; a doubled quote is one. */
        char text[FLEN_VALUE];
        size_t n = 0;
        for (size_t i = 1; value[i] && n + 1 < sizeof text; i++) {
            if (value[i] == '\'' && value[i + 1] != '\'') break;
            if (value[i] == '\'') i++;
            text[n++] = value[i];
        }
        while (n && text[n - 1] == ' ')
            n--;
        text[n] = '\0';
        return ci_fits_card_set_text(h, key, text, comment);
    }
    if (type == 'I') return ci_fits_card_set_int(h, key, strtoll(value, NULL, 10), comment);
    if (type == 'F') {
        for (char *p = value; *p; p++)
            if (*p == 'D' || *p == 'd') *p = 'E';
        return ci_fits_card_set_number(h, key, strtod(value, NULL), comment);
    }
    return ci_fits_card_set_text(h, key, value, comment);
}

static ci_status read_cards(fitsfile *file, const char *path, ci_fits_header *h)
{
    int n = 0, code = 0;
    fits_get_hdrspace(file, &n, NULL, &code);
    for (int i = 1; i <= n && !code; i++) {
        char key[FLEN_KEYWORD], value[FLEN_VALUE], comment[FLEN_COMMENT];
        if (fits_read_keyn(file, i, key, value, comment, &code)) break;
        size_t length = strlen(key);
        /* HIERARCH, CONTINUE and what is not in FITS' letters is left behind. */
        if (length == 0 || length > 8 || strcmp(key, "CONTINUE") == 0 || ci_fits_key_is_own(key) ||
            strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != length)
            continue;
        CI_TRY(add_card(h, key, value, comment));
    }
    return code ? ci_fits_fault(code, path, "header") : CI_OK;
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
            return ci_error(CI_ERR_INPUT, "%s: NAXIS%d: %lld: only one plane can be read", path,
                            i + 1, (long long)size[i]);
    if (n_axis < 2 || n_axis > 9 || size[0] < 1 || size[1] < 1)
        return ci_error(CI_ERR_INPUT, "%s: NAXIS: %d axes, %lld x %lld: not an image", path, n_axis,
                        (long long)size[0], (long long)size[1]);
    h->n_x = (size_t)size[0];
    h->n_y = (size_t)size[1];
    ci_status status = read_world(file, path, h);
    if (status == CI_OK) status = read_spectral(file, path, h);
    if (status == CI_OK) status = read_known(file, path, h);
    if (status == CI_OK) status = read_cards(file, path, h);
    if (status != CI_OK) ci_fits_header_clear(h);
    return status;
}
