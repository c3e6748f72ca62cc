/* Prediction by antennas: a point source's visibility is the product of a wave at antenna 2
 * and the conjugate of one at antenna 1, so that sines and cosines are needed per antenna
 * and not per baseline, and the sum over sources is one complex multiplication and addition
 * each. Done per time (frame, beam), tile of channels and chunk of sources, all of them
 * fixed runs: the result has the same bits however baselines are shared out. On a baseline short
 * enough for the directions of the sources a tile's visibilities are a polynomial of frequency:
 * they are summed at a few nodes, and their values in all channels follow. */

#include <math.h>
#include <string.h>

#include "contimg/num.h"
#include "sky/beam.h"
#include "sky/frame.h"
#include "sky/flux.h"
#include "sky/kept.h"
#include "sky/nodes.h"
#include "sky/rows.h"
#include "sky/wave.h"

enum
{
    N_CHAN_RUN = CI_SKY_TILE / CI_SKY_LANES, /* runs of channels that are summed at once */
    N_NEAR = 4                               /* antennas whose waves stay in the first cache */
};

/* A tile's channels must lie within this part of their frequency for its nodes to be used: spectra
 * and beams are smooth then. A dish's beam changes with frequency as a baseline of a few times its
 * diameter. */
static const double node_band = 0.1;
static const double beam_reach_m = 50;

/* A source at one time. */
typedef struct source_geometry
{
    double move[3]; /* direction from the phase centre, ITRS */
    double l, m;    /* from the beam's axis */
    bool in_front;
    double major[3], minor[3]; /* extended: rows of (pi FWHM / 2 sqrt(ln 2)) x uv axes */
} source_geometry;

typedef struct predict_job
{
    const ci_sky_eop *eop;
    const ci_sky_beam *beam;
    const ci_sky_pointing *pointing;
    const ci_vis_block *block;
    ci_c32 *out;
    ci_sky_kernel kernel;
    /* Sources with flux, in the model's order within each class: points with positive and
     * negative flux, extended ones likewise (waves carry the root of |flux|). */
    size_t class_first[5];
    const ci_sky_source **source; /* [n_source] */
    double *flux;                 /* [n_source][n_chan] |S| */
    ci_sky_nodes *nodes;          /* of each tile; NULL: channels are few or wide */
    double *node_flux;            /* [n_source][tile][NODES] */
    double near_m;                /* greatest product of baseline and move for nodes */
    source_geometry *geometry;    /* [n_source] at the present time */
    double *position;             /* [n_antenna][3] */
    bool *used;                   /* [n_antenna] in the present rows */
    uint32_t *key;                /* [rows of a batch] */
    size_t *row;                  /* rows of a batch, summed at nodes or not */
    size_t *start, *order;        /* of those, near antennas together */
    uint32_t *antenna;            /* [rows of a batch][2] in that order */
    float *amplitude;             /* [CHUNK][TILE] */
    double *per_hz;               /* [CHUNK] turns of the sources at an antenna */
    ci_sky_wave_kernel fill;
    ci_sky_spread_kernel spread;
    float *wave; /* [N_CHAN_RUN][n_antenna][CHUNK][2][LANES] */
    float *own;  /* [N_CHAN_RUN][rows of a batch][2][LANES] where nothing is kept */
    float *sum;  /* [runs of channels][rows of a batch][2][LANES]; borrowed */
    ci_sky_kept *kept;
} predict_job;

/* Frequencies that are summed at once: channels of a tile, or its nodes. */
typedef struct predict_band
{
    size_t n;                    /* at most TILE */
    double freq_hz[CI_SKY_TILE]; /* the last is repeated */
    const double *flux;          /* of source k at k * stride, [n] */
    size_t stride;
} predict_band;

static size_t tiles_of(const predict_job *job)
{
    return (job->block->n_chan + CI_SKY_TILE - 1) / CI_SKY_TILE;
}

static size_t tile_width(const predict_job *job, size_t i_tile)
{
    size_t left = job->block->n_chan - i_tile * CI_SKY_TILE;
    return left < CI_SKY_TILE ? left : CI_SKY_TILE;
}

