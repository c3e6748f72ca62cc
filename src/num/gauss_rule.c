/* Gauss rules of weighted sums: Stieltjes' three-term recurrence and the Jacobi matrix. */
#include "contimg/num.h"

#include <gsl/gsl_eigen.h>
#include <math.h>

struct ci_num_gauss
{
    size_t max_point, max_node;
    double *poly;            /* [max_node + 1][max_point] orthonormal polynomials at the points */
    double *diagonal, *side; /* [max_node] of the Jacobi matrix */
    double *at_node;         /* [max_node] polynomials at one node */
    double *matrix;          /* [max_node][max_node] */
    double *eigenvalue;      /* [max_node] */
    size_t *order;           /* [max_node] */
    gsl_eigen_symm_workspace *eigen; /* of n_eigen */
    size_t n_eigen;
};

ci_status ci_num_gauss_new(ci_num_gauss **out, size_t max_point, size_t max_node)
{
    *out = NULL;
    ci_num_gauss *g = NULL;
    CI_TRY(ci_mem_alloc(&g, 1, sizeof *g, "Gauss rules"));
    g->max_point = max_point;
    g->max_node = max_node;
    ci_status status =
        ci_mem_alloc(&g->poly, (max_node + 1) * max_point, sizeof(double), "Gauss rules");
    double **const vectors[] = {&g->diagonal, &g->side, &g->at_node, &g->eigenvalue};
    for (size_t i = 0; status == CI_OK && i < sizeof vectors / sizeof *vectors; i++)
        status = ci_mem_alloc(vectors[i], max_node, sizeof(double), "Gauss rules");
    if (status == CI_OK)
        status = ci_mem_alloc(&g->matrix, max_node * max_node, sizeof(double), "Gauss rules");
    if (status == CI_OK) status = ci_mem_alloc(&g->order, max_node, sizeof(size_t), "Gauss rules");
    if (status == CI_OK)
        *out = g;
    else
        ci_num_gauss_free(g);
    return status;
}

void ci_num_gauss_free(ci_num_gauss *g)
{
    if (!g) return;
    if (g->eigen) gsl_eigen_symm_free(g->eigen);
    ci_mem_free(g->poly);
    ci_mem_free(g->diagonal);
    ci_mem_free(g->side);
    ci_mem_free(g->at_node);
    ci_mem_free(g->eigenvalue);
    ci_mem_free(g->matrix);
    ci_mem_free(g->order);
    ci_mem_free(g);
}

