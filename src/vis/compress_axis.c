/* The smallest Gauss rule, in a bent coordinate, that holds a sky along one axis of a block. */
#include "vis/compress_axis.h"

#include <complex.h>
#include <math.h>
#include <string.h>

enum
{
    MAX_NODES = CI_VIS_COMPRESS_MAX_NODES,
    MAX_POINTS_AT_ONCE = 64,
    PLAIN_NODES = 4, /* so few are nodes of polynomials in time or channel themselves */
    REACH_STEPS = 16
};
/* What equal steps and weights may lose short of the greatest range, where other weights lose a
 * little more. */
static const double inside_margin = 0.8;

/* ---- the coordinate ----------------------------------------------------------------------- */

/* Polynomials crowd their nodes at both ends of an axis, and need pi nodes a wave where two could
 * do. In s = sin(t asin a) / a of t from -1 to 1 (Kosloff & Tal-Ezer 1993) they are nearly as dense
 * in the middle; a near 1 is what few nodes cannot follow. With these a they reach as far as with
 * any, within 5 %, by trial for errors of 5e-7 to 5e-3 and 5 to 20 nodes. */
static double bend_of(size_t n_node, double error)
{
    double digits = -log(error);
    if (n_node <= PLAIN_NODES) return 0;
    return 1 / cosh(0.0275 * digits + fmax(0, 0.39 * digits - 1) / (double)n_node);
}

static void map_set(ci_vis_compress_axis *a, double bend)
{
    double first = a->x[0], span = a->x[a->n_point - 1] - first;
    for (size_t i = 0; i < a->n_point; i++) {
        double t = span > 0 ? 2 * (a->x[i] - first) / span - 1 : 0;
        a->mapped[i] = bend > 0 ? sin(t * asin(bend)) / bend : t;
    }
}

static double unmapped(const ci_vis_compress_axis *a, double bend, double s)
{
    double first = a->x[0], span = a->x[a->n_point - 1] - first;
    double t = bend > 0 ? asin(bend * s) / asin(bend) : s;
    return first + span * (t + 1) / 2;
}

/* The rule of a->n_node nodes. */
static ci_status rule_set(ci_num_gauss *rules, ci_vis_compress_axis *a, double bend)
{
    map_set(a, bend);
    a->projection = a->own;
    CI_TRY(ci_num_gauss_rule(rules, a->n_point, a->mapped, a->w,
                             &(ci_num_rule){a->n_node, a->node, a->weight, a->own}));
    for (size_t k = 0; k < a->n_node; k++)
        a->node[k] = unmapped(a, bend, a->node[k]);
    return CI_OK;
}

/* None where as many nodes of plain polynomials reach as far: they lose less on the way. */
static double bend_for(const ci_vis_compress_axis *a, double own_range)
{
    size_t k = a->n_node - 1;
    return k < a->n_reach && own_range <= a->plain_reach[k] ? 0 : bend_of(a->n_node, a->error);
}

/* ---- its reach ------------------------------------------------------------------------------ */

/* What a source whose phase goes through `range` radians from position 0 to 1 loses. */
static double loss_of(const ci_vis_compress_axis *a, double range)
{
    ci_c64 sum = 0, point[MAX_POINTS_AT_ONCE];
    double total = 0;
    ci_c64 fit[MAX_NODES] = {0};
    for (size_t first = 0; first < a->n_point; first += MAX_POINTS_AT_ONCE) {
        size_t n =
            a->n_point - first < MAX_POINTS_AT_ONCE ? a->n_point - first : MAX_POINTS_AT_ONCE;
        for (size_t i = 0; i < n; i++)
            point[i] = cexp(I * range * a->x[first + i]);
        for (size_t k = 0; k < a->n_node; k++)
            for (size_t i = 0; i < n; i++)
                fit[k] += a->projection[k * a->n_point + first + i] * point[i];
    }
    for (size_t k = 0; k < a->n_node; k++) {
        sum += a->weight[k] * fit[k] * cexp(-I * range * a->node[k]);
        total += a->weight[k];
    }
    return cabs(1 - sum / total);
}

