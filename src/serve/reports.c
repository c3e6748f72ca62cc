/* The reports of runs: the index page, and their files. */
#include "serve/serve_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    MAX_LISTED = 200
};

/* All that a report's folder may give. */
static const struct
{
    const char *name, *type;
} files[] = {{"report.html", "text/html; charset=utf-8"},
             {"summary.txt", "text/plain; charset=utf-8"},
             {"report.json", "application/json"},
             {"log.jsonl", "text/plain; charset=utf-8"}};
enum
{
    N_FILE = sizeof files / sizeof *files
};

/* ---- opening --------------------------------------------------------------------------------- */

static ci_status base_open(int *fd, const ci_serve_options *options)
{
    char *path = NULL;
    CI_TRY(ci_path_join(&path, options->state, "reports"));
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ci_status status = *fd < 0 ? ci_error_errno(errno, path, "open folder") : CI_OK;
    ci_mem_free(path);
    return status;
}

static bool is_run_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

/* A plain file NAME of the folder RUN, neither of them a link; -1 where there is none. */
static int file_open(int base, const char *run, const char *name)
{
    struct stat facts;
    int folder = openat(base, run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    close(folder);
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

ci_status ci_serve_report_open(int *fd, const char **type, const ci_serve_options *options,
                               const char *path)
{
    char run[NAME_MAX + 1] = "";
    int base;
    size_t i = 0;
    *fd = -1;
    const char *rest = path + strlen("/reports/"), *slash = strchr(rest, '/');
    const char *name = slash ? slash + 1 : "";
    if (slash && slash - rest <= NAME_MAX) memcpy(run, rest, (size_t)(slash - rest));
    while (i < N_FILE && strcmp(name, files[i].name) != 0)
        i++;
    if (i == N_FILE || !is_run_name(run)) return ci_error(CI_ERR_INPUT, "%s: not found", path);
    *type = files[i].type;
    if (base_open(&base, options) == CI_OK) {
        *fd = file_open(base, run, name);
        close(base);
    }
    return *fd >= 0 ? CI_OK : ci_error(CI_ERR_INPUT, "%s: not found", path);
}

/* ---- the index ------------------------------------------------------------------------------- */

typedef struct
{
    char **name; /* [n] folders, the newest first */
    size_t n;
} run_list;

static int newest_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

static ci_status run_add(run_list *runs, size_t *capacity, const char *name)
{
    if (runs->n == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        CI_TRY(ci_mem_resize(&runs->name, *capacity, sizeof *runs->name, "names of reports"));
    }
    CI_TRY(ci_str_copy(&runs->name[runs->n], name));
    runs->n++;
    return CI_OK;
}

/* Names begin with the time of the run. A folder that is not there has no reports. */
static ci_status runs_read(run_list *runs, int base)
{
    size_t capacity = 0;
    int fd = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        if (fd >= 0) close(fd);
        return CI_OK;
    }
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(stream));) {
        struct stat facts;
        if (is_run_name(entry->d_name) &&
            fstatat(base, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(facts.st_mode))
            status = run_add(runs, &capacity, entry->d_name);
    }
    closedir(stream);
    if (runs->n > 1) qsort(runs->name, runs->n, sizeof *runs->name, newest_first);
    return status;
}

static void runs_clear(run_list *runs)
{
    for (size_t i = 0; i < runs->n; i++)
        ci_mem_free(runs->name[i]);
    ci_mem_free(runs->name);
}

/* Letters, digits and what a path may hold stay, all else is escaped. */
static ci_status url_put(ci_text *out, const char *text)
{
    for (; *text; text++) {
        bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                        (*text >= '0' && *text <= '9') || strchr("-_.~+", *text);
        CI_TRY(ci_text_append(out, is_plain ? "%c" : "%%%02X", (unsigned char)*text));
    }
    return CI_OK;
}

static const ci_registry_run *run_find(const ci_registry_runs *known, const char *name)
{
    for (size_t i = known ? known->n : 0; i-- > 0;)
        if (strcmp(known->item[i].id, name) == 0) return &known->item[i];
    return NULL;
}

static ci_status outcome_put(ci_text *out, const ci_registry_run *run)
{
    if (!run) return CI_OK;
    if (!(run->ended_unix_s > 0)) return ci_text_append(out, "has not ended");
    if (run->exit_code == 0) return ci_text_append(out, "ok");
    CI_TRY(ci_text_append(out, "exit code %lld: ", (long long)run->exit_code));
    return ci_report_escape(out, run->text);
}

