/* Distributed images to FITS: rank 0 takes the slabs in row order. */
#include "image/write.h"

#include <stdio.h>

enum
{
    PIECE_BYTES = 16 << 20
};

typedef struct slab_sink
{
    ci_fits_writer *writer;
    ci_status status; /* of rank 0; the others' rows are taken and dropped once it fails */
} slab_sink;

static void sink_rows(slab_sink *sink, size_t n_row, const float *rows)
{
    if (sink->status == CI_OK) sink->status = ci_fits_writer_rows(sink->writer, n_row, rows);
}

static ci_status slab_send(ci_comm *comm, const ci_grid_layout *l, const float *slab,
                           size_t n_piece)
{
    for (size_t y = 0; y < l->n_here; y += n_piece) {
        size_t n = l->n_here - y < n_piece ? l->n_here - y : n_piece;
        CI_TRY(ci_par_send(comm, slab + y * l->n_x, n * l->n_x * sizeof *slab, 0));
    }
    return CI_OK;
}

static ci_status slabs_receive(ci_comm *comm, const ci_grid_layout *l, slab_sink *sink,
                               float *piece, size_t n_piece)
{
    for (int r = 1; r < l->n_rank; r++)
        for (size_t y = 0; y < l->count_of[r]; y += n_piece) {
            size_t n = l->count_of[r] - y < n_piece ? l->count_of[r] - y : n_piece;
            CI_TRY(ci_par_recv(comm, piece, n * l->n_x * sizeof *piece, r));
            sink_rows(sink, n, piece);
        }
    return CI_OK;
}

ci_status ci_image_slab_write(ci_comm *comm, const ci_grid_layout *l, const float *slab,
                              const ci_fits_header *header, const char *prefix, const char *name)
{
    char *path = NULL;
    float *piece = NULL;
    slab_sink sink = {NULL, CI_OK};
    bool is_root = ci_comm_rank(comm) == 0;
    size_t n_piece = PIECE_BYTES / (l->n_x * sizeof *slab) + 1;
    ci_status status = CI_OK;
    if (is_root) {
        status = ci_str_format(&path, "%s%s.fits", prefix, name);
        if (status == CI_OK)
            status = ci_mem_alloc(&piece, n_piece * l->n_x, sizeof *piece, "image rows");
        if (status == CI_OK) status = ci_fits_writer_open(&sink.writer, path, header);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK && !is_root) status = slab_send(comm, l, slab, n_piece);
    if (status == CI_OK && is_root) {
        sink_rows(&sink, l->n_here, slab);
        status = slabs_receive(comm, l, &sink, piece, n_piece);
        if (status == CI_OK) status = sink.status;
    }
    if (sink.writer && status == CI_OK)
        status = ci_fits_writer_keep(sink.writer);
    else if (sink.writer)
        ci_fits_writer_abandon(sink.writer);
    ci_mem_free(path);
    ci_mem_free(piece);
    return ci_par_agree(comm, status);
}

/* All that one call may write; the image itself comes last: where it is, the others are. */
static const char *const names[] = {"dirty.fits",       "psf.fits",      "clean.h5",   "alpha.fits",
                                    "alpha.error.fits", "residual.fits", "model.fits", "pb.fits",
                                    "pbcor.fits",       "image.fits"};
static const char *const channel_names[] = {"psf", "residual", "model", "pb", "pbcor", "image"};
enum
{
    N_NAME = sizeof names / sizeof *names,
    N_CHANNEL_NAME = sizeof channel_names / sizeof *channel_names,
    NAME_BYTES = 32
};

/* Whether any file of output channel i is there, in place or on the way. */
static ci_status channel_seek(const char *prefix, size_t i, bool *is_there)
{
    static const char *const endings[] = {"", ".part", ".ready.part"};
    *is_there = false;
    for (size_t k = 0; k < 3 * (size_t)N_CHANNEL_NAME && !*is_there; k++) {
        char *path = NULL;
        CI_TRY(ci_str_format(&path, "%sch%04zu.%s.fits%s", prefix, i, channel_names[k / 3],
                             endings[k % 3]));
        *is_there = ci_path_exists(path);
        ci_mem_free(path);
    }
    return CI_OK;
}

/* So many output channels have files, of this call or of an earlier one. */
static ci_status channels_count(const char *prefix, size_t *n)
{
    bool is_there = true;
    for (*n = 0; is_there; *n += is_there)
        CI_TRY(channel_seek(prefix, *n, &is_there));
    return CI_OK;
}

static ci_status set_end(const char *prefix, bool commits)
{
    size_t n_channel, n = 0;
    CI_TRY(channels_count(prefix, &n_channel));
    char(*text)[NAME_BYTES] = NULL;
    const char **all = NULL;
    size_t n_all = n_channel * (size_t)N_CHANNEL_NAME + (size_t)N_NAME;
    ci_status status = ci_mem_alloc(&text, n_all, sizeof *text, "names of files");
    if (status == CI_OK) status = ci_mem_alloc(&all, n_all, sizeof *all, "names of files");
    for (size_t i = 0; status == CI_OK && i < n_channel; i++)
        for (size_t k = 0; k < (size_t)N_CHANNEL_NAME; k++, n++) {
            snprintf(text[n], sizeof text[n], "ch%04zu.%s.fits", i, channel_names[k]);
            all[n] = text[n];
        }
    for (size_t k = 0; status == CI_OK && k < (size_t)N_NAME; k++)
        all[n++] = names[k];
    if (status == CI_OK) status = ci_path_end_set(prefix, all, n, commits);
    ci_mem_free(text);
    ci_mem_free(all);
    return status;
}

static ci_status files_end(ci_comm *comm, const char *prefix, bool commits)
{
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) == 0) status = set_end(prefix, commits);
    return ci_par_agree(comm, status);
}

ci_status ci_image_files_commit(ci_comm *comm, const char *prefix)
{
    return files_end(comm, prefix, true);
}

ci_status ci_image_files_discard(ci_comm *comm, const char *prefix)
{
    return files_end(comm, prefix, false);
}
