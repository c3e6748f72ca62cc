/* Strings: copies, formatting, growing texts, UTF-8, numbers, the nearest name. */
#include "contimg/base.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

ci_status ci_str_copy(char **out, const char *text)
{
    size_t n = strlen(text) + 1;
    CI_TRY(ci_mem_alloc(out, n, 1, "text"));
    memcpy(*out, text, n);
    return CI_OK;
}

ci_status ci_str_set(char **text, const char *value)
{
    char *copy = NULL;
    if (value && *value) CI_TRY(ci_str_copy(&copy, value));
    ci_mem_free(*text);
    *text = copy;
    return CI_OK;
}

void ci_str_list_free(char **list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        ci_mem_free(list[i]);
    ci_mem_free(list);
}

ci_status ci_str_format_args(char **out, const char *format, va_list args)
{
    *out = NULL;
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) return ci_error(CI_ERR_INTERNAL, "text format '%s' cannot be printed", format);
    CI_TRY(ci_mem_alloc(out, (size_t)n + 1, 1, "text"));
    vsnprintf(*out, (size_t)n + 1, format, args);
    return CI_OK;
}

ci_status ci_str_format(char **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ci_status status = ci_str_format_args(out, format, args);
    va_end(args);
    return status;
}

ci_status ci_str_utf8(char **out, const char *text)
{
    CI_TRY(ci_mem_alloc(out, 3 * strlen(text) + 1, 1, "text"));
    for (char *to = *out; *text;) {
        size_t n = ci_str_utf8_length(text);
        memcpy(to, n ? text : "\xef\xbf\xbd", n ? n : 3);
        to += n ? n : 3;
        text += n ? n : 1;
    }
    return CI_OK;
}

ci_status ci_text_append(ci_text *buffer, const char *format, ...)
{
    va_list args;
    size_t left = buffer->capacity - buffer->length;
    va_start(args, format);
    int n = vsnprintf(left > 0 ? buffer->text + buffer->length : NULL, left, format, args);
    va_end(args);
    if (n < 0) return ci_error(CI_ERR_INTERNAL, "text format '%s' cannot be printed", format);
    if ((size_t)n >= left) {
        size_t need = buffer->length + (size_t)n + 1;
        size_t grown = need > 2 * buffer->capacity ? need : 2 * buffer->capacity;
        ci_status status = ci_mem_resize(&buffer->text, grown, 1, "text");
        if (status != CI_OK) {
            if (left > 0) buffer->text[buffer->length] = '\0'; /* as it was */
            return status;
        }
        buffer->capacity = grown;
        va_start(args, format);
        vsnprintf(buffer->text + buffer->length, (size_t)n + 1, format, args);
        va_end(args);
    }
    buffer->length += (size_t)n;
    return CI_OK;
}

ci_status ci_parse_double(const char *text, const char *what, double *out)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    while (isspace((unsigned char)*end))
        end++;
    /* strtod reads hexadecimal, too, which nobody writes as a quantity. */
    if (end == text || *end || !isfinite(value) || strpbrk(text, "xX"))
        return ci_error(CI_ERR_USAGE, "%s: '%s' is not a number", what, text);
    *out = value;
    return CI_OK;
}

ci_status ci_parse_int(const char *text, const char *what, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    if (end == text || *end || errno == ERANGE)
        return ci_error(CI_ERR_USAGE, "%s: '%s' is not a whole number", what, text);
    *out = value;
    return CI_OK;
}

/* Levenshtein distance of short words; longer than 63 characters count as far. */
static size_t edit_distance(const char *a, const char *b)
{
    enum
    {
        MAX = 64
    };
    size_t n = strlen(b), row[MAX];
    if (strlen(a) >= MAX || n >= MAX) return MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const char *ci_str_nearest(const char *text, const char *const *names, size_t n_name)
{
    const char *nearest = NULL;
    size_t least = strlen(text) / 2 + 1;
    for (size_t i = 0; i < n_name; i++) {
        size_t distance = edit_distance(text, names[i]);
        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

size_t ci_str_index(const char *text, const char *const *names, size_t n_name)
{
    size_t i = 0;
    while (i < n_name && strcmp(names[i], text) != 0)
        i++;
    return i;
}
