/* Sums to values, statistics, and rows to rank 0, which writes them in order. */
#include "mosaic/internal.h"

#include <math.h>
#include <string.h>

/* Rows moved to rank 0 at a time. */
#define ROWS_AT_A_TIME 64

/* ---- statistics -------------------------------------------------------------------------- */

static ci_status tile_weights(mosaic_job *job, ci_mosaic_stats *stats)
{
    double *sum = NULL, total = 0, freq = 0, with_freq = 0;
    CI_TRY(ci_par_alloc(job->comm, &sum, job->n_tile, sizeof *sum, "weights of tiles"));
    ci_status status =
        ci_par_sum_blocks(job->comm, job->rows.n_block, job->rows.block_first,
                          job->rows.n_block_here, job->n_tile, job->block_weight, sum);
    for (size_t t = 0; t < job->n_tile && status == CI_OK; t++) {
        total += sum[t];
        freq += sum[t] * job->tile[t].header.freq_hz;
        with_freq += job->tile[t].header.freq_hz > 0 ? sum[t] : 0;
    }
    for (size_t t = 0; t < job->n_tile && status == CI_OK; t++) {
        stats->tile[t].rms_jy = job->tile[t].rms_jy;
        stats->tile[t].weight_fraction = total > 0 ? sum[t] / total : 0;
    }
    stats->freq_hz = with_freq > 0 ? freq / with_freq : 0;
    ci_mem_free(sum);
    return status;
}

/* sum_flux becomes S / noise for the measurement, then S. */
static ci_status image_stats(mosaic_job *job, ci_mosaic_stats *stats)
{
    size_t n = job->rows.n * job->out.n_x;
    double best[2] = {-1e300, -1e300}; /* largest flux, largest weight */
    for (size_t i = 0; i < n; i++) {
        float w = job->sum_weight[i];
        if (!(w > 0)) {
            job->sum_flux[i] = NAN;
            continue;
        }
        best[0] = fmax(best[0], (double)job->sum_flux[i] / (double)w);
        best[1] = fmax(best[1], (double)w);
        job->sum_flux[i] = (float)((double)job->sum_flux[i] / sqrt((double)w));
    }
    double level = NAN;
    CI_TRY(ci_par_max_double(job->comm, best, 2));
    CI_TRY(ci_mosaic_noise_measure(job->comm, &job->rows, job->out.n_y, job->out.n_x, job->box,
                                   job->sum_flux, &level));
    for (size_t i = 0; i < n; i++)
        job->sum_flux[i] = (float)((double)job->sum_flux[i] / sqrt((double)job->sum_weight[i]));
    stats->peak_jy = best[0] > -1e299 ? best[0] : NAN;
    stats->min_noise_jy = best[1] > 0 ? 1 / sqrt(best[1]) : NAN;
    stats->rms_jy = level * stats->min_noise_jy;
    if (!(best[1] > 0))
        return ci_error(CI_ERR_NO_DATA, "mosaic: no pixel of %zu tile%s has a value and PB >= %g",
                        job->n_tile, ci_plural(job->n_tile), job->options.pb_cut);
    return CI_OK;
}

/* ---- files -------------------------------------------------------------------------------- */

static ci_status cards_add(const mosaic_job *job, const ci_mosaic_stats *stats, ci_fits_header *h)
{
    CI_TRY(ci_fits_card_set_int(h, "NTILES", (int64_t)job->n_tile, "tiles in the mosaic"));
    CI_TRY(ci_fits_card_set_number(h, "PBCUT", job->options.pb_cut, "least primary beam used"));
    CI_TRY(ci_fits_card_set_number(h, "MINNOISE", stats->min_noise_jy, "[Jy/beam]"));
    /* Single images have their beam constant in pixels, a mosaic of many on the sky. */
    return ci_fits_card_set_text(h, "BMFRAME", "sky", "the beam is constant on the sky");
}

