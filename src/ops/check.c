/* Is this machine ready: every line ok, warn or FAIL, with the remedy. */
#include "contimg/h5.h"
#include "contimg/ops.h"
#include "ops/copies.h"
#include "ops/logs.h"
#include "ops/sheet.h"
#include "contimg/registry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_access(ci_ops_sheet *s, const char *name, const char *path, bool written)
{
    if (access(path, written ? R_OK | W_OK | X_OK : R_OK | X_OK) != 0)
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, name, "%s: no permission to %s for uid %d", path,
                          written ? "write" : "read", (int)getuid());
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, name, "%s", path);
}

static void check_input(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    if (ci_path_is_folder(o->input))
        check_access(s, "input", o->input, false);
    else if (o->input_given)
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "input",
                          "%s is not a folder: make it, or set --input-dir", o->input);
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "input",
                          "%s, the default, is not there: set --input-dir, or name files to run",
                          o->input);
}

static void make_folder(ci_ops_sheet *s, const char *name, const char *path)
{
    if (ci_path_make_folder(path) == CI_OK)
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, name, "%s: was missing, made", path);
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, name, "%s: make it, writable for this user",
                          ci_error_text());
}

/* One of the folders that are configured. */
typedef struct
{
    const char *name, *option; /* of the line; without "--" */
    const char *path;
    bool run_makes;
} base_folder;

/* A folder that was configured. Where it is missing its disk may not be mounted, and what is
 * written would fill another: it is made when a person says so. */
static void check_base(ci_ops_sheet *s, const ci_ops_check_options *o, base_folder f)
{
    const char *name = f.name, *path = f.path;
    char *parent = NULL;
    if (ci_path_is_folder(path)) {
        check_access(s, name, path, true);
    } else if (o->makes && !o->dry_run && !o->is_local) {
        make_folder(s, name, path);
    } else if (!f.run_makes) {
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, name,
                          "%s is not there: mount its disk, or make it by contimg check --make",
                          path);
    } else if (ci_ops_existing_part(&parent, path) != CI_OK || !ci_path_is_folder(parent) ||
               access(parent, W_OK | X_OK) != 0) {
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, name,
                          "%s cannot be made here: go to a folder that is writable, or set --%s",
                          path, f.option);
    } else {
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, name, "%s: is not there yet, made by the first run",
                          path);
    }
    ci_mem_free(parent);
}

/* What lies below a base that is there is made without being asked. */
static void check_below(ci_ops_sheet *s, const ci_ops_check_options *o, const char *name,
                        const char *base, const char *folder)
{
    char *path = NULL;
    if (!ci_path_is_folder(base)) return;
    if (ci_path_join(&path, base, folder) != CI_OK)
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, name, "%s", ci_error_text());
    else if (ci_path_is_folder(path))
        check_access(s, name, path, true);
    else if (o->dry_run)
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, name, "%s: is not there yet, would be made", path);
    else
        make_folder(s, name, path);
    ci_mem_free(path);
}

/* The folders that are written to, and what is asked of their disks. */
typedef struct
{
    const char *name, *path;
    double want_gb, writes_gb; /* the operators' checklist; what the groups that are ready write */
} space_folder;
enum
{
    N_SPACE = 3
};

/* What is written to the disk of folder i: folders may share one. */
static double writes_gb_to(const space_folder f[N_SPACE], int i)
{
    struct stat self, other;
    double sum_gb = f[i].writes_gb;
    if (stat(f[i].path, &self) != 0) return sum_gb;
    for (int k = 0; k < N_SPACE; k++)
        if (k != i && stat(f[k].path, &other) == 0 && other.st_dev == self.st_dev)
            sum_gb += f[k].writes_gb;
    return sum_gb;
}

