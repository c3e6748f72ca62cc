/* Medians, robust widths and the local rms map. */
#include "contimg/num.h"

#include <math.h>
#include <stdint.h>

#define MAD_TO_SIGMA 1.482602218505602
/* Pixels further than this many sigma from a box's median are taken for sources. A cut at
 * 3.5 lowers the MAD of Gaussian noise by 0.07 %. */
#define CLIP_SIGMA 3.5
#define MAX_CLIP 20

/* Of so few the middle one is found by sorting them. */
#define FEW 12

/* One body for both precisions: quickselect, which leaves values[k] in place with nothing larger
 * before it. Values are moved whether they need it or not: no branch depends on them, which is
 * what costs most. Where few lie below the pivot many may be equal to it. */
#define DEFINE_SELECT(type, suffix)                                                                \
    static type middle_##suffix(type a, type b, type c)                                            \
    {                                                                                              \
        return a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));              \
    }                                                                                              \
    static type pivot_##suffix(const type *v, size_t n)                                            \
    {                                                                                              \
        type m[3];                                                                                 \
        if (n < 40) return middle_##suffix(v[0], v[n / 2], v[n - 1]);                              \
        for (size_t i = 0; i < 3; i++) {                                                           \
            const type *w = v + i * (n / 3);                                                       \
            m[i] = middle_##suffix(w[0], w[n / 9], w[2 * (n / 9)]);                                \
        }                                                                                          \
        return middle_##suffix(m[0], m[1], m[2]);                                                  \
    }                                                                                              \
    /* Values below the pivot (or equal to it) to the front; how many. */                          \
    static size_t part_##suffix(type *v, size_t n, type pivot, bool or_equal)                      \
    {                                                                                              \
        size_t m = 0;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            type here = v[i];                                                                      \
            v[i] = v[m];                                                                           \
            v[m] = here;                                                                           \
            m += (size_t)(here < pivot) | ((size_t)(here == pivot) & (size_t)or_equal);            \
        }                                                                                          \
        return m;                                                                                  \
    }                                                                                              \
    static void sort_##suffix(type *v, size_t n)                                                   \
    {                                                                                              \
        for (size_t i = 1; i < n; i++) {                                                           \
            type here = v[i];                                                                      \
            size_t j = i;                                                                          \
            for (; j > 0 && here < v[j - 1]; j--)                                                  \
                v[j] = v[j - 1];                                                                   \
            v[j] = here;                                                                           \
        }                                                                                          \
    }                                                                                              \
    static void select_##suffix(type *v, size_t n, size_t k)                                       \
    {                                                                                              \
        while (n > FEW) {                                                                          \
            type pivot = pivot_##suffix(v, n);                                                     \
            size_t m = part_##suffix(v, n, pivot, false);                                          \
            if (k < m) {                                                                           \
                n = m;                                                                             \
                continue;                                                                          \
            }                                                                                      \
            if (8 * m < n) {                                                                       \
                m += part_##suffix(v + m, n - m, pivot, true);                                     \
                if (k < m) return;                                                                 \
            }                                                                                      \
            v += m;                                                                                \
            n -= m;                                                                                \
            k -= m;                                                                                \
        }                                                                                          \
        sort_##suffix(v, n);                                                                       \
    }

#define DEFINE_MEDIAN(type, suffix)                                                                \
    static size_t drop_nan_##suffix(type *v, size_t n)                                             \
    {                                                                                              \
        size_t m = 0;                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            if (!isnan(v[i])) v[m++] = v[i];                                                       \
        return m;                                                                                  \
    }                                                                                              \
    static type median_clean_##suffix(type *v, size_t n)                                           \
    {                                                                                              \
        if (n == 0) return (type)NAN;                                                              \
        select_##suffix(v, n, n / 2);                                                              \
        type upper = v[n / 2];                                                                     \
        if (n % 2) return upper;                                                                   \
        type lower = v[0];                                                                         \
        for (size_t i = 1; i < n / 2; i++)                                                         \
            if (v[i] > lower) lower = v[i];                                                        \
        return lower == upper ? upper : (type)(0.5 * ((double)lower + (double)upper));             \
    }                                                                                              \
    static type mad_clean_##suffix(type *v, size_t n)                                              \
    {                                                                                              \
        type centre = median_clean_##suffix(v, n);                                                 \
        for (size_t i = 0; i < n; i++)                                                             \
            v[i] = (type)fabs((double)v[i] - (double)centre);                                      \
        return (type)(MAD_TO_SIGMA * (double)median_clean_##suffix(v, n));                         \
    }

DEFINE_SELECT(double, f64)
DEFINE_SELECT(float, f32)
DEFINE_MEDIAN(double, f64)
DEFINE_MEDIAN(float, f32)

double ci_num_median(double *values, size_t n)
{
    return median_clean_f64(values, drop_nan_f64(values, n));
}

float ci_num_median_float(float *values, size_t n)
{
    return median_clean_f32(values, drop_nan_f32(values, n));
}

double ci_num_nth(double *values, size_t n, size_t k)
{
    select_f64(values, n, k);
    return values[k];
}

double ci_num_mad_sigma(double *values, size_t n)
{
    return mad_clean_f64(values, drop_nan_f64(values, n));
}

float ci_num_mad_sigma_float(float *values, size_t n)
{
    return mad_clean_f32(values, drop_nan_f32(values, n));
}

size_t ci_num_clipped_float(float *values, float *scratch, size_t n, float *centre, float *sigma)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) values[n_left++] = values[i];
    *centre = NAN;
    *sigma = NAN;
    for (int pass = 0; pass < MAX_CLIP && n_left > 0; pass++) {
        *centre = median_clean_f32(values, n_left);
        for (size_t i = 0; i < n_left; i++)
            scratch[i] = fabsf(values[i] - *centre);
        *sigma = (float)(MAD_TO_SIGMA * (double)median_clean_f32(scratch, n_left));
        float limit = (float)CLIP_SIGMA * *sigma;
        size_t kept = 0;
        for (size_t i = 0; i < n_left; i++)
            if (fabsf(values[i] - *centre) <= limit) values[kept++] = values[i];
        /* Half of the values equal: nothing to clip by. */
        if (kept == n_left || !(*sigma > 0)) break;
        n_left = kept;
    }
    return n_left;
}

