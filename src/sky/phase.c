/* Moves visibilities to another phase centre. */
#include <math.h>
#include <string.h>

#include "sky/complex.h"
#include "sky/frame.h"
#include "sky/rows.h"

ci_status ci_sky_centre_default(const ci_sky_eop *eop, const ci_vis_meta *meta, double *ra_rad,
                                double *dec_rad)
{
    if (meta->n_phase == 0 || meta->n_time == 0)
        return ci_error(CI_ERR_INPUT, "no times or no phase centre: give --phase-center");
    const ci_vis_phase_centre *phase = &meta->phase[0];
    if (meta->n_phase > 1)
        ci_log_info("%zu phase centres in the data: the image is centred on the first, \"%s\"",
                    meta->n_phase, ci_vis_phase_name(meta, 0));
    if (phase->kind == CI_VIS_PHASING_SIDEREAL) {
        *ra_rad = phase->ra_rad;
        *dec_rad = phase->dec_rad;
        return CI_OK;
    }
    double mid =
        meta->time_mjd_s[0] + 0.5 * (meta->time_mjd_s[meta->n_time - 1] - meta->time_mjd_s[0]);
    ci_sky_frame *frame;
    CI_TRY(ci_sky_frame_of(&frame, eop, meta, mid));
    bool meridian = phase->kind == CI_VIS_PHASING_MERIDIAN;
    ci_sky_icrs(frame, 0, meridian ? phase->dec_rad : meta->array.lat_rad, ra_rad, dec_rad);
    ci_sky_frame_free(frame);
    return CI_OK;
}

/* exp(-2 pi i nu/c d_a) of all antennas, d_a their delay from the old centre to the new. */
static void antenna_phasors(const ci_vis_block *block, const double *position, const double move[3],
                            ci_c64 *phasor)
{
    for (size_t a = 0; a < block->meta->array.n_antenna; a++) {
        const double *r = position + 3 * a;
        double delay = r[0] * move[0] + r[1] * move[1] + r[2] * move[2];
        for (size_t c = 0; c < block->n_chan; c++) {
            /* Whole turns go first: sine and cosine then see a small angle. */
            double turns = block->freq_hz[c] / CI_C_M_S * delay;
            double angle = -CI_TWO_PI * (turns - nearbyint(turns));
            phasor[a * block->n_chan + c] = ci_sky_c64(cos(angle), sin(angle));
        }
    }
}

/* What ci_sky_rephase carries from batch to batch. */
typedef struct rephase_job
{
    const ci_sky_eop *eop;
    ci_vis_block *block;
    double ra_rad, dec_rad;
    ci_isa isa;
    double *position; /* [n_antenna][3] */
    ci_c64 *phasor;   /* [n_antenna][n_chan] */
    double *turn;     /* scratch of a row */
} rephase_job;

/* A row's samples times the phasor of antenna 2, conjugate that of antenna 1. */
CI_ISA_INLINE void pols_rotate(size_t n_chan, size_t n_pol, const double *restrict p1,
                               const double *restrict p2, double *restrict turn,
                               float *restrict data)
{
    for (size_t c = 0; c < n_chan; c++) {
        double x = p2[2 * c] * p1[2 * c] + p2[2 * c + 1] * p1[2 * c + 1];
        double y = p2[2 * c + 1] * p1[2 * c] - p2[2 * c] * p1[2 * c + 1];
        for (size_t p = 0; p < n_pol; p++) {
            turn[2 * (c * n_pol + p)] = x;
            turn[2 * (c * n_pol + p) + 1] = y;
        }
    }
    for (size_t i = 0; i < n_chan * n_pol; i++) {
        double x = data[2 * i], y = data[2 * i + 1];
        data[2 * i] = (float)(x * turn[2 * i] - y * turn[2 * i + 1]);
        data[2 * i + 1] = (float)(x * turn[2 * i + 1] + y * turn[2 * i]);
    }
}

/* turn: scratch, [n_chan][n_pol][2]. */
CI_ISA_INLINE void rotate(size_t n_chan, size_t n_pol, const double *p1, const double *p2,
                          double *turn, float *data)
{
    if (n_pol == 2)
        pols_rotate(n_chan, 2, p1, p2, turn, data);
    else
        pols_rotate(n_chan, n_pol, p1, p2, turn, data);
}

CI_ISA_INSTANCES(rotate,
                 (size_t n_chan, size_t n_pol, const double *p1, const double *p2, double *turn,
                  float *data),
                 (n_chan, n_pol, p1, p2, turn, data))

