/* The expansion of exp(-2 pi i w t) by singular functions. */
#include "grid/terms.h"
#include "contimg/num.h"

#include <math.h>

enum
{
    N_NODE = 64,                 /* where functions are summed over x and over y */
    ORDER = CI_GRID_TERMS_ORDER, /* orthonormal polynomials */
    N_SWEEP = 40                 /* of Jacobi's method, at most */
};

/* Shares of the weight that do not follow the samples, or a uniform density of pixels in t: no
 * part of the range is left without. */
static const double FLOOR_SAMPLE = 0.05, FLOOR_PIXEL = 0.25;

/* Polynomials of z^2 times z^is_odd, orthonormal under weights at nodes z; the recurrence
 * norm[m + 1] p_{m+1} = (z^2 - middle[m]) p_m - norm[m] p_{m-1}. */
typedef struct basis
{
    bool is_odd;
    double z[N_NODE], weight[N_NODE]; /* weights add up to 1 */
    double middle[ORDER], norm[ORDER + 1];
    double value[ORDER][N_NODE];
} basis;

/* Nodes like Chebyshev's in z^2; density [N_BIN] of z, relative, and its share of floor. */
static void basis_nodes(basis *b, const double *density, double floor_share)
{
    double sum = 0.0;
    for (int i = 0; i < N_NODE; i++) {
        double z2 = ci_grid_series_node(i, N_NODE);
        b->z[i] = sqrt(z2);
        int bin = (int)(b->z[i] * CI_GRID_TERMS_BINS);
        if (bin >= CI_GRID_TERMS_BINS) bin = CI_GRID_TERMS_BINS - 1;
        b->weight[i] = density[bin] * sqrt(1.0 - z2);
        sum += b->weight[i];
    }
    for (int i = 0; i < N_NODE; i++) {
        double share = sum > 0.0 ? b->weight[i] / sum : 1.0 / N_NODE;
        b->weight[i] = (1.0 - floor_share) * share + floor_share / N_NODE;
    }
}

static void basis_make(basis *b, bool is_odd)
{
    double before[N_NODE] = {0.0}, now[N_NODE];
    b->is_odd = is_odd;
    b->norm[0] = 0.0;
    for (int i = 0; i < N_NODE; i++) {
        now[i] = is_odd ? b->z[i] : 1.0;
        b->norm[0] += b->weight[i] * now[i] * now[i];
    }
    b->norm[0] = sqrt(b->norm[0]);
    for (int i = 0; i < N_NODE; i++)
        now[i] /= b->norm[0];
    for (int m = 0; m < ORDER; m++) {
        double middle = 0.0, norm = 0.0, next[N_NODE];
        for (int i = 0; i < N_NODE; i++) {
            b->value[m][i] = now[i];
            middle += b->weight[i] * b->z[i] * b->z[i] * now[i] * now[i];
        }
        for (int i = 0; i < N_NODE; i++) {
            next[i] = (b->z[i] * b->z[i] - middle) * now[i] - (m ? b->norm[m] : 0.0) * before[i];
            norm += b->weight[i] * next[i] * next[i];
        }
        b->middle[m] = middle;
        b->norm[m + 1] = sqrt(norm);
        for (int i = 0; i < N_NODE; i++) {
            before[i] = now[i];
            now[i] = next[i] / b->norm[m + 1];
        }
    }
}

/* sum_m coef[m] p_m at z^2, without the factor z of odd ones. */
static double basis_value(const basis *b, const double *coef, double z2)
{
    double before = 0.0, now = 1.0 / b->norm[0], sum = 0.0;
    for (int m = 0; m < ORDER; m++) {
        sum += coef[m] * now;
        double next =
            ((z2 - b->middle[m]) * now - (m ? b->norm[m] : 0.0) * before) / b->norm[m + 1];
        before = now;
        now = next;
    }
    return sum;
}

/* c[n][m] = <p_m q_n, cos or sin(phi x y)>. */
static void project(const basis *x, const basis *y, double phi, double c[ORDER][ORDER])
{
    double half[ORDER][N_NODE] = {{0.0}};
    for (int i = 0; i < N_NODE; i++)
        for (int j = 0; j < N_NODE; j++) {
            double cosine, sine;
            ci_num_turns_cos_sin(phi / CI_TWO_PI * x->z[i] * y->z[j], &cosine, &sine);
            double f = x->weight[i] * (x->is_odd ? sine : cosine);
            for (int m = 0; m < ORDER; m++)
                half[m][j] += f * x->value[m][i];
        }
    for (int n = 0; n < ORDER; n++)
        for (int m = 0; m < ORDER; m++) {
            c[n][m] = 0.0;
            for (int j = 0; j < N_NODE; j++)
                c[n][m] += half[m][j] * y->weight[j] * y->value[n][j];
        }
}

