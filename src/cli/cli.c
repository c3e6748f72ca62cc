/* The program: finds the subcommand, runs it, and tells how it ended. */
#include "cli/cli.h"

#include "contimg/base_log.h"
#include "contimg/par.h"

#include <stdlib.h>
#include <string.h>

static void print_usage(FILE *out)
{
    fprintf(out,
            "contimg %s: radio interferometer visibilities (UVH5) to calibrated images, "
            "mosaics and source lists\n\nusage: contimg COMMAND [ARGUMENT...] [OPTION...]\n\n",
            ci_version());
    for (const ci_cli_command *row = ci_cli_commands; row->name; row++)
        fprintf(out, "  %-10s %s\n", row->name, row->about);
    fprintf(out, "\ncontimg COMMAND --help lists the options of a command; run, calibrate, image "
                 "and mosaic\nstart MPI, alone or under mpirun or srun.\n\nexit codes:\n");
    for (ci_status i = CI_OK; i < CI_STATUS_COUNT; i++) {
        char text[CI_CONF_EXIT_TEXT];
        if (ci_conf_exit_text(i, text)) fprintf(out, "  %-3d %s\n", ci_status_exit_code(i), text);
    }
}

static const ci_cli_command *find_command(const char *name)
{
    for (const ci_cli_command *row = ci_cli_commands; row->name; row++)
        if (strcmp(row->name, name) == 0) return row;
    return NULL;
}

