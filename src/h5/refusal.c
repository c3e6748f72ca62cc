/* What the system refused to read for HDF5, noted where HDF5 tells of a failure. */
#include "h5/h5_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As errno, and beside HDF5's own stack of errors, which the next call empties. */
static _Thread_local int refused;

/* What is missing, and where a damaged file leads, are faults of the content. */
static bool is_of_content(int error_number)
{
    static const int numbers[] = {ENOENT, ENOTDIR, ELOOP,     ENAMETOOLONG,
                                  EISDIR, EINVAL,  EOVERFLOW, EFBIG};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (error_number == numbers[i]) return true;
    return false;
}

int ci_h5_error_number(const char *text)
{
    /* The driver of plain files says "errno = 5" in the text of its entry. */
    const char *at = strstr(text, "errno = ");
    if (at) return (int)strtol(at + 8, NULL, 10);
    return strstr(text, "retrieve stat info") ? EIO : 0; /* which one is not said */
}

static herr_t look(unsigned n, const H5E_error2_t *entry, void *context)
{
    int *found = context;
    (void)n;
    if (*found == 0 && entry->desc != NULL) *found = ci_h5_error_number(entry->desc);
    return 0;
}

void ci_h5_refusal_note(int error_number)
{
    if (refused == 0 && !is_of_content(error_number)) refused = error_number;
}

/* HDF5 calls it at the end of each call that failed. */
static herr_t note(hid_t stack, void *context)
{
    int found = 0;
    (void)context;
    H5Ewalk2(stack, H5E_WALK_UPWARD, look, &found);
    ci_h5_refusal_note(found);
    return 0;
}

void ci_h5_refusal_watch(void)
{
    H5Eset_auto2(H5E_DEFAULT, note, NULL);
}

void ci_h5_refusal_clear(void)
{
    refused = 0;
}

ci_status ci_h5_refusal_check(const char *path, ci_status status)
{
    if (refused == 0 || (status != CI_OK && status != CI_ERR_INPUT)) return status;
    if (refused == ENOMEM) return ci_error(CI_ERR_MEMORY, "%s: read: %s", path, strerror(refused));
    return ci_error(CI_ERR_IO, "%s: read: %s", path, strerror(refused));
}