static ci_status run_put(ci_text *out, int base, const char *name, const ci_registry_runs *known)
{
    CI_TRY(ci_text_append(out, "<tr><td>"));
    CI_TRY(ci_report_escape(out, name));
    CI_TRY(ci_text_append(out, "</td><td>"));
    for (size_t i = 0; i < N_FILE; i++) {
        int fd = file_open(base, name, files[i].name);
        if (fd < 0) continue;
        close(fd);
        CI_TRY(ci_text_append(out, "<a href=\"reports/"));
        CI_TRY(url_put(out, name));
        CI_TRY(ci_text_append(out, "/%s\">%s</a> ", files[i].name, files[i].name));
    }
    CI_TRY(ci_text_append(out, "</td><td>"));
    CI_TRY(outcome_put(out, run_find(known, name)));
    return ci_text_append(out, "</td></tr>\n");
}

static ci_status table_put(ci_text *out, int base, const run_list *runs,
                           const ci_registry_runs *known)
{
    size_t n = runs->n < MAX_LISTED ? runs->n : MAX_LISTED;
    if (n == 0) return ci_text_append(out, "<p>There are no reports yet.</p>\n");
    CI_TRY(ci_text_append(out, "<table>\n<tr><th>run</th><th>report</th><th>outcome</th></tr>\n"));
    for (size_t i = 0; i < n; i++)
        CI_TRY(run_put(out, base, runs->name[i], known));
    CI_TRY(ci_text_append(out, "</table>\n"));
    if (n == runs->n) return CI_OK;
    return ci_text_append(out, "<p>The newest %zu of %zu; all are in STATE_DIR/reports.</p>\n", n,
                          runs->n);
}

/* When the oldest run that is listed began, Unix seconds; 0 where its name does not tell. */
static double oldest_listed(const run_list *runs)
{
    char text[32];
    double mjd_s;
    if (runs->n == 0) return 0;
    size_t last = runs->n < MAX_LISTED ? runs->n : MAX_LISTED;
    snprintf(text, sizeof text, "%.19s", runs->name[last - 1]);
    if (strlen(text) == 19) text[13] = text[16] = ':';
    if (ci_time_parse_iso(text, &mjd_s) == CI_OK) return ci_time_unix_from_mjd_s(mjd_s);
    ci_error_clear();
    return 0;
}

static ci_status page_head(ci_text *out, const ci_serve_options *options, const char *fault)
{
    CI_TRY(ci_text_append(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>contimg</title>\n"
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1000px;"
        "padding:1em;color:#222;background:#fff}td,th{padding:.15em .7em;text-align:left;"
        "border-bottom:1px solid #eee;overflow-wrap:anywhere}.failed{color:#b3261e}</style>"
        "</head><body>\n<h1>contimg</h1>\n<p>Version %s. <a href=\"api/health\">health</a> "
        "<a href=\"api/status\">status</a> <a href=\"api/metrics/system\">system</a> "
        "<a href=\"api/monitoring/publish/status\">publish</a> "
        "<a href=\"api/monitoring/publish/failed\">failed publishes</a> "
        "<a href=\"metrics\">metrics</a></p>\n",
        ci_version()));
    if (*options->contact) {
        CI_TRY(ci_text_append(out, "<p>Contact: "));
        CI_TRY(ci_report_escape(out, options->contact));
        CI_TRY(ci_text_append(out, "</p>\n"));
    }
    if (fault) {
        CI_TRY(ci_text_append(out, "<p class=\"failed\">The databases cannot be read: "));
        CI_TRY(ci_report_escape(out, fault));
        CI_TRY(ci_text_append(out, "</p>\n"));
    }
    return ci_text_append(out, "<h2>Reports</h2>\n");
}

ci_status ci_serve_index_put(ci_text *out, const ci_serve_options *options, ci_registry *registry,
                             const char *fault)
{
    ci_registry_runs *known = NULL;
    run_list runs = {0};
    int base = -1;
    if (base_open(&base, options) != CI_OK) ci_error_clear();
    ci_status status = base >= 0 ? runs_read(&runs, base) : CI_OK;
    if (status == CI_OK && registry)
        status = ci_registry_runs_read(registry, &known, oldest_listed(&runs));
    if (status == CI_OK) status = page_head(out, options, fault);
    if (status == CI_OK) status = table_put(out, base, &runs, known);
    if (status == CI_OK) status = ci_text_append(out, "</body></html>\n");
    ci_registry_runs_free(known);
    runs_clear(&runs);
    if (base >= 0) close(base);
    return status;
}