static void check_space(ci_ops_sheet *s, const ci_ops_check_options *o,
                        const space_folder f[N_SPACE], int i)
{
    char *folder = NULL;
    uint64_t bytes = 0;
    ci_status status = ci_ops_existing_part(&folder, f[i].path);
    if (status == CI_OK) status = ci_path_free_bytes(folder, &bytes);
    double free_gb = (double)bytes * 1e-9, writes_gb = writes_gb_to(f, i);
    bool only_warn = o->is_local && !o->disk_critical_given;
    if (status != CI_OK)
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, f[i].name, "%s", ci_error_text());
    else if (free_gb < writes_gb)
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, f[i].name,
                          "%s: %.1f GB free, and the groups that are ready write %.1f GB to its "
                          "disk (contimg plan): free some space",
                          folder, free_gb, writes_gb);
    else if (free_gb < o->disk_critical_gb)
        ci_ops_sheet_line(s, only_warn ? CI_OPS_LINE_WARN : CI_OPS_LINE_FAIL, f[i].name,
                          "%s: %.1f GB free, below --disk-critical-gb %g: free some space", folder,
                          free_gb, o->disk_critical_gb);
    else
        ci_ops_sheet_line(s, free_gb < f[i].want_gb ? CI_OPS_LINE_WARN : CI_OPS_LINE_OK, f[i].name,
                          "%s: %.1f GB free%s", folder, free_gb,
                          free_gb < f[i].want_gb ? ", less than the operators' checklist asks for"
                                                 : "");
    ci_mem_free(folder);
}

static void check_spaces(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    /* What the operators' checklist asks for is asked of who has such a folder. */
    const double asked = o->is_local ? 0 : 1;
    const space_folder f[N_SPACE] = {{"staging", o->staging, 500 * asked, o->staging_writes_gb},
                                     {"products", o->products, 2000 * asked, o->products_writes_gb},
                                     {"state", o->state, 10 * asked, o->state_writes_gb}};
    for (int i = 0; i < N_SPACE; i++)
        check_space(s, o, f, i);
    if (o->conf_fault) ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "config", "%s", o->conf_fault);
    if (o->plan_fault)
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "plan",
                          "what the groups that are ready write is not known: %s", o->plan_fault);
}

static void check_databases(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++) {
        const char *path = o->databases[i];
        ci_registry_database which = (ci_registry_database)i;
        int version = 0, known = ci_registry_version_known(which);
        if (!ci_path_exists(path))
            ci_ops_sheet_line(s, CI_OPS_LINE_OK, "database", "%s: not there yet, will be made",
                              path);
        else if (ci_registry_file_verify(path, which, &version) != CI_OK)
            ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "database", "%s", ci_error_text());
        else if (version > known)
            ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "database",
                              "%s: version %d, and this contimg knows %d: use the newer contimg",
                              path, version, known);
        else
            ci_ops_sheet_line(s, CI_OPS_LINE_OK, "database", "%s: version %d%s", path, version,
                              version < known ? ", migrated by the first command that writes" : "");
    }
}

/* Daily copies are the site's; a folder of one's own has none. */
static void check_copies(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    double newest_unix_s = 0;
    bool is_there = false;
    for (int i = 0; i < CI_REGISTRY_DB_COUNT; i++)
        is_there = is_there || ci_path_exists(o->databases[i]);
    if (o->is_local || !is_there) return;
    if (ci_ops_copies_newest(&newest_unix_s, o->state) != CI_OK) {
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "copies", "%s", ci_error_text());
        return;
    }
    double age_s = ci_clock_unix_s() - newest_unix_s;
    if (isnan(newest_unix_s))
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "copies",
                          "%s/backups/daily: no copy of the databases: start contimg-backup.timer",
                          o->state);
    else
        ci_ops_sheet_line(
            s, age_s > CI_OPS_COPY_MAX_AGE_S ? CI_OPS_LINE_WARN : CI_OPS_LINE_OK, "copies",
            "%s/backups/daily: the newest copy of the databases is %.0f h old%s", o->state,
            age_s / 3600,
            age_s > CI_OPS_COPY_MAX_AGE_S ? ": see systemctl status contimg-backup.timer" : "");
}

static void check_logs(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    ci_ops_log_scan found;
    if (!ci_path_is_folder(o->state)) return;
    if (ci_ops_log_scan_run(&found, o->state, ci_clock_unix_s() - 7 * CI_DAY_S) != CI_OK)
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "logs", "%s", ci_error_text());
    else if (found.n_line > 0)
        ci_ops_sheet_line(
            s, CI_OPS_LINE_WARN, "logs",
            "%zu line%s of the last 7 days tell%s of database errors, the last in %s: %s",
            found.n_line, ci_plural(found.n_line), found.n_line == 1 ? "s" : "", found.path,
            found.line);
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, "logs",
                          "no database errors in %zu log file%s of the last 7 days", found.n_file,
                          ci_plural(found.n_file));
}

