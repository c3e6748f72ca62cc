/* contimg-compare: a product's source list against the truth that contimg-sim wrote.
 * Prints a table and the statistics of docs/science.md; exit 7 where one is not met. */
#include "compare.h"

#include <math.h>
#include <string.h>

typedef struct options
{
    const char *product, *truth, *sources, *noise, *image, *report, *append;
    int64_t n_top, n_least;
    bool want_help;
} options;

/* Places in the list of option names; those below TOP are the texts of `options`, in order. */
enum
{
    TOP = 7,
    LEAST,
    HELP,
    N_NAME
};

static void help(void)
{
    printf("usage: contimg-compare --product DIR --truth TRUTH.csv [OPTION...]\n\n"
           "Compares sources.csv of a product with the true sky: fluxes of the brightest ones,\n"
           "completeness, false detections and deviations in units of the errors. Exit 0 where\n"
           "all limits are met, 7 where one is not.\n\n"
           "  --product DIR     folder with sources.csv, noise.fits, mosaic.fits\n"
           "  --sources FILE    instead of DIR/sources.csv\n"
           "  --noise FILE      instead of DIR/noise.fits\n"
           "  --image FILE      instead of DIR/mosaic.fits (its beam and frequency)\n"
           "  --truth FILE      model CSV: name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index\n"
           "  --report FILE     report.json of the run: its stage times and noise are printed too\n"
           "  --append FILE     append all numbers as one line of JSON\n"
           "  --top N           rows of the table [10]\n"
           "  --least N         fewer isolated sources above 10 sigma are no test [100]\n");
}

static ci_status parse(options *o, int argc, char **argv)
{
    static const char *const names[] = {"product", "truth",  "sources", "noise", "image",
                                        "report",  "append", "top",     "least", "help"};
    *o = (options){.n_top = 10, .n_least = 100};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        int which = -1;
        for (int k = 0; k < N_NAME; k++)
            if (strncmp(name, "--", 2) == 0 && strcmp(name + 2, names[k]) == 0) which = k;
        if (which < 0) {
            const char *near = ci_str_nearest(name + strspn(name, "-"), names, N_NAME);
            return ci_error(CI_ERR_USAGE, "'%s': no such option%s%s: see --help", name,
                            near != NULL ? ": did you mean --" : "", near != NULL ? near : "");
        }
        if (which == HELP) {
            o->want_help = true;
            return CI_OK;
        }
        if (value == NULL) return ci_error(CI_ERR_USAGE, "%s needs a value", name);
        i++;
        if (which == TOP) CI_TRY(ci_parse_int(value, "--top", &o->n_top));
        if (which == LEAST) CI_TRY(ci_parse_int(value, "--least", &o->n_least));
        if (which < TOP) *(&o->product + which) = value;
    }
    if (o->truth == NULL || (o->product == NULL && !(o->sources && o->noise && o->image)))
        return ci_error(CI_ERR_USAGE, "--product and --truth are needed: see --help");
    return CI_OK;
}

static void print_table(const cmp_result *r, const cmp_list *found, const cmp_list *truth,
                        int64_t n_top)
{
    printf("%-12s %11s %11s %9s %9s %8s %7s %7s\n", "source", "RA deg", "Dec deg", "true Jy",
           "found Jy", "error", "ratio", "sigmas");
    for (size_t i = 0; i < r->n_pair && (int64_t)i < n_top; i++) {
        const cmp_pair *p = &r->pair[i];
        const cmp_row *t = &truth->row[p->i_true];
        printf("%-12s %11.5f %+11.5f %9.4f ", t->name, t->ra_rad * CI_RAD_TO_DEG,
               t->dec_rad * CI_RAD_TO_DEG, p->true_jy);
        if (p->i_found == SIZE_MAX)
            printf("%9s\n", "not found");
        else
            printf("%9.4f %8.4f %7.4f %+7.2f\n", found->row[p->i_found].flux_jy,
                   found->row[p->i_found].err_jy, found->row[p->i_found].flux_jy / p->true_jy,
                   p->deviation);
    }
}

static bool verdict(bool is_met, const char *format, ...) CI_PRINTF(2, 3);
static bool verdict(bool is_met, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%-5s ", is_met ? "ok" : "WRONG");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    return is_met;
}

static bool print_statistics(const cmp_result *r, int64_t n_least)
{
    double completeness =
        r->n_bright > 0 ? 100.0 * (double)r->n_bright_found / (double)r->n_bright : 0;
    double wrong = r->n_detection > 0 ? 100.0 * (double)r->n_false / (double)r->n_detection : 0;
    bool is_good = true;
    is_good &= verdict((int64_t)r->n_bright >= n_least,
                       "isolated sources above 10 sigma: %zu (at least %lld)", r->n_bright,
                       (long long)n_least);
    is_good &= verdict(completeness >= 99, "found: %zu of %zu, %.1f %% (at least 99 %%)",
                       r->n_bright_found, r->n_bright, completeness);
    is_good &= verdict(r->n_detection > 0 && wrong <= 1,
                       "false among detections above 7 sigma: %zu of %zu, %.1f %% (at most 1 %%)",
                       r->n_false, r->n_detection, wrong);
    is_good &=
        verdict(fabs(r->median) < 0.3, "median deviation: %+.2f sigma (within 0.3)", r->median);
    is_good &=
        verdict(r->rms >= 0.8 && r->rms <= 1.3, "rms deviation: %.2f sigma (0.8 to 1.3)", r->rms);
    is_good &= verdict(r->n_bright_found > 0 && r->n_beyond_5 == 0,
                       "largest deviation: %.2f sigma (none beyond 5)", r->worst);
    printf("      median of found/true: %.4f\n", r->ratio_median);
    return is_good;
}

