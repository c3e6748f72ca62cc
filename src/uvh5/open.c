/* Opening: the order of the checks, and what the file is. */
#include "uvh5/uvh5_private.h"

#include <stdio.h>
#include <string.h>

static ci_status size_read(const ci_uvh5_file *file, const char *name, int64_t most, size_t *out)
{
    int64_t value;
    CI_TRY(ci_uvh5_header_int(file, name, &value));
    if (value < 1 || value > most) {
        return ci_uvh5_refuse(file, name, "%lld is not within 1 to %lld: correct it",
                              (long long)value, (long long)most);
    }
    *out = (size_t)value;
    return CI_OK;
}

/* Than version 1.2; the numbers are of more than one digit one day. */
static bool is_newer(const char *version)
{
    int major = 0, minor = 0;
    int n = sscanf(version, "%d.%d", &major, &minor);
    return n >= 1 && (major > 1 || (major == 1 && minor > 2));
}

ci_status ci_uvh5_sizes_read(ci_uvh5_file *file)
{
    char version[32];
    CI_TRY(ci_h5_link_check(file->h5, "Header"));
    CI_TRY(ci_h5_link_check(file->h5, "Data"));
    if (ci_h5_kind_of(file->h5, "Header") != CI_H5_GROUP ||
        ci_h5_kind_of(file->h5, "Data") != CI_H5_GROUP) {
        return ci_error(CI_ERR_INPUT,
                        "%s: not UVH5: it has no groups /Header and /Data: give a UVH5 file",
                        file->path);
    }
    CI_TRY(ci_uvh5_header_text(file, "Header/version", version, sizeof version));
    ci_uvh5_fact_set(file, "version", "%s", version);
    if (is_newer(version)) {
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

/* Texts that are told only: one that cannot be read is warned of. */
static void facts_read(ci_uvh5_file *file)
{
    static const struct
    {
        const char *name, *dataset;
    } texts[] = {{"history", "Header/history"},
                 {"object", "Header/object_name"},
                 {"blt_order", "Header/blt_order"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *text = NULL;
        ci_status status = ci_uvh5_header_text_copy(file, texts[i].dataset, &text);
        if (status != CI_OK) {
            ci_uvh5_warning_add(file, "%s: left out: %s", texts[i].dataset, ci_error_text());
            ci_error_clear();
        } else if (text[0] != '\0') {
            ci_uvh5_fact_set(file, texts[i].name, "%s", text);
        }
        ci_mem_free(text);
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
    ci_h5_refusal_clear();
    if (status == CI_OK) status = open_steps(file);
    status = ci_h5_refusal_check(path, status);
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
