/* Options of the stages, from the configuration. */
#include "contimg/tile.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "A,B" as two numbers. */
static ci_status parse_pair(const ci_conf *conf, ci_conf_id id, double *a, double *b)
{
    const char *text = ci_conf_text(conf, id), *comma = strchr(text, ',');
    char first[64] = "";
    if (comma && comma - text < (int)sizeof first) memcpy(first, text, (size_t)(comma - text));
    if (!comma || ci_parse_double(first, ci_conf_name(id), a) != CI_OK ||
        ci_parse_double(comma + 1, ci_conf_name(id), b) != CI_OK)
        return ci_error(CI_ERR_USAGE, "--%s '%s' (%s): use two numbers with a comma between",
                        ci_conf_name(id), text, ci_conf_origin(conf, id));
    return CI_OK;
}

static ci_status uv_range(const ci_conf *conf, double *low, double *high)
{
    *low = *high = 0;
    if (!ci_conf_text(conf, CI_CONF_OPT_UV_RANGE)[0]) return CI_OK;
    CI_TRY(parse_pair(conf, CI_CONF_OPT_UV_RANGE, low, high));
    const char *text = ci_conf_text(conf, CI_CONF_OPT_UV_RANGE);
    if (*low < 0 || *high < 0)
        return ci_error(CI_ERR_USAGE,
                        "--uv-range '%s': a baseline is not shorter than 0: give "
                        "MIN,MAX in wavelengths, MAX 0 for none",
                        text);
    if (*high != 0 && *high <= *low)
        return ci_error(CI_ERR_USAGE,
                        "--uv-range '%s': no baseline lies between: give MIN,MAX in "
                        "wavelengths, MAX above MIN or 0 for none",
                        text);
    return CI_OK;
}

static bool is_choice(const ci_conf *conf, ci_conf_id id, const char *choice)
{
    return strcasecmp(ci_conf_text(conf, id), choice) == 0;
}

/* Of a text that is one of the option's choices, in either case. */
static int stokes_code(const char *choice)
{
    char name[4] = "";
    for (size_t i = 0; i + 1 < sizeof name && choice[i]; i++)
        name[i] = (char)toupper((unsigned char)choice[i]);
    return ci_vis_pol_parse(name);
}

/* "none", "auto" or widths in pixels with commas between; ascending. */
static ci_status scales_option(const ci_conf *conf, ci_clean_options *clean)
{
    const char *text = ci_conf_text(conf, CI_CONF_OPT_SCALES);
    clean->auto_scales = strcasecmp(text, "auto") == 0;
    if (clean->auto_scales || strcasecmp(text, "none") == 0) return CI_OK;
    for (const char *at = text; at;) {
        char word[32] = "";
        const char *comma = strchr(at, ',');
        size_t n = comma ? (size_t)(comma - at) : strlen(at);
        double width = 0, last = clean->n_scale > 0 ? clean->scale_px[clean->n_scale - 1] : 0;
        if (n < sizeof word) memcpy(word, at, n);
        at = comma ? comma + 1 : NULL;
        if (ci_parse_double(word, "scales", &width) != CI_OK ||
            (width != 0 && !(width >= 3 && width <= 65536)) || (width != 0 && width <= last) ||
            (width == 0 && last > 0) || (width > 0 && clean->n_scale == CI_CLEAN_MAX_SCALE))
            return ci_error(CI_ERR_USAGE,
                            "--scales '%s' (%s): use none, auto or up to %d ascending widths from "
                            "3 pixels on with commas between, as 15,30,60",
                            text, ci_conf_origin(conf, CI_CONF_OPT_SCALES), CI_CLEAN_MAX_SCALE);
        if (width > 0) clean->scale_px[clean->n_scale++] = width;
    }
    return CI_OK;
}

