/* The stage commands: files in, files out, no database. */
#include "cli/cli.h"

#include "contimg/draw.h"
#include "contimg/mosaic.h"
#include "contimg/tile.h"

#include <math.h>
#include <string.h>

enum
{
    PICTURE_WIDTH = 1400 /* pixels at most, as of a run's mosaic */
};

/* ---- shared checks ------------------------------------------------------------- */

static ci_status need(const ci_conf *conf, ci_conf_id id)
{
    if (ci_conf_text(conf, id)[0]) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--%s is needed; --help says how", ci_conf_name(id));
}

static ci_status need_files(const ci_conf *conf, const char *what)
{
    if (ci_conf_argument_count(conf) > 0) return CI_OK;
    return ci_error(CI_ERR_USAGE, "no %s given; --help says how", what);
}

static ci_status check_output(const char *prefix)
{
    char *folder = NULL;
    CI_TRY(ci_path_parent(&folder, prefix));
    ci_status status = CI_OK;
    if (!ci_path_exists(folder))
        status = ci_error(CI_ERR_INPUT,
                          "--out %s: there is no folder %s: correct the name, or make the folder",
                          prefix, folder);
    else if (!ci_path_is_folder(folder))
        status =
            ci_error(CI_ERR_INPUT, "--out %s: %s is not a folder: give another", prefix, folder);
    ci_mem_free(folder);
    return status;
}

/* A folder that is not there is a typing error rather than a wish, and is said before hours of
 * work. */
static ci_status prepare_output(ci_comm *comm, const char *prefix)
{
    return ci_par_agree(comm, ci_comm_rank(comm) == 0 ? check_output(prefix) : CI_OK);
}

/* "out" -> "out."; "folder/" stays, "folder" that is there becomes it: image products are
 * PREFIXdirty.fits and so on. */
static ci_status dotted(char **out, const char *prefix)
{
    size_t n = strlen(prefix);
    const char *end = ".";
    if (ci_path_is_folder(prefix))
        end = n > 0 && prefix[n - 1] == '/' ? "" : "/";
    else if (n > 0 && (prefix[n - 1] == '/' || prefix[n - 1] == '.'))
        end = "";
    return ci_str_format(out, "%s%s", prefix, end);
}

/* Tables are P.bandpass.calh5 and P.gain.calh5: a folder is no P. */
static ci_status need_no_folder(const char *prefix)
{
    size_t n = strlen(prefix);
    bool slash = n > 0 && prefix[n - 1] == '/';
    if (!slash && !ci_path_is_folder(prefix)) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--out %s: is a folder: give a prefix in it, as %s%scal", prefix,
                    prefix, slash ? "" : "/");
}

/* ---- calibrate -------------------------------------------------------------------- */

static void print_quality(const ci_cal_quality *q, const ci_cal_table *gain)
{
    printf("residual |V - g1 conj(g2) M| / |V|: %.4f", q->residual[0]);
    if (gain->n_feed > 1) printf(" %.4f", q->residual[1]);
    printf("\nflagged solutions of working receptors: %.1f %%\n", 100 * q->flagged_fraction);
    if (isfinite(q->phase_scatter_deg))
        printf("phase scatter: %.1f deg\n", q->phase_scatter_deg);
    else
        printf("phase scatter: unknown, too few intervals\n");
    if (isfinite(q->offset.east_rad))
        printf("offset from the model's positions: east %.1f +- %.1f, north %.1f +- %.1f arcsec\n",
               q->offset.east_rad * CI_RAD_TO_ARCSEC, q->offset.sigma_rad[0] * CI_RAD_TO_ARCSEC,
               q->offset.north_rad * CI_RAD_TO_ARCSEC, q->offset.sigma_rad[1] * CI_RAD_TO_ARCSEC);
    const ci_cal_structure *s = &q->structure;
    if (ci_cal_structure_has_neighbour(s))
        printf("source against its model: a source beside it of %.1f %% of its flux\n",
               100 * s->neighbour.ratio);
    else if (s->n_baseline > 0)
        printf("source against its model: fluxes off by %+.2f +- %.2f %%\n", 100 * s->flux,
               100 * s->flux_sigma);
    else
        printf("source against its model: unknown, too few baselines\n");
    printf("reference antenna: %s\n", ci_vis_text(gain->array.antenna[gain->i_ref_antenna].name));
}

