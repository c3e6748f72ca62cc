#include "cli/cli.h"

#include "contimg/par.h"
#include "contimg/run.h"

#include <stdlib.h>
#include <string.h>

typedef ci_status (*mpi_function)(ci_comm *world, const ci_conf *conf);
typedef ci_status (*local_function)(const ci_conf *conf);

typedef struct
{
    const char *name;
    ci_conf_command command;
    mpi_function with_mpi; /* one of the two */
    local_function local;
    const char *usage, *about;
} command_row;

static const command_row commands[] = {
    {"run", CI_COMMAND_RUN, ci_run_execute, NULL, "contimg run [FILE...] [OPTION...]",
     "From UVH5 files to published images, mosaics, source lists and a report: the files named, "
     "or the oldest complete groups of the input folder."},
    {"calibrate", CI_COMMAND_CALIBRATE, ci_cli_calibrate, NULL,
     "contimg calibrate FILE... --model MODEL.csv --out P [OPTION...]",
     "Solve for bandpass and gains on a model: P.bandpass.calh5 and P.gain.calh5."},
    {"image", CI_COMMAND_IMAGE, ci_cli_image, NULL,
     "contimg image FILE... --out PREFIX [--cal P] [OPTION...]",
     "Image the files of one observation: PREFIX.{dirty,psf,image,residual,model,pb,pbcor}.fits."},
    {"mosaic", CI_COMMAND_MOSAIC, ci_cli_mosaic, NULL,
     "contimg mosaic X.image.fits... --out PREFIX [OPTION...]",
     "Coadd images, each with X.pb.fits beside it: PREFIX.{mosaic,noise,weight}.fits."},
    {"plan", CI_COMMAND_PLAN, NULL, ci_cli_plan, "contimg plan [FILE...] [OPTION...]",
     "What run would do: teams, ranks, memory, disk, time, the sbatch line."},
    {"group", CI_COMMAND_GROUP, NULL, ci_cli_group, "contimg group [OPTION...]",
     "Scan the input folder, form observations and groups, list them."},
    {"check", CI_COMMAND_CHECK, NULL, ci_cli_check, "contimg check [OPTION...]",
     "Is this machine ready: folders, permissions, disk, databases, plugins, Slurm."},
    {"inspect", CI_COMMAND_INSPECT, NULL, ci_cli_inspect, "contimg inspect FILE... [--json]",
     "What is in a UVH5, calibration or FITS file; exit code 3 where it is not usable, and why."},
    {"publish", CI_COMMAND_PUBLISH, NULL, ci_cli_publish,
     "contimg publish --id ID [--dry-run] | --retry-failed [--dry-run] | --recover",
     "Publish staged products: one by name, those that failed, or what a crash left."},
    {"status", CI_COMMAND_STATUS, NULL, ci_cli_status, "contimg status [ID] [--json]",
     "Observations, groups, runs and publishes, and every change of state."},
};
enum
{
    N_COMMAND = sizeof commands / sizeof *commands
};

/* An exit code with all that it may mean, where status i is the first that has it. */
static void print_exit_code(FILE *out, int i)
{
    int code = ci_status_exit_code((ci_status)i);
    if (i > 0 && ci_status_exit_code((ci_status)(i - 1)) == code) return;
    fprintf(out, "  %-3d %s", code, ci_status_text((ci_status)i));
    for (int k = i + 1; k < CI_STATUS_COUNT && ci_status_exit_code((ci_status)k) == code; k++)
        fprintf(out, ", or %s", ci_status_text((ci_status)k));
    fprintf(out, "\n");
}

static void print_usage(FILE *out)
{
    fprintf(out,
            "contimg %s: radio interferometer visibilities (UVH5) to calibrated images, "
            "mosaics and source lists\n\nusage: contimg COMMAND [ARGUMENT...] [OPTION...]\n\n",
            ci_version());
    for (int i = 0; i < N_COMMAND; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fprintf(out, "\ncontimg COMMAND --help lists the options of a command; run, calibrate, image "
                 "and mosaic\nstart MPI, alone or under mpirun or srun.\n\nexit codes:\n");
    for (int i = 0; i < CI_STATUS_COUNT; i++)
        print_exit_code(out, i);
}

static const command_row *find_command(const char *name)
{
    for (int i = 0; i < N_COMMAND; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static ci_status unknown_command(const char *name)
{
    const char *names[N_COMMAND];
    for (int i = 0; i < N_COMMAND; i++)
        names[i] = commands[i].name;
    const char *nearest = ci_str_nearest(name, names, N_COMMAND);
    return ci_error(CI_ERR_USAGE, "no command '%s'%s%s%s; contimg --help lists all", name,
                    nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static void log_begin(const command_row *row, const ci_conf *conf)
{
    const char *file = ci_conf_file(conf);
    ci_log_info("contimg %s %s, configuration: %s", ci_version(), row->name,
                *file ? file : "defaults, no file");
}

static ci_status run_local(const command_row *row, int argc, char **argv)
{
    ci_conf *conf = NULL;
    bool help = false;
    CI_TRY(ci_conf_new(&conf, row->command, argc, argv, &help));
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
    if (status != CI_OK) fprintf(stderr, "contimg: %s\n", ci_error_text());
    return status;
}

/* *is_told: rank 0 has spoken for all. */
static ci_status run_mpi(const command_row *row, int argc, char **argv, bool *is_first,
                         bool *is_told)
{
    ci_comm *world = NULL;
    CI_TRY(ci_par_start(&world));
    *is_first = ci_comm_rank(world) == 0;
    ci_conf *conf = NULL;
    bool help = false;
    size_t before = ci_mem_now();
    /* Every rank reads the same; only rank 0 says what is odd. */
    if (!*is_first) ci_log_set_level(CI_LOG_ERROR);
    ci_status status = ci_par_agree(world, ci_conf_new(&conf, row->command, argc, argv, &help));
    if (status == CI_OK) {
        /* A run stops at a safe point and is resumed; the stages just end. */
        if (row->command == CI_COMMAND_RUN) ci_stop_install();
        if (*is_first) log_begin(row, conf);
        status = row->with_mpi(world, conf);
    }
    ci_conf_free(conf);
    log_kept(world, before);
    /* Before any rank leaves: mpirun kills the others as soon as one ends with a fault. */
    status = ci_par_agree(world, status);
    if (*is_first) status = tell(status);
    *is_told = true;
    return ci_par_end(world, status);
}

static ci_status dispatch(int argc, char **argv, bool *is_first, bool *is_told)
{
    if (argc < 2) return ci_error(CI_ERR_USAGE, "no command given; contimg --help lists all");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return CI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("contimg %s\n", ci_version());
        return CI_OK;
    }
    const command_row *row = find_command(argv[1]);
    if (!row) return unknown_command(argv[1]);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            ci_conf_help(stdout, row->command, row->usage, row->about);
            return CI_OK;
        }
        if (strcmp(argv[i], "--man") == 0) {
            ci_conf_man(stdout, row->command, row->name, row->usage, row->about);
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
    if (!is_told) status = tell(status);
    if (ci_mem_now() != 0 && is_first)
        ci_log_debug("%zu bytes are still counted at exit", ci_mem_now());
    return ci_status_exit_code(status);
}
