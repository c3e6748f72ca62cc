/* A scan of logs for database errors. */
#include "ops/logs.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* contimg's own lines name the file; the others are SQLite's words. */
static bool is_database_error(const char *line)
{
    static const char *const words[] = {"database is locked", "disk image is malformed",
                                        "file is not a database", "OperationalError",
                                        "DatabaseError"};
    bool is_fault = strstr(line, "ERROR") || strstr(line, "contimg: ");
    if (is_fault && strstr(line, ".sqlite3: ")) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(line, words[i])) return true;
    return false;
}

static void scan_lines(ci_ops_log_scan *out, FILE *file, const char *path)
{
    char line[4096];
    while (fgets(line, sizeof line, file)) {
        if (!is_database_error(line)) continue;
        line[strcspn(line, "\n")] = '\0';
        ci_str_one_line(line);
        out->n_line++;
        snprintf(out->path, sizeof out->path, "%s", path);
        snprintf(out->line, sizeof out->line, "%s", line);
    }
}

static void scan_file(ci_ops_log_scan *out, const char *path)
{
    struct stat facts;
    const off_t most = 1 << 20;
    if (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode)) return;
    if ((double)facts.st_mtime < out->since_unix_s) return;
    FILE *file = fopen(path, "re");
    if (!file) return;
    out->n_file++;
    if (facts.st_size <= most || fseeko(file, facts.st_size - most, SEEK_SET) == 0)
        scan_lines(out, file, path);
    fclose(file);
}

/* Files of a folder, and of those in it where `deep`. One that is not there holds nothing. */
static ci_status scan_folder(ci_ops_log_scan *out, const char *folder, bool deep)
{
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT) return CI_OK;
    if (!dir) return ci_error_errno(errno, folder, "list folder");
    ci_status status = CI_OK;
    for (struct dirent *entry; status == CI_OK && (entry = readdir(dir));) {
        char *path = NULL;
        if (entry->d_name[0] == '.') continue;
        status = ci_path_join(&path, folder, entry->d_name);
        const char *ending = strrchr(entry->d_name, '.');
        bool is_page = ending && (strcmp(ending, ".json") == 0 || strcmp(ending, ".html") == 0);
        if (status == CI_OK && deep && ci_path_is_folder(path))
            status = scan_folder(out, path, false);
        else if (status == CI_OK && !is_page)
            scan_file(out, path);
        ci_mem_free(path);
    }
    closedir(dir);
    return status;
}

ci_status ci_ops_log_scan_run(ci_ops_log_scan *out, const char *state, double since_unix_s)
{
    static const char *const folders[] = {"logs", "reports"};
    memset(out, 0, sizeof *out);
    out->since_unix_s = since_unix_s;
    for (int i = 0; i < 2; i++) {
        char *folder = NULL;
        CI_TRY(ci_path_join(&folder, state, folders[i]));
        ci_status status = scan_folder(out, folder, i == 1);
        ci_mem_free(folder);
        CI_TRY(status);
    }
    return CI_OK;
}
