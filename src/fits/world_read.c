/* World coordinates of a file: every fact goes through WCSLIB; the result is converted to the one
 * form of ci_fits_header, or refused. */
#include "fits/cfitsio.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <wcslib/wcs.h>
#include <wcslib/wcsfix.h>
#include <wcslib/wcshdr.h>
#include <wcslib/wcsmath.h>
#include <wcslib/wcsunits.h>

#define N_AXIS_MAX 9
/* Positions by the file and by the form that it is converted to may differ by this much, in pixels.
 */
static const double place_error = 0.01;

typedef struct world
{
    fitsfile *file;
    const char *path;
    int n_wcs;
    struct wcsprm *all, *w; /* w: the primary description */
    char *cards;            /* CFITSIO's */
    int n_card;
    bool is_fk5;
} world;

/* ---- what the file says ---------------------------------------------------------------------- */

static ci_status check_type(const world *in, const char *key)
{
    char type[FLEN_VALUE];
    ci_fits_text_read(in->file, key, type, sizeof type);
    if (type[0] == '\0')
        return ci_error(
            CI_ERR_INPUT,
            "%s: %s: missing: the image has no world coordinates: add them (SIN, RA and Dec)",
            in->path, key);
    return CI_OK;
}

/* WCSLIB counts the cards that it cannot understand; the first of them is found by itself. */
static ci_status check_rejected(const world *in, int n_rejected)
{
    char card[2 * 80 + 1];
    for (int i = 0; n_rejected > 0 && i < in->n_card; i++) {
        int n_bad = 0, n_wcs = 0;
        struct wcsprm *wcs = NULL;
        memset(card, ' ', sizeof card - 1);
        card[sizeof card - 1] = '\0';
        memcpy(card, in->cards + 80 * i, 80);
        memcpy(card + 80, "END", 3);
        int code = wcspih(card, 2, WCSHDR_all, 0, &n_bad, &n_wcs, &wcs);
        if (code == 0) wcsvfree(&n_wcs, &wcs);
        if (code || n_bad == 0) continue;
        size_t length = 80;
        while (length > 0 && in->cards[80 * i + (int)length - 1] == ' ')
            length--;
        return ci_error(CI_ERR_INPUT,
                        "%s: %.8s: not a valid card of world coordinates, correct it: %.*s",
                        in->path, in->cards + 80 * i, (int)length, in->cards + 80 * i);
    }
    return CI_OK;
}

/* The first axis whose unit is none of what it counts in; -1: all are right. */
static int wrong_unit(const struct wcsprm *w)
{
    for (int i = 0; i < w->naxis; i++) {
        double scale, offset, power;
        bool is_freq = strncmp(w->ctype[i], "FREQ", 4) == 0;
        if (w->cunit[i][0] == '\0' || (i > 1 && !is_freq)) continue;
        if (wcsunits(w->cunit[i], is_freq ? "Hz" : "deg", &scale, &offset, &power) != 0) return i;
    }
    return -1;
}

static ci_status set_fault(const world *in, int code)
{
    const struct wcsprm *w = in->w;
    int i_wrong = wrong_unit(w);
    if (code == WCSERR_MEMORY)
        return ci_error(CI_ERR_MEMORY, "%s: world coordinates: out of memory", in->path);
    if (fabs(w->crval[1]) > 90)
        return ci_error(CI_ERR_INPUT, "%s: CRVAL2: %g: not a declination: correct it", in->path,
                        w->crval[1]);
    if (i_wrong >= 0)
        return ci_error(CI_ERR_INPUT, "%s: CUNIT%d: %s: not a unit of %s: correct it", in->path,
                        i_wrong + 1, w->cunit[i_wrong],
                        i_wrong > 1 ? "frequency (Hz, MHz, GHz)" : "angle (deg, arcsec, rad)");
    CI_TRY(ci_fits_axes_fault(w, in->path, code));
    return ci_error(CI_ERR_INPUT,
                    "%s: CTYPE1, CTYPE2, CUNIT1, CUNIT2, CDELT1, CDELT2: %s, %s, %s, %s, %g, %g: "
                    "world coordinates: WCSLIB: %s: correct them",
                    in->path, w->ctype[0], w->ctype[1], w->cunit[0], w->cunit[1], w->cdelt[0],
                    w->cdelt[1], wcs_errmsg[code]);
}

