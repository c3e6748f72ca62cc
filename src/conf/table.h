/* The option table as data, for the files of conf. All functions are local. */
#ifndef CONTIMG_CONF_TABLE_H
#define CONTIMG_CONF_TABLE_H

#include "contimg/conf.h"

typedef enum ci_conf_type
{
    CI_TYPE_TEXT,
    CI_TYPE_PATH,
    CI_TYPE_INT,
    CI_TYPE_REAL,
    CI_TYPE_FLAG,
    CI_TYPE_CHOICE
} ci_conf_type;

typedef struct ci_conf_row
{
    const char *name, *variable;
    ci_conf_type type;
    const char *argument, *missing;
    double low, high;
    unsigned commands;
    const char *help;
} ci_conf_row;
extern const ci_conf_row ci_conf_rows[CI_CONF_OPT_COUNT];

typedef struct ci_conf_value
{
    char *text; /* owned */
    ci_conf_source source;
    char *line; /* owned: "<file>:<line>"; NULL: of no file */
    double number;
    bool flag;
} ci_conf_value;

struct ci_conf
{
    ci_conf_command command;
    char *file;     /* owned */
    ci_text warned; /* names that were warned of, each between blanks; text owned */
    ci_conf_value value[CI_CONF_OPT_COUNT];
    bool cal_by_own_name; /* the file gives CONTIMG_CAL_REGISTRY_DB, not only CAL_REGISTRY_DB */
    size_t n_argument;
    const char **argument; /* [n_argument], borrowed from argv */
};

/* Index of the option with this command-line name or variable, or CI_CONF_OPT_COUNT. */
ci_conf_id ci_conf_find_name(const char *name);
/* The same, of this command where it has one: commands may give one name two meanings. */
ci_conf_id ci_conf_find_option(const char *name, ci_conf_command command);
ci_conf_id ci_conf_find_variable(const char *variable);
/* What is known of a CONTIMG_ name that is no option: retired, or ours to ignore. */
bool ci_conf_is_retired(const char *variable);
/* Replaces a value; checks nothing. */
ci_status ci_conf_set(ci_conf *conf, ci_conf_id id, const char *text, ci_conf_source source,
                      const char *line);
/* Reads KEY=VALUE or INI; fills options, warns of retired and unknown names. */
ci_status ci_conf_file_read(ci_conf *conf, const char *path);
ci_status ci_conf_environment_read(ci_conf *conf);
/* Parses and checks every value that the command uses. */
ci_status ci_conf_validate(ci_conf *conf);

#endif
