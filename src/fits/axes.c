/* The axes of an image beyond its two: a frequency, a Stokes parameter, by name. */
#include "fits/cfitsio.h"

#include <ctype.h>
#include <string.h>
#include <wcslib/wcs.h>

typedef enum axis_kind
{
    AXIS_OTHER,
    AXIS_SPECTRAL,
    AXIS_STOKES,
    AXIS_UNKNOWN
} axis_kind;

/* WCS paper III, table 1, with the Doppler frames of AIPS behind a dash. */
static bool is_spectral(const char *type)
{
    static const char *const types[] = {"FREQ", "ENER", "WAVN", "VRAD", "WAVE", "VOPT",
                                        "ZOPT", "AWAV", "VELO", "BETA", "FELO", NULL};
    for (int i = 0; types[i]; i++)
        if (strncmp(type, types[i], 4) == 0 && (type[4] == '\0' || type[4] == '-')) return true;
    return false;
}

static axis_kind kind_of(const char *type)
{
    /* Of a single image plane they change no number: DATE-OBS has the time. */
    static const char *const other[] = {"", "LINEAR", "TIME", "UTC", "BEAM", "SDBEAM", NULL};
    if (is_spectral(type)) return AXIS_SPECTRAL;
    if (strcmp(type, "STOKES") == 0) return AXIS_STOKES;
    for (int i = 0; other[i]; i++)
        if (strcmp(type, other[i]) == 0) return AXIS_OTHER;
    return AXIS_UNKNOWN;
}

/* Types are compared without regard to case (WCS paper I, 2.1.2) or blanks behind them. FREQUENCY,
 * which some write, is the frequency. */
static void type_tidy(char *type)
{
    for (char *c = type; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    for (size_t n = strlen(type); n > 0 && type[n - 1] == ' '; n--)
        type[n - 1] = '\0';
    if (strncmp(type, "FREQUENC", 8) == 0) type[4] = '\0';
}

ci_status ci_fits_axes_check(struct wcsprm *w, const char *path)
{
    int first[AXIS_UNKNOWN] = {0};
    for (int i = 0; i < w->naxis; i++) {
        type_tidy(w->ctype[i]);
        if (i < 2) continue;
        axis_kind kind = kind_of(w->ctype[i]);
        if (kind == AXIS_UNKNOWN)
            return ci_error(CI_ERR_INPUT,
                            "%s: CTYPE%d: %s: neither a frequency or velocity nor STOKES: what it "
                            "says of the image is not known: name it, or remove the axis",
                            path, i + 1, w->ctype[i]);
        if (kind != AXIS_OTHER && first[kind] > 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: CTYPE%d and CTYPE%d: %s and %s: the image has two %s: remove one",
                            path, first[kind], i + 1, w->ctype[first[kind] - 1], w->ctype[i],
                            kind == AXIS_STOKES ? "Stokes parameters" : "frequencies");
        first[kind] = i + 1;
    }
    return CI_OK;
}

ci_status ci_fits_axes_fault(const struct wcsprm *w, const char *path, int code)
{
    for (int i = 0; i < w->naxis; i++) {
        if (w->cdelt[i] == 0)
            return ci_error(CI_ERR_INPUT, "%s: CDELT%d: 0: no step from pixel to pixel: correct it",
                            path, i + 1);
        if (i > 1 && is_spectral(w->ctype[i]) && strcmp(w->ctype[i], "FREQ") != 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: CTYPE%d: %s: cannot be converted to a frequency (RESTFRQ %g): "
                            "WCSLIB: %s: correct it, or remove the axis",
                            path, i + 1, w->ctype[i], w->restfrq, wcs_errmsg[code]);
    }
    return CI_OK;
}
