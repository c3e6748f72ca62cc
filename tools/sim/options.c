/* The table of options of contimg-sim, their parsing and help. */
#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind
{
    TEXT,
    REAL,
    INT,
    SWITCH
} kind;

typedef struct entry
{
    const char *name, *argument, *missing, *help;
    kind type;
    size_t offset;
} entry;

#define AT(member) offsetof(sim_options, member)
/* clang-format off */
static const entry table[] = {
    {"out", "DIR", "", "folder for the files (made where missing)", TEXT, AT(out)},
    {"stations", "N|LIST", "96", "N of the 96 active stations, or numbers as 1,5,20-30", TEXT, AT(stations)},
    {"order", "station|correlator", "correlator", "order of antennas: as the correlator's (mixed) or by number", TEXT, AT(order)},
    {"sub-bands", "N|LIST", "16", "the first N sub-bands (sb00 is the highest), or numbers as sb0,sb4 (0,4)", TEXT, AT(sub_bands)},
    {"channels", "N", "48", "channels of a sub-band, from its top", INT, AT(n_chan)},
    {"fine", "N", "8", "fine channels (30.5 kHz) averaged into a channel", INT, AT(n_fine)},
    {"integrations", "N", "24", "integrations of a tile", INT, AT(n_time)},
    {"samples", "N", "96", "samples (0.134 s) averaged into an integration", INT, AT(n_int)},
    {"tiles", "N", "1", "tiles, one after the other", INT, AT(n_tile)},
    {"tile-step", "S", "0", "seconds from tile to tile; 0: without a gap (309.24)", REAL, AT(tile_step_s)},
    {"start", "TIME", "2026-01-25T00:00:10", "UTC of the middle of the first integration", TEXT, AT(start)},
    {"dec", "DEG", "16.15", "apparent declination that the dishes point to", REAL, AT(dec_deg)},
    {"ref-mjd", "DAY", "59215", "day for which uvw_array is computed, as the real writer does", REAL, AT(ref_mjd)},
    {"sources", "FILE", "", "CSV: name,ra_deg,dec_deg,flux_jy,ref_freq_hz,spectral_index", TEXT, AT(sources)},
    {"random", "N", "0", "sources drawn from 1.4 GHz counts along the drift of all tiles", INT, AT(n_random)},
    {"outside", "N", "0", "more of them, outside --radius but within --outer-radius", INT, AT(n_outside)},
    {"seed", "N", "1", "of every random number", INT, AT(seed)},
    {"min-flux", "JY", "0.01", "of random sources, before the beam", REAL, AT(min_flux_jy)},
    {"max-flux", "JY", "1", "of random sources, before the beam", REAL, AT(max_flux_jy)},
    {"spectral-index", "MEAN[,RMS]", "-0.7,0.2", "of random sources", TEXT, AT(spectral_index)},
    {"radius", "DEG", "1.2", "random sources lie within it of a tile's centre", REAL, AT(radius_deg)},
    {"outer-radius", "DEG", "5", "greatest distance of --outside sources from a tile's centre", REAL, AT(outer_radius_deg)},
    {"isolated", "ARCSEC", "0", "least distance between sources inside", REAL, AT(isolated_arcsec)},
    {"calibrator", "JY|NAME,RA,DEC,JY[,INDEX]", "", "bright source: at a tile's centre, or at RA,DEC (degrees)", TEXT, AT(calibrator)},
    {"calibrator-tile", "K", "-1", "tile whose centre --calibrator JY means; -1: the middle one", INT, AT(calibrator_tile)},
    {"catalogue-error", "FRACTION", "0.05", "rms of the fluxes in truth-catalogue.csv (the calibrator's is exact)", REAL, AT(catalogue_error)},
    {"catalogue-min", "JY", "0", "sources below it are not in truth-catalogue.csv", REAL, AT(catalogue_min_jy)},
    {"beam", "airy|none", "airy", "primary beam, fixed to hour angle 0 and --dec", TEXT, AT(beam)},
    {"diameter", "M", "4.65", "of a dish", REAL, AT(diameter_m)},
    {"smear", "on|off", "on", "losses by averaging in time and frequency", TEXT, AT(smear)},
    {"sefd", "JY", "8285.714", "system equivalent flux density over the efficiency (5800/0.7); 0: no noise", REAL, AT(sefd_jy)},
    {"noise-after", "", "", "noise does not pass the gains (default: it does)", SWITCH, AT(noise_after)},
    {"gain-amp-rms", "FRACTION", "0", "scatter of gain amplitudes", REAL, AT(gain_amp_rms)},
    {"gain-phase", "random|DEG", "0", "gain phases: uniform, or normal with this rms", TEXT, AT(gain_phase)},
    {"bandpass-ripple", "FRACTION", "0", "rms of each receptor's amplitude and phase over the band", REAL, AT(ripple)},
    {"delay-ns", "MAX", "0", "receptor delays, uniform within +- MAX", REAL, AT(delay_max_ns)},
    {"drift-amp", "FRACTION", "0", "rms drift of gain amplitudes per hour", REAL, AT(drift_amp)},
    {"drift-phase", "DEG", "0", "rms drift of gain phases per hour", REAL, AT(drift_phase_deg)},
    {"units", "raw|jy", "jy", "raw: correlator units, --raw-scale per Jy", TEXT, AT(units)},
    {"raw-scale", "X", "0.02", "correlator units per Jy", REAL, AT(raw_scale)},
    {"name-jitter", "S", "0", "file names of a tile late by up to S seconds", REAL, AT(name_jitter_s)},
    {"dead", "N", "0", "dead antennas (a thousandth of the signal)", INT, AT(n_dead)},
    {"dead-pol", "N", "0", "antennas with one dead receptor", INT, AT(n_dead_pol)},
    {"nan-packets", "FRACTION", "0", "of (antenna, integration, quarter of a sub-band) lost as NaN", REAL, AT(nan_fraction)},
    {"rfi", "KIND:FRACTION,...", "", "interference: narrow, broad, swept, burst", TEXT, AT(rfi)},
    {"rfi-jy", "JY", "300", "its median strength; bursts are 20 times stronger", REAL, AT(rfi_jy)},
    {"missing-sub-band", "K|TILE:K,...", "", "files that are not written", TEXT, AT(missing_sub_band)},
    {"help", "", "", "this text", SWITCH, AT(want_help)},
    {"man", "", "", "the man page, for man -l -", SWITCH, AT(want_man)},
    {"version", "", "", "version", SWITCH, AT(want_version)},
};
/* clang-format on */
#define N_ENTRY (sizeof table / sizeof table[0])

