/* Cotton-Schwab major cycles: the residual is always exact for the model as it stands; the
 * minor cycles work on the pixels that can matter, on rank 0. */
#include "clean/bright.h"
#include "clean/minor.h"
#include "clean/rms.h"

#include <math.h>
#include <string.h>

static const int64_t active_max = 1 << 22;
static const double mask_tolerance = 1.2; /* inside the mask, in units of the threshold */
static const double growth_refused = 1.2; /* of the residual's peak in one major cycle */
static const double idle_gain = 0.99, idle_excess = 0.9; /* what counts as better */
static const int idle_max = 2;
static const size_t patch_half = 512;
static const double outside_margin = 1.5; /* depth over what the PSF patch does not know */
static const double shallowest = 0.6; /* of the peak: a major cycle goes down to that at least */

/* A source between pixels asks for negative components around its positive ones; elsewhere,
 * where the sky is positive, a negative residual is no place to begin. */
enum
{
    MASK_NONE,
    MASK_NEAR, /* within the beam's half width of a component */
    MASK_COMPONENT
};

typedef struct major
{
    ci_clean *clean;
    const ci_grid_layout *l;
    uint8_t *mask;                      /* slab: how near a component is */
    double *kept_residual, *kept_model; /* slabs, before the cycle in hand */
    float *rms_row;
    float *patch_value;
    ci_clean_patch patch;
    double outside;   /* greatest |PSF| beyond the patch */
    bool is_positive; /* the sky is: a new component stands on positive residuals only */
} major;

typedef struct scan
{
    double peak, peak_all, excess; /* excess: greatest |residual| in units of its threshold */
} scan;

/* The best that was reached, and for how many cycles nothing became better. */
typedef struct progress
{
    double rms, excess;
    int n_idle;
} progress;

/* ---- exact residual ------------------------------------------------------------------------ */

ci_status ci_clean_residual(ci_comm *comm, const ci_clean *c)
{
    ci_vis_samples *s = c->samples;
    CI_AGREE(comm, ci_vis_samples_work(s));
    CI_TRY(ci_clean_bright_find(comm, c->bright, c));
    CI_TRY(ci_grid_degrid(comm, c->gridder, c->model, s->rows, s->n_rows));
    CI_TRY(ci_clean_bright_add(comm, c->bright, c));
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t n = s->rows[i].n_row * s->rows[i].n_chan;
        for (size_t k = 0; k < n; k++)
            s->work[i][k] = s->weight[i][k] > 0 ? s->data[i][k] - s->work[i][k] : 0;
    }
    CI_TRY(ci_clean_bright_fit(comm, c->bright, c));
    CI_TRY(ci_grid_image(comm, c->gridder, s->rows, s->n_rows, c->residual));
    for (size_t i = 0; i < c->layout->n_here * c->layout->n_x; i++)
        c->residual[i] /= c->sum_weight;
    return CI_OK;
}

/* ---- PSF patch ------------------------------------------------------------------------------- */

double ci_clean_max_hidden_sidelobe(void)
{
    return shallowest / outside_margin;
}

/* Greatest |PSF| beyond the patch that this rank has. */
static double beyond_patch(const major *m, size_t half)
{
    const ci_grid_layout *l = m->l;
    size_t cx = l->n_x / 2, cy = l->n_y / 2;
    double best = 0;
    for (size_t i = 0; i < l->n_here; i++)
        for (size_t x = 0; x < l->n_x; x++) {
            size_t y = l->y_first + i;
            bool inside = x + half >= cx && x <= cx + half && y + half >= cy && y <= cy + half;
            if (!inside) best = fmax(best, fabs(m->clean->psf[i * l->n_x + x]));
        }
    return best;
}

/* A patch about the PSF's centre, on rank 0 where minor cycles run: a small one while major
 * cycles can be shallow enough for what it leaves out, else all that is known. */
