/* registry: the four SQLite databases, in the words of the domain. Nothing outside this module
 * writes SQL. All functions are local. Rank 0 is the one writer of a run. A ci_registry belongs to
 * one thread; a second thread (the keeper of leases) opens its own.
 *
 *   ingest.sqlite3         files, observations, mosaic groups
 *   cal_registry.sqlite3   calibration tables and their validity
 *   products.sqlite3       tiles, mosaics, quality, photometry, runs
 *   data_registry.sqlite3  publish state (the truth of it) and one row per attempt
 *
 * A transaction touches one database. Times named *_unix_s are Unix seconds, NaN or 0 where
 * unknown. Every change of a state is a row of its database's state_changes. Rows of the deployed
 * pipeline carry origin 'deployed': listed, but no function that gives out work ever returns one.
 */
#ifndef CONTIMG_REGISTRY_H
#define CONTIMG_REGISTRY_H

#include "contimg/base.h"

typedef struct ci_registry ci_registry;

typedef enum ci_registry_database
{
    CI_REGISTRY_DB_INGEST,
    CI_REGISTRY_DB_CAL,
    CI_REGISTRY_DB_PRODUCTS,
    CI_REGISTRY_DB_DATA,
    CI_REGISTRY_DB_COUNT
} ci_registry_database;

/* Paths of the databases; `backups` is the folder of copies made before a migration. */
typedef struct ci_registry_paths
{
    const char *ingest, *cal, *products, *data, *backups;
} ci_registry_paths;

typedef struct ci_registry_options
{
    bool read_only;
    bool is_repeated; /* opened before: what was said of the files then is not said again */
    double busy_s;    /* how long to wait for a lock of others; 60 */
    ci_clock *clock;  /* of leases and retries; borrowed, NULL: the system's */
} ci_registry_options;
/* Sets the defaults that are named above. */
void ci_registry_options_default(ci_registry_options *options);

/* Opens all four. Writing: makes what is missing, migrates what is older (online backup
 * first, one transaction, only adding). read_only: nothing is made or changed; a missing
 * database is empty, an older one is read as a migrated copy in memory, said in the log.
 * CI_ERR_NOT_READY: a version newer than known, or locked for longer than busy_s. */
CI_MUST_CHECK ci_status ci_registry_open(ci_registry **out, const ci_registry_paths *paths,
                                         const ci_registry_options *options);
void ci_registry_close(ci_registry *registry);       /* NULL-safe; rolls back what is open */
double ci_registry_now(const ci_registry *registry); /* UTC in Unix seconds */
/* Whether writing functions are refused. */
bool ci_registry_is_read_only(const ci_registry *registry);
/* The clock of its options; borrowed, NULL: the system's. */
ci_clock *ci_registry_clock(const ci_registry *registry);
/* The file that is open for `which`; borrowed. */
const char *ci_registry_path(const ci_registry *registry, ci_registry_database which);
/* Schema version on disk when opened (0: of the deployed pipeline or new) and as known. */
int ci_registry_version_found(const ci_registry *registry, ci_registry_database which);
/* The version that this program knows. */
int ci_registry_version_known(ci_registry_database which);
/* When a database of the deployed pipeline was migrated, Unix seconds; 0: it never was. */
double ci_registry_migrated_unix_s(const ci_registry *registry, ci_registry_database which);
/* PRAGMA integrity_check and foreign_key_check; CI_ERR_DATABASE with the first fault. */
CI_MUST_CHECK ci_status ci_registry_verify(ci_registry *registry, ci_registry_database which);
/* Online copy to `path` (.part, synced, renamed). */
CI_MUST_CHECK ci_status ci_registry_backup(ci_registry *registry, ci_registry_database which,
                                           const char *path);

/* The one transaction helper: BEGIN IMMEDIATE, waiting with backoff while others write.
 * Functions below join an open transaction, else make their own. End commits where `status`
 * and everything inside were CI_OK, else rolls back; returns the status that decided. */
