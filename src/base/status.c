/* Names, texts and exit codes of a status, and the thread's error text. */
#include "contimg/base.h"

#include <errno.h>
#include <stdlib.h>
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

/* Not before a byte that goes on with a UTF-8 character. */
static size_t character_begin(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* printf into `size` bytes: a text too long for them is shortened in its middle, where it says how
 * many bytes are left out, so that its begin (which file) and its end (what to do) stay. */
CI_PRINTF(3, 0)
static void print_short(char *out, size_t size, const char *format, va_list args)
{
    enum
    {
        MARK = 48
    };
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(out, size, format, args);
    /* Not counted memory: what is printed may be that there is no more of it. */
    char *whole = n >= (int)size && size > 4 * MARK ? malloc((size_t)n + 1) : NULL;
    if (whole) {
        vsnprintf(whole, (size_t)n + 1, format, again);
        size_t head = character_begin(whole, (size - MARK) / 2);
        size_t tail = character_begin(whole, (size_t)n - (size - MARK - head) + 4);
        snprintf(out, size, "%.*s [... %zu bytes left out ...] %s", (int)head, whole, tail - head,
                 whole + tail);
    }
    free(whole);
    va_end(again);
}

ci_status ci_error(ci_status status, const char *format, ...)
{
    char fresh[sizeof error_text]; /* the arguments may hold the present text */
    va_list args;
    va_start(args, format);
    print_short(fresh, sizeof fresh, format, args);
    va_end(args);
    ci_str_one_line(fresh); /* names of files and columns come from users */
    memcpy(error_text, fresh, sizeof fresh);
    return status;
}

static void text_set(const char *format, ...) CI_PRINTF(1, 2);
static void text_set(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_short(error_text, sizeof error_text, format, args);
    va_end(args);
}

ci_status ci_error_prefix(ci_status status, const char *format, ...)
{
    char prefix[sizeof error_text], old[sizeof error_text];
    va_list args;
    va_start(args, format);
    print_short(prefix, sizeof prefix, format, args);
    va_end(args);
    ci_str_one_line(prefix);
    memcpy(old, error_text, sizeof old);
    text_set("%s: %s", prefix, old);
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
