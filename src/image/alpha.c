/* Spectral indices of pixels, from their fluxes in the output channels. */
#include "image/alpha.h"

#include <math.h>

enum
{
    STEPS_MAX = 60
};
static const double step_max = 1, step_done = 1e-9; /* of alpha */
static const double alpha_max = 20;                 /* nothing on the sky is steeper */

void ci_image_alpha_clear(ci_image_alpha *a)
{
    ci_mem_free(a->index);
    ci_mem_free(a->x);
    ci_mem_free(a->weight);
    ci_mem_free(a->flux);
    ci_mem_free(a->response);
    *a = (ci_image_alpha){0};
}

static bool is_chosen(const ci_grid_layout *l, const ci_image_alpha_choice *c, size_t i)
{
    double x = (double)(i % l->n_x), y = (double)(l->y_first + i / l->n_x);
    return fabs(c->image[i]) > c->least && c->pb[i] >= c->pb_cut && x >= c->margin &&
           y >= c->margin && x < (double)l->n_x - c->margin && y < (double)l->n_y - c->margin;
}

ci_status ci_image_alpha_new(ci_image_alpha *out, size_t n_channel, const ci_grid_layout *layout,
                             const ci_image_alpha_choice *choice)
{
    size_t n = layout->n_here * layout->n_x, k = 0;
    *out = (ci_image_alpha){.n_channel = n_channel};
    for (size_t i = 0; i < n; i++)
        out->n_pixel += is_chosen(layout, choice, i);
    size_t n_value = out->n_pixel * n_channel;
    CI_TRY(ci_mem_alloc(&out->index, out->n_pixel, sizeof *out->index, "spectral indices"));
    CI_TRY(ci_mem_alloc(&out->x, n_channel, sizeof *out->x, "spectral indices"));
    CI_TRY(ci_mem_alloc(&out->weight, n_channel, sizeof *out->weight, "spectral indices"));
    CI_TRY(ci_mem_alloc(&out->flux, n_value, sizeof *out->flux, "spectral indices"));
    CI_TRY(ci_mem_alloc(&out->response, n_value, sizeof *out->response, "spectral indices"));
    for (size_t i = 0; i < n; i++)
        if (is_chosen(layout, choice, i)) out->index[k++] = i;
    return CI_OK;
}

void ci_image_alpha_set(ci_image_alpha *a, size_t i, double x, double noise, const double *image,
                        const float *pb)
{
    a->x[i] = x;
    a->weight[i] = noise > 0 ? 1 / (noise * noise) : 0;
    for (size_t k = 0; k < a->n_pixel; k++) {
        a->flux[i * a->n_pixel + k] = (float)image[a->index[k]];
        a->response[i * a->n_pixel + k] = pb[a->index[k]];
    }
}

/* Sums over channels for one alpha: with g = response exp(alpha x), h = g x. */
typedef struct sums
{
    double gg, gh, hh, fg, fh;
} sums;

static sums sums_at(const ci_image_alpha *a, size_t i_pixel, double alpha)
{
    sums s = {0};
    for (size_t c = 0; c < a->n_channel; c++) {
        double w = a->weight[c], f = a->flux[c * a->n_pixel + i_pixel];
        double g = a->response[c * a->n_pixel + i_pixel] * exp(alpha * a->x[c]), h = g * a->x[c];
        s.gg += w * g * g;
        s.gh += w * g * h;
        s.hh += w * h * h;
        s.fg += w * f * g;
        s.fh += w * f * h;
    }
    return s;
}

void ci_image_alpha_fit(const ci_image_alpha *a, size_t i_pixel, double *value, double *error)
{
    double alpha = 0;
    *value = *error = NAN;
    for (int k = 0; k < STEPS_MAX; k++) {
        sums s = sums_at(a, i_pixel, alpha);
        double flux = s.fg / s.gg, spread = s.hh - s.gh * s.gh / s.gg;
        if (!(s.gg > 0) || !(spread > 0) || flux == 0) return;
        double step = (s.fh - flux * s.gh) / (flux * spread);
        step = fmin(fmax(step, -step_max), step_max);
        alpha += step;
        if (!(fabs(alpha) <= alpha_max)) return;
        if (fabs(step) > step_done) continue;
        *value = alpha;
        *error = 1 / (fabs(flux) * sqrt(spread));
        return;
    }
}
