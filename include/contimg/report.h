/* report: a run's report from its record. The record is one JSON document, written by the
 * pipeline; everything else is rendered from it and from the files that it names, so that
 * `contimg report` can write it again. All functions are local. Rank 0 calls them.
 *
 * The record ("contimg-report-1"; numbers in the unit of their name's suffix, null unknown):
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
 *      id, state ("passed","refused","failed","reused"), reason, is_degraded, folder,
 *      relaxed (the limits that judged it, "name value (default), ..."),
 *      image {n_x, n_y, cell_arcsec, ra_deg, dec_deg, beam_*_..., psf_sidelobe, rms_jy,
 *             thermal_jy, peak_jy, dirty_peak_jy, model_flux_jy, freq_hz, n_sample, n_major,
 *             n_minor, stop_reason, is_pseudo_i,
 *             slopes [{ra_deg, dec_deg, flux_jy (at freq_hz, seen through the mean beam),
 *                      beam, slope}]},
 *      gates [...],
 *      flags {n_good, by_reason {file, nonfinite, zero, dead, rfi, clip, cal, user},
 *             antenna [{name, fraction, dead [bool per feed]}], channel_fraction [...]},
 *      calibration {how ("own","transferred","given","none"), bandpass, gain (paths),
 *                   residual [..], flagged_fraction, phase_scatter_deg, model, is_approximate},
 *      uv {u_lambda [...], v_lambda [...]} (about 3000 rows of all sub-bands, the same at any
 *          number of ranks)
 *    }]
 *  }] */
#ifndef CONTIMG_REPORT_H
#define CONTIMG_REPORT_H

#include "contimg/base.h"

/* Writes report.json, report.html (one file, pictures inside, shown offline) and
 * summary.txt into `folder`, made where missing. Pictures that cannot be drawn are left
 * out with a line in the report; only failing to write is an error. */
CI_MUST_CHECK ci_status ci_report_write(const ci_json *record, const char *folder);
/* The same from folder/report.json. */
CI_MUST_CHECK ci_status ci_report_rewrite(const char *folder);
/* Appends text to a page of HTML or SVG, with & < > " made safe; NULL is none. */
CI_MUST_CHECK ci_status ci_report_escape(ci_text *out, const char *text);

#endif