static ci_status header_make(const mosaic_job *job, const ci_fits_header *given,
                             const ci_mosaic_stats *stats, ci_fits_header *h)
{
    const ci_fits_header *first = &job->tile[0].header;
    ci_fits_header none = {0};
    CI_TRY(ci_fits_header_copy(h, given ? given : &none));
    ci_fits_header owned = *h;
    *h = job->out;
    h->card = owned.card;
    h->n_card = owned.n_card;
    h->telescope = owned.telescope;
    h->object = owned.object;
    snprintf(h->bunit, sizeof h->bunit, "Jy/beam");
    h->stokes = first->stokes;
    if (!h->telescope) CI_TRY(ci_str_set(&h->telescope, first->telescope));
    h->freq_hz = stats->freq_hz;
    h->time_mjd_s = given ? given->time_mjd_s : 0;
    for (size_t t = 0; t < job->n_tile; t++) {
        const ci_fits_header *tile = &job->tile[t].header;
        h->bandwidth_hz = fmax(h->bandwidth_hz, tile->bandwidth_hz);
        if (!(given && given->time_mjd_s > 0) && tile->time_mjd_s > 0 &&
            (h->time_mjd_s == 0 || tile->time_mjd_s < h->time_mjd_s))
            h->time_mjd_s = tile->time_mjd_s;
    }
    return cards_add(job, stats, h);
}

enum
{
    MOSAIC,
    NOISE,
    WEIGHT,
    N_FILE
};

static const char *const file_names[N_FILE] = {"mosaic", "noise", "weight"};

/* Puts the files in place, the mosaic itself last: where it is, the others are; or removes the
 * .part files that there are. */
static ci_status files_end(const char *prefix, bool commits)
{
    static const char *const in_order[N_FILE] = {"weight.fits", "noise.fits", "mosaic.fits"};
    return ci_path_end_set(prefix, in_order, N_FILE, commits);
}

/* The first fault is the one reported. */
static ci_status files_close(ci_status status, const char *prefix, ci_fits_writer *writer[N_FILE])
{
    for (int f = 0; f < N_FILE; f++) {
        if (!writer[f]) continue;
        if (status == CI_OK)
            status = ci_fits_writer_keep(writer[f]);
        else
            ci_fits_writer_abandon(writer[f]);
    }
    if (status == CI_OK) return files_end(prefix, true);
    ci_error_saved saved = ci_error_save(status);
    if (files_end(prefix, false) != CI_OK) ci_log_warning("left-overs stay: %s", ci_error_text());
    return ci_error_restore(&saved);
}

static ci_status files_open(ci_fits_header *h, const char *prefix, ci_fits_writer *writer[N_FILE])
{
    for (int f = 0; f < N_FILE; f++) {
        char *path = NULL;
        snprintf(h->bunit, sizeof h->bunit, "%s", f == WEIGHT ? "beam2/Jy2" : "Jy/beam");
        CI_TRY(ci_str_format(&path, "%s%s.fits", prefix, file_names[f]));
        ci_status status = ci_fits_writer_open(&writer[f], path, h);
        ci_mem_free(path);
        if (status != CI_OK) return status;
    }
    return CI_OK;
}

static ci_status rows_write(size_t n_x, size_t n_row, const float *flux, const float *weight,
                            float *noise, ci_fits_writer *writer[N_FILE])
{
    for (size_t i = 0; i < n_row * n_x; i++)
        noise[i] = weight[i] > 0 ? (float)(1 / sqrt((double)weight[i])) : NAN;
    CI_TRY(ci_fits_writer_rows(writer[MOSAIC], n_row, flux));
    CI_TRY(ci_fits_writer_rows(writer[NOISE], n_row, noise));
    return ci_fits_writer_rows(writer[WEIGHT], n_row, weight);
}

/* Rank 0's part: its own rows, then the others' in rank order. After a fault it goes on
 * receiving, so that no rank waits for ever. */