static ci_status set_value(sim_options *o, const entry *e, const char *text)
{
    char *field = (char *)o + e->offset;
    char what[64];
    snprintf(what, sizeof what, "--%s", e->name);
    if (e->type == TEXT) memcpy(field, &text, sizeof text);
    if (e->type == REAL) CI_TRY(ci_parse_double(text, what, (double *)(void *)field));
    if (e->type == INT) CI_TRY(ci_parse_int(text, what, (int64_t *)(void *)field));
    if (e->type == SWITCH) *(bool *)field = true;
    return CI_OK;
}

static const char about[] =
    "Writes UVH5 files in DSA-110's layout with a known sky and known gains, and\n"
    "beside them truth.json, truth.csv (sources), truth-calibrator.csv and\n"
    "truth-catalogue.csv (what a survey would list, to calibrate on). Runs alone\n"
    "or under mpirun; files have the same bytes at any number of ranks.";

void sim_options_help(FILE *to)
{
    fprintf(to, "usage: contimg-sim --out DIR [OPTION...]\n\n%s\n\n", about);
    for (size_t i = 0; i < N_ENTRY; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument[0] ? " " : "",
                 table[i].argument);
        fprintf(to, "  %-36s %s%s%s%s\n", left, table[i].help, table[i].missing[0] ? " [" : "",
                table[i].missing, table[i].missing[0] ? "]" : "");
    }
}

/* A title in bold and what it takes, its text below, indented. */
static void put_entry(FILE *to, const char *bold, const char *rest)
{
    fprintf(to, ".TP\n\\fB");
    ci_text_print_roff(to, bold);
    fprintf(to, "\\fR ");
    ci_text_print_roff(to, rest);
    fprintf(to, "\n");
}

static void put_options(FILE *to)
{
    for (size_t i = 0; i < N_ENTRY; i++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", table[i].name);
        put_entry(to, name, table[i].argument);
        ci_text_print_roff(to, table[i].help);
        if (table[i].missing[0]) {
            fprintf(to, " [");
            ci_text_print_roff(to, table[i].missing);
            fprintf(to, "]");
        }
        fprintf(to, "\n");
    }
}

