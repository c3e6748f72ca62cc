/* The simulated sky: a list, the calibrator, and sources drawn from counts. */
#include "sources.h"
#include "rng.h"

#include <math.h>
#include <string.h>

#define REF_FREQ_HZ 1.4e9
#define N_COUNT 2048
#define MAX_TRY 20000

const char *sim_role_name(sim_role role)
{
    static const char *const names[] = {"listed", "calibrator", "inside", "outside"};
    return names[role];
}

double sim_separation_rad(double ra1, double dec1, double ra2, double dec2)
{
    double a = sin(0.5 * (dec2 - dec1)), b = sin(0.5 * (ra2 - ra1));
    double h = a * a + cos(dec1) * cos(dec2) * b * b;
    return 2.0 * asin(h < 1 ? sqrt(h) : 1.0);
}

static ci_status append(sim_sources *s, const sim_source *source)
{
    CI_TRY(ci_mem_resize(&s->list, s->n + 1, sizeof *s->list, "sources"));
    s->list[s->n++] = *source;
    return CI_OK;
}

/* ---- a list from a file ----------------------------------------------------- */

static const char *const columns[] = {"name",         "ra_deg",       "dec_deg",
                                      "flux_jy",      "ref_freq_hz",  "spectral_index",
                                      "major_arcsec", "minor_arcsec", "pa_deg"};
enum
{
    N_NEEDED = 6,
    N_COLUMN = 9,
    MAX_FIELD = 32,
    SIM_INDEX_MAX = 10 /* |spectral_index|: known sources have -5 to 2.5 */
};

static size_t split_line(char *line, char *field[MAX_FIELD])
{
    size_t n = 0;
    line[strcspn(line, "\r")] = '\0';
    while (n < MAX_FIELD) {
        field[n++] = line;
        line = strchr(line, ',');
        if (line == NULL) break;
        *line++ = '\0';
    }
    return n;
}

static ci_status parse_header(char *line, const char *path, int which[MAX_FIELD], size_t *n_field)
{
    char *field[MAX_FIELD];
    bool seen[N_COLUMN] = {false};
    *n_field = split_line(line, field);
    for (size_t i = 0; i < *n_field; i++) {
        which[i] = -1;
        for (int k = 0; k < N_COLUMN; k++)
            if (strcmp(field[i], columns[k]) == 0) which[i] = k;
        if (which[i] < 0)
            return ci_error(CI_ERR_INPUT, "%s: column '%s' is not known", path, field[i]);
        seen[which[i]] = true;
    }
    for (int k = 0; k < N_NEEDED; k++)
        if (!seen[k]) return ci_error(CI_ERR_INPUT, "%s: column '%s' is missing", path, columns[k]);
    return CI_OK;
}

static ci_status parse_row(sim_sources *s, char *line, const char *path, const int *which,
                           size_t n_field)
{
    char *field[MAX_FIELD];
    double value[N_COLUMN] = {0};
    sim_source one = {.role = SIM_ROLE_LISTED};
    if (split_line(line, field) != n_field)
        return ci_error(CI_ERR_INPUT, "%s: row '%s': not as many fields as the header", path,
                        field[0]);
    for (size_t i = 0; i < n_field; i++) {
        if (which[i] == 0)
            snprintf(one.name, sizeof one.name, "%s", field[i]);
        else if (ci_parse_double(field[i], columns[which[i]], &value[which[i]]) != CI_OK)
            return ci_error_prefix(CI_ERR_INPUT, "%s", path);
    }
    if (value[6] != 0 || value[7] != 0)
        return ci_error(CI_ERR_INPUT, "%s: %s: only points are simulated: major_arcsec must be 0",
                        path, one.name);
    one.ra_rad = value[1] * CI_DEG_TO_RAD;
    one.dec_rad = value[2] * CI_DEG_TO_RAD;
    one.flux_jy = value[3];
    one.ref_freq_hz = value[4];
    one.index = value[5];
    if (fabs(one.index) > SIM_INDEX_MAX)
        return ci_error(CI_ERR_INPUT, "%s: %s: spectral_index %g must be from -%d to %d", path,
                        one.name, one.index, SIM_INDEX_MAX, SIM_INDEX_MAX);
    if (!(one.ref_freq_hz > 0) || fabs(value[2]) > 90)
        return ci_error(CI_ERR_INPUT, "%s: %s: ref_freq_hz %g, dec_deg %g: out of range", path,
                        one.name, value[4], value[2]);
    return append(s, &one);
}

