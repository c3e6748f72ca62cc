/* cli: one table of subcommands. A command function returns a status; its error text is
 * printed once, by main. */
#ifndef CONTIMG_CLI_H
#define CONTIMG_CLI_H

#include "contimg/conf.h"
#include "contimg/par.h"
#include "contimg/ops.h"
#include "contimg/plan.h"
#include "contimg/registry.h"
#include "contimg/run.h"

/* A row of the table of subcommands. */
typedef struct ci_cli_command
{
    const char *name;
    ci_conf_command command;
    ci_status (*with_mpi)(ci_comm *world, const ci_conf *conf); /* one of the two */
    ci_status (*local)(const ci_conf *conf);
    const char *usage, *about;
    const ci_conf_entry *examples, *files; /* of the man page; files: NULL where none */
    bool options_only;                     /* a word that is no option is an error */
} ci_cli_command;
#define CI_CLI_MAX_COMMAND 32
extern const ci_cli_command ci_cli_commands[]; /* ends with a NULL name */
extern const char ci_cli_about[];
extern const ci_conf_entry ci_cli_examples[];

/* Runs `contimg ARGS`; the process's exit code. Collective. */
int ci_cli_main(int argc, char **argv);

/* CI_ERR_USAGE where a rank has other options or files than rank 0: collective functions follow
 * them. Collective. */
CI_MUST_CHECK ci_status ci_cli_ranks_check(ci_comm *world, const ci_conf *conf);

/* Commands that start MPI: a run, or one stage, files in, files out, no database. */
/* contimg run. Collective. */
CI_MUST_CHECK ci_status ci_cli_run(ci_comm *world, const ci_conf *conf);
/* contimg calibrate. Collective. */
CI_MUST_CHECK ci_status ci_cli_calibrate(ci_comm *world, const ci_conf *conf);
/* contimg image. Collective. */
CI_MUST_CHECK ci_status ci_cli_image(ci_comm *world, const ci_conf *conf);
/* contimg mosaic. Collective. */
CI_MUST_CHECK ci_status ci_cli_mosaic(ci_comm *world, const ci_conf *conf);

/* Commands that need no MPI. */
/* contimg inspect. Local. */
ci_status ci_cli_inspect(const ci_conf *conf);
/* contimg group. Local. */
ci_status ci_cli_group(const ci_conf *conf);
/* A line about files that a scan passes over, and the option that takes them; nothing of none.
 * Local. */
void ci_cli_print_passed_over(size_t n, const char *input);
/* contimg plan. Local. */
ci_status ci_cli_plan(const ci_conf *conf);
/* contimg check. Local. */
ci_status ci_cli_check(const ci_conf *conf);
/* contimg publish. Local. */
ci_status ci_cli_publish(const ci_conf *conf);
/* contimg status. Local. */
ci_status ci_cli_status(const ci_conf *conf);
/* contimg monitor. Local. */
ci_status ci_cli_monitor(const ci_conf *conf);
/* contimg db. Local. */
ci_status ci_cli_db(const ci_conf *conf);
/* contimg clean. Local. */
ci_status ci_cli_clean(const ci_conf *conf);
/* contimg serve. Local. */
ci_status ci_cli_serve(const ci_conf *conf);
/* contimg report. Local. */
ci_status ci_cli_report(const ci_conf *conf);

/* The plan of the groups that contimg run would take next; *is_work: there are any. Local. */
CI_MUST_CHECK ci_status ci_cli_plan_next(const ci_conf *conf, ci_plan *plan, bool *is_work);

/* Products that an operator asks to publish. */
typedef struct ci_cli_retry
{
    const char *id; /* one; "": those that failed, */
    size_t limit;   /* so many at most */
    bool dry_run, as_json;
} ci_cli_retry;
/* What publish --id and --retry-failed do, and the monitor's --retry-failed and --retry-all; one
 * line for each. Local. */
CI_MUST_CHECK ci_status ci_cli_publish_again(const ci_run_site *site, const ci_conf *conf,
                                             const ci_cli_retry *what);

/* Lists of observations, groups, files and products, with who works on them. Local. */
void ci_cli_print_all(const ci_registry *registry, const ci_ops_status *all);
/* The folders of a site whose disks are watched. */
#define CI_CLI_DISKS(site)                                                                         \
    {                                                                                              \
        {"staging", (site)->paths.staging}, {"products", (site)->paths.products},                  \
        {                                                                                          \
            "state", (site)->paths.state                                                           \
        }                                                                                          \
    }
/* Prints and frees. Local. */
CI_MUST_CHECK ci_status ci_cli_print_json(ci_json *record);

#endif
