/* The restoring beam: an elliptical Gaussian through the core of the PSF, and the PSF's
 * greatest sidelobe. */
#include "image/beam_fit.h"

#include <math.h>
#include <string.h>

/* A second rise of less than this above the lowest level passed is not a saddle. */
static const double rise_that_counts = 0.005;
static const double lowest_level = 0.5, above_saddle = 0.02;

/* ---- flood from the peak downwards ----------------------------------------------------- */

typedef struct flood
{
    const float *patch;
    size_t n;
    size_t *heap, n_heap; /* pixel indices, greatest value first, ties: lower index */
    uint8_t *seen;
} flood;

static bool flood_before(const flood *f, size_t a, size_t b)
{
    return f->patch[a] > f->patch[b] || (!(f->patch[a] < f->patch[b]) && a < b);
}

static void flood_push(flood *f, size_t pixel)
{
    if (f->seen[pixel]) return;
    f->seen[pixel] = 1;
    size_t i = f->n_heap++;
    while (i > 0 && flood_before(f, pixel, f->heap[(i - 1) / 2])) {
        f->heap[i] = f->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    f->heap[i] = pixel;
}

static size_t flood_pop(flood *f)
{
    size_t top = f->heap[0], last = f->heap[--f->n_heap], i = 0;
    while (2 * i + 1 < f->n_heap) {
        size_t child = 2 * i + 1;
        if (child + 1 < f->n_heap && flood_before(f, f->heap[child + 1], f->heap[child])) child++;
        if (!flood_before(f, f->heap[child], last)) break;
        f->heap[i] = f->heap[child];
        i = child;
    }
    if (f->n_heap > 0) f->heap[i] = last;
    return top;
}

static void flood_push_neighbours(flood *f, size_t pixel)
{
    size_t x = pixel % f->n, y = pixel / f->n;
    for (size_t b = y > 0 ? y - 1 : y; b <= y + 1 && b < f->n; b++)
        for (size_t a = x > 0 ? x - 1 : x; a <= x + 1 && a < f->n; a++)
            flood_push(f, b * f->n + a);
}

/* Pixels come greatest first, so the level only falls until the flood runs over a saddle
 * into a second hill: that lowest level is the saddle. */
static double saddle_find(flood *f)
{
    double level = 1e30, give_up = lowest_level - above_saddle;
    flood_push(f, (f->n / 2) * f->n + f->n / 2);
    while (f->n_heap > 0) {
        size_t pixel = flood_pop(f);
        double v = f->patch[pixel];
        if (v < give_up) break;
        if (v > level + rise_that_counts) return level;
        if (v < level) level = v;
        flood_push_neighbours(f, pixel);
    }
    return 0;
}

/* seen = 1 for the connected pixels around the centre at or above `level`. */
static size_t core_mark(flood *f, double level)
{
    size_t n_core = 0;
    memset(f->seen, 0, f->n * f->n);
    f->n_heap = 0;
    flood_push(f, (f->n / 2) * f->n + f->n / 2);
    while (f->n_heap > 0) {
        size_t pixel = flood_pop(f);
        if (f->patch[pixel] < level) {
            f->seen[pixel] = 2; /* looked at, outside */
            continue;
        }
        n_core++;
        flood_push_neighbours(f, pixel);
    }
    for (size_t i = 0; i < f->n * f->n; i++)
        f->seen[i] = f->seen[i] == 1;
    return n_core;
}

/* ---- the fit ------------------------------------------------------------------------------- */

typedef struct quadratic
{
    double xx, xy, yy; /* xx x^2 + 2 xy x y + yy y^2 */
} quadratic;

static double quadratic_at(quadratic q, double x, double y)
{
    return q.xx * x * x + 2 * q.xy * x * y + q.yy * y * y;
}

/* Solves the symmetric 3 x 3 system a p = b by elimination with pivots; false: singular. */
static bool solve3(double a[3][3], double b[3], double p[3])
{
    for (int k = 0; k < 3; k++) {
        int best = k;
        for (int i = k + 1; i < 3; i++)
            if (fabs(a[i][k]) > fabs(a[best][k])) best = i;
        if (!(fabs(a[best][k]) > 1e-300)) return false;
        for (int j = 0; j < 3; j++) {
            double t = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = t;
        }
        double t = b[k];
        b[k] = b[best];
        b[best] = t;
        for (int i = k + 1; i < 3; i++) {
            double f = a[i][k] / a[k][k];
            for (int j = k; j < 3; j++)
                a[i][j] -= f * a[k][j];
            b[i] -= f * b[k];
        }
    }
    for (int k = 2; k >= 0; k--) {
        p[k] = b[k];
        for (int j = k + 1; j < 3; j++)
            p[k] -= a[k][j] * p[j];
        p[k] /= a[k][k];
    }
    return true;
}

/* One least-squares step. is_log: linear fit of -ln(psf), weighted by psf^2, which starts
 * the iteration; else Gauss-Newton on psf itself. Returns the sum of squares before. */
static double fit_step(const flood *f, quadratic q, bool is_log, double step[3], bool *ok)
{
    double a[3][3] = {{0}}, b[3] = {0}, chi2 = 0;
    for (size_t i = 0; i < f->n * f->n; i++) {
        double v = f->patch[i];
        if (!f->seen[i] || v <= 0) continue;
        double x = (double)(i % f->n) - (double)(f->n / 2);
        double y = (double)(i / f->n) - (double)(f->n / 2);
        double m = is_log ? v : exp(-quadratic_at(q, x, y));
        double d[3] = {-m * x * x, -2 * m * x * y, -m * y * y};
        double miss = is_log ? v * log(v) : v - m;
        chi2 += (v - m) * (v - m);
        for (int j = 0; j < 3; j++) {
            b[j] += d[j] * miss;
            for (int k = 0; k < 3; k++)
                a[j][k] += d[j] * d[k];
        }
    }
    *ok = solve3(a, b, step);
    return chi2;
}

static bool core_fit(const flood *f, quadratic *out)
{
    bool ok;
    double step[3];
    quadratic zero = {0, 0, 0};
    fit_step(f, zero, true, step, &ok);
    if (!ok) return false;
    quadratic q = {step[0], step[1], step[2]}, best = q;
    double best_chi2 = INFINITY;
    for (int i = 0; i < 50 && ok; i++) {
        double chi2 = fit_step(f, q, false, step, &ok);
        if (chi2 < best_chi2) {
            best_chi2 = chi2;
            best = q;
        } else { /* overshot: half way back */
            q = (quadratic){(q.xx + best.xx) / 2, (q.xy + best.xy) / 2, (q.yy + best.yy) / 2};
            continue;
        }
        if (!ok) break;
        q = (quadratic){q.xx + step[0], q.xy + step[1], q.yy + step[2]};
    }
    *out = best;
    return true;
}

/* Axes of the half-maximum ellipse; an axis the patch cannot tell is as long as the patch. */
static void axes_from(quadratic q, size_t n, ci_image_beam_fit *out)
{
    double mean = (q.xx + q.yy) / 2, half = (q.xx - q.yy) / 2;
    double root = hypot(half, q.xy), floor_value = 4 * log(2) / ((double)n * (double)n);
    double flat = fmax(mean - root, floor_value), steep = fmax(mean + root, floor_value);
    out->major = 2 * sqrt(log(2) / flat);
    out->minor = 2 * sqrt(log(2) / steep);
    /* Direction of the flat axis, (x, y); the angle counts from +y towards -x. */
    double along = 0.5 * atan2(q.xy, half) + CI_PI / 2;
    if (root <= 1e-12 * mean) along = CI_PI / 2;
    double pa = atan2(-cos(along), sin(along));
    if (pa > CI_PI / 2) pa -= CI_PI;
    if (pa <= -CI_PI / 2) pa += CI_PI;
    out->pa_rad = pa;
}

static bool core_touches_edge(const flood *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->seen[i] || f->seen[(f->n - 1) * f->n + i] || f->seen[i * f->n] ||
            f->seen[i * f->n + f->n - 1])
            return true;
    return false;
}

