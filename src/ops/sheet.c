/* The lines of contimg check: printed as they come, and kept. */
#include "ops/sheet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_words[] = {"ok", "warn", "FAIL"};

void ci_ops_sheet_line(ci_ops_sheet *s, ci_ops_line_level level, const char *name,
                       const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->n_fail += level == CI_OPS_LINE_FAIL;
    s->n_warn += level == CI_OPS_LINE_WARN;
    ci_json *item = ci_json_object();
    ci_json_put_string(item, "level", level_words[level]);
    ci_json_put_string(item, "name", name);
    ci_json_put_string(item, "text", text);
    ci_json_put(s->list, NULL, item);
    if (s->out) fprintf(s->out, "%-4s %-10s %s\n", level_words[level], name, text);
}

bool ci_ops_sheet_warns(const ci_ops_sheet *s, const char *name)
{
    for (size_t i = 0; i < ci_json_length(s->list); i++) {
        const ci_json *item = ci_json_at(s->list, i);
        if (strcmp(ci_json_get_string(item, "name", ""), name) == 0 &&
            strcmp(ci_json_get_string(item, "level", ""), "warn") == 0)
            return true;
    }
    return false;
}

bool ci_ops_is_program(const char *name)
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
