/* A smooth complex surface through a dynamic spectrum: what it leaves of the data. */
#include "flag/dynspec.h"

#include <math.h>
#include <string.h>

enum
{
    N_LANE = CI_FLAG_BOX_LANES
};

static const float least_known = 0.3F; /* of the weights around a box that a line needs */

/* Weight, and weight x data, of the times of one row of boxes, into line [3][n_chan]: some channels
 * at once; what lies behind the last one is read, too, and not used. */
CI_ISA_INLINE void times_sum(const ci_flag_dynspec *p, const float *const data[2], size_t y)
{
    size_t n_chan = p->n_chan, box = p->axis[p->surface][0].box, first = y * box;
    size_t end = first + box < p->n_time ? first + box : p->n_time;
    for (size_t at = 0; at < n_chan; at += N_LANE) {
        size_t n = n_chan - at < N_LANE ? n_chan - at : N_LANE;
        float sum[N_LANE] = {0}, x[N_LANE] = {0}, z[N_LANE] = {0};
        for (size_t t = first; t < end; t++) {
            const float *re = data[0] + t * n_chan + at, *im = data[1] + t * n_chan + at;
            const float *w = p->weight + t * n_chan + at;
            for (size_t i = 0; i < N_LANE; i++) {
                sum[i] += w[i];
                x[i] += w[i] * re[i];
                z[i] += w[i] * im[i];
            }
        }
        for (size_t i = 0; i < n; i++) {
            p->line[at + i] = sum[i];
            p->line[n_chan + at + i] = x[i];
            p->line[2 * n_chan + at + i] = z[i];
        }
    }
}

/* A number of channels that the compiler knows, of whole boxes. */
CI_ISA_INLINE void four_sum(size_t n_x, const float *restrict in, float *restrict out)
{
    for (size_t x = 0; x < n_x; x++)
        out[x] = in[4 * x] + in[4 * x + 1] + in[4 * x + 2] + in[4 * x + 3];
}

CI_ISA_INLINE void chans_sum(size_t n_chan, size_t n_x, size_t box, const float *restrict in,
                             float *restrict out)
{
    size_t n_done = box == 4 ? n_chan / 4 : 0;
    four_sum(n_done, in, out);
    for (size_t x = n_done; x < n_x; x++) {
        size_t c = x * box;
        out[x] = in[c];
        for (size_t i = 1; i < box && c + i < n_chan; i++)
            out[x] += in[c + i];
    }
}

/* Sums of weight, and of weight x data, over the boxes. */
CI_ISA_INLINE void boxes_sum(ci_flag_dynspec *p, const float *const data[2])
{
    const ci_flag_axis *axis = p->axis[p->surface];
    size_t n_chan = p->n_chan, n_x = axis[1].n_box, n_box = axis[0].n_box * n_x;
    for (size_t y = 0; y < axis[0].n_box; y++) {
        times_sum(p, data, y);
        for (size_t k = 0; k < 3; k++) {
            const float *in = p->line + k * n_chan;
            float *out = p->box + k * n_box + y * n_x;
            chans_sum(n_chan, n_x, axis[1].box, in, out);
        }
    }
}

/* out = sum over j of tap[j] x the row of boxes j: some boxes at once, which stay in registers.
 * What lies behind the last one is read, too, and not used. */
CI_ISA_INLINE void rows_mix(size_t n_row, size_t n_x, const float *tap, const float *in, float *out)
{
    for (size_t first = 0; first < n_x; first += N_LANE) {
        size_t n = n_x - first < N_LANE ? n_x - first : N_LANE;
        float sum[N_LANE] = {0};
        for (size_t j = 0; j < n_row; j++) {
            const float *from = in + j * n_x + first, here = tap[j];
            if (here == 0) continue;
            for (size_t i = 0; i < N_LANE; i++)
                sum[i] += here * from[i];
        }
        for (size_t i = 0; i < n; i++)
            out[first + i] = sum[i];
    }
}

/* out = sum over j of in[j] x the taps of box j. */
CI_ISA_INLINE void row_mix(size_t n_x, const float *tap, const float *in, float *out)
{
    for (size_t first = 0; first < n_x; first += N_LANE) {
        size_t n = n_x - first < N_LANE ? n_x - first : N_LANE;
        float sum[N_LANE] = {0};
        for (size_t j = 0; j < n_x; j++) {
            const float *from = tap + j * n_x + first, here = in[j];
            for (size_t i = 0; i < N_LANE; i++)
                sum[i] += from[i] * here;
        }
        for (size_t i = 0; i < n; i++)
            out[first + i] = sum[i];
    }
}

/* Gaussian over boxes, times first, then channels: three dynamic spectra of n_y x n_x; the first
 * half of p->box to the second and back. */