static ci_status image_options(const ci_conf *conf, ci_image_options *image)
{
    ci_image_options_default(image);
    image->n_pixel = (size_t)ci_conf_int(conf, CI_CONF_OPT_SIZE);
    if (image->n_pixel > 0 && image->n_pixel < 16)
        return ci_error(CI_ERR_USAGE, "--size %zu: at least 16 pixels", image->n_pixel);
    image->cell_rad = ci_conf_double(conf, CI_CONF_OPT_CELL_ARCSEC) * CI_ARCSEC_TO_RAD;
    image->weighting = is_choice(conf, CI_CONF_OPT_WEIGHTING, "natural")   ? CI_IMAGE_NATURAL
                       : is_choice(conf, CI_CONF_OPT_WEIGHTING, "uniform") ? CI_IMAGE_UNIFORM
                                                                           : CI_IMAGE_BRIGGS;
    image->robust = ci_conf_double(conf, CI_CONF_OPT_ROBUST);
    image->taper_rad = ci_conf_double(conf, CI_CONF_OPT_TAPER) * CI_ARCSEC_TO_RAD;
    image->stokes = stokes_code(ci_conf_text(conf, CI_CONF_OPT_STOKES));
    image->accuracy = ci_conf_double(conf, CI_CONF_OPT_ACCURACY);
    image->compression = ci_conf_bool(conf, CI_CONF_OPT_NO_AVERAGE)
                             ? 0
                             : ci_conf_double(conf, CI_CONF_OPT_COMPRESSION);
    image->clean.max_iteration = (int)ci_conf_int(conf, CI_CONF_OPT_NITER);
    image->clean.outside = ci_conf_bool(conf, CI_CONF_OPT_OUTSIDE);
    if (image->clean.outside && ci_conf_bool(conf, CI_CONF_OPT_NO_OUTSIDE))
        return ci_error(CI_ERR_USAGE, "--outside (%s) and --no-outside (%s): give one of them",
                        ci_conf_origin(conf, CI_CONF_OPT_OUTSIDE),
                        ci_conf_origin(conf, CI_CONF_OPT_NO_OUTSIDE));
    image->clean.auto_mask = ci_conf_double(conf, CI_CONF_OPT_AUTO_MASK);
    image->clean.auto_threshold = ci_conf_double(conf, CI_CONF_OPT_AUTO_THRESHOLD);
    image->pb_cut = ci_conf_double(conf, CI_CONF_OPT_PB_CUT);
    CI_TRY(scales_option(conf, &image->clean));
    return uv_range(conf, &image->min_uv_lambda, &image->max_uv_lambda);
}

static ci_status weights_option(const ci_conf *conf, ci_tile_options *out)
{
    out->weights_given = !is_choice(conf, CI_CONF_OPT_WEIGHTS, "auto");
    out->weights = is_choice(conf, CI_CONF_OPT_WEIGHTS, "nsamples") ? CI_CAL_WEIGHTS_NSAMPLES
                   : is_choice(conf, CI_CONF_OPT_WEIGHTS, "unit")   ? CI_CAL_WEIGHTS_UNIT
                                                                    : CI_CAL_WEIGHTS_SIGMA;
    return CI_OK;
}

static ci_status gain_interval_option(const ci_conf *conf, double *interval_s)
{
    const char *text = ci_conf_text(conf, CI_CONF_OPT_GAIN_INTERVAL);
    *interval_s = CI_CAL_INTERVAL_AUTO;
    if (strcmp(text, "auto") == 0) return CI_OK;
    CI_TRY(ci_parse_double(text, "--gain-interval", interval_s));
    if (*interval_s >= 0.001 && *interval_s <= 1e6) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--gain-interval '%s': auto, or from 0.001 to 1e+06 seconds",
                    text);
}

static ci_status centre_option(const ci_conf *conf, ci_tile_options *out)
{
    out->centre_given = ci_conf_text(conf, CI_CONF_OPT_PHASE_CENTER)[0] != '\0';
    if (!out->centre_given) return CI_OK;
    double ra_deg = 0, dec_deg = 0;
    CI_TRY(parse_pair(conf, CI_CONF_OPT_PHASE_CENTER, &ra_deg, &dec_deg));
    if (fabs(dec_deg) > 90 || ra_deg < 0 || ra_deg > 360)
        return ci_error(CI_ERR_USAGE,
                        "--phase-center '%s': right ascension from 0 to 360, declination from -90 "
                        "to 90, in degrees",
                        ci_conf_text(conf, CI_CONF_OPT_PHASE_CENTER));
    out->ra_rad = ra_deg * CI_DEG_TO_RAD;
    out->dec_rad = dec_deg * CI_DEG_TO_RAD;
    return CI_OK;
}

