/* Man pages written from the option table. */
#include "conf/table.h"

#include <ctype.h>
#include <string.h>

static bool is_used(const ci_conf_page *page, ci_conf_id id)
{
    return !page->command || (ci_conf_rows[id].commands & (unsigned)page->command);
}

/* A title in bold with its text below, indented. */
static void put_entry(FILE *out, const char *title, const char *text)
{
    fprintf(out, ".TP\n\\fB");
    ci_text_print_roff(out, title);
    fprintf(out, "\\fR\n");
    ci_text_print_roff(out, text);
    fprintf(out, "\n");
}

static void put_entries(FILE *out, const ci_conf_entry *entry)
{
    for (; entry && entry->title; entry++)
        put_entry(out, entry->title, entry->text);
}

/* NAME: the first clause of `about`, as a phrase. */
static void put_head(FILE *out, const ci_conf_page *page)
{
    char title[64], phrase[256];
    snprintf(title, sizeof title, "contimg%s%s", page->name[0] ? "-" : "", page->name);
    snprintf(phrase, sizeof phrase, "%.*s", (int)strcspn(page->about, ":;"), page->about);
    size_t n = strlen(phrase);
    if (n > 0 && phrase[n - 1] == '.') phrase[n - 1] = '\0';
    phrase[0] = (char)tolower((unsigned char)phrase[0]);
    fprintf(out, ".TH ");
    for (const char *p = title; *p; p++)
        fprintf(out, *p == '-' ? "\\-" : "%c", toupper((unsigned char)*p));
    fprintf(out, " 1 \"\" \"contimg %s\" \"contimg manual\"\n.nh\n.ad l\n.SH NAME\n", ci_version());
    ci_text_print_roff(out, title);
    fprintf(out, " \\- ");
    ci_text_print_roff(out, phrase);
    fprintf(out, "\n.SH SYNOPSIS\n.nf\n");
    ci_text_print_roff(out, page->usage);
    fprintf(out, "\n.fi\n.SH DESCRIPTION\n");
    ci_text_print_roff(out, page->about);
    fprintf(out, "\n");
}

static void put_option(FILE *out, ci_conf_id id)
{
    const ci_conf_row *row = &ci_conf_rows[id];
    char variable[64];
    ci_conf_variable(id, variable);
    fprintf(out, ".TP\n\\fB\\-\\-");
    ci_text_print_roff(out, row->name);
    fprintf(out, "\\fR");
    if (row->type != CI_TYPE_FLAG) {
        fprintf(out, " \\fI");
        ci_text_print_roff(out, row->argument[0]           ? row->argument
                                : row->type == CI_TYPE_INT ? "N"
                                                           : "X");
        fprintf(out, "\\fR");
    }
    fprintf(out, "\n");
    ci_text_print_roff(out, row->help);
    fprintf(out, " [%s", variable);
    if (row->missing[0] && row->type != CI_TYPE_FLAG) {
        fprintf(out, "; ");
        ci_text_print_roff(out, row->missing);
    }
    fprintf(out, "]\n");
}

static void put_options(FILE *out, const ci_conf_page *page)
{
    if (!page->command) {
        fprintf(out, ".SH OPTIONS\n");
        put_entry(out, "--help", "commands and exit codes");
        put_entry(out, "--version", "the version");
        put_entry(out, "--man", "this page; contimg COMMAND --man: the page of a command");
        return;
    }
    fprintf(out, ".SH OPTIONS\nIn brackets: the variable in the environment or in the "
                 "configuration file, and the default,\nwhere there is one; an empty value is "
                 "refused then. The command line wins over the\nenvironment, the environment over "
                 "the file.\n");
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        if (is_used(page, (ci_conf_id)i)) put_option(out, (ci_conf_id)i);
    put_entry(out, "--help", "the options, in short");
    put_entry(out, "--man", "this page, for man -l -");
}

