/* What the option table says to people: --help, exit codes, values with their origins. */
#include "conf/table.h"

#include <string.h>

/* "--cell-arcsec ARCSEC"; flags take no value. */
static void option_text(const ci_conf_row *row, char *out, size_t n)
{
    if (row->type == CI_TYPE_FLAG)
        snprintf(out, n, "--%s", row->name);
    else
        snprintf(out, n, "--%s %s", row->name,
                 row->argument[0]           ? row->argument
                 : row->type == CI_TYPE_INT ? "N"
                                            : "X");
}

void ci_conf_help(FILE *out, ci_conf_command command, const char *usage, const char *about)
{
    fprintf(out,
            "usage: %s\n\n%s\n\nOptions (variable in the environment or the file; default, where "
            "there is one an\nempty value is refused):\n",
            usage, about);
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
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

bool ci_conf_exit_text(ci_status status, char out[CI_CONF_EXIT_TEXT])
{
    int code = ci_status_exit_code(status);
    if (status > CI_OK && ci_status_exit_code(status - 1) == code) return false;
    size_t n = (size_t)snprintf(out, CI_CONF_EXIT_TEXT, "%s", ci_status_text(status));
    for (ci_status k = status + 1; k < CI_STATUS_COUNT && ci_status_exit_code(k) == code; k++)
        if (n < CI_CONF_EXIT_TEXT)
            n += (size_t)snprintf(out + n, CI_CONF_EXIT_TEXT - n, ", or %s", ci_status_text(k));
    return true;
}

void ci_conf_print(FILE *out, const ci_conf *conf)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        char variable[64];
        ci_conf_variable((ci_conf_id)i, variable);
        fprintf(out, "%s=%s  # %s\n", variable, conf->value[i].text,
                ci_conf_origin(conf, (ci_conf_id)i));
    }
}
