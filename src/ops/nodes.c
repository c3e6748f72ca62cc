/* contimg check --nodes: the same check on every node of the cluster, and whether the folders there
 * are the same ones. Who asks leaves a marker file in each folder that is written to; a node that
 * sees it there has the same folder. */
#include "contimg/base_file.h"
#include "ops/sheet.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
    N_BASE = 3,      /* folders that are written to */
    ALLOCATE_S = 30, /* how long a busy node is waited for */
    ANSWER_S = 120,  /* how long one node may take in all */
    SETTLED_S = 60   /* age at which a file of the input folder stays what it is */
};

static const char *base_of(const ci_ops_check_options *o, int i, const char **name)
{
    const char *const paths[N_BASE] = {o->staging, o->products, o->state};
    static const char *const names[N_BASE] = {"staging", "products", "state"};
    if (name) *name = names[i];
    return paths[i];
}

/* ---- markers --------------------------------------------------------------------------------- */

static ci_status marker_path(char **out, const char *base, const char *token)
{
    return ci_str_format(out, "%s/.contimg-check-%s", base, token);
}

/* The last by name of the input folder's files that are at rest, "" where there is none. */
static void input_file(const char *input, char name[256], int64_t *n_byte)
{
    double now_unix_s = ci_clock_unix_s();
    DIR *dir = opendir(input);
    name[0] = '\0';
    *n_byte = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat facts;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, name) <= 0) continue;
        if (strlen(entry->d_name) > 255 || strchr(entry->d_name, '\n')) continue;
        if (fstatat(dirfd(dir), entry->d_name, &facts, 0) != 0 || !S_ISREG(facts.st_mode)) continue;
        if (now_unix_s - (double)facts.st_mtime < SETTLED_S) continue;
        snprintf(name, 256, "%s", entry->d_name);
        *n_byte = facts.st_size;
    }
    if (dir) closedir(dir);
}

static ci_status marker_write(const char *base, const char *token, const char *text)
{
    char *path = NULL;
    int fd;
    CI_TRY(marker_path(&path, base, token));
    ci_status status = ci_file_create(&fd, path);
    if (status == CI_OK) {
        status = ci_file_put(fd, path, text, strlen(text));
        if (close(fd) != 0 && status == CI_OK) status = ci_error_errno(errno, path, "close");
    }
    ci_mem_free(path);
    return status;
}

static ci_status markers_write(const ci_ops_check_options *o, const char *token)
{
    char name[256], *text = NULL;
    int64_t n_byte;
    input_file(o->input, name, &n_byte);
    CI_TRY(
        ci_str_format(&text, "version %s\ninput %lld %s\n", ci_version(), (long long)n_byte, name));
    ci_status status = CI_OK;
    for (int i = 0; status == CI_OK && i < N_BASE; i++)
        status = marker_write(base_of(o, i, NULL), token, text);
    ci_mem_free(text);
    return status;
}

static void markers_remove(const ci_ops_check_options *o, const char *token)
{
    for (int i = 0; i < N_BASE; i++) {
        char *path = NULL;
        if (marker_path(&path, base_of(o, i, NULL), token) == CI_OK) unlink(path);
        ci_mem_free(path);
    }
}

/* ---- on the node ----------------------------------------------------------------------------- */

static bool is_token(const char *token)
{
    for (const char *p = token; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.') return false;
    return *token != '\0';
}

static void check_version(ci_ops_sheet *s, const char *text)
{
    size_t n = strcspn(text, "\n");
    if (strlen(ci_version()) == n && strncmp(text, ci_version(), n) == 0)
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, "version", "contimg %s", ci_version());
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "version",
                          "contimg %s here, %.*s where it was asked: install the same one",
                          ci_version(), (int)n, text);
}

static void check_input_shared(ci_ops_sheet *s, const char *input, const char *text)
{
    char name[256] = "", *path = NULL;
    long long n_byte = 0;
    struct stat facts;
    if (sscanf(text, "input %lld %255[^\n]", &n_byte, name) < 2) {
        ci_ops_sheet_line(s, CI_OPS_LINE_WARN, "shared",
                          "%s: no file in it is at rest: whether it is the same folder here cannot "
                          "be told",
                          input);
        return;
    }
    bool is_same = ci_path_join(&path, input, name) == CI_OK && stat(path, &facts) == 0 &&
                   facts.st_size == n_byte;
    if (is_same)
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, "shared", "%s", input);
    else
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "shared",
                          "%s: has no %s of %lld bytes here: not the same folder; mount it", input,
                          name, n_byte);
    ci_mem_free(path);
}

