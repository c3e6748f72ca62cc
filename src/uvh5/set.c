/* A data set from the files of one observation: rank 0 looks at every file, all share the
 * description, each rank reads its own parts. */
#include "uvh5/uvh5_private.h"
#include "uvh5/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ci_uvh5_set
{
    ci_vis_meta *meta;
    ci_uvh5_options options;
    size_t n_path;
    char **path;         /* [n_path] */
    uvh5_stamp *stamp;   /* [n_path] as rank 0 saw them */
    uvh5_window *window; /* [n_sub_band] */
};

/* The same in many files is one warning. */
static void warnings_log(char *const *path, ci_uvh5_file *const *file, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < file[i]->n_warning; k++) {
            size_t n_same = 0;
            bool is_told = false;
            for (size_t j = 0; j < n; j++) {
                for (size_t m = 0; m < file[j]->n_warning; m++) {
                    if (strcmp(file[j]->warning[m], file[i]->warning[k]) != 0) continue;
                    if (j < i || (j == i && m < k)) is_told = true;
                    n_same++;
                }
            }
            if (is_told) continue;
            if (n_same > 1) {
                ci_log_warning("%s and %zu more: %s", path[i], n_same - 1, file[i]->warning[k]);
            } else {
                ci_log_warning("%s: %s", path[i], file[i]->warning[k]);
            }
        }
    }
}

/* How the data are phased decides everything after: it is said, with what decided it. */
static void phasing_log(const ci_uvh5_file *file)
{
    const ci_vis_phase_centre *centre = &file->meta->phase[0];
    const char *origin = ci_uvh5_fact(file, "phasing");
    switch (centre->kind) {
    case CI_VIS_PHASING_UNPROJECTED:
        ci_log_info("visibilities are unprojected (%s)", origin);
        break;
    case CI_VIS_PHASING_SIDEREAL:
        ci_log_info("visibilities are phased to ICRS %.5f %+.5f deg (%s)",
                    centre->ra_rad * CI_RAD_TO_DEG, centre->dec_rad * CI_RAD_TO_DEG, origin);
        break;
    case CI_VIS_PHASING_MERIDIAN:
        ci_log_info("visibilities are phased to the meridian at declination %+.5f deg, each "
                    "integration (%s)",
                    centre->dec_rad * CI_RAD_TO_DEG, origin);
        break;
    }
}

/* Rank 0: opens every file, compares and merges. */
static ci_status look(ci_uvh5_set *set)
{
    ci_uvh5_file **file = NULL;
    CI_TRY(ci_mem_alloc(&file, set->n_path, sizeof *file, "UVH5 files"));
    ci_status status = CI_OK;
    for (size_t i = 0; status == CI_OK && i < set->n_path; i++) {
        /* writers err in all files of an observation alike: uvw of one are enough */
        status = ci_uvh5_file_open(&file[i], set->path[i], &set->options,
                                   i == 0 ? UVH5_CHECK : UVH5_READ, true);
        if (status != CI_OK) break;
        set->stamp[i] = file[i]->stamp;
        /* the header is kept, the file and its rows are not: sets may have many files */
        ci_h5_close(file[i]->h5);
        file[i]->h5 = NULL;
        ci_mem_free(file[i]->row_uvw);
        file[i]->row_uvw = NULL;
    }
    if (status == CI_OK) {
        warnings_log(set->path, file, set->n_path);
        phasing_log(file[0]);
        status = ci_uvh5_merge(file, set->n_path, &set->meta, &set->window);
    }
    for (size_t i = 0; i < set->n_path; i++)
        ci_uvh5_close(file[i]);
    ci_mem_free(file);
    return status;
}

/* Rank 0's array of n items to all; on the others it is allocated. */
static ci_status share_items(ci_comm *comm, void *inout, size_t n, size_t size, const char *what)
{
    void *items = NULL;
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) == 0) {
        memcpy(&items, inout, sizeof items);
    } else {
        status = ci_mem_alloc(&items, n, size, what);
        if (status == CI_OK) memcpy(inout, &items, sizeof items);
    }
    CI_TRY(ci_par_agree(comm, status));
    return ci_par_bcast(comm, items, n * size, 0);
}

