/* tile: one tile, from the files of an observation to images: its options, its steps, its record,
 * what it costs. The stage commands and the run use the same steps. */
#ifndef CONTIMG_TILE_H
#define CONTIMG_TILE_H

#include "contimg/cal.h"
#include "contimg/conf.h"
#include "contimg/flag.h"
#include "contimg/image.h"
#include "contimg/par_pack.h"
#include "contimg/plan.h"
#include "contimg/qa.h"
#include "contimg/registry.h"
#include "contimg/sky.h"
#include "contimg/uvh5.h"

/* ---- options --------------------------------------------------------------------------- */

/* What of gains was solved for on the tile itself: on its catalogue after tables of another tile
 * (--field-gains, and what came of it), and on its own image (self-calibration). */
typedef enum ci_tile_field
{
    CI_TILE_FIELD_NONE,
    CI_TILE_FIELD_PHASE,
    CI_TILE_FIELD_AMPLITUDE,
    CI_TILE_FIELD_ALL,
    CI_TILE_FIELD_COUNT
} ci_tile_field;
/* "none", "phase", ... Local. */
const char *ci_tile_field_word(ci_tile_field field);
/* The one that means both. Local. */
ci_tile_field ci_tile_field_of(bool has_phase, bool has_amplitude);
/* CI_TILE_FIELD_NONE for another word. Local. */
ci_tile_field ci_tile_field_parse(const char *word);

/* Everything that the steps take from the configuration. Borrowed texts. */
typedef struct ci_tile_options
{
    const ci_conf *conf; /* for the limits that headers name */
    ci_uvh5_options uvh5;
    ci_flag_options flag;
    ci_cal_options cal;
    ci_image_options image;
    const char *beam;              /* ci_sky_beam_new's spec */
    const char *earth_orientation; /* NULL: installed table */
    bool centre_given;
    double ra_rad, dec_rad; /* where centre_given */
    bool is_calibrated;     /* --calibrated */
    bool weights_given;
    ci_cal_weighting weights; /* where weights_given */
    double sefd_jy;
    ci_cal_validity validity;
    ci_cal_identity table_antennas; /* --cal-antennas */
    ci_tile_field field;            /* --field-gains: the most that may be solved for */
    bool scales_by_field;           /* --flux-scale field */
    bool self_calibrates;           /* --self-cal */
} ci_tile_options;
/* CI_ERR_USAGE names the option. Local. */
CI_MUST_CHECK ci_status ci_tile_options_new(ci_tile_options *out, const ci_conf *conf);
/* The value of an option that changes a tile: of a file that it names the content, wherever it
 * lies; else the value, however it was written. Local. */
CI_MUST_CHECK ci_status ci_tile_value_append(ci_text *text, const ci_conf *conf, ci_conf_id id);
/* Lines "option=value" of those options that make an image what it is, with other values of which
 * CLEAN cannot go on; *out by ci_mem_free. Local. */
CI_MUST_CHECK ci_status ci_tile_made_with(char **out, const ci_conf *conf);
/* Memory that a node like this one gives a job, bytes: --memory, else 0.8 of the least of what the
 * machine, control groups and Slurm allow. Local. */
double ci_tile_node_budget_bytes(const ci_conf *conf);
/* Sets the memory budget of this process from --memory, cgroup and Slurm. Collective. */
CI_MUST_CHECK ci_status ci_tile_budget_set(ci_comm *world, const ci_conf *conf);

/* ---- the steps -------------------------------------------------------------------------- */

/* Where the gains of an image come from. */
typedef enum ci_tile_gains
{
    CI_TILE_GAINS_NONE,        /* none were applied */
    CI_TILE_GAINS_GIVEN,       /* --cal */
    CI_TILE_GAINS_OWN,         /* solved on this observation */
    CI_TILE_GAINS_TRANSFERRED, /* solved on another one, within their validity */
    CI_TILE_GAINS_BORROWED,    /* outside their validity */
    CI_TILE_GAINS_COUNT
} ci_tile_gains;
/* "none", "given", ... of headers and records. Local. */
const char *ci_tile_gains_word(ci_tile_gains gains);
/* CI_TILE_GAINS_NONE for another word. Local. */
ci_tile_gains ci_tile_gains_parse(const char *word);

