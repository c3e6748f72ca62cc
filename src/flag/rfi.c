/* Interference: each baseline's dynamic spectra, then cells of time and channel that stand out in
 * the mean over all baselines, where interference too weak for one of them adds up. */
#include "flag/flag_private.h"
#include "flag/level.h"
#include "flag/dynspec.h"

#include "contimg/num.h"

#include <math.h>
#include <string.h>

enum
{
    HALF = 8,        /* of the running median over channels */
    MIN_BASELINE = 3 /* that the mean of a cell needs */
};

static const double fixed_scale = 4096; /* of powers as integers: sums are exact in any order */
static const double max_power = 16;     /* of one sample: (residual / noise)^2 / 2 */
static const double least_power = 0.05; /* excess in the mean that is worth a flag */
static const double noise_power = 0.7;  /* of an amplitude that is noise alone: its median */
static const double least_share = 0.5;  /* of the signal's power: a sky that moves may have that */
static const double least_local = 0.03; /* of it, beyond what the cell's time and channel have */

/* Sums over baselines, [sub-band and channel][time][pol] in the order of `first`. */
typedef struct cells
{
    size_t n_cell, n_dynspec; /* dynamic spectra: sub-band x polarisation */
    size_t *first;          /* [n_sub_band + 1] of a sub-band's dynamic spectra [pol][time][chan] */
    int64_t *all;           /* owns the next */
    int64_t *power, *count; /* [n_cell] */
    int64_t *signal, *n;    /* [n_dynspec] power of the signal, baselines */
    uint8_t *found;         /* [n_cell] */
    ci_flag_level *level;   /* [n_level] of this rank's dynamic spectra */
    size_t n_level;
    size_t n_small; /* of them with too few samples for a search */
} cells;

static void cells_clear(cells *k)
{
    ci_mem_free(k->first);
    ci_mem_free(k->all);
    ci_mem_free(k->found);
    ci_mem_free(k->level);
}

static ci_status cells_new(cells *k, const ci_vis_set *set)
{
    const ci_vis_meta *meta = set->meta;
    size_t n_level = 0;
    static const char what[] = "flagging: statistics over baselines";
    *k = (cells){.n_dynspec = meta->n_sub_band * meta->n_pol};
    CI_TRY(ci_mem_alloc(&k->first, meta->n_sub_band + 1, sizeof *k->first, what));
    for (size_t s = 0; s < meta->n_sub_band; s++)
        k->first[s + 1] = k->first[s] + meta->n_pol * meta->n_time * meta->sub_band[s].n_chan;
    k->n_cell = k->first[meta->n_sub_band];
    CI_TRY(ci_mem_alloc(&k->all, 2 * (k->n_cell + k->n_dynspec), sizeof(int64_t), what));
    k->power = k->all;
    k->count = k->power + k->n_cell;
    k->signal = k->count + k->n_cell;
    k->n = k->signal + k->n_dynspec;
    for (size_t i = 0; i < set->n_block; i++)
        n_level += set->block[i]->part.n_baseline * meta->n_pol;
    CI_TRY(ci_mem_alloc(&k->level, n_level, sizeof *k->level, what));
    return ci_mem_alloc(&k->found, k->n_cell, 1, what);
}

/* Adds the powers of one row's good samples, whole numbers, and counts them. */
CI_ISA_INLINE void row_add(size_t n, const float *restrict value, const uint8_t *restrict mark,
                           int64_t *restrict power, int64_t *restrict count)
{
    float scale = (float)(0.5 * fixed_scale), most = (float)(fixed_scale * max_power);
    for (size_t c = 0; c < n; c++) {
        float here = scale * value[c] * value[c];
        int32_t fixed = (int32_t)(here < most ? here : most);
        power[c] += mark[c] == CI_FLAG_MARK_GOOD ? fixed : 0;
        count[c] += mark[c] == CI_FLAG_MARK_GOOD;
    }
}

CI_ISA_INSTANCES(row_add,
                 (size_t n, const float *value, const uint8_t *mark, int64_t *power,
                  int64_t *count),
                 (n, value, mark, power, count))

