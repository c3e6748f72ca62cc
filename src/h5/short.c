/* Whether a file is shorter than it says. */
#include "h5/h5_private.h"

#include <string.h>
#include <sys/stat.h>

/* The superblock says where the file ends (HDF5 file format specification, II.A): a copy
 * that stopped half-way is told without the library, which names it in many ways. */
bool ci_h5_is_short(const char *path, int64_t *stated, int64_t *actual)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[64] = {0};
    struct stat facts;
    *stated = *actual = 0;
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t n = fread(head, 1, sizeof head, file);
    int failed = fstat(fileno(file), &facts);
    fclose(file);
    if (failed || n < 9 || memcmp(head, signature, 8) != 0) return false;
    *actual = facts.st_size;
    bool is_old = head[8] < 2;
    int size = is_old ? head[13] : head[9];
    size_t end = is_old ? (head[8] == 0 ? 24u : 28u) + 2u * (size_t)size : 12u + 2u * (size_t)size;
    if (size < 2 || size > 8) return false;
    if (n < sizeof head || end + (size_t)size > n) {
        *stated = (int64_t)sizeof head; /* not even the superblock is whole */
        return facts.st_size < (off_t)sizeof head;
    }
    *stated = (int64_t)ci_h5_number(head + end, size);
    return facts.st_size < *stated;
}
