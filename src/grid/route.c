/* Cuts rows into segments (runs of channels in one strip and one first plane), gives every
 * rank whole strips, and moves segments and weights to the rank that grids them, once. */
#include "contimg/num.h"
#include "grid/operator.h"

#include <math.h>
#include <string.h>

/* Runs of at least this many channels without weight end a segment. */
enum
{
    GAP_CHANNELS = 4
};

typedef struct cutter
{
    const ci_grid_plan *plan;
    const ci_vis_samples *samples;
    int64_t *count;
    size_t n, capacity;
    ci_grid_segment *segment;
    ci_grid_route *route;
    int32_t v_low, v_high; /* first and last cell touched */
} cutter;

static int32_t v_cell(const ci_grid_plan *plan, const ci_grid_segment *segment, double freq_hz)
{
    double t, n_v = (double)plan->n_v;
    double v = segment->slope_v * freq_hz - segment->shift_v + n_v;
    return ci_grid_cell(v, 0.5 * plan->kernel_uv.support, &t) - (int32_t)plan->n_v;
}

/* One sample's position: slopes conjugated to u >= 0 or w >= 0, and shifts by whole periods. */
static void position_set(const ci_grid_plan *plan, const double uvw_m[3], double freq_hz,
                         ci_grid_segment *segment)
{
    double n_u = (double)plan->n_u, n_v = (double)plan->n_v;
    double u = uvw_m[0] * plan->cell_rad * n_u / CI_C_M_S;
    double v = uvw_m[1] * plan->cell_rad * n_v / CI_C_M_S;
    double slope = plan->slant.is_on ? plan->slant.slope : 0.0;
    double w = (uvw_m[2] - slope * uvw_m[1]) / (CI_C_M_S * plan->w_step);
    double shift = n_u * floor(u * freq_hz / n_u + 0.5);
    double distance = plan->by_w ? w : u * freq_hz - shift, sign = distance < 0.0 ? -1.0 : 1.0;
    segment->is_conjugate = sign < 0.0;
    segment->slope_u = sign * u;
    segment->slope_v = sign * v;
    segment->slope_w = sign * w;
    segment->shift_u = sign * shift;
    segment->shift_v = n_v * floor(segment->slope_v * freq_hz / n_v + 0.5);
    double t, half = 0.5 * plan->kernel_uv.support;
    double position = segment->slope_u * freq_hz - segment->shift_u + plan->u_shift;
    int32_t cell = ci_grid_cell(position, half, &t) - (int32_t)plan->u_shift;
    segment->i_strip = (uint32_t)(cell - plan->row_first) / (uint32_t)plan->strip_rows;
    segment->i_bucket = 0;
    if (plan->has_terms)
        segment->i_bucket = (uint32_t)(v_cell(plan, segment, freq_hz) + (int32_t)plan->n_v / 2 +
                                       CI_GRID_POSITION_BASE) /
                            CI_GRID_BLOCK_COLUMNS;
    else if (!plan->is_flat)
        segment->i_bucket =
            (uint32_t)ci_grid_cell(segment->slope_w * freq_hz - plan->w_first / plan->w_step,
                                   0.5 * plan->kernel_w.support, &t);
}

static ci_status cutter_grow(cutter *cut)
{
    if (cut->n < cut->capacity) return CI_OK;
    cut->capacity = cut->capacity ? cut->capacity + cut->capacity / 2 : 1024;
    CI_TRY(ci_mem_resize(&cut->segment, cut->capacity, sizeof *cut->segment, "segments"));
    return ci_mem_resize(&cut->route, cut->capacity, sizeof *cut->route, "segments");
}

static bool same_position(const ci_grid_segment *a, const ci_grid_segment *b)
{
    return a->i_strip == b->i_strip && a->i_bucket == b->i_bucket &&
           a->is_conjugate == b->is_conjugate && a->shift_u == b->shift_u &&
           a->shift_v == b->shift_v;
}

static void cutter_close(cutter *cut)
{
    const ci_grid_segment *segment = &cut->segment[cut->n];
    const double *freq_hz = cut->samples->freq_hz + segment->freq_first;
    cut->count[segment->i_strip * (size_t)cut->plan->n_bucket + segment->i_bucket] +=
        segment->n_chan;
    int32_t a = v_cell(cut->plan, segment, freq_hz[0]);
    int32_t b = v_cell(cut->plan, segment, freq_hz[segment->n_chan - 1]);
    int32_t reach = cut->plan->kernel_uv.support - 1;
    if (b < a) {
        int32_t swap = a;
        a = b;
        b = swap;
    }
    if (a < cut->v_low) cut->v_low = a;
    if (b + reach > cut->v_high) cut->v_high = b + reach;
    cut->n++;
}