static ci_status write_tables(const char *prefix, const ci_cal_table *bandpass,
                              const ci_cal_table *gain)
{
    const ci_cal_table *const table[] = {bandpass, gain};
    char *path[] = {NULL, NULL};
    ci_status status = ci_str_format(&path[0], "%s.bandpass.calh5", prefix);
    if (status == CI_OK) status = ci_str_format(&path[1], "%s.gain.calh5", prefix);
    if (status == CI_OK) status = ci_cal_tables_write(table, path, 2);
    if (status == CI_OK) printf("%s\n%s\n", path[0], path[1]);
    ci_mem_free(path[0]);
    ci_mem_free(path[1]);
    return status;
}

/* Receptors of the parallel hands: how many work, and how many are dead or without data. */
static void print_receptors(const ci_tile_data *data)
{
    const ci_flag_report *flags = data->flags;
    for (size_t p = 0; p < flags->n_pol && p < 2; p++) {
        size_t n_dead = 0, n_silent = 0;
        for (size_t a = 0; a < flags->n_antenna; a++) {
            bool has_data = isfinite(flags->median_amplitude[a * flags->n_pol + p]);
            n_silent += !has_data;
            n_dead += has_data && flags->dead[a * flags->n_pol + p];
        }
        printf("feed %zu: %zu receptor%s alive, %zu dead, %zu without data\n", p,
               flags->n_antenna - n_dead - n_silent,
               ci_plural(flags->n_antenna - n_dead - n_silent), n_dead, n_silent);
    }
}

static ci_status calibrate_tile(ci_comm *world, const ci_conf *conf, const ci_tile_options *options,
                                const ci_sky_model *model, ci_tile_data *data)
{
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_tile_quality quality;
    ci_status status = ci_tile_flag(world, options, true, data);
    if (status == CI_OK)
        status = ci_par_agree(
            world, ci_tile_model_check(data, model, ci_conf_text(conf, CI_CONF_OPT_MODEL)));
    if (status == CI_OK) status = ci_tile_weigh(world, options, true, data);
    if (status == CI_OK)
        status = ci_tile_solve(world, options, data, model, &bandpass, &gain, &quality);
    if (status == CI_OK && ci_comm_rank(world) == 0) {
        print_receptors(data);
        print_quality(&quality.cal, gain);
        /* What is refused is not written: no later step takes it for a calibration. */
        status = ci_tile_tables_judge(conf, bandpass, gain, &quality);
    }
    if (status == CI_OK && ci_comm_rank(world) == 0) {
        status = ci_str_set(&gain->model, ci_conf_text(conf, CI_CONF_OPT_MODEL));
        if (status == CI_OK) status = ci_str_set(&bandpass->model, gain->model);
        if (status == CI_OK) status = ci_tile_relaxed_history(bandpass, conf);
        if (status == CI_OK) status = ci_tile_relaxed_history(gain, conf);
        if (status == CI_OK)
            status = write_tables(ci_conf_text(conf, CI_CONF_OPT_OUT), bandpass, gain);
    }
    status = ci_par_agree(world, status);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
    return status;
}

