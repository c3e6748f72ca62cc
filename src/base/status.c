/* Names, texts and exit codes of a status, and the thread's error text. */
#include "contimg/base.h"

#include <errno.h>
#include <string.h>

typedef struct
{
    const char *name, *text;
    int exit_code;
} status_row;

static const status_row rows[CI_STATUS_COUNT] = {
    [CI_OK] = {"CI_OK", "ok", 0},
    [CI_ERR_ALERT] = {"CI_ERR_ALERT", "an alert is active (monitor only)", 1},
    [CI_ERR_USAGE] = {"CI_ERR_USAGE", "wrong option or value", 2},
    [CI_ERR_INPUT] = {"CI_ERR_INPUT", "input cannot be used", 3},
    [CI_ERR_NO_DATA] = {"CI_ERR_NO_DATA", "no data left", 3},
    [CI_ERR_IO] = {"CI_ERR_IO", "reading or writing failed", 4},
    [CI_ERR_DATABASE] = {"CI_ERR_DATABASE", "database failed", 4},
    [CI_ERR_MEMORY] = {"CI_ERR_MEMORY", "out of memory", 5},
    [CI_ERR_DISK] = {"CI_ERR_DISK", "no space left on disk", 5},
    [CI_ERR_NOT_READY] = {"CI_ERR_NOT_READY", "limit reached or not ready", 6},
    [CI_ERR_GATE] = {"CI_ERR_GATE", "refused by a quality gate", 7},
    [CI_ERR_STOPPED] = {"CI_ERR_STOPPED", "stopped on request, resumable", 75},
    [CI_ERR_INTERNAL] = {"CI_ERR_INTERNAL", "internal fault", 70},
};

static _Thread_local char error_text[1024];

static const status_row *row_of(ci_status status)
{
    unsigned i = (unsigned)status;
    return &rows[i < CI_STATUS_COUNT ? i : (unsigned)CI_ERR_INTERNAL];
}

const char *ci_status_name(ci_status status)
{
    return row_of(status)->name;
}

const char *ci_status_text(ci_status status)
{
    return row_of(status)->text;
}

int ci_status_exit_code(ci_status status)
{
    return row_of(status)->exit_code;
}

bool ci_status_is_environment(ci_status status)
{
    return status == CI_ERR_IO || status == CI_ERR_DATABASE || status == CI_ERR_MEMORY ||
           status == CI_ERR_DISK;
}

ci_status ci_error(ci_status status, const char *format, ...)
{
    char fresh[sizeof error_text]; /* the arguments may hold the present text */
    va_list args;
    va_start(args, format);
    vsnprintf(fresh, sizeof fresh, format, args);
    va_end(args);
    ci_str_one_line(fresh); /* names of files and columns come from users */
    memcpy(error_text, fresh, sizeof fresh);
    return status;
}

ci_status ci_error_prefix(ci_status status, const char *format, ...)
{
    char prefix[sizeof error_text], old[sizeof error_text];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    ci_str_one_line(prefix);
    memcpy(old, error_text, sizeof old);
    size_t n = strlen(prefix);
    if (n > sizeof error_text - 3) n = sizeof error_text - 3;
    memcpy(error_text, prefix, n);
    snprintf(error_text + n, sizeof error_text - n, ": %s", old);
    return status;
}

const char *ci_error_text(void)
{
    return error_text;
}

void ci_error_clear(void)
{
    error_text[0] = '\0';
}

ci_error_saved ci_error_save(ci_status status)
{
    ci_error_saved saved = {.status = status};
    _Static_assert(sizeof saved.text == sizeof error_text, "all of the text is saved");
    if (status != CI_OK) memcpy(saved.text, error_text, sizeof error_text);
    return saved;
}

ci_status ci_error_restore(const ci_error_saved *saved)
{
    if (saved->status != CI_OK) memcpy(error_text, saved->text, sizeof error_text);
    return saved->status;
}

ci_status ci_error_errno(int error_number, const char *path, const char *action)
{
    ci_status status = CI_ERR_IO;
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
        status = CI_ERR_DISK;
    else if (error_number == ENOENT || error_number == ENOTDIR || error_number == ENAMETOOLONG)
        status = CI_ERR_INPUT;
    else if (error_number == ENOMEM)
        status = CI_ERR_MEMORY;
    return ci_error(status, "%s: %s: %s", path, action, strerror(error_number));
}
