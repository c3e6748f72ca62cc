/* tile: the steps of one tile, as the stage commands and the run share them. Collective over the
 * communicator given (a tile team) unless said. */
#ifndef CONTIMG_TILE_H
#define CONTIMG_TILE_H

#include "contimg/cal.h"
#include "contimg/conf.h"
#include "contimg/flag.h"
#include "contimg/image.h"
#include "contimg/plan.h"
#include "contimg/qa.h"
#include "contimg/sky.h"
#include "contimg/uvh5.h"

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
} ci_tile_options;
/* Local. */
CI_MUST_CHECK ci_status ci_tile_options_new(ci_tile_options *out, const ci_conf *conf);

/* One observation in memory. */
typedef struct ci_tile_data
{
    ci_sky_eop *eop;
    ci_vis_set *set;
    ci_sky_beam *beam;
    ci_sky_pointing pointing;
    double ra_rad, dec_rad; /* image centre; the data are phased to it */
    ci_flag_report *flags;
    size_t n_empty_sub_band; /* that flags leave nothing of */
    bool weights_known;      /* weights are 1/sigma^2 */
    char gains[32];          /* for headers: "none", "given", "own", "transferred", "borrowed" */
    bool is_approximate;
    bool is_solved_here; /* the tables applied were solved, and judged, in this run */
} ci_tile_data;
void ci_tile_data_free(ci_tile_data *data);

/* Reads, and phases to the image's centre. */
CI_MUST_CHECK ci_status ci_tile_load(ci_comm *comm, const ci_tile_options *options,
                                     const char *const *paths, size_t n_path, ci_tile_data *out);
/* Flags (or only counts), CI_ERR_NO_DATA where nothing is left; warns of each sub-band of which
 * nothing is. */
CI_MUST_CHECK ci_status ci_tile_flag(ci_comm *comm, const ci_tile_options *options, bool find,
                                     ci_tile_data *data);
/* Raw weights: as asked, else sigma where the data are to be calibrated and nsamples where
 * they are. */
CI_MUST_CHECK ci_status ci_tile_weigh(ci_comm *comm, const ci_tile_options *options,
                                      bool to_be_calibrated, ci_tile_data *data);
/* True where the data are in Jy, or were said to be. Local. */
bool ci_tile_is_calibrated(const ci_tile_options *options, const ci_tile_data *data);
/* How the array sees a model at the middle of an observation: the sum of its apparent fluxes,
 * and the level of the beam at the source that is best placed (0: all below the horizon).
 * Local. */
CI_MUST_CHECK ci_status ci_tile_model_seen(const ci_sky_eop *eop, const ci_vis_meta *meta,
                                           const ci_sky_beam *beam, const ci_sky_model *model,
                                           double *flux_jy, double *level);
/* Below this level of the beam a source is in a sidelobe: nothing to calibrate on. */
#define CI_TILE_MIN_BEAM_LEVEL 0.01
/* CI_ERR_INPUT where no source of the model (its name for the text) is in the beam. Local. */
CI_MUST_CHECK ci_status ci_tile_model_check(const ci_tile_data *data, const ci_sky_model *model,
                                            const char *name);
/* The limits of the quality gates as the options set them. Local. */
void ci_tile_qa_limits(ci_qa_limits *out, const ci_conf *conf);
/* Both tables by science.md's gates, the options' limits. The same on all ranks. Local. */
CI_MUST_CHECK ci_status ci_tile_tables_judge(const ci_conf *conf, const ci_cal_table *bandpass,
                                             const ci_cal_table *gain);
/* Solves on a model (beam applied). */
CI_MUST_CHECK ci_status ci_tile_solve(ci_comm *comm, const ci_tile_options *options,
                                      const ci_tile_data *data, const ci_sky_model *model,
                                      ci_cal_table **bandpass, ci_cal_table **gain,
                                      ci_cal_quality *quality);
/* Checks what the tables are for (ci_cal_table_check) and applies them. Either may be NULL. `how`
 * goes into data->gains. */
CI_MUST_CHECK ci_status ci_tile_apply(ci_comm *comm, const ci_tile_options *options,
                                      const ci_cal_table *bandpass, const ci_cal_table *gain,
                                      const char *how, ci_tile_data *data);
/* PREFIX{dirty,psf,image,...}.fits. */
CI_MUST_CHECK ci_status ci_tile_image(ci_comm *comm, const ci_tile_options *options,
                                      const ci_tile_data *data, const char *prefix,
                                      ci_image_stats *stats);
/* Budget of this process from --memory, cgroup and Slurm. */
CI_MUST_CHECK ci_status ci_tile_budget_set(ci_comm *world, const ci_conf *conf);
/* "P" -> P.bandpass.calh5 and P.gain.calh5, CI_ERR_INPUT where one is missing; a file -> that
 * one. Same tables on all ranks; the caller frees them, whatever the status. */
CI_MUST_CHECK ci_status ci_tile_tables_read(ci_comm *comm, const char *spec,
                                            ci_cal_table **bandpass, ci_cal_table **gain);

/* What `run` would have to do for a tile of these files, from their headers alone: shapes and
 * bytes, and the image's size as the options and the array give it. n_group and n_tile are the
 * caller's. Local, starts no MPI. */
CI_MUST_CHECK ci_status ci_tile_estimate(const ci_conf *conf, const char *const *paths,
                                         size_t n_path, ci_plan_work *work);

/* ---- relaxed.c: quality limits that are set looser than their defaults. Local. ---- */
/* What they judge. */
enum
{
    CI_TILE_RELAXED_TABLES = 1,
    CI_TILE_RELAXED_IMAGES = 2
};
/* "qa-cal-max-amp 20 (10), ...", "" where there are none; ci_mem_free. */
CI_MUST_CHECK ci_status ci_tile_relaxed_text(char **out, const ci_conf *conf, unsigned what);
/* [{name, value, default, origin}] of all. */
ci_json *ci_tile_relaxed_json(const ci_conf *conf);
/* Cards QARELAX1, QARELAX2, ... */
CI_MUST_CHECK ci_status ci_tile_relaxed_cards(ci_fits_header *header, const ci_conf *conf,
                                              unsigned what);
/* In front of a table's history. */
CI_MUST_CHECK ci_status ci_tile_relaxed_history(ci_cal_table *table, const ci_conf *conf);

#endif
