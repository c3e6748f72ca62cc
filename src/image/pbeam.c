/* The primary beam of an image: the weighted mean over times and channels, on a mesh that
 * is refined until interpolation is good to 1e-4. */
#include "image/pbeam.h"

#include "contimg/base_log.h"

#include <math.h>
#include <stdlib.h>

enum
{
    TAPS = 6,
    MESH_FIRST = 17,
    MESH_MAX = 257,
    TIMES_FIXED = 512,
    TIMES_TRACKED = 4
};
static const double mesh_error = 3e-5;
static const double channel_span = 1.5e-2; /* of the frequency: one bin, at its mean */

/* Bins of times and channels with a weight each. */
typedef struct beam_bins
{
    size_t n_time, n_freq;
    ci_sky_frame **frame; /* [n_time] */
    double *freq_hz;      /* [n_freq] */
    double *weight;       /* [n_time][n_freq], sum 1 */
} beam_bins;

static void bins_free(beam_bins *g)
{
    for (size_t i = 0; g->frame && i < g->n_time; i++)
        ci_sky_frame_free(g->frame[i]);
    ci_mem_free(g->frame);
    ci_mem_free(g->freq_hz);
    ci_mem_free(g->weight);
}

typedef struct channel
{
    double freq_hz;
    size_t i; /* in the samples' table */
} channel;

static int by_frequency(const void *a, const void *b)
{
    const channel *p = a, *q = b;
    if (p->freq_hz != q->freq_hz) return p->freq_hz < q->freq_hz ? -1 : 1;
    return p->i < q->i ? -1 : p->i > q->i;
}

/* Bin of every channel and the bins' mean frequencies; sorted [n_freq] is filled. */
static void channels_bin(const ci_vis_samples *s, const int64_t *by_time, channel *sorted,
                         size_t *bin_of, beam_bins *g, double *bin_weight)
{
    double first = 0;
    for (size_t i = 0; i < s->n_freq; i++)
        sorted[i] = (channel){s->freq_hz[i], i};
    qsort(sorted, s->n_freq, sizeof *sorted, by_frequency);
    g->n_freq = 0;
    for (size_t k = 0; k < s->n_freq; k++) {
        double f = sorted[k].freq_hz, w = 0;
        if (k == 0 || f > first * (1 + channel_span)) {
            first = f;
            g->n_freq++;
        }
        for (size_t t = 0; t < s->n_time; t++)
            w += (double)by_time[t * s->n_freq + sorted[k].i];
        bin_of[sorted[k].i] = g->n_freq - 1;
        g->freq_hz[g->n_freq - 1] += w * f;
        bin_weight[g->n_freq - 1] += w;
    }
    for (size_t i = 0; i < g->n_freq; i++)
        if (bin_weight[i] > 0) g->freq_hz[i] /= bin_weight[i];
}

/* The bin of an earlier integration that looked at the same position as t; n_bin: none. */
static size_t position_bin(const ci_vis_samples *s, const ci_sky_pointing *pointing, size_t t,
                           const size_t *bin_of, size_t n_bin)
{
    const ci_sky_pointing *a = ci_sky_pointing_at(pointing, s->time_mjd_s[t]);
    for (size_t k = t; k-- > 0;) {
        const ci_sky_pointing *b = ci_sky_pointing_at(pointing, s->time_mjd_s[k]);
        if (!b->is_fixed && a->ra_rad == b->ra_rad && a->dec_rad == b->dec_rad) return bin_of[k];
    }
    return n_bin;
}

/* The bin of each integration, [n_time]; counts them. A tracked beam moves on the sky by
 * aberration only. Where the dishes move, those that tracked one field are a bin,
 * others one each. */
static void times_number(const ci_vis_samples *s, const ci_sky_pointing *pointing, size_t *bin_of,
                         beam_bins *g)
{
    size_t n_max = pointing->is_fixed ? TIMES_FIXED : TIMES_TRACKED, k = 0;
    g->n_time = s->n_time < n_max ? s->n_time : n_max;
    if (pointing->n_move > 0) g->n_time = 0;
    for (size_t t = 0; t < s->n_time; t++) {
        if (pointing->n_move == 0) {
            while ((k + 1) * s->n_time / g->n_time <= t)
                k++;
            bin_of[t] = k;
            continue;
        }
        const ci_sky_pointing *here = ci_sky_pointing_at(pointing, s->time_mjd_s[t]);
        bool is_alone = here->is_fixed || !pointing->jumps;
        bin_of[t] = is_alone ? g->n_time : position_bin(s, pointing, t, bin_of, g->n_time);
        if (bin_of[t] == g->n_time) g->n_time++;
    }
}

