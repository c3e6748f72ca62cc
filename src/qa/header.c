/* Gates of an image's header: world coordinates, units, beam, provenance. */
#include "qa/qa.h"

#include <math.h>
#include <string.h>

static ci_status wcs_gate(ci_qa_gates *gates, const ci_fits_header *h)
{
    enum
    {
        n_side = 5
    };
    ci_fits_wcs *wcs = NULL;
    double x[n_side * n_side], y[n_side * n_side], ra[n_side * n_side], dec[n_side * n_side];
    double x2[n_side * n_side], y2[n_side * n_side], worst = 0;
    size_t n = n_side * n_side, n_there = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)(i % n_side) / (n_side - 1) * (double)(h->n_x - 1);
        y[i] = (double)(i / n_side) / (n_side - 1) * (double)(h->n_y - 1);
    }
    ci_status status = ci_fits_wcs_new(&wcs, h);
    if (status == CI_OK) status = ci_fits_wcs_to_sky(wcs, n, x, y, ra, dec);
    if (status == CI_OK) status = ci_fits_wcs_to_pixel(wcs, n, ra, dec, x2, y2);
    ci_fits_wcs_free(wcs);
    if (status != CI_OK) return ci_qa_fault_gate(gates, CI_QA_GATE_WCS, "", status);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(ra[i]) || !isfinite(x2[i])) continue; /* beyond the horizon */
        worst = fmax(worst, hypot(x2[i] - x[i], y2[i] - y[i]));
        n_there++;
    }
    bool centre = isfinite(ra[n / 2]) && isfinite(x2[n / 2]);
    ci_qa_gates_add(
        gates, CI_QA_GATE_WCS, centre && worst < 0.01 ? CI_QA_PASS : CI_QA_FAIL, worst, 0.01,
        "pixel to sky and back differs by %.2g pixel at most, %zu of %zu positions on the sky",
        worst, n_there, n);
    return CI_OK;
}

ci_status ci_qa_header_judge(ci_qa_gates *gates, const ci_fits_header *h,
                             const ci_qa_limits *limits)
{
    CI_TRY(wcs_gate(gates, h));
    ci_qa_gates_add(
        gates, CI_QA_GATE_UNITS, strcasecmp(h->bunit, "Jy/beam") == 0 ? CI_QA_PASS : CI_QA_FAIL,
        NAN, NAN, "BUNIT '%s'%s", h->bunit, strcasecmp(h->bunit, "Jy/beam") ? ", not Jy/beam" : "");
    double major = h->beam_major_rad, minor = h->beam_minor_rad;
    bool beam_ok = isfinite(major) && isfinite(h->beam_pa_rad) && minor > 0 && major >= minor &&
                   minor >= h->cell_rad && major < 0.5;
    ci_qa_gates_add(gates, CI_QA_GATE_BEAM, beam_ok ? CI_QA_PASS : CI_QA_FAIL,
                    major * CI_RAD_TO_ARCSEC, NAN, "%.4g x %.4g arcsec, cell %.4g%s",
                    major * CI_RAD_TO_ARCSEC, minor * CI_RAD_TO_ARCSEC,
                    h->cell_rad * CI_RAD_TO_ARCSEC, beam_ok ? "" : ": not the beam of an image");
    char lacks[CI_QA_TEXT] = "";
    size_t at = 0;
    const char *names[3] = {h->time_mjd_s > 0 ? NULL : "DATE-OBS",
                            h->freq_hz > 0 ? NULL : "RESTFRQ", h->telescope ? NULL : "TELESCOP"};
    for (int i = 0; i < 3; i++)
        if (names[i]) at += (size_t)snprintf(lacks + at, sizeof lacks - at, " %s", names[i]);
    for (const char *const *key = limits->image.provenance_cards; key && *key; key++)
        if (!ci_fits_card_get(h, *key) && at < sizeof lacks - 12)
            at += (size_t)snprintf(lacks + at, sizeof lacks - at, " %s", *key);
    ci_qa_gates_add(gates, CI_QA_GATE_PROVENANCE, at ? CI_QA_FAIL : CI_QA_PASS, NAN, NAN,
                    at ? "cards missing:%s" : "complete%s", at ? lacks : "");
    return CI_OK;
}
