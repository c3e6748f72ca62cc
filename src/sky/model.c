/* Source models: made, read, written, selected from, and the flux of a source. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "contimg/sky.h"
#include "sky/csv.h"

static const char *const columns[] = {"name",         "ra_deg",       "dec_deg",
                                      "flux_jy",      "ref_freq_hz",  "spectral_index",
                                      "major_arcsec", "minor_arcsec", "pa_deg"};
enum
{
    NAME,
    RA,
    DEC,
    FLUX,
    FREQ,
    INDEX,
    MAJOR,
    MINOR,
    PA,
    N_COLUMN,
    N_REQUIRED = MAJOR
};

/* Known sources have -5 (pulsars, relics) to 2.5 (self-absorbed): beyond, a column was shifted, or
 * an index stands where its exponential does. */
static const double index_max = 10;
/* Beyond it the sky is no plane for a Gaussian; no source of continuum models is as large. */
static const double size_max_arcsec = 36000;
/* Nearer than that two lines are one source, where neither is fainter than this share of the other.
 */
static const double twice_rad = CI_ARCSEC_TO_RAD, twice_share = 0.01;
/* A point and a Gaussian there are one source measured in two ways where their fluxes are as near
 * to each other as that; else a core and its halo. */
static const double shapes_share = 0.8;

ci_status ci_sky_model_new(ci_sky_model **out)
{
    return ci_mem_alloc(out, 1, sizeof **out, "source list");
}

/* Full at 0 and whenever the count is a power of two from 16 on. */
static ci_status space_double(ci_sky_model *model)
{
    size_t n = model->n_source == 0 ? 16 : 2 * model->n_source;
    CI_TRY(ci_mem_resize(&model->source, n, sizeof *model->source, "source list"));
    return ci_mem_resize(&model->name, n, sizeof *model->name, "names of sources");
}

ci_status ci_sky_model_append(ci_sky_model *model, const ci_sky_source *source)
{
    size_t n = model->n_source;
    if (n == 0 || (n >= 16 && (n & (n - 1)) == 0)) CI_TRY(space_double(model));
    CI_TRY(ci_str_copy(&model->name[n], ci_vis_text(source->name)));
    model->source[n] = *source;
    model->source[n].name = model->name[n];
    model->n_source++;
    return CI_OK;
}

void ci_sky_model_free(ci_sky_model *model)
{
    if (!model) return;
    for (size_t i = 0; i < model->n_source; i++)
        ci_mem_free(model->name[i]);
    ci_mem_free(model->name);
    ci_mem_free(model->source);
    ci_mem_free(model);
}

static ci_status bad_value(const ci_sky_csv *csv, int column, const char *must)
{
    return ci_error(CI_ERR_INPUT, "%s: line %d: %s %s must be %s", csv->path, csv->line,
                    csv->names[column], ci_sky_csv_text(csv, column), must);
}

/* major_arcsec alone is a round source; minor_arcsec alone says nothing of the other axis. */
static ci_status shape_check(const ci_sky_csv *csv, double *v)
{
    bool has_minor = *ci_sky_csv_text(csv, MINOR) != '\0';
    if (v[MAJOR] < 0 || v[MAJOR] > size_max_arcsec)
        return bad_value(csv, MAJOR, "arcsec, 0 to 36000 (10 deg)");
    if (!has_minor) v[MINOR] = v[MAJOR];
    if (has_minor && v[MINOR] != 0 && *ci_sky_csv_text(csv, MAJOR) == '\0')
        return ci_error(CI_ERR_INPUT,
                        "%s: line %d: minor_arcsec %s without major_arcsec: give both, or "
                        "major_arcsec alone of a round source",
                        csv->path, csv->line, ci_sky_csv_text(csv, MINOR));
    if (v[MINOR] < 0 || v[MINOR] > v[MAJOR]) return bad_value(csv, MINOR, "from 0 to major_arcsec");
    if (fabs(v[PA]) > 360) return bad_value(csv, PA, "degrees, -360 to 360");
    return CI_OK;
}

