/* The images of a tile as files. */
#include "image/maker.h"
#include "image/restore.h"
#include "image/write.h"

#include <math.h>

static void unit_set(ci_image_maker *m, const char *per)
{
    snprintf(m->header.bunit, sizeof m->header.bunit, "%s%s", *per ? m->unit : "", per);
}

/* per: "/beam", "/pixel", or "" for what has no unit. */
static ci_status image_write(ci_comm *comm, ci_image_maker *m, const double *slab,
                             const char *prefix, const char *name, const char *per)
{
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        m->out[i] = (float)slab[i];
    unit_set(m, per);
    return ci_image_slab_write(comm, m->layout, m->out, &m->header, prefix, name);
}

/* image, pb, pbcor. */
static ci_status corrected_write(ci_comm *comm, ci_image_maker *m, const double *image,
                                 const char *prefix)
{
    CI_TRY(ci_grid_slab_peak(comm, m->layout, image, NULL, &m->stats.peak_jy));
    CI_TRY(image_write(comm, m, image, prefix, "image", "/beam"));
    unit_set(m, "");
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        m->out[i] = m->pb[i] != 0 ? m->pb[i] : NAN;
    CI_TRY(ci_image_slab_write(comm, m->layout, m->out, &m->header, prefix, "pb"));
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        m->out[i] = m->pb[i] >= m->setup.options->pb_cut ? (float)(image[i] / m->pb[i]) : NAN;
    unit_set(m, "/beam");
    return ci_image_slab_write(comm, m->layout, m->out, &m->header, prefix, "pbcor");
}

ci_status ci_image_dirty_write(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    CI_TRY(image_write(comm, m, m->psf, prefix, "psf", ""));
    return image_write(comm, m, m->residual, prefix, "dirty", "/beam");
}

static ci_status restored_make(ci_comm *comm, ci_image_maker *m)
{
    double *pixels = ci_clean_model_pixels(m->model);
    ci_num_beam beam = {m->stats.beam_major_rad / m->geometry.cell_rad,
                        m->stats.beam_minor_rad / m->geometry.cell_rad, m->stats.beam_pa_rad};
    ci_clean_point *points = NULL;
    const double *extended = ci_clean_model_extended(m->model);
    size_t n = 0;
    ci_status status = ci_par_agree(comm, ci_clean_model_points(m->model, &points, &n));
    if (status == CI_OK)
        status = ci_image_restore(comm, m->layout, (ci_image_sky){pixels, points, n, extended},
                                  m->residual, beam, m->psf);
    if (status == CI_OK) ci_clean_points_pixelise(m->layout, points, n, pixels);
    for (size_t i = 0; status == CI_OK && extended && i < ci_image_maker_slab(m); i++)
        pixels[i] += extended[i];
    ci_mem_free(points);
    return status;
}

ci_status ci_image_restored_write(ci_comm *comm, ci_image_maker *m, const char *prefix)
{
    CI_TRY(ci_grid_slab_rms(comm, m->layout, m->residual, &m->stats.rms_jy));
    CI_AGREE(comm, ci_image_cards_clean(m));
    if (!m->model) return corrected_write(comm, m, m->residual, prefix);
    CI_TRY(restored_make(comm, m));
    CI_TRY(image_write(comm, m, m->residual, prefix, "residual", "/beam"));
    CI_TRY(image_write(comm, m, ci_clean_model_pixels(m->model), prefix, "model", "/pixel"));
    return corrected_write(comm, m, m->psf, prefix);
}