/* With coarse pixels the core may be too few of them to tell an ellipse: then the centre and
 * its eight neighbours are the core. */
static void core_mark_block(flood *f)
{
    size_t c = f->n / 2;
    memset(f->seen, 0, f->n * f->n);
    for (size_t k = 0; k < 9; k++)
        f->seen[(c - 1 + k / 3) * f->n + c - 1 + k % 3] = 1;
}

static void patch_fit(flood *f, ci_image_beam_fit *out)
{
    double saddle = saddle_find(f);
    double level = fmax(lowest_level, saddle + above_saddle);
    if (core_mark(f, level) < 7) core_mark_block(f);
    *out = (ci_image_beam_fit){.level = level, .touches_edge = core_touches_edge(f)};
    quadratic q;
    if (!core_fit(f, &q) || !(q.xx + q.yy > 0)) {
        out->is_guess = true;
        q = (quadratic){log(2), 0, log(2)};
    }
    axes_from(q, f->n, out);
}

ci_status ci_image_beam_fit_patch(const float *patch, size_t n, ci_image_beam_fit *out)
{
    flood f = {.patch = patch, .n = n};
    ci_status status = ci_mem_alloc(&f.heap, n * n, sizeof *f.heap, "beam fit");
    if (status == CI_OK) status = ci_mem_alloc(&f.seen, n * n, 1, "beam fit");
    if (status == CI_OK) patch_fit(&f, out);
    ci_mem_free(f.heap);
    ci_mem_free(f.seen);
    return status;
}

