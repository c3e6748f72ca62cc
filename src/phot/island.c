/* Islands to Gaussians: peaks, joint fits, what is resolved and what is not. */
#include "phot/internal.h"

#include <math.h>
#include <string.h>

/* Two peaks are two sources where the way between them dips by this many rms. */
#define DIP_SIGMA 2.5
/* Next to a bright source, imaging faults of this part of it are no sources. */
#define ARTEFACT 1e-3
/* A fault of a single fit counts as another source from this part of the brightest. */
#define SHAPE_FAULT 0.02
/* Larger islands are fitted peak by peak. */
#define MAX_PIXEL 6000
/* A source counts as resolved where its area exceeds the beam's by three errors and this. */
#define RESOLVED_LEAST 1.03
/* Elliptical radii, in half widths at half power, of the pixels used around a peak: for free
 * shapes, beyond the island's edge, so that cutting at 3 rms does not bias; for the beam's
 * shape the core only, because in noise that is correlated like the beam more pixels make
 * the peak no better (all of them: error 1.41 rms instead of 1.05). */
#define RADIUS_FREE 1.6
#define RADIUS_FIXED 1.1

typedef struct peak
{
    size_t x, y;
    float value;
} peak;

typedef struct work
{
    const phot_image *im;
    const int32_t *labels;
    const ci_num_island *island;
    double seed;
    peak *peaks; /* accepted, by declining value */
    size_t n_peak, n_alloc;
    double *x, *y, *value; /* pixels of a fit */
    size_t n_pixel;
    ci_num_gaussian g[PHOT_MAX_COMPONENT];
    size_t n_g;
} work;

static float pixel(const phot_image *im, size_t x, size_t y)
{
    return im->pixel[y * im->n_x + x];
}

static float rms_at(const phot_image *im, double x, double y)
{
    double px = fmin(fmax(floor(x + 0.5), 0), (double)im->n_x - 1);
    double py = fmin(fmax(floor(y + 0.5), 0), (double)im->n_y - 1);
    return im->rms[(size_t)py * im->n_x + (size_t)px];
}

/* Greater than all neighbours; of equal ones the first in scan order. */
static bool is_maximum(const phot_image *im, size_t x, size_t y)
{
    float v = pixel(im, x, y);
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            if ((dx == 0 && dy == 0) || (dx < 0 && x == 0) || (dy < 0 && y == 0) ||
                (dx > 0 && x + 1 == im->n_x) || (dy > 0 && y + 1 == im->n_y))
                continue;
            float other = im->pixel[(y + (size_t)dy) * im->n_x + x + (size_t)dx];
            bool is_before = dy < 0 || (dy == 0 && dx < 0);
            if (is_before ? other >= v : other > v) return false;
        }
    return true;
}

/* Least value on the straight way between two peaks. */
static double saddle(const phot_image *im, const peak *a, const peak *b)
{
    double dx = (double)b->x - (double)a->x, dy = (double)b->y - (double)a->y, low = INFINITY;
    int n = (int)ceil(2 * hypot(dx, dy));
    for (int i = 1; i < n; i++) {
        double x = (double)a->x + dx * i / n, y = (double)a->y + dy * i / n;
        double v = (double)pixel(im, (size_t)(x + 0.5), (size_t)(y + 0.5));
        if (v < low) low = v;
    }
    return low;
}

/* Squared distance in units of the half width of `shape`. */
static double distance2(ci_num_beam shape, double dx, double dy)
{
    double s = sin(shape.pa_rad), c = cos(shape.pa_rad);
    double along = 2 * (dy * c - dx * s) / shape.major,
           across = 2 * (dx * c + dy * s) / shape.minor;
    return along * along + across * across;
}

static int by_value(const peak *a, const peak *b)
{
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    if (a->y != b->y) return a->y < b->y ? -1 : 1;
    return a->x < b->x ? -1 : a->x > b->x;
}