static ci_status rows_collect(const mosaic_job *job, ci_fits_writer *writer[N_FILE], float *buffer)
{
    size_t n_x = job->out.n_x, piece = ROWS_AT_A_TIME * n_x;
    ci_status status = CI_OK;
    for (int r = 0; r < ci_comm_size(job->comm); r++) {
        size_t b, n_b;
        ci_par_split(job->rows.n_block, ci_comm_size(job->comm), r, &b, &n_b);
        size_t y = ci_mosaic_block_edge(job->out.n_y, job->rows.n_block, b);
        size_t end = ci_mosaic_block_edge(job->out.n_y, job->rows.n_block, b + n_b);
        for (; y < end; y += ROWS_AT_A_TIME) {
            size_t n = end - y < ROWS_AT_A_TIME ? end - y : ROWS_AT_A_TIME;
            const float *flux = buffer, *weight = buffer + piece;
            if (r == 0) {
                flux = job->sum_flux + (y - job->rows.first) * n_x;
                weight = job->sum_weight + (y - job->rows.first) * n_x;
            } else {
                ci_status got = ci_par_recv(job->comm, buffer, n * n_x * sizeof *buffer, r);
                if (got == CI_OK)
                    got = ci_par_recv(job->comm, buffer + piece, n * n_x * sizeof *buffer, r);
                if (status == CI_OK) status = got;
            }
            if (status == CI_OK)
                status = rows_write(n_x, n, flux, weight, buffer + 2 * piece, writer);
        }
    }
    return status;
}

static ci_status rows_give(const mosaic_job *job)
{
    size_t n_x = job->out.n_x;
    for (size_t i = 0; i < job->rows.n; i += ROWS_AT_A_TIME) {
        size_t n = job->rows.n - i < ROWS_AT_A_TIME ? job->rows.n - i : ROWS_AT_A_TIME;
        CI_TRY(ci_par_send(job->comm, job->sum_flux + i * n_x, n * n_x * sizeof(float), 0));
        CI_TRY(ci_par_send(job->comm, job->sum_weight + i * n_x, n * n_x * sizeof(float), 0));
    }
    return CI_OK;
}

static ci_status files_write(const mosaic_job *job, const ci_fits_header *given, const char *prefix,
                             const ci_mosaic_stats *stats)
{
    bool is_writer = ci_comm_rank(job->comm) == 0;
    ci_fits_writer *writer[N_FILE] = {0};
    ci_fits_header h = {0};
    float *buffer = NULL;
    ci_status status = CI_OK;
    if (is_writer) {
        status = files_end(prefix, false); /* of a killed run */
        if (status == CI_OK) status = header_make(job, given, stats, &h);
        if (status == CI_OK) status = files_open(&h, prefix, writer);
        if (status == CI_OK)
            status = ci_mem_alloc(&buffer, 3 * ROWS_AT_A_TIME * job->out.n_x, sizeof *buffer,
                                  "rows of the mosaic");
    }
    status = ci_par_agree(job->comm, status);
    if (status == CI_OK) status = is_writer ? rows_collect(job, writer, buffer) : rows_give(job);
    if (is_writer) status = files_close(status, prefix, writer);
    ci_mem_free(buffer);
    ci_fits_header_clear(&h);
    return ci_par_agree(job->comm, status);
}

ci_status ci_mosaic_finish(mosaic_job *job, const ci_fits_header *header, const char *prefix,
                           ci_mosaic_stats *stats)
{
    CI_TRY(tile_weights(job, stats));
    CI_TRY(image_stats(job, stats));
    stats->n_x = job->out.n_x;
    stats->n_y = job->out.n_y;
    stats->ra_rad = job->out.ra_rad;
    stats->dec_rad = job->out.dec_rad;
    stats->cell_rad = job->out.cell_rad;
    stats->beam_major_rad = job->common.major;
    stats->beam_minor_rad = job->common.minor;
    stats->beam_pa_rad = job->common.pa_rad;
    return files_write(job, header, prefix, stats);
}