static ci_status read_list(sim_sources *s, const char *path)
{
    char *text = NULL, *save = NULL;
    int which[MAX_FIELD];
    size_t n_field = 0;
    ci_status status;
    CI_TRY(ci_file_read(&text, NULL, path));
    status = CI_OK;
    for (char *line = strtok_r(text, "\n", &save); line != NULL && status == CI_OK;
         line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#') continue;
        status = n_field == 0 ? parse_header(line, path, which, &n_field)
                              : parse_row(s, line, path, which, n_field);
    }
    if (status == CI_OK && n_field == 0) status = ci_error(CI_ERR_INPUT, "%s: empty", path);
    ci_mem_free(text);
    return status;
}

/* ---- the calibrator --------------------------------------------------------- */

static ci_status add_calibrator(sim_sources *s, const sim_options *o, const double *centre)
{
    sim_source one = {.role = SIM_ROLE_CALIBRATOR, .ref_freq_hz = REF_FREQ_HZ, .index = -0.5};
    char text[256], *field[MAX_FIELD];
    size_t n;
    int64_t tile = o->calibrator_tile >= 0 ? o->calibrator_tile : (o->n_tile - 1) / 2;
    if (o->calibrator[0] == '\0') return CI_OK;
    snprintf(text, sizeof text, "%s", o->calibrator);
    n = split_line(text, field);
    if (n == 1) {
        snprintf(one.name, sizeof one.name, "CAL");
        one.ra_rad = centre[2 * tile];
        one.dec_rad = centre[2 * tile + 1];
        CI_TRY(ci_parse_double(field[0], "--calibrator", &one.flux_jy));
        return append(s, &one);
    }
    if (n != 4 && n != 5)
        return ci_error(CI_ERR_USAGE, "--calibrator %s: use JY or NAME,RA,DEC,JY[,INDEX]",
                        o->calibrator);
    snprintf(one.name, sizeof one.name, "%s", field[0]);
    CI_TRY(ci_parse_double(field[1], "--calibrator RA", &one.ra_rad));
    CI_TRY(ci_parse_double(field[2], "--calibrator DEC", &one.dec_rad));
    CI_TRY(ci_parse_double(field[3], "--calibrator JY", &one.flux_jy));
    if (n == 5) CI_TRY(ci_parse_double(field[4], "--calibrator INDEX", &one.index));
    one.ra_rad *= CI_DEG_TO_RAD;
    one.dec_rad *= CI_DEG_TO_RAD;
    return append(s, &one);
}

/* ---- drawn sources ------------------------------------------------------------ */

/* dN/dlog S at 1.4 GHz, any scale: Hopkins et al. (2003) fit of the normalised counts,
 * 0.05 mJy to 1 Jy; beyond, its value at the end, that is dN/dS as S^-2.5. */
static double counts(double flux_jy)
{
    static const double a[] = {0.859, 0.508, 0.376, -0.049, -0.121, 0.057, -0.008};
    double x = log10(flux_jy * 1e3), y = 0;
    if (x < log10(0.05)) x = log10(0.05);
    if (x > 3) x = 3;
    for (int i = 6; i >= 0; i--)
        y = y * x + a[i];
    return pow(10.0, y) * pow(flux_jy, -1.5);
}

/* Cumulative counts on a grid even in log flux. */
static void counts_table(double low, double high, double sum[N_COUNT])
{
    double step = log(high / low) / (N_COUNT - 1);
    sum[0] = 0;
    for (int i = 1; i < N_COUNT; i++)
        sum[i] = sum[i - 1] + counts(low * exp((i - 0.5) * step));
}

