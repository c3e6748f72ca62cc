/* Receptors that are lost for a part of the time: without signal, or with nothing but noise beside
 * a sky that all others see. Each rank looks at its own baselines, the numbers of those that are
 * low or without a fringe at a time are added, and all ranks decide alike. */
#include "flag/flag_private.h"

#include "contimg/num.h"

#include <complex.h>
#include <math.h>

enum
{
    N_PAIR = 128,   /* neighbours of a baseline that are looked at */
    N_PAIR_TIME = 8 /* and of an integration, at least */
};

static const double nearly_all = 0.75; /* of its baselines */
static const double bright_factor = 4; /* times the limit of the dead: it works */
static const double loud_share = 0.75; /* of the greatest power of a baseline */
/* Coherence of a sky that tells, and the part of the best that noise stays below. */
static const double least_coherence = 0.7, noise_share = 0.5;

/* One receptor at one time: its baselines by sub-band, [COUNT_ALL] all, those of each kind, and
 * those of each sixteenth of coherence. */
enum
{
    COUNT_ALL,
    COUNT_LOW,
    COUNT_BRIGHT,
    COUNT_LOUD,
    COUNT_COHERENCE,
    N_BIN = 16,
    N_COUNT = COUNT_COHERENCE + N_BIN
};

static int64_t *count_at(const ci_flag_times *times, size_t antenna, size_t i_pol, size_t i_time)
{
    return times->count + ((antenna * times->n_pol + i_pol) * times->n_time + i_time) * N_COUNT;
}

ci_status ci_flag_times_new(ci_flag_times *times, const ci_vis_meta *meta, size_t n_record)
{
    static const char what[] = "receptors by time";
    *times = (ci_flag_times){.n_pol = meta->n_pol, .n_time = meta->n_time};
    CI_TRY(ci_mem_alloc(&times->power, n_record * meta->n_pol * meta->n_time, sizeof(float), what));
    return ci_mem_alloc(&times->count, meta->array.n_antenna * meta->n_pol * meta->n_time * N_COUNT,
                        sizeof(int64_t), what);
}

