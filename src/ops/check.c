/* Is this machine ready: every line ok, warn or FAIL, with the remedy. */
#include "contimg/h5.h"
#include "contimg/ops.h"
#include "ops/copies.h"
#include "ops/logs.h"
#include "contimg/registry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum
{
    LINE_OK,
    LINE_WARN,
    LINE_FAIL
} line_level;

typedef struct
{
    FILE *out;
    ci_json *list; /* NULL: text */
    size_t n_fail, n_warn;
} sheet;

CI_PRINTF(4, 5)
static void line(sheet *s, line_level level, const char *name, const char *format, ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->n_fail += level == LINE_FAIL;
    s->n_warn += level == LINE_WARN;
    if (s->list) {
        ci_json *item = ci_json_object();
        ci_json_put_string(item, "level", words[level]);
        ci_json_put_string(item, "name", name);
        ci_json_put_string(item, "text", text);
        ci_json_put(s->list, NULL, item);
    } else
        fprintf(s->out, "%-4s %-10s %s\n", words[level], name, text);
}

static void check_access(sheet *s, const char *name, const char *path, bool written)
{
    if (access(path, written ? R_OK | W_OK | X_OK : R_OK | X_OK) != 0)
        line(s, LINE_FAIL, name, "%s: no permission to %s for uid %d", path,
             written ? "write" : "read", (int)getuid());
    else
        line(s, LINE_OK, name, "%s", path);
}

static void check_input(sheet *s, const ci_ops_check_options *o)
{
    if (ci_path_is_folder(o->input))
        check_access(s, "input", o->input, false);
    else if (o->input_given)
        line(s, LINE_FAIL, "input", "%s is not a folder: make it, or set --input-dir", o->input);
    else
        line(s, LINE_WARN, "input",
             "%s, the default, is not there: set --input-dir, or name files to run", o->input);
}

static void make_folder(sheet *s, const char *name, const char *path)
{
    if (ci_path_make_folder(path) == CI_OK)
        line(s, LINE_OK, name, "%s: was missing, made", path);
    else
        line(s, LINE_FAIL, name, "%s: make it, writable for this user", ci_error_text());
}

/* A folder that was configured. Where it is missing its disk may not be mounted, and what is
 * written would fill another: it is made when a person says so. */
static void check_base(sheet *s, const ci_ops_check_options *o, const char *name, const char *path,
                       bool run_makes)
{
    char *parent = NULL;
    if (ci_path_is_folder(path)) {
        check_access(s, name, path, true);
    } else if (o->makes && !o->is_local) {
        make_folder(s, name, path);
    } else if (!run_makes) {
        line(s, LINE_FAIL, name,
             "%s is not there: mount its disk, or make it by contimg check --make", path);
    } else if (ci_ops_existing_part(&parent, path) != CI_OK || !ci_path_is_folder(parent) ||
               access(parent, W_OK | X_OK) != 0) {
        line(s, LINE_FAIL, name,
             "%s cannot be made here: go to a folder that is writable, or set --%s-dir", path,
             strcmp(name, "staging") == 0 ? "output" : name);
    } else {
        line(s, LINE_OK, name, "%s: is not there yet, made by the first run", path);
    }
    ci_mem_free(parent);
}

/* What lies below a base that is there is made without being asked. */
static void check_below(sheet *s, const char *name, const char *base, const char *folder)
{
    char *path = NULL;
    if (!ci_path_is_folder(base)) return;
    if (ci_path_join(&path, base, folder) != CI_OK)
        line(s, LINE_FAIL, name, "%s", ci_error_text());
    else if (ci_path_is_folder(path))
        check_access(s, name, path, true);
    else
        make_folder(s, name, path);
    ci_mem_free(path);
}