/* ---- local rms ------------------------------------------------------------------- */

typedef struct mesh
{
    size_t n_y, n_x;   /* boxes */
    float *rms, *mean; /* [n_y][n_x] */
    size_t image_y, image_x;
} mesh;

/* Box b of n over `size` pixels covers [edge(b), edge(b + 1)). */
static size_t box_edge(size_t size, size_t n, size_t b)
{
    return size * b / n;
}

static void mesh_measure(mesh *m, const float *image, float *values, float *scratch)
{
    for (size_t by = 0; by < m->n_y; by++)
        for (size_t bx = 0; bx < m->n_x; bx++) {
            size_t y0 = box_edge(m->image_y, m->n_y, by), y1 = box_edge(m->image_y, m->n_y, by + 1);
            size_t x0 = box_edge(m->image_x, m->n_x, bx), x1 = box_edge(m->image_x, m->n_x, bx + 1);
            size_t n = 0, n_all = (y1 - y0) * (x1 - x0);
            for (size_t y = y0; y < y1; y++)
                for (size_t x = x0; x < x1; x++)
                    if (isfinite(image[y * m->image_x + x]))
                        values[n++] = image[y * m->image_x + x];
            float centre = NAN, sigma = NAN;
            /* A box that is mostly outside the image is filled from its neighbours. */
            if (5 * n >= n_all) ci_num_clipped_float(values, scratch, n, &centre, &sigma);
            m->rms[by * m->n_x + bx] = sigma;
            m->mean[by * m->n_x + bx] = centre;
        }
}

/* Boxes without a value take that of the nearest box with one (the first in scan order of
 * equally near ones). */
static void mesh_fill(mesh *m)
{
    size_t n = m->n_y * m->n_x;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(m->mean[i])) continue;
        double best = INFINITY;
        size_t from = i;
        for (size_t j = 0; j < n; j++) {
            if (!isfinite(m->mean[j])) continue;
            double dy = (double)(j / m->n_x) - (double)(i / m->n_x);
            double dx = (double)(j % m->n_x) - (double)(i % m->n_x);
            if (dy * dy + dx * dx < best) {
                best = dy * dy + dx * dx;
                from = j;
            }
        }
        /* mean stays NaN for now: a filled box must not become a source itself. */
        m->rms[i] = m->rms[from];
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(m->mean[i]) && isfinite(m->rms[i])) m->mean[i] = 0;
}

/* Position of pixel p between box centres: lower box and fraction, held at the ends. */
static void mesh_position(size_t size, size_t n, size_t p, size_t *low, double *fraction)
{
    double at = ((double)p + 0.5) * (double)n / (double)size - 0.5;
    if (at <= 0 || n == 1) {
        *low = 0;
        *fraction = 0;
    } else if (at >= (double)(n - 1)) {
        *low = n - 2;
        *fraction = 1;
    } else {
        *low = (size_t)at;
        *fraction = at - (double)*low;
    }
}

static void mesh_spread(const mesh *m, const float *values, float *out)
{
    for (size_t y = 0; y < m->image_y; y++) {
        size_t by, bx;
        double fy, fx;
        mesh_position(m->image_y, m->n_y, y, &by, &fy);
        const float *row0 = values + by * m->n_x;
        const float *row1 = m->n_y > 1 ? row0 + m->n_x : row0;
        for (size_t x = 0; x < m->image_x; x++) {
            mesh_position(m->image_x, m->n_x, x, &bx, &fx);
            size_t next = m->n_x > 1 ? bx + 1 : bx;
            double a = row0[bx] + fx * (row0[next] - row0[bx]);
            double b = row1[bx] + fx * (row1[next] - row1[bx]);
            out[y * m->image_x + x] = (float)(a + fy * (b - a));
        }
    }
}

static size_t box_count(size_t size, size_t box)
{
    size_t n = box ? (size + box / 2) / box : 1;
    return n ? n : 1;
}

ci_status ci_num_local_rms(const float *image, size_t n_y, size_t n_x, size_t box, float *rms,
                           float *mean)
{
    if (n_y == 0 || n_x == 0) return CI_OK;
    mesh m = {
        .n_y = box_count(n_y, box), .n_x = box_count(n_x, box), .image_y = n_y, .image_x = n_x};
    size_t n_box = m.n_y * m.n_x;
    size_t largest = (n_y / m.n_y + 1) * (n_x / m.n_x + 1);
    float *values = NULL;
    ci_status status =
        ci_mem_alloc(&values, 2 * largest + 2 * n_box, sizeof(float), "local rms of an image");
    if (status != CI_OK) return status;
    m.rms = values + 2 * largest;
    m.mean = m.rms + n_box;
    mesh_measure(&m, image, values, values + largest);
    mesh_fill(&m);
    mesh_spread(&m, m.rms, rms);
    if (mean) mesh_spread(&m, m.mean, mean);
    ci_mem_free(values);
    return CI_OK;
}
