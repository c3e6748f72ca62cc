/* What a model is beside its pixel components, in parts of the band: drift and bright sources. */
#include "clean/state.h"
#include "contimg/clean_spectra.h"

#include <math.h>

/* Mean over the samples of each part of the band: of fluxes at integrations and nodes. */
typedef struct band_means
{
    size_t n, n_node; /* n_node: n_frame x CI_CLEAN_FLUX_NODES */
    double *weight;   /* [n][n_node] */
} band_means;

static size_t band_of(const ci_clean_bands *bands, double freq_hz)
{
    size_t k = 0;
    while (k + 1 < bands->n && freq_hz >= bands->edge_hz[k + 1])
        k++;
    return k;
}

static void means_fill(const ci_clean_model *b, const ci_vis_samples *s,
                       const ci_clean_bands *bands, const int64_t *by_time, double *total,
                       band_means *out)
{
    for (size_t f = 0; f < s->n_freq; f++) {
        size_t k = band_of(bands, s->freq_hz[f]);
        double *weight = out->weight + k * out->n_node;
        for (size_t t = 0; t < s->n_time; t++) {
            double w = (double)by_time[t * s->n_freq + f];
            double *at = weight + (b->n_frame == 1 ? 0 : t) * CI_CLEAN_FLUX_NODES;
            total[k] += w;
            for (int i = 0; i < CI_CLEAN_FLUX_NODES; i++)
                at[i] += w * ci_clean_flux_lagrange(&b->axis, i, s->freq_hz[f]);
        }
    }
    for (size_t k = 0; k < out->n; k++)
        for (size_t i = 0; total[k] > 0 && i < out->n_node; i++)
            out->weight[k * out->n_node + i] /= total[k];
}

static ci_status means_new(ci_comm *comm, const ci_clean *c, const ci_clean_bands *bands,
                           band_means *out)
{
    const ci_clean_model *b = c->setup.model;
    int64_t *by_time = NULL;
    double *total = NULL;
    *out = (band_means){.n = bands->n, .n_node = b->n_frame * CI_CLEAN_FLUX_NODES};
    CI_TRY(ci_vis_samples_weight_by_time(comm, c->setup.samples, &by_time));
    ci_status status = ci_mem_alloc(&total, bands->n, sizeof *total, "spectra");
    if (status == CI_OK)
        status = ci_mem_alloc(&out->weight, out->n * out->n_node, sizeof *out->weight, "spectra");
    if (status == CI_OK) means_fill(b, c->setup.samples, bands, by_time, total, out);
    ci_mem_free(total);
    ci_mem_free(by_time);
    return ci_par_agree(comm, status);
}

static ci_clean_point point_of(const ci_clean_model *b, const double *lmn, double flux)
{
    return (ci_clean_point){(double)(b->layout->n_x / 2) - lmn[0] / b->cell_rad,
                            (double)(b->layout->n_y / 2) + lmn[1] / b->cell_rad, flux};
}

/* Those of `from` become points i_first on of n_point in each part of the band. */
static void points_mean(const ci_clean_model *b, const ci_clean_points *from,
                        const band_means *means, size_t i_first, size_t n_point,
                        ci_clean_point *out)
{
    for (size_t k = 0; k < means->n; k++)
        for (size_t i = 0; i < from->n; i++) {
            const double *weight = means->weight + k * means->n_node;
            double flux = 0;
            for (size_t j = 0; j < means->n_node; j++)
                flux += weight[j] * from->flux[i * means->n_node + j];
            out[k * n_point + i_first + i] = point_of(b, from->lmn + 3 * i, flux);
        }
}

static ci_status points_make(const ci_clean *c, const band_means *means, ci_clean_point **out,
                             size_t *n_point)
{
    const ci_clean_model *b = c->setup.model;
    ci_clean_points drift = {0}, source = {0};
    ci_status status = CI_OK;
    if (b->has_beam) status = ci_clean_drifted_points(b, &c->drifted, &drift);
    if (status == CI_OK) status = ci_clean_points_new(&source, &b->axis, b->n_source, b->n_frame);
    if (status == CI_OK) ci_clean_sources_points(b, b->source, b->n_source, 0, &source);
    *n_point = drift.n + source.n;
    if (status == CI_OK)
        status = ci_mem_alloc(out, means->n * *n_point, sizeof **out, "points of channels");
    if (status == CI_OK) {
        points_mean(b, &drift, means, 0, *n_point, *out);
        points_mean(b, &source, means, drift.n, *n_point, *out);
    }
    ci_clean_points_clear(&drift);
    ci_clean_points_clear(&source);
    return status;
}

ci_status ci_clean_band_points(ci_comm *comm, const ci_clean *clean, const ci_clean_bands *bands,
                               ci_clean_point **out, size_t *n_point)
{
    CI_PAR_EQUAL(comm, "parts of the band", (double)bands->n);
    band_means means;
    *out = NULL;
    *n_point = 0;
    ci_status status = means_new(comm, clean, bands, &means);
    if (status == CI_OK) status = ci_par_agree(comm, points_make(clean, &means, out, n_point));
    ci_mem_free(means.weight);
    return status;
}
