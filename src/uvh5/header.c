/* Small reads of the header; refusals, warnings and facts; whether a file changes while it is read.
 */
#include "uvh5/uvh5_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

ci_status ci_uvh5_refuse(const ci_uvh5_file *file, const char *dataset, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    ci_status status = ci_str_format_args(&text, format, arguments);
    va_end(arguments);
    if (status == CI_OK) status = ci_error(CI_ERR_INPUT, "%s: %s: %s", file->path, dataset, text);
    ci_mem_free(text);
    return status;
}

void ci_uvh5_warning_add(ci_uvh5_file *file, const char *format, ...)
{
    va_list arguments;
    if (file->n_warning == UVH5_MAX_WARNING) return;
    va_start(arguments, format);
    if (ci_str_format_args(&file->warning[file->n_warning], format, arguments) == CI_OK)
        file->n_warning++;
    va_end(arguments);
}

void ci_uvh5_fact_set(ci_uvh5_file *file, const char *name, const char *format, ...)
{
    va_list arguments;
    if (file->n_fact == UVH5_MAX_FACT) return;
    uvh5_fact *fact = &file->fact[file->n_fact];
    snprintf(fact->name, sizeof fact->name, "%s", name);
    va_start(arguments, format);
    if (ci_str_format_args(&fact->text, format, arguments) == CI_OK) file->n_fact++;
    va_end(arguments);
}

ci_status ci_uvh5_stamp_take(uvh5_stamp *out, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) return ci_error_errno(errno, path, "open");
    out->n_byte = (int64_t)status.st_size;
    out->mtime_s = (int64_t)status.st_mtim.tv_sec;
    out->mtime_ns = (int64_t)status.st_mtim.tv_nsec;
    return CI_OK;
}

ci_status ci_uvh5_stamp_check(const uvh5_stamp *stamp, const char *path)
{
    uvh5_stamp now;
    CI_TRY(ci_uvh5_stamp_take(&now, path));
    if (now.n_byte != stamp->n_byte) {
        return ci_error(CI_ERR_INPUT,
                        "%s: changed while it was read: %lld bytes, then %lld: wait until it is "
                        "whole",
                        path, (long long)stamp->n_byte, (long long)now.n_byte);
    }
    if (now.mtime_s != stamp->mtime_s || now.mtime_ns != stamp->mtime_ns) {
        return ci_error(CI_ERR_INPUT,
                        "%s: changed while it was read: its time of modification moved: wait "
                        "until it is whole",
                        path);
    }
    return CI_OK;
}

ci_status ci_uvh5_header_int(const ci_uvh5_file *file, const char *name, int64_t *out)
{
    return ci_h5_read_int(file->h5, name, out, 1);
}

/* Texts of a header go to logs and terminals: one line, printable. */
static void clean_text(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    }
}

ci_status ci_uvh5_header_text(const ci_uvh5_file *file, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    if (!ci_h5_has(file->h5, name)) return CI_OK;
    CI_TRY(ci_h5_read_text(file->h5, name, out, size));
    clean_text(out);
    return CI_OK;
}

ci_status ci_uvh5_header_text_copy(const ci_uvh5_file *file, const char *name, char **out)
{
    *out = NULL;
    if (!ci_h5_has(file->h5, name)) return ci_str_copy(out, "");
    CI_TRY(ci_h5_read_string(file->h5, name, out));
    clean_text(*out);
    return CI_OK;
}

ci_status ci_uvh5_header_double(const ci_uvh5_file *file, const char *name, bool *is_there,
                                double *out)
{
    *is_there = ci_h5_has(file->h5, name);
    return *is_there ? ci_h5_read_double(file->h5, name, out, 1) : CI_OK;
}

ci_status ci_uvh5_header_info(const ci_uvh5_file *file, const char *name, ci_h5_info *out)
{
    return ci_h5_info_get(file->h5, name, out);
}

ci_status ci_uvh5_header_doubles(const ci_uvh5_file *file, const char *name, double *out, size_t n)
{
    ci_h5_info info;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    bool one = ci_h5_info_count(&info) == 1 && info.rank == 0;
    if (!one) return ci_h5_read_double(file->h5, name, out, n);
    CI_TRY(ci_h5_read_double(file->h5, name, out, 1));
    for (size_t i = 1; i < n; i++)
        out[i] = out[0];
    return CI_OK;
}