static bool is_extended(const ci_sky_source *source)
{
    return source->major_rad > 0;
}

static int class_of(const ci_sky_source *source)
{
    bool negative = source->n_poly == 0 && source->flux_jy < 0;
    return (is_extended(source) ? 2 : 0) + (negative ? 1 : 0);
}

/* Nodes of all tiles, where each has more channels than that and its band is narrow. */
static ci_status nodes_new(predict_job *job)
{
    const ci_vis_block *block = job->block;
    size_t n_tile = tiles_of(job), n_source = job->class_first[4];
    double widest_hz = 0;
    if (!ci_sky_beam_is_smooth(job->beam)) return CI_OK;
    for (size_t i = 0; i < n_tile; i++) {
        const double *freq = block->freq_hz + i * CI_SKY_TILE;
        double width_hz = freq[tile_width(job, i) - 1] - freq[0];
        if (tile_width(job, i) <= CI_SKY_NODES || width_hz > node_band * freq[0]) return CI_OK;
        widest_hz = fmax(widest_hz, width_hz);
    }
    CI_TRY(ci_mem_alloc(&job->nodes, n_tile, sizeof *job->nodes, "nodes of channels"));
    CI_TRY(ci_mem_alloc(&job->node_flux, n_source * n_tile * CI_SKY_NODES, sizeof *job->node_flux,
                        "model fluxes"));
    job->near_m = ci_sky_nodes_range_rad() * CI_C_M_S / (CI_TWO_PI * widest_hz);
    for (size_t i = 0; i < n_tile; i++) {
        ci_sky_nodes *nodes = &job->nodes[i];
        ci_sky_nodes_make(nodes, block->freq_hz + i * CI_SKY_TILE, tile_width(job, i));
        CI_TRY(ci_sky_fluxes(job->source, n_source, nodes->freq_hz, CI_SKY_NODES,
                             job->node_flux + i * CI_SKY_NODES, n_tile * CI_SKY_NODES));
    }
    return CI_OK;
}

static ci_status sort_sources(predict_job *job, const ci_sky_model *model)
{
    size_t n = 0;
    CI_TRY(ci_mem_alloc(&job->source, model->n_source, sizeof *job->source, "model"));
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < model->n_source; i++) {
            const ci_sky_source *s = &model->source[i];
            if (class_of(s) == k && (s->n_poly > 0 || s->flux_jy != 0)) job->source[n++] = s;
        }
        job->class_first[k + 1] = n;
    }
    CI_TRY(ci_mem_alloc(&job->flux, n * job->block->n_chan, sizeof *job->flux, "model fluxes"));
    CI_TRY(ci_mem_alloc(&job->geometry, n, sizeof *job->geometry, "model sources"));
    CI_TRY(ci_sky_fluxes(job->source, n, job->block->freq_hz, job->block->n_chan, job->flux,
                         job->block->n_chan));
    return nodes_new(job);
}

/* FWHM f has the transform exp(-(pi^2 / 4 ln 2) f^2 u^2); u along the major axis, whose
 * position angle counts from north through east. */
static void geometry_extended(source_geometry *p, const ci_sky_source *source,
                              const ci_sky_frame *frame)
{
    double basis[3][3], s = sin(source->pa_rad), c = cos(source->pa_rad);
    const double scale = CI_PI / (2 * sqrt(log(2))) / CI_C_M_S;
    ci_sky_uvw_basis(frame, source->ra_rad, source->dec_rad, basis);
    for (int i = 0; i < 3; i++) {
        p->major[i] = scale * source->major_rad * (s * basis[0][i] + c * basis[1][i]);
        p->minor[i] = scale * source->minor_rad * (c * basis[0][i] - s * basis[1][i]);
    }
}

