/* Islands: connected pixels above a threshold, by two passes with a union-find forest. */
#include "contimg/num.h"

#include <math.h>

typedef struct forest
{
    int32_t *parent; /* [capacity]; parent <= itself, so roots are the first in scan order */
    size_t n, capacity;
} forest;

static int32_t forest_root(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static int32_t forest_join(int32_t *parent, int32_t a, int32_t b)
{
    int32_t ra = forest_root(parent, a), rb = forest_root(parent, b);
    if (ra < rb) {
        parent[rb] = ra;
        return ra;
    }
    parent[ra] = rb;
    return rb;
}

static ci_status forest_new(forest *f, int32_t *label)
{
    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 1024;
        CI_TRY(ci_mem_resize(&f->parent, capacity, sizeof(int32_t), "labels of islands"));
        f->capacity = capacity;
        if (f->n == 0) f->n = 1; /* label 0 is no island */
    }
    *label = (int32_t)f->n;
    f->parent[f->n++] = *label;
    return CI_OK;
}

static bool is_above(float value, const float *rms, size_t i, double factor)
{
    if (!isfinite(value)) return false;
    if (!rms) return (double)value >= factor;
    return rms[i] > 0 && (double)value >= factor * (double)rms[i];
}

/* First pass: provisional labels; the neighbours seen before are west, north-west, north,
 * north-east. */
static ci_status label_pixels(forest *f, const float *image, const float *rms, size_t n_y,
                              size_t n_x, double grow, int32_t *labels)
{
    for (size_t y = 0; y < n_y; y++)
        for (size_t x = 0; x < n_x; x++) {
            size_t i = y * n_x + x;
            labels[i] = 0;
            if (!is_above(image[i], rms, i, grow)) continue;
            int32_t label = x ? labels[i - 1] : 0;
            for (size_t k = 0; y && k < 3; k++) {
                if (x + k < 1 || x + k > n_x) continue;
                int32_t other = labels[i - n_x + k - 1];
                if (!other) continue;
                label = label ? forest_join(f->parent, label, other) : other;
            }
            if (!label) CI_TRY(forest_new(f, &label));
            labels[i] = label;
        }
    return CI_OK;
}

/* Which roots hold a seed; they are numbered 1, 2, ... in scan order. number[root] = 0 for
 * the others. */
static int32_t number_roots(const forest *f, const float *image, const float *rms, size_t n,
                            double seed, const int32_t *labels, int32_t *number)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] && is_above(image[i], rms, i, seed))
            number[forest_root(f->parent, labels[i])] = 1;
    int32_t n_island = 0;
    for (size_t r = 1; r < f->n; r++)
        if (number[r]) number[r] = ++n_island;
    return n_island;
}

static void island_add(ci_num_island *island, float value, size_t x, size_t y, int32_t label)
{
    if (island->n_pixel == 0)
        *island = (ci_num_island){.x_min = x,
                                  .x_max = x,
                                  .y_min = y,
                                  .y_max = y,
                                  .x_peak = x,
                                  .y_peak = y,
                                  .peak = value,
                                  .label = label};
    island->n_pixel++;
    if (x < island->x_min) island->x_min = x;
    if (x > island->x_max) island->x_max = x;
    if (y > island->y_max) island->y_max = y;
    if (value > island->peak) {
        island->peak = value;
        island->x_peak = x;
        island->y_peak = y;
    }
}

ci_status ci_num_islands(const ci_num_island_search *search, int32_t *labels,
                         ci_num_island **islands, size_t *n_island)
{
    const float *image = search->image, *rms = search->rms;
    size_t n_y = search->n_y, n_x = search->n_x;
    *islands = NULL;
    *n_island = 0;
    forest f = {0};
    int32_t *number = NULL;
    ci_status status = label_pixels(&f, image, rms, n_y, n_x, search->grow, labels);
    if (status == CI_OK)
        status = ci_mem_alloc(&number, f.n ? f.n : 1, sizeof(int32_t), "numbers of islands");
    if (status == CI_OK) {
        *n_island = (size_t)number_roots(&f, image, rms, n_y * n_x, search->seed, labels, number);
        status = ci_mem_alloc(islands, *n_island, sizeof(ci_num_island), "islands");
    }
    if (status == CI_OK)
        for (size_t y = 0; y < n_y; y++)
            for (size_t x = 0; x < n_x; x++) {
                size_t i = y * n_x + x;
                if (!labels[i]) continue;
                labels[i] = number[forest_root(f.parent, labels[i])];
                if (labels[i]) island_add(&(*islands)[labels[i] - 1], image[i], x, y, labels[i]);
            }
    else
        *n_island = 0;
    ci_mem_free(number);
    ci_mem_free(f.parent);
    return status;
}
