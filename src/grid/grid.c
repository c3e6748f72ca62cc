/* The operator as others see it: planned once, then used for images, PSF and predictions. */
#include "grid/buffers.h"

#include <complex.h>
#include <math.h>
#include <string.h>

const ci_grid_planes *ci_grid_planes_of(const ci_grid_operator *g)
{
    return g->plan.is_double ? &ci_grid_planes64 : &ci_grid_planes32;
}

static size_t value_size(const ci_grid_operator *g)
{
    return ci_grid_planes_of(g)->size;
}

/* ---- made and freed ------------------------------------------------------------------ */

static ci_status image_side_make(ci_grid_operator *g)
{
    const ci_grid_plan *plan = &g->plan;
    CI_TRY(ci_mem_alloc(&g->correction_x, plan->n_x / 2 + 1, sizeof(double), "image axis"));
    CI_TRY(ci_mem_alloc(&g->correction_y, plan->n_y / 2 + 1, sizeof(double), "image axis"));
    for (size_t i = 0; i <= plan->n_x / 2; i++) {
        g->correction_x[i] =
            1.0 / ci_grid_kernel_transform(&plan->kernel_uv, (double)i / (double)plan->n_u);
    }
    for (size_t i = 0; i <= plan->n_y / 2; i++)
        g->correction_y[i] =
            1.0 / ci_grid_kernel_transform(&plan->kernel_uv, (double)i / (double)plan->n_v);
    CI_TRY(ci_grid_plane_t_make(g));
    /* l = -(x - n_x / 2) cell: the exponent has the other sign along u. */
    CI_TRY(ci_fft_rows_new(&g->fft_u[0], plan->n_u, 1, plan->is_double));
    CI_TRY(ci_fft_rows_new(&g->fft_u[1], plan->n_u, -1, plan->is_double));
    CI_TRY(ci_fft_rows_new(&g->fft_v[0], plan->n_v, -1, plan->is_double));
    return ci_fft_rows_new(&g->fft_v[1], plan->n_v, 1, plan->is_double);
}

static void plan_log(const ci_grid_operator *g)
{
    const ci_grid_plan *p = &g->plan;
    if (p->slant.is_on)
        ci_log_debug("gridder: w is %.4g v but for %.4g wavelengths: image of %zu x %zu from one "
                     "slanted by it, with %d taps",
                     p->slant.slope, p->max_abs_w, p->n_x, p->n_y_out, p->slant.kernel.support);
    ci_log_debug("gridder: %lld samples, image %zu x %zu, grid %zu x %zu (%zu columns kept), "
                 "%s precision, kernel %d (sigma %.2f), w %d %s of kernel %d (sigma %.2f), "
                 "error %.1e",
                 (long long)p->n_sample, p->n_x, p->n_y, p->n_u, p->n_v, p->n_store,
                 p->is_double ? "double" : "single", p->kernel_uv.support, p->sigma_uv, p->n_plane,
                 p->has_terms ? "pairs of terms, planes" : "planes", p->kernel_w.support,
                 p->sigma_w, p->error);
}

ci_status ci_grid_operator_new(ci_comm *comm, ci_grid_operator **out,
                               const ci_grid_geometry *geometry, const ci_vis_samples *samples)
{
    *out = NULL;
    ci_grid_operator *g = NULL;
    CI_PAR_EQUAL(comm, "gridder: geometry", (double)geometry->n_x, (double)geometry->n_y,
                 geometry->cell_rad, geometry->accuracy, geometry->divide_by_n);
    CI_TRY(ci_par_alloc(comm, &g, 1, sizeof *g, "gridder"));
    g->n_rank = ci_comm_size(comm);
    g->rank = ci_comm_rank(comm);
    g->divide_by_n = geometry->divide_by_n;
    g->isa = ci_comm_isa(comm);
    g->samples = samples;
    ci_status status = ci_grid_plan_make(comm, &g->plan, geometry, samples);
    if (status == CI_OK) {
        ci_par_split(g->plan.n_y, g->n_rank, g->rank, &g->y_first, &g->n_y_here);
        ci_par_split(g->plan.n_y_out, g->n_rank, g->rank, &g->y_first_out, &g->n_out);
        status = ci_grid_route_make(comm, g);
    }
    if (status == CI_OK) status = ci_par_agree(comm, image_side_make(g));
    if (status != CI_OK) {
        ci_grid_operator_free(g);
        return status;
    }
    plan_log(g);
    *out = g;
    return CI_OK;
}

