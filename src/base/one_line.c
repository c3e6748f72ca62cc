/* Text that must fit one line, and be UTF-8. A file of its own, as error texts and the log need it
 * before memory. */
#include "contimg/base.h"

size_t ci_str_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t n = *s < 0x80                 ? 1
               : *s >= 0xc2 && *s < 0xe0 ? 2
               : *s >= 0xe0 && *s < 0xf0 ? 3
               : *s >= 0xf0 && *s < 0xf5 ? 4
                                         : 0;
    if (*s == 0xe0) low = 0xa0;
    if (*s == 0xed) high = 0x9f;
    if (*s == 0xf0) low = 0x90;
    if (*s == 0xf4) high = 0x8f;
    if (n > 1 && (s[1] < low || s[1] > high)) return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf) return 0;
    return n;
}

bool ci_str_is_utf8(const char *text)
{
    size_t n = 1;
    for (; *text && n > 0; text += n)
        n = ci_str_utf8_length(text);
    return n > 0;
}

/* Of controls, those of one byte and of two (U+0080 to U+009F). */
void ci_str_one_line(char *text)
{
    while (*text) {
        size_t n = ci_str_utf8_length(text);
        unsigned char c = (unsigned char)text[0];
        bool is_control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
        if (n == 0 || is_control) *text = '?';
        text += n > 0 && !is_control ? n : 1;
    }
}