void sim_options_man(FILE *to)
{
    fprintf(to,
            ".TH CONTIMG\\-SIM 1 \"\" \"contimg %s\" \"contimg manual\"\n.nh\n.ad l\n.SH NAME\n"
            "contimg\\-sim \\- visibilities with a known truth, in DSA\\-110\\(aqs layout\n"
            ".SH SYNOPSIS\n.nf\ncontimg\\-sim \\-\\-out DIR [OPTION...]\n.fi\n.SH DESCRIPTION\n",
            ci_version());
    ci_text_print_roff(to, about);
    fprintf(to, "\n.SH OPTIONS\nIn brackets: the default.\n");
    put_options(to);
    fprintf(
        to,
        ".SH EXAMPLES\nA small group with unknown gains and a bright calibrator:\n.PP\n.nf\n.RS\n");
    ci_text_print_roff(to, "mpirun -n 2 contimg-sim --out sim --tiles 3 --sub-bands 4 --random 300 "
                           "--calibrator 12.7 --gain-phase random --units raw");
    fprintf(to, "\n.RE\n.fi\n.SH FILES\n");
    put_entry(to, "DIR/TIME_sbNN.hdf5", "");
    fprintf(to, "visibilities, one file for each tile and sub\\-band\n");
    put_entry(to, "DIR/truth.json, DIR/truth.csv", "");
    fprintf(to, "everything that was simulated; its sources\n");
    put_entry(to, "DIR/truth-calibrator.csv, DIR/truth-catalogue.csv", "");
    fprintf(
        to,
        "models to calibrate on\n.SH EXIT STATUS\nThose of\n.BR contimg (1).\n.SH ENVIRONMENT\n");
    put_entry(to, "CONTIMG_SHARE", "");
    fprintf(
        to,
        "folder of stations and earth orientation; default: ../share/contimg beside the\nprogram\n"
        ".SH SEE ALSO\n.BR contimg (1),\n.BR contimg\\-run (1)\n");
}

static ci_status unknown_option(const char *name)
{
    const char *names[N_ENTRY], *near;
    for (size_t i = 0; i < N_ENTRY; i++)
        names[i] = table[i].name;
    near = ci_str_nearest(name, names, N_ENTRY);
    if (near != NULL)
        return ci_error(CI_ERR_USAGE, "--%s: no such option: did you mean --%s?", name, near);
    return ci_error(CI_ERR_USAGE, "--%s: no such option: see --help", name);
}

static ci_status parse_one(sim_options *o, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *equals, *value = NULL;
    char name[64];
    size_t length;
    if (strncmp(word, "--", 2) != 0)
        return ci_error(CI_ERR_USAGE, "'%s': no files or words are expected: see --help", word);
    word += 2;
    equals = strchr(word, '=');
    length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    if (length >= sizeof name) length = sizeof name - 1;
    memcpy(name, word, length);
    name[length] = '\0';
    for (size_t k = 0; k < N_ENTRY; k++) {
        if (strcmp(name, table[k].name) != 0) continue;
        if (table[k].type == SWITCH) {
            if (equals != NULL)
                return ci_error(CI_ERR_USAGE, "--%s takes no value: leave '%s' out", name, equals);
            return set_value(o, &table[k], "");
        }
        value = equals != NULL ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
        if (value == NULL)
            return ci_error(CI_ERR_USAGE, "--%s needs a value: %s", name, table[k].argument);
        return set_value(o, &table[k], value);
    }
    return unknown_option(name);
}

ci_status sim_options_list(const char *text, const char *what, int64_t low, int64_t high, bool *on)
{
    const char *at = text;
    for (;;) {
        char *end = NULL;
        long long first, last;
        if (strncmp(at, "sb", 2) == 0) at += 2;
        first = last = strtoll(at, &end, 10);
        if (end == at) break;
        if (*end == '-') {
            at = end + 1;
            last = strtoll(at, &end, 10);
            if (end == at) break;
        }
        if (first < low || last > high || first > last)
            return ci_error(CI_ERR_USAGE, "%s '%s': numbers go from %lld to %lld", what, text,
                            (long long)low, (long long)high);
        for (long long i = first; i <= last; i++)
            on[i] = true;
        if (*end == '\0') return CI_OK;
        if (*end != ',') break;
        at = end + 1;
    }
    return ci_error(CI_ERR_USAGE, "%s '%s': write numbers and runs as 1,5,20-30", what, text);
}

static ci_status choose_word(const char *name, const char *value, const char *no, const char *yes,
                             bool *is_yes)
{
    if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
        return ci_error(CI_ERR_USAGE, "--%s %s: use %s or %s", name, value, no, yes);
    *is_yes = strcmp(value, yes) == 0;
    return CI_OK;
}

static ci_status parse_sub_bands(sim_options *o)
{
    bool is_list = strpbrk(o->sub_bands, ",-s") != NULL;
    int64_t n = 0;
    if (is_list)
        return sim_options_list(o->sub_bands, "--sub-bands", 0, SIM_MAX_SUB_BAND - 1,
                                o->sub_band_on);
    CI_TRY(ci_parse_int(o->sub_bands, "--sub-bands", &n));
    if (n < 1 || n > SIM_MAX_SUB_BAND)
        return ci_error(CI_ERR_USAGE, "--sub-bands %s: there are 1 to %d", o->sub_bands,
                        SIM_MAX_SUB_BAND);
    for (int64_t i = 0; i < n; i++)
        o->sub_band_on[i] = true;
    return CI_OK;
}