#define CI_TILE_DOUBT_TEXT 384   /* bytes, on what puts fluxes of tables in doubt */
#define CI_TILE_DOUBT_RATIO 0.05 /* part of a calibrator's flux beside it that does */
/* Bytes of a text on the rounds of self-calibration. */
#define CI_TILE_ROUNDS 512

/* What a tile's own sources say of phases of gains that are another tile's. */
typedef struct ci_tile_coherence
{
    bool is_doubted;    /* the noise leaves room for a loss, or no source tells of one */
    bool is_measured;   /* as far as the sources tell */
    double loss, sigma; /* part of the flux that the images lack by it, and its error; NaN: the
                         * sources are too faint */
    double before;      /* before the rounds of self-calibration */
    double rms_jy;      /* of the image that it was measured on: with sources outside taken out */
} ci_tile_coherence;

/* One observation in memory. */
typedef struct ci_tile_data
{
    ci_sky_eop *eop;
    ci_vis_set *set;
    ci_sky_beam *beam;
    ci_sky_pointing pointing;
    double ra_rad, dec_rad; /* image centre; the data are phased to it */
    ci_flag_report *flags;
    size_t n_empty_sub_band; /* that flags, or a table without solutions, leave nothing of */
    bool weights_known;      /* weights are 1/sigma^2 */
    ci_tile_gains gains;
    ci_tile_field field;
    char field_why[160];       /* why nothing was solved for on the field; "": it was not to be */
    double field_shift_arcsec; /* that field gains have moved the sky by, to the catalogue's */
    char field_shift_why[160]; /* what that is a sign of; "": it is small */
    double flux_scale;  /* with --flux-scale field: fluxes over the catalogue's, which the data
                         * were divided by; 0: they were not */
    ci_tile_field self; /* what self-calibration has changed */
    char self_rounds[CI_TILE_ROUNDS]; /* what became of its rounds; "": there were to be none */
    bool has_silent; /* receptors are flagged in which CLEAN's sources do not show */
    ci_tile_coherence coherence;
    bool is_approximate;
    bool is_solved_here; /* the tables applied were solved, and judged, in this run */
} ci_tile_data;
/* Leaves zeros. Local. */
void ci_tile_data_free(ci_tile_data *data);

/* Reads, and phases to the image's centre. Collective. */
CI_MUST_CHECK ci_status ci_tile_load(ci_comm *comm, const ci_tile_options *options,
                                     const char *const *paths, size_t n_path, ci_tile_data *out);
/* Flags (or only counts), CI_ERR_NO_DATA where nothing is left; warns of each sub-band of which
 * nothing is. Collective. */
CI_MUST_CHECK ci_status ci_tile_flag(ci_comm *comm, const ci_tile_options *options, bool find,
                                     ci_tile_data *data);
/* Raw weights: as asked, else sigma where tables were applied, or are to be solved for, and
 * nsamples where the data came calibrated. Of images by ci_tile_apply: the noise of calibrated
 * data is steady where gains change. Collective. */
CI_MUST_CHECK ci_status ci_tile_weigh(ci_comm *comm, const ci_tile_options *options,
                                      bool to_be_calibrated, ci_tile_data *data);
/* True where the data are in Jy, or were said to be. Local. */
bool ci_tile_is_calibrated(const ci_tile_options *options, const ci_tile_data *data);
/* --model: a CSV file, or "calibrators", the installed list of them (ci_sky_catalog_calibrators).
 * CI_ERR_INPUT where a point of it is a resolved source. Local. */
