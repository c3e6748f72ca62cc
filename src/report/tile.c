/* The sections of a report's HTML page on one tile. */
#include "report/page.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

/* ---- gains ------------------------------------------------------------------------------- */

/* Where the sky lies, as the gains tell. */
static ci_status offset(ci_text *out, const ci_tile_calibration *cal)
{
    static const char *const word[2] = {"east", "north"};
    if (cal->n_residual == 0 || !isfinite(cal->offset_arcsec[0])) return CI_OK;
    CI_TRY(ci_text_append(out, "<p>offset of the sky from the model's positions:"));
    for (int k = 0; k < 2; k++) {
        if (!isfinite(cal->offset_sigma[k]))
            CI_TRY(ci_text_append(out, " unknown to the %s;", word[k]));
        else
            CI_TRY(ci_text_append(out, " %.1f &plusmn; %.1f arcsec to the %s;",
                                  cal->offset_arcsec[k], cal->offset_sigma[k], word[k]));
    }
    return ci_text_append(out, " by phases that turn with the Earth</p>\n");
}

/* What became of the solutions. */
static ci_status quality(ci_text *out, const ci_tile_calibration *cal)
{
    if (cal->n_residual == 0) return CI_OK;
    CI_TRY(ci_text_append(out, "<p>residual |V &minus; g<sub>1</sub>g<sub>2</sub>* M|/|V|"));
    for (size_t i = 0; i < cal->n_residual; i++)
        CI_TRY(ci_text_append(out, "%s feed %zu %.4f", i > 0 ? "," : "", i, cal->residual[i]));
    CI_TRY(ci_text_append(out, "; flagged %.1f %%; phase scatter ", 100 * cal->flagged_fraction));
    CI_TRY(isfinite(cal->phase_scatter_deg)
               ? ci_text_append(out, "%.1f&deg;", cal->phase_scatter_deg)
               : ci_text_append(out, "unknown, too few intervals"));
    if (isfinite(cal->structure))
        CI_TRY(ci_text_append(out,
                              "; fluxes off by %+.2f &plusmn; %.2f %% as the source is not as "
                              "large as its model",
                              100 * cal->structure, 100 * cal->structure_sigma));
    return ci_text_append(out, "</p>\n");
}

/* What the tile's own sources gave. */
static ci_status field(ci_text *out, const ci_tile_calibration *cal)
{
    if (cal->field == CI_TILE_FIELD_NONE && !cal->field_why[0]) return CI_OK;
    CI_TRY(ci_text_append(out, "<p>gains by the tile's own field: %s",
                          ci_tile_field_word(cal->field)));
    if (cal->field_why[0]) CI_TRY(ci_text_append(out, ": "));
    CI_TRY(ci_report_escape(out, cal->field_why));
    if (cal->field_shift_why[0]) CI_TRY(ci_text_append(out, "; "));
    CI_TRY(ci_report_escape(out, cal->field_shift_why));
    if (cal->flux_scale > 0)
        CI_TRY(ci_text_append(out,
                              "; flux scale of the field's catalogue: fluxes were %.4f of it and "
                              "are divided by that",
                              cal->flux_scale));
    return ci_text_append(out, "</p>\n");
}

/* What its own image gave. */
static ci_status self_calibration(ci_text *out, const ci_tile_calibration *cal)
{
    if (!cal->self_rounds[0]) return CI_OK;
    CI_TRY(ci_text_append(out, "<p>self-calibration: %s: ", ci_tile_field_word(cal->self)));
    CI_TRY(ci_report_escape(out, cal->self_rounds));
    return ci_text_append(out, "</p>\n");
}

/* What phases of another tile's gains cost. */
static ci_status coherence(ci_text *out, const ci_tile_coherence *c)
{
    if (!c->is_measured) return CI_OK;
    CI_TRY(ci_text_append(out,
                          "<p>phases of the gains, by the tile's own sources, cost %.2f &plusmn; "
                          "%.2f %% of the flux",
                          100 * c->loss, 100 * c->sigma));
    if (isfinite(c->before))
        CI_TRY(ci_text_append(out, "; %.2f %% before self-calibration", 100 * c->before));
    return ci_text_append(out, "</p>\n");
}

static ci_status calibration(ci_text *out, const ci_tile_calibration *cal)
{
    if (!cal) return CI_OK;
    CI_TRY(ci_text_append(out, "<h4>Calibration: %s</h4>\n", ci_tile_gains_word(cal->gains)));
    CI_TRY(field(out, cal));
    CI_TRY(self_calibration(out, cal));
    CI_TRY(coherence(out, &cal->coherence));
    CI_TRY(quality(out, cal));
    CI_TRY(offset(out, cal));
    if (cal->gains != CI_TILE_GAINS_OWN) return CI_OK;
    CI_TRY(ci_report_table_plots(out, cal->bandpass));
    return ci_report_table_plots(out, cal->gain);
}

