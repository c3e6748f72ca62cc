/* Source finding: islands, fits, errors, a sorted list. */
#include "phot/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ci_phot_options_default(ci_phot_options *options)
{
    *options = (ci_phot_options){.seed_sigma = 5, .grow_sigma = 3};
}

void ci_phot_list_free(ci_phot_list *list)
{
    if (!list) return;
    ci_mem_free(list->source);
    ci_mem_free(list);
}

void ci_phot_name(char out[32], double ra_rad, double dec_rad)
{
    /* Names are cut, not rounded (IAU); a hair is added so that 3.0 stays 3.0. */
    double angle_rad = fmod(ra_rad, CI_TWO_PI);
    if (angle_rad < 0) angle_rad += CI_TWO_PI;
    unsigned tenth = (unsigned)(angle_rad * CI_RAD_TO_DEG * 2400 + 1e-6) % 864000u;
    unsigned arcsec = (unsigned)(fabs(dec_rad) * CI_RAD_TO_ARCSEC + 1e-6) % 360000u;
    snprintf(out, 32, "J%02u%02u%02u.%u%c%02u%02u%02u", tenth / 36000, tenth / 600 % 60,
             tenth / 10 % 60, tenth % 10, dec_rad < 0 ? '-' : '+', arcsec / 3600, arcsec / 60 % 60,
             arcsec % 60);
}

static ci_status source_make(const phot_image *im, const phot_component *c, int32_t island,
                             ci_phot_source *s)
{
    const ci_num_gaussian *g = &c->g;
    ci_num_beam beam = ci_phot_beam_at(im, g->x, g->y), shape = {g->major, g->minor, g->pa_rad},
                sky;
    phot_errors e = ci_phot_condon(g, beam, c->rms);
    double north, x, y, cell = im->header.cell_rad;
    *s = (ci_phot_source){.island = island, .is_resolved = c->is_resolved, .rms_jy = c->rms};
    ci_phot_place(im, g, &x, &y);
    CI_TRY(ci_fits_wcs_to_sky(im->wcs, 1, &x, &y, &s->ra_rad, &s->dec_rad));
    CI_TRY(ci_phot_shape_on_sky(im, g->x, g->y, shape, &sky, &north));
    s->major_rad = sky.major;
    s->minor_rad = sky.minor;
    s->pa_rad = sky.pa_rad;
    s->peak_jy = g->peak;
    s->peak_err_jy = g->peak * e.peak;
    /* An unresolved source has one flux; its integral would only add the shape's noise. */
    s->flux_jy =
        c->is_resolved ? g->peak * g->major * g->minor / (beam.major * beam.minor) : g->peak;
    s->flux_err_jy = c->is_resolved ? s->flux_jy * e.flux : s->peak_err_jy;
    /* North lies at (-sin, cos) of its angle in pixels, east a quarter turn on. */
    s->dec_err_rad = cell * ci_phot_place_error(&e, -sin(north), cos(north));
    s->ra_err_rad = cell * ci_phot_place_error(&e, -cos(north), -sin(north));
    ci_phot_name(s->name, s->ra_rad, s->dec_rad);
    return CI_OK;
}

static int by_snr(const void *a, const void *b)
{
    const ci_phot_source *p = a, *q = b;
    double sp = p->peak_jy / p->rms_jy, sq = q->peak_jy / q->rms_jy;
    if (sp != sq) return sp > sq ? -1 : 1;
    if (p->island != q->island) return p->island < q->island ? -1 : 1;
    return p->ra_rad < q->ra_rad ? -1 : p->ra_rad > q->ra_rad;
}