ci_status ci_cli_calibrate(ci_comm *world, const ci_conf *conf)
{
    ci_tile_options options;
    ci_tile_data data = {0};
    ci_sky_model *model = NULL;
    CI_AGREE(world, need_files(conf, "UVH5 file"));
    CI_AGREE(world, need(conf, CI_CONF_OPT_MODEL));
    CI_AGREE(world, need(conf, CI_CONF_OPT_OUT));
    CI_AGREE(world, need_no_folder(ci_conf_text(conf, CI_CONF_OPT_OUT)));
    CI_AGREE(world, ci_tile_options_new(&options, conf));
    if (ci_comm_rank(world) == 0) ci_conf_relaxed_warn(conf);
    CI_TRY(ci_tile_budget_set(world, conf));
    CI_TRY(prepare_output(world, ci_conf_text(conf, CI_CONF_OPT_OUT)));
    ci_status status =
        ci_par_agree(world, ci_tile_model_read(&model, ci_conf_text(conf, CI_CONF_OPT_MODEL)));
    if (status == CI_OK)
        status = ci_tile_load(world, &options, ci_conf_arguments(conf),
                              ci_conf_argument_count(conf), &data);
    if (status == CI_OK) status = calibrate_tile(world, conf, &options, model, &data);
    ci_tile_data_free(&data);
    ci_sky_model_free(model);
    return status;
}

/* ---- image ---------------------------------------------------------------------------- */

static ci_status apply_given(ci_comm *world, const ci_tile_options *options, const char *spec,
                             ci_tile_data *data)
{
    ci_cal_table *bandpass = NULL, *gain = NULL;
    ci_status status = ci_tile_tables_read(world, options, spec, &bandpass, &gain);
    if (status == CI_OK)
        status = ci_tile_apply(world, options, bandpass, gain, CI_TILE_GAINS_GIVEN, true, data);
    ci_cal_table_free(bandpass);
    ci_cal_table_free(gain);
    return status;
}

static void print_image(const ci_image_stats *s, const char *prefix)
{
    ci_log_progress_end();
    printf("%simage.fits: %zu x %zu pixels of %.3f arcsec\n", prefix, s->n_x, s->n_y,
           s->cell_rad * CI_RAD_TO_ARCSEC);
    printf("beam: %.2f x %.2f arcsec at %.1f deg, largest sidelobe %.3f\n",
           s->beam_major_rad * CI_RAD_TO_ARCSEC, s->beam_minor_rad * CI_RAD_TO_ARCSEC,
           s->beam_pa_rad * CI_RAD_TO_DEG, s->psf_sidelobe);
    printf("frequency: %.4f MHz; samples: %lld\n", s->freq_hz * 1e-6, (long long)s->n_sample);
    printf("peak: %.6g Jy/beam dirty, %.6g restored; rms %.4g, thermal ", s->dirty_peak_jy,
           s->peak_jy, s->rms_jy);
    if (isfinite(s->thermal_jy))
        printf("%.4g", s->thermal_jy);
    else
        printf("unknown");
    printf(" Jy/beam\n");
    if (s->clean.n_major > 0)
        printf("clean: %d major cycle%s, %d component%s, %.6g Jy; %s\n", s->clean.n_major,
               ci_plural(s->clean.n_major), s->clean.n_minor, ci_plural(s->clean.n_minor),
               s->model_flux_jy, s->clean.stop_reason);
}

/* PREFIXimage.png of PREFIXimage.fits. */
static ci_status picture_draw(const char *prefix)
{
    char *fits = NULL, *png = NULL;
    ci_status status = ci_str_format(&fits, "%simage.fits", prefix);
    if (status == CI_OK) status = ci_str_format(&png, "%simage.png", prefix);
    if (status == CI_OK) status = ci_draw_fits(fits, png, PICTURE_WIDTH, ci_path_base(fits));
    if (status == CI_OK) printf("picture: %s\n", png);
    ci_mem_free(fits);
    ci_mem_free(png);
    return status;
}