CI_ISA_INLINE void boxes_smooth(ci_flag_dynspec *p, bool again)
{
    const ci_flag_axis *axis = p->axis[p->surface];
    size_t n_y = axis[0].n_box, n_x = axis[1].n_box, n = n_y * n_x;
    float *box = p->box, *other = p->box + 3 * n;
    const float *tap[2] = {again ? axis[0].slope : axis[0].tap,
                           again ? axis[1].slope : axis[1].tap};
    for (size_t k = 0; k < 3; k++) {
        for (size_t y = 0; y < n_y; y++)
            rows_mix(n_y, n_x, tap[0] + y * n_y, box + k * n, other + k * n + y * n_x);
    }
    if (axis[1].is_alone) memcpy(box, other, 3 * n * sizeof *box);
    for (size_t k = 0; !axis[1].is_alone && k < 3; k++) {
        for (size_t y = 0; y < n_y; y++)
            row_mix(n_x, tap[1], other + k * n + y * n_x, box + k * n + y * n_x);
    }
    for (size_t i = 0; i < n; i++) {
        float least =
            again ? least_known * (float)(axis[0].sum[i / n_x] * axis[1].sum[i % n_x]) : 0;
        float inverse = box[i] > least ? 1 / box[i] : 0;
        box[n + i] *= inverse;
        box[2 * n + i] *= inverse;
    }
}

/* The surface along the channels of one row of boxes between two, into line [2][n_chan]. */
CI_ISA_INLINE void surface_line(const ci_flag_dynspec *p, size_t t, float *line)
{
    const ci_flag_axis *axis = p->axis[p->surface];
    size_t n_x = axis[1].n_box, n = axis[0].n_box * n_x, y = (size_t)axis[0].node[t];
    size_t below = y * n_x, above = y + 1 < axis[0].n_box ? below + n_x : below;
    float s = axis[0].share[t];
    float *restrict row = p->box + 3 * n; /* both parts between the two rows */
    for (size_t k = 0; k < 2; k++)
        for (size_t x = 0; x < n_x; x++)
            row[k * n_x + x] =
                s * p->box[(k + 1) * n + below + x] + (1 - s) * p->box[(k + 1) * n + above + x];
    const int32_t *restrict node = axis[1].node, *restrict next = axis[1].next;
    const float *restrict share = axis[1].share;
    for (size_t k = 0; k < 2; k++) {
        const float *restrict from = row + k * n_x;
        float *restrict to = line + k * p->n_chan;
        for (size_t c = 0; c < p->n_chan; c++)
            to[c] = share[c] * from[node[c]] + (1 - share[c]) * from[next[c]];
    }
}

CI_ISA_INLINE void line_subtract(size_t n, const float *restrict surface, const float *from,
                                 float *to)
{
    for (size_t c = 0; c < n; c++)
        to[c] = from[c] - surface[c];
}

CI_ISA_INLINE void surface_subtract(ci_flag_dynspec *p, bool again)
{
    size_t n_chan = p->n_chan;
    const float *data[2] = {again ? p->left[0] : p->re, again ? p->left[1] : p->im};
    boxes_sum(p, data);
    boxes_smooth(p, again);
    for (size_t t = 0; t < p->n_time; t++) {
        surface_line(p, t, p->line);
        for (size_t k = 0; k < 2; k++)
            line_subtract(n_chan, p->line + k * n_chan, data[k] + t * n_chan,
                          p->left[k] + t * n_chan);
    }
}

CI_ISA_INSTANCES(surface_subtract, (ci_flag_dynspec * p, bool again), (p, again))

static void modes_subtract(ci_flag_dynspec *p)
{
    size_t n = p->n_time * p->n_chan;
    double power;
    memcpy(p->left[0], p->re, n * sizeof(float));
    memcpy(p->left[1], p->im, n * sizeof(float));
    for (size_t i = 0; i < p->n_pass; i++)
        if (!ci_flag_mode_subtract(p, &power)) break;
}

void ci_flag_surface_subtract(ci_flag_dynspec *p)
{
    ci_isa isa = p->search.isa;
    if (p->surface == CI_FLAG_SURFACE_MODES) {
        modes_subtract(p);
        return;
    }
    for (size_t i = 0; i < p->n_pass; i++)
        CI_ISA_KERNEL(surface_subtract, isa)(p, i > 0);
}

void ci_flag_surface_subtract_more(ci_flag_dynspec *p, size_t n_more)
{
    for (size_t i = 0; i < n_more; i++)
        CI_ISA_KERNEL(surface_subtract, p->search.isa)(p, true);
    p->n_pass += n_more;
}

/* The residual of a sample that a surface through it leaves has less noise than the sample. */
void ci_flag_surface_set(ci_flag_dynspec *p, ci_flag_surface surface, size_t n_pass)
{
    p->n_pass = n_pass;
    if (p->surface == surface && p->n_pass_gain == n_pass) return;
    p->surface = surface;
    p->n_pass_gain = n_pass;
    if (surface == CI_FLAG_SURFACE_MODES) {
        double left = (1 - (double)n_pass / (double)p->n_time) *
                      (1 - (double)n_pass / (double)p->n_chan); /* of the degrees of freedom */
        for (size_t i = 0; i < p->n_time * p->n_chan; i++)
            p->gain[i] = (float)(1 / sqrt(left));
        return;
    }
    const ci_flag_axis *axis = p->axis[surface];
    for (size_t t = 0; t < p->n_time; t++) {
        for (size_t c = 0; c < p->n_chan; c++) {
            double taken =
                2 * axis[0].own[t] * axis[1].own[c] - axis[0].square[t] * axis[1].square[c];
            double left = 1 - sqrt((double)n_pass) * taken;
            p->gain[t * p->n_chan + c] = left > 0.05 ? (float)(1 / sqrt(left)) : 1;
        }
    }
}