/* Powers of what is left after the search of one dynamic spectrum whose rows begin at `first`. */
static void dynspec_add(const ci_flag_dynspec *p, const ci_vis_block *block, size_t first,
                        size_t i_pol, cells *k)
{
    const ci_vis_meta *meta = block->meta;
    size_t s = block->part.i_sub_band, n_chan = block->n_chan;
    size_t base = k->first[s] + i_pol * meta->n_time * n_chan;
    double signal = p->amplitude / p->noise;
    k->signal[s * meta->n_pol + i_pol] += (int64_t)(fixed_scale * fmin(0.5 * signal * signal, 1e6));
    k->n[s * meta->n_pol + i_pol]++;
    for (size_t t = 0; t < p->n_time; t++) {
        size_t to = base + (size_t)block->i_time[first + t] * n_chan;
        CI_ISA_KERNEL(row_add, p->search.isa)
        (n_chan, p->search.value + t * n_chan, p->search.mark + t * n_chan, k->power + to,
         k->count + to);
    }
}

static void found_mark(const ci_flag_dynspec *p, ci_vis_block *block, size_t first, size_t i_pol)
{
    size_t n = p->n_time * p->n_chan, at = ci_vis_sample(block, first, 0, i_pol);
    for (size_t i = 0; i < n; i++)
        if (p->search.mark[i] == CI_FLAG_MARK_FOUND)
            block->flags[at + i * block->n_pol] |= CI_VIS_FLAG_RFI;
}

static void level_note(const ci_flag_dynspec *p, const ci_vis_block *block, size_t i_row,
                       size_t i_pol, cells *k)
{
    const ci_vis_meta *m = block->meta;
    size_t b = (size_t)block->i_baseline[i_row];
    const double *from = m->array.antenna[m->baseline_ant1[b]].pos_ecef_m;
    const double *to = m->array.antenna[m->baseline_ant2[b]].pos_ecef_m;
    k->level[k->n_level++] = (ci_flag_level){
        .i_sub_band = (int64_t)block->part.i_sub_band,
        .i_baseline = (int64_t)b,
        .i_pol = (int64_t)i_pol,
        .length_m = hypot(hypot(to[0] - from[0], to[1] - from[1]), to[2] - from[2]),
        .amplitude = p->amplitude,
        .noise = p->noise,
        .scatter = p->scatter,
        .is_dirty = p->is_dirty,
        .n_loud = {(int64_t)p->n_loud[0], (int64_t)p->n_loud[1]},
    };
}

/* Too few samples for a search: the greatest amplitude, which is compared with that of the other
 * baselines; false where there are none, or enough. */
static bool small_measure(ci_flag_dynspec *p)
{
    if (p->n_good == 0 || p->n_good >= CI_FLAG_MIN_GOOD) return false;
    p->amplitude = 0;
    for (size_t i = 0; i < p->n_time * p->n_chan; i++)
        p->amplitude = fmax(p->amplitude, hypot((double)p->re[i], (double)p->im[i]));
    p->noise = p->scatter = 1e-6 * p->amplitude; /* not known */
    p->n_loud[0] = p->n_loud[1] = 0;
    return p->amplitude > 0;
}

/* Says how many had too few samples. */
static ci_status small_tell(ci_comm *comm, const cells *k)
{
    int64_t n[2] = {(int64_t)k->n_small, (int64_t)k->n_level};
    CI_TRY(ci_par_sum_int(comm, n, 2));
    if (n[0] > 0 && ci_comm_rank(comm) == 0)
        ci_log_warning("flag: %lld of %lld baselines by sub-band and polarisation have fewer than "
                       "%d good samples, too few to search: only those with one 20 times above "
                       "the other baselines are flagged, whole",
                       (long long)n[0], (long long)n[1], (int)CI_FLAG_MIN_GOOD);
    return CI_OK;
}