/* The array's names: one buffer. */
static ci_status share_array(ci_comm *comm, ci_vis_array *array)
{
    CI_TRY(
        share_items(comm, &array->antenna, array->n_antenna, sizeof *array->antenna, "antennas"));
    CI_TRY(share_items(comm, &array->texts, array->n_text_byte, 1, "names of antennas"));
    ci_vis_array_texts_set(array, array->texts, array->n_text_byte);
    return CI_OK;
}

static ci_status share_fields(ci_comm *comm, ci_vis_meta *m)
{
    bool is_root = ci_comm_rank(comm) == 0;
    CI_TRY(share_items(comm, &m->field, m->n_field, sizeof *m->field, "fields"));
    for (size_t i = 0; !is_root && i < m->n_field; i++)
        m->field[i].name = NULL; /* rank 0's addresses */
    for (size_t i = 0; i < m->n_field; i++) {
        int64_t n_byte = is_root ? (int64_t)strlen(m->field[i].name) + 1 : 0;
        CI_TRY(ci_par_bcast(comm, &n_byte, sizeof n_byte, 0));
        CI_TRY(share_items(comm, &m->field[i].name, (size_t)n_byte, 1, "fields"));
    }
    return CI_OK;
}

static ci_status share_meta(ci_comm *comm, ci_vis_meta **inout)
{
    ci_vis_meta plain = {0};
    bool is_root = ci_comm_rank(comm) == 0;
    if (is_root) plain = **inout;
    CI_TRY(ci_par_bcast(comm, &plain, sizeof plain, 0));
    ci_status status = CI_OK;
    if (!is_root) {
        status = ci_mem_alloc(inout, 1, sizeof plain, "data set description");
        if (status == CI_OK) {
            **inout = plain;
            ci_vis_meta *m = *inout;
            m->array.antenna = NULL;
            m->array.texts = NULL;
            m->field = NULL;
            m->baseline_ant1 = m->baseline_ant2 = NULL;
            m->time_mjd_s = NULL;
            m->sub_band = NULL;
            m->phase = NULL;
            m->time_phase = NULL;
        }
    }
    CI_TRY(ci_par_agree(comm, status));
    ci_vis_meta *m = *inout;
    CI_TRY(share_array(comm, &m->array));
    CI_TRY(share_fields(comm, m));
    CI_TRY(share_items(comm, &m->baseline_ant1, m->n_baseline, sizeof(int32_t), "baselines"));
    CI_TRY(share_items(comm, &m->baseline_ant2, m->n_baseline, sizeof(int32_t), "baselines"));
    CI_TRY(share_items(comm, &m->time_mjd_s, m->n_time, sizeof(double), "times"));
    CI_TRY(share_items(comm, &m->time_phase, m->n_time, sizeof(int32_t), "phase centres"));
    CI_TRY(share_items(comm, &m->phase, m->n_phase, sizeof *m->phase, "phase centres"));
    CI_TRY(share_items(comm, &m->sub_band, m->n_sub_band, sizeof *m->sub_band, "sub-bands"));
    for (size_t i = 0; !is_root && i < m->n_sub_band; i++) {
        m->sub_band[i].freq_hz = m->sub_band[i].width_hz = NULL; /* rank 0's addresses */
    }
    for (size_t i = 0; i < m->n_sub_band; i++) {
        ci_vis_sub_band *s = &m->sub_band[i];
        CI_TRY(share_items(comm, &s->freq_hz, s->n_chan, sizeof(double), "channels"));
        CI_TRY(share_items(comm, &s->width_hz, s->n_chan, sizeof(double), "channels"));
    }
    return CI_OK;
}

static ci_status set_new(ci_uvh5_set **out, const char *const *paths, size_t n_path,
                         const ci_uvh5_options *options)
{
    ci_uvh5_set *set = NULL;
    CI_TRY(ci_mem_alloc(&set, 1, sizeof *set, "UVH5 set"));
    if (options != NULL) set->options = *options;
    ci_status status = n_path > 0 ? CI_OK : ci_error(CI_ERR_USAGE, "no UVH5 files given");
    if (status == CI_OK) status = ci_mem_alloc(&set->path, n_path, sizeof *set->path, "paths");
    if (status == CI_OK) set->n_path = n_path;
    for (size_t i = 0; status == CI_OK && i < n_path; i++) {
        status = ci_str_copy(&set->path[i], paths[i]);
    }
    if (status == CI_OK) status = ci_mem_alloc(&set->stamp, n_path, sizeof *set->stamp, "paths");
    if (status != CI_OK) {
        ci_uvh5_set_free(set);
        return status;
    }
    *out = set;
    return CI_OK;
}

