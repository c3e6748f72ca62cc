/* CFITSIO's errors as statuses, and short tables of FITS names. */
#include "fits/cfitsio.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

const char *const ci_fits_volatile[] = {"DATE",     "CHECKSUM", "HISTORY", "CREATOR",
                                        "HOSTNAME", "RUNID",    "NRANK",   NULL};

static const uint64_t min_free_bytes = 64 * 1024;

static bool is_full(int error_number)
{
    return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

static bool is_io(int error_number)
{
    return error_number == EIO || error_number == ESTALE || error_number == ETIMEDOUT;
}

ci_status ci_fits_fault(int code, const char *path, const char *action)
{
    int error_number = errno;
    char why[FLEN_STATUS] = "";
    fits_get_errstatus(code, why);
    fits_clear_errmsg();
    switch (code) {
    case MEMORY_ALLOCATION:
        return ci_error(CI_ERR_MEMORY, "%s: %s: %s", path, action, why);
    case WRITE_ERROR:
    case FILE_NOT_CREATED:
    case FILE_NOT_CLOSED:
    case SEEK_ERROR:
        if (is_full(error_number))
            return ci_error(CI_ERR_DISK, "%s: %s: %s: free some space and run again", path, action,
                            strerror(error_number));
        return ci_error(CI_ERR_IO, "%s: %s: %s%s%s", path, action, why, error_number ? ": " : "",
                        error_number ? strerror(error_number) : "");
    case READ_ERROR:
        /* Without an errno the file is shorter than its header says. */
        return ci_error(is_io(error_number) ? CI_ERR_IO : CI_ERR_INPUT, "%s: %s: %s%s%s", path,
                        action, why, is_io(error_number) ? ": " : "",
                        is_io(error_number) ? strerror(error_number) : "");
    case FILE_NOT_OPENED:
        return ci_error(CI_ERR_IO, "%s: %s: %s", path, action, why);
    default:
        return ci_error(CI_ERR_INPUT, "%s: %s: %s (CFITSIO status %d)", path, action, why, code);
    }
}

/* CFITSIO does not always leave the errno of what failed, as where it reads back what never reached
 * the disk: with less left than its buffers need, the disk is full. */
static bool is_nearly_full(const char *path)
{
    char *folder = NULL;
    uint64_t bytes = UINT64_MAX;
    if (ci_path_parent(&folder, path) != CI_OK || ci_path_free_bytes(folder, &bytes) != CI_OK)
        bytes = UINT64_MAX;
    ci_mem_free(folder);
    return bytes < min_free_bytes;
}

ci_status ci_fits_write_fault(int code, const char *path, const char *action)
{
    int error_number = errno;
    bool full = is_full(error_number) || is_nearly_full(path);
    errno = error_number;
    if (code == MEMORY_ALLOCATION) return ci_fits_fault(code, path, action);
    if (full) {
        fits_clear_errmsg();
        return ci_error(CI_ERR_DISK, "%s: %s: %s: free some space and run again", path, action,
                        strerror(is_full(error_number) ? error_number : ENOSPC));
    }
    ci_fits_fault(code, path, action);
    return CI_ERR_IO;
}

bool ci_fits_key_is_own(const char *key)
{
    static const char *const whole[] = {
        "SIMPLE",  "XTENSION", "BITPIX",   "EXTEND", "PCOUNT",  "GCOUNT",   "BSCALE",   "BZERO",
        "BLANK",   "WCSAXES",  "PV2_1",    "PV2_2",  "LONPOLE", "LATPOLE",  "RADESYS",  "EQUINOX",
        "BUNIT",   "BMAJ",     "BMIN",     "BPA",    "RESTFRQ", "RESTFREQ", "SPECSYS",  "DATE-OBS",
        "TIMESYS", "MJD-OBS",  "TELESCOP", "OBJECT", "ORIGIN",  "DATE",     "CHECKSUM", "DATASUM",
        "COMMENT", "END",      "",         NULL};
    static const char *const with_axis[] = {"NAXIS", "CTYPE", "CRVAL", "CRPIX",
                                            "CDELT", "CUNIT", "CROTA", NULL};
    for (size_t i = 0; whole[i]; i++)
        if (strcmp(key, whole[i]) == 0) return true;
    for (size_t i = 0; with_axis[i]; i++)
        if (strncmp(key, with_axis[i], 5) == 0 && strspn(key + 5, "0123456789") == strlen(key + 5))
            return true;
    return (key[0] == 'C' && key[1] == 'D' && key[2] >= '1' && key[2] <= '9' && key[3] == '_') ||
           (key[0] == 'P' && key[1] == 'C' && key[2] >= '1' && key[2] <= '9' && key[3] == '_');
}

bool ci_fits_key_is_name(const char *key)
{
    static const char *const names[] = {"TELESCOP", "OBJECT", "ORIGIN", "COMMENT", "", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(key, names[i]) == 0) return true;
    return false;
}

bool ci_fits_is_power_unit(const char *bunit)
{
    return bunit[0] == '\0' || strcmp(bunit, "1") == 0 || strcasecmp(bunit, "Jy/beam") == 0;
}
