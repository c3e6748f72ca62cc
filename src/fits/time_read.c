/* When an image was taken: all cards that can say it, and whether they agree. */
#include "fits/cfitsio.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* FITS 4.0, 9.5, in the order in which they are used. */
static const char *const time_names[][2] = {{"DATE-OBS", "MJD-OBS"},
                                            {"DATE-AVG", "MJD-AVG"},
                                            {"DATE-BEG", "MJD-BEG"},
                                            {"DATE-END", "MJD-END"}};
enum
{
    OBS,
    AVG,
    BEG,
    END,
    N_PAIR
};
/* From there on a number is no MJD (of 2132), but a Julian date or seconds. */
static const double most_mjd = 99999.5;
/* Cards that say one thing may be rounded to a second. */
static const double same_s = 1;

/* What one pair of cards says. */
typedef struct said
{
    char date[FLEN_VALUE];
    double mjd;      /* 0: none */
    double time_s;   /* MJD in seconds; 0: none */
    bool has_time;   /* of day */
    bool has_number; /* the time is that of the number */
} said;

/* The start of a day, of "YYYY-MM-DD", or of "DD/MM/YY", which is of 19YY (FITS 4.0, 4.4.2). */
static bool parse_day(const char *date, double *time_mjd_s)
{
    char iso[32];
    int day, month, year, n = 0;
    if (sscanf(date, "%2d/%2d/%2d%n", &day, &month, &year, &n) == 3 && date[n] == '\0')
        snprintf(iso, sizeof iso, "19%02d-%02d-%02dT00:00:00", year, month, day);
    else if (sscanf(date, "%4d-%2d-%2d%n", &year, &month, &day, &n) == 3 && date[n] == '\0')
        snprintf(iso, sizeof iso, "%04d-%02d-%02dT00:00:00", year, month, day);
    else
        return false;
    return ci_time_parse_iso(iso, time_mjd_s) == CI_OK;
}

static void note(ci_fits_header *h, const char *format, ...) CI_PRINTF(2, 3);
/* The first thing that is to be said of the time stays. */
static void note(ci_fits_header *h, const char *format, ...)
{
    va_list arguments;
    if (h->time_note[0]) return;
    va_start(arguments, format);
    vsnprintf(h->time_note, sizeof h->time_note, format, arguments);
    va_end(arguments);
}

/* The two cards of a pair say the same time: the text is more exact than most numbers. */
static ci_status pair_compare(const char *path, int pair, const said *s, double date_s,
                              ci_fits_header *h)
{
    double off_s = fabs(date_s - s->mjd * CI_DAY_S);
    const char *const *name = time_names[pair];
    if (off_s > CI_DAY_S)
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: %s, %s: %.6f: more than a day apart: correct one of them", path,
                        name[0], s->date, name[1], s->mjd);
    if (s->has_time && off_s > same_s)
        note(h, "%s: '%s' is used, %s: %.6f is %.3g s away from it", name[0], s->date, name[1],
             s->mjd, off_s);
    return CI_OK;
}

static ci_status pair_read(fitsfile *file, const char *path, int pair, said *out, ci_fits_header *h)
{
    const char *const *name = time_names[pair];
    *out = (said){.mjd = 0};
    ci_fits_text_read(file, name[0], out->date, sizeof out->date);
    CI_TRY(ci_fits_number_read(file, path, name[1], 0, &out->mjd));
    if (out->mjd < 0 || out->mjd > most_mjd)
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: %.6f: no modified Julian date (0 to %.1f)%s: correct it", path,
                        name[1], out->mjd, most_mjd,
                        out->mjd > CI_TIME_JD_OF_MJD && out->mjd < CI_TIME_JD_OF_MJD + most_mjd
                            ? ", but a Julian date, 2400000.5 more"
                            : "");
    out->has_time = out->date[0] && ci_time_parse_iso(out->date, &out->time_s) == CI_OK;
    bool has_date = out->has_time || parse_day(out->date, &out->time_s);
    ci_error_clear(); /* an image is not refused for a date that cannot be read */
    if (has_date && out->mjd > 0) CI_TRY(pair_compare(path, pair, out, out->time_s, h));
    out->has_number = !out->has_time && out->mjd > 0;
    if (out->has_number) out->time_s = out->mjd * CI_DAY_S;
    return CI_OK;
}