static ci_status read_source(const ci_sky_csv *csv, ci_sky_source *source)
{
    double v[N_COLUMN] = {0};
    for (int i = RA; i < N_COLUMN; i++)
        CI_TRY(ci_sky_csv_number(csv, i, i < N_REQUIRED ? NAN : 0, &v[i]));
    if (v[RA] < -360 || v[RA] > 360) return bad_value(csv, RA, "degrees, 0 to 360");
    if (v[DEC] < -90 || v[DEC] > 90) return bad_value(csv, DEC, "degrees, -90 to 90");
    /* Refused whatever the index is: 1.4 for GHz scales a flux by 1e6, and an index is added
     * to a line sooner or later. */
    if (v[FREQ] < 1e6 || v[FREQ] > 1e13) return bad_value(csv, FREQ, "in Hz, 1e6 to 1e13");
    if (fabs(v[FLUX]) > CI_SKY_FLUX_MAX_JY) return bad_value(csv, FLUX, "in Jy, -1e10 to 1e10");
    if (fabs(v[INDEX]) > index_max)
        return bad_value(csv, INDEX, "-10 to 10, as S goes with frequency^index");
    CI_TRY(shape_check(csv, v));
    memset(source, 0, sizeof *source);
    source->name = ci_sky_csv_text(csv, NAME); /* the model copies it */
    source->ra_rad = fmod(v[RA] + 360, 360) * CI_DEG_TO_RAD;
    source->dec_rad = v[DEC] * CI_DEG_TO_RAD;
    source->flux_jy = v[FLUX];
    source->ref_freq_hz = v[FREQ];
    source->spectral_index = v[INDEX];
    source->major_rad = v[MAJOR] * CI_ARCSEC_TO_RAD;
    source->minor_rad = v[MINOR] * CI_ARCSEC_TO_RAD;
    source->pa_rad = v[PA] * CI_DEG_TO_RAD;
    return CI_OK;
}

typedef struct listed
{
    const ci_sky_source *source;
    int line;
    double strip, ra_rad; /* of the sort that finds neighbours */
} listed;