ci_status ci_uvh5_set_open(ci_comm *comm, ci_uvh5_set **out, const char *const *paths,
                           size_t n_path, const ci_uvh5_options *options)
{
    ci_uvh5_set *set = NULL;
    *out = NULL;
    CI_PAR_EQUAL_TEXTS(comm, "visibilities: the list of files", paths, n_path);
    ci_status status = set_new(&set, paths, n_path, options);
    if (status == CI_OK && ci_comm_rank(comm) == 0) status = look(set);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = share_meta(comm, &set->meta);
    if (status == CI_OK) {
        status = share_items(comm, &set->window, set->meta->n_sub_band, sizeof *set->window,
                             "sub-bands");
    }
    if (status == CI_OK) {
        status = ci_par_bcast(comm, set->stamp, n_path * sizeof *set->stamp, 0);
    }
    if (status != CI_OK) {
        ci_uvh5_set_free(set);
        return status;
    }
    *out = set;
    return CI_OK;
}

const ci_vis_meta *ci_uvh5_set_meta(const ci_uvh5_set *set)
{
    return set->meta;
}

void ci_uvh5_set_free(ci_uvh5_set *set)
{
    if (set == NULL) return;
    ci_vis_meta_free(set->meta);
    for (size_t i = 0; i < set->n_path; i++)
        ci_mem_free(set->path[i]);
    ci_mem_free(set->path);
    ci_mem_free(set->stamp);
    ci_mem_free(set->window);
    ci_mem_free(set);
}

/* Reads one part, through `file`, which stays open for the next part of the same file. */
static ci_status part_read(ci_uvh5_set *set, ci_vis_part part, const ci_vis_meta *meta, ci_isa isa,
                           ci_uvh5_file **file, ci_vis_block **out)
{
    const uvh5_window *window = &set->window[part.i_sub_band];
    const char *path = set->path[window->i_path];
    if (*file == NULL || strcmp((*file)->path, path) != 0) {
        ci_uvh5_close(*file);
        *file = NULL;
        CI_TRY(ci_uvh5_stamp_check(&set->stamp[window->i_path], path));
        CI_TRY(ci_uvh5_file_open(file, path, &set->options, UVH5_READ, true));
        (*file)->isa = isa;
    }
    return ci_uvh5_read_part(*file, (size_t)window->i_spw, part, meta, out);
}

static ci_status parts_read(ci_comm *comm, ci_uvh5_set *set, ci_vis_set *vis)
{
    ci_vis_part *parts = NULL;
    ci_uvh5_file *file = NULL;
    size_t n_part = 0;
    CI_TRY(ci_vis_meta_copy(&vis->meta, set->meta));
    CI_TRY(ci_mem_alloc(&parts, set->meta->n_sub_band, sizeof *parts, "parts"));
    ci_vis_parts(set->meta->n_sub_band, set->meta->n_baseline, ci_comm_size(comm),
                 ci_comm_rank(comm), parts, &n_part);
    ci_status status = ci_mem_alloc(&vis->block, n_part, sizeof *vis->block, "blocks");
    for (size_t i = 0; status == CI_OK && i < n_part; i++) {
        ci_log_progress("read: part %zu of %zu", i + 1, n_part);
        status = part_read(set, parts[i], vis->meta, ci_comm_isa(comm), &file, &vis->block[i]);
        if (status == CI_OK) vis->n_block++;
    }
    ci_uvh5_close(file);
    ci_mem_free(parts);
    return status;
}

ci_status ci_uvh5_set_read(ci_comm *comm, ci_uvh5_set *set, ci_vis_set **out)
{
    ci_vis_set *vis = NULL;
    *out = NULL;
    ci_status status = ci_mem_alloc(&vis, 1, sizeof *vis, "visibilities");
    if (status == CI_OK) status = parts_read(comm, set, vis);
    status = ci_par_agree(comm, status);
    if (status != CI_OK) {
        ci_vis_set_free(vis);
        return status;
    }
    *out = vis;
    return CI_OK;
}
