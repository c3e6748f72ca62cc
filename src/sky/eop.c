/* Earth orientation: UT1-UTC, polar motion and leap seconds of the installed table. */
#include "contimg/base_log.h"
#include "sky/eop.h"

#include <erfa.h>
#include <math.h>
#include <string.h>

#include "sky/csv.h"

/* TAI-UTC at 0 h of a day. */
static double leap_seconds(double mjd)
{
    int year, month, day;
    double fraction, tai_utc = 0;
    if (eraJd2cal(CI_TIME_JD_OF_MJD, mjd, &year, &month, &day, &fraction) == 0)
        (void)eraDat(year, month, day, 0.0, &tai_utc);
    return tai_utc;
}

static ci_status add_day(ci_sky_eop *eop, double mjd, double dut1_s, double x_arcsec,
                         double y_arcsec)
{
    if (eop->n_day > 0 && mjd != eop->day[eop->n_day - 1].mjd + 1)
        return ci_error(CI_ERR_INPUT, "%s: MJD %g after %g: days must follow one another",
                        eop->path, mjd, eop->day[eop->n_day - 1].mjd);
    if (fabs(dut1_s) > 1 || fabs(x_arcsec) > 2 || fabs(y_arcsec) > 2)
        return ci_error(
            CI_ERR_INPUT,
            "%s: MJD %g: UT1-UTC %g s, polar motion %g, %g arcsec cannot be: correct it", eop->path,
            mjd, dut1_s, x_arcsec, y_arcsec);
    if (eop->n_day % 4096 == 0)
        CI_TRY(ci_mem_resize(&eop->day, eop->n_day + 4096, sizeof *eop->day, "earth orientation"));
    eop->day[eop->n_day++] = (ci_sky_eop_day){.mjd = mjd,
                                              .ut1_tai_s = dut1_s - leap_seconds(mjd),
                                              .x_rad = x_arcsec * CI_ARCSEC_TO_RAD,
                                              .y_rad = y_arcsec * CI_ARCSEC_TO_RAD};
    return CI_OK;
}

static ci_status read_csv(ci_sky_eop *eop)
{
    static const char *const names[] = {"mjd_utc", "ut1_minus_utc_s", "polar_x_arcsec",
                                        "polar_y_arcsec", "kind"};
    ci_sky_csv csv;
    CI_TRY(ci_sky_csv_open(&csv, eop->path, names, 5, 4));
    ci_status status = CI_OK;
    while (status == CI_OK) {
        bool end;
        double v[4] = {0};
        status = ci_sky_csv_row(&csv, &end);
        if (status != CI_OK || end) break;
        for (int i = 0; i < 4 && status == CI_OK; i++)
            status = ci_sky_csv_number(&csv, i, NAN, &v[i]);
        if (status == CI_OK) status = add_day(eop, v[0], v[1], v[2], v[3]);
    }
    ci_sky_csv_close(&csv);
    return status;
}

/* A number in columns [first, first + width) of a fixed-form line; false where blank. */
static bool fixed_number(const char *line, size_t length, size_t first, size_t width, double *out)
{
    char text[16];
    if (first + width > length) return false;
    memcpy(text, line + first, width);
    text[width] = '\0';
    char *at = text;
    while (*at == ' ')
        at++;
    return *at && ci_parse_double(at, "column", out) == CI_OK;
}

/* IERS finals2000A: MJD in columns 8-15; Bulletin A's x, y, UT1-UTC in 19-27, 38-46, 59-68;
 * Bulletin B's, better where there, in 135-144, 145-154, 155-165 (counted from 1). */
static ci_status read_finals(ci_sky_eop *eop, const char *text)
{
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        double mjd, x, y, dut1;
        if (!fixed_number(line, n, 7, 8, &mjd))
            return ci_error(CI_ERR_INPUT,
                            "%s: neither a CSV of earth orientation nor an IERS finals2000A: "
                            "\"%.*s\": give one of them",
                            eop->path, (int)(n < 40 ? n : 40), line);
        bool b = fixed_number(line, n, 134, 10, &x) && fixed_number(line, n, 144, 10, &y) &&
                 fixed_number(line, n, 154, 11, &dut1);
        if (!b && !(fixed_number(line, n, 18, 9, &x) && fixed_number(line, n, 37, 9, &y) &&
                    fixed_number(line, n, 58, 10, &dut1)))
            break; /* predictions end before the dates do */
        CI_TRY(add_day(eop, mjd, dut1, x, y));
        line += n + (line[n] == '\n');
    }
    ci_error_clear();
    return CI_OK;
}