/* WCSLIB passes over a card with characters that FITS does not know, as if it were not there. */
static ci_status check_characters(const world *in)
{
    for (int i = 0; i < in->n_card; i++) {
        const char *card = in->cards + 80 * i;
        char key[9] = "";
        size_t n = 0;
        while (n < 80 && card[n] >= 32 && card[n] < 127)
            n++;
        memcpy(key, card, strcspn(card, " =") < 8 ? strcspn(card, " =") : 8);
        if (n < 80 && ci_fits_key_is_own(key) && !ci_fits_key_is_name(key))
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: has a character that FITS does not know: correct it: %.80s",
                            in->path, key, card);
    }
    return CI_OK;
}

/* The value of a card: what comes before the comment. */
static size_t value_length(const char *card)
{
    bool is_quoted = false;
    size_t n = 8;
    for (; n < 80 && (is_quoted || card[n] != '/'); n++)
        if (card[n] == '\'') is_quoted = !is_quoted;
    while (n > 8 && card[n - 1] == ' ')
        n--;
    return n;
}

/* Of two cards CFITSIO takes the first and WCSLIB the last. */
static ci_status check_twice(const world *in)
{
    for (int i = 0; i < in->n_card; i++) {
        const char *card = in->cards + 80 * i;
        char key[9] = "";
        memcpy(key, card, strcspn(card, " =") < 8 ? strcspn(card, " =") : 8);
        if (!ci_fits_key_is_own(key) || ci_fits_key_is_name(key)) continue;
        for (int k = 0; k < i; k++) {
            const char *other = in->cards + 80 * k;
            size_t n = value_length(card), n_other = value_length(other);
            if (strncmp(card, other, 8) != 0 || (n == n_other && strncmp(card, other, n) == 0))
                continue;
            return ci_error(CI_ERR_INPUT, "%s: %s: there twice:%.*s and%.*s: remove one", in->path,
                            key, (int)n_other - 9, other + 9, (int)n - 9, card + 9);
        }
    }
    return CI_OK;
}

static ci_status parse(world *in)
{
    int code = 0, n_rejected = 0, fixed[NWCSFIX];
    if (fits_convert_hdr2str(in->file, 1, NULL, 0, &in->cards, &in->n_card, &code))
        return ci_fits_fault(code, in->path, "header");
    if (wcspih(in->cards, in->n_card, WCSHDR_all, 0, &n_rejected, &in->n_wcs, &in->all))
        return ci_error(CI_ERR_MEMORY, "%s: world coordinates: out of memory", in->path);
    CI_TRY(check_characters(in));
    CI_TRY(check_twice(in));
    CI_TRY(check_rejected(in, n_rejected));
    for (int i = 0; i < in->n_wcs && !in->w; i++)
        if (in->all[i].alt[0] == ' ') in->w = &in->all[i];
    if (!in->w || in->w->naxis < 2 || in->w->naxis > N_AXIS_MAX)
        return ci_error(CI_ERR_INPUT, "%s: WCSAXES: %d: not the axes of an image: correct it",
                        in->path, in->w ? in->w->naxis : 0);
    CI_TRY(ci_fits_axes_check(in->w, in->path));
    /* Old forms: units as "DEGREES", projection NCP, spectral types of AIPS. */
    wcsfix(7, NULL, in->w, fixed);
    code = wcsset(in->w);
    return code == 0 ? CI_OK : set_fault(in, code);
}