CI_MUST_CHECK ci_status ci_registry_begin(ci_registry *registry, ci_registry_database which);
/* Commits or rolls back, as said above. */
ci_status ci_registry_end(ci_registry *registry, ci_registry_database which, ci_status status);
/* Whether one is open on that database. */
bool ci_registry_in_transaction(const ci_registry *registry, ci_registry_database which);

#define CI_REGISTRY_ID 64
#define CI_REGISTRY_WORD 24
#define CI_REGISTRY_TEXT 256
/* A list of rows, n = 0 where none is found; each has a function that frees all of it. */
#define CI_REGISTRY_LIST(list, row)                                                                \
    typedef struct list                                                                            \
    {                                                                                              \
        size_t n;                                                                                  \
        row *item;                                                                                 \
    } list

/* Who has a lease. */
typedef struct ci_registry_owner
{
    char host[CI_REGISTRY_ID], job[CI_REGISTRY_ID], token[CI_REGISTRY_ID];
    int64_t pid, pid_start; /* pid_start: clock ticks since boot, tells a pid used again */
    double acquired_unix_s, expires_unix_s;
} ci_registry_owner;
/* False where the owner is known dead (same host, no such process; elsewhere, its Slurm job is
 * over) or the lease is over. */
bool ci_registry_owner_alive(const ci_registry *registry, const ci_registry_owner *owner);
/* "host pid 12 (job 34), since 2026-01-25T00:00:10Z". */
void ci_registry_owner_text(const ci_registry_owner *owner, char out[CI_REGISTRY_TEXT]);

/* ---- runs -------------------------------------------------------------------------- */
/* A run: one process. Its id is "<UTC>-<host>-<pid>"; from here on it is written
 * into every state change made through this handle. */
CI_MUST_CHECK ci_status ci_registry_run_begin(ci_registry *registry, const char *command,
                                              const char *log_path, char id[CI_REGISTRY_ID]);
/* The end of a run with its status, text and report. */
CI_MUST_CHECK ci_status ci_registry_run_end(ci_registry *registry, const char *id, ci_status status,
                                            const char *text, const char *report_path);

/* ---- files and observations (ingest) ------------------------------------------------ */
/* In the database the same words in small letters. */
typedef enum ci_registry_file_state
{
    CI_REGISTRY_FILE_GROWING,    /* size or time still moves */
    CI_REGISTRY_FILE_INCOMPLETE, /* named _incomplete: its writer is not done */
    CI_REGISTRY_FILE_EMPTY,      /* zero bytes */
    CI_REGISTRY_FILE_TRUNCATED,  /* shorter than its own header says */
    CI_REGISTRY_FILE_CORRUPT,    /* cannot be read as UVH5, or fits nothing */
    CI_REGISTRY_FILE_USED,       /* a sub-band of its observation */
    CI_REGISTRY_FILE_DUPLICATE,  /* that sub-band is there already */
    CI_REGISTRY_FILE_LATE,       /* its observation was closed before */
    CI_REGISTRY_FILE_STATE_COUNT
} ci_registry_file_state;
/* The word of a state in the database; borrowed. */
const char *ci_registry_file_state_word(ci_registry_file_state state);

typedef struct ci_registry_file
{
    char *path;                          /* resolved; owned by the list, borrowed in put */
    char observation_id[CI_REGISTRY_ID]; /* "" for none */
    ci_registry_file_state state;
    char reason[CI_REGISTRY_TEXT];
    int64_t size;
    double mtime_unix_s, changed_unix_s; /* changed: by our clock, when last seen to move */
    double arrived_unix_s;               /* the earlier of mtime and first seen */
    double unreadable_unix_s;            /* first read as corrupt; NaN or 0: it was not */
    int sub_band;                        /* index in the observation, -1: not known */
    double first_time_mjd_s, last_time_mjd_s, interval_s, freq_low_hz, freq_high_hz, dec_rad;
    bool dec_known;
    int64_t n_time, n_chan, n_pol, n_antenna;
} ci_registry_file;
CI_REGISTRY_LIST(ci_registry_files, ci_registry_file);
/* Inserts or replaces by path; a change of state is recorded. */
CI_MUST_CHECK ci_status ci_registry_file_put(ci_registry *registry, const ci_registry_file *file);
/* A file that is gone before it was used. */
CI_MUST_CHECK ci_status ci_registry_file_forget(ci_registry *registry, const char *path);
/* The file of that path: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_file_get(ci_registry *registry, const char *path,
                                             ci_registry_files **out);
/* Files that are not whole yet: growing, incomplete, empty, truncated. */
CI_MUST_CHECK ci_status ci_registry_files_unsettled(ci_registry *registry, ci_registry_files **out);
/* Files that are no sub-band of an observation, and why; growing ones only where they could not
 * be read. In order of path. */