static ci_status image_tile(ci_comm *world, const ci_conf *conf, const ci_tile_options *options,
                            ci_tile_data *data)
{
    const char *cal = ci_conf_text(conf, CI_CONF_OPT_CAL);
    char *prefix = NULL;
    ci_image_stats stats;
    CI_TRY(ci_tile_flag(world, options, ci_conf_bool(conf, CI_CONF_OPT_FLAG), data));
    if (*cal && data->set->meta->units == CI_VIS_UNITS_JY && ci_comm_rank(world) == 0)
        ci_log_warning(
            "the data are in Jy (vis_units) and --cal is applied to them: right only for "
            "tables that were solved on these data, else leave it out");
    if (*cal)
        CI_TRY(apply_given(world, options, cal, data));
    else
        CI_TRY(ci_tile_weigh(world, options, false, data));
    if (!*cal && !ci_tile_is_calibrated(options, data) && ci_comm_rank(world) == 0)
        ci_log_warning("the data are in %s and no --cal is given: the image is not in Jy "
                       "(--calibrated says that they are)",
                       data->set->meta->units == CI_VIS_UNITS_K_STR ? "K str (vis_units), not Jy,"
                                                                    : "correlator units");
    ci_status status = ci_par_agree(world, dotted(&prefix, ci_conf_text(conf, CI_CONF_OPT_OUT)));
    ci_stop_install(); /* from here on there may be a model that is worth keeping */
    if (status == CI_OK) status = ci_tile_self_apply(world, options, prefix, data);
    if (status == CI_OK) status = ci_tile_image(world, options, data, prefix, &stats);
    if (status == CI_OK && ci_comm_rank(world) == 0) print_image(&stats, prefix);
    if (status == CI_OK && ci_conf_bool(conf, CI_CONF_OPT_PICTURE))
        status = ci_par_agree(world, ci_comm_rank(world) == 0 ? picture_draw(prefix) : CI_OK);
    ci_mem_free(prefix);
    return status;
}

/* Before any work: what --continue needs. */
static ci_status continue_check(const ci_conf *conf, const ci_image_options *options)
{
    char *prefix = NULL, *path = NULL;
    if (!options->continues) return CI_OK;
    if (options->clean.max_iteration == 0)
        return ci_error(CI_ERR_USAGE, "--continue: --niter 0 makes a dirty image, with no model");
    ci_status status = dotted(&prefix, ci_conf_text(conf, CI_CONF_OPT_OUT));
    if (status == CI_OK) status = ci_str_format(&path, "%sclean.h5", prefix);
    if (status == CI_OK && !ci_path_exists(path))
        status = ci_error(CI_ERR_INPUT,
                          "%s: not found: --continue goes on from the model that `contimg image` "
                          "with the same --out left",
                          path);
    ci_mem_free(prefix);
    ci_mem_free(path);
    return status;
}

ci_status ci_cli_image(ci_comm *world, const ci_conf *conf)
{
    ci_tile_options options;
    ci_tile_data data = {0};
    CI_AGREE(world, need_files(conf, "UVH5 file"));
    CI_AGREE(world, need(conf, CI_CONF_OPT_OUT));
    CI_AGREE(world, ci_tile_options_new(&options, conf));
    options.image.keeps_model = true;
    options.image.mask = ci_conf_text(conf, CI_CONF_OPT_MASK);
    options.image.stop = ci_stop_asked;
    options.image.n_channel = (int)ci_conf_int(conf, CI_CONF_OPT_CHANNELS_OUT);
    options.image.n_term = (int)ci_conf_int(conf, CI_CONF_OPT_SPECTRAL_TERMS);
    options.image.continues = ci_conf_bool(conf, CI_CONF_OPT_CONTINUE);
    CI_AGREE(world, continue_check(conf, &options.image));
    CI_TRY(ci_tile_budget_set(world, conf));
    CI_TRY(prepare_output(world, ci_conf_text(conf, CI_CONF_OPT_OUT)));
    ci_status status =
        ci_tile_load(world, &options, ci_conf_arguments(conf), ci_conf_argument_count(conf), &data);
    if (status == CI_OK) status = image_tile(world, conf, &options, &data);
    ci_tile_data_free(&data);
    return status;
}