static ci_status patch_cut(ci_comm *comm, major *m)
{
    const ci_grid_layout *l = m->l;
    size_t cx = l->n_x / 2, cy = l->n_y / 2, room = cx;
    size_t other[3] = {cy, l->n_x - 1 - cx, l->n_y - 1 - cy};
    m->patch = m->clean->psf_wide;
    m->outside = 0;
    if (m->patch.half > 0) return CI_OK;
    for (int i = 0; i < 3; i++)
        if (other[i] < room) room = other[i];
    size_t half = room < patch_half ? room : patch_half;
    m->outside = beyond_patch(m, half);
    CI_TRY(ci_par_max_double(comm, &m->outside, 1));
    if (m->outside > ci_clean_max_hidden_sidelobe()) {
        half = room;
        m->outside = 0;
    }
    m->outside = fmax(m->outside, m->clean->psf_far);
    size_t side = 2 * half + 1;
    CI_TRY(ci_grid_slab_cut(comm, l, m->clean->psf, cx - half, cy - half, side, side, 0,
                            &m->patch_value));
    m->patch = (ci_clean_patch){half, m->patch_value};
    return CI_OK;
}

/* ---- thresholds ---------------------------------------------------------------------------- */

static double threshold_at(const major *m, size_t i, double rms)
{
    const ci_clean_options *o = m->clean->options;
    return (m->mask[i] == MASK_COMPONENT ? o->auto_threshold : o->auto_mask) * rms;
}

/* |residual| where a component may come to stand by its sign, else 0. */
static double residual_counted(const major *m, size_t i)
{
    double v = m->clean->residual[i];
    return v < 0 && m->is_positive && m->mask[i] == MASK_NONE ? 0 : fabs(v);
}

static ci_status residual_scan(ci_comm *comm, const major *m, const ci_clean_rms_mesh *mesh,
                               scan *out)
{
    double best[3] = {0, 0, 0};
    for (size_t y = 0; y < m->l->n_here; y++) {
        ci_clean_rms_mesh_row(mesh, m->l->y_first + y, m->rms_row);
        for (size_t x = 0; x < m->l->n_x; x++) {
            size_t i = y * m->l->n_x + x;
            double v = fabs(m->clean->residual[i]), t = threshold_at(m, i, m->rms_row[x]);
            if (v > best[1]) best[1] = v;
            v = residual_counted(m, i);
            if (v <= t) continue;
            if (v > best[0]) best[0] = v;
            double excess =
                v / fmax(t, 1e-300) / (m->mask[i] == MASK_COMPONENT ? mask_tolerance : 1);
            if (excess > best[2]) best[2] = excess;
        }
    }
    CI_TRY(ci_par_max_double(comm, best, 3));
    *out = (scan){.peak = best[0], .peak_all = best[1], .excess = best[2]};
    return CI_OK;
}

/* ---- active pixels --------------------------------------------------------------------------- */

/* Pixels of this rank above their threshold and `stop`; list may be NULL to count. */
static size_t active_list(const major *m, const ci_clean_rms_mesh *mesh, double stop,
                          ci_clean_active *list)
{
    size_t n = 0;
    double inner = m->clean->options->auto_threshold;
    for (size_t y = 0; y < m->l->n_here; y++) {
        ci_clean_rms_mesh_row(mesh, m->l->y_first + y, m->rms_row);
        for (size_t x = 0; x < m->l->n_x; x++) {
            size_t i = y * m->l->n_x + x;
            double v = m->clean->residual[i], t = threshold_at(m, i, m->rms_row[x]);
            double counted = residual_counted(m, i);
            if (counted <= t || counted <= stop) continue;
            if (list)
                list[n] =
                    (ci_clean_active){.x = (int32_t)x,
                                      .y = (int32_t)(m->l->y_first + y),
                                      .value = (float)v,
                                      .threshold = (float)t,
                                      .threshold_in = (float)(inner * m->rms_row[x]),
                                      .no_negative = m->is_positive && m->mask[i] == MASK_NONE};
            n++;
        }
    }
    return n;
}

/* All ranks' active pixels on rank 0, and the depth that keeps them to a number that one
 * rank can hold. */
