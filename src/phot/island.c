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

typedef struct island_fit
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
} island_fit;

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

static ci_status peak_insert(island_fit *fit, peak p)
{
    if (fit->n_peak == fit->n_alloc) {
        size_t n = fit->n_alloc ? 2 * fit->n_alloc : 8;
        CI_TRY(ci_mem_resize(&fit->peaks, n, sizeof *fit->peaks, "peaks of an island"));
        fit->n_alloc = n;
    }
    size_t at = fit->n_peak++;
    for (; at > 0 && by_value(&p, &fit->peaks[at - 1]) < 0; at--)
        fit->peaks[at] = fit->peaks[at - 1];
    fit->peaks[at] = p;
    return CI_OK;
}

static bool is_separate(const island_fit *fit, const peak *p, size_t n_accepted)
{
    const phot_image *im = fit->im;
    double rms = (double)im->rms[p->y * im->n_x + p->x];
    ci_num_beam beam = ci_phot_beam_at(im, (double)p->x, (double)p->y);
    for (size_t i = 0; i < n_accepted; i++) {
        const peak *q = &fit->peaks[i];
        double d2 = distance2(beam, (double)p->x - (double)q->x, (double)p->y - (double)q->y);
        if (d2 < 1.5 * 1.5 || p->value < (float)ARTEFACT * q->value) return false;
        if (d2 < 12 * 12 && saddle(im, p, q) > (double)p->value - DIP_SIGMA * rms) return false;
    }
    return true;
}

static ci_status find_peaks(island_fit *fit)
{
    const ci_num_island *is = fit->island;
    const phot_image *im = fit->im;
    for (size_t y = is->y_min; y <= is->y_max; y++)
        for (size_t x = is->x_min; x <= is->x_max; x++) {
            size_t i = y * im->n_x + x;
            if (fit->labels[i] != is->label || !is_maximum(im, x, y)) continue;
            if ((double)im->pixel[i] < fit->seed * (double)im->rms[i]) continue;
            CI_TRY(peak_insert(fit, (peak){x, y, im->pixel[i]}));
        }
    size_t n = 0;
    for (size_t k = 0; k < fit->n_peak; k++)
        if (is_separate(fit, &fit->peaks[k], n)) fit->peaks[n++] = fit->peaks[k];
    fit->n_peak = n;
    return CI_OK;
}

/* ---- pixels of a fit ------------------------------------------------------------------------- */

static bool is_near_component(const island_fit *fit, double x, double y, double radius,
                              bool as_fitted)
{
    for (size_t k = 0; k < fit->n_g; k++) {
        const ci_num_gaussian *g = &fit->g[k];
        ci_num_beam shape = as_fitted ? (ci_num_beam){g->major, g->minor, g->pa_rad}
                                      : ci_phot_beam_at(fit->im, g->x, g->y);
        if (distance2(shape, x - g->x, y - g->y) <= radius * radius) return true;
    }
    return false;
}

/* Collects finite pixels within `radius` of a component, the island's own too where
 * with_island; never another island's. */
