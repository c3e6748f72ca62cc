/* The gate "position" of calibration tables: whether their model lies where the sky does. */
#include "contimg/qa.h"

#include <math.h>

static const double ionosphere_hz = 1.4e9; /* below it the limit grows */
static const double warn_part = 1.0 / 3;   /* of the limit */

/* "63.0 +- 2.1 arcsec east, 20.2 +- 3.0 arcsec north" */
static void offset_text(const ci_cal_offset *o, char *out, size_t n)
{
    static const char *const word[2][3] = {{"east", "west", "east or west"},
                                           {"north", "south", "north or south"}};
    const double offset_rad[2] = {o->east_rad, o->north_rad};
    size_t at = 0;
    for (int k = 0; k < 2 && at < n; k++) {
        double arcsec = offset_rad[k] * CI_RAD_TO_ARCSEC;
        const char *comma = k ? ", " : "";
        int more = isfinite(o->sigma_rad[k])
                       ? snprintf(out + at, n - at, "%s%.1f +- %.1f arcsec %s", comma, fabs(arcsec),
                                  o->sigma_rad[k] * CI_RAD_TO_ARCSEC, word[k][arcsec < 0])
                       : snprintf(out + at, n - at, "%sunknown %s", comma, word[k][2]);
        at += more > 0 ? (size_t)more : 0;
    }
}

/* "the limit is 60 arcsec to the east, 216 to the north (--qa-cal-max-offset)": limits are on how
 * fast phases turn. */
static ci_status refuse(const ci_cal_offset *o, double limit, const char *text, const char *model)
{
    return ci_error(
        CI_ERR_GATE,
        "gate position: phases of %zu antennas turn with the Earth as if what %s lists "
        "lay %s of where it has it; the limit, %.0f arcsec to the east or west and %.0f "
        "to the north or south (--qa-cal-max-offset), is surely exceeded: either its "
        "positions, their epoch (ICRS or J2000, not B1950) or the data's times are "
        "wrong, or the ionosphere was disturbed: use another transit of a calibrator",
        o->n_antenna, model, text, limit / o->lever[0], limit / o->lever[1]);
}

ci_status ci_qa_offset_judge(const ci_cal_offset *o, const ci_qa_limits *limits, const char *model)
{
    char text[160];
    if (!isfinite(o->east_rad)) {
        ci_log_info("gate position: skipped: %zu interval%s of gains, %zu antennas with a rate of "
                    "phase: too few to tell whether the sky lies where %s has it",
                    o->n_time, ci_plural(o->n_time), o->n_antenna, model);
        return CI_OK;
    }
    double growth = fmax(1, pow(ionosphere_hz / o->freq_hz, 2));
    double limit = limits->table.max_offset_arcsec * growth;
    double sure = o->sure_rad * CI_RAD_TO_ARCSEC;
    double length = hypot(o->lever[0] * o->east_rad, o->lever[1] * o->north_rad) * CI_RAD_TO_ARCSEC;
    offset_text(o, text, sizeof text);
    if (sure > limit && !o->is_uneven) return refuse(o, limit, text, model);
    if (sure > warn_part * limit || (o->plain_rad > 0 && length > warn_part * limit))
        ci_log_warning(
            "gate position: phases of %zu antennas turn with the Earth as if what %s "
            "lists lay %s of where it has it%s: check its positions and their epoch; the "
            "ionosphere may do it, too",
            o->n_antenna, model, text,
            o->is_uneven ? ", but not at one rate, as the ionosphere does it" : "");
    else
        ci_log_info("gate position: the sky lies %s of where %s has it, by phases of %zu antennas",
                    text, model, o->n_antenna);
    return CI_OK;
}