/* Begin and end lie on either side of the others. */
static ci_status order_check(const char *path, const said *s, ci_fits_header *h)
{
    static const int before[][2] = {{BEG, OBS}, {BEG, AVG}, {OBS, END}, {AVG, END}, {BEG, END}};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        const said *a = &s[before[i][0]], *b = &s[before[i][1]];
        const char *first = time_names[before[i][0]][a->has_number];
        const char *last = time_names[before[i][1]][b->has_number];
        bool are_exact = (a->has_time || a->has_number) && (b->has_time || b->has_number);
        if (!are_exact || a->time_s - b->time_s <= same_s) continue;
        if (a->time_s - b->time_s > CI_DAY_S)
            return ci_error(
                CI_ERR_INPUT,
                "%s: %s, %s: the first is %.6g days after the last: correct one of them", path,
                first, last, (a->time_s - b->time_s) / CI_DAY_S);
        note(h, "%s is %.3g s after %s", first, a->time_s - b->time_s, last);
    }
    return CI_OK;
}

/* "UTC", or a realisation of it as "UTC(USNO)"; GMT goes on as UTC (FITS 4.0, table 30). */
static ci_status scale_check(fitsfile *file, const char *path)
{
    char scale[FLEN_VALUE];
    ci_fits_text_read(file, "TIMESYS", scale, sizeof scale);
    if (scale[0] == '\0' || strcasecmp(scale, "UTC") == 0 || strncasecmp(scale, "UTC(", 4) == 0 ||
        strcasecmp(scale, "GMT") == 0)
        return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: TIMESYS: %s: only UTC can be read: convert DATE-OBS and MJD-OBS", path,
                    scale);
}

/* Cards that are not read, of an image whose time no other says. */
static void others_tell(fitsfile *file, ci_fits_header *h)
{
    static const char *const others[] = {"JD-OBS", "JD", "JEPOCH", "BEPOCH", "TSTART", NULL};
    char text[FLEN_VALUE];
    for (int i = 0; others[i]; i++) {
        ci_fits_text_read(file, others[i], text, sizeof text);
        if (text[0])
            note(h,
                 "%s: '%s' is not read, and there is no DATE-OBS: the time of this image is not "
                 "known",
                 others[i], text);
    }
}

ci_status ci_fits_time_read(fitsfile *file, const char *path, ci_fits_header *h)
{
    said s[N_PAIR];
    for (int k = 0; k < N_PAIR; k++)
        CI_TRY(pair_read(file, path, k, &s[k], h));
    CI_TRY(order_check(path, s, h));
    int best = -1;
    for (int k = OBS; k <= BEG && best < 0; k++)
        if (s[k].has_time || s[k].has_number) best = k;
    for (int k = OBS; k <= BEG && best < 0; k++)
        if (s[k].time_s > 0) best = k;
    if (best < 0 && s[OBS].date[0])
        note(h,
             "DATE-OBS: '%s': not YYYY-MM-DDTHH:MM:SS, and no MJD-OBS: the time of this image is "
             "not known",
             s[OBS].date);
    if (best < 0) {
        others_tell(file, h);
        return CI_OK;
    }
    h->time_mjd_s = s[best].time_s;
    h->is_day = !s[best].has_time && !s[best].has_number;
    if (h->is_day)
        note(h, "%s: '%s': a day without a time of day: taken as 00:00 UTC", time_names[best][0],
             s[best].date);
    else if (best != OBS)
        note(h, "%s: is the time of this image: DATE-OBS has none",
             time_names[best][s[best].has_number]);
    return scale_check(file, path);
}