static ci_status peak_insert(work *w, peak p)
{
    if (w->n_peak == w->n_alloc) {
        size_t n = w->n_alloc ? 2 * w->n_alloc : 8;
        CI_TRY(ci_mem_resize(&w->peaks, n, sizeof *w->peaks, "peaks of an island"));
        w->n_alloc = n;
    }
    size_t at = w->n_peak++;
    for (; at > 0 && by_value(&p, &w->peaks[at - 1]) < 0; at--)
        w->peaks[at] = w->peaks[at - 1];
    w->peaks[at] = p;
    return CI_OK;
}

static bool is_separate(const work *w, const peak *p, size_t n_accepted)
{
    const phot_image *im = w->im;
    double rms = (double)im->rms[p->y * im->n_x + p->x];
    ci_num_beam beam = ci_phot_beam_at(im, (double)p->x, (double)p->y);
    for (size_t i = 0; i < n_accepted; i++) {
        const peak *q = &w->peaks[i];
        double d2 = distance2(beam, (double)p->x - (double)q->x, (double)p->y - (double)q->y);
        if (d2 < 1.5 * 1.5 || p->value < (float)ARTEFACT * q->value) return false;
        if (d2 < 12 * 12 && saddle(im, p, q) > (double)p->value - DIP_SIGMA * rms) return false;
    }
    return true;
}

static ci_status find_peaks(work *w)
{
    const ci_num_island *is = w->island;
    const phot_image *im = w->im;
    for (size_t y = is->y_min; y <= is->y_max; y++)
        for (size_t x = is->x_min; x <= is->x_max; x++) {
            size_t i = y * im->n_x + x;
            if (w->labels[i] != is->label || !is_maximum(im, x, y)) continue;
            if ((double)im->pixel[i] < w->seed * (double)im->rms[i]) continue;
            CI_TRY(peak_insert(w, (peak){x, y, im->pixel[i]}));
        }
    size_t n = 0;
    for (size_t k = 0; k < w->n_peak; k++)
        if (is_separate(w, &w->peaks[k], n)) w->peaks[n++] = w->peaks[k];
    w->n_peak = n;
    return CI_OK;
}

/* ---- pixels of a fit ------------------------------------------------------------------------- */

static bool is_near_component(const work *w, double x, double y, double radius, bool as_fitted)
{
    for (size_t k = 0; k < w->n_g; k++) {
        const ci_num_gaussian *g = &w->g[k];
        ci_num_beam shape = as_fitted ? (ci_num_beam){g->major, g->minor, g->pa_rad}
                                      : ci_phot_beam_at(w->im, g->x, g->y);
        if (distance2(shape, x - g->x, y - g->y) <= radius * radius) return true;
    }
    return false;
}

/* Collects finite pixels within `radius` of a component, the island's own too where
 * with_island; never another island's. */
static ci_status collect(work *w, double radius, bool with_island)
{
    const phot_image *im = w->im;
    double reach = ceil(radius * im->beam.major) + 1, x0 = INFINITY, x1 = -1, y0 = INFINITY,
           y1 = -1;
    for (size_t k = 0; k < w->n_g; k++) {
        x0 = fmin(x0, w->g[k].x - reach);
        x1 = fmax(x1, w->g[k].x + reach);
        y0 = fmin(y0, w->g[k].y - reach);
        y1 = fmax(y1, w->g[k].y + reach);
    }
    if (with_island) {
        x0 = fmin(x0, (double)w->island->x_min);
        x1 = fmax(x1, (double)w->island->x_max);
        y0 = fmin(y0, (double)w->island->y_min);
        y1 = fmax(y1, (double)w->island->y_max);
    }
    size_t xa = x0 > 0 ? (size_t)x0 : 0, ya = y0 > 0 ? (size_t)y0 : 0;
    size_t xb = x1 + 1 < (double)im->n_x ? (size_t)x1 + 1 : im->n_x;
    size_t yb = y1 + 1 < (double)im->n_y ? (size_t)y1 + 1 : im->n_y;
    w->n_pixel = 0;
    if (xb <= xa || yb <= ya) return CI_OK;
    size_t n_max = (xb - xa) * (yb - ya);
    CI_TRY(ci_mem_resize(&w->x, 3 * n_max, sizeof(double), "pixels of a fit"));
    w->y = w->x + n_max;
    w->value = w->y + n_max;
    for (size_t y = ya; y < yb; y++)
        for (size_t x = xa; x < xb; x++) {
            size_t i = y * im->n_x + x;
            bool is_own = w->labels[i] == w->island->label;
            if (!isfinite(im->pixel[i]) || (w->labels[i] && !is_own)) continue;
            if (!(with_island && is_own) &&
                !is_near_component(w, (double)x, (double)y, radius, false))
                continue;
            w->x[w->n_pixel] = (double)x;
            w->y[w->n_pixel] = (double)y;
            w->value[w->n_pixel++] = (double)im->pixel[i];
        }
    return CI_OK;
}

