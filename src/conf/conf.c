/* The configuration: values from file, environment and command line. */
#include "conf/table.h"

#include <stdlib.h>
#include <string.h>

static const char *const default_files[] = {"/etc/contimg/contimg.env",
                                            "/data/dsa110-contimg/ops/systemd/contimg.env"};

/* ---- command line -------------------------------------------------------------- */

/* The option of this command whose name is nearest; NULL where none is near. */
static const char *nearest_option(const ci_conf *conf, const char *name)
{
    const char *names[CI_CONF_OPT_COUNT + 1];
    size_t n_name = 0;
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        if (ci_conf_rows[i].commands & (unsigned)conf->command)
            names[n_name++] = ci_conf_rows[i].name;
    names[n_name++] = "help";
    return ci_str_nearest(name, names, n_name);
}

static ci_status unknown_option(const ci_conf *conf, const char *name, size_t n)
{
    char given[64];
    snprintf(given, sizeof given, "%.*s", (int)n, name);
    const char *nearest = nearest_option(conf, given);
    bool elsewhere = ci_conf_find_name(given) != CI_CONF_OPT_COUNT;
    return ci_error(CI_ERR_USAGE, "option --%s %s%s%s%s; --help lists all", given,
                    elsewhere ? "is not for this command" : "is unknown",
                    nearest ? ", did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
}

ci_status ci_conf_check_no_argument(const ci_conf *conf, const char *command)
{
    if (conf->n_argument == 0) return CI_OK;
    const char *word = conf->argument[0];
    const char *nearest = nearest_option(conf, word + strspn(word, "-"));
    return ci_error(CI_ERR_USAGE, "contimg %s takes options only, not '%s'%s%s%s", command, word,
                    nearest ? ": did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* `contimg check --config` without a file asks for every value and its origin, as --values does. */
static bool is_question(const ci_conf *conf, int argc, char *const *argv, int i)
{
    return conf->command == CI_CONF_COMMAND_CHECK && strcmp(argv[i], "--config") == 0 &&
           (i + 1 >= argc || strncmp(argv[i + 1], "--", 2) == 0);
}

/* One --name[=value] [value]; *i moves past what was used. */
static ci_status read_option(ci_conf *conf, int argc, char *const *argv, int *i)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    char bare[64] = "";
    if (n < sizeof bare) memcpy(bare, name, n);
    ci_conf_id id = ci_conf_find_option(bare, conf->command);
    if (id == CI_CONF_OPT_COUNT || !(ci_conf_rows[id].commands & (unsigned)conf->command))
        return unknown_option(conf, name, n);
    if (is_question(conf, argc, argv, *i)) id = CI_CONF_OPT_VALUES;
    if (equals) return ci_conf_set(conf, id, equals + 1, CI_CONF_SOURCE_COMMAND_LINE, NULL);
    if (ci_conf_rows[id].type == CI_TYPE_FLAG)
        return ci_conf_set(conf, id, "true", CI_CONF_SOURCE_COMMAND_LINE, NULL);
    if (*i + 1 >= argc)
        return ci_error(CI_ERR_USAGE, "option --%s needs a value (%s)", bare,
                        ci_conf_rows[id].argument);
    return ci_conf_set(conf, id, argv[++*i], CI_CONF_SOURCE_COMMAND_LINE, NULL);
}

static ci_status read_command_line(ci_conf *conf, int argc, char *const *argv)
{
    CI_TRY(ci_mem_alloc(&conf->argument, (size_t)argc + 1, sizeof *conf->argument, "arguments"));
    bool only_arguments = false;
    for (int i = 1; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else if (!only_arguments && strncmp(argv[i], "--", 2) == 0)
            CI_TRY(read_option(conf, argc, argv, &i));
        else if (!only_arguments && argv[i][0] == '-' && argv[i][1] != '\0')
            return ci_error(CI_ERR_USAGE, "option '%s': options begin with two dashes", argv[i]);
        else
            conf->argument[conf->n_argument++] = argv[i];
    }
    return CI_OK;
}

/* --config, else $CONTIMG_CONFIG, else the first default file that is there. */
static ci_status choose_file(ci_conf *conf, int argc, char *const *argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) path = argv[i] + 9;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc && !is_question(conf, argc, argv, i))
            path = argv[i + 1];
    }
    if (!path) path = getenv("CONTIMG_CONFIG");
    for (size_t i = 0; !path && i < sizeof default_files / sizeof *default_files; i++)
        if (ci_path_exists(default_files[i])) path = default_files[i];
    return ci_str_copy(&conf->file, path ? path : "");
}

/* The chosen file and its origin, stored like any other value. */
static ci_status show_file(ci_conf *conf)
{
    const char *variable = getenv("CONTIMG_CONFIG");
    if (ci_conf_source_of(conf, CI_CONF_OPT_CONFIG) == CI_CONF_SOURCE_COMMAND_LINE) return CI_OK;
    /* An empty value means no file. */
    bool is_of_environment = variable && *variable;
    return ci_conf_set(conf, CI_CONF_OPT_CONFIG, conf->file,
                       is_of_environment ? CI_CONF_SOURCE_ENVIRONMENT : CI_CONF_SOURCE_DEFAULT,
                       NULL);
}

static ci_status fill(ci_conf *conf, int argc, char *const *argv)
{
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++)
        CI_TRY(ci_conf_set(conf, (ci_conf_id)i, ci_conf_rows[i].missing, CI_CONF_SOURCE_DEFAULT,
                           NULL));
    CI_TRY(choose_file(conf, argc, argv));
    if (conf->file[0]) CI_TRY(ci_conf_file_read(conf, conf->file));
    CI_TRY(ci_conf_environment_read(conf));
    CI_TRY(read_command_line(conf, argc, argv));
    CI_TRY(show_file(conf));
    CI_TRY(ci_conf_validate(conf));
    ci_log_level level = CI_LOG_INFO;
    CI_TRY(ci_log_level_parse(ci_conf_text(conf, CI_CONF_OPT_LOG_LEVEL), &level));
    ci_log_set_level(level);
    return CI_OK;
}

ci_status ci_conf_new(ci_conf **out, ci_conf_command command, int argc, char *const *argv,
                      bool *asked_help)
{
    *out = NULL;
    *asked_help = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) *asked_help = true;
    if (*asked_help) return CI_OK;
    CI_TRY(ci_mem_alloc(out, 1, sizeof **out, "configuration"));
    (*out)->command = command;
    ci_status status = fill(*out, argc, argv);
    if (status != CI_OK) {
        ci_conf_free(*out);
        *out = NULL;
    }
    return status;
}

void ci_conf_free(ci_conf *conf)
{
    if (!conf) return;
    for (int i = 0; i < CI_CONF_OPT_COUNT; i++) {
        ci_mem_free(conf->value[i].text);
        ci_mem_free(conf->value[i].line);
    }
    ci_mem_free(conf->argument);
    ci_mem_free(conf->warned.text);
    ci_mem_free(conf->file);
    ci_mem_free(conf);
}