static int compare_listed(const void *a, const void *b)
{
    const listed *x = a, *y = b;
    if (x->strip != y->strip) return x->strip < y->strip ? -1 : 1;
    if (x->ra_rad != y->ra_rad) return x->ra_rad < y->ra_rad ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* By strips of declination, twice as wide as a distance that counts, and by right ascension in
 * them. Whatever is near each other lies in one strip, and not across its end, in one of the four
 * turns. */
static void strips_sort(listed *lines, size_t n, int turn)
{
    for (size_t i = 0; i < n; i++) {
        const ci_sky_source *s = lines[i].source;
        lines[i].strip = floor(s->dec_rad / (2 * twice_rad) + (turn & 1 ? 0.5 : 0));
        lines[i].ra_rad = fmod(s->ra_rad + (turn & 2 ? CI_PI : 0), 2 * CI_PI);
    }
    qsort(lines, n, sizeof *lines, compare_listed);
}

/* No difference in right ascension above it is near. */
static double ra_reach_rad(double dec_rad)
{
    double cos_dec = cos(fabs(dec_rad) + 2 * twice_rad);
    return cos_dec > 0 ? 0.5 * CI_PI * twice_rad / cos_dec : INFINITY;
}

/* Whether two that are near each other are one source listed again. A line that was copied is, and
 * one with another size and about the same flux; a core in a halo, or a component that is faint
 * beside the other or negative, is none. */
static bool is_twice(const ci_sky_source *s, const ci_sky_source *t)
{
    bool is_copy =
        strcmp(s->name, t->name) == 0 && s->ra_rad == t->ra_rad && s->dec_rad == t->dec_rad;
    bool is_shape = fabs(s->major_rad - t->major_rad) <= twice_rad;
    double fainter = fmin(fabs(s->flux_jy), fabs(t->flux_jy));
    double brighter = fmax(fabs(s->flux_jy), fabs(t->flux_jy));
    bool is_flux = s->flux_jy * t->flux_jy > 0 &&
                   fainter >= (is_shape ? twice_share : shapes_share) * brighter;
    return is_copy || is_flux;
}

static ci_status twice_error(const char *path, const listed *a, const listed *b, double off_rad)
{
    if (a->line > b->line) return twice_error(path, b, a, off_rad);
    bool is_shape = fabs(a->source->major_rad - b->source->major_rad) <= twice_rad;
    return ci_error(CI_ERR_INPUT,
                    "%s: lines %d and %d: source \"%s\" and source \"%s\" are %.2g arcsec apart "
                    "and would count twice: remove one, or %s",
                    path, a->line, b->line, a->source->name, b->source->name,
                    off_rad * CI_RAD_TO_ARCSEC,
                    is_shape ? "give one line with the sum of their fluxes"
                             : "put a core 2 arcsec from the centre of its halo");
}

/* A source that is listed twice, under one name or two, counts double, and with it the flux scale.
 */
static ci_status twice_check(const char *path, listed *lines, size_t n)
{
    for (int turn = 0; turn < 4; turn++) {
        strips_sort(lines, n, turn);
        for (size_t i = 0; i < n; i++) {
            const ci_sky_source *s = lines[i].source;
            double reach = ra_reach_rad(s->dec_rad);
            for (size_t j = i + 1; j < n && lines[j].strip == lines[i].strip; j++) {
                const ci_sky_source *t = lines[j].source;
                if (lines[j].ra_rad - lines[i].ra_rad > reach) break;
                double off = ci_sky_separation_rad(s->ra_rad, s->dec_rad, t->ra_rad, t->dec_rad);
                if (off <= twice_rad && is_twice(s, t))
                    return twice_error(path, &lines[i], &lines[j], off);
            }
        }
    }
    return CI_OK;
}

static ci_status fluxes_check(const char *path, const ci_sky_model *model)
{
    for (size_t i = 0; i < model->n_source; i++)
        if (model->source[i].flux_jy > 0) return CI_OK;
    return model->n_source == 0
               ? ci_error(CI_ERR_INPUT, "%s: no source in it: add one", path)
               : ci_error(CI_ERR_INPUT,
                          "%s: flux_jy: none of its %zu source%s is above 0 Jy: give fluxes in Jy",
                          path, model->n_source, ci_plural(model->n_source));
}

/* All rows; lines[i] gets the line of source i and has space for every line of the file. */
static ci_status read_sources(ci_sky_csv *csv, ci_sky_model *model, listed *lines)
{
    for (;;) {
        bool end;
        ci_sky_source source;
        CI_TRY(ci_sky_csv_row(csv, &end));
        if (end) break;
        CI_TRY(read_source(csv, &source));
        CI_TRY(ci_sky_model_append(model, &source));
        lines[model->n_source - 1].line = csv->line;
    }
    for (size_t i = 0; i < model->n_source; i++)
        lines[i].source = &model->source[i]; /* they no longer move */
    return CI_OK;
}

ci_status ci_sky_model_read(ci_sky_model **out, const char *path)
{
    *out = NULL;
    ci_sky_csv csv;
    CI_TRY(ci_sky_csv_open(&csv, path, columns, N_COLUMN, N_REQUIRED));
    ci_sky_model *model = NULL;
    listed *lines = NULL;
    size_t n_line = 1;
    for (const char *c = csv.next; *c; c++)
        n_line += *c == '\n';
    ci_status status = ci_sky_model_new(&model);
    if (status == CI_OK) status = ci_mem_alloc(&lines, n_line, sizeof *lines, "lines of sources");
    if (status == CI_OK) status = read_sources(&csv, model, lines);
    if (status == CI_OK) status = fluxes_check(path, model);
    if (status == CI_OK) status = twice_check(path, lines, model->n_source);
    ci_mem_free(lines);
    ci_sky_csv_close(&csv);
    if (status == CI_OK)
        *out = model;
    else
        ci_sky_model_free(model);
    return status;
}

/* A name that would break the line is quoted. */
static ci_status append_name(ci_text *text, const char *name)
{
    if (!strpbrk(name, ",\"#") && name[0] != ' ') return ci_text_append(text, "%s", name);
    CI_TRY(ci_text_append(text, "\""));
    for (const char *c = name; *c; c++)
        CI_TRY(ci_text_append(text, *c == '"' ? "\"\"" : "%c", *c));
    return ci_text_append(text, "\"");
}

static ci_status print_model(ci_text *text, const ci_sky_model *model)
{
    bool extended = false;
    for (size_t i = 0; i < model->n_source; i++)
        extended = extended || model->source[i].major_rad > 0;
    for (int i = 0; i < (extended ? N_COLUMN : N_REQUIRED); i++)
        CI_TRY(ci_text_append(text, "%s%s", i ? "," : "", columns[i]));
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        CI_TRY(ci_text_append(text, "\n"));
        CI_TRY(append_name(text, s->name));
        CI_TRY(ci_text_append(text, ",%.10f,%.10f,%.9g,%.12g,%.6g", s->ra_rad * CI_RAD_TO_DEG,
                              s->dec_rad * CI_RAD_TO_DEG, s->flux_jy, s->ref_freq_hz,
                              s->spectral_index));
        if (extended)
            CI_TRY(ci_text_append(text, ",%.9g,%.9g,%.9g", s->major_rad * CI_RAD_TO_ARCSEC,
                                  s->minor_rad * CI_RAD_TO_ARCSEC, s->pa_rad * CI_RAD_TO_DEG));
    }
    return ci_text_append(text, "\n");
}