/* Segments of one row. */
static ci_status cut_row(cutter *cut, size_t i_row)
{
    const ci_vis_samples *s = cut->samples;
    const ci_vis_axis *axis = &s->axis[s->i_axis[i_row]];
    const double *uvw = s->uvw_m + 3 * i_row, *freq_hz = s->freq_hz + axis->first;
    const float *weight = s->weight + s->first[i_row];
    bool is_open = false;
    size_t last = 0; /* last channel with weight */
    for (size_t c = 0; c < axis->n_chan; c++) {
        if (!(weight[c] > 0.0f)) continue;
        ci_grid_segment here = {0};
        position_set(cut->plan, uvw, freq_hz[c], &here);
        if (is_open && (c - last > GAP_CHANNELS || !same_position(&here, &cut->segment[cut->n]))) {
            cutter_close(cut);
            is_open = false;
        }
        if (!is_open) {
            CI_TRY(cutter_grow(cut));
            here.freq_first = (uint32_t)(axis->first + c);
            cut->segment[cut->n] = here;
            cut->route[cut->n] = (ci_grid_route){s->first[i_row] + c, 0};
            is_open = true;
        }
        last = c;
        cut->segment[cut->n].n_chan =
            (uint32_t)(axis->first + c + 1) - cut->segment[cut->n].freq_first;
        cut->route[cut->n].n_chan = cut->segment[cut->n].n_chan;
    }
    if (is_open) cutter_close(cut);
    return CI_OK;
}

static ci_status cut_all(cutter *cut)
{
    for (size_t i = 0; i < cut->samples->n_row; i++)
        CI_TRY(cut_row(cut, i));
    return CI_OK;
}

/* This rank's segments and routes into the order in which they are gridded, which is also that of
 * destination ranks. */
static ci_status order_by_rank(ci_grid_operator *g, cutter *cut, size_t *segment_start)
{
    size_t n_bucket = (size_t)g->plan.n_bucket, n_key = g->plan.n_strip * n_bucket;
    uint32_t *key = NULL;
    size_t *order = NULL, *start = NULL;
    ci_grid_segment *sorted = NULL;
    ci_status status = ci_mem_alloc(&key, cut->n, sizeof *key, "routes");
    if (status == CI_OK) status = ci_mem_alloc(&order, cut->n, sizeof *order, "routes");
    if (status == CI_OK) status = ci_mem_alloc(&sorted, cut->n, sizeof *sorted, "routes");
    if (status == CI_OK) status = ci_mem_alloc(&g->route, cut->n, sizeof *g->route, "routes");
    if (status == CI_OK) status = ci_mem_alloc(&start, n_key + 1, sizeof *start, "routes");
    if (status == CI_OK) {
        for (size_t i = 0; i < cut->n; i++) {
            const ci_grid_segment *segment = &cut->segment[i];
            key[i] = (uint32_t)(segment->i_strip * n_bucket + segment->i_bucket);
            g->n_send[ci_grid_strip_owner(g, segment->i_strip)] += segment->n_chan;
            g->n_routed += segment->n_chan;
        }
        ci_num_sort_by_key(key, cut->n, n_key, start, order);
        for (int r = 0; r <= g->n_rank; r++)
            segment_start[r] = start[g->strip_start[r] * n_bucket];
        for (size_t i = 0; i < cut->n; i++) {
            sorted[i] = cut->segment[order[i]];
            g->route[i] = cut->route[order[i]];
        }
        g->n_route = cut->n;
        ci_mem_free(cut->segment);
        cut->segment = sorted;
        sorted = NULL;
    }
    ci_mem_free(start);
    ci_mem_free(sorted);
    ci_mem_free(key);
    ci_mem_free(order);
    return status;
}

static ci_status pack_weights(const ci_grid_operator *g, float **out)
{
    CI_TRY(ci_mem_alloc(out, g->n_routed, sizeof **out, "imaging weights"));
    float *to = *out;
    for (size_t i = 0; i < g->n_route; i++) {
        const float *weight = g->samples->weight + g->route[i].first;
        for (size_t c = 0; c < g->route[i].n_chan; c++)
            *to++ = weight[c] > 0.0f ? weight[c] : 0.0f;
    }
    return CI_OK;
}

/* Does a segment lie on channels of the data, that every rank has? */
static bool on_channels(const ci_vis_samples *s, const ci_grid_segment *segment)
{
    return segment->freq_first < s->n_freq;
}