static void check_space(sheet *s, const char *name, const char *path, double want_gb,
                        double critical_gb, bool only_warn)
{
    char *folder = NULL;
    uint64_t bytes = 0;
    ci_status status = ci_ops_existing_part(&folder, path);
    if (status == CI_OK) status = ci_path_free_bytes(folder, &bytes);
    double free_gb = (double)bytes * 1e-9;
    bool is_critical = free_gb < critical_gb;
    if (status != CI_OK)
        line(s, LINE_FAIL, name, "%s", ci_error_text());
    else if (is_critical)
        line(s, only_warn ? LINE_WARN : LINE_FAIL, name,
             "%s: %.1f GB free, below --disk-critical-gb %g: free some space", folder, free_gb,
             critical_gb);
    else
        line(s, free_gb < want_gb ? LINE_WARN : LINE_OK, name, "%s: %.1f GB free%s", folder,
             free_gb, free_gb < want_gb ? ", less than the operators' checklist asks for" : "");
    ci_mem_free(folder);
}

static void check_databases(sheet *s, const ci_ops_check_options *o)
{
    for (int i = 0; i < CI_DB_COUNT; i++) {
        const char *path = o->databases[i];
        ci_registry_database which = (ci_registry_database)i;
        int version = 0, known = ci_registry_version_known(which);
        if (!ci_path_exists(path))
            line(s, LINE_OK, "database", "%s: not there yet, will be made", path);
        else if (ci_registry_file_verify(path, which, &version) != CI_OK)
            line(s, LINE_FAIL, "database", "%s", ci_error_text());
        else if (version > known)
            line(s, LINE_FAIL, "database",
                 "%s: version %d, and this contimg knows %d: use the newer contimg", path, version,
                 known);
        else
            line(s, LINE_OK, "database", "%s: version %d%s", path, version,
                 version < known ? ", migrated by the first command that writes" : "");
    }
}

/* Daily copies are the site's; a folder of one's own has none. */
static void check_copies(sheet *s, const ci_ops_check_options *o)
{
    double newest_unix_s = 0;
    bool is_there = false;
    for (int i = 0; i < CI_DB_COUNT; i++)
        is_there = is_there || ci_path_exists(o->databases[i]);
    if (o->is_local || !is_there) return;
    if (ci_ops_copies_newest(&newest_unix_s, o->state) != CI_OK) {
        line(s, LINE_WARN, "copies", "%s", ci_error_text());
        return;
    }
    double age_s = ci_clock_unix_s() - newest_unix_s;
    if (isnan(newest_unix_s))
        line(s, LINE_WARN, "copies",
             "%s/backups/daily: no copy of the databases: start contimg-backup.timer", o->state);
    else
        line(s, age_s > CI_OPS_COPY_MAX_AGE_S ? LINE_WARN : LINE_OK, "copies",
             "%s/backups/daily: the newest copy of the databases is %.0f h old%s", o->state,
             age_s / 3600,
             age_s > CI_OPS_COPY_MAX_AGE_S ? ": see systemctl status contimg-backup.timer" : "");
}

static void check_logs(sheet *s, const ci_ops_check_options *o)
{
    ci_ops_log_scan found;
    if (!ci_path_is_folder(o->state)) return;
    if (ci_ops_log_scan_run(&found, o->state, ci_clock_unix_s() - 7 * CI_DAY_S) != CI_OK)
        line(s, LINE_WARN, "logs", "%s", ci_error_text());
    else if (found.n_line > 0)
        line(s, LINE_WARN, "logs",
             "%zu line%s of the last 7 days tell%s of database errors, the last in %s: %s",
             found.n_line, ci_plural(found.n_line), found.n_line == 1 ? "s" : "", found.path,
             found.line);
    else
        line(s, LINE_OK, "logs", "no database errors in %zu log file%s of the last 7 days",
             found.n_file, ci_plural(found.n_file));
}

static void check_filters(sheet *s)
{
    static const struct
    {
        int number;
        const char *name;
    } filters[] = {{32000, "LZF"}, {32008, "bitshuffle"}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (ci_h5_filter_is_there(filters[i].number))
            line(s, LINE_OK, "hdf5", "filter %s", filters[i].name);
        else
            line(s, LINE_WARN, "hdf5",
                 "no filter %s: files compressed with it cannot be read; install Debian's package "
                 "bitshuffle",
                 filters[i].name);
    }
}