static ci_status geometry_find(predict_job *job, size_t i_row)
{
    const ci_vis_block *block = job->block;
    const ci_vis_meta *meta = block->meta;
    ci_sky_frame *frame;
    CI_TRY(ci_sky_frame_of(&frame, job->eop, meta, meta->time_mjd_s[block->i_time[i_row]]));
    ci_sky_beam_axes axes;
    if (job->beam) ci_sky_beam_axes_at(&axes, job->pointing, frame);
    double s0[3];
    ci_sky_phase_direction(frame, &meta->phase[block->i_phase[i_row]], s0);
    for (size_t k = 0; k < job->class_first[4]; k++) {
        const ci_sky_source *source = job->source[k];
        source_geometry *p = &job->geometry[k];
        double s[3];
        ci_sky_direction(frame, source->ra_rad, source->dec_rad, s);
        for (int i = 0; i < 3; i++)
            p->move[i] = s[i] - s0[i];
        p->in_front = !job->beam || ci_sky_beam_offset(&axes, s, &p->l, &p->m);
        if (is_extended(source)) geometry_extended(p, source, frame);
    }
    ci_sky_frame_free(frame);
    return CI_OK;
}

/* Where the waves of an antenna begin in those of a run of channels. */
static float *wave_at(const predict_job *job, size_t g, size_t a)
{
    size_t n_antenna = job->block->meta->array.n_antenna;
    return job->wave + (g * n_antenna + a) * CI_SKY_CHUNK * 2 * CI_SKY_LANES;
}

/* Roots of the sources' apparent fluxes. */
static void fill_amplitudes(predict_job *job, size_t k_first, size_t n_source,
                            const predict_band *band)
{
    for (size_t k = 0; k < n_source; k++) {
        const source_geometry *p = &job->geometry[k_first + k];
        const double *flux = band->flux + (k_first + k) * band->stride;
        float *out = job->amplitude + k * CI_SKY_TILE;
        memset(out, 0, CI_SKY_TILE * sizeof *out);
        for (size_t c = 0; c < band->n && p->in_front; c++) {
            double power = 1;
            if (job->beam) power = ci_sky_beam_power_lm(job->beam, p->l, p->m, band->freq_hz[c]);
            out[c] = (float)sqrt(flux[c] * fmax(power, 0));
        }
    }
}

/* Waves of a chunk of sources over a band, at the antennas in use. */
static void fill_waves(predict_job *job, size_t k_first, size_t n_source, const predict_band *band)
{
    fill_amplitudes(job, k_first, n_source, band);
    for (size_t a = 0; a < job->block->meta->array.n_antenna; a++) {
        if (!job->used[a]) continue;
        const double *r = job->position + 3 * a;
        for (size_t k = 0; k < n_source; k++) {
            const double *move = job->geometry[k_first + k].move;
            job->per_hz[k] = (r[0] * move[0] + r[1] * move[1] + r[2] * move[2]) / CI_C_M_S;
        }
        for (size_t g = 0; g * CI_SKY_LANES < band->n; g++)
            job->fill(&(ci_sky_wave){n_source, band->freq_hz + g * CI_SKY_LANES, job->per_hz,
                                     job->amplitude + g * CI_SKY_LANES, CI_SKY_TILE,
                                     wave_at(job, g, a)});
    }
}

/* exp(-x^2) of the extended sources of a chunk on one baseline: [n_source][LANES]. */
static void fill_envelope(const predict_job *job, size_t k_first, size_t n_source, size_t a1,
                          size_t a2, const double *freq_hz, size_t n_chan, float *envelope)
{
    const double *r1 = job->position + 3 * a1, *r2 = job->position + 3 * a2;
    for (size_t k = 0; k < n_source; k++) {
        const source_geometry *p = &job->geometry[k_first + k];
        double major = 0, minor = 0;
        for (int i = 0; i < 3; i++) {
            major += p->major[i] * (r2[i] - r1[i]);
            minor += p->minor[i] * (r2[i] - r1[i]);
        }
        double x2 = major * major + minor * minor;
        for (size_t c = 0; c < n_chan; c++)
            envelope[k * CI_SKY_LANES + c] = (float)exp(-x2 * freq_hz[c] * freq_hz[c]);
    }
}

static size_t antenna_of(const predict_job *job, size_t i_row, bool second)
{
    const ci_vis_meta *meta = job->block->meta;
    int32_t b = job->block->i_baseline[i_row];
    return (size_t)(second ? meta->baseline_ant2[b] : meta->baseline_ant1[b]);
}