/* Frequencies of this rank's segments that lie on axes of its own, and how many go where. */
static ci_status pack_frequencies(const ci_grid_operator *g, const cutter *cut,
                                  const size_t *segment_start, double **out, size_t *n_byte)
{
    size_t n = 0;
    for (size_t i = 0; i < cut->n; i++)
        if (!on_channels(g->samples, &cut->segment[i])) n += cut->segment[i].n_chan;
    CI_TRY(ci_mem_alloc(out, n, sizeof **out, "frequencies"));
    double *to = *out;
    for (int r = 0; r < g->n_rank; r++) {
        const double *begin = to;
        for (size_t i = segment_start[r]; i < segment_start[r + 1]; i++) {
            const ci_grid_segment *segment = &cut->segment[i];
            if (on_channels(g->samples, segment)) continue;
            memcpy(to, g->samples->freq_hz + segment->freq_first, segment->n_chan * sizeof *to);
            to += segment->n_chan;
        }
        n_byte[r] = (size_t)(to - begin) * sizeof *to;
    }
    return CI_OK;
}

/* The data's channels and then those that came with segments, in their order. */
static ci_status join_frequencies(ci_grid_operator *g, const double *came, size_t n_came)
{
    const ci_vis_samples *s = g->samples;
    size_t next = s->n_freq;
    if (s->n_freq + n_came > UINT32_MAX)
        return ci_error(CI_ERR_MEMORY, "gridding: %zu frequencies on one rank: use more ranks",
                        n_came);
    CI_TRY(ci_mem_alloc(&g->freq_hz, s->n_freq + n_came, sizeof *g->freq_hz, "frequencies"));
    memcpy(g->freq_hz, s->freq_hz, s->n_freq * sizeof *g->freq_hz);
    if (n_came > 0) memcpy(g->freq_hz + s->n_freq, came, n_came * sizeof *came);
    for (size_t i = 0; i < g->n_segment; i++) {
        if (on_channels(s, &g->segment[i])) continue;
        g->segment[i].freq_first = (uint32_t)next;
        next += g->segment[i].n_chan;
    }
    return CI_OK;
}

/* After the segments. */
static ci_status move_frequencies(ci_comm *comm, ci_grid_operator *g, double *going,
                                  const size_t *n_send_byte)
{
    size_t *n_in = NULL, n = 0;
    double *came = NULL;
    CI_TRY(ci_par_alloc(comm, &n_in, (size_t)g->n_rank, sizeof *n_in, "frequencies"));
    ci_status status = ci_par_exchange(comm, going, n_send_byte, (void **)&came, n_in);
    for (int r = 0; r < g->n_rank; r++)
        n += n_in[r] / sizeof *came;
    if (status == CI_OK) status = ci_par_agree(comm, join_frequencies(g, came, n));
    ci_mem_free(came);
    ci_mem_free(n_in);
    return status;
}

static void scale_counts(size_t *count, int n, size_t multiply, size_t divide)
{
    for (int r = 0; r < n; r++)
        count[r] = count[r] * multiply / divide;
}

static ci_status move_weights(ci_comm *comm, ci_grid_operator *g)
{
    int n_rank = g->n_rank;
    float *weight = NULL;
    CI_AGREE(comm, pack_weights(g, &weight));
    scale_counts(g->n_send, n_rank, sizeof *weight, 1);
    ci_status status = ci_par_exchange(comm, weight, g->n_send, (void **)&g->weight, g->n_recv);
    ci_mem_free(weight);
    CI_TRY(status);
    scale_counts(g->n_send, n_rank, 1, sizeof *weight);
    scale_counts(g->n_recv, n_rank, 1, sizeof *weight);
    for (int r = 0; r < n_rank; r++)
        g->n_owned += g->n_recv[r];
    return CI_OK;
}

/* segment_start [n_rank + 1] is used up. */
static ci_status move_segments(ci_comm *comm, ci_grid_operator *g, const cutter *cut,
                               size_t *segment_start)
{
    int n_rank = g->n_rank;
    double *going = NULL;
    size_t *n_in = NULL, *n_freq_byte = NULL;
    CI_TRY(ci_par_alloc(comm, &n_in, 2 * (size_t)n_rank, sizeof *n_in, "segments"));
    n_freq_byte = n_in + n_rank;
    ci_status status =
        ci_par_agree(comm, pack_frequencies(g, cut, segment_start, &going, n_freq_byte));
    for (int r = 0; r < n_rank; r++)
        segment_start[r] = (segment_start[r + 1] - segment_start[r]) * sizeof *cut->segment;
    if (status == CI_OK)
        status = ci_par_exchange(comm, cut->segment, segment_start, (void **)&g->segment, n_in);
    for (int r = 0; r < n_rank; r++)
        g->n_segment += n_in[r] / sizeof *g->segment;
    if (status == CI_OK) status = move_frequencies(comm, g, going, n_freq_byte);
    ci_mem_free(going);
    ci_mem_free(n_in);
    return status;
}