/* Mean time of a bin, or one near it at which the dishes looked where the bin looks. */
static double bin_time(const ci_vis_samples *s, const ci_sky_pointing *pointing,
                       const size_t *bin_of, size_t i)
{
    size_t from = 0, n = 0;
    double mid_s = 0;
    while (bin_of[from] != i)
        from++;
    for (size_t t = from; t < s->n_time; t++)
        n += bin_of[t] == i;
    for (size_t t = from; t < s->n_time; t++)
        if (bin_of[t] == i) mid_s += (s->time_mjd_s[t] - s->time_mjd_s[from]) / (double)n;
    double mean = s->time_mjd_s[from] + mid_s;
    if (pointing->n_move == 0) return mean;
    double best = s->time_mjd_s[from];
    for (size_t t = from; t < s->n_time; t++)
        if (bin_of[t] == i && fabs(s->time_mjd_s[t] - mean) < fabs(best - mean))
            best = s->time_mjd_s[t];
    return best;
}

static ci_status times_bin(const ci_vis_samples *s, const ci_sky_field *sky, const int64_t *by_time,
                           const size_t *freq_bin, beam_bins *g)
{
    double total = 0;
    size_t *bin_of = NULL;
    CI_TRY(ci_mem_alloc(&bin_of, s->n_time, sizeof *bin_of, "beam times"));
    times_number(s, sky->pointing, bin_of, g);
    ci_status status = ci_mem_alloc(&g->frame, g->n_time, sizeof *g->frame, "beam times");
    if (status == CI_OK)
        status = ci_mem_alloc(&g->weight, g->n_time * g->n_freq, sizeof *g->weight, "beam weights");
    for (size_t i = 0; status == CI_OK && i < g->n_time; i++)
        status = ci_sky_frame_new(&g->frame[i], sky->eop, &s->array,
                                  bin_time(s, sky->pointing, bin_of, i), s->dut1_s);
    for (size_t t = 0; status == CI_OK && t < s->n_time; t++)
        for (size_t c = 0; c < s->n_freq; c++) {
            double w = (double)by_time[t * s->n_freq + c];
            g->weight[bin_of[t] * g->n_freq + freq_bin[c]] += w;
            total += w;
        }
    for (size_t i = 0; status == CI_OK && i < g->n_time * g->n_freq; i++)
        g->weight[i] /= total;
    ci_mem_free(bin_of);
    return status;
}

static ci_status bins_new(const ci_vis_samples *s, const ci_sky_field *sky, const int64_t *by_time,
                          beam_bins *g)
{
    size_t *bin_of = NULL;
    double *bin_weight = NULL;
    channel *sorted = NULL;
    ci_status status = ci_mem_alloc(&bin_of, s->n_freq, sizeof *bin_of, "beam channels");
    if (status == CI_OK)
        status = ci_mem_alloc(&bin_weight, s->n_freq, sizeof *bin_weight, "beam channels");
    if (status == CI_OK) status = ci_mem_alloc(&sorted, s->n_freq, sizeof *sorted, "beam channels");
    if (status == CI_OK)
        status = ci_mem_alloc(&g->freq_hz, s->n_freq, sizeof *g->freq_hz, "beam channels");
    if (status == CI_OK) {
        channels_bin(s, by_time, sorted, bin_of, g, bin_weight);
        status = times_bin(s, sky, by_time, bin_of, g);
    }
    ci_mem_free(bin_of);
    ci_mem_free(bin_weight);
    ci_mem_free(sorted);
    return status;
}

/* ---- mesh ---------------------------------------------------------------------------------- */

/* Goes on smoothly beyond what a beam file covers, as nodes there are used within; margin_rad: how
 * far inside all of the beams a place is, below 0 outside one. */
static double beam_mean(const beam_bins *g, const ci_sky_field *sky, double l, double m,
                        double *margin_rad)
{
    double ra, dec, sum = 0, margin;
    *margin_rad = INFINITY;
    ci_sky_lm_inverse(sky->ra_rad, sky->dec_rad, l, m, &ra, &dec);
    for (size_t t = 0; t < g->n_time; t++)
        for (size_t f = 0; f < g->n_freq; f++) {
            double w = g->weight[t * g->n_freq + f];
            if (w == 0) continue; /* of samples between integrations some are negative */
            sum += w * ci_sky_beam_beyond(sky->beam, sky->pointing, g->frame[t], ra, dec,
                                          g->freq_hz[f], &margin);
            *margin_rad = fmin(*margin_rad, margin);
        }
    return sum;
}

/* Position of mesh node i in pixels. */
static double node_at(size_t i, size_t n_node, size_t n_pixel)
{
    return (double)i * (double)(n_pixel - 1) / (double)(n_node - 1);
}