CI_MUST_CHECK ci_status ci_tile_model_read(ci_sky_model **out, const char *name);
/* Whether a name means that list. Local. */
bool ci_tile_model_is_list(const char *name);
/* Seen flux (Jy) that the model of that name needs in an observation: 0 for a file. Local. */
double ci_tile_model_least_jy(const char *name);
/* Whether the brightest source of that model, as it is seen (ci_tile_seen), is too faint to set the
 * flux scale: of a file, less than a listed calibrator needs. Local. */
bool ci_tile_model_is_faint(const char *name, double brightest_jy);
/* Its sources near where the dishes look: all of them where they move or have no beam. Local. */
CI_MUST_CHECK ci_status ci_tile_model_near(ci_sky_model **out, const ci_tile_data *data,
                                           const ci_sky_model *model);
/* Whether gains solved on a model have an approximate flux scale: a tenth or more of the flux seen
 * is of sources whose own is. Local. */
CI_MUST_CHECK ci_status ci_tile_model_scale(const ci_tile_data *data, const ci_sky_model *model,
                                            bool *is_approximate);
/* How the array sees a model at the middle of an observation. */
typedef struct ci_tile_seen
{
    double flux_jy;      /* sum of its apparent fluxes */
    double brightest_jy; /* of the source seen brightest, with what is within 2 arcmin of it */
    double level;        /* of the beam at the source that is seen best; 0: all below the horizon */
} ci_tile_seen;
/* Dishes that move: the greatest of each. Local. */
CI_MUST_CHECK ci_status ci_tile_model_seen(const ci_sky_eop *eop, const ci_vis_meta *meta,
                                           const ci_sky_beam *beam, const ci_sky_model *model,
                                           ci_tile_seen *out);
/* Below this level of the beam a source is in a sidelobe: nothing to calibrate on. */
#define CI_TILE_MIN_BEAM_LEVEL 0.01
/* CI_ERR_INPUT where no source of the model (its name for the text) is in the beam. Local. */
CI_MUST_CHECK ci_status ci_tile_model_check(const ci_tile_data *data, const ci_sky_model *model,
                                            const char *name);
/* The limits of the quality gates as the options set them. Local. */
void ci_tile_qa_limits(ci_qa_limits *out, const ci_conf *conf);
/* Two sources of a model that may be one, listed twice; none: name[0] is "". */
typedef struct ci_tile_twins
{
    char name[2][40];                /* cut */
    double apart_arcsec, factor;     /* fluxes are too high by it if they are one */
    double model_jy, one, one_sigma; /* all of it; the data say: 0: they are two, 1: one */
    enum ci_tile_twins_verdict
    {
        CI_TILE_TWINS_TWO,
        CI_TILE_TWINS_DOUBTED, /* the array is too small, or the noise too high, to tell */
        CI_TILE_TWINS_ONE
    } verdict;
} ci_tile_twins;
/* How well a solve went. */
typedef struct ci_tile_quality
{
    ci_cal_quality cal;
    ci_tile_twins twins;
} ci_tile_quality;
/* Sources that may be listed twice, or one beside the model's, from that part on. Local. */
const char *ci_tile_doubt_text(const ci_tile_quality *quality, double ratio,
                               char text[CI_TILE_DOUBT_TEXT]);
/* Both tables, and what was seen of their source, by science.md's gates, the options' limits. The
 * same on all ranks. Local. */
CI_MUST_CHECK ci_status ci_tile_tables_judge(const ci_conf *conf, const ci_cal_table *bandpass,
                                             const ci_cal_table *gain,
                                             const ci_tile_quality *quality);
/* Solves on a model (beam applied). Collective. */
CI_MUST_CHECK ci_status ci_tile_solve(ci_comm *comm, const ci_tile_options *options,
                                      const ci_tile_data *data, const ci_sky_model *model,
                                      ci_cal_table **bandpass, ci_cal_table **gain,
                                      ci_tile_quality *quality);