static ci_status check_projection(const world *in)
{
    static const char *const want[2] = {"RA---SIN", "DEC--SIN"};
    for (int i = 0; i < 2; i++)
        if (strcmp(in->w->ctype[i], want[i]) != 0)
            return ci_error(CI_ERR_INPUT, "%s: CTYPE%d: %s: only %s can be read: regrid the image",
                            in->path, i + 1, in->w->ctype[i], want[i]);
    return CI_OK;
}

/* Paper II, 3.1: without RADESYS the equinox tells the frame. WCSLIB leaves out an equinox that it
 * has no use for; one that contradicts the frame is refused all the same. */
static ci_status find_frame(world *in)
{
    double equinox;
    const char *frame = in->w->radesys;
    CI_TRY(ci_fits_number_read(in->file, in->path, "EQUINOX", 0, &equinox));
    if (equinox == 0 && !undefined(in->w->equinox)) equinox = in->w->equinox;
    in->is_fk5 = strcasecmp(frame, "FK5") == 0 || (frame[0] == '\0' && equinox != 0);
    bool is_known = frame[0] == '\0' || strcasecmp(frame, "ICRS") == 0 || in->is_fk5;
    if (equinox != 0 && equinox != 2000)
        return ci_error(CI_ERR_INPUT,
                        "%s: EQUINOX: %g%s%s: only 2000 can be read: precess the image", in->path,
                        equinox, is_known ? "" : ", RADESYS: ", is_known ? "" : frame);
    if (is_known) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: RADESYS: %s: only ICRS and FK5 can be read: convert the image", in->path,
                    frame);
}

/* FK5 of J2000 to ICRS: the frame's axes by USNO circular 179 (2005), 3.2: 23 mas at most. */
static void to_icrs(const world *in, double *ra_deg, double *dec_deg)
{
    static const double xi = 9.1e-3 * CI_ARCSEC_TO_RAD, eta = 19.9e-3 * CI_ARCSEC_TO_RAD,
                        da = -22.9e-3 * CI_ARCSEC_TO_RAD;
    if (!in->is_fk5) return;
    double ra = *ra_deg * CI_DEG_TO_RAD, dec = *dec_deg * CI_DEG_TO_RAD;
    double x = cos(dec) * cos(ra), y = cos(dec) * sin(ra), z = sin(dec);
    double ix = x - da * y + xi * z, iy = da * x + y - eta * z, iz = -xi * x + eta * y + z;
    *ra_deg = atan2(iy, ix) * CI_RAD_TO_DEG;
    if (*ra_deg < 0) *ra_deg += 360;
    *dec_deg = atan2(iz, hypot(ix, iy)) * CI_RAD_TO_DEG;
}

/* ---- the form of ci_fits_header ------------------------------------------------------------- */

/* The scale of an axis and what of another axis enters it, degrees per pixel. */
static double scale_of(const struct wcsprm *w, int axis, int pixel_axis)
{
    return w->lin.cdelt[axis] * w->lin.pc[axis * w->naxis + pixel_axis];
}

static ci_status check_rotation(const world *in)
{
    static const char *const off[] = {"CD1_2", "CD2_1", "PC1_2", "PC2_1", "CROTA1", "CROTA2"};
    const struct wcsprm *w = in->w;
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        double value;
        CI_TRY(ci_fits_number_read(in->file, in->path, off[i], 0, &value));
        if (off[i][1] == 'R') value = remainder(value, 360);
        if (fabs(value) > 1e-9)
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: %g: a rotated image cannot be read: regrid it, north up",
                            in->path, off[i], value);
    }
    for (int i = 0; i < w->npv; i++)
        if (w->pv[i].i == w->lng + 1 && w->pv[i].m < 3 && w->pv[i].value != 0)
            return ci_error(CI_ERR_INPUT, "%s: PV1_%d: %g: only 0 can be read: regrid the image",
                            in->path, w->pv[i].m, w->pv[i].value);
    double pole = w->cel.ref[2];
    /* About the celestial pole itself another LONPOLE is another right ascension. */
    if (fabs(w->cel.ref[1]) < 90 && fabs(remainder(pole - 180, 360)) > 1e-9)
        return ci_error(CI_ERR_INPUT,
                        "%s: LONPOLE: %g: only 180 can be read: regrid the image, north up",
                        in->path, pole);
    return CI_OK;
}

