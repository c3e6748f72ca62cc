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
    size_t node = at > 0 ? (size_t)at : 0; /* lines go on beyond the first and last middle */
    if (node > 0 && node + 1 >= axis->n_box) node = axis->n_box - 2;
    if (axis->n_box == 1) at = 0;
    size_t next = node + 1 < axis->n_box ? node + 1 : node, own = i / axis->box;
    double share = 1 - (at - (double)node);
    axis->node[i] = (int32_t)node;
    axis->next[i] = (int32_t)next;
    axis->share[i] = (float)share;
    axis->own[i] = share * weight_of(axis, node, own) + (1 - share) * weight_of(axis, next, own);
    axis->square[i] = 0;
    for (size_t j = 0; j < axis->n_box; j++) {
        double w = share * weight_of(axis, node, j) + (1 - share) * weight_of(axis, next, j);
        axis->square[i] += (double)box_size(axis, j) * w * w;
    }
}

/* Taps of a line that is fitted through the boxes around box i, with the Gaussian as weights: what
 * a slope leaves of a mean at the ends is not left. Away from them they are the Gaussian itself. */
static void slope_fill(ci_flag_axis *axis, size_t i)
{
    double sum[3] = {0};
    const float *tap = axis->tap + i * axis->n_box;
    float *slope = axis->slope + i * axis->n_box;
    for (size_t j = 0; j < axis->n_box; j++) {
        double w = (double)tap[j] * (double)box_size(axis, j), d = (double)j - (double)i;
        sum[0] += w;
        sum[1] += w * d;
        sum[2] += w * d * d;
    }
    double det = sum[0] * sum[2] - sum[1] * sum[1];
    for (size_t j = 0; j < axis->n_box; j++) {
        double d = (double)j - (double)i;
        double part = det > 0 ? sum[0] * (sum[2] - sum[1] * d) / det : 1;
        slope[j] = (float)((double)tap[j] * part);
    }
}

ci_status ci_flag_axis_new(ci_flag_axis *axis, size_t n, size_t box, bool is_alone)
{
    static const char what[] = "flagging: smooth surface";
    *axis = (ci_flag_axis){.n = n, .box = box, .n_box = (n + box - 1) / box, .is_alone = is_alone};
    size_t n_box = axis->n_box;
    CI_TRY(ci_mem_alloc(&axis->tap, 2 * n_box * n_box + CI_FLAG_BOX_LANES, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&axis->node, 2 * n, sizeof(int32_t), what));
    axis->next = axis->node + n;
    CI_TRY(ci_mem_alloc(&axis->share, n, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&axis->own, 2 * n + n_box, sizeof(double), what));
    axis->slope = axis->tap + n_box * n_box;
    axis->square = axis->own + n;
    axis->sum = axis->square + n;
    for (size_t i = 0; i < n_box; i++) {
        for (size_t j = 0; j < n_box; j++) {
            double d = ((double)i - (double)j) / sigma_box;
            bool in_reach = is_alone ? i == j : d * d <= 9;
            axis->tap[i * n_box + j] = in_reach ? (float)exp(-0.5 * d * d) : 0;
            axis->sum[i] += (double)axis->tap[i * n_box + j] * (double)box_size(axis, j);
        }
        slope_fill(axis, i);
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
