/* Prediction by antennas: a point source's visibility is the product of a wave at antenna 2
 * and the conjugate of one at antenna 1, so that sines and cosines are needed per antenna
 * and not per baseline, and the sum over sources is one complex multiplication and addition
 * each. Done per time (frame, beam), tile of channels and chunk of sources, all of them
 * fixed runs: the result has the same bits however baselines are shared out. */

#include <math.h>
#include <string.h>

#include "contimg/num.h"
#include "sky/beam.h"
#include "sky/frame.h"
#include "sky/kernel.h"
#include "sky/rows.h"
#include "sky/wave.h"

enum
{
    N_CHAN_RUN = CI_SKY_TILE / CI_SKY_LANES, /* runs of channels that are summed at once */
    N_NEAR = 4                               /* antennas whose waves stay in the first cache */
};

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
    source_geometry *geometry;    /* [n_source] at the present time */
    double *position;             /* [n_antenna][3] */
    bool *used;                   /* [n_antenna] in the present rows */
    uint32_t *key;                /* [rows of a batch] */
    size_t *start, *order;        /* rows of a batch, near antennas together */
    float *wave;                  /* [N_CHAN_RUN][n_antenna][CHUNK][2][LANES] */
    float *sum;                   /* [N_CHAN_RUN][rows of a batch][2][LANES] */
} predict_job;

static bool is_extended(const ci_sky_source *source)
{
    return source->major_rad > 0;
}

static int class_of(const ci_sky_source *source)
{
    bool negative = source->n_poly == 0 && source->flux_jy < 0;
    return (is_extended(source) ? 2 : 0) + (negative ? 1 : 0);
}

static ci_status flux_fault(const ci_sky_source *s, double freq_hz, double flux_jy)
{
    if (s->n_poly > 0)
        return ci_error(
            CI_ERR_INPUT,
            "--model: source %s has no flux at %.3f MHz: its spectrum is known from %g to "
            "%g MHz: give a model with a spectral_index",
            s->name, freq_hz * 1e-6, s->poly_min_hz * 1e-6, s->poly_max_hz * 1e-6);
    return ci_error(
        CI_ERR_INPUT,
        "--model: source %s: flux_jy %g at ref_freq_hz %g with spectral_index %g is %.3g "
        "Jy at %.3f MHz: no source is: correct them",
        s->name, s->flux_jy, s->ref_freq_hz, s->spectral_index, flux_jy, freq_hz * 1e-6);
}

