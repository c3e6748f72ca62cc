/* What the parts of inspect share: every fact goes to a line of text and into JSON. All functions
 * are local. */
#ifndef CI_OPS_INSPECT_H
#define CI_OPS_INSPECT_H

#include "contimg/ops.h"

typedef struct inspection
{
    const char *path;
    ci_text text;          /* lines for a reader */
    ci_json *json;         /* the same for programs */
    ci_text warning_lines; /* for a reader, at the end */
    size_t n_warning;
    ci_json *warnings; /* borrowed: in json */
    ci_status status;  /* of the first line that could not be kept */
} inspection;

/* "Label          text" */
void ci_ops_inspect_line(inspection *in, const char *label, const char *format, ...)
    CI_PRINTF(3, 4);
/* Kept for the end. */
void ci_ops_inspect_warning(inspection *in, const char *format, ...) CI_PRINTF(2, 3);

/* "37.2334 N 118.2834 W, 1188 m"; "00h42m44.33s +41d16'07.5\""; "244.141 kHz" */
void ci_ops_inspect_site_text(char out[80], double lat_rad, double lon_rad, double height_m);
void ci_ops_inspect_position_text(char out[64], double ra_rad, double dec_rad);
void ci_ops_inspect_hz_text(char out[32], double hz);
/* 12345678 -> "12,345,678" */
void ci_ops_inspect_count_text(char out[32], uint64_t n);
/* First and last of times, and how long: "2022-02-15T03:34:30.0Z to 03:35:21.5Z". */
void ci_ops_inspect_span_text(char out[80], double first_mjd_s, double last_mjd_s);
/* [a, b] as JSON */
ci_json *ci_ops_inspect_pair(double a, double b);

ci_status ci_ops_inspect_uvh5(inspection *in);
ci_status ci_ops_inspect_calh5(inspection *in);
ci_status ci_ops_inspect_fits(inspection *in);

#endif