static void put_examples(FILE *out, const ci_conf_page *page)
{
    if (!page->examples) return;
    fprintf(out, ".SH EXAMPLES\n");
    for (const ci_conf_entry *e = page->examples; e->title; e++) {
        if (e != page->examples) fprintf(out, ".PP\n");
        ci_text_print_roff(out, e->text);
        fprintf(out, "\n.PP\n.nf\n.RS\n");
        ci_text_print_roff(out, e->title);
        fprintf(out, "\n.RE\n.fi\n");
    }
}

static void put_files(FILE *out, const ci_conf_page *page)
{
    static const ci_conf_entry configuration[] = {
        {"/etc/contimg/contimg.env", "configuration (KEY=VALUE or INI) where neither --config nor "
                                     "CONTIMG_CONFIG names one"},
        {"/data/dsa110-contimg/ops/systemd/contimg.env", "configuration where there is no other"},
        {NULL, NULL}};
    static const ci_conf_entry folders[] = {
        {"STATE/*.sqlite3", "the databases ingest, cal_registry, products and data_registry; "
                            "STATE is --state-dir"},
        {"STATE/reports/RUN/", "report.html, report.json, summary.txt and log.jsonl of a run"},
        {"OUTPUT/tiles/, OUTPUT/mosaics/", "products before they are published; OUTPUT is "
                                           "--output-dir"},
        {"PRODUCTS/DATE/ID/", "published products, each with SHA256SUMS and provenance.json; "
                              "PRODUCTS is --products-dir"},
        {NULL, NULL}};
    fprintf(out, ".SH FILES\n");
    put_entries(out, page->files);
    if (is_used(page, CI_CONF_OPT_STATE_DIR)) put_entries(out, folders);
    put_entries(out, configuration);
}

static void put_exit_status(FILE *out)
{
    fprintf(out, ".SH EXIT STATUS\n");
    for (ci_status i = CI_OK; i < CI_STATUS_COUNT; i++) {
        char code[16], text[CI_CONF_EXIT_TEXT];
        if (!ci_conf_exit_text(i, text)) continue;
        snprintf(code, sizeof code, "%d", ci_status_exit_code(i));
        put_entry(out, code, text);
    }
}

static void put_environment(FILE *out, const ci_conf_page *page)
{
    fprintf(out, ".SH ENVIRONMENT\n");
    put_entry(out, "CONTIMG_*",
              "the options above, by the names in brackets; an unknown or "
              "retired name is warned of");
    put_entry(out, "CONTIMG_SHARE",
              "folder of stations, calibrators, flux scale and earth "
              "orientation; default: ../share/contimg beside the program");
    put_entry(out, "HDF5_PLUGIN_PATH",
              "where HDF5 looks for LZF and bitshuffle besides the "
              "folders of Debian's packages");
    if (is_used(page, CI_CONF_OPT_MEMORY))
        put_entry(out, "SLURM_MEM_PER_NODE, SLURM_MEM_PER_CPU, SLURM_CPUS_ON_NODE",
                  "limit of a job's memory on a node, see --memory");
    put_entry(out, "SLURM_JOB_ID", "written into leases and the record of a run");
}

static void put_see_also(FILE *out, const ci_conf_page *page)
{
    char own[64];
    snprintf(own, sizeof own, "contimg%s%s", page->name[0] ? "-" : "", page->name);
    fprintf(out, ".SH SEE ALSO\n");
    const char *comma = "";
    for (const char *const *name = page->see_also; *name; name++) {
        if (strcmp(*name, own) == 0) continue;
        fprintf(out, "%s\\fB", comma);
        ci_text_print_roff(out, *name);
        fprintf(out, "\\fR(1)");
        comma = ",\n";
    }
    fprintf(out, "\n");
}

void ci_conf_man(FILE *out, const ci_conf_page *page)
{
    put_head(out, page);
    if (page->commands) {
        fprintf(out, ".SH COMMANDS\n");
        put_entries(out, page->commands);
    }
    put_options(out, page);
    put_examples(out, page);
    put_files(out, page);
    put_exit_status(out);
    put_environment(out, page);
    put_see_also(out, page);
}