void ci_ops_shared_check(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    char *said = NULL;
    if (!is_token(o->shared_with)) {
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "shared",
                          "--shared-with: '%s' is no token of --nodes", o->shared_with);
        return;
    }
    for (int i = 0; i < N_BASE; i++) {
        const char *name, *base = base_of(o, i, &name);
        char *path = NULL;
        ci_mem_free(said);
        said = NULL;
        if (marker_path(&path, base, o->shared_with) == CI_OK &&
            ci_file_read(&said, NULL, path) == CI_OK)
            ci_ops_sheet_line(s, CI_OPS_LINE_OK, "shared", "%s", base);
        else
            ci_ops_sheet_line(
                s, CI_OPS_LINE_FAIL, "shared",
                "%s: what was written there is not seen here: not the same %s folder; "
                "mount it",
                base, name);
        ci_mem_free(path);
    }
    const char *input = said ? strchr(said, '\n') : NULL;
    if (input && strncmp(said, "version ", 8) == 0) {
        check_version(s, said + 8);
        check_input_shared(s, o->input, input + 1);
    }
    ci_mem_free(said);
    ci_error_clear();
}

/* ---- where it is asked ----------------------------------------------------------------------- */

/* A word of a shell's command. */
static ci_status word_append(ci_text *command, const char *word)
{
    CI_TRY(ci_text_append(command, " '"));
    for (const char *p = word; *p; p++)
        CI_TRY(ci_text_append(command, *p == '\'' ? "'\\''" : "%c", *p));
    return ci_text_append(command, "'");
}

/* What a command writes, and how it ends (-1: by a signal). */
static ci_status output_of(const char *command, ci_text *out, int *code)
{
    char part[512];
    FILE *pipe = popen(command, "r");
    if (!pipe) return ci_error_errno(errno, command, "start");
    ci_status status = CI_OK;
    for (size_t n; (n = fread(part, 1, sizeof part - 1, pipe)) > 0;) {
        part[n] = '\0';
        if (status == CI_OK) status = ci_text_append(out, "%s", part);
    }
    int how = pclose(pipe);
    *code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    return status;
}

static ci_status node_command(ci_text *command, const ci_ops_check_options *o, const char *node,
                              const char *partition, const char *token)
{
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0) return ci_error_errno(errno, "/proc/self/exe", "read");
    program[n] = '\0';
    CI_TRY(ci_text_append(command,
                          "timeout -k 5 %d srun --quiet --immediate=%d --nodes=1 --ntasks=1 "
                          "--mem=512 --time=5 --job-name=contimg-check",
                          ANSWER_S, ALLOCATE_S));
    CI_TRY(word_append(command, "--partition"));
    CI_TRY(word_append(command, partition));
    CI_TRY(word_append(command, "--nodelist"));
    CI_TRY(word_append(command, node));
    CI_TRY(word_append(command, program));
    CI_TRY(ci_text_append(command, " check --json --log-level ERROR --shared-with"));
    CI_TRY(word_append(command, token));
    for (size_t i = 0; i < o->n_argument; i++)
        CI_TRY(word_append(command, o->argument[i]));
    return ci_text_append(command, " 2>&1 </dev/null");
}

/* The lines of a node: what is not ok there; a warning that holds here too is not told again. */
static void node_lines(ci_ops_sheet *s, const char *node, const ci_ops_sheet *there)
{
    for (size_t i = 0; i < there->n; i++) {
        const ci_ops_line *line = &there->item[i];
        if (line->level == CI_OPS_LINE_OK) continue;
        if (line->level == CI_OPS_LINE_WARN && ci_ops_sheet_warns(s, line->name)) continue;
        ci_ops_sheet_line(s, line->level, node, "%s: %s", line->name, line->text);
    }
    if (there->n_fail == 0)
        ci_ops_sheet_line(s, CI_OPS_LINE_OK, node,
                          "%zu lines, none FAIL; the same contimg and the same folders", there->n);
}

/* The lines in the JSON that a node printed; srun's own words may stand about it. False: there is
 * none. */