static void check_facts(sheet *s)
{
    static const char *const names[] = {"earth_orientation.csv", "perley_butler_2017.csv",
                                        "vla_calibrators.csv", "dsa110_stations.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = NULL;
        if (ci_path_share(&path, names[i]) == CI_OK)
            line(s, LINE_OK, "facts", "%s", path);
        else
            line(s, LINE_FAIL, "facts", "%s", ci_error_text());
        ci_mem_free(path);
    }
}

/* True where a program is on PATH. */
static bool is_program(const char *name)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        char candidate[1024];
        size_t n = strcspn(path, ":");
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)n, path, name);
        if (access(candidate, X_OK) == 0) return true;
        path += n;
        if (*path == ':') path++;
    }
    return false;
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

static void check_slurm(sheet *s)
{
    char text[256];
    if (!is_program("sbatch")) {
        line(s, LINE_WARN, "slurm", "no sbatch on PATH: contimg-submit cannot run");
        return;
    }
    if (!first_line("timeout 10 sinfo -h -o '%P %a, %D nodes of %c cores and %m MB' 2>&1", text))
        line(s, LINE_WARN, "slurm", "sbatch is on PATH, but no controller answers: %s", text);
    else if (!*text)
        line(s, LINE_WARN, "slurm", "no partition that this user may use");
    else
        line(s, LINE_OK, "slurm", "partition %s", text);
    if (first_line("timeout 10 srun --mpi=list 2>&1 | grep -w pmix", text))
        line(s, LINE_OK, "slurm", "srun starts MPI by PMIx");
    else
        line(s, LINE_WARN, "slurm", "srun has no PMIx: jobs start by mpirun");
}

static void check_programs(sheet *s)
{
    line(s, is_program("mpirun") || is_program("srun") ? LINE_OK : LINE_WARN, "mpi",
         is_program("mpirun") ? "mpirun is on PATH"
                              : "no mpirun on PATH: one process, or srun under Slurm");
    check_slurm(s);
    const char *temporary = getenv("TMPDIR");
    if (temporary && !ci_path_is_folder(temporary))
        line(s, LINE_WARN, "tmpdir", "TMPDIR '%s' is no folder: launchers may fail; unset it",
             temporary);
}

ci_status ci_ops_check(const ci_ops_check_options *o, bool as_json, FILE *out)
{
    sheet s = {.out = out, .list = as_json ? ci_json_array() : NULL};
    bool only_warn = o->is_local && !o->disk_critical_given;
    /* What the operators' checklist asks for is asked of who has such a folder. */
    double staging_gb = o->is_local ? 0 : 500, products_gb = o->is_local ? 0 : 2000;
    check_input(&s, o);
    check_base(&s, o, "staging", o->staging, o->run_makes_staging);
    check_base(&s, o, "products", o->products, o->run_makes_products);
    check_base(&s, o, "state", o->state, o->run_makes_state);
    check_below(&s, "logs", o->state, "logs");
    check_space(&s, "staging", o->staging, staging_gb, o->disk_critical_gb, only_warn);
    check_space(&s, "products", o->products, products_gb, o->disk_critical_gb, only_warn);
    check_space(&s, "state", o->state, o->is_local ? 0 : 10, o->disk_critical_gb, only_warn);
    check_databases(&s, o);
    check_copies(&s, o);
    check_logs(&s, o);
    check_filters(&s);
    check_facts(&s);
    check_programs(&s);
    if (as_json) {
        char *text = NULL;
        ci_status status = ci_json_print(&text, s.list, true);
        if (status == CI_OK) fprintf(out, "%s\n", text);
        ci_mem_free(text);
        ci_json_free(s.list);
        CI_TRY(status);
    }
    if (s.n_fail == 0) return CI_OK;
    return ci_error(CI_ERR_NOT_READY, "%zu check%s failed, %zu warn", s.n_fail, ci_plural(s.n_fail),
                    s.n_warn);
}