/* Faint components of a joint fit are not detections of their own. */
static ci_status list_make(const phot_image *im, const phot_component *c, const int32_t *island,
                           size_t n, double seed, ci_phot_list *list)
{
    CI_TRY(ci_mem_alloc(&list->source, n, sizeof *list->source, "source list"));
    for (size_t i = 0; i < n; i++) {
        if (!(c[i].rms > 0) || c[i].g.peak < seed * c[i].rms) continue;
        ci_phot_source *s = &list->source[list->n_source];
        CI_TRY(source_make(im, &c[i], island[i], s));
        if (isfinite(s->ra_rad)) list->n_source++;
    }
    qsort(list->source, list->n_source, sizeof *list->source, by_snr);
    return CI_OK;
}

static ci_status find_in(const phot_image *im, const ci_phot_options *options, int32_t *labels,
                         ci_phot_list *list)
{
    ci_num_island *islands = NULL;
    size_t n_island = 0, n = 0;
    phot_component *component = NULL;
    int32_t *owner = NULL;
    ci_status status =
        ci_num_islands(&(ci_num_island_search){im->pixel, im->rms, im->n_y, im->n_x,
                                               options->seed_sigma, options->grow_sigma},
                       labels, &islands, &n_island);
    for (size_t i = 0; i < n_island && status == CI_OK; i++) {
        size_t before = n;
        status = ci_phot_island_fit(im, labels, &islands[i], options->seed_sigma, &component, &n);
        if (status == CI_OK) status = ci_mem_resize(&owner, n, sizeof *owner, "source list");
        for (size_t k = before; k < n && status == CI_OK; k++)
            owner[k] = islands[i].label;
    }
    /* A fitted peak lies a little above or below the brightest pixel; nine tenths of the
     * threshold keeps what the island's seed has already accepted. */
    if (status == CI_OK)
        status = list_make(im, component, owner, n, 0.9 * options->seed_sigma, list);
    ci_mem_free(owner);
    ci_mem_free(component);
    ci_mem_free(islands);
    return status;
}

/* A noise map knows nothing of what imaging leaves around a bright source: where the image
 * scatters more than its map says, the larger counts. */
static ci_status raise_noise(phot_image *im, size_t box)
{
    size_t n = im->n_x * im->n_y;
    float *ratio = NULL;
    if (box == 0) box = (size_t)(20 * im->beam.major) + 1;
    CI_TRY(ci_mem_alloc(&ratio, n, sizeof *ratio, "noise for photometry"));
    for (size_t i = 0; i < n; i++)
        ratio[i] = im->rms[i] > 0 ? im->pixel[i] / im->rms[i] : NAN;
    ci_status status = ci_num_local_rms(ratio, im->n_y, im->n_x, box, ratio, NULL);
    for (size_t i = 0; i < n && status == CI_OK; i++)
        if (ratio[i] > 1) im->rms[i] *= ratio[i];
    ci_mem_free(ratio);
    return status;
}

ci_status ci_phot_find(ci_phot_list **out, const char *image_path, const char *noise_path,
                       const ci_phot_options *options)
{
    *out = NULL;
    if (!(options->seed_sigma > 0) || !(options->grow_sigma > 0) ||
        options->grow_sigma > options->seed_sigma)
        return ci_error(CI_ERR_USAGE,
                        "source finding: seed %g, grow %g sigma: need 0 < grow <= seed",
                        options->seed_sigma, options->grow_sigma);
    phot_image im;
    ci_phot_list *list = NULL;
    int32_t *labels = NULL;
    CI_TRY(ci_phot_image_load(&im, image_path, noise_path, options->box, options->rms_jy));
    ci_status status = noise_path ? raise_noise(&im, options->box) : CI_OK;
    if (status == CI_OK) status = ci_mem_alloc(&list, 1, sizeof *list, "source list");
    if (status == CI_OK)
        status = ci_mem_alloc(&labels, im.n_x * im.n_y, sizeof *labels, "labels of islands");
    if (status == CI_OK) status = find_in(&im, options, labels, list);
    ci_mem_free(labels);
    ci_phot_image_clear(&im);
    if (status != CI_OK) {
        ci_phot_list_free(list);
        return status;
    }
    *out = list;
    return CI_OK;
}