static ci_status fill_flux(predict_job *job)
{
    const ci_vis_block *block = job->block;
    for (size_t k = 0; k < job->class_first[4]; k++)
        for (size_t c = 0; c < block->n_chan; c++) {
            double flux = ci_sky_source_flux_jy(job->source[k], block->freq_hz[c]);
            if (!(fabs(flux) <= CI_SKY_FLUX_MAX_JY))
                return flux_fault(job->source[k], block->freq_hz[c], flux);
            job->flux[k * block->n_chan + c] = fabs(flux);
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
    return fill_flux(job);
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

/* Waves of a chunk of sources over a tile of channels, at the antennas in use. */
static void fill_waves(predict_job *job, size_t k_first, size_t n_source, size_t c_first,
                       const ci_sky_run *run)
{
    const ci_vis_block *block = job->block;
    for (size_t k = 0; k < n_source; k++) {
        const source_geometry *p = &job->geometry[k_first + k];
        double amplitude[CI_SKY_TILE];
        float wave[2][CI_SKY_TILE] = {{0}};
        for (size_t c = 0; c < run->n; c++) {
            double power = p->in_front ? 1 : 0;
            if (job->beam && p->in_front)
                power = ci_sky_beam_power_lm(job->beam, p->l, p->m, run->freq_hz[c]);
            amplitude[c] =
                sqrt(job->flux[(k_first + k) * block->n_chan + c_first + c] * fmax(power, 0));
        }
        for (size_t a = 0; a < block->meta->array.n_antenna; a++) {
            if (!job->used[a]) continue;
            const double *r = job->position + 3 * a;
            ci_sky_wave(run, r[0] * p->move[0] + r[1] * p->move[1] + r[2] * p->move[2], amplitude,
                        wave[0], wave[1]);
            for (size_t g = 0; g * CI_SKY_LANES < run->n; g++)
                for (size_t i = 0; i < 2; i++)
                    memcpy(wave_at(job, g, a) + (2 * k + i) * CI_SKY_LANES,
                           wave[i] + g * CI_SKY_LANES, CI_SKY_LANES * sizeof(float));
        }
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
static void add_points(const predict_job *job, ci_sky_sum sum, size_t g, const size_t *row,
                       size_t n_row)
{
    float *out = job->sum + g * n_row * 2 * CI_SKY_LANES;
    for (size_t i = 0; i < n_row; i += sum.n_baseline) {
        size_t a2 = antenna_of(job, row[job->order[i]], true);
        bool pair = i + 1 < n_row && antenna_of(job, row[job->order[i + 1]], true) == a2;
        sum.n_baseline = pair ? 2 : 1;
        sum.wave2 = wave_at(job, g, a2);
        for (size_t k = 0; k < sum.n_baseline; k++) {
            sum.wave1[k] = wave_at(job, g, antenna_of(job, row[job->order[i + k]], false));
            sum.sum[k] = out + (i + k) * 2 * CI_SKY_LANES;
        }
        job->kernel(&sum);
    }
}

static void add_extended(const predict_job *job, ci_sky_sum sum, size_t k_first, size_t g,
                         const ci_sky_run *run, const size_t *row, size_t n_row)
{
    size_t c = g * CI_SKY_LANES, n_chan = run->n - c < CI_SKY_LANES ? run->n - c : CI_SKY_LANES;
    float envelope[CI_SKY_CHUNK * CI_SKY_LANES] = {0};
    sum.n_baseline = 1;
    sum.envelope = envelope;
    for (size_t i = 0; i < n_row; i++) {
        size_t a1 = antenna_of(job, row[job->order[i]], false);
        size_t a2 = antenna_of(job, row[job->order[i]], true);
        fill_envelope(job, k_first, sum.n_source, a1, a2, run->freq_hz + c, n_chan, envelope);
        sum.wave1[0] = wave_at(job, g, a1);
        sum.wave2 = wave_at(job, g, a2);
        sum.sum[0] = job->sum + (g * n_row + i) * 2 * CI_SKY_LANES;
        job->kernel(&sum);
    }
}

static void add_chunk(predict_job *job, int kind, size_t k_first, size_t n_source, size_t c_first,
                      const ci_sky_run *run, const size_t *row, size_t n_row)
{
    ci_sky_sum sum = {.n_source = n_source, .sign = kind % 2 ? -1.0F : 1.0F};
    fill_waves(job, k_first, n_source, c_first, run);
    for (size_t g = 0; g * CI_SKY_LANES < run->n; g++) {
        if (kind >= 2)
            add_extended(job, sum, k_first, g, run, row, n_row);
        else
            add_points(job, sum, g, row, n_row);
    }
}

static void lanes_store(const float *restrict in, size_t n, float *restrict out)
{
    for (size_t j = 0; j < n; j++) {
        out[2 * j] = in[j];
        out[2 * j + 1] = in[CI_SKY_LANES + j];
    }
}

static void sums_take(const predict_job *job, size_t c_first, const ci_sky_run *run,
                      const size_t *row, size_t n_row)
{
    size_t n_chan = job->block->n_chan, n_whole = run->n / CI_SKY_LANES;
    for (size_t i = 0; i < n_row; i++) {
        float *out = (float *)(job->out + row[job->order[i]] * n_chan + c_first);
        const float *in = job->sum + i * 2 * CI_SKY_LANES;
        for (size_t g = 0; g < n_whole; g++, in += n_row * 2 * CI_SKY_LANES)
            lanes_store(in, CI_SKY_LANES, out + 2 * g * CI_SKY_LANES);
        if (run->n > n_whole * CI_SKY_LANES)
            lanes_store(in, run->n - n_whole * CI_SKY_LANES, out + 2 * n_whole * CI_SKY_LANES);
    }
}

/* Marks the antennas of the rows, and orders the rows so that the waves of a few antennas serve
 * many of them. */
static void order_rows(predict_job *job, const size_t *row, size_t n_row)
{
    const ci_vis_meta *meta = job->block->meta;
    size_t n_antenna = meta->array.n_antenna, n_key = (n_antenna + N_NEAR) * n_antenna;
    memset(job->used, 0, n_antenna * sizeof *job->used);
    for (size_t i = 0; i < n_row; i++) {
        size_t b = (size_t)job->block->i_baseline[row[i]];
        size_t a1 = (size_t)meta->baseline_ant1[b], a2 = (size_t)meta->baseline_ant2[b];
        job->used[a1] = job->used[a2] = true;
        job->key[i] = (uint32_t)((a1 / N_NEAR * n_antenna + a2) * N_NEAR + a1 % N_NEAR);
    }
    ci_num_sort_by_key(job->key, n_row, n_key, job->start, job->order);
}

static ci_status predict_batch(predict_job *job, const size_t *row, size_t n_row)
{
    const ci_vis_block *block = job->block;
    CI_TRY(geometry_find(job, row[0]));
    order_rows(job, row, n_row);
    for (size_t c = 0; c < block->n_chan; c += CI_SKY_TILE) {
        size_t n_chan = block->n_chan - c < CI_SKY_TILE ? block->n_chan - c : CI_SKY_TILE;
        ci_sky_run run = ci_sky_run_make(block->freq_hz + c, n_chan);
        memset(job->sum, 0, N_CHAN_RUN * n_row * 2 * CI_SKY_LANES * sizeof *job->sum);
        for (int kind = 0; kind < 4; kind++) {
            size_t end = job->class_first[kind + 1];
            for (size_t k = job->class_first[kind]; k < end; k += CI_SKY_CHUNK) {
                size_t n = end - k < CI_SKY_CHUNK ? end - k : CI_SKY_CHUNK;
                add_chunk(job, kind, k, n, c, &run, row, n_row);
            }
        }
        sums_take(job, c, &run, row, n_row);
    }
    return CI_OK;
}

static size_t rows_most(const ci_sky_rows *rows)
{
    size_t most = 0;
    for (size_t g = 0; g < rows->n_batch; g++)
        if (rows->first[g + 1] - rows->first[g] > most) most = rows->first[g + 1] - rows->first[g];
    return most;
}

static ci_status scratch_new(predict_job *job, size_t n_row)
{
    static const char what[] = "prediction of a time";
    size_t n_antenna = job->block->meta->array.n_antenna;
    size_t n_lane = 2 * (size_t)CI_SKY_LANES, n_key = (n_antenna + N_NEAR) * n_antenna;
    CI_TRY(ci_mem_alloc(&job->used, n_antenna, sizeof *job->used, what));
    CI_TRY(ci_mem_alloc(&job->key, n_row, sizeof *job->key, what));
    CI_TRY(ci_mem_alloc(&job->start, n_key + 1, sizeof *job->start, what));
    CI_TRY(ci_mem_alloc(&job->order, n_row, sizeof *job->order, what));
    CI_TRY(ci_mem_alloc(&job->sum, N_CHAN_RUN * n_row * n_lane, sizeof *job->sum, what));
    return ci_mem_alloc(&job->wave, N_CHAN_RUN * n_antenna * CI_SKY_CHUNK * n_lane,
                        sizeof *job->wave, "antenna waves");
}

static ci_status predict_all(predict_job *job, const ci_sky_model *model, const ci_sky_rows *rows)
{
    CI_TRY(sort_sources(job, model));
    CI_TRY(ci_sky_positions(&job->position, job->block->meta));
    CI_TRY(scratch_new(job, rows_most(rows)));
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
                       .kernel = ci_sky_kernel_get(scene->isa)};
    ci_sky_rows rows;
    CI_TRY(ci_sky_rows_new(&rows, block));
    ci_status status = predict_all(&job, scene->model, &rows);
    ci_sky_rows_clear(&rows);
    ci_mem_free(job.source);
    ci_mem_free(job.flux);
    ci_mem_free(job.geometry);
    ci_mem_free(job.position);
    ci_mem_free(job.used);
    ci_mem_free(job.key);
    ci_mem_free(job.start);
    ci_mem_free(job.order);
    ci_mem_free(job.wave);
    ci_mem_free(job.sum);
    return status;
}
