/* How often a part stands in a text. */
#ifndef TEST_TEXT_COUNT_H
#define TEST_TEXT_COUNT_H

#include <stddef.h>
#include <string.h>

static inline size_t text_count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

#endif