/* Checks what the tables are for (ci_cal_table_check) and applies them, either may be NULL; then
 * ci_tile_weigh: noise in the same pass. `gains` goes into data->gains. Collective. */
CI_MUST_CHECK ci_status ci_tile_apply(ci_comm *comm, const ci_tile_options *options,
                                      const ci_cal_table *bandpass, const ci_cal_table *gain,
                                      ci_tile_gains gains, bool to_be_calibrated,
                                      ci_tile_data *data);
/* Corrects the gains of data that tables of another tile were applied to by the tile's own sources:
 * `model` is a catalogue of its field, NULL: there is none. As far as the options allow and where
 * it is worth it (ci_cal_field_solve); what was done, and why not, goes into data->field and
 * field_why. Fluxes that are not the catalogue's are taken as the data have them. Weights are to be
 * set. Collective. */
CI_MUST_CHECK ci_status ci_tile_field_apply(ci_comm *comm, const ci_tile_options *options,
                                            const ci_sky_model *model, ci_tile_data *data);
/* Self-calibration, where the options ask for it: images, and corrections of gains on what CLEAN
 * finds in them: phases of 300, 120 and 60 s, then amplitudes, where S/N carries them. A round is
 * kept where chi^2 falls and peak/rms rises by 5 %, else it is undone. The mean log amplitude over
 * receptors and the mean slope of phase over the array stay: flux scale and positions. What is kept
 * is applied to the data and written to PREFIXself.gain.calh5; what was done goes into data->self
 * and self_rounds, what is lost by the phases that are left into data->coherence. Weights are to be
 * set. Collective. */
CI_MUST_CHECK ci_status ci_tile_self_apply(ci_comm *comm, const ci_tile_options *options,
                                           const char *prefix, ci_tile_data *data);
/* The same of gains that are another tile's where the noise of its images leaves them in doubt
 * (is_doubted): what is lost by their phases is measured, and rounds follow only where that is more
 * than a quarter of the limit, or cannot be told, and --field-gains is not none. Collective. */
CI_MUST_CHECK ci_status ci_tile_self_rescue(ci_comm *comm, const ci_tile_options *options,
                                            const char *prefix, ci_tile_data *data);
/* PREFIX{dirty,psf,image,...}.fits. The data are freed as soon as they are read, but for rows'
 * coordinates and flags. Collective. */
CI_MUST_CHECK ci_status ci_tile_image(ci_comm *comm, const ci_tile_options *options,
                                      ci_tile_data *data, const char *prefix,
                                      ci_image_stats *stats);
/* "P" -> P.bandpass.calh5 and P.gain.calh5, CI_ERR_INPUT where one is missing; a file -> that
 * one. Same tables on all ranks; the caller frees them, whatever the status. Collective. */
CI_MUST_CHECK ci_status ci_tile_tables_read(ci_comm *comm, const ci_tile_options *options,
                                            const char *spec, ci_cal_table **bandpass,
                                            ci_cal_table **gain);

/* ---- quality limits that are set looser than their defaults ------------------------------- */

/* Cards QARELAX1, ..., QARELAX9, QARELAXA, ... of the limits that judge `what` (CI_CONF_JUDGES_*,
 * or'ed). Local. */
CI_MUST_CHECK ci_status ci_tile_relaxed_cards(ci_fits_header *header, const ci_conf *conf,
                                              unsigned what);
/* In front of a table's history. Local. */
CI_MUST_CHECK ci_status ci_tile_relaxed_history(ci_cal_table *table, const ci_conf *conf);

/* ---- the record ------------------------------------------------------------------------------ */

