/* Solutions to all ranks: each is solved on one. */
#include "cal/share.h"

#include <complex.h>

/* As doubles: index, then gain, S/N and flag of every antenna. */
size_t ci_cal_solution_size(size_t n_antenna)
{
    return 1 + 4 * n_antenna;
}

void ci_cal_solution_pack(const ci_cal_solutions *from, size_t i, double *out)
{
    *out++ = (double)i;
    for (size_t a = i * from->n_antenna; a < (i + 1) * from->n_antenna; a++, out += 4) {
        out[0] = creal(from->gain[a]);
        out[1] = cimag(from->gain[a]);
        out[2] = (double)from->snr[a];
        out[3] = from->flag[a];
    }
}

static void solution_unpack(const double *in, const ci_cal_solutions *to)
{
    size_t at = (size_t)*in++ * to->n_antenna;
    for (size_t a = at; a < at + to->n_antenna; a++, in += 4) {
        to->gain[a] = in[0] + I * in[1];
        to->snr[a] = (float)in[2];
        to->flag[a] = (uint8_t)in[3];
    }
}

ci_status ci_cal_solutions_share(ci_comm *comm, const double *packed, size_t n,
                                 const ci_cal_solutions *to)
{
    size_t size = ci_cal_solution_size(to->n_antenna), n_byte = 0;
    void *whole = NULL;
    CI_TRY(ci_par_gather(comm, packed, n * size * sizeof(double), -1, &whole, &n_byte));
    for (size_t i = 0; i < n_byte / (size * sizeof(double)); i++)
        solution_unpack((const double *)whole + i * size, to);
    ci_mem_free(whole);
    return CI_OK;
}
