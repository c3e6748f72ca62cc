/* The search for sources outside the image: in a coarse image of the residual, from the shorter
 * baselines alone, out to five degrees. */
#include "clean/outside.h"

#include <math.h>
#include <string.h>

enum
{
    NEW_MAX = 16 /* of one search: their sidelobes hide others */
};
static const double pixel_most = 1536;     /* across */
static const double accuracy = 1e-3;       /* of the coarse image */
static const double longest_uv = 0.4;      /* of the sampling frequency: baselines that are used */
static const double threshold_sigma = 7;   /* of a source */
static const double sidelobe_margin = 1.2; /* a peak above that much of the sidelobes of another */
static const double work_max = 2.5e9;      /* source x sample of one sum */

struct ci_clean_outside_search
{
    ci_clean_outside_setup setup;
    ci_grid_geometry geometry;
    ci_vis_samples samples; /* a copy of the setup's, of which only the weights are its own */
    ci_grid_operator *gridder;
    ci_grid_layout *layout;
    double *slab;
    double sum_weight, sidelobe;
    double beam_pixels;    /* half width of the coarse beam: no two sources nearer to each other */
    ci_clean_place *known; /* [n_known] where sources are sought; NULL: everywhere */
    size_t n_known;
};

/* ---- making ---------------------------------------------------------------------------------- */

/* False where the image itself reaches as far. */
static bool geometry_set(ci_clean_outside_search *s)
{
    const ci_clean_model *b = s->setup.model;
    size_t shorter = b->layout->n_x < b->layout->n_y ? b->layout->n_x : b->layout->n_y;
    double half = sin(CI_CLEAN_OUTSIDE_RADIUS_RAD),
           cell = fmax(2 * half / pixel_most, 1.5 * b->cell_rad);
    if ((double)shorter * b->cell_rad / 2 >= half) return false;
    size_t n = 2 * (size_t)ceil(half / cell);
    s->geometry = (ci_grid_geometry){.n_x = n, .n_y = n, .cell_rad = cell, .accuracy = accuracy};
    return true;
}

/* Imaging weights, falling to nothing at the longest baseline that the cell allows. */
static void weights_taper(ci_clean_outside_search *s, int64_t *n_good, double longest[2])
{
    ci_vis_samples *v = &s->samples;
    double most = longest_uv / s->geometry.cell_rad;
    for (size_t r = 0; r < v->n_row; r++) {
        const double *uvw = v->uvw_m + 3 * r, *freq_hz = ci_vis_row_freq(v, r);
        for (size_t c = 0; c < ci_vis_row_n_chan(v, r); c++) {
            double g = freq_hz[c] / CI_C_M_S, uv = hypot(uvw[0], uvw[1]) * g;
            float *w = &v->weight[v->first[r] + c];
            *w *= uv < most ? (float)(0.5 + 0.5 * cos(CI_PI * uv / most)) : 0;
            if (!(*w > 0)) continue;
            (*n_good)++;
            longest[0] = fmax(longest[0], fabs(uvw[0]) * g);
            longest[1] = fmax(longest[1], fabs(uvw[1]) * g);
        }
    }
}

static ci_status samples_set(ci_comm *comm, ci_clean_outside_search *s)
{
    const ci_vis_samples *from = s->setup.samples;
    ci_vis_samples *v = &s->samples;
    double longest[2] = {0};
    *v = *from;
    v->weight = NULL;
    v->n_good = 0;
    CI_TRY(ci_par_alloc(comm, &v->weight, v->n_sample, sizeof *v->weight, "coarse image"));
    memcpy(v->weight, from->weight, v->n_sample * sizeof *v->weight);
    weights_taper(s, &v->n_good, longest);
    CI_TRY(ci_par_sum_int(comm, &v->n_good, 1));
    CI_TRY(ci_par_max_double(comm, longest, 2));
    v->max_u_lambda = longest[0];
    v->max_v_lambda = longest[1];
    return CI_OK;
}

/* Of the PSF, on rank 0: half the extent of its island above a half, and the greatest |value|
 * beyond twice that. */