/* Sources nearer to the centre can lose more than one at the edge where few nodes follow a bent
 * coordinate; of a whole axis that was seen to when its reach was found. */
static bool is_within(const ci_vis_compress_axis *a, double range)
{
    if (!(loss_of(a, range) <= a->error)) return false;
    if (a->n_point == a->n_whole) return true;
    return loss_of(a, 0.8 * range) <= a->error && loss_of(a, 0.6 * range) <= a->error &&
           loss_of(a, 0.4 * range) <= a->error;
}

/* Makes the axis whole: n points at equal steps and of equal weight. */
static void axis_fill(ci_vis_compress_axis *a, size_t n)
{
    a->n_point = n;
    for (size_t i = 0; i < n; i++) {
        a->x[i] = n > 1 ? (double)i / (double)(n - 1) : 0;
        a->w[i] = 1;
    }
}

/* The greatest phase range of the rule up to which nothing is lost that may not be. */
static double reach_of(const ci_vis_compress_axis *a, double before)
{
    double low = 0, step = (before + 8) / REACH_STEPS, high = before + 8;
    for (int i = 1; i < REACH_STEPS; i++) {
        double loss = loss_of(a, i * step);
        high = i * step;
        if (!(loss <= inside_margin * a->error)) break;
        low = high;
    }
    for (int i = 0; i < 10; i++) {
        double middle = 0.5 * (low + high);
        *(loss_of(a, middle) <= a->error ? &low : &high) = middle;
    }
    return low;
}

/* The reach of each number of nodes, for equal steps: where the search for a rule begins. */
static ci_status reach_find(ci_num_gauss *rules, ci_vis_compress_axis *a)
{
    double reach = 0;
    axis_fill(a, a->n_whole);
    for (a->n_node = 1; a->n_node <= MAX_NODES && a->n_node < a->n_whole; a->n_node++) {
        size_t k = a->n_node - 1;
        CI_TRY(rule_set(rules, a, 0));
        a->plain_reach[k] = reach_of(a, reach);
        CI_TRY(rule_set(rules, a, bend_of(a->n_node, a->error)));
        a->reach[k] = reach_of(a, reach);
        reach = fmax(reach, a->reach[k]);
    }
    a->n_reach = a->n_node - 1;
    return CI_OK;
}

/* ---- rules that are kept -------------------------------------------------------------------- */

static void kept_forget(ci_vis_compress_axis *a)
{
    for (size_t k = 0; k < 2; k++)
        for (size_t n = 0; n <= MAX_NODES; n++)
            a->kept[k][n].is_there = false;
}

/* Keeps the rule of a->n_node nodes and weights 1. */
static ci_status rule_keep(ci_num_gauss *rules, ci_vis_compress_axis *a, double bend)
{
    size_t n = a->n_node;
    ci_vis_compress_rule *kept = &a->kept[bend > 0][n];
    if (!kept->projection)
        CI_TRY(ci_mem_alloc(&kept->projection, n * a->n_whole, sizeof(double), "compression"));
    for (size_t i = 0; i < a->n_point; i++)
        a->w[i] = 1;
    CI_TRY(rule_set(rules, a, bend));
    double reach = n <= a->n_reach ? 0.999 * (bend > 0 ? a->reach : a->plain_reach)[n - 1] : 0;
    kept->reach = reach;
    for (int i = 2; i <= 5; i++)
        if (!(loss_of(a, 0.2 * i * reach) <= a->error)) kept->reach = 0;
    memcpy(kept->node, a->node, n * sizeof *a->node);
    memcpy(kept->weight, a->weight, n * sizeof *a->weight);
    memcpy(kept->projection, a->own, n * a->n_whole * sizeof *a->own);
    kept->is_there = true;
    return CI_OK;
}

static bool is_whole_and_even(const ci_vis_compress_axis *a)
{
    bool is_even = a->n_point == a->n_whole;
    for (size_t i = 1; is_even && i < a->n_point; i++)
        is_even = a->w[i] == a->w[0];
    return is_even;
}

