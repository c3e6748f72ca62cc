/* Sections of the report's page. All functions are local. */
#ifndef CONTIMG_REPORT_PAGE_H
#define CONTIMG_REPORT_PAGE_H

#include "contimg/cal.h"
#include "contimg/report.h"

CI_MUST_CHECK ci_status ci_report_page(ci_text *out, const ci_report_record *record);
/* One tile: picture, residual, flags, gains, uv coverage. */
CI_MUST_CHECK ci_status ci_report_tile(ci_text *out, const ci_tile_record *tile);
/* What every rank did when, and where time goes within it. */
CI_MUST_CHECK ci_status ci_report_time(ci_text *out, const ci_report_record *record);
/* Plots of a calibration table: amplitudes and phases of every receptor, of a bandpass delays, too;
 * a line where it cannot be read. */
CI_MUST_CHECK ci_status ci_report_table_plots(ci_text *out, const char *path);
/* Gates as a table; nothing where there are none (NULL). */
CI_MUST_CHECK ci_status ci_report_gates(ci_text *out, const ci_qa_gates *gates);
CI_MUST_CHECK ci_status ci_report_summary(ci_text *out, const ci_report_record *record);

/* Texts that a reader must see first: which groups are DEGRADED and why, limits that were relaxed;
 * to be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_report_notes(ci_report_texts *out, const ci_report_record *record);

#endif