/* sum of w a b, in four parts that vectors can take side by side. */
static double dot_weighted(const double *w, const double *a, const double *b, size_t n)
{
    double part[4] = {0};
    size_t n_whole = n / 4 * 4;
    for (size_t i = 0; i < n_whole; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k] += w[i + k] * a[i + k] * b[i + k];
    for (size_t i = n_whole; i < n; i++)
        part[i - n_whole] += w[i] * a[i] * b[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* Orthonormal polynomials at the points and the coefficients of their recurrence,
 * side_m p_m = (x - diagonal_(m-1)) p_(m-1) - side_(m-1) p_(m-2). Each is made orthogonal to
 * all before it a second time, so that rounding does not grow with the degree. */
static ci_status recurrence_make(ci_num_gauss *g, size_t n, const double *x, const double *w,
                                 size_t n_node)
{
    double *p = g->poly, total = 0;
    size_t n_positive = 0;
    for (size_t i = 0; i < n; i++) {
        total += w[i];
        n_positive += w[i] > 0;
    }
    if (n_positive < n_node)
        return ci_error(CI_ERR_INTERNAL, "a Gauss rule of %zu nodes for %zu points with weight",
                        n_node, n_positive);
    for (size_t i = 0; i < n; i++)
        p[i] = 1 / sqrt(total);
    g->side[0] = sqrt(total);
    for (size_t m = 0; m < n_node; m++) {
        const double *now = p + m * n;
        double *next = p + (m + 1) * n;
        for (size_t i = 0; i < n; i++)
            next[i] = x[i] * now[i];
        g->diagonal[m] = dot_weighted(w, next, now, n);
        if (m + 1 == n_node) break;
        for (size_t i = 0; i < n; i++)
            next[i] = (x[i] - g->diagonal[m]) * now[i] - (m > 0 ? g->side[m] * now[i - n] : 0);
        for (size_t j = 0; j <= m; j++) {
            const double *before = p + j * n;
            double dot = dot_weighted(w, next, before, n);
            for (size_t i = 0; i < n; i++)
                next[i] -= dot * before[i];
        }
        double norm = dot_weighted(w, next, next, n);
        g->side[m + 1] = sqrt(norm);
        if (!(norm > 0)) return ci_error(CI_ERR_INTERNAL, "a Gauss rule of too few points");
        for (size_t i = 0; i < n; i++)
            next[i] /= g->side[m + 1];
    }
    return CI_OK;
}

/* Eigenvalues of the Jacobi matrix, in ascending order by g->order. */
static ci_status nodes_find(ci_num_gauss *g, size_t n_node)
{
    if (g->n_eigen != n_node) {
        if (g->eigen) gsl_eigen_symm_free(g->eigen);
        g->eigen = gsl_eigen_symm_alloc(n_node);
        g->n_eigen = g->eigen ? n_node : 0;
        if (!g->eigen) return ci_error(CI_ERR_MEMORY, "could not allocate a Gauss rule");
    }
    for (size_t i = 0; i < n_node; i++)
        for (size_t j = 0; j < n_node; j++)
            g->matrix[i * n_node + j] = i == j       ? g->diagonal[i]
                                        : i == j + 1 ? g->side[i]
                                        : j == i + 1 ? g->side[j]
                                                     : 0;
    gsl_matrix_view matrix = gsl_matrix_view_array(g->matrix, n_node, n_node);
    gsl_vector_view value = gsl_vector_view_array(g->eigenvalue, n_node);
    if (gsl_eigen_symm(&matrix.matrix, &value.vector, g->eigen) != 0)
        return ci_error(CI_ERR_INTERNAL, "the nodes of a Gauss rule were not found");
    for (size_t i = 0; i < n_node; i++) {
        size_t j = i;
        for (; j > 0 && g->eigenvalue[g->order[j - 1]] > g->eigenvalue[i]; j--)
            g->order[j] = g->order[j - 1];
        g->order[j] = i;
    }
    return CI_OK;
}

/* The orthonormal polynomials at one point; the sum of their squares. */
static double polynomials_at(ci_num_gauss *g, size_t n_node, double x)
{
    double *p = g->at_node, sum;
    p[0] = 1 / g->side[0];
    sum = p[0] * p[0];
    for (size_t m = 1; m < n_node; m++) {
        p[m] = (x - g->diagonal[m - 1]) * p[m - 1] - (m > 1 ? g->side[m - 1] * p[m - 2] : 0);
        p[m] /= g->side[m];
        sum += p[m] * p[m];
    }
    return sum;
}

ci_status ci_num_gauss_rule(ci_num_gauss *g, size_t n, const double *x, const double *w,
                            const ci_num_rule *rule)
{
    size_t n_node = rule->n_node;
    if (n_node < 1 || n_node > g->max_node || n > g->max_point || n_node > n)
        return ci_error(CI_ERR_INTERNAL, "a Gauss rule of %zu nodes for %zu points", n_node, n);
    CI_TRY(recurrence_make(g, n, x, w, n_node));
    CI_TRY(nodes_find(g, n_node));
    for (size_t k = 0; k < n_node; k++) {
        rule->node[k] = g->eigenvalue[g->order[k]];
        rule->weight[k] = 1 / polynomials_at(g, n_node, rule->node[k]);
        double *projection = rule->projection + k * n;
        for (size_t i = 0; i < n; i++)
            projection[i] = 0;
        for (size_t m = 0; m < n_node; m++)
            for (size_t i = 0; i < n; i++)
                projection[i] += g->at_node[m] * g->poly[m * n + i];
        for (size_t i = 0; i < n; i++)
            projection[i] *= w[i];
    }
    return CI_OK;
}
