/* Text that must fit one line. A file of its own, as error texts and the log need it before memory.
 */
#include "contimg/base.h"

void ci_str_one_line(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) *c = '?';
}