static ci_status read_any(ci_sky_eop *eop)
{
    char *text = NULL;
    size_t n_byte;
    CI_TRY(ci_file_read(&text, &n_byte, eop->path));
    bool is_csv = strstr(text, "mjd_utc") != NULL || text[0] == '#';
    ci_status status = is_csv ? read_csv(eop) : read_finals(eop, text);
    ci_mem_free(text);
    if (status == CI_OK && eop->n_day < 2)
        status = ci_error(CI_ERR_INPUT, "%s: no earth orientation in it: give a file with some",
                          eop->path);
    return status;
}

ci_status ci_sky_eop_load(ci_sky_eop **out, const char *path)
{
    *out = NULL;
    ci_sky_eop *eop = NULL;
    CI_TRY(ci_mem_alloc(&eop, 1, sizeof *eop, "earth orientation"));
    ci_status status = ci_mem_alloc(&eop->said, 1, sizeof *eop->said, "earth orientation");
    if (status == CI_OK)
        status = path ? ci_str_copy(&eop->path, path)
                      : ci_path_share(&eop->path, "earth_orientation.csv");
    if (status == CI_OK) status = read_any(eop);
    if (status == CI_OK)
        *out = eop;
    else
        ci_sky_eop_free(eop);
    return status;
}

void ci_sky_eop_free(ci_sky_eop *eop)
{
    if (!eop) return;
    ci_mem_free(eop->path);
    ci_mem_free(eop->day);
    ci_mem_free(eop->said);
    ci_mem_free(eop);
}

/* A header without dut1 reads as 0, and most have none: no warning of that. */
static void compare_header(const ci_sky_eop *eop, double header_s, double table_s)
{
    if (eop->said->header || fabs(header_s - table_s) <= 5e-3) return;
    eop->said->header = true;
    if (header_s == 0)
        ci_log_debug("the header gives no UT1-UTC: %+.4f s of %s is used", table_s,
                     ci_path_base(eop->path));
    else
        ci_log_warning_once(
            "the header's UT1-UTC %+.4f s differs from %+.3f s of %s, which is used", header_s,
            table_s, ci_path_base(eop->path));
}

void ci_sky_eop_at(const ci_sky_eop *eop, double time_mjd_s, double dut1_header_s, double *dut1_s,
                   double *x_rad, double *y_rad)
{
    double mjd = time_mjd_s / CI_DAY_S;
    double first = eop->day[0].mjd, last = eop->day[eop->n_day - 1].mjd;
    if (!(mjd >= first && mjd <= last)) {
        *dut1_s = dut1_header_s;
        *x_rad = *y_rad = 0;
        if (!eop->said->outside)
            ci_log_warning_once("MJD %.0f is outside %s (MJD %.0f to %.0f): UT1-UTC %+.4f s %s, no "
                                "polar motion: give a newer earth orientation table",
                                floor(mjd), ci_path_base(eop->path), first, last, dut1_header_s,
                                dut1_header_s != 0 ? "of the header is used" : "is taken");
        eop->said->outside = true;
        return;
    }
    size_t i = (size_t)(mjd - first);
    if (i + 2 > eop->n_day) i = eop->n_day - 2;
    const ci_sky_eop_day *a = &eop->day[i], *b = a + 1;
    double f = mjd - a->mjd;
    *x_rad = a->x_rad + f * (b->x_rad - a->x_rad);
    *y_rad = a->y_rad + f * (b->y_rad - a->y_rad);
    *dut1_s = a->ut1_tai_s + f * (b->ut1_tai_s - a->ut1_tai_s) + leap_seconds(floor(mjd));
    compare_header(eop, dut1_header_s, *dut1_s);
}