/* The rule of a->n_node nodes, kept or made; *reach: up to this range it need not be tried. */
static ci_status rule_take(ci_num_gauss *rules, ci_vis_compress_axis *a, double bend, double *reach)
{
    ci_vis_compress_rule *kept = &a->kept[bend > 0][a->n_node];
    double weight = a->w[0];
    *reach = 0;
    if (!is_whole_and_even(a)) return rule_set(rules, a, bend);
    if (memcmp(a->kept_x, a->x, a->n_whole * sizeof *a->x) != 0) kept_forget(a);
    memcpy(a->kept_x, a->x, a->n_whole * sizeof *a->x);
    if (!kept->is_there) CI_TRY(rule_keep(rules, a, bend));
    for (size_t i = 0; i < a->n_point; i++)
        a->w[i] = weight;
    for (size_t k = 0; k < a->n_node; k++) {
        a->node[k] = kept->node[k];
        a->weight[k] = weight * kept->weight[k];
    }
    a->projection = kept->projection;
    *reach = kept->reach;
    return CI_OK;
}

/* ---- public ---------------------------------------------------------------------------------- */

ci_status ci_vis_compress_axis_new(ci_vis_compress_axis *a, ci_num_gauss *rules, size_t max_point,
                                   double error)
{
    *a = (ci_vis_compress_axis){.n_whole = max_point, .error = error};
    CI_TRY(ci_mem_alloc(&a->index, max_point, sizeof *a->index, "compression"));
    CI_TRY(ci_mem_alloc(&a->x, max_point, sizeof *a->x, "compression"));
    CI_TRY(ci_mem_alloc(&a->w, max_point, sizeof *a->w, "compression"));
    CI_TRY(ci_mem_alloc(&a->mapped, max_point, sizeof *a->mapped, "compression"));
    CI_TRY(ci_mem_alloc(&a->node, MAX_NODES, sizeof *a->node, "compression"));
    CI_TRY(ci_mem_alloc(&a->weight, MAX_NODES, sizeof *a->weight, "compression"));
    CI_TRY(ci_mem_alloc(&a->own, MAX_NODES * max_point, sizeof *a->own, "compression"));
    CI_TRY(ci_mem_alloc(&a->kept_x, max_point, sizeof *a->kept_x, "compression"));
    return reach_find(rules, a);
}

void ci_vis_compress_axis_clear(ci_vis_compress_axis *a)
{
    ci_mem_free(a->index);
    ci_mem_free(a->x);
    ci_mem_free(a->w);
    ci_mem_free(a->mapped);
    ci_mem_free(a->node);
    ci_mem_free(a->weight);
    ci_mem_free(a->own);
    ci_mem_free(a->kept_x);
    for (size_t k = 0; k < 2; k++)
        for (size_t n = 0; n <= MAX_NODES; n++)
            ci_mem_free(a->kept[k][n].projection);
}

/* By what equal steps need, and more nodes where the block's own points and weights need them. */
ci_status ci_vis_compress_axis_rule(ci_num_gauss *rules, ci_vis_compress_axis *a, double range,
                                    size_t fewest)
{
    size_t most = a->n_point < MAX_NODES ? a->n_point : MAX_NODES;
    double own_range = range * (a->x[a->n_point - 1] - a->x[0]);
    a->n_node = fewest;
    while (a->n_node <= a->n_reach && a->reach[a->n_node - 1] < own_range)
        a->n_node++;
    if (a->n_node > most) a->n_node = most;
    for (;; a->n_node++) {
        double reach;
        CI_TRY(rule_take(rules, a, bend_for(a, own_range), &reach));
        if (a->n_node == most || range <= reach || is_within(a, range)) return CI_OK;
    }
}

bool ci_vis_compress_axis_holds(const ci_vis_compress_axis *a, double range)
{
    return a->n_node == a->n_point || a->n_node < MAX_NODES || is_within(a, range);
}