static ci_status check_steps(const world *in, double step_x, double step_y)
{
    if (!(step_y > 0) || step_y > 90)
        return ci_error(CI_ERR_INPUT, "%s: CDELT2: %g: must be positive degrees", in->path, step_y);
    if (fabs(step_x + step_y) > 1e-6 * step_y)
        return ci_error(CI_ERR_INPUT,
                        "%s: CDELT1: %g: must be -CDELT2 (%g): square pixels, east to the left",
                        in->path, step_x, -step_y);
    return CI_OK;
}

static ci_status reduce(const world *in, ci_fits_header *h)
{
    const struct wcsprm *w = in->w;
    double ra = w->cel.ref[0], dec = w->cel.ref[1], pole = w->cel.ref[2];
    double step_x = scale_of(w, 0, 0), step_y = scale_of(w, 1, 1);
    CI_TRY(check_rotation(in));
    CI_TRY(check_steps(in, step_x, step_y));
    if (fabs(dec) >= 90 && pole != 180) {
        /* RA = RA_pole + phi - LONPOLE - 180 in the north, RA_pole - phi + LONPOLE in the south. */
        ra = fmod(dec > 0 ? ra - pole - 180 : ra + pole - 180, 360);
        if (ra < 0) ra += 360;
    }
    to_icrs(in, &ra, &dec);
    h->ra_rad = ra * CI_DEG_TO_RAD;
    h->dec_rad = dec * CI_DEG_TO_RAD;
    h->x_ref = w->lin.crpix[0] - 1;
    h->y_ref = w->lin.crpix[1] - 1;
    h->cell_rad = step_y * CI_DEG_TO_RAD;
    /* No minus zero: it would show in the next file. */
    double pv1 = w->cel.prj.pv[1], pv2 = w->cel.prj.pv[2];
    h->slant_a = pv1 != 0 ? -pv1 : 0;
    h->slant_b = pv2 != 0 ? -pv2 : 0;
    return CI_OK;
}

/* World coordinates of a pixel (from 0), degenerate axes at their first; false where it has none.
 */
static bool world_at(struct wcsprm *w, double x, double y, double *out)
{
    double pixel[N_AXIS_MAX], plane[N_AXIS_MAX], phi, theta;
    int bad = 0;
    for (int i = 0; i < w->naxis; i++)
        pixel[i] = i == 0 ? x + 1 : i == 1 ? y + 1 : 1;
    return wcsp2s(w, 1, w->naxis, pixel, plane, &phi, &theta, out, &bad) == 0 && !bad;
}

/* What may have led to another form, by name. */
static ci_status other_form(const world *in, double x, double y, double off)
{
    const struct wcsprm *w = in->w;
    char fact[96] = "CTYPE1, CRVAL1, CDELT1";
    double value = w->crval[0];
    for (int i = 2; i < w->naxis; i++)
        for (int k = 0; k < 2; k++)
            if (w->lin.pc[k * w->naxis + i] != 0) {
                snprintf(fact, sizeof fact, "PC%d_%d", k + 1, i + 1);
                value = w->lin.pc[k * w->naxis + i];
            }
    for (int i = 0; i < w->npv; i++)
        if (w->pv[i].i == 1) {
            snprintf(fact, sizeof fact, "PV1_%d", w->pv[i].m);
            value = w->pv[i].value;
        }
    if (w->lin.dispre || w->lin.disseq)
        snprintf(fact, sizeof fact, "CPDIS1 or CQDIS1, distortions");
    return ci_error(CI_ERR_INPUT,
                    "%s: %s: %g: not the plain SIN projection, north up, from which pixel %g, %g "
                    "is %.3g pixels off: regrid the image",
                    in->path, fact, value, x + 1, y + 1, off);
}

