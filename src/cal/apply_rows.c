/* Applies one table or two to a block, row by row: V / (g1 conj(g2)). */
#include "cal/apply.h"
#include "cal/weights.h"

#include <complex.h>
#include <math.h>

enum
{
    N_TABLE = 2,
    PERIOD = 24 /* samples after which 1, 2, 3 or 4 polarisations begin again */
};

/* Factors of a row, [n_chan][n_pol], and their sizes squared; those of a bandpass hold for all rows
 * of a baseline that have its solution in common. */
typedef struct row_factors
{
    ci_cal_correction *correction; /* owned */
    double *re, *im, *size2;       /* whole periods */
    double *is_known;              /* 1 or 0: whether the table knows a sample's channel */
    ci_c64 *of_pol;                /* [n_chan] scratch */
    bool is_set;
    int32_t i_baseline;
    size_t slot;
    /* A period of a factor that holds for all channels, and re, im and size2 are not set: those of
     * gains where all channels are known and the row is whole periods. */
    double one[3 * PERIOD];
    bool is_one;
} row_factors;

/* The tables that are applied. */
typedef struct applier
{
    row_factors factors[N_TABLE];
    size_t n_table;
    ci_isa isa;
} applier;

static size_t periods_of(const ci_vis_block *block)
{
    return (block->n_chan * block->n_pol + PERIOD - 1) / PERIOD;
}

/* To be cleared by the caller, also where it fails. */
static ci_status factors_new(row_factors *f, const ci_cal_table *table, const ci_vis_block *block)
{
    static const char what[] = "corrections of a row";
    size_t n = periods_of(block) * PERIOD;
    CI_TRY(ci_cal_correction_new(&f->correction, table, block));
    CI_TRY(ci_mem_alloc(&f->re, 4 * n, sizeof *f->re, what));
    f->im = f->re + n;
    f->size2 = f->im + n;
    f->is_known = f->size2 + n;
    f->is_one = block->n_chan * block->n_pol == n;
    for (size_t i = 0; i < block->n_chan * block->n_pol; i++) {
        f->is_known[i] = f->correction->is_known[i / block->n_pol] ? 1 : 0;
        f->is_one = f->is_one && f->is_known[i] > 0;
    }
    f->is_one = f->is_one && f->correction->n_chan == 1 && !f->correction->delay_s;
    return ci_mem_alloc(&f->of_pol, block->n_chan, sizeof *f->of_pol, what);
}

static void factors_clear(row_factors *f)
{
    ci_cal_correction_free(f->correction);
    ci_mem_free(f->re);
    ci_mem_free(f->of_pol);
}

/* The same factor in all channels that are known: one period, again and again. */
CI_ISA_INLINE void repeat(const double *restrict one, size_t n_period, row_factors *f)
{
    double *restrict re = f->re, *restrict im = f->im, *restrict size2 = f->size2;
    const double *restrict is_known = f->is_known;
    for (size_t i = 0; i < n_period * PERIOD; i += PERIOD)
        for (size_t k = 0; k < PERIOD; k++) {
            bool known = is_known[i + k] > 0;
            re[i + k] = known ? one[k] : 0;
            im[i + k] = known ? one[PERIOD + k] : 0;
            size2[i + k] = known ? one[2 * PERIOD + k] : 0;
        }
}

CI_ISA_INSTANCES(repeat, (const double *one, size_t n_period, row_factors *f), (one, n_period, f))

static void gains_set(row_factors *f, const ci_vis_block *block, size_t i_row, ci_isa isa)
{
    double *one = f->one;
    for (size_t p = 0; p < block->n_pol; p++) {
        ci_c64 factor = ci_cal_correction_gain(f->correction, block, i_row, p);
        double u = creal(factor), v = cimag(factor);
        for (size_t k = p; k < PERIOD; k += block->n_pol) {
            one[k] = u;
            one[PERIOD + k] = v;
            one[2 * PERIOD + k] = u * u + v * v;
        }
    }
    if (!f->is_one) CI_ISA_KERNEL(repeat, isa)(one, periods_of(block), f);
}

static void channels_set(row_factors *f, const ci_vis_block *block, size_t i_row)
{
    size_t n_pol = block->n_pol;
    for (size_t p = 0; p < n_pol; p++) {
        ci_cal_correction_row(f->correction, block, i_row, p, f->of_pol);
        for (size_t c = 0; c < block->n_chan; c++) {
            double u = creal(f->of_pol[c]), v = cimag(f->of_pol[c]);
            f->re[c * n_pol + p] = u;
            f->im[c * n_pol + p] = v;
            f->size2[c * n_pol + p] = u * u + v * v;
        }
    }
}

static void factors_set(row_factors *f, const ci_vis_block *block, size_t i_row, ci_isa isa)
{
    const ci_cal_correction *k = f->correction;
    int32_t b = block->i_baseline[i_row];
    size_t slot = k->slot[block->i_time[i_row]];
    if (f->is_set && f->i_baseline == b && f->slot == slot) return;
    f->is_set = true;
    f->i_baseline = b;
    f->slot = slot;
    if (k->n_chan > 1 || k->delay_s)
        channels_set(f, block, i_row);
    else
        gains_set(f, block, i_row, isa);
}