static void put_statistics(ci_json *line, const cmp_result *r, const cmp_map *map)
{
    ci_json *out = ci_json_object();
    ci_json_put_number(out, "beam_arcsec", map->beam_rad * CI_RAD_TO_ARCSEC);
    ci_json_put_number(out, "freq_hz", map->freq_hz);
    ci_json_put_int(out, "n_bright", (int64_t)r->n_bright);
    ci_json_put_int(out, "n_bright_found", (int64_t)r->n_bright_found);
    ci_json_put_int(out, "n_detection", (int64_t)r->n_detection);
    ci_json_put_int(out, "n_false", (int64_t)r->n_false);
    ci_json_put_number(out, "median_ratio", r->ratio_median);
    ci_json_put_number(out, "median_sigma", r->median);
    ci_json_put_number(out, "rms_sigma", r->rms);
    ci_json_put_number(out, "worst_sigma", r->worst);
    ci_json_put(line, "found_against_true", out);
}

static ci_status append_line(const char *path, const ci_json *line)
{
    char *text = NULL;
    FILE *file;
    bool is_good;
    CI_TRY(ci_json_print(&text, line, false));
    file = fopen(path, "a");
    is_good = file != NULL && fprintf(file, "%s\n", text) > 0;
    if (file != NULL) is_good = fclose(file) == 0 && is_good;
    ci_mem_free(text);
    return is_good ? CI_OK : ci_error(CI_ERR_IO, "%s: cannot be appended to", path);
}

static ci_status compare_lists(const options *o, const cmp_list *found, const cmp_list *truth,
                               const cmp_map *map, ci_json *line)
{
    cmp_result result;
    bool is_good;
    CI_TRY(cmp_compare(&result, found, truth, map));
    put_statistics(line, &result, map);
    printf("%zu source%s found, %zu true, beam %.1f arcsec, %.2f MHz\n", found->n,
           ci_plural(found->n), truth->n, map->beam_rad * CI_RAD_TO_ARCSEC, map->freq_hz * 1e-6);
    print_table(&result, found, truth, o->n_top);
    is_good = print_statistics(&result, o->n_least);
    cmp_result_free(&result);
    return is_good ? CI_OK
                   : ci_error(CI_ERR_GATE, "found and true fluxes differ more than they may: see "
                                           "the lines marked WRONG");
}

/* The file given, else its usual name in the product's folder. */
static ci_status choose(char **out, const char *given, const char *folder, const char *name)
{
    return given != NULL ? ci_str_copy(out, given) : ci_path_join(out, folder, name);
}

static ci_status work(const options *o)
{
    char *path[3] = {NULL};
    cmp_list found = {0}, truth = {0};
    cmp_map map = {0};
    ci_json *line = ci_json_object();
    ci_status status = o->report != NULL ? cmp_report_line(o->report, line) : CI_OK;
    if (status == CI_OK) status = choose(&path[0], o->sources, o->product, "sources.csv");
    if (status == CI_OK) status = choose(&path[1], o->noise, o->product, "noise.fits");
    if (status == CI_OK) status = choose(&path[2], o->image, o->product, "mosaic.fits");
    if (status == CI_OK) status = cmp_list_read(&found, path[0], false);
    if (status == CI_OK) status = cmp_list_read(&truth, o->truth, true);
    if (status == CI_OK) status = cmp_map_read(&map, path[1], path[2]);
    if (status == CI_OK) status = compare_lists(o, &found, &truth, &map, line);
    /* A line with a limit missed is a result too. */
    if ((status == CI_OK || status == CI_ERR_GATE) && o->append != NULL &&
        append_line(o->append, line) != CI_OK)
        status = CI_ERR_IO;
    ci_json_free(line);
    cmp_map_free(&map);
    cmp_list_free(&truth);
    cmp_list_free(&found);
    for (int i = 0; i < 3; i++)
        ci_mem_free(path[i]);
    return status;
}

int main(int argc, char **argv)
{
    options o;
    ci_status status = parse(&o, argc, argv);
    if (status == CI_OK && o.want_help)
        help();
    else if (status == CI_OK)
        status = work(&o);
    if (status != CI_OK) fprintf(stderr, "contimg-compare: %s\n", ci_error_text());
    if (ci_mem_now() != 0)
        ci_log_warning("contimg-compare: %zu bytes were not freed", ci_mem_now());
    return ci_status_exit_code(status);
}