static ci_status psf_measure(ci_clean_outside_search *s, const float *psf)
{
    size_t n = s->geometry.n_x, c = n / 2, n_island = 0;
    int32_t *label = NULL;
    ci_num_island *island = NULL;
    double reach[2] = {1, 1};
    CI_TRY(ci_mem_alloc(&label, n * n, sizeof *label, "coarse image"));
    ci_status status = ci_num_islands(&(ci_num_island_search){psf, NULL, n, n, 0.9, 0.5}, label,
                                      &island, &n_island);
    for (size_t i = 0; status == CI_OK && i < n_island; i++) {
        if (island[i].label != label[c * n + c]) continue;
        reach[0] = fmax(1, (double)(island[i].x_max - island[i].x_min) / 2);
        reach[1] = fmax(1, (double)(island[i].y_max - island[i].y_min) / 2);
    }
    for (size_t i = 0; status == CI_OK && i < n * n; i++) {
        double x = fabs((double)(i % n) - (double)c), y = fabs((double)(i / n) - (double)c);
        if (x > 2 * reach[0] || y > 2 * reach[1]) s->sidelobe = fmax(s->sidelobe, fabsf(psf[i]));
    }
    s->beam_pixels = fmax(reach[0], reach[1]);
    ci_mem_free(label);
    ci_mem_free(island);
    return status;
}

/* The coarse image, in Jy/beam, on rank 0; vis NULL: the PSF. *out by ci_mem_free. */
static ci_status image_make(ci_comm *comm, ci_clean_outside_search *s, const ci_c32 *vis,
                            float **out)
{
    size_t n = s->geometry.n_x;
    if (vis)
        CI_TRY(ci_grid_image(comm, s->gridder, vis, s->slab));
    else
        CI_TRY(ci_grid_psf(comm, s->gridder, s->slab));
    CI_TRY(ci_grid_slab_cut(comm, s->layout, s->slab, (ci_grid_rectangle){0, 0, n, n}, 0, out));
    if (!*out) return CI_OK;
    if (!vis) s->sum_weight = (*out)[n / 2 * n + n / 2];
    for (size_t i = 0; i < n * n; i++)
        (*out)[i] /= (float)s->sum_weight;
    return CI_OK;
}

static ci_status search_make(ci_comm *comm, ci_clean_outside_search *s)
{
    size_t y_first, n_here, n = s->geometry.n_x;
    float *psf = NULL;
    CI_TRY(samples_set(comm, s));
    if (s->samples.n_good == 0) return CI_OK;
    CI_TRY(ci_grid_operator_new(comm, &s->gridder, &s->geometry, &s->samples));
    ci_grid_operator_slab(s->gridder, &y_first, &n_here);
    CI_TRY(ci_grid_layout_new(comm, &s->layout, n, n, y_first, n_here));
    CI_TRY(ci_par_alloc(comm, &s->slab, n_here * n, sizeof *s->slab, "coarse image"));
    CI_TRY(image_make(comm, s, NULL, &psf));
    ci_status status = ci_par_agree(comm, psf ? psf_measure(s, psf) : CI_OK);
    ci_mem_free(psf);
    CI_TRY(status);
    return ci_par_bcast(comm, &s->sidelobe, sizeof s->sidelobe, 0);
}

void ci_clean_outside_search_free(ci_clean_outside_search *s)
{
    if (!s) return;
    ci_grid_operator_free(s->gridder);
    ci_grid_layout_free(s->layout);
    ci_mem_free(s->samples.weight);
    ci_mem_free(s->slab);
    ci_mem_free(s->known);
    ci_mem_free(s);
}