/* ---- mosaic ------------------------------------------------------------------------------ */

/* "X.image.fits" or "folder/image.fits" -> the pb.fits beside it. */
static ci_status pb_path(char **out, const char *image)
{
    static const char ending[] = "image.fits";
    size_t n = strlen(image), k = sizeof ending - 1;
    if (n < k || strcmp(image + n - k, ending) != 0)
        return ci_error(CI_ERR_USAGE,
                        "%s: give X.image.fits, beside which X.pb.fits (the primary beam) lies",
                        image);
    if (!ci_path_exists(image)) return ci_error(CI_ERR_INPUT, "%s: no such file", image);
    CI_TRY(ci_str_format(out, "%.*spb.fits", (int)(n - k), image));
    if (ci_path_exists(*out)) return CI_OK;
    ci_error(CI_ERR_INPUT, "%s: not found; a mosaic needs the primary beam beside each image",
             *out);
    ci_mem_free(*out);
    *out = NULL;
    return CI_ERR_INPUT;
}

static ci_status mosaic_make(ci_comm *world, const ci_conf *conf, char **pb)
{
    ci_mosaic_options options;
    ci_mosaic_options_default(&options);
    options.pb_cut = ci_conf_double(conf, CI_CONF_OPT_PB_CUT);
    ci_fits_header header = {0};
    ci_mosaic_stats stats = {0};
    char *prefix = NULL;
    ci_status status = dotted(&prefix, ci_conf_text(conf, CI_CONF_OPT_OUT));
    if (status == CI_OK)
        status = ci_fits_card_set_text(&header, "CIVERS", ci_version(), "contimg version");
    status = ci_par_agree(world, status);
    if (status == CI_OK)
        status =
            ci_mosaic_make(world,
                           &(ci_mosaic_inputs){ci_conf_arguments(conf), (const char *const *)pb,
                                               ci_conf_argument_count(conf)},
                           &options, &header, prefix, &stats);
    if (status == CI_OK && ci_comm_rank(world) == 0)
        printf("%smosaic.fits: %zu tile%s, %zu x %zu pixels, peak %.6g, least noise %.4g Jy/beam\n",
               prefix, stats.n_tile, ci_plural(stats.n_tile), stats.n_x, stats.n_y, stats.peak_jy,
               stats.min_noise_jy);
    ci_mosaic_stats_clear(&stats);
    ci_fits_header_clear(&header);
    ci_mem_free(prefix);
    return status;
}

/* The same file twice would count twice. */
static ci_status images_differ(const ci_conf *conf)
{
    size_t n = ci_conf_argument_count(conf);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (ci_path_is_same(ci_conf_argument(conf, i), ci_conf_argument(conf, j)))
                return ci_error(CI_ERR_INPUT, "%s: given twice: a tile counts once",
                                ci_conf_argument(conf, i));
    return CI_OK;
}

ci_status ci_cli_mosaic(ci_comm *world, const ci_conf *conf)
{
    CI_AGREE(world, need_files(conf, "image"));
    CI_AGREE(world, need(conf, CI_CONF_OPT_OUT));
    CI_AGREE(world, images_differ(conf));
    CI_TRY(ci_tile_budget_set(world, conf));
    CI_TRY(prepare_output(world, ci_conf_text(conf, CI_CONF_OPT_OUT)));
    size_t n = ci_conf_argument_count(conf);
    char **pb = NULL;
    ci_status status = ci_mem_alloc(&pb, n, sizeof *pb, "paths");
    for (size_t i = 0; status == CI_OK && i < n; i++)
        status = pb_path(&pb[i], ci_conf_argument(conf, i));
    status = ci_par_agree(world, status);
    if (status == CI_OK) status = mosaic_make(world, conf, pb);
    for (size_t i = 0; pb && i < n; i++)
        ci_mem_free(pb[i]);
    ci_mem_free(pb);
    return status;
}