/* Sums of a chunk in one run of channels, added to those of all rows: two rows at once where they
 * share antenna 2. */
static void add_points(const predict_job *job, ci_sky_sum sum, size_t g, size_t n_row)
{
    const uint32_t *antenna = job->antenna;
    float *out = job->sum + g * n_row * 2 * CI_SKY_LANES;
    for (size_t i = 0; i < n_row; i += sum.n_baseline) {
        size_t a2 = antenna[2 * i + 1];
        bool pair = i + 1 < n_row && antenna[2 * i + 3] == a2;
        sum.n_baseline = pair ? 2 : 1;
        sum.wave2 = wave_at(job, g, a2);
        for (size_t k = 0; k < sum.n_baseline; k++) {
            sum.wave1[k] = wave_at(job, g, antenna[2 * (i + k)]);
            sum.sum[k] = out + (i + k) * 2 * CI_SKY_LANES;
        }
        job->kernel(&sum);
    }
}

static void add_extended(const predict_job *job, ci_sky_sum sum, size_t k_first, size_t g,
                         const predict_band *band, size_t n_row)
{
    size_t c = g * CI_SKY_LANES, n_chan = band->n - c < CI_SKY_LANES ? band->n - c : CI_SKY_LANES;
    float envelope[CI_SKY_CHUNK * CI_SKY_LANES] = {0};
    sum.n_baseline = 1;
    sum.envelope = envelope;
    for (size_t i = 0; i < n_row; i++) {
        size_t a1 = job->antenna[2 * i], a2 = job->antenna[2 * i + 1];
        fill_envelope(job, k_first, sum.n_source, a1, a2, band->freq_hz + c, n_chan, envelope);
        sum.wave1[0] = wave_at(job, g, a1);
        sum.wave2 = wave_at(job, g, a2);
        sum.sum[0] = job->sum + (g * n_row + i) * 2 * CI_SKY_LANES;
        job->kernel(&sum);
    }
}

static void add_chunk(predict_job *job, int kind, size_t k_first, size_t n_source,
                      const predict_band *band, size_t n_row)
{
    ci_sky_sum sum = {.n_source = n_source, .sign = kind % 2 ? -1.0F : 1.0F};
    fill_waves(job, k_first, n_source, band);
    for (size_t g = 0; g * CI_SKY_LANES < band->n; g++) {
        if (kind >= 2)
            add_extended(job, sum, k_first, g, band, n_row);
        else
            add_points(job, sum, g, n_row);
    }
}

/* All sources, on the first n_row of job->row. */
static ci_status add_all(predict_job *job, const predict_band *band, size_t n_row)
{
    size_t n = (band->n + CI_SKY_LANES - 1) / CI_SKY_LANES * n_row * 2 * CI_SKY_LANES;
    bool is_known = false;
    job->sum = job->own;
    if (job->kept)
        CI_TRY(ci_sky_kept_next(job->kept, n, &job->sum, &is_known));
    else
        memset(job->sum, 0, n * sizeof *job->sum);
    for (int kind = 0; kind < 4 && !is_known; kind++) {
        size_t end = job->class_first[kind + 1];
        for (size_t k = job->class_first[kind]; k < end; k += CI_SKY_CHUNK) {
            size_t n_source = end - k < CI_SKY_CHUNK ? end - k : CI_SKY_CHUNK;
            add_chunk(job, kind, k, n_source, band, n_row);
        }
    }
    return CI_OK;
}

static void lanes_store(const float *restrict in, size_t n, float *restrict out)
{
    for (size_t j = 0; j < n; j++) {
        out[2 * j] = in[j];
        out[2 * j + 1] = in[CI_SKY_LANES + j];
    }
}