static ci_status block_search(ci_vis_block *block, ci_isa isa, cells *k)
{
    ci_flag_dynspec *dynspec = NULL;
    ci_status status = CI_OK;
    for (size_t i = 0, end; status == CI_OK && i < block->n_row; i = end) {
        end = ci_vis_baseline_end(block, i);
        if (ci_vis_baseline_is_auto(block->meta, (size_t)block->i_baseline[i])) continue;
        if (!dynspec || dynspec->n_time != end - i) {
            ci_flag_dynspec_free(dynspec);
            status = ci_flag_dynspec_new(&dynspec, end - i, block->n_chan);
        }
        for (size_t i_pol = 0; status == CI_OK && i_pol < block->n_pol; i_pol++) {
            ci_flag_dynspec_fill(dynspec, block, i, i_pol, isa);
            dynspec->noise = 0;
            if (ci_flag_dynspec_search(dynspec) > 0) found_mark(dynspec, block, i, i_pol);
            if (small_measure(dynspec)) {
                k->n_small++;
                level_note(dynspec, block, i, i_pol, k);
            }
            if (!(dynspec->noise > 0) || dynspec->n_good < CI_FLAG_MIN_GOOD) continue;
            dynspec_add(dynspec, block, i, i_pol, k);
            level_note(dynspec, block, i, i_pol, k);
        }
    }
    ci_flag_dynspec_free(dynspec);
    return status;
}

/* The usual mean power of each channel: median over times, then a running median over channels. */
static void usual_measure(const ci_flag_search *s, float *usual, float *median)
{
    for (size_t c = 0; c < s->n_chan; c++) {
        size_t n = 0;
        for (size_t t = 0; t < s->n_time; t++)
            if (s->mark[t * s->n_chan + c] == CI_FLAG_MARK_GOOD)
                s->scratch[n++] = s->value[t * s->n_chan + c];
        median[c] = ci_num_median_float(s->scratch, n);
    }
    for (size_t c = 0; c < s->n_chan; c++) {
        size_t n = 0, first = c > HALF ? c - HALF : 0;
        for (size_t i = first; i < s->n_chan && i <= c + HALF; i++)
            s->scratch[n++] = median[i];
        usual[c] = ci_num_median_float(s->scratch, n);
    }
}

/* Mean powers of one dynamic spectrum over their statistical error, about what is usual. */
static void means_fill(ci_flag_search *s, const int64_t *power, const int64_t *count, float *line)
{
    size_t n = s->n_time * s->n_chan;
    for (size_t i = 0; i < n; i++) {
        bool known = count[i] >= MIN_BASELINE;
        s->mark[i] = known ? CI_FLAG_MARK_GOOD : CI_FLAG_MARK_ABSENT;
        s->value[i] = known ? (float)((double)power[i] / (fixed_scale * (double)count[i])) : 0;
    }
    usual_measure(s, line, line + s->n_chan);
    for (size_t i = 0; i < n; i++) {
        double usual = (double)line[i % s->n_chan];
        bool known = s->mark[i] == CI_FLAG_MARK_GOOD && usual > 0;
        if (!known) s->mark[i] = CI_FLAG_MARK_ABSENT;
        s->value[i] =
            known ? (float)(((double)s->value[i] / usual - 1) * sqrt((double)count[i])) : 0;
    }
}

/* Divides each line (a channel, or a time) by its median over the good samples. */
static void lines_divide(ci_flag_search *s, bool by_time)
{
    size_t n_line = by_time ? s->n_time : s->n_chan, n_in = by_time ? s->n_chan : s->n_time;
    size_t between = by_time ? s->n_chan : 1, step = by_time ? 1 : s->n_chan;
    for (size_t k = 0; k < n_line; k++) {
        size_t n = 0;
        for (size_t i = 0; i < n_in; i++)
            if (s->mark[k * between + i * step] == CI_FLAG_MARK_GOOD)
                s->scratch[n++] = s->value[k * between + i * step];
        float median = n > 0 ? ci_num_median_float(s->scratch, n) : 0;
        for (size_t i = 0; i < n_in; i++)
            s->value[k * between + i * step] *= median > 0 ? 1 / median : 1;
    }
}

/* A sky that moves, or a bandpass, changes whole times and channels: what stands out of both is
 * interference from a smaller excess on. */
static void local_search(ci_flag_search *s, const int64_t *count, double signal, double n_baseline)
{
    size_t n = s->n_time * s->n_chan;
    for (size_t i = 0; i < n; i++)
        s->value[i] = count[i] > 0 ? s->value[i] / sqrtf((float)count[i]) + 1 : 1;
    lines_divide(s, false);
    lines_divide(s, true);
    for (size_t i = 0; i < n; i++)
        s->value[i] = (s->value[i] - 1) * sqrtf((float)count[i]);
    s->least = fmax(least_power, least_local * signal) * sqrt(n_baseline);
}

