/* The log: lines on stderr, as JSON in a file, and the warnings kept for reports. */
#include "contimg/base_file.h"
#include "contimg/base_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum
{
    MAX_WARNING = 256,
    PROGRESS_WIDTH = 80 /* with the final null */
};

/* The log is one of the few things a process has once. */
static struct
{
    pthread_mutex_t lock;
    ci_log_level level;
    int rank;
    bool has_progress; /* a line of progress stands on the terminal */
    bool is_split;
    FILE *json;
    size_t n_warning;
    char *warning[MAX_WARNING];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = CI_LOG_INFO};

static _Thread_local bool is_mute;

static const char *const level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

void ci_log_set_level(ci_log_level level)
{
    state.level = level;
}

ci_status ci_log_level_parse(const char *name, ci_log_level *out)
{
    for (int i = 0; i < 4; i++)
        if (strcasecmp(name, level_names[i]) == 0) {
            *out = (ci_log_level)i;
            return CI_OK;
        }
    if (strcasecmp(name, "WARN") == 0) {
        *out = CI_LOG_WARNING;
        return CI_OK;
    }
    return ci_error(CI_ERR_USAGE, "log level '%s': use DEBUG, INFO, WARNING or ERROR", name);
}

void ci_log_set_rank(int rank)
{
    state.rank = rank;
}

void ci_log_mute(bool is_muted)
{
    is_mute = is_muted;
}

void ci_log_set_split(bool is_split)
{
    state.is_split = is_split;
}

ci_status ci_log_set_json_file(const char *path)
{
    FILE *file = NULL;
    if (path) {
        int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) CI_TRY(ci_file_create(&fd, path));
        if (fd < 0) return ci_error_errno(errno, path, "open log");
        file = fdopen(fd, "a");
        if (!file) {
            close(fd);
            return ci_error_errno(errno, path, "open log");
        }
    }
    pthread_mutex_lock(&state.lock);
    if (state.json) fclose(state.json);
    state.json = file;
    pthread_mutex_unlock(&state.lock);
    return CI_OK;
}

static void keep_warning(const char *text)
{
    if (state.n_warning >= MAX_WARNING) return;
    /* Not counted memory: the log outlives the balance at exit. */
    char *copy = strdup(text);
    if (copy) state.warning[state.n_warning++] = copy;
}

static void write_json(const char *stamp, ci_log_level level, const char *text)
{
    ci_json *line = ci_json_object();
    ci_json_put_string(line, "ts", stamp);
    ci_json_put_string(line, "level", level_names[level]);
    ci_json_put_int(line, "rank", state.rank);
    ci_json_put_string(line, "msg", text);
    char *printed = NULL, *valid = NULL;
    if (ci_json_print(&printed, line, false) == CI_OK && ci_str_utf8(&valid, printed) == CI_OK)
        fprintf(state.json, "%s\n", valid);
    fflush(state.json);
    ci_mem_free(printed);
    ci_mem_free(valid);
    ci_json_free(line);
}

static void progress_clear(void)
{
    if (state.has_progress) fputs("\r\033[K", stderr);
    state.has_progress = false;
}

void ci_log_progress(const char *format, ...)
{
    if (state.rank != 0 || state.level > CI_LOG_INFO || !isatty(STDERR_FILENO)) return;
    char text[PROGRESS_WIDTH];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ci_str_one_line(text);
    pthread_mutex_lock(&state.lock);
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    state.has_progress = true;
    pthread_mutex_unlock(&state.lock);
}

void ci_log_progress_end(void)
{
    pthread_mutex_lock(&state.lock);
    progress_clear();
    fflush(stderr);
    pthread_mutex_unlock(&state.lock);
}

void ci_log(ci_log_level level, const char *format, ...)
{
    char start[2048], stamp[32], *whole = NULL, *text = start;
    va_list args;
    if (is_mute) return;
    va_start(args, format);
    int n = vsnprintf(start, sizeof start, format, args);
    va_end(args);
    /* Not counted memory, as warnings. Where there is none, the line ends early. */
    if (n >= (int)sizeof start) whole = malloc((size_t)n + 1);
    if (whole) {
        va_start(args, format);
        vsnprintf(whole, (size_t)n + 1, format, args);
        va_end(args);
        text = whole;
    }
    ci_str_one_line(text);
    ci_time_iso(stamp, ci_time_mjd_s_from_unix(ci_clock_unix_s()), 0, true);
    pthread_mutex_lock(&state.lock);
    if (level == CI_LOG_WARNING) keep_warning(text);
    progress_clear();
    bool shown = level >= state.level && (state.rank == 0 || level >= CI_LOG_WARNING);
    FILE *out = state.is_split && level < CI_LOG_WARNING ? stdout : stderr;
    if (shown && state.rank == 0)
        fprintf(out, "%s %-7s %s\n", stamp, level_names[level], text);
    else if (shown)
        fprintf(out, "%s %-7s [rank %d] %s\n", stamp, level_names[level], state.rank, text);
    if (shown) fflush(out);
    if (state.json && level >= CI_LOG_INFO) write_json(stamp, level, text);
    pthread_mutex_unlock(&state.lock);
    free(whole);
}

void ci_log_warning_shared(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    if (state.rank != 0) return;
    va_start(args, format);
    if (ci_str_format_args(&text, format, args) == CI_OK) ci_log_warning("%s", text);
    va_end(args);
    ci_mem_free(text);
}

static bool is_said(const char *text)
{
    bool found = false;
    pthread_mutex_lock(&state.lock);
    for (size_t i = 0; i < state.n_warning && !found; i++)
        found = strcmp(state.warning[i], text) == 0;
    pthread_mutex_unlock(&state.lock);
    return found;
}

void ci_log_warning_once(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    if (state.rank != 0) return;
    va_start(args, format);
    if (ci_str_format_args(&text, format, args) == CI_OK && text) {
        ci_str_one_line(text);
        if (!is_said(text)) ci_log_warning("%s", text);
    }
    va_end(args);
    ci_mem_free(text);
}

size_t ci_log_warning_count(void)
{
    return state.n_warning;
}

const char *ci_log_warning_get(size_t i)
{
    return i < state.n_warning ? state.warning[i] : "";
}