/* [n][n] nodes over the image, split over the ranks. */
static ci_status mesh_new(ci_comm *comm, const beam_bins *g, const ci_sky_field *sky,
                          const ci_grid_layout *l, double cell, size_t n, double **out)
{
    size_t first, count;
    double *here = NULL;
    ci_par_split(n * n, ci_comm_size(comm), ci_comm_rank(comm), &first, &count);
    CI_TRY(ci_par_alloc(comm, &here, count, sizeof *here, "beam mesh"));
    for (size_t k = 0; k < count; k++) {
        double x = node_at((first + k) % n, n, l->n_x), y = node_at((first + k) / n, n, l->n_y);
        double margin_rad;
        here[k] = beam_mean(g, sky, -(x - (double)(l->n_x / 2)) * cell,
                            (y - (double)(l->n_y / 2)) * cell, &margin_rad);
    }
    ci_status status = ci_par_gather(comm, here, count * sizeof *here, -1, (void **)out, NULL);
    ci_mem_free(here);
    return status;
}

/* Lagrange taps at `at` (node units): first node and TAPS weights. */
static size_t lagrange(double at, size_t n_node, double tap[TAPS])
{
    double base = floor(at) - (TAPS / 2 - 1);
    if (base < 0) base = 0;
    if (base > (double)(n_node - TAPS)) base = (double)(n_node - TAPS);
    for (int i = 0; i < TAPS; i++) {
        tap[i] = 1;
        for (int j = 0; j < TAPS; j++)
            if (j != i) tap[i] *= (at - base - j) / (double)(i - j);
    }
    return (size_t)base;
}

static double mesh_value(const double *mesh, size_t n, double at_x, double at_y)
{
    double tap_x[TAPS], tap_y[TAPS], sum = 0;
    size_t x = lagrange(at_x, n, tap_x), y = lagrange(at_y, n, tap_y);
    for (size_t j = 0; j < TAPS; j++)
        for (size_t i = 0; i < TAPS; i++)
            sum += tap_y[j] * tap_x[i] * mesh[(y + j) * n + x + i];
    return sum;
}

/* Greatest miss of the coarse mesh at the nodes that only the fine one has. */
static double mesh_miss(const double *coarse, size_t n, const double *fine)
{
    size_t n_fine = 2 * n - 1;
    double miss = 0;
    for (size_t y = 0; y < n_fine; y++)
        for (size_t x = 0; x < n_fine; x++)
            if (x % 2 || y % 2)
                miss = fmax(miss, fabs(mesh_value(coarse, n, 0.5 * (double)x, 0.5 * (double)y) -
                                       fine[y * n_fine + x]));
    return miss;
}

static ci_status mesh_refine(ci_comm *comm, const beam_bins *g, const ci_sky_field *sky,
                             const ci_grid_layout *l, double cell, size_t *n_out, double **out)
{
    size_t n = MESH_FIRST;
    double *coarse = NULL, *fine = NULL;
    CI_TRY(mesh_new(comm, g, sky, l, cell, n, &coarse));
    for (;;) {
        ci_status status = mesh_new(comm, g, sky, l, cell, 2 * n - 1, &fine);
        if (status != CI_OK) {
            ci_mem_free(coarse);
            return status;
        }
        /* The fine mesh misses some 2^6 times less than the coarse one did. */
        bool is_good = mesh_miss(coarse, n, fine) < 32 * mesh_error;
        ci_mem_free(coarse);
        coarse = fine;
        n = 2 * n - 1;
        if (is_good || n >= MESH_MAX) break;
    }
    *out = coarse;
    *n_out = n;
    return CI_OK;
}

static ci_status mesh_interpolate(const double *mesh, size_t n, const ci_grid_layout *l,
                                  float *slab)
{
    double *column = NULL, tap[TAPS];
    CI_TRY(ci_mem_alloc(&column, n, sizeof *column, "beam row"));
    for (size_t y = 0; y < l->n_here; y++) {
        double at = (double)(l->y_first + y) * (double)(n - 1) / (double)(l->n_y - 1);
        size_t j0 = lagrange(at, n, tap);
        for (size_t i = 0; i < n; i++) {
            column[i] = 0;
            for (size_t j = 0; j < TAPS; j++)
                column[i] += tap[j] * mesh[(j0 + j) * n + i];
        }
        for (size_t x = 0; x < l->n_x; x++) {
            double tap_x[TAPS], sum = 0;
            size_t i0 = lagrange((double)x * (double)(n - 1) / (double)(l->n_x - 1), n, tap_x);
            for (size_t i = 0; i < TAPS; i++)
                sum += tap_x[i] * column[i0 + i];
            slab[y * l->n_x + x] = (float)sum;
        }
    }
    ci_mem_free(column);
    return CI_OK;
}