CI_MUST_CHECK ci_status ci_registry_files_unused(ci_registry *registry, ci_registry_files **out);
/* All files, or those of one observation in order of sub-band. */
CI_MUST_CHECK ci_status ci_registry_files_read(ci_registry *registry, ci_registry_files **out,
                                               const char *observation_id);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_files_free(ci_registry_files *files);

/* The deployed queue's words. */
typedef enum ci_registry_work_state
{
    CI_REGISTRY_WORK_COLLECTING,
    CI_REGISTRY_WORK_PENDING,
    CI_REGISTRY_WORK_IN_PROGRESS,
    CI_REGISTRY_WORK_COMPLETED,
    CI_REGISTRY_WORK_FAILED,
    CI_REGISTRY_WORK_STATE_COUNT
} ci_registry_work_state;
/* The word of a state in the database; borrowed. */
const char *ci_registry_work_state_word(ci_registry_work_state state);

typedef struct ci_registry_observation
{
    char id[CI_REGISTRY_ID];
    ci_registry_work_state state;
    bool is_ready;               /* closed: may be imaged; files that come now are late */
    bool is_degraded;            /* closed with sub-bands missing */
    bool is_named;               /* its files were named by a person */
    bool is_deployed, dec_known; /* dec_known: dec_rad means something */
    double first_time_mjd_s, last_time_mjd_s, interval_s, dec_rad;
    int64_t n_present, n_expected;          /* sub-bands */
    double received_unix_s, arrived_unix_s; /* first file; last file */
    char missing[CI_REGISTRY_TEXT];         /* "3, 7" */
    char *error;                            /* owned, "" where none */
} ci_registry_observation;
CI_REGISTRY_LIST(ci_registry_observations, ci_registry_observation); /* by first integration */
/* Inserts or updates all but the lease; a change of state is recorded. */
CI_MUST_CHECK ci_status ci_registry_observation_put(ci_registry *registry,
                                                    const ci_registry_observation *observation);
/* The observation of that id: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_observation_get(ci_registry *registry, const char *id,
                                                    ci_registry_observations **out);
/* By first integration in [from, to) (NaN: open), deployed rows only where asked. */
CI_MUST_CHECK ci_status ci_registry_observations_read(ci_registry *registry,
                                                      ci_registry_observations **out,
                                                      double from_mjd_s, double to_mjd_s,
                                                      bool with_deployed);
/* Those that still collect files (not ready), of contimg only. */
CI_MUST_CHECK ci_status ci_registry_observations_open(ci_registry *registry,
                                                      ci_registry_observations **out);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_observations_free(ci_registry_observations *observations);
/* Sub-band rows of an observation (table subband_files), replaced as a whole. */
CI_MUST_CHECK ci_status ci_registry_sub_bands_put(ci_registry *registry, const char *observation_id,
                                                  const ci_registry_files *files);
/* Takes an observation to image it, for lease_s seconds, or renews what one has. CI_ERR_NOT_READY
 * names the live process that has it; *done: completed already, nothing taken. */
CI_MUST_CHECK ci_status ci_registry_observation_claim(ci_registry *registry, const char *id,
                                                      double lease_s, bool *done);
/* Ends the claim: COMPLETED, FAILED with its reason, or PENDING to give it back. */
CI_MUST_CHECK ci_status ci_registry_observation_end(ci_registry *registry, const char *id,
                                                    ci_registry_work_state state,
                                                    const char *reason);
