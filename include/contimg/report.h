/* report: the record of a run, and its report. The record is a structure, filled by module run;
 * report.json is it in JSON, pages are rendered from it and from the files that it names, and
 * `contimg report` reads it again to write them again. All functions are local. Rank 0 calls them.
 *
 * The JSON ("contimg-report-1"; numbers in the unit of their name's suffix, null unknown):
 *  schema, run, command, version, host, job (of Slurm, "" where none), n_rank,
 *  isa ("plain", "avx2", "avx512"), options,
 *  relaxed [{name, value, default, origin}] (quality limits looser than their defaults),
 *  started, ended (ISO), seconds,
 *  status ("ok", ...), exit_code, error,
 *  warnings [text],
 *  memory_peak_bytes [per rank],  bytes_sent [per rank],
 *  timers [{name, n_rank (that were in it), n_call, seconds (both summed over them), max_seconds
 *           (of one of them), parts [the same, inside it]}],
 *  stages [{name, subject (tile or group id), rank, start_s, end_s}],  since the start
 *  groups [{
 *    id, state ("published","staged","refused","failed"), reason, is_degraded, degraded_why,
 *    mosaic {image, noise, weight (paths), n_x, n_y, cell_arcsec, ra_deg, dec_deg,
 *            beam_major_arcsec, beam_minor_arcsec, beam_pa_deg, rms_jy, min_noise_jy, peak_jy,
 *            freq_hz} or null, published_path, sources (csv path), n_source, picture (png),
 *    gates [{gate, outcome ("pass","warn","skip","fail"), value, limit, text}],
 *    flux {n_match, median_ratio, mad_ratio, gain, scatter,
 *          match [{name, true_jy, found_jy, found_err_jy, separation_arcsec}]} or null,
 *    tiles [{
 *      id, state ("passed","refused","failed"), is_reused, reason, is_degraded, folder,
 *      tables_why (channels that its tables do not know; not there: none),
 *      relaxed (the limits that judged it, "name value (default), ..."),
 *      image {n_x, n_y, cell_arcsec, ra_deg, dec_deg, beam_*_..., psf_sidelobe, rms_jy,
 *             thermal_jy, peak_jy, dirty_peak_jy, model_flux_jy, freq_hz, taper_arcsec, n_sample,
 *             flux_ratio (median of n_flux_match sources over the catalogue's), flux_ratio_err
 *             (off by three of it as seldom as a normal error is by three sigma),
 *             n_major, n_minor, stop_reason, scales_pixel ("12,24", "": points), is_pseudo_i,
 *             slopes [{ra_deg, dec_deg, flux_jy (at freq_hz, seen through the mean beam),
 *                      beam, slope}]},
 *      gates [...],
 *      flags {n_good, by_reason {file, nonfinite, zero, dead, rfi, clip, cal, user},
 *             antenna [{name, fraction, dead [bool per feed]}], channel_fraction [...]},
 *      calibration {how ("own","transferred","given","none"), bandpass, gain (paths),
 *                   residual [..], flagged_fraction, phase_scatter_deg, model, is_approximate,
 *                   offset_east_arcsec, offset_east_err, offset_north_arcsec, offset_north_err (of
 *                   the sky from the model, with residual; null: not known),
 *                   structure, structure_err (part by which fluxes are high as the source is
 *                   larger than its model; null: not known),
 *                   field ("none","phase","amplitude","all": gains by its own sources), field_why,
 *                   field_shift_arcsec, field_shift_why (that these have moved the sky by to the
 *                   catalogue's; what is the matter where that is much, else ""),
 *                   flux_scale (fluxes over the catalogue's that --flux-scale field has taken
 *                   out; not there: none),
 *                   is_doubted (phases of another tile's gains were to be looked at), flux_loss,
 *                   flux_loss_err, flux_loss_before (part of the flux that they cost; before
 *                   self-calibration; not there: not measured)},
 *      uv {u_lambda [...], v_lambda [...]} (about 3000 rows of all sub-bands, the same at any
 *          number of ranks)
 *    }]
 *  }] */
#ifndef CONTIMG_REPORT_H
#define CONTIMG_REPORT_H

#include "contimg/tile.h"

/* ---- the record ------------------------------------------------------------------------------ */

typedef enum ci_report_group_state
{
    CI_REPORT_GROUP_FAILED, /* it has no product */
    CI_REPORT_GROUP_STAGED, /* made, not published */
    CI_REPORT_GROUP_REFUSED,
    CI_REPORT_GROUP_PUBLISHED,
    CI_REPORT_GROUP_STATE_COUNT
} ci_report_group_state;

/* The numbers of a mosaic; units as in the record. */
typedef struct ci_report_mosaic
{
    char *image, *noise, *weight; /* paths, owned */
    int64_t n_x, n_y;
    double cell_arcsec, ra_deg, dec_deg, beam_major_arcsec, beam_minor_arcsec, beam_pa_deg;
    double rms_jy, min_noise_jy, peak_jy, freq_hz;
} ci_report_mosaic;