ci_status ci_tile_options_new(ci_tile_options *out, const ci_conf *conf)
{
    memset(out, 0, sizeof *out);
    out->conf = conf;
    out->uvh5.phasing = is_choice(conf, CI_CONF_OPT_PHASING, "hadec") ? CI_UVH5_PHASING_HADEC
                        : is_choice(conf, CI_CONF_OPT_PHASING, "unprojected")
                            ? CI_UVH5_PHASING_UNPROJECTED
                            : CI_UVH5_PHASING_FILE;
    out->uvh5.x_is_north_given = !is_choice(conf, CI_CONF_OPT_X_ORIENTATION, "auto");
    out->uvh5.x_is_north = is_choice(conf, CI_CONF_OPT_X_ORIENTATION, "north");
    ci_flag_options_default(&out->flag);
    ci_cal_options_default(&out->cal);
    CI_TRY(image_options(conf, &out->image));
    out->cal.min_uv_lambda = out->image.min_uv_lambda;
    out->cal.max_uv_lambda = out->image.max_uv_lambda;
    CI_TRY(gain_interval_option(conf, &out->cal.gain_interval_s));
    const char *reference = ci_conf_text(conf, CI_CONF_OPT_REF_ANTENNA);
    out->cal.ref_antenna = *reference ? reference : NULL;
    out->beam = ci_conf_text(conf, CI_CONF_OPT_BEAM);
    const char *earth = ci_conf_text(conf, CI_CONF_OPT_EARTH_ORIENTATION);
    out->earth_orientation = out->uvh5.earth_orientation = *earth ? earth : NULL;
    out->is_calibrated = ci_conf_bool(conf, CI_CONF_OPT_CALIBRATED);
    out->sefd_jy = ci_conf_double(conf, CI_CONF_OPT_SEFD);
    const char *field = ci_conf_text(conf, CI_CONF_OPT_FIELD);
    out->uvh5.field = *field ? field : NULL;
    out->table_antennas = is_choice(conf, CI_CONF_OPT_CAL_ANTENNAS, "name")     ? CI_CAL_BY_NAME
                          : is_choice(conf, CI_CONF_OPT_CAL_ANTENNAS, "number") ? CI_CAL_BY_NUMBER
                                                                                : CI_CAL_BY_BOTH;
    out->field = ci_tile_field_parse(ci_conf_text(conf, CI_CONF_OPT_FIELD_GAINS));
    out->scales_by_field = is_choice(conf, CI_CONF_OPT_FLUX_SCALE, "field");
    if (out->scales_by_field && out->field == CI_TILE_FIELD_NONE)
        return ci_error(CI_ERR_USAGE, "--flux-scale field: --field-gains none solves for nothing "
                                      "on the field: leave one of them out");
    out->self_calibrates = ci_conf_bool(conf, CI_CONF_OPT_SELF_CAL);
    if (out->self_calibrates && out->image.clean.max_iteration == 0)
        return ci_error(CI_ERR_USAGE, "--self-cal: --niter 0 makes a dirty image, with no model to "
                                      "calibrate on: leave one of them out");
    out->validity = (ci_cal_validity){
        .bandpass_s = 3600 * ci_conf_double(conf, CI_CONF_OPT_BANDPASS_HOURS),
        .gain_s = 3600 * ci_conf_double(conf, CI_CONF_OPT_GAIN_HOURS),
        .most_s = ci_conf_bool(conf, CI_CONF_OPT_CAL_ANY_TIME) ? 0 : 30 * CI_DAY_S,
        .strip_rad = ci_conf_bool(conf, CI_CONF_OPT_CAL_ANY_DEC) ? 0 : CI_CAL_STRIP_RAD};
    CI_TRY(weights_option(conf, out));
    return centre_option(conf, out);
}