/* The form must give the positions that the file gives, all over the image. */
static ci_status check_places(const world *in, const ci_fits_header *h)
{
    enum
    {
        N = 5
    };
    ci_fits_wcs *wcs = NULL;
    CI_TRY(ci_fits_wcs_new(&wcs, h));
    ci_status status = CI_OK;
    for (int i = 0; i < N * N && status == CI_OK; i++) {
        double x = (double)(h->n_x - 1) * (i % N) / (N - 1), at[N_AXIS_MAX], px, py;
        double y = (double)(h->n_y - 1) * (i / N) / (N - 1);
        if (!world_at(in->w, x, y, at)) continue;
        to_icrs(in, &at[0], &at[1]);
        double ra = at[0] * CI_DEG_TO_RAD, dec = at[1] * CI_DEG_TO_RAD;
        status = ci_fits_wcs_to_pixel(wcs, 1, &ra, &dec, &px, &py);
        if (status == CI_OK && !(hypot(px - x, py - y) <= place_error))
            status = other_form(in, x, y, hypot(px - x, py - y));
    }
    ci_fits_wcs_free(wcs);
    return status;
}

/* ---- frequency and Stokes ------------------------------------------------------------------- */

/* The spectral axis in Hz, whatever it counts in. */
static ci_status spectral_to_freq(const world *in)
{
    struct wcsprm *w = in->w;
    int axis = w->spec, code;
    char type[9] = "FREQ-???", was[9];
    snprintf(was, sizeof was, "%.8s", w->ctype[axis]);
    if (strncmp(was, "FREQ", 4) == 0 && (was[4] == '\0' || was[4] == ' ')) return CI_OK;
    code = wcssptr(w, &axis, type);
    if (code == 0) code = wcsset(w);
    if (code == 0) return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: CTYPE%d: %s: cannot be converted into a frequency (RESTFRQ %g): WCSLIB: "
                    "%s: correct it, or remove the axis",
                    in->path, axis + 1, was, w->restfrq, wcs_errmsg[code]);
}

/* In whose rest frame frequencies are. Those of the Earth, the Sun and the nearby stars move by
 * less than 2e-4 of the speed of light, which is nothing for a continuum image's frequency, and is
 * said; farther ones are another band's frequency. */
static ci_status check_rest_frame(const world *in, ci_fits_header *h)
{
    static const char *const near[] = {"GEOCENTR", "BARYCENT", "HELIOCEN", "LSRK", "LSRD"};
    const char *frame = in->w->specsys; /* or by the type FREQ-LSR, or VELREF */
    if (frame[0] == '\0' || strcmp(frame, "TOPOCENT") == 0) return CI_OK;
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        if (strcmp(frame, near[i]) == 0) {
            snprintf(h->freq_note, sizeof h->freq_note,
                     "SPECSYS: %.8s: frequencies are taken as those of the observatory (TOPOCENT), "
                     "wrong by 2e-4 at most",
                     frame);
            return CI_OK;
        }
    return ci_error(CI_ERR_INPUT,
                    "%s: SPECSYS: %s: frequencies of that rest frame cannot be read: convert the "
                    "axis to TOPOCENT",
                    in->path, frame);
}

