/* The order of the steps of a mosaic. Tiles are taken one after the other, so that memory
 * holds one tile and the sums, both distributed. */
#include "mosaic/internal.h"

#include <math.h>

void ci_mosaic_options_default(ci_mosaic_options *options)
{
    *options = (ci_mosaic_options){.pb_cut = 0.2};
}

void ci_mosaic_stats_clear(ci_mosaic_stats *stats)
{
    if (!stats) return;
    ci_mem_free(stats->tile);
    *stats = (ci_mosaic_stats){0};
}

static ci_status sums_alloc(mosaic_job *job)
{
    size_t n = job->rows.n * job->out.n_x;
    CI_TRY(ci_mem_alloc(&job->sum_flux, n, sizeof(float), "flux sums of the mosaic"));
    CI_TRY(ci_mem_alloc(&job->sum_weight, n, sizeof(float), "weight sums of the mosaic"));
    return ci_mem_alloc(&job->block_weight, job->rows.n_block_here * job->n_tile, sizeof(double),
                        "weights of tiles");
}

static ci_status add_tiles(mosaic_job *job)
{
    for (size_t t = 0; t < job->n_tile; t++) {
        mosaic_slab slab = {0};
        ci_status status = ci_mosaic_tile_load(job, t, &slab);
        if (status == CI_OK) status = ci_mosaic_tile_add(job, t, &slab);
        ci_mem_free(slab.image);
        if (status != CI_OK) return status;
        ci_log_info("mosaic: tile %zu of %zu: noise %.3g mJy/beam, kernel %.2f x %.2f pixels: %s",
                    t + 1, job->n_tile, 1e3 * job->tile[t].rms_jy, job->tile[t].kernel.major,
                    job->tile[t].kernel.minor, job->tile[t].image_path);
    }
    return CI_OK;
}

static ci_status make(mosaic_job *job, const char *const *image_paths, const char *const *pb_paths,
                      const ci_fits_header *header, const char *prefix, ci_mosaic_stats *stats)
{
    CI_AGREE(job->comm, ci_mosaic_tiles_open(job, image_paths, pb_paths));
    CI_TRY(ci_mosaic_tiles_verify(job));
    CI_TRY(ci_mosaic_geometry_find(job));
    CI_AGREE(job->comm, ci_mosaic_beam_find(job));
    job->rows = ci_mosaic_rows_split(job->comm, job->out.n_y, job->box);
    ci_log_info("mosaic: %zu tile%s to %zu x %zu pixels about %.5f %+.5f deg, beam %.2f x %.2f "
                "arcsec",
                job->n_tile, ci_plural(job->n_tile), job->out.n_x, job->out.n_y,
                job->out.ra_rad * CI_RAD_TO_DEG, job->out.dec_rad * CI_RAD_TO_DEG,
                job->common.major * CI_RAD_TO_ARCSEC, job->common.minor * CI_RAD_TO_ARCSEC);
    CI_AGREE(job->comm, sums_alloc(job));
    CI_TRY(add_tiles(job));
    return ci_mosaic_finish(job, header, prefix, stats);
}

ci_status ci_mosaic_make(ci_comm *comm, const ci_mosaic_inputs *in,
                         const ci_mosaic_options *options, const ci_fits_header *header,
                         const char *prefix, ci_mosaic_stats *stats)
{
    size_t n_tile = in->n_tile;
    mosaic_job job = {.comm = comm, .options = *options, .n_tile = n_tile};
    *stats = (ci_mosaic_stats){.n_tile = n_tile};
    CI_PAR_EQUAL(comm, "mosaic: number of tiles or an option", (double)n_tile, options->pb_cut,
                 options->cell_rad);
    CI_PAR_EQUAL_TEXTS(comm, "mosaic: the list of images", in->image_paths, n_tile);
    CI_PAR_EQUAL_TEXTS(comm, "mosaic: the list of beams", in->pb_paths, n_tile);
    ci_status status = CI_OK;
    if (!(options->pb_cut > 0 && options->pb_cut <= 1) || !(options->cell_rad >= 0))
        status = ci_error(CI_ERR_USAGE,
                          "mosaic: PB cut %g, cell %g rad: cut must be in (0, 1], cell "
                          "not negative",
                          options->pb_cut, options->cell_rad);
    if (status == CI_OK)
        status = ci_mem_alloc(&stats->tile, n_tile, sizeof *stats->tile, "statistics of tiles");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = make(&job, in->image_paths, in->pb_paths, header, prefix, stats);
    ci_mem_free(job.sum_flux);
    ci_mem_free(job.sum_weight);
    ci_mem_free(job.block_weight);
    ci_mosaic_tiles_clear(&job);
    ci_fits_wcs_free(job.wcs);
    if (status != CI_OK) ci_mosaic_stats_clear(stats);
    return status;
}
