/* World coordinates by WCSLIB. */
#include "contimg/fits.h"

#include <math.h>
#include <string.h>
#include <wcslib/wcs.h>
#include <wcslib/wcserr.h>

/* Positions given to WCSLIB at a time. Pieces begin at the caller's first position, so that the
 * same call has the same bits wherever it is made. */
#define PIECE 256

struct ci_fits_wcs
{
    struct wcsprm prm;
};

void ci_fits_wcs_free(ci_fits_wcs *wcs)
{
    if (!wcs) return;
    wcsfree(&wcs->prm);
    ci_mem_free(wcs);
}

static int fill(struct wcsprm *w, const ci_fits_header *h)
{
    /* Axis numbers are fixed: RA 1, Dec 2. */
    int code = wcsinit(1, 2, w, 2, 0, 0);
    if (code) return code;
    strcpy(w->ctype[0], "RA---SIN");
    strcpy(w->ctype[1], "DEC--SIN");
    strcpy(w->cunit[0], "deg");
    strcpy(w->cunit[1], "deg");
    strcpy(w->radesys, "ICRS");
    w->crval[0] = h->ra_rad * CI_RAD_TO_DEG;
    w->crval[1] = h->dec_rad * CI_RAD_TO_DEG;
    w->crpix[0] = h->x_ref + 1;
    w->crpix[1] = h->y_ref + 1;
    w->cdelt[0] = -h->cell_rad * CI_RAD_TO_DEG;
    w->cdelt[1] = h->cell_rad * CI_RAD_TO_DEG;
    w->lonpole = 180;
    w->latpole = h->dec_rad * CI_RAD_TO_DEG;
    if (h->slant_a != 0 || h->slant_b != 0) {
        w->npv = 2;
        w->pv[0] = (struct pvcard){.i = 2, .m = 1, .value = -h->slant_a};
        w->pv[1] = (struct pvcard){.i = 2, .m = 2, .value = -h->slant_b};
    }
    return wcsset(w);
}

ci_status ci_fits_wcs_new(ci_fits_wcs **out, const ci_fits_header *header)
{
    *out = NULL;
    if (!(header->cell_rad > 0) || !isfinite(header->ra_rad) || !(fabs(header->dec_rad) <= 1.5708))
        return ci_error(CI_ERR_INPUT,
                        "world coordinates: centre %g %g deg, cell %g deg: not usable",
                        header->ra_rad * CI_RAD_TO_DEG, header->dec_rad * CI_RAD_TO_DEG,
                        header->cell_rad * CI_RAD_TO_DEG);
    ci_fits_wcs *wcs = NULL;
    CI_TRY(ci_mem_alloc(&wcs, 1, sizeof *wcs, "world coordinates"));
    wcs->prm.flag = -1;
    int code = fill(&wcs->prm, header);
    if (code) {
        ci_status status = ci_error(code == WCSERR_MEMORY ? CI_ERR_MEMORY : CI_ERR_INTERNAL,
                                    "world coordinates: WCSLIB: %s", wcs_errmsg[code]);
        ci_fits_wcs_free(wcs);
        return status;
    }
    *out = wcs;
    return CI_OK;
}

/* WCSLIB marks single positions that cannot be mapped by stat and a code of "one or more"; any
 * other code is a fault of ours. */
static ci_status check(int code, int some_bad)
{
    if (code == 0 || code == some_bad) return CI_OK;
    return ci_error(CI_ERR_INTERNAL, "world coordinates: WCSLIB: %s", wcs_errmsg[code]);
}

ci_status ci_fits_wcs_to_pixel(ci_fits_wcs *wcs, size_t n, const double *ra_rad,
                               const double *dec_rad, double *x, double *y)
{
    double world[PIECE][2], phi[PIECE], theta[PIECE], plane[PIECE][2], pixel[PIECE][2];
    int bad[PIECE];
    for (size_t from = 0; from < n; from += PIECE) {
        size_t m = n - from < PIECE ? n - from : PIECE;
        for (size_t i = 0; i < m; i++) {
            double ra = ra_rad[from + i], dec = dec_rad[from + i];
            bool usable = isfinite(ra) && fabs(dec) <= 0.5 * CI_PI + 1e-12;
            world[i][0] = usable ? ra * CI_RAD_TO_DEG : NAN;
            world[i][1] = usable ? fmax(-90, fmin(90, dec * CI_RAD_TO_DEG)) : NAN;
        }
        CI_TRY(check(wcss2p(&wcs->prm, (int)m, 2, world[0], phi, theta, plane[0], pixel[0], bad),
                     WCSERR_BAD_WORLD));
        for (size_t i = 0; i < m; i++) {
            bool is_bad = bad[i] || isnan(world[i][0]) || isnan(world[i][1]);
            x[from + i] = is_bad ? NAN : pixel[i][0] - 1;
            y[from + i] = is_bad ? NAN : pixel[i][1] - 1;
        }
    }
    return CI_OK;
}

ci_status ci_fits_wcs_to_sky(ci_fits_wcs *wcs, size_t n, const double *x, const double *y,
                             double *ra_rad, double *dec_rad)
{
    double world[PIECE][2], phi[PIECE], theta[PIECE], plane[PIECE][2], pixel[PIECE][2];
    int bad[PIECE];
    for (size_t from = 0; from < n; from += PIECE) {
        size_t m = n - from < PIECE ? n - from : PIECE;
        for (size_t i = 0; i < m; i++) {
            pixel[i][0] = x[from + i] + 1;
            pixel[i][1] = y[from + i] + 1;
        }
        CI_TRY(check(wcsp2s(&wcs->prm, (int)m, 2, pixel[0], plane[0], phi, theta, world[0], bad),
                     WCSERR_BAD_PIX));
        for (size_t i = 0; i < m; i++) {
            bool is_bad = bad[i] || isnan(pixel[i][0]) || isnan(pixel[i][1]);
            double ra = fmod(world[i][0], 360) * CI_DEG_TO_RAD;
            if (ra < 0) ra += CI_TWO_PI;
            ra_rad[from + i] = is_bad ? NAN : ra;
            dec_rad[from + i] = is_bad ? NAN : world[i][1] * CI_DEG_TO_RAD;
        }
    }
    return CI_OK;
}