static ci_status unknown_command(const char *name)
{
    const char *names[CI_CLI_MAX_COMMAND];
    size_t n = 0;
    while (n < CI_CLI_MAX_COMMAND && ci_cli_commands[n].name) {
        names[n] = ci_cli_commands[n].name;
        n++;
    }
    const char *nearest = ci_str_nearest(name, names, n);
    return ci_error(CI_ERR_USAGE, "no command '%s'%s%s%s; contimg --help lists all", name,
                    nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static void log_begin(const ci_cli_command *row, const ci_conf *conf)
{
    const char *file = ci_conf_file(conf);
    /* Quiet: nothing but what somebody must see. */
    if (ci_conf_bool(conf, CI_CONF_OPT_QUIET)) ci_log_set_level(CI_LOG_WARNING);
    ci_log_set_split(ci_conf_bool(conf, CI_CONF_OPT_LOG_SPLIT));
    ci_log_info("contimg %s %s, configuration: %s", ci_version(), row->name,
                *file ? file : "defaults, no file");
}

/* Options and words of a command; *conf is the caller's, NULL on errors. */
static ci_status read_words(ci_conf **conf, const ci_cli_command *row, int argc, char **argv)
{
    bool help = false;
    CI_TRY(ci_conf_new(conf, row->command, argc, argv, &help));
    ci_status status = row->options_only ? ci_conf_check_no_argument(*conf, row->name) : CI_OK;
    if (status == CI_OK) return CI_OK;
    ci_conf_free(*conf);
    *conf = NULL;
    return status;
}

static ci_status run_local(const ci_cli_command *row, int argc, char **argv)
{
    ci_conf *conf = NULL;
    CI_TRY(read_words(&conf, row, argc, argv));
    log_begin(row, conf);
    ci_status status = row->local(conf);
    ci_conf_free(conf);
    return status;
}

/* Memory that a command has not given back, the greatest of all ranks. Collective. */
static void log_kept(ci_comm *world, size_t before)
{
    int64_t kept = (int64_t)ci_mem_now() - (int64_t)before;
    if (ci_par_max_int(world, &kept, 1) == CI_OK && kept > 0)
        ci_log_debug("%lld bytes are still counted at exit on some rank", (long long)kept);
}

/* Results out, and the one line that says what went wrong. */
static ci_status tell(ci_status status)
{
    if (fflush(stdout) != 0 && status == CI_OK)
        status = ci_error(CI_ERR_IO, "standard output: cannot be written");
    /* Alerts are the monitor's result, and told by it. */
    if (status != CI_OK && status != CI_ERR_ALERT)
        fprintf(stderr, "contimg: %s\n", ci_error_text());
    return status;
}

/* --isa, where the command has it. Collective. */
static ci_status isa_force(ci_comm *world, const ci_conf *conf)
{
    const char *name = ci_conf_text(conf, CI_CONF_OPT_ISA);
    ci_isa isa = ci_comm_isa(world);
    CI_AGREE(world, strcasecmp(name, "auto") == 0 ? CI_OK : ci_isa_parse(name, &isa));
    CI_TRY(ci_comm_isa_set(world, isa));
    ci_log_debug("instruction set: %s", ci_isa_name(ci_comm_isa(world)));
    return CI_OK;
}

/* *is_told: rank 0 has spoken for all. */
static ci_status run_mpi(const ci_cli_command *row, int argc, char **argv, bool *is_first,
                         bool *is_told)
{
    ci_comm *world = NULL;
    CI_TRY(ci_par_start(&world));
    *is_first = ci_comm_rank(world) == 0;
    ci_conf *conf = NULL;
    size_t before = ci_mem_now();
    /* Every rank reads the same; only rank 0 warns. */
    if (!*is_first) ci_log_set_level(CI_LOG_ERROR);
    ci_status status = ci_par_agree(world, read_words(&conf, row, argc, argv));
    if (status == CI_OK) status = ci_cli_ranks_check(world, conf);
    if (status == CI_OK) {
        /* A run stops at a safe point and is resumed; the stages just end. */
        if (row->command == CI_CONF_COMMAND_RUN) ci_stop_install();
        if (*is_first) log_begin(row, conf);
        status = isa_force(world, conf);
        if (status == CI_OK) status = row->with_mpi(world, conf);
    }
    ci_conf_free(conf);
    log_kept(world, before);
    /* Before any rank leaves: mpirun kills the others as soon as one ends with a fault. */
    status = ci_par_agree(world, status);
    if (*is_first) status = tell(status);
    *is_told = true;
    return ci_par_end(world, status);
}

/* The page of a command; NULL: of the program. */
static void print_man(const ci_cli_command *row)
{
    char names[CI_CLI_MAX_COMMAND][32];
    const char *pages[CI_CLI_MAX_COMMAND + 3] = {"contimg"};
    ci_conf_entry commands[CI_CLI_MAX_COMMAND + 1] = {{NULL, NULL}};
    size_t n = 0;
    for (; n < CI_CLI_MAX_COMMAND && ci_cli_commands[n].name; n++) {
        snprintf(names[n], sizeof names[n], "contimg-%s", ci_cli_commands[n].name);
        pages[n + 1] = names[n];
        commands[n] = (ci_conf_entry){ci_cli_commands[n].name, ci_cli_commands[n].about};
    }
    pages[n + 1] = "contimg-sim";
    ci_conf_page page = {.name = "",
                         .usage = "contimg COMMAND [ARGUMENT...] [OPTION...]",
                         .about = ci_cli_about,
                         .commands = commands,
                         .examples = ci_cli_examples,
                         .see_also = pages};
    if (row)
        page = (ci_conf_page){row->command, row->name,     row->usage, row->about,
                              NULL,         row->examples, row->files, pages};
    ci_conf_man(stdout, &page);
}

/* CI_ERR_USAGE for --help=WHAT, wherever it stands before "--". */
static ci_status check_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], "--help=", 7) == 0)
            return ci_error(CI_ERR_USAGE,
                            "%s: --help takes no value; contimg COMMAND --help explains a command, "
                            "contimg --help lists all",
                            argv[i]);
    return CI_OK;
}

static ci_status dispatch(int argc, char **argv, bool *is_first, bool *is_told)
{
    if (argc < 2) return ci_error(CI_ERR_USAGE, "no command given; contimg --help lists all");
    CI_TRY(check_help(argc, argv));
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return CI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("contimg %s\n", ci_version());
        return CI_OK;
    }
    if (strcmp(argv[1], "--man") == 0) {
        print_man(NULL);
        return CI_OK;
    }
    const ci_cli_command *row = find_command(argv[1]);
    if (!row) return unknown_command(argv[1]);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            ci_conf_help(stdout, row->command, row->usage, row->about);
            return CI_OK;
        }
        if (strcmp(argv[i], "--man") == 0) {
            print_man(row);
            return CI_OK;
        }
    }
    return row->local ? run_local(row, argc - 1, argv + 1)
                      : run_mpi(row, argc - 1, argv + 1, is_first, is_told);
}

int ci_cli_main(int argc, char **argv)
{
    bool is_first = true, is_told = false;
    ci_status status = dispatch(argc, argv, &is_first, &is_told);
    ci_log_progress_end();
    if (!is_told) status = tell(status);
    if (ci_mem_now() != 0 && is_first)
        ci_log_debug("%zu bytes are still counted at exit", ci_mem_now());
    return ci_status_exit_code(status);
}
