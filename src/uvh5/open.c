/* Opening: the order of the checks, small reads of the header, what the file is. */
#include "uvh5/uvh5_private.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

ci_status ci_uvh5_refuse(const ci_uvh5_file *file, const char *dataset, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ci_error(CI_ERR_INPUT, "%s: %s: %s", file->path, dataset, text);
}

void ci_uvh5_warning_add(ci_uvh5_file *file, const char *format, ...)
{
    char text[768];
    va_list arguments;
    if (file->n_warning == UVH5_MAX_WARNING) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (ci_str_copy(&file->warning[file->n_warning], text) == CI_OK) file->n_warning++;
}

void ci_uvh5_fact_set(ci_uvh5_file *file, const char *name, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    if (file->n_fact == UVH5_MAX_FACT) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    uvh5_fact *fact = &file->fact[file->n_fact];
    snprintf(fact->name, sizeof fact->name, "%s", name);
    if (ci_str_copy(&fact->text, text) == CI_OK) file->n_fact++;
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

void ci_uvh5_header_text(const ci_uvh5_file *file, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    if (!ci_h5_has(file->h5, name)) return;
    if (ci_h5_read_text(file->h5, name, out, size) != CI_OK) {
        ci_error_clear();
        out[0] = '\0';
    }
    clean_text(out);
}

ci_status ci_uvh5_header_text_copy(const ci_uvh5_file *file, const char *name, char **out)
{
    *out = NULL;
    if (!ci_h5_has(file->h5, name)) return ci_str_copy(out, "");
    if (ci_h5_read_string(file->h5, name, out) != CI_OK) {
        ci_error_clear();
        return ci_str_copy(out, "");
    }
    clean_text(*out);
    return CI_OK;
}

bool ci_uvh5_header_double(const ci_uvh5_file *file, const char *name, double *out)
{
    if (!ci_h5_has(file->h5, name)) return false;
    if (ci_h5_read_double(file->h5, name, out, 1) != CI_OK) {
        ci_error_clear();
        return false;
    }
    return true;
}

ci_status ci_uvh5_header_info(const ci_uvh5_file *file, const char *name, ci_h5_info *out)
{
    return ci_h5_info_get(file->h5, name, out);
}

ci_status ci_uvh5_header_doubles(const ci_uvh5_file *file, const char *name, double *out, size_t n,
                                 bool *was_scalar)
{
    ci_h5_info info;
    CI_TRY(ci_uvh5_header_info(file, name, &info));
    bool one = ci_h5_info_count(&info) == 1 && info.rank == 0;
    if (was_scalar != NULL) *was_scalar = one;
    if (!one) return ci_h5_read_double(file->h5, name, out, n);
    CI_TRY(ci_h5_read_double(file->h5, name, out, 1));
    for (size_t i = 1; i < n; i++)
        out[i] = out[0];
    return CI_OK;
}

static ci_status size_read(const ci_uvh5_file *file, const char *name, int64_t most, size_t *out)
{
    int64_t value;
    CI_TRY(ci_uvh5_header_int(file, name, &value));
    if (value < 1 || value > most) {
        return ci_uvh5_refuse(file, name, "%lld is not within 1 to %lld", (long long)value,
                              (long long)most);
    }
    *out = (size_t)value;
    return CI_OK;
}

ci_status ci_uvh5_sizes_read(ci_uvh5_file *file)
{
    char version[32];
    CI_TRY(ci_h5_link_check(file->h5, "Header"));
    CI_TRY(ci_h5_link_check(file->h5, "Data"));
    if (ci_h5_kind_of(file->h5, "Header") != CI_H5_GROUP ||
        ci_h5_kind_of(file->h5, "Data") != CI_H5_GROUP) {
        return ci_error(CI_ERR_INPUT, "%s: not UVH5: it has no groups /Header and /Data",
                        file->path);
    }
    ci_uvh5_header_text(file, "Header/version", version, sizeof version);
    ci_uvh5_fact_set(file, "version", "%s", version);
    if (version[0] > '1' && version[0] <= '9') {
        ci_uvh5_warning_add(file, "version %s is newer than any that contimg knows (1.2)", version);
    }
    size_t n_telescope = 0;
    CI_TRY(size_read(file, "Header/Nblts", INT32_MAX, &file->n_row));
    CI_TRY(size_read(file, "Header/Nfreqs", 1 << 24, &file->n_chan));
    CI_TRY(size_read(file, "Header/Npols", 4, &file->n_pol));
    CI_TRY(size_read(file, "Header/Nspws", 1 << 16, &file->n_spw));
    CI_TRY(size_read(file, "Header/Nants_telescope", UVH5_MAX_ANTENNA, &n_telescope));
    file->meta->array.n_antenna = n_telescope;
    file->meta->n_pol = file->n_pol;
    return CI_OK;
}

static void facts_read(ci_uvh5_file *file)
{
    static const struct
    {
        const char *name, *dataset;
    } texts[] = {{"history", "Header/history"},
                 {"object", "Header/object_name"},
                 {"blt_order", "Header/blt_order"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[2000];
        ci_uvh5_header_text(file, texts[i].dataset, text, sizeof text);
        if (text[0] != '\0') ci_uvh5_fact_set(file, texts[i].name, "%s", text);
    }
}

static ci_status open_steps(ci_uvh5_file *file)
{
    CI_TRY(ci_uvh5_stamp_take(&file->stamp, file->path));
    CI_TRY(ci_h5_open(&file->h5, file->path));
    CI_TRY(ci_uvh5_sizes_read(file));
    CI_TRY(ci_uvh5_data_check(file));
    CI_TRY(ci_uvh5_array_read(file));
    CI_TRY(ci_uvh5_freq_read(file));
    CI_TRY(ci_uvh5_rows_read(file));
    CI_TRY(ci_uvh5_pol_read(file));
    CI_TRY(ci_uvh5_feeds_read(file));
    CI_TRY(ci_uvh5_phase_read(file));
    facts_read(file);
    if (file->depth >= UVH5_READ) CI_TRY(ci_uvh5_nsamples_look(file));
    if (file->depth >= UVH5_CHECK) CI_TRY(ci_uvh5_geometry_check(file));
    return CI_OK;
}

ci_status ci_uvh5_file_open(ci_uvh5_file **out, const char *path, const ci_uvh5_options *options,
                            uvh5_depth depth, bool is_quiet)
{
    ci_uvh5_file *file = NULL;
    *out = NULL;
    if (strstr(ci_path_base(path), "_incomplete") != NULL) {
        return ci_error(CI_ERR_INPUT,
                        "%s: named _incomplete: still being written: wait for its final name",
                        path);
    }
    CI_TRY(ci_mem_alloc(&file, 1, sizeof *file, "UVH5 file"));
    if (options != NULL) file->options = *options;
    file->depth = depth;
    ci_status status = ci_str_copy(&file->path, path);
    if (status == CI_OK)
        status = ci_mem_alloc(&file->meta, 1, sizeof *file->meta, "data set description");
    if (status == CI_OK) status = open_steps(file);
    if (status != CI_OK) {
        ci_uvh5_close(file);
        return status;
    }
    for (size_t i = 0; !is_quiet && i < file->n_warning; i++) {
        ci_log_warning("%s: %s", path, file->warning[i]);
    }
    *out = file;
    return CI_OK;
}

ci_status ci_uvh5_open(ci_uvh5_file **out, const char *path, const ci_uvh5_options *options)
{
    return ci_uvh5_file_open(out, path, options, UVH5_CHECK, false);
}

void ci_uvh5_close(ci_uvh5_file *file)
{
    if (file == NULL) return;
    ci_h5_close(file->h5);
    ci_vis_meta_free(file->meta);
    ci_mem_free(file->chan_index);
    ci_mem_free(file->chan_first);
    ci_mem_free(file->row_baseline);
    ci_mem_free(file->row_time);
    ci_mem_free(file->row_phase);
    ci_mem_free(file->row_reversed);
    ci_mem_free(file->row_interval);
    ci_mem_free(file->row_uvw);
    for (size_t i = 0; i < file->n_warning; i++)
        ci_mem_free(file->warning[i]);
    for (size_t i = 0; i < file->n_fact; i++)
        ci_mem_free(file->fact[i].text);
    ci_mem_free(file->path);
    ci_mem_free(file);
}

const ci_vis_meta *ci_uvh5_meta(const ci_uvh5_file *file)
{
    return file->meta;
}

size_t ci_uvh5_warning_count(const ci_uvh5_file *file)
{
    return file->n_warning;
}

const char *ci_uvh5_warning_get(const ci_uvh5_file *file, size_t i)
{
    return i < file->n_warning ? file->warning[i] : "";
}

const char *ci_uvh5_fact(const ci_uvh5_file *file, const char *name)
{
    for (size_t i = 0; i < file->n_fact; i++) {
        if (strcmp(file->fact[i].name, name) == 0) return file->fact[i].text;
    }
    return "";
}
