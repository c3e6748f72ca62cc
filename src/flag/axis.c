/* One axis of a smooth surface: boxes, the Gaussian between them, and lines between boxes. */
#include "flag/dynspec.h"

#include <math.h>

static const double sigma_box = 1.5; /* of the Gaussian */

static size_t box_size(const ci_flag_axis *axis, size_t i)
{
    size_t first = i * axis->box;
    return first + axis->box <= axis->n ? axis->box : axis->n - first;
}

/* Weight of a sample of box j in the smooth value of box i. */
static double weight_of(const ci_flag_axis *axis, size_t i, size_t j)
{
    return (double)axis->tap[i * axis->n_box + j] / axis->sum[i];
}

static void sample_fill(ci_flag_axis *axis, size_t i)
{
    double at = ((double)i - 0.5 * ((double)axis->box - 1)) / (double)axis->box;
    double last = (double)(axis->n_box - 1);
    at = at < 0 ? 0 : at > last ? last : at;
    size_t node = (size_t)at;
    if (node > 0 && node + 1 >= axis->n_box) node--;
    size_t next = node + 1 < axis->n_box ? node + 1 : node, own = i / axis->box;
    double share = 1 - (at - (double)node);
    axis->node[i] = node;
    axis->share[i] = (float)share;
    axis->own[i] = share * weight_of(axis, node, own) + (1 - share) * weight_of(axis, next, own);
    axis->square[i] = 0;
    for (size_t j = 0; j < axis->n_box; j++) {
        double w = share * weight_of(axis, node, j) + (1 - share) * weight_of(axis, next, j);
        axis->square[i] += (double)box_size(axis, j) * w * w;
    }
}

ci_status ci_flag_axis_new(ci_flag_axis *axis, size_t n, size_t box)
{
    static const char what[] = "flagging: smooth surface";
    *axis = (ci_flag_axis){.n = n, .box = box, .n_box = (n + box - 1) / box};
    size_t n_box = axis->n_box;
    CI_TRY(ci_mem_alloc(&axis->tap, n_box * n_box, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&axis->node, n, sizeof(size_t), what));
    CI_TRY(ci_mem_alloc(&axis->share, n, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&axis->own, 2 * n + n_box, sizeof(double), what));
    axis->square = axis->own + n;
    axis->sum = axis->square + n;
    for (size_t i = 0; i < n_box; i++) {
        for (size_t j = 0; j < n_box; j++) {
            double d = ((double)i - (double)j) / sigma_box;
            axis->tap[i * n_box + j] = d * d > 9 ? 0 : (float)exp(-0.5 * d * d);
            axis->sum[i] += (double)axis->tap[i * n_box + j] * (double)box_size(axis, j);
        }
    }
    for (size_t i = 0; i < n; i++)
        sample_fill(axis, i);
    return CI_OK;
}

void ci_flag_axis_clear(ci_flag_axis *axis)
{
    ci_mem_free(axis->tap);
    ci_mem_free(axis->node);
    ci_mem_free(axis->share);
    ci_mem_free(axis->own);
}