static double draw_flux(double low, double high, const double sum[N_COUNT], double u)
{
    double target = u * sum[N_COUNT - 1];
    int a = 0, b = N_COUNT - 1;
    if (!(sum[b] > 0)) return low;
    while (b - a > 1) {
        int mid = (a + b) / 2;
        if (sum[mid] <= target)
            a = mid;
        else
            b = mid;
    }
    return low * exp(log(high / low) / (N_COUNT - 1) * (a + (target - sum[a]) / (sum[b] - sum[a])));
}

typedef struct track
{
    double ra_rad, span_rad, dec_first_rad, dec_last_rad;
} track;

/* From the first tile's centre to the last one's; the sky drifts towards greater RA. */
static track make_track(const sim_options *o, const double *centre)
{
    track t = {centre[0], 0, centre[1], centre[2 * (o->n_tile - 1) + 1]};
    t.span_rad = fmod(centre[2 * (o->n_tile - 1)] - centre[0] + 2 * CI_TWO_PI, CI_TWO_PI);
    return t;
}

/* Distance to the nearest position that is some tile's centre or lies between two. */
static double track_distance(const track *t, double ra, double dec)
{
    double along = remainder(ra - t->ra_rad - 0.5 * t->span_rad, CI_TWO_PI) + 0.5 * t->span_rad;
    double f;
    if (along < 0) along = 0;
    if (along > t->span_rad) along = t->span_rad;
    f = t->span_rad > 0 ? along / t->span_rad : 0;
    return sim_separation_rad(ra, dec, t->ra_rad + along,
                              t->dec_first_rad + f * (t->dec_last_rad - t->dec_first_rad));
}

/* Uniform over the sphere where the distance from the track is in [low, high]. */
static bool draw_place(const track *t, double low, double high, sim_rng *rng, sim_source *one)
{
    double mid = 0.5 * (t->dec_first_rad + t->dec_last_rad);
    double bottom = fmax(mid - 1.01 * high, -CI_PI / 2), top = fmin(mid + 1.01 * high, CI_PI / 2);
    double edge = fmin(cos(bottom), cos(top));
    double reach = edge > 1.01 * high ? asin(fmin(1.0, 1.01 * sin(high) / edge)) : CI_PI;
    for (int i = 0; i < MAX_TRY; i++) {
        double u = sim_rng_uniform(rng), v = sim_rng_uniform(rng), distance;
        double width = fmin(t->span_rad + 2 * reach, CI_TWO_PI);
        one->ra_rad =
            fmod(t->ra_rad + 0.5 * t->span_rad + (u - 0.5) * width + 2 * CI_TWO_PI, CI_TWO_PI);
        one->dec_rad = asin(sin(bottom) + v * (sin(top) - sin(bottom)));
        distance = track_distance(t, one->ra_rad, one->dec_rad);
        if (distance >= low && distance <= high) return true;
    }
    return false;
}

static bool is_isolated(const sim_sources *s, const sim_source *one, double least)
{
    for (size_t i = 0; i < s->n; i++)
        if (sim_separation_rad(one->ra_rad, one->dec_rad, s->list[i].ra_rad, s->list[i].dec_rad) <
            least)
            return false;
    return true;
}

static ci_status add_random(sim_sources *s, const sim_options *o, const double *centre,
                            sim_role role, const double index[2])
{
    bool is_inside = role == SIM_ROLE_INSIDE;
    int64_t n = is_inside ? o->n_random : o->n_outside;
    double low = is_inside ? 0 : o->radius_deg * CI_DEG_TO_RAD;
    double high = (is_inside ? o->radius_deg : o->outer_radius_deg) * CI_DEG_TO_RAD;
    double least = is_inside ? o->isolated_arcsec * CI_ARCSEC_TO_RAD : 0;
    track t = make_track(o, centre);
    double sum[N_COUNT];
    counts_table(o->min_flux_jy, o->max_flux_jy, sum);
    for (int64_t i = 0; i < n; i++) {
        sim_rng rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_SKY, (uint64_t)role, (uint64_t)i, 0, 0);
        sim_source one = {.role = role, .ref_freq_hz = REF_FREQ_HZ};
        bool is_placed = false;
        snprintf(one.name, sizeof one.name, "%c%05lld", is_inside ? 'S' : 'O', (long long)i + 1);
        one.flux_jy = draw_flux(o->min_flux_jy, o->max_flux_jy, sum, sim_rng_uniform(&rng));
        one.index = index[0] + index[1] * sim_rng_normal(&rng);
        for (int k = 0; k < MAX_TRY && !is_placed; k++)
            is_placed = draw_place(&t, low, high, &rng, &one) && is_isolated(s, &one, least);
        if (!is_placed)
            return ci_error(CI_ERR_USAGE,
                            "--isolated %g: no room for source %lld of %lld: lower it, ask for "
                            "fewer sources or a larger --radius",
                            o->isolated_arcsec, (long long)i + 1, (long long)n);
        CI_TRY(append(s, &one));
    }
    return CI_OK;
}

