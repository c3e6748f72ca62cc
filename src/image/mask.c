/* The user's mask: where CLEAN may find components. */
#include "image/maker.h"

#include <math.h>

static const double place_max = 0.1; /* pixels between the mask's and the image's */

/* Whether pixels of two headers are at the same positions: at the corners and the middle. */
static ci_status places_compare(const ci_fits_header *image, const ci_fits_header *mask,
                                double *worst)
{
    enum
    {
        N = 5
    };
    double right = (double)image->n_x - 1, top = (double)image->n_y - 1;
    const double x[N] = {0, right, 0, right, right / 2}, y[N] = {0, 0, top, top, top / 2};
    double ra[N], dec[N], x_mask[N], y_mask[N];
    ci_fits_wcs *of_image = NULL, *of_mask = NULL;
    ci_status status = ci_fits_wcs_new(&of_image, image);
    if (status == CI_OK) status = ci_fits_wcs_new(&of_mask, mask);
    if (status == CI_OK) status = ci_fits_wcs_to_sky(of_image, N, x, y, ra, dec);
    if (status == CI_OK) status = ci_fits_wcs_to_pixel(of_mask, N, ra, dec, x_mask, y_mask);
    *worst = 0;
    for (int i = 0; status == CI_OK && i < N; i++) {
        double apart = hypot(x_mask[i] - x[i], y_mask[i] - y[i]);
        *worst = isfinite(apart) ? fmax(*worst, apart) : INFINITY;
    }
    ci_fits_wcs_free(of_image);
    ci_fits_wcs_free(of_mask);
    return status;
}

static ci_status header_check(const char *path, const ci_fits_header *image,
                              const ci_fits_header *mask)
{
    double worst;
    if (mask->n_x != image->n_x || mask->n_y != image->n_y)
        return ci_error(CI_ERR_INPUT,
                        "%s: --mask of %zu x %zu pixels for an image of %zu x %zu: make it from an "
                        "image with the same --size and --cell-arcsec",
                        path, mask->n_x, mask->n_y, image->n_x, image->n_y);
    CI_TRY(places_compare(image, mask, &worst));
    if (worst <= place_max) return CI_OK;
    return ci_error(
        CI_ERR_INPUT,
        "%s: --mask: its pixels are %.3g pixels from the image's: make it from an image "
        "with the same --phase-center and --cell-arcsec",
        path, worst);
}

/* This rank's rows. */
static ci_status slab_read(ci_fits_reader *reader, const ci_grid_layout *l, uint8_t *out)
{
    float *row = NULL;
    CI_TRY(ci_mem_alloc(&row, l->n_x, sizeof *row, "mask"));
    ci_status status = CI_OK;
    for (size_t y = 0; status == CI_OK && y < l->n_here; y++) {
        status = ci_fits_reader_rows(reader, l->y_first + y, 1, row);
        for (size_t x = 0; status == CI_OK && x < l->n_x; x++)
            out[y * l->n_x + x] = isfinite(row[x]) && row[x] != 0;
    }
    ci_mem_free(row);
    return status;
}

static ci_status file_read(ci_image_maker *m, const char *path)
{
    ci_fits_reader *reader = NULL;
    CI_TRY(ci_file_check_plain(path));
    CI_TRY(ci_fits_reader_open(&reader, path));
    ci_status status = header_check(path, &m->header, ci_fits_reader_header(reader));
    if (status == CI_OK)
        status = ci_mem_alloc(&m->mask, ci_image_maker_slab(m), sizeof *m->mask, "mask");
    if (status == CI_OK) status = slab_read(reader, m->layout, m->mask);
    ci_fits_reader_close(reader);
    return status;
}

ci_status ci_image_mask_read(ci_comm *comm, ci_image_maker *m)
{
    int64_t n = 0;
    const char *path = m->setup.options->mask;
    if (!path || !*path) return CI_OK;
    CI_AGREE(comm, file_read(m, path));
    for (size_t i = 0; i < ci_image_maker_slab(m); i++)
        n += m->mask[i];
    CI_TRY(ci_par_sum_int(comm, &n, 1));
    if (n == 0)
        return ci_error(CI_ERR_INPUT,
                        "%s: --mask: no pixel is set: nothing could be cleaned (a pixel that is "
                        "neither 0 nor NaN is)",
                        path);
    ci_log_info("clean: components within the mask %s only, %lld pixel%s", path, (long long)n,
                ci_plural(n));
    return CI_OK;
}