/* ---- fits ------------------------------------------------------------------------------------ */

static ci_num_gaussian guess_at(const phot_image *im, double x, double y, double value)
{
    ci_num_beam b = ci_phot_beam_at(im, x, y);
    return (ci_num_gaussian){
        .peak = value, .x = x, .y = y, .major = b.major, .minor = b.minor, .pa_rad = b.pa_rad};
}

static bool is_plausible(const work *w, const ci_num_gaussian *g, const ci_num_gaussian *guess)
{
    const ci_num_island *is = w->island;
    const ci_num_beam *b = &w->im->beam;
    double extent = hypot((double)(is->x_max - is->x_min + 1), (double)(is->y_max - is->y_min + 1));
    double rms = (double)rms_at(w->im, guess->x, guess->y), edge = 0.5 * b->major;
    return isfinite(g->peak) && isfinite(g->major) && isfinite(g->minor) && g->peak > 2 * rms &&
           g->peak < 2 * fmax(guess->peak, (double)is->peak) + 5 * rms &&
           g->x > (double)is->x_min - edge && g->x < (double)is->x_max + edge &&
           g->y > (double)is->y_min - edge && g->y < (double)is->y_max + edge &&
           g->minor > 0.6 * b->minor && g->major < 2 * (extent + b->major);
}

/* Fits w->g to the collected pixels; on failure the guesses stay and false is returned.
 * A lack of memory is the only real error. */
static ci_status try_fit(work *w, bool fixed, bool *good)
{
    ci_num_gaussian guess[PHOT_MAX_COMPONENT];
    memcpy(guess, w->g, sizeof guess);
    *good = false;
    ci_status status =
        ci_num_gaussian_fit(w->x, w->y, w->value, NULL, w->n_pixel, w->g, w->n_g, fixed, NULL);
    if (status == CI_ERR_MEMORY) return status;
    bool is_good = status == CI_OK;
    if (status != CI_OK) ci_error_clear();
    for (size_t k = 0; k < w->n_g && is_good; k++)
        is_good = is_plausible(w, &w->g[k], &guess[k]);
    if (!is_good) memcpy(w->g, guess, sizeof guess);
    *good = is_good;
    return CI_OK;
}

/* Where the fit leaves a significant peak, another component starts there. */
static bool residual_peak(const work *w, ci_num_gaussian *extra)
{
    double best = 0, brightest = 0;
    size_t at = 0;
    for (size_t k = 0; k < w->n_g; k++)
        brightest = fmax(brightest, w->g[k].peak);
    for (size_t i = 0; i < w->n_pixel; i++) {
        double rest = w->value[i];
        for (size_t k = 0; k < w->n_g; k++)
            rest -= ci_num_gaussian_value(&w->g[k], w->x[i], w->y[i]);
        if (rest <= best) continue;
        best = rest;
        at = i;
    }
    if (w->n_pixel == 0 || best < w->seed * (double)rms_at(w->im, w->x[at], w->y[at]) ||
        best < SHAPE_FAULT * brightest)
        return false;
    *extra = guess_at(w->im, w->x[at], w->y[at], best);
    return true;
}