/* Takes the tiles of these observations, whatever their state, while a group is made of them: all
 * or none. CI_ERR_NOT_READY names one that another live process has, and who. Ending an
 * observation's claim gives its tile back, too. */
CI_MUST_CHECK ci_status ci_registry_tiles_claim(ci_registry *registry, const char *const *ids,
                                                size_t n, double lease_s);
/* Gives back those of them that this process has. */
CI_MUST_CHECK ci_status ci_registry_tiles_release(ci_registry *registry, const char *const *ids,
                                                  size_t n);
/* First integration of the earliest observation that is new in no group yet, NaN: none. */
CI_MUST_CHECK ci_status ci_registry_ungrouped_since(ci_registry *registry, double *mjd_s);
/* Is it new, is it overlap, in a group? */
CI_MUST_CHECK ci_status ci_registry_observation_roles(ci_registry *registry, const char *id,
                                                      bool *is_new, bool *is_overlap);

/* ---- mosaic groups (ingest) ----------------------------------------------------------- */
typedef enum ci_registry_role
{
    CI_REGISTRY_ROLE_NEW,     /* an observation is this in one group */
    CI_REGISTRY_ROLE_OVERLAP, /* and this in at most one more */
    CI_REGISTRY_ROLE_NAMED    /* in a group of files named by a person */
} ci_registry_role;
typedef struct ci_registry_member
{
    char observation_id[CI_REGISTRY_ID];
    ci_registry_role role;
    ci_registry_work_state state; /* of the observation, now */
    bool is_degraded; /* its sub-bands, or of a named group its files, are not all there */
    int64_t n_expected;
    double first_time_mjd_s, last_time_mjd_s, dec_rad;
    size_t n_path;
    char **path; /* [n_path] its files, ascending in frequency */
} ci_registry_member;
typedef struct ci_registry_group
{
    char id[CI_REGISTRY_ID];
    ci_registry_work_state state;
    bool is_early; /* closed before it was full */
    bool is_named; /* files named by a person: what there is is taken */
    bool is_deployed;
    bool is_remake;                   /* its product is to be replaced by a new version */
    char closed_by[CI_REGISTRY_WORD]; /* full, gap, declination, span, silence, neighbour, named */
    int64_t n_min_tiles;              /* passed tiles that a mosaic needs */
    double created_unix_s, next_try_unix_s; /* next try: of one that waits; NaN: now */
    char mosaic_id[CI_REGISTRY_ID], *error;
    ci_registry_owner owner; /* while in progress */
    size_t n_member;
    ci_registry_member *member; /* by time */
} ci_registry_group;
CI_REGISTRY_LIST(ci_registry_groups, ci_registry_group); /* by first member's time */
/* 12 hex of the sha256 of the members' ids (joined by newlines) + "_" + Unix microseconds
 * of the first member's first integration. */
CI_MUST_CHECK ci_status ci_registry_group_id(char out[CI_REGISTRY_ID],
                                             const char *const *observation_ids, size_t n,
                                             double first_time_mjd_s);
/* Records a group with its members and, where is_named, their paths. The same list again changes
 * nothing, *is_new false. CI_ERR_INPUT where an observation would be new or overlap twice. */
CI_MUST_CHECK ci_status ci_registry_group_add(ci_registry *registry, const ci_registry_group *group,
                                              bool *is_new);
/* One group: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_group_get(ci_registry *registry, const char *id,
                                              ci_registry_groups **out);
/* Groups that may be taken now (PENDING and not waiting, or of a dead owner), oldest first. */
CI_MUST_CHECK ci_status ci_registry_groups_ready(ci_registry *registry, ci_registry_groups **out);
/* All groups, oldest first. */
CI_MUST_CHECK ci_status ci_registry_groups_read(ci_registry *registry, ci_registry_groups **out);
/* contimg's own that are not completed, without their members. */
CI_MUST_CHECK ci_status ci_registry_groups_unfinished(ci_registry *registry,
                                                      ci_registry_groups **out);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_groups_free(ci_registry_groups *groups);
/* As for observations; *done true where the group is completed already. */
CI_MUST_CHECK ci_status ci_registry_group_claim(ci_registry *registry, const char *id,
                                                double lease_s, bool *done);
