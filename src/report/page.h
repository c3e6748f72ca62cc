/* Sections of the report's page. */
#ifndef CONTIMG_REPORT_PAGE_H
#define CONTIMG_REPORT_PAGE_H

#include "contimg/report.h"

CI_MUST_CHECK ci_status ci_report_page(ci_text *out, const ci_report_record *record);
/* One tile: picture, residual, flags, gains, uv coverage. */
CI_MUST_CHECK ci_status ci_report_tile(ci_text *out, const ci_tile_record *tile);
/* What every rank did when, and where time goes within it. */
CI_MUST_CHECK ci_status ci_report_time(ci_text *out, const ci_report_record *record);
/* Gates as a table; nothing where there are none (NULL). */
CI_MUST_CHECK ci_status ci_report_gates(ci_text *out, const ci_qa_gates *gates);
CI_MUST_CHECK ci_status ci_report_summary(ci_text *out, const ci_report_record *record);

/* Texts that a reader must see first: which groups are DEGRADED and why, limits that were relaxed;
 * to be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_report_notes(ci_report_texts *out, const ci_report_record *record);

#endif