ci_status ci_clean_outside_search_new(ci_comm *comm, ci_clean_outside_search **out,
                                      const ci_clean_outside_setup *setup)
{
    ci_clean_outside_search *s = NULL;
    *out = NULL;
    CI_TRY(ci_par_alloc(comm, &s, 1, sizeof *s, "coarse image"));
    s->setup = *setup;
    ci_status status = CI_OK;
    if (setup->known) status = ci_clean_outside_known(setup, &s->known, &s->n_known);
    status = ci_par_agree(comm, status);
    bool is_sought = (!setup->known || s->n_known > 0) && geometry_set(s);
    if (status == CI_OK && is_sought) status = search_make(comm, s);
    if (status == CI_OK && s->gridder)
        *out = s;
    else
        ci_clean_outside_search_free(s);
    return status;
}

/* ---- searching ----------------------------------------------------------------------------- */

/* A coarse image on rank 0, and what may be found in it. */
typedef struct view
{
    const ci_clean_outside_search *search;
    float *value;
    uint8_t *state; /* [n][n] */
} view;
enum
{
    OUTSIDE,   /* a source may be found here */
    ELSEWHERE, /* none is known here */
    INSIDE,    /* the image's part */
    BEYOND     /* too far out, or near a source that was found */
};

static void position_of(const ci_clean_outside_search *s, double x, double y, double *l, double *m)
{
    double c = (double)(s->geometry.n_x / 2);
    *l = (c - x) * s->geometry.cell_rad;
    *m = (y - c) * s->geometry.cell_rad;
}

/* What is `from` within r pixels of (l, m) becomes `to`. */
static void near_set(const view *v, double l, double m, double r, uint8_t from, uint8_t to)
{
    const ci_clean_outside_search *s = v->search;
    size_t n = s->geometry.n_x;
    double c = (double)(n / 2);
    double x0 = c - l / s->geometry.cell_rad, y0 = c + m / s->geometry.cell_rad;
    for (double y = fmax(0, floor(y0 - r)); y <= fmin((double)n - 1, y0 + r); y++)
        for (double x = fmax(0, floor(x0 - r)); x <= fmin((double)n - 1, x0 + r); x++)
            if (hypot(x - x0, y - y0) <= r && v->state[(size_t)y * n + (size_t)x] == from)
                v->state[(size_t)y * n + (size_t)x] = to;
}

/* Nothing is found within r pixels of (l, m) from now on. */
static void near_close(const view *v, double l, double m, double r)
{
    near_set(v, l, m, r, OUTSIDE, BEYOND);
    near_set(v, l, m, r, ELSEWHERE, BEYOND);
}

static void states_set(const view *v)
{
    const ci_clean_outside_search *s = v->search;
    const ci_clean_model *b = s->setup.model;
    size_t n = s->geometry.n_x;
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++) {
            double l, m;
            position_of(s, (double)x, (double)y, &l, &m);
            bool is_edge = x == 0 || y == 0 || x + 1 == n || y + 1 == n;
            bool is_far = is_edge || hypot(l, m) > sin(CI_CLEAN_OUTSIDE_RADIUS_RAD);
            v->state[y * n + x] = ci_clean_outside_is_inside(b, l, m) ? INSIDE
                                  : is_far                            ? BEYOND
                                  : s->setup.known                    ? ELSEWHERE
                                                                      : OUTSIDE;
        }
    for (size_t i = 0; i < s->n_known; i++)
        near_set(v, s->known[i].l, s->known[i].m, s->beam_pixels, ELSEWHERE, OUTSIDE);
    /* What is left beside one that is fitted may be its neighbour. */
    for (size_t i = 0; i < b->n_outside; i++)
        near_close(v, b->outside[i].l, b->outside[i].m, s->beam_pixels);
}

/* Greatest value in a state, |value| where either sign counts. */
static double peak_find(const view *v, uint8_t state, bool is_positive, size_t *at)
{
    double best = 0;
    size_t n = v->search->geometry.n_x;
    for (size_t i = 0; i < n * n; i++) {
        double value = is_positive ? v->value[i] : fabsf(v->value[i]);
        if (v->state[i] != state || value <= best) continue;
        best = value;
        *at = i;
    }
    return best;
}