static ci_status read_freq(const world *in, ci_fits_header *h)
{
    struct wcsprm *w = in->w;
    double at[N_AXIS_MAX];
    if (w->spec < 0) return CI_OK;
    CI_TRY(check_rest_frame(in, h));
    CI_TRY(spectral_to_freq(in));
    if (!world_at(w, h->x_ref, h->y_ref, at))
        return ci_error(CI_ERR_INPUT,
                        "%s: CTYPE%d: %s: the image has no frequency: correct the axis", in->path,
                        w->spec + 1, w->ctype[w->spec]);
    if (!(at[w->spec] >= 0))
        return ci_error(CI_ERR_INPUT, "%s: CRVAL%d: the image's frequency is %g Hz: correct it",
                        in->path, w->spec + 1, at[w->spec]);
    if (at[w->spec] > 0 && !(at[w->spec] >= 1e6 && at[w->spec] <= 1e13))
        return ci_error(CI_ERR_INPUT,
                        "%s: CRVAL%d, CUNIT%d: the image's frequency is %g Hz: not within 1e6 to "
                        "1e13 Hz: correct the value or its unit",
                        in->path, w->spec + 1, w->spec + 1, at[w->spec]);
    double step = fabs(scale_of(w, w->spec, w->spec));
    h->freq_hz = at[w->spec];
    h->bandwidth_hz = step > 1 ? step : 0; /* 1 means unknown */
    return CI_OK;
}

static ci_status read_stokes(const world *in, ci_fits_header *h)
{
    double at[N_AXIS_MAX];
    for (int i = 2; i < in->w->naxis; i++) {
        if (strcmp(in->w->ctype[i], "STOKES") != 0) continue;
        bool has_value = world_at(in->w, h->x_ref, h->y_ref, at);
        bool is_code = has_value && fabs(at[i] - rint(at[i])) < 1e-6 && rint(at[i]) != 0 &&
                       at[i] > CI_VIS_POL_YX - 0.5 && at[i] < CI_VIS_POL_V + 0.5;
        if (!is_code)
            return ci_error(CI_ERR_INPUT,
                            "%s: CRVAL%d: the image's value is %g: not a Stokes "
                            "parameter (-8 to -1, 1 to 4): correct it",
                            in->path, i + 1, has_value ? at[i] : NAN);
        h->stokes = (int)lrint(at[i]);
    }
    return CI_OK;
}

/* Distortions by SIP hold even where CTYPE does not name them: some programs apply them then. */
static ci_status check_distortion(const world *in)
{
    static const char *const off[] = {"A_ORDER", "B_ORDER"};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        double value;
        CI_TRY(ci_fits_number_read(in->file, in->path, off[i], 0, &value));
        if (value != 0)
            return ci_error(CI_ERR_INPUT,
                            "%s: %s: %g: a distorted image (SIP) cannot be read: regrid it",
                            in->path, off[i], value);
    }
    return CI_OK;
}

static ci_status read_world(world *in, ci_fits_header *h)
{
    static const char *const needed[] = {"CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"};
    static const char *const whole[] = {"PV2_1",  "PV2_2",  "LONPOLE", "LATPOLE",
                                        "CDELT1", "CDELT2", "RESTFRQ"};
    double value;
    CI_TRY(check_type(in, "CTYPE1"));
    CI_TRY(check_type(in, "CTYPE2"));
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        CI_TRY(ci_fits_number_read(in->file, in->path, needed[i], NAN, &value));
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        CI_TRY(ci_fits_number_read(in->file, in->path, whole[i], 0, &value));
    CI_TRY(check_distortion(in));
    CI_TRY(parse(in));
    CI_TRY(check_projection(in));
    CI_TRY(find_frame(in));
    CI_TRY(reduce(in, h));
    CI_TRY(check_places(in, h));
    CI_TRY(read_freq(in, h));
    return read_stokes(in, h);
}

ci_status ci_fits_world_read(fitsfile *file, const char *path, ci_fits_header *h)
{
    world in = {.file = file, .path = path};
    ci_status status = read_world(&in, h);
    if (in.all) wcsvfree(&in.n_wcs, &in.all);
    int code = 0;
    if (in.cards) fits_free_memory(in.cards, &code);
    return status;
}