static ci_status active_gather(ci_comm *comm, const major *m, const ci_clean_rms_mesh *mesh,
                               double *stop, ci_clean_active **out, size_t *n_out)
{
    size_t n;
    for (;;) {
        n = active_list(m, mesh, *stop, NULL);
        int64_t n_all = (int64_t)n;
        CI_TRY(ci_par_sum_int(comm, &n_all, 1));
        if (n_all <= active_max) break;
        *stop *= 1.5;
    }
    ci_clean_active *here = NULL;
    size_t n_byte = 0;
    CI_TRY(ci_par_alloc(comm, &here, n, sizeof *here, "active pixels"));
    active_list(m, mesh, *stop, here);
    ci_status status = ci_par_gather(comm, here, n * sizeof *here, 0, (void **)out, &n_byte);
    ci_mem_free(here);
    *n_out = n_byte / sizeof **out;
    return status;
}

/* ---- one minor cycle ------------------------------------------------------------------------- */

typedef struct component
{
    int32_t x, y;
    double flux;
} component;

static ci_status minor_run(const major *m, size_t n, ci_clean_active *active,
                           const ci_clean_minor_limits *limits, ci_clean_minor_result *result,
                           component **out, size_t *n_out)
{
    double *flux = NULL;
    ci_status status = ci_mem_alloc(&flux, n, sizeof *flux, "clean components");
    if (status == CI_OK) status = ci_clean_minor_clark(&m->patch, n, active, flux, limits, result);
    size_t n_found = 0;
    for (size_t i = 0; status == CI_OK && i < n; i++)
        n_found += flux[i] != 0;
    if (status == CI_OK) status = ci_mem_alloc(out, n_found, sizeof **out, "clean components");
    *n_out = 0;
    for (size_t i = 0; status == CI_OK && i < n; i++)
        if (flux[i] != 0) (*out)[(*n_out)++] = (component){active[i].x, active[i].y, flux[i]};
    ci_mem_free(flux);
    return status;
}

static void near_mark(const major *m, const component *c)
{
    int32_t r = (int32_t)ceil(m->clean->beam.major / 2), n_x = (int32_t)m->l->n_x;
    int32_t y_first = (int32_t)m->l->y_first, y_end = y_first + (int32_t)m->l->n_here;
    for (int32_t y = c->y - r > y_first ? c->y - r : y_first; y <= c->y + r && y < y_end; y++)
        for (int32_t x = c->x > r ? c->x - r : 0; x <= c->x + r && x < n_x; x++) {
            uint8_t *mask = &m->mask[(size_t)(y - y_first) * m->l->n_x + (size_t)x];
            if (*mask == MASK_NONE) *mask = MASK_NEAR;
        }
}

static void components_add(const major *m, const component *found, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t y = (size_t)found[k].y;
        if (m->is_positive) near_mark(m, &found[k]);
        if (y < m->l->y_first || y >= m->l->y_first + m->l->n_here) continue;
        size_t i = (y - m->l->y_first) * m->l->n_x + (size_t)found[k].x;
        m->clean->model[i] += found[k].flux;
        m->mask[i] = MASK_COMPONENT;
    }
}

/* Finds components on rank 0 and adds them to everybody's model. */
static ci_status minor_cycle(ci_comm *comm, const major *m, const ci_clean_rms_mesh *mesh,
                             double stop, int64_t n_left, ci_clean_minor_result *result)
{
    ci_clean_active *active = NULL;
    component *found = NULL;
    size_t n_active = 0;
    int64_t head[3] = {0};
    CI_TRY(active_gather(comm, m, mesh, &stop, &active, &n_active));
    ci_status status = CI_OK;
    if (ci_comm_rank(comm) == 0) {
        ci_clean_minor_limits limits = {m->clean->options->gain, stop, n_left};
        size_t n = 0;
        status = minor_run(m, n_active, active, &limits, result, &found, &n);
        head[0] = (int64_t)n;
        head[1] = result->n_iteration;
        head[2] = result->diverged;
    }
    ci_mem_free(active);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_bcast(comm, head, sizeof head, 0);
    if (status == CI_OK && ci_comm_rank(comm) != 0)
        status = ci_mem_alloc(&found, (size_t)head[0], sizeof *found, "clean components");
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_bcast(comm, found, (size_t)head[0] * sizeof *found, 0);
    if (status == CI_OK) {
        components_add(m, found, (size_t)head[0]);
        *result = (ci_clean_minor_result){head[1], head[2] != 0};
    }
    ci_mem_free(found);
    return status;
}