static bool node_answer(ci_ops_sheet *there, const char *text)
{
    ci_json *list = NULL;
    char *copy = NULL;
    const char *begin = text && *text == '[' ? text : NULL, *end = NULL;
    if (!begin && text && (begin = strstr(text, "\n["))) begin++;
    if (begin) end = strrchr(begin, ']');
    bool is_there = end && ci_str_format(&copy, "%.*s", (int)(end + 1 - begin), begin) == CI_OK &&
                    ci_json_parse(&list, copy, "answer") == CI_OK &&
                    ci_ops_sheet_parse(there, list) == CI_OK;
    ci_json_free(list);
    ci_mem_free(copy);
    ci_error_clear();
    return is_there;
}

static ci_status node_check(ci_ops_sheet *s, const ci_ops_check_options *o, const char *node,
                            const char *partition, const char *token)
{
    ci_text command = {0}, answer = {0};
    int code = 0;
    ci_status status = node_command(&command, o, node, partition, token);
    if (status == CI_OK) status = output_of(command.text, &answer, &code);
    if (status == CI_OK) {
        const char *text = answer.text ? answer.text : "";
        ci_ops_sheet there = {0};
        bool is_busy = strstr(text, "allocate resources") || strstr(text, "not available");
        if (node_answer(&there, text))
            node_lines(s, node, &there);
        else
            ci_ops_sheet_line(s, is_busy ? CI_OPS_LINE_WARN : CI_OPS_LINE_FAIL, node,
                              "%s (exit code %d): %.*s",
                              is_busy ? "is busy, not looked at" : "contimg does not answer there",
                              code, (int)strcspn(text, "\n"), text);
        ci_ops_sheet_clear(&there);
    }
    ci_mem_free(command.text);
    ci_mem_free(answer.text);
    return status;
}

static bool is_up(const char *state)
{
    static const char *const up[] = {"idle", "mix", "alloc", "comp", "plnd", "resv"};
    size_t n = strcspn(state, "*~#!%$@^-+");
    if (strchr(state, '*')) return false; /* does not answer the controller */
    for (size_t i = 0; i < sizeof up / sizeof *up; i++)
        if (n >= strlen(up[i]) && strncmp(state, up[i], strlen(up[i])) == 0) return true;
    return false;
}

/* Each node of sinfo's lines once, in the first partition that has it. */
static ci_status each_node(ci_ops_sheet *s, const ci_ops_check_options *o, const char *lines,
                           const char *token)
{
    char node[256], partition[256], state[64], seen[256] = "";
    for (const char *line = lines; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%255s %255s %63s", node, partition, state) != 3) continue;
        if (strcmp(node, seen) == 0) continue; /* sinfo -N sorts by node */
        snprintf(seen, sizeof seen, "%s", node);
        partition[strcspn(partition, "*")] = '\0';
        if (ci_stop_asked()) return ci_error(CI_ERR_STOPPED, "stopped on request before %s", node);
        if (is_up(state))
            CI_TRY(node_check(s, o, node, partition, token));
        else
            ci_ops_sheet_line(s, CI_OPS_LINE_WARN, node, "is %s: not looked at", state);
    }
    return CI_OK;
}

void ci_ops_nodes_check(ci_ops_sheet *s, const ci_ops_check_options *o)
{
    char token[128], host[64] = "";
    ci_text nodes = {0};
    int code = 0;
    if (!ci_ops_is_program("sinfo") || !ci_ops_is_program("srun")) {
        ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "nodes",
                          "--nodes asks Slurm, and it is not on PATH");
        return;
    }
    gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '-';
    snprintf(token, sizeof token, "%s-%d-%.0f", host, (int)getpid(), 1e3 * ci_clock_unix_s());
    ci_status status = markers_write(o, token);
    if (status == CI_OK)
        status = output_of("timeout 20 sinfo -h -N -o '%N %P %t' 2>&1", &nodes, &code);
    if (status == CI_OK && code != 0)
        status = ci_error(CI_ERR_NOT_READY, "sinfo (exit code %d): %.*s", code,
                          (int)strcspn(nodes.text ? nodes.text : "", "\n"),
                          nodes.text ? nodes.text : "");
    if (status == CI_OK) status = each_node(s, o, nodes.text, token);
    if (status != CI_OK) ci_ops_sheet_line(s, CI_OPS_LINE_FAIL, "nodes", "%s", ci_error_text());
    markers_remove(o, token);
    ci_mem_free(nodes.text);
}