/* Factors of n samples. */
typedef struct factor_run
{
    const double *re, *im, *size2;
} factor_run;

/* Without branches, for vectors: where there is no factor a sample stays, and is flagged. weight
 * NULL: weights do not count. */
CI_ISA_INLINE void run_divide(size_t n, factor_run f, float *restrict data, float *restrict weight,
                              uint8_t *restrict flags)
{
    const double *restrict re = f.re, *restrict im = f.im, *restrict size2 = f.size2;
    for (size_t i = 0; i < n; i++) {
        double x = (double)data[2 * i], y = (double)data[2 * i + 1];
        bool is_good = size2[i] > 0;
        float u = (float)(x * re[i] - y * im[i]), v = (float)(x * im[i] + y * re[i]);
        data[2 * i] = is_good ? u : data[2 * i];
        data[2 * i + 1] = is_good ? v : data[2 * i + 1];
    }
    for (size_t i = 0; weight && i < n; i++)
        weight[i] = (float)((double)weight[i] / (size2[i] > 0 ? size2[i] : 1));
    for (size_t i = 0; i < n; i++)
        flags[i] |= (uint8_t)(size2[i] > 0 ? 0 : CI_VIS_FLAG_CAL);
}

/* Where the factor is the same in all channels. */
CI_ISA_INLINE void divide_even(size_t n, const row_factors *f, float *data, float *weight,
                               uint8_t *flags)
{
    const factor_run one = {f->one, f->one + PERIOD, f->one + 2 * PERIOD};
    for (size_t first = 0; first < n; first += PERIOD)
        run_divide(PERIOD, one, data + 2 * first, weight ? weight + first : NULL, flags + first);
}

CI_ISA_INSTANCES(divide_even,
                 (size_t n, const row_factors *f, float *data, float *weight, uint8_t *flags),
                 (n, f, data, weight, flags))

CI_ISA_INLINE void divide(size_t n, const row_factors *f, float *data, float *weight,
                          uint8_t *flags)
{
    run_divide(n, (factor_run){f->re, f->im, f->size2}, data, weight, flags);
}

CI_ISA_INSTANCES(divide,
                 (size_t n, const row_factors *f, float *data, float *weight, uint8_t *flags),
                 (n, f, data, weight, flags))

static void applier_clear(applier *a)
{
    for (size_t k = 0; k < a->n_table; k++)
        factors_clear(&a->factors[k]);
}

/* To be cleared by the caller, also where it fails. */
static ci_status applier_new(applier *a, const ci_cal_table *const table[2], ci_isa isa,
                             const ci_vis_block *block)
{
    *a = (applier){.isa = isa};
    if (ci_vis_pol_kind_of(block->meta->pol[0]) == CI_VIS_POL_STOKES)
        return ci_error(CI_ERR_INPUT,
                        "calibration: the data are Stokes parameters (polarisation "
                        "%d): gains belong to XX, YY, RR or LL: give data of these",
                        block->meta->pol[0]);
    for (int i = 0; i < N_TABLE; i++)
        if (table[i]) CI_TRY(factors_new(&a->factors[a->n_table++], table[i], block));
    return CI_OK;
}

static void rows_apply(applier *a, ci_vis_block *block, size_t first, size_t end, bool with_weights)
{
    size_t n = block->n_chan * block->n_pol;
    for (size_t i_row = first; i_row < end; i_row++) {
        size_t at = i_row * n;
        for (size_t k = 0; k < a->n_table; k++) {
            factors_set(&a->factors[k], block, i_row, a->isa);
            (a->factors[k].is_one ? CI_ISA_KERNEL(divide_even, a->isa)
                                  : CI_ISA_KERNEL(divide, a->isa))(
                n, &a->factors[k], (float *)(block->data + at),
                with_weights ? block->weight + at : NULL, block->flags + at);
        }
    }
}

ci_status ci_cal_apply_pair(const ci_cal_table *const table[2], ci_isa isa, ci_vis_block *block)
{
    applier a;
    ci_status status = applier_new(&a, table, isa, block);
    /* Gains of channels leave no products. */
    if (status == CI_OK) status = ci_vis_weights_join(block);
    if (status == CI_OK) rows_apply(&a, block, 0, block->n_row, true);
    applier_clear(&a);
    return status;
}

ci_status ci_cal_apply_weigh(const ci_cal_table *const table[2], ci_isa isa, double sefd_jy,
                             ci_vis_block *block, ci_cal_noise *noise)
{
    applier a;
    ci_cal_weigher *weigher = NULL;
    ci_status status = applier_new(&a, table, isa, block);
    if (status == CI_OK) status = ci_cal_weigher_new(&weigher, block, sefd_jy, isa, noise);
    for (size_t first = 0, end; status == CI_OK && first < block->n_row; first = end) {
        end = ci_vis_baseline_end(block, first);
        rows_apply(&a, block, first, end, false);
        ci_cal_weigher_set(weigher, first, end);
    }
    ci_cal_weigher_free(weigher);
    applier_clear(&a);
    return status;
}

ci_status ci_cal_apply(const ci_cal_table *table, ci_vis_block *block)
{
    return ci_cal_apply_pair((const ci_cal_table *const[2]){table, NULL}, CI_ISA_PLAIN, block);
}
