/* What a CalH5 header says in words: kinds of feeds, model, flux scale and convention. */
#include "cal/calh5.h"

#include <math.h>
#include <string.h>
#include <strings.h>

ci_status ci_cal_calh5_word_read(const ci_h5_file *file, const char *name, char *out, size_t size)
{
    out[0] = 0;
    return ci_h5_has(file, name) ? ci_h5_read_text(file, name, out, size) : CI_OK;
}

/* A text of the header, whole, *out not touched where it is missing. */
static ci_status text_read(const ci_h5_file *file, const char *name, char **out)
{
    if (!ci_h5_has(file, name)) return CI_OK;
    ci_mem_free(*out);
    *out = NULL;
    return ci_h5_read_string(file, name, out);
}

static ci_status jones_read(const ci_h5_file *file, const char *path, ci_cal_table *t)
{
    int64_t jones[2] = {0, 0};
    CI_TRY(ci_h5_read_int(file, "Header/jones_array", jones, t->n_feed));
    for (size_t h = 0; h < t->n_feed; h++) {
        t->jones[h] = (int)jones[h];
        if (jones[h] != -5 && jones[h] != -6 && jones[h] != -1 && jones[h] != -2)
            return ci_error(CI_ERR_INPUT,
                            "%s: Header/jones_array: %lld: gains of x, y, r or l "
                            "only are used: select them (pyuvdata: select with jones)",
                            path, (long long)jones[h]);
    }
    if (t->n_feed == 2 && jones[0] == jones[1])
        return ci_error(CI_ERR_INPUT, "%s: Header/jones_array: %lld appears twice: correct it",
                        path, (long long)jones[0]);
    t->is_circular = jones[0] > -5;
    if (t->n_feed == 2 && t->is_circular != (jones[1] > -5))
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/jones_array: %lld and %lld: linear and circular feeds in one "
                        "table: select those of the data (pyuvdata: select with jones)",
                        path, (long long)jones[0], (long long)jones[1]);
    return CI_OK;
}

/* Where the dishes pointed; only contimg's own tables say so. */
static ci_status declination_read(const ci_h5_file *file, const char *path, ci_cal_table *t)
{
    static const char name[] = "Header/extra_keywords/contimg_dec_deg";
    double dec_deg = NAN;
    if (!ci_h5_has(file, name)) return CI_OK;
    CI_TRY(ci_h5_read_double(file, name, &dec_deg, 1));
    if (!(fabs(dec_deg) <= 90))
        return ci_error(CI_ERR_INPUT,
                        "%s: %s: %g: a declination lies between -90 and 90 deg: correct it, or "
                        "leave it out",
                        path, name, dec_deg);
    t->dec_rad = dec_deg * CI_DEG_TO_RAD;
    return CI_OK;
}

static ci_status words_read(const ci_h5_file *file, const char *path, ci_cal_table *t)
{
    int64_t yes = 0;
    char kind[32], *ref = NULL;
    CI_TRY(jones_read(file, path, t));
    CI_TRY(text_read(file, "Header/history", &t->history));
    CI_TRY(text_read(file, "Header/ref_antenna_name", &ref));
    for (size_t a = 0; ref && a < t->array.n_antenna; a++)
        if (strcmp(ref, t->array.antenna[a].name) == 0) t->i_ref_antenna = (int32_t)a;
    ci_mem_free(ref);
    CI_TRY(ci_cal_calh5_word_read(file, "Header/extra_keywords/contimg_kind", kind, sizeof kind));
    CI_TRY(text_read(file, "Header/extra_keywords/contimg_model", &t->model));
    if (!kind[0]) CI_TRY(text_read(file, "Header/sky_catalog", &t->model));
    if (ci_h5_has(file, "Header/extra_keywords/contimg_approximate"))
        CI_TRY(ci_h5_read_int(file, "Header/extra_keywords/contimg_approximate", &yes, 1));
    t->is_approximate = yes != 0;
    yes = 0;
    if (ci_h5_has(file, "Header/extra_keywords/contimg_delay_loss"))
        CI_TRY(ci_h5_read_int(file, "Header/extra_keywords/contimg_delay_loss", &yes, 1));
    t->has_delay_loss = yes != 0;
    bool is_gain = t->n_chan == 1 && strcmp(kind, "bandpass") != 0;
    t->kind = is_gain ? CI_CAL_GAIN : CI_CAL_BANDPASS;
    return CI_OK;
}

/* What calibrated data are in. */
static ci_status scale_read(const ci_h5_file *file, const char *path, ci_cal_table *t)
{
    char scale[32], convention[32];
    if (ci_h5_has(file, "Header/flex_jones_array"))
        return ci_error(CI_ERR_INPUT,
                        "%s: Header/flex_jones_array: every window has a polarisation of its own: "
                        "not supported, convert the table (pyuvdata: remove_flex_jones)",
                        path);
    CI_TRY(ci_cal_calh5_word_read(file, "Header/gain_scale", scale, sizeof scale));
    if (strcasecmp(scale, "uncalib") == 0)
        CI_TRY(ci_cal_warning_add(t,
                                  "%s: Header/gain_scale: \"%s\": the gains set no flux scale, "
                                  "although the image will say Jy",
                                  path, scale));
    else if (scale[0] && strcasecmp(scale, "Jy") != 0)
        return ci_error(
            CI_ERR_INPUT,
            "%s: Header/gain_scale: \"%s\": only gains to Jy are used: convert them, or correct it",
            path, scale);
    CI_TRY(ci_cal_calh5_word_read(file, "Header/pol_convention", convention, sizeof convention));
    t->stokes_is_sum = strcasecmp(convention, "sum") == 0;
    /* Tables that contimg wrote before it said so lead to XX = YY = I, as its models have it. */
    t->has_convention =
        convention[0] != '\0' || ci_h5_has(file, "Header/extra_keywords/contimg_kind");
    if (!convention[0] || t->stokes_is_sum || strcasecmp(convention, "avg") == 0 ||
        strcasecmp(convention, "mean") == 0)
        return CI_OK;
    return ci_error(CI_ERR_INPUT,
                    "%s: Header/pol_convention: \"%s\": whether I is XX + YY (sum) or half of it "
                    "(avg) is not known: correct it",
                    path, convention);
}

ci_status ci_cal_calh5_words_read(const ci_h5_file *file, const char *path, ci_cal_table *t)
{
    CI_TRY(words_read(file, path, t));
    CI_TRY(declination_read(file, path, t));
    return scale_read(file, path, t);
}