/* ---- what a beam file does not cover ------------------------------------------------------- */

/* Pixels [x0, x1) of rows [y0, y1) of the image. */
typedef struct box
{
    size_t x0, x1, y0, y1;
} box;

typedef struct cover
{
    const beam_bins *bins;
    const ci_sky_field *sky;
    const ci_grid_layout *layout;
    double cell_rad;
    float *slab;
    int64_t n_blank;
} cover;

/* Sets pixels of a box to 0 that not all beams cover: all or none of it where its middle is
 * farther from their edge than its corners from the middle, else by its halves. */
static void uncovered_blank(cover *c, box b)
{
    static const double slack = 1.5; /* the beam's direction cosines are about another centre */
    const ci_grid_layout *l = c->layout;
    double x = 0.5 * (double)(b.x0 + b.x1 - 1), y = 0.5 * (double)(b.y0 + b.y1 - 1), margin_rad;
    double reach = 0.5 * hypot((double)(b.x1 - b.x0 - 1), (double)(b.y1 - b.y0 - 1));
    beam_mean(c->bins, c->sky, -(x - (double)(l->n_x / 2)) * c->cell_rad,
              (y - (double)(l->n_y / 2)) * c->cell_rad, &margin_rad);
    if (margin_rad >= slack * reach * c->cell_rad) return;
    if (margin_rad < -slack * reach * c->cell_rad) {
        for (size_t j = b.y0; j < b.y1; j++)
            for (size_t i = b.x0; i < b.x1; i++)
                c->slab[(j - l->y_first) * l->n_x + i] = 0;
        c->n_blank += (int64_t)((b.x1 - b.x0) * (b.y1 - b.y0));
        return;
    }
    box low = b, high = b;
    if (b.x1 - b.x0 >= b.y1 - b.y0)
        low.x1 = high.x0 = (b.x0 + b.x1) / 2;
    else
        low.y1 = high.y0 = (b.y0 + b.y1) / 2;
    uncovered_blank(c, low);
    uncovered_blank(c, high);
}

/* Collective. */
static ci_status cover_tell(ci_comm *comm, const beam_bins *bins, const ci_sky_field *sky,
                            const ci_grid_layout *l, double cell_rad, float *slab)
{
    cover c = {bins, sky, l, cell_rad, slab, 0};
    if (l->n_here > 0) uncovered_blank(&c, (box){0, l->n_x, l->y_first, l->y_first + l->n_here});
    CI_TRY(ci_par_sum_int(comm, &c.n_blank, 1));
    if (c.n_blank > 0 && ci_comm_rank(comm) == 0)
        ci_log_warning(
            "beam %s does not cover %.3g %% of the image (%lld pixels) at all times and "
            "frequencies: they are blank in pb and pbcor, and have no weight in a mosaic",
            ci_sky_beam_text(sky->beam),
            100 * (double)c.n_blank / ((double)l->n_x * (double)l->n_y), (long long)c.n_blank);
    return CI_OK;
}

/* Weights of other channels count for nothing. */
static void band_keep(const ci_vis_samples *s, const ci_image_band *band, int64_t *by_time)
{
    for (size_t f = 0; f < s->n_freq; f++)
        if (s->freq_hz[f] < band->from_hz || s->freq_hz[f] >= band->to_hz)
            for (size_t t = 0; t < s->n_time; t++)
                by_time[t * s->n_freq + f] = 0;
}

ci_status ci_image_pb(ci_comm *comm, const ci_vis_samples *s, const ci_sky_field *sky,
                      const ci_grid_layout *l, double cell_rad, const ci_image_band *band,
                      float *slab)
{
    if (!sky->beam || ci_sky_beam_is_none(sky->beam)) {
        for (size_t i = 0; i < l->n_here * l->n_x; i++)
            slab[i] = 1;
        return CI_OK;
    }
    int64_t *by_time = NULL;
    size_t n_mesh = 0;
    double *mesh = NULL;
    beam_bins bins = {0};
    CI_TRY(ci_vis_samples_weight_by_time(comm, s, &by_time));
    if (band) band_keep(s, band, by_time);
    ci_status status = ci_par_agree(comm, bins_new(s, sky, by_time, &bins));
    ci_mem_free(by_time);
    if (status == CI_OK) status = mesh_refine(comm, &bins, sky, l, cell_rad, &n_mesh, &mesh);
    if (status == CI_OK) status = ci_par_agree(comm, mesh_interpolate(mesh, n_mesh, l, slab));
    if (status == CI_OK) status = cover_tell(comm, &bins, sky, l, cell_rad, slab);
    bins_free(&bins);
    ci_mem_free(mesh);
    return status;
}
