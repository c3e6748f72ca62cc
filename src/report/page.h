/* Sections of the report's page. */
#ifndef CONTIMG_REPORT_PAGE_H
#define CONTIMG_REPORT_PAGE_H

#include "contimg/base.h"

CI_MUST_CHECK ci_status ci_report_page(ci_text *out, const ci_json *record);
/* One tile: picture, residual, flags, gains, uv coverage. */
CI_MUST_CHECK ci_status ci_report_tile(ci_text *out, const ci_json *tile);
/* What every rank did when, and where time goes within it. */
CI_MUST_CHECK ci_status ci_report_time(ci_text *out, const ci_json *record);
/* Gates as a table; nothing where there are none. */
CI_MUST_CHECK ci_status ci_report_gates(ci_text *out, const ci_json *gates);
/* Flux against the model: plot and table. */
CI_MUST_CHECK ci_status ci_report_flux(ci_text *out, const ci_json *flux);
CI_MUST_CHECK ci_status ci_report_summary(ci_text *out, const ci_json *record);
/* The numbers of a JSON array (or of one member of each of its objects) as an array; free
 * with ci_mem_free. */
CI_MUST_CHECK ci_status ci_report_numbers(double **out, size_t *n, const ci_json *array,
                                          const char *member);

/* State of a tile of the record. */
typedef enum ci_report_tile_state
{
    CI_REPORT_TILE_PASSED,
    CI_REPORT_TILE_REUSED,
    CI_REPORT_TILE_OTHER /* refused, failed, not made */
} ci_report_tile_state;
ci_report_tile_state ci_report_tile_state_of(const ci_json *tile);

/* Texts that a reader must see first: which groups are DEGRADED and why, limits that were relaxed;
 * the caller's. */
ci_json *ci_report_notes(const ci_json *record);

#endif