/* ---- flags, uv ---------------------------------------------------------------------------- */

static ci_status reasons(ci_text *out, const ci_vis_flag_counts *counts)
{
    double good = (double)counts->n_good, total = good;
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        total += (double)counts->n_by_bit[i];
    if (total == 0) return ci_text_append(out, "<p>no samples</p>\n");
    CI_TRY(ci_text_append(out, "<p>flagged %.2f %% of %.0f samples", 100 * (total - good) / total,
                          total));
    for (size_t i = 0; i < CI_VIS_N_FLAG; i++)
        if (counts->n_by_bit[i] > 0)
            CI_TRY(ci_text_append(out, "; %s %.2f %%", ci_vis_flag_name(i),
                                  100 * (double)counts->n_by_bit[i] / total));
    return ci_text_append(out, "</p>\n");
}

static ci_status dead_receptors(ci_text *out, const ci_tile_flags *flags)
{
    size_t n = 0;
    for (size_t i = 0; i < flags->n_antenna; i++) {
        const ci_tile_antenna *antenna = &flags->antenna[i];
        char feeds[8] = "";
        for (size_t p = 0; p < antenna->n_pol; p++)
            if (antenna->dead[p]) strncat(feeds, p == 0 ? "0" : "1", 2);
        if (!*feeds) continue;
        CI_TRY(ci_text_append(out, "%s", n++ ? ", " : "<p>dead receptors: "));
        CI_TRY(ci_report_escape(out, antenna->name));
        CI_TRY(ci_text_append(out, " (%s)", feeds));
    }
    return n ? ci_text_append(out, "</p>\n") : CI_OK;
}

/* Per cent [n] against their index. */
static ci_status fraction_plot(ci_text *out, const double *percent, size_t n, const char *title,
                               const char *x_label)
{
    double *x = NULL;
    CI_TRY(ci_mem_alloc(&x, n, sizeof *x, "report"));
    for (size_t i = 0; i < n; i++)
        x[i] = (double)i;
    ci_report_series series = {.x = x, .y = percent, .n = n, .colour = "#4878a8"};
    ci_report_plot plot = {.title = title,
                           .x_label = x_label,
                           .y_label = "flagged, %",
                           .width = 440,
                           .height = 210,
                           .has_y_range = true,
                           .y_low = -3,
                           .y_high = 103,
                           .rule = NAN,
                           .series = &series,
                           .n_series = 1};
    ci_status status = ci_report_plot_svg(out, &plot);
    ci_mem_free(x);
    return status;
}

static ci_status antennas_plot(ci_text *out, const ci_tile_flags *flags)
{
    double *percent = NULL;
    CI_TRY(ci_mem_alloc(&percent, flags->n_antenna, sizeof *percent, "report"));
    for (size_t i = 0; i < flags->n_antenna; i++)
        percent[i] = 100 * flags->antenna[i].fraction;
    ci_status status =
        fraction_plot(out, percent, flags->n_antenna, "by antenna", "antenna, in order");
    ci_mem_free(percent);
    return status;
}

static ci_status channels_plot(ci_text *out, const ci_tile_flags *flags)
{
    double *percent = NULL;
    CI_TRY(ci_mem_alloc(&percent, flags->n_chan, sizeof *percent, "report"));
    for (size_t i = 0; i < flags->n_chan; i++)
        percent[i] = 100 * flags->channel_fraction[i];
    ci_status status =
        fraction_plot(out, percent, flags->n_chan, "by channel", "channel, ascending frequency");
    ci_mem_free(percent);
    return status;
}

static ci_status flags_section(ci_text *out, const ci_tile_flags *flags)
{
    if (!flags) return CI_OK;
    CI_TRY(ci_text_append(out, "<h4>Flags</h4>\n"));
    CI_TRY(reasons(out, &flags->counts));
    CI_TRY(dead_receptors(out, flags));
    CI_TRY(antennas_plot(out, flags));
    return channels_plot(out, flags);
}

/* Points and their conjugates. */
static ci_status uv_plot(ci_text *out, const ci_tile_uv *uv)
{
    double *u = NULL;
    if (!uv) return CI_OK;
    CI_TRY(ci_mem_alloc(&u, 4 * uv->n, sizeof *u, "report"));
    double *v = u + uv->n, *minus_u = v + uv->n, *minus_v = minus_u + uv->n;
    for (size_t i = 0; i < uv->n; i++) {
        u[i] = uv->uv_lambda[2 * i];
        v[i] = uv->uv_lambda[2 * i + 1];
        minus_u[i] = -u[i];
        minus_v[i] = -v[i];
    }
    ci_report_series series[] = {{.x = u, .y = v, .n = uv->n, .colour = "#4878a8"},
                                 {.x = minus_u, .y = minus_v, .n = uv->n, .colour = "#b8564f"}};
    ci_report_plot plot = {.title = "uv coverage (thinned)",
                           .x_label = "u, wavelengths",
                           .y_label = "v, wavelengths",
                           .width = 440,
                           .height = 430,
                           .is_square = true,
                           .rule = NAN,
                           .series = series,
                           .n_series = 2};
    ci_status status = ci_report_plot_svg(out, &plot);
    ci_mem_free(u);
    return status;
}

