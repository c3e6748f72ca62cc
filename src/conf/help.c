/* What the option table says to people: --help, man pages, values with their origins. */
#include "conf/table.h"

#include <string.h>

/* "--cell-arcsec ARCSEC"; flags stand alone. */
static void option_text(const ci_conf_row *row, char *out, size_t n)
{
    if (row->type == CI_TYPE_FLAG)
        snprintf(out, n, "--%s", row->name);
    else
        snprintf(out, n, "--%s %s", row->name,
                 row->unit[0]               ? row->unit
                 : row->type == CI_TYPE_INT ? "N"
                                            : "X");
}

void ci_conf_help(FILE *out, ci_conf_command command, const char *usage, const char *about)
{
    fprintf(out,
            "usage: %s\n\n%s\n\nOptions (variable in the environment or the file; default, where "
            "there is one an\nempty value is refused):\n",
            usage, about);
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        const ci_conf_row *row = &ci_conf_rows[i];
        if (!(row->commands & (unsigned)command)) continue;
        char option[128], variable[64];
        option_text(row, option, sizeof option);
        ci_conf_variable((ci_conf_id)i, variable);
        fprintf(out, "  %s\n      %s\n      [%s", option, row->help, variable);
        if (row->missing[0] && row->type != CI_TYPE_FLAG) fprintf(out, "; %s", row->missing);
        fprintf(out, "]\n");
    }
    fprintf(out, "  --help\n      this text\n");
}

/* Text with roff's special characters made plain. */
static void roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-') fputc('\\', out);
        if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

void ci_conf_man(FILE *out, ci_conf_command command, const char *name, const char *usage,
                 const char *about)
{
    fprintf(out, ".TH CONTIMG\\-%s 1 \"\" \"contimg %s\"\n.SH NAME\ncontimg\\-%s \\- ", name,
            ci_version(), name);
    roff(out, about);
    fprintf(out, "\n.SH SYNOPSIS\n.nf\n");
    roff(out, usage);
    fprintf(out, "\n.fi\n.SH OPTIONS\n");
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        const ci_conf_row *row = &ci_conf_rows[i];
        if (!(row->commands & (unsigned)command)) continue;
        char option[128], variable[64];
        option_text(row, option, sizeof option);
        ci_conf_variable((ci_conf_id)i, variable);
        fprintf(out, ".TP\n.B ");
        roff(out, option);
        fprintf(out, "\n");
        roff(out, row->help);
        fprintf(out, " [%s", variable);
        if (row->missing[0] && row->type != CI_TYPE_FLAG) fprintf(out, "; %s", row->missing);
        fprintf(out, "]\n");
    }
    fprintf(out, ".SH EXIT STATUS\n.nf\n");
    for (int i = 0; i < CI_STATUS_COUNT; i++)
        fprintf(out, "%d  %s\n", ci_status_exit_code((ci_status)i), ci_status_text((ci_status)i));
    fprintf(out, ".fi\n");
}

void ci_conf_print(FILE *out, const ci_conf *conf)
{
    for (int i = 0; i < CI_OPT_COUNT; i++) {
        char variable[64];
        ci_conf_variable((ci_conf_id)i, variable);
        fprintf(out, "%s=%s  # %s\n", variable, conf->value[i].text,
                ci_conf_origin(conf, (ci_conf_id)i));
    }
}