/* Ends the claim with a state and its reason. */
CI_MUST_CHECK ci_status ci_registry_group_end(ci_registry *registry, const char *id,
                                              ci_registry_work_state state, const char *reason,
                                              const char *mosaic_id);
/* Counts that the machine, not its data, failed the group once more: *n_fault so far. */
CI_MUST_CHECK ci_status ci_registry_group_fault(ci_registry *registry, const char *id,
                                                int64_t *n_fault);
/* A completed group whose product is gone: to be made again. Nothing in any other state. */
CI_MUST_CHECK ci_status ci_registry_group_reopen(ci_registry *registry, const char *id,
                                                 const char *why);
/* The group, where there is one of ours, is made again, whatever its state, until completed. */
CI_MUST_CHECK ci_status ci_registry_group_remake(ci_registry *registry, const char *id);
/* An open group (not completed, not failed) has it, or one still to be formed can, which shares
 * n_overlap observations with the one before. */
CI_MUST_CHECK ci_status ci_registry_observation_is_needed(ci_registry *registry, const char *id,
                                                          int64_t n_overlap, bool *out);

/* ---- tiles, mosaics, photometry (products) -------------------------------------------- */
typedef struct ci_registry_product_file
{
    char *name; /* within the product's folder; owned by the list */
    char sha256[CI_SHA256_HEX];
    int64_t n_byte;
} ci_registry_product_file;
/* The order by name, for qsort, of these or of structures that begin with one. */
int ci_registry_product_file_order(const void *a, const void *b);

typedef enum ci_registry_image_state
{
    CI_REGISTRY_IMAGE_PASSED, /* a tile */
    CI_REGISTRY_IMAGE_REFUSED,
    CI_REGISTRY_IMAGE_FAILED,
    CI_REGISTRY_IMAGE_COMPLETED, /* a mosaic */
    CI_REGISTRY_IMAGE_OTHER      /* a word that contimg does not write */
} ci_registry_image_state;

/* A tile or a mosaic as measured; also what the gates of publish read. */
typedef struct ci_registry_image
{
    char id[CI_REGISTRY_ID]; /* observation or group */
    ci_registry_image_state state;
    char *folder;     /* where its files are; owned in lists, borrowed in put */
    char *reason;     /* why refused or failed */
    const char *gate; /* in put: the gate that refused a tile, for its change of state; else NULL */
    char *quality_json; /* gates, calibration used, whatever the report shows */
    char run[CI_REGISTRY_ID];
    bool is_degraded;
    double first_time_mjd_s, last_time_mjd_s, ra_rad, dec_rad;
    double rms_jy, thermal_jy, peak_jy, beam_major_rad, beam_minor_rad, beam_pa_rad, freq_hz;
    double flux_ratio, created_unix_s; /* ratio: median found / catalogue, NaN: unknown */
    int64_t n_flux_match, n_source, n_tile;
    size_t n_file;
    ci_registry_product_file *file;
} ci_registry_image;
CI_REGISTRY_LIST(ci_registry_images, ci_registry_image);
/* Registers or replaces the tile of an observation with its files' checksums. */
CI_MUST_CHECK ci_status ci_registry_tile_put(ci_registry *registry, const ci_registry_image *tile);
/* The tile of an observation: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_tile_get(ci_registry *registry, const char *observation_id,
                                             ci_registry_images **out);
/* Registers or replaces the mosaic of a group, made of these tiles. */
CI_MUST_CHECK ci_status ci_registry_mosaic_put(ci_registry *registry,
                                               const ci_registry_image *mosaic,
                                               const char *const *tile_ids, size_t n_tile);