/* Noise outside the image, artefacts included. */
static ci_status noise_find(const view *v, double *sigma)
{
    size_t n = v->search->geometry.n_x, n_value = 0;
    float *value = NULL;
    CI_TRY(ci_mem_alloc(&value, n * n, sizeof *value, "coarse image"));
    for (size_t i = 0; i < n * n; i++)
        if (v->state[i] == OUTSIDE || v->state[i] == ELSEWHERE) value[n_value++] = v->value[i];
    *sigma = n_value > 0 ? ci_num_mad_sigma_float(value, n_value) : 0;
    ci_mem_free(value);
    return CI_OK;
}

/* Where between three values, the middle one greatest, a parabola is. */
static double vertex(double a, double b, double c)
{
    double bend = a - 2 * b + c;
    return bend < 0 ? fmax(-0.5, fmin(0.5, 0.5 * (a - c) / bend)) : 0;
}

static ci_clean_outside source_at(const view *v, size_t i)
{
    size_t n = v->search->geometry.n_x;
    const float *p = v->value + i;
    double sign = *p < 0 ? -1 : 1;
    ci_clean_outside out = {.column_jy = {*p}};
    position_of(v->search, (double)(i % n) + vertex(sign * p[-1], sign * p[0], sign * p[1]),
                (double)(i / n) + vertex(sign * *(p - n), sign * p[0], sign * p[n]), &out.l,
                &out.m);
    return out;
}

/* Rank 0: new sources into list, greatest first. */
static ci_status view_search(view *v, size_t n_most, ci_clean_outside *list,
                             ci_clean_outside_found *found)
{
    bool is_positive = v->search->setup.model->is_positive;
    double sigma = 0;
    size_t at = 0;
    states_set(v);
    CI_TRY(noise_find(v, &sigma));
    *found = (ci_clean_outside_found){.sidelobe = v->search->sidelobe,
                                      .threshold = threshold_sigma * sigma};
    found->inside = peak_find(v, INSIDE, false, &at);
    double other = fmax(found->inside, peak_find(v, ELSEWHERE, false, &at));
    double least = fmax(found->threshold, sidelobe_margin * found->sidelobe * other);
    for (;;) {
        found->outside = peak_find(v, OUTSIDE, is_positive, &at);
        if (!(found->outside > least) || found->n_new == n_most) return CI_OK;
        ci_clean_outside source = source_at(v, at);
        near_close(v, source.l, source.m, 2 * v->search->beam_pixels);
        if (ci_clean_outside_is_inside(v->search->setup.model, source.l, source.m)) continue;
        list[found->n_new++] = source;
        least = fmax(least, sidelobe_margin * found->sidelobe * found->outside);
    }
}

static ci_status view_make(ci_comm *comm, ci_clean_outside_search *s, size_t n_most,
                           ci_clean_outside *list, ci_clean_outside_found *found)
{
    view v = {.search = s};
    size_t n = s->geometry.n_x;
    CI_TRY(image_make(comm, s, s->setup.samples->computed, &v.value));
    ci_status status = CI_OK;
    if (v.value) {
        status = ci_mem_alloc(&v.state, n * n, 1, "coarse image");
        if (status == CI_OK) status = view_search(&v, n_most, list, found);
    }
    ci_mem_free(v.value);
    ci_mem_free(v.state);
    return ci_par_agree(comm, status);
}

ci_status ci_clean_outside_find(ci_comm *comm, ci_clean_outside_search *s,
                                ci_clean_outside_found *found)
{
    ci_clean_outside list[NEW_MAX];
    ci_clean_model *b = s->setup.model;
    double most = fmin(fmax(work_max / (double)s->setup.samples->n_good, 8), CI_CLEAN_MAX_OUTSIDE);
    size_t n_most = (double)b->n_outside < most ? (size_t)most - b->n_outside : 0;
    CI_TRY(view_make(comm, s, n_most < NEW_MAX ? n_most : NEW_MAX, list, found));
    CI_TRY(ci_par_bcast(comm, found, sizeof *found, 0));
    CI_TRY(ci_par_bcast(comm, list, found->n_new * sizeof *list, 0));
    return ci_par_agree(comm, ci_clean_outside_append(b, list, found->n_new, s->setup.samples));
}
