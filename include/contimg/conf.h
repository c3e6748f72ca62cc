/* conf: one option table -> one validated, immutable configuration. The table
 * (contimg/options.def) gives the command line, the CONTIMG_ variables, the keys of the
 * configuration file, --help and the man pages. All functions are local.
 * Precedence: default < file < environment < command line. */
#ifndef CONTIMG_CONF_H
#define CONTIMG_CONF_H

#include "contimg/base.h"

/* The commands that take options; bits of the table's command sets. */
typedef enum ci_conf_command
{
    CI_CONF_COMMAND_RUN = 1 << 0,
    CI_CONF_COMMAND_CALIBRATE = 1 << 1,
    CI_CONF_COMMAND_IMAGE = 1 << 2,
    CI_CONF_COMMAND_MOSAIC = 1 << 3,
    CI_CONF_COMMAND_PLAN = 1 << 4,
    CI_CONF_COMMAND_GROUP = 1 << 5,
    CI_CONF_COMMAND_CHECK = 1 << 6,
    CI_CONF_COMMAND_INSPECT = 1 << 7,
    CI_CONF_COMMAND_PUBLISH = 1 << 8,
    CI_CONF_COMMAND_STATUS = 1 << 9,
    CI_CONF_COMMAND_MONITOR = 1 << 10,
    CI_CONF_COMMAND_DB = 1 << 11,
    CI_CONF_COMMAND_CLEAN = 1 << 12,
    CI_CONF_COMMAND_SERVE = 1 << 13,
    CI_CONF_COMMAND_REPORT = 1 << 14
} ci_conf_command;

typedef enum ci_conf_id
{
#define CI_OPTION(id, name, variable, type, argument, missing, low, high, commands, help)          \
    CI_CONF_OPT_##id,
#include "contimg/options.def"
#undef CI_OPTION
    CI_CONF_OPT_COUNT
} ci_conf_id;

typedef struct ci_conf ci_conf;

/* Reads file, environment and command line of one command. argv[0] is the command's name;
 * positional arguments are kept. CI_ERR_USAGE names the option, its value, its origin and
 * the nearest known name. *asked_help: --help was given (nothing else is checked). */
CI_MUST_CHECK ci_status ci_conf_new(ci_conf **out, ci_conf_command command, int argc,
                                    char *const *argv, bool *asked_help);
/* Frees it with all that it owns; NULL is allowed. */
void ci_conf_free(ci_conf *conf);
/* Whether other commands, bits of ci_conf_command, would take the values: CI_ERR_USAGE as they
 * would say it. */
CI_MUST_CHECK ci_status ci_conf_check_others(const ci_conf *conf, unsigned commands);

/* Number of positional arguments. */
size_t ci_conf_argument_count(const ci_conf *conf);
/* The i-th of them, from 0; borrowed. */
const char *ci_conf_argument(const ci_conf *conf, size_t i);
const char *const *ci_conf_arguments(const ci_conf *conf); /* borrowed */
/* CI_ERR_USAGE where there is one, of a command (its name) that takes options only. */
CI_MUST_CHECK ci_status ci_conf_check_no_argument(const ci_conf *conf, const char *command);
/* CI_ERR_USAGE where what to do is named twice: by files and by --group. */
CI_MUST_CHECK ci_status ci_conf_check_work(const ci_conf *conf);

/* Values. Text is "" where an option without default was not given. */
const char *ci_conf_text(const ci_conf *conf, ci_conf_id id);
/* The value in one form, however it was written ("5" of 5.0, "briggs" of BRIGGS), appended. */
CI_MUST_CHECK ci_status ci_conf_value_append(ci_text *text, const ci_conf *conf, ci_conf_id id);
/* Value of a REAL option. */
double ci_conf_double(const ci_conf *conf, ci_conf_id id);
/* Value of an INT option. */
int64_t ci_conf_int(const ci_conf *conf, ci_conf_id id);
/* Value of a FLAG option. */
bool ci_conf_bool(const ci_conf *conf, ci_conf_id id);
bool ci_conf_is_used(const ci_conf *conf, ci_conf_id id);  /* the command has this option */
bool ci_conf_is_given(const ci_conf *conf, ci_conf_id id); /* not the default */
/* What set a value. */
typedef enum ci_conf_source
{
    CI_CONF_SOURCE_DEFAULT,
    CI_CONF_SOURCE_FILE,
    CI_CONF_SOURCE_ENVIRONMENT,
    CI_CONF_SOURCE_COMMAND_LINE,
    CI_CONF_SOURCE_COUNT
} ci_conf_source;
/* What set that value. */
ci_conf_source ci_conf_source_of(const ci_conf *conf, ci_conf_id id);
/* The same as text: "default", "environment", "command line" or "<file>:<line>"; borrowed. */
const char *ci_conf_origin(const ci_conf *conf, ci_conf_id id);
/* The configuration file in use, "" where none; borrowed. */
const char *ci_conf_file(const ci_conf *conf);
const char *ci_conf_name(ci_conf_id id); /* "cell-arcsec" */
/* Whether a tile made with another value of it looks different. */
bool ci_conf_changes_tile(ci_conf_id id);
/* "CONTIMG_CELL_ARCSEC" into a caller's buffer. */
void ci_conf_variable(ci_conf_id id, char out[64]);