static ci_status fill(sim_sources *s, const sim_options *o, const double *centre)
{
    double index[2] = {0, 0};
    char text[64], *field[MAX_FIELD];
    size_t n;
    snprintf(text, sizeof text, "%s", o->spectral_index);
    n = split_line(text, field);
    for (size_t i = 0; i < n && i < 2; i++)
        CI_TRY(ci_parse_double(field[i], "--spectral-index", &index[i]));
    if (fabs(index[0]) > SIM_INDEX_MAX || index[1] < 0 || index[1] > SIM_INDEX_MAX)
        return ci_error(
            CI_ERR_USAGE,
            "--spectral-index %s: the mean must be from -%d to %d, the rms from 0 to %d",
            o->spectral_index, SIM_INDEX_MAX, SIM_INDEX_MAX, SIM_INDEX_MAX);
    if (o->sources[0] != '\0') CI_TRY(read_list(s, o->sources));
    CI_TRY(add_calibrator(s, o, centre));
    CI_TRY(add_random(s, o, centre, SIM_ROLE_INSIDE, index));
    return add_random(s, o, centre, SIM_ROLE_OUTSIDE, index);
}

ci_status sim_sources_new(sim_sources **out, const sim_options *o, const double *centre_rad)
{
    sim_sources *s = NULL;
    ci_status status;
    *out = NULL;
    CI_TRY(ci_mem_alloc(&s, 1, sizeof *s, "sources"));
    status = fill(s, o, centre_rad);
    if (status == CI_OK)
        *out = s;
    else
        sim_sources_free(s);
    return status;
}

void sim_sources_free(sim_sources *s)
{
    if (s == NULL) return;
    ci_mem_free(s->list);
    ci_mem_free(s);
}

ci_status sim_sources_write(const sim_sources *s, const char *path, int role)
{
    ci_text text = {0};
    ci_status status =
        ci_text_append(&text, "name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n");
    size_t n = 0;
    for (size_t i = 0; i < s->n && status == CI_OK; i++) {
        const sim_source *one = &s->list[i];
        if (role >= 0 && (int)one->role != role) continue;
        n++;
        status = ci_text_append(&text, "%s,%.10f,%.10f,%.9g,%.10g,%.6g\n", one->name,
                                one->ra_rad * CI_RAD_TO_DEG, one->dec_rad * CI_RAD_TO_DEG,
                                one->flux_jy, one->ref_freq_hz, one->index);
    }
    if (status == CI_OK && (role < 0 || n > 0))
        status = ci_file_write(path, text.text, text.length);
    ci_mem_free(text.text);
    return status;
}

ci_status sim_sources_survey(const sim_sources *s, const sim_options *o, const char *path)
{
    sim_sources listed = {0};
    ci_status status = CI_OK;
    for (size_t i = 0; i < s->n && status == CI_OK; i++) {
        sim_rng rng = sim_rng_at((uint64_t)o->seed, SIM_RNG_SURVEY, i, 0, 0, 0);
        sim_source one = s->list[i];
        if (one.role != SIM_ROLE_CALIBRATOR) {
            one.flux_jy *= 1 + o->catalogue_error * sim_rng_normal(&rng);
            if (!(one.flux_jy >= o->catalogue_min_jy)) continue;
        }
        status = append(&listed, &one);
    }
    if (status == CI_OK) status = sim_sources_write(&listed, path, -1);
    ci_mem_free(listed.list);
    return status;
}
