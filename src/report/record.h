/* The record of a run as JSON and back: what writer and reader share. All functions are local. */
#ifndef CONTIMG_REPORT_RECORD_H
#define CONTIMG_REPORT_RECORD_H

#include "contimg/report.h"

#define CI_REPORT_SCHEMA "contimg-report-1"

const char *ci_report_group_state_word(ci_report_group_state state);
/* CI_REPORT_GROUP_STATE_COUNT for another word. */
ci_report_group_state ci_report_group_state_parse(const char *word);

#endif
