/* Row plans. A plan is for one row: what a row's transform gives can then not depend on
 * which rows are done with it, so on no rank count. Planned by estimate (timed plans differ
 * from run to run) on 64-byte aligned memory; rows of even length keep the 16 bytes that
 * FFTW asks for. A plan over a batch of 16 rows is no faster (measured, 5040 to 8400). */
#include "contimg/fft.h"

#include <complex.h>
#include <fftw3.h>

struct ci_fft_rows
{
    size_t n;
    fftw_plan plan64;
    fftwf_plan plan32;
};

ci_status ci_fft_rows_new(ci_fft_rows **out, size_t n, int sign, bool is_double)
{
    *out = NULL;
    ci_fft_rows *plan = NULL;
    void *row = NULL;
    ci_status status = ci_mem_alloc(&plan, 1, sizeof *plan, "transform plan");
    if (status == CI_OK)
        status =
            ci_mem_alloc(&row, n, is_double ? sizeof(ci_c64) : sizeof(ci_c32), "transform plan");
    if (status == CI_OK) {
        unsigned flags = FFTW_ESTIMATE | (n % 2 ? FFTW_UNALIGNED : 0U);
        int direction = sign < 0 ? FFTW_FORWARD : FFTW_BACKWARD;
        plan->n = n;
        if (is_double)
            plan->plan64 = fftw_plan_dft_1d((int)n, row, row, direction, flags);
        else
            plan->plan32 = fftwf_plan_dft_1d((int)n, row, row, direction, flags);
        if (!plan->plan64 && !plan->plan32)
            status = ci_error(CI_ERR_INTERNAL, "FFTW cannot plan a transform of length %zu", n);
    }
    ci_mem_free(row);
    if (status == CI_OK)
        *out = plan;
    else
        ci_mem_free(plan);
    return status;
}

void ci_fft_rows_free(ci_fft_rows *plan)
{
    if (!plan) return;
    if (plan->plan64) fftw_destroy_plan(plan->plan64);
    if (plan->plan32) fftwf_destroy_plan(plan->plan32);
    ci_mem_free(plan);
}

void ci_fft_rows_run32(const ci_fft_rows *plan, ci_c32 *rows, size_t n_row)
{
    for (size_t i = 0; i < n_row; i++)
        fftwf_execute_dft(plan->plan32, rows + i * plan->n, rows + i * plan->n);
}

void ci_fft_rows_run64(const ci_fft_rows *plan, ci_c64 *rows, size_t n_row)
{
    for (size_t i = 0; i < n_row; i++)
        fftw_execute_dft(plan->plan64, rows + i * plan->n, rows + i * plan->n);
}
