/* The lines of contimg check: printed as they come, and kept; as JSON, and back. */
#include "ops/sheet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_words[CI_OPS_LINE_COUNT] = {"ok", "warn", "FAIL"};

static void line_keep(ci_ops_sheet *s, const ci_ops_line *line)
{
    s->n_fail += line->level == CI_OPS_LINE_FAIL;
    s->n_warn += line->level == CI_OPS_LINE_WARN;
    if (s->status != CI_OK) return;
    if (s->n == s->n_max) {
        size_t grown = s->n_max ? 2 * s->n_max : 32;
        s->status = ci_mem_resize(&s->item, grown, sizeof *s->item, "lines of check");
        if (s->status != CI_OK) return;
        s->n_max = grown;
    }
    s->item[s->n++] = *line;
}

void ci_ops_sheet_line(ci_ops_sheet *s, ci_ops_line_level level, const char *name,
                       const char *format, ...)
{
    ci_ops_line line = {.level = level};
    va_list args;
    va_start(args, format);
    vsnprintf(line.text, sizeof line.text, format, args);
    va_end(args);
    snprintf(line.name, sizeof line.name, "%s", name);
    line_keep(s, &line);
    if (s->out) fprintf(s->out, "%-4s %-10s %s\n", level_words[level], line.name, line.text);
}

bool ci_ops_sheet_warns(const ci_ops_sheet *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i].level == CI_OPS_LINE_WARN && strcmp(s->item[i].name, name) == 0) return true;
    return false;
}

void ci_ops_sheet_clear(ci_ops_sheet *s)
{
    ci_mem_free(s->item);
    memset(s, 0, sizeof *s);
}

ci_json *ci_ops_sheet_json(const ci_ops_sheet *s)
{
    ci_json *list = ci_json_array();
    for (size_t i = 0; i < s->n; i++) {
        ci_json *one = ci_json_object();
        ci_json_put_string(one, "level", level_words[s->item[i].level]);
        ci_json_put_string(one, "name", s->item[i].name);
        ci_json_put_string(one, "text", s->item[i].text);
        ci_json_put(list, NULL, one);
    }
    return list;
}

ci_status ci_ops_sheet_parse(ci_ops_sheet *s, const ci_json *list)
{
    for (size_t i = 0; i < ci_json_length(list); i++) {
        const ci_json *one = ci_json_at(list, i);
        const char *word = ci_json_get_string(one, "level", "");
        ci_ops_line line = {
            .level = (ci_ops_line_level)ci_str_index(word, level_words, CI_OPS_LINE_COUNT)};
        if (line.level == CI_OPS_LINE_COUNT)
            return ci_error(CI_ERR_INPUT, "lines of check: unknown level '%s'", word);
        ci_json_copy_string(line.name, sizeof line.name, one, "name");
        ci_json_copy_string(line.text, sizeof line.text, one, "text");
        line_keep(s, &line);
    }
    return s->status;
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
