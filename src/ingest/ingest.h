/* Private to ingest. All functions are local. */
#ifndef CONTIMG_INGEST_INGEST_H
#define CONTIMG_INGEST_INGEST_H

#include "contimg/ingest.h"

/* Seconds by which first integrations of one observation's files may differ: half the
 * file's length, at most a minute. */
double ci_ingest_tolerance_s(const ci_registry_file *file);
/* Number after "_sb" in a file's name, or -1. */
int ci_ingest_name_number(const char *path);
bool ci_ingest_name_is_incomplete(const char *path);
bool ci_ingest_name_is_data(const char *name);
/* Refuses a path that databases, reports and JSON could not hold: they are UTF-8. */
CI_MUST_CHECK ci_status ci_ingest_path_check(const char *path);
/* Do two files hold the same sub-band? */
bool ci_ingest_same_sub_band(const ci_registry_file *a, const ci_registry_file *b);
/* Why a file cannot be of one observation with another: NULL or what differs. */
const char *ci_ingest_differs(const ci_registry_file *a, const ci_registry_file *b);

/* Numbers the files that are USED (sub_band): by frequency, the highest first as DSA-110
 * does; the names say where the count begins, and the direction where they agree better with
 * the other one. n_expected 0: unknown. Orders nothing. */
void ci_ingest_number(ci_registry_file *files, size_t n, int64_t n_expected);
/* The numbers that are not there as "3, 7", and how many: of n_expected, or (0) between the
 * lowest and the highest that is there. */
int64_t ci_ingest_missing(const ci_registry_file *files, size_t n, int64_t n_expected,
                          char text[CI_REGISTRY_TEXT]);

/* Reads a file's header into the file's facts. CI_ERR_INPUT: state and reason are set. */
CI_MUST_CHECK ci_status ci_ingest_file_read(ci_registry_file *file,
                                            const ci_ingest_options *options);
/* Order of time, then falling frequency, then path. */
int ci_ingest_file_order(const void *a, const void *b);

/* Puts a whole file (facts known) into an observation, or says why not (state, reason).
 * `touched` gets the observation's id. Inside the caller's transaction. */
CI_MUST_CHECK ci_status ci_ingest_assign(ci_registry *registry, ci_registry_file *file,
                                         const ci_ingest_options *options);
/* Counts, numbers and times of an observation from its files. */
CI_MUST_CHECK ci_status ci_ingest_refresh(ci_registry *registry, const char *observation_id,
                                          const ci_ingest_options *options);
/* Which of n_expected sub-bands (0: of those between its lowest and highest) an observation lacks
 * by its files: missing, is_degraded. */
CI_MUST_CHECK ci_status ci_ingest_account(ci_registry *registry, ci_registry_observation *o,
                                          int64_t n_expected);
/* It is to be imaged; what it failed of is past. */
CI_MUST_CHECK ci_status ci_ingest_reopen(ci_registry_observation *o);
/* Closes observations that are complete or quiet; forms groups that are due. `folder` NULL:
 * observations named by a person stay out of groups wherever their files are. */
CI_MUST_CHECK ci_status ci_ingest_close_observations(ci_registry *registry,
                                                     const ci_ingest_options *options,
                                                     ci_ingest_report *report);
CI_MUST_CHECK ci_status ci_ingest_form_groups(ci_registry *registry, const char *folder,
                                              const ci_ingest_options *options,
                                              ci_ingest_report *report);

#endif