static void check_filters(ci_ops_sheet *s)
{
    static const struct
    {
        int number;
        const char *name;
    } filters[] = {{32000, "LZF"}, {32008, "bitshuffle"}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (ci_h5_filter_is_there(filters[i].number))
            ci_ops_sheet_line(s, CI_OPS_LINE_OK, "hdf5", "filter %s", filters[i].name);
        else
            ci_ops_sheet_line(
                s, CI_OPS_LINE_WARN, "hdf5",
                "no filter %s: files compressed with it cannot be read; install Debian's package "
                "bitshuffle",
                filters[i].name);
    }
}

static void check_facts(ci_ops_sheet *s)
{
    static const char *const names[] = {"earth_orientation.csv", "perley_butler_2017.csv",
                                        "vla_calibrators.csv", "dsa110_stations.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = NULL;
        if (ci_path_share(&path, names[i]) == CI_OK)
            ci_ops_sheet_line(s, CI_OPS_LINE_OK, "facts", "%s", path);
        else
            ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "facts", "%s", ci_error_text());
        ci_mem_free(path);
    }
}

/* First line of what a command prints, and whether it ended well; commands are our own. */
static bool first_line(const char *command, char out[256])
{
    out[0] = '\0';
    FILE *pipe = popen(command, "r");
    if (!pipe) return false;
    char rest[256];
    if (fgets(out, 256, pipe))
        while (fgets(rest, sizeof rest, pipe))
            continue;
    out[strcspn(out, "\n")] = '\0';
    return pclose(pipe) == 0;
}

static void check_slurm(ci_ops_sheet *s)
{
    char text[256];
    if (!ci_ops_is_program("sbatch")) {
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "slurm",
                          "no sbatch on PATH: contimg-submit cannot run");
        return;
    }
    if (!first_line("timeout 10 sinfo -h -o '%P %a, %D nodes of %c cores and %m MB' 2>&1", text))
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "slurm",
                          "sbatch is on PATH, but no controller answers: %s", text);
    else if (!*text)
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "slurm", "no partition that this user may use");
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, "slurm", "partition %s", text);
    if (first_line("timeout 10 srun --mpi=list 2>&1 | grep -w pmix", text))
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, "slurm", "srun starts MPI by PMIx");
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "slurm", "srun has no PMIx: jobs start by mpirun");
}

static void check_programs(ci_ops_sheet *s)
{
    ci_ops_sheet_line(s,
                      ci_ops_is_program("mpirun") || ci_ops_is_program("srun") ? CI_OPS_LINE_OK
                                                                               : CI_OPS_LINE_WARN,
                      "mpi",
                      ci_ops_is_program("mpirun")
                          ? "mpirun is on PATH"
                          : "no mpirun on PATH: one process, or srun under Slurm");
    check_slurm(s);
    const char *temporary = getenv("TMPDIR");
    if (temporary && !ci_path_is_folder(temporary))
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "tmpdir",
                          "TMPDIR '%s' is no folder: launchers may fail; unset it", temporary);
}

static ci_status json_print(const ci_ops_sheet *s, FILE *out)
{
    char *text = NULL;
    if (s->status != CI_OK) return ci_error(s->status, "no memory for the lines of check");
    ci_json *list = ci_ops_sheet_json(s);
    ci_status status = ci_json_print(&text, list, true);
    if (text) fprintf(out, "%s\n", text);
    ci_mem_free(text);
    ci_json_free(list);
    return status;
}

ci_status ci_ops_check(const ci_ops_check_options *o, bool as_json, FILE *out)
{
    ci_ops_sheet s = {.out = as_json ? NULL : out};
    check_input(&s, o);
    check_base(&s, o, (base_folder){"staging", "output-dir", o->staging, o->run_makes_staging});
    check_base(&s, o,
               (base_folder){"products", "products-dir", o->products, o->run_makes_products});
    check_base(&s, o, (base_folder){"state", "state-dir", o->state, o->run_makes_state});
    check_below(&s, o, "logs", o->state, "logs");
    check_spaces(&s, o);
    check_databases(&s, o);
    check_copies(&s, o);
    check_logs(&s, o);
    check_filters(&s);
    check_facts(&s);
    check_programs(&s);
    if (o->shared_with) ci_ops_shared_check(&s, o);
    if (o->nodes) ci_ops_nodes_check(&s, o);
    size_t n_fail = s.n_fail, n_warn = s.n_warn;
    ci_status status = as_json ? json_print(&s, out) : CI_OK;
    ci_ops_sheet_clear(&s);
    CI_TRY(status);
    if (n_fail == 0) return CI_OK;
    return ci_error(CI_ERR_NOT_READY, "%zu check%s failed, %zu warn", n_fail, ci_plural(n_fail),
                    n_warn);
}