/* Rotates rows p and q of c, and of v, so that those of c are at right angles. */
static double rows_rotate(double c[ORDER][ORDER], double v[ORDER][ORDER], int p, int q)
{
    double pp = 0.0, qq = 0.0, pq = 0.0;
    for (int m = 0; m < ORDER; m++) {
        pp += c[p][m] * c[p][m];
        qq += c[q][m] * c[q][m];
        pq += c[p][m] * c[q][m];
    }
    if (pq == 0.0 || pq * pq <= 1e-32 * pp * qq) return 0.0;
    double z = (qq - pp) / (2.0 * pq);
    double t = (z < 0.0 ? -1.0 : 1.0) / (fabs(z) + sqrt(1.0 + z * z));
    double cosine = 1.0 / sqrt(1.0 + t * t), sine = cosine * t;
    for (int m = 0; m < ORDER; m++) {
        double a = c[p][m], b = c[q][m];
        c[p][m] = cosine * a - sine * b;
        c[q][m] = sine * a + cosine * b;
        a = v[p][m];
        b = v[q][m];
        v[p][m] = cosine * a - sine * b;
        v[q][m] = sine * a + cosine * b;
    }
    return fabs(pq) / sqrt(pp * qq);
}

/* Singular values by Jacobi's one-sided method: c = v^T (rows of c); after it row k of c is
 * singular value k times its right function, row k of v its left one; descending. */
static void decompose(double c[ORDER][ORDER], double v[ORDER][ORDER], double singular[ORDER])
{
    for (int n = 0; n < ORDER; n++)
        for (int m = 0; m < ORDER; m++)
            v[n][m] = n == m;
    for (int sweep = 0; sweep < N_SWEEP; sweep++) {
        double most = 0.0;
        for (int p = 0; p < ORDER; p++)
            for (int q = p + 1; q < ORDER; q++)
                most = fmax(most, rows_rotate(c, v, p, q));
        if (most < 1e-15) break;
    }
    for (int n = 0; n < ORDER; n++) {
        singular[n] = 0.0;
        for (int m = 0; m < ORDER; m++)
            singular[n] += c[n][m] * c[n][m];
        singular[n] = sqrt(singular[n]);
    }
    for (int k = 0; k < ORDER; k++)
        for (int n = k + 1; n < ORDER; n++) {
            if (singular[n] <= singular[k]) continue;
            double swap = singular[k];
            singular[k] = singular[n];
            singular[n] = swap;
            for (int m = 0; m < ORDER; m++) {
                swap = c[k][m];
                c[k][m] = c[n][m];
                c[n][m] = swap;
                swap = v[k][m];
                v[k][m] = v[n][m];
                v[n][m] = swap;
            }
        }
}

/* The even or the odd part; adds squares of the errors. */
static void part_make(ci_grid_terms *terms, basis *x, basis *y, double phi, bool is_odd,
                      double square[CI_GRID_TERMS_MAX_PAIRS + 1])
{
    double c[ORDER][ORDER], v[ORDER][ORDER], singular[ORDER];
    basis_make(x, is_odd);
    basis_make(y, is_odd);
    project(x, y, phi, c);
    decompose(c, v, singular);
    double left = 0.0;
    for (int k = ORDER - 1; k >= 0; k--) {
        left += singular[k] * singular[k];
        if (k <= CI_GRID_TERMS_MAX_PAIRS) square[k] += left;
    }
    for (int k = 0; k < CI_GRID_TERMS_MAX_PAIRS; k++) {
        double scale = singular[k] > 0.0 ? 1.0 / singular[k] : 0.0;
        double along[ORDER];
        for (int m = 0; m < ORDER; m++)
            along[m] = c[k][m] * scale;
        for (int i = 0; i < ORDER; i++) {
            double z2 = ci_grid_series_node(i, ORDER);
            terms->sample[is_odd][k][i] = basis_value(x, along, z2);
            terms->pixel[is_odd][k][i] = singular[k] * basis_value(y, v[k], z2);
        }
    }
}

void ci_grid_terms_make(ci_grid_terms *terms, double phi, const int64_t *n_in_bin)
{
    basis x, y;
    double density[CI_GRID_TERMS_BINS], square[CI_GRID_TERMS_MAX_PAIRS + 1] = {0.0};
    for (int i = 0; i < CI_GRID_TERMS_BINS; i++)
        density[i] = (double)n_in_bin[i];
    basis_nodes(&x, density, FLOOR_SAMPLE);
    for (int i = 0; i < CI_GRID_TERMS_BINS; i++)
        density[i] = 1.0;
    basis_nodes(&y, density, FLOOR_PIXEL);
    part_make(terms, &x, &y, phi, false, square);
    part_make(terms, &x, &y, phi, true, square);
    for (int k = 0; k <= CI_GRID_TERMS_MAX_PAIRS; k++)
        terms->error[k] = sqrt(square[k]);
}

static void one_series(ci_grid_series *sample, ci_grid_series *pixel, const double *f,
                       const double *g, double error)
{
    double most_f = 0.0, most_g = 0.0;
    for (int i = 0; i < ORDER; i++) {
        most_f = fmax(most_f, fabs(f[i]));
        most_g = fmax(most_g, fabs(g[i]));
    }
    ci_grid_series_fit(sample, ORDER, f, most_g > 0.0 ? error / most_g : 1e300);
    ci_grid_series_fit(pixel, ORDER, g, most_f > 0.0 ? error / most_f : 1e300);
}

void ci_grid_terms_pair(const ci_grid_terms *terms, int k, double error, ci_grid_series sample[2],
                        ci_grid_series pixel[2])
{
    for (int odd = 0; odd < 2; odd++)
        one_series(&sample[odd], &pixel[odd], terms->sample[odd][k], terms->pixel[odd][k], error);
}