static ci_status collect(island_fit *fit, double radius, bool with_island)
{
    const phot_image *im = fit->im;
    double reach = ceil(radius * im->beam.major) + 1, x0 = INFINITY, x1 = -1, y0 = INFINITY,
           y1 = -1;
    for (size_t k = 0; k < fit->n_g; k++) {
        x0 = fmin(x0, fit->g[k].x - reach);
        x1 = fmax(x1, fit->g[k].x + reach);
        y0 = fmin(y0, fit->g[k].y - reach);
        y1 = fmax(y1, fit->g[k].y + reach);
    }
    if (with_island) {
        x0 = fmin(x0, (double)fit->island->x_min);
        x1 = fmax(x1, (double)fit->island->x_max);
        y0 = fmin(y0, (double)fit->island->y_min);
        y1 = fmax(y1, (double)fit->island->y_max);
    }
    size_t xa = x0 > 0 ? (size_t)x0 : 0, ya = y0 > 0 ? (size_t)y0 : 0;
    size_t xb = x1 + 1 < (double)im->n_x ? (size_t)x1 + 1 : im->n_x;
    size_t yb = y1 + 1 < (double)im->n_y ? (size_t)y1 + 1 : im->n_y;
    fit->n_pixel = 0;
    if (xb <= xa || yb <= ya) return CI_OK;
    size_t n_max = (xb - xa) * (yb - ya);
    CI_TRY(ci_mem_resize(&fit->x, 3 * n_max, sizeof(double), "pixels of a fit"));
    fit->y = fit->x + n_max;
    fit->value = fit->y + n_max;
    for (size_t y = ya; y < yb; y++)
        for (size_t x = xa; x < xb; x++) {
            size_t i = y * im->n_x + x;
            bool is_own = fit->labels[i] == fit->island->label;
            if (!isfinite(im->pixel[i]) || (fit->labels[i] && !is_own)) continue;
            if (!(with_island && is_own) &&
                !is_near_component(fit, (double)x, (double)y, radius, false))
                continue;
            fit->x[fit->n_pixel] = (double)x;
            fit->y[fit->n_pixel] = (double)y;
            fit->value[fit->n_pixel++] = (double)im->pixel[i];
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

static bool is_plausible(const island_fit *fit, const ci_num_gaussian *g,
                         const ci_num_gaussian *guess)
{
    const ci_num_island *is = fit->island;
    const ci_num_beam *b = &fit->im->beam;
    double extent = hypot((double)(is->x_max - is->x_min + 1), (double)(is->y_max - is->y_min + 1));
    double rms = (double)rms_at(fit->im, guess->x, guess->y), edge = 0.5 * b->major;
    return isfinite(g->peak) && isfinite(g->major) && isfinite(g->minor) && g->peak > 2 * rms &&
           g->peak < 2 * fmax(guess->peak, (double)is->peak) + 5 * rms &&
           g->x > (double)is->x_min - edge && g->x < (double)is->x_max + edge &&
           g->y > (double)is->y_min - edge && g->y < (double)is->y_max + edge &&
           g->minor > 0.6 * b->minor && g->major < 2 * (extent + b->major);
}

/* Fits fit->g to the collected pixels; on failure the guesses stay and false is returned.
 * A lack of memory is the only real error. */
static ci_status try_fit(island_fit *fit, bool fixed, bool *good)
{
    ci_num_gaussian guess[PHOT_MAX_COMPONENT];
    memcpy(guess, fit->g, sizeof guess);
    *good = false;
    ci_status status =
        ci_num_gaussian_fit(&(ci_num_pixels){fit->x, fit->y, fit->value, NULL, fit->n_pixel},
                            fit->g, fit->n_g, fixed, NULL);
    if (status == CI_ERR_MEMORY) return status;
    bool is_good = status == CI_OK;
    if (status != CI_OK) ci_error_clear();
    for (size_t k = 0; k < fit->n_g && is_good; k++)
        is_good = is_plausible(fit, &fit->g[k], &guess[k]);
    if (!is_good) memcpy(fit->g, guess, sizeof guess);
    *good = is_good;
    return CI_OK;
}

/* Where the fit leaves a significant peak, another component starts there. */
static bool residual_peak(const island_fit *fit, ci_num_gaussian *extra)
{
    double best = 0, brightest = 0;
    size_t at = 0;
    for (size_t k = 0; k < fit->n_g; k++)
        brightest = fmax(brightest, fit->g[k].peak);
    for (size_t i = 0; i < fit->n_pixel; i++) {
        double rest = fit->value[i];
        for (size_t k = 0; k < fit->n_g; k++)
            rest -= ci_num_gaussian_value(&fit->g[k], fit->x[i], fit->y[i]);
        if (rest <= best) continue;
        best = rest;
        at = i;
    }
    if (fit->n_pixel == 0 || best < fit->seed * (double)rms_at(fit->im, fit->x[at], fit->y[at]) ||
        best < SHAPE_FAULT * brightest)
        return false;
    *extra = guess_at(fit->im, fit->x[at], fit->y[at], best);
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

static ci_status emit(const island_fit *fit, bool is_fixed, phot_component **component, size_t *n)
{
    CI_TRY(ci_mem_resize(component, *n + fit->n_g, sizeof **component, "components"));
    for (size_t k = 0; k < fit->n_g; k++)
        (*component)[(*n)++] =
            (phot_component){.g = fit->g[k],
                             .is_fixed = is_fixed,
                             .is_resolved = !is_fixed && is_resolved(fit->im, &fit->g[k]),
                             .rms = (double)rms_at(fit->im, fit->g[k].x, fit->g[k].y)};
    return CI_OK;
}

/* The present components with the beam's shape; positions start from `start`. */
static ci_status fit_fixed(island_fit *fit, const ci_num_gaussian *start)
{
    for (size_t k = 0; k < fit->n_g; k++)
        fit->g[k] = guess_at(fit->im, start[k].x, start[k].y, start[k].peak);
    bool good = false;
    CI_TRY(collect(fit, RADIUS_FIXED, false));
    return try_fit(fit, true, &good); /* where it fails, the peak pixel is the best there is */
}

/* One joint fit of all components in fit->g. */
static ci_status fit_jointly(island_fit *fit, bool with_island, phot_component **component,
                             size_t *n)
{
    ci_num_gaussian start[PHOT_MAX_COMPONENT], extra;
    bool good = false;
    memcpy(start, fit->g, sizeof start);
    CI_TRY(collect(fit, RADIUS_FREE, with_island));
    CI_TRY(try_fit(fit, false, &good));
    for (int i = 0; i < 3 && good && fit->n_g < PHOT_MAX_COMPONENT && with_island; i++) {
        if (!residual_peak(fit, &extra)) break;
        ci_num_gaussian before[PHOT_MAX_COMPONENT];
        memcpy(before, fit->g, sizeof before);
        fit->g[fit->n_g++] = extra;
        bool better = false;
        CI_TRY(try_fit(fit, false, &better));
        if (better) continue;
        fit->n_g--;
        memcpy(fit->g, before, sizeof before);
        break;
    }
    bool any_resolved = false;
    for (size_t k = 0; k < fit->n_g && good; k++)
        any_resolved = any_resolved || is_resolved(fit->im, &fit->g[k]);
    if (good && any_resolved) return emit(fit, false, component, n);
    ci_num_gaussian from[PHOT_MAX_COMPONENT];
    memcpy(from, good ? fit->g : start, sizeof from);
    CI_TRY(fit_fixed(fit, from));
    return emit(fit, true, component, n);
}

ci_status ci_phot_island_fit(const phot_image *im, const int32_t *labels,
                             const ci_num_island *island, double seed_sigma,
                             phot_component **component, size_t *n_component)
{
    island_fit fit = {.im = im, .labels = labels, .island = island, .seed = seed_sigma};
    ci_status status = find_peaks(&fit);
    bool is_large = fit.n_peak > PHOT_MAX_COMPONENT || island->n_pixel > MAX_PIXEL;
    size_t n_each = is_large ? 1 : fit.n_peak;
    for (size_t k = 0; k < fit.n_peak && status == CI_OK; k += n_each) {
        fit.n_g = n_each;
        for (size_t i = 0; i < n_each; i++) {
            const peak *p = &fit.peaks[k + i];
            fit.g[i] = guess_at(im, (double)p->x, (double)p->y, (double)p->value);
        }
        status = fit_jointly(&fit, !is_large, component, n_component);
    }
    ci_mem_free(fit.peaks);
    ci_mem_free(fit.x);
    return status;
}