void ci_grid_operator_free(ci_grid_operator *g)
{
    if (!g) return;
    ci_mem_free(g->count);
    ci_mem_free(g->strip_start);
    ci_mem_free(g->route);
    ci_mem_free(g->n_send);
    ci_mem_free(g->n_recv);
    ci_mem_free(g->segment);
    ci_mem_free(g->bucket_start);
    ci_mem_free(g->weight);
    ci_mem_free(g->freq_hz);
    ci_mem_free(g->t);
    ci_mem_free(g->correction_x);
    ci_mem_free(g->correction_y);
    if (g->routed != g->owned) ci_mem_free(g->routed);
    ci_mem_free(g->owned);
    ci_grid_buffers_free(g->buffers);
    for (int i = 0; i < 2; i++) {
        ci_fft_rows_free(g->fft_u[i]);
        ci_fft_rows_free(g->fft_v[i]);
    }
    ci_mem_free(g);
}

void ci_grid_operator_slab(const ci_grid_operator *g, size_t *y_first, size_t *n_y)
{
    *y_first = g->y_first_out;
    *n_y = g->n_out;
}

static int64_t rows_count(const ci_grid_operator *g)
{
    int64_t n = 0;
    for (size_t b = 0; b < g->plan.n_strip; b++)
        for (int p = 0; p < g->plan.n_plane; p++)
            n += (int64_t)ci_grid_strip_rows(g, b, p);
    return n;
}

void ci_grid_operator_numbers(const ci_grid_operator *g, ci_grid_numbers *out)
{
    *out = (ci_grid_numbers){.n_sample = g->plan.n_sample,
                             .n_sample_here = (int64_t)g->n_owned,
                             .n_plane = g->plan.n_plane,
                             .n_strip = (int)g->plan.n_strip,
                             .n_strip_here =
                                 (int)(g->strip_start[g->rank + 1] - g->strip_start[g->rank]),
                             .n_u = g->plan.n_u,
                             .n_v = g->plan.n_v,
                             .support_uv = g->plan.kernel_uv.support,
                             .support_w = g->plan.kernel_w.support,
                             .n_pair = g->plan.has_terms ? g->plan.n_plane : 0,
                             .n_row = rows_count(g),
                             .n_column = g->plan.n_store,
                             .n_value_byte = g->plan.depth * value_size(g),
                             .is_double = g->plan.is_double,
                             .error = g->plan.error,
                             .balance = g->balance};
}

/* ---- samples from rows and back ------------------------------------------------------- */

/* Visibilities of the samples, in single or in double precision. */
typedef struct vis_in
{
    const ci_c32 *single;
    const ci_c64 *full;
} vis_in;

typedef struct vis_out
{
    ci_c32 *single;
    ci_c64 *full;
} vis_out;

static void route_pack(const ci_grid_operator *g, vis_in vis, void *out)
{
    ci_c32 *out32 = out;
    ci_c64 *out64 = out;
    size_t to = 0;
    for (size_t k = 0; k < g->n_route; k++) {
        size_t from = g->route[k].first;
        for (size_t i = from; i < from + g->route[k].n_chan; i++, to++) {
            bool is_good = g->samples->weight[i] > 0.0f;
            if (g->plan.is_double)
                out64[to] = !is_good ? 0.0 : vis.full ? vis.full[i] : (ci_c64)vis.single[i];
            else
                out32[to] = !is_good ? 0.0f : vis.full ? (ci_c32)vis.full[i] : vis.single[i];
        }
    }
}

static void vis_clear(const ci_grid_operator *g, vis_out vis)
{
    size_t n = g->samples->n_sample;
    if (n == 0) return;
    if (vis.full)
        memset(vis.full, 0, n * sizeof *vis.full);
    else
        memset(vis.single, 0, n * sizeof *vis.single);
}