/* The mosaic of a group: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_mosaic_get(ci_registry *registry, const char *group_id,
                                               ci_registry_images **out);
/* Writes into the row of a mosaic where the data registry has it published, or that it is not. */
CI_MUST_CHECK ci_status ci_registry_mosaic_published(ci_registry *registry, const char *group_id);
/* The same for every mosaic whose row and the data registry differ. */
CI_MUST_CHECK ci_status ci_registry_mosaics_published(ci_registry *registry);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_images_free(ci_registry_images *images);
/* CI_ERR_INPUT names the first registered file that is changed or not there. */
CI_MUST_CHECK ci_status ci_registry_image_check(const ci_registry_image *image);
/* Fills image->file from the plain files in image->folder, by name, `.part` left out. Those in the
 * list that it has before, borrowed, with their length (-1: any) are not read again. */
CI_MUST_CHECK ci_status ci_registry_image_files_scan(ci_registry_image *image);
/* Frees the list of files that it owns. */
void ci_registry_image_files_free(ci_registry_image *image);

typedef struct ci_registry_source
{
    char name[32];
    double ra_rad, dec_rad, ra_err_rad, dec_err_rad;
    double peak_jy, peak_err_jy, flux_jy, flux_err_jy, rms_jy;
    double major_rad, minor_rad, pa_rad;
    bool is_resolved;
} ci_registry_source;
/* Replaces the photometry rows of an image by a source list. */
CI_MUST_CHECK ci_status ci_registry_sources_put(ci_registry *registry, const char *product_id,
                                                const char *image_path, double time_mjd_s,
                                                const ci_registry_source *sources, size_t n_source);

/* ---- publish state (data) ------------------------------------------------------------------ */
typedef enum ci_registry_publish_state
{
    CI_REGISTRY_PUBLISH_STAGING,
    CI_REGISTRY_PUBLISH_PUBLISHING,
    CI_REGISTRY_PUBLISH_PUBLISHED,
    CI_REGISTRY_PUBLISH_REFUSED,
    CI_REGISTRY_PUBLISH_FAILED,
    CI_REGISTRY_PUBLISH_STATE_COUNT
} ci_registry_publish_state;
/* The word of a state in the database; borrowed. */
const char *ci_registry_publish_state_word(ci_registry_publish_state state);

typedef enum ci_registry_product_type
{
    CI_REGISTRY_MOSAIC,
    CI_REGISTRY_TILE,
    CI_REGISTRY_OTHER /* the deployed pipeline's, which alone has further ones */
} ci_registry_product_type;
/* What stands for a word: CI_REGISTRY_OTHER for one that contimg does not write. Local. */
ci_registry_product_type ci_registry_product_type_of(const char *word);

typedef struct ci_registry_product
{
    char id[CI_REGISTRY_ID];
    ci_registry_product_type type;
    char type_word[CI_REGISTRY_WORD]; /* as stored; "" where written: type's own */
    ci_registry_publish_state state;
    bool is_deployed, auto_publish;
    bool staging_removable; /* published, and its staging folder still there */
    bool is_withdrawn;      /* in staging, waits for contimg publish --id; read only */
    bool is_new_version;    /* stage: replaces what is published, which stays until this is */
    char *stage_path;       /* folder in staging; owned by the list, borrowed in stage */
    char *published_path;   /* folder, "" before; not in state published: of the version before */
    char *metadata_json;    /* provenance: inputs, options, versions, quality */
    char *error, *qa_json;
    double time_mjd_s; /* first integration: its UTC date is in the path */
    double created_unix_s, staged_unix_s, published_unix_s, failed_unix_s, next_try_unix_s;
    int64_t n_attempt;       /* since the last success or manual retry */
    ci_registry_owner owner; /* while publishing */
} ci_registry_product;
CI_REGISTRY_LIST(ci_registry_products, ci_registry_product);
/* Puts a product into staging. One that is there already (*is_new false) gets the new paths and
 * metadata and is in staging again, unless it is publishing, or published and this is no new
 * version. */
CI_MUST_CHECK ci_status ci_registry_product_stage(ci_registry *registry,
                                                  const ci_registry_product *product, bool *is_new);
/* The product of that id: a list of one, or an empty one. */
CI_MUST_CHECK ci_status ci_registry_product_get(ci_registry *registry, const char *id,
                                                ci_registry_products **out);
/* All, or those of one state (state < 0: all). */
CI_MUST_CHECK ci_status ci_registry_products_read(ci_registry *registry, ci_registry_products **out,
                                                  int state, bool with_deployed);