/* The numbers of its images; units as in the record. NaN: not known. */
typedef struct ci_tile_slope
{
    double ra_deg, dec_deg, flux_jy, beam, slope; /* see ci_clean_slope */
} ci_tile_slope;
typedef struct ci_tile_variable
{
    double ra_deg, dec_deg, flux_jy, excess_jy, sigma; /* see ci_clean_variable */
    double first_mjd_s, last_mjd_s, first_hz, last_hz;
} ci_tile_variable;
typedef struct ci_tile_images
{
    int64_t n_x, n_y, n_sample, n_gridded, n_major, n_minor, n_plane, n_point_component;
    double cell_arcsec, ra_deg, dec_deg, beam_major_arcsec, beam_minor_arcsec, beam_pa_deg;
    double psf_sidelobe, rms_jy, thermal_jy, peak_jy, dirty_peak_jy, model_flux_jy;
    double freq_hz, bandwidth_hz;
    int64_t n_flux_match;
    double flux_ratio, flux_ratio_err; /* of n_flux_match sources, over the catalogue's */
    double taper_arcsec;               /* of weights; 0: none */
    double compression;                /* bound of what it loses; 0: n_gridded is n_sample */
    bool is_pseudo_i;
    char stop_reason[64];
    char scales[96]; /* widths of components besides points, in pixels; "": none */
    size_t n_slope;
    ci_tile_slope slope[CI_CLEAN_MAX_SLOPE]; /* [n_slope] brightest first */
    size_t n_variable;
    ci_tile_variable variable[CI_CLEAN_MAX_VARIABLE]; /* [n_variable] */
    size_t n_outside;
    ci_tile_slope outside[CI_CLEAN_MAX_OUTSIDE]; /* [n_outside] the same, of sources outside it */
} ci_tile_images;

typedef struct ci_tile_antenna
{
    char *name;      /* owned */
    double fraction; /* flagged, of its cross-correlations */
    size_t n_pol;
    bool dead[4]; /* [n_pol] */
} ci_tile_antenna;
typedef struct ci_tile_flags
{
    ci_vis_flag_counts counts;
    size_t n_antenna; /* that have data */
    ci_tile_antenna *antenna;
    size_t n_chan;
    double *channel_fraction; /* [n_chan]; NaN: no sample */
} ci_tile_flags;

typedef struct ci_tile_calibration
{
    ci_tile_gains gains;
    char *bandpass, *gain; /* paths; "" where there is none */
    char *model;           /* that they were solved on; "": not known */
    ci_tile_field field;
    char field_why[160];       /* as in ci_tile_data */
    double field_shift_arcsec; /* likewise */
    char field_shift_why[160]; /* likewise */
    double flux_scale;         /* likewise */
    ci_tile_field self;        /* likewise */
    char self_rounds[CI_TILE_ROUNDS];
    ci_tile_coherence coherence;
    bool is_approximate;
    size_t n_residual; /* 0: the tables were not solved here, and the quality is not known */
    double residual[2], flagged_fraction, phase_scatter_deg;
    double offset_arcsec[2], offset_sigma[2]; /* of the sky from the model, east and north; NaN */
    double structure, structure_sigma;        /* of ci_cal_structure: flux and flux_sigma */
} ci_tile_calibration;

/* About 3000 points of the uv plane, the same at any number of ranks. */
typedef struct ci_tile_uv
{
    size_t n;
    double *uv_lambda; /* [n][2] */
} ci_tile_uv;

typedef enum ci_tile_state
{
    CI_TILE_FAILED,
    CI_TILE_PASSED, /* made; after its gates: they hold */
    CI_TILE_REFUSED,
    CI_TILE_STATE_COUNT
} ci_tile_state;
/* "failed", "passed", "refused". Local. */
const char *ci_tile_state_word(ci_tile_state state);
/* CI_ERR_INPUT for another word. Local. */
CI_MUST_CHECK ci_status ci_tile_state_parse(const char *word, ci_tile_state *out);

