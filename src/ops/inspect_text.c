/* Lines and numbers of inspect, for people and as JSON. */
#include "ops/inspect.h"

#include <math.h>
#include <string.h>

static void keep(inspection *in, ci_status status)
{
    if (in->status == CI_OK) in->status = status;
}

void ci_ops_inspect_line(inspection *in, const char *label, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    keep(in, ci_str_format_args(&text, format, arguments));
    va_end(arguments);
    keep(in, ci_text_append(&in->text, "  %-14s %s\n", label, text ? text : ""));
    ci_mem_free(text);
}

void ci_ops_inspect_warning(inspection *in, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    keep(in, ci_str_format_args(&text, format, arguments));
    va_end(arguments);
    ci_json_put_string(in->warnings, NULL, text ? text : "");
    keep(in, ci_text_append(&in->warning_lines, "  %-14s %s\n", in->n_warning ? "" : "Warning",
                            text ? text : ""));
    in->n_warning++;
    ci_mem_free(text);
}

void ci_ops_inspect_site_text(char out[80], double lat_rad, double lon_rad, double height_m)
{
    double lat = lat_rad * CI_RAD_TO_DEG, lon = remainder(lon_rad * CI_RAD_TO_DEG, 360);
    snprintf(out, 80, "%.4f %c %.4f %c, %.0f m", fabs(lat), lat < 0 ? 'S' : 'N', fabs(lon),
             lon < 0 ? 'W' : 'E', height_m);
}

void ci_ops_inspect_position_text(char out[64], double ra_rad, double dec_rad)
{
    /* rounded once, in the smallest unit that is shown, so that no 60 s can appear */
    double turn = ra_rad / CI_TWO_PI;
    long long ra = llround((turn - floor(turn)) * 8640000) % 8640000;
    long long dec = llround(fabs(dec_rad) * CI_RAD_TO_ARCSEC * 10);
    snprintf(out, 64, "%02lldh%02lldm%02lld.%02llds %c%02lldd%02lld'%02lld.%lld\"", ra / 360000,
             ra / 6000 % 60, ra / 100 % 60, ra % 100, dec_rad < 0 ? '-' : '+', dec / 36000,
             dec / 600 % 60, dec / 10 % 60, dec % 10);
}

void ci_ops_inspect_hz_text(char out[32], double hz)
{
    if (hz >= 1e6) {
        snprintf(out, 32, "%.7g MHz", hz * 1e-6);
    } else {
        snprintf(out, 32, "%.7g kHz", hz * 1e-3);
    }
}

void ci_ops_inspect_count_text(char out[32], uint64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void ci_ops_inspect_span_text(char out[80], double first_mjd_s, double last_mjd_s)
{
    char first[32], last[32];
    /* ci_time_iso cuts; these are for reading: rounded */
    ci_time_iso(first, first_mjd_s + 0.05, 1, true);
    ci_time_iso(last, last_mjd_s + 0.05, 1, true);
    bool same_day = strncmp(first, last, 10) == 0;
    if (first_mjd_s == last_mjd_s) {
        snprintf(out, 80, "%s", first);
    } else {
        snprintf(out, 80, "%s to %s", first, same_day ? last + 11 : last);
    }
}

ci_json *ci_ops_inspect_pair(double a, double b)
{
    ci_json *pair = ci_json_array();
    ci_json_put_number(pair, NULL, a);
    ci_json_put_number(pair, NULL, b);
    return pair;
}
