/* Amplitudes and position of one source that is not constant. */
#include "clean/variation_fit.h"

#include <math.h>

void ci_clean_variation_fit_clear(ci_clean_variation_fit *f)
{
    ci_mem_free(f->sum);
    ci_mem_free(f->ahead);
}

ci_status ci_clean_variation_fit_new(ci_comm *comm, ci_clean_variation_fit *f)
{
    ci_clean_variability *v = f->state;
    f->n_cell = f->model->cells.time.n * f->model->cells.freq.n;
    if (!v->weight) {
        ci_status status = ci_mem_alloc(&v->weight, f->n_cell, sizeof(double), "cells");
        if (status == CI_OK)
            status = ci_mem_alloc(&v->variance, f->n_cell, sizeof(double), "cells");
        CI_AGREE(comm, status);
        CI_TRY(ci_clean_cells_weigh(comm, f->model, f->samples, v->weight, v->variance));
    }
    for (size_t i = 0; i < f->n_cell; i++) {
        f->total_weight += v->weight[i];
        f->total_variance += v->variance[i];
    }
    CI_TRY(ci_par_alloc(comm, &f->ahead, CI_CLEAN_CELLS_AT_ONCE * f->n_cell, sizeof *f->ahead,
                        "cells"));
    CI_TRY(ci_par_alloc(comm, &f->sum, 2 * f->n_cell, sizeof *f->sum, "cells"));
    f->beam = f->sum + f->n_cell;
    return CI_OK;
}

/* What is left of a position's flux goes into its amplitudes: *sum becomes the change, of mean 0.
 */
static void change_find(const ci_clean_variation_fit *f, double *amplitude)
{
    const double *weight = f->state->weight;
    double sum = 0;
    for (size_t i = 0; i < f->n_cell; i++)
        sum += f->sum[i];
    double mean = f->total_weight > 0 ? sum / f->total_weight : 0;
    for (size_t i = 0; i < f->n_cell; i++) {
        f->sum[i] = weight[i] > 0 ? f->sum[i] / weight[i] - mean : 0;
        amplitude[i] += f->sum[i];
    }
}

static ci_status amplitudes_fit(ci_comm *comm, ci_clean_variation_fit *f,
                                const ci_clean_variation *v, double *amplitude)
{
    const double at[1][2] = {{v->l, v->m}};
    f->n_ahead = 0; /* the residual changes */
    CI_TRY(ci_clean_cells_correlate(comm, f->model, at, 1, f->samples, f->sum));
    change_find(f, amplitude);
    return ci_par_agree(comm, ci_clean_variation_add(f->model, v->l, v->m, f->sum, -1, f->samples));
}

/* One step towards the position of what varies; where the noise says nothing, none. */
static ci_status position_fit(ci_comm *comm, ci_clean_variation_fit *f, ci_clean_variation *v,
                              const double *amplitude)
{
    double sums[CI_SHIFT_SUMS], rms = f->model->residual_rms, cell = f->model->cell_rad;
    CI_TRY(ci_clean_variation_shift(comm, f->model, v->l, v->m, amplitude, f->samples, sums));
    double damp = f->sum_weight * rms * rms / pow(CI_CLEAN_POSITION_SIGMA * f->beam_rad, 2);
    double ll = sums[CI_SHIFT_NORM_LL] + damp, mm = sums[CI_SHIFT_NORM_MM] + damp;
    double lm = sums[CI_SHIFT_NORM_LM], det = ll * mm - lm * lm;
    if (!(det > 0)) return CI_OK;
    double step[2] = {(mm * sums[CI_SHIFT_DOT_L] - lm * sums[CI_SHIFT_DOT_M]) / det,
                      (ll * sums[CI_SHIFT_DOT_M] - lm * sums[CI_SHIFT_DOT_L]) / det};
    double length = hypot(step[0], step[1]), part = length > cell ? cell / length : 1;
    CI_TRY(ci_par_bcast(comm, step, sizeof step, 0));
    CI_TRY(ci_par_bcast(comm, &part, sizeof part, 0));
    ci_status status = ci_clean_variation_add(f->model, v->l, v->m, amplitude, 1, f->samples);
    v->l += part * step[0];
    v->m += part * step[1];
    if (status == CI_OK)
        status = ci_clean_variation_add(f->model, v->l, v->m, amplitude, -1, f->samples);
    return ci_par_agree(comm, status);
}

ci_status ci_clean_variation_fit_step(ci_comm *comm, ci_clean_variation_fit *f, size_t i)
{
    ci_clean_variation *v = &f->model->variation[i];
    double *amplitude = f->model->amplitude + i * f->n_cell;
    CI_TRY(amplitudes_fit(comm, f, v, amplitude));
    return position_fit(comm, f, v, amplitude);
}

ci_clean_variation_fit ci_clean_variation_fit_of(ci_clean_model *b, ci_clean_variability *state,
                                                 const ci_clean_sources_setup *setup,
                                                 ci_vis_samples *samples)
{
    return (ci_clean_variation_fit){.model = b,
                                    .state = state,
                                    .samples = samples,
                                    .sum_weight = setup->sum_weight,
                                    .beam_rad = setup->beam.minor * b->cell_rad};
}

double ci_clean_variation_fit_rms(const ci_clean_variation_fit *f, size_t i)
{
    const double *amplitude = f->model->amplitude + i * f->n_cell;
    double sum = 0;
    for (size_t k = 0; k < f->n_cell; k++)
        sum += f->state->weight[k] * amplitude[k] * amplitude[k];
    return f->total_weight > 0 ? sqrt(sum / f->total_weight) : 0;
}