ci_status ci_sky_model_write(const ci_sky_model *model, const char *path)
{
    for (size_t i = 0; i < model->n_source; i++)
        if (model->source[i].n_poly > 0)
            return ci_error(CI_ERR_USAGE,
                            "%s: %s has a polynomial spectrum, which this form cannot hold", path,
                            model->source[i].name);
    ci_text text = {0};
    ci_status status = print_model(&text, model);
    if (status == CI_OK) status = ci_file_write(path, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

ci_status ci_sky_model_select(ci_sky_model **out, const ci_sky_model *model, double ra_rad,
                              double dec_rad, double radius_rad)
{
    *out = NULL;
    ci_sky_model *found = NULL;
    CI_TRY(ci_sky_model_new(&found));
    ci_status status = CI_OK;
    for (size_t i = 0; i < model->n_source && status == CI_OK; i++) {
        const ci_sky_source *s = &model->source[i];
        if (ci_sky_separation_rad(ra_rad, dec_rad, s->ra_rad, s->dec_rad) <= radius_rad)
            status = ci_sky_model_append(found, s);
    }
    if (status == CI_OK)
        *out = found;
    else
        ci_sky_model_free(found);
    return status;
}

const ci_sky_source *ci_sky_model_nearest(const ci_sky_model *model, double ra_rad, double dec_rad,
                                          double *distance_rad)
{
    const ci_sky_source *nearest = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < model->n_source; i++) {
        const ci_sky_source *s = &model->source[i];
        double d = ci_sky_separation_rad(ra_rad, dec_rad, s->ra_rad, s->dec_rad);
        if (d < least) {
            least = d;
            nearest = s;
        }
    }
    if (distance_rad) *distance_rad = least;
    return nearest;
}

double ci_sky_source_flux_jy(const ci_sky_source *source, double freq_hz)
{
    if (source->n_poly == 0)
        return source->spectral_index == 0
                   ? source->flux_jy
                   : source->flux_jy * pow(freq_hz / source->ref_freq_hz, source->spectral_index);
    if (freq_hz < source->poly_min_hz || freq_hz > source->poly_max_hz) return NAN;
    double x = log10(freq_hz * 1e-9), sum = 0;
    for (int i = source->n_poly - 1; i >= 0; i--)
        sum = sum * x + source->poly[i];
    return pow(10, sum);
}
