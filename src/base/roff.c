/* Text for manual pages. */
#include "contimg/base.h"

#include <string.h>

void ci_text_print_roff(FILE *out, const char *text)
{
    static const char special[] = "-'`^~\\";
    static const char *const escaped[] = {"\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti", "\\e"};
    if (*text == '.') fputs("\\&", out);
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at)
            fputs(escaped[at - special], out);
        else
            fputc(*text, out);
    }
}
