/* Where a beam file says something: pixels of 0 and NaN say nothing, nor does what is beyond it. */
#include <math.h>

#include "sky/beam.h"

static const double unit_step = 1, corner_step = 1.4142135623730951;
/* A filled value is no power: it only has to go on smoothly. */
static const double fill_least = -1, fill_most = 2;

static bool is_in(const ci_sky_beam *b, ptrdiff_t x, ptrdiff_t y)
{
    return x >= 0 && y >= 0 && x < (ptrdiff_t)b->n_x && y < (ptrdiff_t)b->n_y;
}

/* The lesser of a pixel's distance and that of a neighbour and the step from it; of a pixel of the
 * other kind the neighbour is at 0. */
static void relax(const ci_sky_beam *b, ptrdiff_t x, ptrdiff_t y, int dx, int dy)
{
    if (!is_in(b, x + dx, y + dy)) return;
    float *here = &b->margin[(size_t)y * b->n_x + (size_t)x];
    float other = b->margin[(size_t)(y + dy) * b->n_x + (size_t)(x + dx)];
    bool is_known = *here > 0;
    double from = (other > 0) == is_known ? fabs((double)other) : 0;
    double reach = from + (dx && dy ? corner_step : unit_step);
    if (reach < fabs((double)*here)) *here = (float)(is_known ? reach : -reach);
}

/* Distances by two passes over the pixels (Rosenfeld and Pfaltz 1966), at most 8 % too long. */
static void distances(const ci_sky_beam *b)
{
    static const int before[4][2] = {{-1, 0}, {-1, -1}, {0, -1}, {1, -1}};
    ptrdiff_t n_x = (ptrdiff_t)b->n_x, n_y = (ptrdiff_t)b->n_y;
    for (ptrdiff_t y = 0; y < n_y; y++)
        for (ptrdiff_t x = 0; x < n_x; x++)
            for (int k = 0; k < 4; k++)
                relax(b, x, y, before[k][0], before[k][1]);
    for (ptrdiff_t y = n_y; y-- > 0;)
        for (ptrdiff_t x = n_x; x-- > 0;)
            for (int k = 0; k < 4; k++)
                relax(b, x, y, -before[k][0], -before[k][1]);
}

/* The mean of what the lines through pairs of neighbours say. */
static float fill_value(const ci_sky_beam *b, const uint8_t *is_set, ptrdiff_t x, ptrdiff_t y)
{
    double sum = 0;
    int n = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            if (!is_in(b, x + dx, y + dy)) continue;
            size_t one = (size_t)(y + dy) * b->n_x + (size_t)(x + dx);
            if (!is_set[one]) continue;
            double value = (double)b->pixel[one];
            if (is_in(b, x + 2 * dx, y + 2 * dy)) {
                size_t two = (size_t)(y + 2 * dy) * b->n_x + (size_t)(x + 2 * dx);
                if (is_set[two]) value = 2 * value - (double)b->pixel[two];
            }
            sum += value;
            n++;
        }
    return n > 0 ? (float)fmin(fmax(sum / n, fill_least), fill_most) : 0;
}

/* From the known pixels outwards, each once. */
static void fill(const ci_sky_beam *b, uint8_t *is_set, size_t *queue)
{
    size_t n = b->n_x * b->n_y, head = 0, tail = 0;
    for (size_t i = 0; i < n; i++) {
        is_set[i] = b->margin[i] > 0;
        if (is_set[i] && b->margin[i] < 2) queue[tail++] = i;
    }
    while (head < tail) {
        ptrdiff_t x = (ptrdiff_t)(queue[head] % b->n_x), y = (ptrdiff_t)(queue[head] / b->n_x);
        head++;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                if (!is_in(b, x + dx, y + dy)) continue;
                size_t i = (size_t)(y + dy) * b->n_x + (size_t)(x + dx);
                if (is_set[i]) continue;
                b->pixel[i] = fill_value(b, is_set, x + dx, y + dy);
                is_set[i] = 1;
                queue[tail++] = i;
            }
    }
}

ci_status ci_sky_beam_cover(ci_sky_beam *beam)
{
    size_t n = beam->n_x * beam->n_y, n_unknown = 0, *queue = NULL;
    uint8_t *is_set = NULL;
    for (size_t i = 0; i < n; i++)
        n_unknown += !(beam->pixel[i] > 0);
    if (n_unknown == 0) return CI_OK;
    CI_TRY(ci_mem_alloc(&beam->margin, n, sizeof *beam->margin, "beam image"));
    for (size_t i = 0; i < n; i++)
        beam->margin[i] = beam->pixel[i] > 0 ? (float)n : -(float)n;
    distances(beam);
    ci_status status = ci_mem_alloc(&is_set, n, 1, "beam image");
    if (status == CI_OK) status = ci_mem_alloc(&queue, n, sizeof *queue, "beam image");
    if (status == CI_OK) fill(beam, is_set, queue);
    ci_mem_free(is_set);
    ci_mem_free(queue);
    return status;
}
