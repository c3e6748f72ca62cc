/* The bandpass of this rank's channels, channels fastest, for sums over channels. */
#include "cal/sums.h"

#include <complex.h>

/* Whether it has a solution. */
static bool receptor_fill(const ci_cal_problem *p, const ci_cal_sums *s, size_t h, size_t a,
                          float *out)
{
    bool has_any = false;
    for (size_t c = 0; c < s->n_chan; c++) {
        size_t from = (h * p->n_chan + s->i_chan_first + c) * p->n_antenna + a;
        if (p->bandpass_flag[from]) continue;
        out[c] = (float)creal(p->bandpass[from]);
        out[s->n_chan + c] = (float)cimag(p->bandpass[from]);
        has_any = true;
    }
    return has_any;
}

ci_status ci_cal_bandpass_parts_new(const ci_cal_problem *p, ci_cal_bandpass_parts *out)
{
    size_t n = 0;
    *out = (ci_cal_bandpass_parts){.n_antenna = p->n_antenna};
    CI_TRY(ci_mem_alloc(&out->first, p->n_part, sizeof *out->first, "bandpass"));
    CI_TRY(ci_mem_alloc(&out->is_empty, p->n_part, sizeof *out->is_empty, "bandpass"));
    for (size_t i = 0; i < p->n_part; i++) {
        out->is_empty[i] = true;
        out->first[i] = n;
        n += p->n_feed * p->n_antenna * 2 * p->part[i].n_chan;
    }
    CI_TRY(ci_mem_alloc(&out->value, n, sizeof *out->value, "bandpass"));
    for (size_t i = 0; i < p->n_part; i++)
        for (size_t h = 0; h < p->n_feed; h++)
            for (size_t a = 0; a < p->n_antenna; a++)
                if (receptor_fill(p, &p->part[i], h, a,
                                  out->value + out->first[i] +
                                      (h * p->n_antenna + a) * 2 * p->part[i].n_chan))
                    out->is_empty[i] = false;
    return CI_OK;
}

void ci_cal_bandpass_parts_clear(ci_cal_bandpass_parts *parts)
{
    ci_mem_free(parts->value);
    ci_mem_free(parts->first);
    ci_mem_free(parts->is_empty);
}