/* Whether this is a quality limit, one that the command uses, and set looser than its default;
 * options.def says on which side that is. Whoever judges by it says so. */
bool ci_conf_is_relaxed(const ci_conf *conf, ci_conf_id id);
double ci_conf_default(ci_conf_id id); /* of a number */
/* Name, value and (default) of a limit: "qa-img-max-noise-ratio 5 (3)", short enough for a FITS
 * card. */
#define CI_CONF_RELAXED_TEXT 64
/* That text of one limit. */
void ci_conf_relaxed_text(const ci_conf *conf, ci_conf_id id, char out[CI_CONF_RELAXED_TEXT]);
/* What a limit judges. */
enum
{
    CI_CONF_JUDGES_TABLES = 1,
    CI_CONF_JUDGES_IMAGES = 2
};
/* The next limit from `id` on that is relaxed and judges one of these; CI_CONF_OPT_COUNT: none. */
ci_conf_id ci_conf_relaxed_next(const ci_conf *conf, unsigned judged, ci_conf_id id);
/* "qa-cal-max-amp 20 (10), ..." of all of them, "" where there are none; ci_mem_free. */
CI_MUST_CHECK ci_status ci_conf_relaxed_list(char **out, const ci_conf *conf, unsigned judged);
/* One warning for each such limit, with its origin. */
void ci_conf_relaxed_warn(const ci_conf *conf);

/* --help of a command. */
void ci_conf_help(FILE *out, ci_conf_command command, const char *usage, const char *about);
/* All that the exit code of a status may mean ("out of memory, or no space left on disk"); false
 * where an earlier status has the same code. */
#define CI_CONF_EXIT_TEXT 128
/* That text of one status. */
bool ci_conf_exit_text(ci_status status, char out[CI_CONF_EXIT_TEXT]);

/* Of a man page: a command line and what it is for, a path and what it holds. */
typedef struct ci_conf_entry
{
    const char *title, *text;
} ci_conf_entry;
typedef struct ci_conf_page
{
    ci_conf_command command;       /* whose options are listed; 0 for the program itself */
    const char *name;              /* "run", "" for the program itself */
    const char *usage, *about;     /* about: a sentence, of which NAME takes the first clause */
    const ci_conf_entry *commands; /* of the program; each list ends with a NULL title, */
    const ci_conf_entry *examples; /* and is NULL where there is none */
    const ci_conf_entry *files;    /* those that the command reads or writes besides */
    const char *const *see_also;   /* names of pages, "contimg-run"; ends with NULL */
} ci_conf_page;
/* The man page (roff) of a command or of the program. */
void ci_conf_man(FILE *out, const ci_conf_page *page);
/* Every value with its origin, one a line (check --values). */
void ci_conf_print(FILE *out, const ci_conf *conf);
/* name=value of every option that is not at its default, blank-separated, for provenance;
 * ci_mem_free. */
CI_MUST_CHECK ci_status ci_conf_given_text(char **out, const ci_conf *conf);

/* Where things are, resolved from the options: absolute, see ci_path_absolute. Texts owned;
 * ci_conf_paths_free. */
typedef struct ci_conf_paths
{
    char *input, *staging, *state, *products;
    char *ingest_db, *products_db, *data_registry_db, *cal_registry_db;
    bool is_local_default; /* ./contimg-data is used: nothing was configured */
    /* What a command that writes makes where it is missing: the local default, and what the command
     * line names. One that a file or the environment names may be a disk that is not mounted. */
    bool makes_staging, makes_state, makes_products;
} ci_conf_paths;
/* Resolves them; CI_ERR_USAGE or CI_ERR_INPUT names the option. */
CI_MUST_CHECK ci_status ci_conf_paths_new(ci_conf_paths *out, const ci_conf *conf);
/* Frees what it owns. */
void ci_conf_paths_free(ci_conf_paths *paths);

#endif