/* ---- sidelobe -------------------------------------------------------------------------------- */

/* rows: this rank's rows with one above and below where the image has them, from row
 * y_first of the image on. */
static double extremum_max(const ci_grid_layout *l, const double *const *rows, size_t n_row,
                           size_t y_first)
{
    double best = 0;
    for (size_t i = 1; i + 1 < n_row; i++) {
        for (size_t x = 1; x + 1 < l->n_x; x++) {
            double v = rows[i][x], a = fabs(v);
            if (a <= best || (x == l->n_x / 2 && y_first + i == l->n_y / 2)) continue;
            bool is_top = true;
            for (size_t k = 0; k < 9 && is_top; k++) {
                double w = rows[i - 1 + k / 3][x - 1 + k % 3];
                is_top = v > 0 ? w <= v : w >= v;
            }
            if (is_top) best = a;
        }
    }
    return best;
}

/* The nearest rows of other ranks: above = last row before this slab, below = first after. */
static void halo_find(const ci_grid_layout *l, int rank, const double *edges, const double **before,
                      const double **after)
{
    size_t k = 0;
    for (int r = 0; r < l->n_rank; r++) {
        if (l->count_of[r] == 0) continue;
        const double *pair = edges + 2 * l->n_x * k++;
        if (r < rank) *before = pair + l->n_x;
        if (r > rank && !*after) *after = pair;
    }
}

ci_status ci_image_sidelobe(ci_comm *comm, const ci_grid_layout *l, const double *psf, double *out)
{
    double *pair = NULL, *edges = NULL, best = 0;
    const double **rows = NULL;
    ci_status status = ci_mem_alloc(&pair, 2 * l->n_x, sizeof *pair, "PSF edges");
    if (status == CI_OK) status = ci_mem_alloc(&rows, l->n_here + 2, sizeof *rows, "PSF rows");
    status = ci_par_agree(comm, status);
    if (status == CI_OK && l->n_here > 0) {
        memcpy(pair, psf, l->n_x * sizeof *pair);
        memcpy(pair + l->n_x, psf + (l->n_here - 1) * l->n_x, l->n_x * sizeof *pair);
    }
    size_t n_byte = l->n_here > 0 ? 2 * l->n_x * sizeof *pair : 0;
    if (status == CI_OK) status = ci_par_gather(comm, pair, n_byte, -1, (void **)&edges, NULL);
    if (status == CI_OK && l->n_here > 0) {
        const double *before = NULL, *after = NULL;
        halo_find(l, ci_comm_rank(comm), edges, &before, &after);
        size_t n = 0;
        if (before) rows[n++] = before;
        for (size_t i = 0; i < l->n_here; i++)
            rows[n++] = psf + i * l->n_x;
        if (after) rows[n++] = after;
        best = extremum_max(l, rows, n, before ? l->y_first - 1 : l->y_first);
    }
    ci_mem_free(pair);
    ci_mem_free(rows);
    ci_mem_free(edges);
    CI_TRY(status);
    CI_TRY(ci_par_max_double(comm, &best, 1));
    *out = best;
    return CI_OK;
}