void ci_flag_times_clear(ci_flag_times *times)
{
    ci_mem_free(times->power);
    ci_mem_free(times->count);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Sums over pairs of neighbours: v' conj v, and their mean power. */
typedef struct pair_sums
{
    double x, y, z;
    size_t n;
} pair_sums;

static void pair_add(const ci_vis_block *block, size_t k, pair_sums *sums)
{
    size_t next = k + block->n_pol;
    if (block->flags[k] || block->flags[next]) return;
    double a = crealf(block->data[k]), b = cimagf(block->data[k]);
    double c = crealf(block->data[next]), d = cimagf(block->data[next]);
    sums->x += a * c + b * d;
    sums->y += a * d - b * c;
    sums->z += 0.5 * (a * a + b * b + c * c + d * d);
    sums->n++;
}

static double coherence_of(const pair_sums *sums)
{
    return sums->z > 0 ? hypot(sums->x, sums->y) / sums->z : 0;
}

/* A baseline at one time, for both of its receptors. */
static void time_add(ci_flag_times *times, const ci_vis_block *block, size_t i_row, size_t i_pol,
                     const pair_sums *sums)
{
    size_t b = (size_t)block->i_baseline[i_row], t = (size_t)block->i_time[i_row];
    if (sums->n == 0 || ci_vis_baseline_is_auto(block->meta, b)) return;
    int bin = (int)fmin(coherence_of(sums) * N_BIN, N_BIN - 1);
    count_at(times, (size_t)block->meta->baseline_ant1[b], i_pol, t)[COUNT_COHERENCE + bin]++;
    count_at(times, (size_t)block->meta->baseline_ant2[b], i_pol, t)[COUNT_COHERENCE + bin]++;
}

double ci_flag_times_add(ci_flag_times *times, const ci_vis_block *block, size_t i_row,
                         size_t i_row_end, size_t i_pol, size_t i_record)
{
    size_t n_row = i_row_end - i_row, n = n_row * block->n_chan, i = 0;
    size_t n_pair = n_row * N_PAIR_TIME > N_PAIR ? n_row * N_PAIR_TIME : N_PAIR;
    size_t first = ci_vis_sample(block, i_row, 0, i_pol), stride = (n + n_pair - 1) / n_pair;
    pair_sums all = {0};
    float *power = times ? times->power + (i_record * times->n_pol + i_pol) * times->n_time : NULL;
    for (size_t r = 0; r < n_row; r++) {
        pair_sums here = {0};
        for (; i < (r + 1) * block->n_chan; i += stride)
            if ((i + 1) % block->n_chan != 0) pair_add(block, first + i * block->n_pol, &here);
        all.x += here.x;
        all.y += here.y;
        all.z += here.z;
        if (!times) continue;
        time_add(times, block, i_row + r, i_pol, &here);
        power[block->i_time[i_row + r]] = here.n > 0 ? (float)(here.z / (double)here.n) : -1;
    }
    return coherence_of(&all);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* power[n_time] of one baseline and polarisation: below 0 where there is none. 0 is what times
 * without a row have. */
static void baseline_count(ci_flag_times *times, const ci_vis_meta *meta, size_t i_baseline,
                           size_t i_pol, const float *power, double limit2)
{
    float most = 0;
    for (size_t t = 0; t < times->n_time; t++)
        most = fmaxf(most, power[t]);
    for (size_t t = 0; t < times->n_time; t++) {
        if (!(power[t] > 0)) continue;
        for (int side = 0; side < 2; side++) {
            int32_t a = (side ? meta->baseline_ant2 : meta->baseline_ant1)[i_baseline];
            int64_t *count = count_at(times, (size_t)a, i_pol, t);
            count[COUNT_ALL]++;
            count[COUNT_LOW] += (double)power[t] < limit2;
            count[COUNT_BRIGHT] += (double)power[t] > bright_factor * bright_factor * limit2;
            count[COUNT_LOUD] += (double)power[t] > loud_share * (double)most;
        }
    }
}

ci_status ci_flag_times_count(ci_comm *comm, ci_flag_times *times, const ci_vis_meta *meta,
                              const ci_flag_record *records, size_t n_record, const double *limit)
{
    for (size_t i = 0; i < n_record; i++) {
        const ci_flag_record *r = &records[i];
        if (ci_vis_baseline_is_auto(meta, (size_t)r->i_baseline)) continue;
        for (size_t p = 0; p < times->n_pol; p++) {
            double of = limit[(size_t)r->i_sub_band * times->n_pol + p];
            const float *power = times->power + (i * times->n_pol + p) * times->n_time;
            if (ci_vis_pol_is_parallel(meta->pol[p]) && of > 0)
                baseline_count(times, meta, (size_t)r->i_baseline, p, power, of * of);
        }
    }
    return ci_par_sum_int(comm, times->count,
                          meta->array.n_antenna * times->n_pol * times->n_time * N_COUNT);
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* Median coherence of its baselines, by the middles of the bins; NaN where there are none. */
static double coherence_median(const int64_t *count)
{
    int64_t n = 0, below = 0;
    for (int k = 0; k < N_BIN; k++)
        n += count[COUNT_COHERENCE + k];
    for (int k = 0; n > 0 && k < N_BIN; k++) {
        below += count[COUNT_COHERENCE + k];
        if (2 * below >= n) return (k + 0.5) / N_BIN;
    }
    return NAN;
}

static bool is_share(const int64_t *count, int kind, double share)
{
    return count[COUNT_ALL] > 0 && (double)count[kind] >= share * (double)count[COUNT_ALL];
}

/* Median over the array of the receptors' coherence, and whether most receptors are low, at one
 * time: then it is no receptor's fault. */
static double array_coherence(const ci_flag_times *times, size_t n_antenna, size_t i_pol, size_t t,
                              double *scratch, bool *are_low)
{
    size_t n = 0, n_low = 0;
    for (size_t a = 0; a < n_antenna; a++) {
        const int64_t *count = count_at(times, a, i_pol, t);
        if (count[COUNT_ALL] == 0) continue;
        scratch[n++] = coherence_median(count);
        n_low += is_share(count, COUNT_LOW, nearly_all);
    }
    *are_low = 2 * n_low > n;
    return ci_num_median(scratch, n);
}

/* One receptor: out[n_time]; array[n_time] the coherence that the others have, below 0 where most
 * are low. */
static size_t receptor_judge(const ci_flag_times *times, size_t antenna, size_t i_pol,
                             const double *array, uint8_t *out)
{
    size_t n = 0;
    double best = 0;
    bool is_bright = false;
    for (size_t t = 0; t < times->n_time; t++) {
        const int64_t *count = count_at(times, antenna, i_pol, t);
        if (count[COUNT_ALL] == 0) continue;
        best = fmax(best, coherence_median(count));
        is_bright |= is_share(count, COUNT_BRIGHT, 0.5);
    }
    for (size_t t = 0; t < times->n_time; t++) {
        const int64_t *count = count_at(times, antenna, i_pol, t);
        if (count[COUNT_ALL] == 0 || array[t] < 0) continue;
        bool is_low = is_bright && is_share(count, COUNT_LOW, nearly_all);
        bool is_noise = best > least_coherence && array[t] > least_coherence &&
                        coherence_median(count) < noise_share * best &&
                        !is_share(count, COUNT_LOUD, 0.5);
        out[t] = is_low || is_noise;
        n += out[t];
    }
    return n;
}

/* Of one polarisation: how many, and the one that has lost most. */
typedef struct told
{
    size_t n, n_time, antenna;
} told;

static void lost_tell(const ci_vis_meta *meta, size_t i_pol, const told *most)
{
    if (most->n > 0)
        ci_log_info("flag: polarisation %d: %zu receptor%s without signal for a part of the time, "
                    "flagged there: antenna %s%s at %zu of %zu times",
                    meta->pol[i_pol], most->n, ci_plural(most->n),
                    ci_vis_text(meta->array.antenna[most->antenna].name),
                    most->n > 1 ? ", most of all," : "", most->n_time, meta->n_time);
}

/* All receptors of one polarisation; how many times of them are lost. */
static size_t receptors_judge(const ci_flag_times *times, const ci_vis_meta *meta, size_t i_pol,
                              const double *array, uint8_t *lost, told *most)
{
    size_t n_all = 0;
    for (size_t a = 0; a < meta->array.n_antenna; a++) {
        size_t n = receptor_judge(times, a, i_pol, array,
                                  lost + (a * times->n_pol + i_pol) * times->n_time);
        n_all += n;
        most->n += n > 0;
        if (n <= most->n_time) continue;
        most->n_time = n;
        most->antenna = a;
    }
    return n_all;
}

ci_status ci_flag_times_judge(const ci_flag_times *times, const ci_vis_meta *meta, bool tells,
                              uint8_t **lost, size_t *n_lost)
{
    static const char what[] = "lost receptors";
    size_t n_antenna = meta->array.n_antenna, n_time = times->n_time;
    double *scratch = NULL;
    *n_lost = 0;
    CI_TRY(ci_mem_alloc(lost, n_antenna * times->n_pol * n_time, 1, what));
    CI_TRY(ci_mem_alloc(&scratch, n_antenna + n_time, sizeof *scratch, what));
    for (size_t p = 0; p < times->n_pol; p++) {
        double *array = scratch + n_antenna;
        if (!ci_vis_pol_is_parallel(meta->pol[p])) continue;
        for (size_t t = 0; t < n_time; t++) {
            bool are_low = false;
            array[t] = array_coherence(times, n_antenna, p, t, scratch, &are_low);
            if (are_low) array[t] = -1;
        }
        told most = {0};
        *n_lost += receptors_judge(times, meta, p, array, *lost, &most);
        if (tells) lost_tell(meta, p, &most);
    }
    ci_mem_free(scratch);
    return CI_OK;
}