/* Frees it with all that it owns; NULL is allowed. */
void ci_registry_products_free(ci_registry_products *products);

typedef enum ci_registry_claim
{
    CI_REGISTRY_CLAIM_TAKEN,     /* ours now, state publishing, an attempt row is open */
    CI_REGISTRY_CLAIM_PUBLISHED, /* nothing to do */
    CI_REGISTRY_CLAIM_BUSY,      /* another live owner, in *owner */
    CI_REGISTRY_CLAIM_WAIT,      /* next_try_at lies ahead, or auto_publish is off */
    CI_REGISTRY_CLAIM_REFUSED,   /* a gate refused it; only by name again */
    CI_REGISTRY_CLAIM_FAILED,    /* attempts used up; only by name or --retry-failed */
    CI_REGISTRY_CLAIM_UNKNOWN    /* no such product, or one of the deployed pipeline */
} ci_registry_claim;
/* One transaction. by_name: a person asked, so WAIT, REFUSED and FAILED are no obstacle and
 * the count of attempts starts again. *owner: ours (with its token), or whose it is. */
CI_MUST_CHECK ci_status ci_registry_product_claim(ci_registry *registry, const char *id,
                                                  bool by_name, double lease_s,
                                                  ci_registry_claim *claim,
                                                  ci_registry_owner *owner);
/* Prolongs the lease of the attempt that `token` opened; CI_ERR_NOT_READY where it was lost, as for
 * those that end it. */
CI_MUST_CHECK ci_status ci_registry_product_renew(ci_registry *registry, const char *id,
                                                  const char *token, double lease_s);
/* Ends the attempt: published at that path, with the gates that it passed. */
CI_MUST_CHECK ci_status ci_registry_product_publish(ci_registry *registry, const char *id,
                                                    const char *token, const char *published_path,
                                                    const char *qa_json);
/* Ends the attempt: refused; by which gate ("paths": a rule of paths), why, and all gates. */
CI_MUST_CHECK ci_status ci_registry_product_refuse(ci_registry *registry, const char *id,
                                                   const char *token, const char *gate,
                                                   const char *why, const char *qa_json);
/* Back to staging with next_try_at = now + backoff_s 2^(attempts-1), or to failed when
 * n_attempt reaches max_attempt. */
CI_MUST_CHECK ci_status ci_registry_product_fail(ci_registry *registry, const char *id,
                                                 const char *token, const char *why,
                                                 double backoff_s, int64_t max_attempt,
                                                 ci_registry_publish_state *state);
/* A dead owner's product: its attempt is closed as 'died' and the lease becomes ours
 * (*taken); nothing where the owner lives or the product is in another state. */
CI_MUST_CHECK ci_status ci_registry_product_take_over(ci_registry *registry, const char *id,
                                                      double lease_s, ci_registry_owner *owner,
                                                      bool *taken);
/* Published, but this folder is gone: back in staging (*done), unless the row says else by now. */
CI_MUST_CHECK ci_status ci_registry_product_lost(ci_registry *registry, const char *id,
                                                 const char *published_path, bool *done);
/* A person takes it back: in staging (*done), and published again only by name. */
CI_MUST_CHECK ci_status ci_registry_product_withdraw(ci_registry *registry, const char *id,
                                                     const char *published_path, bool *done);
/* The same of a version that stands published while a newer one is staged, refused or failed: the
 * row is of the one that is withdrawn, with what its own provenance says of it. */
CI_MUST_CHECK ci_status ci_registry_product_withdraw_before(ci_registry *registry,
                                                            const ci_registry_product *product,
                                                            const char *metadata_json,
                                                            const char *qa_json, bool *done);
/* Gives a product that was published its row; *is_new false where there is one. */
CI_MUST_CHECK ci_status ci_registry_product_adopt(ci_registry *registry,
                                                  const ci_registry_product *product, bool *is_new);
/* Says that a published product's staging folder is gone. */
CI_MUST_CHECK ci_status ci_registry_product_staging_removed(ci_registry *registry, const char *id);

#endif