static bool is_resolved(const phot_image *im, const ci_num_gaussian *g)
{
    ci_num_beam b = ci_phot_beam_at(im, g->x, g->y);
    phot_errors e = ci_phot_condon(g, b, (double)rms_at(im, g->x, g->y));
    double area = g->major * g->minor / (b.major * b.minor);
    double error = area * hypot(e.major, e.minor);
    return area > RESOLVED_LEAST && area - 1 > 3 * error;
}

static ci_status emit(const work *w, bool is_fixed, phot_component **component, size_t *n)
{
    CI_TRY(ci_mem_resize(component, *n + w->n_g, sizeof **component, "components"));
    for (size_t k = 0; k < w->n_g; k++)
        (*component)[(*n)++] =
            (phot_component){.g = w->g[k],
                             .is_fixed = is_fixed,
                             .is_resolved = !is_fixed && is_resolved(w->im, &w->g[k]),
                             .rms = (double)rms_at(w->im, w->g[k].x, w->g[k].y)};
    return CI_OK;
}

/* The present components with the beam's shape; positions start from `start`. */
static ci_status fit_fixed(work *w, const ci_num_gaussian *start)
{
    for (size_t k = 0; k < w->n_g; k++)
        w->g[k] = guess_at(w->im, start[k].x, start[k].y, start[k].peak);
    bool good = false;
    CI_TRY(collect(w, RADIUS_FIXED, false));
    return try_fit(w, true, &good); /* where it fails, the peak pixel is the best there is */
}

/* One joint fit of all components in w->g. */
static ci_status fit_group(work *w, bool with_island, phot_component **component, size_t *n)
{
    ci_num_gaussian start[PHOT_MAX_COMPONENT], extra;
    bool good = false;
    memcpy(start, w->g, sizeof start);
    CI_TRY(collect(w, RADIUS_FREE, with_island));
    CI_TRY(try_fit(w, false, &good));
    for (int i = 0; i < 3 && good && w->n_g < PHOT_MAX_COMPONENT && with_island; i++) {
        if (!residual_peak(w, &extra)) break;
        ci_num_gaussian before[PHOT_MAX_COMPONENT];
        memcpy(before, w->g, sizeof before);
        w->g[w->n_g++] = extra;
        bool better = false;
        CI_TRY(try_fit(w, false, &better));
        if (better) continue;
        w->n_g--;
        memcpy(w->g, before, sizeof before);
        break;
    }
    bool any_resolved = false;
    for (size_t k = 0; k < w->n_g && good; k++)
        any_resolved = any_resolved || is_resolved(w->im, &w->g[k]);
    if (good && any_resolved) return emit(w, false, component, n);
    ci_num_gaussian from[PHOT_MAX_COMPONENT];
    memcpy(from, good ? w->g : start, sizeof from);
    CI_TRY(fit_fixed(w, from));
    return emit(w, true, component, n);
}

ci_status ci_phot_island_fit(const phot_image *im, const int32_t *labels,
                             const ci_num_island *island, double seed_sigma,
                             phot_component **component, size_t *n_component)
{
    work w = {.im = im, .labels = labels, .island = island, .seed = seed_sigma};
    ci_status status = find_peaks(&w);
    bool is_large = w.n_peak > PHOT_MAX_COMPONENT || island->n_pixel > MAX_PIXEL;
    size_t n_each = is_large ? 1 : w.n_peak;
    for (size_t k = 0; k < w.n_peak && status == CI_OK; k += n_each) {
        w.n_g = n_each;
        for (size_t i = 0; i < n_each; i++) {
            const peak *p = &w.peaks[k + i];
            w.g[i] = guess_at(im, (double)p->x, (double)p->y, (double)p->value);
        }
        status = fit_group(&w, !is_large, component, n_component);
    }
    ci_mem_free(w.peaks);
    ci_mem_free(w.x);
    return status;
}
