/* num: Gauss rules of weighted sums, against the sums themselves and closed forms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above first. */
#include <cmocka.h>

#include "contimg/num.h"

enum
{
    N = 48,
    MAX_NODE = 12
};

typedef struct rule
{
    double x[N], w[N];
    double node[MAX_NODE], weight[MAX_NODE], projection[MAX_NODE * N];
} rule;

static int begin(void **state)
{
    return ci_num_gauss_new((ci_num_gauss **)state, N, MAX_NODE) == CI_OK ? 0 : -1;
}

static int end(void **state)
{
    ci_num_gauss_free(*state);
    return 0;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

/* Points at equal steps in [-1, 1]; every `hole`th without weight. */
static void points_set(rule *r, int hole, bool equal)
{
    for (int i = 0; i < N; i++) {
        r->x[i] = -1 + 2.0 * i / (N - 1);
        r->w[i] = equal ? 1 : 0.2 + ((i * 7919) % 101) / 50.0;
        if (hole && i % hole == 1) r->w[i] = 0;
    }
}

static double power_sum(const double *x, const double *w, int n, int degree)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += w[i] * pow(x[i], degree);
    return sum;
}

static void sums_agree(ci_num_gauss *g, rule *r, size_t n_node)
{
    assert_int_equal(ci_num_gauss_rule(g, N, r->x, r->w,
                                       &(ci_num_rule){n_node, r->node, r->weight, r->projection}),
                     CI_OK);
    double total = power_sum(r->x, r->w, N, 0);
    for (size_t k = 0; k < n_node; k++) {
        assert_true(r->weight[k] > 0);
        assert_true(r->node[k] >= -1 && r->node[k] <= 1);
        if (k > 0) assert_true(r->node[k] > r->node[k - 1]);
    }
    for (int d = 0; d < 2 * (int)n_node; d++)
        near(power_sum(r->node, r->weight, (int)n_node, d) / total,
             power_sum(r->x, r->w, N, d) / total, 1e-13);
}

static void sums_of_powers_are_kept(void **state)
{
    rule r;
    for (int hole = 0; hole < 4; hole++)
        for (int equal = 0; equal < 2; equal++)
            for (size_t n_node = 1; n_node <= MAX_NODE; n_node++) {
                points_set(&r, hole, equal);
                sums_agree(*state, &r, n_node);
            }
}

/* Gram polynomials: two nodes of n equal steps lie at the points' rms from the middle. */
static void two_nodes_of_equal_steps_are_known(void **state)
{
    rule r;
    points_set(&r, 0, true);
    sums_agree(*state, &r, 2);
    double rms = sqrt((N + 1) / (3.0 * (N - 1)));
    near(r.node[0], -rms, 1e-14);
    near(r.node[1], rms, 1e-14);
    near(r.weight[0], N / 2.0, 1e-12);
}

/* A polynomial of low enough degree goes through the projection unharmed; points without weight
 * have no part in it. */
static void polynomials_are_projected_exactly(void **state)
{
    rule r;
    points_set(&r, 5, false);
    sums_agree(*state, &r, 6);
    for (int k = 0; k < 6; k++) {
        double value = 0;
        for (int i = 0; i < N; i++) {
            double f = 1 - 2 * r.x[i] + pow(r.x[i], 3) - 0.5 * pow(r.x[i], 5);
            value += r.projection[k * N + i] * (r.w[i] > 0 ? f : 1e6);
        }
        double x = r.node[k];
        near(value, 1 - 2 * x + pow(x, 3) - 0.5 * pow(x, 5), 1e-12);
    }
}

/* Independent values of variance 1 / w give independent values of variance 1 / weight. */
static void projected_noise_is_independent(void **state)
{
    rule r;
    points_set(&r, 7, false);
    sums_agree(*state, &r, 5);
    for (int k = 0; k < 5; k++)
        for (int j = 0; j <= k; j++) {
            double covariance = 0;
            for (int i = 0; i < N; i++)
                if (r.w[i] > 0)
                    covariance += r.projection[k * N + i] * r.projection[j * N + i] / r.w[i];
            near(covariance * sqrt(r.weight[k] * r.weight[j]), k == j ? 1 : 0, 1e-12);
        }
}

static void as_many_nodes_as_points_are_the_points(void **state)
{
    rule r = {.x = {3, 5, 9}, .w = {1, 4, 2}};
    assert_int_equal(
        ci_num_gauss_rule(*state, 3, r.x, r.w, &(ci_num_rule){3, r.node, r.weight, r.projection}),
        CI_OK);
    for (int k = 0; k < 3; k++) {
        near(r.node[k], r.x[k], 1e-12);
        near(r.weight[k], r.w[k], 1e-12);
    }
}

static void too_few_points_are_refused(void **state)
{
    rule r = {.x = {1, 2, 3}, .w = {0, 0, 0}};
    assert_int_equal(
        ci_num_gauss_rule(*state, 3, r.x, r.w, &(ci_num_rule){1, r.node, r.weight, r.projection}),
        CI_ERR_INTERNAL);
    assert_int_equal(
        ci_num_gauss_rule(*state, 3, r.x, r.w, &(ci_num_rule){4, r.node, r.weight, r.projection}),
        CI_ERR_INTERNAL);
    ci_error_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_of_powers_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(two_nodes_of_equal_steps_are_known, begin, end),
        cmocka_unit_test_setup_teardown(polynomials_are_projected_exactly, begin, end),
        cmocka_unit_test_setup_teardown(projected_noise_is_independent, begin, end),
        cmocka_unit_test_setup_teardown(as_many_nodes_as_points_are_the_points, begin, end),
        cmocka_unit_test_setup_teardown(too_few_points_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