/* What is known of one tile, whatever became of it. All parts are owned; NULL where unknown. */
typedef struct ci_tile_record
{
    char id[CI_REGISTRY_ID];
    ci_tile_state state;
    ci_status status; /* what its making ended with */
    char reason[1024];
    char *folder;         /* NULL: no file of it is there */
    bool is_degraded;     /* sub-bands are missing, or nothing is left of one */
    char tables_why[160]; /* channels that its tables do not know, "": none */
    bool is_reused;       /* an earlier run made and judged it */
    char relaxed[512];    /* the limits that judge it, looser than their defaults */
    char made_with_sha256[CI_SHA256_HEX], inputs_sha256[CI_SHA256_HEX]; /* "": not known */
    ci_tile_images *images;
    ci_tile_flags *flags;
    ci_tile_calibration *calibration;
    ci_tile_uv *uv;
    ci_qa_gates *gates;
    size_t n_file;
    ci_registry_product_file *file;
} ci_tile_record;
/* A record that has failed so far. Local. */
CI_MUST_CHECK ci_status ci_tile_record_new(ci_tile_record **out, const char *id);
/* Sub-bands or channels are missing. Local. */
bool ci_tile_record_is_degraded(const ci_tile_record *record);
/* NULL-safe. Local. */
void ci_tile_record_free(ci_tile_record *record);
/* Judged: the gates are copied; where they refuse, state and reason say so. Local. */
CI_MUST_CHECK ci_status ci_tile_record_judge(ci_tile_record *record, const ci_qa_gates *gates);
/* As report.h says, and back. CI_ERR_INPUT where it is no record of a tile; `status` is not kept.
 * Local. */
ci_json *ci_tile_record_json(const ci_tile_record *record);
/* The record from such JSON. Local. */
CI_MUST_CHECK ci_status ci_tile_record_parse(ci_tile_record **out, const ci_json *json);
/* For another rank, all of the record, and the next one back. Local. */
CI_MUST_CHECK ci_status ci_tile_record_pack(ci_par_packer *packer, const ci_tile_record *record);
/* The record from such a line. Local. */
CI_MUST_CHECK ci_status ci_tile_record_unpack(ci_tile_record **out, ci_par_unpacker *unpacker);
/* FOLDER/tile.json. Local. */
CI_MUST_CHECK ci_status ci_tile_record_write(const ci_tile_record *record);

/* ---- making one ------------------------------------------------------------------------------ */

/* The calibration tables of a tile. */
typedef struct ci_tile_tables
{
    ci_cal_table *bandpass, *gain; /* owned; NULL: none needed */
    ci_tile_gains gains;
    char own_tile[CI_REGISTRY_ID]; /* the tile that they were solved on */
    char borrowed_why[256]; /* why they make the product DEGRADED: which are borrowed, or of a
                               source listed twice */
    char *bandpass_path, *gain_path; /* owned; NULL: not known */
    ci_tile_quality quality;
    bool quality_known;
} ci_tile_tables;
/* Leaves zeros. Local. */
void ci_tile_tables_free(ci_tile_tables *tables);

/* A part of a run that is timed: of a tile, of a group's tables, mosaic or product. */
typedef enum ci_tile_stage
{
    CI_TILE_STAGE_READ,
    CI_TILE_STAGE_FLAG,
    CI_TILE_STAGE_CALIBRATE,
    CI_TILE_STAGE_APPLY,
    CI_TILE_STAGE_IMAGE,
    CI_TILE_STAGE_MOSAIC,
    CI_TILE_STAGE_PUBLISH,
    CI_TILE_STAGE_COUNT
} ci_tile_stage;
/* "read", "flag", ... of logs, timers and reports. Local. */
const char *ci_tile_stage_name(ci_tile_stage stage);
/* CI_TILE_STAGE_COUNT for another name. Local. */
ci_tile_stage ci_tile_stage_parse(const char *name);