static ci_status check_range(const char *name, double value, double low, double high)
{
    if (value >= low && value <= high) return CI_OK;
    return ci_error(CI_ERR_USAGE, "--%s %g: must be from %g to %g", name, value, low, high);
}

static ci_status check(sim_options *o)
{
    CI_TRY(choose_word("beam", o->beam, "airy", "none", &o->is_beam_none));
    CI_TRY(choose_word("smear", o->smear, "on", "off", &o->is_smear_off));
    CI_TRY(choose_word("units", o->units, "jy", "raw", &o->is_raw));
    CI_TRY(check_range("dec", o->dec_deg, -89.9, 89.9));
    CI_TRY(check_range("channels", (double)o->n_chan, 1, 4096));
    CI_TRY(check_range("fine", (double)o->n_fine, 1, 384));
    CI_TRY(check_range("integrations", (double)o->n_time, 1, 100000));
    CI_TRY(check_range("samples", (double)o->n_int, 1, 100000));
    CI_TRY(check_range("tiles", (double)o->n_tile, 1, 10000));
    CI_TRY(check_range("random", (double)o->n_random, 0, 1e6));
    CI_TRY(check_range("outside", (double)o->n_outside, 0, 1e6));
    CI_TRY(check_range("min-flux", o->min_flux_jy, 1e-6, 1e4));
    CI_TRY(check_range("max-flux", o->max_flux_jy, o->min_flux_jy, 1e4));
    CI_TRY(check_range("radius", o->radius_deg, 0.001, 30));
    CI_TRY(check_range("outer-radius", o->outer_radius_deg, o->radius_deg, 60));
    CI_TRY(check_range("diameter", o->diameter_m, 0.1, 100));
    CI_TRY(check_range("sefd", o->sefd_jy, 0, 1e12));
    CI_TRY(check_range("gain-amp-rms", o->gain_amp_rms, 0, 0.5));
    CI_TRY(check_range("bandpass-ripple", o->ripple, 0, 0.3));
    CI_TRY(check_range("catalogue-error", o->catalogue_error, 0, 1));
    CI_TRY(check_range("delay-ns", o->delay_max_ns, 0, 1e4));
    CI_TRY(check_range("nan-packets", o->nan_fraction, 0, 1));
    CI_TRY(check_range("raw-scale", o->raw_scale, 1e-12, 1e12));
    CI_TRY(check_range("calibrator-tile", (double)o->calibrator_tile, -1, (double)o->n_tile - 1));
    CI_TRY(parse_sub_bands(o));
    CI_TRY(ci_time_parse_iso(o->start, &o->start_mjd_s));
    if ((o->n_chan * o->n_fine) > 8192 - 1024)
        return ci_error(CI_ERR_USAGE, "--channels %lld x --fine %lld: more than the band holds",
                        (long long)o->n_chan, (long long)o->n_fine);
    if (o->out[0] == '\0') return ci_error(CI_ERR_USAGE, "--out DIR is needed: see --help");
    return CI_OK;
}

ci_status sim_options_parse(sim_options *o, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    for (size_t k = 0; k < N_ENTRY; k++)
        if (table[k].type != SWITCH) CI_TRY(set_value(o, &table[k], table[k].missing));
    for (int i = 1; i < argc; i++)
        CI_TRY(parse_one(o, argc, argv, &i));
    if (o->want_help || o->want_man || o->want_version) return CI_OK;
    return check(o);
}

void sim_options_json(const sim_options *o, ci_json *into)
{
    for (size_t k = 0; k < N_ENTRY; k++) {
        const char *field = (const char *)o + table[k].offset, *text;
        double real;
        int64_t integer;
        /* The folder is where the file lies: leaving it out makes truth.json the same anywhere. */
        if (strcmp(table[k].name, "out") == 0 || strcmp(table[k].name, "help") == 0 ||
            strcmp(table[k].name, "man") == 0 || strcmp(table[k].name, "version") == 0)
            continue;
        switch (table[k].type) {
        case TEXT:
            memcpy(&text, field, sizeof text);
            ci_json_put_string(into, table[k].name, text);
            break;
        case REAL:
            memcpy(&real, field, sizeof real);
            ci_json_put_number(into, table[k].name, real);
            break;
        case INT:
            memcpy(&integer, field, sizeof integer);
            ci_json_put_int(into, table[k].name, integer);
            break;
        case SWITCH:
            ci_json_put_bool(into, table[k].name, *(const bool *)field);
            break;
        }
    }
}