static void sums_take(const predict_job *job, size_t i_tile, bool at_nodes, size_t n_row)
{
    size_t n_chan = tile_width(job, i_tile), n_whole = n_chan / CI_SKY_LANES;
    for (size_t i = 0; i < n_row; i++) {
        size_t at = job->row[job->order[i]] * job->block->n_chan + i_tile * CI_SKY_TILE;
        float *out = (float *)(job->out + at);
        const float *in = job->sum + i * 2 * CI_SKY_LANES;
        if (at_nodes) {
            job->spread(&job->nodes[i_tile], in, n_chan, out);
            continue;
        }
        for (size_t g = 0; g < n_whole; g++, in += n_row * 2 * CI_SKY_LANES)
            lanes_store(in, CI_SKY_LANES, out + 2 * g * CI_SKY_LANES);
        if (n_chan > n_whole * CI_SKY_LANES)
            lanes_store(in, n_chan - n_whole * CI_SKY_LANES, out + 2 * n_whole * CI_SKY_LANES);
    }
}

static void band_set(const predict_job *job, size_t i_tile, bool at_nodes, predict_band *out)
{
    const double *freq = job->block->freq_hz + i_tile * CI_SKY_TILE;
    *out = (predict_band){
        tile_width(job, i_tile), {0}, job->flux + i_tile * CI_SKY_TILE, job->block->n_chan};
    if (at_nodes) {
        freq = job->nodes[i_tile].freq_hz;
        *out = (predict_band){CI_SKY_NODES,
                              {0},
                              job->node_flux + i_tile * CI_SKY_NODES,
                              tiles_of(job) * CI_SKY_NODES};
    }
    for (size_t c = 0; c < CI_SKY_TILE; c++)
        out->freq_hz[c] = freq[c < out->n ? c : out->n - 1];
}

/* Marks the antennas of the rows, and orders the rows so that the waves of a few antennas serve
 * many of them. */
static void order_rows(predict_job *job, size_t n_row)
{
    const ci_vis_meta *meta = job->block->meta;
    size_t n_antenna = meta->array.n_antenna, n_key = (n_antenna + N_NEAR) * n_antenna;
    memset(job->used, 0, n_antenna * sizeof *job->used);
    for (size_t i = 0; i < n_row; i++) {
        size_t a1 = antenna_of(job, job->row[i], false), a2 = antenna_of(job, job->row[i], true);
        job->used[a1] = job->used[a2] = true;
        job->key[i] = (uint32_t)((a1 / N_NEAR * n_antenna + a2) * N_NEAR + a1 % N_NEAR);
    }
    ci_num_sort_by_key(job->key, n_row, n_key, job->start, job->order);
    for (size_t i = 0; i < n_row; i++) {
        size_t i_row = job->row[job->order[i]];
        job->antenna[2 * i] = (uint32_t)antenna_of(job, i_row, false);
        job->antenna[2 * i + 1] = (uint32_t)antenna_of(job, i_row, true);
    }
}

/* Whether a row's visibilities are polynomials of frequency that the nodes know. */
static bool is_near(const predict_job *job, size_t i_row, double most_moved)
{
    const double *r1 = job->position + 3 * antenna_of(job, i_row, false);
    const double *r2 = job->position + 3 * antenna_of(job, i_row, true);
    double x = r2[0] - r1[0], y = r2[1] - r1[1], z = r2[2] - r1[2];
    return (sqrt(x * x + y * y + z * z) + beam_reach_m) * most_moved <= job->near_m;
}