/* Who did what when, in seconds since the start. */
typedef struct ci_tile_event
{
    ci_tile_stage stage;
    char subject[CI_REGISTRY_ID];
    int32_t rank;
    double start_s, end_s;
} ci_tile_event;
typedef struct ci_tile_events
{
    double origin_s; /* monotonic clock at the start */
    int rank;
    ci_timer *timer; /* borrowed; NULL: none */
    size_t n, n_max;
    ci_tile_event *item; /* owned */
} ci_tile_events;
/* Seconds since the start. Local. */
double ci_tile_events_now(const ci_tile_events *events);
/* A stage that has begun. */
typedef struct ci_tile_stage_run
{
    ci_tile_stage stage;
    double start_s;
} ci_tile_stage_run;
/* Stages follow each other: one that an error has left open ends here. It is an outermost scope of
 * the timer. Local. */
ci_tile_stage_run ci_tile_stage_begin(const ci_tile_events *events, ci_tile_stage stage);
/* Notes that the stage of `subject` ran until now; rank 0 logs it. Local. */
void ci_tile_stage_end(ci_tile_events *events, ci_tile_stage_run run, const char *subject);

/* CI_ERR_STOPPED where a stop is asked for on any rank of `comm`: ranks receive the signal at
 * different times, so they agree. `where` is for the text. Collective. */
CI_MUST_CHECK ci_status ci_tile_stop_check(ci_comm *comm, const char *where);

/* What is to be made. Borrowed. */
typedef struct ci_tile_task
{
    const char *id, *folder; /* what is in the folder is replaced by the tile that is made */
    /* It is made in "<folder>.<claim_token>.part", which replaces the folder at the end if
     * check_claim (NULL: always) allows it on the team's rank 0. */
    const char *claim_token;
    ci_status (*check_claim)(const void *context);
    const void *claim_context;
    const char *const *path;
    size_t n_path;
    const ci_sky_model *field;    /* catalogue of the sky; NULL: none */
    bool is_degraded;             /* sub-bands are missing */
    const char *made_with_sha256; /* of all that changes a tile but its files */
    const char *relaxed;          /* as in the record */
    ci_tile_data *loaded; /* NULL, or the observation, read and flagged by these ranks: used up */
} ci_tile_task;
/* Files -> the task's folder. *record (team's rank 0): whatever became of it. Returns CI_OK unless
 * the team itself is broken: a tile that fails stops nobody. Over the team. Collective. */
CI_MUST_CHECK ci_status ci_tile_make(ci_comm *team, const ci_tile_options *options,
                                     const ci_tile_task *task, const ci_tile_tables *tables,
                                     ci_tile_events *events, ci_tile_record **record);
/* The record of a tile that stands in the task's folder, made from the same input files with the
 * same options, its files as their checksums say; NULL where there is none. Local. */
ci_tile_record *ci_tile_record_load_cached(const ci_tile_task *task);
/* FOLDER/fits_name, where it is there, to FOLDER/png_name. A picture that cannot be drawn is a
 * warning, never a reason to lose a product. Local. */
void ci_tile_picture_draw(const char *folder, const char *fits_name, const char *png_name,
                          const char *title, size_t max_pixel);
/* Fills in checksums of the task's input files and of every file in the record's folder that the
 * record does not know yet, and writes tile.json. Local. */
CI_MUST_CHECK ci_status ci_tile_record_keep(ci_tile_record *record, const ci_tile_task *task);
/* Removes the files of a folder that is to be filled anew (folders in it stay). Local. */
CI_MUST_CHECK ci_status ci_tile_folder_empty(const char *folder);

/* What `run` would have to do for a tile of these files, from their headers alone: shapes and
 * bytes, and the image's size as the options and the array give it. n_group and n_tile are the
 * caller's. On a communicator of one (ci_comm_self), so that no MPI is called. Local. */
CI_MUST_CHECK ci_status ci_tile_estimate(const ci_conf *conf, const char *const *paths,
                                         size_t n_path, ci_plan_workload *workload);

#endif