/* A source that is no longer held between pixels was painted on them: they are components, too. */
static void painted_mark(const major *m)
{
    for (size_t i = 0; i < m->l->n_here * m->l->n_x; i++)
        if (m->clean->model[i] != 0) m->mask[i] = MASK_COMPONENT;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void stop_set(ci_clean_stats *stats, const char *reason)
{
    snprintf(stats->stop_reason, sizeof stats->stop_reason, "%s", reason);
}

/* The state before a cycle, and back to it. */
static ci_status state_keep(ci_comm *comm, const major *m)
{
    size_t n = m->l->n_here * m->l->n_x;
    memcpy(m->kept_residual, m->clean->residual, n * sizeof(double));
    memcpy(m->kept_model, m->clean->model, n * sizeof(double));
    return ci_par_agree(comm, ci_clean_bright_keep(m->clean->bright));
}

static ci_status state_restore(ci_comm *comm, const major *m)
{
    size_t n = m->l->n_here * m->l->n_x;
    memcpy(m->clean->residual, m->kept_residual, n * sizeof(double));
    memcpy(m->clean->model, m->kept_model, n * sizeof(double));
    return ci_par_agree(comm, ci_clean_bright_restore(m->clean->bright));
}

/* A cycle that made things worse is undone. Where sources were held in it, that may be why: they
 * are left to components from then on (*again), once; else CLEAN ends. */
static ci_status cycle_undo(ci_comm *comm, const major *m, scan before, double peak_all,
                            ci_clean_stats *stats, bool *again)
{
    ci_clean *c = m->clean;
    bool is_root = ci_comm_rank(comm) == 0;
    *again = ci_clean_bright_is_any_held(c->bright);
    CI_TRY(state_restore(comm, m));
    if (*again) {
        ci_log_info("clean: the residual's peak grew from %.4g to %.4g Jy/beam: no source is held "
                    "between pixels any more",
                    before.peak_all, peak_all);
        ci_clean_bright_let_go(c->bright, c->model);
        painted_mark(m);
        return ci_clean_residual(comm, c);
    }
    stats->diverged = true;
    stop_set(stats, "diverged");
    if (is_root)
        ci_log_warning("clean: diverged: the residual's peak grew from %.4g to %.4g Jy/beam in "
                       "major cycle %d, whose components are left out",
                       before.peak_all, peak_all, stats->n_major);
    return CI_OK;
}

/* One cycle on a measured residual; *done with stats->stop_reason set. */
static ci_status cycle_run(ci_comm *comm, major *m, const ci_clean_rms_mesh *mesh, scan before,
                           ci_clean_stats *stats, bool *done)
{
    const ci_clean_options *o = m->clean->options;
    double stop = fmax(1 - o->major_gain, outside_margin * m->outside);
    ci_clean_minor_result result = {0, false};
    CI_TRY(state_keep(comm, m));
    CI_TRY(minor_cycle(comm, m, mesh, fmin(stop, shallowest) * before.peak,
                       (int64_t)o->max_iteration - stats->n_minor, &result));
    stats->n_minor += (int)result.n_iteration;
    if (result.n_iteration == 0) {
        stop_set(stats, "threshold");
        *done = true;
        return CI_OK;
    }
    CI_TRY(ci_clean_residual(comm, m->clean));
    painted_mark(m);
    stats->n_major++;
    double peak_all;
    CI_TRY(ci_grid_slab_peak(comm, m->l, m->clean->residual, &peak_all, NULL));
    ci_log_info("clean: major cycle %d: %d component%s, residual peak %.4g -> %.4g Jy/beam",
                stats->n_major, stats->n_minor, ci_plural(stats->n_minor), before.peak_all,
                peak_all);
    if (!(peak_all <= growth_refused * before.peak_all)) {
        bool again;
        CI_TRY(cycle_undo(comm, m, before, peak_all, stats, &again));
        *done = !again;
    } else if (stats->n_minor >= o->max_iteration) {
        stop_set(stats, "iteration limit");
        *done = true;
    } else if (stats->n_major >= o->max_major) {
        stop_set(stats, "major cycle limit");
        *done = true;
    }
    return CI_OK;
}

/* What the model cannot describe (an extended source, one that varies in the tile's band or
 * time) stays above the thresholds for ever; cycles that better nothing are not worth their
 * time. */
static ci_status progress_judge(ci_comm *comm, const major *m, scan now, progress *best,
                                bool *is_idle)
{
    double rms;
    CI_TRY(ci_grid_slab_rms(comm, m->l, m->clean->residual, &rms));
    bool is_better = rms < idle_gain * best->rms || now.excess < idle_excess * best->excess;
    best->n_idle = is_better ? 0 : best->n_idle + 1;
    best->rms = fmin(best->rms, rms);
    best->excess = fmin(best->excess, now.excess);
    *is_idle = best->n_idle >= idle_max;
    return CI_OK;
}

static ci_status stop_check(ci_comm *comm, const ci_clean *clean)
{
    if (!clean->stop) return CI_OK;
    return ci_par_agree(comm,
                        clean->stop() ? ci_error(CI_ERR_STOPPED, "stopped on request") : CI_OK);
}

static ci_status major_loop(ci_comm *comm, major *m, ci_clean_stats *stats)
{
    size_t box = (size_t)fmax(64, ceil(16 * m->clean->beam.major));
    bool done = false, is_idle = false;
    progress best = {INFINITY, INFINITY, 0};
    while (!done) {
        ci_clean_rms_mesh *mesh = NULL;
        CI_TRY(stop_check(comm, m->clean));
        CI_TRY(ci_clean_rms_mesh_new(comm, &mesh, m->l, m->clean->residual, box, m->is_positive));
        scan now;
        ci_status status = residual_scan(comm, m, mesh, &now);
        if (status == CI_OK && now.excess <= 1) {
            stop_set(stats, stats->n_major > 0 ? "threshold" : "nothing above the mask threshold");
            done = true;
        } else if (status == CI_OK)
            status = progress_judge(comm, m, now, &best, &is_idle);
        if (status == CI_OK && !done && is_idle) {
            stop_set(stats, "no further progress");
            done = true;
        } else if (status == CI_OK && !done)
            status = cycle_run(comm, m, mesh, now, stats, &done);
        ci_clean_rms_mesh_free(mesh);
        CI_TRY(status);
    }
    return CI_OK;
}

static ci_status major_alloc(major *m)
{
    size_t n = m->l->n_here * m->l->n_x;
    CI_TRY(ci_mem_alloc(&m->mask, n, 1, "clean mask"));
    CI_TRY(ci_mem_alloc(&m->kept_residual, n, sizeof(double), "residual image"));
    CI_TRY(ci_mem_alloc(&m->kept_model, n, sizeof(double), "model image"));
    return ci_mem_alloc(&m->rms_row, m->l->n_x, sizeof *m->rms_row, "local rms");
}

ci_status ci_clean_run(ci_comm *comm, ci_clean *clean, ci_clean_stats *stats)
{
    major m = {.clean = clean, .l = clean->layout, .is_positive = clean->is_positive};
    ci_status status = ci_par_agree(comm, major_alloc(&m));
    if (status == CI_OK) status = patch_cut(comm, &m);
    if (status == CI_OK) status = major_loop(comm, &m, stats);
    ci_mem_free(m.mask);
    ci_mem_free(m.kept_residual);
    ci_mem_free(m.kept_model);
    ci_mem_free(m.rms_row);
    ci_mem_free(m.patch_value);
    return status;
}
