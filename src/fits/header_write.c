/* A header's cards, as FITS wants them. */
#include "fits/cfitsio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Collects the first fault, so that cards can be listed one a line. */
typedef struct sink
{
    fitsfile *file;
    int code;
} sink;

/* The fewest digits that read back as the same double. */
static void put_number(sink *s, const char *key, double value, const char *comment)
{
    int digits = 15;
    for (; digits < 17; digits++) {
        char text[40];
        snprintf(text, sizeof text, "%.*G", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    /* A FITS card cannot hold NaN or infinity. */
    if (isfinite(value))
        fits_write_key_dbl(s->file, key, value, -digits, comment, &s->code);
    else
        fits_write_key_str(s->file, key,
                           isnan(value) ? "NaN"
                           : value > 0  ? "Inf"
                                        : "-Inf",
                           comment, &s->code);
}

/* Longer texts than one card holds go on in CONTINUE cards. */
static void put_text(sink *s, const char *key, const char *value, const char *comment)
{
    fits_write_key_longstr(s->file, key, value, comment, &s->code);
}

static void put_name(sink *s, const char *key, const char *name)
{
    char *text = NULL;
    if (!name || s->code) return;
    size_t n = strlen(name);
    if (ci_mem_alloc(&text, n + 1, 1, "FITS card") != CI_OK) {
        s->code = MEMORY_ALLOCATION;
        return;
    }
    ci_fits_printable_copy(text, n, name, n);
    put_text(s, key, text, NULL);
    ci_mem_free(text);
}

static void put_axis(sink *s, int axis, const char *type, double value, double pixel, double step,
                     const char *unit)
{
    char key[16];
    snprintf(key, sizeof key, "CTYPE%d", axis);
    put_text(s, key, type, NULL);
    snprintf(key, sizeof key, "CRVAL%d", axis);
    put_number(s, key, value, NULL);
    snprintf(key, sizeof key, "CRPIX%d", axis);
    put_number(s, key, pixel, NULL);
    snprintf(key, sizeof key, "CDELT%d", axis);
    put_number(s, key, step, NULL);
    snprintf(key, sizeof key, "CUNIT%d", axis);
    put_text(s, key, unit, NULL);
}

static void put_world(sink *s, const ci_fits_header *h)
{
    double cell_deg = h->cell_rad * CI_RAD_TO_DEG, dec_deg = h->dec_rad * CI_RAD_TO_DEG;
    put_axis(s, 1, "RA---SIN", h->ra_rad * CI_RAD_TO_DEG, h->x_ref + 1, -cell_deg, "deg");
    put_axis(s, 2, "DEC--SIN", dec_deg, h->y_ref + 1, cell_deg, "deg");
    bool has_freq = h->freq_hz > 0; /* an axis at 0 Hz would be a statement */
    if (has_freq)
        put_axis(s, 3, "FREQ", h->freq_hz, 1, h->bandwidth_hz > 0 ? h->bandwidth_hz : 1, "Hz");
    put_axis(s, has_freq ? 4 : 3, "STOKES", h->stokes ? h->stokes : CI_VIS_POL_I, 1, 1, "");
    if (h->slant_a != 0 || h->slant_b != 0) {
        put_number(s, "PV2_1", -h->slant_a, "slanted SIN: x = l + a (n - 1), -a");
        put_number(s, "PV2_2", -h->slant_b, "y = m + b (n - 1), -b");
    }
    put_number(s, "LONPOLE", 180, NULL);
    put_number(s, "LATPOLE", dec_deg, NULL);
    put_text(s, "RADESYS", "ICRS", NULL);
    put_number(s, "EQUINOX", 2000, NULL);
}

static void put_known(sink *s, const ci_fits_header *h)
{
    if (h->bunit[0]) put_text(s, "BUNIT", h->bunit, NULL);
    if (h->beam_major_rad > 0) {
        put_number(s, "BMAJ", h->beam_major_rad * CI_RAD_TO_DEG, "[deg] beam, full width at half");
        put_number(s, "BMIN", h->beam_minor_rad * CI_RAD_TO_DEG, "[deg]");
        put_number(s, "BPA", h->beam_pa_rad * CI_RAD_TO_DEG, "[deg] north through east");
    }
    if (h->freq_hz > 0) {
        put_number(s, "RESTFRQ", h->freq_hz, "[Hz] weight-mean frequency");
        put_text(s, "SPECSYS", "TOPOCENT", NULL);
    }
    if (h->time_mjd_s > 0) {
        char iso[32];
        ci_time_iso(iso, h->time_mjd_s, 6, false);
        put_text(s, "DATE-OBS", iso, "first integration");
        put_text(s, "TIMESYS", "UTC", NULL);
        put_number(s, "MJD-OBS", h->time_mjd_s / CI_DAY_S, NULL);
    }
    put_name(s, "TELESCOP", h->telescope);
    put_name(s, "OBJECT", h->object);
    put_text(s, "ORIGIN", "contimg", NULL);
}

ci_status ci_fits_header_write(fitsfile *file, const char *path, const ci_fits_header *h)
{
    sink s = {.file = file};
    if (h->stokes < CI_VIS_POL_YX || h->stokes > CI_VIS_POL_V)
        return ci_error(CI_ERR_INTERNAL, "%s: STOKES: %d: no FITS code", path, h->stokes);
    put_world(&s, h);
    put_known(&s, h);
    for (size_t i = 0; i < h->n_card; i++) {
        const ci_fits_card *c = &h->card[i];
        if (strcmp(c->key, "HISTORY") == 0)
            fits_write_history(file, c->text, &s.code);
        else if (c->is_text)
            put_text(&s, c->key, c->text, c->comment);
        else if (c->is_int)
            fits_write_key_lng(file, c->key, (LONGLONG)c->number, c->comment, &s.code);
        else
            put_number(&s, c->key, c->number, c->comment);
    }
    fits_write_date(file, &s.code);
    return s.code ? ci_fits_write_fault(s.code, path, "header") : CI_OK;
}