/* ---- one tile ------------------------------------------------------------------------------ */

/* Bright sources of which the image has the mean flux only. */
static ci_status variables(ci_text *out, const ci_tile_images *image)
{
    for (size_t i = 0; i < image->n_variable; i++) {
        const ci_tile_variable *one = &image->variable[i];
        char from[32], to[32];
        ci_time_iso(from, one->first_mjd_s, 0, true);
        ci_time_iso(to, one->last_mjd_s, 0, true);
        CI_TRY(ci_text_append(
            out,
            "<br>not constant: the source of %.4g Jy at %.4f %+.4f deg: %+.3g Jy from %s to %s at "
            "%.6g to %.6g MHz (%.3g sigma); the image has its mean",
            one->flux_jy, one->ra_deg, one->dec_deg, one->excess_jy, from, to, one->first_hz * 1e-6,
            one->last_hz * 1e-6, one->sigma));
    }
    return CI_OK;
}

static ci_status image_size(ci_text *out, const ci_tile_images *image)
{
    CI_TRY(ci_text_append(out,
                          "<p>%lld &times; %lld pixels of %.2f&Prime;; beam %.2f&Prime; &times; "
                          "%.2f&Prime; at %.0f&deg;; %.3f MHz; %lld visibilities",
                          (long long)image->n_x, (long long)image->n_y, image->cell_arcsec,
                          image->beam_major_arcsec, image->beam_minor_arcsec, image->beam_pa_deg,
                          image->freq_hz * 1e-6, (long long)image->n_sample));
    if (!(image->compression > 0)) return CI_OK;
    return ci_text_append(out, ", compressed to %lld samples (loss at the edge below %.2g)",
                          (long long)image->n_gridded, image->compression);
}

static ci_status image_facts(ci_text *out, const ci_tile_images *image)
{
    if (!image) return CI_OK;
    double rms = image->rms_jy, thermal = image->thermal_jy;
    CI_TRY(image_size(out, image));
    CI_TRY(ci_text_append(out, "<br>peak %.4g Jy/beam; rms %.4g mJy/beam; ", image->peak_jy,
                          rms * 1e3));
    if (isfinite(thermal))
        CI_TRY(ci_text_append(out, "thermal %.4g mJy/beam (rms/thermal %.2f)", thermal * 1e3,
                              rms / thermal));
    else
        CI_TRY(ci_text_append(out, "thermal unknown"));
    CI_TRY(ci_text_append(out, "<br>clean: %lld major cycle%s, %lld component%s, %.4g Jy; ",
                          (long long)image->n_major, ci_plural(image->n_major),
                          (long long)image->n_minor, ci_plural(image->n_minor),
                          image->model_flux_jy));
    CI_TRY(ci_report_escape(out, image->stop_reason));
    if (image->is_pseudo_i) CI_TRY(ci_text_append(out, "; pseudo-I from one polarisation"));
    CI_TRY(variables(out, image));
    return ci_text_append(out, "</p>\n");
}

static ci_status tile_picture(ci_text *out, const char *folder, const char *name)
{
    char *path = NULL;
    bool shown = false;
    if (!*folder) return CI_OK; /* no file of it is there */
    CI_TRY(ci_path_join(&path, folder, name));
    ci_status status = ci_report_picture(out, path, name, &shown);
    ci_mem_free(path);
    return status;
}

ci_status ci_report_tile(ci_text *out, const ci_tile_record *tile)
{
    const char *state = ci_tile_state_word(tile->state);
    const char *folder = tile->folder ? tile->folder : "";
    CI_TRY(ci_text_append(out, "<details%s><summary><b>",
                          tile->state == CI_TILE_PASSED ? "" : " open"));
    CI_TRY(ci_report_escape(out, tile->id));
    CI_TRY(ci_text_append(out, "</b> <span class='%s'>%s</span>%s ", state, state,
                          ci_tile_record_is_degraded(tile) ? " DEGRADED" : ""));
    CI_TRY(ci_report_escape(out, tile->reason));
    CI_TRY(ci_text_append(out, "</summary>\n"));
    CI_TRY(image_facts(out, tile->images));
    CI_TRY(tile_picture(out, folder, "image.png"));
    CI_TRY(tile_picture(out, folder, "residual.png"));
    CI_TRY(ci_report_gates(out, tile->gates));
    CI_TRY(calibration(out, tile->calibration));
    CI_TRY(tile_picture(out, folder, "closures.png"));
    CI_TRY(flags_section(out, tile->flags));
    CI_TRY(tile_picture(out, folder, "flags.png"));
    CI_TRY(uv_plot(out, tile->uv));
    return ci_text_append(out, "</details>\n");
}
