/* ingest: observations and mosaic groups from files; rank 0. All functions are local. */
#ifndef CONTIMG_INGEST_H
#define CONTIMG_INGEST_H

#include "contimg/registry.h"
#include "contimg/uvh5.h"

typedef struct ci_ingest_options
{
    int64_t n_expected;        /* sub-bands of an observation, 16 */
    double min_fraction;       /* of them, to be imaged DEGRADED: 0.75 (12 of 16) */
    double quiet_s;            /* a short observation closes this long after its last file: 600 */
    double settle_s;           /* a file is at rest when its size and time stood still for: 10 */
    int64_t group_size;        /* 10 */
    int64_t overlap;           /* 2 */
    double max_step_s;         /* neighbours in a group are less apart: 360 */
    double max_span_s;         /* first to last first-integration, at most: 3600 */
    double max_dec_step_rad;   /* 0.1 deg */
    double silence_s;          /* an open group closes this long after its last file: 900 */
    double min_group_fraction; /* of the members, passed tiles of a full group: 0.8 (8 of 10) */
    int64_t min_group_early;   /* passed tiles of one closed early: 3, or group_size if less */
    double since_unix_s;       /* files older (mtime) and unknown are passed over; NaN: since
                                  the migration of a deployed database, else none */
    /* Reads a file's header; NULL: ci_uvh5_summary_read. */
    ci_status (*summary)(ci_uvh5_summary *out, const char *path);
    bool named_accept_incomplete; /* files named: any number of sub-bands is complete; else
                                 n_expected and min_fraction hold for them too */
} ci_ingest_options;
/* Sets the defaults that are named above. */
void ci_ingest_options_default(ci_ingest_options *options);

typedef struct ci_ingest_report
{
    size_t n_file; /* in the folder */
    size_t n_new, n_passed_over, n_known;
    size_t n_by_state[CI_REGISTRY_FILE_STATE_COUNT]; /* of the files that changed in this scan */
    size_t n_complete, n_degraded, n_failed;         /* observations closed by this scan */
    size_t n_group;                                  /* groups formed by this scan */
} ci_ingest_report;

/* UTC at the head of a file's name, seconds of MJD, or NaN. */
double ci_ingest_name_time(const char *path);
/* Numbers of sub-bands, "3, 7" as an observation has those it misses, as "sb03, sb07". */
void ci_ingest_sub_bands_text(char out[2 * CI_REGISTRY_TEXT], const char *numbers);

/* Looks at the folder (its .hdf5, .h5 and .uvh5 files; no sub-folders), records files and
 * observations, closes what is due by the registry's clock, forms groups. Any number of
 * processes may do so at once. CI_ERR_INPUT: no such folder; an empty one is CI_OK. */
CI_MUST_CHECK ci_status ci_ingest_scan(ci_registry *registry, const char *folder,
                                       const ci_ingest_options *options, ci_ingest_report *report);
/* How many files of the folder a scan passes over: older than since_unix_s and not known. Writes
 * nothing; 0 where the folder cannot be listed. */
CI_MUST_CHECK ci_status ci_ingest_passed_over(ci_registry *registry, const char *folder,
                                              const ci_ingest_options *options, size_t *n);
/* How many such files the folder holds; 0 where it cannot be listed. */
size_t ci_ingest_count(const char *folder);
/* The same as the scan without looking at a folder: time passed. */
CI_MUST_CHECK ci_status ci_ingest_advance(ci_registry *registry, const ci_ingest_options *options,
                                          ci_ingest_report *report);

/* How many files of an observation came after it was closed. Local. */
CI_MUST_CHECK ci_status ci_ingest_count_late(ci_registry *registry, const char *observation_id,
                                             size_t *n);
/* For a person who asks for an observation: its late files that are there, and whose sub-bands are
 * not yet, become its own (*n_taken); with enough of them it is pending, whatever it was. Nothing
 * while another process has its tile. */
CI_MUST_CHECK ci_status ci_ingest_take_late(ci_registry *registry, const char *observation_id,
                                            const ci_ingest_options *options, size_t *n_taken);

/* Files named by a person, with the facts of their headers, in order. Read before a transaction
 * begins: reading is slow, and others write meanwhile. */
typedef struct ci_ingest_named_files ci_ingest_named_files;
/* Reads and orders them; no database. CI_ERR_INPUT where a file is missing, empty, _incomplete,
 * truncated, unreadable or named twice. now_unix_s: by the registry's clock; ci_ingest_named_free.
 */
CI_MUST_CHECK ci_status ci_ingest_named_read(ci_ingest_named_files **out, const char *const *paths,
                                             size_t n_path, double now_unix_s,
                                             const ci_ingest_options *options);
/* Frees it with all that it owns; NULL is allowed. */
void ci_ingest_named_free(ci_ingest_named_files *named);
/* One group of what there is, recorded and returned (out->n = 1); reads no file, and sets states
 * and numbers in `named`: used once. CI_ERR_INPUT where, unless named_accept_incomplete, an
 * observation has less than min_fraction of its sub-bands. */
CI_MUST_CHECK ci_status ci_ingest_named(ci_registry *registry, ci_ingest_named_files *named,
                                        const ci_ingest_options *options, ci_registry_groups **out);

/* Whether they could be read and taken: the same errors, no database. */
CI_MUST_CHECK ci_status ci_ingest_check_named(const char *const *paths, size_t n_path,
                                              const ci_ingest_options *options);

/* Files that belong together, sorted out without a database. */
typedef struct ci_ingest_cluster
{
    char observation_id[CI_REGISTRY_ID];
    size_t n_path;
    char **path; /* ascending in frequency */
} ci_ingest_cluster;
typedef struct ci_ingest_clusters
{
    size_t n;
    ci_ingest_cluster *item; /* by time */
} ci_ingest_clusters;
/* For stage commands and plan: no database. Errors as ci_ingest_named_read. */
CI_MUST_CHECK ci_status ci_ingest_sort(ci_ingest_clusters **out, const char *const *paths,
                                       size_t n_path);
/* Frees it with all that it owns; NULL is allowed. */
void ci_ingest_clusters_free(ci_ingest_clusters *clusters);

#endif