/* Owned segments into the order in which they are gridded. */
static ci_status order_by_bucket(ci_grid_operator *g)
{
    size_t strip = g->strip_start[g->rank], n_bucket = (size_t)g->plan.n_bucket;
    size_t n_key = (g->strip_start[g->rank + 1] - strip) * n_bucket, sample = 0;
    uint32_t *key = NULL;
    size_t *order = NULL;
    ci_grid_segment *sorted = NULL;
    ci_status status = ci_mem_alloc(&key, g->n_segment, sizeof *key, "segments");
    if (status == CI_OK) status = ci_mem_alloc(&order, g->n_segment, sizeof *order, "segments");
    if (status == CI_OK) status = ci_mem_alloc(&sorted, g->n_segment, sizeof *sorted, "segments");
    if (status == CI_OK)
        status = ci_mem_alloc(&g->bucket_start, n_key + 1, sizeof *g->bucket_start, "segments");
    if (status == CI_OK) {
        for (size_t i = 0; i < g->n_segment; i++) {
            ci_grid_segment *segment = &g->segment[i];
            segment->sample_first = sample;
            sample += segment->n_chan;
            key[i] = (uint32_t)((segment->i_strip - strip) * n_bucket + segment->i_bucket);
        }
        ci_num_sort_by_key(key, g->n_segment, n_key, g->bucket_start, order);
        for (size_t i = 0; i < g->n_segment; i++)
            sorted[i] = g->segment[order[i]];
        ci_grid_segment *swap = g->segment;
        g->segment = sorted;
        sorted = swap;
    }
    ci_mem_free(sorted);
    ci_mem_free(key);
    ci_mem_free(order);
    return status;
}

/* The columns that any sample touches, on all ranks. */
static ci_status agree_columns(ci_comm *comm, ci_grid_plan *plan, const cutter *cut)
{
    int64_t reach[2] = {-(int64_t)cut->v_low, cut->v_high};
    CI_TRY(ci_par_max_int(comm, reach, 2));
    plan->v_first = (int32_t)-reach[0];
    size_t n = plan->n_sample > 0 ? (size_t)(reach[1] + reach[0] + 1) : 1;
    if (plan->n_sample == 0) plan->v_first = 0;
    /* Room for the padding of the last tap's vector; rows start 64-byte aligned. */
    plan->n_store = (n + 15) / 8 * 8;
    return CI_OK;
}

ci_status ci_grid_route_make(ci_comm *comm, ci_grid_operator *g)
{
    cutter cut = {
        .plan = &g->plan, .samples = g->samples, .v_low = INT32_MAX / 2, .v_high = INT32_MIN / 2};
    size_t n_rank = (size_t)g->n_rank, *segment_start = NULL;
    size_t n_count = g->plan.n_strip * (size_t)g->plan.n_bucket;
    ci_status status = ci_mem_alloc(&g->count, n_count, sizeof *g->count, "strips");
    if (status == CI_OK) status = ci_mem_alloc(&g->n_send, n_rank, sizeof(size_t), "routes");
    if (status == CI_OK) status = ci_mem_alloc(&g->n_recv, n_rank, sizeof(size_t), "routes");
    if (status == CI_OK)
        status = ci_mem_alloc(&segment_start, n_rank + 1, sizeof(size_t), "routes");
    cut.count = g->count;
    if (status == CI_OK) status = cut_all(&cut);
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_sum_int(comm, g->count, n_count);
    if (status == CI_OK) status = agree_columns(comm, &g->plan, &cut);
    if (status == CI_OK) {
        status = ci_grid_strips_share(g);
        if (status == CI_OK) status = order_by_rank(g, &cut, segment_start);
        status = ci_par_agree(comm, status);
    }
    if (status == CI_OK) status = move_weights(comm, g);
    if (status == CI_OK) status = move_segments(comm, g, &cut, segment_start);
    if (status == CI_OK) status = ci_par_agree(comm, order_by_bucket(g));
    ci_mem_free(cut.segment);
    ci_mem_free(cut.route);
    ci_mem_free(segment_start);
    return status;
}