static void route_unpack(const ci_grid_operator *g, const void *in, vis_out vis)
{
    const ci_c32 *in32 = in;
    const ci_c64 *in64 = in;
    size_t from = 0;
    for (size_t k = 0; k < g->n_route; k++) {
        size_t to = g->route[k].first;
        for (size_t i = to; i < to + g->route[k].n_chan; i++, from++) {
            if (vis.full)
                vis.full[i] = g->plan.is_double ? in64[from] : (ci_c64)in32[from];
            else
                vis.single[i] = g->plan.is_double ? (ci_c32)in64[from] : in32[from];
        }
    }
}

/* Samples between the ranks that hold rows and those that grid them; counts in bytes only
 * while they are used as such. */
static ci_status route_move(ci_comm *comm, ci_grid_operator *g, bool to_grid, const void *send,
                            void *recv)
{
    size_t size = value_size(g);
    for (int r = 0; r < g->n_rank; r++) {
        g->n_send[r] *= size;
        g->n_recv[r] *= size;
    }
    ci_status status = to_grid ? ci_par_exchange_into(comm, send, g->n_send, recv, g->n_recv)
                               : ci_par_exchange_into(comm, send, g->n_recv, recv, g->n_send);
    for (int r = 0; r < g->n_rank; r++) {
        g->n_send[r] /= size;
        g->n_recv[r] /= size;
    }
    return status;
}

/* Buffers for the samples of this rank's rows and for those that it grids; one on one rank. */
static ci_status values_need(ci_comm *comm, ci_grid_operator *g)
{
    size_t size = value_size(g);
    ci_status status = CI_OK;
    if (!g->owned) status = ci_mem_alloc(&g->owned, g->n_owned, size, "samples to grid");
    if (status == CI_OK && !g->routed && g->n_rank > 1)
        status = ci_mem_alloc(&g->routed, g->n_routed, size, "samples to grid");
    if (g->n_rank == 1) g->routed = g->owned;
    return ci_par_agree(comm, status);
}

/* ---- the operator ----------------------------------------------------------------------- */

static ci_status image_make(ci_comm *comm, ci_grid_operator *g, vis_in vis, double *slab)
{
    CI_TRY(values_need(comm, g));
    route_pack(g, vis, g->routed);
    if (g->n_rank > 1) CI_TRY(route_move(comm, g, true, g->routed, g->owned));
    ci_grid_planes_of(g)->weight_phase_apply(g, false, g->owned);
    return ci_grid_planes_of(g)->grid(comm, g, g->owned, slab);
}

ci_status ci_grid_image(ci_comm *comm, ci_grid_operator *g, const ci_c32 *vis, double *slab)
{
    return image_make(comm, g, (vis_in){.single = vis}, slab);
}

ci_status ci_grid_image_double(ci_comm *comm, ci_grid_operator *g, const ci_c64 *vis, double *slab)
{
    return image_make(comm, g, (vis_in){.full = vis}, slab);
}

ci_status ci_grid_psf(ci_comm *comm, ci_grid_operator *g, double *slab)
{
    CI_TRY(values_need(comm, g));
    ci_grid_planes_of(g)->weight_phase_apply(g, true, g->owned);
    return ci_grid_planes_of(g)->grid(comm, g, g->owned, slab);
}

static ci_status predict(ci_comm *comm, ci_grid_operator *g, const double *slab, vis_out vis)
{
    CI_TRY(values_need(comm, g));
    CI_TRY(ci_grid_planes_of(g)->degrid(comm, g, slab, g->owned));
    ci_grid_planes_of(g)->phase_remove(g, g->owned);
    if (g->n_rank > 1) CI_TRY(route_move(comm, g, false, g->owned, g->routed));
    vis_clear(g, vis);
    route_unpack(g, g->routed, vis);
    return CI_OK;
}

ci_status ci_grid_degrid(ci_comm *comm, ci_grid_operator *g, const double *slab, ci_c32 *vis)
{
    return predict(comm, g, slab, (vis_out){.single = vis});
}

ci_status ci_grid_degrid_double(ci_comm *comm, ci_grid_operator *g, const double *slab, ci_c64 *vis)
{
    return predict(comm, g, slab, (vis_out){.full = vis});
}