static ci_status rephase_batch(rephase_job *job, const size_t *row, size_t n_row)
{
    ci_vis_block *block = job->block;
    const ci_vis_meta *meta = block->meta;
    ci_sky_frame *frame;
    CI_TRY(ci_sky_frame_of(&frame, job->eop, meta, meta->time_mjd_s[block->i_time[row[0]]]));
    double basis[3][3], old[3], move[3];
    ci_sky_uvw_basis(frame, job->ra_rad, job->dec_rad, basis);
    ci_sky_phase_direction(frame, &meta->phase[block->i_phase[row[0]]], old);
    ci_sky_frame_free(frame);
    for (int i = 0; i < 3; i++)
        move[i] = basis[2][i] - old[i];
    antenna_phasors(block, job->position, move, job->phasor);
    for (size_t k = 0; k < n_row; k++) {
        size_t i = row[k], b = (size_t)block->i_baseline[i];
        size_t a1 = (size_t)meta->baseline_ant1[b], a2 = (size_t)meta->baseline_ant2[b];
        const double *r1 = job->position + 3 * a1, *r2 = job->position + 3 * a2;
        for (int q = 0; q < 3; q++)
            block->uvw_m[3 * i + (size_t)q] = basis[q][0] * (r2[0] - r1[0]) +
                                              basis[q][1] * (r2[1] - r1[1]) +
                                              basis[q][2] * (r2[2] - r1[2]);
        CI_ISA_KERNEL(rotate, job->isa)
        (block->n_chan, block->n_pol, (const double *)(job->phasor + a1 * block->n_chan),
         (const double *)(job->phasor + a2 * block->n_chan), job->turn,
         (float *)(block->data + ci_vis_sample(block, i, 0, 0)));
    }
    return CI_OK;
}

ci_status ci_sky_rephase(const ci_sky_eop *eop, ci_vis_block *block, double ra_rad, double dec_rad,
                         ci_isa isa)
{
    rephase_job job = {
        .eop = eop, .block = block, .ra_rad = ra_rad, .dec_rad = dec_rad, .isa = isa};
    ci_sky_rows rows;
    CI_TRY(ci_sky_rows_new(&rows, block));
    ci_status status = ci_sky_positions(&job.position, block->meta);
    if (status == CI_OK)
        status = ci_mem_alloc(&job.phasor, block->meta->array.n_antenna * block->n_chan,
                              sizeof *job.phasor, "antenna phases");
    if (status == CI_OK)
        status = ci_mem_alloc(&job.turn, 2 * block->n_chan * block->n_pol, sizeof *job.turn,
                              "antenna phases");
    for (size_t g = 0; g < rows.n_batch && status == CI_OK; g++)
        status = rephase_batch(&job, rows.row + rows.first[g], rows.first[g + 1] - rows.first[g]);
    if (status == CI_OK) memset(block->i_phase, 0, block->n_row * sizeof *block->i_phase);
    ci_mem_free(job.position);
    ci_mem_free(job.phasor);
    ci_mem_free(job.turn);
    ci_sky_rows_clear(&rows);
    return status;
}

ci_status ci_sky_set_rephase(const ci_sky_eop *eop, ci_vis_set *set, double ra_rad, double dec_rad,
                             ci_isa isa)
{
    for (size_t i = 0; i < set->n_block; i++)
        CI_TRY(ci_sky_rephase(eop, set->block[i], ra_rad, dec_rad, isa));
    ci_vis_meta *meta = set->meta;
    ci_vis_phase_centre *phase = meta->phase;
    CI_TRY(ci_mem_resize(&phase, 1, sizeof *phase, "phase centre"));
    meta->phase = phase;
    bool same = meta->n_phase == 1 && phase->kind == CI_VIS_PHASING_SIDEREAL &&
                phase->ra_rad == ra_rad && phase->dec_rad == dec_rad;
    if (!same) {
        char name[48];
        snprintf(name, sizeof name, "%.6f%+.6f", ra_rad * CI_RAD_TO_DEG, dec_rad * CI_RAD_TO_DEG);
        *phase = (ci_vis_phase_centre){CI_VIS_PHASING_SIDEREAL, ra_rad, dec_rad, 0};
        CI_TRY(ci_vis_field_add(meta, 0, name, &phase->i_field));
    }
    meta->n_phase = 1;
    ci_mem_free(meta->time_phase);
    meta->time_phase = NULL;
    return CI_OK;
}