static ci_status dynspec_decide(cells *k, const ci_vis_meta *meta, size_t i_sub_band, size_t i_pol,
                                ci_flag_dynspec *dynspec, float *line)
{
    static const double n_sigma[CI_FLAG_N_LENGTH] = {7, 6.5, 6, 5.5, 5.5, 5.5};
    ci_flag_search s = dynspec->search;
    size_t i_dynspec = i_sub_band * meta->n_pol + i_pol;
    size_t n = s.n_time * s.n_chan, at = k->first[i_sub_band] + i_pol * n;
    if (k->n[i_dynspec] < MIN_BASELINE) return CI_OK;
    means_fill(&s, k->power + at, k->count + at, line);
    double n_baseline = (double)k->n[i_dynspec];
    double signal = (double)k->signal[i_dynspec] / (fixed_scale * n_baseline) - noise_power;
    s.centre = 0;
    s.sigma = 1;
    s.least = fmax(least_power, least_share * signal) * sqrt(n_baseline);
    memcpy(s.n_sigma, n_sigma, sizeof n_sigma);
    (void)ci_flag_sumthreshold(&s);
    local_search(&s, k->count + at, signal, n_baseline);
    if (ci_flag_sumthreshold(&s) == 0) return CI_OK;
    ci_flag_rank_operate(&s, 0.1);
    for (size_t i = 0; i < n; i++)
        k->found[at + i] = s.mark[i] == CI_FLAG_MARK_FOUND;
    return CI_OK;
}

/* All ranks alike, from the same sums. */
static ci_status cells_decide(cells *k, const ci_vis_meta *meta)
{
    ci_status status = CI_OK;
    for (size_t s = 0; status == CI_OK && s < meta->n_sub_band; s++) {
        ci_flag_dynspec *dynspec = NULL;
        float *line = NULL;
        size_t n_chan = meta->sub_band[s].n_chan;
        status = ci_flag_dynspec_new(&dynspec, meta->n_time, n_chan);
        if (status == CI_OK)
            status = ci_mem_alloc(&line, 2 * n_chan, sizeof *line, "flagging: usual power");
        for (size_t p = 0; status == CI_OK && p < meta->n_pol; p++)
            status = dynspec_decide(k, meta, s, p, dynspec, line);
        ci_mem_free(line);
        ci_flag_dynspec_free(dynspec);
    }
    return status;
}

static void cells_mark(const cells *k, ci_vis_block *block)
{
    size_t n_chan = block->n_chan, n_time = block->meta->n_time;
    for (size_t r = 0; r < block->n_row; r++) {
        if (ci_vis_baseline_is_auto(block->meta, (size_t)block->i_baseline[r])) continue;
        for (size_t p = 0; p < block->n_pol; p++) {
            const uint8_t *found = k->found + k->first[block->part.i_sub_band] +
                                   (p * n_time + (size_t)block->i_time[r]) * n_chan;
            for (size_t c = 0; c < n_chan; c++)
                if (found[c]) block->flags[ci_vis_sample(block, r, c, p)] |= CI_VIS_FLAG_RFI;
        }
    }
}

ci_status ci_flag_rfi(ci_comm *comm, ci_vis_set *set, size_t *n_bad)
{
    cells k;
    ci_status status = cells_new(&k, set);
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++) {
        ci_log_progress("flag: block %zu of %zu", i + 1, set->n_block);
        status = block_search(set->block[i], ci_comm_isa(comm), &k);
    }
    status = ci_par_agree(comm, status);
    if (status == CI_OK) status = ci_par_sum_int(comm, k.all, 2 * (k.n_cell + k.n_dynspec));
    if (status == CI_OK) status = ci_par_agree(comm, cells_decide(&k, set->meta));
    for (size_t i = 0; status == CI_OK && i < set->n_block; i++)
        cells_mark(&k, set->block[i]);
    if (status == CI_OK) status = ci_flag_levels_judge(comm, set, k.level, k.n_level, n_bad);
    if (status == CI_OK) status = small_tell(comm, &k);
    cells_clear(&k);
    return status;
}