static double most_moved_of(const predict_job *job)
{
    double most = 0;
    for (size_t k = 0; k < job->class_first[4]; k++) {
        const double *d = job->geometry[k].move;
        most = fmax(most, sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
    }
    return most;
}

static ci_status predict_batch(predict_job *job, const size_t *row, size_t n_row)
{
    CI_TRY(geometry_find(job, row[0]));
    double most_moved = most_moved_of(job);
    for (int at_nodes = 0; at_nodes < 2; at_nodes++) {
        size_t n = 0;
        for (size_t i = 0; i < n_row; i++)
            if ((job->nodes && is_near(job, row[i], most_moved)) == (at_nodes == 1))
                job->row[n++] = row[i];
        if (n == 0) continue;
        order_rows(job, n);
        for (size_t t = 0; t < tiles_of(job); t++) {
            predict_band band;
            band_set(job, t, at_nodes == 1, &band);
            CI_TRY(add_all(job, &band, n));
            sums_take(job, t, at_nodes == 1, n);
        }
    }
    return CI_OK;
}

static ci_status scratch_new(predict_job *job, size_t n_row)
{
    static const char what[] = "prediction of a time";
    size_t n_antenna = job->block->meta->array.n_antenna;
    size_t n_lane = 2 * (size_t)CI_SKY_LANES, n_key = (n_antenna + N_NEAR) * n_antenna;
    CI_TRY(ci_mem_alloc(&job->used, n_antenna, sizeof *job->used, what));
    CI_TRY(ci_mem_alloc(&job->key, n_row, sizeof *job->key, what));
    CI_TRY(ci_mem_alloc(&job->row, n_row, sizeof *job->row, what));
    CI_TRY(ci_mem_alloc(&job->antenna, 2 * n_row, sizeof *job->antenna, what));
    CI_TRY(ci_mem_alloc(&job->amplitude, CI_SKY_CHUNK * CI_SKY_TILE, sizeof(float), what));
    CI_TRY(ci_mem_alloc(&job->per_hz, CI_SKY_CHUNK, sizeof(double), what));
    CI_TRY(ci_mem_alloc(&job->start, n_key + 1, sizeof *job->start, what));
    CI_TRY(ci_mem_alloc(&job->order, n_row, sizeof *job->order, what));
    if (!job->kept)
        CI_TRY(ci_mem_alloc(&job->own, N_CHAN_RUN * n_row * n_lane, sizeof *job->own, what));
    return ci_mem_alloc(&job->wave, N_CHAN_RUN * n_antenna * CI_SKY_CHUNK * n_lane,
                        sizeof *job->wave, "antenna waves");
}

static ci_status predict_all(predict_job *job, const ci_sky_model *model, const ci_sky_rows *rows)
{
    CI_TRY(sort_sources(job, model));
    CI_TRY(ci_sky_positions(&job->position, job->block->meta));
    CI_TRY(scratch_new(job, ci_sky_rows_most(rows)));
    for (size_t g = 0; g < rows->n_batch; g++)
        CI_TRY(predict_batch(job, rows->row + rows->first[g], rows->first[g + 1] - rows->first[g]));
    return CI_OK;
}

ci_status ci_sky_predict(const ci_sky_scene *scene, const ci_vis_block *block, ci_c32 *out)
{
    const ci_sky_beam *beam = ci_sky_beam_is_none(scene->beam) ? NULL : scene->beam;
    if (beam && !scene->pointing)
        return ci_error(CI_ERR_INTERNAL, "a primary beam was given but not where it points");
    predict_job job = {.eop = scene->eop,
                       .beam = beam,
                       .pointing = scene->pointing,
                       .block = block,
                       .out = out,
                       .kernel = ci_sky_kernel_get(scene->isa),
                       .fill = ci_sky_wave_get(scene->isa),
                       .spread = ci_sky_spread_get(scene->isa)};
    ci_sky_rows rows;
    CI_TRY(ci_sky_rows_new(&rows, block));
    size_t n_most = tiles_of(&job) * CI_SKY_TILE * block->n_row;
    if (ci_sky_kept_begin(scene->kept, block, n_most * sizeof(ci_c32))) job.kept = scene->kept;
    ci_status status = predict_all(&job, scene->model, &rows);
    if (job.kept) ci_sky_kept_end(job.kept, status);
    ci_sky_rows_clear(&rows);
    ci_mem_free(job.source);
    ci_mem_free(job.flux);
    ci_mem_free(job.nodes);
    ci_mem_free(job.node_flux);
    ci_mem_free(job.geometry);
    ci_mem_free(job.position);
    ci_mem_free(job.used);
    ci_mem_free(job.key);
    ci_mem_free(job.row);
    ci_mem_free(job.antenna);
    ci_mem_free(job.amplitude);
    ci_mem_free(job.per_hz);
    ci_mem_free(job.start);
    ci_mem_free(job.order);
    ci_mem_free(job.wave);
    ci_mem_free(job.own);
    return status;
}
