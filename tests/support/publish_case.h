/* A staged mosaic of 64 x 64 pixels that passes every gate, and what can be wrong with it. */
#ifndef CONTIMG_TEST_PUBLISH_CASE_H
#define CONTIMG_TEST_PUBLISH_CASE_H

#include "contimg/fits.h"
#include "contimg/publish.h"
#include "registry_case.h"

#include <math.h>

enum
{
    side = 64
};

typedef struct mosaic_faults
{
    bool no_file, broken, checksum, wrong_unit, no_beam, no_time, nan_inside, flat, wcs;
    double noise_factor; /* 1: as it should be */
} mosaic_faults;

static inline void mosaic_header(ci_fits_header *h)
{
    memset(h, 0, sizeof *h);
    h->n_x = h->n_y = side;
    h->ra_rad = 2.0;
    h->dec_rad = 0.28;
    h->x_ref = h->y_ref = side / 2;
    h->cell_rad = 3 * CI_ARCSEC_TO_RAD;
    strcpy(h->bunit, "Jy/beam");
    h->stokes = CI_VIS_POL_I;
    h->telescope = "OVRO_MMA"; /* never cleared */
    h->beam_major_rad = 12 * CI_ARCSEC_TO_RAD;
    h->beam_minor_rad = 9 * CI_ARCSEC_TO_RAD;
    h->freq_hz = 1.405e9;
    h->bandwidth_hz = 187.5e6;
    h->time_mjd_s = 61065 * CI_DAY_S;
}

static inline double case_noise(uint32_t *seed)
{
    double sum = 0; /* of 12 uniform ones: near enough to normal for a median */
    for (int i = 0; i < 12; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        sum += *seed / 4294967296.0;
    }
    return sum - 6;
}

/* mosaic.fits, noise.fits, weight.fits and sources.csv in `folder`; noise 1 mJy, a source of
 * 0.5 Jy; weights 0 and NaN in the outermost 4 pixels. */
static inline ci_status mosaic_write(const char *folder, const mosaic_faults *faults)
{
    static float image[side * side], noise[side * side], weight[side * side];
    uint32_t seed = 7;
    double factor = faults->noise_factor > 0 ? faults->noise_factor : 1;
    char path[4300];
    ci_fits_header h;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int i = y * side + x;
            bool rim = x < 4 || y < 4 || x >= side - 4 || y >= side - 4;
            double r2 = (x - 20) * (x - 20) + (y - 40) * (y - 40);
            image[i] = (float)(1e-3 * factor * case_noise(&seed) +
                               (faults->flat ? 0 : 0.5 * exp(-r2 / 8)));
            noise[i] = (float)(1e-3 * factor);
            weight[i] = 1e6f;
            if (rim) {
                image[i] = noise[i] = NAN;
                weight[i] = 0;
            }
        }
    if (faults->nan_inside) image[30 * side + 30] = NAN;
    CI_TRY(ci_path_make_folder(folder));
    mosaic_header(&h);
    if (faults->wrong_unit) strcpy(h.bunit, "K");
    if (faults->no_beam) h.beam_major_rad = h.beam_minor_rad = 0;
    if (faults->no_time) h.time_mjd_s = 0;
    snprintf(path, sizeof path, "%s/mosaic.fits", folder);
    if (!faults->no_file) CI_TRY(ci_fits_write(path, &h, image));
    if (faults->broken) CI_TRY(ci_file_write(path, "not FITS", 8));
    if (faults->checksum) {
        FILE *file = fopen(path, "r+");
        if (!file || fseek(file, -1000, SEEK_END) != 0 || fputc(1, file) == EOF ||
            fclose(file) != 0)
            return ci_error(CI_ERR_IO, "%s: not changed", path);
    }
    mosaic_header(&h);
    snprintf(path, sizeof path, "%s/noise.fits", folder);
    CI_TRY(ci_fits_write(path, &h, noise));
    strcpy(h.bunit, "");
    snprintf(path, sizeof path, "%s/weight.fits", folder);
    CI_TRY(ci_fits_write(path, &h, weight));
    snprintf(path, sizeof path, "%s/sources.csv", folder);
    return ci_file_write(path, "name,ra_deg\nA,1\n", 16);
}

typedef struct publish_case
{
    registry_case c;
    char staging[300], products[300];
    ci_registry *registry;
    ci_publish_options options;
    bool is_new_version; /* of what is published */
} publish_case;

#define CASE_DATE "2026-01-25"

static inline ci_status publish_case_open(publish_case *t)
{
    snprintf(t->staging, sizeof t->staging, "%s/staging", t->c.folder);
    snprintf(t->products, sizeof t->products, "%s/products", t->c.folder);
    CI_TRY(ci_path_make_folder(t->staging));
    CI_TRY(ci_path_make_folder(t->products));
    ci_publish_options_default(&t->options);
    t->options.staging_base = t->staging;
    t->options.products_base = t->products;
    return ci_registry_open(&t->registry, &t->c.paths, &t->c.options);
}

/* Registers the mosaic (thermal noise 0.9 mJy, flux ratio 1.01 of 9) and stages it. */
static inline ci_status publish_case_stage(publish_case *t, const char *id, const char *folder)
{
    bool is_new;
    ci_registry_image mosaic = {.state = CI_REGISTRY_IMAGE_COMPLETED,
                                .folder = (char *)folder,
                                .thermal_jy = 0.9e-3,
                                .rms_jy = 1e-3,
                                .flux_ratio = 1.01,
                                .n_flux_match = 9,
                                .first_time_mjd_s = 61065 * CI_DAY_S};
    ci_registry_product p = {.type = CI_REGISTRY_MOSAIC,
                             .auto_publish = true,
                             .is_new_version = t->is_new_version,
                             .stage_path = (char *)folder,
                             .metadata_json = "{\"tiles\":[\"a\",\"b\"]}",
                             .time_mjd_s = 61065 * CI_DAY_S};
    snprintf(mosaic.id, sizeof mosaic.id, "%s", id);
    snprintf(p.id, sizeof p.id, "%s", id);
    CI_TRY(ci_registry_mosaic_put(t->registry, &mosaic, NULL, 0));
    return ci_registry_product_stage(t->registry, &p, &is_new);
}

static inline ci_status publish_case_make(publish_case *t, const char *id,
                                          const mosaic_faults *faults)
{
    char folder[400];
    snprintf(folder, sizeof folder, "%s/mosaics/%s", t->staging, id);
    CI_TRY(mosaic_write(folder, faults));
    return publish_case_stage(t, id, folder);
}

#endif