/* Sources found against the model's. Ratios NaN where none match. */
typedef struct ci_report_flux_match
{
    char *name; /* owned */
    double true_jy, found_jy, found_err_jy, separation_arcsec;
} ci_report_flux_match;
typedef struct ci_report_flux
{
    double median_ratio, mad_ratio, gain, scatter;
    size_t n_match;
    ci_report_flux_match *match; /* [n_match], owned */
} ci_report_flux;

/* What became of a group. Parts are owned; NULL where there is none. */
typedef struct ci_report_group
{
    char id[CI_REGISTRY_ID];
    ci_report_group_state state;
    ci_status status; /* what making it ended with */
    char reason[1024];
    bool is_degraded;
    char degraded_why[512];                  /* "" where it is not */
    bool is_busy;                            /* another run has it: nothing was done here */
    bool is_made_before;                     /* by an earlier run */
    ci_registry_publish_state product_state; /* where is_made_before */
    char inputs_sha256[CI_SHA256_HEX];       /* of the content of its files; "": not known */
    int64_t version; /* of a product that is made again, to replace what is published; else 0 */
    char *folder;    /* of the mosaic, in staging; owned, as the two below */
    char *published_path, *sources;
    size_t n_source;
    ci_report_mosaic *mosaic;
    ci_report_flux *flux;
    ci_qa_gates *gates;
    size_t n_tile;
    ci_tile_record **tile; /* [n_tile] in the group's order; owned */
} ci_report_group;
/* A group that has failed so far. */
CI_MUST_CHECK ci_status ci_report_group_new(ci_report_group **out, const char *id);
/* Frees it with all that it owns; NULL is allowed. */
void ci_report_group_free(ci_report_group *record);

/* What a rank needed. */
typedef struct ci_report_rank_counts
{
    uint64_t peak_bytes, sent_bytes;
} ci_report_rank_counts;

/* A list of texts, all owned. */
typedef struct ci_report_texts
{
    size_t n;
    char **text; /* [n] */
} ci_report_texts;
/* Appends a copy. */
CI_MUST_CHECK ci_status ci_report_texts_add(ci_report_texts *texts, const char *text);
/* Leaves zeros. */
void ci_report_texts_clear(ci_report_texts *texts);

/* A quality limit that is looser than its default. */
typedef struct ci_report_limit
{
    char name[64];
    char *origin; /* owned: what set it */
    double value, normal;
} ci_report_limit;
/* A run, as its report tells it. */
typedef struct ci_report_record
{
    char id[CI_REGISTRY_ID], host[CI_REGISTRY_ID], started[32], ended[32];
    char version[64], job[CI_REGISTRY_ID]; /* of contimg; of Slurm, "" where none */
    char *options;                         /* owned: those that are not at their defaults */
    int n_rank;
    double seconds;
    ci_status status;
    char error[1024];
    bool is_degraded; /* a product that it published or staged */
    size_t n_group;
    ci_report_group **group; /* [n_group], owned */
    size_t n_event;
    ci_tile_event *event;          /* [n_event] of all ranks, in rank order; owned */
    ci_report_rank_counts *counts; /* [n_rank], owned; NULL: not known */
    ci_timer *timer;               /* of all ranks, owned; NULL: not known */
    ci_isa isa;
    ci_report_texts warnings; /* of the log */
    size_t n_limit;
    ci_report_limit *limit; /* [n_limit] relaxed, owned */
} ci_report_record;
/* Leaves zeros. */
void ci_report_record_clear(ci_report_record *record);
/* The JSON that is described above, to ci_json_free, and back. CI_ERR_INPUT names the entry that is
 * wrong; what is not there is not known (NaN, 0, ""). */
ci_json *ci_report_record_json(const ci_report_record *record);
/* From such JSON; to be cleared whatever the status. */
CI_MUST_CHECK ci_status ci_report_record_parse(ci_report_record *out, const ci_json *json);
/* Appends a limit that is relaxed. */
CI_MUST_CHECK ci_status ci_report_limit_add(ci_report_record *record, const char *name,
                                            const char *origin, double value, double normal);
/* Those of a record, [{name, value, default, origin}], to ci_json_free. */
ci_json *ci_report_limits_json(const ci_report_record *record);
/* A mosaic alone, to ci_json_free. */
ci_json *ci_report_mosaic_json(const ci_report_mosaic *mosaic);

/* ---- the report ------------------------------------------------------------------------------ */

/* Writes report.json, report.html (one file, pictures inside, shown offline) and
 * summary.txt into `folder`, made where missing. Pictures that cannot be drawn are left
 * out with a line in the report; only failing to write is an error. */
CI_MUST_CHECK ci_status ci_report_write(const ci_report_record *record, const char *folder);
/* The same from folder/report.json. */
CI_MUST_CHECK ci_status ci_report_rewrite(const char *folder);
/* Appends text to a page of HTML or SVG, with & < > " made safe; NULL is none. */
CI_MUST_CHECK ci_status ci_report_escape(ci_text *out, const char *text);

#endif
